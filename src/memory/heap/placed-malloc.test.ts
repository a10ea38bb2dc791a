import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../layout/clock.ts';
import { NIL } from '../../layout/schema.ts';
import { SYSVARS } from '../../layout/thread.ts';
import { accessesOf, memoryMatrix } from '../../numa/memory-matrix.ts';
import { type Placement, TaskPolicy } from '../../numa/placement.ts';
import { uniformDistance } from '../../numa/topology.ts';
import { MemRootEnv } from '../mem-root/mem-root-env.ts';
import { MY_HEADER_WORDS, myFree, myMalloc } from '../mem-root/my-malloc.ts';
import { osSetFaults, osSetLimit } from '../os/os-memory.ts';
import { numaStat, numaStatDefects, placementBegin, placementTurn } from '../os/placement.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import { originOf } from '../ut/origin.ts';
import { UtAllocator, utAllocate, utDeallocate } from '../ut/ut-allocator.ts';
import { mallocWalk, osOwning } from './malloc.ts';

const KEY = MEM_KEY.stringValue;
/** A block of its own pages. */
const LARGE = 20_000;
const PAGES = 5;

/** A clock that moves 1 us whenever somebody looks at it. */
class TickingClock extends VirtualClock {
  looks = 0;

  override us(): number {
    this.looks++;
    this.advance(1);
    return super.us();
  }
}

function setUp(pages: readonly number[], placement: Placement, own = 0, clock = new VirtualClock()) {
  const kit = new MemoryKit({ pages, node: { origins: true } });
  const { mem, allOs } = kit;
  const thr = kit.thread(1, 1, clock, own);
  const policy = new TaskPolicy(uniformDistance(pages.length));
  policy.set(placement);
  const env = new MemRootEnv({ ...kit.env, ...placementBegin(thr, allOs, policy), policy });
  const blocks: number[] = [];
  /** Node of a new block; −1: out of memory. */
  const take = (bytes = LARGE): number => {
    const at = myMalloc(thr, env, KEY, bytes);
    if (at === NIL) return -1;
    blocks.push(at);
    return allOs.indexOf(osOwning(mem, allOs, at - MY_HEADER_WORDS));
  };
  const stats = (): number[][] =>
    allOs.map((os) => {
      const s = numaStat(mem, os);
      return [s.numaHit, s.numaMiss, s.numaForeign, s.interleaveHit, s.localNode, s.otherNode];
    });
  const before = stats();
  /** numastat since the kit was made. */
  const since = (): number[][] => stats().map((row, i) => row.map((n, k) => n - before[i][k]));
  const end = (): string[] => {
    for (const block of blocks) myFree(thr, env, block);
    return [...kit.defects(), ...numaStatDefects(mem, allOs)];
  };
  return { kit, mem, allOs, thr, env, take, since, end, blocks };
}

