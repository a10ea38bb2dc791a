import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { Rng } from '../layout/rng.ts';
import { latencyBuckets } from './latency-buckets.ts';

function histogramOf(values: readonly number[]): RecordableHistogram {
  const h = createHistogram();
  for (const v of values) h.record(v);
  return h;
}

describe('latency buckets', () => {
  it('of nothing: none', () => {
    expect(latencyBuckets(createHistogram())).toEqual([]);
  });

  it('have round binary limits, a quarter of an octave apart', () => {
    expect(latencyBuckets(histogramOf([5120, 6143]))).toEqual([{ fromUs: 5.12, toUs: 6.144, count: 2 }]);
    expect(latencyBuckets(histogramOf([5119]))).toEqual([{ fromUs: 4.096, toUs: 5.12, count: 1 }]);
    expect(latencyBuckets(histogramOf([8191, 8192]))).toEqual([
      { fromUs: 7.168, toUs: 8.192, count: 1 },
      { fromUs: 8.192, toUs: 10.24, count: 1 },
    ]);
    expect(latencyBuckets(histogramOf([1, 2, 3])).map((b) => b.toUs)).toEqual([0.002, 0.003, 0.004]);
  });

  it('are contiguous, with empty ones only inside', () => {
    const buckets = latencyBuckets(histogramOf([1000, 40_000, 40_001]));
    expect(buckets.slice(1).map((b) => b.fromUs)).toEqual(buckets.slice(0, -1).map((b) => b.toUs));
    expect([buckets[0].count, buckets[buckets.length - 1].count]).toEqual([1, 2]);
    expect(buckets.length).toBeGreaterThan(18);
    expect(buckets.slice(1, -1).every((b) => b.count === 0)).toBe(true);
  });

  it('count exactly, from nanoseconds to minutes', () => {
    const rng = new Rng(1, 7);
    const values = Array.from({ length: 50_000 }, () => Math.ceil(2 ** (rng.float() * 36)));
    const buckets = latencyBuckets(histogramOf(values));
    const sorted = values.toSorted((a, b) => a - b);
    let i = 0;
    for (const b of buckets) {
      const from = i;
      while (i < sorted.length && sorted[i] < b.toUs * 1000) i++;
      expect(b.count, `${b.fromUs} to ${b.toUs} us`).toBe(i - from);
    }
    expect(i).toBe(values.length);
  });
});
