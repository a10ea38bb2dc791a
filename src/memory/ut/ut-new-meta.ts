/**
 * What all of the `ut::` library of MySQL 8.0.28 and later stands on (facts A 2): keys that are no numbers, and the core
 * of the header with which a block is counted. There is no second attempt, no sleep and no OUT_OF_MEMORY_MSG here:
 * functions like malloc return NIL, those like new throw BadAlloc.
 *
 * What lies where is the server's (layout/ut-new.ts). The check word in the core's padding is not: a header that was
 * written over is found before anything is done with what it says.
 */
import { NIL } from '../../layout/schema.ts';
import { UT_ALLOC_PFS, UT_PFS_META } from '../../layout/ut-new.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from './corruption.ts';
import type { MemEnv } from '../env.ts';
import { bytesAt, heapFault } from '../heap/heap-faults.ts';
import {
  granuleAddress,
  granuleOf,
  isInArea,
  LIVE,
  OWNER_MASK,
  statesOf,
  TAG_SHIFT,
} from '../heap/heap-state.ts';
import { type Psi, psiMemoryAlloc, psiMemoryFree } from '../psi/psi.ts';
import { KEY_NONE, PSI_MEM_CNT_BIT } from '../psi/psi-keys.ts';
import { utKeyOfFile } from './ut-keys.ts';

const { owner: OWNER, datalen: DATALEN, key: KEY, check: CHECK } = UT_PFS_META.at;
const MAX_INT = 2 ** 31 - 1;

/** `alignof(max_align_t)`. */
export const MAX_ALIGN_BYTES = 16;
/** `PFS_metadata::size`: owner, length, key, and the offset back to them. */
export const PFS_META_BYTES = 24;
/** Added to every block with the Performance Schema. */
export const ALLOC_PFS_BYTES = 32;
if (UT_ALLOC_PFS.words * 4 !== ALLOC_PFS_BYTES) throw new Error('Alloc_pfs adds 32 bytes');

