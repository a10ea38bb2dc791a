/** Scenarios for shared pointers of the `ut::` library (src/memory/ut/ut-new-ptr.ts): the last holder destroys. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { ErrorLog } from '../../../src/layout/error-log.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { accountDefects } from '../../../src/memory/psi/account-check.ts';
import { heapLiveBlocks } from '../../../src/memory/heap/malloc.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import { MEM_KEY } from '../../../src/memory/psi/psi-keys.ts';
import { makePsiMemoryKey, utNewLibrary, type UtNewLibrary } from '../../../src/memory/ut/ut-new.ts';
import { utMakeShared, type UtOwned, utSharedFrom } from '../../../src/memory/ut/ut-new-ptr.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

const KEY = makePsiMemoryKey(MEM_KEY.std);
const THREADS = 2;

interface Shared {
  /** `slot`: a control block that is handed over; `destroyed`: how often the object was. */
  readonly kit: Kit<'ready' | 'slot' | 'destroyed', { readonly os: NodeMemoryPlan; readonly psi: PsiPlan }>;
  readonly psi: Psi;
  readonly ut: UtNewLibrary;
  readonly owned: UtOwned;
  /** The control block of which each thread has a pointer; those that the scenario does not use have none. */
  readonly control: number;
}
type Body = (ctx: Ctx<Shared>) => unknown;

function sharedKit(holders: number): Shared {
  const kit: Shared['kit'] = new Kit({
    threads: THREADS,
    place: { ready: EVENT, slot: 1, destroyed: 1 },
    plan: (planner) => {
      const psi = psiPlan(planner, THREADS, { keys: MEM_KEY.std + 1 });
      planner.openNode();
      return { os: nodeMemoryPlan(planner, { bytes: 4 * OS_PAGE_BYTES, nThreads: THREADS }), psi };
    },
  });
  const { mem, at, extra, threads } = kit;
  psiInit(mem, extra.psi);
  nodeMemoryInit(mem, extra.os);
  const psi = new Psi(extra.psi);
  for (const thr of threads) psiAttach(thr, psi);
  const { at: os } = extra.os;
  const ut = utNewLibrary({ os, allOs: [os], psi, sleepClock: kit.clock, log: new ErrorLog() });
  // What the holders wrote must be there when it is destroyed, and nobody may be at it any more.
  const owned: UtOwned = {
    type: {
      bytes: 4 * THREADS,
      construct: (_i, p) => mem.fill(0, p, p + THREADS),
      destroy: (_i, p) => {
        mem[at.destroyed]++;
        for (let i = 0; i < THREADS; i++) must(mem[p + i] === i + 1, `thread ${i} had not done with it`);
      },
    },
  };
  const first = utMakeShared(threads[0], ut, KEY, owned);
  for (let i = 1; i < holders; i++) first.copy(threads[0]);
  return { kit, psi, ut, owned, control: first.control };
}

/** Uses the object, and drops the pointer that the thread has from the beginning. */
function useAndDrop({ id, s }: Ctx<Shared>): void {
  const thr = s.kit.threads[id];
  const mine = utSharedFrom(thr, s.ut, s.control, s.owned);
  thr.mem[mine.get(thr) + id] = id + 1;
  mine.reset(thr);
}

/** Hands over a copy, uses the object, drops its own. */
function giveCopy({ id, s }: Ctx<Shared>): void {
  const { kit } = s;
  const thr = kit.threads[id];
  const mine = utSharedFrom(thr, s.ut, s.control, s.owned);
  Atomics.store(kit.mem, kit.at.slot, mine.copy(thr).handOver());
  eventSet(kit.mem, kit.at.ready);
  thr.mem[mine.get(thr) + id] = id + 1;
  mine.reset(thr);
}

/** Takes the copy over, copies it once more, and drops both. */
function takeAndCopy({ id, s }: Ctx<Shared>): void {
  const { kit } = s;
  const thr = kit.threads[id];
  eventWait(thr, kit.at.ready, 0, thr.waits);
  const mine = utSharedFrom(thr, s.ut, Atomics.load(kit.mem, kit.at.slot), s.owned);
  const second = mine.copy(thr);
  mine.reset(thr);
  thr.mem[second.get(thr) + id] = id + 1;
  second.reset(thr);
}

function check(s: Shared): void {
  const { kit, psi, ut } = s;
  const destroyed = kit.mem[kit.at.destroyed];
  must(destroyed === 1, `the object was destroyed ${destroyed} times`);
  must(heapLiveBlocks(kit.mem, ut.os) === 0, 'object or control block is still there');
  for (const text of accountDefects(kit.mem, psi, ut.allOs)) must(false, text);
  checkNothingHeld(kit);
}

function scenario(name: string, doc: string, threads: readonly Body[], holders: number): Scenario<Shared> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    setup: () => sharedKit(holders),
    check: (_mem, s) => check(s),
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Shared>[] = [
  scenario(
    'ut-shared-drop',
    'Is a shared object destroyed exactly once, by the last of two threads that drop it?',
    [useAndDrop, useAndDrop],
    2,
  ),
  scenario(
    'ut-shared-copy',
    'Does a copied and handed over pointer keep a shared object alive?',
    [giveCopy, takeAndCopy],
    1,
  ),
];
