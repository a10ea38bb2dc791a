/**
 * The timer of max_execution_time. In MySQL each statement arms a timer of its own; here one thread looks at all seats
 * every few milliseconds, and kills the statements whose time is over.
 *
 * Most looks read two words of each seat. Only a statement that seems late is looked at again, under LOCK_thd_data, with
 * which a statement also begins and ends: it is late for sure, or it has ended and the next one has all its time.
 */
import { THD } from '../../layout/session.ts';
import { mutexExit, mutexTryEnter } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { awake, KILLED } from './kill.ts';

const { dataMutex: DATA_MUTEX, killed: KILLED_AT } = THD.at;
const { commandSinceMs: SINCE, commandLimitMs: LIMIT } = THD.at;

/**
 * Kills the statements that have run longer than max_execution_time. Never waits: a seat whose LOCK_thd_data is taken is
 * for the next look.
 * @param thds THD records; seats without a connection have no statement
 * @param nowMs run time (`thr.clock`), ms
 * @returns statements killed
 */
export function stmtTimerLook(thr: Thread, thds: readonly number[], nowMs: number): number {
  const { mem } = thr;
  let killed = 0;
  for (let i = 0; i < thds.length; i++) {
    const thd = thds[i];
    if (!isLate(mem, thd, nowMs) || !mutexTryEnter(thr, thd + DATA_MUTEX)) continue;
    if (isLate(mem, thd, nowMs) && canTimeOut(mem[thd + KILLED_AT])) {
      awake(mem, thd, KILLED.timeout);
      killed++;
    }
    mutexExit(thr, thd + DATA_MUTEX);
  }
  return killed;
}

/** Without LOCK_thd_data the two words may be of two statements. */
function isLate(mem: Int32Array, thd: number, nowMs: number): boolean {
  const limit = mem[thd + LIMIT] >>> 0;
  return limit !== 0 && nowMs - mem[thd + SINCE] >= limit;
}

/** As `timer_notify`: a connection that is being killed is left alone. A statement is told once. */
const canTimeOut = (killed: number): boolean => killed !== KILLED.connection && killed !== KILLED.timeout;
