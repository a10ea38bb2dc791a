/** The workers that explore: a Piscina pool, counters that they raise, and the way out when the user stops it. */
import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { UserError } from '../../src/config/errors.ts';
import { SAME_SIGNAL_MS } from '../../src/config/signals.ts';
import {
  BEGAN,
  type MutantDone,
  type MutantTask,
  type ScenarioDone,
  type ScenarioTask,
  type Shared,
} from './tasks.ts';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
const SLOTS = 256;
/** Float64 of one slot: schedules, steps, whether the task has begun, and as many blanks as keep slots apart. */
const SLOT_BYTES = 128;
/** After so long, ms, workers that the user has stopped and that do not stop are ended. */
const GRACE_MS = 3000;
/** After so long without a schedule told, ms, a task hangs. Building a module and minimising take seconds. */
const STALL_MS = 120_000;
const LOOKS = 8;

/** The compiled worker: seen from dist, or from the sources that vitest runs. */
function workerFile(): string {
  const beside = fileURLToPath(new URL('../../workers/explore-task.js', import.meta.url));
  return existsSync(beside)
    ? beside
    : fileURLToPath(new URL('../../dist/workers/explore-task.js', import.meta.url));
}

export class ExploreCrew {
  interrupted = false;
  /** A task that tells nothing for so long, ms, is ended. */
  stallMs = STALL_MS;
  private readonly pool: Piscina;
  private readonly progress = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  private readonly told = new Float64Array(this.progress);
  private next = 0;
  /** Word 0: all stop. The others: each for the shares of one scenario. */
  private readonly stops = new Int32Array(new SharedArrayBuffer(4 * (1 + SLOTS)));
  private groups = 0;
  private grace: NodeJS.Timeout | null = null;
  private readonly stop = new AbortController();
  private readonly onSignal: (signal: NodeJS.Signals) => void;

  constructor(workers: number) {
    this.pool = new Piscina({
      filename: workerFile(),
      minThreads: workers,
      maxThreads: workers,
      // Exploring computes without a pause: a second task would only wait in the same thread.
      concurrentTasksPerWorker: 1,
    });
    // One for each task that waits.
    setMaxListeners(0, this.stop.signal);
    let lastAt = -Infinity;
    this.onSignal = (signal) => {
      if (performance.now() - lastAt < SAME_SIGNAL_MS) return;
      lastAt = performance.now();
      if (this.interrupted) {
        for (const s of SIGNALS) process.off(s, this.onSignal);
        process.kill(process.pid, signal);
        return;
      }
      this.interrupted = true;
      Atomics.store(this.stops, 0, 1);
      this.grace = setTimeout(() => this.stop.abort(), GRACE_MS);
    };
    for (const s of SIGNALS) process.on(s, this.onSignal);
  }

  /** Schedules run by all workers so far. */
  schedules(): number {
    let sum = 0;
    for (let slot = 0; slot < SLOTS; slot++) sum += this.told[(slot * SLOT_BYTES) / 8];
    return sum;
  }

  private async run<T>(task: ScenarioTask | MutantTask): Promise<T | null> {
    if (this.interrupted) return null;
    const hung = new AbortController();
    const watch = this.watch(task.slot, () => {
      hung.abort();
    });
    try {
      return (await this.pool.run(task, { signal: AbortSignal.any([this.stop.signal, hung.signal]) })) as T;
    } catch (error) {
      if (this.interrupted) return null;
      if (!hung.signal.aborted) throw error;
      const what = task.kind === 'scenario' ? `scenario ${task.name}` : `mutant ${task.mutant.id}`;
      throw new UserError(
        `${what}: no schedule ended within ${Math.round(this.stallMs / 1000)} s. A thread computes without a shared ` +
          `access and without an end: is there a loop that catches every error?`,
      );
    } finally {
      clearInterval(watch);
    }
  }

  /** Calls `late` once a task has begun and then told nothing for too long. */
  private watch(slot: number, late: () => void): NodeJS.Timeout {
    const at = (slot * SLOT_BYTES) / 8;
    this.told[at + BEGAN] = 0;
    let before = -1;
    let looks = 0;
    return setInterval(() => {
      const now = this.told[at] + this.told[at + 1];
      looks = this.told[at + BEGAN] === 0 || now !== before ? 0 : looks + 1;
      before = now;
      if (looks >= LOOKS) late();
    }, this.stallMs / LOOKS);
  }

  private shared(group: number): Shared {
    return {
      progress: this.progress,
      slot: this.next++ % SLOTS,
      stops: this.stops.buffer,
      stop: group === 0 ? 0 : 1 + (group % SLOTS),
    };
  }

  /**
   * The shares of one scenario: when one has found something, the others stop.
   * @returns what they came to; null when the user stopped it before it began
   */
  async explore(tasks: readonly Omit<ScenarioTask, keyof Shared>[]): Promise<ScenarioDone[] | null> {
    const group = ++this.groups;
    const shared = tasks.map(() => this.shared(group));
    Atomics.store(this.stops, shared[0].stop, 0);
    const parts = await Promise.all(
      tasks.map((task, i) => this.run<ScenarioDone | null>({ ...task, ...shared[i] })),
    );
    const done = parts.filter((part) => part !== null);
    return done.length > 0 ? done : null;
  }

  /** @returns null when the user stopped it */
  mutant(task: Omit<MutantTask, keyof Shared>): Promise<MutantDone | null> {
    return this.run<MutantDone | null>({ ...task, ...this.shared(0) });
  }

  async close(): Promise<void> {
    for (const s of SIGNALS) process.off(s, this.onSignal);
    if (this.grace !== null) clearTimeout(this.grace);
    await this.pool.destroy();
  }
}
