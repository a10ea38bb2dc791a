/** Facts B 2.1 to 2.3: the hit path, and what a get leaves behind. Misses that fail: read-page.test.ts. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { MAX_MEMO } from '../layout/thread.ts';
import { sxReaders, sxWriterMode, X_LOCK_DECR } from '../sync/sx-lock-word.ts';
import { MODE } from '../sync/thread.ts';
import { isOld } from './lru.ts';
import { mtrCommit, mtrReleaseAll, mtrReleaseLast, mtrReleaseOlder, mtrSetModified } from './mtr.ts';
import { FETCH, IO_FIX, RW, type Rw } from './states.ts';
import { PoolKit } from './test-kit.ts';

const { oldClock: OLD_CLOCK } = BUF_BLOCK.at;
const LATCHES = [
  ['S', RW.s, MODE.s],
  ['SX', RW.sx, MODE.sx],
  ['X', RW.x, MODE.x],
] as const;
const READING = [
  ['NORMAL', FETCH.normal],
  ['SCAN', FETCH.scan],
  ['IF_IN_POOL', FETCH.ifInPool],
  ['PEEK_IF_IN_POOL', FETCH.peekIfInPool],
] as const;

function frameMode(kit: PoolKit, block: number): string {
  const word = kit.of(block, 'lock');
  const readers = sxReaders(word);
  return readers > 0 ? `${readers} S` : sxWriterMode(word);
}

describe('each mode with each latch', () => {
  for (const [modeName, mode] of READING) {
    for (const [latchName, latch, held] of LATCHES) {
      it(`${modeName}, ${latchName}: frame latch and fix are held on return, and nothing else`, () => {
        const kit = new PoolKit();
        kit.touch(3);
        const block = kit.get(3, latch, mode);
        expect(kit.of(block, 'pageNo')).toBe(3);
        expect(kit.of(block, 'fixCount')).toBe(1);
        expect(frameMode(kit, block)).toBe(latch === RW.s ? '1 S' : latchName);
        expect(kit.thr.heldCount).toBe(1);
        expect(kit.thr.heldEntry(0)).toBe(block | held);
        expect(kit.mem[kit.thr.memo]).toBe(block | latch);
        mtrReleaseLast(kit.thr);
        expect([kit.of(block, 'fixCount'), kit.of(block, 'lock')]).toEqual([0, X_LOCK_DECR]);
        expect(kit.findings()).toEqual([]);
      });
    }
  }

  it('NO_LATCH: a fix and no latch', () => {
    const kit = new PoolKit();
    const block = kit.get(3, RW.none, FETCH.noLatch);
    expect([kit.of(block, 'fixCount'), kit.of(block, 'lock'), kit.thr.heldCount]).toEqual([
      1,
      X_LOCK_DECR,
      0,
    ]);
    mtrCommit(kit.thr, kit.pool);
    expect(kit.findings()).toEqual([]);
  });

  it.each(READING)('%s of a page that is not there', (_name, mode) => {
    const kit = new PoolKit();
    const block = kit.get(3, RW.s, mode);
    const optional = mode === FETCH.ifInPool || mode === FETCH.peekIfInPool;
    expect(block === NIL).toBe(optional);
    expect(kit.store.reads).toEqual(optional ? [] : ['1:3']);
    expect(kit.stat('pageGets')).toBe(1);
    expect(kit.holding()).toEqual(optional ? [0, 0] : [1, 1]);
  });
});

describe('counters', () => {
  it('a get counts once per call: hit, miss, or nothing found', () => {
    const kit = new PoolKit();
    kit.touch(1, 1, 2);
    kit.get(9, RW.s, FETCH.ifInPool);
    kit.get(9, RW.s, FETCH.peekIfInPool);
    expect(kit.stat('pageGets')).toBe(5);
    expect([kit.stat('reads'), kit.stat('pagesRead')]).toEqual([2, 2]);
  });

  it('a miss counts in the row of its instance and of its thread', () => {
    const kit = new PoolKit({ instances: 2 });
    const other = kit.thread(1);
    for (let p = 0; p < 64 * 8; p += 64) {
      kit.get(p, RW.s, FETCH.normal, other);
      mtrReleaseLast(other);
    }
    const rows = [0, 1].map((i) => kit.mem[other.poolStats + i * 32]);
    expect(rows.every((n) => n > 0)).toBe(true);
    expect(rows[0] + rows[1]).toBe(8);
    expect(kit.stat('pageGets')).toBe(0);
    expect(kit.findings()).toEqual([]);
  });

  it('the time of the first access stays, in PEEK mode as well', () => {
    const kit = new PoolKit();
    kit.thr.nowTicks = 500;
    const block = kit.touch(1);
    expect(kit.of(block, 'accessTime')).toBe(500);
    kit.thr.nowTicks = 900;
    kit.touch(1);
    expect(kit.of(block, 'accessTime')).toBe(500);
    kit.mem[block + BUF_BLOCK.at.accessTime] = 0;
    kit.get(1, RW.s, FETCH.peekIfInPool);
    expect(kit.of(block, 'accessTime')).toBe(900);
  });
});

describe('a page that another thread is reading', () => {
  it.each([
    ['IF_IN_POOL', FETCH.ifInPool],
    ['PEEK_IF_IN_POOL', FETCH.peekIfInPool],
  ] as const)('%s does not wait for it', (_name, mode) => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    const seen: unknown[] = [];
    kit.store.onRead = () => {
      seen.push(kit.get(4, RW.s, mode, other), ...kit.holding(other));
      const block = kit.find(4);
      seen.push(kit.of(block, 'ioFix'), kit.of(block, 'fixCount'), kit.of(block, 'lock'));
      seen.push(kit.thr.heldCount, kit.val('nPendReads'));
      return null;
    };
    const block = kit.touch(4);
    // Facts 2.5: frame X by pass (in no held list) exactly while io_fix is READ; no latch held during the I/O.
    expect(seen).toEqual([NIL, 0, 0, IO_FIX.read, 0, 0, 0, 1]);
    expect([kit.of(block, 'ioFix'), kit.of(block, 'lock'), kit.val('nPendReads')]).toEqual([
      0,
      X_LOCK_DECR,
      0,
    ]);
    expect(kit.get(4, RW.s, mode, other)).toBe(block);
  });
});

/** Old pages and an eviction behind it: 700 blocks, all used, the pool clock at 1. */
function agedPool(oldBlocksTicks: number): PoolKit {
  const kit = new PoolKit({ blocks: 700, frames: false, sysvars: { oldBlocksTicks } });
  kit.thr.nowTicks = 1000;
  kit.fill(701);
  expect(kit.val('freedPageClock')).toBe(1);
  return kit;
}
const head = (kit: PoolKit): number => kit.pages('lru')[0];
/** An old page that is not the tail. */
const someOld = (kit: PoolKit): number => kit.pages('lru').at(-3) ?? 0;

