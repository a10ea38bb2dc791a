/** Facts B 3.6: what may leave the pool, and how. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { bufLruFreePage, bufPageFreeStale, canRelocate, isReplaceable } from './evict.ts';
import { mtrCommit, mtrReleaseLast } from './mtr.ts';
import { dropSpace } from './stale.ts';
import { FETCH, IO_FIX, RW, STATE } from './states.ts';
import { PoolKit } from './test-kit.ts';

const { mutex: MUTEX_AT, ioFix: IO_FIX_AT, modifyClock: MODIFY_CLOCK } = BUF_BLOCK.at;

/** `buf_LRU_free_page` with the latches that it wants; gives them back when it did not. */
function free(kit: PoolKit, block: number): boolean {
  mutexEnter(kit.thr, kit.inst.lruListMutex);
  mutexEnter(kit.thr, block + MUTEX_AT);
  const freed = bufLruFreePage(kit.thr, kit.pool, kit.inst, block);
  expect(kit.thr.heldCount).toBe(freed ? 0 : 2);
  if (!freed) {
    mutexExit(kit.thr, block + MUTEX_AT);
    mutexExit(kit.thr, kit.inst.lruListMutex);
  }
  return freed;
}

function freeStale(kit: PoolKit, block: number): boolean {
  mutexEnter(kit.thr, kit.inst.lruListMutex);
  const freed = bufPageFreeStale(kit.thr, kit.pool, kit.inst, block);
  expect(kit.thr.heldCount).toBe(freed ? 0 : 1);
  if (!freed) mutexExit(kit.thr, kit.inst.lruListMutex);
  return freed;
}

describe('buf_LRU_free_page', () => {
  it('a clean page that nobody uses goes to the head of the free list', () => {
    const kit = new PoolKit();
    kit.touch(1, 2, 3);
    const block = kit.find(2);
    const frame = kit.of(block, 'frame') * 4;
    expect(free(kit, block)).toBe(true);
    expect(kit.list('free')[0]).toBe(block);
    expect(kit.of(block, 'state')).toBe(STATE.notUsed);
    expect([kit.of(block, 'spaceId'), kit.of(block, 'pageNo')]).toEqual([-1, -1]);
    expect([kit.val('freedPageClock'), kit.mem[block + MODIFY_CLOCK]]).toEqual([1, 1]);
    expect([kit.val('lastEvictedSpace'), kit.val('lastEvictedPage')]).toEqual([1, 2]);
    // Facts 3.6, step 8: page number and space id in the frame are overwritten.
    const bytes = new DataView(kit.plan.buffer, frame);
    expect([bytes.getUint32(4), bytes.getUint32(34)]).toEqual([0xfefefefe, 0xfefefefe]);
    expect(kit.pages('lru')).toEqual([3, 1]);
    expect(kit.get(2, RW.s, FETCH.ifInPool)).toBe(NIL);
    expect(kit.findings()).toEqual([]);
  });

  it('not a dirty one', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    expect(isReplaceable(kit.pool, block)).toBe(false);
    expect(free(kit, block)).toBe(false);
    expect(kit.findings()).toEqual([]);
  });

  it('not a fixed one', () => {
    const kit = new PoolKit();
    const block = kit.get(1);
    mtrReleaseLast(kit.thr);
    const other = kit.thread(1);
    kit.get(1, RW.none, FETCH.noLatch, other);
    expect(free(kit, block)).toBe(false);
    mtrReleaseLast(other);
    expect(free(kit, block)).toBe(true);
  });

  it.each([IO_FIX.read, IO_FIX.write, IO_FIX.pin])('not one with io_fix %i', (ioFix) => {
    const kit = new PoolKit();
    const block = kit.touch(1);
    kit.mem[block + IO_FIX_AT] = ioFix;
    expect(canRelocate(kit.mem, block)).toBe(false);
    expect(free(kit, block)).toBe(false);
    kit.mem[block + IO_FIX_AT] = IO_FIX.none;
    expect(free(kit, block)).toBe(true);
    expect(kit.findings()).toEqual([]);
  });

  it('looks again under stripe and mutex: a page fixed or dirtied in between stays', () => {
    for (const change of ['fix', 'dirty'] as const) {
      const kit = new PoolKit();
      const block = kit.touch(1);
      const other = kit.thread(1);
      // The statistics row of the stripe's class is written right after the stripe is taken; act when the block mutex
      // was let go, which is the moment when the freeing thread publishes the stripe in its held list.
      const hold = kit.thr.hold.bind(kit.thr);
      kit.thr.hold = (entry: number) => {
        if ((entry & ~3) === kit.stripe(1)) {
          kit.thr.hold = hold;
          if (change === 'fix') kit.get(1, RW.none, FETCH.noLatch, other);
          else {
            kit.change(1, other);
            mtrCommit(other, kit.pool);
          }
        }
        hold(entry);
      };
      expect(free(kit, block)).toBe(false);
      if (change === 'fix') mtrReleaseLast(other);
      expect(kit.find(1)).toBe(block);
      expect(kit.findings()).toEqual([]);
    }
  });

  it('moves hazard pointers off the page', () => {
    const kit = new PoolKit();
    kit.touch(1, 2, 3);
    const block = kit.find(2);
    for (const hp of ['lruHp', 'lruScanItr', 'singleScanItr'] as const) kit.set(hp, block);
    free(kit, block);
    for (const hp of ['lruHp', 'lruScanItr', 'singleScanItr'] as const) expect(kit.val(hp)).toBe(kit.find(3));
  });

  it('wants the LRU mutex', () => {
    const kit = new PoolKit();
    expect(() => bufLruFreePage(kit.thr, kit.pool, kit.inst, kit.touch(1))).toThrow(
      /lruListMutex must be held/,
    );
  });
});

