/**
 * Runs a scenario, one schedule at a time, and says what went wrong in it.
 *
 * A schedule: memory and registered objects are put back to what set-up left; every thread is run up to its first point;
 * then the strategy decides at each point until all threads have ended, or something is found, or nobody can go on.
 */
import { checkLinearizable, type HistoryOp } from '../oracle/linearizability.ts';
import type { Ctx, Finding, FindingKind, Scenario, Step, WordInfo } from '../types.ts';
import { Machine } from './machine.ts';
import { ATTR, ExploreStop, type Registered, STOP } from './scheduling.ts';
import { LatchOrderGraph, latchOrderFinding } from '../oracle/latch-order.ts';
import { BypassCounter } from '../oracle/bypass.ts';
import { blockedFinding } from '../oracle/who-waits.ts';
import { blockedState, raceFinding } from './findings.ts';
import { restoreObjects, type Saved, saveObjects } from './objects.ts';
import { SharedMemory } from './memory.ts';
import { Shadow } from './shadow.ts';
import { StateKeys } from './state-keys.ts';
import { SameAgain, type Strategy } from './strategy.ts';
import { STATUS, VThread } from './vthread.ts';

/** What one schedule came to. */
export interface RunResult {
  readonly finding: Finding | null;
  /** Given up by the strategy: nothing is known about its end. */
  readonly cut: boolean;
  readonly steps: number;
  /** Empty when it did not come to its end, or when `wantOutcomes` is false. */
  readonly outcome: string;
}

const MAX_STEPS = 20_000;
const MAX_THREADS = 8;

/** A value that a coloured function returned: to be driven to its end. */
function isGenerator(value: unknown): value is Iterator<unknown, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    Symbol.iterator in value &&
    'next' in value &&
    'throw' in value
  );
}

function notTransformed(thread: number): Error {
  return new Error(
    `thread ${thread} is not explored: it does no atomic operation, or it is written where nothing transforms it ` +
      `(its function must be imported with ?explore)`,
  );
}

export class Engine extends Machine {
  /** What `setup` returned. */
  s: unknown = undefined;
  /** Names and rules of words. */
  wordInfo: (word: number) => WordInfo | undefined = () => undefined;
  private saved: Saved = saveObjects([], null);
  private contexts: Ctx[] = [];
  private finding: Finding | null = null;
  private history: HistoryOp[] = [];
  private openOps: (HistoryOp | null)[] = [];
  private bypass: BypassCounter | null = null;
  private order: LatchOrderGraph | null = null;
  /** Place at which each thread asked for each class of latch last. */
  private readonly askedAt: Map<number, number>[] = [];
  private dead = -1;
  /** What the modules have made while they were loaded. */
  private modules: { readonly objects: Registered[]; readonly buffers: readonly SharedArrayBuffer[] } | null =
    null;
  private readonly results: unknown[] = [];
  private detector: Shadow | null = null;
  /** Whether races are looked for, in an engine that can. A search that cuts known states would miss some anyway. */
  watchesRaces = true;
  /** Whether `RunResult.outcome` is wanted: building it costs more than a short schedule. */
  wantOutcomes = false;
  /** Threads are to come from transformed code: one that does not would run without being watched. */
  wantGenerators = false;

  /**
   * Runs set-up and takes what it leaves as the beginning of every schedule. The engine must be the hooks of the build
   * that the scenario comes from.
   * @throws what `setup` throws
   */
  open(scenario: Scenario): void {
    const { threads } = scenario;
    if (threads.length === 0 || threads.length > MAX_THREADS) {
      throw new RangeError(
        `scenario ${scenario.name} has ${threads.length} threads; 1 to ${MAX_THREADS} are allowed`,
      );
    }
    this.scenario = scenario;
    this.maxSteps = scenario.maxSteps ?? MAX_STEPS;
    this.ordered = scenario.model !== undefined || scenario.maxBypass !== undefined;
    this.observed = scenario.invariant !== undefined;
    this.n = threads.length;
    this.threads = threads.map((_, id) => new VThread(id));
    this.results.length = 0;
    restoreObjects(this.saved);
    this.modules ??= { objects: this.registered, buffers: this.memory.sabs };
    this.memory = new SharedMemory(this.modules.buffers);
    this.registered = [...this.modules.objects];
    this.shadow = null;
    this.keys = null;
    this.alone();
    const m = scenario.memory > 0 ? this.arrayOf(scenario.memory) : new Int32Array(0);
    this.s = scenario.setup === undefined ? undefined : this.drive(scenario.setup(m));
    this.settle();
    const whole: Int32Array = scenario.memory > 0 ? m : this.memory.main;
    this.contexts = threads.map((_, id) => this.contextOf(id, whole));
    const info = scenario.words?.bind(scenario);
    this.wordInfo = info === undefined ? () => undefined : (word) => info(word, this.s);
    this.readWords(scenario);
    this.detector = this.races ? new Shadow(this.attr, this.n) : null;
    this.saved = saveObjects(this.registered, this.s);
    this.watchLatches(scenario);
    if (this.stateful) {
      this.keys = new StateKeys(this.n);
      this.keys.identify([this.s, this.contexts, ...this.registered.map((r) => r.object)]);
      // Plain objects that set-up returned are put back after each schedule: so they may change.
      const plain = this.saved.open.map(({ object, members }) => ({
        object,
        fields: [...members],
        hashed: true,
      }));
      this.keys.fields([...this.registered.filter((r) => r.hashed && r.fields.length > 0), ...plain]);
    }
  }

