/**
 * `ut::aligned_alloc`, `ut::aligned_zalloc` and `ut::aligned_free` of MySQL 8.0.28 and later (facts A 2.3): malloc of as
 * many bytes more as the alignment has, and the first aligned address behind the block's own. In front of that address
 * are the length asked for and the way back to the block, 4 bytes each.
 *
 * With the Performance Schema the address is that of the core (UT_PFS_META), and the payload is one alignment further;
 * the 4 bytes in front of the payload lead back to the core. In all of them 16 bytes or more are left over at the
 * block's beginning; there stands a mark (UT_ALIGNED_MARK), so that a damaged way back leads nowhere.
 */
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { UT_ALIGNED_MARK, UT_ALIGNED_META } from '../../layout/ut-new.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from './corruption.ts';
import { heapFault } from '../heap/heap-faults.ts';
import { granuleOf, isInArea, LIVE, OWNER_MASK, TAG_SHIFT } from '../heap/heap-state.ts';
import { calloc, free, heapBlockBytes, malloc, osOwning } from '../heap/malloc.ts';
import { originAlloc, originFree } from './origin.ts';
import { psiFailed, psiMemoryFree } from '../psi/psi.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import {
  blockAround,
  foreignAddress,
  headerDamaged,
  MAX_ALIGN_BYTES,
  metaBytes,
  metaIsWhole,
  metaKey,
  metaOwner,
  metaWrite,
  PFS_META_BYTES,
  PSI_NOT_INSTRUMENTED,
  type PsiMemoryKey,
  stateAt,
  ut_a,
  type UtNewLibrary,
} from './ut-new-meta.ts';

const { utNewAligned: TAG } = HEAP_TAG;
const META_WORDS = UT_ALIGNED_META.words;
const { datalen: DATALEN, offset: OFFSET } = UT_ALIGNED_META.at;
const { form: FORM, check: CHECK } = UT_ALIGNED_MARK.at;
/** In the mark: the core is there. */
const WITH_CORE = 1;
const UINT32_MAX = 2 ** 32 - 1;
if (META_WORDS * WORD_BYTES !== 8 || UT_ALIGNED_MARK.words * WORD_BYTES !== 8) {
  throw new Error('mark and way back share 16 bytes');
}

/** Bytes between a block (byte address) and the first multiple of the alignment behind it: 16 to the alignment. */
export function alignedOffset(block: number, alignment: number): number {
  return alignment - (block % alignment);
}

/** Bytes of core and padding between the inner aligned address and the payload. */
export function alignedMetaBytes(alignment: number): number {
  return Math.ceil(PFS_META_BYTES / alignment) * alignment;
}

/**
 * `ut::aligned_alloc_withkey(key, n, alignment)`. One attempt.
 * @param alignment bytes: a power of two above 16
 * @returns the payload's address, of 0 bytes too; NIL: out of memory
 * @throws Error (an assertion) for another alignment, or 4 GiB and more
 */
export function utAlignedAllocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  alignment: number,
  site: AllocSite = NO_SITE,
): number {
  return alignedAlloc(thr, ut, key, bytes, alignment, false, site);
}

/** `ut::aligned_alloc(n, alignment)`: not tracked. */
export function utAlignedAlloc(
  thr: Thread,
  ut: UtNewLibrary,
  bytes: number,
  alignment: number,
  site: AllocSite = NO_SITE,
): number {
  return alignedAlloc(thr, ut, PSI_NOT_INSTRUMENTED, bytes, alignment, false, site);
}

/** `ut::aligned_zalloc_withkey(key, n, alignment)`: zeroed. */
export function utAlignedZallocWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  alignment: number,
  site: AllocSite = NO_SITE,
): number {
  return alignedAlloc(thr, ut, key, bytes, alignment, true, site);
}

/** `ut::aligned_zalloc(n, alignment)`: zeroed, not tracked. */
export function utAlignedZalloc(
  thr: Thread,
  ut: UtNewLibrary,
  bytes: number,
  alignment: number,
  site: AllocSite = NO_SITE,
): number {
  return alignedAlloc(thr, ut, PSI_NOT_INSTRUMENTED, bytes, alignment, true, site);
}

function alignedAlloc(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  alignment: number,
  zero: boolean,
  site: AllocSite,
): number {
  const { mem } = thr;
  const { os } = ut;
  ut_a(alignment > MAX_ALIGN_BYTES, 'alignment > alignof(std::max_align_t)');
  ut_a(Number.isInteger(alignment) && (alignment & (alignment - 1)) === 0, 'the alignment is a power of two');
  ut_a(bytes <= UINT32_MAX, 'the length fits 32 bits');
  const front = ut.pfs ? alignedMetaBytes(alignment) : 0;
  const size = bytes + front;
  const block = zero ? calloc(thr, os, size + alignment, TAG) : malloc(thr, os, size + alignment, TAG);
  if (block === NIL) {
    if (ut.pfs) psiFailed(thr, ut.psi, key.value);
    return NIL;
  }
  const offset = alignedOffset(block * WORD_BYTES, alignment);
  const inner = block + offset / WORD_BYTES;
  mem[inner - META_WORDS + DATALEN] = bytes;
  mem[inner - META_WORDS + OFFSET] = offset;
  mem[block + FORM] = ut.pfs ? offset | WITH_CORE : offset;
  mem[block + CHECK] = checkWord(mem, block, inner);
  if (!ut.pfs) return inner;
  const total = size + offset;
  const payload = inner + front / WORD_BYTES;
  metaWrite(thr, ut.psi, inner, total, key);
  mem[payload - 1] = front;
  originAlloc(thr, os, block, key.value, total, site);
  return payload;
}

