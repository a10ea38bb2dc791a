/** Getting pages: hits, misses, latch modes, reads that fail. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_BLOCK } from '../../../src/layout/buffer.ts';
import { bufPageGet } from '../../../src/buffer/get-page.ts';
import { mtrReleaseAll, mtrReleaseLast, mtrReleaseOlder } from '../../../src/buffer/mtr.ts';
import { FETCH, IO_FIX, RW } from '../../../src/buffer/states.ts';
import { must } from '../kit.ts';
import { poolModel } from '../pool-model.ts';
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
  tryReadPage,
} from '../pool-kit.ts';

const B = BUF_BLOCK.at;

/**
 * Gets a page without latching it: once it has it, its read is over. The content is not looked at, as nothing orders
 * that after the read.
 */
function fixOnly(ctx: Ctx<TinyPool>, page: number): void {
  const { mem, pool, threads } = ctx.s;
  const block = bufPageGet(threads[ctx.id], pool, SPACE_ID, page, RW.none, FETCH.noLatch);
  must(mem[block + B.ioFix] !== IO_FIX.read, `page ${page} is still being read`);
  must(mem[block + B.pageNo] === page, `asked for page ${page}, got ${mem[block + B.pageNo]}`);
  mtrReleaseLast(threads[ctx.id]);
}

/** Latch coupling: the next page is latched before the last one is let go. */
function walkPages(ctx: Ctx<TinyPool>, ...pages: number[]): void {
  const k = ctx.s;
  const thr = k.threads[ctx.id];
  for (const page of pages) {
    bufPageGet(thr, k.pool, SPACE_ID, page, RW.s, FETCH.normal);
    if (thr.memoCount > 1) mtrReleaseOlder(thr);
  }
  mtrReleaseAll(thr);
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-two-hits',
    doc: 'Two threads get the same page of the pool S, and let it go: does the fix count come out even?',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 2 }, 0, 1),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-two-misses',
    doc: 'Two threads miss the same page: is it read once, and does nobody see it before it is there?',
    setup: () => makePool({ blocks: 2, pages: 1, threads: 2 }),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0)],
    check(m, k) {
      checkPool(m, k);
      must(m[k.file.reads] === 1, `page 0 was read ${m[k.file.reads]} times`);
    },
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-latch-modes',
    doc: 'A reader, a writer and an SX holder of one page: no torn page, no change lost',
    setup: () => makePool({ blocks: 2, pages: 1, threads: 3 }, 0),
    threads: [
      (ctx) => readPage(ctx, 0),
      (ctx) => changePage(ctx, 0) + changePage(ctx, 0),
      (ctx) => readPage(ctx, 0, RW.sx),
    ],
    model: poolModel,
  },
  {
    ...onPool,
    name: 'pool-peek',
    doc: 'One thread reads a page in, the other asks for it only if it is there, and may not wait for the read',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 2 }),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => peekPage(ctx, 0) + peekPage(ctx, 0, FETCH.peekIfInPool)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-no-latch',
    doc: 'A page that is fixed but not latched: its read must be over before its getter goes on',
    setup: () => makePool({ blocks: 2, pages: 1, threads: 2 }),
    threads: [(ctx) => readPage(ctx, 0), (ctx) => fixOnly(ctx, 0)],
  },
  {
    ...onPool,
    name: 'pool-coupling',
    doc: 'Latch coupling over pages that are read in meanwhile, against a writer',
    setup: () => makePool({ blocks: 4, pages: 3, threads: 2 }, 0),
    threads: [(ctx) => walkPages(ctx, 0, 1, 2), (ctx) => changePage(ctx, 1)],
  },
  {
    ...onPool,
    name: 'pool-read-fails',
    doc: 'A read fails once while others wait for the frame: all of them get the page in the end',
    setup() {
      const k = makePool({ blocks: 3, pages: 1, threads: 3 });
      k.mem[k.file.failReads] = 1;
      return k;
    },
    threads: [(ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0), (ctx) => readPage(ctx, 0, RW.sx)],
  },
  {
    ...onPool,
    name: 'pool-read-fails-for-good',
    doc: 'A page that cannot be read: each getter is told, whoever read it, and nothing is left behind',
    setup() {
      const k = makePool({ blocks: 3, pages: 2, threads: 2 }, 1);
      k.mem[k.file.failReads] = -1;
      return k;
    },
    threads: [
      (ctx) => tryReadPage(ctx, 0) + readPage(ctx, 1),
      (ctx) => tryReadPage(ctx, 0) + readPage(ctx, 1),
    ],
    check(m, k, results) {
      checkPool(m, k);
      must(results.join(' ') === '-1 -1', `a page that cannot be read was read: ${results.join(' ')}`);
    },
  },
  {
    ...onPool,
    name: 'pool-3-threads',
    doc: 'Three threads read and change four pages in three blocks: gets evict and write for each other',
    setup() {
      const k = makePool({ blocks: 3, pages: 4, threads: 3, stripes: 2 }, 0, 1, 2);
      dirty(k, 0);
      return k;
    },
    threads: [
      (ctx) => readPage(ctx, 0) + readPage(ctx, 3),
      (ctx) => changePage(ctx, 1),
      (ctx) => readPage(ctx, 2) + changePage(ctx, 3),
    ],
  },
];
