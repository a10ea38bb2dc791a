/** Facts B 2.4: misses, and reads that fail. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { StorageError } from '../storage/errors.ts';
import { X_LOCK_DECR } from '../sync/sx-lock-word.ts';
import { BufPoolFatal } from './free-block.ts';
import { mtrReleaseLast } from './mtr.ts';
import { bufReadPage } from './read-page.ts';
import { VERSION_FAILED } from './stale.ts';
import { FETCH, IO_FIX, RW, STATE } from './states.ts';
import { corrupt, PoolKit, shortRead } from './test-kit.ts';

const { fixCount: FIX_COUNT, version: VERSION } = BUF_BLOCK.at;

function caught(action: () => void): Error {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error('nothing was thrown');
}

/** Nothing is left of a read that failed: all blocks free, nothing held, all invariants. */
function expectUntouched(kit: PoolKit): void {
  expect(kit.findings()).toEqual([]);
  expect(kit.holding()).toEqual([0, 0]);
  expect(kit.list('free')).toHaveLength(kit.blocks().length);
  expect(kit.val('lruLen')).toBe(0);
}

describe('a miss', () => {
  it('reads into the frame of the block, once; the block is a clean old page', () => {
    const kit = new PoolKit();
    const block = kit.get(7);
    expect(kit.store.reads).toEqual(['1:7']);
    expect([kit.of(block, 'state'), kit.of(block, 'ioFix'), kit.oldest(block)]).toEqual([
      STATE.filePage,
      IO_FIX.none,
      0,
    ]);
    const bytes = new DataView(kit.plan.buffer, kit.of(block, 'frame') * 4);
    expect([bytes.getUint32(4), bytes.getUint32(34)]).toEqual([7, 1]);
    mtrReleaseLast(kit.thr);
    kit.touch(7);
    expect(kit.store.reads).toHaveLength(1);
  });

  it('while it reads, the frame is X-latched by pass, the page is in the LRU and found, and no latch is held', () => {
    const kit = new PoolKit();
    let seen: unknown[] = [];
    kit.store.onRead = () => {
      const block = kit.find(7);
      seen = [
        kit.of(block, 'ioFix'),
        kit.of(block, 'lock'),
        kit.mem[block + BUF_BLOCK.at.lock + 1],
        kit.val('lruLen'),
      ];
      seen.push(kit.thr.heldCount, kit.val('nPendReads'), ...kit.findings(false));
      return null;
    };
    kit.touch(7);
    // The writer is −1: thread 1, by pass.
    expect(seen).toEqual([IO_FIX.read, 0, -1, 1, 0, 1]);
    expect(kit.val('nPendReads')).toBe(0);
  });

  it('gives its block back when another thread was quicker', () => {
    const kit = new PoolKit({ blocks: 64 });
    const other = kit.thread(1);
    // Between the search for a free block and the second look: the free list is empty, so the search evicts, and the
    // write of the victim is where the other thread comes in.
    for (let p = 0; p < 64; p++) kit.dirty(p);
    let once = true;
    kit.store.onWrite = () => {
      if (!once) return null;
      once = false;
      kit.get(100, RW.s, FETCH.normal, other);
      mtrReleaseLast(other);
      return null;
    };
    kit.store.reads.length = 0;
    const block = kit.touch(100);
    expect(kit.store.reads).toEqual(['1:100']);
    expect([kit.stat('reads'), kit.stat('reads', other)]).toEqual([64, 1]);
    expect(kit.find(100)).toBe(block);
    expect(kit.findings()).toEqual([]);
    expect(kit.list('free')).toHaveLength(1);
  });

  it('a block that is used again starts from scratch', () => {
    const kit = new PoolKit({ blocks: 64 });
    for (let p = 200; p < 264; p++) kit.dirty(p);
    kit.fill(64);
    expect(kit.pages('flush')).toEqual([]);
    for (const b of kit.list('lru')) {
      expect([kit.of(b, 'fixCount'), kit.oldest(b), kit.of(b, 'newestModification')]).toEqual([0, 0, 0]);
    }
    expect(kit.findings()).toEqual([]);
  });
});

