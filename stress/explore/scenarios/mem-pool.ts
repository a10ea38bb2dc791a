/** Scenarios for the buddy pool of the old layer (src/memory/old/mem-pool.ts): splits, merges, fallback, late shutdown. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { MEM_POOL } from '../../../src/layout/mem-pool.ts';
import { UT_MEM } from '../../../src/layout/ut0mem.ts';
import { MemoryCorruption } from '../../../src/memory/ut/corruption.ts';
import {
  memAreaAlloc,
  memAreaFree,
  type MemPool,
  memPoolCreate,
  memPoolGetReserved,
} from '../../../src/memory/old/mem-pool.ts';
import { memPoolAreas, memPoolValidate } from '../../../src/memory/old/mem-pool-check.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import { utMemDefects, utMemInit, utTotalAllocatedMemory } from '../../../src/memory/old/ut0mem.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

interface Pool {
  readonly kit: Kit<'ready' | 'slot' | 'ut' | 'pool', { readonly os: NodeMemoryPlan; readonly psi: PsiPlan }>;
  readonly pool: MemPool;
  /** Blocks that were allocated before the threads began. */
  readonly blocks: readonly number[];
}
type Body = (ctx: Ctx<Pool>) => unknown;

const HEADER = 32;
/** Payloads of areas of 64, 128, 256 bytes. */
const A64 = 40;
const A128 = 104;
const A256 = 232;

interface Setting {
  readonly bytes: number;
  /** Payload bytes of blocks to allocate before the threads begin. */
  readonly blocks?: readonly number[];
  /** The bytes behind the pool look like a free area of so many bytes. */
  readonly behind?: number;
  readonly check?: (s: Pool, results: readonly unknown[]) => void;
}

function poolKit(threads: number, o: Setting): Pool {
  const kit: Pool['kit'] = new Kit({
    threads,
    place: { ready: EVENT, slot: 1, ut: UT_MEM, pool: MEM_POOL },
    plan: (planner) => {
      const psi = psiPlan(planner, threads, { keys: 1 });
      planner.openNode();
      return { os: nodeMemoryPlan(planner, { bytes: 8 * OS_PAGE_BYTES, nThreads: threads }), psi };
    },
  });
  const { os, psi } = kit.extra;
  psiInit(kit.mem, psi);
  nodeMemoryInit(kit.mem, os);
  utMemInit(kit.mem, kit.at.ut, { useSysMalloc: false });
  const env = { os: os.at, allOs: [os.at], psi: new Psi(psi), sleepClock: kit.clock, log: new ErrorLog() };
  const thr = kit.threads[0];
  const pool = memPoolCreate(thr, kit.at.pool, { at: kit.at.ut, env }, { bytes: o.bytes, line: '5.5' });
  const blocks: number[] = [];
  for (const n of o.blocks ?? []) blocks.push(memAreaAlloc(thr, pool, n));
  // The heap's block has room left there.
  if (o.behind !== undefined) kit.mem[pool.buf + o.bytes / 4] = o.behind + 1;
  return { kit, pool, blocks };
}

/** A block's owner writes to it in two steps, and finds what it wrote. */
function scribble(mem: Int32Array, p: number, bytes: number, mark: number): void {
  mem.fill(mark, p, p + bytes / 4);
  Atomics.store(mem, p, mark);
  must(Atomics.load(mem, p) === mark, 'a block has two owners');
  for (let i = 1; i < bytes / 4; i++) must(mem[p + i] === mark, 'a block has lost what was written to it');
}

function take(thr: Thread, s: Pool, n: number): number {
  const p = memAreaAlloc(thr, s.pool, n);
  scribble(s.kit.mem, p, n, thr.id);
  return p;
}

function takeAndFree(ctx: Ctx<Pool>, sizes: readonly number[]): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const blocks: number[] = [];
  for (const n of sizes) blocks.push(take(thr, ctx.s, n));
  for (const p of blocks) memAreaFree(thr, ctx.s.pool, p);
}

const small: Body = (ctx) => takeAndFree(ctx, [A64]);
const middle: Body = (ctx) => takeAndFree(ctx, [A128]);
const large: Body = (ctx) => takeAndFree(ctx, [A256]);
const twoSmall: Body = (ctx) => takeAndFree(ctx, [A64, A64]);

/** Frees a block from before the threads began: number `ctx.id`. */
function freeMine(ctx: Ctx<Pool>): void {
  memAreaFree(ctx.s.kit.threads[ctx.id], ctx.s.pool, ctx.s.blocks[ctx.id]);
}

/** Frees its block, then takes one as large as two of them. */
function freeThenLarge(ctx: Ctx<Pool>): void {
  freeMine(ctx);
  middle(ctx);
}

