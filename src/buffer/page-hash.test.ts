import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { sxSLock, sxSUnlock, sxXLock, sxXUnlock } from '../sync/sx-lock.ts';
import { hookClock } from '../sync/test-kit.ts';
import type { Thread } from '../sync/thread.ts';
import { freeListPop } from './free-list.ts';
import { cellOf, hashDelete, hashFind, hashInsert, stripeOf, stripeSLock, stripeXLock } from './page-hash.ts';
import { FETCH, RW } from './states.ts';
import { PoolKit } from './test-kit.ts';

const { spaceId: SPACE_ID, pageNo: PAGE_NO, hashNext: HASH_NEXT } = BUF_BLOCK.at;

/** Page 0 of space 0, and others that share its cell. */
function collidingPages(kit: PoolKit, count: number): number[] {
  const cell = cellOf(kit.inst, 0, 0);
  const pages: number[] = [];
  for (let p = 0; pages.length < count; p++) if (cellOf(kit.inst, 0, p) === cell) pages.push(p);
  return pages;
}

function setUp(n = 4) {
  const kit = new PoolKit({ blocks: 16 });
  const pages = collidingPages(kit, n);
  const blocks = pages.map((pageNo) => {
    const block = freeListPop(kit.thr, kit.inst);
    kit.mem[block + SPACE_ID] = 0;
    kit.mem[block + PAGE_NO] = pageNo;
    return block;
  });
  const chain = (): number[] => {
    const out: number[] = [];
    for (let b = kit.mem[cellOf(kit.inst, 0, 0)]; b !== NIL; b = kit.mem[b + HASH_NEXT]) out.push(b);
    return out;
  };
  return { kit, pages, blocks, chain };
}

describe('chains', () => {
  it('grow at their tail', () => {
    const { kit, blocks, chain, pages } = setUp();
    for (const b of blocks) hashInsert(kit.inst, b);
    expect(chain()).toEqual(blocks);
    expect(pages.map((p) => hashFind(kit.inst, 0, p))).toEqual(blocks);
  });

  it('lose any member: first, middle, last', () => {
    const { kit, blocks, chain } = setUp();
    for (const b of blocks) hashInsert(kit.inst, b);
    const [a, b, c, d] = blocks;
    hashDelete(kit.inst, b);
    expect(chain()).toEqual([a, c, d]);
    hashDelete(kit.inst, d);
    expect(chain()).toEqual([a, c]);
    hashDelete(kit.inst, a);
    expect(chain()).toEqual([c]);
    expect(kit.of(a, 'hashNext')).toBe(NIL);
    hashInsert(kit.inst, a);
    expect(chain()).toEqual([c, a]);
  });

  it('do not take one page for another: number and space both count', () => {
    const { kit, blocks, pages } = setUp(2);
    hashInsert(kit.inst, blocks[0]);
    expect(hashFind(kit.inst, 0, pages[1])).toBe(NIL);
    kit.mem[blocks[0] + SPACE_ID] = 1;
    expect(hashFind(kit.inst, 0, pages[0])).toBe(NIL);
  });

  it('say so when a block is not there', () => {
    const { kit, blocks } = setUp(2);
    hashInsert(kit.inst, blocks[0]);
    expect(() => hashDelete(kit.inst, blocks[1])).toThrow(/not in the page hash/);
  });

  it('hold ids from 2^31 on', () => {
    const { kit, blocks } = setUp(1);
    kit.mem[blocks[0] + SPACE_ID] = 4294967279 | 0;
    kit.mem[blocks[0] + PAGE_NO] = 4294967295 | 0;
    hashInsert(kit.inst, blocks[0]);
    expect(hashFind(kit.inst, 4294967279 | 0, -1)).toBe(blocks[0]);
    expect(cellOf(kit.inst, 4294967279, 4294967295)).toBe(cellOf(kit.inst, 4294967279 | 0, -1));
  });
});

/**
 * `thr` comes to wait for the stripe, and while it does the cell count changes: a resize, as far as it can see.
 * Another thread lets the stripe go exactly then.
 */
function resizeWhileWaiting(kit: PoolKit, thr: Thread, pageNo: number): number {
  const other = kit.thread(1);
  const before = stripeOf(kit.inst, 0, pageNo);
  const cells = kit.val('nCells');
  // A count that puts the page into another stripe; fewer cells, so that it stays inside the array.
  let fewer = cells - 1;
  for (; stripeOf(kit.inst, 0, pageNo) === before; fewer--) kit.set('nCells', fewer);
  const after = stripeOf(kit.inst, 0, pageNo);
  fewer = kit.val('nCells');
  kit.set('nCells', cells);
  sxXLock(other, before);
  hookClock(thr, (reading) => {
    if (reading === 0) {
      kit.set('nCells', fewer);
      sxXUnlock(other, before);
    }
    return reading;
  });
  return after;
}

describe('confirm loop (facts 1.7)', () => {
  it.each([
    ['S', stripeSLock, sxSUnlock],
    ['X', stripeXLock, sxXUnlock],
  ] as const)('%s: the stripe is left and the right one taken', (_mode, lock, unlock) => {
    const kit = new PoolKit({ blocks: 16 });
    const wanted = resizeWhileWaiting(kit, kit.thr, 5);
    const got = lock(kit.thr, kit.inst, 0, 5);
    expect(got).toBe(wanted);
    expect(kit.stat('confirmRetries')).toBe(1);
    expect(kit.thr.heldCount).toBe(1);
    unlock(kit.thr, got);
    expect(kit.inst.nStripes).toBe(4);
    for (let i = 0; i < 4; i++) expect(kit.mem[kit.inst.stripe(i)]).toBe(0x20000000);
  });

  it('the same inlined in the hit path', () => {
    const kit = new PoolKit({ blocks: 16 });
    kit.touch(5);
    resizeWhileWaiting(kit, kit.thr, 5);
    // The chains were not moved along, so the page is not found where it belongs now; a peek says so.
    expect(kit.get(5, RW.s, FETCH.peekIfInPool, kit.thr, 0)).toBe(NIL);
    expect(kit.stat('confirmRetries')).toBe(1);
    expect(kit.holding()).toEqual([0, 0]);
  });

  it('no retry when nothing moved', () => {
    const kit = new PoolKit({ blocks: 16 });
    const stripe = stripeSLock(kit.thr, kit.inst, 0, 5);
    expect(stripe).toBe(kit.stripe(5, 0));
    sxSUnlock(kit.thr, stripe);
    expect(kit.stat('confirmRetries')).toBe(0);
  });

  it('S locks of one stripe do not exclude each other, X does', () => {
    const kit = new PoolKit({ blocks: 16 });
    const other = kit.thread(1);
    const stripe = stripeSLock(kit.thr, kit.inst, 0, 5);
    sxSLock(other, stripe);
    expect(kit.mem[stripe]).toBe(0x20000000 - 2);
    sxSUnlock(other, stripe);
    sxSUnlock(kit.thr, stripe);
  });
});
