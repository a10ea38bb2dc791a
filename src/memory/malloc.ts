/**
 * malloc, calloc, realloc and free on a node's simulated memory. Blocks of up to 2 KiB come in power-of-two classes
 * from 32 bytes, carved from pages that hold one class each; larger ones are runs of whole pages.
 *
 * Which blocks of a page are in use is a bit map in the page's HEAP_PAGE record, outside the blocks: a stray write
 * cannot damage it, and a double free is found for certain. Pages of a class that have a free block are in a list; a
 * page whose last block is freed goes back to the operating system at once, so nothing is mapped when nothing lives.
 */
import { HEAP, HEAP_PAGE, HEAP_TAG, SIZE_CLASSES } from '../layout/heap.ts';
import { OS_MEMORY, PAGE_KIND, PAGE_KIND_BITS } from '../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../layout/schema.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import {
  OS_PAGE_BYTES,
  osMapRun,
  OsMemoryError,
  osPageAddress,
  osPageOf,
  osPagesFor,
  osRequestFails,
  osUnmapRun,
} from './os-memory.ts';

const { mutex: MUTEX, pages: PAGES, pageMap: MAP, heapPages: HEAP_PAGES } = OS_MEMORY.at;
const { heap: HEAP_AT } = OS_MEMORY.at;
const { liveBlocks: LIVE, partial: PARTIAL } = HEAP.at;
const { sizeClass: CLASS, used: USED, next: NEXT, prev: PREV, inUse: IN_USE } = HEAP_PAGE.at;

/** The smallest block, and the largest that is carved from a page. */
export const MIN_BLOCK_BYTES = 32;
export const MAX_SMALL_BYTES = 2048;
const CLASS_SHIFT = 4;
const BITS = 32;
const BIT_WORDS = 4;
const WHOLE_PAGES = 0;
if (MIN_BLOCK_BYTES !== 2 << CLASS_SHIFT || MAX_SMALL_BYTES !== 1 << (CLASS_SHIFT + SIZE_CLASSES)) {
  throw new Error('size classes do not match the layout');
}

/** A live block: its address (words) and the bytes that it has, at least those asked for. */
export interface HeapBlock {
  readonly at: number;
  readonly bytes: number;
}

/** Size class of a request: 1 to 7 for 32 to 2048 bytes, 0 for whole pages. */
function classOf(bytes: number): number {
  if (bytes > MAX_SMALL_BYTES) return WHOLE_PAGES;
  if (bytes <= MIN_BLOCK_BYTES) return 1;
  return BITS - Math.clz32(bytes - 1) - CLASS_SHIFT;
}

const blockBytes = (sizeClass: number): number => 1 << (sizeClass + CLASS_SHIFT);

function heapPage(mem: Int32Array, os: number, page: number): number {
  return mem[os + HEAP_PAGES] + page * HEAP_PAGE.words;
}

/**
 * `malloc`: takes the node's mutex, never sleeps otherwise.
 * @param bytes 0 counts as 1
 * @param tag HEAP_TAG of the layer that asks
 * @returns address in words, 16-byte aligned, contents undefined; NIL: refused (ENOMEM)
 */
export function malloc(thr: Thread, os: number, bytes: number, _tag: number = HEAP_TAG.raw): number {
  mutexEnter(thr, os + MUTEX);
  const at = osRequestFails(thr, os) ? NIL : takeBlock(thr, os, bytes);
  mutexExit(thr, os + MUTEX);
  return at;
}

/** `calloc(1, bytes)`: as malloc, but zeroed. */
export function calloc(thr: Thread, os: number, bytes: number, tag: number = HEAP_TAG.raw): number {
  const at = malloc(thr, os, bytes, tag);
  // The block is the caller's already: no latch is needed to clear it.
  if (at !== NIL) thr.mem.fill(0, at, at + Math.ceil(bytes / WORD_BYTES));
  return at;
}

/**
 * `free`: NIL does nothing. Takes the node's mutex.
 * @throws OsMemoryError on an address that is no live block of this node; nothing is changed then.
 */
export function free(thr: Thread, os: number, at: number, _tag: number = HEAP_TAG.raw): void {
  if (at === NIL) return;
  mutexEnter(thr, os + MUTEX);
  const fault = blockFault(thr.mem, os, at);
  if (fault === '') dropBlock(thr, os, at);
  mutexExit(thr, os + MUTEX);
  if (fault !== '') throw new OsMemoryError(`free(@${at}): ${fault}`);
}

/**
 * `realloc` of a live block to `bytes` > 0: stays where it is when the size class or number of pages is the same, else
 * moves. Takes the node's mutex.
 * @returns the new address; NIL: refused, the old block is untouched
 * @throws OsMemoryError when `at` is no live block of this node
 */