describe('stale pages (facts 3.6)', () => {
  it('a dirty one is dropped without a write', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    kit.touch(2);
    dropSpace(kit.pool, 1);
    expect(freeStale(kit, block)).toBe(true);
    expect([kit.store.writes, kit.pages('flush'), kit.pages('lru')]).toEqual([[], [], [2]]);
    expect(kit.findings()).toEqual([]);
  });

  it('with an I/O it stays', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    dropSpace(kit.pool, 1);
    kit.mem[block + IO_FIX_AT] = IO_FIX.pin;
    expect(freeStale(kit, block)).toBe(false);
    expect(kit.pages('flush')).toEqual([1]);
  });

  it('with a user it stays, but leaves the flush list', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    kit.get(1, RW.none, FETCH.noLatch, other);
    dropSpace(kit.pool, 1);
    expect(freeStale(kit, block)).toBe(false);
    expect([kit.pages('flush'), kit.pages('lru')]).toEqual([[], [1]]);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });

  it('a getter frees it and reads the page anew', () => {
    const kit = new PoolKit();
    kit.dirty(1);
    dropSpace(kit.pool, 1);
    const block = kit.touch(1);
    expect(kit.store.reads).toEqual(['1:1', '1:1']);
    expect([kit.store.writes, kit.counter(block), kit.of(block, 'version')]).toEqual([[], 0, 1]);
    expect(kit.findings()).toEqual([]);
  });

  it('a getter finds it in I/O: waits 100 us at a time, holding nothing', () => {
    const kit = new PoolKit();
    const block = kit.touch(1);
    dropSpace(kit.pool, 1);
    kit.mem[block + IO_FIX_AT] = IO_FIX.write;
    kit.clock.onSleep = (us) => {
      expect([us, ...kit.holding()]).toEqual([100, 0, 0]);
      expect(kit.of(block, 'fixCount')).toBe(0);
      if (kit.clock.sleeps === 4) kit.mem[block + IO_FIX_AT] = IO_FIX.none;
    };
    kit.touch(1);
    expect(kit.clock.sleeps).toBe(4);
    expect(kit.findings()).toEqual([]);
  });

  it('an optional get of a stale page returns null', () => {
    const kit = new PoolKit();
    kit.dirty(1);
    dropSpace(kit.pool, 1);
    expect(kit.get(1, RW.s, FETCH.peekIfInPool)).toBe(NIL);
    expect(kit.val('lruLen')).toBe(0);
  });

  it('other spaces are not touched, nor those that the pool does not know', () => {
    const kit = new PoolKit();
    kit.get(1, RW.s, FETCH.normal, kit.thr, 2);
    kit.get(1, RW.s, FETCH.normal, kit.thr, 900);
    mtrReleaseLast(kit.thr);
    mtrReleaseLast(kit.thr);
    dropSpace(kit.pool, 1);
    expect(kit.get(1, RW.s, FETCH.ifInPool, kit.thr, 2)).not.toBe(NIL);
    expect(kit.get(1, RW.s, FETCH.ifInPool, kit.thr, 900)).not.toBe(NIL);
    expect(kit.get(1, RW.s, FETCH.ifInPool, kit.thr, 1)).toBe(NIL);
  });

  it('a mini-transaction that still has the page commits; the page is dirty, stale, and dropped in the end', () => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    const block = kit.change(1, other);
    dropSpace(kit.pool, 1);
    expect(freeStale(kit, block)).toBe(false);
    mtrCommit(other, kit.pool);
    expect(kit.pages('flush')).toEqual([1]);
    expect(kit.findings()).toEqual([]);
    kit.touch(1);
    expect(kit.store.writes).toEqual([]);
    expect(kit.findings()).toEqual([]);
  });
});
