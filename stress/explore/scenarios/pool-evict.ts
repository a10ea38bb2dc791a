/** Taking pages out of the pool while others want them. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_BLOCK } from '../../../src/layout/buffer.ts';
import { bufLruScanAndFree } from '../../../src/buffer/free-block.ts';
import { FETCH } from '../../../src/buffer/states.ts';
import { dropSpace } from '../../../src/buffer/stale.ts';
import { must } from '../kit.ts';
import {
  changePage,
  checkPool,
  dirty,
  makePool,
  onPool,
  peekPage,
  readPage,
  SPACE_ID,
  type TinyPool,
  validateBeside,
} from '../pool-kit.ts';

/** An eviction scan of the whole LRU list, as a session makes it that wants a free block. */
function evictOne(ctx: Ctx<TinyPool>): boolean {
  return bufLruScanAndFree(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst, true);
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-fetch-evict',
    doc: 'One thread gets a page that is there, the other evicts it to read another: all interleavings',
    setup: () => makePool({ blocks: 2, pages: 3, threads: 2 }, 0, 1),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 2)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-hit-evict',
    doc: 'A hit on the page at the tail against a scan that evicts it, twice',
    setup: () => makePool({ blocks: 3, pages: 3, threads: 2 }, 0, 1, 2),
    threads: [(ctx) => readPage(ctx, 0) + changePage(ctx, 1), (ctx) => [evictOne(ctx), evictOne(ctx)].join()],
  },
  {
    ...onPool,
    name: 'pool-change-evict',
    doc: 'A change of the page at the tail against its eviction: a dirty page stays, the change is not lost',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 2 }, 0, 1),
    threads: [(ctx) => changePage(ctx, 0), (ctx) => evictOne(ctx)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-guess-evict',
    doc: 'A page is got by a guess where it is, while it is evicted and another page takes its block',
    setup: () => makePool({ blocks: 2, pages: 3, threads: 2 }, 0, 1),
    threads: [
      (ctx) => peekPage(ctx, 0, FETCH.ifInPool, ctx.s.inst.chunks[0].blocks),
      (ctx) => readPage(ctx, 2),
    ],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-make-young',
    doc: 'The page at the tail is made young while a scan evicts from the tail',
    setup() {
      const k = makePool({ blocks: 3, pages: 4, threads: 2 }, 0, 1, 2);
      // One eviction, so that all pages put at the head before it are too old.
      bufLruScanAndFree(k.observer, k.pool, k.inst, true);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 1), (ctx) => [evictOne(ctx), readPage(ctx, 3)].join()],
  },
  {
    ...onPool,
    name: 'pool-evict-evict',
    doc: 'Two threads miss different pages, and each evicts for itself: while one reads, its block is nobody else’s',
    setup: () => makePool({ blocks: 2, pages: 4, threads: 2 }, 0, 1),
    threads: [(ctx) => readPage(ctx, 2), (ctx) => readPage(ctx, 3)],
  },
  {
    ...onPool,
    name: 'pool-evict-read',
    doc: 'Scans run while a page is being read in: a block in I/O is no victim',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 2 }, 1),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => [evictOne(ctx), evictOne(ctx)].join()],
  },
  {
    ...onPool,
    name: 'pool-evict-reread',
    doc: 'A page is evicted and read in again by another thread, its changes with it',
    setup() {
      const k = makePool({ blocks: 2, pages: 3, threads: 2 }, 0, 1);
      dirty(k, 0);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 2), (ctx) => changePage(ctx, 0)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-drop-space',
    doc: 'The space is dropped while two threads get its pages: stale pages are freed once, and read anew',
    setup() {
      const k = makePool({ blocks: 3, pages: 2, threads: 3 }, 0, 1);
      dirty(k, 1);
      return k;
    },
    threads: [
      (ctx) => readPage(ctx, 0),
      (ctx) => readPage(ctx, 0) + readPage(ctx, 1),
      (ctx) => dropSpace(ctx.s.pool, SPACE_ID),
    ],
  },
  {
    ...onPool,
    name: 'pool-stale-getters',
    doc: 'Two threads find the same stale page: one frees it, neither touches what takes its block',
    setup() {
      const k = makePool({ blocks: 2, pages: 2, threads: 2 }, 0, 1);
      dropSpace(k.pool, SPACE_ID);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0)],
  },
  {
    ...onPool,
    name: 'pool-validate',
    doc: 'The validator beside a getter that evicts: it never sees the lists half changed',
    setup: () => makePool({ blocks: 2, pages: 3, threads: 2, stripes: 2 }, 0, 1),
    threads: [(ctx) => readPage(ctx, 2), validateBeside],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-first-access',
    doc: 'Two threads are the first to access a page that was read in and never got: one time is kept',
    setup() {
      const k = makePool({ blocks: 1, pages: 1, threads: 2 }, 0);
      k.mem[k.blockOf(0) + BUF_BLOCK.at.accessTime] = 0;
      return k;
    },
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0)],
    check(m, k) {
      checkPool(m, k);
      must(k.mem[k.blockOf(0) + BUF_BLOCK.at.accessTime] !== 0, 'an access has left no time');
    },
    exhaustive: true,
  },
];
