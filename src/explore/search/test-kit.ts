/**
 * An engine for tests: threads are generators that yield each operation with the locals that are still in use. No
 * transform, no plain accesses; the semantics of points, sleepers and choices are those of the real one.
 */
import { Sharing } from '../engine/sharing.ts';
import { StateKeys } from '../engine/state-keys.ts';
import { CUT, defaultChoice } from '../engine/strategy.ts';
import { KIND, STATUS } from '../engine/vthread.ts';
import type { Finding, FindingKind } from '../types.ts';
import type { SearchEngine, SearchRun, SearchStrategy } from './search-engine.ts';

export interface Op {
  readonly kind: number;
  readonly word: number;
  readonly v1: number;
  readonly v2: number;
  readonly locals: readonly unknown[];
}
export type Program = Generator<Op, unknown, number>;

const op = (kind: number, word: number, v1: number, v2: number, locals: readonly unknown[]): Op => ({
  kind,
  word,
  v1,
  v2,
  locals,
});
export const load = (w: number, ...locals: unknown[]): Op => op(KIND.load, w, 0, 0, locals);
export const store = (w: number, v: number, ...locals: unknown[]): Op => op(KIND.store, w, v, 0, locals);
/** Adds; the value before comes back. */
export const add = (w: number, v: number, ...locals: unknown[]): Op => op(KIND.rmw, w, v, 0, locals);
export const exchange = (w: number, v: number, ...locals: unknown[]): Op =>
  op(KIND.rmw + 16, w, v, 0, locals);
export const cas = (w: number, e: number, r: number, ...locals: unknown[]): Op =>
  op(KIND.cas, w, e, r, locals);
/** Sleeps while the word is `v`; 1 comes back when it was woken, 0 when it did not sleep, 2 when timed out. */
export const wait = (w: number, v: number, timeout = Infinity, ...locals: unknown[]): Op =>
  op(KIND.wait, w, v, timeout, locals);
export const notify = (w: number, n: number, ...locals: unknown[]): Op => op(KIND.notify, w, n, 0, locals);
export const pause = (...locals: unknown[]): Op => op(KIND.pause, -1, 0, 0, locals);

export interface Tiny {
  readonly words?: number;
  readonly threads: readonly (() => Program)[];
  /** What is wrong with the end; an empty string: nothing. */
  readonly check?: (m: Int32Array, results: readonly unknown[]) => string;
  readonly mayDie?: number;
  readonly maxSteps?: number;
  /** Leaves operands out of the key, as a careless engine would. */
  readonly careless?: boolean;
}

interface TinyThread {
  program: Program;
  op: Op;
  ops: number;
  status: number;
  result: unknown;
  sleepNo: number;
}

const found = (kind: FindingKind, message: string): Finding => ({ kind, message, places: [], details: [] });

export class TinyEngine implements SearchEngine {
  readonly n: number;
  readonly stateful = true;
  ready = 0;
  timers = 0;
  mortal = 0;
  paused = 0;
  last = 0;
  readonly m: Int32Array;
  readonly keys: StateKeys;
  private readonly sharing: Sharing;
  /** Keys of all states in which a strategy was asked; when set. */
  seen: Set<string> | null = null;
  private threads: TinyThread[] = [];
  private sleeps = 0;
  private readonly program: Tiny;

  constructor(program: Tiny) {
    this.program = program;
    this.n = program.threads.length;
    this.m = new Int32Array(program.words ?? 8);
    this.keys = new StateKeys(this.n);
    this.keys.identify([]);
    this.sharing = new Sharing(this.m.length);
  }

  isPrivate(t: number): boolean {
    const { op: next, status } = this.threads[t];
    if (status !== STATUS.ready || next.kind === KIND.pause) return true;
    return next.kind <= KIND.cas && this.sharing.isPrivate(next.word);
  }

  get sharingOutdated(): boolean {
    return this.sharing.outdated;
  }

  settleSharing(): void {
    this.sharing.settle();
  }

  opOf(t: number): number {
    return this.threads[t].ops;
  }

  stateKey(out: Int32Array, extra: number): void {
    this.keys.key(out, extra);
  }

