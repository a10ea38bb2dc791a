/** Scenarios for my_malloc and MEM_ROOT (src/memory): blocks and whole roots that change hands. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { MEM_ROOT } from '../../../src/layout/mem-root.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { accountDefects } from '../../../src/memory/psi/account-check.ts';
import { MemoryCorruption } from '../../../src/memory/ut/corruption.ts';
import { heapDefects } from '../../../src/memory/heap/heap-check.ts';
import { heapTrimAll } from '../../../src/memory/heap/heap-trim.ts';
import { heapLiveBlocks } from '../../../src/memory/heap/malloc.ts';
import {
  memRootClaim,
  memRootClear,
  memRootClearForReuse,
  memRootForceNewBlock,
  memRootMoveAssign,
} from '../../../src/memory/mem-root/mem-root-blocks.ts';
import { memRootBlocks } from '../../../src/memory/mem-root/mem-root-check.ts';
import { MemRootEnv } from '../../../src/memory/mem-root/mem-root-env.ts';
import {
  memRootInit,
  memRootMove,
  memRootSetBlockSize,
} from '../../../src/memory/mem-root/mem-root-state.ts';
import { memRootAlloc } from '../../../src/memory/mem-root/mem-root.ts';
import {
  myClaim,
  myFree,
  myKeyOf,
  myMalloc,
  myOwnerOf,
  myRealloc,
  mySizeOf,
} from '../../../src/memory/mem-root/my-malloc.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES, osMemoryDefects } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import { MEM_KEY } from '../../../src/memory/psi/psi-keys.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

/** `mail`: the root through which roots are handed over; `slot`: the address of a block. */
type Placed = 'ready' | 'freed' | 'slot' | 'mail' | 'mine' | 'yours';

interface My {
  readonly kit: Kit<Placed, { readonly os: NodeMemoryPlan; readonly psi: PsiPlan }>;
  readonly os: number;
  readonly envs: readonly MemRootEnv[];
}
type Body = (ctx: Ctx<My>) => unknown;

const KEY = MEM_KEY.stringValue;
const OTHER_KEY = MEM_KEY.thdMainMemRoot;
const THREADS = 2;
const BYTES = 40;
/** Words of a block that are written and looked at. */
const MARKED = BYTES / 4;
/** Whole pages: such blocks go to the operating system and come from it. */
const MANY_BYTES = 4096;

function myKit(): My {
  const kit: My['kit'] = new Kit({
    threads: THREADS,
    place: { ready: EVENT, freed: EVENT, slot: 1, mail: MEM_ROOT, mine: MEM_ROOT, yours: MEM_ROOT },
    plan: (planner) => {
      const psi = psiPlan(planner, THREADS, { keys: Math.max(KEY, OTHER_KEY) + 1 });
      planner.openNode();
      return { os: nodeMemoryPlan(planner, { bytes: 8 * OS_PAGE_BYTES, nThreads: THREADS }), psi };
    },
  });
  const { os, psi } = kit.extra;
  psiInit(kit.mem, psi);
  nodeMemoryInit(kit.mem, os);
  for (const root of [kit.at.mail, kit.at.mine, kit.at.yours]) memRootInit(kit.mem, root, KEY, 64);
  const service = new Psi(psi);
  for (const thr of kit.threads) psiAttach(thr, service);
  const envs = kit.threads.map(
    () =>
      new MemRootEnv({
        os: os.at,
        allOs: [os.at],
        psi: service,
        sleepClock: kit.clock,
        log: new ErrorLog(),
        checked: true,
      }),
  );
  return { kit, os: os.at, envs };
}

/** A block's owner writes to it, and finds what it wrote. */
function scribble(mem: Int32Array, at: number, words: number, mark: number): void {
  mem.fill(mark, at, at + words);
  checkMark(mem, at, words, mark);
}

function checkMark(mem: Int32Array, at: number, words: number, mark: number): void {
  for (let i = 0; i < words; i++) must(mem[at + i] === mark, 'a block has lost what was written to it');
}

/** A block of my_malloc with the thread's mark in it. */
function take(thr: Thread, env: MemRootEnv, key: number, bytes: number): number {
  const p = myMalloc(thr, env, key, bytes);
  must(p !== NIL, 'my_malloc failed although there is memory');
  checkHeader(thr.mem, p, key, bytes, thr.id);
  scribble(thr.mem, p, MARKED, thr.id);
  return p;
}

