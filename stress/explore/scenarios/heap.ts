/** Scenarios for the tiers of the heap, and the special pools on it (src/memory). A batch is one block. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { HEAP_TAG } from '../../../src/layout/heap.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { OS_MEMORY } from '../../../src/layout/os-memory.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { SPECIAL_POOL } from '../../../src/layout/special-pool.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { heapDefects } from '../../../src/memory/heap/heap-check.ts';
import { heapDrain, heapTrim, heapTrimAll } from '../../../src/memory/heap/heap-trim.ts';
import { heapStats } from '../../../src/memory/heap/heap-walk.ts';
import { free, malloc, mallocAligned, mallocWalk, realloc } from '../../../src/memory/heap/malloc.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES, osMemoryDefects, osSetFaults } from '../../../src/memory/os/os-memory.ts';
import {
  POOL_PFX_BYTES,
  poolAlloc,
  poolDefects,
  poolFree,
  poolSetLimit,
  poolStats,
  specialPool,
  specialPoolsInit,
  type SpecialPoolsPlan,
} from '../../../src/memory/heap/special-pools.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import { mutexOwner } from '../../../src/sync/mutex.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

const THREADS = 2;
const SLOTS = 4;
/** Two blocks of SORT's pool do not fit, one does. */
const POOL_LIMIT = 2 * POOL_PFX_BYTES + 10;

interface Heap {
  readonly kit: Kit<'ready' | 'slots' | 'pools', NodeMemoryPlan>;
  readonly os: number;
  readonly pools: SpecialPoolsPlan;
  readonly sort: number;
}
type Body = (ctx: Ctx<Heap>) => unknown;

function heapKit(pages: number, cachedBuddies: number): Heap {
  const kit: Heap['kit'] = new Kit({
    threads: THREADS,
    place: { ready: EVENT, slots: SLOTS, pools: SPECIAL_POOL },
    plan: (planner) => {
      planner.openNode();
      return nodeMemoryPlan(planner, {
        bytes: pages * OS_PAGE_BYTES,
        nThreads: THREADS,
        batch: 1,
        cachedBuddies,
      });
    },
  });
  nodeMemoryInit(kit.mem, kit.extra);
  const pools: SpecialPoolsPlan = { at: kit.at.pools, pools: [{ name: 'SORT', limitBytes: POOL_LIMIT }] };
  specialPoolsInit(kit.mem, pools);
  return { kit, os: kit.extra.at, pools, sort: specialPool(pools, 'SORT') };
}

/** Takes a block that must be had, and writes all over it. */
function take({ kit, os }: Heap, thr: Thread, bytes: number): number {
  const at = malloc(thr, os, bytes, HEAP_TAG.my);
  must(at !== NIL, 'malloc failed although there is memory');
  kit.mem.fill(thr.id, at, at + bytes / 4);
  return at;
}

/** Frees a block that thread number `id` has written to. */
function give({ kit, os }: Heap, thr: Thread, at: number, bytes: number, id = thr.id): void {
  for (let i = 0; i < bytes / 4; i++) must(kit.mem[at + i] === id, 'a block has two owners');
  free(thr, os, at, HEAP_TAG.my);
}

/** So many blocks at once, then all are freed: the list is filled from the pages, and overflows into them. */
function takeAndGive(ctx: Ctx<Heap>, bytes: number, count: number): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const blocks: number[] = [];
  for (let i = 0; i < count; i++) blocks.push(take(ctx.s, thr, bytes));
  for (const at of blocks) give(ctx.s, thr, at, bytes);
}

/** Three that come from the pages, and one from the own list. */
function three512(ctx: Ctx<Heap>): void {
  takeAndGive(ctx, 512, 3);
  takeAndGive(ctx, 512, 1);
}

const buddy1024: Body = (ctx) => takeAndGive(ctx, 1024, 2);
const buddy2048: Body = (ctx) => takeAndGive(ctx, 2048, 1);

/** One of two buddies is freed into the own list, comes back from there, and goes with another to the buddy system. */
function buddyLists(ctx: Ctx<Heap>): void {
  freeBuddy(ctx);
  takeAndGive(ctx, 1024, 2);
}

/** Everything that it had goes back, the page with it unless another has blocks of it. */
function takeAndTrim(ctx: Ctx<Heap>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    give(ctx.s, thr, take(ctx.s, thr, 256), 256);
    heapTrim(thr, ctx.s.os);
  }
}