  private arrayOf(bytes: number): Int32Array {
    const sab = this.memory.allocate(bytes);
    return this.memory.view(Int32Array, sab, 0, Math.floor(bytes / 4)) as Int32Array;
  }

  private readWords(scenario: Scenario): void {
    this.attr = new Uint8Array(this.memory.words);
    const watched = scenario.watched?.bind(scenario);
    for (let word = 0; word < this.memory.words; word++) {
      const info = this.wordInfo(word);
      let bits = 0;
      if (info?.dirtyRead === true) bits |= ATTR.dirtyRead;
      if (info?.telemetry === true) bits |= ATTR.telemetry;
      const looks = scenario.onWrite !== undefined || scenario.latches !== undefined;
      if (looks && (watched === undefined || watched(word, this.s))) bits |= ATTR.watched;
      this.attr[word] = bits;
    }
  }

  private contextOf(id: number, m: Int32Array): Ctx {
    return {
      id,
      m,
      s: this.s,
      call: (op, ...args) => {
        const entry: HistoryOp = { thread: id, op, args, result: undefined, call: this.steps, ret: -1 };
        this.openOps[id] = entry;
        this.history.push(entry);
        this.keys?.called(id, op, args);
        this.bypass?.waits(id, 0, this.threads[id].site);
      },
      ret: (result) => {
        const entry = this.openOps[id];
        if (entry === null || entry === undefined) throw new Error('ctx.ret without ctx.call');
        Object.assign(entry, { result, ret: this.steps });
        this.openOps[id] = null;
        this.keys?.returned(id, result);
        const over = this.bypass?.acquired(id, 0, this.threads[id].site) ?? null;
        if (over !== null) this.found(over);
        return result;
      },
    };
  }

  /** Drives what a coloured function returned, alone. */
  private drive(value: unknown): unknown {
    if (!isGenerator(value)) return value;
    for (;;) {
      const { done, value: result } = value.next();
      if (done === true) return result;
      throw new Error('set-up or a check would be suspended');
    }
  }

  /** Runs one schedule. `trace`: its steps are pushed there. */
  run(strategy: Strategy, trace: Step[] | null = null): RunResult {
    const { scenario } = this;
    if (scenario === null) throw new Error('no scenario is loaded');
    this.reset();
    this.strategy = strategy;
    this.trace = trace;
    this.live = true;
    this.startThreads(scenario);
    if (this.stop === STOP.no) {
      strategy.begin(this);
      this.schedule();
    }
    this.lookForSharedObjects();
    return this.judge(scenario);
  }

  /** Threads that tell each other something through what set-up returned: then the order of all steps may matter. */
  private lookForSharedObjects(): void {
    const { keys, sharing, s } = this;
    if (keys === null || sharing === null || this.ordered || typeof s !== 'object' || s === null) return;
    if (!keys.hasChanged(s)) return;
    this.ordered = true;
    sharing.outdated = true;
  }

  private reset(): void {
    this.alone();
    this.resetMachine();
    restoreObjects(this.saved);
    this.shadow = this.watchesRaces ? this.detector : null;
    this.shadow?.reset();
    this.keys?.reset();
    this.finding = null;
    this.dead = -1;
    if (this.history.length > 0) this.history = [];
    this.openOps = [];
    this.bypass?.reset();
  }

