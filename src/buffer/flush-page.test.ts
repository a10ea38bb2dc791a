/** Facts B 5.3, 3.7: writing one page. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { StorageError } from '../storage/errors.ts';
import { eventIsSet } from '../sync/event.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { sxSxTryLock, sxSxUnlock, sxXTryLock } from '../sync/sx-lock.ts';
import { X_LOCK_DECR, X_LOCK_HALF_DECR } from '../sync/sx-lock-word.ts';
import { hookClock } from '../sync/test-kit.ts';
import type { Thread } from '../sync/thread.ts';
import { bufFlushPage, bufFlushSinglePageFromLru, isReadyForFlush } from './flush-page.ts';
import { mtrCommit, mtrReleaseAll, mtrReleaseLast } from './mtr.ts';
import { dropSpace } from './stale.ts';
import { FETCH, FLUSH, IO_FIX, RW, STATE } from './states.ts';
import { diskFull, PoolKit } from './test-kit.ts';

const { mutex: MUTEX_AT, lock: LOCK, ioFix: IO_FIX_AT } = BUF_BLOCK.at;
const TYPES = [
  ['LRU', FLUSH.lru],
  ['LIST', FLUSH.list],
  ['SINGLE_PAGE', FLUSH.singlePage],
] as const;

/** `buf_flush_page` with the latches that it wants; gives them back when it refused. */
function flush(kit: PoolKit, block: number, type: number, thr: Thread = kit.thr): boolean {
  const lru = type === FLUSH.singlePage;
  if (lru) mutexEnter(thr, kit.inst.lruListMutex);
  mutexEnter(thr, block + MUTEX_AT);
  const held = thr.heldCount;
  const written = bufFlushPage(thr, kit.pool, kit.inst, block, type);
  if (written) return true;
  expect(thr.heldCount).toBe(held);
  mutexExit(thr, block + MUTEX_AT);
  if (lru) mutexExit(thr, kit.inst.lruListMutex);
  return false;
}
const noFlush = (kit: PoolKit): boolean[] => [0, 1, 2].map((t) => eventIsSet(kit.val('noFlush', t)));

describe.each(TYPES)('%s', (_name, type) => {
  it('writes the page with its newest LSN; it is clean, and evicted unless it is a LIST flush', () => {
    const kit = new PoolKit();
    kit.dirty(1, 1);
    const block = kit.find(1);
    expect(flush(kit, block, type)).toBe(true);
    expect([kit.store.writes, kit.store.lsns]).toEqual([['1:1'], [8192 + 128]]);
    expect(kit.store.counterOf('1:1')).toBe(2);
    expect([kit.oldest(block), kit.pages('flush')]).toEqual([0, []]);
    expect(kit.of(block, 'state')).toBe(type === FLUSH.list ? STATE.filePage : STATE.notUsed);
    expect([kit.stat('pagesWritten'), kit.stat('singleFlushes')]).toEqual([
      1,
      type === FLUSH.singlePage ? 1 : 0,
    ]);
    expect(kit.val('maxLsnIo')).toBe(8192);
    expect(kit.findings()).toEqual([]);
    expect(kit.holding()).toEqual([0, 0]);
  });

  it('meanwhile: SX by pass, io_fix WRITE, n_flush and the event of this type alone, no latch held', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    let seen: unknown[] = [];
    kit.store.onWrite = () => {
      seen = [
        kit.of(block, 'lock'),
        kit.mem[block + LOCK + 1],
        kit.of(block, 'ioFix'),
        kit.of(block, 'flushType'),
      ];
      seen.push(kit.val('nFlush', type), noFlush(kit), kit.thr.heldCount, ...kit.findings(false));
      return null;
    };
    flush(kit, block, type);
    const events = [true, true, true];
    events[type] = false;
    expect(seen).toEqual([X_LOCK_HALF_DECR, -1, IO_FIX.write, type, 1, events, 0]);
    expect(noFlush(kit)).toEqual([true, true, true]);
  });

  it('readers come in meanwhile, and keep the page from being evicted; X and SX stay out', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    kit.store.onWrite = () => {
      kit.get(1, RW.s, FETCH.normal, other);
      expect([sxXTryLock(other, block + LOCK), sxSxTryLock(other, block + LOCK)]).toEqual([false, false]);
      return null;
    };
    expect(flush(kit, block, type)).toBe(true);
    expect([kit.of(block, 'state'), kit.of(block, 'fixCount'), kit.oldest(block)]).toEqual([
      STATE.filePage,
      1,
      0,
    ]);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });

  it('a file that refuses: the error, the page dirty as before, nobody waits for it', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    kit.dirty(2);
    kit.store.onWrite = diskFull;
    expect(() => flush(kit, block, type)).toThrow(StorageError);
    expect(kit.holding()).toEqual([0, 0]);
    expect([kit.pages('flush'), kit.oldest(block), kit.of(block, 'lock')]).toEqual([
      [2, 1],
      8192,
      X_LOCK_DECR,
    ]);
    expect(kit.findings()).toEqual([]);
    kit.store.onWrite = () => null;
    expect(flush(kit, block, type)).toBe(true);
  });

  it('a page whose space is dropped before the write starts: nothing is written, and the page goes', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    dropSpace(kit.pool, 1);
    expect(flush(kit, block, type)).toBe(true);
    expect([kit.store.writes, kit.stat('pagesWritten'), kit.val('lruLen')]).toEqual([[], 0, 0]);
    expect(kit.findings()).toEqual([]);
  });
});

