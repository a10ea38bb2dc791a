/**
 * Process that measures one contender: threads of a Piscina pool with nothing else in their isolates, so that no latch
 * pays for what V8 has learnt from another, and no flag or patch of one contender reaches the others.
 */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import type { PairTask, PairTime, TogetherTask } from '../../workers/latch-bench.ts';
import type { Extra } from '../core/row.ts';
import { secondsOfBatch, type Timing } from '../core/timing.ts';
import { answerRequests } from '../core/process.ts';
import { contenderNamed } from './contenders.ts';
import { type Done, GUARDED_WORDS, readTally, resetGuarded, type Work } from './work.ts';

export type LatchRequest = {
  readonly contender: string;
  readonly quick: boolean;
} & (
  | { readonly kind: 'pair'; readonly shared: boolean }
  | {
      readonly kind: 'together';
      readonly threads: number;
      /** 1: all on one; else as many as threads. */
      readonly latches: number;
      readonly section: number;
      readonly think: number;
      readonly readers: boolean;
    }
);

type TogetherRequest = Extract<LatchRequest, { kind: 'together' }>;

/** Pairs: ns and the raw pair's. Together: sections per second, and one thread's alone where latches are several. */
export interface LatchSample {
  readonly value: number;
  readonly reference?: number;
  readonly extra?: Extra;
}

/** How long a batch should take, ms: on more threads than cores each of them must have had its turn. */
const batchMs = (threads: number): number => (threads > availableParallelism() ? 100 : 30);
const FIRST_BATCH = { blocking: 20_000, async: 100 } as const;
const MIN_BATCH = 20;

const pools = new Map<number, Piscina<TogetherTask | PairTask, Done | PairTime>>();
const madeLatches: unknown[] = [];
/** First latch of the threads' count, and the size of a batch that takes as long as it should, by request. */
const firstLatch = new Map<string, number>();
const batchSizes = new Map<string, number>();

answerRequests(async (request: LatchRequest): Promise<LatchSample> => {
  return request.kind === 'pair' ? samplePair(request) : sampleTogether(request);
});

function poolOf(threads: number): Piscina<TogetherTask | PairTask, Done | PairTime> {
  let pool = pools.get(threads);
  if (pool === undefined) {
    pool = new Piscina({
      filename: new URL('../../workers/latch-bench.js', import.meta.url).href,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
    });
    pools.set(threads, pool);
  }
  return pool;
}

/** Number of the first of `n` latches for so many threads. */
async function latchesFor(contender: string, threads: number, n: number): Promise<number> {
  const key = `${threads} ${n}`;
  const known = firstLatch.get(key);
  if (known !== undefined) return known;
  const first = madeLatches.length;
  const found = contenderNamed(contender);
  for (let i = 0; i < n; i++) madeLatches.push(await found.make(threads, first + i));
  firstLatch.set(key, first);
  return first;
}

async function samplePair({
  contender,
  quick,
  shared,
}: LatchRequest & { kind: 'pair' }): Promise<LatchSample> {
  const latchId = await latchesFor(contender, 1, 1);
  const timing: Timing = { minSamples: 5, maxTime: quick ? 0.1 : 0.3 };
  const task: PairTask = {
    kind: 'pair',
    contender,
    made: madeLatches[latchId],
    latchId,
    slot: 0,
    shared,
    timing,
  };
  const { pair, raw } = (await poolOf(1).run(task)) as PairTime;
  return { value: pair, reference: raw };
}