/** Hands three blocks over, and goes on with others of their class. */
function handOver(ctx: Ctx<Heap>): void {
  const { kit } = ctx.s;
  const thr = kit.threads[ctx.id];
  for (let i = 0; i < 3; i++) Atomics.store(kit.mem, kit.at.slots + i, take(ctx.s, thr, 512));
  eventSet(kit.mem, kit.at.ready);
  takeAndGive(ctx, 512, 1);
}

function freeOthers(ctx: Ctx<Heap>): void {
  const { kit } = ctx.s;
  const thr = kit.threads[ctx.id];
  eventWait(thr, kit.at.ready, 0, thr.waits);
  for (let i = 0; i < 3; i++) give(ctx.s, thr, Atomics.load(kit.mem, kit.at.slots + i), 512, 1);
}

/** Frees one of the two buddies that the scenario has made. */
function freeBuddy(ctx: Ctx<Heap>): void {
  const { kit } = ctx.s;
  give(ctx.s, kit.threads[ctx.id], Atomics.load(kit.mem, kit.at.slots + ctx.id), 1024, 1);
}

/** Frees the block in its slot, which is of 1024 bytes, or of 2048. */
function freeHalf(ctx: Ctx<Heap>): void {
  const { kit } = ctx.s;
  const at = Atomics.load(kit.mem, kit.at.slots + ctx.id);
  give(ctx.s, kit.threads[ctx.id], at, ctx.id === 0 ? 1024 : 2048, 1);
}

/** A block that starts inside its run, and one of two pages: what lies before the first must not be lost. */
function alignedRun(ctx: Ctx<Heap>): void {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = mallocAligned(thr, os, 5000, 2 * OS_PAGE_BYTES, HEAP_TAG.my);
  must(at !== NIL && (at * 4) % (2 * OS_PAGE_BYTES) === 0, 'no block, or not where it should be');
  kit.mem.fill(thr.id, at, at + 1250);
  give(ctx.s, thr, at, 5000);
}

/** Grows a block through three tiers. */
function grow(ctx: Ctx<Heap>): void {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  let at = take(ctx.s, thr, 64);
  for (const bytes of [500, 1000, 5000]) {
    at = realloc(thr, os, at, bytes, HEAP_TAG.my);
    must(at !== NIL, 'realloc failed although there is memory');
  }
  give(ctx.s, thr, at, 64);
}

/** Its free blocks fill the only page; then it wants another class. */
function changeClass(ctx: Ctx<Heap>): boolean {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = malloc(thr, os, 256, HEAP_TAG.my);
  if (at !== NIL) free(thr, os, at, HEAP_TAG.my);
  const other = malloc(thr, os, 512, HEAP_TAG.my);
  if (other !== NIL) free(thr, os, other, HEAP_TAG.my);
  heapTrim(thr, os);
  return other !== NIL;
}

function planFaults(ctx: Ctx<Heap>): void {
  osSetFaults(ctx.s.kit.threads[ctx.id], ctx.s.os, { failNext: 1 });
}

/** Whether a request that its list has a block for was refused. */
function refusedOnce(ctx: Ctx<Heap>): boolean {
  return malloc(ctx.s.kit.threads[ctx.id], ctx.s.os, 512, HEAP_TAG.my) === NIL;
}

/** How many of two requests were refused. */
function meetFaults(ctx: Ctx<Heap>): number {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  let refused = 0;
  for (let i = 0; i < 2; i++) {
    const at = malloc(thr, os, 512, HEAP_TAG.my);
    if (at === NIL) refused++;
    else free(thr, os, at, HEAP_TAG.my);
  }
  return refused;
}

/** A block of the pool that has room for one; returns whether there was any. */
function fromPool(ctx: Ctx<Heap>): boolean {
  const { kit, os, sort } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = poolAlloc(thr, os, sort, 8);
  if (at === NIL) return false;
  kit.mem.fill(thr.id, at, at + 2);
  must(poolStats(kit.mem, sort).inUseBytes <= POOL_LIMIT, 'the pool is above its limit');
  poolFree(thr, [os], sort, at);
  return true;
}

/** A block that the next who asks for one of its size gets. */
function largeFromPool(ctx: Ctx<Heap>): void {
  const { kit, os, sort } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = poolAlloc(thr, os, sort, 600 + 8 * ctx.id);
  must(at !== NIL, 'the pool has no room');
  kit.mem.fill(thr.id, at, at + 150);
  poolFree(thr, [os], sort, at);
}

