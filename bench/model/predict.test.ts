import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/config/errors.ts';
import { solve, uniform } from './mva.ts';
import { predict } from './predict.ts';
import { renderPrediction } from './prediction-text.ts';
import { simulate, type SimulatedLatch } from './test-kit.ts';
import type { LatchDemand, MeasuredPoint, Prediction } from './types.ts';

const HIT: SimulatedLatch[] = [
  { name: 'LRU', servers: 4, visits: 1, holdUs: 2 },
  { name: 'pageHash', servers: 64, visits: 2, holdUs: 0.5 },
  { name: 'flushList', servers: 1, visits: 1, holdUs: 0.3 },
];

const sweep = (
  threads: readonly number[],
  latches: readonly SimulatedLatch[],
  cores = 8,
  rounds = 1,
): MeasuredPoint[] =>
  threads.flatMap((n) =>
    Array.from({ length: rounds }, (_, r) =>
      simulate({ threads: n, cores, thinkUs: 20, latches, seconds: 0.8, seed: 7 + r }),
    ),
  );

const latch = (p: Prediction, name: string): LatchDemand =>
  p.queue?.latches.find((l) => l.name === name) as LatchDemand;

const numbers = (value: unknown): number[] =>
  typeof value === 'number'
    ? [value]
    : typeof value === 'object' && value !== null
      ? Object.values(value).flatMap(numbers)
      : [];

describe('queue model against a simulation with known hold times', () => {
  const points = sweep([1, 2, 4, 8], HIT);
  const p = predict(points, [16, 64, 256], { draws: 20 });

  // Tolerance 10 %: what a simulated second leaves as noise of counts, and first come first served for sharing.
  it.each(HIT.map((l) => [l.name, l.holdUs] as const))('finds the hold time of %s, %f us', (name, holdUs) => {
    expect(latch(p, name).holdUs / holdUs).toBeGreaterThan(0.9);
    expect(latch(p, name).holdUs / holdUs).toBeLessThan(1.1);
    expect(latch(p, name).holdFromWaitsUs ?? 0).toBeGreaterThan(0.8 * holdUs);
    expect(latch(p, name).holdFromWaitsUs ?? 0).toBeLessThan(1.25 * holdUs);
  });

  it('reproduces what was measured', () => {
    expect(p.queue?.thinkUs).toBeCloseTo(20, 0);
    expect(p.queue?.goodness.r2).toBeGreaterThan(0.999);
    expect(p.queue?.goodness.largestError).toBeLessThan(0.03);
  });

  it('predicts what the simulation then gives at more cores', () => {
    for (const [i, cores] of [16, 64, 256].entries()) {
      const real = simulate({ threads: cores, cores, thinkUs: 20, latches: HIT, seconds: 0.08, seed: 3 });
      expect((p.rows[i].queue ?? 0) / real.throughput).toBeGreaterThan(0.9);
      expect((p.rows[i].queue ?? 0) / real.throughput).toBeLessThan(1.1);
    }
  });

  it('names the latch that saturates first, and when', () => {
    expect(p.bottleneck).toMatchObject({ prediction: true, latch: 'LRU', certainty: 1 });
    expect(p.bottleneck?.ceiling).toBeGreaterThan(1.8e6);
    expect(p.bottleneck?.ceiling).toBeLessThan(2.2e6);
    const at = p.bottleneck?.saturatesAt ?? 0;
    const busy = (cores: number): number => predict(points, [cores], { draws: 0 }).rows[0].utilisation['LRU'];
    expect(busy(at)).toBeGreaterThanOrEqual(0.9);
    expect(busy(at - 1)).toBeLessThan(0.9);
  });

  it('sees the queue move when that latch is split', () => {
    const split = HIT.map((l) => (l.name === 'LRU' ? { ...l, servers: 64 } : l));
    expect(predict(sweep([1, 2, 4], split), [64], { draws: 5 }).bottleneck?.latch).toBe('flushList');
  });

  it('works from two cores, and tells wake-ups from holds', () => {
    const woken = HIT.map((l) => (l.name === 'LRU' ? { ...l, wakeUs: 15 } : l));
    const two = predict(sweep([1, 2], woken, 2), [8], { draws: 5 });
    expect(latch(two, 'LRU').holdUs).toBeGreaterThan(1.8);
    expect(latch(two, 'LRU').holdUs).toBeLessThan(2.2);
    expect(latch(two, 'LRU').overheadUs).toBeGreaterThan(13);
    expect(latch(two, 'LRU').overheadUs).toBeLessThan(17);
    const [real] = sweep([8], woken);
    expect((two.rows[0].queue ?? 0) / real.throughput).toBeGreaterThan(0.93);
    expect((two.rows[0].queue ?? 0) / real.throughput).toBeLessThan(1.07);
  });

  it('uses shares where they are known', () => {
    const shares = [0.7, 0.1, 0.1, 0.1];
    const skewed = predict(sweep([1, 2, 4], [{ ...HIT[0], shares }]), [256], { draws: 5 });
    expect(latch(skewed, 'LRU').holdUs).toBeGreaterThan(1.8);
    expect(latch(skewed, 'LRU').holdUs).toBeLessThan(2.2);
    expect((skewed.bottleneck?.ceiling ?? 0) * 0.7 * 2e-6).toBeGreaterThan(0.9);
    expect((skewed.bottleneck?.ceiling ?? 0) * 0.7 * 2e-6).toBeLessThan(1.1);
  });

  it('bears holds that are all equally long', () => {
    const fixed = predict(sweep([1, 2, 4], [{ ...HIT[0], fixed: true }]), [16], { draws: 5 });
    expect(latch(fixed, 'LRU').holdUs).toBeGreaterThan(1.7);
    expect(latch(fixed, 'LRU').holdUs).toBeLessThan(2.3);
  });

  it('does not count contention that a lone session has with background threads', () => {
    const noisy = points.map((point) => ({
      ...point,
      latches: point.latches.map((l) =>
        l.name === 'flushList' ? { ...l, contended: l.contended + 0.05 * l.acquired } : l,
      ),
    }));
    expect(latch(predict(noisy, [16], { draws: 2 }), 'flushList').holdUs).toBeLessThan(0.34);
  });
});

