/** Scenarios for the old layer's malloc (src/memory/old/ut0mem.ts): the block list, the retry, free-all. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { OS_MEMORY } from '../../../src/layout/os-memory.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { UT_MEM } from '../../../src/layout/ut0mem.ts';
import { MemoryCorruption } from '../../../src/memory/ut/corruption.ts';
import { heapLiveBlocks } from '../../../src/memory/heap/malloc.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES, osSetFaults } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import {
  type UtMem,
  utFree,
  utFreeAllMem,
  utMallocLow,
  utMemDefects,
  utMemInit,
  utRealloc,
  utTotalAllocatedMemory,
} from '../../../src/memory/old/ut0mem.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

interface Layer {
  readonly kit: Kit<'ready' | 'slot' | 'ut', { readonly os: NodeMemoryPlan; readonly psi: PsiPlan }>;
  readonly ut: UtMem;
}
type Body = (ctx: Ctx<Layer>) => unknown;

const HEADER = 32;
/** More than any size class: each request goes to the operating system, where faults are planned. */
const LARGE = 5000;

function layerKit(threads: number, failNext: number): Layer {
  const kit: Layer['kit'] = new Kit({
    threads,
    place: { ready: EVENT, slot: 1, ut: UT_MEM },
    plan: (planner) => {
      const psi = psiPlan(planner, threads, { keys: 1 });
      planner.openNode();
      return { os: nodeMemoryPlan(planner, { bytes: 16 * OS_PAGE_BYTES, nThreads: threads }), psi };
    },
  });
  const { os, psi } = kit.extra;
  psiInit(kit.mem, psi);
  nodeMemoryInit(kit.mem, os);
  utMemInit(kit.mem, kit.at.ut, { useSysMalloc: false });
  osSetFaults(kit.threads[0], os.at, { failNext });
  const env = { os: os.at, allOs: [os.at], psi: new Psi(psi), sleepClock: kit.clock, log: new ErrorLog() };
  return { kit, ut: { at: kit.at.ut, env } };
}

/** A block's owner writes to it in two steps, and finds what it wrote. */
function scribble(mem: Int32Array, p: number, mark: number): void {
  mem.fill(mark, p, p + 4);
  Atomics.store(mem, p, mark);
  must(Atomics.load(mem, p) === mark, 'a block has two owners');
  for (let i = 1; i < 4; i++) must(mem[p + i] === mark, 'a block has lost what was written to it');
}

function take(ctx: Ctx<Layer>, n: number): number {
  const thr = ctx.s.kit.threads[ctx.id];
  const p = utMallocLow(thr, ctx.s.ut, n, true, false);
  must(p !== NIL, 'ut_malloc_low failed although there is memory');
  scribble(ctx.s.kit.mem, p, thr.id);
  return p;
}

function takeAndFree(ctx: Ctx<Layer>, n: number): void {
  const thr = ctx.s.kit.threads[ctx.id];
  utFree(thr, ctx.s.ut, take(ctx, n));
}

const small: Body = (ctx) => takeAndFree(ctx, 16);
const large: Body = (ctx) => takeAndFree(ctx, LARGE);

/** Two blocks, freed in the order in which they came. */
function twoSmall(ctx: Ctx<Layer>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const a = take(ctx, 16);
  const b = take(ctx, 16);
  utFree(thr, ctx.s.ut, a);
  utFree(thr, ctx.s.ut, b);
}

/** Keeps a block; says whether it got it, for the layer may be at its end. */
function keep(ctx: Ctx<Layer>): boolean {
  try {
    take(ctx, LARGE);
    return true;
  } catch (e) {
    if (!String(e).includes('ut_mem_block_list_inited')) throw e;
    return false;
  }
}

function grow(ctx: Ctx<Layer>): void {
  const { mem, threads } = ctx.s.kit;
  const thr = threads[ctx.id];
  const p = utRealloc(thr, ctx.s.ut, take(ctx, 16), 90);
  for (let i = 0; i < 4; i++) must(mem[p + i] === thr.id, 'a block has lost what was written to it');
  utFree(thr, ctx.s.ut, p);
}

function freeAll(ctx: Ctx<Layer>): void {
  utFreeAllMem(ctx.s.kit.threads[ctx.id], ctx.s.ut);
}

function giveAway(ctx: Ctx<Layer>): void {
  const { mem, at } = ctx.s.kit;
  Atomics.store(mem, at.slot, take(ctx, 16));
  eventSet(mem, at.ready);
  small(ctx);
}

function freeOther(ctx: Ctx<Layer>): void {
  const { mem, at, threads } = ctx.s.kit;
  const thr = threads[ctx.id];
  eventWait(thr, at.ready, 0, thr.waits);
  utFree(thr, ctx.s.ut, Atomics.load(mem, at.slot));
}

/** Frees what is no block; is told, and goes on. */
function wrongFree(ctx: Ctx<Layer>): boolean {
  const { mem, extra, threads } = ctx.s.kit;
  const nowhere = mem[extra.os.at + OS_MEMORY.at.base] + 15 * 1024;
  let refused = false;
  try {
    utFree(threads[ctx.id], ctx.s.ut, nowhere);
  } catch (e) {
    if (!(e instanceof MemoryCorruption)) throw e;
    refused = true;
  }
  small(ctx);
  return refused;
}

/** What must hold at rest: list, counter and heap agree on so many blocks of LARGE bytes. */
function checkLayer({ kit, ut }: Layer, blocks = 0): void {
  const { mem, extra } = kit;
  const defects = utMemDefects(mem, ut);
  must(defects.length === 0, defects.join('; '));
  const total = utTotalAllocatedMemory(mem, ut);
  must(total === blocks * (LARGE + HEADER), `${total} bytes count as allocated, of ${blocks} blocks`);
  const live = heapLiveBlocks(mem, extra.os.at);
  must(live === blocks, `${live} blocks live, not ${blocks}`);
  checkNothingHeld(kit);
}

function layerScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: {
    readonly failNext?: number;
    readonly check?: (s: Layer, results: readonly unknown[]) => void;
  } = {},
): Scenario<Layer> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => layerKit(threads.length, o.failNext ?? 0),
    check: (_mem, s, results) => {
      if (o.check === undefined) checkLayer(s);
      else o.check(s, results);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Layer>[] = [
  layerScenario('ut-malloc-list', 'Is the list whole when blocks come and go?', [twoSmall, small]),
  layerScenario('ut-malloc-free-by-other', 'May another thread free a block?', [giveAway, freeOther]),
  layerScenario('ut-malloc-realloc', 'Does a block that moves keep what is in it?', [grow, small]),
  layerScenario('ut-malloc-retry', 'Does a thread that waits for memory keep nobody out?', [large, large], {
    failNext: 2,
  }),
  layerScenario('ut-malloc-free-all', 'Does free-all take each block or come before it?', [keep, freeAll], {
    check: (s) => checkLayer(s),
  }),
  layerScenario(
    'ut-malloc-free-all-retry',
    'Does free-all end a thread that waits for memory?',
    [keep, freeAll],
    { failNext: 1 },
  ),
  layerScenario(
    'ut-malloc-wrong-free',
    'Is a wrong free refused, and the list usable after it?',
    [wrongFree, small],
    {
      check: (s, results) => {
        must(results[0] === true, 'a wrong free went through');
        checkLayer(s);
      },
    },
  ),
];
