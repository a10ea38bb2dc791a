/** A latency histogram as buckets: the counts that node:perf_hooks keeps, asked for through its percentiles. */
import type { RecordableHistogram } from 'node:perf_hooks';

/** Statements whose latency was at least `fromUs` and below `toUs`. */
export interface LatencyBucket {
  readonly fromUs: number;
  readonly toUs: number;
  readonly count: number;
}

/** Buckets in each doubling of the latency: a bucket is 14 to 25 % wide. */
const PER_OCTAVE = 4;

/**
 * Log-linear buckets without empty ends. The counts are exact: node's histogram divides each doubling into a power of
 * two of equal parts as well, only finer, so none of its parts lies in two buckets.
 * @param h latencies in ns; nobody may record meanwhile
 */
export function latencyBuckets(h: Pick<RecordableHistogram, 'count' | 'percentile'>): LatencyBucket[] {
  const { count } = h;
  // The value with that rank, from 1. Below the rank's own share by a quarter, so that no rounding reaches the next.
  const ranked = (rank: number): number => Math.max(1, h.percentile((100 * (rank - 0.25)) / count));
  const buckets: LatencyBucket[] = [];
  let counted = 0;
  let next = 0;
  while (counted < count) {
    const bucket = bucketOf(ranked(counted + 1));
    for (let empty = next; empty > 0 && empty < bucket.from;) {
      const { from, to } = bucketOf(empty);
      buckets.push({ fromUs: from / 1000, toUs: to / 1000, count: 0 });
      empty = to;
    }
    // Largest rank whose value is still in the bucket.
    let [low, high] = [counted + 1, count];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (ranked(middle) < bucket.to) low = middle;
      else high = middle - 1;
    }
    buckets.push({ fromUs: bucket.from / 1000, toUs: bucket.to / 1000, count: low - counted });
    counted = low;
    next = bucket.to;
  }
  return buckets;
}

function bucketOf(ns: number): { from: number; to: number } {
  const octave = 2 ** Math.floor(Math.log2(ns));
  const width = Math.max(1, octave / PER_OCTAVE);
  const from = octave + Math.floor((ns - octave) / width) * width;
  return { from, to: from + width };
}
