import { describe, expect, it } from 'vitest';
import { createEngine, type EngineConfig } from '../../src/engine.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { setU53 } from '../../src/layout/words.ts';
import { interleaveAll, localNuma, type NumaConfig } from '../../src/numa/config.ts';
import { parseDistance } from '../../src/numa/topology.ts';
import { FakeHost } from '../../src/numa/test-kit.ts';
import { numaReport, numaSection } from './numa-text.ts';
import { nodes } from './report-html-sessions.ts';
import { plan, ran } from '../test-kit.ts';
import { createTouchedEngine } from '../runner/touched-engine.ts';

const MATRIX = [
  [600, 200],
  [1000, 0],
];

async function configOf(numa: Partial<NumaConfig>, remoteCostNs: number): Promise<EngineConfig> {
  const { run } = await plan(
    '--innodb-buffer-pool-size=5M',
    '--innodb-buffer-pool-instances=1',
    '--nodes=1',
    '--data-size=1M',
    '--os-memory=1M',
    '--sessions=2',
  );
  const { engine } = run;
  return {
    ...engine,
    nodes: 2,
    numa: { ...localNuma(2), ...numa },
    sysvars: { ...engine.sysvars, remoteCostNs },
  };
}

const MEMORY = [
  [30, 10],
  [0, 5],
];

const ONE_NODE = new FakeHost({ cpus: '0-1' });

describe('the section about nodes', () => {
  it('tells who reached what, at which price, under which policies', async () => {
    const distance = parseDistance('10,21;32,10', 2);
    const sessions = { policy: 'bind', nodes: [0] } as const;
    const share = createEngine(await configOf({ distance, sessions, pool: interleaveAll(2) }, 1_000_000));
    const os = share.plan.osMemory[1].at;
    setU53(new Int32Array(share.buffer), os + OS_MEMORY.at.numaMiss, 2 ** 33);
    const affinity = [{ node: 0, tid: 7, cpus: '0', note: null }];
    const report = numaReport({
      share,
      nodeMatrix: MATRIX,
      memoryMatrix: MEMORY,
      affinity,
      host: ONE_NODE,
    });
    expect(report.remoteShare).toEqual([0.25, 1]);
    expect(report.priceNs).toEqual([
      [0, 1_000_000],
      [2_000_000, 0],
    ]);
    expect(report.spentMs).toEqual([
      [0, 200],
      [2000, 0],
    ]);
    expect(report.memory).toEqual({
      accesses: MEMORY,
      remoteShare: [0.25, 0],
      spentMs: [
        [0, 10],
        [0, 0],
      ],
    });
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    const { title, text } = numaSection(report);
    expect(title).toBe('NUMA (row: node of the thread, column: node of the page)');
    const lines = text.split('\n').map((line) => line.replaceAll(/ +/g, ' ').trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        'node 0 600 200 25.0 %',
        'node 1 1,000 0 100.0 %',
        '66.7 % of all page gets were remote; policies: memory of sessions bind=0, ' +
          'buffer pool interleave=0,1 (innodb_numa_interleave)',
        'memory, 4 KiB node 0 node 1 remote',
        'node 0 30 10 25.0 %',
        'ms, memory node 0 node 1',
        'node 0 0 10',
        'pages of the buffer pool: 320 on node 0, 0 on node 1 (chunks lie on one node: smaller ones, ' +
          '--innodb-buffer-pool-chunk-size, spread each instance)',
        'node 1 32 10',
        'distances are not symmetric: from node 0 to 1 it is 21, from 1 to 0 32',
        'node 1 2,000 0',
        'numa_miss 0 8,589,934,592',
        'node 0: 1 thread on CPUs 0',
        'the host has one NUMA node: the nodes are simulated, their memory lies together',
      ]),
    );
    expect(text).not.toMatch(/NaN|undefined| +$/m);
  });

  it('without price, accesses and binding', async () => {
    const share = createEngine(await configOf({}, 0));
    const none = MATRIX.map((row) => row.map(() => 0));
    const report = numaReport({
      share,
      nodeMatrix: none,
      memoryMatrix: none,
      affinity: null,
      host: ONE_NODE,
    });
    expect(report.remoteShare).toEqual([null, null]);
    const { text } = numaSection(report);
    expect(text).toContain('a remote access has no price (--remote-cost 0)');
    expect(text).toContain('threads are not bound to CPUs (--cpu-bind off)');
    expect(text).not.toMatch(/ms spent|ms, memory|NaN/);
    const yard = { ...share, config: { ...share.config, yard: true } };
    const beside = { nodeMatrix: none, memoryMatrix: MEMORY, affinity: null, host: ONE_NODE };
    expect(numaReport({ share: yard, ...beside }).memory).toBeNull();
    expect(numaSection(numaReport({ share: yard, ...beside })).text).not.toContain('memory, 4 KiB');
  });
});

describe('an engine that is touched first', () => {
  it('is the same, placed from the CPUs of each node; what came of it is in the log', async () => {
    const config = await configOf({}, 0);
    const host = new FakeHost({ cpus: '0-3', nodes: { 0: '0-1', 1: '2-3' } });
    const share = createTouchedEngine(config, host);
    expect(host.ran).toHaveLength(3);
    expect(share.log.map((l) => l.text)).toEqual([
      'the regions of 2 nodes were touched first from their own CPUs',
    ]);
    const { buffer, ...plain } = createEngine(config);
    expect(share).toMatchObject({ config: plain.config, plan: plain.plan });
    expect(share.buffer.byteLength).toBe(buffer.byteLength);
    expect(createTouchedEngine(config, ONE_NODE).log).toEqual([]);
  });
});

describe('a real run', () => {
  it('bind=0: whatever node 1 does is remote, its price is spent, all invariants hold', async () => {
    const { report } = await ran(
      [
        '--innodb-buffer-pool-size=10M',
        '--innodb-buffer-pool-instances=2',
        '--innodb-buffer-pool-debug=ON',
        '--nodes=2',
        '--sessions=2',
        '--data-size=16M',
        '--os-memory=8M',
        '--fault-ppm=0',
        '--seconds=1',
        '--remote-cost=500',
        '--numa-policy=bind=0',
        '--numa-pool-policy=bind=0',
        '--cpu-bind=on',
      ],
      () => ({}),
    );
    expect(report.verdict).toBe('ok');
    const { accesses, remoteShare, spentMs, memory, numastat, affinity } = report.numa;
    expect(accesses.map((row) => row[1])).toEqual([0, 0]);
    expect(accesses[1][0]).toBeGreaterThan(0);
    expect(remoteShare).toEqual([0, 1]);
    expect(spentMs[1][0]).toBeCloseTo((accesses[1][0] * 500) / 1e6);
    expect(memory?.accesses.map((row) => row[1])).toEqual([0, 0]);
    expect(memory?.remoteShare).toEqual([0, 1]);
    expect(memory?.spentMs[1][0]).toBeCloseTo(((memory?.accesses[1][0] ?? 0) * 500) / 1e6);
    expect(numastat[0].otherNode).toBeGreaterThan(0);
    expect(numastat.map((n) => n.numaMiss)).toEqual([0, 0]);
    const page = nodes(report).markup;
    expect(page).toContain('Memory taken from heaps, in 4 KiB begun');
    expect(page).toContain('ms spent on remote page gets, 500 ns each at distance 21');
    expect(page).toContain('pages of the buffer pool: 640 on node 0, 0 on node 1');
    // Two sessions and two page cleaners: bound, or one line says why not.
    expect(affinity.join()).toMatch(/node 0: 2 threads .*node 1: 2 threads|^4 threads not bound/);
  });
});