function checkHeader(mem: Int32Array, p: number, key: number, bytes: number, owner: number): void {
  must(myKeyOf(mem, p) === key, `the key of a block is ${myKeyOf(mem, p)}, not ${key}`);
  must(mySizeOf(mem, p) === bytes, `the size of a block is ${mySizeOf(mem, p)}, not ${bytes}`);
  must(myOwnerOf(mem, p) === owner, `the owner of a block is ${myOwnerOf(mem, p)}, not ${owner}`);
}

function handOver(ctx: Ctx<My>, block: number): void {
  const { mem, at } = ctx.s.kit;
  Atomics.store(mem, at.slot, block);
  eventSet(mem, at.ready);
}

function receive(ctx: Ctx<My>): number {
  const { threads, at, mem } = ctx.s.kit;
  const thr = threads[ctx.id];
  eventWait(thr, at.ready, 0, thr.waits);
  return Atomics.load(mem, at.slot);
}

/** Hands a block over, and goes on with another of the same size. */
function giveAway(ctx: Ctx<My>, bytes: number, claimed: boolean): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const env = ctx.s.envs[ctx.id];
  const block = take(thr, env, KEY, bytes);
  if (claimed) {
    myClaim(thr, env, block, false);
    checkHeader(thr.mem, block, KEY, bytes, 0);
  }
  handOver(ctx, block);
  const other = take(thr, env, OTHER_KEY, bytes);
  checkHeader(thr.mem, other, OTHER_KEY, bytes, thr.id);
  checkMark(thr.mem, other, MARKED, thr.id);
  myFree(thr, env, other);
}

const giveBlock: Body = (ctx) => giveAway(ctx, BYTES, false);
const givePages: Body = (ctx) => giveAway(ctx, MANY_BYTES, false);
const giveClaimed: Body = (ctx) => giveAway(ctx, BYTES, true);

/** Frees the other's block. */
function freeOther(ctx: Ctx<My>, bytes: number): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const block = receive(ctx);
  checkMark(thr.mem, block, MARKED, 1);
  checkHeader(thr.mem, block, KEY, bytes, 1);
  myFree(thr, ctx.s.envs[ctx.id], block);
}

const freeBlock: Body = (ctx) => freeOther(ctx, BYTES);
const freePages: Body = (ctx) => freeOther(ctx, MANY_BYTES);

/** Claims the other's block, lets it grow, frees it. */
function claimBlock(ctx: Ctx<My>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const env = ctx.s.envs[ctx.id];
  const block = receive(ctx);
  checkHeader(thr.mem, block, KEY, BYTES, 0);
  myClaim(thr, env, block, true);
  checkHeader(thr.mem, block, KEY, BYTES, thr.id);
  const grown = myRealloc(thr, env, KEY, block, MANY_BYTES);
  must(grown !== NIL, 'my_realloc failed although there is memory');
  checkMark(thr.mem, grown, MARKED, 1);
  myFree(thr, env, grown);
}

/** Grows a block of whole pages while the other takes and frees such. */
function growPages(ctx: Ctx<My>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const env = ctx.s.envs[ctx.id];
  const block = take(thr, env, KEY, MANY_BYTES);
  const grown = myRealloc(thr, env, KEY, block, MANY_BYTES + 4);
  checkMark(thr.mem, grown, MARKED, thr.id);
  myFree(thr, env, grown);
}

function takeAndFree(ctx: Ctx<My>): void {
  const thr = ctx.s.kit.threads[ctx.id];
  const env = ctx.s.envs[ctx.id];
  for (let i = 0; i < 2; i++) {
    const block = take(thr, env, OTHER_KEY, MANY_BYTES);
    checkMark(thr.mem, block, MARKED, thr.id);
    myFree(thr, env, block);
  }
}

/** Hands a block over, waits until it is free, and frees it again. Returns whether that was refused. */
function freeTwice(ctx: Ctx<My>): boolean {
  const { kit, envs } = ctx.s;
  const thr = kit.threads[ctx.id];
  const block = take(thr, envs[ctx.id], KEY, BYTES);
  handOver(ctx, block);
  eventWait(thr, kit.at.freed, 0, thr.waits);
  try {
    myFree(thr, envs[ctx.id], block);
  } catch (e) {
    if (!(e instanceof MemoryCorruption)) throw e;
    return true;
  }
  return false;
}

function freeAndSay(ctx: Ctx<My>): void {
  freeOther(ctx, BYTES);
  eventSet(ctx.s.kit.mem, ctx.s.kit.at.freed);
}

