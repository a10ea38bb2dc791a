/**
 * What a run is measured by, between the end of its warm-up and the moment when all sessions have parked: taken by
 * the main thread from counters in the arena, beside the working threads.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Attached } from '../../src/engine.ts';
import { BUF_POOL } from '../../src/layout/buffer.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { type LruPicture, lruPicture } from '../../src/observe/lru-picture.ts';
import { type Observed, type Sample, SampleSeries } from '../../src/observe/sample.ts';
import { countWaiting, type WaitForSnapshot, waitForSnapshot } from '../../src/observe/wait-snapshot.ts';
import { forgetLongestWaits } from '../../src/observe/wait-stats.ts';
import { whoWaits } from '../../src/observe/who-waits.ts';
import { mutexExit, mutexTryEnter } from '../../src/sync/mutex.ts';
import { observedOf, readTotals, type Totals, totalsBetween } from './measured.ts';

const MIN_SAMPLE_MS = 50;
const DEFAULT_SAMPLE_MS = 1000;
/** A page cleaner may hold an LRU list mutex when it is wanted: so often it is tried for, one ms apart. */
const LATCH_TRIES = 100;

export interface Measured {
  /** 0: the warm-up was not over when the run ended. */
  readonly elapsedMs: number;
  readonly totals: Totals;
  readonly series: readonly Sample[];
  /** Time of transactions from their intended start, ns. */
  readonly latency: RecordableHistogram;
  /** The same by program, in their order: names may be there twice. */
  readonly latencies: readonly RecordableHistogram[];
  /** By thread: transactions that it ended, and their time, us. */
  readonly threads: readonly ThreadWork[];
  readonly waitFor: WaitForSnapshot | null;
  readonly lru: readonly LruPicture[];
}

export interface ThreadWork {
  readonly transactions: number;
  readonly us: number;
}

/** Of one thread. */
export interface ProgramLatency {
  readonly thread: number;
  /** Place in ProgramSet.programs. */
  readonly program: number;
  readonly histogram: RecordableHistogram;
}

export class Telemetry {
  private readonly main: Attached;
  private readonly latency: readonly ProgramLatency[];
  private readonly sampleMs: number;
  private readonly observed: Observed;
  private readonly clock: RealClock;
  private from: Totals | null = null;
  private series: SampleSeries | null = null;
  private sinceMs = 0;
  private waitFor: WaitForSnapshot | null = null;
  /** Of that look: how many threads wait, and for how many of these it is known for whom. */
  private waiting = 0;
  private explained = 0;

  /** @param latency histograms that the threads record to: of each all programs, in their order */
  constructor(main: Attached, latency: readonly ProgramLatency[], sampleMs = DEFAULT_SAMPLE_MS) {
    this.main = main;
    this.latency = latency;
    this.sampleMs = Math.max(MIN_SAMPLE_MS, sampleMs);
    this.observed = observedOf(main.share);
    this.clock = new RealClock(main.share.epochNs);
  }

  /** The warm-up is over: from now on it counts. @param now performance.now */
  begin(now: number): void {
    const { mem, runtime } = this.observed;
    forgetLongestWaits(mem, runtime);
    this.from = readTotals(this.main.share);
    // The histograms are shared with the workers: what is forgotten here is forgotten there.
    for (const { histogram } of this.latency) histogram.reset();
    this.sinceMs = now;
    this.series = new SampleSeries(this.observed, this.sampleMs, now);
  }

  /** Whether the warm-up is over. */
  get measuring(): boolean {
    return this.from !== null;
  }

  /** Measured time at `now` (performance.now), ms; 0 in the warm-up. */
  elapsedMs(now: number): number {
    return this.from === null ? 0 : now - this.sinceMs;
  }

  /** To be called often. */
  tick(now: number): void {
    this.series?.tick(now);
    this.lookForWaits(now);
  }

  /**
   * The measured time is over.
   * @param quiet all sessions have parked; otherwise the run was given up, and nobody is waited for
   */
  async end(quiet: boolean): Promise<Measured> {
    const { share } = this.main;
    const now = performance.now();
    const to = readTotals(share);
    this.series?.end(now);
    const latency = createHistogram();
    const latencies = this.latency.filter((l) => l.thread === 0).map(() => createHistogram());
    const threads = Array.from({ length: share.config.threads }, () => ({ transactions: 0, us: 0 }));
    for (const { thread, program, histogram } of this.from === null ? [] : this.latency) {
      if (histogram.count === 0) continue;
      threads[thread].transactions += histogram.count;
      threads[thread].us += (histogram.count * histogram.mean) / 1000;
      latency.add(histogram);
      latencies[program].add(histogram);
    }
    return {
      elapsedMs: this.elapsedMs(now),
      totals: totalsBetween(this.from ?? to, to),
      series: this.series?.samples ?? [],
      latency,
      latencies,
      threads,
      waitFor: this.waitFor,
      lru: await this.lruPictures(quiet),
    };
  }

  /** Keeps the look at which most threads waited; of equal ones one in which somebody holds what they wait for. */
  private lookForWaits(now: number): void {
    const { mem, runtime } = this.observed;
    const enough = this.waiting + (this.explained > 0 || this.waiting === 0 ? 1 : 0);
    if (countWaiting(mem, runtime) < enough) return;
    const look = whoWaits({
      mem,
      plan: this.main.share.plan.arena,
      ...runtime,
      nowMs: this.clock.us() / 1000,
    });
    const snapshot = waitForSnapshot(look, Math.round(this.elapsedMs(now)));
    const waits = snapshot?.threads.flatMap((t) => t.waitsFor ?? []) ?? [];
    const explained = waits.filter((w) => w.heldBy.length > 0).length;
    if (waits.length < this.waiting || (waits.length === this.waiting && explained <= this.explained)) return;
    this.waiting = waits.length;
    this.explained = explained;
    this.waitFor = snapshot;
  }

  private async lruPictures(quiet: boolean): Promise<LruPicture[]> {
    const { thr } = this.main;
    const pictures: LruPicture[] = [];
    for (const [no, inst] of this.observed.pool.instances.entries()) {
      const mutex = inst.at + BUF_POOL.at.lruListMutex;
      // Never waits as a thread does: that would keep the main thread from hearing that the holder has died.
      let taken = mutexTryEnter(thr, mutex);
      for (let left = quiet ? LATCH_TRIES : 0; !taken && left > 0; left--) {
        await sleep(1);
        taken = mutexTryEnter(thr, mutex);
      }
      pictures.push(lruPicture(this.observed.mem, inst, no));
      if (taken) mutexExit(thr, mutex);
    }
    return pictures;
  }
}
