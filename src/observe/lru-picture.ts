/** The LRU list of an instance as a picture: from head to tail, in at most 200 bins, with the midpoint. */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;
const MAX_BINS = 200;

/** Neighbouring pages of the list, and how many of them are old, dirty, fixed. */
export interface LruBin {
  pages: number;
  old: number;
  dirty: number;
  fixed: number;
}

/** Plain data. */
export interface LruPicture {
  readonly instance: number;
  readonly node: number;
  /** Pages in the list, and of these in the old sublist. */
  readonly length: number;
  readonly old: number;
  /** Index of LRU_old, 0 = head; `length` when there is no old sublist. */
  readonly midpoint: number;
  readonly bins: readonly LruBin[];
}

/**
 * Walks the list of the BUF_POOL record at `at`. Without its LRU_list_mutex the walk may leave the list half-way; it
 * ends in any case.
 */
export function lruPicture(
  mem: Int32Array,
  { at, node }: { readonly at: number; readonly node: number },
  instance: number,
): LruPicture {
  const blocks: number[] = [];
  const most = mem[at + P.currSize];
  for (let b = mem[at + P.lruFirst]; b !== NIL && blocks.length < most; b = mem[b + B.lruNext])
    blocks.push(b);
  const { length } = blocks;
  const found = blocks.indexOf(mem[at + P.lruOld]);
  const bins: LruBin[] = Array.from({ length: Math.min(MAX_BINS, length) }, () => ({
    pages: 0,
    old: 0,
    dirty: 0,
    fixed: 0,
  }));
  let old = 0;
  for (const [i, b] of blocks.entries()) {
    const bin = bins[Math.floor((i * bins.length) / length)];
    bin.pages++;
    // Bit 31: old.
    if (mem[b + B.oldClock] < 0) {
      bin.old++;
      old++;
    }
    if (getU53(mem, b + B.oldestModification) !== 0) bin.dirty++;
    if (mem[b + B.fixCount] > 0) bin.fixed++;
  }
  return { instance, node, length, old, midpoint: found < 0 ? length : found, bins };
}
