import { median } from 'simple-statistics';
import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/layout/rng.ts';
import { normal, percentileInterval, statisticsRng } from './bootstrap.ts';
import { holm } from './holm.ts';
import { digamma, moderate, trigamma } from './moderate.ts';
import { nextRun } from './next-run.ts';
import { medianRatio, pairedRatio } from './ratio.ts';
import { studentBeyond, studentQuantile, studentWithin } from './student.ts';
import { medianLoss, variance } from './summary.ts';

describe('t distribution', () => {
  // 97.5 % points of any table of Student's t.
  it.each([
    [1, 12.7062],
    [2, 4.30265],
    [3, 3.18245],
    [4, 2.77645],
    [5, 2.57058],
    [9, 2.26216],
    [30, 2.04227],
  ])('has the 95 percent point of df %i at %f', (df, t) => {
    expect(studentQuantile(0.95, df)).toBeCloseTo(t, 4);
    expect(studentWithin(t, df)).toBeCloseTo(0.95, 5);
    expect(studentBeyond(-t, df)).toBeCloseTo(0.05, 5);
  });

  it('goes over into the normal distribution', () => {
    expect(studentQuantile(0.95, 1e9)).toBeCloseTo(1.96, 1);
  });
});

describe('summary', () => {
  it('knows what a median loses against a mean', () => {
    const rng = new Rng(1, 0);
    for (const n of [3, 4, 7, 10, 15]) {
      const medians = Array.from({ length: 20_000 }, () =>
        median(Array.from({ length: n }, () => normal(rng))),
      );
      expect(variance(medians) * n).toBeCloseTo(medianLoss(n), 1);
    }
  });
});

describe('moderated variances', () => {
  it('has the derivatives of the gamma function', () => {
    expect(digamma(1)).toBeCloseTo(-0.5772156649, 8);
    expect(digamma(0.5)).toBeCloseTo(-1.963510026, 8);
    expect(trigamma(1)).toBeCloseTo(Math.PI ** 2 / 6, 8);
    expect(trigamma(0.5)).toBeCloseTo(Math.PI ** 2 / 2, 8);
  });

  const draw = (sd: (i: number) => number): { variance: number; df: number }[] => {
    const rng = new Rng(3, 0);
    return Array.from({ length: 40 }, (_, i) => ({
      variance: variance(Array.from({ length: 4 }, () => sd(i) * normal(rng))),
      df: 3,
    }));
  };

  it('gives cells of one kind about one variance, and the certainty of all', () => {
    const result = moderate(draw(() => 2));
    for (const { variance: v, df } of result) {
      expect(v).toBeGreaterThan(2.5);
      expect(v).toBeLessThan(5.5);
      expect(df).toBeGreaterThan(15);
    }
  });

  it('leaves cells of different kinds different', () => {
    const result = moderate(draw((i) => (i % 2 === 0 ? 0.1 : 10)));
    const mean = (odd: number): number =>
      result.filter((_, i) => i % 2 === odd).reduce((s, r) => s + r.variance, 0) / 20;
    expect(mean(1) / mean(0)).toBeGreaterThan(100);
    expect(result[0].df).toBeLessThan(6);
  });

  it('leaves alone what has no neighbours, and bears zeros', () => {
    expect(moderate([{ variance: 3, df: 2 }])).toEqual([{ variance: 3, df: 2 }]);
    const zeros = Array.from({ length: 4 }, () => ({ variance: 0, df: 2 }));
    expect(moderate(zeros)).toEqual(zeros);
    const mixed = moderate([...zeros, { variance: 1, df: 2 }, { variance: 1, df: 0 }]);
    expect(mixed.every((m) => Number.isFinite(m.variance) && m.df > 0)).toBe(true);
  });
});

/** A run: `cells` x `rounds` samples; drift moves a round, noise each sample. */
function run(rng: Rng, cells: number, rounds: number, drift: () => number, noise: number): number[][] {
  const samples = Array.from({ length: cells }, (): number[] => []);
  for (let r = 0; r < rounds; r++) {
    const d = drift();
    samples.forEach((s, c) => s.push(Math.exp(3 + c + d + noise * (1 + (c % 3)) * normal(rng))));
  }
  return samples;
}

