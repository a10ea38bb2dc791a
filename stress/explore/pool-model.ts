/** The pool as a sequential object: pages are counters; a get sees the last change, wherever the page was meanwhile. */
import type { Model } from '../../src/explore/types.ts';

/** Counters by page number. */
type State = readonly number[];

export const poolModel: Model<State> = {
  init: () => [],
  step(state, op, args, result) {
    const page = args[0] as number;
    const count = state[page] ?? 0;
    if (op === 'read') return result === count ? state : null;
    if (result !== count + 1) return null;
    const next = [...state];
    next[page] = count + 1;
    return next;
  },
  key: (state) => state.join(),
};
