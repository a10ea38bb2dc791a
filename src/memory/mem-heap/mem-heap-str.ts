/**
 * Strings in storage heaps (facts A 3.7). As in C they end with a byte of 0. A string comes as JavaScript's, which is
 * written as UTF-8, or as the word address of one in the arena.
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { memHeapAlloc } from './mem-heap.ts';
import type { MemHeapEnv } from './mem-heap-env.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

/** JavaScript's, or the word address of one in the arena. */
export type HeapStr = string | number;

/**
 * `mem_heap_dup`: a copy of n bytes at word address `from`.
 * @returns its address; NIL as memHeapAlloc
 */
export function memHeapDup(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  from: number,
  n: number,
  site: AllocSite = NO_SITE,
): number {
  const at = memHeapAlloc(thr, env, heap, n, site);
  if (at !== NIL) thr.u8.copyWithin(at * WORD_BYTES, from * WORD_BYTES, from * WORD_BYTES + n);
  return at;
}

/** The bytes of a string, without the final 0: a copy, or a view of the arena. */
function bytesOf(thr: Thread, str: HeapStr): Uint8Array {
  if (typeof str === 'string') return new TextEncoder().encode(str);
  const from = str * WORD_BYTES;
  return thr.u8.subarray(from, thr.u8.indexOf(0, from));
}

/** JavaScript's string of the one at word address `at`. */
export function memHeapStr(thr: Thread, at: number): string {
  // A decoder wants memory that nobody else can change.
  return new TextDecoder().decode(bytesOf(thr, at).slice());
}

/** Puts pieces one after another, and a 0, into n bytes of the heap. */
function putAll(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  pieces: readonly Uint8Array[],
  site: AllocSite,
): number {
  let n = 1;
  for (const piece of pieces) n += piece.length;
  const at = memHeapAlloc(thr, env, heap, n, site);
  if (at === NIL) return NIL;
  let to = at * WORD_BYTES;
  for (const piece of pieces) {
    thr.u8.set(piece, to);
    to += piece.length;
  }
  thr.u8[to] = 0;
  return at;
}

/** `mem_heap_strdup`: len + 1 bytes. */
export function memHeapStrdup(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  str: HeapStr,
  site: AllocSite = NO_SITE,
): number {
  return putAll(thr, env, heap, [bytesOf(thr, str)], site);
}

/** `mem_heap_strdupl`: the first `len` bytes, and a 0. */
export function memHeapStrdupl(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  str: HeapStr,
  len: number,
  site: AllocSite = NO_SITE,
): number {
  return putAll(thr, env, heap, [bytesOf(thr, str).subarray(0, len)], site);
}

/** `mem_heap_strcat`: both, one after the other. */
export function memHeapStrcat(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  a: HeapStr,
  b: HeapStr,
  site: AllocSite = NO_SITE,
): number {
  return putAll(thr, env, heap, [bytesOf(thr, a), bytesOf(thr, b)], site);
}

/**
 * `mem_heap_printf`: knows %s, %lu and %% and nothing else. One pass measures, so a format that it does not know
 * allocates nothing; the second writes.
 * @param args a HeapStr for each %s, a number or bigint of 0 to 2^64 − 1 for each %lu
 * @throws Error where MySQL aborts: %ls, %u, %l%, any other letter, a % at the end, an argument that does not fit
 */
export function memHeapPrintf(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  format: string,
  args: readonly (HeapStr | bigint)[],
  site: AllocSite = NO_SITE,
): number {
  const n = printf(thr, format, args, NIL);
  const at = memHeapAlloc(thr, env, heap, n, site);
  if (at !== NIL) printf(thr, format, args, at);
  return at;
}

/** One pass: writes to word address `at` unless it is NIL; returns the bytes, final 0 included. */
function printf(thr: Thread, format: string, args: readonly (HeapStr | bigint)[], at: number): number {
  let [n, arg, i] = [0, 0, 0];
  const put = (piece: Uint8Array): void => {
    if (at !== NIL) thr.u8.set(piece, at * WORD_BYTES + n);
    n += piece.length;
  };
  while (i < format.length) {
    const percent = format.indexOf('%', i);
    const end = percent < 0 ? format.length : percent;
    if (end > i) put(bytesOf(thr, format.slice(i, end)));
    if (percent < 0) break;
    const isLong = format[percent + 1] === 'l';
    const letter = format[percent + (isLong ? 2 : 1)];
    if (letter === 's' && !isLong) put(bytesOf(thr, stringArg(args[arg++], format)));
    else if (letter === 'u' && isLong) put(bytesOf(thr, ulintArg(args[arg++], format)));
    else if (letter === '%' && !isLong) put(bytesOf(thr, '%'));
    else throw new Error(`mem_heap_printf: "${format}": no conversion at ${percent} that it knows`);
    i = percent + (isLong ? 3 : 2);
  }
  put(new Uint8Array(1));
  return n;
}

function stringArg(arg: HeapStr | bigint | undefined, format: string): HeapStr {
  if (typeof arg === 'string' || typeof arg === 'number') return arg;
  throw new Error(`mem_heap_printf: "${format}": %s has no string`);
}

function ulintArg(arg: HeapStr | bigint | undefined, format: string): string {
  if (typeof arg === 'bigint' && BigInt.asUintN(64, arg) === arg) return String(arg);
  if (typeof arg === 'number' && Number.isSafeInteger(arg) && arg >= 0) return String(arg);
  throw new Error(`mem_heap_printf: "${format}": %lu has no number`);
}
