import { describe, expect, it } from 'vitest';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { VirtualClock } from '../layout/clock.ts';
import { Rng } from '../layout/rng.ts';
import { NIL } from '../layout/schema.ts';
import { MAX_NODES } from '../layout/thread.ts';
import { nodeMatrix } from '../observe/pool-stats.ts';
import type { Placement } from '../numa/placement.ts';
import type { Thread } from '../sync/thread.ts';
import { bufPageGet } from './get-page.ts';
import { SPREAD } from './instance.ts';
import { mtrReleaseLast } from './mtr.ts';
import { instanceOf } from './page-id.ts';
import { attachPool, attachPoolThread, makeSimplePool } from './simple-pool.ts';
import { VERSION_FAILED } from './stale.ts';
import { FETCH, type Fetch, RW } from './states.ts';
import { MemStore, shortRead } from './test-kit.ts';
import { validateInstance } from './validate.ts';

/** A clock that moves 1 us whenever somebody looks at it. */
class TickingClock extends VirtualClock {
  looks = 0;

  override us(): number {
    this.looks++;
    this.advance(1);
    return super.us();
  }
}

const SPACE = 1;

/** A pool of chunks of 4 blocks, and a thread on each node. */
function setUp(nodes: number, placement: Placement, o: { instances?: number; remoteCostNs?: number } = {}) {
  const instances = o.instances ?? nodes;
  const clock = new TickingClock();
  const plan = makeSimplePool({
    clock,
    nodes,
    placement,
    sysvars: { remoteCostNs: o.remoteCostNs ?? 0, syncSpinLoops: 0 },
    config: {
      instances,
      nStripes: 2,
      chunks: { bytes: 4 * 16384, perInstance: 4 },
      oldBlocksPct: 37,
      nSpaces: SPACE + 1,
      nThreads: nodes,
    },
  });
  const store = new MemStore(plan.buffer);
  const pool = attachPool(plan, store);
  const { mem } = pool;
  const threads = Array.from({ length: nodes }, (_, node) =>
    attachPoolThread(plan, node, clock, { node, checked: true }),
  );
  const get = (thr: Thread, page: number, mode: Fetch = FETCH.normal): number => {
    const block = bufPageGet(thr, pool, SPACE, page, RW.s, mode);
    if (block !== NIL) mtrReleaseLast(thr);
    return block;
  };
  const rows = { stats: plan.pool.stats, nThreads: nodes, instances: plan.pool.instances };
  const threadNodes = threads.map((t) => t.node);
  const matrix = (): number[][] => nodeMatrix(mem, rows, threadNodes, nodes);
  /** Node of a block by the chunk that it is in, as planned. */
  const chunkNode = (block: number): number => {
    const chunks = plan.pool.instances.flatMap((i) => i.chunks);
    const chunk = chunks.find((c) => block >= c.blocks && block < c.frame0);
    if (chunk === undefined) throw new Error('no chunk');
    return chunk.node;
  };
  return { clock, pool, store, threads, get, matrix, chunkNode, mem };
}

const all = (nodes: number): Placement => ({
  policy: 'interleave',
  nodes: Array.from({ length: nodes }, (_, n) => n),
});
const total = (matrix: readonly number[][]): number => matrix.flat().reduce((a, b) => a + b, 0);

describe('the node of a page', () => {
  it('is its frame’s, on 1 to 8 nodes, when chunks are interleaved', () => {
    for (let nodes = 1; nodes <= MAX_NODES; nodes++) {
      const { pool, chunkNode } = setUp(nodes, all(nodes), { instances: 3 });
      for (const inst of pool.instances) {
        expect(inst.pagesNode).toBe(nodes === 1 ? 0 : SPREAD);
        for (const chunk of inst.chunks) {
          expect(inst.nodeOfBlock(chunk.blocks)).toBe(chunk.node);
          expect(inst.nodeOfBlock(chunk.frame0 - 1)).toBe(chunk.node);
          expect(chunkNode(chunk.blocks)).toBe(chunk.node);
        }
      }
    }
  });

  it('is the instance’s when all chunks are at home', () => {
    for (const placement of [{ policy: 'local' }, { policy: 'bind', nodes: [1] }] as const) {
      const { pool } = setUp(2, placement);
      expect(pool.instances.map((i) => i.pagesNode)).toEqual(pool.instances.map((i) => i.node));
    }
  });
});