describe('make-young test (facts 2.3)', () => {
  it('a pool that evicted nothing moves nothing, and counts nothing', () => {
    const kit = new PoolKit({ blocks: 700, frames: false });
    kit.fill(600);
    kit.thr.nowTicks += 10_000_000;
    const order = kit.pages('lru');
    kit.touch(...order.slice(-5));
    expect(kit.pages('lru')).toEqual(order);
    expect([kit.stat('notMadeYoung'), kit.val('nPagesMadeYoung')]).toEqual([0, 0]);
  });

  it('an old page: not before innodb_old_blocks_time has passed since the first access', () => {
    const kit = agedPool(1000);
    const counted = kit.stat('notMadeYoung');
    const page = someOld(kit);
    kit.thr.nowTicks = 1999;
    kit.touch(page);
    expect([kit.stat('notMadeYoung') - counted, kit.val('nPagesMadeYoung')]).toEqual([1, 0]);
    kit.thr.nowTicks = 2000;
    kit.touch(page);
    expect([kit.stat('notMadeYoung') - counted, kit.val('nPagesMadeYoung')]).toEqual([1, 1]);
    expect(head(kit)).toBe(page);
    expect(isOld(kit.mem, kit.find(page))).toBe(false);
    expect(kit.findings()).toEqual([]);
  });

  it('the page that was read just now is old and accessed just now: not made young', () => {
    const kit = agedPool(1000);
    const counted = kit.stat('notMadeYoung');
    kit.touch(900);
    expect(kit.stat('notMadeYoung') - counted).toBe(1);
  });

  it('a clock that another thread read a moment later is no time at all', () => {
    const kit = agedPool(1000);
    const page = someOld(kit);
    kit.thr.nowTicks = 990;
    kit.touch(page);
    expect(kit.val('nPagesMadeYoung')).toBe(0);
  });

  it('T = 0: old or not, the distance decides', () => {
    const kit = agedPool(0);
    const page = someOld(kit);
    const block = kit.find(page);
    const margin = kit.val('youngMargin');
    expect(margin).toBe(Math.floor((700 * (1024 - 378)) / 4096));
    const counted = kit.stat('notMadeYoung');
    // Put at the head when the clock was 10; the pool clock less than the margin later, then exactly.
    kit.mem[block + OLD_CLOCK] = (kit.mem[block + OLD_CLOCK] & -0x80000000) | 10;
    kit.set('freedPageClock', 10 + margin - 1);
    kit.touch(page);
    expect(kit.val('nPagesMadeYoung')).toBe(0);
    kit.set('freedPageClock', 10 + margin);
    kit.touch(page);
    expect([kit.val('nPagesMadeYoung'), head(kit)]).toEqual([1, page]);
    expect(kit.of(block, 'oldClock')).toBe(10 + margin);
    expect(kit.stat('notMadeYoung')).toBe(counted);
  });

  it('a young page: moved from a quarter of the young sublist on, and not counted', () => {
    const kit = agedPool(1000);
    const page = kit.pages('lru')[40];
    const block = kit.find(page);
    expect(isOld(kit.mem, block)).toBe(false);
    const put = kit.of(block, 'oldClock');
    kit.set('freedPageClock', put + kit.val('youngMargin') - 1 || 1);
    kit.touch(page);
    expect(head(kit)).not.toBe(page);
    kit.set('freedPageClock', put + kit.val('youngMargin'));
    kit.touch(page);
    expect([head(kit), kit.val('nPagesMadeYoung')]).toEqual([page, 0]);
  });

  it.each([
    ['SCAN', FETCH.scan],
    ['PEEK_IF_IN_POOL', FETCH.peekIfInPool],
  ] as const)('%s never moves a page and does not count', (_name, mode) => {
    const kit = agedPool(1000);
    const counted = kit.stat('notMadeYoung');
    kit.thr.nowTicks = 100_000;
    const order = kit.pages('lru');
    kit.get(someOld(kit), RW.s, mode);
    expect(kit.pages('lru')).toEqual(order);
    expect(kit.stat('notMadeYoung')).toBe(counted);
  });
});

