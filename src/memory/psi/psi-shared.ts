/**
 * Statistics that threads share (facts A 6.4): of an account, a user, a host, and the global ones. Separate atomics and
 * no latch: at rest all is exact, in between a reader may see one word of a change and not yet the next.
 *
 * Sums are 64-bit numbers in two words with a carry. Capacities are taken from optimistically: subtract, then put back
 * what was not there. That needs a number that one atomic operation changes, so they are kept as units and big units of
 * 2^22: each word may be below 0 for a moment, while somebody puts back, but never at rest.
 */
import { PSI_SHARED_STAT } from '../../layout/psi.ts';

const A = PSI_SHARED_STAT.at;
const TWO_32 = 4294967296;
const BIG = 2 ** 22;

/** Words of one row. */
export const SHARED_WORDS = PSI_SHARED_STAT.words;

/** Adds n >= 0 to a sum. */
export function sumAdd(mem: Int32Array, at: number, n: number): void {
  const low = n % TWO_32;
  const before = Atomics.add(mem, at, low | 0) >>> 0;
  const high = Math.floor(n / TWO_32) + (before + low >= TWO_32 ? 1 : 0);
  if (high !== 0) Atomics.add(mem, at + 1, high | 0);
}

/** Subtracts n >= 0, of which a sum has at least as much. */
export function sumSub(mem: Int32Array, at: number, n: number): void {
  const low = n % TWO_32;
  const before = Atomics.sub(mem, at, low | 0) >>> 0;
  const high = Math.floor(n / TWO_32) + (before < low ? 1 : 0);
  if (high !== 0) Atomics.sub(mem, at + 1, high | 0);
}

/** Value of a sum. */
export function sumOf(mem: Int32Array, at: number): number {
  return (mem[at + 1] >>> 0) * TWO_32 + (mem[at] >>> 0);
}

/** Adds n >= 0 to a capacity. */
export function capacityAdd(mem: Int32Array, at: number, n: number): void {
  const big = Math.floor(n / BIG);
  const rest = n - big * BIG;
  if (big > 0) Atomics.add(mem, at + 1, big);
  if (rest === 0 || Atomics.add(mem, at, rest) + rest < BIG) return;
  // A full unit moves over, unless somebody has taken of it meanwhile.
  if (Atomics.sub(mem, at, BIG) >= BIG) Atomics.add(mem, at + 1, 1);
  else Atomics.add(mem, at, BIG);
}

/** Takes up to n >= 0 from a capacity. @returns what was there of it */
export function capacityTake(mem: Int32Array, at: number, n: number): number {
  const big = Math.floor(n / BIG);
  let missing = n;
  if (big > 0) missing -= takeWord(mem, at + 1, big) * BIG;
  // More than a big unit never lies in the low word for long.
  if (missing > 0) missing -= takeWord(mem, at, Math.min(missing, BIG));
  if (missing > 0 && missing < BIG && takeWord(mem, at + 1, 1) === 1) {
    Atomics.add(mem, at, BIG - missing);
    missing = 0;
  }
  return n - missing;
}

/** Takes up to n from a word that is not below 0 at rest: subtracts, and puts back what was not there. */
function takeWord(mem: Int32Array, at: number, n: number): number {
  const before = Atomics.sub(mem, at, n);
  if (before >= n) return n;
  const got = before > 0 ? before : 0;
  Atomics.add(mem, at, n - got);
  return got;
}

/** Value of a capacity. */
export function capacityOf(mem: Int32Array, at: number): number {
  return Math.max(0, mem[at + 1] * BIG + mem[at]);
}

/**
 * `apply_delta`: takes of n what a capacity of this bucket absorbs. A look without Atomics comes first: most capacities
 * are empty, and one that was not seen in time leaves a high-water mark that is too high, never too low.
 * @returns what is left for the next bucket
 */
export function absorb(mem: Int32Array, at: number, n: number): number {
  if (n === 0 || (mem[at] <= 0 && mem[at + 1] <= 0)) return n;
  return n - capacityTake(mem, at, n);
}

/** `count_builtin_alloc`: a block that no thread is counted for. */
export function sharedAlloc(mem: Int32Array, row: number, bytes: number): void {
  sumAdd(mem, row + A.allocCount, 1);
  sumAdd(mem, row + A.allocSize, bytes);
  capacityAdd(mem, row + A.freeCountCapacity, 1);
  capacityAdd(mem, row + A.freeSizeCapacity, bytes);
  capacityTake(mem, row + A.allocCountCapacity, 1);
  capacityTake(mem, row + A.allocSizeCapacity, bytes);
}

/** `count_builtin_free`. */
export function sharedFree(mem: Int32Array, row: number, bytes: number): void {
  sumAdd(mem, row + A.freeCount, 1);
  sumAdd(mem, row + A.freeSize, bytes);
  capacityAdd(mem, row + A.allocCountCapacity, 1);
  capacityAdd(mem, row + A.allocSizeCapacity, bytes);
  capacityTake(mem, row + A.freeCountCapacity, 1);
  capacityTake(mem, row + A.freeSizeCapacity, bytes);
}