export function realloc(
  thr: Thread,
  os: number,
  at: number,
  bytes: number,
  tag: number = HEAP_TAG.raw,
): number {
  const { mem } = thr;
  mutexEnter(thr, os + MUTEX);
  const fault = blockFault(mem, os, at);
  if (fault !== '') {
    mutexExit(thr, os + MUTEX);
    throw new OsMemoryError(`realloc(@${at}): ${fault}`);
  }
  const had = usableBytes(mem, os, at);
  let to: number;
  if (osRequestFails(thr, os)) to = NIL;
  else if (roundedBytes(bytes) === had) to = at;
  else to = takeBlock(thr, os, bytes);
  mutexExit(thr, os + MUTEX);
  if (to === NIL || to === at) return to;
  // Both blocks are the caller's while the copy is made.
  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));
  free(thr, os, at, tag);
  return to;
}

/** Bytes that a request of `bytes` gets. */
export function roundedBytes(bytes: number): number {
  const sizeClass = classOf(bytes);
  return sizeClass === WHOLE_PAGES ? osPagesFor(bytes) * OS_PAGE_BYTES : blockBytes(sizeClass);
}

/** The memory among `all` (OS_MEMORY records) that an address belongs to; NIL: none. */
export function osOwning(mem: Int32Array, all: readonly number[], at: number): number {
  for (const os of all) if (osPageOf(mem, os, at) >= 0) return os;
  return NIL;
}

/** Blocks in use; exact at rest. */
export function heapLiveBlocks(mem: Int32Array, os: number): number {
  return mem[mem[os + HEAP_AT] + LIVE];
}

/** All live blocks of a node in address order, at rest. Mappings (osMmap) are not blocks. */
export function mallocWalk(mem: Int32Array, os: number): HeapBlock[] {
  const blocks: HeapBlock[] = [];
  const map = mem[os + MAP];
  let page = 0;
  while (page < mem[os + PAGES]) {
    const run = mem[map + page];
    const pages = run >>> PAGE_KIND_BITS;
    if (pages === 0) throw new OsMemoryError(`page map of @${os} is torn at page ${page}`);
    if (run === ((pages << PAGE_KIND_BITS) | PAGE_KIND.heap)) pushBlocks(mem, os, page, pages, blocks);
    page += pages;
  }
  return blocks;
}

function pushBlocks(mem: Int32Array, os: number, page: number, pages: number, blocks: HeapBlock[]): void {
  const rec = heapPage(mem, os, page);
  const at = osPageAddress(mem, os, page);
  const sizeClass = mem[rec + CLASS];
  if (sizeClass === WHOLE_PAGES) {
    blocks.push({ at, bytes: pages * OS_PAGE_BYTES });
    return;
  }
  const bytes = blockBytes(sizeClass);
  for (let i = 0; i < OS_PAGE_BYTES / bytes; i++) {
    if (isInUse(mem, rec, i)) blocks.push({ at: at + (i * bytes) / WORD_BYTES, bytes });
  }
}

function isInUse(mem: Int32Array, rec: number, block: number): boolean {
  return (mem[rec + IN_USE + (block >>> 5)] & (1 << (block & 31))) !== 0;
}

/** Bytes of a live block. Mutex held, or at rest. */
function usableBytes(mem: Int32Array, os: number, at: number): number {
  const page = osPageOf(mem, os, at);
  const sizeClass = mem[heapPage(mem, os, page) + CLASS];
  if (sizeClass !== WHOLE_PAGES) return blockBytes(sizeClass);
  return (mem[mem[os + MAP] + page] >>> PAGE_KIND_BITS) * OS_PAGE_BYTES;
}

/** What is wrong with an address that should be a live block's; empty when nothing. Mutex held. */
function blockFault(mem: Int32Array, os: number, at: number): string {
  const page = osPageOf(mem, os, at);
  if (page < 0) return 'the address is outside the heap of the node';
  const kind = mem[mem[os + MAP] + page] & ((1 << PAGE_KIND_BITS) - 1);
  if (kind !== PAGE_KIND.heap) {
    return kind === PAGE_KIND.mapped
      ? 'the address belongs to a mapping, not to the heap'
      : 'no block starts there (double free, or inside a block)';
  }
  const rec = heapPage(mem, os, page);
  const offset = at - osPageAddress(mem, os, page);
  if (mem[rec + CLASS] === WHOLE_PAGES) return offset === 0 ? '' : 'the address is inside a block';
  const bytes = blockBytes(mem[rec + CLASS]);
  if ((offset * WORD_BYTES) % bytes !== 0) return `the address is inside a block of ${bytes} bytes`;
  return isInUse(mem, rec, (offset * WORD_BYTES) / bytes) ? '' : `double free of a block of ${bytes} bytes`;
}