it('pages that come one after the other come to the nodes in turn, when chunks are interleaved', () => {
  for (const nodes of [2, 3, 4]) {
    const { get, threads, chunkNode } = setUp(nodes, all(nodes), { instances: 1 });
    const first = Array.from({ length: 2 * nodes }, (_, page) => chunkNode(get(threads[0], page)));
    const turns = Array.from({ length: 8 }, (_, i) => (i % 4) % nodes);
    expect(first).toEqual(turns.slice(0, 2 * nodes));
  }
  const { get, threads, pool } = setUp(2, { policy: 'local' }, { instances: 1 });
  const { blocks } = pool.instances[0].chunks[0];
  expect([0, 1, 2].map((page) => get(threads[0], page) - blocks)).toEqual(
    [0, 1, 2].map((n) => n * BUF_BLOCK.words),
  );
});

describe('the access matrix', () => {
  it('is exact with chunks on all nodes, while pages move from node to node', () => {
    for (const nodes of [2, 3, MAX_NODES]) {
      const { pool, threads, get, matrix, chunkNode } = setUp(nodes, all(nodes));
      const expected = Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => 0));
      const seen = new Map<number, Set<number>>();
      const rng = new Rng(nodes, 0);
      for (let turn = 0; turn < 1000; turn++) {
        // More pages than fit: each comes in again and again, now here, now there.
        const page = rng.below(40 * nodes);
        const thr = threads[turn % nodes];
        const node = chunkNode(get(thr, page * 64));
        expected[thr.node][node]++;
        seen.set(page, (seen.get(page) ?? new Set()).add(node));
      }
      expect(matrix()).toEqual(expected);
      expect([...seen.values()].some((places) => places.size > 1)).toBe(true);
      for (const inst of pool.instances) expect(validateInstance(threads[0], pool, inst, true)).toEqual([]);
    }
  });

  it('bind=0 on two nodes: whatever node 1 does is remote', () => {
    const { threads, get, matrix } = setUp(2, { policy: 'bind', nodes: [0] });
    for (let page = 0; page < 30; page++) for (const thr of threads) get(thr, page * 64);
    expect(matrix()).toEqual([
      [30, 0],
      [30, 0],
    ]);
  });

  it('a get that finds no page goes as far as the instance’s home', () => {
    const { threads, get, matrix, pool } = setUp(2, all(2));
    const away = Array.from({ length: 20 }, (_, i) => i * 64).find(
      (p) => pool.instances[instanceOf(SPACE, p, 2)].node === 1,
    );
    expect(get(threads[0], away ?? 0, FETCH.ifInPool)).toBe(NIL);
    expect(matrix()).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });

  it('counts a get once although its read failed first', () => {
    const { threads, get, matrix, store, chunkNode } = setUp(2, all(2));
    let failures = 3;
    store.onRead = (page) => (failures-- > 0 ? shortRead(page) : null);
    const node = chunkNode(get(threads[0], 64));
    expect(total(matrix())).toBe(1);
    expect(matrix()[0][node]).toBe(1);
  });

  it('counts a get once that had fixed a page whose read then failed (rule 13)', () => {
    const { threads, get, matrix, chunkNode, mem } = setUp(2, all(2), { instances: 1 });
    const [thr] = threads;
    let [page, block] = [0, get(thr, 0)];
    while (chunkNode(block) === 0) block = get(thr, (page += 64));
    const before = matrix();
    // The mark appears between the look-up and the frame latch: here at the first access time's block mutex.
    mem[block + BUF_BLOCK.at.accessTime] = 0;
    const { nowTicks } = thr;
    let armed = true;
    Object.defineProperty(thr, 'nowTicks', {
      get: () => {
        if (armed) mem[block + BUF_BLOCK.at.version] = VERSION_FAILED;
        armed = false;
        return nowTicks;
      },
    });
    before[0][chunkNode(get(thr, page))]++;
    expect(armed).toBe(false);
    expect(matrix()).toEqual(before);
  });
});

describe('the price', () => {
  const looks = (clock: TickingClock, act: () => void): number => {
    clock.looks = 0;
    act();
    return clock.looks;
  };

  it('is spent where the page is, and the local hit looks at no clock', () => {
    const { clock, threads, get, chunkNode } = setUp(2, all(2), { remoteCostNs: 5000 });
    for (let page = 0; page < 12; page++) {
      const node = chunkNode(get(threads[0], page * 64));
      for (const thr of threads) {
        const expected = thr.node === node ? 0 : 1 + 5;
        expect(looks(clock, () => void get(thr, page * 64))).toBe(expected);
      }
    }
  });

  it('is spent on the way to a page that is not there', () => {
    const { clock, threads, get } = setUp(2, { policy: 'preferred', node: 1 }, { remoteCostNs: 5000 });
    expect(looks(clock, () => void get(threads[0], 0, FETCH.ifInPool))).toBe(6);
    expect(looks(clock, () => void get(threads[1], 0, FETCH.ifInPool))).toBe(0);
  });
});
