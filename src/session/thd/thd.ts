/**
 * The session: a THD record in the arena. Its life: `thdInit` → `thdAttach` (the Performance Schema knows it, and counts)
 * → set-up (what it allocates is counted already) → `thdPrepare` (the counter is on) → init_connect (init-connect.ts) →
 * per command `thdNextCommand`, a statement, `thdStatementDone` → `thdEnd`, `thdDetach`. Its memory: thd-memory.ts; its
 * errors: thd-error.ts.
 *
 * Whichever thread works for it says so: thdStoreGlobals before each command, thdRestoreGlobals behind it.
 */
import type { ErrorLog } from '../../layout/error-log.ts';
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import { setU53 } from '../../layout/words.ts';
import { type Psi, psiAttach, psiDetach, psiFollow, psiSetMemCntThd } from '../../memory/psi/psi.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { KILLED } from '../limits/kill.ts';
import { isConnectionAdmin, psiIdentityOf } from './thd-accounts.ts';
import { ER_NEW_ABORTING_CONNECTION } from './thd-error.ts';
import {
  MEM_CNT,
  memCntDisable,
  memCntEnable,
  memCntInit,
  memCntReset,
  memCntSetMode,
  memCntSetSession,
  MODE_PRIVILEGED,
  MODE_USER,
  type SessionConnMemValues,
} from '../limits/thd-mem-cnt.ts';

export { PRIVILEGE } from './thd-accounts.ts';
export { thdErrorText, thdRaise } from './thd-error.ts';

const { sessionId: SESSION_ID, node: NODE, privileges: PRIVILEGES, statements: STATEMENTS } = THD.at;
const { connMem: CONN_MEM, psiId: PSI_ID } = THD.at;
const { stmtError: STMT_ERROR, stmtErrorArg: STMT_ERROR_ARG, fatalError: FATAL_ERROR } = THD.at;
const { memError: MEM_ERROR, dataMutex: DATA_MUTEX, killed: KILLED_AT } = THD.at;
const { command: COMMAND, commandLimitMs: COMMAND_LIMIT } = THD.at;

export interface ThdOptions {
  /** Connection id, from 1. */
  readonly sessionId: number;
  /** PRIVILEGE, or'ed. */
  readonly privileges: number;
  /** Session values of the memory variables; the global ones when absent. */
  readonly connMem?: SessionConnMemValues;
}

/**
 * Makes an empty seat for sessions; before it is shared.
 * @param connMem the GLOBAL_CONN_MEM record
 * @param psiId number of the PSI_THREAD that its sessions count for; 0: they count for the threads that run them
 */
export function thdSetup(mem: Int32Array, thd: number, connMem: number, psiId = 0): void {
  mem.fill(0, thd, thd + THD.words);
  mutexInit(mem, thd + DATA_MUTEX, LATCH.thdData);
  mem[thd + CONN_MEM] = connMem;
  mem[thd + PSI_ID] = psiId;
}

/**
 * A connection takes the seat; its variables start with the global values. By the thread that connects it. Takes
 * LOCK_thd_data and LOCK_global_conn_mem_limit, one after the other.
 * @throws Error when the seat is taken, or was not made by thdSetup
 */
export function thdInit(thr: Thread, thd: number, o: ThdOptions): void {
  const { mem } = thr;
  if (mem[thd + CONN_MEM] === NIL) throw new Error(`THD @${thd} was not made by thdSetup`);
  if (mem[thd + SESSION_ID] !== 0)
    throw new Error(`THD @${thd} is taken by session ${mem[thd + SESSION_ID]}`);
  mutexEnter(thr, thd + DATA_MUTEX);
  Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  mem[thd + SESSION_ID] = o.sessionId;
  mutexExit(thr, thd + DATA_MUTEX);
  mem[thd + NODE] = thr.node;
  mem[thd + PRIVILEGES] = o.privileges;
  mem[thd + STATEMENTS] = 0;
  thdClearError(mem, thd);
  memCntInit(thr, thd);
  if (o.connMem !== undefined) memCntSetSession(mem, thd, o.connMem);
}

