/**
 * A session's life: connect, commands, end. Both thread models are made of these three; whatever a session needs
 * from one to the next lies in the arena, so each may run on another thread. A whole life on one: run-session.ts.
 *
 * Connect: THD, its PSI_THREAD, the connection's memory, init_connect, the first `reset`. Command: a statement, its memory freed,
 * a kill of it forgotten, `reset`. End: memory freed, `flush`, statistics aggregated. A failure (throw) leaves
 * everything as it is, for the report to show: whoever cleaned up then might wait for a latch that this very thread
 * holds.
 */
import type { RecordableHistogram } from 'node:perf_hooks';
import { SESSION, SESSION_ERRORS, THD } from '../layout/session.ts';
import { CONTROL, OP, THREAD } from '../layout/thread.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { placementTurn } from '../memory/os/placement.ts';
import type { IoCounts } from '../storage/page-store.ts';
import type { Thread } from '../sync/thread.ts';
import { arrivalsBegin, arrivalsNext } from './program/arrivals.ts';
import { thdInitConnect } from './thd/init-connect.ts';
import { KILLED, thdBeginCommand, thdEndCommand, thdKillMessage } from './limits/kill.ts';
import type { SessionSpec } from './program/program.ts';
import { PROGRAM, type ProgramRun } from './program/program-run.ts';
import type { SessionEnv } from './session-env.ts';
import { thdConnectMemory, thdEndStatement, thdReleaseMemory } from './thd/thd-memory.ts';
import {
  thdAttach,
  thdClearError,
  thdDetach,
  thdEnd,
  thdInit,
  thdKilled,
  thdNextCommand,
  thdPrepare,
  thdRestoreGlobals,
  thdStatementDone,
  thdStoreGlobals,
} from './thd/thd.ts';

const { thd: THD_OF, rng: RNG, program: PROGRAM_OF, transaction: TRANSACTION } = SESSION.at;
const { intendedUs: INTENDED, nextArrivalUs: DUE } = SESSION.at;
const { connections: CONNECTIONS, transactions: TRANSACTIONS, queries: QUERIES } = SESSION.at;
const { lastError: LAST_ERROR, lastErrorLimit: LAST_LIMIT, lastErrorUsed: LAST_USED } = SESSION.at;
const { errors: ERRORS, endedBy: ENDED_BY, reads: READS, writes: WRITES, refused: REFUSED } = SESSION.at;
const { stmtError: STMT_ERROR, memError: MEM_ERROR } = THD.at;
const { memErrorLimit: MEM_ERROR_LIMIT, memErrorUsed: MEM_ERROR_USED } = THD.at;
const { goUs: GO_US } = CONTROL.at;

/** What a command leaves to be done. */
export const NEXT = {
  /** The next statement of the same transaction, at once. */
  statement: 0,
  /** The next transaction, when it is due. */
  transaction: 1,
  /** Nothing: the client has done all that it was to do. */
  nothing: 2,
  /** To close the connection: an error or a kill has ended it. */
  end: 3,
} as const;

/** The clients of a run as a thread sees them. */
export interface SessionOptions {
  /** By session. */
  readonly specs: readonly SessionSpec[];
  /** The SESSION record of the first. */
  readonly first: number;
  /** Open loop: transactions a second of each; 0: closed loop. */
  readonly perSecond: number;
  /** Whether clients connect again after an error or a kill has ended their connection. */
  readonly reconnect: boolean;
  /** Time of the run, us, in which connections take turns for the threads of their node; 0: they do not. */
  readonly runUs: number;
  /** Threads of the node. */
  readonly threads: number;
  /** By program: time of transactions from their intended start, ns. */
  readonly latency: readonly RecordableHistogram[];
  /** The thread's own page I/O. */
  readonly io: IoCounts;
}

/** A client whose connection was refused or killed tries again after so long, ms. */
export const RECONNECT_MS = 10;

const specOf = (o: SessionOptions, session: number): SessionSpec =>
  o.specs[(session - o.first) / SESSION.words];

