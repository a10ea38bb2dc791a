/**
 * Users of `MEM_ROOT` (facts A 5.6): arrays, strings, several parts in one allocation, the list of clean-ups. Sources are
 * bytes, of the arena or not. All return NIL when memory is out.
 */
import { MEM_ROOT, MEM_ROOT_CLEANUP } from '../../layout/mem-root.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { MemRootEnv } from './mem-root-env.ts';
import { memRootAlloc } from './mem-root.ts';
import { cString, cutParts, putString, sumAligned } from './my-strings.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';
import type { ElementFn } from '../ut/ut-array.ts';

const { cleanups: CLEANUPS } = MEM_ROOT.at;
const { next: NEXT, fn: FN, arg: ARG, spare: SPARE } = MEM_ROOT_CLEANUP.at;

/** Alignment of everything that a root gives, in bytes: the most that a type may want. */
export const MEM_ROOT_ALIGN = 8;
/** `size_t` holds less than this. */
const SIZE_LIMIT = 2 ** 64;

/**
 * `ArrayAlloc<T>(n, args...)`: n elements, each constructed from the same arguments. Nobody destroys them.
 * @param elemBytes `sizeof(T)`
 * @param construct gets index and address of each; null: as when T is a number (contents are undefined)
 * @param align `alignof(T)`, in bytes
 * @returns address of the first element; NIL also when n · sizeof(T) overflows
 */
export function memRootArrayAlloc(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  n: number,
  elemBytes: number,
  construct: ElementFn | null = null,
  align: number = MEM_ROOT_ALIGN,
  site: AllocSite = NO_SITE,
): number {
  if (align > MEM_ROOT_ALIGN) {
    throw new RangeError(`alignment ${align}: MEM_ROOT only gives ${MEM_ROOT_ALIGN}-aligned memory`);
  }
  if (construct !== null && elemBytes % WORD_BYTES !== 0) {
    throw new RangeError(`elements of ${elemBytes} bytes are no whole number of words`);
  }
  const bytes = n * elemBytes;
  if (bytes >= SIZE_LIMIT) return NIL;
  const at = memRootAlloc(thr, env, root, bytes, site);
  if (at === NIL || construct === null) return at;
  const words = elemBytes / WORD_BYTES;
  for (let i = 0; i < n; i++) construct(i, at + i * words);
  return at;
}

/** `strdup_root(root, str)`: in UTF-8, with its NUL. */
export function strdupRoot(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  text: string,
  site: AllocSite = NO_SITE,
): number {
  return dupTerminated(thr, env, root, cString(text), site);
}

/** `safe_strdup_root(root, str)`: null gives NIL. */
export function safeStrdupRoot(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  text: string | null,
  site: AllocSite = NO_SITE,
): number {
  return text === null ? NIL : strdupRoot(thr, env, root, text, site);
}

/** `strmake_root(root, str, len)`: the first `length` bytes whatever they are, and a NUL. */
export function strmakeRoot(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  from: Uint8Array,
  length: number,
  site: AllocSite = NO_SITE,
): number {
  if (length > from.length) throw new RangeError(`${length} of ${from.length} bytes`);
  return dupTerminated(thr, env, root, from.subarray(0, length), site);
}

function dupTerminated(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  bytes: Uint8Array,
  site: AllocSite,
): number {
  const at = memRootAlloc(thr, env, root, bytes.length + 1, site);
  if (at !== NIL) putString(thr, at, bytes);
  return at;
}

/** `memdup_root(root, from, len)`. */
export function memdupRoot(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  from: Uint8Array,
  site: AllocSite = NO_SITE,
): number {
  const at = memRootAlloc(thr, env, root, from.length, site);
  if (at !== NIL) thr.u8.set(from, at * WORD_BYTES);
  return at;
}

/**
 * `multi_alloc_root(root, ptr1, length1, ...)`: one allocation, cut into parts whose lengths are rounded up to 8.
 * @param into gets the parts' addresses; untouched when out of memory
 * @returns the address of the first part
 */
export function multiAllocRoot(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  lengths: readonly number[],
  into: number[],
  site: AllocSite = NO_SITE,
): number {
  const start = memRootAlloc(thr, env, root, sumAligned(lengths), site);
  if (start !== NIL) cutParts(start, lengths, into);
  return start;
}

/**
 * Newest code: what is to be done before the root's memory goes (memRootClear, memRootClearForReuse), the youngest first.
 * @param cleanup its number in MemRootEnv.cleanups of whoever clears the root
 * @param arg an address, or any number of 32 bits
 * @returns false: out of memory, nothing was entered
 * @throws Error in older versions
 */
export function memRootAddCleanup(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  cleanup: number,
  arg: number,
  site: AllocSite = NO_SITE,
): boolean {
  if (env.version !== 'newer') throw new Error(`clean-ups of a MEM_ROOT: not in version ${env.version}`);
  if (env.cleanups[cleanup] === undefined) throw new RangeError(`there is no clean-up ${cleanup}`);
  const entry = memRootAlloc(thr, env, root, MEM_ROOT_CLEANUP.words * WORD_BYTES, site);
  if (entry === NIL) return false;
  const { mem } = thr;
  mem[entry + NEXT] = mem[root + CLEANUPS];
  mem[entry + FN] = cleanup;
  mem[entry + ARG] = arg;
  mem[entry + SPARE] = 0;
  mem[root + CLEANUPS] = entry;
  return true;
}
