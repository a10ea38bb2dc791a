/**
 * The page cleaner of a node (facts B 5.6, one thread that serves the instances of its node): once a second, or woken
 * by a session that found no free block. Woken early it makes room on the LRU tails only. The flush-list rate is
 * still plain: innodb_io_capacity a second while the dirty share is above the low-water mark.
 */
import { BUF_POOL, CLEANER } from '../layout/buffer.ts';
import { CONTROL, OP, SYSVARS } from '../layout/thread.ts';
import { eventCount, eventReset, eventSet, eventWaitTime } from '../sync/event.ts';
import type { Thread } from '../sync/thread.ts';
import { bufFlushDoBatch, bufFlushLruList, bufFlushWaitBatchEnd } from './flush-batch.ts';
import type { BufInstance, BufPool } from './instance.ts';
import { FLUSH } from './states.ts';

const { flushEvent: FLUSH_EVENT, tickEvent: TICK_EVENT } = CLEANER.at;
const { rounds: ROUNDS, earlyRounds: EARLY_ROUNDS, lateRounds: LATE_ROUNDS } = CLEANER.at;
const { cleanerStop: CLEANER_STOP } = CONTROL.at;
const { flushLen: FLUSH_LEN, lruLen: LRU_LEN, freeLen: FREE_LEN } = BUF_POOL.at;
const { ioCapacity: IO_CAPACITY, maxDirtyPagesPctLwm: LWM } = SYSVARS.at;

/** Time between two rounds, us. */
const TICK_US = 1_000_000;
/** A round that took longer than this is reported. */
const LATE_US = 4_000_000;

/** Runs until CONTROL.cleanerStop is set, then writes out everything that is dirty. Holds nothing between rounds. */
export function pageCleanerRun(thr: Thread, pool: BufPool): void {
  const { mem } = pool;
  const at = pool.plan.cleaners + thr.node * CLEANER.words;
  const mine = pool.instances.filter((inst) => inst.node === thr.node);
  let roundStart = thr.clock.us();
  let lateAfter = 1;
  let lateSeen = 0;
  // Not reset: a request that came before this thread did must find the first sleep open.
  let noted = eventCount(Atomics.load(mem, at + FLUSH_EVENT));
  while (Atomics.load(mem, thr.control + CLEANER_STOP) === 0) {
    mem[thr.op] = OP.idle;
    const left = roundStart + TICK_US - thr.clock.us();
    const early = left > 0 && eventWaitTime(thr, at + FLUSH_EVENT, noted, left);
    // Right after waking: a request that comes during the round must find the next sleep open.
    noted = eventReset(mem, at + FLUSH_EVENT);
    thr.throwIfAborted();
    if (!early) {
      const took = thr.clock.us() - roundStart;
      if (took > LATE_US) {
        mem[at + LATE_ROUNDS]++;
        // Said after 1, 2, 4, … late rounds, so that a slow disk does not fill the log.
        if (++lateSeen === lateAfter) {
          lateAfter *= 2;
          pool.log.write(
            'Note',
            `Page cleaner of node ${thr.node} took ${Math.round(took / 1000)}ms for a round.`,
          );
        }
      }
      roundStart = thr.clock.us();
    }
    cleanOnce(thr, pool, mine, early);
    mem[at + ROUNDS]++;
    if (early) mem[at + EARLY_ROUNDS]++;
    eventSet(mem, at + TICK_EVENT);
    thr.madeProgress();
  }
  flushEverything(thr, pool, mine);
}

/** One round over the instances of the node. */
function cleanOnce(thr: Thread, pool: BufPool, mine: readonly BufInstance[], early: boolean): void {
  const perInstance = early ? 0 : Math.ceil(pagesToFlush(thr, mine) / mine.length);
  for (const inst of mine) {
    bufFlushLruList(thr, pool, inst);
    if (perInstance > 0) bufFlushDoBatch(thr, pool, inst, FLUSH.list, perInstance);
  }
}

/** Pages of the flush lists for this round: a fixed rate above the low-water mark, none below. */
function pagesToFlush(thr: Thread, mine: readonly BufInstance[]): number {
  let dirty = 0;
  let pages = 1;
  for (const { mem, at } of mine) {
    dirty += mem[at + FLUSH_LEN];
    pages += mem[at + LRU_LEN] + mem[at + FREE_LEN];
  }
  const lwm = thr.sysvar(LWM) / 1000;
  return (100 * dirty) / pages >= lwm ? thr.sysvar(IO_CAPACITY) >>> 0 : 0;
}

/** The shutdown rounds: until nothing is dirty any more. Sessions have ended. */
function flushEverything(thr: Thread, pool: BufPool, mine: readonly BufInstance[]): void {
  thr.mem[thr.op] = OP.pageCleaner;
  for (const inst of mine) {
    while (inst.mem[inst.at + FLUSH_LEN] > 0) {
      bufFlushDoBatch(thr, pool, inst, FLUSH.list, Infinity);
      bufFlushWaitBatchEnd(thr, inst, FLUSH.list);
      thr.throwIfAborted();
      thr.madeProgress();
    }
    bufFlushWaitBatchEnd(thr, inst, FLUSH.lru);
  }
}
