/**
 * `ut_malloc_low` and its block list, the layer under InnoDB's memory from 5.1 to 5.6 (facts A 4.1): a header with a magic
 * number in front of each block, all blocks in one list under one mutex, and up to 61 attempts a second apart. With
 * `innodb_use_sys_malloc` it is plain malloc and none of that.
 *
 * Sizes are in bytes, addresses in words. The mutex is held during malloc and free, as there, and never in a sleep.
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { OP } from '../../layout/thread.ts';
import { UT_LIST_BASE, UT_MEM, UT_MEM_BLOCK } from '../../layout/ut0mem.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../sync/mutex.ts';
import { assertNotHeld } from '../../sync/order.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type CorruptionFacts } from '../ut/corruption.ts';
import type { MemEnv } from '../env.ts';
import { free, malloc, osOwning, realloc } from '../heap/malloc.ts';
import { originAlloc, originFree, originRevive } from '../ut/origin.ts';
import { ENOMEM } from '../os/os-memory.ts';
import { KEY_NONE } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';
import { ALLOC_RETRY_SLEEP_US, OUT_OF_MEMORY_MSG, OutOfMemoryFatal } from '../ut/ut-allocator.ts';
import { utListAddFirst, utListBridge, utListFault, utListHas, utListInit } from './ut0lst.ts';

const { mutex: MUTEX, blocks: BLOCKS, inited: INITED, totalAllocated: TOTAL } = UT_MEM.at;
const { start: START } = UT_LIST_BASE.at;
const { useSysMalloc: USE_SYS_MALLOC, setMemToZero: SET_MEM_TO_ZERO } = UT_MEM.at;
const { prev: PREV, next: NEXT, size: SIZE, magic: MAGIC } = UT_MEM_BLOCK.at;

/** `sizeof(ut_mem_block_t)`. */
export const UT_MEM_BLOCK_BYTES = 32;
const BLOCK_WORDS = UT_MEM_BLOCK.words;
if (BLOCK_WORDS * WORD_BYTES !== UT_MEM_BLOCK_BYTES) throw new Error('ut_mem_block_t has 32 bytes');
/** UT_MEM_MAGIC_N. */
export const UT_MEM_MAGIC_N = 1601650166;
/** Sleeps after failures: one attempt more than that. */
export const UT_MALLOC_RETRIES = 60;

/** The layer as one thread has it. Stateless. */
export interface UtMem {
  /** UT_MEM. */
  readonly at: number;
  readonly env: MemEnv;
}

export interface UtMemOptions {
  readonly useSysMalloc: boolean;
  /** Compiled with UNIV_SET_MEM_TO_ZERO; not when absent. */
  readonly setMemToZero?: boolean;
}

/** `ut_mem_init`: makes the record at `at`, an empty list; before it is shared. */
export function utMemInit(mem: Int32Array, at: number, o: UtMemOptions): void {
  mem.fill(0, at, at + UT_MEM.words);
  mutexInit(mem, at + MUTEX, LATCH.utList);
  mem[at + USE_SYS_MALLOC] = o.useSysMalloc ? 1 : 0;
  mem[at + SET_MEM_TO_ZERO] = o.setMemToZero === true ? 1 : 0;
  mem[at + INITED] = 1;
  utListInit(mem, at + BLOCKS);
}

/** Whether innodb_use_sys_malloc is on. */
export function utUsesSysMalloc(mem: Int32Array, ut: UtMem): boolean {
  return mem[ut.at + USE_SYS_MALLOC] !== 0;
}

/** `ut_total_allocated_memory`; exact at rest. */
export function utTotalAllocatedMemory(mem: Int32Array, ut: UtMem): number {
  return getU53(mem, ut.at + TOTAL);
}

/**
 * `ut_malloc_low`: n bytes. May sleep 60 times for a second, with no latch of its own held: hold nothing that others
 * wait for.
 * @param setToZero whether a server built to zero its memory zeroes this block, too
 * @param assertOnError whether the server ends itself when there is no memory
 * @returns the payload's address, 16-byte aligned; NIL: out of memory
 * @throws OutOfMemoryFatal out of memory with assertOnError
 * @throws RunAborted when the run was given up between two attempts
 */
