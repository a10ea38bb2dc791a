/** Hazard pointers: walks over the LRU and the flush list that others unlink blocks from. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_BLOCK, BUF_POOL } from '../../../src/layout/buffer.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { bufFlushDoBatch } from '../../../src/buffer/flush-batch.ts';
import { bufLruScanAndFree } from '../../../src/buffer/free-block.ts';
import { isDirty } from '../../../src/buffer/evict.ts';
import { BUF_LRU_MIN_LEN, BUF_LRU_OLD_MIN_LEN, FLUSH, STATE } from '../../../src/buffer/states.ts';
import { mutexIsFree } from '../../../src/sync/mutex.ts';
import { must } from '../kit.ts';
import { changePage, checkPool, dirty, makePool, onPool, readPage, type TinyPool } from '../pool-kit.ts';
import { flushAll, flushSingle } from './pool-flush.ts';

const P = BUF_POOL.at;

/** While nobody changes a list, its hazard pointers point at members (facts B 14, rule 8). */
function hazardsInList(m: Int32Array, k: TinyPool): void {
  const { at, lruListMutex, flushListMutex } = k.inst;
  if (mutexIsFree(m[lruListMutex])) {
    for (const name of ['lruHp', 'lruScanItr', 'singleScanItr'] as const) {
      const block = m[at + P[name]];
      must(
        block === NIL || m[block + BUF_BLOCK.at.state] === STATE.filePage,
        `${name} points at block @${block}, which is not in the LRU list`,
      );
    }
  }
  if (!mutexIsFree(m[flushListMutex])) return;
  const block = m[at + P.flushHp];
  must(
    block === NIL || isDirty(m, block),
    `flushHp points at block @${block}, which is not in the flush list`,
  );
}

/** A scan for a clean page, as far as 100 pages. */
function scan(ctx: Ctx<TinyPool>): boolean {
  return bufLruScanAndFree(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst, false);
}

/** An LRU batch that makes room for two. */
function lruBatch(ctx: Ctx<TinyPool>): number {
  return bufFlushDoBatch(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst, FLUSH.lru, 2);
}

/** As many that the list is never too short for an old sublist. */
const ALL = Array.from({ length: BUF_LRU_OLD_MIN_LEN + 4 }, (_, page) => page);

/** A pool in which an LRU batch has work: it stops at 256 pages. */
function bigPool(threads: number, ...dirtyPages: number[]): TinyPool {
  const blocks = BUF_LRU_MIN_LEN + 3;
  const k = makePool({ blocks, pages: blocks, threads }, ...ALL.slice(0, blocks));
  dirty(k, ...dirtyPages);
  return k;
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-hp-flush',
    doc: 'A flush-list batch lets go of the list to write, meanwhile the page that it goes on with is evicted',
    setup() {
      const k = makePool({ blocks: 3, pages: 3, threads: 2 }, 1, 0, 2);
      // The tail of the flush list is page 0, the tail of the LRU page 1.
      dirty(k, 0, 1, 2);
      return k;
    },
    threads: [flushAll, flushSingle],
    invariant: hazardsInList,
    check(m, k) {
      checkPool(m, k);
      must(m[k.inst.at + P.flushLen] === 0, 'a batch over the whole flush list left a page');
    },
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-hp-batches',
    doc: 'Two flush-list batches: there is one walker of the list at a time, the other is told so',
    setup() {
      const k = makePool({ blocks: 2, pages: 2, threads: 2 }, 0, 1);
      dirty(k, 0, 1);
      return k;
    },
    threads: [flushAll, flushAll],
    invariant: hazardsInList,
    onWrite(m, k, word, value, thread) {
      const { at } = k.inst;
      onPool.onWrite(m, k, word, value, thread);
      if (word !== at + P.flushHp) return;
      must(m[at + P.initFlush + FLUSH.list] === 1, 'the flush list is walked although no batch runs');
    },
    check(m, k, results) {
      checkPool(m, k);
      const written = results.filter((n) => n !== -1);
      must(written.length > 0, 'both batches were refused');
      must(m[k.inst.at + P.flushLen] === 0, `batches that wrote ${written.join(' and ')} left a page`);
    },
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-hp-scan',
    doc: 'An eviction scan stores how far it came; the page is evicted by another, and made young by a third',
    setup() {
      const k = makePool({ blocks: 4, pages: 4, threads: 3 }, 0, 1, 2, 3);
      dirty(k, 1);
      return k;
    },
    threads: [(ctx) => [scan(ctx), scan(ctx)].join(), flushSingle, (ctx) => readPage(ctx, 2)],
    invariant: hazardsInList,
  },
  {
    ...onPool,
    name: 'pool-hp-single',
    doc: 'Two single-page flushes share an iterator, a scan evicts what it points at',
    setup() {
      const k = makePool({ blocks: 3, pages: 3, threads: 3 }, 0, 1, 2);
      dirty(k, 0);
      return k;
    },
    threads: [flushSingle, (ctx) => [scan(ctx), scan(ctx)].join(), (ctx) => changePage(ctx, 1)],
    invariant: hazardsInList,
  },
  {
    ...onPool,
    name: 'pool-hp-lru',
    doc: 'An LRU batch lets go of the list to write the tail, meanwhile the page before it is evicted',
    setup: () => bigPool(2, 0),
    threads: [lruBatch, flushSingle],
    invariant: hazardsInList,
    check(m, k) {
      checkPool(m, k);
      const free = m[k.inst.at + P.freeLen];
      must(free === 3, `a batch that makes room for two and a single-page flush have freed ${free} blocks`);
    },
  },
  {
    ...onPool,
    name: 'pool-lru-list',
    doc: 'An LRU batch and a flush-list batch want the same dirty page, a user changes it again',
    setup: () => bigPool(3, 0),
    threads: [lruBatch, flushAll, (ctx) => changePage(ctx, 0)],
    invariant: hazardsInList,
  },
  {
    ...onPool,
    name: 'pool-old-sublist',
    doc: 'With an old sublist: a page of it is made young while others are evicted and read in at the midpoint',
    setup() {
      const pages = ALL.length + 1;
      const k = makePool({ blocks: ALL.length, pages, threads: 2, sysvars: { oldBlocksTicks: 1 } }, ...ALL);
      // Pages are made young once the pool has evicted, and some time after their first access.
      bufLruScanAndFree(k.observer, k.pool, k.inst, false);
      for (const page of [1, 2]) k.mem[k.blockOf(page) + BUF_BLOCK.at.accessTime] = -1;
      return k;
    },
    threads: [
      (ctx) => [scan(ctx), readPage(ctx, ALL.length)].join(),
      (ctx) => readPage(ctx, 2) + readPage(ctx, 1),
    ],
  },
];
