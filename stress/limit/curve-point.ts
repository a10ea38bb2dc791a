/** A point of the curve, and how it comes from what the sessions did in its parts. */
import { median } from 'simple-statistics';
import { showBytes } from '../../src/config/values.ts';
import { addAhead } from '../../src/observe/connection-memory.ts';
import type { LimitExact } from './exact.ts';
import type { CrewDone } from './limit-crew.ts';
import type { Stop } from './limit-session.ts';
import type { PartDone } from './part.ts';

/** What threads did, all together. Of collected instruments. */
export interface LimitTimed {
  readonly rounds: number;
  readonly allocations: number;
  /** Median of the rounds. */
  readonly allocationsPerSecond: number;
  /** CPU time of the process, ns. */
  readonly cpuPerAllocation: number;
  /** LOCK_global_conn_mem_limit: times taken, not free at the first attempt, put to sleep, time waited. */
  readonly latchPerAllocation: number;
  readonly contended: number;
  readonly contendedShare: number;
  readonly parks: number;
  readonly waitNsPerAllocation: number;
}

/** Global_connection_memory less what the sessions use, bytes, from looks while all of them work. */
export interface LimitAheadness {
  readonly looks: number;
  readonly mean: number;
  readonly max: number;
  /** Below 0: sessions had memory that they had not reported yet. */
  readonly min: number;
  readonly usedMean: number;
  readonly usedMax: number;
}

/** Under a global limit. */
export interface LimitStops {
  readonly connections: number;
  /** Statements that were begun. */
  readonly statements: number;
  /** Connections that got error 4081: in a statement, or already when they connected. */
  readonly stopped: number;
  readonly refused: number;
  /** Of these, ones at which the sessions really used more than the limit. */
  readonly justly: number;
  /** Sessions that it happened to at all. */
  readonly sessionsHit: number;
  /** The stop in a statement at which the counter was furthest ahead of the truth. */
  readonly worst: Stop | null;
}

/** Median of the rounds, the least and the largest. */
export interface RoundsRatio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export interface LimitPoint {
  /** connection_memory_chunk_size, bytes. */
  readonly chunk: number;
  readonly exact: LimitExact;
  /** null, as the two below: the curve ended before. */
  readonly timed: LimitTimed | null;
  /** Throughput, and CPU time of an allocation, over those with tracking OFF, measured in turn. */
  readonly toOff: RoundsRatio | null;
  readonly cpuToOff: RoundsRatio | null;
  readonly ahead: LimitAheadness | null;
  readonly stops: LimitStops | null;
}

/** What the rounds of a point have brought. */
export class Gathered {
  readonly chunk: number;
  readonly timed: CrewDone[] = [];
  /** With tracking OFF, round by round. */
  readonly reference: CrewDone[] = [];
  readonly looked: PartDone[] = [];
  readonly limited: (readonly PartDone[])[] = [];
  private readonly exact: LimitExact;

  constructor(chunk: number, exact: LimitExact) {
    this.chunk = chunk;
    this.exact = exact;
  }

  get name(): string {
    return `chunk ${showBytes(this.chunk)}`;
  }

  point(): LimitPoint {
    const { chunk, exact, timed, reference } = this;
    const toOff = (of: (c: CrewDone) => number): RoundsRatio | null => {
      const ratios = timed.map((t, i) => of(t) / of(reference[i]));
      if (ratios.length === 0) return null;
      return { median: median(ratios), low: Math.min(...ratios), high: Math.max(...ratios) };
    };
    return {
      chunk,
      exact,
      timed: timedOf(timed),
      toOff: toOff(throughput),
      cpuToOff: toOff(cpuOf),
      ahead: this.aheadPart(),
      stops: this.stopsPart(),
    };
  }

  private aheadPart(): LimitAheadness | null {
    const seen = addAhead(this.looked.flatMap((p) => (p.seen === null ? [] : [p.seen])));
    if (seen.looks === 0) return null;
    return {
      looks: seen.looks,
      mean: seen.aheadSum / seen.looks,
      max: seen.aheadMax,
      min: seen.aheadMin,
      usedMean: seen.usedSum / seen.looks,
      usedMax: seen.usedMax,
    };
  }

  private stopsPart(): LimitStops | null {
    if (this.limited.length === 0) return null;
    const all = this.limited.flat();
    const sum = summing(all);
    const early = (stop: Stop): number => stop.consumed - stop.inUse;
    const worst = all
      .flatMap((p) => (p.worst === null ? [] : [p.worst]))
      .toSorted((a, b) => early(b) - early(a));
    const hit = this.limited[0].map((_, s) => this.limited.some((round) => round[s].stopped > 0));
    return {
      connections: sum((p) => p.connections),
      statements: sum((p) => p.statements + p.stopped - p.refused),
      stopped: sum((p) => p.stopped),
      refused: sum((p) => p.refused),
      justly: sum((p) => p.justly),
      sessionsHit: hit.filter(Boolean).length,
      worst: worst[0] ?? null,
    };
  }
}

/** Rounds of the part without looks and limits; null: there is none. */
export function timedOf(rounds: readonly CrewDone[]): LimitTimed | null {
  if (rounds.length === 0) return null;
  const sum = summing(rounds.flatMap((r) => r.sessions));
  const allocations = sum((p) => p.allocations);
  const acquired = sum((p) => p.acquired);
  const contended = sum((p) => p.contended);
  return {
    rounds: rounds.length,
    allocations,
    allocationsPerSecond: median(rounds.map(throughput)),
    cpuPerAllocation: median(rounds.map(cpuOf)),
    latchPerAllocation: acquired / allocations,
    contended,
    contendedShare: acquired === 0 ? 0 : contended / acquired,
    parks: sum((p) => p.parks),
    waitNsPerAllocation: (1000 * sum((p) => p.waitUs)) / allocations,
  };
}

const summing =
  (all: readonly PartDone[]) =>
  (of: (p: PartDone) => number): number =>
    all.reduce((n, p) => n + of(p), 0);

/** Allocations per second, all sessions together. */
const throughput = ({ sessions }: CrewDone): number =>
  sessions.reduce((n, p) => n + (1e6 * p.allocations) / p.us, 0);

/** CPU time of an allocation, ns. */
const cpuOf = ({ sessions, cpuUs }: CrewDone): number =>
  (1000 * cpuUs) / sessions.reduce((n, p) => n + p.allocations, 0);