function keepFromPool(ctx: Ctx<Heap>): boolean {
  return poolAlloc(ctx.s.kit.threads[ctx.id], ctx.s.os, ctx.s.sort, 8) !== NIL;
}

/** From a pool of a heap that has no memory. */
function fromPoolInVain(ctx: Ctx<Heap>): boolean {
  return poolAlloc(ctx.s.kit.threads[ctx.id], ctx.s.os, ctx.s.sort, 2) !== NIL;
}

/** The books at rest, before and after all lists were emptied; then nothing is mapped. */
function checkHeap({ kit, os, pools }: Heap, live = 0): void {
  const { mem } = kit;
  const defects = heapDefects(mem, os);
  heapTrimAll(kit.threads[0], os);
  defects.push(...heapDefects(mem, os), ...osMemoryDefects(mem, os), ...poolDefects(mem, [os], pools));
  must(defects.length === 0, defects.join('; '));
  const walked = mallocWalk(mem, os).length;
  must(walked === live, `${walked} blocks are live instead of ${live}`);
  const counted = heapStats(mem, os).liveBlocks;
  must(counted === live, `${counted} blocks are live by the counts`);
  const inUse = getU53(mem, os + OS_MEMORY.at.inUse);
  must(live > 0 || inUse === 0, `${inUse} bytes are mapped, and nothing lives`);
  checkNothingHeld(kit);
}

/** What a dead thread had in its lists can be had back, unless it died with a latch in its hands. */
function checkDrained({ kit, os }: Heap, dead: number): void {
  const { mem } = kit;
  const latches = [os + OS_MEMORY.at.mutex, ...kit.threads.map((thr) => mem[thr.held])];
  if (latches.some((at) => at !== 0 && mutexOwner(mem[at]) === dead + 1)) return;
  heapDrain(kit.threads[1 - dead], os, dead + 1);
  const defects = heapDefects(mem, os);
  must(defects.length === 0, defects.join('; '));
}

function heapScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: {
    readonly pages?: number;
    readonly cachedBuddies?: number;
    readonly prepare?: (s: Heap) => void;
    readonly check?: (s: Heap, results: readonly unknown[]) => void;
    readonly death?: boolean;
    readonly exhaustive?: boolean;
  } = {},
): Scenario<Heap> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: o.exhaustive ?? true,
    setup: () => {
      const s = heapKit(o.pages ?? 4, o.cachedBuddies ?? 0);
      o.prepare?.(s);
      return s;
    },
    check: (_mem, s, results) => {
      if (o.check === undefined) checkHeap(s);
      else o.check(s, results);
    },
    ...(o.death === true && {
      mayDie: [0],
      checkAfterDeath: (_mem, s, _results, dead) => {
        checkDrained(s, dead);
      },
    }),
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

/** A page with so many blocks in use that the threads fill it. */
function fillPage(s: Heap): void {
  for (let i = 0; i < 5; i++) take(s, s.kit.threads[0], 512);
}

/** Two buddies, in the first two slots; they are thread 0's. */
function makeBuddies(s: Heap): void {
  for (let i = 0; i < 2; i++) s.kit.mem[s.kit.at.slots + i] = take(s, s.kit.threads[0], 1024);
}

/** A page in three parts: the first two buddies, of which thread 0 frees one, and a half, which thread 1 frees. */
function makeHalves(s: Heap): void {
  const [thr] = s.kit.threads;
  s.kit.mem[s.kit.at.slots] = take(s, thr, 1024);
  take(s, thr, 1024);
  s.kit.mem[s.kit.at.slots + 1] = take(s, thr, 2048);
}

/** Both threads have a free block in their lists; then the plan refuses two requests. */
function fillAndPlan(s: Heap): void {
  for (const thr of s.kit.threads) give(s, thr, take(s, thr, 512), 512);
  osSetFaults(s.kit.threads[0], s.os, { failNext: 2 });
}

function noLimit(s: Heap): void {
  poolSetLimit(s.kit.mem, s.sort, Infinity);
}

