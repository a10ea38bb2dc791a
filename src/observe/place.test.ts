import { describe, expect, it } from 'vitest';
import { ArenaPlanner } from '../layout/arena.ts';
import { BUF_BLOCK, BUF_POOL, PAGE_HASH_STRIPE } from '../layout/buffer.ts';
import { placeName } from './place.ts';

describe('placeName', () => {
  const planner = new ArenaPlanner();
  const pool = planner.place('pool', BUF_POOL);
  const stripes = planner.place('pool stripes', PAGE_HASH_STRIPE, 4);
  const blocks = planner.place('pool blocks', BUF_BLOCK, 3);
  const frames = planner.placeWords('frames', 4096, 3);
  const plan = planner.finish();
  const name = (at: number): string => placeName(plan, at);

  it('says placement, element and field', () => {
    expect(name(blocks)).toBe('pool blocks[0].lock');
    expect(name(blocks + 2 * BUF_BLOCK.words + BUF_BLOCK.at.mutex)).toBe('pool blocks[2].mutex');
    expect(name(blocks + BUF_BLOCK.words + 5)).toBe('pool blocks[1].lock');
    expect(name(stripes + 3 * PAGE_HASH_STRIPE.words)).toBe('pool stripes[3].lock');
  });

  it('leaves out the index of a single one, and gives that of an array in a record', () => {
    expect(name(pool + BUF_POOL.at.lruListMutex)).toBe('pool.lruListMutex');
    expect(name(pool + BUF_POOL.at.noFlush + 2)).toBe('pool.noFlush[2]');
  });

  it('counts words where there is no record, or no field', () => {
    expect([name(frames + 4096), name(frames + 4100)]).toEqual(['frames[1]', 'frames[1]+4']);
    expect(name(stripes + 15)).toBe('pool stripes[0]+15');
    expect(name(0)).toBe('word 0');
  });
});
