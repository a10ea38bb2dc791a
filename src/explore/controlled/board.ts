/**
 * What the controller and the real threads of controlled mode share about a run: whose turn it is, who can run, who
 * sleeps where, which forced choices have been played.
 *
 * Only the thread whose turn it is runs, so everything but `go`, `state` and `acks` is plain: a turn is handed over by
 * an Atomics.store that the next one waits for. `go` and `acks` are slept on, with V8's own futex, in memory that the
 * program does not have.
 */
import { CHOICE, type Switch } from '../types.ts';
import { VirtualWorld, WORLD_CELLS } from './virtual-world.ts';

/** Where a thread is. */
export const STATE = {
  /** Not at its first point yet. */
  starting: 0,
  /** Stands at a point, or has been woken: goes on when it gets the turn. */
  ready: 1,
  /** In Atomics.wait, or about to be. */
  asleep: 2,
  done: 3,
  failed: 4,
  dead: 5,
} as const;
const STATE_NAMES = ['starting', 'ready', 'asleep', 'done', 'failed', 'dead'] as const;

/** What a thread is told to do. */
export const GO = {
  none: 0,
  /** It is its turn. */
  run: 1,
  /** Woken only to let another one out: back to sleep. */
  sleepAgain: 2,
  /** Its sleep has timed out, and it is its turn. */
  timedOut: 3,
} as const;

/** Words of a thread's row. */
const ROW = { go: 0, state: 1, op: 2, paused: 3, sum: 4, site: 5, buffer: 6, index: 7, order: 8 } as const;
const ROW_WORDS = 16;
/** Words before the rows. */
const HEAD = {
  acks: 0,
  shuffling: 1,
  slept: 2,
  mayDie: 3,
  wakeups: 4,
  cursor: 5,
  missed: 6,
  points: 7,
  maxPoints: 8,
} as const;
const HEAD_WORDS = 16;
/** Doubles: the virtual world, then each thread's deadline. */
const DEADLINES = WORLD_CELLS;

/** Plain data, to be posted to a worker. */
export interface BoardShare {
  readonly words: SharedArrayBuffer;
  readonly times: SharedArrayBuffer;
  readonly n: number;
  readonly switches: readonly Switch[];
}

/** What the default rule of choices looks at (engine/strategy.ts), under the engine's names. */
export interface Candidates {
  readonly n: number;
  readonly ready: number;
  readonly paused: number;
  readonly timers: number;
}

/** Where somebody sleeps: the buffer by its number, and the place in it in 32-bit words. */
export interface Bed {
  readonly buffer: number;
  readonly index: number;
}

export class Board {
  readonly n: number;
  readonly switches: readonly Switch[];
  /** The clock and random numbers of the program's threads. */
  readonly world: VirtualWorld;
  private readonly words: Int32Array;
  private readonly deadlines: Float64Array;
  /** A number that changes when the program's memory does. */
  private readonly checksum: () => number;

  constructor(share: BoardShare, checksum: () => number) {
    this.n = share.n;
    this.switches = share.switches;
    this.words = new Int32Array(share.words);
    const times = new Float64Array(share.times);
    this.world = new VirtualWorld(times.subarray(0, WORLD_CELLS));
    this.deadlines = times.subarray(DEADLINES);
    this.checksum = checksum;
  }

  /**
   * @param mayDie threads that a choice may let die
   * @param maxPoints most points in the run
   */
  static share(
    n: number,
    switches: readonly Switch[],
    mayDie: readonly number[],
    maxPoints: number,
  ): BoardShare {
    const words = new SharedArrayBuffer((HEAD_WORDS + n * ROW_WORDS) * Int32Array.BYTES_PER_ELEMENT);
    const times = new SharedArrayBuffer((DEADLINES + n) * Float64Array.BYTES_PER_ELEMENT);
    const head = new Int32Array(words);
    head[HEAD.mayDie] = mayDie.reduce((mask, t) => mask | (1 << t), 0);
    head[HEAD.maxPoints] = maxPoints;
    return { words, times, n, switches };
  }

  private row(t: number): number {
    return HEAD_WORDS + t * ROW_WORDS;
  }

  // --- turns

  /** Lets a thread go on. The caller must not touch anything afterwards but to wait. */
  tell(t: number, go: number): void {
    const at = this.row(t) + ROW.go;
    Atomics.store(this.words, at, go);
    Atomics.notify(this.words, at);
  }

  /** Sleeps until this thread is told what to do. */
  listen(t: number): number {
    const at = this.row(t) + ROW.go;
    Atomics.wait(this.words, at, GO.none);
    return Atomics.exchange(this.words, at, GO.none);
  }

  // --- threads

  state(t: number): number {
    return Atomics.load(this.words, this.row(t) + ROW.state);
  }

  stateName(t: number): string {
    return STATE_NAMES[this.state(t)];
  }

  setState(t: number, state: number): void {
    Atomics.store(this.words, this.row(t) + ROW.state, state);
  }

  /** Number of the point that a thread is about to do: as many as it has done. */
  op(t: number): number {
    return this.words[this.row(t) + ROW.op];
  }

  /** A thread stands before its next point. */
  arrive(t: number, site: number, pause: boolean): void {
    const row = this.row(t);
    this.words[row + ROW.site] = site;
    this.words[row + ROW.paused] = pause ? 1 : 0;
    if (pause) this.words[row + ROW.sum] = this.sum;
  }

  /** Counts a point; true: it is one too many. */
  exhausts(): boolean {
    return ++this.words[HEAD.points] >= this.words[HEAD.maxPoints];
  }

