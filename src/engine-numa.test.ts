/** Nodes in the engine: where pool and memory lie, who reaches what, for every number of nodes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { bufPageGet } from './buffer/get-page.ts';
import { mtrReleaseLast } from './buffer/mtr.ts';
import { FETCH, RW } from './buffer/states.ts';
import { validateInstance } from './buffer/validate.ts';
import {
  type Attached,
  attachEngine,
  createEngine,
  type EngineConfig,
  nodeOfThread,
  threadSlot,
} from './engine.ts';
import { nodeOf } from './layout/arena.ts';
import { NUMA_TOPOLOGY } from './layout/numa.ts';
import { MAX_NODES, THREAD } from './layout/thread.ts';
import { heapLiveBlocks } from './memory/heap/malloc.ts';
import { MY_HEADER_BYTES, myFree, myMalloc } from './memory/mem-root/my-malloc.ts';
import { NO_LIMIT, osMemoryDefects } from './memory/os/os-memory.ts';
import { numaStat, numaStatDefects, placementTurn } from './memory/os/placement.ts';
import { MEM_KEY } from './memory/psi/psi-keys.ts';
import { interleaveAll, localNuma, type NumaConfig } from './numa/config.ts';
import { accessesOf, memoryMatrix } from './numa/memory-matrix.ts';
import { distancesFrom, parseDistance } from './numa/topology.ts';
import { nodeMatrix } from './observe/pool-stats.ts';
import { prepareDataDir } from './storage/data-dir.ts';
import { THREAD_KIND } from './sync/thread.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchlab-numa-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const PAGES = 600;
const SPACE = 1;
prepareDataDir({ dir, tablespaces: 1, pagesPerSpace: PAGES, seed: 1 });

function configOf(nodes: number, numa: Partial<NumaConfig> = {}): EngineConfig {
  return {
    seed: 1,
    nodes,
    numa: { ...localNuma(nodes), ...numa },
    sessions: nodes,
    threads: nodes,
    checked: true,
    pool: { instances: nodes, nStripes: 4, chunks: { bytes: 16 * 16384, perInstance: 3 }, oldBlocksPct: 37 },
    sysvars: {},
    oldBlocksTimeMs: 1000,
    osMemoryBytes: 2 ** 20,
    osMemoryTotalBytes: NO_LIMIT,
    hugePages: 0,
    faultPpm: 0,
    realSleeps: false,
    connMem: { sessionLimit: NO_LIMIT, globalLimit: NO_LIMIT, chunkSize: 8192, tracking: false },
    origins: false,
    yard: false,
    dataDir: dir,
    tablespaces: 1,
    pagesPerSpace: PAGES,
  };
}

/** Each thread gets pages and allocates, by turns; then everything is looked at. */
function run(config: EngineConfig) {
  const share = createEngine(config);
  const { plan } = share;
  const mem = new Int32Array(share.buffer);
  const threads = Array.from({ length: config.threads }, (_, t) =>
    attachEngine(share, threadSlot(t), THREAD_KIND.session, nodeOfThread(config, t)),
  );
  const threadNodes = (): number[] =>
    Array.from(
      { length: plan.runtime.nThreads },
      (_, i) => mem[plan.runtime.threads + i * THREAD.words + THREAD.at.node],
    );
  const allOs = plan.osMemory.map((o) => o.at);
  const expected = matrixOf(config.nodes);
  const expectedMemory = memoryMatrix(mem, allOs, threadNodes());
  const blocks: number[] = [];
  for (let i = 0; i < 3 * PAGES; i++) {
    const a = threads[i % threads.length];
    placementTurn(a.thr, a.my);
    const block = bufPageGet(a.thr, a.pool, SPACE, (i * 7) % PAGES, RW.s, FETCH.normal);
    expected[a.thr.node][nodeOf(plan.arena, block)]++;
    mtrReleaseLast(a.thr);
    if (i % 5 !== 0) continue;
    const bytes = 1 + (i % 9000);
    const p = myMalloc(a.thr, a.my, MEM_KEY.stringValue, bytes);
    expectedMemory[a.thr.node][nodeOf(plan.arena, p)] += accessesOf(bytes + MY_HEADER_BYTES);
    blocks.push(p);
  }
  const memory = memoryMatrix(mem, allOs, threadNodes());
  const placed = allOs.map((os) => heapLiveBlocks(mem, os));
  const stats = allOs.map((os) => numaStat(mem, os));
  const { thr, my, pool } = threads[0];
  for (const block of blocks) myFree(thr, my, block);
  for (const a of threads) a.store.close();
  const defects = [
    ...allOs.flatMap((os) => osMemoryDefects(mem, os)),
    ...numaStatDefects(mem, allOs),
    ...pool.instances.flatMap((inst) => validateInstance(thr, pool, inst, true)),
    ...allOs.map((os) => heapLiveBlocks(mem, os)).filter((n) => n !== 0),
  ];
  const rows = { stats: plan.pool.stats, nThreads: plan.runtime.nThreads, instances: plan.pool.instances };
  const matrix = nodeMatrix(mem, rows, threadNodes(), config.nodes);
  return { share, mem, threads, expected, matrix, memory, expectedMemory, placed, stats, defects };
}