export const scenarios: readonly Scenario<Heap>[] = [
  heapScenario(
    'heap-exchange',
    'Do blocks come and go between two lists and their pages?',
    [three512, three512],
    {
      prepare: fillPage,
      check: (s) => {
        checkHeap(s, 5);
      },
    },
  ),
  heapScenario('heap-free-by-other', 'May a block that another thread asked for go into the own list?', [
    handOver,
    freeOthers,
  ]),
  heapScenario('heap-last-page', 'May a page go back while another thread takes from its class?', [
    takeAndTrim,
    takeAndTrim,
  ]),
  heapScenario('heap-buddy', 'Are blocks of two sizes split and joined right?', [buddy1024, buddy2048]),
  heapScenario('heap-buddy-lists', 'And with lists of the threads in front?', [buddyLists, buddyLists], {
    cachedBuddies: 1,
    prepare: makeBuddies,
    check: (s) => {
      for (const thr of s.kit.threads) heapTrim(thr, s.os);
      checkHeap(s);
    },
  }),
  heapScenario('heap-buddies', 'Are two buddies joined, whoever is freed first?', [freeBuddy, freeBuddy], {
    prepare: makeBuddies,
  }),
  heapScenario('heap-buddy-split', 'Is a half joined only with a half?', [freeHalf, freeHalf], {
    prepare: makeHalves,
    check: (s) => {
      checkHeap(s, 1);
    },
  }),
  heapScenario(
    'heap-aligned',
    'Does an aligned block go back with all of its run?',
    [alignedRun, alignedRun],
    {
      pages: 8,
    },
  ),
  heapScenario('heap-tiers', 'Does a block that grows through the tiers leave nothing behind?', [
    grow,
    buddy2048,
  ]),
  heapScenario(
    'heap-tight',
    'Does a thread’s own free page make room for another class?',
    [changeClass, changeClass],
    {
      pages: 1,
      check: (s, results) => {
        must(results.includes(true), 'nobody got a block, though each can empty the page');
        checkHeap(s);
      },
    },
  ),
  heapScenario(
    'heap-faults',
    'Is a fault met once, even by a request that a list has a block for?',
    [planFaults, meetFaults],
    {
      check: (s, results) => {
        const left = s.kit.mem[s.os + OS_MEMORY.at.failNext];
        must(Number(results[1]) + left === 1, `1 fault was planned; ${String(results[1])} met, ${left} left`);
        must(heapStats(s.kit.mem, s.os).requests === 2, 'not every request was counted');
        checkHeap(s);
      },
    },
  ),
  heapScenario(
    'heap-faults-hit',
    'Does the fault plan refuse what a list has a block for?',
    [refusedOnce, refusedOnce],
    {
      prepare: fillAndPlan,
      check: (s, results) => {
        must(!results.includes(false), 'a request passed by the fault plan');
        checkHeap(s);
      },
    },
  ),
  heapScenario('heap-death', 'Can the lists of a dead thread be emptied?', [three512, buddy1024], {
    death: true,
    exhaustive: false,
  }),
  heapScenario('heap-pool', 'Does a pool stay within its limit, and count right?', [fromPool, fromPool]),
  heapScenario('heap-pool-limit', 'Does exactly one of two requests fit?', [keepFromPool, keepFromPool], {
    check: (s, results) => {
      must(results.filter((r) => r === true).length === 1, `${results.join(' and ')}: one block fits`);
      const { refused, allocs, inUseBytes } = poolStats(s.kit.mem, s.sort);
      must(refused === 1 && allocs === 1 && inUseBytes === POOL_PFX_BYTES + 8, 'the pool has counted wrong');
      checkHeap(s, 1);
    },
  }),
  heapScenario(
    'heap-pool-refused',
    'Is what was reserved given back when there is no memory?',
    [fromPoolInVain, keepFromPool],
    {
      prepare: (s) => {
        osSetFaults(s.kit.threads[0], s.os, { failNext: 1 });
      },
      check: (s, results) => {
        const { refused, failed, allocs } = poolStats(s.kit.mem, s.sort);
        must(refused + failed + allocs === 2 && failed === 1, 'the pool has counted wrong');
        checkHeap(s, results.filter((r) => r === true).length);
      },
    },
  ),
  heapScenario('heap-pool-peak', 'Is the peak of two requests that of both?', [keepFromPool, keepFromPool], {
    prepare: noLimit,
    check: (s) => {
      checkHeap(s, 2);
    },
  }),
  heapScenario(
    'heap-pool-late',
    'Is a block’s size known until it is free, and not asked for after?',
    [largeFromPool, largeFromPool],
    { prepare: noLimit },
  ),
];
