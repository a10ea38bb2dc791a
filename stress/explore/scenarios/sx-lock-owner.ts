/** Scenarios for the sx-lock whose threads do more than take and release: nowait forms, pass, waiting writers. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { EVENT, SX_LOCK } from '../../../src/layout/latches.ts';
import { THREAD } from '../../../src/layout/thread.ts';
import { eventSet, eventWait } from '../../../src/sync/event.ts';
import {
  sxSLock,
  sxSTryLock,
  sxSUnlock,
  sxSxLock,
  sxSxTryLock,
  sxSxUnlock,
  sxXLock,
  sxXMoveOwnership,
  sxXTryLock,
  sxXUnlock,
} from '../../../src/sync/sx-lock.ts';
import {
  change,
  changeBesideReaders,
  checkData,
  checkNothingHeld,
  checkSxFree,
  DATA_WORDS,
  look,
} from '../guarded.ts';
import { Kit, must } from '../kit.ts';

/** `io` is set when the lock was taken for an I/O; `flag`: see each scenario. */
type OwnerKit = Kit<'lock' | 'data' | 'io' | 'flag'>;
type Body = (ctx: Ctx<OwnerKit>) => unknown;

function ownerScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  more: Pick<Scenario<OwnerKit>, 'invariant'> = {},
): Scenario<OwnerKit> {
  return {
    ...more,
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () =>
      new Kit({
        threads: threads.length,
        place: { lock: SX_LOCK, data: DATA_WORDS, io: EVENT, flag: 1 },
      }),
    // Threads return what they did.
    check: (mem, kit, results) => {
      const done = results.flat();
      const changes = done.filter((what) => what === 'change').length;
      const beside = done.filter((what) => what === 'beside').length;
      checkData(mem, kit.at.data, changes, beside);
      checkSxFree(mem, kit.at.lock);
      checkNothingHeld(kit);
    },
    words: (word, kit) => kit.words(word),
    holders: (_mem, kit) => kit.holders(),
  };
}

function s(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSLock(thr, at.lock);
  look(mem, at.data);
  sxSUnlock(thr, at.lock);
  return 'look';
}

function sx(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSxLock(thr, at.lock);
  changeBesideReaders(mem, at.data);
  sxSxUnlock(thr, at.lock);
  return 'beside';
}

function x(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return 'change';
}

function trySTwice(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    if (!sxSTryLock(thr, at.lock)) continue;
    look(mem, at.data);
    sxSUnlock(thr, at.lock);
  }
  return 'look';
}

function trySx(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  if (!sxSxTryLock(thr, at.lock)) return 'refused';
  changeBesideReaders(mem, at.data);
  sxSxUnlock(thr, at.lock);
  return 'beside';
}

function tryX(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  if (!sxXTryLock(thr, at.lock)) return 'refused';
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return 'change';
}

/** X and X again without waiting; then releases both. */
function tryXInX(ctx: Ctx<OwnerKit>): string[] {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.lock);
  change(mem, at.data);
  must(sxXTryLock(thr, at.lock), 'X under the own X was refused');
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return ['change', 'change', 'change'];
}

/** SX, and X in it when no waiting is needed. */
function tryXInSx(ctx: Ctx<OwnerKit>): string[] {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  const done = ['beside'];
  sxSxLock(thr, at.lock);
  changeBesideReaders(mem, at.data);
  if (sxXTryLock(thr, at.lock)) {
    change(mem, at.data);
    sxXUnlock(thr, at.lock);
    done.push('change');
  }
  sxSxUnlock(thr, at.lock);
  return done;
}

/** Takes X for an I/O, starts it, and then wants the lock like everybody else. */
function startReadIo(ctx: Ctx<OwnerKit>): string[] {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.lock, 1);
  change(mem, at.data);
  eventSet(mem, at.io);
  sxXLock(thr, at.lock);
  must(Atomics.load(mem, at.flag) === 1, 'X was granted before the I/O that holds X was over');
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return ['change', 'change'];
}

function completeReadIo(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  eventWait(thr, at.io, 0, thr.waits);
  change(mem, at.data);
  Atomics.store(mem, at.flag, 1);
  sxXUnlock(thr, at.lock, 1);
  return 'change';
}

