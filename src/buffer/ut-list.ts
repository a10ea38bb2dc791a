/**
 * `UT_LIST`: a doubly linked list through blocks. The base is three words (first, last, length) of the instance, the
 * links are two words (previous, next) of the block; which latch guards them is the list's affair.
 */
import { NIL } from '../layout/schema.ts';

const FIRST = 0;
const LAST = 1;
const LENGTH = 2;
const PREV = 0;
const NEXT = 1;

/**
 * `UT_LIST_ADD_FIRST`.
 * @param base word address of the list's base
 * @param links offset of the link words in a block
 */
export function listAddFirst(mem: Int32Array, base: number, links: number, block: number): void {
  const first = mem[base + FIRST];
  mem[block + links + PREV] = NIL;
  mem[block + links + NEXT] = first;
  if (first === NIL) mem[base + LAST] = block;
  else mem[first + links + PREV] = block;
  mem[base + FIRST] = block;
  mem[base + LENGTH]++;
}

/** `UT_LIST_ADD_LAST`. */
export function listAddLast(mem: Int32Array, base: number, links: number, block: number): void {
  const last = mem[base + LAST];
  if (last === NIL) listAddFirst(mem, base, links, block);
  else listInsertAfter(mem, base, links, last, block);
}

/** `UT_LIST_INSERT_AFTER`: `block` becomes the successor of `before`. */
export function listInsertAfter(
  mem: Int32Array,
  base: number,
  links: number,
  before: number,
  block: number,
): void {
  const next = mem[before + links + NEXT];
  mem[block + links + PREV] = before;
  mem[block + links + NEXT] = next;
  mem[before + links + NEXT] = block;
  if (next === NIL) mem[base + LAST] = block;
  else mem[next + links + PREV] = block;
  mem[base + LENGTH]++;
}

/** `UT_LIST_REMOVE`: the block's links are NIL afterwards. */
export function listRemove(mem: Int32Array, base: number, links: number, block: number): void {
  const prev = mem[block + links + PREV];
  const next = mem[block + links + NEXT];
  if (prev === NIL) mem[base + FIRST] = next;
  else mem[prev + links + NEXT] = next;
  if (next === NIL) mem[base + LAST] = prev;
  else mem[next + links + PREV] = prev;
  mem[block + links + PREV] = NIL;
  mem[block + links + NEXT] = NIL;
  mem[base + LENGTH]--;
}
