/** Checks of the simulated memory at rest: page maps, sums and counts. One sentence per defect. */
import { HUGE_POOL, OS_MEMORY, OS_TOTAL, PAGE_KIND } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { hugePageBytes } from './os-huge-pool.ts';
import { OS_PAGE_BYTES, pageMapDefects, type PageRun } from './os-map.ts';

const O = OS_MEMORY.at;
const H = HUGE_POOL.at;
const T = OS_TOTAL.at;

/** What runs add up to, in bytes. */
interface Sums {
  used: number;
  mapped: number;
  large: number;
  runs: number;
}

function addRuns(sums: Sums, runs: readonly PageRun[], pageBytes: number): void {
  for (const { pages, kind } of runs) {
    sums.used += pages * pageBytes;
    if (kind !== PAGE_KIND.heap) sums.mapped += pages * pageBytes;
    if (kind === PAGE_KIND.large) sums.large += pages * pageBytes;
  }
  sums.runs += runs.length;
}

/** No run may reach beyond the pages that were ever handed out: it would not be cleared. */
function freshDefects(runs: readonly PageRun[], fresh: number, where: string): string[] {
  const last = runs.at(-1);
  if (last === undefined || last.start + last.pages <= fresh) return [];
  return [`${where}page ${last.start + last.pages - 1} is in use, fresh says ${fresh}`];
}

function hugeDefects(mem: Int32Array, pool: number, sums: Sums): string[] {
  const pageBytes = hugePageBytes(mem, pool);
  const where = `huge pages of ${pageBytes} bytes: `;
  const runs: PageRun[] = [];
  const found = pageMapDefects(mem, mem[pool + H.pageMap], mem[pool + H.pages], pool + H.firstFit, runs).map(
    (text) => where + text,
  );
  addRuns(sums, runs, pageBytes);
  const free = mem[pool + H.pages] - runs.reduce((n, r) => n + r.pages, 0);
  if (free !== mem[pool + H.free]) found.push(`${where}${free} are free, free says ${mem[pool + H.free]}`);
  if (mem[pool + H.lowestFree] > mem[pool + H.free]) found.push(`${where}lowestFree is above free`);
  return [...found, ...freshDefects(runs, mem[pool + H.fresh], where)];
}

/** Checks the memory of a node: page maps, sums, counts of runs and bytes. */
export function osMemoryDefects(mem: Int32Array, os: number): string[] {
  const runs: PageRun[] = [];
  const found = pageMapDefects(mem, mem[os + O.pageMap], mem[os + O.pages], os + O.firstFit, runs);
  const sums: Sums = { used: 0, mapped: 0, large: 0, runs: 0 };
  addRuns(sums, runs, OS_PAGE_BYTES);
  found.push(...freshDefects(runs, mem[os + O.fresh], ''));
  for (let i = 0; i < mem[os + O.nHugePools]; i++) {
    found.push(...hugeDefects(mem, mem[os + O.hugePools] + i * HUGE_POOL.words, sums));
  }
  // Sums over a torn map mean nothing.
  if (found.length > 0) return found;
  const says = (what: string, is: number, field: keyof typeof O): void => {
    const has = getU53(mem, os + O[field]);
    if (has !== is) found.push(`${is} bytes are ${what}, ${field} says ${has}`);
  };
  says('mapped', sums.used, 'inUse');
  says('in mappings', sums.mapped, 'mappedBytes');
  says('mapped by os_mem_alloc_large', sums.large, 'largeBytes');
  if (getU53(mem, os + O.peak) < sums.used) found.push('peak is below what is mapped');
  // Both counts may have passed 2^31.
  const runsLeft = (mem[os + O.maps] - mem[os + O.unmaps]) | 0;
  if (runsLeft !== sums.runs) found.push(`${sums.runs} runs are mapped, maps and unmaps say ${runsLeft}`);
  const bytesLeft = getU53(mem, os + O.mapBytes) - getU53(mem, os + O.unmapBytes);
  if (bytesLeft !== sums.used) {
    found.push(`${sums.used} bytes are mapped, mapBytes and unmapBytes say ${bytesLeft}`);
  }
  const placed = getU53(mem, os + O.numaHit) + getU53(mem, os + O.numaMiss);
  const asked = getU53(mem, os + O.localNode) + getU53(mem, os + O.otherNode);
  if (placed !== asked)
    found.push(`numa_hit and numa_miss are ${placed}, local_node and other_node ${asked}`);
  return found;
}

/** Checks what all nodes have mapped together. @param total OS_TOTAL; NIL: nothing to check */
export function osTotalDefects(mem: Int32Array, total: number, allOs: readonly number[]): string[] {
  if (total === NIL) return [];
  const found: string[] = [];
  const count = mem[total + T.pages];
  let pages = 0;
  let refused = 0;
  for (const os of allOs) {
    if (mem[os + O.total] !== total) found.push(`node ${mem[os + O.node]} counts in another total`);
    pages += getU53(mem, os + O.inUse) / OS_PAGE_BYTES;
    refused += mem[os + O.failedTotal];
  }
  if (pages !== count) found.push(`${pages} pages are mapped on all nodes, the total says ${count}`);
  if (mem[total + T.peak] < count) found.push('the peak of all nodes is below what is mapped');
  if (mem[total + T.failed] !== refused) {
    found.push(`${refused} requests were refused by the total, it says ${mem[total + T.failed]}`);
  }
  return found;
}