function checkWord(mem: Int32Array, block: number, inner: number): number {
  return ~block ^ mem[block + FORM] ^ mem[inner - META_WORDS + DATALEN];
}

/** Whether the ways back from a payload lead to where a block might start. */
function leadsBack(mem: Int32Array, ut: UtNewLibrary, os: number, p: number): boolean {
  const toCore = ut.pfs ? mem[p - 1] : 0;
  if (toCore < 0 || toCore % MAX_ALIGN_BYTES !== 0) return false;
  const inner = p - toCore / WORD_BYTES;
  if (!isInArea(mem, os, granuleOf(mem, os, inner - META_WORDS))) return false;
  const offset = mem[inner - META_WORDS + OFFSET];
  if (offset < MAX_ALIGN_BYTES || offset % MAX_ALIGN_BYTES !== 0) return false;
  return isInArea(mem, os, granuleOf(mem, os, inner - offset / WORD_BYTES));
}

/** The inner aligned address of a payload: that of the core, or the payload itself. */
function innerOf(mem: Int32Array, ut: UtNewLibrary, p: number): number {
  return ut.pfs ? p - mem[p - 1] / WORD_BYTES : p;
}

function blockOf(mem: Int32Array, inner: number): number {
  return inner - mem[inner - META_WORDS + OFFSET] / WORD_BYTES;
}

/**
 * The beginning of every call that is given an aligned payload; changes nothing.
 * @returns OS_MEMORY that the block lies in
 * @throws MemoryCorruption when it is no live aligned block, or what is in front of it is damaged
 */
function ownerOf(thr: Thread, ut: UtNewLibrary, p: number, call: string): number {
  const { mem } = thr;
  // The words in front of a payload are its block's; what lies behind may be beyond the area.
  const os = osOwning(mem, ut.allOs, p - 1);
  if (os === NIL) throw atEdge(thr, ut, p, call);
  if (!leadsBack(mem, ut, os, p)) throw damaged(thr, ut, os, p, call);
  const inner = innerOf(mem, ut, p);
  const block = blockOf(mem, inner);
  const form = ((inner - block) * WORD_BYTES) | (ut.pfs ? WITH_CORE : 0);
  const whole =
    mem[block + FORM] === form &&
    mem[block + CHECK] === checkWord(mem, block, inner) &&
    (!ut.pfs || metaIsWhole(mem, ut.psi, inner));
  if (!whole) throw damaged(thr, ut, os, p, call);
  heapBlockBytes(thr, os, block, TAG, call);
  return os;
}

/** The report for an address with nothing in front of it: the area's first block, or no address of ours. */
function atEdge(thr: Thread, ut: UtNewLibrary, p: number, call: string): MemoryCorruption {
  const os = osOwning(thr.mem, ut.allOs, p);
  return os === NIL ? foreignAddress(thr, p, p, call) : wrongStart(thr, os, p, call);
}

/** The report for an address that is no payload, or whose way back is damaged. */
function damaged(thr: Thread, ut: UtNewLibrary, os: number, p: number, call: string): MemoryCorruption {
  const { mem } = thr;
  // No payload is where a block starts.
  if (stateAt(thr, os, p) !== 0 && !ut.pfs) return wrongStart(thr, os, p, call);
  const block = blockAround(thr, os, p - 1);
  if (block === NIL) return heapFault(thr, os, p, TAG, call);
  const detail = `it says that the ${ut.pfs ? 'core' : 'block'} is ${mem[p - 1]} bytes before it`;
  return headerDamaged(thr, os, block, TAG, { p, call, detail });
}

function wrongStart(thr: Thread, os: number, p: number, call: string): MemoryCorruption {
  if ((stateAt(thr, os, p) & OWNER_MASK) !== (LIVE | (TAG << TAG_SHIFT))) {
    return heapFault(thr, os, p, TAG, call);
  }
  const detail = 'the address is that of the block, not of what is aligned in it';
  return corruption(thr.mem, os, p, { what: 'foreign address', call, at: p, detail, thr });
}

/**
 * `ut::aligned_free(p)`: NIL does nothing.
 * @throws MemoryCorruption when it is no live block of this kind; nothing is counted then
 */
export function utAlignedFree(thr: Thread, ut: UtNewLibrary, p: number, site: AllocSite = NO_SITE): void {
  if (p === NIL) return;
  const { mem } = thr;
  const os = ownerOf(thr, ut, p, 'ut::aligned_free');
  const inner = innerOf(mem, ut, p);
  const block = blockOf(mem, inner);
  if (!ut.pfs) {
    free(thr, os, block, TAG);
    return;
  }
  // Read before the block is free: the next owner may overwrite it at once.
  const key = metaKey(mem, inner);
  const total = metaBytes(mem, inner);
  const owner = metaOwner(mem, inner);
  originFree(thr, os, block, site);
  free(thr, os, block, TAG);
  psiMemoryFree(thr, ut.psi, key, total, owner);
}

/**
 * `datalen(p)`: bytes that were asked for.
 * @throws MemoryCorruption when it is no live block of this kind
 */
export function utAlignedBytes(thr: Thread, ut: UtNewLibrary, p: number, call: string): number {
  ownerOf(thr, ut, p, call);
  return thr.mem[innerOf(thr.mem, ut, p) - META_WORDS + DATALEN] >>> 0;
}

/** Where the core of the aligned block at `block` is; NIL: it has none. For checks at rest. */
export function alignedCoreOf(mem: Int32Array, block: number): number {
  const form = mem[block + FORM];
  return (form & WITH_CORE) === 0 ? NIL : block + (form - WITH_CORE) / WORD_BYTES;
}
