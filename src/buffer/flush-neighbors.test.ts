/** Facts B 5.4: innodb_flush_neighbors. */
import { describe, expect, it } from 'vitest';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { bufFlushDoBatch } from './flush-batch.ts';
import { lruMakeYoung } from './lru.ts';
import { mtrReleaseLast } from './mtr.ts';
import { FETCH, FLUSH, RW } from './states.ts';
import { PoolKit } from './test-kit.ts';

const list = (kit: PoolKit, n = Infinity): number =>
  bufFlushDoBatch(kit.thr, kit.pool, kit.inst, FLUSH.list, n);
const lru = (kit: PoolKit, n = Infinity): number =>
  bufFlushDoBatch(kit.thr, kit.pool, kit.inst, FLUSH.lru, n);
const written = (kit: PoolKit): number[] => kit.store.writes.map((p) => Number(p.split(':')[1]));

/** 1100 blocks: areas of 64 pages. Pages of space 1 given are dirty; clean ones fill the LRU up to 600. */
function setUp(neighbors: number, dirty: readonly number[], blocks = 1100): PoolKit {
  const kit = new PoolKit({ blocks, frames: false, sysvars: { flushNeighbors: neighbors } });
  for (let p = 5000; p < 5000 + 600; p++) kit.touch(p);
  kit.dirty(...dirty);
  return kit;
}

describe('neighbours (facts 5.4)', () => {
  const around = [70, 71, 72, 74, 63, 127, 128, 64];

  it('0: the victim alone', () => {
    const kit = setUp(0, around);
    expect(list(kit, 1)).toBe(1);
    expect(written(kit)).toEqual([70]);
  });

  it('1: those that follow on each other, within the aligned area', () => {
    const kit = setUp(1, around);
    expect(list(kit, 100)).toBe(8);
    // 63 and 64 lie in different areas, so do 127 and 128.
    expect(written(kit)).toEqual([70, 71, 72, 74, 63, 127, 128, 64]);
    const gap = setUp(1, [71, 70, 72]);
    list(gap, 100);
    expect(written(gap)).toEqual([70, 71, 72]);
  });

  it('2: all dirty pages of the area, in page order', () => {
    const kit = setUp(2, around);
    expect(list(kit, 100)).toBe(8);
    expect(written(kit)).toEqual([64, 70, 71, 72, 74, 127, 63, 128]);
    expect(kit.findings()).toEqual([]);
  });

  it('the limit skips what lies before the victim, never the victim itself', () => {
    const kit = setUp(2, [100, 64, 65, 110]);
    expect(list(kit, 2)).toBe(3);
    expect(written(kit)).toEqual([64, 65, 100]);
    const one = setUp(2, [100, 64, 65, 110]);
    expect(list(one, 1)).toBe(2);
    expect(written(one)).toEqual([64, 100]);
  });

  it.each([
    [600, 16],
    [640, 32],
    [1024, 32],
    [1025, 64],
  ])('%i pages: an area of %i', (blocks, area) => {
    const kit = new PoolKit({ blocks, frames: false, sysvars: { flushNeighbors: 2 } });
    for (let p = 5000; p < 5000 + 520; p++) kit.touch(p);
    const pages = Array.from({ length: 70 }, (_, i) => 128 + i);
    kit.dirty(...pages);
    list(kit, area);
    expect(written(kit)).toEqual(pages.slice(0, area));
  });

  it('not while the LRU is shorter than 512', () => {
    const kit = new PoolKit({ blocks: 600, frames: false, sysvars: { flushNeighbors: 2 } });
    kit.dirty(2, 1, 3);
    list(kit, 1);
    expect(written(kit)).toEqual([2]);
  });

  it('a fixed neighbour: written by LIST, not by LRU; a young one not by LRU', () => {
    const kit = new PoolKit({ blocks: 1100, frames: false, sysvars: { flushNeighbors: 2 } });
    const other = kit.thread(1);
    kit.dirty(64, 65, 66);
    for (let p = 5000; p < 5000 + 600; p++) kit.touch(p);
    kit.dirty(67);
    mutexEnter(kit.thr, kit.inst.lruListMutex);
    lruMakeYoung(kit.thr, kit.inst, kit.find(66));
    mutexExit(kit.thr, kit.inst.lruListMutex);
    kit.get(65, RW.s, FETCH.normal, other);
    expect(lru(kit, 2)).toBe(2);
    expect(written(kit)).toEqual([64, 67]);
    expect(list(kit)).toBe(2);
    expect(written(kit)).toEqual([64, 67, 65, 66]);
    mtrReleaseLast(other);
    expect(kit.findings()).toEqual([]);
  });

  it('page numbers at the end of the range', () => {
    const kit = new PoolKit({ blocks: 1100, frames: false, sysvars: { flushNeighbors: 2 } });
    for (let p = 5000; p < 5000 + 600; p++) kit.touch(p);
    kit.dirty(4294967295, 4294967290);
    expect(list(kit, 100)).toBe(2);
    expect(written(kit)).toEqual([4294967290, 4294967295]);
  });
});
