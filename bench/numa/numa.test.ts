import { afterAll, describe, expect, it } from 'vitest';
import { validateInstance } from '../../src/buffer/validate.ts';
import { attachPool, attachPoolThread } from '../../src/buffer/simple-pool.ts';
import { RealClock, VirtualClock } from '../../src/layout/clock.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { nullStore } from '../../src/storage/page-store.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { type Row, sealRow } from '../core/row.ts';
import { measureClock, measureRemoteAccess } from './clock-cost.ts';
import { concludeNuma } from './conclude.ts';
import { numaFamily, NumaCase } from './family.ts';
import { makeNumaFixture, type Placement, setRemoteCost, SPACE_ID } from './fixture.ts';
import { instanceOf } from '../../src/buffer/page-id.ts';

describe('the fixture', () => {
  const fixture = makeNumaFixture({ nodes: 4, sessionsPerNode: 2, seed: 1 });
  const pool = attachPool(fixture.plan, nullStore);
  const shares = (placement: Placement, slot: number): number[] => {
    const counts = [0, 0, 0, 0];
    for (const page of fixture.pages[placement][slot])
      counts[pool.instances[instanceOf(SPACE_ID, page, 4)].node]++;
    return counts.map((n) => n / fixture.pages[placement][slot].length);
  };

  it('places pages on the own node, on all in turn, or on all others', () => {
    expect(fixture.sessions).toBe(8);
    for (const slot of [0, 1, 6]) {
      const own = slot % 4;
      expect(shares('local', slot)).toEqual([0, 1, 2, 3].map((n) => (n === own ? 1 : 0)));
      expect(shares('interleaved', slot)).toEqual([0.25, 0.25, 0.25, 0.25]);
      const remote = shares('remote', slot);
      expect(remote[own]).toBe(0);
      for (const n of [0, 1, 2, 3]) if (n !== own) expect(remote[n]).toBeCloseTo(1 / 3, 3);
    }
  });

  it('has all of them in the pool', () => {
    const thr = attachPoolThread(fixture.plan, 0, new RealClock(fixture.epochNs));
    for (const inst of pool.instances) expect(validateInstance(thr, pool, inst, true)).toEqual([]);
    const read = pool.instances.map(
      (_, no) => thr.mem[thr.poolStats + no * POOL_STAT.words + POOL_STAT.at.pagesRead],
    );
    expect(read).toEqual([4096, 4096, 4096, 4096]);
  });

  it('a delay is measured, not believed', () => {
    setRemoteCost(fixture, 20_000);
    expect(measureRemoteAccess(fixture)).toBeGreaterThanOrEqual(20_000);
    setRemoteCost(fixture, 0);
  });

  it('the step of a clock is the smallest one that it makes', () => {
    const clock = new VirtualClock();
    let reads = 0;
    clock.us = () => Math.floor(reads++ / 3) * 0.25;
    const { stepNs, readNs } = measureClock(clock);
    expect(stepNs).toBe(250);
    expect(readNs).toBeCloseTo(250 / 3, 0);
  });
});

describe('cases, on real threads', () => {
  const shape = { nodes: 2, sessionsPerNode: 1, seed: 1 };
  const cases = (['local', 'interleaved', 'remote'] as const).map((p) => new NumaCase(p, shape, 5000));
  afterAll(async () => {
    for (const c of cases) await c.close();
  });

  it('count who got pages from where; a price makes remote gets slower than local ones', async () => {
    for (const c of cases) await c.open();
    const [local, interleaved, remote] = [
      await cases[0].round(0),
      await cases[1].round(1),
      await cases[2].round(0),
    ];
    expect(local.extra).toMatchObject({
      'remote gets, %': 0,
      'share of gets by node, %': { '0 to 0': 50, '0 to 1': 0, '1 to 0': 0, '1 to 1': 50 },
    });
    expect(interleaved.extra?.['remote gets, %']).toBeCloseTo(50, 1);
    expect(remote.extra).toMatchObject({
      'remote gets, %': 100,
      'share of gets by node, %': { '0 to 0': 0, '0 to 1': 50, '1 to 0': 50, '1 to 1': 0 },
    });
    for (const { value, reference } of [local, interleaved, remote]) {
      expect(value).toBeGreaterThan(0);
      expect(reference).toBeGreaterThan(0);
    }
    expect(remote.extra?.['spent on a remote access, ns']).toBeGreaterThanOrEqual(5000);
    // Two sessions that spend 5 us on each get.
    expect(remote.value).toBeLessThanOrEqual(2 / 5e-6);
  });
});

