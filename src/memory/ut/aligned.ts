/**
 * `aligned_memory`, `aligned_pointer` and `aligned_array_pointer` of 8.0.25 (facts A 1.8): one object, or an array, on an
 * alignment of the caller's choice. Here they are an ALIGNED_MEMORY record, mostly part of a structure in shared memory,
 * that remembers what was allocated and where the object in it begins.
 */
import { ALIGNED_MEMORY } from '../../layout/headers.ts';
import { LINE_WORDS, NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { type UtLibrary, utFree, utZallocNokey, type ObjectFn } from './ut-entry.ts';
import type { UtSite } from './ut-keys.ts';

const { memory: MEMORY, object: OBJECT, bytes: BYTES } = ALIGNED_MEMORY.at;

/** `INNOBASE_CACHE_LINE_SIZE`: the alignment when none is given. */
export const CACHE_LINE_BYTES = LINE_WORDS * WORD_BYTES;

/** `ut_a`: an assertion that is checked in every build. */
function ut_a(condition: boolean, text: string): void {
  if (!condition) throw new Error(`Assertion failure: ${text}`);
}

/** A record that holds nothing; before it is shared. */
export function alignedInit(mem: Int32Array, holder: number): void {
  mem.fill(0, holder, holder + ALIGNED_MEMORY.words);
}

/**
 * `allocate(size)`: `bytes` + `alignment` - 1 zeroed bytes; the object begins at the first multiple of the alignment.
 * @param holder ALIGNED_MEMORY; holds nothing yet
 * @param alignment bytes, above 0, and such that addresses on it are whole words: 1, 2, or a multiple of 4
 * @returns the object's address
 * @throws OutOfMemoryFatal as utZallocNokey
 */
export function alignedAllocate(
  thr: Thread,
  ut: UtLibrary,
  holder: number,
  bytes: number,
  alignment: number,
  site: UtSite,
): number {
  const { mem } = thr;
  ut_a(alignment > 0, 'T_Align_to > 0');
  if (alignment > 2 && alignment % WORD_BYTES !== 0) {
    throw new RangeError(`an alignment of ${alignment} bytes is no whole number of words`);
  }
  ut_a(mem[holder + MEMORY] === NIL, 'm_memory == nullptr');
  ut_a(mem[holder + OBJECT] === NIL, 'm_object == nullptr');
  const memory = utZallocNokey(thr, ut, bytes + alignment - 1, site);
  // The C library without the Performance Schema gives no fatal error.
  if (memory === NIL) return NIL;
  const object = (Math.ceil((memory * WORD_BYTES) / alignment) * alignment) / WORD_BYTES;
  mem[holder + MEMORY] = memory;
  mem[holder + OBJECT] = object;
  setU53(mem, holder + BYTES, bytes);
  return object;
}

/** `free_memory()`: something must be held. */
export function alignedFree(thr: Thread, ut: UtLibrary, holder: number, site: UtSite): void {
  const { mem } = thr;
  ut_a(mem[holder + MEMORY] !== NIL, 'm_memory != nullptr');
  utFree(thr, ut, mem[holder + MEMORY], site);
  alignedInit(mem, holder);
}

/** `operator T*`, `operator->`: address of the object; something must be held. */
export function alignedObject(mem: Int32Array, holder: number): number {
  ut_a(mem[holder + OBJECT] !== NIL, 'm_object != nullptr');
  return mem[holder + OBJECT];
}

/** `aligned_pointer::create(args...)`: allocates, then constructs. Returns the object's address. */
export function alignedCreate(
  thr: Thread,
  ut: UtLibrary,
  holder: number,
  bytes: number,
  construct: ObjectFn,
  site: UtSite,
  alignment: number = CACHE_LINE_BYTES,
): number {
  const object = alignedAllocate(thr, ut, holder, bytes, alignment, site);
  if (object !== NIL) construct(object);
  return object;
}

/** `aligned_pointer::destroy()`: destructs, then frees; something must be held. */
export function alignedDestroy(
  thr: Thread,
  ut: UtLibrary,
  holder: number,
  destroy: ObjectFn,
  site: UtSite,
): void {
  destroy(alignedObject(thr.mem, holder));
  alignedFree(thr, ut, holder, site);
}

/** `~aligned_pointer()`: destroys what is held, if anything. */
export function alignedEnd(
  thr: Thread,
  ut: UtLibrary,
  holder: number,
  destroy: ObjectFn,
  site: UtSite,
): void {
  if (thr.mem[holder + OBJECT] !== NIL) alignedDestroy(thr, ut, holder, destroy, site);
}

/**
 * `aligned_array_pointer::create(n)`: n zeroed elements of `elemBytes` bytes, which need neither constructor nor
 * destructor. Freed by alignedFree.
 * @returns address of the first
 */
export function alignedArrayCreate(
  thr: Thread,
  ut: UtLibrary,
  holder: number,
  elemBytes: number,
  n: number,
  site: UtSite,
  alignment: number = CACHE_LINE_BYTES,
): number {
  return alignedAllocate(thr, ut, holder, elemBytes * n, alignment, site);
}

/** `operator[](index)`: address of an element; the index must be below n. */
export function alignedArrayAt(mem: Int32Array, holder: number, elemBytes: number, index: number): number {
  const at = index * elemBytes;
  ut_a(index >= 0 && at < getU53(mem, holder + BYTES), 'index < n');
  return alignedObject(mem, holder) + at / WORD_BYTES;
}
