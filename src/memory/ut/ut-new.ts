/**
 * `ut::malloc`, `ut::zalloc`, `ut::realloc` and `ut::free` of MySQL 8.0.28 and later (facts A 2), and the arrays' malloc
 * beneath `ut::new_arr`. One attempt each; memory that cannot be had is NIL.
 *
 * In front of the payload lie 32 bytes (UT_ALLOC_PFS), without the Performance Schema none, or in front of an array the
 * 16 bytes of its length (UT_ALLOC_ARR).
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_ALLOC_ARR, UT_ALLOC_PFS } from '../../layout/ut-new.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { calloc, free, heapBlockBytes, malloc, osOwning, realloc } from '../heap/malloc.ts';
import { originAlloc, originFree, originRevive } from './origin.ts';
import { psiFailed, psiMemoryFree } from '../psi/psi.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import {
  ALLOC_PFS_BYTES,
  foreignAddress,
  headerDamaged,
  metaBytes,
  metaFreed,
  metaIsWhole,
  metaKey,
  metaOwner,
  metaWrite,
  PSI_NOT_INSTRUMENTED,
  type PsiMemoryKey,
  type UtNewLibrary,
} from './ut-new-meta.ts';

export {
  ALLOC_PFS_BYTES,
  makePsiMemoryKey,
  PSI_NOT_INSTRUMENTED,
  PsiMemoryKey,
  utNewLibrary,
  type UtNewLibrary,
  utPfsOverhead,
  utThisFileKey,
} from './ut-new-meta.ts';

const { utNew: TAG, raw: RAW } = HEAP_TAG;
const PFS_WORDS = UT_ALLOC_PFS.words;
const { metaOffset: META_OFFSET } = UT_ALLOC_PFS.at;
const ARR_WORDS = UT_ALLOC_ARR.words;
const ARR_BYTES = ARR_WORDS * 4;
const { datalen: ARR_DATALEN, check: ARR_CHECK } = UT_ALLOC_ARR.at;
if (ARR_BYTES !== 16) throw new Error('Alloc_arr adds 16 bytes');

/**
 * `ut::malloc_withkey(key, n)`. One attempt.
 * @param bytes 0 gives an address, too
 * @returns the payload's address; NIL: out of memory
 */
export function utNewMallocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  return alloc(thr, ut, key, bytes, false, site);
}

/** `ut::malloc(n)`: not tracked. */
export function utNewMalloc(thr: Thread, ut: UtNewLibrary, bytes: number, site: AllocSite = NO_SITE): number {
  return alloc(thr, ut, PSI_NOT_INSTRUMENTED, bytes, false, site);
}

/** `ut::zalloc_withkey(key, n)`: zeroed. */
export function utNewZallocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  return alloc(thr, ut, key, bytes, true, site);
}

/** `ut::zalloc(n)`: zeroed, not tracked. */
export function utNewZalloc(thr: Thread, ut: UtNewLibrary, bytes: number, site: AllocSite = NO_SITE): number {
  return alloc(thr, ut, PSI_NOT_INSTRUMENTED, bytes, true, site);
}

function alloc(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  zero: boolean,
  site: AllocSite,
): number {
  const { os } = ut;
  if (!ut.pfs) return zero ? calloc(thr, os, bytes, RAW) : malloc(thr, os, bytes, RAW);
  const total = bytes + ALLOC_PFS_BYTES;
  const block = zero ? calloc(thr, os, total, TAG) : malloc(thr, os, total, TAG);
  if (block === NIL) {
    psiFailed(thr, ut.psi, key.value);
    return NIL;
  }
  tellOf(thr, ut, os, block, total, key, site);
  return block + PFS_WORDS;
}

/** Counts a block and writes its header. */
function tellOf(
  thr: Thread,
  ut: UtNewLibrary,
  os: number,
  block: number,
  total: number,
  key: PsiMemoryKey,
  site: AllocSite,
): void {
  metaWrite(thr, ut.psi, block, total, key);
  thr.mem[block + META_OFFSET] = ALLOC_PFS_BYTES;
  originAlloc(thr, os, block, key.value, total, site);
}

/**
 * The beginning of every call that is given a payload of malloc or new; changes nothing.
 * @returns OS_MEMORY that the block lies in
 * @throws MemoryCorruption when it is none of ours or its header is damaged
 */
function ownerOf(thr: Thread, ut: UtNewLibrary, p: number, call: string): number {
  const { mem } = thr;
  const block = ut.pfs ? p - PFS_WORDS : p;
  const os = osOwning(mem, ut.allOs, block);
  if (os === NIL) throw foreignAddress(thr, block, p, call);
  if (ut.pfs && (mem[block + META_OFFSET] !== ALLOC_PFS_BYTES || !metaIsWhole(mem, ut.psi, block))) {
    const detail = `it says ${metaBytes(mem, block)} bytes of key ${metaKey(mem, block)}`;
    throw headerDamaged(thr, os, block, TAG, { p, call, detail });
  }
  return os;
}

