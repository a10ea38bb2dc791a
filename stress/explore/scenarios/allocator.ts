/** Scenarios for the simulated memory of a node, its heap, and the tracked allocator (src/memory). */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { OS_MEMORY } from '../../../src/layout/os-memory.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { MemoryCorruption } from '../../../src/memory/ut/corruption.ts';
import { heapDefects } from '../../../src/memory/heap/heap-check.ts';
import { heapTrimAll } from '../../../src/memory/heap/heap-trim.ts';
import {
  calloc,
  free,
  heapLiveBlocks,
  malloc,
  mallocWalk,
  realloc,
} from '../../../src/memory/heap/malloc.ts';
import { accountDefects } from '../../../src/memory/psi/account-check.ts';
import {
  OS_PAGE_BYTES,
  osMemoryDefects,
  OsMemoryError,
  osMmap,
  osMunmap,
  osSetFaults,
  osSetLimit,
} from '../../../src/memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { MEM_KEY } from '../../../src/memory/psi/psi-keys.ts';
import { utStatSum } from '../../../src/memory/psi/psi-ut-stat.ts';
import { UtAllocator, utAllocate, utDeallocate, utReallocate } from '../../../src/memory/ut/ut-allocator.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

interface Memory {
  readonly kit: Kit<'ready' | 'slot', { readonly os: NodeMemoryPlan; readonly psi: PsiPlan }>;
  readonly os: number;
  readonly alloc: UtAllocator;
}
type Body = (ctx: Ctx<Memory>) => unknown;

const KEY = MEM_KEY.stringValue;
const THREADS = 2;

function memoryKit(pages: number, limitPages: number): Memory {
  const kit: Memory['kit'] = new Kit({
    threads: THREADS,
    place: { ready: EVENT, slot: 1 },
    plan: (planner) => {
      const psi = psiPlan(planner, THREADS, { keys: MEM_KEY.bufBufPool + 1 });
      planner.openNode();
      return { os: nodeMemoryPlan(planner, { bytes: pages * OS_PAGE_BYTES, nThreads: THREADS }), psi };
    },
  });
  const { os, psi } = kit.extra;
  psiInit(kit.mem, psi);
  nodeMemoryInit(kit.mem, os, limitPages * OS_PAGE_BYTES);
  const alloc = new UtAllocator({
    os: os.at,
    allOs: [os.at],
    psi: new Psi(psi),
    sleepClock: kit.clock,
    log: new ErrorLog(),
    oomFatal: false,
  });
  for (const thr of kit.threads) psiAttach(thr, alloc.psi);
  return { kit, os: os.at, alloc };
}

/** A block's owner writes to it in two steps, and finds what it wrote. */
function scribble(mem: Int32Array, at: number, words: number, mark: number): void {
  mem.fill(mark, at, at + words);
  Atomics.store(mem, at, mark);
  checkMark(mem, at, words, mark);
}

function checkMark(mem: Int32Array, at: number, words: number, mark: number): void {
  must(Atomics.load(mem, at) === mark, 'a block has two owners');
  for (let i = 1; i < words; i++) must(mem[at + i] === mark, 'a block has lost what was written to it');
}

/** malloc and free, twice. */
function mallocFree(ctx: Ctx<Memory>, bytes: number): void {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    const at = malloc(thr, os, bytes);
    must(at !== NIL, 'malloc failed although there is memory');
    scribble(kit.mem, at, 8, thr.id);
    free(thr, os, at);
  }
}

const mallocSmall: Body = (ctx) => mallocFree(ctx, 32);
const mallocHalf: Body = (ctx) => mallocFree(ctx, 2048);
const mallocPage: Body = (ctx) => mallocFree(ctx, 3000);

function mallocScribble(ctx: Ctx<Memory>): void {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = malloc(thr, os, 64);
  scribble(kit.mem, at, 16, thr.id);
  free(thr, os, at);
}

/** After another block of the class, so that it gets one that was written to. */
function callocLook(ctx: Ctx<Memory>): void {
  const { kit, os } = ctx.s;
  mallocScribble(ctx);
  const thr = kit.threads[ctx.id];
  const at = calloc(thr, os, 64);
  checkMark(kit.mem, at, 16, 0);
  free(thr, os, at);
}

