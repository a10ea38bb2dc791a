/**
 * Areas of a buddy pool (facts A 4.2): the header in its two forms, which neighbour is an area's buddy, and which area
 * an address belongs to. Offsets and sizes are in bytes, addresses in words. All of it wants the pool's mutex; an
 * area's owner may read its own header without.
 */
import { MEM_AREA, MEM_AREA_32 } from '../../layout/mem-pool.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';

const FREE = 1;
const BITS = 32;
const TWO_32 = 2 ** BITS;
const MAX_SHIFT = 31;

/** MEM_AREA_EXTRA_SIZE: the header, rounded up to a multiple of 8. */
export const MEM_AREA_EXTRA_SIZE = MEM_AREA.words * WORD_BYTES;
export const MEM_AREA_EXTRA_SIZE_32 = MEM_AREA_32.words * WORD_BYTES;
if (MEM_AREA_EXTRA_SIZE !== 24 || MEM_AREA_EXTRA_SIZE_32 !== 16) throw new Error('areas: 24 and 16 bytes');

/** How the areas of a pool are laid out, and where. */
export interface AreaForm {
  readonly mem: Int32Array;
  /** First word of the pool's memory. */
  readonly buf: number;
  readonly bytes: number;
  /** Of these, what areas are made of. */
  readonly usedBytes: number;
  /** 64-bit words. */
  readonly wide: boolean;
  /** Offsets of the links in a header. */
  readonly prev: number;
  readonly next: number;
  /** MEM_AREA_MIN_SIZE. */
  readonly minBytes: number;
}

/** `ut_2_exp`. */
export function ut2Exp(n: number): number {
  return n < MAX_SHIFT ? 1 << n : 2 ** n;
}

/** `ut_2_log`: the logarithm, rounded up. n from 1. */
export function ut2Log(n: number): number {
  if (n <= TWO_32) return BITS - Math.clz32(n - 1);
  return BITS + BITS - Math.clz32(Math.ceil(n / TWO_32) - 1);
}

/** The logarithm, rounded down. */
export function floorLog2(n: number): number {
  if (n < TWO_32) return MAX_SHIFT - Math.clz32(n);
  return BITS + MAX_SHIFT - Math.clz32(Math.floor(n / TWO_32));
}

/** `mem_area_get_free`. */
export function areaIsFree(form: AreaForm, area: number): boolean {
  return (form.mem[area] & FREE) !== 0;
}

/** `mem_area_get_size`: bytes, header included. */
export function areaBytes(form: AreaForm, area: number): number {
  const { mem } = form;
  return form.wide ? getU53(mem, area) - (mem[area] & FREE) : (mem[area] & ~FREE) >>> 0;
}

/** `mem_area_set_size` and `mem_area_set_free`. */
export function areaSet(form: AreaForm, area: number, bytes: number, free: boolean): void {
  const word = free ? bytes + FREE : bytes;
  if (form.wide) setU53(form.mem, area, word);
  else form.mem[area] = word | 0;
}

/** `mem_area_set_free`. */
export function areaSetFree(form: AreaForm, area: number, free: boolean): void {
  const { mem } = form;
  mem[area] = free ? mem[area] | FREE : mem[area] & ~FREE;
}

/** `mem_area_get_buddy`: the other half of the area that these `bytes` were split from; NIL: it ends beyond the pool. */
export function areaBuddy(form: AreaForm, area: number, bytes: number): number {
  const { buf } = form;
  const offset = (area - buf) * WORD_BYTES;
  const words = bytes / WORD_BYTES;
  if (offset % (2 * bytes) !== 0) return area - words;
  return offset + 2 * bytes > form.bytes ? NIL : area + words;
}

/** Bytes of a pool that areas are made of: what is left over at its end is less than MEM_AREA_MIN_SIZE. */
export function areaBytesIn(poolBytes: number, minBytes: number): number {
  let used = 0;
  while (poolBytes - used >= minBytes) used += ut2Exp(floorLog2(poolBytes - used));
  return used;
}

/** Whether an area's header has a size that an area there can have. */
export function isAreaSize(form: AreaForm, area: number): boolean {
  const bytes = areaBytes(form, area);
  if (bytes < form.minBytes / 2 || bytes !== ut2Exp(floorLog2(bytes))) return false;
  const offset = (area - form.buf) * WORD_BYTES;
  return offset % bytes === 0 && offset + bytes <= form.usedBytes;
}

/**
 * The area that the byte at `offset` lies in: the heads of the areas before it lead there, none of which depends on
 * what the bytes at `offset` say.
 * @returns its address; negated: the header at that address makes no sense; NIL: no area has been made of these bytes
 */
export function areaAround(form: AreaForm, offset: number): number {
  if (offset < 0 || offset >= form.usedBytes) return NIL;
  // The pool was cut into powers of two, the largest first.
  let start = 0;
  let span = ut2Exp(floorLog2(form.bytes));
  while (offset >= start + span) {
    start += span;
    span = ut2Exp(floorLog2(form.bytes - start));
  }
  // Of a split area, the lower half begins where it began, and after each area of 2^i bytes in it comes a half of 2^i.
  for (;;) {
    const area = form.buf + start / WORD_BYTES;
    const bytes = areaBytes(form, area);
    if (bytes > span || !isAreaSize(form, area)) return -area;
    if (offset < start + bytes) return area;
    span = ut2Exp(floorLog2(offset - start));
    start += span;
  }
}