describe('a read that fails', () => {
  it.each([1, 100])('%i times, and then succeeds: the page', (times) => {
    const kit = new PoolKit();
    let left = times;
    kit.store.onRead = (page) => (left-- > 0 ? shortRead(page) : null);
    const block = kit.touch(9);
    expect(kit.of(block, 'pageNo')).toBe(9);
    expect(kit.store.reads).toHaveLength(times + 1);
    expect([kit.stat('readRetries'), kit.stat('reads'), kit.stat('pageGets')]).toEqual([times, 1, 1]);
    expect(kit.findings()).toEqual([]);
  });

  it('101 times: fatal, naming the page and the last failure', () => {
    const kit = new PoolKit();
    kit.store.onRead = shortRead;
    const error = caught(() => kit.get(9));
    expect(error).toBeInstanceOf(BufPoolFatal);
    expect(error.message).toMatch(
      /^Unable to read page 9 of space 1 into the buffer pool after 100 attempts\./,
    );
    expect(error.message).toContain('mem.ibd: page 9: the file ends inside the page');
    expect(kit.store.reads).toHaveLength(101);
    expect(kit.stat('readRetries')).toBe(100);
    expectUntouched(kit);
  });

  it('in a way that no retry heals: the storage error, at once', () => {
    const kit = new PoolKit();
    kit.store.onRead = corrupt;
    const error = caught(() => kit.get(9));
    expect(error).toBeInstanceOf(StorageError);
    expect(error).toMatchObject({ code: 'PAGE_NUMBER', page: 9, file: 'mem.ibd' });
    expect(kit.store.reads).toHaveLength(1);
    expectUntouched(kit);
  });

  it('names page and space as uint32', () => {
    const kit = new PoolKit();
    kit.store.onRead = shortRead;
    expect(caught(() => kit.get(4294967295, RW.s, FETCH.normal, kit.thr, 4294967279)).message).toContain(
      'page 4294967295 of space 4294967279',
    );
  });

  it('leaves the pages that the mini-transaction has already to their owner', () => {
    const kit = new PoolKit();
    kit.get(1);
    kit.store.onRead = corrupt;
    expect(() => kit.get(2)).toThrow(StorageError);
    expect(kit.holding()).toEqual([1, 1]);
    mtrReleaseLast(kit.thr);
    expect(kit.findings()).toEqual([]);
  });

  it('counts as an eviction, as in InnoDB, and is no pending read', () => {
    const kit = new PoolKit();
    kit.store.onRead = corrupt;
    expect(() => kit.get(2)).toThrow(StorageError);
    expect([kit.val('freedPageClock'), kit.val('nPendReads')]).toEqual([1, 0]);
    expect([kit.stat('reads'), kit.stat('pagesRead')]).toEqual([0, 0]);
  });
});

/** Page 4 fails once, while somebody who waits for it has fixed it. Returns its block. */
function failUnderAWaiter(kit: PoolKit): number {
  let block = NIL;
  kit.store.onRead = (page) => {
    block = kit.find(4);
    Atomics.add(kit.mem, block + FIX_COUNT, 1);
    return corrupt(page);
  };
  expect(() => kit.get(4)).toThrow(StorageError);
  kit.store.onRead = () => null;
  return block;
}

describe('a read that fails while others have the page fixed (rule 13)', () => {
  it('stays, marked, with its frame free for the waiters', () => {
    const kit = new PoolKit();
    const block = failUnderAWaiter(kit);
    expect([kit.of(block, 'state'), kit.of(block, 'version')]).toEqual([STATE.filePage, VERSION_FAILED]);
    expect([kit.of(block, 'lock'), kit.of(block, 'ioFix')]).toEqual([X_LOCK_DECR, IO_FIX.none]);
    expect(kit.findings(false)).toEqual([]);
    expect(kit.holding()).toEqual([0, 0]);
  });

  it('nobody gets the mark: who comes waits for the others to let go, frees it, and reads for itself', () => {
    const kit = new PoolKit();
    const block = failUnderAWaiter(kit);
    const other = kit.thread(1);
    kit.clock.onSleep = (us) => {
      expect(us).toBe(100);
      expect([kit.holding(other), kit.holding()]).toEqual([
        [0, 0],
        [0, 0],
      ]);
      if (kit.clock.sleeps === 3) Atomics.sub(kit.mem, block + FIX_COUNT, 1);
    };
    const got = kit.get(4, RW.s, FETCH.normal, other);
    expect(kit.clock.sleeps).toBe(3);
    expect(kit.of(got, 'version')).toBe(0);
    expect(kit.store.reads).toEqual(['1:4', '1:4']);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });

  it('a waiter that finds the mark only after it has the frame lets go and starts over', () => {
    const kit = new PoolKit();
    // The mark appears between the look-up and the frame latch: here at the first access time's block mutex.
    const block = kit.touch(4);
    kit.mem[block + BUF_BLOCK.at.accessTime] = 0;
    const { nowTicks } = kit.thr;
    let armed = true;
    Object.defineProperty(kit.thr, 'nowTicks', {
      get: () => {
        if (armed) kit.mem[block + VERSION] = VERSION_FAILED;
        armed = false;
        return nowTicks;
      },
    });
    const again = kit.get(4);
    expect(kit.of(again, 'version')).toBe(0);
    expect(kit.store.reads).toHaveLength(2);
    expect(kit.holding()).toEqual([1, 1]);
    mtrReleaseLast(kit.thr);
    expect(kit.findings()).toEqual([]);
  });

  it('who had it fixed and went away leaves it to the scan for free blocks', () => {
    const kit = new PoolKit();
    const block = failUnderAWaiter(kit);
    Atomics.sub(kit.mem, block + FIX_COUNT, 1);
    for (let p = 100; p < 164; p++) kit.touch(p);
    expect(kit.find(4)).toBe(NIL);
    expect(kit.findings()).toEqual([]);
  });

  it('failures add up over the turns of one get, so that two getters do not keep each other trying for ever', () => {
    const kit = new PoolKit();
    let fixed = NIL;
    kit.store.onRead = (page) => {
      fixed = kit.find(5);
      Atomics.add(kit.mem, fixed + FIX_COUNT, 1);
      return shortRead(page);
    };
    let failed = 0;
    let turns = 0;
    // What a get does: read; find the mark of a page that another getter still has; wait until that one is gone.
    const get = (): void => {
      for (; turns < 200; turns++) {
        failed = bufReadPage(kit.thr, kit.pool, kit.inst, 1, 5, failed);
        expect(failed).toBe(turns + 1);
        Atomics.sub(kit.mem, fixed + FIX_COUNT, 1);
        kit.get(5, RW.s, FETCH.ifInPool);
      }
    };
    expect(get).toThrow(BufPoolFatal);
    expect(turns).toBe(100);
  });
});