/**
 * A client connects: the caller's thread makes its next connection, up to the point at which it would wait for the
 * first command. The session must be the caller's (handOverConnect).
 * @returns false: the connection was refused, and is to be ended by sessionDisconnect
 */
export function sessionConnect(env: SessionEnv, o: SessionOptions, session: number): boolean {
  const { thr, psi, my, log } = env;
  const { mem } = thr;
  const spec = specOf(o, session);
  const thd = mem[session + THD_OF];
  const before = mem[session + CONNECTIONS]++;
  mem[session + TRANSACTION] = 0;
  mem[session + ENDED_BY] = 0;
  beginWork(env, o, session);
  // The schedule begins when the client first wants something, whatever comes of its connection.
  if (before === 0 && o.perSecond > 0) arrivalsBegin(thr, session, o.perSecond);
  thdInit(thr, thd, {
    sessionId: spec.session + 1 + before * o.specs.length,
    privileges: spec.privileges,
    ...(spec.connMem !== undefined && { connMem: spec.connMem }),
  });
  thdAttach(thr, psi, thd);
  let connected = thdConnectMemory(thr, my, thd);
  if (connected) {
    thdPrepare(thr, thd);
    thdInitConnect(thr, my, thd, spec.initConnect ?? [], log);
    connected = thdNextCommand(thr, thd, log);
  }
  if (!connected) {
    noteError(mem, session, thd, true);
    mem[session + ENDED_BY] = mem[session + LAST_ERROR];
  } else if (o.perSecond === 0) setU53(mem, session + DUE, Math.trunc(thr.clock.us()));
  endWork(env, session);
  return connected;
}

/**
 * The next command of a connected session: a statement, and all that the server does up to the point at which it
 * would wait for the one after it. Of a session that was killed in between it does nothing.
 * @returns NEXT
 * @throws what no session survives: InvariantViolation, StorageError, RunAborted, ...
 */
export function sessionCommand(
  env: SessionEnv,
  runs: readonly ProgramRun[],
  o: SessionOptions,
  session: number,
): number {
  const { thr, psi, my, log, yard } = env;
  const { mem } = thr;
  const thd = mem[session + THD_OF];
  if (thdKilled(mem, thd) === KILLED.connection) return NEXT.end;
  const { reads, writes } = o.io;
  const refused = yard?.refused ?? 0;
  beginWork(env, o, session);
  thdStoreGlobals(thr, psi, thd);
  placementTurn(thr, my);
  if (mem[session + TRANSACTION] === 0) beginTransaction(thr, runs, o, session);
  const run = runs[mem[session + PROGRAM_OF]];
  thdBeginCommand(thr, thd, run.onlyReads(session));
  const before = mem[session + QUERIES];
  const done = run.statement(session);
  const failed = noteError(mem, session, thd, mem[session + QUERIES] === before);
  thdEndStatement(thr, my, thd);
  let next: number = NEXT.statement;
  if (done !== PROGRAM.over) thdStatementDone(thr, thd);
  // One that was interrupted is none.
  if (mem[session + QUERIES] !== before) thr.madeProgress();
  if (failed) {
    run.abandon(session);
    mem[session + TRANSACTION] = 0;
    if (o.perSecond === 0) setU53(mem, session + DUE, Math.trunc(thr.clock.us()));
    next = NEXT.transaction;
  } else if (done === PROGRAM.over) next = NEXT.nothing;
  else if (done === PROGRAM.done) next = endTransaction(thr, o, session);
  thdEndCommand(thr, thd);
  if (thdKilled(mem, thd) === KILLED.connection || !thdNextCommand(thr, thd, log)) next = NEXT.end;
  if (yard !== null) mem[session + REFUSED] += yard.refused - refused;
  mem[session + READS] += o.io.reads - reads;
  mem[session + WRITES] += o.io.writes - writes;
  endWork(env, session);
  return next;
}

