import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL, CLEANER, LOG_SYS } from '../layout/buffer.ts';
import { ArenaPlanner, nodeOf } from '../layout/arena.ts';
import { VirtualClock } from '../layout/clock.ts';
import { MAX_NODES } from '../layout/thread.ts';
import { getU53 } from '../layout/words.ts';
import { interleaveAll } from '../numa/config.ts';
import { placePool } from '../numa/pool-placement.ts';
import { uniformDistance } from '../numa/topology.ts';
import { eventIsSet } from '../sync/event.ts';
import { X_LOCK_DECR } from '../sync/sx-lock-word.ts';
import { LOG_START_LSN } from './log-sys.ts';
import { type BufPoolConfig, planInstance, planPoolGlobals, PoolPlanner } from './pool-plan.ts';
import { attachPool, makeSimplePool } from './simple-pool.ts';
import { findPrime } from './sizes.ts';
import { FLUSH, IO_FIX, STATE } from './states.ts';
import { MemStore, PoolKit } from './test-kit.ts';

const MIB = 1 << 20;
const config = (more: Partial<BufPoolConfig> = {}): BufPoolConfig => ({
  instances: 4,
  nStripes: 8,
  chunks: { bytes: MIB, perInstance: 3 },
  oldBlocksPct: 37,
  nSpaces: 4,
  nThreads: 2,
  ...more,
});

function make(more: Partial<BufPoolConfig> = {}, nodes = 2) {
  const made = makeSimplePool({ config: config(more), clock: new VirtualClock(1), nodes });
  return { made, pool: attachPool(made, new MemStore(made.buffer)) };
}

describe('layout (facts 1.5)', () => {
  it('a page-aligned chunk has exactly its bytes in frames, and as many control blocks', () => {
    const { made } = make();
    for (const plan of made.pool.instances) {
      expect(plan.chunks.map((c) => c.size)).toEqual([64, 64, 64]);
      for (const c of plan.chunks) {
        expect((c.frame0 * 4) % 16384).toBe(0);
        expect(c.blocks + c.size * BUF_BLOCK.words).toBeLessThanOrEqual(c.frame0);
      }
    }
  });

  it('frames are 16 KiB aligned, in order, and no two blocks share one', () => {
    const { pool } = make();
    const frames = pool.instances.flatMap((inst) =>
      inst.chunks.flatMap((c) =>
        Array.from(
          { length: c.size },
          (_, i) => pool.mem[c.blocks + i * BUF_BLOCK.words + BUF_BLOCK.at.frame],
        ),
      ),
    );
    expect(frames.every((f) => f > 0 && (f * 4) % 16384 === 0)).toBe(true);
    expect(new Set(frames).size).toBe(4 * 3 * 64);
    for (const inst of pool.instances) {
      const [c] = inst.chunks;
      expect(pool.mem[c.blocks + 5 * BUF_BLOCK.words + BUF_BLOCK.at.frame]).toBe(c.frame0 + 5 * 4096);
    }
  });

  it('no two parts overlap', () => {
    const planner = new ArenaPlanner();
    planPoolGlobals(planner, config(), 2);
    planner.openNode();
    planInstance(planner, config(), 0, 0);
    const { placements } = planner.finish();
    const sorted = [...placements].toSorted((a, b) => a.at - b.at);
    for (const [i, p] of sorted.entries()) {
      if (i > 0)
        expect(p.at).toBeGreaterThanOrEqual(sorted[i - 1].at + sorted[i - 1].stride * sorted[i - 1].count);
    }
    expect(placements.map((p) => p.name)).toContain('buf_pool[0].chunk[2]');
  });

  it('cells are a prime a little over twice the pages', () => {
    const { made, pool } = make();
    for (const inst of pool.instances) {
      expect(made.pool.instances[inst.no].nCells).toBe(findPrime(2 * 192));
      expect(pool.mem[inst.at + BUF_POOL.at.nCells]).toBe(findPrime(2 * 192));
    }
  });

  it('instances lie on nodes in turn, with all that is theirs', () => {
    const planner = new ArenaPlanner();
    planPoolGlobals(planner, config(), 2);
    const plans = [0, 1].map((node) => {
      planner.openNode();
      return planInstance(planner, config(), node, node);
    });
    const arena = planner.finish();
    for (const [node, p] of plans.entries()) {
      for (const at of [
        p.at,
        p.stripes,
        p.cells,
        ...p.chunks.flatMap((c) => [c.blocks, c.frame0 + c.size * 4096 - 1]),
      ]) {
        expect(nodeOf(arena, at)).toBe(node);
      }
    }
    const { pool } = make();
    expect(pool.instances.map((inst) => inst.node)).toEqual([0, 1, 0, 1]);
    expect(pool.instances.map((inst) => pool.mem[inst.at + BUF_POOL.at.node])).toEqual([0, 1, 0, 1]);
    expect(pool.instances.map((inst) => pool.mem[inst.at + BUF_POOL.at.instanceNo])).toEqual([0, 1, 2, 3]);
  });

  it('each chunk lies in the region of its node, and the rest of an instance where it is at home', () => {
    for (let nodes = 1; nodes <= MAX_NODES; nodes++) {
      const planner = new ArenaPlanner();
      const where = placePool(4, 3, interleaveAll(nodes), uniformDistance(nodes));
      const pools = new PoolPlanner(planner, config(), where, nodes);
      for (let node = 0; node < nodes; node++) pools.planNode(planner.openNode());
      const plan = pools.finish();
      const arena = planner.finish();
      expect(plan.nodes).toBe(nodes);
      for (const [no, p] of plan.instances.entries()) {
        expect(p.node).toBe(where.homes[no]);
        for (const at of [p.at, p.stripes, p.cells]) expect(nodeOf(arena, at)).toBe(p.node);
        for (const [i, c] of p.chunks.entries()) {
          expect(c.node).toBe(where.chunks[no][i]);
          for (const at of [c.blocks, c.frame0 + c.size * 4096 - 1]) expect(nodeOf(arena, at)).toBe(c.node);
        }
      }
    }
  });

  it('every node has a page cleaner, also one without an instance', () => {
    const made = makeSimplePool({
      config: config(),
      clock: new VirtualClock(1),
      nodes: 3,
      placement: { policy: 'preferred', node: 0 },
    });
    const mem = new Int32Array(made.buffer);
    for (const node of [0, 1, 2]) {
      expect(mem[made.pool.cleaners + node * CLEANER.words + CLEANER.at.tickEvent]).toBe(2);
    }
  });

  it('without frames: as many blocks as asked for, and no frame', () => {
    const { pool } = make({ chunks: { blocks: 100 }, instances: 1 }, 1);
    const [c] = pool.instances[0].chunks;
    expect(pool.instances[0].chunks).toHaveLength(1);
    expect([c.size, c.frame0]).toEqual([100, 0]);
    expect(pool.mem[c.blocks + BUF_BLOCK.at.frame]).toBe(0);
  });
});

