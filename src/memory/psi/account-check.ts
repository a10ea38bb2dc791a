/**
 * The check of all accounts: at rest, what the Performance Schema's buckets say is in use is what the headers of all live
 * blocks say, for every instrument, and the large blocks.
 */
import { MY_HEADER, UT_NEW_PFX, UT_NEW_PFX_57 } from '../../layout/headers.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { UT_PFS_META } from '../../layout/ut-new.ts';
import { getU53 } from '../../layout/words.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { KEY_NONE, PSI_MEM_CNT_BIT } from './psi-keys.ts';
import type { Psi } from './psi-plan.ts';
import { memorySummary } from './psi-tables.ts';
import { utStatSum } from './psi-ut-stat.ts';
import { alignedCoreOf } from '../ut/ut-new-aligned.ts';
import { countedPages } from '../ut/ut-new-check.ts';

/** Where a header has its key, and its size in bytes; what its size lacks of what is counted. */
interface HeaderForm {
  readonly key: number;
  readonly size: number;
  readonly more: number;
  /** Where the header of a block is, if not at its start; NIL: it has none. */
  readonly start?: (mem: Int32Array, block: number) => number;
}

const MY_HEADER_BYTES = MY_HEADER.words * 4;

/** By HEAP_TAG: how the block's header is read; null: such blocks do not count. */
const FORMS: Readonly<Record<number, HeaderForm | null>> = {
  [HEAP_TAG.raw]: null,
  [HEAP_TAG.ut]: { key: UT_NEW_PFX.at.key, size: UT_NEW_PFX.at.size, more: 0 },
  [HEAP_TAG.ut57]: { key: UT_NEW_PFX_57.at.key, size: UT_NEW_PFX_57.at.size, more: 0 },
  [HEAP_TAG.my]: { key: MY_HEADER.at.key, size: MY_HEADER.at.size, more: MY_HEADER_BYTES },
  [HEAP_TAG.utLow]: null,
  [HEAP_TAG.utNew]: { key: UT_PFS_META.at.key, size: UT_PFS_META.at.datalen, more: 0 },
  [HEAP_TAG.utNewAligned]: {
    key: UT_PFS_META.at.key,
    size: UT_PFS_META.at.datalen,
    more: 0,
    start: alignedCoreOf,
  },
  [HEAP_TAG.pool]: null,
};

/** A block as it was counted. */
export interface CountedBlock {
  /** As stored. */
  readonly key: number;
  readonly bytes: number;
}

/**
 * @param allOs OS_MEMORY records of all nodes
 * @param others live blocks that are not the heap's: of containers that carve them from memory of their own
 * @returns one sentence per defect; empty when all is well
 */
export function accountDefects(
  mem: Int32Array,
  psi: Psi,
  allOs: readonly number[],
  others: readonly CountedBlock[] = [],
): string[] {
  const found: string[] = [];
  const live = psi.keys.map(() => ({ count: 0, bytes: 0 }));
  const pages = allOs.flatMap((os) => countedPages(mem, psi, os));
  for (const { key, bytes } of [...others, ...pages]) {
    live[key & ~PSI_MEM_CNT_BIT].count++;
    live[key & ~PSI_MEM_CNT_BIT].bytes += bytes;
  }
  let mapped = 0;
  for (const os of allOs) {
    mapped += getU53(mem, os + OS_MEMORY.at.largeBytes);
    for (const block of mallocWalk(mem, os)) {
      const form = FORMS[block.tag];
      if (form === null) continue;
      if (form === undefined) {
        found.push(
          `block @${block.at} of ${block.bytes} bytes: nobody can read a header of tag ${block.tag}`,
        );
        continue;
      }
      const header = form.start === undefined ? block.at : form.start(mem, block.at);
      if (header === NIL) continue;
      const key = mem[header + form.key] & ~PSI_MEM_CNT_BIT;
      if (live[key] === undefined) {
        found.push(`block @${block.at} of ${block.bytes} bytes: key ${key} does not exist`);
        continue;
      }
      live[key].count++;
      live[key].bytes += getU53(mem, header + form.size) + form.more;
    }
  }
  let large = 0;
  for (const { key, name } of psi.keys) {
    const { mappedCount, mappedBytes } = utStatSum(mem, psi, key);
    large += mappedBytes;
    if (key === KEY_NONE) continue;
    const sum = memorySummary(mem, psi, key);
    const count = live[key].count + mappedCount;
    const bytes = live[key].bytes + mappedBytes;
    if (sum.CURRENT_COUNT_USED === count && sum.CURRENT_NUMBER_OF_BYTES_USED === bytes) continue;
    found.push(
      `${name}: ${sum.CURRENT_COUNT_USED} blocks of ${sum.CURRENT_NUMBER_OF_BYTES_USED} bytes by the accounts, ` +
        `${count} of ${bytes} bytes live`,
    );
  }
  if (large !== mapped)
    found.push(`${large} bytes of large allocations by the accounts, ${mapped} bytes mapped`);
  return found;
}