  /** Runs each thread up to its first point. */
  private startThreads(scenario: Scenario): void {
    this.starting = true;
    const mayDie = scenario.mayDie ?? [];
    this.mortal = 0;
    for (const t of this.threads) {
      this.cur = t;
      this.ready |= t.bit;
      if (mayDie.includes(t.id)) this.mortal |= t.bit;
      try {
        const started = scenario.threads[t.id](this.contexts[t.id]);
        if (isGenerator(started)) {
          t.generator = started;
          const { done, value } = started.next();
          if (done === true) this.ended(t, value);
        } else {
          if (this.wantGenerators) throw notTransformed(t.id);
          this.ended(t, started);
        }
      } catch (error) {
        this.threw(t, error);
      }
      if (this.stop !== STOP.no) break;
    }
    this.starting = false;
    this.last = 0;
  }

  private schedule(): void {
    let next = this.choose(-1);
    while (next >= 0) {
      const t = this.threads[next];
      this.cur = t;
      this.last = next;
      this.nextId = -1;
      let done = false;
      try {
        // A generator is there: threads without one have ended at their start.
        const step = (t.generator as Iterator<unknown, unknown>).next();
        done = step.done === true;
        if (done) this.ended(t, step.value);
      } catch (error) {
        this.threw(t, error);
      }
      if (this.stop !== STOP.no) return;
      next = done || t.status === STATUS.asleep ? this.choose(-1) : this.nextId;
    }
  }

  private ended(t: VThread, result: unknown): void {
    t.ops += t.owes;
    t.owes = 0;
    t.status = STATUS.done;
    t.result = result;
    this.ready &= ~t.bit;
    this.paused &= ~t.bit;
    this.mortal &= ~t.bit;
    this.keys?.status(t.id, STATUS.done, result);
  }

  private threw(t: VThread, error: unknown): void {
    if (this.stop !== STOP.no || error instanceof ExploreStop) return;
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.fail(
      'exception',
      `thread ${t.id} threw ${text.split('\n', 1)[0]}`,
      [{ thread: t.id, site: t.site }],
      error,
    );
  }

  /** Ends the schedule with a finding, unless there is one already. */
  private fail(
    kind: FindingKind,
    message: string,
    places: Finding['places'],
    error?: unknown,
    word?: number,
  ): void {
    this.stop = STOP.finding;
    const details =
      error instanceof Error && error.stack !== undefined ? error.stack.split('\n').slice(0, 12) : [];
    this.finding ??= { kind, message, places, details, ...(word !== undefined && { word }) };
  }

  private judge(scenario: Scenario): RunResult {
    const { steps, stop } = this;
    this.alone();
    if (stop === STOP.cut) return { finding: null, cut: true, steps, outcome: '' };
    let asleep = 0;
    for (const t of this.threads) {
      if (t.status === STATUS.asleep) asleep++;
      else if (t.status === STATUS.dead) this.dead = t.id;
      this.results[t.id] = t.result;
    }
    let outcome = '';
    if (stop === STOP.limit) this.outOfLimit();
    else if (stop === STOP.no) {
      if (asleep > 0 && this.dead < 0) this.blocked(scenario);
      else outcome = this.checkEnd(scenario, asleep);
    }
    return { finding: this.finding, cut: false, steps, outcome };
  }

  private outOfLimit(): void {
    const message = `no end after ${this.maxSteps} steps; thread ${this.last} was running`;
    this.fail('livelock', message, this.placesOf(this.ready));
  }

  private blocked(scenario: Scenario): void {
    // What led there is needed to tell a lost wake-up from a deadlock: the schedule is run once more, with a trace.
    if (this.trace === null) {
      const again = this.run(new SameAgain(this.choices.slice(0, this.nChoices)), []);
      this.finding = again.finding;
    } else {
      this.finding = blockedFinding(
        blockedState(this, this.trace, scenario.holders?.(this.memory.main, this.s) ?? []),
      );
    }
  }

  /** What must hold when all threads have ended, or one has died. @returns the outcome */
  private checkEnd(scenario: Scenario, asleep: number): string {
    const { results, dead } = this;
    const { m } = this.contexts[0];
    if (this.history.length > 0) this.checkHistory(scenario);
    if (this.finding !== null) return '';
    try {
      if (dead < 0) {
        if (scenario.check !== undefined) this.drive(scenario.check(m, this.s, results));
      } else if (scenario.checkAfterDeath !== undefined) {
        this.drive(scenario.checkAfterDeath(m, this.s, results, dead));
      } else if (asleep === 0) {
        this.drive(scenario.check?.(m, this.s, results));
      }
      if (!this.wantOutcomes) return '';
      if (dead >= 0) return `thread ${dead} died`;
      if (scenario.outcome !== undefined) return String(this.drive(scenario.outcome(m, this.s, results)));
      return results.map((r) => String(r)).join(', ');
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      this.fail('check', `the end is wrong: ${text.split('\n', 1)[0]}`, [], error);
      return '';
    }
  }

