/**
 * A stress run, from the data files to the verdict: starts sessions and page cleaners, watches them, ends them, and
 * checks every invariant. Each phase ends when it is done, when a thread fails, when the watchdog finds it stuck, or
 * when the user gives it up: none waits without a bound.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { wakePageCleaner } from '../../src/buffer/cleaner-wake.ts';
import { UserError } from '../../src/config/errors.ts';
import { unwritable } from '../../src/config/writable.ts';
import {
  type Attached,
  attachEngine,
  createEngine,
  type EngineShare,
  MAIN_SLOT,
  sessionAt,
  thdAt,
} from '../../src/engine.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { setU53 } from '../../src/layout/words.ts';
import { sessionResult } from '../../src/session/session-result.ts';
import { stmtTimerLook } from '../../src/session/limits/stmt-timer.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';
import { giveUp } from '../../workers/outcome.ts';
import { Crew } from './crew.ts';
import { DataFiles } from './data-files.ts';
import { Dispatcher } from './dispatcher.ts';
import { OneThreadPerConnection } from './one-thread.ts';
import { Interrupted, type RunEvents, type RunOptions, type RunResult } from './run-types.ts';
import { ScriptRun } from '../options/script.ts';
import { Telemetry } from './telemetry.ts';
import { connectedAtOnce } from '../options/thread-handling.ts';
import type { ThreadModel } from './thread-model.ts';
import { createTouchedEngine } from './touched-engine.ts';
import { checkClosed, checkConnectionMemory, checkPool, type Verdict } from '../verdict/verdict.ts';
import { checkNothingLeft, checkYard } from '../verdict/verdict-memory.ts';
import { checkEnds, checkSeats } from '../verdict/verdict-sessions.ts';
import { seconds, Watchdog } from './watchdog.ts';

const C = CONTROL.at;

const TICK_MS = 1000;
const POLL_MS = 5;
const LOOK_MS = 250;
const START_SECONDS = 60;
/** Time that threads have to end by themselves after an abort: a few wait slices, and a write. */
const ABORT_GRACE_MS = 3000;

/** A run under way. `stop` ends it early and cleanly; a second `stop` gives it up. */
export class StressRun {
  private readonly o: RunOptions;
  private readonly events: RunEvents;
  private share: EngineShare | null = null;
  private files: DataFiles | null = null;
  private watchdog: Watchdog | null = null;
  private stops = 0;
  private stuck: string | null = null;
  /** What --at and --kill-rate did. */
  private readonly script: string[] = [];

  constructor(o: RunOptions, events: RunEvents = {}) {
    this.o = o;
    this.events = events;
  }

  stop(): void {
    this.stops++;
    const { share } = this;
    if (share === null || this.watchdog === null) this.files?.cancel();
    else if (this.stops === 1) set(share, C.stop);
    else {
      this.files?.cancel();
      this.endStuck('the user gave the run up');
    }
  }

  /**
   * @throws StorageError and UserError before any thread is started, when data files or arena cannot be used;
   *   Interrupted, when `stop` came before that
   */
  async run(): Promise<RunResult> {
    const { reuse } = this.o;
    const share = reserve(this.o);
    this.share = share;
    const files = new DataFiles(share, this.events);
    this.files = files;
    if (this.stops > 0) files.cancel();
    const counters = reuse?.counters ?? null;
    if (counters !== null) new Int32Array(share.buffer).set(counters, share.plan.ledger);
    const loaded = counters !== null || (await files.load());
    if (!loaded || this.stops > 0) throw new Interrupted('interrupted before the run began');
    const main = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
    const watchdog = new Watchdog(share, this.limitMs);
    this.watchdog = watchdog;
    this.events.created?.(share);
    const { o } = this;
    const { programs } = o.programs;
    const latency = Array.from({ length: o.engine.threads }, () => programs.map(() => createHistogram()));
    const named = latency.flatMap((own, thread) =>
      own.map((histogram, program) => ({ thread, program, histogram })),
    );
    if (o.profileDir !== undefined) makeProfileDir(o.profileDir);
    const crew = new Crew({
      share,
      sessions: o.sessions,
      programs: o.programs,
      perSecond: o.rate / connectedAtOnce(o.threadHandling, o.sessions.length, o.engine.threads),
      reconnect: o.reconnect,
      runUs: this.turnsUs,
      traceLength: o.traceLength,
      latency,
      cpuBind: o.cpuBind === 'on',
      lastWords: (slot) => watchdog.lastWords(slot),
      ...(o.profileDir !== undefined && { profileDir: o.profileDir }),
      ...(reuse !== undefined && { reuse }),
    });
    try {
      return await this.conduct(main, crew, files, new Telemetry(main, named, o.sampleMs));
    } finally {
      await crew.dismiss();
    }
  }

