/**
 * `ut_allocator` of 8.0.25 (facts A 1): a header in front of each block, an instrument per block, and up to 60 attempts
 * a second apart before memory counts as exhausted. It sleeps with no latch of its own held.
 *
 * Sizes are in bytes, addresses in words. A payload address is 16-byte aligned.
 */
import type { Clock } from '../layout/clock.ts';
import type { ErrorLog } from '../layout/error-log.ts';
import { HEAP_TAG } from '../layout/heap.ts';
import { UT_NEW_PFX } from '../layout/headers.ts';
import { MEM_STAT } from '../layout/psi.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../layout/schema.ts';
import { OP } from '../layout/thread.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { assertNotHeld } from '../sync/order.ts';
import type { Thread } from '../sync/thread.ts';
import { calloc, free, malloc, osOwning, realloc } from './malloc.ts';
import type { MemEnv } from './env.ts';
import { memStatRow } from './mem-stat.ts';
import { type Psi, psiMemoryAlloc, psiMemoryFree } from './psi.ts';
import { ENOMEM, ENOMEM_TEXT, OsMemoryError } from './os-memory.ts';
import { KEY_NONE, PSI_MEM_CNT_BIT } from './psi-keys.ts';

const { key: KEY, owner: OWNER, size: SIZE, thd: THD } = UT_NEW_PFX.at;
const { retries: RETRIES, failures: FAILURES } = MEM_STAT.at;

/** `sizeof(ut_new_pfx_t)`. */
export const PFX_BYTES = 32;
export const PFX_WORDS = UT_NEW_PFX.words;
if (PFX_WORDS * WORD_BYTES !== PFX_BYTES) throw new Error('ut_new_pfx_t has 32 bytes');

/** `alloc_max_retries`: attempts in all. Between them it sleeps, so there is one sleep fewer. */
export const ALLOC_MAX_RETRIES = 60;
/** Microseconds between attempts. */
export const ALLOC_RETRY_SLEEP_US = 1_000_000;
const SIZE_MAX = 2n ** 64n - 1n;

/** OUT_OF_MEMORY_MSG. */
export const OUT_OF_MEMORY_MSG =
  'Check if you should increase the swap file or ulimits of your operating system. Note that on most 32-bit ' +
  'computers the process memory space is limited to 2 GB or 4 GB.';

/** `std::bad_alloc`. */
export class BadAlloc extends Error {
  constructor(message = 'std::bad_alloc') {
    super(message);
    this.name = 'BadAlloc';
  }
}

/** Out of memory where the server aborts itself (ib::fatal). The message is the line in the error log. */
export class OutOfMemoryFatal extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OutOfMemoryFatal';
  }
}

export interface UtAllocatorOptions extends MemEnv {
  readonly key?: number;
  readonly oomFatal?: boolean;
  /** `sizeof(T)`; 1 when absent. */
  readonly elemBytes?: number;
}

/** The allocator as one thread has it. All of them draw from the same memory; two of the same T always are equal. */
export class UtAllocator implements MemEnv {
  readonly os: number;
  readonly allOs: readonly number[];
  readonly psi: Psi;
  readonly sleepClock: Clock;
  readonly log: ErrorLog;
  /** Wins over the key that a call names, unless it is 0. */
  readonly key: number;
  readonly elemBytes: number;
  oomFatal: boolean;

  constructor(o: UtAllocatorOptions) {
    this.os = o.os;
    this.allOs = o.allOs;
    this.psi = o.psi;
    this.sleepClock = o.sleepClock;
    this.log = o.log;
    this.key = o.key ?? KEY_NONE;
    this.elemBytes = o.elemBytes ?? 1;
    this.oomFatal = o.oomFatal ?? true;
  }

  /** `set_oom_not_fatal()`: from now on exhaustion is an error line, not the end. Returns the same allocator. */
  setOomNotFatal(): this {
    this.oomFatal = false;
    return this;
  }

  /** The converting constructor: for another element type, with the same key and oom_fatal (8.0.25). */
  rebind(elemBytes: number): UtAllocator {
    const { os, allOs, psi, sleepClock, log, key, oomFatal } = this;
    return new UtAllocator({ os, allOs, psi, sleepClock, log, key, oomFatal, elemBytes });
  }
}

