/** Counters of the buffer pool, summed over the threads that keep them, and by the node that asked. */
import { BUF_POOL, POOL_STAT } from '../layout/buffer.ts';

/** Counters of one word; page gets by node are in `nodeMatrix`. */
export type PoolStatName = Exclude<keyof typeof POOL_STAT.at, 'awayGets'>;
export type PoolStatSum = Record<PoolStatName, number>;

const NAMES = Object.keys(POOL_STAT.at).filter((name) => name !== 'awayGets') as PoolStatName[];

/** Where the rows are: thread-major, then instance. */
export interface PoolStatRows {
  readonly stats: number;
  readonly nThreads: number;
  /** BUF_POOL records, and the nodes where they are at home. */
  readonly instances: readonly { readonly at: number; readonly node: number }[];
}

/** The counters of one instance, all threads together. */
export function sumPoolStats(mem: Int32Array, rows: PoolStatRows, instance: number): PoolStatSum {
  const sum = Object.fromEntries(NAMES.map((n) => [n, 0])) as PoolStatSum;
  for (let thread = 0; thread < rows.nThreads; thread++) {
    const row = rows.stats + (thread * rows.instances.length + instance) * POOL_STAT.words;
    for (const name of NAMES) sum[name] += mem[row + POOL_STAT.at[name]] >>> 0;
  }
  return sum;
}

/** Sums of several instances. */
export function addPoolStats(all: readonly PoolStatSum[]): PoolStatSum {
  return Object.fromEntries(NAMES.map((n) => [n, all.reduce((s, one) => s + one[n], 0)])) as PoolStatSum;
}

/** State of one instance now, read without latches. */
export interface PoolGauges {
  readonly pages: number;
  readonly free: number;
  readonly lru: number;
  readonly old: number;
  readonly dirty: number;
  readonly madeYoung: number;
  readonly evicted: number;
}

export function poolGauges(mem: Int32Array, at: number): PoolGauges {
  const P = BUF_POOL.at;
  return {
    pages: mem[at + P.currSize],
    free: mem[at + P.freeLen],
    lru: mem[at + P.lruLen],
    old: mem[at + P.lruOldLen],
    dirty: mem[at + P.flushLen],
    madeYoung: mem[at + P.nPagesMadeYoung],
    evicted: mem[at + P.freedPageClock],
  };
}

/** The counters as they are at one moment, nearly: sums over them agree with each other, though threads go on counting. */
export function stillPoolStats(
  mem: Int32Array,
  rows: PoolStatRows,
): { readonly mem: Int32Array; readonly rows: PoolStatRows } {
  const words = rows.nThreads * rows.instances.length * POOL_STAT.words;
  return { mem: mem.slice(rows.stats, rows.stats + words), rows: { ...rows, stats: 0 } };
}

/**
 * Page gets by node of the thread (row) and node of the page (column). A get that found no page counts for the node where
 * its instance is at home: that is how far it went. Exact at rest.
 * @param threadNodes node of each thread
 */
export function nodeMatrix(
  mem: Int32Array,
  rows: PoolStatRows,
  threadNodes: readonly number[],
  nodes: number,
): number[][] {
  const matrix = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => 0));
  for (const [thread, from] of threadNodes.entries()) {
    for (const [no, { node }] of rows.instances.entries()) {
      const row = rows.stats + (thread * rows.instances.length + no) * POOL_STAT.words;
      let home = mem[row + POOL_STAT.at.pageGets] >>> 0;
      for (let to = 0; to < nodes; to++) {
        const away = mem[row + POOL_STAT.at.awayGets + to] >>> 0;
        matrix[from][to] += away;
        home -= away;
      }
      matrix[from][node] += home;
    }
  }
  return matrix;
}

/** `SHOW GLOBAL STATUS`, as far as these counters go; MySQL's names. */
export function innodbStatus(sum: PoolStatSum, gauges: readonly PoolGauges[]): Record<string, number> {
  const total = (pick: (g: PoolGauges) => number): number => gauges.reduce((s, g) => s + pick(g), 0);
  return {
    Innodb_buffer_pool_pages_total: total((g) => g.pages),
    Innodb_buffer_pool_pages_data: total((g) => g.lru),
    Innodb_buffer_pool_pages_free: total((g) => g.free),
    Innodb_buffer_pool_pages_misc: total((g) => g.pages - g.lru - g.free),
    Innodb_buffer_pool_pages_dirty: total((g) => g.dirty),
    Innodb_buffer_pool_pages_flushed: sum.pagesFlushed,
    Innodb_buffer_pool_read_requests: sum.pageGets,
    Innodb_buffer_pool_reads: sum.reads,
    Innodb_buffer_pool_read_ahead_evicted: sum.raPagesEvicted,
    Innodb_buffer_pool_wait_free: sum.waitFree,
    Innodb_buffer_pool_write_requests: sum.writeRequests,
    Innodb_pages_created: sum.pagesCreated,
    Innodb_pages_read: sum.pagesRead,
    Innodb_pages_written: sum.pagesWritten,
  };
}
