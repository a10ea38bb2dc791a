/** Scenarios for the table of places (src/memory/ut/site.ts) and what is recorded of blocks (src/memory/ut/origin.ts). */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { SITE_CELL } from '../../../src/layout/origin.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { originOf } from '../../../src/memory/ut/origin.ts';
import { OS_PAGE_BYTES } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import { MEM_KEY } from '../../../src/memory/psi/psi-keys.ts';
import {
  type AllocSite,
  allocSite,
  siteOf,
  siteRefused,
  siteRegister,
  siteTableInit,
  type SiteTablePlan,
  siteTablePlan,
} from '../../../src/memory/ut/site.ts';
import { PFX_WORDS, UtAllocator, utAllocate, utDeallocate } from '../../../src/memory/ut/ut-allocator.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

const CELLS = 4;

/** Two places whose look-up begins in one cell. */
function pair(): readonly [AllocSite, AllocSite] {
  const first = allocSite('one.cc', 1);
  let line = 2;
  let second = allocSite('two.cc', line);
  while ((second.id & (CELLS - 1)) !== (first.id & (CELLS - 1))) second = allocSite('two.cc', ++line);
  return [first, second];
}
const [ONE, TWO] = pair();
const THREE = allocSite('three.cc', 3);

interface Sites {
  readonly kit: Kit<'ready' | 'slot', { readonly sites: SiteTablePlan }>;
  readonly table: number;
}

function sitesKit(threads: number, cells: number): Sites {
  const kit: Sites['kit'] = new Kit({
    threads,
    place: { ready: EVENT, slot: 1 },
    plan: (planner) => ({ sites: siteTablePlan(planner, cells) }),
  });
  const { sites } = kit.extra;
  siteTableInit(kit.mem, sites);
  return { kit, table: sites.at };
}

function registerOne({ s }: Ctx<Sites>): void {
  siteRegister(s.kit.mem, s.table, ONE);
  siteRegister(s.kit.mem, s.table, ONE);
}

function registerTwo({ s }: Ctx<Sites>): void {
  siteRegister(s.kit.mem, s.table, TWO);
}

function registerThree({ s }: Ctx<Sites>): void {
  siteRegister(s.kit.mem, s.table, THREE);
}

/** A place has no name yet, or the right one. */
function lookUp({ s }: Ctx<Sites>): void {
  for (const site of [ONE, TWO]) mustBeNamed(s, site, true);
}

function mustBeNamed({ kit, table }: Sites, site: AllocSite, mayBeMissing: boolean): void {
  const found = siteOf(kit.mem, table, site.id);
  if (found === null) must(mayBeMissing, `the place ${site.file}:${site.line} has no name`);
  else {
    must(
      found.file === site.file && found.line === site.line,
      `a place is named ${found.file}:${found.line}`,
    );
  }
}

function cellsTaken({ kit }: Sites): number {
  const { mem, extra } = kit;
  let taken = 0;
  for (let i = 0; i < extra.sites.count; i++) if (mem[extra.sites.cells + i * SITE_CELL.words] !== 0) taken++;
  return taken;
}

function checkTable(s: Sites, named: readonly AllocSite[], taken: number, refused: number): void {
  for (const site of named) mustBeNamed(s, site, false);
  must(cellsTaken(s) === taken, `${cellsTaken(s)} cells are taken, not ${taken}`);
  const counted = siteRefused(s.kit.mem, s.table);
  must(counted === refused, `${counted} refusals are counted, not ${refused}`);
}

function siteScenario(
  name: string,
  doc: string,
  threads: readonly ((ctx: Ctx<Sites>) => unknown)[],
  cells: number,
  check: (s: Sites) => void,
): Scenario<Sites> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => sitesKit(threads.length, cells),
    check: (_mem, s) => check(s),
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

interface Handover {
  readonly kit: Kit<
    'ready' | 'slot',
    { readonly sites: SiteTablePlan; readonly os: NodeMemoryPlan; readonly psi: PsiPlan }
  >;
  readonly alloc: UtAllocator;
}