describe('bands', () => {
  const points = sweep([1, 2, 4], HIT, 4, 3).map((p, i) => ({
    ...p,
    throughput: p.throughput * (1 + 0.04 * ((i % 3) - 1)),
  }));

  it('hold the prediction, repeat by the seed, and widen with the distance', () => {
    const p = predict(points, [4, 64], { seed: 5, draws: 60 });
    const [near, far] = p.rows;
    for (const row of p.rows) {
      expect(row.queueBand?.low).toBeLessThan(row.queue ?? 0);
      expect(row.queueBand?.high).toBeGreaterThan(row.queue ?? 0);
    }
    const width = (row: typeof near): number => (row.uslBand?.high ?? 0) / (row.uslBand?.low ?? 1);
    expect(width(far)).toBeGreaterThan(width(near));
    expect(predict(points, [4, 64], { seed: 5, draws: 60 }).rows).toEqual(p.rows);
    expect(predict(points, [4, 64], { seed: 6, draws: 60 }).rows).not.toEqual(p.rows);
  });

  it('are also made of samples given by round, and are not there without any', () => {
    const [one] = sweep([2], HIT, 4);
    const by = predict([{ ...one, samples: [0.97, 1, 1.02].map((f) => f * one.throughput) }], [16]);
    expect(by.rows[0].queueBand).not.toBeNull();
    expect(predict([one], [16]).rows[0].queueBand).toBeNull();
    expect(predict([one], [16]).notes.join(' ')).toContain('there are no bands');
  });
});

