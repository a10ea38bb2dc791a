/** How a session went, from what it has left in the arena. */
import { SESSION, SESSION_ERRORS } from '../layout/session.ts';
import { EE_OUTOFMEMORY } from '../memory/mem-root/my-malloc.ts';
import { type SessionResult, type SessionSpec, type StatementKind, STATEMENTS } from './program/program.ts';
import { thdErrorText } from './thd/thd-error.ts';

const S = SESSION.at;

/** @param session its SESSION record; exact when nobody runs it */
export function sessionResult(mem: Int32Array, session: number, spec: SessionSpec): SessionResult {
  const statements = Object.fromEntries(
    STATEMENTS.map((kind, i) => [kind, mem[session + S.counts + i] >>> 0]),
  ) as Record<StatementKind, number>;
  const errors: Record<number, number> = {};
  for (const [i, code] of SESSION_ERRORS.entries()) {
    const times = mem[session + S.errors + i] >>> 0;
    if (times > 0) errors[code] = times;
  }
  const code = mem[session + S.endedBy];
  return {
    session: spec.session,
    node: spec.node,
    name: spec.name,
    connections: mem[session + S.connections] >>> 0,
    transactions: mem[session + S.transactions] >>> 0,
    statements,
    total: Object.values(statements).reduce((a, b) => a + b, 0),
    killed: code === 0 ? null : { code, text: thdErrorText(mem, mem[session + S.thd]) },
    errors,
    outOfMemory: errors[EE_OUTOFMEMORY] ?? 0,
    refused: mem[session + S.refused] >>> 0,
    reads: mem[session + S.reads] >>> 0,
    writes: mem[session + S.writes] >>> 0,
  };
}
