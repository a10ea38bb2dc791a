import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import type { Model } from '../types.ts';
import {
  benchLinearizability,
  breakHistory,
  EMPTY,
  STACK_MODEL,
  stackHistory,
} from './linearizability-bench.ts';
import { checkLinearizable, type HistoryOp, Linearizer, MAX_OPS } from './linearizability.ts';

const op = (
  thread: number,
  call: number,
  ret: number,
  name: string,
  result?: unknown,
  ...args: unknown[]
): HistoryOp => ({ thread, op: name, args, result, call, ret });

/** By trying every order: of all that returned, and of any of those that did not. */
function bruteForce<M>(history: readonly HistoryOp[], model: Model<M>): boolean {
  const precedes = (a: HistoryOp, b: HistoryOp): boolean =>
    a.ret >= 0 && (a.ret < b.call || (a.thread === b.thread && history.indexOf(a) < history.indexOf(b)));
  const extend = (state: M, left: readonly HistoryOp[]): boolean => {
    if (left.every((o) => o.ret < 0)) return true;
    return left.some((o) => {
      if (left.some((other) => other !== o && precedes(other, o))) return false;
      const after =
        o.ret < 0 && model.pending !== undefined
          ? model.pending(state, o.op, o.args)
          : model.step(state, o.op, o.args, o.result);
      return (
        after !== null &&
        extend(
          after,
          left.filter((other) => other !== o),
        )
      );
    });
  };
  return extend(model.init(), history);
}

describe('checkLinearizable', () => {
  it('accepts what the order of effects explains, and rejects what none does', () => {
    const overlapping = [op(0, 0, 5, 'push', undefined, 1), op(1, 2, 3, 'pop', 1), op(1, 6, 7, 'pop', EMPTY)];
    expect(checkLinearizable(overlapping, STACK_MODEL)).toEqual({ ok: true });
    const early = [op(0, 4, 5, 'push', undefined, 1), op(1, 2, 3, 'pop', 1)];
    expect(checkLinearizable(early, STACK_MODEL).ok).toBe(false);
    expect(checkLinearizable([], STACK_MODEL)).toEqual({ ok: true });
  });

  it('keeps the order of a thread even within one step', () => {
    const h = [op(0, 3, 3, 'pop', 1), op(0, 3, 3, 'push', undefined, 1)];
    expect(checkLinearizable(h, STACK_MODEL).ok).toBe(false);
    expect(
      checkLinearizable([op(0, 3, 3, 'pop', 1), op(1, 3, 3, 'push', undefined, 1)], STACK_MODEL).ok,
    ).toBe(true);
  });

  it('lets an operation without a return take effect, or not', () => {
    const push = op(0, 0, -1, 'push', undefined, 7);
    expect(checkLinearizable([push, op(1, 5, 6, 'pop', 7)], STACK_MODEL).ok).toBe(true);
    expect(checkLinearizable([push, op(1, 5, 6, 'pop', EMPTY)], STACK_MODEL).ok).toBe(true);
    expect(checkLinearizable([push, op(1, 5, 6, 'pop', 8)], STACK_MODEL).ok).toBe(false);
    expect(
      checkLinearizable([op(1, 1, 2, 'pop', 7), op(0, 3, -1, 'push', undefined, 7)], STACK_MODEL).ok,
    ).toBe(false);
  });

  it('asks the step of a model without pending, which may refuse', () => {
    const strict = { ...STACK_MODEL };
    delete strict.pending;
    const pop = op(0, 0, -1, 'pop');
    const push = op(1, 1, 2, 'push', undefined, 1);
    expect(checkLinearizable([pop, push, op(1, 3, 4, 'pop', 1)], strict).ok).toBe(true);
    expect(checkLinearizable([pop, push, op(1, 3, 4, 'pop', EMPTY)], strict).ok).toBe(false);
    expect(checkLinearizable([pop, push, op(1, 3, 4, 'pop', EMPTY)], STACK_MODEL).ok).toBe(true);
  });

  it('shows the longest order, not the first that was tried', () => {
    const h = [
      op(0, 0, 3, 'push', undefined, 2),
      op(1, 0, 4, 'push', undefined, 1),
      op(0, 5, 6, 'pop', 2),
      op(0, 8, 9, 'pop', 7),
    ];
    expect(checkLinearizable(h, STACK_MODEL)).toMatchObject({ longest: [1, 0, 2] });
  });

  it('says what was the longest order and what does not follow', () => {
    const h = [op(0, 0, 1, 'push', undefined, 1), op(0, 2, 3, 'push', undefined, 2), op(1, 4, 9, 'pop', 1)];
    const result = checkLinearizable(h, STACK_MODEL);
    if (result.ok) throw new Error('accepted');
    expect(result.longest).toEqual([0, 1]);
    expect(result.lines).toEqual([
      'no order of these 3 operations agrees with the model; the longest has 2:',
      '  1. thread 0 push(1) = undefined, steps 0 to 1',
      '  2. thread 0 push(2) = undefined, steps 2 to 3',
      'then, in state "2,1,", none of these can come next:',
      '  thread 1 pop() = 1, steps 4 to 9',
    ]);
  });

  it('takes as many operations as it says, and no more', () => {
    const many = Array.from({ length: MAX_OPS }, (_, i) => op(i % 3, 0, 100, 'push', undefined, i));
    expect(checkLinearizable(many, STACK_MODEL).ok).toBe(true);
    expect(() => checkLinearizable([...many, many[0]], STACK_MODEL)).toThrow('31 operations: at most 30');
  });

  it('visits no state twice, and gives up when there are too many', () => {
    const batches = (value: (i: number) => number): HistoryOp[] => [
      ...Array.from({ length: 24 }, (_, i) => {
        const start = 10 * Math.floor(i / 3);
        return op(i % 3, start, start + 9, 'push', undefined, value(i));
      }),
      op(0, 200, 300, 'pop', 77),
    ];
    expect(
      checkLinearizable(
        batches(() => 5),
        STACK_MODEL,
      ).ok,
    ).toBe(false);
    expect(
      checkLinearizable(
        batches((i) => i),
        STACK_MODEL,
      ),
    ).toEqual({ ok: true, undecided: true });
  });

  it('agrees with all permutations on small histories', () => {
    const rng = new Rng(7, 0);
    const checker = new Linearizer(STACK_MODEL);
    const seen = { accepted: 0, rejected: 0 };
    for (let i = 0; i < 6000; i++) {
      const shape = { threads: 2 + (i % 2), each: 2, pending: i % 3 === 0 };
      const good = stackHistory(rng, shape);
      expect(checker.check(good)).toEqual({ ok: true });
      const bad = breakHistory(rng, good);
      const { ok } = checker.check(bad);
      if (ok !== bruteForce(bad, STACK_MODEL)) throw new Error(`${ok}: ${JSON.stringify(bad)}`);
      seen[ok ? 'accepted' : 'rejected']++;
    }
    // Both answers must have been compared often.
    expect(Math.min(seen.accepted, seen.rejected)).toBeGreaterThan(500);
  });
});

describe('benchLinearizability', () => {
  it('measures, and sees broken histories rejected', () => {
    const { validPerSecond, brokenPerSecond, brokenRejected } = benchLinearizability(20);
    expect(Math.min(validPerSecond, brokenPerSecond)).toBeGreaterThan(0);
    expect(brokenRejected).toBeGreaterThan(0.5);
  });
});