/** `max_size()`: the most elements that one call may ask for. Exact, hence a BigInt; not for hot paths. */
export function utMaxSize(elemBytes: number): bigint {
  return (SIZE_MAX - BigInt(PFX_BYTES)) / BigInt(elemBytes);
}

/** Whether n elements are more than max_size(). */
export function utExceedsMaxSize(alloc: UtAllocator, n: number): boolean {
  return n * alloc.elemBytes > Number.MAX_SAFE_INTEGER && n > utMaxSize(alloc.elemBytes);
}

/** Instrument of a block, without the connection bit. */
export function utKeyOf(mem: Int32Array, p: number): number {
  return mem[p - PFX_WORDS + KEY] & ~PSI_MEM_CNT_BIT;
}

/** Bytes of a block, header included: what every account counts. */
export function utSizeOf(mem: Int32Array, p: number): number {
  return getU53(mem, p - PFX_WORDS + SIZE);
}

/**
 * `allocate(n, hint, key, zero, throw_on_error)`: n elements. May sleep 59 times for a second: hold nothing that others
 * wait for, and never the memory's own mutex.
 * @param key instrument, used when the allocator has none of its own
 * @returns the payload's address; NIL: n is 0, too many, or (throwOnError false, oomFatal false) out of memory
 * @throws BadAlloc too many or out of memory, with throwOnError
 * @throws OutOfMemoryFatal out of memory with oomFatal, whatever throwOnError is
 * @throws RunAborted when the run was given up between two attempts
 */
export function utAllocate(
  thr: Thread,
  alloc: UtAllocator,
  n: number,
  key: number = KEY_NONE,
  zero = false,
  throwOnError = true,
): number {
  if (n === 0) return NIL;
  if (utExceedsMaxSize(alloc, n)) {
    if (throwOnError) throw new BadAlloc();
    return NIL;
  }
  const total = n * alloc.elemBytes + PFX_BYTES;
  const useKey = alloc.key === KEY_NONE ? key : alloc.key;
  let block = zero ? calloc(thr, alloc.os, total, HEAP_TAG.ut) : malloc(thr, alloc.os, total, HEAP_TAG.ut);
  if (block === NIL) {
    block = allocateSlow(thr, alloc, total, memStatRow(thr, alloc.psi.plan.stats, useKey), zero);
    if (block === NIL) {
      outOfMemory(alloc, 'Cannot allocate ', n);
      if (throwOnError) throw new BadAlloc();
      return NIL;
    }
  }
  utTraceAlloc(thr, alloc, block, total, useKey);
  return block + PFX_WORDS;
}

/** Attempts 2 to 60 of an allocation. */
function allocateSlow(thr: Thread, alloc: UtAllocator, total: number, row: number, zero: boolean): number {
  const { mem } = thr;
  const before = mem[thr.op];
  mem[thr.op] = OP.utAllocate;
  let block: number = NIL;
  for (let attempt = 1; block === NIL && attempt < ALLOC_MAX_RETRIES; attempt++) {
    sleepBetween(thr, alloc, row);
    block = zero ? calloc(thr, alloc.os, total, HEAP_TAG.ut) : malloc(thr, alloc.os, total, HEAP_TAG.ut);
  }
  if (block === NIL) mem[row + FAILURES]++;
  mem[thr.op] = before;
  return block;
}

function sleepBetween(thr: Thread, alloc: UtAllocator, row: number): void {
  assertNotHeld(thr, alloc.os + OS_MEMORY.at.mutex, 'OsMemory.mutex');
  thr.mem[row + RETRIES]++;
  alloc.sleepClock.sleepUs(ALLOC_RETRY_SLEEP_US);
  thr.throwIfAborted();
}

/** `ib::fatal_or_error(m_oom_fatal)`: the line in the error log, and the end when it is fatal. */
function outOfMemory(alloc: UtAllocator, what: string, n: number): void {
  const total = BigInt(n) * BigInt(alloc.elemBytes) + BigInt(PFX_BYTES);
  const text =
    `${what}${total} bytes of memory after ${ALLOC_MAX_RETRIES} retries over ${ALLOC_MAX_RETRIES} seconds. ` +
    `OS error: ${ENOMEM_TEXT} (${ENOMEM}). ${OUT_OF_MEMORY_MSG}`;
  alloc.log.write('Error', text);
  if (alloc.oomFatal) throw new OutOfMemoryFatal(text);
}

