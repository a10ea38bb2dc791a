/**
 * `ut_allocator` of 5.7 to 8.0.25 (facts A 1): a header in front of each block, an instrument per block, and up to 60
 * attempts a second apart before memory counts as exhausted. It sleeps with no latch of its own held.
 *
 * Sizes are in bytes, addresses in words. A payload address is 16-byte aligned, with the header of 5.7 8-byte aligned.
 */
import type { Clock } from '../../layout/clock.ts';
import type { ErrorLog } from '../../layout/error-log.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { OP } from '../../layout/thread.ts';
import { assertNotHeld } from '../../sync/order.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from './corruption.ts';
import type { MemEnv } from '../env.ts';
import { free, osOwning, realloc } from '../heap/malloc.ts';
import { placedMalloc, placedOs } from '../heap/placed-malloc.ts';
import { originAlloc, originFree, originRevive } from './origin.ts';
import { ENOMEM, ENOMEM_TEXT } from '../os/os-memory.ts';
import { type Psi, psiFailed, psiMemoryFree, psiRetried } from '../psi/psi.ts';
import { KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import {
  PFX_BYTES,
  PFX_KEY,
  PFX_OWNER,
  PFX_WORDS,
  pfxDamaged,
  type PfxForm,
  pfxForm,
  pfxIsWhole,
  pfxSize,
  pfxWrite,
  utKeyOf,
  utSizeOf,
  type UtVersion,
} from './ut-header.ts';

export { PFX_BYTES, PFX_WORDS, utKeyOf, utSizeOf, type UtVersion };

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
  /** `8.0.25` when absent. */
  readonly version?: UtVersion;
  /** Built with the Performance Schema; true when absent. Without it there is no header, and nothing is counted. */
  readonly pfs?: boolean;
}

/** The allocator as one thread has it. All of them draw from the same memory; two of the same T always are equal. */
export class UtAllocator implements MemEnv {
  readonly os: number;
  readonly allOs: readonly number[];
  readonly order: readonly number[];
  readonly psi: Psi;
  readonly sleepClock: Clock;
  readonly log: ErrorLog;
  /** Wins over the key that a call names, unless it is 0. */
  readonly key: number;
  readonly elemBytes: number;
  readonly version: UtVersion;
  readonly pfs: boolean;
  /** The header that it writes. */
  readonly form: PfxForm;
  /** Key of a call that names none: in 5.7 that of containers of the standard library. */
  readonly defaultKey: number;
  oomFatal: boolean;

  constructor(o: UtAllocatorOptions) {
    this.os = o.os;
    this.allOs = o.allOs;
    this.order = o.order ?? [];
    this.psi = o.psi;
    this.sleepClock = o.sleepClock;
    this.log = o.log;
    this.key = o.key ?? KEY_NONE;
    this.elemBytes = o.elemBytes ?? 1;
    this.version = o.version ?? '8.0.25';
    this.pfs = o.pfs ?? true;
    this.form = pfxForm(this.version, this.pfs);
    this.defaultKey = this.version === '5.7' ? MEM_KEY.std : KEY_NONE;
    this.oomFatal = o.oomFatal ?? true;
  }

  /** `set_oom_not_fatal()`: from now on exhaustion is an error line, not the end. Returns the same allocator. */
  setOomNotFatal(): this {
    this.oomFatal = false;
    return this;
  }

  /**
   * The converting constructor: for another element type, with the same oom_fatal and key. 5.7: when the source's key
   * comes out as `std`, set or by default, the copy is not instrumented.
   */
  rebind(elemBytes: number): UtAllocator {
    const { os, allOs, order, psi, sleepClock, log, oomFatal, version, pfs } = this;
    const key = version === '5.7' && this.key === MEM_KEY.std ? KEY_NONE : this.key;
    return new UtAllocator({
      os,
      allOs,
      order,
      psi,
      sleepClock,
      log,
      key,
      oomFatal,
      elemBytes,
      version,
      pfs,
    });
  }
}

/** `operator==`: two allocators of the same T are equal, whatever their keys. */
export function utEqual(a: UtAllocator, b: UtAllocator): boolean {
  return a.elemBytes === b.elemBytes;
}

/**
 * `max_size()`: the most elements that one call may ask for. Exact, hence a BigInt; not for hot paths.
 * @param pfxBytes bytes of the header: 0 without the Performance Schema. (The prototype of 2014 forgot to subtract it.)
 */