  /** It does that point. */
  proceed(t: number): void {
    const row = this.row(t);
    this.words[row + ROW.op]++;
    this.words[row + ROW.paused] = 0;
  }

  /** The site of its last point, or of the one that it stands before. */
  site(t: number): number {
    return this.words[this.row(t) + ROW.site];
  }

  private mask(has: (t: number, row: number) => boolean): number {
    let mask = 0;
    for (let t = 0; t < this.n; t++) if (has(t, this.row(t))) mask |= 1 << t;
    return mask;
  }

  /** Changes when memory does, and when somebody is woken. */
  private get sum(): number {
    return (this.checksum() + Math.imul(this.words[HEAD.wakeups], 0x9e3779b1)) | 0;
  }

  get ready(): number {
    return this.mask((t) => this.state(t) === STATE.ready);
  }

  /** Of those who can run: who stands at a pause, and nothing has happened since. */
  private get paused(): number {
    const { words } = this;
    const standing = this.mask((t, row) => this.state(t) === STATE.ready && words[row + ROW.paused] !== 0);
    if (standing === 0) return 0;
    const { sum } = this;
    return standing & this.mask((_, row) => words[row + ROW.sum] === sum);
  }

  /** Sleepers whose time-out may fire: those with the earliest deadline, as time is one for all. */
  get timers(): number {
    const { deadlines } = this;
    let earliest = Infinity;
    for (let t = 0; t < this.n; t++) {
      if (this.state(t) === STATE.asleep) earliest = Math.min(earliest, deadlines[t]);
    }
    if (earliest === Infinity) return 0;
    return this.mask((t) => this.state(t) === STATE.asleep && deadlines[t] === earliest);
  }

  /** Who may die now: one thread in a run, as long as it has not ended. */
  get mortal(): number {
    if (this.mask((t) => this.state(t) === STATE.dead) !== 0) return 0;
    const alive = this.mask((t) => this.state(t) === STATE.ready || this.state(t) === STATE.asleep);
    return this.words[HEAD.mayDie] & alive;
  }

  get candidates(): Candidates {
    return { n: this.n, ready: this.ready, paused: this.paused, timers: this.timers };
  }

  // --- sleep

  /** A thread is about to sleep. `deadline` in ms of the virtual clock; Infinity: never. */
  lieDown(t: number, bed: Bed, deadline: number): void {
    const row = this.row(t);
    this.words[row + ROW.buffer] = bed.buffer;
    this.words[row + ROW.index] = bed.index;
    this.words[row + ROW.order] = this.words[HEAD.slept]++;
    this.deadlines[t] = deadline;
    this.setState(t, STATE.asleep);
  }

  bed(t: number): Bed {
    const row = this.row(t);
    return { buffer: this.words[row + ROW.buffer], index: this.words[row + ROW.index] };
  }

  /** Who sleeps there, in the order in which they fell asleep. */
  sleepers(bed: Bed): number[] {
    const there: number[] = [];
    for (let t = 0; t < this.n; t++) {
      const { buffer, index } = this.bed(t);
      if (this.state(t) === STATE.asleep && buffer === bed.buffer && index === bed.index) there.push(t);
    }
    const order = (t: number): number => this.words[this.row(t) + ROW.order];
    return there.toSorted((a, b) => order(a) - order(b));
  }

  deadline(t: number): number {
    return this.deadlines[t];
  }

  /** Whether the controller wakes sleepers only to put them into another order. */
  get shuffling(): boolean {
    return Atomics.load(this.words, HEAD.shuffling) !== 0;
  }

  set shuffling(on: boolean) {
    Atomics.store(this.words, HEAD.shuffling, on ? 1 : 0);
  }

  /** Times that a thread has noticed that it was woken. */
  get acks(): number {
    return Atomics.load(this.words, HEAD.acks);
  }

  acknowledge(): void {
    Atomics.add(this.words, HEAD.acks, 1);
    Atomics.notify(this.words, HEAD.acks);
  }

  /** Sleeps until all whom a notify has woken have said so. @param before acks before the notify */
  awaitWoken(before: number, woken: number): void {
    if (woken > 0) this.words[HEAD.wakeups]++;
    for (let acks = this.acks; acks < before + woken; acks = this.acks) {
      Atomics.wait(this.words, HEAD.acks, acks);
    }
  }

  // --- the schedule

  /**
   * The forced choice for a thread at the point that it stands at; null: none. Entries are taken in their order
   * (search/replay.ts): one that can no longer come is left out, and noted.
   */
  forced(t: number): Switch | null {
    const { switches, words } = this;
    for (;;) {
      const s = switches[words[HEAD.cursor]];
      if (s === undefined) return null;
      if (s.thread === t && s.op === this.op(t)) return s;
      if (s.thread < this.n && this.op(s.thread) <= s.op) return null;
      if (words[HEAD.missed] === 0) words[HEAD.missed] = words[HEAD.cursor] + 1;
      words[HEAD.cursor]++;
    }
  }

  /** The forced choice is made, or was not possible: the next one is due. */
  advance(): void {
    this.words[HEAD.cursor]++;
  }

  /** The first forced choice that was passed by without being made. */
  get missed(): Switch | null {
    return this.switches[this.words[HEAD.missed] - 1] ?? null;
  }

  /** The first forced choice that has not come yet. */
  get due(): Switch | null {
    return this.switches[this.words[HEAD.cursor]] ?? null;
  }

  /** Whether a choice can be played now. */
  canPlay(s: Switch): boolean {
    const mask = s.what === CHOICE.run ? this.ready : s.what === CHOICE.timer ? this.timers : this.mortal;
    return s.to < this.n && (mask & (1 << s.to)) !== 0;
  }
}