export function utMallocLow(
  thr: Thread,
  ut: UtMem,
  n: number,
  setToZero: boolean,
  assertOnError: boolean,
  site: AllocSite = NO_SITE,
): number {
  const { mem } = thr;
  const { at, env } = ut;
  const zero = setToZero && mem[at + SET_MEM_TO_ZERO] !== 0;
  if (mem[at + USE_SYS_MALLOC] !== 0) return sysMalloc(thr, ut, n, zero, assertOnError, site);
  const total = n + UT_MEM_BLOCK_BYTES;
  lockList(thr, at);
  let block = malloc(thr, env.os, total, HEAP_TAG.utLow);
  if (block === NIL) {
    block = retryMalloc(thr, ut, n);
    if (block === NIL) {
      mutexExit(thr, at + MUTEX);
      if (assertOnError) crash(ut);
      return NIL;
    }
  }
  if (zero) clear(mem, block, total);
  setU53(mem, block + SIZE, total);
  mem[block + MAGIC] = UT_MEM_MAGIC_N;
  addU53(mem, at + TOTAL, total);
  utListAddFirst(mem, at + BLOCKS, block, PREV, NEXT);
  originAlloc(thr, env.os, block, KEY_NONE, total, site);
  mutexExit(thr, at + MUTEX);
  return block + BLOCK_WORDS;
}

/** `ut_malloc`: as utMallocLow, zeroed in a server built so, and the end when there is no memory. */
export function utMalloc(thr: Thread, ut: UtMem, n: number, site: AllocSite = NO_SITE): number {
  return utMallocLow(thr, ut, n, true, true, site);
}

/**
 * `ut_free`: NIL does nothing.
 * @throws MemoryCorruption when it is no live block of this layer; nothing is changed then
 */
export function utFree(thr: Thread, ut: UtMem, p: number, site: AllocSite = NO_SITE): void {
  if (p === NIL) return;
  const { mem } = thr;
  const { at } = ut;
  if (mem[at + USE_SYS_MALLOC] !== 0) {
    const from = osOf(thr, ut, p, 'ut_free', p);
    originFree(thr, from, p, site);
    free(thr, from, p, HEAP_TAG.utLow);
    return;
  }
  const block = p - BLOCK_WORDS;
  const os = osOf(thr, ut, block, 'ut_free', p);
  mutexEnter(thr, at + MUTEX);
  const fault = blockFault(thr, at, block, 'ut_free');
  if (fault === null) dropBlock(thr, at, os, block, site);
  mutexExit(thr, at + MUTEX);
  if (fault !== null) throw corruption(mem, os, block, fault);
}

/**
 * `ut_realloc`: a block of n bytes in place of the old one, whose contents are kept. It never stays where it is. NIL: as
 * utMalloc; n = 0: as utFree.
 * @returns the payload's new address; NIL: n is 0, or (with sys malloc) refused with `p` still valid
 * @throws OutOfMemoryFatal out of memory
 * @throws MemoryCorruption when `p` is no live block of this layer; nothing is changed then
 */
export function utRealloc(thr: Thread, ut: UtMem, p: number, n: number, site: AllocSite = NO_SITE): number {
  const { mem } = thr;
  if (p === NIL) return utMalloc(thr, ut, n, site);
  if (n === 0) {
    utFree(thr, ut, p, site);
    return NIL;
  }
  if (mem[ut.at + USE_SYS_MALLOC] !== 0) return sysRealloc(thr, ut, p, n, site);
  const block = p - BLOCK_WORDS;
  const os = osOf(thr, ut, block, 'ut_realloc', p);
  mutexEnter(thr, ut.at + MUTEX);
  const fault = blockFault(thr, ut.at, block, 'ut_realloc');
  mutexExit(thr, ut.at + MUTEX);
  if (fault !== null) throw corruption(mem, os, block, fault);
  const keep = Math.min(getU53(mem, block + SIZE) - UT_MEM_BLOCK_BYTES, n);
  const to = utMalloc(thr, ut, n, site);
  thr.u8.copyWithin(to * WORD_BYTES, p * WORD_BYTES, p * WORD_BYTES + keep);
  utFree(thr, ut, p, site);
  return to;
}

