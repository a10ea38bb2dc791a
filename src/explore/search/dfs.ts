/**
 * Depth-first search over the scheduler's choices, by doing the schedule again with another last choice. With the
 * *cut*, a schedule is given up where it comes to a state that has been explored before with at least as many
 * preemptions left.
 *
 * What a choice costs: to take the processor from a thread that could go on and is at no pause hint 1, to let a
 * time-out fire while some thread can run 1, to let a thread die 1, all else nothing. With a bound, schedules that
 * cost more are left out. Then who runs at present belongs to the state, because it decides what the next switch
 * costs; without bound it does not.
 *
 * Plain mode (no cut) takes each schedule for itself. A retry loop without pause hint then runs into the step limit:
 * with a bound, because nobody else may be let in any more; without, because the schedule in which nobody else is let
 * in is one of all. So plain mode reports livelocks of correct programs. The cut mode reports none at all: it leaves
 * every loop where it comes round; what can never end is found in the state graph (state-graph.ts).
 */
import { CUT, defaultChoice, lowest } from '../engine/strategy.ts';
import {
  goesOnAnyway,
  type Reduction,
  type SearchRun,
  type SearchStrategy,
  type Situation,
} from './search-engine.ts';
import type { StateGraph } from './state-graph.ts';
import { MAX_BUDGET, Visited } from './visited.ts';

// What is kept about each decision of the present schedule.
const CHOICE = 0;
/** Who could be chosen. */
const READY = 1;
const TIMERS = 2;
const MORTAL = 3;
/** Who is still to be tried. */
const TODO_READY = 4;
const TODO_TIMERS = 5;
const TODO_MORTAL = 6;
/** Budget before the choice. */
const BUDGET = 7;
/** Thread that the choice of another takes the processor from, −1 when that costs nothing. */
const HOLDER = 8;
const STATE = 9;
const STRIDE = 10;

/** Highest bound but Infinity. */
export const MAX_BOUND = MAX_BUDGET - 1;

const NOT_THE_SAME = 'the same choices led elsewhere: the scenario depends on something besides them';

export interface DfsOptions {
  /** Most preemptions in a schedule: 0 ... MAX_BOUND, or Infinity. */
  readonly bound: number;
  /** Give schedules up at states seen before; the engine must be stateful. */
  readonly cut: boolean;
  /** Do what concerns only one thread without looking at other orders; default false. */
  readonly reduce?: boolean;
  /** Notes which states follow each other; needs the cut, and no bound. */
  readonly graph?: StateGraph | null;
  /** Give the schedule up, and say so (`arrived`), at a state that is one of these; for cut mode. */
  readonly target?: Target | null;
}

/** States to get to: as an exhaustive search without bound has numbered them, those that are marked with 1. */
export interface Target {
  readonly visited: Visited;
  readonly wanted: Uint8Array;
}

export class DfsStrategy implements SearchStrategy {
  readonly name = 'dfs';
  /** Something was left out because of the bound. */
  pruned = false;
  /** The present schedule came to a state of `target`. */
  arrived = false;
  /** Where it does not branch. */
  readonly reduction: Reduction;
  /** States in which there was a choice (cut mode). */
  readonly visited = new Visited();
  private readonly bound: number;
  private readonly cut: boolean;
  private readonly graph: StateGraph | null;
  private readonly target: Target | null;
  private readonly key = new Int32Array(4);
  private stack = new Int32Array(STRIDE * 256);
  /** Decisions that are only done again, and what is left of the budget after them. */
  private prefix = 0;
  private leftAfter: number;
  // The present schedule: decisions so far, budget left.
  private depth = 0;
  private left = 0;
  private n = 0;

  constructor(o: DfsOptions) {
    if (o.bound !== Infinity && !(Number.isInteger(o.bound) && o.bound >= 0 && o.bound <= MAX_BOUND)) {
      throw new RangeError(`bound of preemptions ${o.bound}: 0 to ${MAX_BOUND}, or Infinity`);
    }
    if (o.graph && (!o.cut || o.bound !== Infinity)) {
      throw new Error('a state graph needs the cut, and no bound');
    }
    this.bound = Math.min(o.bound, MAX_BUDGET);
    this.cut = o.cut;
    if (o.reduce !== true) this.reduction = 'none';
    else this.reduction = o.bound === Infinity ? 'all' : 'own';
    this.graph = o.graph ?? null;
    this.target = o.target ?? null;
    this.leftAfter = this.bound;
  }

  begin(e: Situation): void {
    this.n = e.n;
    this.depth = 0;
    this.left = this.leftAfter;
    this.arrived = false;
    e.quiet = this.prefix > 0;
  }

  next(e: Situation, cur: number): number {
    const anyway = goesOnAnyway(e, cur, this.reduction);
    if (anyway >= 0) return anyway;
    if (this.depth >= this.prefix) return this.decide(e, cur);
    // After the last choice of the prefix begins what has not been done before.
    if (this.depth === this.prefix - 1) e.quiet = false;
    const { stack } = this;
    const at = this.depth++ * STRIDE;
    if (stack[at + READY] !== e.ready || stack[at + TIMERS] !== e.timers || stack[at + MORTAL] !== e.mortal) {
      throw new Error(
        'the same choices led to another state: the scenario depends on something besides them',
      );
    }
    return stack[at + CHOICE];
  }

