/**
 * A small arena for tests of latches: a control record, variables with MySQL's defaults, seats for threads, and room
 * for latches. Everything is checked (latch order), and everything is plain data, so that worker threads can sit down
 * at the same arena.
 */
import { allocateArena, ArenaPlanner, type ArenaPlan } from '../layout/arena.ts';
import { type Clock, RealClock } from '../layout/clock.ts';
import { LINE_WORDS } from '../layout/schema.ts';
import { CONTROL } from '../layout/thread.ts';
import { eventInit } from './event.ts';
import { LATCH, type LatchName } from './latch-meta.ts';
import { mutexInit } from './mutex.ts';
import { attachThread, planRuntime, runtimeInit, type RuntimePlan } from './runtime.ts';
import { sxLockInit } from './sx-lock.ts';
import { type Thread, THREAD_KIND } from './thread.ts';

/** What a worker needs to take part: can be sent to it as it is. */
export interface Seats extends RuntimePlan {
  readonly buffer: SharedArrayBuffer;
  readonly plan: ArenaPlan;
  readonly epochNs: bigint;
}

/** The thread with number `id` (from 1) of an arena. */
export function seatThread(seats: Seats, id: number, clock?: Clock): Thread {
  return attachThread(new Int32Array(seats.buffer), seats, {
    slot: id - 1,
    kind: THREAD_KIND.session,
    clock: clock ?? new RealClock(seats.epochNs),
    checked: true,
  });
}

/** A test's arena; latches are placed one to a line, in the order in which they are asked for. */
export class TestKit {
  readonly seats: Seats;
  readonly mem: Int32Array;
  private next: number;

  constructor(nThreads = 3, lines = 64) {
    const planner = new ArenaPlanner();
    const runtime = planRuntime(planner, nThreads);
    this.next = planner.placeWords('latches', LINE_WORDS, lines);
    const plan = planner.finish();
    const buffer = allocateArena(plan);
    const epochNs = process.hrtime.bigint();
    this.seats = { ...runtime, buffer, plan, epochNs };
    this.mem = new Int32Array(buffer);
    runtimeInit(this.mem, runtime, new RealClock(epochNs));
  }

  thread(id: number, clock?: Clock): Thread {
    return seatThread(this.seats, id, clock);
  }

  /** A line of bare words. */
  line(): number {
    const at = this.next;
    this.next += LINE_WORDS;
    return at;
  }

  mutex(latch: LatchName = 'testMutex'): number {
    const at = this.line();
    mutexInit(this.mem, at, LATCH[latch]);
    return at;
  }

  sxLock(latch: LatchName = 'testSxLock'): number {
    const at = this.line();
    sxLockInit(this.mem, at, LATCH[latch]);
    return at;
  }

  event(set = false): number {
    const at = this.line();
    eventInit(this.mem, at, set);
    return at;
  }

  /** Sets a variable by its offset in SYSVARS. */
  setVar(offset: number, value: number): void {
    this.mem[this.seats.sysvars + offset] = value;
  }

  /** Aborts the run: whoever waits, or is about to, throws RunAborted after its slice. */
  abort(): void {
    Atomics.store(this.mem, this.seats.control + CONTROL.at.abort, 1);
  }
}

/** Shortens the slices that a thread sleeps in, so that a test of an abort does not take half a second. */
export function shortSlices(thr: Thread, ms = 1): Thread {
  (thr as { waitSliceMs: number }).waitSliceMs = ms;
  return thr;
}

/**
 * Gives a thread a clock that calls `hook` at each reading. Latches read the clock in slow paths only, first when a
 * wait begins: a test can make the holder leave exactly there.
 */
export function hookClock(thr: Thread, hook: (reading: number) => number): Thread {
  let reading = 0;
  (thr as { clock: Clock }).clock = {
    ticksPerMs: 1,
    us: () => hook(reading++),
    ticks: () => 1,
    sleepUs: () => {},
  };
  return thr;
}

/** Calls `hook` each time that the thread is about to sleep; the slice is then 1 ms. */
export function hookSleep(thr: Thread, hook: (sleep: number) => void): Thread {
  let sleep = 0;
  const get = (): number => {
    hook(sleep++);
    return 1;
  };
  Object.defineProperty(thr, 'waitSliceMs', { get });
  return thr;
}