  /** Time in which connections take turns for their threads, us; 0: they do not. */
  private get turnsUs(): number {
    const { o } = this;
    if (o.threadHandling === 'pool-of-threads' || o.seconds === 0) return 0;
    return 1e6 * o.seconds + 1000 * this.warmupMs;
  }

  private get limitMs(): number {
    return this.o.watchdogSeconds * 1000;
  }

  private get warmupMs(): number {
    return 1000 * (this.o.warmupSeconds ?? 0);
  }

  private async conduct(
    main: Attached,
    crew: Crew,
    files: DataFiles,
    telemetry: Telemetry,
  ): Promise<RunResult> {
    const { share } = main;
    const { events } = this;
    const verdicts: Verdict[] = [];
    const model = threadModel(this.o, crew, share);
    crew.start();
    if (await this.untilStarted(share)) {
      events.started?.(share, crew.pools);
      const began = performance.now();
      if (this.warmupMs === 0) beginMeasuring(crew, telemetry, began);
      setU53(main.thr.mem, share.plan.runtime.control + C.goUs, Math.trunc(main.thr.clock.us()));
      set(share, C.go);
      model.begin();
      await this.untilParked(main, crew, model, telemetry, began);
    }
    crew.measure('ends');
    const measured = await telemetry.end(!isGivenUp(share));
    if (!isGivenUp(share)) {
      verdicts.push(checkConnectionMemory(share, 'open'));
      model.close();
      await this.untilOut(share, 'closed', () => model.out());
    }
    if (!isGivenUp(share)) {
      let left = false;
      void crew.leave(true).then(() => (left = true));
      await this.untilOut(share, 'left the run', () => (left ? [] : crew.atWork('thread')));
    }
    if (!isGivenUp(share)) events.phase?.('writing out dirty pages');
    crew.cleanersMayEnd();
    set(share, C.cleanerStop);
    for (const inst of main.pool.instances) wakePageCleaner(main.pool, inst);
    // What is dirty may take long to write: the watchdog decides, not a deadline.
    await this.until(
      share,
      () => crew.atWork('cleaner').length === 0,
      () => null,
    );
    const terminated = isGivenUp(share) ? await lastOut(crew) : [];
    const { mem } = main.thr;
    const results = this.o.sessions.map((spec) =>
      sessionResult(mem, sessionAt(share.plan, spec.session), spec),
    );
    if (!isGivenUp(share)) {
      verdicts.push(
        checkConnectionMemory(share, 'closed'),
        ...checkSeats(main),
        checkEnds(main, results, this.o.reconnect),
        ...checkPool(main),
        ...checkYard(main),
        ...checkClosed(main),
        ...checkNothingLeft(main),
      );
    }
    if (!isGivenUp(share) && this.o.reuse === undefined) {
      events.phase?.('verifying the data files');
      const verdict = await files.check();
      if (verdict === null) this.stuck ??= 'the user gave the run up while the data files were verified';
      else verdicts.push(verdict);
    }
    await crew.dismiss();
    return {
      share,
      measured,
      sessions: results,
      affinity: this.o.cpuBind === 'on' ? crew.affinity : null,
      script: this.script,
      cleaners: crew.cleaners,
      log: [...share.log, ...main.log.lines, ...crew.log],
      verdicts,
      failures: crew.failures,
      stuck: this.stuck,
      aborted: crew.aborted,
      terminated,
      stops: this.stops,
    };
  }

  private untilStarted(share: EngineShare): Promise<boolean> {
    const threads = share.config.threads + share.config.nodes;
    let started = 0;
    let since = performance.now();
    return this.until(
      share,
      () => read(share, C.started) >= threads,
      () => {
        const now = read(share, C.started);
        if (now !== started) since = performance.now();
        started = now;
        return overdue(since + 1000 * (this.o.startSeconds ?? START_SECONDS), () => {
          const missing = this.watchdog?.missing().map((slot) => `thread ${slot + 1}`) ?? [];
          const who = missing.length === 0 ? '' : `: ${missing.join(', ')}`;
          return `${threads - started} of ${threads} workers did not start${who}`;
        });
      },
    );
  }

