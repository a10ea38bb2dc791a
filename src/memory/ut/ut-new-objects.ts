/**
 * Objects and arrays of the `ut::` library of MySQL 8.0.28 and later (facts A 2): `ut::new_`, `ut::new_arr`, their
 * releases, and the same on an alignment. Without memory they throw BadAlloc; of nothing there is an address, too.
 *
 * When a constructor throws, the elements built so far are destroyed, the last first, the memory is freed, and the error
 * passed on. A release destroys from the first to the last, as the server does and `delete[]` does not.
 */
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import { BadAlloc } from './ut-allocator.ts';
import { constructAll, type ElementFn, elemWords } from './ut-array.ts';
import {
  PSI_NOT_INSTRUMENTED,
  type PsiMemoryKey,
  utArrBytes,
  utArrFree,
  utArrMallocWithkey,
  utNewCheck,
  utNewFree,
  type UtNewLibrary,
  utNewMallocWithkey,
} from './ut-new.ts';
import { utAlignedAllocWithkey, utAlignedBytes, utAlignedFree } from './ut-new-aligned.ts';

export { BadAlloc };

/** A C++ type. Constructor and destructor get the element's index (0 for one object) and address; they may not block. */
export interface UtType {
  /** `sizeof(T)`; a whole number of words, or there is neither constructor nor destructor. */
  readonly bytes: number;
  /** null: trivial */
  readonly construct: ElementFn | null;
  readonly destroy: ElementFn | null;
}

/** A type without constructor and destructor. */
export function utTrivial(bytes: number): UtType {
  return { bytes, construct: null, destroy: null };
}

function nothing(): void {}

/** Constructs `count` elements; null: done, else what a constructor has thrown, with nothing left built. */
function build(p: number, type: UtType, count: number): { readonly error: unknown } | null {
  if (type.construct === null) return null;
  return constructAll(p, count, elemWords(type.bytes), type.construct, type.destroy ?? nothing);
}

/** Destroys what `bytes` bytes hold, the first first. @throws Error when that is no whole number of elements */
function destroyFrom(p: number, type: UtType, bytes: number, call: string): void {
  if (bytes % type.bytes !== 0) {
    throw new Error(`${call}(@${p}): ${bytes} bytes are no whole number of ${type.bytes}-byte elements`);
  }
  if (type.destroy === null) return;
  const words = elemWords(type.bytes);
  for (let i = 0; i < bytes / type.bytes; i++) type.destroy(i, p + i * words);
}

/**
 * `ut::new_withkey<T>(key, args...)`.
 * @throws BadAlloc out of memory; what the constructor throws
 */
export function utNewObjectWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  type: UtType,
  site: AllocSite = NO_SITE,
): number {
  const p = utNewMallocWithkey(thr, ut, key, type.bytes, site);
  if (p === NIL) throw new BadAlloc();
  const failure = build(p, type, 1);
  if (failure === null) return p;
  utNewFree(thr, ut, p, site);
  throw failure.error;
}

/** `ut::new_<T>(args...)`: not tracked. */
export function utNewObject(thr: Thread, ut: UtNewLibrary, type: UtType, site: AllocSite = NO_SITE): number {
  return utNewObjectWithkey(thr, ut, PSI_NOT_INSTRUMENTED, type, site);
}

/**
 * `ut::delete_(p)`: the destructor, then the memory. NIL does nothing.
 * @throws MemoryCorruption when it is no live block of this kind; nothing is destroyed then
 */
export function utDeleteObject(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  utNewCheck(thr, ut, p, 'ut::delete_');
  if (type.destroy !== null) type.destroy(0, p);
  utNewFree(thr, ut, p, site);
}

/**
 * `ut::new_arr_withkey<T>(key, ut::Count{n})`: elements 0 to n − 1, constructed in order.
 * @returns address of the first; of none an address, too
 * @throws BadAlloc out of memory; what a constructor throws
 */
export function utNewArrWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  type: UtType,
  count: number,
  site: AllocSite = NO_SITE,
): number {
  const p = utArrMallocWithkey(thr, ut, key, type.bytes * count, site);
  if (p === NIL) throw new BadAlloc();
  const failure = build(p, type, count);
  if (failure === null) return p;
  utArrFree(thr, ut, p, site);
  throw failure.error;
}

/** `ut::new_arr<T>(ut::Count{n})`: not tracked. */
export function utNewArr(
  thr: Thread,
  ut: UtNewLibrary,
  type: UtType,
  count: number,
  site: AllocSite = NO_SITE,
): number {
  return utNewArrWithkey(thr, ut, PSI_NOT_INSTRUMENTED, type, count, site);
}

/**
 * `ut::delete_arr(p)`: the destructors, then the memory. NIL does nothing.
 * @throws MemoryCorruption when it is no live block of this kind; Error when it was made with another type. Nothing is
 *   destroyed then
 */
export function utDeleteArr(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  destroyFrom(p, type, utArrBytes(thr, ut, p, 'ut::delete_arr'), 'ut::delete_arr');
  utArrFree(thr, ut, p, site);
}

/** `ut::aligned_new_withkey<T>(key, alignment, args...)`: see utNewObjectWithkey and utAlignedAllocWithkey. */
export function utAlignedNewWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  alignment: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): number {
  return utAlignedNewArrWithkey(thr, ut, key, alignment, type, 1, site);
}

/** `ut::aligned_new<T>(alignment, args...)`: not tracked. */
export function utAlignedNew(
  thr: Thread,
  ut: UtNewLibrary,
  alignment: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): number {
  return utAlignedNewArrWithkey(thr, ut, PSI_NOT_INSTRUMENTED, alignment, type, 1, site);
}

/** `ut::aligned_delete(p)`: see utDeleteObject. */
export function utAlignedDelete(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  utAlignedBytes(thr, ut, p, 'ut::aligned_delete');
  if (type.destroy !== null) type.destroy(0, p);
  utAlignedFree(thr, ut, p, site);
}

/** `ut::aligned_new_arr_withkey<T>(key, alignment, ut::Count{n})`: see utNewArrWithkey and utAlignedAllocWithkey. */
export function utAlignedNewArrWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  alignment: number,
  type: UtType,
  count: number,
  site: AllocSite = NO_SITE,
): number {
  const p = utAlignedAllocWithkey(thr, ut, key, type.bytes * count, alignment, site);
  if (p === NIL) throw new BadAlloc();
  const failure = build(p, type, count);
  if (failure === null) return p;
  utAlignedFree(thr, ut, p, site);
  throw failure.error;
}

/** `ut::aligned_new_arr<T>(alignment, ut::Count{n})`: not tracked. */
export function utAlignedNewArr(
  thr: Thread,
  ut: UtNewLibrary,
  alignment: number,
  type: UtType,
  count: number,
  site: AllocSite = NO_SITE,
): number {
  return utAlignedNewArrWithkey(thr, ut, PSI_NOT_INSTRUMENTED, alignment, type, count, site);
}

/** `ut::aligned_delete_arr(p)`: see utDeleteArr. */
export function utAlignedDeleteArr(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  type: UtType,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  destroyFrom(p, type, utAlignedBytes(thr, ut, p, 'ut::aligned_delete_arr'), 'ut::aligned_delete_arr');
  utAlignedFree(thr, ut, p, site);
}
