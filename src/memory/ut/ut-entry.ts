/**
 * The entry points of `ut0new.h` (facts A 1.5), through which the storage engine asks for memory: the macros UT_NEW,
 * ut_malloc and their kin. Each takes the place of the call, as the macros take `__FILE__`; the file decides which
 * instrument a call without a key counts for (ut-keys.ts).
 */
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { MemEnv } from '../env.ts';
import { KEY_NONE } from '../psi/psi-keys.ts';
import {
  UtAllocator,
  utAllocate,
  utCheckBlock,
  utDeallocate,
  utReallocate,
  type UtVersion,
} from './ut-allocator.ts';
import { deleteArray, type ElementFn, newArray } from './ut-array.ts';
import type { UtSite } from './ut-keys.ts';
import {
  plainDeleteArray,
  plainFree,
  plainMalloc,
  plainNew,
  plainNewArray,
  plainRealloc,
} from './ut-plain.ts';

/** What the entry points of a thread stand on: the allocators that the macros make. Stateless. */
export interface UtLibrary {
  readonly version: UtVersion;
  /** Built with the Performance Schema. */
  readonly pfs: boolean;
  /** `ut_allocator<byte>`, out of memory is fatal. */
  readonly bytes: UtAllocator;
  /** The same after set_oom_not_fatal(). */
  readonly lenient: UtAllocator;
}

/** The library of a thread; 8.0.25 with the Performance Schema when nothing else is said. */
export function utLibrary(
  env: MemEnv,
  { version = '8.0.25', pfs = true }: { readonly version?: UtVersion; readonly pfs?: boolean } = {},
): UtLibrary {
  const { os, allOs, psi, sleepClock, log } = env;
  const o = { os, allOs, psi, sleepClock, log, version, pfs };
  return { version, pfs, bytes: new UtAllocator(o), lenient: new UtAllocator(o).setOomNotFatal() };
}

/** Constructor or destructor of an object at word address `at`; it may not block. */
export type ObjectFn = (at: number) => void;

/**
 * `UT_NEW(expr, key)`: space for an object of `bytes` bytes, then its constructor.
 * @returns its address; NIL never with the Performance Schema (out of memory is fatal): the constructor has not run then
 * @throws what the constructor throws; its memory is lost then, as in the server
 */
export function utNew(
  thr: Thread,
  ut: UtLibrary,
  bytes: number,
  key: number,
  construct: ObjectFn,
  site: UtSite,
): number {
  if (!ut.pfs) return plainNew(thr, ut.bytes, bytes, construct);
  // 8.0.25 passes key 0 all the way: such objects are not instrumented.
  const useKey = key === KEY_NONE && ut.version === '5.7' ? site.key : key;
  const p = utAllocate(thr, ut.bytes, bytes, useKey, false, false, site);
  if (p !== NIL) construct(p);
  return p;
}

/** `UT_NEW_NOKEY(expr)`: 5.7 attributes it to the file, 8.0.25 to nothing. */
export function utNewNokey(
  thr: Thread,
  ut: UtLibrary,
  bytes: number,
  construct: ObjectFn,
  site: UtSite,
): number {
  return utNew(thr, ut, bytes, KEY_NONE, construct, site);
}

/** `UT_DELETE(p)`: the destructor, then the memory. NIL does nothing. */
export function utDelete(thr: Thread, ut: UtLibrary, p: number, destroy: ObjectFn, site: UtSite): void {
  if (p === NIL) return;
  if (ut.pfs) utCheckBlock(thr, ut.bytes, p, 'UT_DELETE');
  destroy(p);
  utFree(thr, ut, p, site);
}

/**
 * `UT_NEW_ARRAY(type, n, key)`: n elements of `elemBytes` bytes, constructed in order; see newArray.
 * @returns address of the first; NIL: n is 0 or too many
 */
