/** Blocks of a `MEM_ROOT` (facts A 5.3 to 5.6): where they come from, how they grow, how all of them go. */
import { MEM_ROOT, MEM_ROOT_BLOCK, MEM_ROOT_CLEANUP } from '../../layout/mem-root.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { memRootDamage } from './mem-root-check.ts';
import type { MemRootEnv } from './mem-root-env.ts';
import { memRootMove, memRootPeekEnd, memRootPeekStart, memRootReset } from './mem-root-state.ts';
import {
  alignSize,
  EE_CAPACITY_EXCEEDED,
  ME_FATALERROR,
  MY_WME,
  myClaim,
  myError,
  myFree,
  myMalloc,
  mySizeOf,
} from './my-malloc.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const { freeStart: FREE_START, freeEnd: FREE_END, endBytes: END_BYTES, rawStart: RAW_START } = MEM_ROOT.at;
const { currentBlock: CURRENT, blockSize: BLOCK_SIZE, psiKey: PSI_KEY, cleanups: CLEANUPS } = MEM_ROOT.at;
const { maxCapacity: MAX_CAPACITY, allocatedSize: ALLOCATED_SIZE } = MEM_ROOT.at;
const { errorForCapacityExceeded: ERROR_FLAG, errorHandler: ERROR_HANDLER } = MEM_ROOT.at;
const { prev: PREV, end: END } = MEM_ROOT_BLOCK.at;
const { next: NEXT, fn: FN, arg: ARG } = MEM_ROOT_CLEANUP.at;

/** What freed memory is filled with in checked runs, four times over. */
export const TRASH = 0x8f8f8f8f | 0;

/** `AllocSlow(n)`, for memRootAlloc; `bytes` is not rounded yet. */
export function memRootAllocSlow(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  bytes: number,
  site: AllocSite,
): number {
  const { mem } = thr;
  if (!(bytes >= 0)) throw new RangeError(`Alloc(${bytes})`);
  if (getU53(mem, root + RAW_START) !== 0) {
    throw new Error(`Alloc(${bytes}) after RawCommit: the free range starts at no multiple of 8`);
  }
  const length = alignSize(bytes);
  if (length <= memRootPeekEnd(mem, root) - memRootPeekStart(mem, root)) {
    // Too much for the fast path's arithmetic only.
    const start = mem[root + FREE_START];
    mem[root + FREE_START] = start + length / WORD_BYTES;
    return start;
  }
  if (length < getU53(mem, root + BLOCK_SIZE) && !env.singleChunks) {
    // What is left of the current block is never used again.
    if (memRootForceNewBlock(thr, env, root, length, site)) return NIL;
    const start = mem[root + FREE_START];
    mem[root + FREE_START] = start + length / WORD_BYTES;
    return start;
  }
  const block = allocBlock(thr, env, root, length, length, site);
  if (block === NIL) return NIL;
  const current = mem[root + CURRENT];
  if (current === NIL) {
    mem[block + PREV] = NIL;
    makeCurrent(mem, env, root, block);
    mem[root + FREE_START] = mem[root + FREE_END];
  } else {
    // Second to last: the current block goes on serving.
    mem[block + PREV] = mem[current + PREV];
    mem[current + PREV] = block;
  }
  return block + env.headerWords;
}

/**
 * `ForceNewBlock(minimum)`: a block of the planned size becomes current; what is left of the old one is never used again.
 * @param minimum with a capacity limit: what is left of it must be that much. In newer releases the block is that large
 * @returns true on failure: out of memory, or over capacity
 */
export function memRootForceNewBlock(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  minimum: number,
  site: AllocSite = NO_SITE,
): boolean {
  const { mem } = thr;
  const block = allocBlock(thr, env, root, alignSize(getU53(mem, root + BLOCK_SIZE)), minimum, site);
  if (block === NIL) return true;
  mem[block + PREV] = mem[root + CURRENT];
  makeCurrent(mem, env, root, block);
  return false;
}

/** The free range is all of the block. */
function makeCurrent(mem: Int32Array, env: MemRootEnv, root: number, block: number): void {
  const bytes = mySizeOf(mem, block);
  mem[root + CURRENT] = block;
  mem[root + FREE_START] = block + env.headerWords;
  mem[root + FREE_END] = block + Math.floor(bytes / 8) * 2;
  mem[root + END_BYTES] = bytes % 8;
  setU53(mem, root + RAW_START, 0);
}

/** `AllocBlock(wanted, min)`: a block that is in no list yet, with its end in the header; NIL: none. */
function allocBlock(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  wanted: number,
  minimum: number,
  site: AllocSite,
): number {
  const { mem } = thr;
  const asked = env.version === 'newer' ? Math.max(wanted, alignSize(minimum)) : wanted;
  const length = lengthWithin(thr, env, root, asked, minimum);
  if (length < 0) return NIL;
  const total = length + env.headerWords * WORD_BYTES;
  const block = myMalloc(thr, env, mem[root + PSI_KEY], total, MY_WME | ME_FATALERROR, site);
  if (block === NIL) {
    if (mem[root + ERROR_HANDLER] !== 0) env.errorHandler?.(thr);
    return NIL;
  }
  if (env.version !== '8.0.2x') {
    mem[block + MEM_ROOT_BLOCK.at.spare] = 0;
    setU53(mem, block + END, block * WORD_BYTES + total);
  }
  addU53(mem, root + ALLOCATED_SIZE, length);
  if (!env.singleChunks) {
    const planned = getU53(mem, root + BLOCK_SIZE);
    setU53(mem, root + BLOCK_SIZE, Math.min(planned + Math.floor(planned / 2), Number.MAX_SAFE_INTEGER));
  }
  return block;
}