/** Ends the connection, however it came to its end; afterwards the seat is free for the next one. */
export function sessionDisconnect(env: SessionEnv, o: SessionOptions, session: number): void {
  const { thr, psi, my } = env;
  const { mem } = thr;
  const thd = mem[session + THD_OF];
  beginWork(env, o, session);
  thdStoreGlobals(thr, psi, thd);
  if (mem[session + ENDED_BY] === 0 && thdKilled(mem, thd) === KILLED.connection) {
    // What its last statement has met, the client was told then.
    thdClearError(mem, thd);
    noteError(mem, session, thd, true);
  }
  thdReleaseMemory(thr, my, thd);
  thdEnd(thr, thd);
  thdDetach(thr, psi, thd);
  endWork(env, session);
}

/** The calling thread works for the session from now on: as who it is seen, and with whose random numbers. */
function beginWork({ thr }: SessionEnv, o: SessionOptions, session: number): void {
  const { mem } = thr;
  mem[thr.at + THREAD.at.label] = (session - o.first) / SESSION.words;
  mem[thr.op] = OP.statement;
  thr.rng.load(mem, session + RNG);
}

function endWork({ thr, psi }: SessionEnv, session: number): void {
  thr.rng.save(thr.mem, session + RNG);
  thdRestoreGlobals(thr, psi);
  thr.mem[thr.op] = OP.idle;
}

function beginTransaction(
  thr: Thread,
  runs: readonly ProgramRun[],
  o: SessionOptions,
  session: number,
): void {
  const { mem, control } = thr;
  const { program, then } = specOf(o, session);
  const later = then !== undefined && thr.clock.us() - getU53(mem, control + GO_US) >= then.atMs * 1000;
  mem[session + PROGRAM_OF] = later ? then.program : program;
  setU53(mem, session + INTENDED, getU53(mem, session + DUE));
  if (o.perSecond > 0) arrivalsNext(thr, session, o.perSecond);
  runs[mem[session + PROGRAM_OF]].begin(session);
}

/** @returns NEXT */
function endTransaction(thr: Thread, o: SessionOptions, session: number): number {
  const { mem } = thr;
  const now = thr.clock.us();
  const spentUs = now - getU53(mem, session + INTENDED);
  o.latency[mem[session + PROGRAM_OF]].record(Math.max(1, Math.round(spentUs * 1000)));
  mem[session + TRANSACTION] = 0;
  // The client of a closed loop has the next one at once; that it may wait for a thread then is its time as well.
  if (o.perSecond === 0) setU53(mem, session + DUE, Math.trunc(now));
  const most = specOf(o, session).transactions;
  const done = ++mem[session + TRANSACTIONS];
  // More than it was to do: a KILL came with its last one, and it has connected again.
  return most > 0 && done >= most ? NEXT.nothing : NEXT.transaction;
}

/**
 * Counts the error of the present statement, or of the connection, if there is one. It ends the connection when that
 * was killed by now: looked at last, so that a KILL which comes meanwhile counts here or in sessionDisconnect, not twice.
 * @param interrupted whether a kill may be told: a statement that was done to its end is told as that
 */
function noteError(mem: Int32Array, session: number, thd: number, interrupted: boolean): boolean {
  const memError = mem[thd + MEM_ERROR];
  const code = memError || mem[thd + STMT_ERROR] || (interrupted ? (thdKillMessage(mem, thd)?.code ?? 0) : 0);
  if (code === 0) return false;
  const place = (SESSION_ERRORS as readonly number[]).indexOf(code);
  if (place >= 0) mem[session + ERRORS + place]++;
  mem[session + LAST_ERROR] = code;
  setU53(mem, session + LAST_LIMIT, memError === 0 ? 0 : getU53(mem, thd + MEM_ERROR_LIMIT));
  setU53(mem, session + LAST_USED, memError === 0 ? 0 : getU53(mem, thd + MEM_ERROR_USED));
  if (thdKilled(mem, thd) === KILLED.connection) mem[session + ENDED_BY] = code;
  return true;
}
