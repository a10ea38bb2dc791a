/** The verdict on sessions once every connection has closed: seats, THDs, and what the Performance Schema has of them. */
import { type Attached, sessionAt, thdAt } from '../../src/engine.ts';
import { MEM_ROOT } from '../../src/layout/mem-root.ts';
import { PSI_THREAD } from '../../src/layout/psi.ts';
import { NIL } from '../../src/layout/schema.ts';
import { SESSION, SESSION_STATE, THD } from '../../src/layout/session.ts';
import { getU53 } from '../../src/layout/words.ts';
import { psiThreadAt, THREAD_STATE } from '../../src/memory/psi/psi-thread.ts';
import { KILLED } from '../../src/session/limits/kill.ts';
import type { SessionResult } from '../../src/session/program/program.ts';
import type { Verdict } from './verdict.ts';

const T = THD.at;
const S = SESSION.at;

/** Violations beyond so many are counted only: a mistake in all of a thousand sessions is one mistake. */
const MOST_TOLD = 20;

/** What a connection leaves by its end: addresses that must be NIL again, by their names in THD. */
const MEMORY = [
  'userVarEvents',
  'userVars',
  'preparedStatements',
  'netBuff',
  'packet',
  'value',
  'sortKeys',
  'uniqueBuffer',
  'tempTable',
] as const satisfies readonly (keyof typeof T)[];

const stateName = (state: number): string =>
  Object.entries(SESSION_STATE).find(([, n]) => n === state)?.[0] ?? String(state);

/** Every seat is empty, and nothing of a connection is left in it. */
export function checkSeats({ share, thr, env }: Attached): Verdict[] {
  const { mem } = thr;
  const { plan, config } = share;
  const seats: string[] = [];
  const left: string[] = [];
  for (let i = 0; i < config.sessions; i++) {
    const session = sessionAt(plan, i);
    const thd = thdAt(plan, i);
    const state = mem[session + S.state];
    if (state !== SESSION_STATE.out && state !== SESSION_STATE.ended) {
      seats.push(`session ${i} is ${stateName(state)}`);
    }
    if (mem[thd + T.sessionId] !== 0)
      seats.push(`session ${i} has connection ${mem[thd + T.sessionId]}${killedText(mem, thd)}`);
    if (mem[thd + T.command] !== 0) seats.push(`session ${i} is in its command ${mem[thd + T.command]}`);
    const psi = psiThreadAt(plan.psi, mem[thd + T.psiId]);
    if (mem[thd + T.psiId] !== 0 && (mem[psi + PSI_THREAD.at.state] & THREAD_STATE.exists) !== 0) {
      seats.push(`session ${i} still has PSI_THREAD ${mem[thd + T.psiId]}`);
    }
    for (const name of MEMORY) {
      if (mem[thd + T[name]] !== NIL) left.push(`session ${i}: ${name} @${mem[thd + T[name]]} was not freed`);
    }
    if (mem[thd + T.mainMemRoot + MEM_ROOT.at.currentBlock] !== NIL)
      left.push(`session ${i}: main_mem_root still has a block`);
    for (const name of ['memCounter', 'globMemCounter'] as const) {
      const bytes = getU53(mem, thd + T[name]);
      if (bytes !== 0) left.push(`session ${i}: ${name} is ${bytes}`);
    }
    if (mem[thd + T.enabled] !== 0) left.push(`session ${i}: its memory counter is on`);
  }
  const { nThreads, nWorkers } = env.psi.plan;
  return [
    {
      invariant: 'every seat is empty: no connection, no command, no PSI_THREAD',
      violations: atMost(seats),
      checked: `${config.sessions} seats, ${nThreads - nWorkers} PSI_THREADs`,
    },
    {
      invariant: 'no connection has left memory, nor anything in its counter',
      violations: atMost(left),
      checked: `${MEMORY.length + 1} kinds of memory of ${config.sessions} seats`,
    },
  ];
}

const killedText = (mem: Int32Array, thd: number): string => {
  const killed = mem[thd + T.killed];
  return killed === 0 ? '' : `, killed with ${killed}`;
};

/**
 * Who was ended by an error has met it, once in each connection at most; and what the seats have counted is what the
 * sessions tell. Each error 1317 needs a KILL, of either kind, that has found whom it meant.
 * @param reconnect whether clients come back after an error; without it the first one is the last
 */
export function checkEnds(
  { share, thr }: Pick<Attached, 'share' | 'thr'>,
  results: readonly SessionResult[],
  reconnect: boolean,
): Verdict {
  const { mem } = thr;
  const violations: string[] = [];
  let connections = 0;
  let ended = 0;
  let interrupted = 0;
  let kills = 0;
  for (const r of results) {
    const session = sessionAt(share.plan, r.session);
    const fatal = ENDS_CONNECTION.reduce((sum, code) => sum + (r.errors[code] ?? 0), 0);
    connections += r.connections;
    ended += fatal;
    interrupted += r.errors[KILLED.query] ?? 0;
    kills += mem[thdAt(share.plan, r.session) + T.kills];
    if (fatal > r.connections) {
      violations.push(
        `session ${r.session}: ${fatal} connections were ended by errors, and it had ${r.connections}`,
      );
    }
    if (!reconnect && fatal > 1) {
      violations.push(
        `session ${r.session}: ${fatal} connections were ended by errors, without reconnecting`,
      );
    }
    if (r.killed !== null && (r.errors[r.killed.code] ?? 0) === 0) {
      violations.push(`session ${r.session} was ended by error ${r.killed.code}, which it never met`);
    }
    const endedBy = mem[session + S.endedBy];
    if (endedBy !== (r.killed?.code ?? 0)) {
      violations.push(
        `session ${r.session}: its seat says ended by ${endedBy}, its client ${r.killed?.code ?? 0}`,
      );
    }
  }
  if (interrupted > kills) {
    violations.push(`${interrupted} statements and connections were interrupted, by ${kills} KILLs`);
  }
  return {
    invariant: 'sessions that an error has ended are those that met it',
    violations: atMost(violations),
    checked: `${connections} connections, ${ended} ended by a limit, ${interrupted} interruptions by ${kills} KILLs`,
  };
}

/** Errors after which the server always closes the connection. */
const ENDS_CONNECTION = [4081, 4082] as const;

function atMost(violations: readonly string[]): string[] {
  if (violations.length <= MOST_TOLD) return [...violations];
  return [...violations.slice(0, MOST_TOLD), `and ${violations.length - MOST_TOLD} more`];
}
