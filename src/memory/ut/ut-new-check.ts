/** The `ut::` library's live blocks as they were counted, for the check of all accounts at rest. */
import { HUGE_POOL, OS_MEMORY, PAGE_KIND } from '../../layout/os-memory.ts';
import { UT_PAGE_PFS } from '../../layout/ut-new.ts';
import { hugePageBytes } from '../os/os-huge-pool.ts';
import { pageMapDefects, type PageRun } from '../os/os-map.ts';
import { OS_PAGE_BYTES } from '../os/os-memory.ts';
import type { Psi } from '../psi/psi-plan.ts';
import { metaBytes, metaIsWhole, metaKey } from './ut-new-meta.ts';
import { CPU_PAGE_BYTES } from './ut-new-page.ts';

const O = OS_MEMORY.at;
const H = HUGE_POOL.at;

/** As it was counted. */
export interface CountedPage {
  /** As stored. */
  readonly key: number;
  readonly bytes: number;
}

/** Mappings of a node, huge or not, with a page in front that says what they were counted for. */
export function countedPages(mem: Int32Array, psi: Psi, os: number): CountedPage[] {
  const found: CountedPage[] = [];
  addPages(
    mem,
    psi,
    mem[os + O.pageMap],
    mem[os + O.pages],
    os + O.firstFit,
    mem[os + O.base],
    OS_PAGE_BYTES,
    found,
  );
  for (let i = 0; i < mem[os + O.nHugePools]; i++) {
    const pool = mem[os + O.hugePools] + i * HUGE_POOL.words;
    const pageBytes = hugePageBytes(mem, pool);
    addPages(
      mem,
      psi,
      mem[pool + H.pageMap],
      mem[pool + H.pages],
      pool + H.firstFit,
      mem[pool + H.base],
      pageBytes,
      found,
    );
  }
  return found;
}

function addPages(
  mem: Int32Array,
  psi: Psi,
  map: number,
  end: number,
  hint: number,
  base: number,
  pageBytes: number,
  found: CountedPage[],
): void {
  const runs: PageRun[] = [];
  // What is wrong with the map, others report.
  pageMapDefects(mem, map, end, hint, runs);
  for (const { start, kind } of runs) {
    const at = base + (start * pageBytes) / 4;
    if (kind !== PAGE_KIND.mapped || mem[at + UT_PAGE_PFS.at.metaOffset] !== CPU_PAGE_BYTES) continue;
    if (metaIsWhole(mem, psi, at)) found.push({ key: metaKey(mem, at), bytes: metaBytes(mem, at) });
  }
}
