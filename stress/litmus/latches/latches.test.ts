import { describe, expect, it } from 'vitest';
import { SX_LOCK } from '../../../src/layout/latches.ts';
import { LINE_WORDS } from '../../../src/layout/schema.ts';
import { SYSVARS } from '../../../src/layout/thread.ts';
import { X_LOCK_DECR } from '../../../src/sync/sx-lock-word.ts';
import { TestKit } from '../../../src/sync/test-kit.ts';
import type { ActorName, Where } from './actors.ts';
import { runActors } from './run-actors.ts';

const zeros = (n: number): number[] => Array.from({ length: n }, () => 0);
const cast = (where: Where, ...actors: ActorName[]) => actors.map((actor) => ({ actor, where }));

/** With MySQL's spinning, and without: then nearly every wait is a sleep. */
const SPINNING = [30, 0];

describe.each(SPINNING)('mutex, %i spin rounds', (loops) => {
  it.each([2, 4])('%i threads count exactly', async (n) => {
    const kit = new TestKit(n);
    kit.setVar(SYSVARS.at.syncSpinLoops, loops);
    const where = { latch: kit.mutex(), data: kit.line(), other: 0, rounds: loops === 0 ? 8_000 : 40_000 };
    const actors = zeros(n).map(() => ({ actor: 'mutexCount' as const, where }));
    expect(await runActors(kit, actors)).toEqual(zeros(n));
    expect(kit.mem[where.data]).toBe(n * where.rounds);
    expect(kit.mem[where.latch]).toBe(0);
  });
});

describe.each(SPINNING)('sx-lock, %i spin rounds', (loops) => {
  function setUp(rounds: number, threads = 4) {
    const kit = new TestKit(threads);
    kit.setVar(SYSVARS.at.syncSpinLoops, loops);
    const where = {
      latch: kit.sxLock(),
      data: kit.line(),
      other: 0,
      rounds: loops === 0 ? rounds / 4 : rounds,
    };
    const expectFree = (): void => {
      expect(kit.mem[where.latch]).toBe(X_LOCK_DECR);
      expect(kit.mem[where.latch + SX_LOCK.at.writer]).toBe(0);
      expect(kit.mem[where.data + 1]).toBe(kit.mem[where.data]);
    };
    return { kit, where, expectFree };
  }

  it('readers, writer and updater never see a torn pair; X and SX are alone', async () => {
    const { kit, where, expectFree } = setUp(8_000);
    expect(await runActors(kit, cast(where, 'sxRead', 'sxRead', 'sxWrite', 'sxUpdate'))).toEqual(zeros(4));
    expectFree();
    expect(kit.mem[where.data]).toBe(where.rounds * 1.5);
  });

  it('two updaters and two writers', async () => {
    const { kit, where, expectFree } = setUp(8_000);
    expect(await runActors(kit, cast(where, 'sxUpdate', 'sxWrite', 'sxUpdate', 'sxWrite'))).toEqual(zeros(4));
    expectFree();
    expect(kit.mem[where.data]).toBe(where.rounds * 3);
  });

  it('SX lets a reader in, and no second SX, and no X', async () => {
    const { kit, where, expectFree } = setUp(400, 2);
    expect(await runActors(kit, cast(where, 'sxHost', 'sxGuest'))).toEqual([0, 0]);
    expectFree();
  });

  it('X waits for the last reader, with new ones shut out', async () => {
    const { kit, where, expectFree } = setUp(400, 2);
    expect(await runActors(kit, cast(where, 'sxLastReader', 'sxNextWriter'))).toEqual([0, 0]);
    expectFree();
  });

  it('X for an I/O is released by another thread, while a reader looks', async () => {
    const { kit, where, expectFree } = setUp(400, 3);
    expect(await runActors(kit, cast(where, 'sxIoStart', 'sxIoEnd', 'sxRead'))).toEqual(zeros(3));
    expectFree();
    expect(kit.mem[where.data]).toBe(where.rounds);
  });
});

describe('event', () => {
  it('two threads, 5,000 rounds to and fro: no wake-up is lost', async () => {
    const kit = new TestKit(2);
    const [one, two, data] = [kit.event(), kit.event(), kit.line()];
    kit.mem[data] = 1;
    const play = (mine: number, yours: number) => ({
      actor: 'eventPlay' as const,
      where: { latch: yours, other: mine, data, rounds: 5_000 },
    });
    expect(await runActors(kit, [play(one, two), play(two, one)])).toEqual([0, 0]);
  });

  it('three listeners on one event hear 3,000 announcements', async () => {
    const kit = new TestKit(4);
    const where = { latch: kit.event(), other: 3, data: kit.line(), rounds: 3_000 };
    const actors = cast(where, 'eventAnnounce', 'eventListen', 'eventListen', 'eventListen');
    expect(await runActors(kit, actors)).toEqual(zeros(4));
    expect(kit.mem[where.data + 8]).toBe(9_000);
  });
});

describe('a run that hangs', () => {
  it('ends at its limit, and says who waits for what', async () => {
    const kit = new TestKit(2);
    const [one, two, data] = [kit.mutex('lruList'), kit.mutex('lruList'), kit.line()];
    const cross = (latch: number, other: number) => ({
      actor: 'crossing' as const,
      where: { latch, other, data, rounds: 1 },
    });
    const run = runActors(kit, [cross(one, two), cross(two, one)], 700);
    const line = (at: number): string => `@${at} (latches[${(at - one) / LINE_WORDS}])`;
    await expect(run).rejects.toThrow('not done after 700 ms');
    const text = await run.catch((e: Error) => e.message);
    expect(text).toContain(
      'DEADLOCK: thread 1 (session 1, node 0) waits for thread 2 (session 2, node 0) waits for',
    );
    expect(text).toContain(`for lruList ${line(one)}, asleep\n    held by thread 1`);
    expect(text).toContain(`holds lruList ${line(two)}`);
  });
});