/** Grows a block twice: the second time to whole pages. */
function reallocKeep(ctx: Ctx<Memory>): void {
  const { kit, alloc } = ctx.s;
  const thr = kit.threads[ctx.id];
  let at = utAllocate(thr, alloc, 32, KEY);
  scribble(kit.mem, at, 8, thr.id);
  for (const bytes of [90, 3000]) {
    at = utReallocate(thr, alloc, at, bytes, KEY);
    must(at !== NIL, 'realloc failed although there is memory');
    checkMark(kit.mem, at, 8, thr.id);
  }
  utDeallocate(thr, alloc, at);
}

function allocateFree(ctx: Ctx<Memory>): void {
  const { kit, alloc } = ctx.s;
  const thr = kit.threads[ctx.id];
  for (const bytes of [32, 90]) {
    const at = utAllocate(thr, alloc, bytes, KEY);
    scribble(kit.mem, at, 8, thr.id);
    utDeallocate(thr, alloc, at);
  }
}

/** Hands a block over, and goes on with others. */
function giveAway(ctx: Ctx<Memory>): void {
  const { kit, alloc } = ctx.s;
  const { mem, at } = kit;
  const thr = kit.threads[ctx.id];
  const block = utAllocate(thr, alloc, 32, KEY);
  scribble(mem, block, 8, thr.id);
  Atomics.store(mem, at.slot, block);
  eventSet(mem, at.ready);
  const other = utAllocate(thr, alloc, 100, MEM_KEY.bufBufPool);
  scribble(mem, other, 8, thr.id);
  utDeallocate(thr, alloc, other);
}

function freeOther(ctx: Ctx<Memory>): void {
  const { kit, alloc } = ctx.s;
  const { mem, at } = kit;
  const thr = kit.threads[ctx.id];
  eventWait(thr, at.ready, 0, thr.waits);
  const block = Atomics.load(mem, at.slot);
  checkMark(mem, block, 8, 1);
  utDeallocate(thr, alloc, block);
}

function mapPages(thr: Thread, s: Memory, pages: number): number {
  const at = osMmap(thr, s.os, pages * OS_PAGE_BYTES);
  if (at !== NIL) scribble(s.kit.mem, at, 8, thr.id);
  return at;
}

/** Maps and unmaps, twice, as far as there are pages. */
function mapUnmap(ctx: Ctx<Memory>, pages: number): void {
  const thr = ctx.s.kit.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    const at = mapPages(thr, ctx.s, pages);
    if (at !== NIL) osMunmap(thr, ctx.s.os, at, pages * OS_PAGE_BYTES);
  }
}

const mapOne: Body = (ctx) => mapUnmap(ctx, 1);
const mapTwo: Body = (ctx) => mapUnmap(ctx, 2);

/** Returns whether it got two pages, which it keeps. */
function mapKeep(ctx: Ctx<Memory>): boolean {
  return mapPages(ctx.s.kit.threads[ctx.id], ctx.s, 2) !== NIL;
}

/** Gives back what it does not have, in each way; all is refused. */
function wrongFrees(ctx: Ctx<Memory>): number {
  const { kit, os } = ctx.s;
  const thr = kit.threads[ctx.id];
  const nowhere = kit.mem[os + OS_MEMORY.at.base] + 1024;
  let refused = 0;
  for (const how of ['free', 'realloc', 'munmap']) {
    try {
      if (how === 'free') free(thr, os, nowhere);
      else if (how === 'realloc') realloc(thr, os, nowhere, 64);
      else osMunmap(thr, os, nowhere, OS_PAGE_BYTES);
    } catch (e) {
      if (!(e instanceof OsMemoryError) && !(e instanceof MemoryCorruption)) throw e;
      refused++;
    }
  }
  return refused;
}

/** Sets limits whose halves, mixed, make 0. */
function setLimits(ctx: Ctx<Memory>): void {
  const { kit, os } = ctx.s;
  for (const bytes of [2 ** 33, 4 * OS_PAGE_BYTES, 2 ** 33]) osSetLimit(kit.threads[ctx.id], os, bytes);
}

