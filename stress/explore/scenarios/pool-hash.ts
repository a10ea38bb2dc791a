/** The page hash: chains, and the confirm loop against a change of the cell count. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_BLOCK, BUF_POOL } from '../../../src/layout/buffer.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { bufLruScanAndFree } from '../../../src/buffer/free-block.ts';
import { hashInsert } from '../../../src/buffer/page-hash.ts';
import { pageHashMod } from '../../../src/buffer/page-id.ts';
import { findPrime } from '../../../src/buffer/sizes.ts';
import { FETCH } from '../../../src/buffer/states.ts';
import { mutexEnter, mutexExit } from '../../../src/sync/mutex.ts';
import { sxXLock, sxXUnlock } from '../../../src/sync/sx-lock.ts';
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
} from '../pool-kit.ts';
import { flushAll } from './pool-flush.ts';

/** Cells after the resize: fewer, so that the planned array suffices. */
const SMALLER = 53;

/**
 * What a resize does to the page hash (facts B 10, step 6): under lruListMutex and all stripes X the cells are emptied, the
 * count is changed, and all pages are hashed anew.
 */
function rehash(ctx: Ctx<TinyPool>): void {
  const { inst, mem } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  mutexEnter(thr, inst.lruListMutex);
  for (let i = 0; i < inst.nStripes; i++) sxXLock(thr, inst.stripe(i));
  const nCells = mem[inst.at + BUF_POOL.at.nCells];
  mem.fill(NIL, inst.cells, inst.cells + nCells);
  mem[inst.at + BUF_POOL.at.nCells] = SMALLER;
  const { lruFirst } = BUF_POOL.at;
  for (let b = mem[inst.at + lruFirst]; b !== NIL; b = mem[b + BUF_BLOCK.at.lruNext]) hashInsert(inst, b);
  for (let i = inst.nStripes - 1; i >= 0; i--) sxXUnlock(thr, inst.stripe(i));
  mutexExit(thr, inst.lruListMutex);
}

const BLOCKS = 5;
const CELLS = findPrime(2 * BLOCKS);

/** Pages of one cell among `nCells`; `moving`: whose stripe, of two, is another when the count is CELLS. */
function pagesOfOneCell(n: number, nCells: number, moving: boolean): number[] {
  const byCell = new Map<number, number[]>();
  for (let page = 0; ; page++) {
    const cell = pageHashMod(SPACE_ID, page, nCells);
    if (moving && (cell & 1) === (pageHashMod(SPACE_ID, page, CELLS) & 1)) continue;
    const found = [...(byCell.get(cell) ?? []), page];
    if (found.length === n) return found;
    byCell.set(cell, found);
  }
}

const [MOVED_0, MOVED_1, MOVED_2] = pagesOfOneCell(3, SMALLER, true);
const [CHAIN_0, CHAIN_1, CHAIN_2] = pagesOfOneCell(3, CELLS, false);
const MOVED = { blocks: BLOCKS, pages: MOVED_2 + 1, stripes: 2 };
const CHAIN = { blocks: BLOCKS, pages: CHAIN_2 + 1, stripes: 2 };

/** Evicts the page at the LRU tail. */
function evictOne(ctx: Ctx<TinyPool>): boolean {
  return bufLruScanAndFree(ctx.s.threads[ctx.id], ctx.s.pool, ctx.s.inst, true);
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-confirm-hit',
    doc: 'The cell count changes under a getter: a page that is there is found, by either count',
    setup: () => makePool({ ...MOVED, threads: 2 }, MOVED_0),
    threads: [
      rehash,
      (ctx) => {
        const count = peekPage(ctx, MOVED_0);
        must(count === 0, 'a page that was there all the time was not found');
      },
    ],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-confirm-miss',
    doc: 'The cell count changes under two getters that miss pages of one chain: each works under the right stripe',
    setup: () => makePool({ ...MOVED, threads: 3 }, MOVED_0),
    threads: [rehash, (ctx) => readPage(ctx, MOVED_1), (ctx) => readPage(ctx, MOVED_2)],
  },
  {
    ...onPool,
    name: 'pool-confirm-evict',
    doc: 'The cell count changes under a getter, and the page after it in its chain is evicted',
    setup: () => makePool({ ...MOVED, threads: 3 }, MOVED_0, MOVED_1),
    threads: [rehash, (ctx) => readPage(ctx, MOVED_1), evictOne],
  },
  {
    ...onPool,
    name: 'pool-confirm-guess',
    doc: 'The cell count changes under a getter that knows where its page was, and the page is evicted',
    setup: () => makePool({ ...MOVED, threads: 3 }, MOVED_0),
    threads: [rehash, (ctx) => peekPage(ctx, MOVED_0, FETCH.ifInPool, ctx.s.inst.chunks[0].blocks), evictOne],
  },
  {
    ...onPool,
    name: 'pool-confirm-flush',
    doc: 'The cell count changes under a batch that looks its page up, while the page before it leaves the chain',
    setup() {
      const k = makePool({ ...MOVED, threads: 3 }, MOVED_0, MOVED_1);
      dirty(k, MOVED_0);
      return k;
    },
    threads: [rehash, flushAll, evictOne],
    check(m, k) {
      checkPool(m, k);
      must(m[k.file.writes + MOVED_0] === 1, 'the batch did not find its page');
    },
  },
  {
    ...onPool,
    name: 'pool-chain',
    doc: 'A chain of three pages: one is read in, one evicted, one looked for',
    setup: () => makePool({ ...CHAIN, threads: 3 }, CHAIN_0, CHAIN_1),
    threads: [(ctx) => readPage(ctx, CHAIN_2), evictOne, (ctx) => changePage(ctx, CHAIN_1)],
  },
];
