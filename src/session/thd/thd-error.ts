/** Errors of a session: how they are raised (its diagnostics area), and what the client reads. */
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { EE_CAPACITY_EXCEEDED, EE_OUTOFMEMORY, type MyErrorHook } from '../../memory/mem-root/my-malloc.ts';
import { KILL_TEXTS, thdKillMessage } from '../limits/kill.ts';
import { accountOf } from './thd-accounts.ts';
import { memErrorText } from '../limits/thd-mem-cnt.ts';

const { stmtError: STMT_ERROR, stmtErrorArg: STMT_ERROR_ARG, fatalError: FATAL_ERROR } = THD.at;
const { memError: MEM_ERROR, memErrorLimit: MEM_ERROR_LIMIT, memErrorUsed: MEM_ERROR_USED } = THD.at;
const { privileges: PRIVILEGES } = THD.at;

export const ER_NET_PACKET_TOO_LARGE = 1153;
export const ER_NEW_ABORTING_CONNECTION = 1184;
export const ER_SPECIFIC_ACCESS_DENIED_ERROR = 1227;
export const ER_UNKNOWN_STMT_HANDLER = 1243;

/**
 * Sets the error of the present statement; the first one stays.
 * @param argument the number that its text names
 */
export function thdRaise(mem: Int32Array, thd: number, error: number, fatal = false, argument = 0): void {
  if (mem[thd + STMT_ERROR] === 0) {
    mem[thd + STMT_ERROR] = error;
    setU53(mem, thd + STMT_ERROR_ARG, argument);
  }
  if (fatal) mem[thd + FATAL_ERROR] = 1;
}

/** `my_message_sql`: errors of the SQL layer's memory are errors of the session that the thread works for. */
export const THD_ERROR_HOOK: MyErrorHook = {
  raise: (thr, error, _text, fatal, argument) => {
    if (thr.thd !== NIL) thdRaise(thr.mem, thr.thd, error, fatal, argument);
  },
};

/** What the client is told that ended the session or its present statement; empty when nothing did. Also after thdEnd. */
export function thdErrorText(mem: Int32Array, thd: number): string {
  const error = mem[thd + STMT_ERROR];
  const memError = mem[thd + MEM_ERROR];
  if (memError !== 0) {
    return memErrorText(memError, getU53(mem, thd + MEM_ERROR_LIMIT), getU53(mem, thd + MEM_ERROR_USED));
  }
  if (error === 0) return thdKillMessage(mem, thd)?.text ?? '';
  return textOf(error, getU53(mem, thd + STMT_ERROR_ARG), mem[thd + PRIVILEGES]);
}

function textOf(error: number, argument: number, privileges: number): string {
  switch (error) {
    case EE_OUTOFMEMORY:
      return `Out of memory (Needed ${argument} bytes)`;
    case EE_CAPACITY_EXCEEDED:
      return `Memory capacity exceeded (capacity ${argument} bytes)`;
    case ER_NET_PACKET_TOO_LARGE:
      return "Got a packet bigger than 'max_allowed_packet' bytes";
    case ER_UNKNOWN_STMT_HANDLER:
      return `Unknown prepared statement handler (${argument}) given to EXECUTE`;
    case ER_SPECIFIC_ACCESS_DENIED_ERROR:
      return (
        'Access denied; you need (at least one of) the SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN ' +
        'privilege(s) for this operation'
      );
    case ER_NEW_ABORTING_CONNECTION:
      return abortingText(argument, privileges);
    default:
      return KILL_TEXTS[error] ?? `Error ${error}`;
  }
}

/** No session here has a database. */
function abortingText(connectionId: number, privileges: number): string {
  const { user, host } = accountOf(privileges);
  return (
    `Aborted connection ${connectionId} to db: 'unconnected' user: '${user}' host: '${host}' ` +
    `(init_connect command failed)`
  );
}