describe('more threads than cores', () => {
  const crowd = (n: number): MeasuredPoint => {
    const p = simulate({ threads: n, cores: 2, thinkUs: 20, latches: HIT, seconds: 1, seed: 7 });
    // Everything takes longer by the threads per core.
    const slow = Math.max(1, n / 2);
    const latches = p.latches.map((l) => ({ ...l, waitUs: l.waitUs * slow }));
    return { ...p, seconds: p.seconds * slow, throughput: p.throughput / slow, latches };
  };

  it('are held against the models, not fitted, when others suffice', () => {
    const p = predict([1, 2, 8].map(crowd), [16], { draws: 5 });
    expect(p.fit.map((f) => [f.threads, f.shared, f.queueFitted, f.uslFitted])).toEqual([
      [1, false, true, true],
      [2, false, true, true],
      [8, true, false, false],
    ]);
    expect(Math.abs(p.fit[2].queueError ?? 1)).toBeLessThan(0.15);
    expect(p.notes.join(' ')).toContain('only compared');
  });

  it('are fitted with the lack of cores taken out, when there is nothing else, and a note says so', () => {
    const p = predict([crowd(8)], [16], { draws: 5 });
    expect(p.notes.join(' ')).toContain('holders that lost their core');
    expect(p.bottleneck?.latch).toBe('LRU');
    // 8 threads on 2 cores: holds of 2 us were stretched to about 8 us, and that is taken out again.
    expect(latch(p, 'LRU').holdUs).toBeGreaterThan(1);
    expect(latch(p, 'LRU').holdUs).toBeLessThan(4);
  });

  it.each([4, 64])(
    'tell holds from threads that wait for a core: %i threads on 2, one latch always held',
    (n) => {
      const holds = [2, 0.5, 9];
      const servers = [4, 64, 1];
      const stations = holds.map((us, i) => ({
        visits: 1,
        service: us / 1e6,
        overhead: 0,
        groups: uniform(servers[i]),
      }));
      const truth = solve({ think: 20e-6, stations, cores: 2 }, n)[n - 1];
      const counted: MeasuredPoint = {
        threads: n,
        cores: 2,
        throughput: truth.throughput,
        seconds: 1,
        gets: truth.throughput,
        latches: truth.stations.map(({ found, wait }, i) => ({
          name: `latch ${i}`,
          instrument: `latch ${i}`,
          servers: servers[i],
          acquired: truth.throughput,
          contended: truth.throughput * found,
          waitUs: truth.throughput * found * wait * 1e6,
          spinRounds: 0,
        })),
      };
      const p = predict([counted], [16], { draws: 0 });
      for (const [i, us] of holds.entries()) expect(latch(p, `latch ${i}`).holdUs / us).toBeCloseTo(1, 2);
      expect(p.queue?.thinkUs).toBeCloseTo(20, 1);
    },
  );
});

describe('too little to go by', () => {
  const point = (over: Partial<MeasuredPoint>): MeasuredPoint => ({
    ...simulate({ threads: 2, cores: 2, thinkUs: 20, latches: HIT, seconds: 0.2, seed: 1 }),
    ...over,
  });

  it.each([
    ['no point', [], 'no measured point has a throughput above 0'],
    ['no throughput', [point({ throughput: 0 })], '1 of 1 points have no throughput'],
    ['one point', [point({})], 'σ and κ cannot be fitted and are taken as 0'],
    ['no latch', [point({ latches: [] })], 'no latch was taken'],
    [
      'no contention',
      [point({ latches: point({}).latches.map((l) => ({ ...l, contended: 0, waitUs: 0 })) })],
      'no latch was found held even once',
    ],
    [
      'hardly any contention',
      [point({ latches: point({}).latches.map((l) => ({ ...l, contended: Math.min(3, l.contended) })) })],
      'its hold time is a guess',
    ],
    [
      'nothing but contention',
      [point({ latches: point({}).latches.map((l) => ({ ...l, contended: l.acquired })) })],
      'PREDICTION',
    ],
    [
      'latches that nobody took',
      [point({ latches: point({}).latches.map((l) => ({ ...l, acquired: 0, contended: 0 })) })],
      'no latch was taken',
    ],
  ])('%s: says so, and no figure is NaN', (_, points, words) => {
    const p = predict(points, [16, 64, 256], { draws: 10 });
    const text = renderPrediction(p);
    expect(text).toContain(words);
    expect(text).not.toMatch(/NaN|undefined/);
    expect(numbers(p).filter((n) => Number.isNaN(n))).toEqual([]);
  });

  it('refuses to mix machines', () => {
    expect(() => predict([point({}), point({ cores: 8 })], [16])).toThrow(UserError);
  });
});

describe('as text', () => {
  it('says everywhere that it is a prediction', () => {
    const p = predict(sweep([1, 2, 4], HIT), [16, 64, 256], { draws: 10 });
    const text = renderPrediction(p);
    expect(p.prediction && p.rows.every((r) => r.prediction)).toBe(true);
    expect(text.match(/PREDICTION/g)?.length).toBeGreaterThanOrEqual(4);
    expect(text).toContain('first latch to saturate is wait/synch/mutex/innodb/LRU');
    expect(text).toContain('never');
    for (const line of text.split('\n')) expect(line.length).toBeLessThan(200);
  });
});