  run(strategy: SearchStrategy): SearchRun {
    this.begin();
    strategy.begin(this);
    let cur = -1;
    let steps = 0;
    while ((this.ready | this.timers) !== 0) {
      const choice = this.choose(strategy, cur);
      if (choice === CUT) return { finding: null, cut: true, steps, outcome: '' };
      const t = choice % this.n;
      if (choice >= 2 * this.n) {
        this.die(t);
        if (t === cur) cur = -1;
        continue;
      }
      if (choice >= this.n) this.wake(t, 2);
      this.last = t;
      cur = this.step(t) ? t : -1;
      if (++steps >= (this.program.maxSteps ?? 300)) {
        return { finding: found('livelock', 'no end'), cut: false, steps, outcome: '' };
      }
    }
    return this.judge(steps);
  }

  private judge(steps: number): SearchRun {
    const results = this.threads.map((t) => t.result);
    const asleep = this.threads.some((t) => t.status === STATUS.asleep);
    const wrong = this.program.check?.(this.m, results) ?? '';
    const died = this.threads.some((t) => t.status === STATUS.dead);
    const finding =
      asleep && !died
        ? found('deadlock', 'somebody sleeps for ever')
        : wrong !== ''
          ? found('check', wrong)
          : null;
    return { finding, cut: false, steps, outcome: finding === null ? results.join() : '' };
  }

  private begin(): void {
    this.m.fill(0);
    this.keys.reset();
    this.ready = 0;
    this.timers = 0;
    this.paused = 0;
    this.last = 0;
    this.sleeps = 0;
    this.mortal = this.program.mayDie ?? 0;
    this.threads = this.program.threads.map((make) => ({
      program: make(),
      op: load(0),
      ops: 0,
      status: STATUS.ready,
      result: undefined,
      sleepNo: 0,
    }));
    this.threads.forEach((_, t) => {
      this.ready |= 1 << t;
      this.advance(t, 0);
    });
  }

  private choose(strategy: SearchStrategy, cur: number): number {
    const only = (this.ready & (this.ready - 1)) === 0 && this.timers === 0 && this.mortal === 0;
    if (only) return defaultChoice(this, cur);
    if (this.seen !== null) {
      const key = new Int32Array(4);
      this.keys.key(key, 0);
      this.seen.add(key.join());
    }
    return strategy.next(this, cur);
  }

  /** Hands a value to the thread and takes its next operation. False: it has ended. */
  private advance(t: number, value: number): boolean {
    const thread = this.threads[t];
    const { done, value: next } = thread.program.next(value);
    this.paused &= ~(1 << t);
    if (done === true) {
      thread.status = STATUS.done;
      thread.result = next;
      this.ready &= ~(1 << t);
      this.mortal &= ~(1 << t);
      this.keys.status(t, STATUS.done, next);
      return false;
    }
    thread.op = next;
    if (next.kind === KIND.pause) this.paused |= 1 << t;
    const values = this.program.careless === true ? [0, 0] : [next.v1, next.v2];
    this.keys.point(t, next.kind, 0, next.word, values[0], values[1], next.locals);
    return true;
  }

  /** Performs the pending operation. False: the thread cannot go on. */
  private step(t: number): boolean {
    const thread = this.threads[t];
    const { kind, word, v1, v2 } = thread.op;
    const before = word < 0 ? 0 : this.m[word];
    if (thread.status > STATUS.dead) {
      // Awake: the answer was kept as the status.
      const answer = thread.status - STATUS.dead;
      thread.status = STATUS.ready;
      thread.ops++;
      return this.advance(t, answer);
    }
    thread.ops++;
    if (word >= 0) this.sharing.note(word, t, kind !== KIND.load);
    if (kind === KIND.wait) {
      if (before !== v1) return this.advance(t, 0);
      thread.status = STATUS.asleep;
      thread.sleepNo = ++this.sleeps;
      this.ready &= ~(1 << t);
      if (v2 !== Infinity) this.timers |= 1 << t;
      this.ranks(word);
      return false;
    }
    let after = before;
    if (kind === KIND.store) after = v1;
    else if (kind === KIND.rmw) after = before + v1;
    else if (kind === KIND.rmw + 16) after = v1;
    else if (kind === KIND.cas && before === v1) after = v2;
    if (after !== before) {
      this.m[word] = after;
      this.keys.write(word, before, after);
      this.paused &= 1 << t;
    }
    return this.advance(t, kind === KIND.notify ? this.wakeSome(word, v1) : before);
  }

