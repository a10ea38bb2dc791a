/** The search for a free block when nothing is free: eviction, single-page flushes, stealing, sleeping. */
import type { Scenario } from '../../../src/explore/types.ts';
import { bufLruGetFreeBlock } from '../../../src/buffer/free-block.ts';
import { freeBlock } from '../../../src/buffer/free-list.ts';
import type { Ctx } from '../../../src/explore/types.ts';
import { mtrCommit } from '../../../src/buffer/mtr.ts';
import { must } from '../kit.ts';
import {
  changeOpen,
  changePage,
  checkPool,
  dirty,
  makePool,
  onPool,
  readPage,
  type TinyPool,
} from '../pool-kit.ts';

/** Takes a free block as a miss does, and gives it back. */
function takeAndGive(ctx: Ctx<TinyPool>): void {
  const { pool, inst } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  freeBlock(thr, inst, bufLruGetFreeBlock(thr, pool, inst));
}

/** Holds a page X while it gets another: two pages of one mini-transaction. */
function changeBoth(ctx: Ctx<TinyPool>, first: number, second: number): void {
  const thr = ctx.s.threads[ctx.id];
  changeOpen(ctx.s, thr, first);
  changeOpen(ctx.s, thr, second);
  mtrCommit(thr, ctx.s.pool);
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-free-list',
    doc: 'Two threads take a block from the free list and give it back, twice each',
    setup: () => makePool({ blocks: 2, pages: 1, threads: 2 }),
    threads: [
      (ctx) => {
        takeAndGive(ctx);
        takeAndGive(ctx);
      },
      (ctx) => {
        takeAndGive(ctx);
        takeAndGive(ctx);
      },
    ],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-free-dirty',
    doc: 'All pages are dirty, two threads want other pages: each writes and evicts one for itself',
    setup() {
      const k = makePool({ blocks: 2, pages: 4, threads: 2 }, 0, 1);
      dirty(k, 0, 1);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 2), (ctx) => readPage(ctx, 3)],
  },
  {
    ...onPool,
    name: 'pool-free-fixed',
    doc: 'All blocks are in use: who needs one sleeps until another thread lets its pages go',
    setup: () => makePool({ blocks: 2, pages: 3, threads: 2 }, 0, 1),
    threads: [(ctx) => changeBoth(ctx, 0, 1), (ctx) => readPage(ctx, 2)],
  },
  {
    ...onPool,
    name: 'pool-free-fixed-misses',
    doc: 'One thread holds a page and misses another, the other misses a third: blocks suffice for one at a time',
    setup: () => makePool({ blocks: 3, pages: 4, threads: 2 }, 0),
    threads: [(ctx) => changeBoth(ctx, 0, 1), (ctx) => changeBoth(ctx, 2, 3)],
  },
  {
    ...onPool,
    name: 'pool-free-steal',
    doc: 'Three threads want a block, one is free: what one frees another may take',
    setup() {
      const k = makePool({ blocks: 3, pages: 5, threads: 3 }, 0, 1);
      dirty(k, 0);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 2), (ctx) => readPage(ctx, 3), (ctx) => changePage(ctx, 4)],
  },
  {
    ...onPool,
    name: 'pool-free-write-again',
    doc: 'A thread that needs a block writes a page that another is about to change: both get on',
    setup() {
      const k = makePool({ blocks: 1, pages: 2, threads: 2 }, 0);
      dirty(k, 0);
      return k;
    },
    threads: [(ctx) => readPage(ctx, 1), (ctx) => changePage(ctx, 0)],
    check(m, k) {
      checkPool(m, k);
      must(m[k.file.writes] > 0, 'page 0 was thrown away unwritten');
    },
  },
];