/** What a block may have within the capacity; −1: not even `minimum`. */
function lengthWithin(thr: Thread, env: MemRootEnv, root: number, length: number, minimum: number): number {
  const { mem } = thr;
  const capacity = getU53(mem, root + MAX_CAPACITY);
  if (capacity === 0) return length;
  const left = Math.max(0, capacity - getU53(mem, root + ALLOCATED_SIZE));
  if (length <= left) return length;
  if (mem[root + ERROR_FLAG] !== 0) {
    // The statement ends at its next safe point. Until then it gets what it asks for.
    const text = `Memory capacity exceeded (capacity ${capacity} bytes)`;
    myError(thr, env, EE_CAPACITY_EXCEEDED, text, false, capacity);
    return length;
  }
  return minimum <= left ? left : -1;
}

/**
 * `Clear()`: all memory of the root is freed. The root is empty before the first block goes: it may lie in one of them.
 * Planned size and allocated size start again; capacity and flags stay. In newer releases clean-ups run first.
 * @throws MemoryCorruption a block is damaged; in checked runs before any is freed
 */
export function memRootClear(thr: Thread, env: MemRootEnv, root: number, site: AllocSite = NO_SITE): void {
  const { mem } = thr;
  const first = mem[root + CURRENT];
  if (first === NIL) return;
  if (env.checked) throwIfDamaged(thr, env, root, 'MEM_ROOT::Clear');
  runCleanups(thr, env, root);
  memRootReset(mem, root);
  freeBlocks(thr, env, first, site);
}

/**
 * `ClearForReuse()`: only the current block stays, empty. The planned size stays as it is. With singleChunks as Clear.
 * @throws MemoryCorruption as memRootClear
 */
export function memRootClearForReuse(
  thr: Thread,
  env: MemRootEnv,
  root: number,
  site: AllocSite = NO_SITE,
): void {
  if (env.singleChunks) {
    memRootClear(thr, env, root, site);
    return;
  }
  const { mem } = thr;
  const current = mem[root + CURRENT];
  if (current === NIL) return;
  if (env.checked) throwIfDamaged(thr, env, root, 'MEM_ROOT::ClearForReuse');
  runCleanups(thr, env, root);
  const rest = mem[current + PREV];
  mem[current + PREV] = NIL;
  makeCurrent(mem, env, root, current);
  setU53(mem, root + ALLOCATED_SIZE, memRootPeekEnd(mem, root) - memRootPeekStart(mem, root));
  if (env.checked) trash(thr, env, current);
  freeBlocks(thr, env, rest, site);
}

/** Touches the root no more. */
function freeBlocks(thr: Thread, env: MemRootEnv, first: number, site: AllocSite): void {
  let block = first;
  while (block !== NIL) {
    const prev = thr.mem[block + PREV];
    if (env.checked) trash(thr, env, block);
    myFree(thr, env, block, site);
    block = prev;
  }
}

/** Overwrites a block's payload: who still uses it, sees it. */
function trash(thr: Thread, env: MemRootEnv, block: number): void {
  const { mem } = thr;
  mem.fill(TRASH, block + env.headerWords, block + Math.ceil(mySizeOf(mem, block) / WORD_BYTES));
}

function throwIfDamaged(thr: Thread, env: MemRootEnv, root: number, call: string): void {
  const damage = memRootDamage(thr, env, root, call);
  if (damage !== null) throw damage;
}

/**
 * `Claim(claim)`: my_claim of every block. The donor gives all to nobody (false), hands the root over, and the new owner
 * takes all (true).
 */
export function memRootClaim(thr: Thread, env: MemRootEnv, root: number, claim: boolean): void {
  const { mem } = thr;
  if (env.checked) throwIfDamaged(thr, env, root, 'MEM_ROOT::Claim');
  for (let block = mem[root + CURRENT]; block !== NIL; block = mem[block + PREV]) {
    myClaim(thr, env, block, claim);
  }
}

/**
 * `Contains(p)`: whether an address lies in a block of the root; its header counts.
 * @throws Error in older 8.0.2x, whose blocks do not know their end
 */
export function memRootContains(mem: Int32Array, env: MemRootEnv, root: number, p: number): boolean {
  if (env.version === '8.0.2x') throw new Error('MEM_ROOT::Contains: not in this version');
  for (let block = mem[root + CURRENT]; block !== NIL; block = mem[block + PREV]) {
    if (p >= block && p * WORD_BYTES < getU53(mem, block + END)) return true;
  }
  return false;
}

/** `operator=(MEM_ROOT &&)`: the target is cleared, then takes everything; see memRootMove. */
export function memRootMoveAssign(thr: Thread, env: MemRootEnv, target: number, source: number): void {
  memRootClear(thr, env, target);
  memRootMove(thr.mem, target, source);
}

/** Clean-ups of the root, the youngest first; each is out of the list before it is called. */
function runCleanups(thr: Thread, env: MemRootEnv, root: number): void {
  const { mem } = thr;
  while (mem[root + CLEANUPS] !== NIL) {
    const entry = mem[root + CLEANUPS];
    mem[root + CLEANUPS] = mem[entry + NEXT];
    env.cleanups[mem[entry + FN]](thr, mem[entry + ARG]);
  }
}
