/**
 * The entry points of `ut0new` in a server that was built without the Performance Schema (facts A 1.5): the C library's
 * and the language's own. No header, no second attempt, no line in the error log, nothing counted.
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from './corruption.ts';
import type { MemEnv } from '../env.ts';
import { calloc, free, malloc, osOwning, realloc } from '../heap/malloc.ts';
import { constructAll, destroyAll, type ElementFn, elemWords } from './ut-array.ts';

const { raw: RAW } = HEAP_TAG;
/** In front of an array: its length, and padding that keeps the elements on 16 bytes. */
const COOKIE_WORDS = 4;
const COOKIE_BYTES = 16;

/** `malloc` or `calloc`. */
export function plainMalloc(thr: Thread, env: MemEnv, bytes: number, zero: boolean): number {
  return zero ? calloc(thr, env.os, bytes, RAW) : malloc(thr, env.os, bytes, RAW);
}

/** `free`. @throws MemoryCorruption when it is no live block */
export function plainFree(thr: Thread, env: MemEnv, p: number): void {
  if (p !== NIL) free(thr, owner(thr, env, p, 'free'), p, RAW);
}

/** `realloc`: NIL allocates, 0 bytes free. */
export function plainRealloc(thr: Thread, env: MemEnv, p: number, bytes: number): number {
  if (p === NIL) return plainMalloc(thr, env, bytes, false);
  if (bytes === 0) {
    plainFree(thr, env, p);
    return NIL;
  }
  return realloc(thr, owner(thr, env, p, 'realloc'), p, bytes, RAW);
}

function owner(thr: Thread, env: MemEnv, p: number, call: string): number {
  const os = osOwning(thr.mem, env.allOs, p);
  if (os !== NIL) return os;
  const detail = 'the address is outside the memory of all nodes';
  throw corruption(thr.mem, NIL, p, { what: 'foreign address', call, at: p, detail, thr });
}

/** `new (std::nothrow) T`: what was allocated is freed again when the constructor throws. */
export function plainNew(thr: Thread, env: MemEnv, bytes: number, construct: (at: number) => void): number {
  const p = plainMalloc(thr, env, bytes, false);
  if (p === NIL) return NIL;
  const failure = constructAll(p, 1, 0, (_i, at) => construct(at), nothing);
  if (failure === null) return p;
  plainFree(thr, env, p);
  throw failure.error;
}

function nothing(): void {}

/** `new (std::nothrow) T[n]`. */
export function plainNewArray(
  thr: Thread,
  env: MemEnv,
  elemBytes: number,
  n: number,
  construct: ElementFn,
  destroy: ElementFn,
): number {
  const words = elemWords(elemBytes);
  const block = plainMalloc(thr, env, COOKIE_BYTES + n * elemBytes, false);
  if (block === NIL) return NIL;
  setU53(thr.mem, block, n);
  const p = block + COOKIE_WORDS;
  const failure = constructAll(p, n, words, construct, destroy);
  if (failure === null) return p;
  plainFree(thr, env, block);
  throw failure.error;
}

/** `delete[] p`. */
export function plainDeleteArray(
  thr: Thread,
  env: MemEnv,
  elemBytes: number,
  p: number,
  destroy: ElementFn,
): void {
  if (p === NIL) return;
  const block = p - COOKIE_WORDS;
  owner(thr, env, block, 'delete[]');
  destroyAll(p, getU53(thr.mem, block), elemWords(elemBytes), destroy);
  plainFree(thr, env, block);
}
