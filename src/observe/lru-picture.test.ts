import { beforeEach, describe, expect, it } from 'vitest';
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { setU53 } from '../layout/words.ts';
import { lruPicture } from './lru-picture.ts';

const BLOCKS = 1000;
const B = BUF_BLOCK.at;
const P = BUF_POOL.at;
let mem: Int32Array;
let inst: { at: number; node: number };
let blocks: number;

beforeEach(() => {
  const planner = new ArenaPlanner();
  inst = { at: planner.place('pool', BUF_POOL), node: 1 };
  blocks = planner.place('blocks', BUF_BLOCK, BLOCKS);
  mem = new Int32Array(allocateArena(planner.finish()));
  mem[inst.at + P.currSize] = BLOCKS;
});

/** The n-th block of the list, from its head: the last one of the arena first. */
const nth = (n: number): number => blocks + (BLOCKS - 1 - n) * BUF_BLOCK.words;

/** A list of so many blocks, old from `midpoint` on. */
function list(length: number, midpoint: number): void {
  mem[inst.at + P.lruFirst] = nth(0);
  for (let i = 0; i < length; i++) {
    mem[nth(i) + B.lruNext] = i + 1 < length ? nth(i + 1) : 0;
    if (i >= midpoint) mem[nth(i) + B.oldClock] |= 1 << 31;
  }
  if (midpoint < length) mem[inst.at + P.lruOld] = nth(midpoint);
}

describe('a picture of the LRU list', () => {
  it('has a bin per page when there are few', () => {
    list(4, 2);
    setU53(mem, nth(1) + B.oldestModification, 2 ** 35);
    mem[nth(3) + B.fixCount] = 2;
    mem[nth(0) + B.oldClock] = 12_345;
    expect(lruPicture(mem, inst, 3)).toEqual({
      instance: 3,
      node: 1,
      length: 4,
      old: 2,
      midpoint: 2,
      bins: [
        { pages: 1, old: 0, dirty: 0, fixed: 0 },
        { pages: 1, old: 0, dirty: 1, fixed: 0 },
        { pages: 1, old: 1, dirty: 0, fixed: 0 },
        { pages: 1, old: 1, dirty: 0, fixed: 1 },
      ],
    });
  });

  it('has 200 bins of nearly equal size for a long one', () => {
    list(999, 620);
    const picture = lruPicture(mem, inst, 0);
    expect(picture.bins).toHaveLength(200);
    expect(new Set(picture.bins.map((b) => b.pages))).toEqual(new Set([4, 5]));
    expect(picture.bins.reduce((n, b) => n + b.pages, 0)).toBe(999);
    expect(picture.bins.reduce((n, b) => n + b.old, 0)).toBe(379);
    expect([picture.length, picture.midpoint, picture.old]).toEqual([999, 620, 379]);
  });

  it('of an empty list, and of one without an old sublist', () => {
    expect(lruPicture(mem, inst, 0)).toMatchObject({ length: 0, old: 0, midpoint: 0, bins: [] });
    list(3, 3);
    expect(lruPicture(mem, inst, 0)).toMatchObject({ length: 3, old: 0, midpoint: 3 });
  });

  it('ends though somebody has bent the list into a ring', () => {
    list(10, 5);
    mem[nth(9) + B.lruNext] = nth(0);
    expect(lruPicture(mem, inst, 0).length).toBe(BLOCKS);
  });
});
