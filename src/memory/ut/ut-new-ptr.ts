/**
 * Pointers that own what they point to (facts A 2.1): `ut::make_unique`, `ut::make_shared`, for objects and arrays,
 * aligned and not.
 *
 * A unique pointer is one thread's. Of a shared object several threads may hold pointers: how many there are stands in
 * a control block in shared memory (UT_SHARED), and whoever drops the last one destroys the object. As in the server
 * the control block comes from `operator new` and counts for no instrument.
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_SHARED } from '../../layout/ut-new.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from './corruption.ts';
import { free, heapBlockBytes, malloc, osOwning } from '../heap/malloc.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import type { PsiMemoryKey, UtNewLibrary } from './ut-new.ts';
import { foreignAddress } from './ut-new-meta.ts';
import {
  BadAlloc,
  utAlignedDelete,
  utAlignedDeleteArr,
  utAlignedNewArrWithkey,
  utAlignedNewWithkey,
  utDeleteArr,
  utDeleteObject,
  utNewArrWithkey,
  utNewObjectWithkey,
  type UtType,
} from './ut-new-objects.ts';

const { useCount: USE_COUNT, object: OBJECT } = UT_SHARED.at;
const { raw: RAW } = HEAP_TAG;

/** What is owned: constant data, the same in every thread that holds a pointer to it. */
export interface UtOwned {
  readonly type: UtType;
  /** Number of elements, when it is an array (`T[]`). */
  readonly count?: number;
  /** The `_aligned` forms; above 16. */
  readonly alignment?: number;
}

function make(thr: Thread, ut: UtNewLibrary, key: PsiMemoryKey, owned: UtOwned, site: AllocSite): number {
  const { type, count, alignment } = owned;
  if (alignment !== undefined) {
    return count === undefined
      ? utAlignedNewWithkey(thr, ut, key, alignment, type, site)
      : utAlignedNewArrWithkey(thr, ut, key, alignment, type, count, site);
  }
  return count === undefined
    ? utNewObjectWithkey(thr, ut, key, type, site)
    : utNewArrWithkey(thr, ut, key, type, count, site);
}

/** `Deleter`, `Array_deleter`, `Aligned_deleter`, `Aligned_array_deleter`. */
function destroy(thr: Thread, ut: UtNewLibrary, p: number, owned: UtOwned, site: AllocSite): void {
  const { type, count, alignment } = owned;
  if (alignment !== undefined) {
    if (count === undefined) utAlignedDelete(thr, ut, p, type, site);
    else utAlignedDeleteArr(thr, ut, p, type, site);
  } else if (count === undefined) utDeleteObject(thr, ut, p, type, site);
  else utDeleteArr(thr, ut, p, type, site);
}

/** `ut::unique_ptr<T>`, `ut::unique_ptr_aligned<T>`: a thread's own. Nothing ends by itself: call `reset`. */
export class UtUniquePtr {
  readonly ut: UtNewLibrary;
  readonly owned: UtOwned;
  private object: number;

  /** @param object made like `owned`, or NIL */
  constructor(ut: UtNewLibrary, owned: UtOwned, object: number) {
    this.ut = ut;
    this.owned = owned;
    this.object = object;
  }

  /** Address of the object; NIL: none. */
  get(): number {
    return this.object;
  }

  /** Gives the object away: the caller destroys it. */
  release(): number {
    const { object } = this;
    this.object = NIL;
    return object;
  }

  /** Takes `object` (NIL: none), then destroys what it had. @throws MemoryCorruption as the release of its kind */
  reset(thr: Thread, object: number = NIL, site: AllocSite = NO_SITE): void {
    const old = this.object;
    this.object = object;
    if (old !== NIL) destroy(thr, this.ut, old, this.owned, site);
  }
}

/**
 * `ut::make_unique<T>(key, ...)`, `ut::make_unique_aligned<T>(key, alignment, ...)`. With PSI_NOT_INSTRUMENTED it is the
 * form without a key.
 * @throws BadAlloc out of memory; what a constructor throws
 */