function owners(mem: Int32Array, env: MemRootEnv, root: number): string {
  const ids: number[] = [];
  for (const block of memRootBlocks(mem, env, root)) ids.push(myOwnerOf(mem, block.at));
  return ids.join();
}

/** Fills a root with three blocks, gives it to nobody and moves it into the mail. */
function giveRoot(ctx: Ctx<My>): void {
  const { kit, envs } = ctx.s;
  const { mem, at } = kit;
  const thr = kit.threads[ctx.id];
  const env = envs[ctx.id];
  const first = memRootAlloc(thr, env, at.mine, 64);
  scribble(mem, first, 16, thr.id);
  for (const bytes of [8, 400]) scribble(mem, memRootAlloc(thr, env, at.mine, bytes), bytes / 4, thr.id);
  memRootClaim(thr, env, at.mine, false);
  must(owners(mem, env, at.mine) === '0,0,0', 'a block was not given away');
  memRootMove(mem, at.mail, at.mine);
  handOver(ctx, first);
  // The root is its own again, and empty.
  scribble(mem, memRootAlloc(thr, env, at.mine, 8), 2, thr.id);
  memRootClear(thr, env, at.mine);
}

/** Takes the root out of the mail, goes on with it, clears it. */
function takeRoot(ctx: Ctx<My>): void {
  const { kit, envs } = ctx.s;
  const { mem, at } = kit;
  const thr = kit.threads[ctx.id];
  const env = envs[ctx.id];
  memRootAlloc(thr, env, at.yours, 8);
  const first = receive(ctx);
  memRootMoveAssign(thr, env, at.yours, at.mail);
  memRootClaim(thr, env, at.yours, true);
  must(owners(mem, env, at.yours) === '2,2,2', 'a block was not taken');
  checkMark(mem, first, 16, 1);
  must(memRootAlloc(thr, env, at.yours, 8) !== NIL, 'Alloc failed although there is memory');
  memRootClearForReuse(thr, env, at.yours);
  memRootClear(thr, env, at.yours);
}

/** A root of whole pages that lies in itself is cleared. */
function clearSelf(ctx: Ctx<My>): void {
  const { kit, envs } = ctx.s;
  const { mem, at } = kit;
  const thr = kit.threads[ctx.id];
  const env = envs[ctx.id];
  const self = memRootAlloc(thr, env, at.mine, MANY_BYTES);
  memRootMove(mem, self, at.mine);
  memRootSetBlockSize(mem, self, MANY_BYTES);
  must(!memRootForceNewBlock(thr, env, self, 0), 'ForceNewBlock failed although there is memory');
  memRootClear(thr, env, self);
}

/** What must hold at rest. */
function checkMy({ kit, os }: My): void {
  const { mem, extra, threads } = kit;
  const defects = heapDefects(mem, os);
  heapTrimAll(threads[0], os);
  defects.push(...heapDefects(mem, os), ...osMemoryDefects(mem, os));
  defects.push(...accountDefects(mem, new Psi(extra.psi), [os]));
  must(defects.length === 0, defects.join('; '));
  must(heapLiveBlocks(mem, os) === 0, 'a block is still in use');
  checkNothingHeld(kit);
}

function myScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  check?: (results: readonly unknown[]) => void,
): Scenario<My> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: myKit,
    check: (_mem, s, results) => {
      check?.(results);
      checkMy(s);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<My>[] = [
  myScenario('my-free-by-other', 'May another thread free a block of my_malloc?', [giveBlock, freeBlock]),
  myScenario('my-free-pages-by-other', 'And one that goes back to the operating system at once?', [
    givePages,
    freePages,
  ]),
  myScenario('my-claim', 'Does a claimed block count for the thread that it was given to?', [
    giveClaimed,
    claimBlock,
  ]),
  myScenario('my-realloc', 'Does a block that moves keep what is in it?', [growPages, takeAndFree]),
  myScenario(
    'my-double-free',
    'Is a block that another thread has freed not freed again?',
    [freeTwice, freeAndSay],
    (results) => must(results[0] === true, 'a double free was not refused'),
  ),
  myScenario('root-hand-over', 'Does a whole root change hands, with all blocks?', [giveRoot, takeRoot]),
  myScenario('root-in-itself', 'Is a root that lies in its own block cleared before the block is gone?', [
    clearSelf,
    takeAndFree,
  ]),
];
