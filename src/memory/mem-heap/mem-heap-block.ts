/** Blocks of a storage heap: making and freeing heaps, the growth rule (facts A 3.2 to 3.4, 3.6). */
import { MEM_BLOCK_25, MEM_BLOCK_25_DEBUG, MEM_BLOCK_51 } from '../../layout/mem-heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapCheckAll } from './mem-heap-check.ts';
import { fieldErase } from './mem-heap-field.ts';
import { GUARD, MEM_BLOCK_START_SIZE, MEM_HEAP, type MemHeapEnv, memSpaceNeeded } from './mem-heap-env.ts';
import { memHeapReleaseSpare, memHeapTakeSpare } from './mem-heap-spare.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';
import { OutOfMemoryFatal } from '../ut/ut-allocator.ts';

const { magic: MAGIC, free: FREE, len: LEN, start: START, totalSize: TOTAL } = MEM_BLOCK_25.at;
const { prev: PREV, next: NEXT, count: COUNT, first: FIRST, last: LAST } = MEM_BLOCK_25.at;
const { type: TYPE, freeBlock: FREE_BLOCK, bufBlock: BUF_BLOCK } = MEM_BLOCK_25.at;
const { line: LINE, listInit: LIST_INIT, file: FILE } = MEM_BLOCK_25_DEBUG.at;
const { initBlock: INIT_BLOCK } = MEM_BLOCK_51.at;

const ULINT_UNDEFINED = -1;
const UT_LIST_INITIALISED = 0xcafe;

/**
 * `mem_heap_create`.
 * @param size payload of the first block; 0 stands for 64
 * @param type MEM_HEAP
 * @param site whose file and line the heap carries, in checked runs and in 5.x
 * @returns the heap: word address of its first block
 * @throws OutOfMemoryFatal; RangeError on a type or size that no block can have
 */
export function memHeapCreate(
  thr: Thread,
  env: MemHeapEnv,
  size = 0,
  type: number = MEM_HEAP.dynamic,
  site: AllocSite = NO_SITE,
): number {
  if (type !== MEM_HEAP.dynamic && (type & MEM_HEAP.buffer) === 0) {
    throw new RangeError(`mem_heap_create: ${type} is no type of heap`);
  }
  const n = size === 0 ? MEM_BLOCK_START_SIZE : size;
  if (env.checked && isPage(env, type, env.headerBytes + memSpaceNeeded(env, n))) {
    // A resize of the pool moves pages, and the heap is its first block.
    throw new RangeError(`mem_heap_create: a first block of ${n} bytes would be a page of the pool`);
  }
  return createBlock(thr, env, NIL, n, type, site);
}

/** 5.1's fast create: the heap's first block is the caller's memory, of `bytes`, and stays the caller's. */
export function memHeapFastCreate(
  thr: Thread,
  env: MemHeapEnv,
  at: number,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  if (env.version !== '5.1') throw new Error(`mem_heap_fast_create: not in ${env.version}`);
  if (bytes <= MEM_BLOCK_START_SIZE + env.headerBytes) {
    throw new RangeError(`mem_heap_fast_create: ${bytes} bytes are no block`);
  }
  initBlock(thr, env, NIL, at, bytes, MEM_HEAP.dynamic, NIL, site);
  thr.mem[at + INIT_BLOCK] = 1;
  return at;
}

/** Whether a block of this length is a page of the buffer pool. */
function isPage(env: MemHeapEnv, type: number, len: number): boolean {
  return type !== MEM_HEAP.dynamic && len >= env.pageBytes / 2;
}

/**
 * `mem_heap_create_block`: a block for a payload of n bytes, not yet in a list.
 * @param heap NIL: the block becomes a heap
 * @returns NIL: a BTR_SEARCH heap has no spare page
 */
function createBlock(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  type: number,
  site: AllocSite,
): number {
  let len = env.headerBytes + memSpaceNeeded(env, n);
  if (!isPage(env, type, len)) {
    const at = env.blocks.take(thr, len, site);
    if (at === NIL) throw unableToAllocate(env, len);
    len = env.blocks.usable(thr, at, len);
    initBlock(thr, env, heap, at, len, type, NIL, site);
    return at;
  }
  if (n > env.maxAllocInBuf) throw tooLarge(env, n);
  const page = takePage(thr, env, heap, type);
  if (page === NIL) return NIL;
  const at = env.pages?.frame(page) ?? NIL;
  initBlock(thr, env, heap, at, env.pageBytes, type, page, site);
  return at;
}

function takePage(thr: Thread, env: MemHeapEnv, heap: number, type: number): number {
  if ((type & MEM_HEAP.btrSearch) !== 0 && heap !== NIL) return memHeapTakeSpare(thr, env, heap);
  if (env.pages === null) throw new Error('a heap of pages needs a page source');
  return env.pages.alloc(thr);
}

function unableToAllocate(env: MemHeapEnv, len: number): OutOfMemoryFatal {
  const text = `Unable to allocate memory of size ${len}.`;
  env.log.write('Error', text);
  return new OutOfMemoryFatal(text);
}

function tooLarge(env: MemHeapEnv, n: number): RangeError {
  return new RangeError(
    `mem_heap: ${n} bytes do not fit into a page, which has room for ${env.maxAllocInBuf}`,
  );
}

