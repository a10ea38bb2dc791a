/** Users of `my_malloc`: copies, and several blocks in one (my_multi_malloc). Sources are bytes, of the arena or not. */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { alignSize, type MyEnv, myMalloc } from './my-malloc.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

/** Bytes of a string in UTF-8, up to its first NUL: what `strlen` sees. */
export function cString(text: string): Uint8Array {
  const end = text.indexOf('\0');
  return new TextEncoder().encode(end < 0 ? text : text.slice(0, end));
}

/** Writes bytes and, behind them, a NUL. */
export function putString(thr: Thread, at: number, bytes: Uint8Array): void {
  thr.u8.set(bytes, at * WORD_BYTES);
  thr.u8[at * WORD_BYTES + bytes.length] = 0;
}

/** `my_memdup(key, from, length, flags)`. Returns as myMalloc. */
export function myMemdup(
  thr: Thread,
  env: MyEnv,
  key: number,
  from: Uint8Array,
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  const p = myMalloc(thr, env, key, from.length, flags, site);
  if (p !== NIL) thr.u8.set(from, p * WORD_BYTES);
  return p;
}

/** `my_strdup(key, from, flags)`: in UTF-8, with its NUL. Returns as myMalloc. */
export function myStrdup(
  thr: Thread,
  env: MyEnv,
  key: number,
  from: string,
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  return dupTerminated(thr, env, key, cString(from), flags, site);
}

/** `my_strndup(key, from, length, flags)`: the first `length` bytes whatever they are, and a NUL. Returns as myMalloc. */
export function myStrndup(
  thr: Thread,
  env: MyEnv,
  key: number,
  from: Uint8Array,
  length: number,
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  if (length > from.length) throw new RangeError(`${length} of ${from.length} bytes`);
  return dupTerminated(thr, env, key, from.subarray(0, length), flags, site);
}

function dupTerminated(
  thr: Thread,
  env: MyEnv,
  key: number,
  bytes: Uint8Array,
  flags: number,
  site: AllocSite,
): number {
  const p = myMalloc(thr, env, key, bytes.length + 1, flags, site);
  if (p !== NIL) putString(thr, p, bytes);
  return p;
}

/**
 * `my_multi_malloc(key, flags, ptr1, length1, ...)`: one block, cut into parts whose lengths are rounded up to 8.
 * @param into gets the parts' addresses; untouched when out of memory
 * @returns the block, to be freed as a whole: the address of the first part; else as myMalloc
 */
export function myMultiMalloc(
  thr: Thread,
  env: MyEnv,
  key: number,
  lengths: readonly number[],
  into: number[],
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  const start = myMalloc(thr, env, key, sumAligned(lengths), flags, site);
  if (start !== NIL) cutParts(start, lengths, into);
  return start;
}

/** Bytes of parts one behind the other, each rounded up to 8. */
export function sumAligned(lengths: readonly number[]): number {
  let sum = 0;
  for (const bytes of lengths) sum += alignSize(bytes);
  return sum;
}

/** Addresses of the parts of a block that starts at `start`. */
export function cutParts(start: number, lengths: readonly number[], into: number[]): void {
  let at = start;
  for (let i = 0; i < lengths.length; i++) {
    into[i] = at;
    at += alignSize(lengths[i]) / WORD_BYTES;
  }
}
