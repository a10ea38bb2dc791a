import { describe, expect, it } from 'vitest';
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { VirtualClock } from '../layout/clock.ts';
import { CONTROL } from '../layout/thread.ts';
import { attachThread, planRuntime, runtimeInit } from '../sync/runtime.ts';
import { THREAD_KIND } from '../sync/thread.ts';
import { spendRemoteAccess, spendRemoteMemory } from './cost.ts';
import { distancesFrom, topologyInit, topologyPlan } from './topology.ts';

/** A clock that moves 10 us whenever somebody looks at it. */
class TickingClock extends VirtualClock {
  looks = 0;
  onLook: () => void = () => undefined;

  override us(): number {
    this.looks++;
    this.onLook();
    this.advance(10);
    return super.us();
  }
}

function setUp(remoteCostNs: number, withTopology = true) {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, 1);
  const topology = topologyPlan(planner);
  const mem = new Int32Array(allocateArena(planner.finish()));
  const clock = new TickingClock();
  runtimeInit(mem, runtime, clock, { remoteCostNs });
  topologyInit(mem, topology, [
    [10, 21, 32],
    [21, 10, 10],
    [16, 21, 10],
  ]);
  /** Looks at the clock that an access takes, or a block of `bytes`. The run ends at look `stopAt`. */
  const looks = (from: number, to: number, bytes = 0, stopAt = 0): number => {
    const thr = attachThread(mem, runtime, {
      slot: 0,
      kind: THREAD_KIND.other,
      clock,
      node: from,
      ...(withTopology && { distances: distancesFrom(topology, from) }),
    });
    clock.looks = 0;
    clock.onLook = () => clock.looks === stopAt && Atomics.store(mem, runtime.control + CONTROL.at.stop, 1);
    if (bytes === 0) spendRemoteAccess(thr, to);
    else spendRemoteMemory(thr, to, bytes);
    return clock.looks;
  };
  return looks;
}

describe('the price of an access', () => {
  it('is spent by the clock, in proportion to the distance', () => {
    const looks = setUp(1_100_000);
    // 1100 us in steps of 10, and the look that begins it.
    expect(looks(0, 1)).toBe(1 + 110);
    expect(looks(0, 2)).toBe(1 + 220);
    expect(looks(2, 0)).toBe(1 + 60);
  });

  it('of memory is that of an access for each 4 KiB begun', () => {
    const looks = setUp(11_000);
    // 11 us each, in steps of 10.
    expect([1, 4096, 4097, 64 * 4096].map((bytes) => looks(0, 1, bytes) - 1)).toEqual([2, 2, 3, 71]);
    expect(looks(1, 1, 6_000_032)).toBe(0);
  });

  it('of a large block is spent in parts, and no longer when the run ends', () => {
    const looks = setUp(10_000);
    // 1465 accesses of 10 us: 22 parts of 64, and 57.
    expect(looks(0, 1, 6_000_032)).toBe(1465 + 23);
    expect(looks(0, 1, 6_000_032, 100)).toBe(2 * (64 + 1));
  });

  it('is nothing, and needs no look at the clock, on the own node, at distance 10, and at price 0', () => {
    const looks = setUp(1_100_000);
    expect([looks(0, 0), looks(1, 1), looks(1, 2)]).toEqual([0, 0, 0]);
    expect(setUp(0)(0, 2)).toBe(0);
  });

  it('without a topology is that of distance 21', () => {
    const looks = setUp(1_100_000, false);
    expect([looks(0, 1), looks(0, 2), looks(1, 2), looks(1, 1)]).toEqual([111, 111, 111, 0]);
  });
});
