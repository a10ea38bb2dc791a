/** The threads of the curve: one for each session. Each part has a common start and is told when to end; none waits without a bound. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Piscina } from 'piscina';
import { RealClock } from '../../src/layout/clock.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { whoWaits } from '../../src/observe/who-waits.ts';
import { nodePool, workerEntry } from '../runner/crew.ts';
import type { LimitPlan } from './limit-arena.ts';
import type { PartDone, PartTask } from './part.ts';

const C = CONTROL.at;
const START_MS = 60_000;
const POLL_MS = 1;
/** Time that threads have to end by themselves once the curve is given up: a few wait slices. */
const GRACE_MS = 2000;

export interface LimitCrewEvents {
  /** All workers of a part are connected; none has begun. */
  started?(plan: LimitPlan, pool: Piscina): void;
}

export interface LimitCrewOptions {
  readonly seed: number;
  readonly watchdogMs: number;
  readonly signal?: AbortSignal;
  readonly events: LimitCrewEvents;
}

/** A worker died, hangs, or found what must not be: one line that says which, and ends the curve. */
export class CurveProblem extends Error {
  override readonly name = 'CurveProblem';
}

/** A part that is over. */
export interface CrewDone {
  /** What each session did. */
  readonly sessions: readonly PartDone[];
  /** CPU time of the process from the common start to the end of the last, us. */
  readonly cpuUs: number;
}

interface Seat {
  done: PartDone | null;
  failure: string | null;
}

export class LimitCrew {
  private readonly plan: LimitPlan;
  private readonly o: LimitCrewOptions;
  private readonly mem: Int32Array;
  private readonly pool: Piscina;

  constructor(plan: LimitPlan, o: LimitCrewOptions) {
    this.plan = plan;
    this.o = o;
    this.mem = new Int32Array(plan.buffer);
    this.pool = nodePool(0, plan.sessions);
  }

  /** Whether the user has ended the curve. */
  get stopped(): boolean {
    return this.o.signal?.aborted === true;
  }

  /**
   * Lets all sessions work for so long.
   * @returns null: the user has ended the curve before the part was over
   * @throws CurveProblem
   */
  async part(ms: number, look: boolean): Promise<CrewDone | null> {
    const { plan, o } = this;
    if (this.stopped) return null;
    for (const word of [C.started, C.go, C.stop]) this.set(word, 0);
    const seats = Array.from({ length: plan.sessions }, (): Seat => ({ done: null, failure: null }));
    for (const [session, seat] of seats.entries()) {
      const task: PartTask = { plan, session, seed: o.seed, look };
      void this.follow(seat, this.pool.run(task, { filename: workerEntry('limit-curve') }));
    }
    await this.until(
      seats,
      () => this.word(C.started) >= plan.sessions,
      START_MS,
      () => 'some workers have not started',
    );
    o.events.started?.(plan, this.pool);
    const before = process.cpuUsage();
    this.set(C.go, 1);
    const ends = performance.now() + ms;
    await this.until(
      seats,
      () => performance.now() >= ends || this.stopped,
      Infinity,
      () => '',
    );
    const cut = this.stopped && performance.now() < ends;
    this.set(C.stop, 1);
    await this.until(
      seats,
      () => seats.every((seat) => seat.done !== null),
      o.watchdogMs,
      () => `told to end ${o.watchdogMs / 1000} s ago, and has not: ${this.atWork(seats)}`,
    );
    const { user, system } = process.cpuUsage(before);
    return cut ? null : { sessions: seats.flatMap((seat) => seat.done ?? []), cpuUs: user + system };
  }

  /** Ends all workers, whatever they do. */
  async dismiss(): Promise<void> {
    this.giveUp();
    await Promise.race([this.pool.destroy(), sleep(2 * GRACE_MS, undefined, { ref: false })]);
  }

  private async follow(seat: Seat, running: Promise<PartDone>): Promise<void> {
    try {
      seat.done = await running;
    } catch (error) {
      seat.failure = error instanceof Error ? error.message : String(error);
    }
  }

  private async until(
    seats: readonly Seat[],
    done: () => boolean,
    limitMs: number,
    late: () => string,
  ): Promise<void> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const failed = seats.findIndex((seat) => seat.failure !== null);
      if (failed >= 0) this.fail(`session ${failed}: ${oneLine(seats[failed].failure ?? '')}`);
      if (done()) return;
      if (performance.now() >= deadline) this.fail(late());
      await sleep(POLL_MS);
    }
  }

  private fail(what: string): never {
    this.giveUp();
    throw new CurveProblem(what);
  }

  /** Whoever waits throws RunAborted at the end of his wait slice. */
  private giveUp(): void {
    this.set(C.abort, 1);
    this.set(C.stop, 1);
    Atomics.notify(this.mem, this.plan.runtime.control + C.go);
  }

  /** Sessions that have not ended, and what each waits for. */
  private atWork(seats: readonly Seat[]): string {
    const { arena, runtime, epochNs } = this.plan;
    const { threads } = whoWaits({
      mem: this.mem,
      plan: arena,
      threads: runtime.threads,
      nThreads: runtime.nThreads,
      nowMs: new RealClock(epochNs).us() / 1000,
    });
    const out = threads.filter((t) => t.id > 1 && seats[t.id - 2].done === null);
    return out
      .map(({ id, op, waitsFor: w }) => {
        if (w === null) return `session ${id - 2} (in ${op})`;
        const held = w.heldBy.length === 0 ? '' : `, held by thread ${w.heldBy.join(', ')}`;
        return `session ${id - 2} (waiting for ${w.instrument.split('/').at(-1) ?? w.latch}${held})`;
      })
      .join(', ');
  }

  private word(word: number): number {
    return Atomics.load(this.mem, this.plan.runtime.control + word);
  }

  private set(word: number, value: number): void {
    const at = this.plan.runtime.control + word;
    Atomics.store(this.mem, at, value);
    Atomics.notify(this.mem, at);
  }
}

const oneLine = (text: string): string => text.split('\n', 1)[0];
