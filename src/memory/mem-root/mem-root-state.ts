/**
 * The state of a `MEM_ROOT` (facts A 5.1): making, limits, the free range, moving.
 *
 * A root is a MEM_ROOT record at an even address, alone or inside another record, even one that lies in the root's own
 * blocks. Only its owner may call any of this.
 */
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { KEY_NONE } from '../psi/psi-keys.ts';

const { freeStart: FREE_START, freeEnd: FREE_END, endBytes: END_BYTES, rawStart: RAW_START } = MEM_ROOT.at;
const { currentBlock: CURRENT, blockSize: BLOCK_SIZE, origBlockSize: ORIG_BLOCK_SIZE } = MEM_ROOT.at;
const { maxCapacity: MAX_CAPACITY, allocatedSize: ALLOCATED_SIZE, psiKey: PSI_KEY } = MEM_ROOT.at;
const { errorForCapacityExceeded: ERROR_FLAG, errorHandler: ERROR_HANDLER, dummy: DUMMY } = MEM_ROOT.at;

/** Block size of a default-constructed root. */
export const MEM_ROOT_BLOCK_BYTES = 512;

/** Makes an empty root: `MEM_ROOT(key, block_size)`. What was there is forgotten. */
export function memRootInit(
  mem: Int32Array,
  root: number,
  key: number = KEY_NONE,
  blockSize: number = MEM_ROOT_BLOCK_BYTES,
): void {
  if (root % 2 !== 0) throw new RangeError(`a MEM_ROOT at @${root}: the address must be even`);
  mem.fill(0, root, root + MEM_ROOT.words);
  mem[root + PSI_KEY] = key;
  mem[root + FREE_START] = root + DUMMY;
  mem[root + FREE_END] = root + DUMMY;
  memRootSetBlockSize(mem, root, blockSize);
}

/** `Peek().first`: byte address at which the free range starts (index of `thr.u8`). */
export function memRootPeekStart(mem: Int32Array, root: number): number {
  const raw = getU53(mem, root + RAW_START);
  return raw === 0 ? mem[root + FREE_START] * WORD_BYTES : raw;
}

/** `Peek().second`: byte address at which it ends. */
export function memRootPeekEnd(mem: Int32Array, root: number): number {
  return mem[root + FREE_END] * WORD_BYTES + mem[root + END_BYTES];
}

/**
 * `RawCommit(n)`: takes exactly so many of the bytes that Peek has shown. memRootAlloc is allowed again when the sum is a
 * multiple of 8, or memRootForceNewBlock was called.
 * @throws RangeError more than there are
 */
export function memRootRawCommit(mem: Int32Array, root: number, bytes: number): void {
  const start = memRootPeekStart(mem, root);
  const left = memRootPeekEnd(mem, root) - start;
  if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > left) {
    throw new RangeError(`RawCommit(${bytes}) with ${left} bytes left`);
  }
  const next = start + bytes;
  const aligned = next % 8 === 0;
  setU53(mem, root + RAW_START, aligned ? 0 : next);
  mem[root + FREE_START] = aligned ? next / WORD_BYTES : mem[root + FREE_END] + 2;
}

/** `set_block_size`: the planned size of the next block, and what Clear goes back to. */
export function memRootSetBlockSize(mem: Int32Array, root: number, bytes: number): void {
  setU53(mem, root + BLOCK_SIZE, bytes);
  setU53(mem, root + ORIG_BLOCK_SIZE, bytes);
}

/** `set_max_capacity`: most bytes of all blocks, headers not counted; 0: no limit. What is there already stays. */
export function memRootSetMaxCapacity(mem: Int32Array, root: number, bytes: number): void {
  setU53(mem, root + MAX_CAPACITY, bytes);
}

/** `set_error_for_capacity_exceeded`: EE_CAPACITY_EXCEEDED is raised instead of NIL returned. */
export function memRootSetErrorForCapacityExceeded(mem: Int32Array, root: number, on: boolean): void {
  mem[root + ERROR_FLAG] = on ? 1 : 0;
}

/** `set_error_handler`: whether the thread's handler (MemRootEnv.errorHandler) is called when memory is out. */
export function memRootSetErrorHandler(mem: Int32Array, root: number, on: boolean): void {
  mem[root + ERROR_HANDLER] = on ? 1 : 0;
}

/** `inited()`: false for a record of zeros, and a root with block size 0. */
export function memRootInited(mem: Int32Array, root: number): boolean {
  return getU53(mem, root + BLOCK_SIZE) !== 0;
}

/** `allocated_size()`: bytes of all blocks, headers not counted. */
export function memRootAllocatedSize(mem: Int32Array, root: number): number {
  return getU53(mem, root + ALLOCATED_SIZE);
}

/** `get_max_capacity()`. */
export function memRootMaxCapacity(mem: Int32Array, root: number): number {
  return getU53(mem, root + MAX_CAPACITY);
}

/** Planned size of the next block. */
export function memRootBlockSize(mem: Int32Array, root: number): number {
  return getU53(mem, root + BLOCK_SIZE);
}

/**
 * `MEM_ROOT(MEM_ROOT &&)`: the target becomes what the source was; the source is empty, with its limits and flags, and
 * block_size what it started with. What was in the target is forgotten: memRootMoveAssign clears it first.
 */
export function memRootMove(mem: Int32Array, target: number, source: number): void {
  const empty = mem[source + CURRENT] === NIL;
  mem.copyWithin(target, source, source + MEM_ROOT.words);
  if (empty) {
    mem[target + FREE_START] = target + DUMMY;
    mem[target + FREE_END] = target + DUMMY;
  }
  memRootReset(mem, source);
}

/** Empty, with limits and flags as they are. The blocks are another's, or about to be freed. */
export function memRootReset(mem: Int32Array, root: number): void {
  mem[root + CURRENT] = NIL;
  mem[root + MEM_ROOT.at.cleanups] = NIL;
  mem[root + FREE_START] = root + DUMMY;
  mem[root + FREE_END] = root + DUMMY;
  mem[root + END_BYTES] = 0;
  setU53(mem, root + RAW_START, 0);
  setU53(mem, root + ALLOCATED_SIZE, 0);
  setU53(mem, root + BLOCK_SIZE, getU53(mem, root + ORIG_BLOCK_SIZE));
}
