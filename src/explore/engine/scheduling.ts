/**
 * The part of the machine that says who goes on: virtual threads, points, the strategy's choices, sleeping and waking,
 * virtual time, death; and the trace of it.
 *
 * While `live`, `cur` is the thread that runs. Otherwise set-up or a check runs: nothing is a point, no race is looked
 * for, and writes count as part of the state.
 */
import type { Element } from '../hooks.ts';
import type { PlainPoints, Scenario, Step } from '../types.ts';
import { SharedMemory } from './memory.ts';
import type { Shadow } from './shadow.ts';
import { Sharing } from './sharing.ts';
import type { StateKeys } from './state-keys.ts';
import { CUT, defaultChoice, type Strategy } from './strategy.ts';
import { KIND, STATUS, VThread } from './vthread.ts';

/** What is known about a word, as bits. */
export const ATTR = { dirtyRead: 1, telemetry: 2, watched: 4 } as const;
/** Why a schedule ends before its threads do. */
export const STOP = { no: 0, finding: 1, limit: 2, cut: 3 } as const;

/** Thrown into code that computes for ever without a point; not for it to catch. */
export class ExploreStop extends Error {}

/** Objects that set-up has made whose fields change later. */
export interface Registered {
  readonly object: object;
  readonly fields: readonly string[];
  readonly hashed: boolean;
}

const { watched: WATCHED } = ATTR;

export abstract class Scheduling {
  /** Number of threads, and which can run, sleep with a time-out that may fire now, may die, are at a pause. */
  n = 0;
  ready = 0;
  timers = 0;
  mortal = 0;
  paused = 0;
  /** The thread that ran last. */
  last = 0;
  /** Points and plain accesses of this schedule; points that `last` has done in a row. */
  steps = 0;
  streak = 0;
  threads: VThread[] = [];
  memory = new SharedMemory();
  stop: number = STOP.no;
  /** What happens has been looked at before (Situation). */
  quiet = false;

  protected live = false;
  protected starting = false;
  protected cur: VThread;
  protected strategy: Strategy | null = null;
  protected nextId = -1;
  protected scenario: Scenario | null = null;
  protected shadow: Shadow | null = null;
  protected keys: StateKeys | null = null;
  protected sharing: Sharing | null = null;
  /** Oracles look at the order of all steps; at memory after each step. */
  protected ordered = false;
  protected observed = false;
  protected attr = new Uint8Array(0);
  protected trace: Step[] | null = null;
  protected preempted = false;
  protected maxSteps = 20_000;
  protected nowMs = 0;
  protected registered: Registered[] = [];
  /** Signature of the execution up to the order of independent steps, in two lanes; and what it is made of. */
  protected sig0 = 0;
  protected sig1 = 0;
  protected sigGen = new Int32Array(0);
  protected sigWord = new Int32Array(0);
  protected generation = 0;
  /** What the strategy has said in this schedule. */
  protected choices = new Int16Array(1024);
  protected nChoices = 0;
  protected main: Int32Array = new Int32Array(0);
  protected base = 0;
  protected length = 0;
  protected readonly loner = new VThread(30);
  protected clockReads = 0;
  protected randomState = 1;
  protected sleepCount = 0;
  protected readonly plain: PlainPoints;
  readonly stateful: boolean;
  readonly races: boolean;

  constructor(o: { readonly races: boolean; readonly stateful: boolean; readonly plain: PlainPoints }) {
    this.races = o.races;
    this.stateful = o.stateful;
    this.plain = o.plain;
    this.cur = this.loner;
  }

  /** After set-up: the machine knows its memory. */
  protected settle(): void {
    this.memory.snapshot();
    this.main = this.memory.main;
    this.base = this.memory.mainBase;
    this.length = this.main.length;
    this.sigGen = new Int32Array(this.memory.words);
    this.sigWord = new Int32Array(this.memory.words);
    this.sharing = this.stateful ? new Sharing(this.memory.words) : null;
  }

