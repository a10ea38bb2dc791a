/**
 * Arrays of objects from `ut_allocator` (facts A 1.4, new_array and delete_array). The callbacks stand for C++
 * constructors and destructors: they get the element's index and address, and they may not block.
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import { type UtAllocator, utAllocate, utCheckBlock, utDeallocate, utSizeOf } from './ut-allocator.ts';

/** Constructor or destructor of element `i` at word address `at`. */
export type ElementFn = (i: number, at: number) => void;

/** Words of one element; arrays want whole words. @throws RangeError else */
export function elemWords(elemBytes: number): number {
  if (elemBytes % WORD_BYTES !== 0) {
    throw new RangeError(`elements of ${elemBytes} bytes are no whole number of words`);
  }
  return elemBytes / WORD_BYTES;
}

/**
 * `new_array(n)`: allocates without throwing, then constructs elements 0 to n − 1. When the k-th constructor throws,
 * those before it are destroyed in reverse order, the memory is freed, and the error passed on.
 * @returns address of the first element; NIL: n is 0, too many, or out of memory
 */
export function newArray(
  thr: Thread,
  alloc: UtAllocator,
  n: number,
  key: number,
  construct: ElementFn,
  destroy: ElementFn,
  site: AllocSite = NO_SITE,
): number {
  if (!alloc.pfs) throw new Error('new_array exists with the Performance Schema only');
  const words = elemWords(alloc.elemBytes);
  const p = utAllocate(thr, alloc, n, key, false, false, site);
  if (p === NIL) return NIL;
  const failure = constructAll(p, n, words, construct, destroy);
  if (failure !== null) {
    utDeallocate(thr, alloc, p, site);
    throw failure.error;
  }
  return p;
}

/** Constructs n elements from `p` on; when one throws, destroys those before it. */
export function constructAll(
  p: number,
  n: number,
  words: number,
  construct: ElementFn,
  destroy: ElementFn,
): { readonly error: unknown } | null {
  let built = 0;
  try {
    for (; built < n; built++) construct(built, p + built * words);
    return null;
  } catch (error) {
    destroyAll(p, built, words, destroy);
    return { error };
  }
}

/** Destroys n elements from `p` on, the last first. */
export function destroyAll(p: number, n: number, words: number, destroy: ElementFn): void {
  for (let i = n - 1; i >= 0; i--) destroy(i, p + i * words);
}

/**
 * `delete_array(p)`: destroys from the last element to the first, then frees. NIL does nothing.
 * @throws Error when the block is no whole number of elements: it was made with another type. As utDeallocate too.
 */
export function deleteArray(
  thr: Thread,
  alloc: UtAllocator,
  p: number,
  destroy: ElementFn,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  utCheckBlock(thr, alloc, p, 'delete_array');
  const words = elemWords(alloc.elemBytes);
  const bytes = utSizeOf(thr.mem, p, alloc.form.words) - alloc.form.bytes;
  if (bytes % alloc.elemBytes !== 0) {
    throw new Error(
      `delete_array(@${p}): ${bytes} bytes are no whole number of ${alloc.elemBytes}-byte elements`,
    );
  }
  destroyAll(p, bytes / alloc.elemBytes, words, destroy);
  utDeallocate(thr, alloc, p, site);
}
