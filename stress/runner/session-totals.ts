/** What all sessions together have done so far, read from their seats while they work. */
import type { EngineShare } from '../../src/engine.ts';
import { SESSION, SESSION_ERRORS, SESSION_STATE } from '../../src/layout/session.ts';
import { type StatementKind, STATEMENTS } from '../../src/session/program/program.ts';

const S = SESSION.at;

/** Plain data. A query is a statement. */
export interface SessionTotals {
  /** Connections that are open now. */
  readonly connected: number;
  // Counters.
  readonly connections: number;
  readonly transactions: number;
  readonly read: number;
  readonly write: number;
  readonly other: number;
  readonly errors: number;
  /** Connections that their client did not begin with. */
  readonly reconnects: number;
}

export const NO_SESSIONS: SessionTotals = {
  connected: 0,
  connections: 0,
  transactions: 0,
  read: 0,
  write: 0,
  other: 0,
  errors: 0,
  reconnects: 0,
};

/** As sysbench counts statements: what brings rows, what changes them, and all else. */
export const QUERY: Readonly<Record<StatementKind, 'read' | 'write' | 'other'>> = {
  pointRead: 'read',
  rangeRead: 'read',
  peek: 'read',
  scan: 'read',
  sort: 'read',
  tempTable: 'read',
  group: 'read',
  getVar: 'read',
  update: 'write',
  intendUpdate: 'write',
  insert: 'write',
  delete: 'write',
  allocators: 'other',
  setVar: 'other',
  setSession: 'other',
  begin: 'other',
  commit: 'other',
  rollback: 'other',
};

/** A moment's view; exact at rest. */
export function sessionTotals({ buffer, plan, config }: EngineShare): SessionTotals {
  const mem = new Int32Array(buffer);
  const sum: { -readonly [K in keyof SessionTotals]: number } = { ...NO_SESSIONS };
  for (let i = 0, at = plan.sessions; i < config.sessions; i++, at += SESSION.words) {
    const state = mem[at + S.state];
    if (state !== SESSION_STATE.out && state !== SESSION_STATE.ended) sum.connected++;
    const connections = mem[at + S.connections] >>> 0;
    sum.connections += connections;
    sum.reconnects += Math.max(0, connections - 1);
    sum.transactions += mem[at + S.transactions] >>> 0;
    for (const [kind, name] of STATEMENTS.entries()) sum[QUERY[name]] += mem[at + S.counts + kind] >>> 0;
    for (let e = 0; e < SESSION_ERRORS.length; e++) sum.errors += mem[at + S.errors + e] >>> 0;
  }
  return sum;
}

/** Counters from the one moment to the other. */
export function totalsSince(to: SessionTotals, from: SessionTotals): SessionTotals {
  return {
    connected: to.connected,
    connections: to.connections - from.connections,
    transactions: to.transactions - from.transactions,
    read: to.read - from.read,
    write: to.write - from.write,
    other: to.other - from.other,
    errors: to.errors - from.errors,
    reconnects: to.reconnects - from.reconnects,
  };
}
