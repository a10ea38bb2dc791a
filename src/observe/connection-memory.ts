/**
 * How far Global_connection_memory is ahead of what the sessions really use (facts A 7.5): by what each has reserved in
 * chunks and does not use, and by all that was freed since its last reset. It is behind while a session that has taken
 * memory waits to say so. Looks are taken without a latch, while everybody works.
 */
import { THD } from '../layout/session.ts';
import { getS53 } from '../layout/words.ts';

const { memCounter: MEM, globMemCounter: GLOB } = THD.at;

/** Sums over looks, bytes. */
export interface Ahead {
  looks: number;
  aheadSum: number;
  aheadMax: number;
  /** Below 0: a session has memory that it has not reported yet. */
  aheadMin: number;
  usedSum: number;
  usedMax: number;
}

export function newAhead(): Ahead {
  return { looks: 0, aheadSum: 0, aheadMax: 0, aheadMin: 0, usedSum: 0, usedMax: 0 };
}

/** What the sessions in the first `count` seats use together, bytes. */
export function connectionMemoryInUse(mem: Int32Array, thds: number, count: number): number {
  let used = 0;
  for (let i = 0; i < count; i++) used += getS53(mem, thds + i * THD.words + MEM);
  return used;
}

/** One more look at the sessions in the first `count` seats; `thds`: the first THD. */
export function lookAhead(mem: Int32Array, thds: number, count: number, seen: Ahead): void {
  let ahead = 0;
  let used = 0;
  for (let i = 0; i < count; i++) {
    const thd = thds + i * THD.words;
    const own = getS53(mem, thd + MEM);
    used += own;
    ahead += getS53(mem, thd + GLOB) - own;
  }
  seen.looks++;
  seen.aheadSum += ahead;
  seen.aheadMax = Math.max(seen.aheadMax, ahead);
  seen.aheadMin = Math.min(seen.aheadMin, ahead);
  seen.usedSum += used;
  seen.usedMax = Math.max(seen.usedMax, used);
}

/** All looks together. */
export function addAhead(all: readonly Ahead[]): Ahead {
  const sum = newAhead();
  for (const a of all) {
    sum.looks += a.looks;
    sum.aheadSum += a.aheadSum;
    sum.aheadMax = Math.max(sum.aheadMax, a.aheadMax);
    sum.aheadMin = Math.min(sum.aheadMin, a.aheadMin);
    sum.usedSum += a.usedSum;
    sum.usedMax = Math.max(sum.usedMax, a.usedMax);
  }
  return sum;
}
