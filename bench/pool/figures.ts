/** What a round of the family `pool` says beside its page gets: from a run's report to a row's further figures, and back. */
import { addPoolStats } from '../../src/observe/pool-stats.ts';
import type { WaitStatRow } from '../../src/observe/wait-stats.ts';
import { LATCHES } from '../../src/sync/latch-meta.ts';
import type { StressReport } from '../../stress/report/report.ts';
import type { Extra, Row } from '../core/row.ts';

/** Figures of a row that are numbers by name. */
type Group = 'latencyUs' | 'waitMsPerS' | 'acquired' | 'contended' | 'waitUs' | 'spinRounds' | 'parks';

export function figuresOf(r: StressReport): Extra {
  const pool = addPoolStats(r.instances.map((i) => i.counters));
  const perSecond = (n: number): number => n / r.seconds;
  const all = r.nodeMatrix.flat().reduce((a, b) => a + b, 0);
  const near = r.nodeMatrix.reduce((sum, row, node) => sum + row[node], 0);
  const byName = (pick: (l: WaitStatRow) => number): Record<string, number> =>
    Object.fromEntries(r.latches.map((l) => [l.name, pick(l)]));
  const sum = (pick: (i: StressReport['instances'][number]) => number): number =>
    r.instances.reduce((n, i) => n + pick(i), 0);
  return {
    seconds: r.seconds,
    gets: pool.pageGets,
    statementsPerS: r.statementsPerSecond,
    hitRatio: r.hitRatio,
    latencyUs: { ...r.latencyUs },
    waitMsPerS: Object.fromEntries(
      r.latches.filter((l) => l.waitUs > 0).map((l) => [l.instrument, perSecond(l.waitUs / 1000)]),
    ),
    acquired: byName((l) => l.acquired),
    contended: byName((l) => l.contended),
    waitUs: byName((l) => l.waitUs),
    spinRounds: byName((l) => l.spinRounds),
    parks: byName((l) => l.parks),
    pagesReadPerS: perSecond(pool.pagesRead),
    pagesWrittenPerS: perSecond(pool.pagesWritten),
    evictedPerS: perSecond(sum((i) => i.evicted)),
    madeYoungPerS: perSecond(sum((i) => i.madeYoung)),
    singleFlushesPerS: perSecond(pool.singleFlushes),
    lruBatchEvictedPerS: perSecond(pool.lruBatchEvicted),
    lruBatchFlushedPerS: perSecond(pool.lruBatchFlushed),
    listBatchFlushedPerS: perSecond(pool.listBatchFlushed),
    waitFreePerS: perSecond(pool.waitFree),
    freePages: sum((i) => i.free),
    dirtyPages: sum((i) => i.dirty),
    remoteShare: all === 0 ? 0 : (all - near) / all,
  };
}

/** A figure of a row; 0 where it has none. */
export function figureOf(row: Row, name: string): number {
  const value = row.extra[name];
  return typeof value === 'number' ? value : 0;
}

/** Figures of a row by name; empty where it has none. */
export function groupOf(row: Row, group: Group): Record<string, number> {
  const value = row.extra[group];
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(Object.entries(value).map(([name, n]) => [name, n ?? 0]));
}

export interface Waiting {
  readonly instrument: string;
  readonly msPerS: number;
}

/** Time waited for latches, the class with most of it first. All sessions together: it may be more than 1000 ms/s. */
export function waitsOf(row: Row): { readonly total: number; readonly classes: readonly Waiting[] } {
  const classes = Object.entries(groupOf(row, 'waitMsPerS'))
    .map(([instrument, msPerS]) => ({ instrument, msPerS }))
    .filter((c) => c.msPerS > 0)
    .toSorted((a, b) => b.msPerS - a.msPerS);
  return { total: classes.reduce((sum, c) => sum + c.msPerS, 0), classes };
}

/** `wait/synch/mutex/innodb/buf_pool_LRU_list_mutex` → `buf_pool_LRU_list_mutex` */
export const shortName = (instrument: string): string => instrument.slice(instrument.lastIndexOf('/') + 1);

/** How many latches of each class a row's run had: what its queue is divided by. */
export function serversOf(row: Row, latch: string): number {
  const setting = (name: string): number => Math.max(1, Number(row.settings[name] ?? 1));
  const instances = setting('innodb_buffer_pool_instances');
  const pages = Math.ceil(setting('innodb_buffer_pool_size') / 16_384);
  switch (latch) {
    case 'lruList':
    case 'freeList':
    case 'flushList':
    case 'flushState':
    case 'chunks':
      return instances;
    case 'pageHash':
      return instances * setting('innodb_page_hash_locks');
    case 'block':
    case 'frame':
      return pages;
    case 'thdData':
      return setting('sessions');
    case 'osMemory':
      return setting('nodes');
    default:
      return 1;
  }
}

export const instrumentOf = (latch: string): string =>
  LATCHES.find((l) => l.name === latch)?.instrument ?? latch;
