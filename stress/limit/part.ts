/** One part of a point of the curve, as one of its threads does it. */
import { CONTROL, OP } from '../../src/layout/thread.ts';
import { type Ahead, newAhead } from '../../src/observe/connection-memory.ts';
import { idle_await_start } from '../../src/sync/park-sites.ts';
import type { LimitPlan } from './limit-arena.ts';
import { LimitSession, STATEMENTS, type Stop } from './limit-session.ts';

/** Plain data, for a worker. */
export interface PartTask {
  readonly plan: LimitPlan;
  readonly session: number;
  readonly seed: number;
  /** Looks at all sessions after each request: not to be timed. */
  readonly look: boolean;
}

/** What one session did between the common start and its end. */
export interface PartDone {
  readonly statements: number;
  /** Time of that, us. */
  readonly us: number;
  /** Of collected instruments; of the last connection only. */
  readonly allocations: number;
  /** LOCK_global_conn_mem_limit: times taken, of these not free at once, times put to sleep, time waited. */
  readonly acquired: number;
  readonly contended: number;
  readonly parks: number;
  readonly waitUs: number;
  readonly seen: Ahead | null;
  readonly connections: number;
  /** Connections that a limit ended; of these, ones that had not begun a statement yet. */
  readonly stopped: number;
  readonly refused: number;
  /** And ones at which the limit was really passed when they noticed. */
  readonly justly: number;
  /** The stop in a statement at which the counter was furthest ahead of the truth. */
  readonly worst: Stop | null;
}

/** Each of its statements at least once. @throws RunAborted when the curve is given up */
export function runPart({ plan, session: no, seed, look }: PartTask): PartDone {
  const session = new LimitSession(plan, no, seed);
  const { thr } = session.attached;
  const seen = look ? newAhead() : null;
  thr.mem[thr.op] = OP.statement;
  let connected = session.connect();
  awaitGo(session);
  const latch = session.latch();
  const had = session.allocations();
  const began = thr.clock.us();
  let statements = 0;
  let connections = 1;
  let stopped = 0;
  let refused = 0;
  let justly = 0;
  let worst: Stop | null = null;
  // On a busy machine the time may be over before a session has come to its turn.
  while (!thr.stopping() || statements + stopped < STATEMENTS) {
    thr.throwIfAborted();
    if (connected && session.statement(seen)) {
      statements++;
      continue;
    }
    const { stop } = session;
    if (stop !== null) {
      stopped++;
      if (stop.inUse > stop.limit) justly++;
      if (stop.connecting) refused++;
      else if (worst === null || stop.consumed - stop.inUse > worst.consumed - worst.inUse) worst = stop;
    }
    session.disconnect();
    connected = session.connect();
    connections++;
  }
  const us = thr.clock.us() - began;
  const { acquired, contended, parks, waitUs } = session.latch();
  const allocations = session.allocations() - had;
  session.disconnect();
  thr.mem[thr.op] = OP.idle;
  return {
    statements,
    us,
    allocations,
    acquired: acquired - latch.acquired,
    contended: contended - latch.contended,
    parks: parks - latch.parks,
    waitUs: waitUs - latch.waitUs,
    seen,
    connections,
    stopped,
    refused,
    justly,
    worst,
  };
}

/** Tells the main thread that this one is connected, and waits for the common start. @throws RunAborted */
function awaitGo({ attached: { thr } }: LimitSession): void {
  const { mem, control } = thr;
  Atomics.add(mem, control + CONTROL.at.started, 1);
  while (Atomics.load(mem, control + CONTROL.at.go) === 0) {
    idle_await_start(mem, control + CONTROL.at.go, 0, thr.waitSliceMs);
    thr.throwIfAborted();
  }
}
