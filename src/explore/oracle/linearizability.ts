/**
 * Is there an order of the operations, each taking effect at one moment between its call and its return, that the
 * sequential model allows? The search of Wing and Gong with Lowe's memo: a state of the model that was left without
 * success after a given set of operations is not entered again.
 */
import type { Model } from '../types.ts';

/** One operation of a history, as `ctx.call` and `ctx.ret` have noted it. */
export interface HistoryOp {
  readonly thread: number;
  readonly op: string;
  readonly args: readonly unknown[];
  readonly result: unknown;
  /** Step of the call; operations that touch in one step count as overlapping. */
  readonly call: number;
  /** Step of the return; −1 when its thread died or is blocked in it: it may have taken effect, or not. */
  readonly ret: number;
}

export type Linearizability =
  /** Undecided: the search was given up, because the model takes too many states. */
  | { readonly ok: true; readonly undecided?: true }
  | {
      readonly ok: false;
      /** Places in the history: the longest order that the model allows. */
      readonly longest: readonly number[];
      /** One sentence, then the order, then what does not fit after it. */
      readonly lines: readonly string[];
    };

/** Sets of operations are bits of one int32. */
export const MAX_OPS = 30;

/** Sets of operations with a state to come to, before the search is given up: some 20 MB, one second. */
const MAX_FAILED = 200_000;

const OK: Linearizability = { ok: true };
const UNDECIDED: Linearizability = { ok: true, undecided: true };
const NEVER = 0x7fffffff;

/** Checks many histories against one model; its buffers are used again, so that a valid history allocates little. */
export class Linearizer<M> {
  readonly #model: Model<M>;
  readonly #failed = new Failed();
  // Operations by place in the order of their returns; #at is the place in the history.
  readonly #at = new Int32Array(MAX_OPS);
  readonly #call = new Int32Array(MAX_OPS);
  readonly #ret = new Int32Array(MAX_OPS);
  /** Bits of the operation of the same thread that comes before, 0 when there is none. */
  readonly #before = new Int32Array(MAX_OPS);
  // The search: what has been chosen at each depth, and where to go on from there.
  readonly #chosen = new Int32Array(MAX_OPS);
  readonly #next = new Int32Array(MAX_OPS + 1);
  readonly #states: M[] = [];
  readonly #longest = new Int32Array(MAX_OPS);

  constructor(model: Model<M>) {
    this.#model = model;
  }

  /**
   * @param history operations of one thread in the order of their calls
   * @throws RangeError when there are more than MAX_OPS
   */
  check(history: readonly HistoryOp[]): Linearizability {
    const n = history.length;
    if (n > MAX_OPS) {
      throw new RangeError(`a history of ${n} operations: at most ${MAX_OPS} can be checked for an order`);
    }
    const required = this.#sort(history);
    const model = this.#model;
    const at = this.#at;
    const call = this.#call;
    const ret = this.#ret;
    const before = this.#before;
    const states = this.#states;
    const next = this.#next;
    const failed = this.#failed;
    failed.clear();
    let done = 0;
    let depth = 0;
    let longest = -1;
    states[0] = model.init();
    next[0] = 0;
    for (;;) {
      if ((done & required) === required) return OK;
      const state = states[depth];
      // Whatever was called after the first return that is still to come cannot come before it.
      const firstRet = ret[31 - Math.clz32(~done & (done + 1))];
      let i = next[depth];
      let found = false;
      for (; i < n; i++) {
        const bit = 1 << i;
        if ((done & bit) !== 0 || call[i] > firstRet || (before[i] & ~done) !== 0) continue;
        const after = stepOf(model, state, history[at[i]]);
        if (after === null || (failed.size > 0 && failed.has(done | bit, model.key(after)))) continue;
        found = true;
        this.#chosen[depth] = i;
        next[depth] = i + 1;
        depth++;
        states[depth] = after;
        next[depth] = 0;
        done |= bit;
        break;
      }
      if (found) continue;
      if (depth > longest) {
        longest = depth;
        this.#longest.set(this.#chosen);
      }
      if (depth === 0) return this.#explain(history, longest);
      failed.add(done, model.key(state));
      if (failed.size > MAX_FAILED) return UNDECIDED;
      depth--;
      done &= ~(1 << this.#chosen[depth]);
    }
  }

  /** Brings the operations into the order of their returns; returns the set of those that have returned. */
  #sort(history: readonly HistoryOp[]): number {
    const at = this.#at;
    const ret = this.#ret;
    let required = 0;
    for (let i = 0; i < history.length; i++) {
      const { ret: given } = history[i];
      const mine = given < 0 ? NEVER : given;
      if (given >= 0) required++;
      let j = i;
      for (; j > 0 && ret[j - 1] > mine; j--) {
        ret[j] = ret[j - 1];
        at[j] = at[j - 1];
      }
      ret[j] = mine;
      at[j] = i;
    }
    for (let i = 0; i < history.length; i++) {
      const { thread, call } = history[at[i]];
      this.#call[i] = call;
      let j = i - 1;
      while (j >= 0 && history[at[j]].thread !== thread) j--;
      this.#before[i] = j < 0 ? 0 : 1 << j;
    }
    return 2 ** required - 1;
  }

