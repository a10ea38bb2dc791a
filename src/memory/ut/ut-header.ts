/**
 * The header in front of `ut_allocator`'s blocks, `ut_new_pfx_t` (facts A 1.1), of both generations: 24 bytes in 5.7,
 * 32 in 8.0.25. Key, owner and size lie at the same places in both.
 *
 * A word of the padding holds address ^ size, which the servers do not have: a header that was written over is found
 * before anything is done with what it says.
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { UT_NEW_PFX, UT_NEW_PFX_57 } from '../../layout/headers.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from './corruption.ts';
import { heapFault } from '../heap/heap-faults.ts';
import { granuleOf, isInArea, LIVE, OWNER_MASK, statesOf, TAG_SHIFT } from '../heap/heap-state.ts';
import { originOf } from './origin.ts';
import { type Psi, psiMemoryAlloc } from '../psi/psi.ts';
import { PSI_MEM_CNT_BIT } from '../psi/psi-keys.ts';

export const { key: PFX_KEY, owner: PFX_OWNER, size: PFX_SIZE } = UT_NEW_PFX.at;

/** `sizeof(ut_new_pfx_t)` of 8.0.25. */
export const PFX_BYTES = 32;
export const PFX_WORDS = UT_NEW_PFX.words;
if (PFX_WORDS * WORD_BYTES !== PFX_BYTES) throw new Error('ut_new_pfx_t has 32 bytes');
if (UT_NEW_PFX_57.words * WORD_BYTES !== 24) throw new Error('ut_new_pfx_t of 5.7 has 24 bytes');
const OLD = UT_NEW_PFX_57.at;
if (OLD.key !== PFX_KEY || OLD.owner !== PFX_OWNER || OLD.size !== PFX_SIZE) {
  throw new Error('both headers begin alike');
}

const MAX_INT = 2 ** 31 - 1;

/** Which generation of `ut_allocator`. (The prototype of 2014 had 16 bytes: key and size, no owner.) */
export type UtVersion = '5.7' | '8.0.25';

/** A generation's header; without the Performance Schema there is none. */
export interface PfxForm {
  readonly words: number;
  readonly bytes: number;
  /** Offset of the check word. */
  readonly check: number;
  readonly tag: number;
}

const FORMS: Readonly<Record<UtVersion, PfxForm>> = {
  '5.7': { words: UT_NEW_PFX_57.words, bytes: 24, check: OLD.check, tag: HEAP_TAG.ut57 },
  '8.0.25': { words: PFX_WORDS, bytes: PFX_BYTES, check: UT_NEW_PFX.at.check, tag: HEAP_TAG.ut },
};
const NO_PFX: PfxForm = { words: 0, bytes: 0, check: 0, tag: HEAP_TAG.raw };

export function pfxForm(version: UtVersion, pfs: boolean): PfxForm {
  return pfs ? FORMS[version] : NO_PFX;
}

/** Instrument of a block, without the connection bit. `p` is the payload. */
export function utKeyOf(mem: Int32Array, p: number, pfxWords: number = PFX_WORDS): number {
  return mem[p - pfxWords + PFX_KEY] & ~PSI_MEM_CNT_BIT;
}

/** Bytes of a block, header included: what every account counts. */
export function utSizeOf(mem: Int32Array, p: number, pfxWords: number = PFX_WORDS): number {
  return pfxSize(mem, p - pfxWords);
}

/** Bytes that the header at `pfx` says: getU53, without its multiplication where it is not needed. */
export function pfxSize(mem: Int32Array, pfx: number): number {
  return mem[pfx + PFX_SIZE + 1] === 0 ? mem[pfx + PFX_SIZE] >>> 0 : getU53(mem, pfx + PFX_SIZE);
}

/** Counts a block and writes its header at `pfx`. */
export function pfxWrite(
  thr: Thread,
  psi: Psi,
  form: PfxForm,
  pfx: number,
  total: number,
  key: number,
): void {
  const { mem } = thr;
  mem[pfx + PFX_KEY] = psiMemoryAlloc(thr, psi, key, total);
  mem[pfx + PFX_OWNER] = thr.psiOwner;
  if (total <= MAX_INT) {
    // As setU53, without its division.
    mem[pfx + PFX_SIZE] = total;
    mem[pfx + PFX_SIZE + 1] = 0;
  } else setU53(mem, pfx + PFX_SIZE, total);
  mem[pfx + form.check] = checkWord(mem, pfx);
}

function checkWord(mem: Int32Array, pfx: number): number {
  return pfx ^ mem[pfx + PFX_SIZE] ^ mem[pfx + PFX_SIZE + 1];
}

/** Whether a header is as pfxWrite left it, as far as its check word and key tell. */
export function pfxIsWhole(mem: Int32Array, psi: Psi, form: PfxForm, pfx: number): boolean {
  return mem[pfx + form.check] === checkWord(mem, pfx) && (mem[pfx + PFX_KEY] & ~PSI_MEM_CNT_BIT) < psi.nKeys;
}

/**
 * The header of what should be a block is damaged: says what it is instead. For reports: the run ends here.
 * @returns the report: a block that is not live, or another allocator's, or whose header was written over
 */
export function pfxDamaged(
  thr: Thread,
  os: number,
  psi: Psi,
  form: PfxForm,
  call: string,
  p: number,
): MemoryCorruption {
  const { mem, u8 } = thr;
  const block = p - form.words;
  const granule = granuleOf(mem, os, block);
  const state = isInArea(mem, os, granule) ? u8[statesOf(mem, os) + granule] : 0;
  if ((state & OWNER_MASK) !== (LIVE | (form.tag << TAG_SHIFT)))
    return heapFault(thr, os, block, form.tag, call);
  return corruption(mem, os, block, {
    what: 'overwritten header',
    call,
    at: p,
    detail: headerFault(mem, os, psi, form, block),
    thr,
  });
}

function headerFault(mem: Int32Array, os: number, psi: Psi, form: PfxForm, block: number): string {
  const key = mem[block + PFX_KEY] & ~PSI_MEM_CNT_BIT;
  if (key >= psi.nKeys) return `key ${key} does not exist`;
  const size = getU53(mem, block + PFX_SIZE);
  const known = originOf(mem, os, block);
  if (known !== null && known.bytes !== size) {
    return `it says ${size} bytes, the block was allocated with ${known.bytes}`;
  }
  return `it says ${size} bytes, its check word ${mem[block + form.check]} is not ${checkWord(mem, block)}`;
}