/** Mutex held; NIL when there is no memory. */
function takeBlock(thr: Thread, os: number, bytes: number): number {
  const { mem } = thr;
  const sizeClass = classOf(bytes);
  let at: number;
  if (sizeClass === WHOLE_PAGES) {
    const page = osMapRun(thr, os, osPagesFor(bytes), PAGE_KIND.heap);
    if (page < 0) return NIL;
    mem[heapPage(mem, os, page) + CLASS] = WHOLE_PAGES;
    at = osPageAddress(mem, os, page);
  } else {
    const head = mem[os + HEAP_AT] + PARTIAL + sizeClass - 1;
    const rec = mem[head] === NIL ? newSmallPage(thr, os, sizeClass, head) : mem[head];
    if (rec === NIL) return NIL;
    at = takeSmall(mem, os, rec, sizeClass);
  }
  mem[mem[os + HEAP_AT] + LIVE]++;
  return at;
}

/** Maps a page for a size class and puts it into the class's list, which is empty. */
function newSmallPage(thr: Thread, os: number, sizeClass: number, head: number): number {
  const { mem } = thr;
  const page = osMapRun(thr, os, 1, PAGE_KIND.heap);
  if (page < 0) return NIL;
  const rec = heapPage(mem, os, page);
  mem[rec + CLASS] = sizeClass;
  mem[rec + USED] = 0;
  mem[rec + NEXT] = NIL;
  mem[rec + PREV] = NIL;
  // Bits of blocks that lie beyond the page's end count as in use.
  const blocks = OS_PAGE_BYTES / blockBytes(sizeClass);
  for (let i = 0; i < BIT_WORDS; i++) {
    const here = blocks - i * BITS;
    mem[rec + IN_USE + i] = here >= BITS ? 0 : here <= 0 ? -1 : -1 << here;
  }
  mem[head] = rec;
  return rec;
}

/** Takes the lowest free block of a page that has one. */
function takeSmall(mem: Int32Array, os: number, rec: number, sizeClass: number): number {
  let word = rec + IN_USE;
  while (mem[word] === -1) word++;
  const zeros = ~mem[word];
  const bit = BITS - 1 - Math.clz32(zeros & -zeros);
  mem[word] |= 1 << bit;
  const block = (word - rec - IN_USE) * BITS + bit;
  if (++mem[rec + USED] === OS_PAGE_BYTES / blockBytes(sizeClass)) unlink(mem, os, rec);
  const page = (rec - mem[os + HEAP_PAGES]) / HEAP_PAGE.words;
  return osPageAddress(mem, os, page) + (block * blockBytes(sizeClass)) / WORD_BYTES;
}

/** Frees a live block. Mutex held. */
function dropBlock(thr: Thread, os: number, at: number): void {
  const { mem } = thr;
  const page = osPageOf(mem, os, at);
  const rec = heapPage(mem, os, page);
  const sizeClass = mem[rec + CLASS];
  mem[mem[os + HEAP_AT] + LIVE]--;
  if (sizeClass === WHOLE_PAGES) {
    osUnmapRun(thr, os, page);
    return;
  }
  const bytes = blockBytes(sizeClass);
  const block = ((at - osPageAddress(mem, os, page)) * WORD_BYTES) / bytes;
  mem[rec + IN_USE + (block >>> 5)] &= ~(1 << (block & 31));
  const wasFull = mem[rec + USED] === OS_PAGE_BYTES / bytes;
  if (--mem[rec + USED] === 0) {
    // Every class has at least two blocks to a page, so the page was not full and is in the list.
    unlink(mem, os, rec);
    osUnmapRun(thr, os, page);
  } else if (wasFull) {
    link(mem, os, rec);
  }
}

function link(mem: Int32Array, os: number, rec: number): void {
  const head = mem[os + HEAP_AT] + PARTIAL + mem[rec + CLASS] - 1;
  const first = mem[head];
  mem[rec + NEXT] = first;
  mem[rec + PREV] = NIL;
  if (first !== NIL) mem[first + PREV] = rec;
  mem[head] = rec;
}

function unlink(mem: Int32Array, os: number, rec: number): void {
  const next = mem[rec + NEXT];
  const prev = mem[rec + PREV];
  if (next !== NIL) mem[next + PREV] = prev;
  if (prev !== NIL) mem[prev + NEXT] = next;
  else mem[mem[os + HEAP_AT] + PARTIAL + mem[rec + CLASS] - 1] = next;
}