/** The same with SX, as for a write. */
function startWriteIo(ctx: Ctx<OwnerKit>): string[] {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxSxLock(thr, at.lock, 1);
  changeBesideReaders(mem, at.data);
  eventSet(mem, at.io);
  sxSxLock(thr, at.lock);
  must(Atomics.load(mem, at.flag) === 1, 'SX was granted before the I/O that holds SX was over');
  changeBesideReaders(mem, at.data);
  sxSxUnlock(thr, at.lock);
  return ['beside', 'beside'];
}

function completeWriteIo(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  eventWait(thr, at.io, 0, thr.waits);
  changeBesideReaders(mem, at.data);
  Atomics.store(mem, at.flag, 1);
  sxSxUnlock(thr, at.lock, 1);
  return 'beside';
}

function takeForIo(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  sxXLock(ctx.s.threads[ctx.id], at.lock, 1);
  change(mem, at.data);
  eventSet(mem, at.io);
  return 'change';
}

/** Makes a lock that was taken for an I/O its own: X again goes through, and it releases without `pass`. */
function moveOwnership(ctx: Ctx<OwnerKit>): string[] {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  eventWait(thr, at.io, 0, thr.waits);
  sxXMoveOwnership(thr, at.lock);
  sxXLock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  change(mem, at.data);
  sxXUnlock(thr, at.lock);
  return ['change', 'change'];
}

/** A writer that says, while it has the lock, that it had it. */
function announcedX(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  sxXLock(thr, at.lock);
  change(mem, at.data);
  Atomics.store(mem, at.flag, 1);
  sxXUnlock(thr, at.lock);
  return 'change';
}

/** A reader that has seen a writer's reservation must come after the writer. */
function politeReader(ctx: Ctx<OwnerKit>): string {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  for (let i = 0; i < 2; i++) {
    const reserved = Atomics.load(mem, at.lock) <= 0;
    sxSLock(thr, at.lock);
    if (reserved)
      must(Atomics.load(mem, at.flag) === 1, 'a new reader passed a writer that had reserved the lock');
    look(mem, at.data);
    sxSUnlock(thr, at.lock);
  }
  return 'look';
}

/** One writer among readers is never refused: it reserves, and sleeps for those inside, not for a turn. */
function checkWriterReserves(mem: Int32Array, kit: OwnerKit): void {
  const sleepsOn = mem[kit.threads[0].at + THREAD.at.waitWord];
  must(sleepsOn !== kit.at.lock + SX_LOCK.at.event, 'the writer queues behind readers');
}

const NOWAIT = 'Do the nowait forms take what is free only, and leave no trace when refused?';

export const scenarios: readonly Scenario<OwnerKit>[] = [
  ownerScenario('sx-lock-try-s', NOWAIT, [trySTwice, x]),
  ownerScenario('sx-lock-try-sx', NOWAIT, [trySx, sx]),
  ownerScenario('sx-lock-try-x', NOWAIT, [tryX, s]),
  ownerScenario('sx-lock-try-x-x', NOWAIT, [tryX, x, s]),
  ownerScenario('sx-lock-try-x-in-x', 'Does X nowait count under the own X?', [tryXInX, x]),
  ownerScenario('sx-lock-try-x-in-sx', 'Is X nowait under SX refused while readers may be inside?', [
    tryXInSx,
    s,
  ]),
  ownerScenario(
    'sx-lock-pass-x',
    'Is X taken for an I/O nobody’s, and free when another thread has completed it?',
    [startReadIo, completeReadIo],
  ),
  ownerScenario('sx-lock-pass-x-reader', 'Does a reader wait for the end of an I/O?', [
    startReadIo,
    completeReadIo,
    s,
  ]),
  ownerScenario(
    'sx-lock-pass-sx',
    'Is SX taken for an I/O nobody’s, and free when another thread has completed it?',
    [startWriteIo, completeWriteIo],
  ),
  ownerScenario('sx-lock-move-ownership', 'Does a lock taken for an I/O become the mover’s own?', [
    takeForIo,
    moveOwnership,
    s,
  ]),
  ownerScenario(
    'sx-lock-writer-first',
    'Do new readers stay out once a writer has reserved the lock?',
    [announcedX, politeReader, politeReader],
    { invariant: checkWriterReserves },
  ),
];
