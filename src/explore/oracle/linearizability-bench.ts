/** How fast histories are checked, and the histories that it is measured and tested with. */
import { Rng } from '../../layout/rng.ts';
import type { Model } from '../types.ts';
import { type HistoryOp, Linearizer } from './linearizability.ts';

/** A stack as a list, so that pushing and popping share what is below. */
export type Stack = { readonly top: number; readonly below: Stack } | undefined;

export const EMPTY = 'empty';

/** push(v) returns nothing, pop() what was on top, or 'empty'. */
export const STACK_MODEL: Model<Stack> = {
  init: () => undefined,
  step(state, op, args, result) {
    if (op === 'push') return { top: Number(args[0]), below: state };
    if (state === undefined) return result === EMPTY ? state : null;
    // The empty stack is undefined, which is not null: a pop may lead to it.
    return result === state.top ? state.below : null;
  },
  pending: (state, op, args) => (op === 'push' ? { top: Number(args[0]), below: state } : state?.below),
  key(state) {
    let key = '';
    for (let s = state; s !== undefined; s = s.below) key += `${s.top},`;
    return key;
  },
};

export interface HistoryShape {
  readonly threads: number;
  /** Operations of each thread. */
  readonly each: number;
  /** Leaves some operations without a return. */
  readonly pending?: boolean;
}

/**
 * The history of a correct stack under a random scheduler: each operation is called, takes effect and returns in three
 * steps of its thread, with the steps of other threads between them.
 */
export function stackHistory(rng: Rng, { threads, each, pending }: HistoryShape): HistoryOp[] {
  const history: { -readonly [K in keyof HistoryOp]: HistoryOp[K] }[] = [];
  const running = Array.from({ length: threads }, (_, id) => ({ id, left: each, phase: 0, op: -1 }));
  let stack: Stack;
  for (let step = 0; ; step++) {
    const able = running.filter((t) => t.left > 0);
    if (able.length === 0) return history;
    const t = able[rng.next32() % able.length];
    const o = history[t.op];
    if (t.phase === 0) {
      const push = (rng.next32() & 1) === 0;
      const args = push ? [rng.next32() % 3] : [];
      t.op = history.length;
      history.push({
        thread: t.id,
        op: push ? 'push' : 'pop',
        args,
        result: undefined,
        call: step,
        ret: -1,
      });
    } else if (t.phase === 1) {
      if (o.op === 'pop') o.result = stack === undefined ? EMPTY : stack.top;
      stack = o.op === 'push' ? { top: Number(o.args[0]), below: stack } : stack?.below;
    } else {
      o.ret = step;
      t.left--;
    }
    t.phase = (t.phase + 1) % 3;
    // A thread that stops here never returns from what it is in, before or after its effect.
    if (pending === true && t.phase !== 0 && rng.next32() % 12 === 0) {
      t.left = 0;
      history[t.op].result = undefined;
    }
  }
}

/** The history with one result replaced: the order that was there is gone, though another may do. */
export function breakHistory(rng: Rng, history: readonly HistoryOp[]): HistoryOp[] {
  const pops = history.filter((o) => o.op === 'pop' && o.ret >= 0);
  const broken = pops[rng.next32() % Math.max(pops.length, 1)];
  return history.map((o) => (o === broken ? { ...o, result: o.result === EMPTY ? 0 : EMPTY } : o));
}

export interface LinearizabilityBench {
  /** Histories of 3 threads by 4 operations, all of them valid. */
  readonly validPerSecond: number;
  /** The same with one result replaced. */
  readonly brokenPerSecond: number;
  /** Share of the latter that no order explains; the others have one by chance. */
  readonly brokenRejected: number;
}

/**
 * @param ms how long to measure, half of it with valid histories
 * @throws Error when a valid history is rejected
 */
export function benchLinearizability(ms: number): LinearizabilityBench {
  const rng = new Rng(1, 0);
  const valid = Array.from({ length: 2000 }, () => stackHistory(rng, { threads: 3, each: 4 }));
  const broken = valid.map((h) => breakHistory(rng, h));
  const checker = new Linearizer(STACK_MODEL);
  const rejected = (histories: readonly HistoryOp[][]): number => {
    let count = 0;
    for (const h of histories) if (!checker.check(h).ok) count++;
    return count;
  };
  if (rejected(valid) > 0) throw new Error('a valid history was rejected');
  const brokenRejected = rejected(broken) / broken.length;
  const perSecond = (histories: readonly HistoryOp[][]): number => {
    const start = performance.now();
    let rounds = 0;
    let spent = 0;
    do {
      rejected(histories);
      rounds++;
      spent = performance.now() - start;
    } while (spent < ms / 2);
    return (1000 * rounds * histories.length) / spent;
  };
  return { validPerSecond: perSecond(valid), brokenPerSecond: perSecond(broken), brokenRejected };
}