export function utMakeUnique(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  owned: UtOwned,
  site: AllocSite = NO_SITE,
): UtUniquePtr {
  return new UtUniquePtr(ut, owned, make(thr, ut, key, owned, site));
}

/** `std::shared_ptr<T>` with the library's deleter, as one thread holds it. Nothing ends by itself: call `reset`. */
export class UtSharedPtr {
  readonly ut: UtNewLibrary;
  readonly owned: UtOwned;
  /** UT_SHARED; NIL: empty. What another thread needs to take it over, for utSharedFrom. */
  control: number;

  constructor(ut: UtNewLibrary, owned: UtOwned, control: number) {
    this.ut = ut;
    this.owned = owned;
    this.control = control;
  }

  /** Address of the object; NIL: empty. */
  get(thr: Thread): number {
    return this.control === NIL ? NIL : thr.mem[this.control + OBJECT];
  }

  /** `use_count()`: a moment's view while other threads hold pointers. */
  useCount(thr: Thread): number {
    return this.control === NIL ? 0 : Atomics.load(thr.mem, this.control + USE_COUNT);
  }

  /** Another pointer to the same object. */
  copy(thr: Thread): UtSharedPtr {
    if (this.control !== NIL) Atomics.add(thr.mem, this.control + USE_COUNT, 1);
    return new UtSharedPtr(this.ut, this.owned, this.control);
  }

  /** Makes it empty without giving up the object: another thread has this pointer now. Returns the control block. */
  handOver(): number {
    const { control } = this;
    this.control = NIL;
    return control;
  }

  /** Gives up the object; the last pointer destroys it. @throws MemoryCorruption as the release of its kind */
  reset(thr: Thread, site: AllocSite = NO_SITE): void {
    const { control } = this;
    this.control = NIL;
    if (control !== NIL) drop(thr, this.ut, control, this.owned, site);
  }
}

function drop(thr: Thread, ut: UtNewLibrary, control: number, owned: UtOwned, site: AllocSite): void {
  const { mem } = thr;
  if (Atomics.sub(mem, control + USE_COUNT, 1) !== 1) return;
  // Nobody else holds it: object and control block are this thread's.
  destroy(thr, ut, mem[control + OBJECT], owned, site);
  free(thr, osOwning(mem, ut.allOs, control), control, RAW);
}

/**
 * `ut::make_shared<T>(key, ...)`, `ut::make_shared_aligned<T>(key, alignment, ...)`. With PSI_NOT_INSTRUMENTED it is the
 * form without a key.
 * @throws BadAlloc out of memory; what a constructor throws
 */
export function utMakeShared(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  owned: UtOwned,
  site: AllocSite = NO_SITE,
): UtSharedPtr {
  const { mem } = thr;
  const object = make(thr, ut, key, owned, site);
  const control = malloc(thr, ut.os, UT_SHARED.words * 4, RAW);
  if (control === NIL) {
    destroy(thr, ut, object, owned, site);
    throw new BadAlloc();
  }
  mem[control + OBJECT] = object;
  Atomics.store(mem, control + USE_COUNT, 1);
  return new UtSharedPtr(ut, owned, control);
}

/**
 * The pointer that another thread has handed over: it was counted already.
 * @param control of a pointer that its thread has handed over
 * @throws MemoryCorruption when there is no such control block
 */
export function utSharedFrom(thr: Thread, ut: UtNewLibrary, control: number, owned: UtOwned): UtSharedPtr {
  const { mem } = thr;
  const call = 'std::shared_ptr';
  const os = osOwning(mem, ut.allOs, control);
  if (os === NIL) throw foreignAddress(thr, control, control, call);
  heapBlockBytes(thr, os, control, RAW, call);
  if (Atomics.load(mem, control + USE_COUNT) < 1) {
    const detail = `${mem[control + USE_COUNT]} holders`;
    throw corruption(mem, os, control, { what: 'no control block', call, at: control, detail, thr });
  }
  return new UtSharedPtr(ut, owned, control);
}