export function utMaxSize(elemBytes: number, pfxBytes: number = PFX_BYTES): bigint {
  return (SIZE_MAX - BigInt(pfxBytes)) / BigInt(elemBytes);
}

/** Whether n elements are more than max_size(). */
export function utExceedsMaxSize(alloc: UtAllocator, n: number): boolean {
  return n * alloc.elemBytes > Number.MAX_SAFE_INTEGER && n > utMaxSize(alloc.elemBytes, alloc.form.bytes);
}

/** The key that a block gets: the allocator's own, else that of the call, else that of the version. */
export function utResolveKey(alloc: UtAllocator, key: number): number {
  if (alloc.key !== KEY_NONE) return alloc.key;
  return key === KEY_NONE ? alloc.defaultKey : key;
}

/**
 * `allocate(n, hint, key, zero, throw_on_error)`: n elements. May sleep 59 times for a second: hold nothing that others
 * wait for, and never the memory's own mutex.
 * @param key instrument, used when the allocator has none of its own; 5.7: that of the caller's file, 0: no file known
 * @param site where the caller asks
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
  site: AllocSite = NO_SITE,
): number {
  if (n === 0) return NIL;
  if (utExceedsMaxSize(alloc, n)) {
    if (throwOnError) throw new BadAlloc();
    return NIL;
  }
  const { form } = alloc;
  const total = n * alloc.elemBytes + form.bytes;
  const useKey = utResolveKey(alloc, key);
  let block = placedMalloc(thr, alloc, total, form.tag, zero);
  if (block === NIL) {
    block = allocateSlow(thr, alloc, n, useKey, zero, throwOnError);
    if (block === NIL) return NIL;
  }
  if (alloc.pfs) {
    pfxWrite(thr, alloc.psi, form, block, total, useKey);
    originAlloc(thr, placedOs(thr.mem, alloc, block), block, useKey, total, site);
  }
  return block + form.words;
}

/** Attempts 2 to 60 of an allocation, and what follows when they fail. */
function allocateSlow(
  thr: Thread,
  alloc: UtAllocator,
  n: number,
  key: number,
  zero: boolean,
  throwOnError: boolean,
): number {
  const { mem } = thr;
  const before = mem[thr.op];
  mem[thr.op] = OP.utAllocate;
  const total = n * alloc.elemBytes + alloc.form.bytes;
  const { tag } = alloc.form;
  let block: number = NIL;
  for (let attempt = 1; block === NIL && attempt < ALLOC_MAX_RETRIES; attempt++) {
    sleepBetween(thr, alloc, key);
    block = placedMalloc(thr, alloc, total, tag, zero);
  }
  mem[thr.op] = before;
  if (block !== NIL) return block;
  psiFailed(thr, alloc.psi, key);
  outOfMemory(alloc, 'Cannot allocate ', n);
  if (throwOnError) throw new BadAlloc();
  return NIL;
}

function sleepBetween(thr: Thread, alloc: UtAllocator, key: number): void {
  assertNotHeld(thr, alloc.os + OS_MEMORY.at.mutex, 'OsMemory.mutex');
  psiRetried(thr, alloc.psi, key);
  alloc.sleepClock.sleepUs(ALLOC_RETRY_SLEEP_US);
  thr.throwIfAborted();
}

/** `ib::fatal_or_error(m_oom_fatal)`: the line in the error log, and the end when it is fatal. */
function outOfMemory(alloc: UtAllocator, what: string, n: number): void {
  const total = BigInt(n) * BigInt(alloc.elemBytes) + BigInt(alloc.form.bytes);
  const text =
    `${what}${total} bytes of memory after ${ALLOC_MAX_RETRIES} retries over ${ALLOC_MAX_RETRIES} seconds. ` +
    `OS error: ${ENOMEM_TEXT} (${ENOMEM}). ${OUT_OF_MEMORY_MSG}`;
  alloc.log.write('Error', text);
  if (alloc.oomFatal) throw new OutOfMemoryFatal(text);
}

/**
 * What every call that is given a block begins with; changes nothing.
 * @returns OS_MEMORY that the block at payload `p` lies in
 * @throws MemoryCorruption when it is none of ours, or its header is damaged
 */
export function utCheckBlock(thr: Thread, alloc: UtAllocator, p: number, call: string): number {
  const { mem } = thr;
  const { form } = alloc;
  const block = p - form.words;
  const os = osOwning(mem, alloc.allOs, block);
  if (os === NIL) throw foreignAddress(thr, block, call, p);
  if (!alloc.pfs) return os;
  if (!pfxIsWhole(mem, alloc.psi, form, block)) throw pfxDamaged(thr, os, alloc.psi, form, call, p);
  return os;
}

