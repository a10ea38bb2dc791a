/**
 * `my_malloc` (facts A 6.1): malloc of the SQL layer, with a header of 32 bytes in front: instrument, magic number, size,
 * and the thread that it counts for. It never tries twice. A block may change hands: its owner gives it to nobody
 * (myClaim false), and the new owner takes it (myClaim true).
 *
 * The magic number is 1234 while a block lives and 0xDEAD from just before it is freed. What it finds at once, the heap
 * finds for certain: it knows which blocks live, and that they are my_malloc's.
 */
import type { Clock } from '../../layout/clock.ts';
import type { ErrorLog } from '../../layout/error-log.ts';
import { MY_HEADER } from '../../layout/headers.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { TaskPolicy } from '../../numa/placement.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from '../ut/corruption.ts';
import type { MemEnv } from '../env.ts';
import { free, osOwning } from '../heap/malloc.ts';
import { placedMalloc, placedOs } from '../heap/placed-malloc.ts';
import { originAlloc, originFree, originRevive } from '../ut/origin.ts';
import { ENOMEM } from '../os/os-memory.ts';
import type { PlacedEnv } from '../os/placement.ts';
import { type Psi, psiMemoryAlloc, psiMemoryClaim, psiMemoryFree } from '../psi/psi.ts';
import { KEY_NONE, PSI_MEM_CNT_BIT } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const { key: KEY, magic: MAGIC, size: SIZE, owner: OWNER } = MY_HEADER.at;

/** `PSI_HEADER_SIZE`. */
export const MY_HEADER_BYTES = 32;
export const MY_HEADER_WORDS = MY_HEADER.words;
if (MY_HEADER_WORDS * WORD_BYTES !== MY_HEADER_BYTES) throw new Error('my_memory_header has 32 bytes');

/** `PSI_MEMORY_MAGIC`, and what is written over it. */
export const MY_MAGIC = 1234;
export const MY_MAGIC_FREED = 0xdead;

/** Fatal if any error; write message on error; fill with zeros; the statement cannot go on. */
export const MY_FAE = 8;
export const MY_WME = 16;
export const MY_ZEROFILL = 32;
export const ME_FATALERROR = 1024;

/** `ALIGN_SIZE`: up to a multiple of 8. */
export const alignSize = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** Errors of mysys. */
export const EE_OUTOFMEMORY = 5;
export const EE_CAPACITY_EXCEEDED = 34;

/** MY_FAE: the server has ended itself, with status 1. The message is the line in the error log. */
export class MyExit extends Error {
  readonly status = 1;

  constructor(message: string) {
    super(message);
    this.name = 'MyExit';
  }
}

/** `error_handler_hook`: where the layer above hears of errors, to make them those of its statement. */
export interface MyErrorHook {
  /** @param argument the number in the text: bytes needed, or the capacity */
  raise(thr: Thread, error: number, text: string, fatal: boolean, argument: number): void;
}

export interface MyEnvOptions extends MemEnv {
  readonly errorHook?: MyErrorHook;
  /** The thread's; placementTurn asks it. */
  readonly policy?: TaskPolicy;
  /** false: the bytes that the user asked for are reported, as in 2017; else those of the header too. */
  readonly countHeader?: boolean;
}

/** What my_malloc of a thread stands on. One per thread. */
export class MyEnv implements MemEnv, PlacedEnv {
  /** placementTurn moves on to another node. */
  os: number;
  readonly allOs: readonly number[];
  order: readonly number[];
  readonly policy: TaskPolicy | null;
  readonly psi: Psi;
  readonly sleepClock: Clock;
  readonly log: ErrorLog;
  readonly errorHook: MyErrorHook | null;
  /** Bytes of the header that count. */
  readonly counted: number;
  /** `my_errno` of the thread: ENOMEM after a failure. Nobody sets it back. */
  myErrno = 0;

  constructor(o: MyEnvOptions) {
    this.os = o.os;
    this.allOs = o.allOs;
    this.order = o.order ?? [];
    this.policy = o.policy ?? null;
    this.psi = o.psi;
    this.sleepClock = o.sleepClock;
    this.log = o.log;
    this.errorHook = o.errorHook ?? null;
    this.counted = o.countHeader === false ? 0 : MY_HEADER_BYTES;
  }
}

/** Instrument of a block, without the connection bit. */
export function myKeyOf(mem: Int32Array, p: number): number {
  return mem[p - MY_HEADER_WORDS + KEY] & ~PSI_MEM_CNT_BIT;
}

/** Bytes that the user asked for. */
export function mySizeOf(mem: Int32Array, p: number): number {
  return getU53(mem, p - MY_HEADER_WORDS + SIZE);
}

/** Id of the thread that a block counts for; 0: nobody. */
export function myOwnerOf(mem: Int32Array, p: number): number {
  return mem[p - MY_HEADER_WORDS + OWNER];
}

/** `my_error`, for errors that do not go to the error log. */
export function myError(
  thr: Thread,
  env: MyEnv,
  error: number,
  text: string,
  fatal: boolean,
  argument: number,
): void {
  env.errorHook?.raise(thr, error, text, fatal, argument);
}

/**
 * `my_malloc(key, n, flags)`.
 * @param bytes may be 0: the block is its header then, and not NIL
 * @param flags MY_FAE, MY_WME, MY_ZEROFILL, or'ed
 * @returns payload address, 16-byte aligned; NIL: out of memory (my_errno is set; with MY_WME error 5, fatal to the
 *   statement, is raised and in the error log)
 * @throws MyExit out of memory, with MY_FAE
 */
