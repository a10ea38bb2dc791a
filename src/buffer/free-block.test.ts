/** Facts B 3.1 to 3.4: where a free block comes from, in which order, and what is counted. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, CLEANER } from '../layout/buffer.ts';
import { CONTROL } from '../layout/thread.ts';
import { eventIsSet } from '../sync/event.ts';
import { RunAborted } from '../sync/thread.ts';
import { bufFlushDoBatch } from './flush-batch.ts';
import { BufPoolFatal, bufLruGetFreeBlock, bufLruScanAndFree } from './free-block.ts';
import { freeBlock, freeListPop } from './free-list.ts';
import { mtrReleaseAll } from './mtr.ts';
import { dropSpace } from './stale.ts';
import { FETCH, FLUSH, RW, STATE } from './states.ts';
import { PoolKit } from './test-kit.ts';

const { accessTime: ACCESS_TIME } = BUF_BLOCK.at;

const take = (kit: PoolKit): number => bufLruGetFreeBlock(kit.thr, kit.pool, kit.inst);
const cleanerWoken = (kit: PoolKit): boolean =>
  eventIsSet(kit.mem[kit.plan.pool.cleaners + CLEANER.at.flushEvent]);
const stats = (kit: PoolKit): number[] => [
  kit.stat('getFreeLoops'),
  kit.stat('searchScanned'),
  kit.stat('waitFree'),
  kit.stat('getFreeWaits'),
];

/** A full pool of 64 pages, 0 at the tail, all dirty but the given ones. */
function dirtyPool(clean: readonly number[] = [], blocks = 64): PoolKit {
  const kit = new PoolKit({ blocks, frames: blocks <= 300 });
  for (let p = 0; p < blocks; p++) {
    if (clean.includes(p)) kit.touch(p);
    else kit.dirty(p);
  }
  return kit;
}

describe('the order: free list, scan, single page flush', () => {
  it('a free block costs nothing else', () => {
    const kit = new PoolKit();
    const block = take(kit);
    expect(kit.of(block, 'state')).toBe(STATE.readyForUse);
    expect(stats(kit)).toEqual([0, 0, 0, 0]);
    expect(cleanerWoken(kit)).toBe(false);
  });

  it('then a scan evicts the clean page nearest to the tail', () => {
    const kit = dirtyPool([7, 20]);
    const block = kit.find(7);
    expect(take(kit)).toBe(block);
    expect(stats(kit)).toEqual([1, 8, 0, 0]);
    expect(kit.store.writes).toEqual([]);
    expect(cleanerWoken(kit)).toBe(false);
    expect(kit.val('lastEvictedPage')).toBe(7);
  });

  it('then one page is written and evicted by the session itself, and the cleaner is woken', () => {
    const kit = dirtyPool();
    const block = kit.find(0);
    expect(take(kit)).toBe(block);
    expect(kit.store.writes).toEqual(['1:0']);
    expect(stats(kit)).toEqual([1, 64, 1, 0]);
    expect([kit.stat('singleFlushes'), kit.stat('pagesWritten')]).toEqual([1, 1]);
    expect([cleanerWoken(kit), kit.clock.sleeps]).toEqual([true, 0]);
  });

  it('the first scan looks at 100 pages, not at innodb_lru_scan_depth', () => {
    const kit = dirtyPool([150], 200);
    take(kit);
    expect(kit.store.writes).toEqual(['1:0']);
    expect(kit.stat('searchScanned')).toBe(100);
    expect(kit.find(150)).not.toBe(0);
  });

  it('a full scan goes on to the head', () => {
    const kit = dirtyPool([150], 200);
    const block = kit.find(150);
    expect(bufLruScanAndFree(kit.thr, kit.pool, kit.inst, false)).toBe(false);
    // The position is in a list without old sublist, so it is resumed.
    expect(kit.of(kit.val('lruScanItr'), 'pageNo')).toBe(100);
    expect(bufLruScanAndFree(kit.thr, kit.pool, kit.inst, true)).toBe(true);
    expect(kit.list('free')).toEqual([block]);
  });

  it('a page evicted without ever being accessed was read ahead in vain', () => {
    const kit = dirtyPool([3]);
    kit.mem[kit.find(3) + ACCESS_TIME] = 0;
    take(kit);
    expect(kit.stat('raPagesEvicted')).toBe(1);
    const accessed = dirtyPool([3]);
    take(accessed);
    expect(accessed.stat('raPagesEvicted')).toBe(0);
  });

  it('a stale page is a free block, dirty or not', () => {
    const kit = dirtyPool();
    dropSpace(kit.pool, 1);
    const block = kit.find(0);
    expect(take(kit)).toBe(block);
    expect([kit.store.writes, kit.stat('waitFree')]).toEqual([[], 0]);
    expect(kit.val('flushLen')).toBe(63);
  });
});