async function sampleTogether(request: TogetherRequest): Promise<LatchSample> {
  const { latches, threads, quick } = request;
  const size = await batchSize(request);
  const batches = quick ? 2 : 4;
  const together = new Batches(request, threads);
  if (latches > 1) {
    // In turn with one thread alone on its latch.
    const alone = new Batches(request, 1);
    const rates = { one: 0, all: 0 };
    for (let i = 0; i < batches; i++) {
      rates.one += await alone.rate(size, 1);
      rates.all += await together.rate(size, 1);
    }
    return { value: rates.all / batches, reference: rates.one / batches };
  }
  const value = await together.rate(size, batches);
  const { sections, handoffs } = together;
  const total = sections.reduce((a, b) => a + b, 0);
  const extra: Extra = {
    handoffsPerSecond: (handoffs / total) * value,
    maxToMinSections: Math.max(...sections) / Math.max(1, Math.min(...sections)),
  };
  if (threads === 1) return { value };
  // A clock in each section costs as much as the latch: a batch of its own.
  const clocked = new Batches(request, threads);
  await clocked.run(size, true);
  return { value, extra: { ...extra, longestWaitUs: clocked.longestWaitUs } };
}

/** Found by trial, in three steps: the first ones are cold. */
async function batchSize(request: TogetherRequest): Promise<number> {
  const key = JSON.stringify(request);
  const known = batchSizes.get(key);
  if (known !== undefined) return known;
  let size: number = FIRST_BATCH[contenderNamed(request.contender).waits];
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    await new Batches(request, request.threads).run(size, false);
    const ms = performance.now() - began;
    size = Math.max(MIN_BATCH, Math.round(size * Math.min(5, batchMs(request.threads) / ms)));
  }
  batchSizes.set(key, size);
  return size;
}

/** Batches of one request, and what came out of all of them together. */
class Batches {
  /** By thread. */
  readonly sections: number[];
  handoffs = 0;
  longestWaitUs = 0;
  private readonly request: TogetherRequest;
  private readonly threads: number;

  constructor(request: TogetherRequest, threads: number) {
    this.request = request;
    this.threads = threads;
    this.sections = Array.from({ length: threads }, () => 0);
  }

  /** Sections per second of all threads. */
  async rate(size: number, batches: number): Promise<number> {
    const before = this.total();
    let done = 0;
    const seconds = await secondsOfBatch(async () => {
      await this.run(size, false);
      done++;
    }, batches);
    return (this.total() - before) / done / seconds;
  }

  private total(): number {
    return this.sections.reduce((a, b) => a + b, 0);
  }

  /** @throws Error when the latch let two in at once */
  async run(size: number, clocked: boolean): Promise<void> {
    const { request, threads } = this;
    const { contender, latches, section, think, readers } = request;
    const first = await latchesFor(contender, request.threads, latches);
    const gate = new Int32Array(new SharedArrayBuffer(8));
    const until = readers ? Math.ceil(size / 10) : size;
    const work: Work = { until, section, think, readers, clocked };
    const guarded = Array.from({ length: latches }, () => {
      const words = new Int32Array(new SharedArrayBuffer(GUARDED_WORDS * Int32Array.BYTES_PER_ELEMENT));
      resetGuarded(words);
      return words;
    });
    const tasks = this.sections.map((_, slot): TogetherTask => {
      const latchId = first + (slot % latches);
      const made = madeLatches[latchId];
      return {
        kind: 'together',
        contender,
        made,
        latchId,
        slot,
        guarded: guarded[slot % latches],
        work,
        threads,
        gate,
      };
    });
    const all = (await Promise.all(tasks.map((t) => poolOf(threads).run(t)))) as Done[];
    const exclusive = all.reduce((n, d) => n + d.exclusive, 0);
    const counted = guarded.reduce((n, words) => n + readTally(words).count, 0);
    if (exclusive !== counted) {
      throw new Error(
        `${contender}: ${exclusive} exclusive sections, but the count that it guards says ${counted}`,
      );
    }
    for (const [i, { sections, longestWaitUs }] of all.entries()) {
      this.sections[i] += sections;
      this.longestWaitUs = Math.max(this.longestWaitUs, longestWaitUs);
    }
    this.handoffs += guarded.reduce((n, words) => n + readTally(words).handoffs, 0);
  }
}
