/**
 * Killing: what KILL, the statement timer and the memory limits do to a session, and what its client is told.
 *
 * The word THD.killed is written under LOCK_thd_data and polled without it. A statement ends at its next look; an idle
 * session may sleep on the word, so whoever writes it wakes the sleepers. Each command of a session begins with
 * `thdBeginCommand` and ends with `thdEndCommand`, so that a kill of a statement never reaches the next one.
 */
import { THD } from '../../layout/session.ts';
import { mutexEnter, mutexExit, mutexTryEnter } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';

const { sessionId: SESSION_ID, statements: STATEMENTS, maxExecutionTime: MAX_EXECUTION_TIME } = THD.at;
const { stmtError: STMT_ERROR, memError: MEM_ERROR } = THD.at;
const { dataMutex: DATA_MUTEX, killed: KILLED_AT, kills: KILLS } = THD.at;
const { command: COMMAND, commandSinceMs: COMMAND_SINCE, commandLimitMs: COMMAND_LIMIT } = THD.at;

/** `THD::killed_state`: the number of the error that goes with it. */
export const KILLED = { not: 0, badData: 1, connection: 1053, query: 1317, timeout: 3024 } as const;

/** Their texts, by number. */
export const KILL_TEXTS: Readonly<Record<number, string>> = {
  [KILLED.connection]: 'Server shutdown in progress',
  [KILLED.query]: 'Query execution was interrupted',
  [KILLED.timeout]: 'Query execution was interrupted, maximum statement execution time exceeded',
};

/**
 * `THD::awake`: a connection that is being killed stays so; else the last reason counts. KILL QUERY does nothing to a
 * session between two commands. Any thread. Takes LOCK_thd_data.
 * @param how KILLED
 */
export function thdAwake(thr: Thread, thd: number, how: number): void {
  mutexEnter(thr, thd + DATA_MUTEX);
  awake(thr.mem, thd, how);
  mutexExit(thr, thd + DATA_MUTEX);
}

/**
 * `KILL n`, for a thread that must not wait.
 * @param connectionId whom it is meant for: the seat may have another connection by now
 * @returns gone: that connection has ended; busy: LOCK_thd_data is taken, nothing was done
 */
export function thdTryKill(
  thr: Thread,
  thd: number,
  connectionId: number,
  how: number,
): 'done' | 'gone' | 'busy' {
  const { mem } = thr;
  if (!mutexTryEnter(thr, thd + DATA_MUTEX)) return 'busy';
  const found = mem[thd + SESSION_ID] === connectionId;
  if (found) awake(mem, thd, how);
  if (found) mem[thd + KILLS]++;
  mutexExit(thr, thd + DATA_MUTEX);
  return found ? 'done' : 'gone';
}

/**
 * Own thread, in `generate_error` of the memory counter. Takes LOCK_thd_data.
 * @returns false: something was killed already, and that stays
 */
export function thdKillIfNot(thr: Thread, thd: number, how: number): boolean {
  const { mem } = thr;
  mutexEnter(thr, thd + DATA_MUTEX);
  const first = mem[thd + KILLED_AT] === KILLED.not;
  if (first) Atomics.store(mem, thd + KILLED_AT, how);
  mutexExit(thr, thd + DATA_MUTEX);
  return first;
}

/** `thdAwake` for who holds LOCK_thd_data. */
export function awake(mem: Int32Array, thd: number, how: number): void {
  if (mem[thd + KILLED_AT] === KILLED.connection) return;
  if (how === KILLED.query && mem[thd + COMMAND] === 0) return;
  Atomics.store(mem, thd + KILLED_AT, how);
  Atomics.notify(mem, thd + KILLED_AT);
}

/**
 * A command begins: it has a number and a time, for the thread as well, and the statement timer counts. Own thread.
 * Takes LOCK_thd_data.
 * @param limited whether max_execution_time is for it: statements that only read
 */
export function thdBeginCommand(thr: Thread, thd: number, limited = true): void {
  const { mem } = thr;
  thr.refreshNow();
  // Rounded up: the timer may be late, and is never early.
  const nowMs = Math.ceil(thr.nowTicks / thr.clock.ticksPerMs);
  mutexEnter(thr, thd + DATA_MUTEX);
  mem[thd + COMMAND] = mem[thd + STATEMENTS] + 1;
  mem[thd + COMMAND_SINCE] = nowMs;
  mem[thd + COMMAND_LIMIT] = limited ? mem[thd + MAX_EXECUTION_TIME] : 0;
  mutexExit(thr, thd + DATA_MUTEX);
}

/** The command has ended: what was to end it, and only it, is forgotten. Own thread. Takes LOCK_thd_data. */
export function thdEndCommand(thr: Thread, thd: number): void {
  const { mem } = thr;
  mutexEnter(thr, thd + DATA_MUTEX);
  mem[thd + COMMAND] = 0;
  mem[thd + COMMAND_LIMIT] = 0;
  if (mem[thd + KILLED_AT] !== KILLED.connection) Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  mutexExit(thr, thd + DATA_MUTEX);
}

/**
 * `THD::send_kill_message`: what the client is told when a kill has ended its statement; null when nothing was killed,
 * or another error is told already. KILL of a connection is told as an interrupted query.
 * @param shutdown the server ends: the only time that a client hears of it
 */
export function thdKillMessage(
  mem: Int32Array,
  thd: number,
  shutdown = false,
): { code: number; text: string } | null {
  const killed = Atomics.load(mem, thd + KILLED_AT);
  if (killed === KILLED.not || mem[thd + STMT_ERROR] !== 0 || mem[thd + MEM_ERROR] !== 0) return null;
  const code = killed === KILLED.connection && !shutdown ? KILLED.query : killed;
  return code in KILL_TEXTS ? { code, text: KILL_TEXTS[code] } : null;
}