describe('initial state', () => {
  it('every block is free and new', () => {
    const kit = new PoolKit({ blocks: 32 });
    for (const b of kit.blocks()) {
      expect(kit.of(b, 'state')).toBe(STATE.notUsed);
      expect([kit.of(b, 'fixCount'), kit.of(b, 'ioFix'), kit.oldest(b)]).toEqual([0, IO_FIX.none, 0]);
      expect(kit.of(b, 'lock')).toBe(X_LOCK_DECR);
      expect([kit.of(b, 'spaceId'), kit.of(b, 'pageNo')]).toEqual([-1, -1]);
    }
    expect(kit.list('free')).toEqual(kit.blocks());
    expect(kit.findings()).toEqual([]);
  });

  it('facts 15: no_flush events are set from the start, the cleaners events are not', () => {
    const kit = new PoolKit({ blocks: 32, nodes: 2, instances: 2 });
    for (const type of Object.values(FLUSH)) expect(eventIsSet(kit.val('noFlush', type))).toBe(true);
    for (const node of [0, 1]) {
      const at = kit.plan.pool.cleaners + node * CLEANER.words;
      expect(eventIsSet(kit.mem[at + CLEANER.at.flushEvent])).toBe(false);
      expect(kit.mem[at + CLEANER.at.flushEvent]).toBe(2);
    }
  });

  it('scalars of the instance, and the log', () => {
    const kit = new PoolKit({ blocks: 320, frames: false, oldBlocksPct: 50 });
    expect([kit.val('currSize'), kit.val('oldSize'), kit.val('lruOldRatio')]).toEqual([320, 320, 512]);
    expect([kit.val('youngMargin'), kit.val('readAheadArea'), kit.val('tryLruScan')]).toEqual([40, 16, 1]);
    const { logSys } = kit.plan.pool;
    expect(getU53(kit.mem, logSys + LOG_SYS.at.lsn)).toBe(LOG_START_LSN);
    expect(getU53(kit.mem, logSys + LOG_SYS.at.closedTail)).toBe(LOG_START_LSN);
  });

  it('an instance knows its own stripes', () => {
    const { pool } = make();
    const all = pool.instances.flatMap((inst) =>
      Array.from({ length: inst.nStripes }, (_, i) => inst.stripe(i)),
    );
    expect(new Set(all).size).toBe(4 * 8);
    expect(all.every((at) => pool.mem[at] === X_LOCK_DECR)).toBe(true);
  });
});
