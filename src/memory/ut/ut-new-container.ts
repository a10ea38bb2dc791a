/**
 * `ut::allocator<T>` of MySQL 8.0.28 and later (facts A 2.2): what containers of the standard library take their memory
 * from. Too many elements is bad_array_new_length, no memory is bad_alloc; of no elements there is an address, too.
 */
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import { BadAlloc, utMaxSize } from './ut-allocator.ts';
import {
  makePsiMemoryKey,
  type PsiMemoryKey,
  utNewFree,
  type UtNewLibrary,
  utNewMallocWithkey,
  utPfsOverhead,
} from './ut-new.ts';
import { MAX_ALIGN_BYTES } from './ut-new-meta.ts';

/** `mem_key_std`: the instrument of containers that name none. */
export const MEM_KEY_STD = makePsiMemoryKey(MEM_KEY.std);

/** `std::bad_array_new_length`, a kind of bad_alloc. */
export class BadArrayNewLength extends BadAlloc {
  constructor() {
    super('std::bad_array_new_length');
    this.name = 'BadArrayNewLength';
  }
}

/** `ut::allocator<T>` as one thread has it; two of the same T always are equal. */
export class UtContainerAllocator {
  readonly ut: UtNewLibrary;
  /** `sizeof(T)` */
  readonly elemBytes: number;
  readonly key: PsiMemoryKey;

  /**
   * @param elemAlign `alignof(T)`
   * @throws TypeError (a static assertion) when T is over-aligned
   */
  constructor(ut: UtNewLibrary, elemBytes: number, key: PsiMemoryKey = MEM_KEY_STD, elemAlign = 4) {
    if (elemAlign > MAX_ALIGN_BYTES) {
      throw new TypeError(`ut::allocator does not support over-aligned types (${elemAlign} bytes)`);
    }
    this.ut = ut;
    this.elemBytes = elemBytes;
    this.key = key;
  }

  /** `max_size()`: exact, hence a BigInt; not for hot paths. */
  maxSize(): bigint {
    return utMaxSize(this.elemBytes, utPfsOverhead(this.ut));
  }

  /** The converting constructor: for another element type, with the same key. */
  rebind(elemBytes: number): UtContainerAllocator {
    return new UtContainerAllocator(this.ut, elemBytes, this.key);
  }
}

/** `operator==`: two allocators of the same T are equal, whatever their keys. */
export function utContainerEqual(a: UtContainerAllocator, b: UtContainerAllocator): boolean {
  return a.elemBytes === b.elemBytes;
}

/**
 * `allocate(n)`: n elements, not constructed.
 * @throws BadArrayNewLength more than max_size(); BadAlloc out of memory
 */
export function utContainerAllocate(
  thr: Thread,
  alloc: UtContainerAllocator,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  const bytes = n * alloc.elemBytes;
  if (bytes > Number.MAX_SAFE_INTEGER && n > alloc.maxSize()) throw new BadArrayNewLength();
  const p = utNewMallocWithkey(thr, alloc.ut, alloc.key, bytes, site);
  if (p === NIL) throw new BadAlloc();
  return p;
}

/** `deallocate(p, n)`: see utNewFree. */
export function utContainerDeallocate(
  thr: Thread,
  alloc: UtContainerAllocator,
  p: number,
  site: AllocSite = NO_SITE,
): void {
  utNewFree(thr, alloc.ut, p, site);
}