function foreignAddress(thr: Thread, block: number, call: string, p: number): Error {
  const detail = 'the address is outside the memory of all nodes';
  return corruption(thr.mem, NIL, block, { what: 'foreign address', call, at: p, detail, thr });
}

/**
 * `deallocate(p)`: NIL does nothing. Any thread may free any block that it owns by agreement.
 * @throws MemoryCorruption when it is no live block of this kind of allocator; nothing is counted then
 */
export function utDeallocate(thr: Thread, alloc: UtAllocator, p: number, site: AllocSite = NO_SITE): void {
  if (p === NIL) return;
  const { mem } = thr;
  const { form } = alloc;
  const os = utCheckBlock(thr, alloc, p, 'deallocate');
  const block = p - form.words;
  if (!alloc.pfs) {
    free(thr, os, block, form.tag);
    return;
  }
  // Read before the block is free: the next owner may overwrite it at once.
  const key = mem[block + PFX_KEY];
  const owner = mem[block + PFX_OWNER];
  const total = pfxSize(mem, block);
  // Whoever comes with this address again finds no header here, and asks the heap before anything else.
  mem[block + form.check] = 0;
  originFree(thr, os, block, site);
  free(thr, os, block, form.tag);
  psiMemoryFree(thr, alloc.psi, key, total, owner);
}

/**
 * `reallocate(p, n, key)`: n elements in place of the old ones; contents are kept. NIL: as utAllocate without throwing;
 * n = 0: as utDeallocate. The same 60 attempts.
 * @returns the payload's new address; NIL: n is 0, or refused (too many, out of memory) with `p` still valid
 * @throws OutOfMemoryFatal out of memory with oomFatal
 * @throws MemoryCorruption as utDeallocate
 * @throws Error without the Performance Schema: there is no such function then
 */
export function utReallocate(
  thr: Thread,
  alloc: UtAllocator,
  p: number,
  n: number,
  key: number = KEY_NONE,
  site: AllocSite = NO_SITE,
): number {
  const { mem } = thr;
  if (!alloc.pfs) throw new Error('reallocate exists with the Performance Schema only');
  if (n === 0) {
    utDeallocate(thr, alloc, p, site);
    return NIL;
  }
  if (p === NIL) return utAllocate(thr, alloc, n, key, false, false, site);
  if (utExceedsMaxSize(alloc, n)) return NIL;
  const os = utCheckBlock(thr, alloc, p, 'reallocate');
  const { form } = alloc;
  const total = n * alloc.elemBytes + form.bytes;
  const useKey = utResolveKey(alloc, key);
  let block = reallocOnce(thr, os, p - form.words, total, form.tag, site);
  if (block === NIL) {
    block = reallocateSlow(thr, alloc, os, p - form.words, total, useKey, site);
    if (block === NIL) {
      outOfMemory(alloc, 'Cannot reallocate ', n);
      return NIL;
    }
  }
  // The old header has moved with the block.
  psiMemoryFree(thr, alloc.psi, mem[block + PFX_KEY], pfxSize(mem, block), mem[block + PFX_OWNER]);
  pfxWrite(thr, alloc.psi, form, block, total, useKey);
  originAlloc(thr, os, block, useKey, total, site);
  return block + form.words;
}

/** One attempt. Once the block has moved, what is known of the old one is the next owner's to write. */
function reallocOnce(
  thr: Thread,
  os: number,
  old: number,
  total: number,
  tag: number,
  site: AllocSite,
): number {
  const state = originFree(thr, os, old, site);
  const block = realloc(thr, os, old, total, tag);
  if (block === NIL) originRevive(thr, os, old, state);
  return block;
}

/** Attempts 2 to 60 of a reallocation. */
function reallocateSlow(
  thr: Thread,
  alloc: UtAllocator,
  os: number,
  old: number,
  total: number,
  key: number,
  site: AllocSite,
): number {
  const { mem } = thr;
  const before = mem[thr.op];
  mem[thr.op] = OP.utAllocate;
  let block: number = NIL;
  for (let attempt = 1; block === NIL && attempt < ALLOC_MAX_RETRIES; attempt++) {
    sleepBetween(thr, alloc, key);
    block = reallocOnce(thr, os, old, total, alloc.form.tag, site);
  }
  if (block === NIL) psiFailed(thr, alloc.psi, key);
  mem[thr.op] = before;
  return block;
}