/** `ut_test_malloc`: whether a block of n bytes could be had now; an error line says so when not. One attempt. */
export function utTestMalloc(thr: Thread, ut: UtMem, n: number): boolean {
  const { env } = ut;
  const block = malloc(thr, env.os, n, HEAP_TAG.utLow);
  if (block === NIL) {
    mutexEnter(thr, ut.at + MUTEX);
    env.log.write('Error', noMemoryText(thr.mem, ut, n));
    mutexExit(thr, ut.at + MUTEX);
    return false;
  }
  free(thr, env.os, block, HEAP_TAG.utLow);
  return true;
}

/**
 * `ut_free_all_mem`, at shutdown: frees every block that is listed. A warning says so when the counter is not 0 after
 * that. The layer must be made anew before it is used again.
 * @throws MemoryCorruption on the first block that is damaged; those before it in the list are free then
 */
export function utFreeAllMem(thr: Thread, ut: UtMem, site: AllocSite = NO_SITE): void {
  const { mem } = thr;
  const { at, env } = ut;
  lockList(thr, at);
  let fault: CorruptionFacts | null = null;
  let block = mem[at + BLOCKS + START];
  while (block !== NIL) {
    fault = blockFault(thr, at, block, 'ut_free_all_mem');
    if (fault !== null) break;
    dropBlock(thr, at, osOwning(mem, env.allOs, block), block, site);
    block = mem[at + BLOCKS + START];
  }
  if (fault === null) mem[at + INITED] = 0;
  const left = getU53(mem, at + TOTAL);
  mutexExit(thr, at + MUTEX);
  if (fault !== null) throw corruption(mem, osOwning(mem, env.allOs, block), block, fault);
  if (left !== 0) env.log.write('Warning', `after shutdown, ${left} bytes count as allocated`);
}

/** All defects of the list, its blocks and the counter. At rest. */
export function utMemDefects(mem: Int32Array, ut: UtMem): string[] {
  const { at } = ut;
  const fault = utListFault(mem, at + BLOCKS, PREV, NEXT);
  if (fault !== '') return [`ut_mem_block_list: ${fault}`];
  const found: string[] = [];
  let sum = 0;
  for (let block = mem[at + BLOCKS + START]; block !== NIL; block = mem[block + NEXT]) {
    if (mem[block + MAGIC] !== UT_MEM_MAGIC_N) found.push(`block @${block} has magic ${mem[block + MAGIC]}`);
    sum += getU53(mem, block + SIZE);
  }
  const total = getU53(mem, at + TOTAL);
  if (sum !== total) found.push(`listed blocks have ${sum} bytes, ut_total_allocated_memory is ${total}`);
  return found;
}

/** Takes the list's mutex. */
function lockList(thr: Thread, at: number): void {
  mutexEnter(thr, at + MUTEX);
  if (thr.mem[at + INITED] !== 0) return;
  mutexExit(thr, at + MUTEX);
  throw new Error('assertion: ut_mem_block_list_inited');
}

/** Attempts 2 to 61. Called and left with the mutex held, which is free during the sleeps. */
function retryMalloc(thr: Thread, ut: UtMem, n: number): number {
  const { mem } = thr;
  const { at, env } = ut;
  const before = mem[thr.op];
  mem[thr.op] = OP.utAllocate;
  env.log.write(
    'Error',
    `${noMemoryText(mem, ut, n)} We keep retrying the allocation for ${UT_MALLOC_RETRIES} seconds.`,
  );
  let block: number = NIL;
  for (let retry = 0; block === NIL && retry < UT_MALLOC_RETRIES; retry++) {
    mutexExit(thr, at + MUTEX);
    sleepUnlocked(thr, ut);
    lockList(thr, at);
    block = malloc(thr, env.os, n + UT_MEM_BLOCK_BYTES, HEAP_TAG.utLow);
  }
  mem[thr.op] = before;
  return block;
}

function sleepUnlocked(thr: Thread, ut: UtMem): void {
  assertNotHeld(thr, ut.at + MUTEX, 'ut_list_mutex');
  ut.env.sleepClock.sleepUs(ALLOC_RETRY_SLEEP_US);
  thr.throwIfAborted();
}

