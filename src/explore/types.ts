/** The nouns of exploration: what a user writes (a scenario), and what he gets back (findings, coverage). */

/** A place in the sources where shared memory is accessed or a coloured function called. */
export interface Site {
  /** Path as it is shown: relative to the working directory where possible. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The expression's text, on one line, at most 60 characters. */
  readonly text: string;
  /** Name of the function that it is in. */
  readonly fn: string;
}

/** What a virtual thread is given. */
export interface Ctx<S = unknown> {
  /** Number of the thread, from 0: its place in `threads`. */
  readonly id: number;
  /** The scenario's shared memory, all of it. */
  readonly m: Int32Array;
  /** What `setup` returned. */
  readonly s: S;
  /** An operation of the sequential model begins ... */
  call(op: string, ...args: readonly unknown[]): void;
  /** ... and has returned. Returns the result as it is. */
  ret<T>(result: T): T;
}

/** A thread: a plain function, transformed when it is loaded for exploration. What it returns is its result. */
export type ThreadBody<S> = (ctx: Ctx<S>) => unknown;

/** A sequential model, to check histories of `ctx.call` and `ctx.ret` against (linearizability). */
export interface Model<M = unknown> {
  init(): M;
  /**
   * The state after an operation that returned `result`, or null when the operation cannot return that in this state.
   * Must not change `state`.
   */
  step(state: M, op: string, args: readonly unknown[], result: unknown): M | null;
  /**
   * The state after an operation that took effect, but whose result nobody saw because its thread died or is blocked.
   * Absent: `step` is asked, with the result undefined.
   */
  pending?(state: M, op: string, args: readonly unknown[]): M | null;
  /** Equal states have equal keys. */
  key(state: M): string;
}

/** What is known about one word of shared memory. All but the name is for exploration; see `Scenario.words`. */
export interface WordInfo {
  /** For reports, e.g. `block[2].ioFix`. */
  readonly name: string;
  /** Plain reads without the guard are declared safe: no race with them is reported, and they may be made points. */
  readonly dirtyRead?: boolean;
  /** Nothing that a thread does depends on it (statistics): states that differ only here are one state. */
  readonly telemetry?: boolean;
  /** Part of a latch or event: shown by name in who-waits-for-what. */
  readonly latch?: boolean;
}

/** A thread asks for a latch while it holds others; all by class, 0 ... 4095. */
export interface LatchTaken {
  readonly wanted: number;
  readonly held: readonly number[];
}

/** What is explored: some memory, some threads, and what must hold. */
export interface Scenario<S = unknown, M = unknown> {
  readonly name: string;
  /** One line: the question that it asks. */
  readonly doc: string;
  /** Size of the shared memory in bytes, a multiple of 8. */
  readonly memory: number;
  /**
   * Fills the memory, once; makes what the threads share (views, addresses). Runs alone, without any other thread.
   * After each schedule the memory, and objects of explored classes, are put back to what they were after it.
   */
  setup?(m: Int32Array): S;
  readonly threads: readonly ThreadBody<S>[];
  /** Throws when the end is wrong. Runs alone, after all threads have ended. */
  check?(m: Int32Array, s: S, results: readonly unknown[]): void;
  /** Throws when the state is wrong. Looked at after every step, with threads in the middle of what they do. */
  invariant?(m: Int32Array, s: S): void;
  /** Rules about single words, looked at when the word is written: throws when it must not have this value. */
  readonly onWrite?: (m: Int32Array, s: S, word: number, value: number, thread: number) => void;
  /** Words for which `onWrite` and `latches` are called; all when absent. */
  readonly watched?: (word: number, s: S) => boolean;
  /** The outcome to count in the table of outcomes; the threads' results, joined, when absent. */
  outcome?(m: Int32Array, s: S, results: readonly unknown[]): string;
  readonly model?: Model<M>;
  /** Names and rules of words; unknown ones are called `word N`. */
  words?(word: number, s: S): WordInfo | undefined;
  /** Who holds what, for deadlock reports: one sentence for each thread that holds something. */
  holders?(m: Int32Array, s: S): readonly string[];
  /**
   * Latches, for the graph of the orders in which they are taken. `taken` is told of each write to a watched word, and
   * says which class of latch the thread asks for by it, and which it holds; null: none.
   */
  readonly latches?: {
    taken(m: Int32Array, s: S, word: number, value: number, thread: number): LatchTaken | null;
    name(latchClass: number): string;
    /** Whether a thread may hold two of a class at once; not when absent. */
    several?(latchClass: number): boolean;
  };
  /** Threads that the scheduler may let die, once in a schedule, at any point. Absent or empty: none. */
  readonly mayDie?: readonly number[];
  /** What must hold at the end when a thread has died; `check` when absent. A deadlock is then no finding by itself. */
  checkAfterDeath?(m: Int32Array, s: S, results: readonly unknown[], dead: number): void;
  /** Most steps in one schedule, plain accesses included; more is a livelock. Default 20,000. */
  readonly maxSteps?: number;
  /**
   * Most operations (`ctx.call` ... `ctx.ret`) of others that may begin after one and end before it (bounded bypass).
   * Absent: not looked at.
   */
  readonly maxBypass?: number;
  /** Small enough for all interleavings: profile exhaustive (and `npm run bench -- explore`) runs it without bound. */
  readonly exhaustive?: boolean;
  /** Bounds of preemptions to exhaust in profile nightly; default 2. */
  readonly bound?: number;
  /** Name of a check whose failing is the point (a retold bug): found, it is a success. */
  readonly expect?: FindingKind;
}