/** How often two runs differ by less than the interval that one of them prints. */
function repeats(cells: number, rounds: number, driftSd: number, wander: number, noise: number): number {
  const rng = new Rng(4, cells * 100 + rounds);
  let inside = 0;
  let all = 0;
  for (let i = 0; i < 200; i++) {
    let walk = 0;
    const drift = (): number => (walk += wander * normal(rng)) + driftSd * normal(rng);
    const first = nextRun(run(rng, cells, rounds, drift, noise));
    const second = nextRun(run(rng, cells, rounds, drift, noise));
    first.forEach((f, c) => {
      all++;
      if (second[c].median >= f.low && second[c].median <= f.high) inside++;
    });
  }
  return inside / all;
}

describe('the next run', () => {
  it.each([
    ['noise only', 36, 3, 0, 0, 0.03],
    ['noise only, more rounds', 36, 7, 0, 0, 0.03],
    ['jumps from round to round', 12, 5, 0.1, 0, 0.02],
    ['a machine that wanders', 36, 5, 0, 0.05, 0.02],
    ['a machine that wanders, more rounds', 36, 7, 0, 0.05, 0.02],
    ['a machine that wanders and jumps', 36, 7, 0.1, 0.05, 0.02],
    ['a single cell', 1, 5, 0, 0, 0.05],
    ['a single cell on a machine that wanders', 1, 7, 0, 0.05, 0.05],
  ])('lands inside in nine cells of ten: %s', (_, cells, rounds, drift, wander, noise) => {
    expect(repeats(cells, rounds, drift, wander, noise)).toBeGreaterThan(0.9);
  });

  it('does not take jumps that are over by the next round for drift', () => {
    const rng = new Rng(7, 0);
    const [{ factor }] = nextRun(run(rng, 36, 9, () => 0.08 * normal(rng), 0.02));
    expect(factor).toBeLessThan(1.5);
  });

  it('is narrow where nothing drifts: neighbours lend their certainty', () => {
    const [{ factor }] = nextRun(run(new Rng(5, 0), 36, 3, () => 0, 0.01));
    expect(factor).toBeLessThan(1.06);
  });

  it('knows nothing from one round, nor of what is not above 0', () => {
    expect(nextRun([[5], [6], [7]])[1]).toMatchObject({ median: 6, factor: Infinity });
    const [zero, fine] = nextRun([
      [0, 1, 2],
      [1, 1.1, 1.2],
    ]);
    expect(zero.factor).toBe(Infinity);
    expect(Number.isFinite(fine.factor)).toBe(true);
  });

  it('adds what processes differ by', () => {
    const cells = run(new Rng(6, 0), 6, 5, () => 0, 0.001);
    expect(nextRun(cells, { process: 0.1 })[0].factor).toBeGreaterThan(1.3);
    expect(nextRun(cells)[0].factor).toBeLessThan(1.05);
  });
});

describe('ratios', () => {
  it('pairs rounds: what both share goes out', () => {
    const speed = [1, 2, 0.7, 1.4, 1.1];
    const noise = [1.01, 0.99, 1, 1.02, 0.98];
    const a = speed.map((s, i) => 3 * s * noise[i]);
    const paired = pairedRatio(a, speed);
    expect(paired.ratio).toBeCloseTo(3, 1);
    expect(paired.high / paired.low).toBeLessThan(1.1);
    const apart = medianRatio(a, speed);
    expect(apart.high / apart.low).toBeGreaterThan(2);
    expect(paired.p).toBeLessThan(0.001);
  });

  it('tells that a single sample tells nothing', () => {
    expect(medianRatio([2], [1])).toMatchObject({ ratio: 2, low: 0, high: Infinity, p: 1 });
  });

  it('is certain without spread', () => {
    expect(medianRatio([2, 2], [2, 2])).toMatchObject({ ratio: 1, low: 1, high: 1, p: 1 });
    expect(medianRatio([4, 4], [2, 2]).p).toBe(0);
  });
});

describe('bootstrap', () => {
  it('repeats by its seed', () => {
    const draw = (seed: number): number => normal(statisticsRng(seed));
    expect(draw(7)).toBe(draw(7));
    expect(draw(7)).not.toBe(draw(8));
  });

  it('takes the middle of the draws that are finite', () => {
    const draws = Array.from({ length: 101 }, (_, i) => i);
    expect(percentileInterval([...draws, NaN], 0.5)).toMatchObject({ low: 25, high: 75 });
    expect(percentileInterval([1, NaN, NaN], 0.9)).toBeNull();
  });
});

describe('many tests', () => {
  it("corrects by Holm's rule", () => {
    expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([0.03, 0.06, 0.06, 0.02]);
    expect(holm([0.9, 0.8])).toEqual([1, 1]);
    expect(holm([])).toEqual([]);
  });
});