  /** A schedule has ended: tells the graph where. */
  ended(run: SearchRun): void {
    if (this.graph !== null && !run.cut && this.depth > 0) {
      this.graph.ends(this.stack[(this.depth - 1) * STRIDE + STATE], run.finding);
    }
  }

  /** Choices of the schedule that has just ended; see PathStrategy. */
  choices(): number[] {
    return Array.from({ length: this.depth }, (_, d) => this.stack[d * STRIDE + CHOICE]);
  }

  /** Goes on to the next schedule; false when there is none. @throws Error when the scenario is not reproducible */
  advance(): boolean {
    if (this.depth < this.prefix) throw new Error(NOT_THE_SAME);
    for (let d = this.depth - 1; d >= 0; d--) {
      const at = d * STRIDE;
      if (!this.another(at)) continue;
      this.prefix = d + 1;
      this.leftAfter = this.stack[at + BUDGET] - this.cost(at);
      return true;
    }
    return false;
  }

  private decide(e: Situation, cur: number): number {
    const at = this.depth * STRIDE;
    if (at === this.stack.length) this.growStack();
    const { stack, left } = this;
    const free = cur < 0 || this.bound === MAX_BUDGET || (e.paused & (1 << cur)) !== 0;
    const holder = free ? -1 : cur;
    if (this.target !== null && this.isTarget(e, this.target)) return CUT;
    if (this.cut) {
      e.stateKey(this.key, holder + 1);
      const number = this.visited.enter(this.key, left);
      const state = number < 0 ? -1 - number : number;
      if (this.graph !== null) {
        const before = this.depth > 0 ? stack[at - STRIDE + STATE] : -1;
        const by = this.depth > 0 ? stack[at - STRIDE + CHOICE] : -1;
        this.graph.follows(before, by, state, number >= 0);
      }
      if (number < 0) return CUT;
      stack[at + STATE] = state;
    }
    stack[at + READY] = e.ready;
    stack[at + TIMERS] = e.timers;
    stack[at + MORTAL] = e.mortal;
    stack[at + TODO_READY] = e.ready;
    stack[at + TODO_TIMERS] = e.timers;
    stack[at + TODO_MORTAL] = e.mortal;
    stack[at + BUDGET] = left;
    stack[at + HOLDER] = holder;
    if (left === 0) this.prune(at);
    // What would happen by default costs nothing: so most states are first seen with the largest budget.
    const first = defaultChoice(e, cur);
    this.take(at, first);
    this.depth++;
    this.left = left - this.cost(at);
    return first;
  }

  private isTarget(e: Situation, { visited, wanted }: Target): boolean {
    e.stateKey(this.key, 0);
    const state = visited.find(this.key);
    this.arrived = state >= 0 && wanted[state] === 1;
    return this.arrived;
  }

  /** Drops the candidates that cost something. */
  private prune(at: number): void {
    const { stack } = this;
    const holder = stack[at + HOLDER];
    const others = holder >= 0 ? stack[at + READY] & ~(1 << holder) : 0;
    const timers = stack[at + READY] !== 0 ? stack[at + TIMERS] : 0;
    if ((others | timers | stack[at + MORTAL]) === 0) return;
    this.pruned = true;
    stack[at + TODO_READY] &= ~others;
    stack[at + TODO_TIMERS] &= ~timers;
    stack[at + TODO_MORTAL] = 0;
  }

  /** Chooses another candidate at this decision; false when all have been tried. */
  private another(at: number): boolean {
    const { stack, n } = this;
    if (stack[at + TODO_READY] !== 0) this.take(at, lowest(stack[at + TODO_READY]));
    else if (stack[at + TODO_TIMERS] !== 0) this.take(at, n + lowest(stack[at + TODO_TIMERS]));
    else if (stack[at + TODO_MORTAL] !== 0) this.take(at, 2 * n + lowest(stack[at + TODO_MORTAL]));
    else return false;
    return true;
  }

  private take(at: number, choice: number): void {
    const { stack, n } = this;
    stack[at + CHOICE] = choice;
    if (choice < n) stack[at + TODO_READY] &= ~(1 << choice);
    else if (choice < 2 * n) stack[at + TODO_TIMERS] &= ~(1 << (choice - n));
    else stack[at + TODO_MORTAL] &= ~(1 << (choice - 2 * n));
  }

  /** What the choice made at this decision costs: `costOf`, from what was kept. */
  private cost(at: number): number {
    if (this.bound === MAX_BUDGET) return 0;
    const { stack, n } = this;
    const choice = stack[at + CHOICE];
    if (choice < n) return stack[at + HOLDER] >= 0 && stack[at + HOLDER] !== choice ? 1 : 0;
    return choice >= 2 * n || stack[at + READY] !== 0 ? 1 : 0;
  }

  private growStack(): void {
    const stack = new Int32Array(this.stack.length * 2);
    stack.set(this.stack);
    this.stack = stack;
  }
}
