import { describe, expect, it } from 'vitest';
import { fitUsl, goodness, uslAt } from './usl.ts';

const curve = (lambda: number, sigma: number, kappa: number, ns: readonly number[]) =>
  ns.map((threads) => ({ threads, throughput: uslAt({ lambda, sigma, kappa }, threads) }));

describe('universal scalability law', () => {
  it.each([
    [1_000_000, 0.05, 0.001],
    [3.5, 0.2, 0.02],
    [42_000, 0, 0.003],
    [42_000, 0.3, 0],
    [7, 0, 0],
  ])('finds λ %f, σ %f, κ %f again', (lambda, sigma, kappa) => {
    const fit = fitUsl(curve(lambda, sigma, kappa, [1, 2, 3, 4, 6, 8, 12, 16, 32]));
    expect((fit?.lambda ?? 0) / lambda).toBeCloseTo(1, 4);
    expect(fit?.sigma).toBeCloseTo(sigma, 4);
    expect(fit?.kappa).toBeCloseTo(kappa, 5);
    expect(fit?.goodness.r2).toBeGreaterThan(0.9999);
    if (kappa > 0) expect(fit?.peak).toBeCloseTo(Math.sqrt((1 - sigma) / kappa), 1);
    else expect(fit?.kappa === 0 ? fit.peak : null).toBeNull();
  });

  it('is near with noise, and never below 0', () => {
    const noisy = curve(1000, 0.1, 0.002, [1, 2, 4, 8, 16, 24]).map((p, i) => ({
      ...p,
      throughput: p.throughput * (1 + 0.03 * (i % 2 === 0 ? 1 : -1)),
    }));
    const fit = fitUsl(noisy);
    expect(fit?.sigma).toBeGreaterThan(0.05);
    expect(fit?.sigma).toBeLessThan(0.15);
    expect(fit?.goodness.largestError).toBeLessThan(0.06);
    const faster = fitUsl([1, 2, 3, 4].map((threads) => ({ threads, throughput: threads ** 1.2 })));
    expect(faster).toMatchObject({ sigma: 0, kappa: 0, peak: null });
  });

  it('fits no more than the levels allow, and says what', () => {
    const two = fitUsl(curve(10, 0.1, 0, [1, 2]));
    expect(two).toMatchObject({ kappa: 0, fitted: ['lambda', 'sigma'] });
    expect(two?.sigma).toBeCloseTo(0.1, 5);
    expect(two?.goodness.r2).toBeNull();
    const one = fitUsl([
      { threads: 2, throughput: 10 },
      { threads: 2, throughput: 10 },
    ]);
    expect(one).toMatchObject({ sigma: 0, kappa: 0, peak: null, fitted: ['lambda'] });
    expect(one?.lambda).toBeCloseTo(5, 9);
    expect(fitUsl([{ threads: 1, throughput: 0 }])).toBeNull();
    expect(fitUsl([])).toBeNull();
  });

  it('measures goodness', () => {
    const points = [
      { measured: 10, model: 11 },
      { measured: 20, model: 20 },
    ];
    expect(goodness(points, 1)).toEqual({ r2: 1 - 1 / 50, largestError: expect.closeTo(0.1, 9) as number });
    expect(goodness(points, 0).r2).toBeNull();
  });
});
