/** The sessions of a run as rows: each of them, or, where there are many, those of a program and node together. */
import type { SessionResult } from '../../src/session/program/program.ts';
import { plainTable } from '../../src/page/plain-table.ts';

/** More are folded. */
export const MOST_SESSION_ROWS = 24;

/** Plain data. */
export interface Spread {
  readonly min: number;
  readonly mean: number;
  readonly max: number;
  /** Standard deviation, of all of them. */
  readonly deviation: number;
}

/** The sessions of one program on one node. */
export interface SessionFold {
  readonly name: string;
  readonly node: number;
  readonly sessions: number;
  readonly connections: number;
  readonly transactions: number;
  readonly statements: number;
  /** How evenly they got on: statements of a session. */
  readonly perSession: Spread;
  readonly reads: number;
  readonly writes: number;
  /** By error number. */
  readonly errors: Readonly<Record<string, number>>;
}

export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { min: 0, mean: 0, max: 0, deviation: 0 };
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length;
  const [min, max] = [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];
  return { min, mean, max, deviation: Math.sqrt(variance) };
}

/** Errors of all sessions together, by number. */
export function sumErrors(sessions: readonly Pick<SessionResult, 'errors'>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { errors } of sessions) {
    for (const [code, n] of Object.entries(errors)) if (n > 0) sum[code] = (sum[code] ?? 0) + n;
  }
  return sum;
}

/** By program, then node, in the order in which the programs come. */
export function foldSessions(sessions: readonly SessionResult[]): SessionFold[] {
  const groups = new Map<string, SessionResult[]>();
  for (const s of sessions) {
    const key = `${s.name} ${s.node}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [s]);
    else group.push(s);
  }
  const names = [...new Set(sessions.map((s) => s.name))];
  return [...groups.values()]
    .toSorted((a, b) => names.indexOf(a[0].name) - names.indexOf(b[0].name) || a[0].node - b[0].node)
    .map((group) => {
      const sum = (pick: (s: SessionResult) => number): number => group.reduce((n, s) => n + pick(s), 0);
      return {
        name: group[0].name,
        node: group[0].node,
        sessions: group.length,
        connections: sum((s) => s.connections),
        transactions: sum((s) => s.transactions),
        statements: sum((s) => s.total),
        perSession: spreadOf(group.map((s) => s.total)),
        reads: sum((s) => s.reads),
        writes: sum((s) => s.writes),
        errors: sumErrors(group),
      };
    });
}

/** `1317: 5, 4082: 1`; empty without errors. */
export const errorsText = (errors: SessionFold['errors']): string =>
  Object.entries(errors)
    .filter(([, n]) => n > 0)
    .map(([code, n]) => `${code}: ${n.toLocaleString('en-US')}`)
    .join(', ');

/** What ended the last connection of a session. */
export const endText = ({ killed }: SessionResult): string =>
  killed === null ? 'close' : `ERROR ${killed.code}`;

export function sessionsText(sessions: readonly SessionResult[]): string {
  if (sessions.length <= MOST_SESSION_ROWS) {
    return plainTable(
      [
        'session',
        'node',
        'connections',
        'transactions',
        'statements',
        'page reads',
        'page writes',
        'errors',
        'ended by',
      ],
      sessions.map((s) => [
        `${s.session} ${s.name}`,
        s.node,
        s.connections,
        s.transactions,
        s.total,
        s.reads,
        s.writes,
        errorsText(s.errors),
        endText(s),
      ]),
    );
  }
  const one = (n: number): string => n.toLocaleString('en-US', { maximumFractionDigits: 1 });
  return plainTable(
    [
      '\nprogram',
      '\nnode',
      '\nsessions',
      '\nconnections',
      '\ntransactions',
      '\nstatements',
      'per session\nmin',
      '\nmean',
      '\nmax',
      'page\nreads',
      'page\nwrites',
      '\nerrors',
    ],
    foldSessions(sessions).map((f) => [
      f.name,
      f.node,
      f.sessions,
      f.connections,
      f.transactions,
      f.statements,
      f.perSession.min,
      one(f.perSession.mean),
      f.perSession.max,
      f.reads,
      f.writes,
      errorsText(f.errors),
    ]),
  );
}