/**
 * `new_thread`, `set_thread_account`: the session is known to the Performance Schema under its account, and the calling
 * thread works for it from now on. After thdInit.
 */
export function thdAttach(thr: Thread, psi: Psi, thd: number): void {
  const { mem } = thr;
  const id = mem[thd + PSI_ID];
  if (id !== 0) psiAttach(thr, psi, psiIdentityOf(psi.plan, mem[thd + PRIVILEGES]), id);
  thdStoreGlobals(thr, psi, thd);
}

/**
 * `delete_current_thread`: its statistics go to its account, and the calling thread, which works for it, works for nobody.
 * After thdEnd, when all of its memory is freed.
 */
export function thdDetach(thr: Thread, psi: Psi, thd: number): void {
  if (thr.mem[thd + PSI_ID] !== 0) psiDetach(thr, psi);
  thdRestoreGlobals(thr, psi);
}

/**
 * `THD::store_globals` and `set_thread_THD`: the calling thread works for this session from now on (`current_thd`), counts
 * for it, and it is this session that pays (psiSetMemCntThd for another one).
 */
export function thdStoreGlobals(thr: Thread, psi: Psi, thd: number): void {
  thr.thd = thd;
  const id = thr.mem[thd + PSI_ID];
  if (id !== 0) psiFollow(thr, psi, id);
  psiSetMemCntThd(thr, thd);
}

/** `THD::restore_globals`: the thread works for nobody, and counts for itself. */
export function thdRestoreGlobals(thr: Thread, psi: Psi): void {
  thr.thd = NIL;
  psiFollow(thr, psi, thr.id);
  psiSetMemCntThd(thr, NIL);
}

/**
 * `thd_prepare_connection`: the connection is set up. The counter is on from here, with no effect beyond counting until
 * the first thdNextCommand restores the original mode, or init_connect runs.
 */
export function thdPrepare(thr: Thread, thd: number): void {
  const { mem } = thr;
  memCntEnable(mem, thd);
  const mode = isConnectionAdmin(mem[thd + PRIVILEGES]) ? MODE_PRIVILEGED : MODE_USER;
  memCntSetMode(mem, thd, mode, MEM_CNT.default);
}

/**
 * The command loop, just before it waits for the next command: the last statement's errors are gone, the memory counter
 * is reset.
 * @returns false: the connection must end (limit passed while connecting, or init_connect failed); `thdErrorText` says why
 */
export function thdNextCommand(thr: Thread, thd: number, log: ErrorLog): boolean {
  const { mem } = thr;
  if (mem[thd + STMT_ERROR] === ER_NEW_ABORTING_CONNECTION) return false;
  thdClearError(mem, thd);
  if (memCntReset(thr, thd, log) === 0) return true;
  mem[thd + STMT_ERROR] = mem[thd + MEM_ERROR];
  return false;
}

/** The last statement's error was told. The memory counter's stays: it is the connection's. */
export function thdClearError(mem: Int32Array, thd: number): void {
  mem[thd + STMT_ERROR] = 0;
  mem[thd + FATAL_ERROR] = 0;
  setU53(mem, thd + STMT_ERROR_ARG, 0);
}

/** A statement has ended, well or badly. */
export function thdStatementDone(thr: Thread, thd: number): void {
  thr.mem[thd + STATEMENTS]++;
}

/** `thd->killed`: 0, or how (KILLED). The kill check of running statements. */
export function thdKilled(mem: Int32Array, thd: number): number {
  return Atomics.load(mem, thd + KILLED_AT);
}

/**
 * `THD::release_resources`: gives back what was reserved, empties the seat. Errors and the kill state stay readable until
 * the next connection takes it. By the thread that works for the session, or for a dead one.
 */
export function thdEnd(thr: Thread, thd: number): void {
  const { mem } = thr;
  memCntDisable(thr, thd);
  mutexEnter(thr, thd + DATA_MUTEX);
  mem[thd + SESSION_ID] = 0;
  // A command may be under way when the session ends: the timer must not find it in the next connection.
  mem[thd + COMMAND] = 0;
  mem[thd + COMMAND_LIMIT] = 0;
  mutexExit(thr, thd + DATA_MUTEX);
}
