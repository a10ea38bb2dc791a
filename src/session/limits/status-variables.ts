/**
 * What SHOW GLOBAL STATUS says of connection memory, and the status limits (WL#16097, in versions after 8.0): how many
 * queries have moved the use of their connection, or of all connections, from below a limit to above it.
 *
 * A query is watched from the moment that the last one ended (`memCntReset`), if use is not above the limit then; it
 * counts once. The limits are off until somebody sets one: they cost a load and a comparison.
 */
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';

const { mutex: CONN_MUTEX, counter: COUNTER, statusEpoch: GLOBAL_EPOCH } = GLOBAL_CONN_MEM.at;
const { sessionStatusLimit: SESSION_LIMIT, sessionStatusHits: SESSION_HITS } = GLOBAL_CONN_MEM.at;
const { statusLimit: GLOBAL_LIMIT, statusHits: GLOBAL_HITS } = GLOBAL_CONN_MEM.at;
const { connMem: CONN_MEM, statusEpoch: EPOCH, statusWatch: WATCH, statusLimit: LIMIT } = THD.at;

/** Bits of `THD.statusWatch`: limits that the present query may still pass. */
const STATUS_WATCH = { session: 1, global: 2 } as const;

/** A query begins, with `used` bytes in use: it is watched by the limits that are not passed yet. Own thread. */
export function statusWatch(thr: Thread, thd: number, used: number): void {
  const { mem } = thr;
  const conn = mem[thd + CONN_MEM];
  mutexEnter(thr, conn + CONN_MUTEX);
  const limit = getU53(mem, conn + SESSION_LIMIT);
  const allBelow = getU53(mem, conn + COUNTER) <= getU53(mem, conn + GLOBAL_LIMIT);
  mem[thd + EPOCH] = mem[conn + GLOBAL_EPOCH];
  mutexExit(thr, conn + CONN_MUTEX);
  setU53(mem, thd + LIMIT, limit);
  mem[thd + WATCH] = (used <= limit ? STATUS_WATCH.session : 0) | (allBelow ? STATUS_WATCH.global : 0);
}

/**
 * Use of the connection has grown from `before` to `used` bytes. Own thread; takes LOCK_global_conn_mem_limit when a
 * limit was set meanwhile, or is passed.
 */
export function statusLook(thr: Thread, thd: number, before: number, used: number): void {
  const { mem } = thr;
  const conn = mem[thd + CONN_MEM];
  if (mem[thd + EPOCH] !== mem[conn + GLOBAL_EPOCH]) statusWatch(thr, thd, before);
  if ((mem[thd + WATCH] & STATUS_WATCH.session) === 0 || used <= getU53(mem, thd + LIMIT)) return;
  mem[thd + WATCH] &= ~STATUS_WATCH.session;
  mutexEnter(thr, conn + CONN_MUTEX);
  mem[conn + SESSION_HITS]++;
  mutexExit(thr, conn + CONN_MUTEX);
}

/** The global counter has grown from `before` to `after`. Own thread; LOCK_global_conn_mem_limit is held. */
export function statusLookGlobal(mem: Int32Array, thd: number, before: number, after: number): void {
  if ((mem[thd + WATCH] & STATUS_WATCH.global) === 0) return;
  const conn = mem[thd + CONN_MEM];
  const limit = getU53(mem, conn + GLOBAL_LIMIT);
  if (before > limit || after <= limit) return;
  mem[thd + WATCH] &= ~STATUS_WATCH.global;
  mem[conn + GLOBAL_HITS]++;
}

/** SHOW GLOBAL STATUS of connection memory, by MySQL's names; `at`: the GLOBAL_CONN_MEM record. Exact at rest. */
export function connMemStatus(mem: Int32Array, at: number): Readonly<Record<string, number>> {
  return {
    Global_connection_memory: getU53(mem, at + COUNTER),
    Count_hit_query_past_connection_memory_status_limit: mem[at + SESSION_HITS],
    Count_hit_query_past_global_connection_memory_status_limit: mem[at + GLOBAL_HITS],
  };
}