function handoverKit(): Handover {
  const kit: Handover['kit'] = new Kit({
    threads: 2,
    place: { ready: EVENT, slot: 1 },
    plan: (planner) => {
      const sites = siteTablePlan(planner, CELLS);
      const psi = psiPlan(planner, 2, { keys: MEM_KEY.std + 1 });
      planner.openNode();
      const o = { bytes: 4 * OS_PAGE_BYTES, nThreads: 2, origins: true, sites: sites.at };
      return { sites, os: nodeMemoryPlan(planner, o), psi };
    },
  });
  const { sites, os, psi } = kit.extra;
  siteTableInit(kit.mem, sites);
  psiInit(kit.mem, psi);
  nodeMemoryInit(kit.mem, os);
  const service = new Psi(psi);
  for (const thr of kit.threads) psiAttach(thr, service);
  const log = new ErrorLog();
  const alloc = new UtAllocator({ os: os.at, allOs: [os.at], psi: service, sleepClock: kit.clock, log });
  return { kit, alloc };
}

/** Allocates at ONE, and hands over. */
function allocateAtOne(ctx: Ctx<Handover>): void {
  const { kit, alloc } = ctx.s;
  const p = utAllocate(kit.threads[ctx.id], alloc, 32, MEM_KEY.std, false, true, ONE);
  Atomics.store(kit.mem, kit.at.slot, p);
  eventSet(kit.mem, kit.at.ready);
}

/** Allocates at TWO, and frees the other's block at TWO. */
function freeAtTwo(ctx: Ctx<Handover>): number {
  const { kit, alloc } = ctx.s;
  const thr = kit.threads[ctx.id];
  const own = utAllocate(thr, alloc, 32, MEM_KEY.std, false, true, TWO);
  eventWait(thr, kit.at.ready, 0, thr.waits);
  utDeallocate(thr, alloc, Atomics.load(kit.mem, kit.at.slot), TWO);
  return own;
}

function checkHandover({ kit, alloc }: Handover, own: number): void {
  const { mem } = kit;
  const given = originOf(mem, alloc.os, mem[kit.at.slot] - PFX_WORDS);
  must(given?.site === ONE.id && given.thread === 1, 'the place where a block was allocated is lost');
  must(given?.freed === TWO.id, 'the place where a block was freed is lost');
  const kept = originOf(mem, alloc.os, own - PFX_WORDS);
  must(kept?.site === TWO.id && kept.freed === 0 && kept.bytes === 64, 'a live block is not known as such');
  for (const site of [ONE, TWO]) {
    must(siteOf(mem, kit.extra.sites.at, site.id)?.line === site.line, `${site.file} has no name`);
  }
  checkNothingHeld(kit);
}

const handover: Scenario<Handover> = {
  name: 'ut-origin-handover',
  doc: 'Is it known where a block was allocated and where another thread freed it?',
  threads: [allocateAtOne, freeAtTwo],
  memory: 0,
  setup: handoverKit,
  check: (_mem, s, results) => checkHandover(s, Number(results[1])),
  words: (word, s) => s.kit.words(word),
  holders: (_mem, s) => s.kit.holders(),
};

export const scenarios: readonly (Scenario<Sites> | Scenario<Handover>)[] = [
  siteScenario(
    'ut-sites-collide',
    'Do two places that begin in one cell both get a name?',
    [registerOne, registerTwo],
    CELLS,
    (s) => checkTable(s, [ONE, TWO], 2, 0),
  ),
  siteScenario(
    'ut-sites-same',
    'Is a place that two threads register at once entered once, and never seen half written?',
    [registerOne, registerOne, lookUp],
    CELLS,
    (s) => checkTable(s, [ONE], 1, 0),
  ),
  siteScenario(
    'ut-sites-full',
    'Is the place for which there is no cell counted, and the other one named?',
    [registerTwo, registerThree, lookUp],
    1,
    (s) => checkTable(s, [], 1, 1),
  ),
  handover,
];