describe('memory of sessions by policy', () => {
  it('what a fault plan refuses fails wherever it would lie, also when it was asked for elsewhere', () => {
    const { take, end, allOs, thr } = setUp([64, 64, 64], { policy: 'local' }, 1);
    osSetFaults(thr, allOs[1], { failNext: 1 });
    expect([take(), take()]).toEqual([-1, 1]);
    osSetLimit(thr, allOs[1], 0);
    osSetFaults(thr, allOs[2], { failNext: 1 });
    expect([take(), take()]).toEqual([-1, 2]);
    expect(end()).toEqual([]);
  });

  it('local: the own node, then the others by distance, missed there and foreign here', () => {
    const { take, since, end, allOs, thr } = setUp([64, 64, 64], { policy: 'local' }, 1);
    expect(take()).toBe(1);
    osSetLimit(thr, allOs[1], 0);
    expect(take()).toBe(2);
    osSetLimit(thr, allOs[2], 0);
    expect(take()).toBe(0);
    osSetLimit(thr, allOs[0], 0);
    expect(take()).toBe(-1);
    expect(since()).toEqual([
      [0, PAGES, 0, 0, 0, PAGES],
      [PAGES, 0, 2 * PAGES, 0, PAGES, 0],
      [0, PAGES, 0, 0, 0, PAGES],
    ]);
    expect(end()).toEqual([]);
  });

  it('bind: its nodes only, and ENOMEM when they are full', () => {
    const { take, since, end, allOs, thr, env } = setUp([64, 64, 64], { policy: 'bind', nodes: [0, 2] }, 2);
    expect(take()).toBe(2);
    osSetLimit(thr, allOs[2], 0);
    expect(take()).toBe(0);
    osSetLimit(thr, allOs[0], 0);
    expect(env.myErrno).toBe(0);
    expect(take()).toBe(-1);
    expect(env.myErrno).toBe(12);
    expect(since()[1]).toEqual([0, 0, 0, 0, 0, 0]);
    expect(end()).toEqual([]);
  });

  it('preferred: that node, whoever asks, then the others', () => {
    const { take, since, end, allOs, thr } = setUp([64, 64], { policy: 'preferred', node: 1 });
    expect(take()).toBe(1);
    osSetLimit(thr, allOs[1], 0);
    expect(take()).toBe(0);
    expect(since()).toEqual([
      [0, PAGES, 0, 0, PAGES, 0],
      [PAGES, 0, PAGES, 0, 0, PAGES],
    ]);
    expect(end()).toEqual([]);
  });

  it('interleave: the next node with each turn; a full node is passed over', () => {
    const { take, since, end, allOs, thr, env } = setUp([64, 64], interleave, 1);
    expect([take(), take()]).toEqual([0, 0]);
    placementTurn(thr, env);
    expect(take()).toBe(1);
    placementTurn(thr, env);
    osSetLimit(thr, allOs[0], 0);
    expect(take()).toBe(1);
    placementTurn(thr, env);
    expect(take()).toBe(1);
    expect(since()).toEqual([
      [2 * PAGES, 0, PAGES, 2 * PAGES, 0, 2 * PAGES],
      [2 * PAGES, PAGES, 0, 2 * PAGES, 3 * PAGES, 0],
    ]);
    expect(end()).toEqual([]);
  });

  it('a turn is nothing to the other policies', () => {
    for (const placement of [{ policy: 'local' }, { policy: 'bind', nodes: [1] }] as const) {
      const { thr, env, allOs } = setUp([64, 64], placement, 1);
      placementTurn(thr, env);
      expect([env.os, env.order[0]]).toEqual([allOs[1], 1]);
    }
  });

  it('small blocks move on as well, and are freed where they came from', () => {
    const { take, end, thr, env, mem, allOs, blocks } = setUp([64, 64], interleave);
    const nodes = Array.from({ length: 40 }, (_, i) => {
      placementTurn(thr, env);
      return take(1 + i * 30);
    });
    expect(nodes).toEqual(nodes.map((_, i) => (i + 1) % 2));
    const live = (): number[] => allOs.map((os) => [...mallocWalk(mem, os)].length);
    expect(live()).toEqual([20, 20]);
    myFree(thr, env, blocks.pop() ?? NIL);
    expect(live()).toEqual([19 + (nodes[39] === 0 ? 0 : 1), 19 + (nodes[39] === 0 ? 1 : 0)]);
    expect(end()).toEqual([]);
    expect(live()).toEqual([0, 0]);
  });

  it('what is known of a block is on the node where it is', () => {
    const { take, allOs, thr, mem, blocks } = setUp([64, 64], { policy: 'local' });
    osSetLimit(thr, allOs[0], 0);
    expect(take()).toBe(1);
    expect(originOf(mem, allOs[1], blocks[0] - MY_HEADER_WORDS)?.bytes).toBe(LARGE + 32);
  });

  it('ut_allocator falls back too, before it begins to wait', () => {
    const { kit, allOs, thr, env, mem } = setUp([64, 64], { policy: 'local' });
    const alloc = new UtAllocator({ ...kit.env, order: env.order });
    osSetLimit(thr, allOs[0], 0);
    const at = utAllocate(thr, alloc, LARGE, KEY);
    expect(osOwning(mem, allOs, at)).toBe(allOs[1]);
    expect(kit.sleepClock.sleeps).toBe(0);
    utDeallocate(thr, alloc, at);
    expect([...kit.defects(), ...numaStatDefects(mem, allOs)]).toEqual([]);
  });
});

describe('the price of memory on other nodes', () => {
  const SIZES = [1, 500, 3000, 4064, 4065, 20_000];
  const US = 3;

  /** Looks at the clock for each of SIZES, and what they should be on a node that is far. */
  function spend(placement: Placement, own: number, full: readonly number[] = []) {
    const clock = new TickingClock();
    const { kit, take, end, thr, mem, allOs } = setUp([64, 64], placement, own, clock);
    mem[thr.sysvars + SYSVARS.at.remoteCostNs] = US * 1000;
    for (const node of full) osSetLimit(thr, allOs[node], 0);
    const looks = SIZES.map((bytes) => {
      clock.looks = 0;
      expect(take(bytes)).toBeGreaterThanOrEqual(0);
      return clock.looks;
    });
    const matrix = memoryMatrix(mem, allOs, [own, 0, 0]);
    for (const node of full) osSetLimit(thr, allOs[node], 64 * 4096);
    expect(end()).toEqual([]);
    expect(kit.defects()).toEqual([]);
    return { looks, matrix };
  }
  const far = SIZES.map((bytes) => 1 + US * accessesOf(bytes + 32));
  const none = SIZES.map(() => 0);
  const pages = 1 + 1 + 1 + 1 + 2 + 5;

  it('is spent by who is given it, once for each 4 KiB begun, and counted', () => {
    expect(far).toEqual([4, 4, 4, 4, 7, 16]);
    expect(spend({ policy: 'bind', nodes: [1] }, 0)).toEqual({
      looks: far,
      matrix: [
        [0, pages],
        [0, 0],
      ],
    });
  });

  it('is spent where the fallback leads, and not where that is the own node', () => {
    expect(spend({ policy: 'local' }, 1, [1])).toEqual({
      looks: far,
      matrix: [
        [0, 0],
        [pages, 0],
      ],
    });
    expect(spend({ policy: 'preferred', node: 1 }, 0, [1]).looks).toEqual(none);
  });

  it('is nothing at home: no look at the clock', () => {
    expect(spend({ policy: 'local' }, 1)).toEqual({
      looks: none,
      matrix: [
        [0, 0],
        [0, pages],
      ],
    });
  });
});

const interleave: Placement = { policy: 'interleave', nodes: [0, 1] };