  protected resetMachine(): void {
    this.memory.restore();
    this.ready = 0;
    this.timers = 0;
    this.paused = 0;
    this.last = 0;
    this.steps = 0;
    this.nChoices = 0;
    this.streak = 0;
    this.stop = STOP.no;
    this.quiet = false;
    this.nowMs = 0;
    this.clockReads = 0;
    this.randomState = 1;
    this.sleepCount = 0;
    this.generation++;
    this.sig0 = 0;
    this.sig1 = 0;
    for (const t of this.threads) t.reset();
  }

  /** Nobody runs but the caller: for set-up and checks. */
  protected alone(): void {
    this.live = false;
    this.cur = this.loner;
  }

  /** Key of the present state of the program; stateful builds only. `extra` is mixed in. */
  abstract stateKey(out: Int32Array, extra: number): void;

  protected abstract raceFound(): void;
  protected abstract watch(word: number, value: number): void;
  protected abstract afterStep(): void;

  get sharingOutdated(): boolean {
    return this.sharing?.outdated === true;
  }

  /** Points that a thread has done. */
  opOf(t: number): number {
    return this.threads[t].ops;
  }

  /** See Situation. A pause hint does nothing, and waking up neither. */
  isPrivate(id: number): boolean {
    const { sharing, threads } = this;
    const t = threads[id];
    if (sharing === null || this.ordered) return false;
    if (t.sleepWord >= 0 || t.kind === KIND.pause) return true;
    if (t.word < 0 || t.kind === KIND.notify || t.kind === KIND.wait || !sharing.isPrivate(t.word))
      return false;
    if (t.kind === KIND.load || t.kind === KIND.read) return true;
    return !this.observed && (this.attr[t.word] & WATCHED) === 0;
  }

  settleSharing(): void {
    this.sharing?.settle();
  }

  /** A point: whether the thread must be suspended. In stateful builds `top` says so, when it knows the locals. */
  protected point(t: VThread): boolean {
    t.isPoint = this.live;
    if (!this.live || this.stateful) return false;
    return this.decide(t);
  }

  top(locals: readonly unknown[]): boolean {
    const t = this.cur;
    if (!this.live || !t.isPoint) return false;
    const second = t.kind === KIND.wait ? t.timeout : t.w;
    this.keys?.point(t.id, t.kind + (t.op << 4), t.site, t.word, t.v, second, locals);
    return this.decide(t);
  }

  protected decide(t: VThread): boolean {
    if (this.stop !== STOP.no) return true;
    if (++this.steps >= this.maxSteps) {
      this.stop = STOP.limit;
      return true;
    }
    if (this.starting) return true;
    if (this.ready === t.bit && this.timers === 0 && this.mortal === 0) return false;
    const next = this.choose(t.id);
    if (next === t.id) {
      this.streak++;
      return false;
    }
    this.nextId = next;
    return true;
  }

  /** Asks the strategy, and does what it says. @returns the thread that goes on, −1: none */
  protected choose(cur: number): number {
    for (let from = cur; ;) {
      const { n } = this;
      if ((this.ready | this.timers) === 0) return -1;
      const one = from < 0 && this.timers === 0 && this.mortal === 0 && (this.ready & (this.ready - 1)) === 0;
      const choice =
        one || this.strategy === null ? defaultChoice(this, from) : this.asked(this.strategy, from);
      if (choice === CUT) {
        this.stop = STOP.cut;
        return -1;
      }
      if (choice < n) {
        this.preempted = from >= 0 && choice !== from && (this.paused & (1 << from)) === 0;
        if (choice !== from) this.streak = 0;
        return choice;
      }
      if (choice < 2 * n) {
        this.fire(this.threads[choice - n]);
        this.preempted = from >= 0;
        this.streak = 0;
        return choice - n;
      }
      this.kill(this.threads[choice - 2 * n]);
      if (this.stop !== STOP.no) return -1;
      if (choice - 2 * n !== from && from >= 0) return from;
      from = -1;
    }
  }

  protected asked(strategy: Strategy, from: number): number {
    const choice = strategy.next(this, from);
    if (this.nChoices === this.choices.length) {
      const longer = new Int16Array(2 * this.choices.length);
      longer.set(this.choices);
      this.choices = longer;
    }
    this.choices[this.nChoices++] = choice;
    return choice;
  }