/** `PSI_memory_key_t`: the key of an instrument in a wrapper, so that it cannot be taken for a size. */
export class PsiMemoryKey {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

/** `make_psi_memory_key`: for a constant at the top of a module. */
export function makePsiMemoryKey(key: number): PsiMemoryKey {
  return new PsiMemoryKey(key);
}

/** What the forms without a key pass: such memory is not tracked. */
export const PSI_NOT_INSTRUMENTED = new PsiMemoryKey(KEY_NONE);

/** `UT_NEW_THIS_FILE_PSI_KEY`: the instrument of a source file; none when no name of the list begins with its own. */
export function utThisFileKey(file: string): PsiMemoryKey {
  return new PsiMemoryKey(utKeyOfFile(file, '8.0.25'));
}

/** The library as one thread has it; stateless. `version` tells it from UtLibrary, that of 5.7 and 8.0.25. */
export interface UtNewLibrary extends MemEnv {
  readonly version: '8.0.28';
  /** `WITH_PFS_MEMORY`. */
  readonly pfs: boolean;
}

/** The library of a thread; with the Performance Schema when nothing else is said. */
export function utNewLibrary(env: MemEnv, { pfs = true }: { readonly pfs?: boolean } = {}): UtNewLibrary {
  const { os, allOs, psi, sleepClock, log } = env;
  return { version: '8.0.28', pfs, os, allOs, psi, sleepClock, log };
}

/** `ut::pfs_overhead()`: bytes in front of what malloc and new give. */
export function utPfsOverhead(ut: UtNewLibrary): number {
  return ut.pfs ? ALLOC_PFS_BYTES : 0;
}

/** `ut_a` */
export function ut_a(condition: boolean, text: string): void {
  if (!condition) throw new Error(`Assertion failure: ${text}`);
}

/** Counts `total` bytes and writes the core (UT_PFS_META) at `meta`. */
export function metaWrite(thr: Thread, psi: Psi, meta: number, total: number, key: PsiMemoryKey): void {
  const { mem } = thr;
  mem[meta + KEY] = psiMemoryAlloc(thr, psi, key.value, total);
  mem[meta + OWNER] = thr.psiOwner;
  mem[meta + OWNER + 1] = 0;
  if (total <= MAX_INT) {
    // As setU53, without its division.
    mem[meta + DATALEN] = total;
    mem[meta + DATALEN + 1] = 0;
  } else setU53(mem, meta + DATALEN, total);
  mem[meta + CHECK] = checkWord(mem, meta);
}

function checkWord(mem: Int32Array, meta: number): number {
  return meta ^ mem[meta + OWNER] ^ mem[meta + DATALEN] ^ mem[meta + DATALEN + 1] ^ mem[meta + KEY];
}

/** Whether a core is as metaWrite left it, as far as its check word and key tell. */
export function metaIsWhole(mem: Int32Array, psi: Psi, meta: number): boolean {
  return mem[meta + CHECK] === checkWord(mem, meta) && (mem[meta + KEY] & ~PSI_MEM_CNT_BIT) < psi.nKeys;
}

/** As stored. */
export function metaKey(mem: Int32Array, meta: number): number {
  return mem[meta + KEY];
}

/** As stored. */
export function metaOwner(mem: Int32Array, meta: number): number {
  return mem[meta + OWNER];
}

/** Bytes in all. */
export function metaBytes(mem: Int32Array, meta: number): number {
  return getU53(mem, meta + DATALEN);
}

/** Counts out what the core says. */
export function metaFreed(thr: Thread, psi: Psi, meta: number): void {
  const { mem } = thr;
  psiMemoryFree(thr, psi, mem[meta + KEY], getU53(mem, meta + DATALEN), mem[meta + OWNER]);
}

/** The report for an address that lies in no node's memory. */
export function foreignAddress(thr: Thread, block: number, p: number, call: string): MemoryCorruption {
  const detail = 'the address is outside the memory of all nodes';
  return corruption(thr.mem, NIL, block, { what: 'foreign address', call, at: p, detail, thr });
}

/** The state byte of a word's granule: what starts there; 0: nothing. */
export function stateAt(thr: Thread, os: number, at: number): number {
  const granule = granuleOf(thr.mem, os, at);
  return isInArea(thr.mem, os, granule) ? thr.u8[statesOf(thr.mem, os) + granule] : 0;
}

/**
 * What should be in front of `p` is not there: says what is instead. For reports: the run ends here.
 * @param block where the block of the payload `p` starts if it is one
 * @returns the report: a block that is not live, or another allocator's, or whose header was written over
 */
export function headerDamaged(
  thr: Thread,
  os: number,
  block: number,
  tag: number,
  facts: { readonly p: number; readonly call: string; readonly detail: string },
): MemoryCorruption {
  if ((stateAt(thr, os, block) & OWNER_MASK) !== (LIVE | (tag << TAG_SHIFT))) {
    return heapFault(thr, os, block, tag, facts.call);
  }
  const { p, call, detail } = facts;
  return corruption(thr.mem, os, block, { what: 'overwritten header', call, at: p, detail, thr });
}

/** Start of the block, live or free, that a word lies in, from the states before it; NIL: there is none. For reports. */
export function blockAround(thr: Thread, os: number, at: number): number {
  const { mem, u8 } = thr;
  const states = statesOf(mem, os);
  // Of an odd word the granule is the one that it ends.
  const last = granuleOf(mem, os, at - ((at - granuleAddress(mem, os, 0)) & 1));
  if (!isInArea(mem, os, last)) return NIL;
  for (let g = last; g >= 0; g--) {
    const state = u8[states + g];
    if (state === 0) continue;
    const start = granuleAddress(mem, os, g);
    return start + bytesAt(mem, os, start, state) / 4 > at ? start : NIL;
  }
  return NIL;
}
