/** The family `numa`: pages on the session's own node against pages on all of them, by the price of a remote access. */
import { availableParallelism } from 'node:os';
import { median } from 'simple-statistics';
import { OptionError } from '../../src/config/errors.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { MAX_NODES } from '../../src/layout/thread.ts';
import type { NumaTask } from '../../workers/numa-bench.ts';
import { type BenchCase, family, type Round } from '../core/case.ts';
import { secondsOfBatch } from '../core/timing.ts';
import { Crew, Shared } from '../core/crew.ts';
import { measureClock, measureRemoteAccess } from './clock-cost.ts';
import { concludeNuma } from './conclude.ts';
import {
  getsByNode,
  makeNumaFixture,
  type NumaFixture,
  type NumaShape,
  type Placement,
  PLACEMENTS,
  setRemoteCost,
} from './fixture.ts';

const ENTRY = 'numa-bench.js';
const MAX_SESSIONS = 64;
const MAX_COST_NS = 1_000_000;
/** Price of a remote access, ns. */
const COSTS = { full: [0, 50, 100, 300, 1000], quick: [0, 100, 1000] } as const;
const BATCH_MS = 20;
const TURNS = 3;
/** A hit, ns: only to choose the length of a batch. */
const HIT_NS = 150;
const MIN_GETS = 1000;
const WARM_UP_GETS = 50_000;

/** Gets per second of all sessions, and CPU time of a get: the machine may have other things to do. */
interface Side {
  readonly rates: number[];
  readonly cpuNs: number[];
}

interface Site {
  readonly fixture: NumaFixture;
  readonly crew: Crew<NumaTask, void>;
}

/** Cases of one shape share the pool and the threads. */
const sites = new Shared<Site>(({ crew }) => crew.close());

export class NumaCase implements BenchCase {
  readonly contender: Placement;
  readonly origin = 'ours';
  readonly case: string;
  readonly settings;
  readonly metric = 'page gets of all sessions';
  readonly unit = '1/s';
  readonly better = 'higher';
  private readonly shape: NumaShape;
  private readonly remoteCost: number;
  private readonly key: string;
  private site: Site | null = null;

  constructor(contender: Placement, shape: NumaShape, remoteCost: number) {
    this.contender = contender;
    this.shape = shape;
    this.remoteCost = remoteCost;
    this.key = JSON.stringify(shape);
    this.settings = {
      nodes: shape.nodes,
      sessions_per_node: shape.sessionsPerNode,
      remote_cost_ns: remoteCost,
    };
    const sessions = `${shape.sessionsPerNode} session${shape.sessionsPerNode === 1 ? '' : 's'} each`;
    this.case = `${shape.nodes} nodes, ${sessions}, ${remoteCost} ns`;
  }

  async open(): Promise<void> {
    this.site = sites.take(this.key, () => ({
      fixture: makeNumaFixture(this.shape),
      crew: new Crew(ENTRY),
    }));
    setRemoteCost(this.site.fixture, 0);
    await this.batch(this.site, this.contender, WARM_UP_GETS);
  }

  async close(): Promise<void> {
    if (this.site === null) return;
    this.site = null;
    await sites.release(this.key);
  }

  async round(no: number): Promise<Round> {
    const { site } = this;
    if (site === null) throw new Error('a round before open()');
    const { fixture } = site;
    setRemoteCost(fixture, this.remoteCost);
    const clock = measureClock(new RealClock(fixture.epochNs));
    const spent = measureRemoteAccess(fixture);
    const counts = getsByNode(fixture).map((row) => row.map(() => 0));
    const mine: Side = { rates: [], cpuNs: [] };
    const local: Side = { rates: [], cpuNs: [] };
    const measureMine = async (): Promise<void> => {
      const before = getsByNode(fixture);
      await this.measure(site, this.contender, mine);
      for (const [i, row] of getsByNode(fixture).entries()) {
        for (const [j, n] of row.entries()) counts[i][j] += (n - before[i][j]) % 2 ** 32;
      }
    };
    for (let turn = no; turn < no + TURNS; turn++) {
      // Who is first changes from turn to turn.
      if (turn % 2 === 0) await measureMine();
      await this.measure(site, 'local', local);
      if (turn % 2 === 1) await measureMine();
    }
    const all = counts.flat().reduce((a, b) => a + b, 0);
    const remote = all - counts.reduce((sum, row, i) => sum + row[i], 0);
    return {
      value: median(mine.rates),
      reference: median(local.rates),
      extra: {
        'CPU time of a get, ns': median(mine.cpuNs),
        'CPU time of a local get, ns': median(local.cpuNs),
        'remote gets, %': (remote * 100) / all,
        'spent on a remote access, ns': spent,
        'clock read, ns': clock.readNs,
        'clock step, ns': clock.stepNs,
        'share of gets by node, %': Object.fromEntries(
          counts.flatMap((row, i) => row.map((n, j): [string, number] => [`${i} to ${j}`, (n * 100) / all])),
        ),
      },
    };
  }

