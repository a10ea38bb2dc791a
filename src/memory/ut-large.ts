/**
 * Large allocations of `ut_allocator` (facts A 1.4, 1.7): straight from the operating system in whole pages, with the
 * header held by the caller instead of in front of the block, and without a second attempt.
 */
import { UT_NEW_PFX } from '../layout/headers.ts';
import { MEM_STAT } from '../layout/psi.ts';
import { NIL } from '../layout/schema.ts';
import { addU53, getU53 } from '../layout/words.ts';
import type { Thread } from '../sync/thread.ts';
import { osOwning } from './malloc.ts';
import { memStatRow } from './mem-stat.ts';
import { ENOMEM, OS_PAGE_BYTES, OsMemoryError, osMmap, osMunmap, osPagesFor } from './os-memory.ts';
import { psiMemoryFree } from './psi.ts';
import { KEY_NONE } from './psi-keys.ts';
import { type UtAllocator, utExceedsMaxSize, utTraceAlloc } from './ut-allocator.ts';

const { key: KEY, owner: OWNER, size: SIZE } = UT_NEW_PFX.at;
const { largeAllocCount: ALLOC_COUNT, largeFreeCount: FREE_COUNT } = MEM_STAT.at;
const { largeAllocBytes: ALLOC_BYTES, largeFreeBytes: FREE_BYTES } = MEM_STAT.at;

/**
 * `allocate_large(n, &pfx)`: n elements, zeroed, on a page boundary. One attempt.
 * @param pfx address of a UT_NEW_PFX record of the caller, which gets key, owner and the rounded size
 * @returns the block's address; NIL: n is 0, too many, or refused (an error line then says so)
 */
export function utAllocateLarge(
  thr: Thread,
  alloc: UtAllocator,
  n: number,
  key: number,
  pfx: number,
): number {
  if (n === 0 || utExceedsMaxSize(alloc, n)) return NIL;
  const bytes = osPagesFor(n * alloc.elemBytes) * OS_PAGE_BYTES;
  const at = osMmap(thr, alloc.os, bytes);
  if (at === NIL) {
    alloc.log.write('Error', `mmap(${bytes} bytes) failed; errno ${ENOMEM}`);
    return NIL;
  }
  const useKey = alloc.key === KEY_NONE ? key : alloc.key;
  utTraceAlloc(thr, alloc, pfx, bytes, useKey);
  const row = memStatRow(thr, alloc.psi.plan.stats, useKey);
  thr.mem[row + ALLOC_COUNT]++;
  addU53(thr.mem, row + ALLOC_BYTES, bytes);
  return at;
}

/**
 * `deallocate_large(p, &pfx)`: gives the mapping back. NIL does nothing.
 * @throws OsMemoryError when there is no mapping of the size in `pfx` at `p`; nothing is counted then
 */
export function utDeallocateLarge(thr: Thread, alloc: UtAllocator, p: number, pfx: number): void {
  if (p === NIL) return;
  const { mem } = thr;
  const bytes = getU53(mem, pfx + SIZE);
  const os = osOwning(mem, alloc.allOs, p);
  if (os === NIL)
    throw new OsMemoryError(`deallocate_large(@${p}): the address is outside the memory of all nodes`);
  osMunmap(thr, os, p, bytes);
  const key = mem[pfx + KEY];
  psiMemoryFree(thr, alloc.psi, key, bytes, mem[pfx + OWNER]);
  const row = memStatRow(thr, alloc.psi.plan.stats, key);
  mem[row + FREE_COUNT]++;
  addU53(mem, row + FREE_BYTES, bytes);
}
