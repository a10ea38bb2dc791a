/** The validator is quiet about a sound pool, and finds each thing that can be wrong with it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { mutexEnter, mutexTryEnter } from '../sync/mutex.ts';
import { sxSLock, sxSTryLock } from '../sync/sx-lock.ts';
import { cellOf } from './page-hash.ts';
import { mtrCommit, mtrReleaseAll } from './mtr.ts';
import { dropSpace } from './stale.ts';
import { FETCH, IO_FIX, RW, STATE } from './states.ts';
import { PoolKit } from './test-kit.ts';
import { validateInstance } from './validate.ts';

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;

describe('a sound pool', () => {
  it('new, half full, full, turned over, emptied by a drop', () => {
    const kit = new PoolKit({ blocks: 700, frames: false, instances: 1, stripes: 16 });
    expect(kit.findings()).toEqual([]);
    for (let p = 0; p < 3000; p++) {
      if (p % 3 === 0) kit.dirty(p);
      else kit.touch(p % 1000);
      if (p % 250 === 0) expect(kit.findings()).toEqual([]);
    }
    dropSpace(kit.pool, 1);
    kit.fill(100);
    expect(kit.findings()).toEqual([]);
  });

  it('in use: fixed, latched, being read, being written', () => {
    const kit = new PoolKit();
    const other = kit.thread(1);
    const checker = kit.thread(2);
    const check = (): string[] => validateInstance(checker, kit.pool, kit.inst, false);
    kit.change(1, other);
    kit.get(2, RW.s, FETCH.normal, other);
    kit.store.onRead = () => {
      expect(check()).toEqual([]);
      return null;
    };
    for (let p = 10; p < 200; p++) kit.dirty(p);
    kit.store.onWrite = () => {
      expect(check()).toEqual([]);
      return null;
    };
    for (let p = 200; p < 300; p++) kit.touch(p);
    mtrCommit(other, kit.pool);
    expect(kit.stat('pagesWritten')).toBeGreaterThan(0);
    expect(check()).toEqual([]);
    expect(kit.holding(checker)).toEqual([0, 0]);
  });
});

describe('what is planted', () => {
  let kit: PoolKit;
  /** Blocks of a dirty old page, a clean page, and a free one. */
  let dirty: number;
  let clean: number;
  let free: number;

  beforeEach(() => {
    kit = new PoolKit({ blocks: 700, frames: false });
    for (let p = 0; p < 600; p++) kit.touch(p);
    kit.dirty(5, 6, 7);
    dirty = kit.find(6);
    clean = kit.find(300);
    free = kit.list('free')[3];
    expect(kit.findings()).toEqual([]);
  });

  const set = (block: number, field: keyof typeof B, value: number): void => {
    kit.mem[block + B[field]] = value;
  };
  const add = (field: keyof typeof P, delta: number, index = 0): void => {
    kit.mem[kit.inst.at + P[field] + index] += delta;
  };
  const cell = (): number => {
    for (let c = kit.inst.cells; ; c++) if (kit.mem[c] === clean) return c;
  };

  const cases: Record<string, [plant: () => void, says: RegExp]> = {
    'the LRU length': [() => add('lruLen', 1), /invariant 3: LRU list: 600 blocks, its length says 601/],
    'the LRU tail': [() => add('lruLast', 32), /invariant 3: LRU list: ends at/],
    'a broken backward link': [
      () => set(clean, 'lruPrev', dirty),
      /invariant 3: LRU list: .* has predecessor/,
    ],
    'a broken forward link': [() => set(clean, 'lruNext', NIL), /invariant 3: LRU list: ends at/],
    'a wrong old flag': [
      () => set(clean, 'oldClock', kit.of(clean, 'oldClock') ^ -0x80000000),
      /invariant 6: .* is on the wrong side of LRU_old/,
    ],
    'the old length': [() => add('lruOldLen', 1), /invariant 6: old sublist: length 242, 241 old pages/],
    'a midpoint out of the band': [
      () => kit.set('lruOldRatio', 512),
      /invariant 6: old sublist of 241 pages, wanted 300/,
    ],
    'a stray LRU hazard pointer': [() => kit.set('lruHp', free), /invariant 8: lruHp points at/],
    'a stray scan iterator': [() => kit.set('lruScanItr', free), /invariant 8: lruScanItr points at/],
    'a stray flush hazard pointer': [() => kit.set('flushHp', clean), /invariant 8: flushHp points at/],
    'a page in the wrong cell': [
      () => {
        const c = cell();
        kit.mem[c] = kit.mem[clean + B.hashNext];
        const to = kit.mem[c + 1] === NIL ? c + 1 : c + 2;
        set(clean, 'hashNext', kit.mem[to]);
        kit.mem[to] = clean;
      },
      /invariant 1: .*page 300.* is not found by its own id/,
    ],
    'a page missing from the hash': [
      () => {
        kit.mem[cell()] = kit.mem[clean + B.hashNext];
      },
      /invariant 1: 599 blocks in the page hash, 600 FILE_PAGE blocks/,
    ],
    'a chain that is a ring': [
      () => {
        const c = cell();
        set(clean, 'hashNext', clean);
        // Whoever looks for another page of this cell goes round and round.
        let absent = 1000;
        while (cellOf(kit.inst, 1, absent) !== c) absent++;
        set(kit.find(299), 'pageNo', absent);
      },
      /invariant 1: .* is not found by its own id/,
    ],
    'two blocks of one page': [() => set(clean, 'pageNo', 6), /invariant 1: .* is not found by its own id/],
    'a free block in the hash': [
      () => (kit.mem[kit.inst.cells] = free),
      /invariant 1: .*NOT_USED.* is in the page hash/,
    ],
    'a free block in a wrong state': [
      () => set(free, 'state', STATE.memory),
      /invariant 2: .*MEMORY.* is in the free list/,
    ],
    'a state that does not exist': [() => set(free, 'state', 77), /invariant 12: block @\d+ has state 77/],
    'a lost block': [
      () => {
        const next = kit.of(kit.val('freeFirst'), 'listNext');
        kit.set('freeFirst', next);
        set(next, 'listPrev', NIL);
        add('freeLen', -1);
      },
      /invariant 12: 99 free \+ 600 in LRU ≠ 700/,
    ],
    'the free length': [() => add('freeLen', -1), /invariant 3: free list: \d+ blocks, its length says 99/],
    'a free block with a user': [() => set(free, 'fixCount', 1), /invariant 9: .* has fix count 1, io_fix 0/],
    'a negative fix count': [() => set(clean, 'fixCount', -1), /invariant 9: .* has fix count -1/],
    'a fix at rest': [() => set(clean, 'fixCount', 1), /invariant 11: .* has fix count 1 at rest/],
    'an io_fix at rest': [() => set(clean, 'ioFix', IO_FIX.pin), /invariant 11: .* has io_fix 3 at rest/],
    'a read without frame latch': [
      () => set(clean, 'ioFix', IO_FIX.read),
      /invariant 5: .* is being read, its frame/,
    ],
    'a write of a clean page': [
      () => set(clean, 'ioFix', IO_FIX.write),
      /invariant 5: .* is being written but clean/,
    ],
    'a frame latch at rest': [
      () => sxSTryLock(kit.thread(1), clean),
      /invariant 11: .* has lock word 536870911 at rest/,
    ],
    'a block mutex at rest': [
      () => mutexTryEnter(kit.thread(1), clean + B.mutex),
      /invariant 11: .*: its mutex is held at rest/,
    ],
    'a dirty page that is not in the list': [
      () => set(clean, 'oldestModification', 9000),
      /invariant 4: 3 pages in the flush list, 4 dirty/,
    ],
    'a clean page in the list': [
      () => set(dirty, 'oldestModification', 0),
      /invariant 4: 3 pages in the flush list, 2 dirty/,
    ],
    'a dirty free block': [() => set(free, 'oldestModification', 9000), /invariant 4: .*NOT_USED.* is dirty/],
    'oldest after newest': [
      () => set(dirty, 'oldestModification', kit.of(dirty, 'newestModification')),
      /invariant 4: .*oldest LSN \d+ is not below its newest/,
    ],
    'the flush length': [() => add('flushLen', 1), /invariant 3: flush list: 3 blocks, its length says 4/],
    n_flush: [() => add('nFlush', 1, 1), /invariant 5: n_flush\[LIST\] 1, being written 0/],
    'an event that is not set': [
      () => kit.set('noFlush', 2, 2),
      /invariant 11: no_flush\[SINGLE_PAGE\] is not set, n_flush 0/,
    ],
    'an event that is set in a batch': [
      () => kit.set('initFlush', 1, 0),
      /invariant 11: no_flush\[LRU\] is set, n_flush 0/,
    ],
    'a pending read': [() => add('nPendReads', 1), /invariant 11: 1 reads pending at rest/],
    'a stripe that somebody holds': [
      () => sxSLock(kit.thread(1), kit.inst.stripe(2)),
      /invariant 11: stripe 2 has lock word 536870911 at rest/,
    ],
    'a mutex that somebody holds': [
      () => mutexEnter(kit.thread(1), kit.inst.flushListMutex),
      /invariant 11: flushListMutex is held by thread 2 at rest/,
    ],
  };

  it.each(Object.entries(cases))('%s', (_name, [plant, says]) => {
    plant();
    const found = kit.findings();
    expect(found.join('\n')).toMatch(says);
    expect(found[0]).toMatch(/^buffer pool instance 0, invariant \d+: /);
    expect(kit.holding()).toEqual([0, 0]);
  });

  it('a flush list out of order by more than recent_closed, also across a neighbour', () => {
    const small = new PoolKit({ recentClosedSlots: 16 });
    small.dirty(1, 2, 3);
    const lsns = (...oldest: number[]): void => {
      for (const [i, b] of small.list('flush').entries()) {
        small.mem[b + B.oldestModification] = oldest[i];
        small.mem[b + B.newestModification] = 20_000;
      }
    };
    lsns(8192, 8192 + 100, 8192 + 127);
    expect(small.findings()).toEqual([]);
    lsns(8192, 8192 + 100, 8192 + 128);
    expect(small.findings()).toEqual([
      expect.stringMatching(/invariant 4: flush list: LSN \d+ comes after 8192/),
    ]);
  });

  it('says no more than twenty things, and how many there were', () => {
    for (const b of kit.list('lru').slice(0, 50)) set(b, 'fixCount', 1);
    const found = kit.findings();
    expect([found.length, found.at(-1)]).toEqual([21, '… and 30 more']);
  });

  it('beside working threads, what is normal there is not said', () => {
    const other = kit.thread(1);
    kit.get(300, RW.x, FETCH.normal, other);
    expect(kit.findings(false)).toEqual([]);
    expect(kit.findings(true)).toHaveLength(2);
    mtrReleaseAll(other);
  });
});