  private async measure(site: Site, placement: Placement, side: Side): Promise<void> {
    const gets = this.getsOfBatch(placement);
    const { sessions } = site.fixture;
    let batches = 0;
    let cpuUs = 0;
    const batch = async (): Promise<void> => {
      // Around the batch alone: what times it uses CPU as well.
      const before = process.cpuUsage();
      await this.batch(site, placement, gets);
      const { user, system } = process.cpuUsage(before);
      cpuUs += user + system;
      batches++;
    };
    const seconds = await secondsOfBatch(batch, 1);
    side.rates.push((gets * sessions) / seconds);
    side.cpuNs.push((cpuUs * 1000) / (gets * sessions * batches));
  }

  /** Of each session, so that a batch takes about BATCH_MS. */
  private getsOfBatch(placement: Placement): number {
    const { nodes, sessionsPerNode } = this.shape;
    const share = { local: 0, interleaved: (nodes - 1) / nodes, remote: 1 }[placement];
    const perCore = Math.ceil((nodes * sessionsPerNode) / availableParallelism());
    return Math.max(MIN_GETS, Math.round((BATCH_MS * 1e6) / (perCore * (HIT_NS + share * this.remoteCost))));
  }

  private async batch({ fixture, crew }: Site, placement: Placement, gets: number): Promise<void> {
    const { plan, epochNs, nodes } = fixture;
    await crew.run(
      fixture.pages[placement].map((pages, slot) => ({
        plan,
        slot,
        node: slot % nodes,
        pages,
        epochNs,
        gets,
      })),
    );
  }
}

export const numaFamily = family({
  name: 'numa',
  doc:
    'Page gets with pages on the own node, on all nodes in turn, or on other nodes, by the price of a remote access.\n\n' +
    'local: what innodb_numa_interleave=OFF gives sessions that stay on their node. interleaved: what ON gives. remote: ' +
    'the worst case. Hits only; the reference is local placement, measured in turn. Nodes are simulated.',
  options: [
    {
      name: 'remote-cost',
      kind: 'int',
      default: null,
      min: 0,
      max: MAX_COST_NS,
      doc: `delay of an access to another node, ns; unless given, ${COSTS.full.join(', ')} in turn`,
    },
    { name: 'nodes', kind: 'int', default: 2, min: 2, max: MAX_NODES, doc: 'simulated NUMA nodes' },
    { name: 'sessions', kind: 'int', default: 1, min: 1, max: 32, doc: 'sessions on each node' },
  ],
  rounds: { full: 7, quick: 3 },
  cases({ own }, context) {
    const sessions = own.nodes * own.sessions;
    if (sessions > MAX_SESSIONS) {
      throw new OptionError(
        '--sessions',
        `--sessions=${own.sessions}: on ${own.nodes} nodes that is ${sessions} sessions, allowed are ${MAX_SESSIONS}`,
      );
    }
    const cores = availableParallelism();
    if (sessions > cores) {
      context.warn(
        `the ${sessions} sessions of the family numa share ${cores} cores: a delay keeps one busy`,
      );
    }
    const costs =
      own['remote-cost'] !== null ? [own['remote-cost']] : COSTS[context.quick ? 'quick' : 'full'];
    const shape = { nodes: own.nodes, sessionsPerNode: own.sessions, seed: context.seed };
    // No access of local placement has a price: once is enough.
    return costs.flatMap((cost, i) =>
      PLACEMENTS.filter((placement) => placement !== 'local' || i === 0).map(
        (placement) => new NumaCase(placement, shape, cost),
      ),
    );
  },
  conclude: concludeNuma,
});
