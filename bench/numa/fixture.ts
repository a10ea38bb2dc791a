/** A warm pool on several nodes, and the pages that each session asks for, by placement. */
import { bufPageGet } from '../../src/buffer/get-page.ts';
import { mtrReleaseLast } from '../../src/buffer/mtr.ts';
import { instanceOf } from '../../src/buffer/page-id.ts';
import {
  attachPool,
  attachPoolThread,
  makeSimplePool,
  type SimplePoolPlan,
} from '../../src/buffer/simple-pool.ts';
import { FETCH, RW } from '../../src/buffer/states.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { Rng } from '../../src/layout/rng.ts';
import { SYSVARS, THREAD } from '../../src/layout/thread.ts';
import { nodeMatrix } from '../../src/observe/pool-stats.ts';
import { nullStore } from '../../src/storage/page-store.ts';

/**
 * Where the pages lie that a session uses: all on its own node, as affinity gives it; on all nodes in turn, as
 * innodb_numa_interleave gives it; or all on other nodes, the worst case.
 */
export const PLACEMENTS = ['local', 'interleaved', 'remote'] as const;
export type Placement = (typeof PLACEMENTS)[number];

export const SPACE_ID = 1;
/** Pages that are asked for, of each node; there is an instance for each node. */
const PAGES_PER_NODE = 4096;
/** Pages of an instance come in groups of 64, not evenly; this many blocks more are enough to stop in time. */
const SPARE_BLOCKS = 64;
/** Gets of a session until its sequence begins anew; a power of two. */
export const SEQUENCE = 1 << 15;

export interface NumaShape {
  readonly nodes: number;
  readonly sessionsPerNode: number;
  readonly seed: number;
}

export interface NumaFixture {
  readonly plan: SimplePoolPlan;
  readonly epochNs: bigint;
  readonly nodes: number;
  /** Sessions are on nodes in turn. */
  readonly sessions: number;
  /** Page numbers in the order in which they are asked for, by placement and session. */
  readonly pages: Readonly<Record<Placement, readonly Int32Array[]>>;
}

export function makeNumaFixture({ nodes, sessionsPerNode, seed }: NumaShape): NumaFixture {
  const epochNs = process.hrtime.bigint();
  const clock = new RealClock(epochNs);
  const sessions = nodes * sessionsPerNode;
  const plan = makeSimplePool({
    clock,
    nodes,
    config: {
      instances: nodes,
      nStripes: 16,
      chunks: { blocks: PAGES_PER_NODE + SPARE_BLOCKS },
      oldBlocksPct: 37,
      nSpaces: SPACE_ID + 1,
      nThreads: sessions,
    },
  });
  const byNode = fillPool(plan, clock, nodes);
  const sequences = (placement: Placement): Int32Array[] =>
    Array.from({ length: sessions }, (_, slot) => makePages(placement, slot, byNode, seed));
  const pages = {
    local: sequences('local'),
    interleaved: sequences('interleaved'),
    remote: sequences('remote'),
  };
  return { plan, epochNs, nodes, sessions, pages };
}

/** Gets every page once. @returns page numbers by node */
function fillPool(plan: SimplePoolPlan, clock: RealClock, nodes: number): number[][] {
  const pool = attachPool(plan, nullStore);
  const thr = attachPoolThread(plan, 0, clock);
  const byNode: number[][] = Array.from({ length: nodes }, () => []);
  for (let page = 0; byNode.some((pages) => pages.length < PAGES_PER_NODE); page++) {
    const { node } = pool.instances[instanceOf(SPACE_ID, page, nodes)];
    if (byNode[node].length === PAGES_PER_NODE) continue;
    byNode[node].push(page);
    bufPageGet(thr, pool, SPACE_ID, page, RW.s, FETCH.normal);
    mtrReleaseLast(thr);
  }
  return byNode;
}

function makePages(
  placement: Placement,
  slot: number,
  byNode: readonly number[][],
  seed: number,
): Int32Array {
  const rng = new Rng(seed, slot);
  const nodes = byNode.length;
  const own = slot % nodes;
  const pages = new Int32Array(new SharedArrayBuffer(SEQUENCE * 4));
  for (let i = 0; i < SEQUENCE; i++) {
    const turn = { local: 0, interleaved: i % nodes, remote: 1 + (i % (nodes - 1)) }[placement];
    const there = byNode[(own + turn) % nodes];
    pages[i] = there[rng.below(there.length)];
  }
  return pages;
}

/** The price of an access to another node, ns; while no session runs. */
export function setRemoteCost({ plan }: NumaFixture, ns: number): void {
  new Int32Array(plan.buffer)[plan.runtime.sysvars + SYSVARS.at.remoteCostNs] = ns;
}

/**
 * Page gets by node: a row for each node of sessions, as their threads were when they ran last, a column for each node
 * of pages. Counts wrap at 2^32.
 */
export function getsByNode({ plan, nodes, sessions }: NumaFixture): number[][] {
  const mem = new Int32Array(plan.buffer);
  const threadNodes = Array.from(
    { length: sessions },
    (_, slot) => mem[plan.runtime.threads + slot * THREAD.words + THREAD.at.node],
  );
  const rows = { stats: plan.pool.stats, nThreads: sessions, instances: plan.pool.instances };
  return nodeMatrix(mem, rows, threadNodes, nodes);
}