export function utNewArray(
  thr: Thread,
  ut: UtLibrary,
  elemBytes: number,
  n: number,
  key: number,
  construct: ElementFn,
  destroy: ElementFn,
  site: UtSite,
): number {
  if (!ut.pfs) return plainNewArray(thr, ut.bytes, elemBytes, n, construct, destroy);
  const alloc = ut.bytes.rebind(elemBytes);
  return newArray(thr, alloc, n, key === KEY_NONE ? site.key : key, construct, destroy, site);
}

/** `UT_NEW_ARRAY_NOKEY(type, n)`: attributed to the file. */
export function utNewArrayNokey(
  thr: Thread,
  ut: UtLibrary,
  elemBytes: number,
  n: number,
  construct: ElementFn,
  destroy: ElementFn,
  site: UtSite,
): number {
  return utNewArray(thr, ut, elemBytes, n, KEY_NONE, construct, destroy, site);
}

/** `UT_DELETE_ARRAY(p)`: destructors from the last element to the first, then the memory. NIL does nothing. */
export function utDeleteArray(
  thr: Thread,
  ut: UtLibrary,
  elemBytes: number,
  p: number,
  destroy: ElementFn,
  site: UtSite,
): void {
  if (ut.pfs) deleteArray(thr, ut.bytes.rebind(elemBytes), p, destroy, site);
  else plainDeleteArray(thr, ut.bytes, elemBytes, p, destroy);
}

function mallocBytes(
  thr: Thread,
  ut: UtLibrary,
  alloc: UtAllocator,
  bytes: number,
  key: number,
  zero: boolean,
  site: UtSite,
): number {
  if (!ut.pfs) return plainMalloc(thr, alloc, bytes, zero);
  return utAllocate(thr, alloc, bytes, key === KEY_NONE ? site.key : key, zero, false, site);
}

/**
 * `ut_malloc(n, key)`: bytes; key 0: attributed to the file.
 * @returns NIL: n is 0 or too many. (Without the Performance Schema: out of memory.)
 * @throws OutOfMemoryFatal after 60 attempts
 */
export function utMalloc(thr: Thread, ut: UtLibrary, bytes: number, key: number, site: UtSite): number {
  return mallocBytes(thr, ut, ut.bytes, bytes, key, false, site);
}

/** `ut_zalloc(n, key)`: zeroed bytes. */
export function utZalloc(thr: Thread, ut: UtLibrary, bytes: number, key: number, site: UtSite): number {
  return mallocBytes(thr, ut, ut.bytes, bytes, key, true, site);
}

/** `ut_malloc_nokey(n)`: attributed to the file. */
export function utMallocNokey(thr: Thread, ut: UtLibrary, bytes: number, site: UtSite): number {
  return mallocBytes(thr, ut, ut.bytes, bytes, KEY_NONE, false, site);
}

/** `ut_zalloc_nokey(n)`: zeroed, attributed to the file. */
export function utZallocNokey(thr: Thread, ut: UtLibrary, bytes: number, site: UtSite): number {
  return mallocBytes(thr, ut, ut.bytes, bytes, KEY_NONE, true, site);
}

/** `ut_zalloc_nokey_nofatal(n)`: as utZallocNokey, but NIL when out of memory. */
export function utZallocNokeyNofatal(thr: Thread, ut: UtLibrary, bytes: number, site: UtSite): number {
  return mallocBytes(thr, ut, ut.lenient, bytes, KEY_NONE, true, site);
}

/** `ut_realloc(p, n)`: see utReallocate; counts for the file from now on, whatever key it had. */
export function utRealloc(thr: Thread, ut: UtLibrary, p: number, bytes: number, site: UtSite): number {
  if (!ut.pfs) return plainRealloc(thr, ut.bytes, p, bytes);
  return utReallocate(thr, ut.bytes, p, bytes, site.key, site);
}

/** `ut_free(p)`: NIL does nothing. */
export function utFree(thr: Thread, ut: UtLibrary, p: number, site: UtSite): void {
  if (ut.pfs) utDeallocate(thr, ut.bytes, p, site);
  else plainFree(thr, ut.bytes, p);
}
