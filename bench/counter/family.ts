/** The family `counter`: what the lazy global counter of connection memory costs, and what it is worth. */
import { availableParallelism } from 'node:os';
import { median } from 'simple-statistics';
import { showBytes } from '../../src/config/values.ts';
import { addAhead, type Ahead } from '../../src/observe/connection-memory.ts';
import { sumWaitStats } from '../../src/observe/wait-stats.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import type { CounterTask } from '../../workers/counter-bench.ts';
import { type BenchCase, family, type Round } from '../core/case.ts';
import type { Extra } from '../core/row.ts';
import { secondsOfBatch } from '../core/timing.ts';
import { concludeCounter } from './conclude.ts';
import {
  CONTENDERS,
  type ContenderName,
  counterDefects,
  type CounterPlan,
  makeCounterPlan,
} from './contenders.ts';
import { Crew, Shared } from '../core/crew.ts';
import { makeSequence, type Sequence } from './sequence.ts';

const ENTRY = 'counter-bench.js';
const MAX_SESSIONS = 64;
const STATEMENTS = 256;
const SESSIONS = { full: [1, 2, 4, 8], quick: [1, 2] } as const;
/** connection_memory_chunk_size, bytes. */
const CHUNKS = {
  full: [1024, 8912, 64 << 10, 1 << 20, 512 << 20],
  quick: [8912, 1 << 20],
} as const;
/** How long a batch should take, and turns of a round: contender and reference alternate. */
const BATCH_MS = 25;
const TURNS = 3;
const WARM_UP_PASSES = 20;
const LOOK_PASSES = 20;

type CounterCrew = Crew<CounterTask, Ahead | null>;

/**
 * A crew for each contender: the code of a thread that knows one way to count is compiled for that one. The yardstick's
 * crew is the raw limit's.
 */
const crews = new Shared<CounterCrew>((crew) => crew.close());

/** Time of a pair for a session, and its CPU time: the machine may have other things to do. */
interface Side {
  readonly ns: number[];
  readonly cpuNs: number[];
}

interface CounterSetup {
  readonly contender: ContenderName;
  readonly sessions: number;
  /** connection_memory_chunk_size, bytes; null: nothing depends on it */
  readonly chunk: number | null;
  readonly seed: number;
}

export class CounterCase implements BenchCase {
  readonly contender: ContenderName;
  readonly origin;
  readonly case: string;
  readonly settings;
  readonly metric = 'time of an allocation and its free';
  readonly unit = 'ns';
  readonly better = 'lower';
  private readonly sessions: number;
  private readonly plan: CounterPlan;
  private readonly limit: CounterPlan;
  private readonly sequences: readonly Sequence[];
  private passes = WARM_UP_PASSES;
  private limitPasses = WARM_UP_PASSES;

  constructor({ contender, sessions, chunk, seed }: CounterSetup) {
    this.contender = contender;
    this.origin = CONTENDERS[contender].origin;
    this.sessions = sessions;
    this.settings = { sessions, connection_memory_chunk_size: chunk, statements: STATEMENTS };
    const parts = [`${sessions} session${sessions === 1 ? '' : 's'}`];
    if (chunk !== null) parts.push(`chunk ${showBytes(chunk)}`);
    this.case = parts.join(', ');
    this.plan = makeCounterPlan(sessions, { tracking: contender === 'lazy', chunk: chunk ?? CHUNKS.full[0] });
    this.limit = makeCounterPlan(sessions, { tracking: false, chunk: CHUNKS.full[0] });
    this.sequences = Array.from({ length: sessions }, (_, slot) => makeSequence(seed, slot, STATEMENTS));
  }

  async open(): Promise<void> {
    for (const name of [this.contender, 'atomic-32'] as const) {
      crews.take(name, () => new Crew(ENTRY));
    }
    this.passes = await this.passesOfBatch(this.contender, this.plan);
    this.limitPasses = await this.passesOfBatch('atomic-32', this.limit);
  }

  async close(): Promise<void> {
    await crews.release(this.contender);
    await crews.release('atomic-32');
  }