/** As ownerOf, and the block is live: for calls that do more than to free it. */
function liveOwnerOf(thr: Thread, ut: UtNewLibrary, p: number, call: string): number {
  const os = ownerOf(thr, ut, p, call);
  heapBlockBytes(thr, os, ut.pfs ? p - PFS_WORDS : p, ut.pfs ? TAG : RAW, call);
  return os;
}

/** Nothing but a look: `p` is a live payload of malloc or new. @throws MemoryCorruption when it is not */
export function utNewCheck(thr: Thread, ut: UtNewLibrary, p: number, call: string): void {
  liveOwnerOf(thr, ut, p, call);
}

/**
 * `ut::free(p)`: NIL does nothing. Any thread may free any block that it owns by agreement.
 * @throws MemoryCorruption when it is no live block of this kind; nothing is counted then
 */
export function utNewFree(thr: Thread, ut: UtNewLibrary, p: number, site: AllocSite = NO_SITE): void {
  if (p === NIL) return;
  const { mem } = thr;
  const os = ownerOf(thr, ut, p, 'ut::free');
  if (!ut.pfs) {
    free(thr, os, p, RAW);
    return;
  }
  const block = p - PFS_WORDS;
  // Read before the block is free: the next owner may overwrite it at once.
  const key = metaKey(mem, block);
  const total = metaBytes(mem, block);
  const owner = metaOwner(mem, block);
  originFree(thr, os, block, site);
  free(thr, os, block, TAG);
  psiMemoryFree(thr, ut.psi, key, total, owner);
}

/**
 * `ut::realloc_withkey(key, p, n)`: NIL allocates, 0 bytes free. The instrument is told that the block is free before
 * anything is tried, as in the server: when there is no memory the block lives on, but is not counted any more, and its
 * release will be counted a second time.
 * @returns the payload's new address; NIL: n is 0, or out of memory with `p` still valid
 * @throws MemoryCorruption as utNewFree
 */
export function utNewReallocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  p: number,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  if (p === NIL) return alloc(thr, ut, key, bytes, false, site);
  if (bytes === 0) {
    utNewFree(thr, ut, p, site);
    return NIL;
  }
  const os = liveOwnerOf(thr, ut, p, 'ut::realloc');
  if (!ut.pfs) return realloc(thr, os, p, bytes, RAW);
  const old = p - PFS_WORDS;
  const total = bytes + ALLOC_PFS_BYTES;
  metaFreed(thr, ut.psi, old);
  const state = originFree(thr, os, old, site);
  const block = realloc(thr, os, old, total, TAG);
  if (block === NIL) {
    originRevive(thr, os, old, state);
    psiFailed(thr, ut.psi, key.value);
    return NIL;
  }
  tellOf(thr, ut, os, block, total, key, site);
  return block + PFS_WORDS;
}

/** `ut::realloc(p, n)`: not tracked from now on. */
export function utNewRealloc(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  return utNewReallocWithkey(thr, ut, PSI_NOT_INSTRUMENTED, p, bytes, site);
}

/**
 * The memory of an array, which knows its length.
 * @returns the first element's address, of no elements too; NIL: out of memory
 */
export function utArrMallocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  if (ut.pfs) return alloc(thr, ut, key, bytes, false, site);
  const { mem } = thr;
  const block = malloc(thr, ut.os, bytes + ARR_BYTES, RAW);
  if (block === NIL) return NIL;
  setU53(mem, block + ARR_DATALEN, bytes);
  mem[block + ARR_CHECK] = arrCheckWord(mem, block);
  return block + ARR_WORDS;
}

function arrCheckWord(mem: Int32Array, block: number): number {
  return ~block ^ mem[block + ARR_DATALEN] ^ mem[block + ARR_DATALEN + 1];
}

/**
 * `datalen(p)`: bytes of a live array's elements.
 * @throws MemoryCorruption when `p` is no live array
 */
export function utArrBytes(thr: Thread, ut: UtNewLibrary, p: number, call: string): number {
  const { mem } = thr;
  if (ut.pfs) {
    liveOwnerOf(thr, ut, p, call);
    return metaBytes(mem, p - PFS_WORDS) - ALLOC_PFS_BYTES;
  }
  const block = p - ARR_WORDS;
  const os = osOwning(mem, ut.allOs, block);
  if (os === NIL) throw foreignAddress(thr, block, p, call);
  heapBlockBytes(thr, os, block, RAW, call);
  if (mem[block + ARR_CHECK] !== arrCheckWord(mem, block)) {
    const detail = `it says ${getU53(mem, block + ARR_DATALEN)} bytes of elements`;
    throw headerDamaged(thr, os, block, RAW, { p, call, detail });
  }
  return getU53(mem, block + ARR_DATALEN);
}

/** Frees an array's memory. The caller has looked at it with utArrBytes. */
export function utArrFree(thr: Thread, ut: UtNewLibrary, p: number, site: AllocSite = NO_SITE): void {
  if (ut.pfs) utNewFree(thr, ut, p, site);
  else free(thr, osOwning(thr.mem, ut.allOs, p - ARR_WORDS), p - ARR_WORDS, RAW);
}