  #explain(history: readonly HistoryOp[], longest: number): Linearizability {
    const model = this.#model;
    const order = Array.from(this.#longest.subarray(0, longest), (i) => this.#at[i]);
    const left = history.map((_, i) => i).filter((i) => !order.includes(i));
    let state = model.init();
    const lines = [
      `no order of these ${history.length} operations agrees with the model; the longest has ${longest}:`,
    ];
    for (const [i, place] of order.entries()) {
      lines.push(`  ${i + 1}. ${describe(history[place])}`);
      state = stepOf(model, state, history[place]) ?? state;
    }
    lines.push(`then, in state ${JSON.stringify(model.key(state))}, none of these can come next:`);
    const firstRet = Math.min(...left.map((i) => (history[i].ret < 0 ? NEVER : history[i].ret)));
    const fits = left.filter(
      (i) =>
        history[i].call <= firstRet && !left.some((j) => j < i && history[j].thread === history[i].thread),
    );
    for (const i of fits) lines.push(`  ${describe(history[i])}`);
    return { ok: false, longest: order, lines };
  }
}

/** By model, so that whoever checks a history after every schedule uses the same buffers. */
const CHECKERS = new WeakMap<object, Linearizer<unknown>>();

/** As Linearizer.check. */
export function checkLinearizable<M>(history: readonly HistoryOp[], model: Model<M>): Linearizability {
  let checker = CHECKERS.get(model);
  if (checker === undefined) {
    checker = new Linearizer<unknown>(model);
    CHECKERS.set(model, checker);
  }
  return checker.check(history);
}

function stepOf<M>(model: Model<M>, state: M, o: HistoryOp): M | null {
  if (o.ret < 0 && model.pending !== undefined) return model.pending(state, o.op, o.args);
  return model.step(state, o.op, o.args, o.result);
}

function describe(o: HistoryOp): string {
  const call = `thread ${o.thread} ${o.op}(${o.args.map(show).join(', ')})`;
  return o.ret < 0
    ? `${call}, called in step ${o.call}, never returned`
    : `${call} = ${show(o.result)}, steps ${o.call} to ${o.ret}`;
}

function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value);
}

/** Pairs of a set of operations and a state of the model from which there is no way to the end. */
class Failed {
  /** Numbers of state keys; kept from history to history, because few states are ever met. */
  readonly #numbers = new Map<string, number>();
  #slots = new Int32Array(3 * 256);
  /** Which clear() an entry is from: older ones count as empty. */
  #round = 0;
  size = 0;

  clear(): void {
    this.size = 0;
    this.#round++;
    if (this.#numbers.size > 1 << 16) this.#numbers.clear();
  }

  has(ops: number, key: string): boolean {
    const state = this.#numbers.get(key);
    return state !== undefined && this.#slots[this.#find(ops, state)] === this.#round;
  }

  add(ops: number, key: string): void {
    let state = this.#numbers.get(key);
    if (state === undefined) {
      state = this.#numbers.size;
      this.#numbers.set(key, state);
    }
    if (this.size * 6 > this.#slots.length) this.#grow();
    this.#put(ops, state);
  }

  #put(ops: number, state: number): void {
    const slot = this.#find(ops, state);
    if (this.#slots[slot] === this.#round) return;
    this.#slots[slot] = this.#round;
    this.#slots[slot + 1] = ops;
    this.#slots[slot + 2] = state;
    this.size++;
  }

  /** Index of the entry, or of the empty slot where it belongs. */
  #find(ops: number, state: number): number {
    const slots = this.#slots;
    const mask = slots.length / 3 - 1;
    let h = Math.imul(ops ^ Math.imul(state, 0x9e3779b1), 0x85ebca6b);
    for (let i = (h ^ (h >>> 15)) & mask; ; i = (i + 1) & mask) {
      const slot = 3 * i;
      if (slots[slot] !== this.#round || (slots[slot + 1] === ops && slots[slot + 2] === state)) return slot;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    this.size = 0;
    for (let i = 0; i < old.length; i += 3) {
      if (old[i] === this.#round) this.#put(old[i + 1], old[i + 2]);
    }
  }
}
