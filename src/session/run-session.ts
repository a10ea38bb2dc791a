/**
 * one-thread-per-connection: a client's whole life on one thread. With more clients than threads they take turns: who
 * has a thread hangs up when its turn is over and another one waits, and does not come back. When the run is over, who
 * is connected stays so until all may close.
 *
 * All are to have had a turn before the run ends. So they share nine tenths of it, in turns of run time * threads /
 * clients as long as nobody is late; who comes later than that does the least, and goes.
 */
import { SESSION, THD } from '../layout/session.ts';
import { CONTROL } from '../layout/thread.ts';
import { getU53, setU53 } from '../layout/words.ts';
import { idle_next_command, idle_reconnect, idle_until_close } from '../sync/park-sites.ts';
import type { Thread } from '../sync/thread.ts';
import { handOverConnect, handOverOut } from './hand-over.ts';
import { KILLED } from './limits/kill.ts';
import type { ProgramRun } from './program/program-run.ts';
import type { SessionEnv } from './session-env.ts';
import {
  NEXT,
  RECONNECT_MS,
  sessionCommand,
  sessionConnect,
  sessionDisconnect,
  type SessionOptions,
} from './session.ts';
import { thdKilled } from './thd/thd.ts';

const { thd: THD_OF, nextArrivalUs: DUE, endsAtUs: ENDS_AT } = SESSION.at;
const { connections: CONNECTIONS, queries: QUERIES, endedBy: ENDED_BY } = SESSION.at;
const { statements: STATEMENTS, killed: KILLED_AT } = THD.at;
const { parked: PARKED, close: CLOSE, stop: STOP, goUs: GO_US, waiting: WAITING } = CONTROL.at;

/** The longest that a session sleeps between two commands, ms: nobody wakes it for the end of the run. */
const IDLE_SLICE_MS = 50;
/** Share of the run in which all are to have had a turn: what is lost between two turns comes off the rest. */
const TURNS_SHARE = 0.9;
/** Statements that a client does, or connections that it makes, before it lets the next one have its thread. */
const LEAST = 3;

/**
 * A client's whole life on the calling thread, from its first connection on. Of a client that was told to give up before
 * it had a thread, it does nothing.
 */
export function runSession(
  env: SessionEnv,
  runs: readonly ProgramRun[],
  o: SessionOptions,
  session: number,
): void {
  const { thr } = env;
  const { mem, control } = thr;
  if (!handOverConnect(thr, session)) return;
  Atomics.sub(mem, control + WAITING + thr.node, 1);
  setU53(mem, session + ENDS_AT, o.runUs === 0 ? 0 : endOfTurn(thr, o, thr.clock.us()));
  for (;;) {
    if (sessionConnect(env, o, session) && !commands(env, runs, o, session) && mayStay(thr)) {
      const killed = park(thr, mem[session + THD_OF]);
      close(env, o, session);
      if (killed) Atomics.add(mem, control + PARKED, 1);
      return;
    }
    close(env, o, session);
    if (!o.reconnect || mem[session + ENDED_BY] === 0 || thr.stopping()) break;
    const served = Math.max(mem[session + QUERIES], mem[session + CONNECTIONS]);
    if (served >= LEAST && isTurnOver(thr, session, thr.clock.us())) break;
    idle_reconnect(mem, control + STOP, 0, RECONNECT_MS);
    thr.throwIfAborted();
    if (thr.stopping() || !handOverConnect(thr, session)) break;
  }
  Atomics.add(mem, control + PARKED, 1);
}

/** The command loop. @returns whether the connection must be closed */
function commands(env: SessionEnv, runs: readonly ProgramRun[], o: SessionOptions, session: number): boolean {
  const { thr } = env;
  const { mem } = thr;
  let next: number = NEXT.transaction;
  while (!thr.stopping()) {
    if (next === NEXT.transaction && !awaitDue(thr, o, session)) break;
    if (thr.stopping()) break;
    next = sessionCommand(env, runs, o, session);
    if (next >= NEXT.nothing) return next === NEXT.end;
  }
  return thdKilled(mem, mem[session + THD_OF]) === KILLED.connection;
}

/** Waits until the next transaction is due, or the session was killed. @returns false: the client hangs up first */
function awaitDue(thr: Thread, o: SessionOptions, session: number): boolean {
  const { mem, clock } = thr;
  const thd = mem[session + THD_OF];
  const endsAt = getU53(mem, session + ENDS_AT);
  const due = getU53(mem, session + DUE);
  if (o.perSecond === 0 && endsAt === 0) return true;
  while (!thr.stopping()) {
    const now = clock.us();
    // Nobody waits for a thread that waits for its client.
    if ((due > now || mem[thd + STATEMENTS] >= LEAST) && isTurnOver(thr, session, now)) return false;
    if (due <= now || thdKilled(mem, thd) !== KILLED.not) return true;
    const until = endsAt > now ? Math.min(due, endsAt) : due;
    idle_next_command(mem, thd + KILLED_AT, KILLED.not, Math.min(IDLE_SLICE_MS, (until - now) / 1000));
    thr.throwIfAborted();
  }
  return false;
}

/**
 * When the turn of a client is over that gets its thread now: they share what is left of nine tenths of the run. As long
 * as none is late that is its share of run time * threads / clients for each.
 */
function endOfTurn({ mem, control, node }: Thread, { runUs, threads }: SessionOptions, now: number): number {
  const left = getU53(mem, control + GO_US) + runUs * TURNS_SHARE - now;
  const waiting = Atomics.load(mem, control + WAITING + node);
  return Math.trunc(now + (Math.max(0, left) * threads) / (waiting + threads));
}

/** Whether the client's time is over, and another one wants its thread. */
function isTurnOver(thr: Thread, session: number, now: number): boolean {
  const endsAt = getU53(thr.mem, session + ENDS_AT);
  return endsAt !== 0 && now >= endsAt && isAwaited(thr);
}

/** Whether connections wait for a thread of this node. */
const isAwaited = (thr: Thread): boolean => Atomics.load(thr.mem, thr.control + WAITING + thr.node) > 0;

/** Whether a connection that has nothing more to do may keep its thread: the run is over, or nobody wants it. */
const mayStay = (thr: Thread): boolean => thr.stopping() || !isAwaited(thr);

function close(env: SessionEnv, o: SessionOptions, session: number): void {
  sessionDisconnect(env, o, session);
  handOverOut(env.thr, session);
}

/**
 * Tells the main thread that this session has done its last statement, and waits until all may close.
 * @returns true: its connection was killed before that, and it counts as parked when it is closed
 */
function park(thr: Thread, thd: number): boolean {
  const { mem, control } = thr;
  Atomics.add(mem, control + PARKED, 1);
  while (Atomics.load(mem, control + CLOSE) === 0) {
    if (thdKilled(mem, thd) === KILLED.connection) {
      Atomics.sub(mem, control + PARKED, 1);
      return true;
    }
    idle_until_close(mem, control + CLOSE, 0, IDLE_SLICE_MS);
    thr.throwIfAborted();
  }
  return false;
}
