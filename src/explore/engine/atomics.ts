/** Atomics on any array with any operands, for what is not an int32 on the main view: the real functions do it. */
import { type AnyTypedArray, type Element, RMW } from '../hooks.ts';
import { KIND, type VThread } from './vthread.ts';

type Big = BigInt64Array;
type Op = (a: Big, i: number, v: bigint) => bigint;

const RMW_OPS: readonly Op[] = [];
(RMW_OPS as Op[])[RMW.add] = (a, i, v) => Atomics.add(a, i, v);
(RMW_OPS as Op[])[RMW.sub] = (a, i, v) => Atomics.sub(a, i, v);
(RMW_OPS as Op[])[RMW.and] = (a, i, v) => Atomics.and(a, i, v);
(RMW_OPS as Op[])[RMW.or] = (a, i, v) => Atomics.or(a, i, v);
(RMW_OPS as Op[])[RMW.xor] = (a, i, v) => Atomics.xor(a, i, v);
(RMW_OPS as Op[])[RMW.exchange] = (a, i, v) => Atomics.exchange(a, i, v);

/** Performs a thread's pending load, store, read-modify-write or compare-exchange. @throws what Atomics throws */
export function performReal(t: VThread): Element {
  // The real functions check kinds and convert operands themselves: types say 64 bits here for want of one for all.
  const a = t.array as unknown as Big;
  const v = t.v as bigint;
  switch (t.kind) {
    case KIND.load:
      return Atomics.load(a, t.index);
    case KIND.store:
      return Atomics.store(a, t.index, v);
    case KIND.cas:
      return Atomics.compareExchange(a, t.index, v, t.w as bigint);
    default:
      return RMW_OPS[t.op](a, t.index, v);
  }
}

/**
 * Whether a compareExchange that has returned this found what it expected: else it has written nothing. An operand that
 * is an object has been converted once, which must be enough: then it counts as a write.
 */
export function casHits(t: VThread, returned: Element): boolean {
  if (typeof t.v !== 'number' && typeof t.v !== 'bigint') return true;
  const expected = new (t.array.constructor as new (length: number) => AnyTypedArray)(1);
  (expected as Int32Array)[0] = t.v as number;
  return expected[0] === returned;
}

/** `before op v` as an int32. */
export function rmwInt32(op: number, before: number, v: number): number {
  switch (op) {
    case RMW.add:
      return (before + v) | 0;
    case RMW.sub:
      return (before - v) | 0;
    case RMW.and:
      return before & v;
    case RMW.or:
      return before | v;
    case RMW.xor:
      return before ^ v;
    default:
      return v;
  }
}

/** Whether a wait for `expected` would go to sleep now: the real one compares. @throws TypeError, RangeError */
export function waitMatches(a: AnyTypedArray, i: number, expected: Element): boolean {
  return Atomics.wait(a as Int32Array, i, expected as number, 0) === 'timed-out';
}

/**
 * An index as Atomics converts it, so that it is converted once. One that it would refuse, or not even look at because
 * it refuses the array, is returned as it is: the real function will say why.
 */
export function indexOf(a: AnyTypedArray, i: unknown, waits: boolean): number {
  if (Number.isInteger(i)) return i as number;
  const accepted = waits
    ? a instanceof Int32Array || a instanceof BigInt64Array
    : ArrayBuffer.isView(a) && !/Clamped|Float|View/.test(Object.prototype.toString.call(a));
  if (!accepted) return i as number;
  try {
    return Math.trunc(toNumber(i)) || 0;
  } catch {
    return i as number;
  }
}

/** ToNumber, which refuses a bigint; Number() does not. @throws TypeError */
function toNumber(value: unknown): number {
  // oxlint-disable-next-line typescript/no-unnecessary-type-conversion -- the type is a claim
  return +(value as number);
}

/** The time-out of a wait in ms as the specification converts it. */
export function timeoutOf(timeout: unknown): number {
  const ms = toNumber(timeout);
  return Number.isNaN(ms) ? Infinity : Math.max(0, ms);
}

/** How many threads a notify wakes at most. */
export function notifyCount(count: unknown): number {
  if (count === undefined) return Infinity;
  const n = Math.trunc(toNumber(count));
  return Number.isNaN(n) ? 0 : Math.max(0, n);
}
