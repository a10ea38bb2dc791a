/**
 * init_connect: statements that run when a user connects, before his first command (facts A 7.3). Not for users with SUPER
 * or CONNECTION_ADMIN. While they run, limits are checked but not written to the log; a failure of any kind is told at the
 * client's first command, as ER_NEW_ABORTING_CONNECTION, and ends the connection.
 */
import type { ErrorLog } from '../../layout/error-log.ts';
import { THD } from '../../layout/session.ts';
import { setU53 } from '../../layout/words.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import type { Thread } from '../../sync/thread.ts';
import { KILLED, thdKillIfNot } from '../limits/kill.ts';
import { setSession } from '../limits/set-variable.ts';
import { isConnectionAdmin } from './thd-accounts.ts';
import { ER_NEW_ABORTING_CONNECTION, thdErrorText, thdRaise } from './thd-error.ts';
import { MEM_CNT, memCntSetMode, MODE_INIT_CONNECT } from '../limits/thd-mem-cnt.ts';
import { thdEndStatement, thdRootAlloc, thdSetUserVar, thdValue } from './thd-memory.ts';
import { thdKilled } from './thd.ts';

const { privileges: PRIVILEGES, origMode: ORIG_MODE, sessionId: SESSION_ID } = THD.at;
const { stmtError: STMT_ERROR, stmtErrorArg: STMT_ERROR_ARG, memError: MEM_ERROR } = THD.at;

/** A statement of init_connect; plain data. */
export type InitStatement =
  /** SET SESSION variable = value */
  | { readonly kind: 'set'; readonly variable: string; readonly value: string }
  /** SET @name = a value of so many bytes; variables have numbers, from 1 */
  | { readonly kind: 'setVar'; readonly variable: number; readonly bytes: number }
  /** SELECT of a value of so many bytes */
  | { readonly kind: 'select'; readonly bytes: number };

/** What parsing a statement takes, bytes on mem_root. */
const PARSE_BYTES = 3000;

/**
 * After thdPrepare, before the first thdNextCommand, which is false when a statement has failed. Nothing happens for
 * a privileged user. Takes LOCK_thd_data, and LOCK_global_conn_mem_limit.
 */
export function thdInitConnect(
  thr: Thread,
  env: MemRootEnv,
  thd: number,
  statements: readonly InitStatement[],
  log: ErrorLog,
): void {
  if (statements.length === 0 || !thdInitConnectBegin(thr, thd)) return;
  for (const statement of statements) {
    execute(thr, env, thd, statement);
    thdEndStatement(thr, env, thd);
    if (hasFailed(thr.mem, thd)) break;
  }
  thdInitConnectEnd(thr, thd, log);
}

function execute(thr: Thread, env: MemRootEnv, thd: number, statement: InitStatement): void {
  thdRootAlloc(thr, env, thd, PARSE_BYTES);
  if (hasFailed(thr.mem, thd)) return;
  if (statement.kind === 'set') {
    const { state, messages } = setSession(thr, thd, statement.variable, statement.value);
    if (state !== 'done') thdRaise(thr.mem, thd, messages[0].code);
    return;
  }
  thdValue(thr, env, thd, statement.bytes);
  if (statement.kind === 'select' || hasFailed(thr.mem, thd)) return;
  thdSetUserVar(thr, env, thd, statement.variable, statement.bytes);
}

/** Who passes a limit is killed as well. */
const hasFailed = (mem: Int32Array, thd: number): boolean =>
  mem[thd + STMT_ERROR] !== 0 || thdKilled(mem, thd) !== KILLED.not;

/** After thdPrepare. @returns false: the user may skip it, nothing has changed; else thdInitConnectEnd must follow */
export function thdInitConnectBegin(thr: Thread, thd: number): boolean {
  const { mem } = thr;
  if (isConnectionAdmin(mem[thd + PRIVILEGES])) return false;
  memCntSetMode(mem, thd, mem[thd + ORIG_MODE], MODE_INIT_CONNECT);
  return true;
}

/**
 * The statements are done, or one has failed. Two lines in the log when it did: which connection is aborted, and by what.
 * Takes LOCK_thd_data then.
 * @returns false: it failed; thdNextCommand is false from now on, and thdErrorText says what the client is told
 */
export function thdInitConnectEnd(thr: Thread, thd: number, log: ErrorLog): boolean {
  const { mem } = thr;
  memCntSetMode(mem, thd, mem[thd + ORIG_MODE], MEM_CNT.default);
  if (!hasFailed(mem, thd)) return true;
  const why = thdErrorText(mem, thd);
  mem[thd + STMT_ERROR] = ER_NEW_ABORTING_CONNECTION;
  setU53(mem, thd + STMT_ERROR_ARG, mem[thd + SESSION_ID]);
  mem[thd + MEM_ERROR] = 0;
  log.write('Warning', thdErrorText(mem, thd), 'Server');
  log.write('Warning', why, 'Server');
  thdKillIfNot(thr, thd, KILLED.connection);
  return false;
}