describe('try_LRU_scan', () => {
  it('goes off after a first scan in vain, and the next search skips the scan', () => {
    const kit = dirtyPool();
    expect(kit.val('tryLruScan')).toBe(1);
    take(kit);
    expect(kit.val('tryLruScan')).toBe(0);
    const scanned = kit.stat('searchScanned');
    take(kit);
    expect(kit.stat('searchScanned')).toBe(scanned);
    expect(kit.store.writes).toEqual(['1:0', '1:1']);
  });

  it.each([FLUSH.lru, FLUSH.list])(
    'comes back at the end of any batch (type %i), even an idle one',
    (type) => {
      const kit = dirtyPool();
      kit.set('tryLruScan', 0);
      expect(bufFlushDoBatch(kit.thr, kit.pool, kit.inst, type, 0)).toBe(0);
      expect(kit.val('tryLruScan')).toBe(1);
    },
  );

  it('stays on after a scan that found something', () => {
    const kit = dirtyPool([1]);
    take(kit);
    expect(kit.val('tryLruScan')).toBe(1);
  });
});

/** All pages fixed by another thread; `until` passes they are let go. */
function stuckPool(passes: number) {
  const kit = new PoolKit({ blocks: 64 });
  const other = kit.thread(1);
  for (let p = 0; p < 64; p++) kit.get(p, RW.none, FETCH.noLatch, other);
  kit.clock.onSleep = (us) => {
    expect([us, ...kit.holding()]).toEqual([10_000, 0, 0]);
    if (kit.clock.sleeps === passes) mtrReleaseAll(other);
  };
  return kit;
}

describe('nothing can be freed', () => {
  it('passes 0 and 1 do not sleep; later ones 10 ms each, and scan the whole list', () => {
    const kit = stuckPool(1);
    take(kit);
    // Passes 0, 1 and 2 failed to scan; pass 2 slept, then its single-page step freed a page; pass 3 took it.
    expect([kit.stat('getFreeLoops'), kit.stat('waitFree'), kit.stat('getFreeWaits')]).toEqual([3, 3, 1]);
    expect(kit.clock.sleptUs).toBe(10_000);
    expect(kit.stat('searchScanned')).toBe(3 * 64);
    expect(kit.log.lines).toEqual([]);
  });

  it('the warning comes with the 22nd failed pass, and with every further one', () => {
    const warnings = (passes: number): string[] => {
      const kit = stuckPool(passes);
      take(kit);
      return kit.log.lines.map((l) => l.text);
    };
    // Pass n sleeps as the (n − 1)th; the 20th sleep is that of pass 21.
    expect(warnings(19)).toEqual([]);
    const [first, ...more] = warnings(20);
    expect(first).toMatch(
      /^Difficult to find free blocks in the buffer pool \(21 search iterations\)! 21 failed attempts/,
    );
    expect(more).toEqual([]);
    expect(warnings(22)).toHaveLength(3);
  });

  it('a block freed by one thread may be taken by another: the search goes on', () => {
    const kit = dirtyPool([5, 6]);
    const other = kit.thread(1);
    let stolen = 0;
    const hold = kit.thr.hold.bind(kit.thr);
    // Just before the searcher looks at the free list for the second time.
    kit.thr.hold = (entry: number) => {
      if (
        entry === kit.inst.freeListMutex &&
        kit.val('freeLen') > 0 &&
        kit.thr.heldCount === 0 &&
        stolen === 0
      ) {
        stolen = freeListPop(other, kit.inst);
      }
      hold(entry);
    };
    const block = take(kit);
    expect(stolen).not.toBe(0);
    expect(block).not.toBe(stolen);
    expect([kit.stat('getFreeLoops'), kit.stat('waitFree'), kit.store.writes]).toEqual([2, 0, []]);
  });

  it('an aborted run ends the search', () => {
    const kit = stuckPool(Infinity);
    kit.clock.onSleep = () => Atomics.store(kit.mem, kit.plan.runtime.control + CONTROL.at.abort, 1);
    expect(() => take(kit)).toThrow(RunAborted);
    expect(kit.holding()).toEqual([0, 0]);
  });
});

/** Takes blocks as if they were lock heaps, until `left` are free. */
function occupied(left: number): PoolKit {
  const kit = new PoolKit({ blocks: 100, frames: false });
  while (kit.val('freeLen') > left) freeListPop(kit.thr, kit.inst);
  return kit;
}

describe('what is not data (facts 3.2)', () => {
  it('over 95 %: fatal, even with free blocks left', () => {
    expect(() => take(occupied(4))).toThrow(BufPoolFatal);
    expect(() => take(occupied(4))).toThrow(/Over 95 percent.*4 of 100 pages/);
  });

  it('over 67 %: a warning, once per search', () => {
    const kit = occupied(32);
    take(kit);
    expect(kit.log.lines).toMatchObject([{ priority: 'Warning' }]);
    expect(kit.log.lines[0].text).toMatch(/Over 67 percent.*32 of 100/);
    expect(occupied(5).log.lines).toEqual([]);
  });

  it('a third is enough', () => {
    const kit = occupied(33);
    take(kit);
    expect(kit.log.lines).toEqual([]);
  });

  it('skipped during a resize', () => {
    const kit = occupied(4);
    kit.set('oldSize', 50);
    expect(take(kit)).not.toBe(0);
  });

  it('pages in the LRU count as data', () => {
    const kit = new PoolKit({ blocks: 100, frames: false });
    kit.fill(100);
    freeBlock(kit.thr, kit.inst, take(kit));
    expect(kit.log.lines).toEqual([]);
  });
});
