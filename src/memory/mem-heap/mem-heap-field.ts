/**
 * UNIV_MEM_DEBUG of 5.x (facts A 3.10): each buffer has its length and a random check word in front and the same check
 * word behind; new memory is a mix of 0xBA and 0xBE, freed memory one of 0xDE and 0xAD. As lengths are known, all
 * buffers of a block can be walked. Addresses here are in bytes: the word behind stands wherever the buffer ends.
 */
import type { Thread } from '../../sync/thread.ts';
import { MEM_FIELD_HEADER_SIZE, MEM_FIELD_TRAILER_SIZE, UNIV_MEM_ALIGNMENT } from './mem-heap-env.ts';

const NEW_BYTES = [0xba, 0xbe] as const;
const FREED_BYTES = [0xde, 0xad] as const;
const CHECK_AT = 8;
const AROUND = MEM_FIELD_HEADER_SIZE + MEM_FIELD_TRAILER_SIZE;

function putU64(thr: Thread, at: number, value: number): void {
  for (let i = 0, v = value; i < 8; i++, v = Math.floor(v / 256)) thr.u8[at + i] = v % 256;
}

function getU64(thr: Thread, at: number): number {
  let value = 0;
  for (let i = 7; i >= 0; i--) value = value * 256 + thr.u8[at + i];
  return value;
}

function fillMix(thr: Thread, at: number, n: number, [a, b]: readonly [number, number]): void {
  for (let i = at; i < at + n; i++) thr.u8[i] = thr.rng.below(2) === 0 ? a : b;
}

/** `mem_field_init`: a buffer of n bytes in the slot that begins at byte `slot`. */
export function fieldInit(thr: Thread, slot: number, n: number): void {
  const check = thr.rng.below(2 ** 31);
  putU64(thr, slot, n);
  putU64(thr, slot + CHECK_AT, check);
  putU64(thr, slot + MEM_FIELD_HEADER_SIZE + n, check);
  fillMix(thr, slot + MEM_FIELD_HEADER_SIZE, n, NEW_BYTES);
}

/** `mem_erase_buf`: freed memory. */
export function fieldErase(thr: Thread, at: number, n: number): void {
  fillMix(thr, at, n, FREED_BYTES);
}

/** Whether these bytes were erased. */
export function fieldIsErased(thr: Thread, at: number, n: number): boolean {
  for (let i = at; i < at + n; i++)
    if (thr.u8[i] !== FREED_BYTES[0] && thr.u8[i] !== FREED_BYTES[1]) return false;
  return true;
}

/** Bytes of the buffer in a slot. */
export function fieldLength(thr: Thread, slot: number): number {
  return getU64(thr, slot);
}

/**
 * `mem_block_check` over the slots in the bytes from `from` to `to`.
 * @returns what is wrong with the first that is damaged; empty when all is well
 */
export function fieldFault(thr: Thread, from: number, to: number): string {
  let slot = from;
  while (slot < to) {
    const n = getU64(thr, slot);
    const end = slot + Math.ceil((n + AROUND) / UNIV_MEM_ALIGNMENT) * UNIV_MEM_ALIGNMENT;
    if (end > to) return `the buffer at byte ${slot} says it has ${n} bytes, but ${to - slot} remain`;
    const front = getU64(thr, slot + CHECK_AT);
    const behind = getU64(thr, slot + MEM_FIELD_HEADER_SIZE + n);
    if (front !== behind) {
      return `the buffer of ${n} bytes at byte ${slot} has check word ${front} in front and ${behind} behind`;
    }
    slot = end;
  }
  return '';
}
