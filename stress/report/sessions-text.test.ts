import { describe, expect, it } from 'vitest';
import { type SessionResult, STATEMENTS } from '../../src/session/program/program.ts';
import { errorsText, foldSessions, sessionsText, spreadOf, sumErrors } from './sessions-text.ts';

const none = Object.fromEntries(STATEMENTS.map((kind) => [kind, 0])) as SessionResult['statements'];

const session = (no: number, change: Partial<SessionResult> = {}): SessionResult => ({
  session: no,
  node: no % 2,
  name: no % 4 === 3 ? 'scan' : 'oltp',
  connections: 1,
  transactions: 10 * no,
  statements: none,
  total: 100 * no,
  killed: null,
  errors: {},
  outOfMemory: 0,
  refused: 0,
  reads: 2,
  writes: 1,
  ...change,
});

describe('sessions', () => {
  it('are folded by program and node, with the least, mean and most statements', () => {
    const all = Array.from({ length: 40 }, (_, i) => session(i));
    all[4] = session(4, { connections: 3, errors: { 1317: 2, 4082: 1 } });
    const folds = foldSessions(all);
    expect(folds.map((f) => [f.name, f.node, f.sessions])).toEqual([
      ['oltp', 0, 20],
      ['oltp', 1, 10],
      ['scan', 1, 10],
    ]);
    const [first] = folds;
    expect(first).toMatchObject({ connections: 22, reads: 40, writes: 20, errors: { 1317: 2, 4082: 1 } });
    expect(first.perSession).toMatchObject({ min: 0, mean: 1900, max: 3800 });
    expect(folds.reduce((n, f) => n + f.statements, 0)).toBe(all.reduce((n, s) => n + s.total, 0));
  });

  it('are rows of their own up to 24, and of their program beyond', () => {
    const rows = (n: number): string[] =>
      sessionsText(Array.from({ length: n }, (_, i) => session(i))).split('\n');
    expect(rows(24)).toHaveLength(25);
    expect(rows(24)[1]).toMatch(/^ {2}0 oltp +0 +1 +0 +0 +2 +1 +close$/);
    expect(rows(25).filter((row) => /^ {2}(oltp|scan) /.test(row))).toHaveLength(3);
    expect(rows(1000).length).toBeLessThan(8);
  });

  it('say which error ended them', () => {
    const text = sessionsText([
      session(5, { errors: { 4082: 1 }, killed: { code: 4082, text: 'too much' } }),
    ]);
    expect(text).toMatch(/ {2}4082: 1 +ERROR 4082$/);
  });
});

it('errors are summed by number', () => {
  const sum = sumErrors([
    session(1, { errors: { 4082: 1, 5: 0 } }),
    session(2, { errors: { 4082: 2, 3024: 7 } }),
  ]);
  expect(sum).toEqual({ 4082: 3, 3024: 7 });
  expect(errorsText(sum)).toBe('3024: 7, 4082: 3');
  expect(errorsText({})).toBe('');
});

it('a spread has the deviation of all values', () => {
  expect(spreadOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ min: 2, mean: 5, max: 9, deviation: 2 });
  expect(spreadOf([])).toEqual({ min: 0, mean: 0, max: 0, deviation: 0 });
});
