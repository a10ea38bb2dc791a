/** Scenarios for the simulated operating system: mappings, limits of a node and of all, huge pages, placement. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { OS_MEMORY, OS_TOTAL } from '../../../src/layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../../../src/layout/schema.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { osMappingBytes, osMemAllocLarge, osMemFreeLarge } from '../../../src/memory/os/os-large.ts';
import {
  OS_PAGE_BYTES,
  osMemoryDefects,
  OsMemoryError,
  osMemoryInit,
  type OsMemoryPlan,
  osMemoryPlan,
  osMmap,
  osMmapHuge,
  osMunmap,
  osSetLimit,
  osTotalDefects,
} from '../../../src/memory/os/os-memory.ts';
import { osSetTotalLimit, osTotalInit, osTotalPlan } from '../../../src/memory/os/os-total.ts';
import { numaStat, numaStatDefects, placedMmap } from '../../../src/memory/os/placement.ts';
import { type Placement, TaskPolicy } from '../../../src/numa/placement.ts';
import { uniformDistance } from '../../../src/numa/topology.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

interface Places {
  readonly total: number;
  readonly nodes: readonly OsMemoryPlan[];
}

interface Machine {
  readonly kit: Kit<'blank', Places>;
  readonly allOs: readonly number[];
  readonly total: number;
  /** By thread. */
  readonly policies: readonly TaskPolicy[];
  readonly log: ErrorLog;
}
type Body = (ctx: Ctx<Machine>) => unknown;

const PAGE = OS_PAGE_BYTES;
/** A "huge" page that is quick to explore. */
const HUGE = 2 * PAGE;
const THREADS = 2;

interface MachineOptions {
  /** Pages of each node; one node of 4 pages when absent. */
  readonly pages?: readonly number[];
  readonly hugePages?: number;
  /** Limit of node 0, and of all nodes, in pages. */
  readonly limitPages?: number;
  readonly totalPages?: number;
  readonly placement?: Placement;
  readonly failNext?: number;
  readonly largePages?: true;
}

function machine(o: MachineOptions): Machine {
  const kit: Machine['kit'] = new Kit({
    threads: THREADS,
    place: { blank: 1 },
    plan: (planner) => {
      const total = osTotalPlan(planner);
      const nodes = (o.pages ?? [4]).map((pages, node) => {
        planner.openNode();
        return osMemoryPlan(planner, {
          bytes: pages * PAGE,
          name: `os_memory[${node}]`,
          hugePages: { [HUGE]: o.hugePages ?? 0 },
          largePageBytes: o.largePages === true ? HUGE : 0,
          total,
        });
      });
      return { total, nodes };
    },
  });
  const { total, nodes } = kit.extra;
  osTotalInit(kit.mem, total, (o.totalPages ?? 1000) * PAGE);
  for (const plan of nodes) osMemoryInit(kit.mem, plan, (o.limitPages ?? 1000) * PAGE);
  kit.mem[nodes[0].at + OS_MEMORY.at.failNext] = o.failNext ?? 0;
  const distance = uniformDistance(nodes.length);
  const policies = kit.threads.map(() => new TaskPolicy(distance));
  for (const policy of policies) policy.set(o.placement ?? { policy: 'local' });
  return { kit, allOs: nodes.map((n) => n.at), total, policies, log: new ErrorLog() };
}

/** Who gets memory finds it zero, writes to it in two steps, and finds what it wrote: at both ends. */
function use(thr: Thread, at: number, bytes: number): void {
  const { mem } = thr;
  for (const word of [at, at + bytes / WORD_BYTES - 1]) {
    must(mem[word] === 0, 'mapped memory is not zero');
    mem[word] = thr.id;
    Atomics.store(mem, word - (word % 2), thr.id);
    must(mem[word] === thr.id, 'a mapping has two owners');
  }
}

const threadOf = (ctx: Ctx<Machine>): Thread => ctx.s.kit.threads[ctx.id];

/** Maps, writes and unmaps, twice; so many pages. Returns how often it got them. */
function mapUnmap(ctx: Ctx<Machine>, os: number, pages: number): number {
  const thr = threadOf(ctx);
  let got = 0;
  for (let i = 0; i < 2; i++) {
    const at = osMmap(thr, os, pages * PAGE);
    if (at === NIL) continue;
    use(thr, at, pages * PAGE);
    osMunmap(thr, os, at, pages * PAGE);
    got++;
  }
  return got;
}

const mapOne: Body = (ctx) => mapUnmap(ctx, ctx.s.allOs[0], 1);
const mapTwo: Body = (ctx) => mapUnmap(ctx, ctx.s.allOs[0], 2);
/** Each on a node of its own. */
const mapOnOwn: Body = (ctx) => mapUnmap(ctx, ctx.s.allOs[ctx.id], 2);

