import { describe, expect, it } from 'vitest';
import { addS53, addU53, getS53, getU53, setS53, setU53 } from './words.ts';

const LARGEST = Number.MAX_SAFE_INTEGER;

describe('numbers in two words', () => {
  it.each([0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 5 * 2 ** 32 - 1, LARGEST])(
    '%i is kept, low word first, with and without a sign',
    (value) => {
      const mem = new Int32Array(4);
      setU53(mem, 0, value);
      setS53(mem, 2, value);
      expect([getU53(mem, 0), getS53(mem, 2)]).toEqual([value, value]);
      expect(mem.subarray(2)).toEqual(mem.subarray(0, 2));
      expect(new BigUint64Array(mem.buffer)[1]).toBe(BigInt(value));
    },
  );

  it.each([-1, -(2 ** 31), -(2 ** 31) - 1, -(2 ** 32), -(2 ** 32) - 1, -3999, -LARGEST])(
    '%i is kept modulo 2^64',
    (value) => {
      const mem = new Int32Array(2);
      setS53(mem, 0, value);
      expect(getS53(mem, 0)).toBe(value);
      expect(new BigUint64Array(mem.buffer)[0]).toBe(BigInt.asUintN(64, BigInt(value)));
    },
  );

  it('sums go over the words, and below 0', () => {
    const mem = new Int32Array(2);
    expect([addU53(mem, 0, 2 ** 32 - 1), addU53(mem, 0, 1), getU53(mem, 0)]).toEqual([
      2 ** 32 - 1,
      2 ** 32,
      2 ** 32,
    ]);
    expect([addS53(mem, 0, -(2 ** 32) - 5), addS53(mem, 0, 5), getS53(mem, 0)]).toEqual([-5, 0, 0]);
  });
});
