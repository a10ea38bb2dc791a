/**
 * Damage to storage heaps: magic numbers, guards around buffers, and the whole heap's bookkeeping (facts A 3.6, 3.8).
 * What is found is thrown with all that is known, before anything is changed.
 */
import { MEM_BLOCK_25, MEM_BLOCK_25_DEBUG } from '../../layout/mem-heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from '../ut/corruption.ts';
import { osOwning } from '../heap/malloc.ts';
import {
  GUARD,
  MEM_HEAP,
  type MemHeapEnv,
  MEM_NO_MANS_LAND,
  NO_MANS_LAND_AFTER,
  NO_MANS_LAND_BEFORE,
} from './mem-heap-env.ts';
import { fieldFault, fieldInit, fieldIsErased } from './mem-heap-field.ts';

const { magic: MAGIC, free: FREE, len: LEN, start: START, totalSize: TOTAL } = MEM_BLOCK_25.at;
const { prev: PREV, next: NEXT, count: COUNT, first: FIRST, last: LAST, type: TYPE } = MEM_BLOCK_25.at;
const { line: LINE, file: FILE } = MEM_BLOCK_25_DEBUG.at;
const MAGIC_BYTES = 8;

/** Whether a live block lies there. */
function isLive(mem: Int32Array, env: MemHeapEnv, block: number): boolean {
  return mem[block + MAGIC] === env.liveLow && mem[block + MAGIC + 1] === env.liveHigh;
}

/**
 * `mem_block_validate`: the magic number.
 * @param heap that the block should belong to
 * @throws MemoryCorruption
 */
export function memBlockCheck(thr: Thread, env: MemHeapEnv, block: number, call: string, heap: number): void {
  if (isLive(thr.mem, env, block)) return;
  const fault = magicFault(thr, env, block);
  throw memHeapCorruption(thr, env, block, { ...fault, call, at: heap });
}

const hex64 = (low: number, high: number): string =>
  `0x${(high >>> 0).toString(16).padStart(8, '0')}${(low >>> 0).toString(16).padStart(8, '0')}`.toUpperCase();

/** What stands where a magic number should, in words. */
function magicFault(thr: Thread, env: MemHeapEnv, block: number): { what: string; detail: string } {
  const { mem } = thr;
  if (block === NIL || mem[block + MAGIC + 1] === undefined || block % 2 !== 0) {
    return { what: 'foreign address', detail: `no block of a heap can be at @${block}` };
  }
  const low = mem[block + MAGIC];
  const high = mem[block + MAGIC + 1];
  const freed =
    (low === env.freedLow && high === env.freedHigh) ||
    (env.guard === GUARD.field && fieldIsErased(thr, block * WORD_BYTES, MAGIC_BYTES));
  const numbers = `expected ${hex64(env.liveLow, env.liveHigh)}, found ${hex64(low, high)}`;
  return {
    what: freed ? 'double free' : 'overwritten magic',
    detail: `magic number: ${numbers}; ${describeBlock(thr, env, block)}`,
  };
}

/** Size and creator, as far as the header says. */
function describeBlock(thr: Thread, env: MemHeapEnv, block: number): string {
  const size = `block of ${thr.f64[(block + LEN) >>> 1]} bytes`;
  return env.fileBytes === 0 ? size : `${size}, made at ${memBlockCreator(thr, env, block)}`;
}

/** File (its end) and line that made the block's heap; empty when headers do not say. */
export function memBlockCreator(thr: Thread, env: MemHeapEnv, block: number): string {
  if (env.fileBytes === 0) return '';
  const bytes = thr.u8.slice((block + FILE) * WORD_BYTES, (block + FILE) * WORD_BYTES + env.fileBytes);
  const end = bytes.indexOf(0);
  const file = new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
  return `${file}:${thr.mem[block + LINE]}`;
}

/** The report on a block of a heap. `at`: what the caller gave. */
export function memHeapCorruption(
  thr: Thread,
  env: MemHeapEnv,
  block: number,
  facts: { readonly what: string; readonly call: string; readonly at: number; readonly detail?: string },
): MemoryCorruption {
  const os = osOwning(thr.mem, env.allOs, block);
  const first = os === NIL ? block : block - env.blocks.prefixWords;
  return corruption(thr.mem, os, first, { ...facts, thr });
}

/** Puts the guards of a new buffer of n bytes into its slot, which begins at byte `free` of the block. */
export function memGuardWrite(
  thr: Thread,
  env: MemHeapEnv,
  block: number,
  free: number,
  slot: number,
  n: number,
): void {
  const at = block * WORD_BYTES + free;
  if (env.guard === GUARD.noMansLand) {
    thr.u8.fill(NO_MANS_LAND_BEFORE, at, at + MEM_NO_MANS_LAND);
    thr.u8.fill(NO_MANS_LAND_AFTER, at + slot - MEM_NO_MANS_LAND, at + slot);
  } else if (env.guard === GUARD.field) {
    fieldInit(thr, at, n);
  }
}

/**
 * Looks at the guards of what is about to be freed: bytes `from` to `to` of a block, whole slots. No man's lands: the one
 * that begins the first slot, the one that ends the last, and the one in front of the first. Check words: all.
 * @throws MemoryCorruption
 */