export type FindingKind =
  /** `check`, `invariant`, `onWrite` or `checkAfterDeath` threw. */
  | 'check'
  | 'invariant'
  /** A thread threw. */
  | 'exception'
  | 'deadlock'
  /** A deadlock in which somebody sleeps although what it slept for has happened. */
  | 'lost-wakeup'
  /** The step limit was reached. */
  | 'livelock'
  /** In exhaustive mode: a state from which the end cannot be reached any more. */
  | 'stuck'
  | 'race'
  /** Two atomic accesses of different widths to the same bytes, unordered. */
  | 'mixed-size'
  | 'latch-order'
  | 'bypass'
  | 'linearizability';

/** Something that went wrong in one schedule. */
export interface Finding {
  readonly kind: FindingKind;
  /** One line: what, which threads, which sites, what is held. */
  readonly message: string;
  /** Threads and sites that it is about; the first is the one at fault, or the later of a racing pair. */
  readonly places: readonly { readonly thread: number; readonly site: number }[];
  /** Word of shared memory that it is about. */
  readonly word?: number;
  /** More lines: who waits for what, the history that has no order, an error's stack. */
  readonly details: readonly string[];
}

/** A choice of the scheduler: thread t goes on; its sleep times out; it dies. */
export const CHOICE = { run: 0, timer: 1, kill: 2 } as const;

/**
 * One forced choice of a schedule string: when thread `thread` is about to do its point number `op` (from 0; counted
 * per thread), or has ended or fallen asleep there, the scheduler chooses `what` of `to`. Anything not listed runs on
 * without preemption; when it cannot, the lowest-numbered thread that can run goes on.
 */
export interface Switch {
  readonly thread: number;
  readonly op: number;
  readonly to: number;
  readonly what: (typeof CHOICE)[keyof typeof CHOICE];
}

/** How plain accesses take part: only watched for races; points where the layout allows unguarded reads; all points. */
export type PlainPoints = 'race' | 'dirty' | 'all';

export type StrategyName = 'random' | 'pct' | 'pos' | 'surw' | 'dfs';

/** One step of a recorded schedule. */
export interface Step {
  readonly thread: number;
  /** Number of the point in its thread; for plain accesses that are no points, of the point before. */
  readonly op: number;
  readonly kind:
    | 'load'
    | 'store'
    | 'rmw'
    | 'cas'
    | 'notify'
    | 'wait'
    | 'wake'
    | 'timeout'
    | 'pause'
    | 'read'
    | 'write'
    | 'end'
    | 'die';
  readonly site: number;
  /** Word of shared memory, −1 for none. */
  readonly word: number;
  /** Value read (load, read, rmw, cas: before), or result (notify: number woken; wait: its answer). */
  readonly read?: number | string;
  /** Value written. */
  readonly wrote?: number | string;
  /** The scheduler took the processor from the thread that ran before although that could have gone on. */
  readonly preempts?: boolean;
  /** Vector clock after the step, when clocks were asked for. */
  readonly clock?: readonly number[];
}

/** What a run of many schedules has covered. */
export interface Coverage {
  readonly schedules: number;
  readonly steps: number;
  /** Executions that differ in more than the order of independent steps; exhaustive: program states. */
  readonly distinct: number;
  /** 0 ... 1: share of the executions of this strategy that have been seen already, estimated from those seen once. */
  readonly saturation: number;
  /** Deepest bound of preemptions that was exhausted; −1 none; Infinity: all interleavings. */
  readonly boundExhausted: number;
  readonly outcomes: ReadonlyMap<string, number>;
  readonly ms: number;
}