const matrixOf = (nodes: number): number[][] =>
  Array.from({ length: nodes }, () => Array.from({ length: nodes }, () => 0));

const POLICIES: readonly [string, readonly number[], (nodes: number) => Partial<NumaConfig>][] = [
  ['local', [1, 2, 4, MAX_NODES], () => ({})],
  [
    'interleave',
    [1, 2, 3, 4, 5, 6, 7, MAX_NODES],
    (n) => ({ pool: interleaveAll(n), sessions: interleaveAll(n) }),
  ],
  [
    'bind to the last node',
    [1, 3],
    (n) => ({ pool: { policy: 'bind', nodes: [n - 1] }, sessions: { policy: 'bind', nodes: [n - 1] } }),
  ],
  [
    'preferred node 0',
    [3, MAX_NODES],
    () => ({ pool: { policy: 'preferred', node: 0 }, sessions: { policy: 'preferred', node: 0 } }),
  ],
];

describe.each(POLICIES)('%s', (_name, counts, numa) => {
  it(`${counts.join(', ')} nodes: the matrices are exact, numastat sums up, nothing is left`, () => {
    for (const nodes of counts) {
      const { matrix, expected, memory, expectedMemory, defects } = run(configOf(nodes, numa(nodes)));
      expect(matrix).toEqual(expected);
      expect(memory).toEqual(expectedMemory);
      expect(defects).toEqual([]);
    }
  });
});

describe('on two nodes', () => {
  const sum = (row: readonly number[]): number => row.reduce((a, b) => a + b, 0);

  it('bind=0: all that node 1 does is remote, and its memory is on node 0', () => {
    const onlyFirst = { policy: 'bind', nodes: [0] } as const;
    const { matrix, placed, stats } = run(configOf(2, { pool: onlyFirst, sessions: onlyFirst }));
    expect(matrix.map((row) => row[1])).toEqual([0, 0]);
    expect(matrix[1][0]).toBe((3 * PAGES) / 2);
    expect(placed[1]).toBe(0);
    expect(placed[0]).toBeGreaterThan(100);
    expect(stats[0].otherNode).toBeGreaterThan(0);
    expect(stats.map((s) => s.numaMiss)).toEqual([0, 0]);
  });

  it('local: memory of each thread on its node; page gets by chance', () => {
    const { matrix, placed, stats } = run(configOf(2));
    expect(placed).toEqual([180, 180]);
    expect(stats.map((s) => [s.otherNode, s.interleaveHit])).toEqual([
      [0, 0],
      [0, 0],
    ]);
    for (const [n, row] of matrix.entries()) expect(sum(row) - row[n]).toBeGreaterThan(0);
  });

  it('interleave: half of the chunks, and of the turns, on each', () => {
    const all = interleaveAll(2);
    const { matrix, placed, stats } = run(configOf(2, { pool: all, sessions: all }));
    expect(Math.abs(placed[0] - placed[1])).toBeLessThan(60);
    for (const s of stats) expect(s.interleaveHit).toBeGreaterThan(0);
    for (const [n, row] of matrix.entries()) {
      expect((sum(row) - row[n]) / sum(row)).toBeGreaterThan(0.3);
      expect((sum(row) - row[n]) / sum(row)).toBeLessThan(0.7);
    }
  });
});

describe('what the engine says and keeps', () => {
  it('innodb_numa_interleave is in the error log, other policies are not', () => {
    const lines = (numa: Partial<NumaConfig>): string[] =>
      createEngine(configOf(2, numa)).log.map((l) => `${l.priority}: ${l.text}`);
    expect(lines({ pool: interleaveAll(2) })).toEqual([
      'Note: Setting NUMA memory policy to MPOL_INTERLEAVE',
      'Note: Setting NUMA memory policy to MPOL_DEFAULT',
    ]);
    expect(lines({ pool: { policy: 'interleave', nodes: [1] }, sessions: interleaveAll(2) })).toEqual([]);
    expect(lines({})).toEqual([]);
  });

  it('threads know the distances of their nodes', () => {
    const distance = parseDistance('10,21,40;21,10,22;31,21,10', 3);
    const { share, mem, threads } = run(configOf(3, { distance }));
    const { topology } = share.plan;
    expect(mem[topology + NUMA_TOPOLOGY.at.nodes]).toBe(3);
    const row = ({ thr }: Attached): number[] => [...mem.subarray(thr.distances, thr.distances + 3)];
    expect(threads.map(row)).toEqual(distance);
    expect(threads[1].thr.distances).toBe(distancesFrom(topology, 1));
  });
});