describe('several pages in one mini-transaction', () => {
  it('X under the own SX through a second get, given back in order', () => {
    const kit = new PoolKit();
    const block = kit.get(1, RW.sx);
    expect(kit.get(1, RW.x)).toBe(block);
    expect([kit.of(block, 'fixCount'), frameMode(kit, block)]).toEqual([2, 'X+SX']);
    mtrSetModified(kit.thr);
    mtrCommit(kit.thr, kit.pool);
    expect([kit.of(block, 'fixCount'), kit.of(block, 'lock')]).toEqual([0, X_LOCK_DECR]);
    expect(kit.pages('flush')).toEqual([1]);
  });

  it('X twice, SX twice, S under SX; no S under X, no second S', () => {
    const kit = new PoolKit();
    const pairs: [number, Rw][] = [
      [1, RW.x],
      [1, RW.x],
      [2, RW.sx],
      [2, RW.sx],
      [2, RW.s],
    ];
    for (const [page, latch] of pairs) kit.get(page, latch);
    expect(kit.thr.memoCount).toBe(5);
    mtrReleaseAll(kit.thr);
    expect(kit.findings()).toEqual([]);
    kit.get(1, RW.s);
    expect(() => kit.get(1, RW.s)).toThrow(/S is not recursive/);
  });

  it('latch coupling: the older of two is released first', () => {
    const kit = new PoolKit();
    const [a, b] = [kit.get(1), kit.get(2)];
    mtrReleaseOlder(kit.thr);
    expect([kit.of(a, 'fixCount'), kit.of(b, 'fixCount'), kit.thr.memoCount]).toEqual([0, 1, 1]);
    expect(kit.mem[kit.thr.memo]).toBe(b | RW.s);
  });

  it('a changed page must be latched for it, and is released by the commit only', () => {
    const kit = new PoolKit();
    kit.get(1, RW.s);
    expect(() => mtrSetModified(kit.thr)).toThrow(/latched X or SX/);
    kit.change(2);
    expect(() => mtrReleaseLast(kit.thr)).toThrow(/by the commit only/);
    kit.get(3);
    expect(() => mtrReleaseOlder(kit.thr)).toThrow(/by the commit only/);
    mtrCommit(kit.thr, kit.pool);
    expect(kit.findings()).toEqual([]);
  });

  it(`not more than ${MAX_MEMO}`, () => {
    const kit = new PoolKit({ blocks: 200, frames: false });
    for (let p = 0; p < MAX_MEMO; p++) kit.get(p);
    expect(() => kit.get(500)).toThrow(`fixes more than ${MAX_MEMO} pages`);
    expect(kit.thr.memoCount).toBe(MAX_MEMO);
  });
});
