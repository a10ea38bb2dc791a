/** Clocks are passed in, so that the same code runs in real time, in tests and in replays. */
// The global of that name is an accessor: half as much again for each look.
import { performance } from 'node:perf_hooks';

/** A monotonic clock. Zero is the start of the run; all threads of a run agree on it. */
export interface Clock {
  /** Microseconds since the start of the run. */
  us(): number;
  /** Ticks in a millisecond; `ticks()` counts in these, so that 2^32 of them outlast any run. */
  readonly ticksPerMs: number;
  /** Time in ticks, at least 1 (0 means "never" in an access time). */
  ticks(): number;
  /** Lets `us` microseconds pass for the calling thread, which may hold nothing that others wait for. */
  sleepUs(us: number): void;
}

const SLEEPER_WORDS = 1;

/** The machine's monotonic clock. One per thread; they agree because the epoch is the process's. */
export class RealClock implements Clock {
  /** 100 us: a uint32 of ticks lasts 4.9 days. */
  readonly ticksPerMs = 10;
  private readonly baseUs: number;
  private readonly sleeper = new Int32Array(new SharedArrayBuffer(SLEEPER_WORDS * 4));

  /** @param epochNs `process.hrtime.bigint()` at the start of the run, from any thread of this process. */
  constructor(epochNs: bigint) {
    // performance.now() counts from the start of its own thread; hrtime from one origin for the whole process.
    this.baseUs = Number((process.hrtime.bigint() - epochNs) / 1000n) - performance.now() * 1000;
  }

  us(): number {
    return this.baseUs + performance.now() * 1000;
  }

  ticks(): number {
    return Math.max(1, Math.trunc(this.us() / (1000 / this.ticksPerMs)));
  }

  sleepUs(us: number): void {
    Atomics.wait(this.sleeper, 0, 0, us / 1000);
  }
}

/** A clock that moves only when told to. Sleeping moves it and takes no time. */
export class VirtualClock implements Clock {
  /** Microseconds: a replay counts in these. */
  readonly ticksPerMs = 1000;
  /** Sleeps that were asked for, and their sum. */
  sleeps = 0;
  sleptUs = 0;
  private nowUs: number;

  constructor(startUs = 0) {
    this.nowUs = startUs;
  }

  us(): number {
    return this.nowUs;
  }

  ticks(): number {
    return Math.max(1, this.nowUs);
  }

  sleepUs(us: number): void {
    this.sleeps++;
    this.sleptUs += us;
    this.nowUs += us;
  }

  advance(us: number): void {
    this.nowUs += us;
  }
}
