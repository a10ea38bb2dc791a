/**
 * Two pieces of work timed in turn, slice by slice, so that a processor that changes its speed does it to both. Benny
 * says when there are enough pairs; the slices inside a pair have a clock of their own.
 */
import { secondsOf, type Timing } from './timing.ts';

export interface Alternated {
  /** Seconds of processor time of a slice of each: means over the same pairs. */
  readonly a: number;
  readonly b: number;
}

/** @param a, b a slice each, of a millisecond or more, on the calling thread alone; both must be warm */
export async function alternate(a: () => void, b: () => void, timing: Timing): Promise<Alternated> {
  const pairs: Alternated[] = [];
  await secondsOf(() => {
    // Turn about, so that neither always comes second.
    if (pairs.length % 2 === 0) {
      const first = timeSlice(a);
      pairs.push({ a: first, b: timeSlice(b) });
    } else {
      const first = timeSlice(b);
      pairs.push({ a: timeSlice(a), b: first });
    }
  }, timing);
  return middleHalf(pairs);
}

/** Processor time, so that what the system gives to others meanwhile does not count; Windows counts it in 16 ms steps. */
const now: () => number =
  process.platform === 'win32'
    ? () => performance.now() * 1000
    : () => {
        const { user, system } = process.cpuUsage();
        return user + system;
      };

function timeSlice(run: () => void): number {
  const began = now();
  run();
  return (now() - began) / 1e6;
}

/** Means over the middle half of the pairs by ratio: where the system took the processor away, it took it from one. */
export function middleHalf(pairs: readonly Alternated[]): Alternated {
  const sorted = pairs.toSorted((x, y) => x.a / x.b - y.a / y.b);
  const cut = Math.floor(sorted.length / 4);
  const kept = sorted.slice(cut, sorted.length - cut);
  const mean = (pick: (p: Alternated) => number): number =>
    kept.reduce((s, p) => s + pick(p), 0) / kept.length;
  return { a: mean((p) => p.a), b: mean((p) => p.b) };
}
