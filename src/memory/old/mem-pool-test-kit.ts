/** A buddy pool on a small arena, for tests. */
import { MEM_POOL, MEM_POOL_LISTS } from '../../layout/mem-pool.ts';
import { UT_MEM } from '../../layout/ut0mem.ts';
import { mutexIsFree } from '../../sync/mutex.ts';
import * as P from './mem-pool.ts';
import { memPoolList, memPoolValidate } from './mem-pool-check.ts';
import { MemoryKit } from '../test-kit.ts';
import { type UtMem, utMemInit, utTotalAllocatedMemory } from './ut0mem.ts';

/** One of 16 KiB, 64-bit, as in 5.5, unless the options say otherwise; 96 pages of memory behind it. */
export function poolKit(o: Partial<P.MemPoolOptions> & { readonly sysMalloc?: boolean } = {}) {
  const kit = new MemoryKit({ pages: [96], records: { ut: [UT_MEM, 1], pool: [MEM_POOL, 1] } });
  const { mem } = kit;
  const thr = kit.thread(1);
  const ut: UtMem = { at: kit.at('ut'), env: kit.env };
  utMemInit(mem, ut.at, { useSysMalloc: o.sysMalloc ?? false });
  const pool = P.memPoolCreate(thr, kit.at('pool'), ut, { bytes: 16_384, line: '5.5', ...o });
  return {
    kit,
    mem,
    thr,
    ut,
    pool,
    alloc: (n: number) => P.memAreaAlloc(thr, pool, n),
    free: (p: number) => P.memAreaFree(thr, pool, p),
    /** Bytes from the start of the pool. */
    offset: (p: number) => (p - pool.buf) * 4,
    at: (offset: number) => pool.buf + offset / 4,
    lists: () => lists(pool),
    reserved: () => P.memPoolGetReserved(thr, pool),
    validate: () => memPoolValidate(thr, pool),
    total: () => utTotalAllocatedMemory(mem, ut),
    isFree: () => mutexIsFree(mem[pool.at + MEM_POOL.at.mutex]),
  };
}

/** The lists that are not empty, as facts A 4.2 writes them. */
export function lists(pool: P.MemPool): string {
  const found: string[] = [];
  for (let i = 0; i < MEM_POOL_LISTS; i++) {
    const offsets = memPoolList(pool, i);
    if (offsets.length > 0) found.push(`${i}:[${offsets.join(',')}]`);
  }
  return found.join(' ');
}