  private placesOf(mask: number): Finding['places'] {
    return this.threads.filter((t) => (mask & t.bit) !== 0).map((t) => ({ thread: t.id, site: t.site }));
  }

  private checkHistory(scenario: Scenario): void {
    if (scenario.model !== undefined && this.history.length > 0) {
      const verdict = checkLinearizable(this.history, scenario.model);
      if (!verdict.ok) {
        this.fail('linearizability', 'the results fit no order of the operations one after another', []);
        this.finding = { ...(this.finding as Finding), details: verdict.lines };
      }
    }
  }

  protected raceFound(): void {
    const race = this.shadow?.found ?? null;
    if (race === null || this.shadow === null || this.finding !== null) return;
    this.stop = STOP.finding;
    const word = this.shadow.wordOf(race);
    this.finding = raceFinding(race, word, this.nameOf(word), (site) => this.siteOf(site));
  }

  private watchLatches(scenario: Scenario): void {
    const { latches, maxBypass } = scenario;
    this.order = latches === undefined ? null : new LatchOrderGraph((c) => latches.several?.(c) ?? false);
    this.askedAt.length = 0;
    for (let t = 0; t < this.n; t++) this.askedAt.push(new Map());
    const names = {
      latch: () => 'its turn',
      site: (n: number) => this.siteOf(n),
      thread: (t: number) => `thread ${t}`,
    };
    this.bypass = maxBypass === undefined ? null : new BypassCounter(this.n, maxBypass, names);
  }

  private found(finding: Finding): void {
    this.stop = STOP.finding;
    this.finding ??= finding;
  }

  private latchTaken(scenario: Scenario, word: number, value: number): void {
    const { latches } = scenario;
    const { order, cur } = this;
    if (latches === undefined || order === null) return;
    const taken = latches.taken(this.contexts[0].m, this.s, word, value, cur.id);
    if (taken === null) return;
    const sites = this.askedAt[cur.id];
    sites.set(taken.wanted, cur.site);
    for (const held of taken.held) {
      const cycle = order.add(held, taken.wanted, cur.id, sites.get(held) ?? 0, cur.site);
      if (cycle === null) continue;
      const names = { site: (n: number) => this.siteOf(n), thread: (t: number) => `thread ${t}` };
      this.found(latchOrderFinding(cycle, { ...names, latch: (c) => latches.name(c) }));
    }
  }

  protected watch(word: number, value: number): void {
    const { scenario, cur } = this;
    if (scenario === null) return;
    this.latchTaken(scenario, word, value);
    if (scenario.onWrite === undefined) return;
    this.observe('invariant', () => scenario.onWrite?.(this.contexts[0].m, this.s, word, value, cur.id));
  }

  protected afterStep(): void {
    const { scenario } = this;
    if (scenario?.invariant === undefined) return;
    this.observe('invariant', () => this.drive(scenario.invariant?.(this.contexts[0].m, this.s)));
  }

  private observe(kind: FindingKind, look: () => void): void {
    const { cur } = this;
    this.alone();
    try {
      look();
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      const message = `after a step of thread ${cur.id}: ${text.split('\n', 1)[0]}`;
      this.fail(kind, message, [{ thread: cur.id, site: cur.site }], error);
    }
    this.live = true;
    this.cur = cur;
  }

  /** `file:line` of a site, once the sites are known. */
  siteOf: (site: number) => string = (site) => `site ${site}`;

  /** Name of a word for reports. */
  nameOf(word: number): string {
    return this.wordInfo(word)?.name ?? `word ${word}`;
  }

  /** Signature of the schedule that has just run: equal for executions that differ in the order of independent steps only. */
  get signature(): readonly [number, number] {
    return [this.sig0, this.sig1];
  }

  /** Key of the present state of the program. Stateful builds only. `extra` is mixed in. */
  stateKey(out: Int32Array, extra: number): void {
    // When sleepers time out, counted from now.
    let more = extra;
    for (const t of this.threads) {
      if (t.status !== STATUS.asleep || t.deadline === Infinity) continue;
      more = Math.imul(more ^ (t.deadline - this.nowMs), 0x9e3779b1) + t.bit;
      more ^= more >>> 15;
    }
    this.keys?.key(out, more);
  }
}