/** Hands a block over, and goes on with others. */
function giveAway(ctx: Ctx<Pool>): void {
  const { mem, at, threads } = ctx.s.kit;
  const p = take(threads[ctx.id], ctx.s, A64);
  Atomics.store(mem, at.slot, p);
  eventSet(mem, at.ready);
  small(ctx);
}

function freeOther(ctx: Ctx<Pool>): void {
  const { mem, at, threads } = ctx.s.kit;
  const thr = threads[ctx.id];
  eventWait(thr, at.ready, 0, thr.waits);
  memAreaFree(thr, ctx.s.pool, Atomics.load(mem, at.slot));
}

/** Frees block 0, as another thread does: one of them is told. Returns whether it went through. */
function freeShared(ctx: Ctx<Pool>): boolean {
  try {
    memAreaFree(ctx.s.kit.threads[ctx.id], ctx.s.pool, ctx.s.blocks[0]);
    return true;
  } catch (e) {
    if (!(e instanceof MemoryCorruption)) throw e;
    return false;
  }
}

/** Looks at the pool while others work on it. */
function watch(ctx: Ctx<Pool>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    const defects = memPoolValidate(thr, ctx.s.pool);
    must(defects.length === 0, defects.join('; '));
    const reserved = memPoolGetReserved(thr, ctx.s.pool);
    must(reserved % 64 === 0 && reserved <= ctx.s.pool.bytes, `${reserved} bytes are reserved`);
  }
}

/** What must hold at rest: a sound pool, all merged again, and nothing from elsewhere left. */
function checkPool({ kit, pool }: Pool): void {
  const thr = kit.threads[0];
  const defects = [...memPoolValidate(thr, pool), ...utMemDefects(kit.mem, pool.ut)];
  must(defects.length === 0, defects.join('; '));
  const reserved = memPoolGetReserved(thr, pool);
  must(reserved === 0, `${reserved} bytes are still reserved`);
  const areas = memPoolAreas(pool).length;
  must(areas === tops(pool.bytes), `${areas} areas are left: not all are merged`);
  const total = utTotalAllocatedMemory(kit.mem, pool.ut);
  must(total === pool.bytes + HEADER, `${total} bytes count as allocated`);
  checkNothingHeld(kit);
}

/** Areas of an empty pool: ones in the binary number. */
function tops(bytes: number): number {
  return bytes
    .toString(2)
    .split('')
    .filter((bit) => bit === '1').length;
}

function poolScenario(name: string, doc: string, threads: readonly Body[], o: Setting): Scenario<Pool> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => poolKit(threads.length, o),
    check: (_mem, s, results) => {
      if (o.check === undefined) checkPool(s);
      else o.check(s, results);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

const TWO_SMALL = [A64, A64] as const;

export const scenarios: readonly Scenario<Pool>[] = [
  poolScenario(
    'mem-pool-split',
    'Do two threads that split the same area get different halves?',
    [small, small],
    {
      bytes: 256,
    },
  ),
  poolScenario(
    'mem-pool-merge',
    'Are two buddies that are freed at once merged by one of them?',
    [freeMine, freeMine],
    {
      bytes: 128,
      blocks: TWO_SMALL,
    },
  ),
  poolScenario(
    'mem-pool-merge-levels',
    'Are buddies of different sizes merged level by level?',
    [freeMine, freeMine, freeMine],
    { bytes: 256, blocks: [A64, A64, A128] },
  ),
  poolScenario(
    'mem-pool-merge-split',
    'Does an area stay whole that one thread merges while another splits its neighbour?',
    [freeMine, small],
    { bytes: 256, blocks: [A64] },
  ),
  poolScenario(
    'mem-pool-merge-grow',
    'Is the pool whole whoever merges the halves?',
    [freeThenLarge, freeMine],
    {
      bytes: 256,
      blocks: TWO_SMALL,
    },
  ),
  poolScenario(
    'mem-pool-fallback',
    'Does a block from elsewhere go back there, when the pool has room for one of two?',
    [large, large],
    { bytes: 256 },
  ),
  poolScenario('mem-pool-sizes', 'Do areas of two sizes share the pool?', [twoSmall, middle], { bytes: 256 }),
  poolScenario('mem-pool-two-tops', 'Are areas merged beyond the end of the pool?', [large, small], {
    bytes: 384,
    behind: 128,
  }),
  poolScenario('mem-pool-free-by-other', 'May another thread free a block?', [giveAway, freeOther], {
    bytes: 256,
  }),
  poolScenario(
    'mem-pool-validate',
    'Do free and reserved bytes make the size at any moment?',
    [small, watch],
    {
      bytes: 256,
    },
  ),
  poolScenario('mem-pool-double-free', 'Is one of two frees of a block refused?', [freeShared, freeShared], {
    bytes: 256,
    blocks: [A64],
    check: (s, results) => {
      must(results.filter((r) => r === true).length === 1, `${results.join(' and ')}: one free is right`);
      checkPool(s);
    },
  }),
];