/** Writes a header (at `pfx`) and counts the block. */
export function utTraceAlloc(thr: Thread, alloc: UtAllocator, pfx: number, total: number, key: number): void {
  const { mem } = thr;
  mem[pfx + KEY] = psiMemoryAlloc(thr, alloc.psi, key, total);
  mem[pfx + OWNER] = thr.psiOwner;
  setU53(mem, pfx + SIZE, total);
  mem[pfx + THD] = NIL;
}

/** Memory of the block; throws before anything is counted when the address is none of ours, or a session's. */
function osOfBlock(mem: Int32Array, alloc: UtAllocator, p: number, what: string): number {
  const os = osOwning(mem, alloc.allOs, p - PFX_WORDS);
  if (os === NIL) throw new OsMemoryError(`${what}(@${p}): the address is outside the memory of all nodes`);
  return os;
}

function throwIfInThd(mem: Int32Array, p: number, what: string): void {
  const thd = mem[p - PFX_WORDS + THD];
  if (thd !== NIL)
    throw new OsMemoryError(`${what}(@${p}): the block is in the list of THD @${thd}; use thdFree`);
}

/**
 * `deallocate(p)`: NIL does nothing. Any thread may free any block that it owns by agreement.
 * @throws OsMemoryError when it is no live block, or a session's; nothing is counted then
 */
export function utDeallocate(thr: Thread, alloc: UtAllocator, p: number): void {
  if (p === NIL) return;
  const { mem } = thr;
  const os = osOfBlock(mem, alloc, p, 'deallocate');
  throwIfInThd(mem, p, 'deallocate');
  const block = p - PFX_WORDS;
  // Read before the block is free: the next owner may overwrite it at once.
  const key = mem[block + KEY];
  const owner = mem[block + OWNER];
  const total = getU53(mem, block + SIZE);
  free(thr, os, block, HEAP_TAG.ut);
  psiMemoryFree(thr, alloc.psi, key, total, owner);
}

/**
 * `reallocate(p, n, key)`: n elements in place of the old ones; contents are kept. NIL: as utAllocate without throwing;
 * n = 0: as utDeallocate. The same 60 attempts.
 * @returns the payload's new address; NIL: n is 0, or refused (too many, out of memory) with `p` still valid
 * @throws OutOfMemoryFatal out of memory with oomFatal
 */
export function utReallocate(
  thr: Thread,
  alloc: UtAllocator,
  p: number,
  n: number,
  key: number = KEY_NONE,
): number {
  const { mem } = thr;
  if (n === 0) {
    utDeallocate(thr, alloc, p);
    return NIL;
  }
  if (p === NIL) return utAllocate(thr, alloc, n, key, false, false);
  if (utExceedsMaxSize(alloc, n)) return NIL;
  const os = osOfBlock(mem, alloc, p, 'reallocate');
  throwIfInThd(mem, p, 'reallocate');
  const total = n * alloc.elemBytes + PFX_BYTES;
  const useKey = alloc.key === KEY_NONE ? key : alloc.key;
  let block = realloc(thr, os, p - PFX_WORDS, total, HEAP_TAG.ut);
  if (block === NIL) {
    block = reallocateSlow(
      thr,
      alloc,
      os,
      p - PFX_WORDS,
      total,
      memStatRow(thr, alloc.psi.plan.stats, useKey),
    );
    if (block === NIL) {
      outOfMemory(alloc, 'Cannot reallocate ', n);
      return NIL;
    }
  }
  // The old header has moved with the block.
  psiMemoryFree(thr, alloc.psi, mem[block + KEY], getU53(mem, block + SIZE), mem[block + OWNER]);
  utTraceAlloc(thr, alloc, block, total, useKey);
  return block + PFX_WORDS;
}

/** Attempts 2 to 60 of a reallocation. */
function reallocateSlow(
  thr: Thread,
  alloc: UtAllocator,
  os: number,
  old: number,
  total: number,
  row: number,
): number {
  const { mem } = thr;
  const before = mem[thr.op];
  mem[thr.op] = OP.utAllocate;
  let block: number = NIL;
  for (let attempt = 1; block === NIL && attempt < ALLOC_MAX_RETRIES; attempt++) {
    sleepBetween(thr, alloc, row);
    block = realloc(thr, os, old, total, HEAP_TAG.ut);
  }
  if (block === NIL) mem[row + FAILURES]++;
  mem[thr.op] = before;
  return block;
}
