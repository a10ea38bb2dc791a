/**
 * Sizes of the heap's blocks, and the state byte of each granule of 8 bytes: whether a block starts there, of which
 * class, and who has it.
 *
 * | byte                     | a block of that class starts here and is ...                     | written by           |
 * |--------------------------|------------------------------------------------------------------|----------------------|
 * | 0                        | nothing starts here: inside a block, or no page of the heap      |                      |
 * | 0x80 \| tag << 4 \| class | in use, by the layer `tag`                                       | who takes it         |
 * | 0x10 \| class            | free in the cache of some thread                                 | that thread          |
 * | 0x20 \| class            | free in its page (the central list of the class)                 | holder of the mutex  |
 * | 0x30 \| class            | free in the buddy system                                         | holder of the mutex  |
 *
 * A block has one owner at any moment: who uses it, the thread in whose cache it lies, or the mutex of its free list.
 * The byte is the owner's, so it needs no latch of its own.
 */
import { HEAP_CACHE, HEAP_PAGE, PAGE_CLASS, RUN_CLASS, SMALL_CLASSES } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { WORD_BYTES } from '../../layout/schema.ts';

const { base: BASE, pages: PAGES, heapPages: HEAP_PAGES } = OS_MEMORY.at;
const { heapCaches: CACHES, heapStates: STATES } = OS_MEMORY.at;

/** The smallest block, the largest of a size class, and the largest of the buddy system. */
export const MIN_BLOCK_BYTES = 8;
export const MAX_SMALL_BYTES = 512;
export const MAX_BUDDY_BYTES = 4096;
/** A page in granules, in words, and as the power of two that shifts need. */
export const PAGE_GRANULES = 512;
export const PAGE_WORDS = 1024;
export const PAGE_BYTES = 4096;
const PAGE_GRANULE_SHIFT = 9;
const WORD_SHIFT = 2;

export const LIVE = 0x80;
export const CACHED = 0x10;
export const CENTRAL = 0x20;
export const BUDDY = 0x30;
export const TAG_SHIFT = 4;
export const CLASS_MASK = 15;
/** Of a byte: whether it is in use, and by whom. */
export const OWNER_MASK = 0xf0;

/** CLASS_BITS - clz32(bytes - 1) is the class of 9 to 4096 bytes. */
export const CLASS_BITS = 30;
if (4 << SMALL_CLASSES !== MAX_SMALL_BYTES || 4 << PAGE_CLASS !== MAX_BUDDY_BYTES) {
  throw new Error('heap-state.ts computes with these classes');
}

/** Class that a request of `bytes` gets: 1 to 7, 8 to 10, or 11. */
export function classOf(bytes: number): number {
  if (bytes <= MIN_BLOCK_BYTES) return 1;
  return bytes <= MAX_BUDDY_BYTES ? CLASS_BITS - Math.clz32(bytes - 1) : RUN_CLASS;
}

/** Bytes, words, granules of a block of class 1 to 10. */
export const classBytes = (cls: number): number => 4 << cls;
export const classWords = (cls: number): number => 1 << cls;
export const classGranules = (cls: number): number => 1 << (cls - 1);

/** Bytes that a request of `bytes` gets. */
export function roundedBytes(bytes: number): number {
  const cls = classOf(bytes);
  return cls === RUN_CLASS ? Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES : classBytes(cls);
}

/**
 * Number of the granule that starts at an address; not below the area's end for any address that no granule of the area
 * starts at: an odd difference makes it huge.
 */
export function granuleOf(mem: Int32Array, os: number, at: number): number {
  const words = at - mem[os + BASE];
  return ((words >>> 1) | (words << 31)) >>> 0;
}

/** Page of a granule. */
export const pageOfGranule = (granule: number): number => granule >>> PAGE_GRANULE_SHIFT;

/** Whether a granule lies in the area. */
export function isInArea(mem: Int32Array, os: number, granule: number): boolean {
  return granule >>> PAGE_GRANULE_SHIFT < mem[os + PAGES];
}

/** First word of a granule. */
export function granuleAddress(mem: Int32Array, os: number, granule: number): number {
  return mem[os + BASE] + 2 * granule;
}

/** First state byte of the area, as an index of `thr.u8`. */
export function statesOf(mem: Int32Array, os: number): number {
  return (mem[os + STATES] << WORD_SHIFT) >>> 0;
}

/** HEAP_PAGE record of a page. */
export function heapPageOf(mem: Int32Array, os: number, page: number): number {
  return mem[os + HEAP_PAGES] + page * HEAP_PAGE.words;
}

/** The page of a HEAP_PAGE record. */
export function pageOfRecord(mem: Int32Array, os: number, rec: number): number {
  return (rec - mem[os + HEAP_PAGES]) / HEAP_PAGE.words;
}

/** HEAP_CACHE record of a thread. */
export function cacheOf(mem: Int32Array, os: number, id: number): number {
  return mem[os + CACHES] + id * HEAP_CACHE.words;
}

/** Granules that lie in a page: the byte of the first is at this index of the states. */
export const firstGranule = (page: number): number => page << PAGE_GRANULE_SHIFT;

if (WORD_BYTES !== 4 || HEAP_PAGE.words !== 32) throw new Error('heap-state.ts computes with these sizes');