/** What cannot be had, what InnoDB has, and what to do. Mutex held. */
function noMemoryText(mem: Int32Array, ut: UtMem, n: number): string {
  return (
    `malloc of ${n} bytes failed; InnoDB has allocated ${getU53(mem, ut.at + TOTAL)} bytes in all. ` +
    `Operating system errno: ${ENOMEM}. ${OUT_OF_MEMORY_MSG}`
  );
}

/** The write through a null pointer that ends the server. */
function crash(ut: UtMem): never {
  const text =
    'Out of memory: the server ends itself here by a deliberate crash, for the sake of the stack trace.';
  ut.env.log.write('Error', text);
  throw new OutOfMemoryFatal(text);
}

function sysMalloc(
  thr: Thread,
  ut: UtMem,
  n: number,
  zero: boolean,
  assertOnError: boolean,
  site: AllocSite,
): number {
  const { os } = ut.env;
  const at = malloc(thr, os, n, HEAP_TAG.utLow);
  if (at === NIL) {
    if (assertOnError) throw new OutOfMemoryFatal(`assertion: malloc of ${n} bytes returned null`);
    return NIL;
  }
  originAlloc(thr, os, at, KEY_NONE, n, site);
  if (zero) clear(thr.mem, at, n);
  return at;
}

function sysRealloc(thr: Thread, ut: UtMem, p: number, n: number, site: AllocSite): number {
  const os = osOf(thr, ut, p, 'ut_realloc', p);
  const origin = originFree(thr, os, p, site);
  const to = realloc(thr, os, p, n, HEAP_TAG.utLow);
  if (to === NIL) originRevive(thr, os, p, origin);
  else originAlloc(thr, os, to, KEY_NONE, n, site);
  return to;
}

function clear(mem: Int32Array, at: number, bytes: number): void {
  mem.fill(0, at, at + Math.ceil(bytes / WORD_BYTES));
}

/** The memory that a block lies in. */
function osOf(thr: Thread, ut: UtMem, block: number, call: string, p: number): number {
  const os = osOwning(thr.mem, ut.env.allOs, block);
  if (os === NIL) {
    const detail = 'it is outside the memory of all nodes';
    throw corruption(thr.mem, NIL, block, { what: 'foreign address', call, at: p, detail, thr });
  }
  return os;
}

/** What is wrong with an address that should be a listed block's; null when nothing. Mutex held. */
function blockFault(thr: Thread, at: number, block: number, call: string): CorruptionFacts | null {
  const { mem } = thr;
  const magic = mem[block + MAGIC];
  const p = block + BLOCK_WORDS;
  if (magic !== UT_MEM_MAGIC_N) {
    const detail = `magic ${magic} instead of ${UT_MEM_MAGIC_N}`;
    return { what: 'overwritten magic', call, at: p, detail, thr };
  }
  if (!utListHas(mem, at + BLOCKS, block, PREV, NEXT)) {
    const detail = 'its neighbours in ut_mem_block_list do not lead to it';
    return { what: 'double free or overwritten links', call, at: p, detail, thr };
  }
  const size = getU53(mem, block + SIZE);
  const total = getU53(mem, at + TOTAL);
  if (size <= total && size >= UT_MEM_BLOCK_BYTES) return null;
  const detail = `size ${size}, ut_total_allocated_memory ${total}`;
  return { what: 'overwritten size', call, at: p, detail, thr };
}

/** Frees a sound block, and takes it out of list and counter. Mutex held; free again if the heap refuses the block. */
function dropBlock(thr: Thread, at: number, os: number, block: number, site: AllocSite): void {
  const { mem } = thr;
  // Read before the block is free: the next owner may overwrite it at once.
  const before = mem[block + PREV];
  const after = mem[block + NEXT];
  const size = getU53(mem, block + SIZE);
  originFree(thr, os, block, site);
  try {
    free(thr, os, block, HEAP_TAG.utLow);
  } catch (e) {
    mutexExit(thr, at + MUTEX);
    throw e;
  }
  addU53(mem, at + TOTAL, -size);
  utListBridge(mem, at + BLOCKS, before, after, PREV, NEXT);
}
