import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { listAddFirst, listAddLast, listInsertAfter, listRemove } from './ut-list.ts';

const BASE = 4;
const LINKS = 1;
const [A, B, C, D] = [16, 32, 48, 64];

function both(mem: Int32Array): [number[], number[], number] {
  const forth: number[] = [];
  const back: number[] = [];
  for (let b = mem[BASE]; b !== 0; b = mem[b + LINKS + 1]) forth.push(b);
  for (let b = mem[BASE + 1]; b !== 0; b = mem[b + LINKS]) back.push(b);
  return [forth, back.toReversed(), mem[BASE + 2]];
}

describe('ut-list', () => {
  it('adds at both ends and after a member', () => {
    const mem = new Int32Array(96);
    listAddLast(mem, BASE, LINKS, B);
    listAddFirst(mem, BASE, LINKS, A);
    listAddLast(mem, BASE, LINKS, D);
    listInsertAfter(mem, BASE, LINKS, B, C);
    expect(both(mem)).toEqual([[A, B, C, D], [A, B, C, D], 4]);
  });

  it('removes the first, the last, one between, and the only one, and wipes their links', () => {
    const mem = new Int32Array(96);
    for (const b of [A, B, C, D]) listAddLast(mem, BASE, LINKS, b);
    for (const [block, left] of [
      [B, [A, C, D]],
      [A, [C, D]],
      [D, [C]],
      [C, []],
    ] as const) {
      listRemove(mem, BASE, LINKS, block);
      expect(both(mem)).toEqual([left, left, left.length]);
      expect([mem[block + LINKS], mem[block + LINKS + 1]]).toEqual([0, 0]);
    }
  });

  it('finds the words of all three lists in the order that it computes with', () => {
    const { at } = BUF_POOL;
    expect([at.lruLast - at.lruFirst, at.lruLen - at.lruFirst]).toEqual([1, 2]);
    expect([at.freeLast - at.freeFirst, at.freeLen - at.freeFirst]).toEqual([1, 2]);
    expect([at.flushLast - at.flushFirst, at.flushLen - at.flushFirst]).toEqual([1, 2]);
    expect(BUF_BLOCK.at.lruNext - BUF_BLOCK.at.lruPrev).toBe(1);
    expect(BUF_BLOCK.at.listNext - BUF_BLOCK.at.listPrev).toBe(1);
  });
});
