/** Facts B 5.5: batches. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { StorageError } from '../storage/errors.ts';
import { eventIsSet } from '../sync/event.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { hookSleep } from '../sync/test-kit.ts';
import type { SysvarValues } from '../sync/runtime.ts';
import { bufFlushDoBatch, bufFlushLruList, bufFlushWaitBatchEnd } from './flush-batch.ts';
import { bufFlushPage } from './flush-page.ts';
import { mtrCommit, mtrReleaseAll, mtrReleaseLast } from './mtr.ts';
import { dropSpace } from './stale.ts';
import { FETCH, FLUSH, RW } from './states.ts';
import { diskFull, PoolKit } from './test-kit.ts';

const { mutex: MUTEX_AT } = BUF_BLOCK.at;

const list = (kit: PoolKit, n = Infinity, limit?: number): number =>
  bufFlushDoBatch(kit.thr, kit.pool, kit.inst, FLUSH.list, n, limit);
const lru = (kit: PoolKit, n = Infinity): number =>
  bufFlushDoBatch(kit.thr, kit.pool, kit.inst, FLUSH.lru, n);
const written = (kit: PoolKit): number[] => kit.store.writes.map((p) => Number(p.split(':')[1]));
const noFlush = (kit: PoolKit): boolean[] => [0, 1, 2].map((t) => eventIsSet(kit.val('noFlush', t)));

describe('one batch of a type at a time', () => {
  it.each([FLUSH.lru, FLUSH.list])('type %i: refused while one is being set up or its writes run', (type) => {
    const kit = new PoolKit();
    kit.dirty(1);
    kit.set('initFlush', 1, type);
    expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 10)).toBe(-1);
    kit.set('initFlush', 0, type);
    kit.set('nFlush', 1, type);
    expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 10)).toBe(-1);
    kit.set('nFlush', 0, type);
    expect(kit.store.writes).toEqual([]);
    expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 10)).toBe(type === FLUSH.list ? 1 : 0);
  });

  it('no_flush: unset while the batch runs, set when it is over, other types untouched', () => {
    const kit = new PoolKit();
    kit.dirty(1, 2);
    const seen: unknown[] = [];
    kit.store.onWrite = () => {
      seen.push(noFlush(kit), kit.val('initFlush', FLUSH.list), list(kit));
      return null;
    };
    expect(list(kit)).toBe(2);
    const during = [[true, false, true], 1, -1];
    expect(seen).toEqual([...during, ...during]);
    expect(noFlush(kit)).toEqual([true, true, true]);
    expect(kit.findings()).toEqual([]);
  });

  it.each([FLUSH.lru, FLUSH.list])('no_flush of type %i is unset between two writes as well', (type) => {
    const kit = new PoolKit({ blocks: 300 });
    for (let p = 0; p < 300; p++) kit.dirty(p);
    const seen = new Set<boolean>();
    const hold = kit.thr.hold.bind(kit.thr);
    kit.thr.hold = (entry: number) => {
      const between = kit.val('initFlush', type) === 1 && kit.val('nFlush', type) === 0;
      if (between && entry !== kit.inst.flushStateMutex) seen.add(noFlush(kit)[type]);
      hold(entry);
    };
    expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 3)).toBe(3);
    expect([...seen]).toEqual([false]);
  });

  it('facts 15: who waits for a batch when none ever ran goes on at once; else when it is over', () => {
    const kit = new PoolKit();
    const other = hookSleep(kit.thread(1), () => {
      throw new Error('it sleeps');
    });
    for (const type of [0, 1, 2]) bufFlushWaitBatchEnd(other, kit.inst, type);
    kit.dirty(1);
    kit.store.onWrite = () => {
      expect(() => bufFlushWaitBatchEnd(other, kit.inst, FLUSH.list)).toThrow('it sleeps');
      return null;
    };
    expect(list(kit)).toBe(1);
    bufFlushWaitBatchEnd(other, kit.inst, FLUSH.list);
  });

  it('a single page flush beside a batch keeps its own count', () => {
    const kit = new PoolKit();
    kit.dirty(1);
    kit.store.onWrite = () => {
      expect([kit.val('nFlush', 0), kit.val('nFlush', 1), kit.val('nFlush', 2)]).toEqual([0, 1, 0]);
      return null;
    };
    list(kit);
  });

  it('a file that refuses ends the batch, and the next one can run', () => {
    for (const type of [FLUSH.lru, FLUSH.list]) {
      const kit = new PoolKit({ blocks: 300 });
      for (let p = 0; p < 300; p++) kit.dirty(p);
      kit.store.onWrite = (page) => (page === '1:3' ? diskFull(page) : null);
      expect(() => bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 20)).toThrow(StorageError);
      expect(kit.holding()).toEqual([0, 0]);
      expect(kit.findings()).toEqual([]);
      kit.store.onWrite = () => null;
      expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 20)).toBe(20);
      expect(kit.findings()).toEqual([]);
    }
  });
});

describe('LIST batch', () => {
  it('writes from the tail, oldest change first, as many as asked for', () => {
    const kit = new PoolKit();
    kit.dirty(5, 3, 8, 1);
    expect(list(kit, 3)).toBe(3);
    expect(written(kit)).toEqual([5, 3, 8]);
    expect([kit.pages('flush'), kit.val('flushHp')]).toEqual([[1], 0]);
    expect([kit.stat('listBatchFlushed'), kit.stat('pagesFlushed'), kit.stat('lruBatchFlushed')]).toEqual([
      3, 3, 0,
    ]);
    expect(kit.val('lruLen')).toBe(4);
    expect(kit.findings()).toEqual([]);
  });

  it('stops before the first page whose change is not below lsn_limit', () => {
    const kit = new PoolKit();
    kit.dirty(1, 2, 3);
    expect(list(kit, Infinity, 8192 + 128)).toBe(2);
    expect(written(kit)).toEqual([1, 2]);
    expect(list(kit, Infinity, 8192 + 128)).toBe(0);
  });

  it('is bounded by the length at its start, though pages become dirty again behind it', () => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    kit.dirty(1, 2, 3);
    let next = 10;
    kit.store.onWrite = () => {
      // One page is dirtied for each that is written: an endless supply.
      kit.change(next++, other);
      mtrCommit(other, kit.pool);
      return null;
    };
    expect(list(kit)).toBe(3);
    expect([written(kit), kit.val('flushLen')]).toEqual([[1, 2, 3], 3]);
    expect(kit.findings()).toEqual([]);
  });

  it('a page in I/O, or freed meanwhile, is passed over, and the walk goes on from its hazard pointer', () => {
    const kit = new PoolKit();
    kit.dirty(1, 2, 3, 4);
    let first = true;
    kit.store.onWrite = () => {
      if (first) {
        first = false;
        // While page 1 is written, a session writes and evicts page 2, where the walk would go on.
        expect(kit.val('flushHp')).toBe(kit.find(2));
        flushAs(kit, 2);
        expect(kit.val('flushHp')).toBe(kit.find(3));
      }
      return null;
    };
    expect(list(kit)).toBe(3);
    expect(written(kit)).toEqual([1, 2, 3, 4]);
    expect(kit.findings()).toEqual([]);
  });

  it('stale pages are dropped, not written and not counted; a fixed one is discarded too', () => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    kit.dirty(1, 2);
    kit.change(3, kit.thr, 2);
    mtrCommit(kit.thr, kit.pool);
    kit.get(2, RW.none, FETCH.noLatch, other);
    dropSpace(kit.pool, 1);
    // The fixed one counts: its write had begun when the drop was seen.
    expect(list(kit)).toBe(2);
    expect(kit.store.writes).toEqual(['2:3']);
    expect([kit.pages('flush'), kit.pages('lru')]).toEqual([[], [3, 2]]);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });
});

/** A session writes and evicts a page by itself. */
function flushAs(kit: PoolKit, page: number): void {
  const thr = kit.thread(2);
  const block = kit.find(page);
  mutexEnter(thr, kit.inst.lruListMutex);
  mutexEnter(thr, block + MUTEX_AT);
  expect(bufFlushPage(thr, kit.pool, kit.inst, block, FLUSH.singlePage)).toBe(true);
}

