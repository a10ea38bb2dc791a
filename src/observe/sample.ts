/**
 * Samples of a run: what its counters and gauges say at one moment, read by the main thread without a latch while
 * everybody works. A series of them is the run over time.
 */
import { BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { GLOBAL_CONN_MEM } from '../layout/session.ts';
import { THREAD, WAIT_STAT } from '../layout/thread.ts';
import { getU53 } from '../layout/words.ts';
import { LATCHES } from '../sync/latch-meta.ts';
import type { RuntimePlan } from '../sync/runtime.ts';
import { THREAD_KIND } from '../sync/thread.ts';
import type { PoolStatRows } from './pool-stats.ts';

const P = BUF_POOL.at;
const { pageGets: PAGE_GETS, pagesRead: PAGES_READ, pagesWritten: PAGES_WRITTEN } = POOL_STAT.at;
const { waitUs: WAIT_US, contended: CONTENDED } = WAIT_STAT.at;

/** Where a run's counters lie; word addresses. */
export interface Observed {
  readonly mem: Int32Array;
  readonly runtime: Pick<RuntimePlan, 'threads' | 'nThreads'>;
  readonly pool: PoolStatRows;
  /** OS_MEMORY records by node. */
  readonly osMemory: readonly number[];
  readonly globalConnMem: number;
}

/** Plain data. */
export interface Sample {
  readonly atMs: number;
  // Counters.
  readonly statements: number;
  readonly pageGets: number;
  readonly pagesRead: number;
  readonly pagesWritten: number;
  /** By name of LATCHES, all threads together; a wait counts when it ends. */
  readonly waitUs: Readonly<Record<string, number>>;
  readonly contended: Readonly<Record<string, number>>;
  // Gauges, all instances together.
  readonly pages: number;
  readonly free: number;
  readonly lru: number;
  /** Of `lru`, the old sublist. */
  readonly old: number;
  readonly dirty: number;
  /** Simulated operating system memory in use, by node. */
  readonly osMemoryBytes: readonly number[];
  /** Global_connection_memory, bytes. */
  readonly connectionMemory: number;
}

/** Statements that the sessions have done so far. */
export function sumStatements(mem: Int32Array, { threads, nThreads }: Observed['runtime']): number {
  let sum = 0;
  for (let i = 0; i < nThreads; i++) {
    const at = threads + i * THREAD.words;
    if (mem[at + THREAD.at.kind] === THREAD_KIND.session) sum += mem[at + THREAD.at.progress] >>> 0;
  }
  return sum;
}

/** @param atMs the time that the sample is to bear */
export function takeSample({ mem, runtime, pool, osMemory, globalConnMem }: Observed, atMs: number): Sample {
  let [pageGets, pagesRead, pagesWritten] = [0, 0, 0];
  const rows = runtime.nThreads * pool.instances.length;
  for (let row = 0, at = pool.stats; row < rows; row++, at += POOL_STAT.words) {
    pageGets += mem[at + PAGE_GETS] >>> 0;
    pagesRead += mem[at + PAGES_READ] >>> 0;
    pagesWritten += mem[at + PAGES_WRITTEN] >>> 0;
  }
  const waitUs: Record<string, number> = {};
  const contended: Record<string, number> = {};
  for (const { id, name } of LATCHES) {
    let [us, times] = [0, 0];
    for (let i = 0; i < runtime.nThreads; i++) {
      const row = runtime.threads + i * THREAD.words + THREAD.at.waits + id * WAIT_STAT.words;
      us += getU53(mem, row + WAIT_US);
      times += mem[row + CONTENDED] >>> 0;
    }
    waitUs[name] = us;
    contended[name] = times;
  }
  const total = (field: number): number => pool.instances.reduce((sum, { at }) => sum + mem[at + field], 0);
  return {
    atMs,
    statements: sumStatements(mem, runtime),
    pageGets,
    pagesRead,
    pagesWritten,
    waitUs,
    contended,
    pages: total(P.currSize),
    free: total(P.freeLen),
    lru: total(P.lruLen),
    old: total(P.lruOldLen),
    dirty: total(P.flushLen),
    osMemoryBytes: osMemory.map((os) => getU53(mem, os + OS_MEMORY.at.inUse)),
    connectionMemory: getU53(mem, globalConnMem + GLOBAL_CONN_MEM.at.counter),
  };
}

/** `now` with time and counters from `base` on; the gauges are those of `now`. */
export function sampleSince(now: Sample, base: Sample): Sample {
  return {
    ...now,
    atMs: now.atMs - base.atMs,
    statements: now.statements - base.statements,
    pageGets: now.pageGets - base.pageGets,
    pagesRead: now.pagesRead - base.pagesRead,
    pagesWritten: now.pagesWritten - base.pagesWritten,
    waitUs: subtract(now.waitUs, base.waitUs),
    contended: subtract(now.contended, base.contended),
  };
}

const subtract = (
  now: Readonly<Record<string, number>>,
  base: Readonly<Record<string, number>>,
): Record<string, number> =>
  Object.fromEntries(Object.entries(now).map(([name, n]) => [name, n - (base[name] ?? 0)]));

/** A longer series is thinned, so that a run of a day is told in as many samples as one of minutes. */
const MAX_SAMPLES = 1024;

/** Samples at equal distances, cumulative since the first, whose time is 0. */
export class SampleSeries {
  private readonly observed: Observed;
  private readonly base: Sample;
  private readonly taken: Sample[];
  private everyMs: number;

  /** Takes the first sample. @param nowMs any clock in ms, the same in each call */
  constructor(observed: Observed, everyMs: number, nowMs: number) {
    this.observed = observed;
    this.everyMs = everyMs;
    this.base = takeSample(observed, nowMs);
    this.taken = [sampleSince(this.base, this.base)];
  }

  get samples(): readonly Sample[] {
    return this.taken;
  }

  /** Takes a sample if one is due. @returns whether it was */
  tick(nowMs: number): boolean {
    const last = this.taken[this.taken.length - 1];
    // The next multiple of the distance, so that late looks do not add up.
    const due = (Math.floor(last.atMs / this.everyMs) + 1) * this.everyMs;
    if (nowMs - this.base.atMs < due) return false;
    this.taken.push(this.sample(nowMs));
    if (this.taken.length > MAX_SAMPLES) {
      this.everyMs *= 2;
      const kept = this.taken.filter((_, i) => i % 2 === 0);
      this.taken.splice(0, this.taken.length, ...kept);
    }
    return true;
  }

  /** Takes the last sample. It replaces the one before it, if rates between the two would be noise. */
  end(nowMs: number): void {
    const last = this.taken[this.taken.length - 1];
    const sample = this.sample(nowMs);
    if (this.taken.length > 1 && sample.atMs - last.atMs < this.everyMs / 2) this.taken.pop();
    this.taken.push(sample);
  }

  private sample(nowMs: number): Sample {
    return sampleSince(takeSample(this.observed, nowMs), this.base);
  }
}