describe('who refuses, and who waits', () => {
  it.each([FLUSH.lru, FLUSH.singlePage])('type %i refuses a fixed page', (type) => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    kit.get(1, RW.none, FETCH.noLatch, other);
    expect(flush(kit, block, type)).toBe(false);
    expect([kit.store.writes, kit.of(block, 'ioFix'), kit.val('nFlush', type)]).toEqual([[], IO_FIX.none, 0]);
  });

  it.each([FLUSH.lru, FLUSH.singlePage])('type %i refuses when the frame is not free for SX', (type) => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    expect(sxSxTryLock(other, block + LOCK)).toBe(true);
    expect(flush(kit, block, type)).toBe(false);
    sxSxUnlock(other, block + LOCK);
    expect(flush(kit, block, type)).toBe(true);
  });

  it('LIST writes a fixed page, beside its readers', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    kit.get(1, RW.s, FETCH.normal, other);
    expect(flush(kit, block, FLUSH.list)).toBe(true);
    expect(kit.store.writes).toEqual(['1:1']);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });

  it('LIST waits for the X holder, with io_fix WRITE and no latch, and writes what that one did', () => {
    const kit = new PoolKit();
    const block = kit.dirty(1);
    const other = kit.thread(1);
    kit.change(1, other);
    let seen: unknown[] = [];
    hookClock(kit.thr, (reading) => {
      if (reading === 0) {
        seen = [
          kit.of(block, 'ioFix'),
          kit.val('nFlush', FLUSH.list),
          kit.thr.heldCount,
          ...kit.findings(false),
        ];
        mtrCommit(other, kit.pool);
      }
      return reading;
    });
    expect(flush(kit, block, FLUSH.list)).toBe(true);
    expect(seen).toEqual([IO_FIX.write, 1, 0]);
    expect([kit.store.counterOf('1:1'), kit.store.lsns]).toEqual([2, [8192 + 128]]);
    expect([kit.oldest(block), kit.pages('flush')]).toEqual([0, []]);
    expect(kit.findings()).toEqual([]);
  });

  it('ready for flush is dirty and without I/O', () => {
    const kit = new PoolKit();
    const clean = kit.touch(2);
    const block = kit.dirty(1);
    expect([isReadyForFlush(kit.mem, clean), isReadyForFlush(kit.mem, block)]).toEqual([false, true]);
    kit.mem[block + IO_FIX_AT] = IO_FIX.write;
    expect(isReadyForFlush(kit.mem, block)).toBe(false);
  });

  it('max_lsn_io only grows', () => {
    const kit = new PoolKit();
    kit.dirty(1, 2);
    flush(kit, kit.find(2), FLUSH.list);
    flush(kit, kit.find(1), FLUSH.list);
    expect(kit.val('maxLsnIo')).toBe(8192 + 64);
  });
});

const single = (kit: PoolKit): boolean => bufFlushSinglePageFromLru(kit.thr, kit.pool, kit.inst);

describe('single page flush of a session (facts 3.7)', () => {
  it('walks the whole list, past what cannot go, and frees or writes one page', () => {
    const kit = new PoolKit({ blocks: 300 });
    const other = kit.thread(1);
    for (let p = 0; p < 110; p++) {
      kit.dirty(p);
      kit.get(p, RW.none, FETCH.noLatch, other);
    }
    kit.dirty(200);
    expect(single(kit)).toBe(true);
    expect(kit.store.writes).toEqual(['1:200']);
    expect(kit.of(kit.list('free')[0], 'pageNo')).toBe(-1);
    mtrReleaseAll(other);
  });

  it('a clean page is evicted, a stale one dropped, without a write', () => {
    const kit = new PoolKit();
    kit.touch(1);
    kit.dirty(2);
    expect(single(kit)).toBe(true);
    expect([kit.store.writes, kit.pages('lru')]).toEqual([[], [2]]);
    dropSpace(kit.pool, 1);
    expect(single(kit)).toBe(true);
    expect([kit.store.writes, kit.pages('lru')]).toEqual([[], []]);
    expect(kit.findings()).toEqual([]);
  });

  it('goes on where the last one stopped, and false when nothing can go', () => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    kit.dirty(1, 2, 3);
    expect(single(kit)).toBe(true);
    expect(kit.of(kit.val('singleScanItr'), 'pageNo')).toBe(2);
    kit.get(2, RW.s, FETCH.normal, other);
    kit.get(3, RW.s, FETCH.normal, other);
    expect(single(kit)).toBe(false);
    expect([kit.val('singleScanItr'), ...kit.holding()]).toEqual([0, 0, 0]);
    mtrReleaseAll(other);
    expect(single(kit)).toBe(true);
    expect(kit.store.writes).toEqual(['1:1', '1:2']);
  });

  it('a failing file ends it with nothing held', () => {
    const kit = new PoolKit();
    kit.dirty(1);
    kit.store.onWrite = diskFull;
    expect(() => single(kit)).toThrow(StorageError);
    expect(kit.holding()).toEqual([0, 0]);
    expect(kit.findings()).toEqual([]);
  });
});
