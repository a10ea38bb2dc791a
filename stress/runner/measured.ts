/** The counters of a run at one moment, and what came between two moments. */
import { type EngineShare, sessionAt } from '../../src/engine.ts';
import { SESSION } from '../../src/layout/session.ts';
import { THREAD } from '../../src/layout/thread.ts';
import { memoryMatrix } from '../../src/numa/memory-matrix.ts';
import {
  nodeMatrix,
  type PoolGauges,
  poolGauges,
  type PoolStatName,
  type PoolStatSum,
  stillPoolStats,
  sumPoolStats,
} from '../../src/observe/pool-stats.ts';
import { type Observed, sumStatements } from '../../src/observe/sample.ts';
import { sumWaitStats, type WaitStatRow } from '../../src/observe/wait-stats.ts';
import { type SessionTotals, sessionTotals, totalsSince } from './session-totals.ts';

export interface InstanceReport extends PoolGauges {
  readonly instance: number;
  readonly node: number;
  readonly counters: PoolStatSum;
}

export interface Totals {
  readonly statements: number;
  readonly transactions: number;
  readonly sessions: SessionTotals;
  readonly instances: readonly InstanceReport[];
  readonly latches: readonly WaitStatRow[];
  readonly nodeMatrix: readonly (readonly number[])[];
  readonly memoryMatrix: readonly (readonly number[])[];
}

export function observedOf({ buffer, plan }: EngineShare): Observed {
  const { runtime, pool, osMemory, globalConnMem } = plan;
  return {
    mem: new Int32Array(buffer),
    runtime,
    pool: { stats: pool.stats, nThreads: runtime.nThreads, instances: pool.instances },
    osMemory: osMemory.map((os) => os.at),
    globalConnMem,
  };
}

export function readTotals(share: EngineShare): Totals {
  const { mem, runtime, pool, osMemory } = observedOf(share);
  const still = stillPoolStats(mem, pool);
  const threadNodes = Array.from(
    { length: runtime.nThreads },
    (_, i) => mem[runtime.threads + i * THREAD.words + THREAD.at.node],
  );
  return {
    statements: sumStatements(mem, runtime),
    transactions: sumTransactions(mem, share),
    sessions: sessionTotals(share),
    instances: pool.instances.map(({ at, node }, instance) => ({
      instance,
      node,
      ...poolGauges(mem, at),
      counters: sumPoolStats(still.mem, still.rows, instance),
    })),
    latches: sumWaitStats(mem, runtime),
    nodeMatrix: nodeMatrix(still.mem, still.rows, threadNodes, share.config.nodes),
    memoryMatrix: memoryMatrix(mem, osMemory, threadNodes),
  };
}

function sumTransactions(mem: Int32Array, { config, plan }: EngineShare): number {
  let sum = 0;
  for (let s = 0; s < config.sessions; s++) sum += mem[sessionAt(plan, s) + SESSION.at.transactions] >>> 0;
  return sum;
}

/** Counters from the one moment to the other; gauges, and the longest waits, are those of the later one. */
export function totalsBetween(from: Totals, to: Totals): Totals {
  return {
    statements: to.statements - from.statements,
    transactions: to.transactions - from.transactions,
    sessions: totalsSince(to.sessions, from.sessions),
    instances: to.instances.map((now, i) => {
      const then = from.instances[i];
      const names = Object.keys(now.counters) as PoolStatName[];
      return {
        ...now,
        evicted: now.evicted - then.evicted,
        madeYoung: now.madeYoung - then.madeYoung,
        counters: Object.fromEntries(
          names.map((name) => [name, now.counters[name] - then.counters[name]]),
        ) as PoolStatSum,
      };
    }),
    latches: to.latches.map((now, i) => {
      const then = from.latches[i];
      return {
        ...now,
        acquired: now.acquired - then.acquired,
        contended: now.contended - then.contended,
        spinRounds: now.spinRounds - then.spinRounds,
        parks: now.parks - then.parks,
        waitUs: now.waitUs - then.waitUs,
      };
    }),
    nodeMatrix: matrixSince(to.nodeMatrix, from.nodeMatrix),
    memoryMatrix: matrixSince(to.memoryMatrix, from.memoryMatrix),
  };
}

type Matrix = readonly (readonly number[])[];
const matrixSince = (to: Matrix, from: Matrix): Matrix =>
  to.map((row, i) => row.map((n, k) => n - from[i][k]));
