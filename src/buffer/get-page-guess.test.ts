/** Facts B 2.2 step 2: a guess is a short cut when it is right, and nothing when it is not. */
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { bufPageGet } from './get-page.ts';
import { BLOCK_WORDS } from './instance.ts';
import { mtrReleaseLast } from './mtr.ts';
import { cellOf } from './page-hash.ts';
import { FETCH, RW, STATE } from './states.ts';
import { PoolKit } from './test-kit.ts';

function setUp(): { kit: PoolKit; space: number; block: number; withGuess: (guess: number) => number } {
  const kit = new PoolKit();
  kit.touch(3);
  kit.touch(4);
  const block = kit.get(3, RW.s, FETCH.normal);
  const space = kit.of(block, 'spaceId');
  mtrReleaseLast(kit.thr);
  const withGuess = (guess: number): number => {
    const got = bufPageGet(kit.thr, kit.pool, space, 3, RW.s, FETCH.normal, guess);
    mtrReleaseLast(kit.thr);
    return got;
  };
  return { kit, space, block, withGuess };
}

describe('the guess', () => {
  it('spares the chain when it is right', () => {
    const { kit, space, block, withGuess } = setUp();
    const inst = kit.pool.instances[0];
    const cell = cellOf(inst, space, 3);
    const first = kit.mem[cell];
    // With its chain cut off, only the guess can find the page.
    kit.mem[cell] = NIL;
    expect(withGuess(block)).toBe(block);
    kit.mem[cell] = first;
    expect(kit.findings()).toEqual([]);
  });

  it('is passed over when it is another page, a free block, no block at all, or nothing', () => {
    const { kit, block, withGuess } = setUp();
    const inst = kit.pool.instances[0];
    const { blocks, size } = inst.chunks[0];
    const other = kit.get(4, RW.s, FETCH.normal);
    mtrReleaseLast(kit.thr);
    const free = kit.mem[inst.at + BUF_POOL.at.freeFirst];
    for (const guess of [
      other,
      free,
      block + 1,
      blocks - BLOCK_WORDS,
      blocks + size * BLOCK_WORDS,
      -5,
      NIL,
    ]) {
      expect(withGuess(guess), `guess ${guess}`).toBe(block);
    }
    // A block that still bears the page's name but holds it no more.
    kit.mem[free + BUF_BLOCK.at.spaceId] = kit.of(block, 'spaceId');
    kit.mem[free + BUF_BLOCK.at.pageNo] = 3;
    expect(kit.of(free, 'state')).toBe(STATE.notUsed);
    expect(withGuess(free)).toBe(block);
  });
});