export function memGuardCheck(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  block: number,
  from: number,
  to: number,
  call: string,
): void {
  if (env.guard === GUARD.none || from === to) return;
  const fault = guardFault(thr, env, block, from, to);
  if (fault === '') return;
  throw memHeapCorruption(thr, env, block, {
    what: 'overwritten guard',
    call,
    at: heap,
    detail: `${fault}; ${describeBlock(thr, env, block)}`,
  });
}

function guardFault(thr: Thread, env: MemHeapEnv, block: number, from: number, to: number): string {
  const base = block * WORD_BYTES;
  if (env.guard === GUARD.field) return fieldFault(thr, base + from, base + to);
  const before = bandFault(thr, base, from, NO_MANS_LAND_BEFORE);
  if (before !== '') return before;
  const after = bandFault(thr, base, to - MEM_NO_MANS_LAND, NO_MANS_LAND_AFTER);
  if (after !== '' || from === thr.f64[(block + START) >>> 1]) return after;
  return bandFault(thr, base, from - MEM_NO_MANS_LAND, NO_MANS_LAND_AFTER);
}

function bandFault(thr: Thread, base: number, at: number, filler: number): string {
  for (let i = at; i < at + MEM_NO_MANS_LAND; i++) {
    const found = thr.u8[base + i];
    if (found === filler) continue;
    return `byte ${i} of the block should be 0x${filler.toString(16)}, is 0x${found.toString(16)}`;
  }
  return '';
}

/**
 * Looks at a block that is about to be freed: its magic, and the guards of all that was allocated in it.
 * @throws MemoryCorruption
 */
export function memBlockCheckFree(
  thr: Thread,
  env: MemHeapEnv,
  heap: number,
  block: number,
  call: string,
): void {
  memBlockCheck(thr, env, block, call, heap);
  const { f64 } = thr;
  memGuardCheck(thr, env, heap, block, f64[(block + START) >>> 1], f64[(block + FREE) >>> 1], call);
}

/**
 * Looks at all blocks before the heap is freed: magic numbers and, in checked runs, guards.
 * @throws MemoryCorruption
 */
export function memHeapCheckAll(thr: Thread, env: MemHeapEnv, heap: number, call: string): void {
  const { mem } = thr;
  memBlockCheck(thr, env, heap, call, heap);
  let block = mem[heap + LAST];
  for (let left = mem[heap + COUNT]; left > 0; left--) {
    memBlockCheckFree(thr, env, heap, block, call);
    if (block === heap) return;
    block = mem[block + PREV];
  }
  throw memHeapCorruption(thr, env, heap, {
    what: 'overwritten header',
    call,
    at: heap,
    detail: `${mem[heap + COUNT]} blocks do not lead back to the first`,
  });
}

/**
 * `mem_heap_validate`, and the rest of what must hold: magic numbers, types, lengths, links, offsets, guards, sums.
 * @returns one sentence per violation, empty when all is well; it ends with the first block that is none
 */
export function memHeapValidate(thr: Thread, env: MemHeapEnv, heap: number): string[] {
  const { mem, f64 } = thr;
  const found: string[] = [];
  let [bytes, blocks, prev, block] = [0, 0, NIL, heap];
  while (block !== NIL) {
    if (!isLive(mem, env, block)) {
      const { what, detail } = magicFault(thr, env, block);
      return [...found, `block @${block}: ${what}: ${detail}`];
    }
    found.push(...blockFaults(thr, env, heap, block).map((f) => `block @${block}: ${f}`));
    if (mem[block + PREV] !== prev) return [...found, `block @${block}: prev is @${mem[block + PREV]}`];
    bytes += f64[(block + LEN) >>> 1];
    blocks++;
    prev = block;
    block = mem[block + NEXT];
  }
  const [count, total] = [mem[heap + COUNT], f64[(heap + TOTAL) >>> 1]];
  if (mem[heap + FIRST] !== heap) found.push(`the first block is @${mem[heap + FIRST]}, not the heap`);
  if (mem[heap + LAST] !== prev) found.push(`the last block is @${prev}, not @${mem[heap + LAST]}`);
  if (count !== blocks) found.push(`${blocks} blocks in the list, which counts ${count}`);
  if (total !== bytes) found.push(`blocks of ${bytes} bytes in all, total_size ${total}`);
  return found;
}

function blockFaults(thr: Thread, env: MemHeapEnv, heap: number, block: number): string[] {
  const { mem, f64 } = thr;
  const found: string[] = [];
  const type = mem[block + TYPE];
  const [start, free, len] = [
    f64[(block + START) >>> 1],
    f64[(block + FREE) >>> 1],
    f64[(block + LEN) >>> 1],
  ];
  const ofPages = type === MEM_HEAP.buffer || type === (MEM_HEAP.buffer | MEM_HEAP.btrSearch);
  if (type !== MEM_HEAP.dynamic && !ofPages) found.push(`type ${type}`);
  if (type !== mem[heap + TYPE]) found.push(`type ${type} in a heap of type ${mem[heap + TYPE]}`);
  if (ofPages && len > env.pageBytes) found.push(`${len} bytes, more than a page`);
  if (start !== env.headerBytes || free < start || free > len) {
    return [...found, `start ${start}, free ${free}, length ${len}`];
  }
  const fault = env.guard === GUARD.none || free === start ? '' : guardFault(thr, env, block, start, free);
  if (fault !== '') found.push(fault);
  return found;
}
