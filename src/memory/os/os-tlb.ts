/** How far translation look-aside buffers reach over the memory that is mapped, by page size. */
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { getU53 } from '../../layout/words.ts';
import { HUGE_1G, HUGE_2M, hugePoolsUse } from './os-huge-pool.ts';
import { OS_PAGE_BYTES } from './os-map.ts';

/** Entries for data pages by page size in bytes. */
export type TlbEntries = Readonly<Record<number, number>>;

/** Second level of a common x86-64 processor; 4 KiB and 2 MiB share their entries there. */
export const TLB_ENTRIES: TlbEntries = { [OS_PAGE_BYTES]: 1536, [HUGE_2M]: 1536, [HUGE_1G]: 16 };

/** One page size; plain data. */
export interface TlbReach {
  readonly pageBytes: number;
  readonly entries: number;
  /** entries × page size */
  readonly reachBytes: number;
  /** What is mapped in pages of that size on all nodes. */
  readonly mappedBytes: number;
  readonly mappedPages: number;
  /** Part of it that the buffer covers at once: 0 to 1; 1 when nothing is mapped. */
  readonly covered: number;
}

/** Reach by page size, smallest pages first: 4 KiB, every size that a node has, and every size with entries. */
export function osTlbReach(
  mem: Int32Array,
  allOs: readonly number[],
  entries: TlbEntries = TLB_ENTRIES,
): TlbReach[] {
  const mapped = new Map<number, number>([[OS_PAGE_BYTES, 0]]);
  for (const size of Object.keys(entries)) mapped.set(Number(size), 0);
  for (const os of allOs) {
    let huge = 0;
    for (const pool of hugePoolsUse(mem, os)) {
      const bytes = pool.mapped * pool.pageBytes;
      huge += bytes;
      mapped.set(pool.pageBytes, (mapped.get(pool.pageBytes) ?? 0) + bytes);
    }
    const small = getU53(mem, os + OS_MEMORY.at.inUse) - huge;
    mapped.set(OS_PAGE_BYTES, (mapped.get(OS_PAGE_BYTES) ?? 0) + small);
  }
  return [...mapped]
    .toSorted(([a], [b]) => a - b)
    .map(([pageBytes, mappedBytes]) => {
      const reachBytes = (entries[pageBytes] ?? 0) * pageBytes;
      return {
        pageBytes,
        entries: entries[pageBytes] ?? 0,
        reachBytes,
        mappedBytes,
        mappedPages: mappedBytes / pageBytes,
        covered: mappedBytes === 0 ? 1 : Math.min(1, reachBytes / mappedBytes),
      };
    });
}