  /** The run itself: until every session has done its last statement. */
  private async untilParked(
    main: Attached,
    crew: Crew,
    model: ThreadModel,
    telemetry: Telemetry,
    began: number,
  ): Promise<boolean> {
    const { o, events, warmupMs } = this;
    const { share, thr } = main;
    const n = o.sessions.length;
    const script = new ScriptRun(main, o.script, o.killRate, share.config.seed);
    const thds = o.sessions.map((s) => thdAt(share.plan, s.session));
    let nextTick = TICK_MS;
    let overSince = Infinity;
    const parked = await this.until(
      share,
      () => model.parked() >= n,
      () => {
        const now = performance.now();
        if (telemetry.measuring) telemetry.tick(now);
        else if (now - began >= warmupMs && read(share, C.stop) === 0 && (o.reuse?.warm(share) ?? true))
          beginMeasuring(crew, telemetry, now);
        if (o.seconds > 0 && telemetry.elapsedMs(now) >= o.seconds * 1000) set(share, C.stop);
        if (now - began >= nextTick) {
          nextTick += TICK_MS;
          events.tick?.(share, now - began - warmupMs);
        }
        if (read(share, C.stop) === 0) {
          this.script.push(...script.tick(now - began));
        }
        stmtTimerLook(thr, thds, thr.clock.us() / 1000);
        model.tick();
        const traceOver = o.traceLength > 0 && read(share, C.traceCursor) >>> 0 >= o.traceLength;
        if (traceOver || read(share, C.stop) !== 0) overSince = Math.min(overSince, now);
        return (
          model.late(this.limitMs) ??
          overdue(overSince + this.limitMs, () => {
            const late = n - model.parked();
            const busy = this.watchdog?.atWork(THREAD_KIND.session) ?? [];
            const who = busy.length === 0 ? '' : `: ${busy.join(', ')}`;
            return `the time was over ${seconds(this.limitMs)} ago, and ${late} of ${n} sessions have not ended${who}`;
          })
        );
      },
      () => model.due(),
    );
    this.script.push(...script.end());
    return parked;
  }

  /** Until what was told to end has ended. @param what they are to have done */
  private async untilOut(share: EngineShare, what: string, out: () => string[]): Promise<void> {
    const deadline = performance.now() + this.limitMs;
    await this.until(
      share,
      () => out().length === 0,
      () => overdue(deadline, () => `after ${seconds(this.limitMs)} not ${what}: ${out().join(', ')}`),
    );
  }

  /**
   * Waits for the end of a phase.
   * @param late what is wrong once it takes too long; null until then
   * @returns false: the run was given up
   */
  private async until(
    share: EngineShare,
    done: () => boolean,
    late: () => string | null,
    sessionsDue: () => boolean = () => false,
  ): Promise<boolean> {
    let nextLook = 0;
    for (;;) {
      if (isGivenUp(share)) return false;
      if (done()) return true;
      await sleep(POLL_MS);
      let problem = late();
      if (performance.now() >= nextLook) {
        nextLook = performance.now() + LOOK_MS;
        problem ??= this.watchdog?.look(sessionsDue()) ?? null;
      }
      if (problem !== null && !done() && !isGivenUp(share)) this.endStuck(problem);
    }
  }

  /** Notes who waits for what as it is now, and gives the run up. */
  private endStuck(problem: string): void {
    const { share, watchdog } = this;
    if (share === null || watchdog === null || isGivenUp(share)) return;
    this.stuck = `${problem}\n${watchdog.describe()}`;
    giveUp(share);
  }
}

/** @throws UserError when the machine has no room for the arena */
function reserve({ engine, reuse, cpuBind }: RunOptions): EngineShare {
  try {
    // Memory that is used again was touched long ago.
    if (cpuBind === 'on' && reuse === undefined) return createTouchedEngine(engine);
    return createEngine(engine, reuse?.memory.bind(reuse));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UserError(`--innodb-buffer-pool-size: no memory for the arena: ${error.message}`);
  }
}

/** Its parent is there; not by `recursive`, which never comes back where nothing can be made, as below /proc. */
function makeProfileDir(dir: string): void {
  try {
    if (!existsSync(dir)) mkdirSync(dir);
  } catch (error) {
    throw unwritable('--profile', dir, error);
  }
}

/** Gives threads a moment to end by themselves. @returns the names of those that did not */
async function lastOut(crew: Crew): Promise<string[]> {
  const deadline = performance.now() + ABORT_GRACE_MS;
  while (crew.atWork().length > 0 && performance.now() < deadline) await sleep(POLL_MS);
  const terminated = crew.atWork();
  // What those that have ended have to tell.
  await crew.leave(false);
  return terminated;
}

function threadModel(o: RunOptions, crew: Crew, share: EngineShare): ThreadModel {
  const openLoop = o.rate > 0;
  return o.threadHandling === 'pool-of-threads'
    ? new Dispatcher(crew, share, { openLoop, reconnect: o.reconnect })
    : new OneThreadPerConnection(crew, share, openLoop);
}

function beginMeasuring(crew: Crew, telemetry: Telemetry, now: number): void {
  crew.measure('begins');
  telemetry.begin(now);
}

const overdue = (deadline: number, problem: () => string): string | null =>
  performance.now() >= deadline ? problem() : null;

const read = (share: EngineShare, word: number): number =>
  Atomics.load(new Int32Array(share.buffer), share.plan.runtime.control + word);

const isGivenUp = (share: EngineShare): boolean => read(share, C.abort) !== 0;

function set(share: EngineShare, word: number): void {
  const mem = new Int32Array(share.buffer);
  const at = share.plan.runtime.control + word;
  Atomics.store(mem, at, 1);
  Atomics.notify(mem, at);
}
