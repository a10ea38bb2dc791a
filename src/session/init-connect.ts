/**
 * init_connect: statements that run when a user connects, before his first command (facts A 7.3). Not for users with SUPER
 * or CONNECTION_ADMIN. While they run, limits are checked but not written to the log; a failure of any kind is told at the
 * client's first command, as ER_NEW_ABORTING_CONNECTION, and ends the connection.
 *
 *     thdPrepare(thr, thd);
 *     if (thdInitConnectBegin(thr, thd)) {
 *       ... its statements ...
 *       thdInitConnectEnd(thr, thd, log);
 *     }
 *     thdNextCommand(...)   // false when it failed
 */
import type { ErrorLog } from '../layout/error-log.ts';
import { THD } from '../layout/session.ts';
import { setU53 } from '../layout/words.ts';
import type { Thread } from '../sync/thread.ts';
import { KILLED, thdKillIfNot } from './kill.ts';
import { isConnectionAdmin } from './thd-accounts.ts';
import { ER_NEW_ABORTING_CONNECTION, thdErrorText } from './thd-error.ts';
import { MEM_CNT, memCntSetMode, MODE_INIT_CONNECT } from './thd-mem-cnt.ts';
import { thdKilled } from './thd.ts';

const { privileges: PRIVILEGES, origMode: ORIG_MODE, sessionId: SESSION_ID } = THD.at;
const { stmtError: STMT_ERROR, stmtErrorArg: STMT_ERROR_ARG, memError: MEM_ERROR } = THD.at;

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
  // Who passes a limit is killed as well.
  if (mem[thd + STMT_ERROR] === 0 && thdKilled(mem, thd) === KILLED.not) return true;
  const why = thdErrorText(mem, thd);
  mem[thd + STMT_ERROR] = ER_NEW_ABORTING_CONNECTION;
  setU53(mem, thd + STMT_ERROR_ARG, mem[thd + SESSION_ID]);
  mem[thd + MEM_ERROR] = 0;
  log.write('Warning', thdErrorText(mem, thd), 'Server');
  log.write('Warning', why, 'Server');
  thdKillIfNot(thr, thd, KILLED.connection);
  return false;
}
