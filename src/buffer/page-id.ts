/**
 * The hash of a page id (`page_id_t::hash`, facts B 1.7):
 *
 *     h(space, page) = ((space << 20) + space + page)  XOR  1653893711
 *
 * in 64 bits unsigned. The sum stays below 2^53, and the mask below 2^31, so a JS number holds h and the XOR is one
 * of low words. Every get computes two hashes; nearly all have small ids, whose sum fits a machine word.
 *
 * space and page numbers are uint32, or the same read from an Int32Array (negative from 2^31 on).
 */

const UT_HASH_RANDOM_MASK2 = 1653893711;
const SPACE_FACTOR = 2 ** 20 + 1;
const WORD = 2 ** 32;
/** Aligned groups of 64 pages stay in one instance, so that read-ahead and neighbour flushing never cross. */
const GROUP_SHIFT = 6;
/** With space < 2^11 and page < 2^31 the sum is below 2^11 * (2^20 + 1) + 2^31 - 2^20 < 2^32. */
const SMALL_SPACE_BITS = 11;
const SMALL_PAGE_SHIFT = 31 - SMALL_SPACE_BITS;

/** @returns h mod n: with n = number of cells, the page-hash cell. 1 <= n < 2^32 */
export function pageHashMod(space: number, pageNo: number, n: number): number {
  if ((space | (pageNo >>> SMALL_PAGE_SHIFT)) >>> SMALL_SPACE_BITS === 0) {
    // Each operand is coerced, so that V8 divides machine words.
    return ((((space << 20) + space + pageNo) ^ UT_HASH_RANDOM_MASK2) >>> 0) % (n >>> 0);
  }
  // h % n, four times as fast: `%` on doubles is a call into C. The quotient of a number below 2^53 is rounded by
  // less than 1/n, so never up to the next integer.
  const h = foldedHash(space, pageNo);
  return h - Math.floor(h / n) * n;
}

/** @returns the number of the instance, of `nInstances`, that the page belongs to */
export function instanceOf(space: number, pageNo: number, nInstances: number): number {
  return nInstances === 1 ? 0 : pageHashMod(space, pageNo >>> GROUP_SHIFT, nInstances);
}

/** @returns h itself, below 2^53. */
export function foldedHash(space: number, pageNo: number): number {
  const sum = (space >>> 0) * SPACE_FACTOR + (pageNo >>> 0);
  const low = (sum ^ UT_HASH_RANDOM_MASK2) >>> 0;
  return Math.floor(sum / WORD) * WORD + low;
}