export function myMalloc(
  thr: Thread,
  env: MyEnv,
  key: number,
  bytes: number,
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  const raw = bytes + MY_HEADER_BYTES;
  const block = placedMalloc(thr, env, raw, HEAP_TAG.my, (flags & MY_ZEROFILL) !== 0);
  if (block === NIL) {
    outOfMemory(thr, env, raw, flags);
    return NIL;
  }
  const { mem } = thr;
  const stored = psiMemoryAlloc(thr, env.psi, key, bytes + env.counted);
  mem[block + KEY] = stored;
  mem[block + OWNER] = thr.psiOwner;
  mem[block + MAGIC] = MY_MAGIC;
  setU53(mem, block + SIZE, bytes);
  originAlloc(thr, placedOs(mem, env, block), block, stored, raw, site);
  return block + MY_HEADER_WORDS;
}

function outOfMemory(thr: Thread, env: MyEnv, raw: number, flags: number): void {
  env.myErrno = ENOMEM;
  if ((flags & (MY_FAE | MY_WME)) === 0) return;
  const text = `Out of memory (Needed ${raw} bytes)`;
  env.log.write('Error', text, 'Server');
  myError(thr, env, EE_OUTOFMEMORY, text, true, raw);
  if ((flags & MY_FAE) !== 0) throw new MyExit(text);
}

/** Memory of a live block; throws when the address is none of my_malloc's. Nothing has been changed then. */
function liveBlockOs(thr: Thread, env: MyEnv, p: number, call: string): number {
  const { mem } = thr;
  const block = p - MY_HEADER_WORDS;
  const os = osOwning(mem, env.allOs, block);
  if (os === NIL) throw corruption(mem, NIL, block, { what: 'foreign address', call, at: p, thr });
  const magic = mem[block + MAGIC];
  if (magic !== MY_MAGIC) throw wrongMagic(thr, os, block, magic, call);
  return os;
}

function wrongMagic(thr: Thread, os: number, block: number, magic: number, call: string): Error {
  const at = block + MY_HEADER_WORDS;
  if (magic === MY_MAGIC_FREED) {
    const what = call === 'my_free' ? 'double free' : 'use after free';
    return corruption(thr.mem, os, block, { what, call, at, detail: 'the magic number is 0xDEAD', thr });
  }
  const detail = `the magic number is ${magic} (0x${(magic >>> 0).toString(16)}), not ${MY_MAGIC}`;
  return corruption(thr.mem, os, block, { what: 'overwritten magic', call, at, detail, thr });
}

/**
 * `my_free(p)`: NIL does nothing. Any thread may free any block that it owns by agreement.
 * @throws MemoryCorruption when it is no live block of my_malloc
 */
export function myFree(thr: Thread, env: MyEnv, p: number, site: AllocSite = NO_SITE): void {
  if (p === NIL) return;
  const { mem } = thr;
  const os = liveBlockOs(thr, env, p, 'my_free');
  const block = p - MY_HEADER_WORDS;
  // Read before the block is free: the next owner may overwrite it at once.
  const key = mem[block + KEY];
  const owner = mem[block + OWNER];
  const bytes = getU53(mem, block + SIZE);
  const origin = originFree(thr, os, block, site);
  mem[block + MAGIC] = MY_MAGIC_FREED;
  try {
    free(thr, os, block, HEAP_TAG.my);
  } catch (e) {
    // It looked like a block of ours, but is none.
    mem[block + MAGIC] = MY_MAGIC;
    originRevive(thr, os, block, origin);
    throw e;
  }
  psiMemoryFree(thr, env.psi, key, bytes + env.counted, owner);
}

/**
 * `my_realloc(key, p, n, flags)`: NIL as my_malloc; the same size keeps the block; else a new block, a copy of what fits,
 * and the old one freed, never in place.
 * @param key that of the block, unless the block is not instrumented
 * @returns payload address; NIL: out of memory as in myMalloc, `p` is still valid
 * @throws MemoryCorruption when it is no live block of my_malloc
 * @throws Error another key
 */
export function myRealloc(
  thr: Thread,
  env: MyEnv,
  key: number,
  p: number,
  bytes: number,
  flags = 0,
  site: AllocSite = NO_SITE,
): number {
  if (p === NIL) return myMalloc(thr, env, key, bytes, flags, site);
  const { mem } = thr;
  liveBlockOs(thr, env, p, 'my_realloc');
  const stored = myKeyOf(mem, p);
  if (stored !== key && stored !== KEY_NONE) {
    throw new Error(`my_realloc(@${p}): key ${key} for a block of key ${stored}`);
  }
  const had = mySizeOf(mem, p);
  if (had === bytes) return p;
  const to = myMalloc(thr, env, key, bytes, flags, site);
  if (to === NIL) return NIL;
  mem.copyWithin(to, p, p + Math.ceil(Math.min(had, bytes) / WORD_BYTES));
  myFree(thr, env, p, site);
  return to;
}

/**
 * `my_claim(p, claim)`: NIL does nothing. false: the owner gives the block to nobody; true: the caller takes what is
 * nobody's. In between the block is handed over, through something that orders the two.
 * @throws MemoryCorruption when it is no live block of my_malloc
 */
export function myClaim(thr: Thread, env: MyEnv, p: number, claim: boolean): void {
  if (p === NIL) return;
  const { mem } = thr;
  liveBlockOs(thr, env, p, 'my_claim');
  const block = p - MY_HEADER_WORDS;
  const bytes = getU53(mem, block + SIZE) + env.counted;
  mem[block + KEY] = psiMemoryClaim(thr, env.psi, mem[block + KEY], bytes, mem[block + OWNER], claim);
  mem[block + OWNER] = thr.psiOwner;
}