/** Writes a block's header; a block without a heap becomes one. */
function initBlock(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  at: number,
  len: number,
  type: number,
  page: number,
  site: AllocSite,
): void {
  const { mem, f64 } = thr;
  mem[at + MAGIC] = env.liveLow;
  mem[at + MAGIC + 1] = env.liveHigh;
  f64[(at + FREE) >>> 1] = env.headerBytes;
  f64[(at + START) >>> 1] = env.headerBytes;
  f64[(at + LEN) >>> 1] = len;
  mem[at + PREV] = NIL;
  mem[at + NEXT] = NIL;
  mem[at + TYPE] = type;
  mem[at + FREE_BLOCK] = NIL;
  mem[at + BUF_BLOCK] = page;
  if (env.fileBytes !== 0) writeCreator(thr, env, heap, at, site);
  if (heap === NIL) {
    f64[(at + TOTAL) >>> 1] = len;
    mem[at + COUNT] = 1;
    mem[at + FIRST] = at;
    mem[at + LAST] = at;
    if (env.guard === GUARD.noMansLand) mem[at + LIST_INIT] = UT_LIST_INITIALISED;
  } else {
    f64[(at + TOTAL) >>> 1] = ULINT_UNDEFINED;
    mem[at + COUNT] = 0;
    mem[at + FIRST] = NIL;
    mem[at + LAST] = NIL;
    f64[(heap + TOTAL) >>> 1] += len;
  }
}

/** The creator of the heap stands in all its blocks. */
function writeCreator(thr: Thread, env: MemHeapEnv, heap: number, at: number, site: AllocSite): void {
  const { mem, u8 } = thr;
  const fileWords = env.fileBytes / WORD_BYTES;
  // 8.0 has its mark of the list in the same place.
  mem[at + INIT_BLOCK] = 0;
  if (heap !== NIL) {
    mem[at + LINE] = mem[heap + LINE];
    mem.copyWithin(at + FILE, heap + FILE, heap + FILE + fileWords);
    return;
  }
  mem.fill(0, at + FILE, at + FILE + fileWords);
  mem[at + LINE] = site.line;
  // Of a long name the end tells more.
  const tail = new TextEncoder().encode(site.file).slice(1 - env.fileBytes);
  u8.set(tail, (at + FILE) * WORD_BYTES);
}

/**
 * `mem_heap_add_block`: a new last block, twice as long as the one before within the bounds of the type, and long
 * enough for n bytes. The heap has been checked.
 * @returns NIL: a BTR_SEARCH heap without a spare page
 */
export function memHeapAddBlock(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  n: number,
  site: AllocSite,
): number {
  const { mem } = thr;
  const last = mem[heap + LAST];
  const type = mem[heap + TYPE];
  const most = type === MEM_HEAP.dynamic ? env.standardSize : env.maxAllocInBuf;
  const size = Math.max(Math.min(2 * thr.f64[(last + LEN) >>> 1], most), n);
  const block = createBlock(thr, env, heap, size, type, site);
  if (block === NIL) return NIL;
  mem[block + PREV] = last;
  mem[last + NEXT] = block;
  mem[heap + LAST] = block;
  mem[heap + COUNT]++;
  return block;
}

/**
 * `mem_heap_block_free` of the last block, which has been checked. What the allocator below finds wrong leaves the
 * block in the heap.
 */
export function memHeapFreeLastBlock(thr: Thread, env: MemHeapEnv, heap: number, site: AllocSite): void {
  const { mem, f64 } = thr;
  const block = mem[heap + LAST];
  const prev = mem[block + PREV];
  const len = f64[(block + LEN) >>> 1];
  const page = mem[block + BUF_BLOCK];
  const callers = env.version === '5.1' && mem[block + INIT_BLOCK] !== 0;
  mem[block + MAGIC] = env.freedLow;
  mem[block + MAGIC + 1] = env.freedHigh;
  try {
    if (env.guard === GUARD.field) fieldErase(thr, block * WORD_BYTES, len);
    if (page !== NIL) env.pages?.free(thr, page);
    else if (!callers) env.blocks.give(thr, block, site);
  } catch (error) {
    mem[block + MAGIC] = env.liveLow;
    mem[block + MAGIC + 1] = env.liveHigh;
    throw error;
  }
  if (block === heap) return;
  mem[prev + NEXT] = NIL;
  mem[heap + LAST] = prev;
  mem[heap + COUNT]--;
  f64[(heap + TOTAL) >>> 1] -= len;
}

/**
 * `mem_heap_free`: the spare page, then all blocks from the last to the first. All of them are looked at first.
 * @throws MemoryCorruption when the heap was freed before, or a block of it is damaged; nothing is freed then
 */
export function memHeapFree(thr: Thread, env: MemHeapEnv, heap: number, site: AllocSite = NO_SITE): void {
  memHeapCheckAll(thr, env, heap, 'mem_heap_free');
  memHeapReleaseSpare(thr, env, heap);
  while (thr.mem[heap + LAST] !== heap) memHeapFreeLastBlock(thr, env, heap, site);
  memHeapFreeLastBlock(thr, env, heap, site);
}
