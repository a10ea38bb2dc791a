/**
 * Large allocations of `ut_allocator` (facts A 1.4, 1.7): straight from the operating system in whole pages, huge ones
 * where the node has them, with the header held by the caller instead of in front of the block, and without a second
 * attempt.
 */
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { osMappingBytes, osMemAllocLarge, osMemFreeLarge } from '../os/os-large.ts';
import { psiMapped, psiMemoryFree } from '../psi/psi.ts';
import { type UtAllocator, utExceedsMaxSize, utResolveKey } from './ut-allocator.ts';
import { PFX_KEY, PFX_OWNER, pfxSize, pfxWrite } from './ut-header.ts';

/**
 * `allocate_large(n, &pfx)`: n elements, zeroed, on a page boundary. One attempt.
 * @param pfx address of the caller's header record (UT_NEW_PFX, UT_NEW_PFX_57), which gets key, owner and the size that
 *   the system has rounded up
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
  const at = osMemAllocLarge(thr, alloc, n * alloc.elemBytes);
  if (at === NIL) return NIL;
  const bytes = osMappingBytes(thr.mem, alloc.allOs, at);
  pfxWrite(thr, alloc.psi, alloc.form, pfx, bytes, utResolveKey(alloc, key));
  psiMapped(thr, alloc.psi, thr.mem[pfx + PFX_KEY], bytes);
  return at;
}

/**
 * `deallocate_large(p, &pfx)`: gives the mapping back. NIL does nothing.
 * @throws OsMemoryError when there is no mapping of the size in `pfx` at `p`; nothing is counted then
 */
export function utDeallocateLarge(thr: Thread, alloc: UtAllocator, p: number, pfx: number): void {
  if (p === NIL) return;
  const { mem } = thr;
  const bytes = pfxSize(mem, pfx);
  osMemFreeLarge(thr, alloc, p, bytes);
  const key = mem[pfx + PFX_KEY];
  psiMemoryFree(thr, alloc.psi, key, bytes, mem[pfx + PFX_OWNER]);
  psiMapped(thr, alloc.psi, key, -bytes);
}