/** Keeps what it gets. */
function keepOn(ctx: Ctx<Machine>, os: number, pages: number): number {
  const thr = threadOf(ctx);
  const at = osMmap(thr, os, pages * PAGE);
  if (at === NIL) return 0;
  use(thr, at, pages * PAGE);
  return pages;
}

const keepTwo: Body = (ctx) => keepOn(ctx, ctx.s.allOs[0], 2);
/** On its own node: one page, then two. */
const keepOnOwn: Body = (ctx) => keepOn(ctx, ctx.s.allOs[ctx.id], 1) + keepOn(ctx, ctx.s.allOs[ctx.id], 2);

/** Maps and unmaps a huge page, twice. */
function mapHuge(ctx: Ctx<Machine>): number {
  const thr = threadOf(ctx);
  const os = ctx.s.allOs[0];
  let got = 0;
  for (let i = 0; i < 2; i++) {
    const at = osMmapHuge(thr, os, HUGE - 1, HUGE);
    if (at === NIL) continue;
    use(thr, at, HUGE);
    osMunmap(thr, os, at, HUGE);
    got++;
  }
  return got;
}

/** os_mem_alloc_large: a huge page, or normal ones when there is none. */
function allocLarge(ctx: Ctx<Machine>): boolean {
  const thr = threadOf(ctx);
  const { allOs, log } = ctx.s;
  const env = { os: allOs[0], allOs, log };
  const at = osMemAllocLarge(thr, env, PAGE + 1);
  if (at === NIL) return false;
  use(thr, at, 2 * PAGE);
  osMemFreeLarge(thr, env, at, osMappingBytes(thr.mem, allOs, at));
  return true;
}

/** Maps a page where the policy wants it, twice, and keeps both. Returns how many it got. */
function keepPlaced(ctx: Ctx<Machine>): number {
  const thr = threadOf(ctx);
  const { allOs, policies } = ctx.s;
  let got = 0;
  for (let i = 0; i < 2; i++) {
    const at = placedMmap(thr, allOs, policies[ctx.id], PAGE);
    if (at === NIL) continue;
    use(thr, at, PAGE);
    got++;
  }
  return got;
}

/** Unmaps what it does not have, in each way; all is refused. Then memory can be had as before. */
function unmapWrong(ctx: Ctx<Machine>): number {
  const thr = threadOf(ctx);
  const os = ctx.s.allOs[0];
  const at = osMmap(thr, os, 2 * PAGE);
  let refused = 0;
  for (const [where, bytes] of [
    [at, PAGE],
    [at + PAGE / WORD_BYTES, PAGE],
    [at + 1, 2 * PAGE],
  ]) {
    try {
      osMunmap(thr, os, where, bytes);
    } catch (e) {
      if (!(e instanceof OsMemoryError)) throw e;
      refused++;
    }
  }
  osMunmap(thr, os, at, 2 * PAGE);
  return refused;
}

/** Sets limits of the node whose halves, mixed, make 0. */
function setLimits(ctx: Ctx<Machine>): void {
  for (const bytes of [2 ** 33, 4 * PAGE, 2 ** 33]) osSetLimit(threadOf(ctx), ctx.s.allOs[0], bytes);
}

/** Lowers the limit of all nodes, and lifts it. */
function setTotalLimits(ctx: Ctx<Machine>): void {
  const { kit, total } = ctx.s;
  osSetTotalLimit(kit.mem, total, PAGE);
  osSetTotalLimit(kit.mem, total, 100 * PAGE);
}

const sum = (results: readonly unknown[]): number => results.reduce<number>((n, r) => n + Number(r), 0);

/** What must hold at rest: page maps, sums and counts agree, and so many pages are mapped on all nodes. */
function checkMachine({ kit, allOs, total }: Machine, mappedPages: number): void {
  const { mem } = kit;
  const defects = osTotalDefects(mem, total, allOs);
  for (const os of allOs) defects.push(...osMemoryDefects(mem, os));
  defects.push(...numaStatDefects(mem, allOs));
  must(defects.length === 0, defects.join('; '));
  const pages = allOs.reduce((n, os) => n + getU53(mem, os + OS_MEMORY.at.inUse) / PAGE, 0);
  must(pages === mappedPages, `${mappedPages} pages should be mapped, not ${pages}`);
  checkNothingHeld(kit);
}

function osScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: MachineOptions & {
    /** At the end; when absent, nothing is mapped. */
    readonly check?: (s: Machine, results: readonly unknown[]) => void;
    /** For setups in which nobody changes the limit of all nodes. */
    readonly underTotal?: true;
  } = {},
): Scenario<Machine> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => machine(o),
    check: (_mem, s, results) => {
      if (o.check === undefined) checkMachine(s, 0);
      else o.check(s, results);
    },
    ...(o.underTotal === true && {
      watched: (word: number, s: Machine) => word === s.total + OS_TOTAL.at.pages,
      onWrite: (_mem: Int32Array, _s: Machine, _word: number, value: number) => {
        const limit = o.totalPages ?? 0;
        must(value >= 0 && value <= limit, `${value} pages are mapped, ${limit} may be`);
      },
    }),
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Machine>[] = [
  osScenario('os-map', 'Do mappings of two threads stay apart, zero, and their sums right?', [
    mapOne,
    mapOne,
  ]),
  osScenario('os-map-tight', 'Are pages found again when not both fit?', [mapTwo, mapOne], { pages: [2] }),
  osScenario(
    'os-limit',
    'Does exactly one of two mappings fit under the limit of the node?',
    [keepTwo, keepTwo],
    {
      pages: [8],
      limitPages: 3,
      check: (s, results) => {
        must(sum(results) === 2, `${results.join(' and ')} pages: two fit`);
        checkMachine(s, 2);
      },
    },
  ),
  osScenario('os-set-limit', 'Is a limit seen whole, the old one or the new one?', [mapOne, setLimits], {
    check: (s, results) => {
      must(results[0] === 2, `${String(results[0])} of 2 mappings under limits that allow both`);
      checkMachine(s, 0);
    },
  }),
  osScenario(
    'os-wrong-unmap',
    'Is a wrong munmap refused, whatever another thread does?',
    [unmapWrong, mapOne],
    {
      check: (s, results) => {
        must(results[0] === 3, `${String(results[0])} of 3 wrong unmaps were refused`);
        must(results[1] === 2, 'a mapping failed although there is memory');
        checkMachine(s, 0);
      },
    },
  ),
  osScenario('os-fault', 'Does exactly the next request fail, whoever makes it?', [mapOne, mapOne], {
    failNext: 1,
    check: (s, results) => {
      must(sum(results) === 3, `${sum(results)} of 4 mappings, 1 was to fail`);
      checkMachine(s, 0);
    },
  }),
  osScenario(
    'os-total-last',
    'Do two nodes share the last pages that all may have?',
    [keepOnOwn, keepOnOwn],
    {
      pages: [4, 4],
      totalPages: 4,
      underTotal: true,
      check: (s, results) => {
        // One and two for the one, one for the other: a request that does not fit takes nothing away, even for a moment.
        must(sum(results) === 4, `${sum(results)} pages of 4`);
        checkMachine(s, 4);
      },
    },
  ),
  osScenario(
    'os-total-come-and-go',
    'Are the pages of all nodes counted as they come and go?',
    [mapOnOwn, mapOnOwn],
    {
      pages: [4, 4],
      totalPages: 4,
      underTotal: true,
      check: (s, results) => {
        must(sum(results) === 4, 'a mapping failed although all of them fit');
        checkMachine(s, 0);
      },
    },
  ),
  osScenario('os-total-lowered', 'May the limit of all nodes change under way?', [mapOnOwn, setTotalLimits], {
    pages: [4, 4],
    totalPages: 100,
  }),
  osScenario('os-huge', 'Do two threads share huge pages, and are they zero?', [mapHuge, mapHuge], {
    hugePages: 2,
    check: (s, results) => {
      must(sum(results) === 4, 'a mapping failed although there is a huge page for each');
      checkMachine(s, 0);
    },
  }),
  osScenario('os-huge-last', 'Is the last huge page one thread’s, beside normal pages?', [mapHuge, mapHuge], {
    hugePages: 1,
    totalPages: 2,
    underTotal: true,
  }),
  osScenario(
    'os-large',
    'Does os_mem_alloc_large fall back when the huge page is taken?',
    [allocLarge, allocLarge],
    {
      hugePages: 1,
      largePages: true,
      check: (s, results) => {
        must(sum(results) === 2, 'os_mem_alloc_large failed although there is memory');
        checkMachine(s, 0);
      },
    },
  ),
  osScenario('os-interleave', 'Does each thread take turns of its own?', [keepPlaced, keepPlaced], {
    pages: [4, 4],
    placement: { policy: 'interleave', nodes: [0, 1] },
    check: (s, results) => {
      must(sum(results) === 4, 'a mapping failed although there is memory');
      checkMachine(s, 4);
      for (const os of s.allOs) {
        const { numaHit, interleaveHit } = numaStat(s.kit.mem, os);
        must(numaHit === 2 && interleaveHit === 2, `${interleaveHit} of ${numaHit} pages in turn`);
      }
    },
  }),
  osScenario(
    'os-spill',
    'Are pages that do not fit counted where they are and where they were wanted?',
    [keepPlaced, keepPlaced],
    {
      pages: [2, 2],
      check: (s, results) => {
        must(sum(results) === 4, 'a mapping failed although another node has memory');
        checkMachine(s, 4);
        const [near, far] = s.allOs.map((os) => numaStat(s.kit.mem, os));
        must(near.numaHit === 2 && near.numaForeign === 2 && far.numaMiss === 2, 'numastat is wrong');
      },
    },
  ),
];