/** What must hold at rest: the page map, the heap and the accounts agree, and so many pages are mapped. */
function checkMemory({ kit, os, alloc }: Memory, mappedPages: number): void {
  const { mem } = kit;
  const defects = heapDefects(mem, os);
  heapTrimAll(kit.threads[0], os);
  defects.push(...heapDefects(mem, os), ...osMemoryDefects(mem, os));
  defects.push(...accountDefects(mem, alloc.psi, []));
  must(defects.length === 0, defects.join('; '));
  must(mallocWalk(mem, os).length === 0 && heapLiveBlocks(mem, os) === 0, 'a block is still in use');
  const inUse = getU53(mem, os + OS_MEMORY.at.inUse) / OS_PAGE_BYTES;
  must(inUse === mappedPages, `${mappedPages} pages should be mapped, not ${inUse}`);
  checkNothingHeld(kit);
}

function memoryScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: {
    readonly pages?: number;
    readonly limitPages?: number;
    readonly failNext?: number;
    readonly check?: (s: Memory, results: readonly unknown[]) => void;
  } = {},
): Scenario<Memory> {
  const pages = o.pages ?? 4;
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => {
      const s = memoryKit(pages, o.limitPages ?? pages);
      osSetFaults(s.kit.threads[0], s.os, { failNext: o.failNext ?? 0 });
      return s;
    },
    check: (_mem, s, results) => {
      if (o.check === undefined) checkMemory(s, 0);
      else o.check(s, results);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Memory>[] = [
  memoryScenario('malloc-same-class', 'Has every block one owner?', [mallocSmall, mallocSmall]),
  memoryScenario('malloc-two-to-a-page', 'Do pages come and go with the blocks in them?', [
    mallocHalf,
    mallocHalf,
  ]),
  memoryScenario('malloc-whole-pages', 'Do small blocks and whole pages share the memory?', [
    mallocSmall,
    mallocPage,
  ]),
  memoryScenario('calloc', 'Is a zeroed block zero, whoever had it before?', [callocLook, mallocScribble]),
  memoryScenario('realloc', 'Does a block that grows keep what is in it?', [reallocKeep, allocateFree]),
  memoryScenario('alloc-accounts', 'Do the accounts of two threads add up?', [allocateFree, allocateFree]),
  memoryScenario('alloc-free-by-other', 'May another thread free a block, and do the accounts add up?', [
    giveAway,
    freeOther,
  ]),
  memoryScenario(
    'alloc-retry',
    'Does an allocation that failed once succeed after its sleep?',
    [allocateFree, allocateFree],
    {
      failNext: 1,
      check: (s) => {
        checkMemory(s, 0);
        const { retries } = utStatSum(s.kit.mem, s.alloc.psi, KEY);
        must(retries === 1, `${retries} retries for 1 failure`);
      },
    },
  ),
  memoryScenario('alloc-wrong-free', 'Is a wrong free refused, and the heap usable after it?', [
    wrongFrees,
    mallocPage,
  ]),
  memoryScenario('mmap-unmap', 'Do mappings of two threads stay apart, and their sum right?', [
    mapOne,
    mapOne,
  ]),
  memoryScenario(
    'mmap-tight',
    'Are pages found again when both mappings do not fit at once?',
    [mapTwo, mapTwo],
    {
      pages: 3,
    },
  ),
  memoryScenario('mmap-limit', 'Does exactly one of two mappings fit under the limit?', [mapKeep, mapKeep], {
    pages: 8,
    limitPages: 3,
    check: (s, results) => {
      must(results.filter((r) => r === true).length === 1, `${results.join(' and ')}: one mapping fits`);
      const defects = osMemoryDefects(s.kit.mem, s.os);
      must(defects.length === 0, defects.join('; '));
      checkNothingHeld(s.kit);
    },
  }),
  memoryScenario('malloc-set-limit', 'Does a request see the old limit or the new one, never half of each?', [
    mallocSmall,
    setLimits,
  ]),
];
