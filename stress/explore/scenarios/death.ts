/**
 * Scenarios in which a thread dies, at any point, with a latch in its hands or while it asks for one. What must hold
 * then: the held list and the latch's own words name it (rule 8 of src/sync/README.md), so that a report can say whom
 * the others wait for.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { MUTEX, SX_LOCK } from '../../../src/layout/latches.ts';
import { THREAD } from '../../../src/layout/thread.ts';
import { mutexEnter, mutexExit, mutexOwner } from '../../../src/sync/mutex.ts';
import { sxSLock, sxSUnlock, sxSxLock, sxSxUnlock, sxXLock, sxXUnlock } from '../../../src/sync/sx-lock.ts';
import { sxReaders } from '../../../src/sync/sx-lock-word.ts';
import { MODE, MODE_MASK } from '../../../src/sync/thread.ts';
import {
  change,
  changeBesideReaders,
  checkMutexFree,
  checkNothingHeld,
  checkSxFree,
  DATA_WORDS,
} from '../guarded.ts';
import { Kit, must } from '../kit.ts';

type DeathKit = Kit<'m' | 'lock' | 'data'>;
type Body = (ctx: Ctx<DeathKit>) => unknown;

const DONE = 'done';

function mutex(ctx: Ctx<DeathKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  mutexEnter(thr, at.m);
  change(mem, at.data);
  mutexExit(thr, at.m);
  return DONE;
}

function s(ctx: Ctx<DeathKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSLock(thr, at.lock);
  Atomics.load(mem, at.data + 1);
  sxSUnlock(thr, at.lock);
  return DONE;
}

function sx(ctx: Ctx<DeathKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSxLock(thr, at.lock);
  changeBesideReaders(mem, at.data);
  sxSxUnlock(thr, at.lock);
  return DONE;
}

function x(ctx: Ctx<DeathKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return DONE;
}

/** X under SX, which gives back X first. */
function xInSx(ctx: Ctx<DeathKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSxLock(thr, at.lock);
  sxXLock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  sxSxUnlock(thr, at.lock);
  return DONE;
}

/** Modes in which a thread's held list names a latch. */
function namedModes(kit: DeathKit, thread: number, latch: number): number[] {
  const { mem } = kit;
  const list = kit.threads[thread].at + THREAD.at.held;
  const modes: number[] = [];
  for (let i = 0; mem[list + i] !== 0; i++) {
    const entry = mem[list + i];
    if ((entry & ~MODE_MASK) === latch) modes.push(entry & MODE_MASK);
  }
  return modes;
}

/** Readers that the lock word counts are all named by somebody: one too many may be named, never one too few. */
function checkReadersNamed(mem: Int32Array, kit: DeathKit): void {
  let named = 0;
  for (let thread = 0; thread < kit.threads.length; thread++) {
    named += namedModes(kit, thread, kit.at.lock).filter((mode) => mode === MODE.s).length;
  }
  const inside = sxReaders(mem[kit.at.lock]);
  must(inside <= named, `${inside} readers are inside, and ${named} are named`);
}

function deathScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  latch: 'm' | 'lock',
  mayDie: readonly number[] = [0],
): Scenario<DeathKit> {
  return {
    name,
    doc,
    threads,
    mayDie,
    memory: 0,
    exhaustive: true,
    setup: () => new Kit({ threads: threads.length, place: { m: MUTEX, lock: SX_LOCK, data: DATA_WORDS } }),
    check: (mem, kit) => {
      checkMutexFree(mem, kit.at.m);
      checkSxFree(mem, kit.at.lock);
      checkNothingHeld(kit);
    },
    checkAfterDeath: (mem, kit, results, dead) => {
      const named = namedModes(kit, dead, kit.at[latch]).length > 0;
      const owns =
        latch === 'm'
          ? mutexOwner(mem[kit.at.m]) === dead + 1
          : mem[kit.at.lock + SX_LOCK.at.writer] === dead + 1;
      if (owns) must(named, `thread ${dead} died as the owner, and its held list does not say so`);
      const stuck = results.findIndex((result, thread) => thread !== dead && result !== DONE);
      if (stuck >= 0)
        must(named, `thread ${stuck} waits for thread ${dead}, whose held list does not say why`);
      checkReadersNamed(mem, kit);
    },
    words: (word, kit) => kit.words(word),
    holders: (_mem, kit) => kit.holders(),
  };
}

const NAMED = 'Is the dead thread that others wait for named by its held list?';

export const scenarios: readonly Scenario<DeathKit>[] = [
  deathScenario('death-mutex', NAMED, [mutex, mutex], 'm'),
  deathScenario('death-mutex-3', NAMED, [mutex, mutex, mutex], 'm', [0, 1]),
  deathScenario('death-sx-lock-s', NAMED, [s, x, s], 'lock'),
  deathScenario('death-sx-lock-sx', NAMED, [sx, x], 'lock'),
  deathScenario('death-sx-lock-x', NAMED, [x, s, sx], 'lock'),
  deathScenario('death-sx-lock-x-in-sx', NAMED, [xInSx, s, x], 'lock'),
];