const lruPool = (blocks: number, sysvars: SysvarValues = {}): PoolKit =>
  new PoolKit({ blocks, sysvars, frames: blocks <= 400 });

describe('LRU batch', () => {
  it('evicts clean pages and writes dirty ones from the tail, until as many as asked for', () => {
    const kit = lruPool(300);
    for (let p = 0; p < 300; p++) {
      if (p % 2 === 0) kit.touch(p);
      else kit.dirty(p);
    }
    expect(lru(kit, 10)).toBe(5);
    expect(written(kit)).toEqual([1, 3, 5, 7, 9]);
    expect([kit.val('freeLen'), kit.val('lruLen'), kit.val('lruHp')]).toEqual([10, 290, 0]);
    expect([kit.stat('lruBatchEvicted'), kit.stat('lruBatchFlushed'), kit.stat('pagesFlushed')]).toEqual([
      5, 5, 5,
    ]);
    expect(kit.findings()).toEqual([]);
  });

  it('stops at 256 pages', () => {
    const kit = lruPool(300);
    kit.fill(300);
    expect(lru(kit)).toBe(0);
    expect([kit.val('lruLen'), kit.val('freeLen')]).toEqual([256, 44]);
    expect(lru(kit)).toBe(0);
    expect(kit.val('lruLen')).toBe(256);
  });

  it('stops when the free list has innodb_lru_scan_depth blocks', () => {
    const kit = lruPool(400, { lruScanDepth: 100 });
    kit.fill(400);
    lru(kit);
    expect([kit.val('freeLen'), kit.val('lruLen')]).toEqual([100, 300]);
  });

  it('buf_flush_LRU_list: at most the scan depth', () => {
    const kit = lruPool(700, { lruScanDepth: 100 });
    for (let p = 0; p < 700; p++) kit.dirty(p);
    const other = kit.thread(1);
    // The tail is fixed: looked at, not counted.
    kit.get(0, RW.none, FETCH.noLatch, other);
    expect(bufFlushLruList(kit.thr, kit.pool, kit.inst)).toBe(100);
    expect(written(kit)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    mtrReleaseAll(other);
    expect(kit.findings()).toEqual([]);
  });

  it('a busy block mutex is not waited for; a fixed page is passed over', () => {
    const kit = lruPool(300);
    for (let p = 0; p < 300; p++) kit.dirty(p);
    const other = kit.thread(1);
    kit.get(1, RW.s, FETCH.normal, other);
    const busy = kit.find(0) + MUTEX_AT;
    mutexEnter(other, busy);
    expect(lru(kit, 2)).toBe(2);
    expect(written(kit)).toEqual([2, 3]);
    mutexExit(other, busy);
    mtrReleaseAll(other);
    expect(kit.findings()).toEqual([]);
  });

  it('stale pages are dropped', () => {
    const kit = lruPool(300);
    for (let p = 0; p < 300; p++) kit.dirty(p);
    dropSpace(kit.pool, 1);
    expect(lru(kit, 5)).toBe(0);
    expect([kit.store.writes, kit.val('freeLen'), kit.stat('lruBatchEvicted')]).toEqual([[], 5, 5]);
    expect(kit.findings()).toEqual([]);
  });

  it('goes on from its hazard pointer when the page that it pointed at is gone', () => {
    const kit = lruPool(300);
    for (let p = 0; p < 300; p++) kit.dirty(p);
    let first = true;
    kit.store.onWrite = () => {
      if (first) {
        first = false;
        flushAs(kit, 1);
      }
      return null;
    };
    expect(lru(kit, 3)).toBe(3);
    expect(written(kit)).toEqual([0, 1, 2, 3]);
    expect(kit.findings()).toEqual([]);
  });
});
