/** Writing pages while they are read, changed again, evicted; and the order of the flush list. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_POOL, LOG_SYS } from '../../../src/layout/buffer.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { bufFlushDoBatch } from '../../../src/buffer/flush-batch.ts';
import { bufFlushSinglePageFromLru } from '../../../src/buffer/flush-page.ts';
import { LOG_START_LSN, logClosedTail } from '../../../src/buffer/log-sys.ts';
import { mtrCommit } from '../../../src/buffer/mtr.ts';
import { FLUSH } from '../../../src/buffer/states.ts';
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
  validateBeside,
} from '../pool-kit.ts';

/** A batch over the whole flush list. */
export function flushAll(ctx: Ctx<TinyPool>): number {
  return bufFlushDoBatch(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst, FLUSH.list, Infinity);
}

/** What a session does that finds no free block: frees or writes one page of the LRU list. */
export function flushSingle(ctx: Ctx<TinyPool>): boolean {
  return bufFlushSinglePageFromLru(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst);
}

/** Changes two pages in one mini-transaction. */
function changeTwo(ctx: Ctx<TinyPool>, first: number, second: number): void {
  const thr = ctx.s.threads[ctx.id];
  changeOpen(ctx.s, thr, first);
  changeOpen(ctx.s, thr, second);
  mtrCommit(thr, ctx.s.pool);
}

/** Log that one changed page makes. */
const LOG_PER_PAGE = 64;

/** Where each mini-transaction changes one page of its own: what is closed is in the flush list. */
function closedIsListed(m: Int32Array, k: TinyPool): void {
  const closed = getU53(m, k.pool.plan.logSys + LOG_SYS.at.closedTail) - LOG_START_LSN;
  const listed = m[k.inst.at + BUF_POOL.at.flushLen];
  must(
    closed <= listed * LOG_PER_PAGE,
    `recent_closed says that ${closed / LOG_PER_PAGE} changes are in the flush list, there are ${listed}`,
  );
}

function withDirty(blocks: number, threads: number, ...pages: number[]): TinyPool {
  const k = makePool({ blocks, pages: Math.max(blocks, 2), threads }, ...pages);
  dirty(k, ...pages);
  return k;
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-flush-redirty',
    doc: 'A page is changed again while it is written: it is dirty after it, or the file has the change',
    setup: () => withDirty(2, 2, 0),
    threads: [flushAll, (ctx) => changePage(ctx, 0)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-flush-redirty-twice',
    doc: 'Two changes and two batches of the same page',
    setup: () => withDirty(2, 2, 0),
    threads: [
      (ctx) => [flushAll(ctx), flushAll(ctx)].join(),
      (ctx) => changePage(ctx, 0) + changePage(ctx, 0),
    ],
    check(m, k) {
      // Whatever is still dirty must be in the list: one more batch, and the file has everything.
      bufFlushDoBatch(k.observer, k.pool, k.inst, FLUSH.list, Infinity);
      checkPool(m, k);
      must(m[k.inst.at + BUF_POOL.at.flushLen] === 0, 'a batch over the whole flush list left something');
    },
  },
  {
    ...onPool,
    name: 'pool-flush-readers',
    doc: 'A page is written while one thread reads it S and another wants it X',
    setup: () => withDirty(2, 3, 0),
    threads: [flushAll, (ctx) => readPage(ctx, 0), (ctx) => changePage(ctx, 0)],
  },
  {
    ...onPool,
    name: 'pool-single-list',
    doc: 'A single-page flush and a flush-list batch want the same page: it is written once at a time',
    setup: () => withDirty(2, 2, 0),
    threads: [flushSingle, flushAll],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-single-single',
    doc: 'Two single-page flushes of two dirty pages',
    setup: () => withDirty(2, 2, 0, 1),
    threads: [flushSingle, flushSingle],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-single-change',
    doc: 'A single-page flush evicts what it has written, unless somebody changes it again',
    setup: () => withDirty(2, 2, 0),
    threads: [flushSingle, (ctx) => changePage(ctx, 0)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-flush-validate',
    doc: 'The validator beside a batch and a change: n_flush, no_flush and the flush list agree at every moment',
    setup: () => withDirty(2, 3, 0),
    threads: [flushAll, validateBeside, (ctx) => changePage(ctx, 1)],
  },
  {
    ...onPool,
    name: 'pool-change-validate',
    doc: 'The validator beside a change of a page that is dirty already',
    setup: () => withDirty(2, 2, 0),
    threads: [(ctx) => changePage(ctx, 0), validateBeside],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-single-validate',
    doc: 'The validator beside a single-page flush: no_flush is set exactly when nothing is being written',
    setup: () => withDirty(2, 2, 0),
    threads: [flushSingle, validateBeside],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-commits',
    doc: 'Two commits of different pages: the flush list and recent_closed come out whole',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 2 }, 0, 1),
    threads: [(ctx) => changePage(ctx, 0), (ctx) => changePage(ctx, 1)],
    invariant: closedIsListed,
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-commit-closed',
    doc: 'Three commits, and a checkpointer that advances the tail: what it calls closed is in the flush list',
    setup: () => makePool({ blocks: 3, pages: 3, threads: 3 }, 0, 1, 2),
    threads: [
      (ctx) => changePage(ctx, 0),
      (ctx) => changePage(ctx, 1) + changePage(ctx, 2),
      (ctx) => logClosedTail(ctx.s.threads[ctx.id], ctx.s.pool) - LOG_START_LSN,
    ],
    invariant: closedIsListed,
  },
  {
    ...onPool,
    name: 'pool-commit-full',
    doc: 'Commits with a recent_closed of two changes: who is too far ahead waits, the order stays within bounds',
    setup: () => makePool({ blocks: 4, pages: 4, threads: 3, logSlots: 16 }, 0, 1, 2, 3),
    threads: [
      (ctx) => changePage(ctx, 0),
      (ctx) => changePage(ctx, 1) + changePage(ctx, 2),
      (ctx) => changePage(ctx, 3),
    ],
    invariant: closedIsListed,
  },
  {
    ...onPool,
    name: 'pool-commit-two-pages',
    doc: 'A mini-transaction of two pages against one of one of them, and a batch',
    setup: () => makePool({ blocks: 2, pages: 2, threads: 3 }, 0, 1),
    threads: [(ctx) => changeTwo(ctx, 0, 1), (ctx) => changePage(ctx, 1), flushAll],
  },
];