  async round(no: number): Promise<Round> {
    const before = this.latch();
    let batches = 0;
    const mine: Side = { ns: [], cpuNs: [] };
    const raw: Side = { ns: [], cpuNs: [] };
    const measureMine = (): Promise<void> =>
      this.measure(mine, this.passes, () => (batches++, this.batch(this.contender, this.plan, this.passes)));
    for (let turn = no; turn < no + TURNS; turn++) {
      // Who is first changes as well.
      if (turn % 2 === 0) await measureMine();
      await this.measure(raw, this.limitPasses, () => this.batch('atomic-32', this.limit, this.limitPasses));
      if (turn % 2 === 1) await measureMine();
    }
    const value = median(mine.ns);
    const after = this.latch();
    const allocations = batches * this.passes * this.sequences.reduce((n, s) => n + s.pairs, 0);
    const taken = after.acquired - before.acquired;
    const extra: Extra = {
      'CPU time of a pair, ns': median(mine.cpuNs),
      'CPU time of a pair of the reference, ns': median(raw.cpuNs),
      'pairs of all sessions together, 1/s': (this.sessions * 1e9) / value,
      'LOCK_global_conn_mem_limit per 1000 allocations': (taken * 1000) / allocations,
      'of these contended, %': taken === 0 ? null : ((after.contended - before.contended) * 100) / taken,
      'wait for it, ns an allocation': ((after.waitUs - before.waitUs) * 1000) / allocations,
      ...(this.contender === 'lazy' && (await this.aheadOfTruth())),
    };
    for (const defect of [...counterDefects(this.plan), ...counterDefects(this.limit)]) {
      throw new Error(`counter bench, ${this.contender}, ${this.case}: ${defect}`);
    }
    return { value, reference: median(raw.ns), extra };
  }

  private async measure(side: Side, passes: number, batch: () => Promise<unknown>): Promise<void> {
    const pairs = passes * this.sequences.reduce((n, s) => n + s.pairs, 0);
    let cpuUs = 0;
    let batches = 0;
    const timed = async (): Promise<void> => {
      // Around the batch alone: what times it uses CPU as well.
      const before = process.cpuUsage();
      await batch();
      const { user, system } = process.cpuUsage(before);
      cpuUs += user + system;
      batches++;
    };
    const seconds = await secondsOfBatch(timed, 1);
    side.ns.push((seconds * 1e9 * this.sessions) / pairs);
    side.cpuNs.push((cpuUs * 1000) / (pairs * batches));
  }

  private async batch(
    contender: ContenderName,
    plan: CounterPlan,
    passes: number,
    look = false,
  ): Promise<(Ahead | null)[]> {
    const crew = crews.get(contender);
    return crew.run(this.sequences.map(({ ops }, slot) => ({ contender, plan, slot, ops, passes, look })));
  }

  /** Warms the threads up, and finds how many passes make a batch long enough. */
  private async passesOfBatch(contender: ContenderName, plan: CounterPlan): Promise<number> {
    await this.batch(contender, plan, WARM_UP_PASSES);
    const began = performance.now();
    await this.batch(contender, plan, WARM_UP_PASSES);
    const ms = performance.now() - began;
    return Math.max(1, Math.round((WARM_UP_PASSES * BATCH_MS) / ms));
  }

  private latch(): { acquired: number; contended: number; waitUs: number } {
    const mem = new Int32Array(this.plan.buffer);
    return sumWaitStats(mem, this.plan.runtime)[LATCH.globalConnMem];
  }

  /** A batch that is not timed: the sessions look at each other. */
  private async aheadOfTruth(): Promise<Extra> {
    const all = await this.batch(this.contender, this.plan, LOOK_PASSES, true);
    const seen = addAhead(all.filter((a) => a !== null));
    return {
      'ahead of the truth, bytes': { mean: seen.aheadSum / seen.looks, max: seen.aheadMax },
      'in use, bytes': seen.usedSum / seen.looks,
    };
  }
}

export const counterFamily = family({
  name: 'counter',
  doc:
    'What the lazy global counter of connection memory costs, by chunk size and sessions.\n\n' +
    'Beside it: tracking off, the global counter under a latch or by an atomic add on each allocation and free, and a ' +
    'bare atomic add as the limit, which is also the reference. All count the same allocations.',
  options: [
    {
      name: 'sessions',
      kind: 'int',
      default: null,
      min: 1,
      max: MAX_SESSIONS,
      doc: `threads that count at the same time; unless given, ${SESSIONS.full.join(', ')} in turn`,
    },
  ],
  sysvars: ['connection_memory_chunk_size'],
  rounds: { full: 5, quick: 3 },
  cases({ own, sysvars, explicit }, context) {
    const { quick, seed } = context;
    const size = quick ? 'quick' : 'full';
    const given = explicit.has('connection_memory_chunk_size') ? sysvars.connection_memory_chunk_size : null;
    const sessionCounts = own.sessions === null ? SESSIONS[size] : [own.sessions];
    const cores = availableParallelism();
    if (sessionCounts.some((n) => n > cores)) {
      context.warn(
        `with more sessions than the ${cores} cores, times of the family counter hold the wait for a core`,
      );
    }
    return sessionCounts.flatMap((sessions) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
      (Object.keys(CONTENDERS) as ContenderName[]).flatMap((contender) => {
        // A chunk that the user gave tells the rivals' rows of one cell from those of another.
        const chunks = given !== null ? [given] : contender === 'lazy' ? CHUNKS[size] : [null];
        return chunks.map((chunk) => new CounterCase({ contender, sessions, chunk, seed }));
      }),
    );
  },
  conclude: concludeCounter,
});