  protected firstSleeper(word: number): VThread | null {
    let first: VThread | null = null;
    for (const s of this.threads) {
      if (s.status === STATUS.asleep && s.sleepWord === word && (first === null || s.sleepNo < first.sleepNo))
        first = s;
    }
    return first;
  }

  protected rankOf(t: VThread): number {
    let rank = 0;
    for (const s of this.threads) {
      if (s.status === STATUS.asleep && s.sleepWord === t.sleepWord && s.sleepNo < t.sleepNo) rank++;
    }
    return rank;
  }

  protected awake(t: VThread, answer: 'ok' | 'timed-out'): void {
    t.status = STATUS.ready;
    t.answer = answer;
    t.deadline = Infinity;
    this.ready |= t.bit;
    this.findTimers();
    const { keys } = this;
    if (keys === null) return;
    keys.status(t.id, answer === 'ok' ? 4 : 5, 0);
    for (const s of this.threads) {
      if (s.status === STATUS.asleep && s.sleepWord === t.sleepWord)
        keys.status(s.id, STATUS.asleep, this.rankOf(s));
    }
  }

  /** Only the earliest deadline may fire: time is one for all. */
  protected findTimers(): void {
    let earliest = Infinity;
    this.timers = 0;
    for (const t of this.threads) {
      if (t.status !== STATUS.asleep || t.deadline > earliest || t.deadline === Infinity) continue;
      if (t.deadline < earliest) this.timers = 0;
      earliest = t.deadline;
      this.timers |= t.bit;
    }
  }

  protected fire(t: VThread): void {
    this.nowMs = Math.max(this.nowMs, t.deadline);
    this.awake(t, 'timed-out');
  }

  protected kill(t: VThread): void {
    t.status = STATUS.dead;
    this.ready &= ~t.bit;
    this.paused &= ~t.bit;
    this.mortal = 0;
    this.findTimers();
    this.keys?.status(t.id, STATUS.dead, 0);
    if (this.trace !== null) this.step(t, 'die');
  }

  sub<G>(generator: G, site: number, locals: readonly unknown[]): G {
    if (this.live) this.keys?.enter(this.cur.id, site, locals);
    return generator;
  }

  pop<T>(value: T): T {
    if (this.live) this.keys?.leave(this.cur.id);
    return value;
  }

  depth(): number {
    return this.live && this.keys !== null ? this.keys.depth(this.cur.id) : 0;
  }

  cut(depth: number): void {
    if (this.live) this.keys?.cut(this.cur.id, depth);
  }

  protected outOfSteps(): never {
    this.stop = STOP.limit;
    throw new ExploreStop('step limit');
  }

  protected step(t: VThread, kind: Step['kind'], read?: Element | string, wrote?: Element): void {
    if (this.trace === null) return;
    this.push(t, kind, t.site, t.word, t.ops - 1, read, wrote);
  }

  protected plainStep(
    t: VThread,
    kind: 'read' | 'write',
    site: number,
    word: number,
    read?: Element,
    wrote?: Element,
  ): void {
    this.push(
      t,
      kind,
      site,
      word,
      t.isPoint && (t.kind === KIND.read || t.kind === KIND.write) ? t.ops - 1 : t.ops,
      read,
      wrote,
    );
  }

  protected push(
    t: VThread,
    kind: Step['kind'],
    site: number,
    word: number,
    op: number,
    read?: Element | string,
    wrote?: Element,
  ): void {
    const plain = (v: Element | string): number | string => (typeof v === 'bigint' ? `${v}n` : v);
    this.trace?.push({
      thread: t.id,
      op,
      kind,
      site,
      word,
      ...(read !== undefined && { read: plain(read) }),
      ...(wrote !== undefined && { wrote: plain(wrote) }),
      ...(this.preempted && { preempts: true }),
      ...(this.shadow !== null && { clock: this.shadow.words.clockOf(t.id) }),
    });
    this.preempted = false;
  }
}