  private sleepers(word: number): number[] {
    return this.threads
      .map((_, t) => t)
      .filter((t) => this.threads[t].status === STATUS.asleep && this.threads[t].op.word === word)
      .toSorted((a, b) => this.threads[a].sleepNo - this.threads[b].sleepNo);
  }

  private wakeSome(word: number, count: number): number {
    const woken = this.sleepers(word).slice(0, count);
    for (const t of woken) this.wake(t, 1);
    return woken.length;
  }

  private wake(t: number, answer: number): void {
    const thread = this.threads[t];
    thread.status = STATUS.dead + answer;
    this.ready |= 1 << t;
    this.timers &= ~(1 << t);
    this.keys.status(t, thread.status);
    this.ranks(thread.op.word);
  }

  private ranks(word: number): void {
    this.sleepers(word).forEach((t, rank) => this.keys.status(t, STATUS.asleep, rank));
  }

  private die(t: number): void {
    this.threads[t].status = STATUS.dead;
    this.ready &= ~(1 << t);
    this.timers &= ~(1 << t);
    this.mortal = 0;
    this.keys.status(t, STATUS.dead);
  }
}

// ---------------------------------------------------------------- programs

const LOCK = 0;
const COUNT = 1;
const WAITERS = 2;

/** The futex mutex with the states free, locked, contended; `rounds` times round a counter. */
export function* mutexThread(rounds: number): Program {
  for (let round = 0; round < rounds; round++) {
    let c = yield cas(LOCK, 0, 1, round);
    if (c !== 0) {
      if (c !== 2) c = yield exchange(LOCK, 2, round);
      while (c !== 0) {
        yield wait(LOCK, 2, Infinity, round);
        c = yield exchange(LOCK, 2, round);
      }
    }
    if ((yield add(LOCK, -1, round)) !== 1) {
      yield store(LOCK, 0, round);
      yield notify(LOCK, 1, round);
    }
  }
  return 'done';
}

export const mutex = (threads: number, rounds: number): Tiny => ({
  threads: Array.from({ length: threads }, () => () => mutexThread(rounds)),
  check: (m) => (m[LOCK] === 0 ? '' : 'still locked'),
});

/**
 * A lock that loses wake-ups: free or locked, and a count of waiters which unlock reads before it frees the word.
 * The threads pass some points of no interest first.
 */
export const lossyLock = (idle = 0): Tiny => ({
  threads: [0, 1].map(
    (id) =>
      function* (): Program {
        for (let i = 0; i < idle; i++) yield load(5, i);
        while ((yield cas(LOCK, 0, 1)) !== 0) {
          yield add(WAITERS, 1);
          yield wait(LOCK, 1);
          yield add(WAITERS, -1);
        }
        const waiters = yield load(WAITERS);
        yield store(LOCK, 0, waiters);
        if (waiters > 0) yield notify(LOCK, 1);
        return id;
      },
  ),
});

/** One thread adds atomically, one by load and store: the value to store is an operand, and in no local. */
export const lostUpdate = (careless = false): Tiny => ({
  threads: [
    function* (): Program {
      yield add(COUNT, 1);
      yield load(COUNT);
      return '';
    },
    function* (): Program {
      yield store(COUNT, (yield load(COUNT)) + 1);
      return '';
    },
  ],
  check: (m) => (m[COUNT] === 2 ? '' : 'an update is lost'),
  careless,
});

/** Thread 0 raises a flag; the others wait for it in a loop, with or without a pause hint. */
export const spin = (waiters: number, hint: boolean): Tiny => ({
  threads: [
    function* (): Program {
      yield load(COUNT);
      yield store(COUNT, 1);
      return '';
    },
    ...Array.from(
      { length: waiters },
      () =>
        function* (): Program {
          while ((yield load(COUNT)) === 0) if (hint) yield pause();
          return '';
        },
    ),
  ].toReversed(),
});

/** Two threads that take two locks in opposite order, by trying for ever, or politely: giving the first one back. */
export const crossed = (polite: boolean): Tiny => ({
  threads: [0, 1].map(
    (id) =>
      function* (): Program {
        for (;;) {
          while ((yield cas(id, 0, 1)) !== 0) yield pause();
          if (polite) {
            if ((yield cas(1 - id, 0, 1)) === 0) break;
            yield store(id, 0);
          } else {
            while ((yield cas(1 - id, 0, 1)) !== 0) yield pause();
            break;
          }
        }
        yield store(1 - id, 0);
        yield store(id, 0);
        return '';
      },
  ),
});
