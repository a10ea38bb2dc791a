/** Scenarios for the latch order (src/sync/order.ts, rules 1 and 2 of src/sync/README.md). */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { MUTEX, SX_LOCK } from '../../../src/layout/latches.ts';
import { LATCH } from '../../../src/sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit, mutexTryEnter } from '../../../src/sync/mutex.ts';
import { LatchOrderError } from '../../../src/sync/order.ts';
import { sxLockInit, sxSLock, sxSUnlock, sxXLock, sxXUnlock } from '../../../src/sync/sx-lock.ts';
import { change, checkData, checkMutexFree, checkNothingHeld, checkSxFree, DATA_WORDS } from '../guarded.ts';
import { isWaitWord, Kit, latchesWaitedFor, must } from '../kit.ts';

/** `upper` stands above `lower` in the order; the stripes are of one class. */
type OrderKit = Kit<'upper' | 'lower' | 'stripe0' | 'stripe1' | 'data'>;
type Body = (ctx: Ctx<OrderKit>) => unknown;

function orderKit(threads: number): OrderKit {
  const place = { upper: MUTEX, lower: MUTEX, stripe0: SX_LOCK, stripe1: SX_LOCK, data: DATA_WORDS };
  const kit: OrderKit = new Kit({ threads, place });
  mutexInit(kit.mem, kit.at.upper, LATCH.lruList);
  mutexInit(kit.mem, kit.at.lower, LATCH.flushList);
  sxLockInit(kit.mem, kit.at.stripe0, LATCH.pageHash);
  sxLockInit(kit.mem, kit.at.stripe1, LATCH.pageHash);
  return kit;
}

function downwards(ctx: Ctx<OrderKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  mutexEnter(thr, at.upper);
  mutexEnter(thr, at.lower);
  change(mem, at.data);
  mutexExit(thr, at.upper);
  mutexExit(thr, at.lower);
  return 'change';
}

/** Asks for them the wrong way round: must be refused before it can wait, and lets go. */
function upwards(ctx: Ctx<OrderKit>): string {
  const { at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  mutexEnter(thr, at.lower);
  let said = 'granted';
  try {
    mutexEnter(thr, at.upper);
    mutexExit(thr, at.upper);
  } catch (e) {
    if (!(e instanceof LatchOrderError)) throw e;
    said = 'refused';
  }
  mutexExit(thr, at.lower);
  return said;
}

/** The wrong way round by trying, which cannot close a cycle. */
function upwardsByTrying(ctx: Ctx<OrderKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  mutexEnter(thr, at.lower);
  const taken = mutexTryEnter(thr, at.upper);
  if (taken) {
    change(mem, at.data);
    mutexExit(thr, at.upper);
  }
  mutexExit(thr, at.lower);
  return taken ? 'change' : 'none';
}

function bothStripes(ctx: Ctx<OrderKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.stripe0);
  sxXLock(thr, at.stripe1);
  change(mem, at.data);
  sxXUnlock(thr, at.stripe1);
  sxXUnlock(thr, at.stripe0);
  return 'change';
}

function oneStripe(ctx: Ctx<OrderKit>): string {
  const { at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSLock(thr, at.stripe1);
  sxSUnlock(thr, at.stripe1);
  return 'none';
}

function orderScenario(name: string, doc: string, threads: readonly Body[]): Scenario<OrderKit> {
  return {
    name,
    doc,
    threads,
    exhaustive: true,
    memory: 0,
    setup: () => orderKit(threads.length),
    check: (mem, kit, results) => {
      must(!results.includes('granted'), 'a mutex above the one that is held was granted');
      checkData(mem, kit.at.data, results.filter((r) => r === 'change').length);
      checkMutexFree(mem, kit.at.upper);
      checkMutexFree(mem, kit.at.lower);
      checkSxFree(mem, kit.at.stripe0);
      checkSxFree(mem, kit.at.stripe1);
      checkNothingHeld(kit);
    },
    latches: latchesWaitedFor,
    watched: isWaitWord,
    words: (word, kit) => kit.words(word),
    holders: (_mem, kit) => kit.holders(),
  };
}

export const scenarios: readonly Scenario<OrderKit>[] = [
  orderScenario('order-two-mutexes', 'Are two mutexes in the same order free of alarms?', [
    downwards,
    downwards,
  ]),
  orderScenario('order-stripes', 'May two locks of one class be held, in ascending order?', [
    bothStripes,
    bothStripes,
    oneStripe,
  ]),
  orderScenario('order-refused', 'Is a mutex above a held one refused, whoever has it?', [
    upwards,
    downwards,
  ]),
  orderScenario('order-by-trying', 'Is trying against the order free of deadlocks?', [
    upwardsByTrying,
    downwards,
  ]),
];