describe('the family', () => {
  const context = { quick: false, seed: 1, warn: () => undefined };
  const cases = async (...argv: string[]) => {
    const parsed = await numaFamily.parse(argv, COMMON_OPTIONS, context);
    if (typeof parsed === 'string') throw new Error(parsed);
    return parsed.cases.map((c) => `${c.contender}: ${c.case}`);
  };

  it('takes one price, as a sweep gives it, or a list of its own', async () => {
    expect(await cases('--remote-cost=70', '--nodes=3', '--sessions=2')).toEqual(
      ['local', 'interleaved', 'remote'].map((p) => `${p}: 3 nodes, 2 sessions each, 70 ns`),
    );
    expect(await cases()).toHaveLength(1 + 2 * 5);
  });

  it('refuses more sessions than it can run', async () => {
    await expect(cases('--nodes=9')).rejects.toThrow("--nodes: '9' is not an integer from 2 to 8");
    await expect(cases('--nodes=8', '--sessions=9')).rejects.toThrow(
      '--sessions=9: on 8 nodes that is 72 sessions, allowed are 64',
    );
  });
});

describe('conclusions', () => {
  const BASE_NS = 100;
  function row(contender: Placement, cost: number, share: number, lost = 0): Row {
    const ns = (BASE_NS + share * (cost + 20)) * (1 + lost);
    return sealRow({
      family: 'numa',
      contender,
      origin: 'ours',
      case: '',
      settings: { nodes: 2, sessions_per_node: 1, remote_cost_ns: cost },
      axes: {},
      seed: 1,
      environment: { node: '', v8: '', cpu: '', cores: 2, os: '', commit: '' },
      metric: '',
      unit: '1/s',
      better: 'higher',
      samples: [1e9 / ns, 3e9 / ns, 2e9 / ns],
      reference: [1e9 / BASE_NS, 3e9 / BASE_NS, 2e9 / BASE_NS],
      group: [0, 0, 0],
      extra: {
        'CPU time of a get, ns': ns,
        'CPU time of a local get, ns': BASE_NS,
        'remote gets, %': share * 100,
        'spent on a remote access, ns': cost + 20,
        'clock read, ns': 45,
        'clock step, ns': 10,
      },
    });
  }

  it('say what is lost at which price, the slope, and what the clock can do', () => {
    const text = concludeNuma([
      row('local', 100, 0),
      row('interleaved', 100, 0.5),
      row('interleaved', 0, 0.5),
      row('interleaved', 300, 0.5),
    ]);
    expect(text).toContain(
      'interleaved placement gets, of local: 91 % at 0 ns, 63 % at 100 ns, 38 % at 300 ns.',
    );
    expect(text).toContain('It loses less than 10 % up to 0 ns, more from 100 ns on.');
    expect(text).toContain('adds 0.50 ns of CPU time to the mean get; the share of remote gets says 0.50.');
    expect(text).toContain('reading takes 45 ns and whose smallest step was 10 ns');
    expect(text).toContain('100 ns takes 120, 300 ns takes 320.');
    expect(text).not.toContain('cache lines');
  });

  it('say so when it loses everywhere or nowhere, and when distance is not why', () => {
    expect(concludeNuma([row('remote', 0, 0), row('remote', 10, 0)])).toContain(
      'less than 10 % at every price',
    );
    const text = concludeNuma([row('interleaved', 0, 0.5, 0.3), row('interleaved', 100, 0.5, 0.3)]);
    expect(text).toContain('more than 10 % at every price');
    expect(text).toContain('is not distance');
    expect(concludeNuma([])).toBeNull();
  });
});
