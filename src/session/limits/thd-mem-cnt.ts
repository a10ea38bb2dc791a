/**
 * `Thd_mem_cnt`: what a connection uses, and what all of them use (facts A 7.3 to 7.5, the later 8.0 form).
 *
 * The session's part is written by its own thread without any latch. The server's part is raised lazily: in chunks,
 * only when the session's high-water mark passes what it has reserved already, under LOCK_global_conn_mem_limit;
 * between two commands `memCntReset` gives back what is not in use. So the global counter runs ahead of real use by
 * up to a chunk per connection, and by all that was freed since the connection's last reset.
 *
 * Passing a limit stops no allocation: the session is marked as killed, and ends at its next kill check.
 */
import type { ErrorLog } from '../../layout/error-log.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { OP } from '../../layout/thread.ts';
import { addS53, getS53, setS53 } from '../../layout/words.ts';
import type { ConnCounter } from '../../memory/psi/psi.ts';
import { LATCH } from '../../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit, mutexTryEnter } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { KILLED, thdKillIfNot } from './kill.ts';
import { statusLook, statusLookGlobal, statusWatch } from './status-variables.ts';

const { mutex: CONN_MUTEX, counter: COUNTER, limit: GLOBAL_LIMIT, updates: UPDATES } = GLOBAL_CONN_MEM.at;
const {
  sessionLimit: SESSION_LIMIT,
  chunkSize: GLOBAL_CHUNK,
  tracking: GLOBAL_TRACKING,
  sessionStatusLimit: SESSION_STATUS_LIMIT,
  statusLimit: GLOBAL_STATUS_LIMIT,
  statusEpoch: STATUS_EPOCH,
  maxExecutionTime: GLOBAL_MAX_EXECUTION_TIME,
  plainFree: PLAIN_FREE,
} = GLOBAL_CONN_MEM.at;
const { memCounter: MEM, maxConnMem: MAX, globMemCounter: GLOB, connMem: CONN_MEM } = THD.at;
const { connectionMemoryLimit: LIMIT, chunkSize: CHUNK, tracking: TRACKING } = THD.at;
const { origMode: ORIG_MODE, currMode: CURR_MODE, isConnectionStage: STAGE, enabled: ENABLED } = THD.at;
const { stmtError: STMT_ERROR, fatalError: FATAL_ERROR } = THD.at;
const { statusEpoch: OWN_EPOCH, statusWatch: WATCH, maxExecutionTime: MAX_EXECUTION_TIME } = THD.at;
const { memError: MEM_ERROR, memErrorLimit: MEM_ERROR_LIMIT, memErrorUsed: MEM_ERROR_USED } = THD.at;

/** Bits of a mode. */
export const MEM_CNT = { default: 0, updateGlobal: 1, generateError: 2, generateLogError: 4 } as const;
const { updateGlobal: UPDATE_GLOBAL, generateError: GENERATE_ERROR, generateLogError: LOG_ERROR } = MEM_CNT;
/** Original modes: SUPER or CONNECTION_ADMIN are counted and never killed; everyone else has all bits. */
export const MODE_PRIVILEGED = UPDATE_GLOBAL;
export const MODE_USER = UPDATE_GLOBAL | GENERATE_ERROR | LOG_ERROR;
/** While init_connect runs for a normal user: no log line. */
export const MODE_INIT_CONNECT = UPDATE_GLOBAL | GENERATE_ERROR;

export const ER_DA_GLOBAL_CONN_LIMIT = 4081;
export const ER_DA_CONN_LIMIT = 4082;

/** Stands for 18446744073709551615, the default of both limits. */
export const CONN_MEM_NO_LIMIT = Number.MAX_SAFE_INTEGER;

/**
 * Versions that count differently: the first 8.0.28 takes what is freed off whatever is counted, later ones stop at 0.
 * `chunkSize`: default of connection_memory_chunk_size.
 */
const VERSIONS = {
  'first 8.0.28': { chunkSize: 8912, plainFree: 1 },
  '8.0.28': { chunkSize: 8912, plainFree: 0 },
  later: { chunkSize: 8192, plainFree: 0 },
} as const;
export type ConnMemVersion = keyof typeof VERSIONS;

/** Global values of the variables; bytes. Those left out keep MySQL's defaults, or what they are. */
export interface GlobalConnMemValues {
  /** global_connection_memory_limit */
  readonly globalLimit?: number;
  /** @@global.connection_memory_limit */
  readonly sessionLimit?: number;
  /** @@global.connection_memory_chunk_size */
  readonly chunkSize?: number;
  /** @@global.global_connection_memory_tracking */
  readonly tracking?: boolean;
  /** connection_memory_status_limit, of a later version */
  readonly sessionStatusLimit?: number;
  /** global_connection_memory_status_limit, of a later version */
  readonly globalStatusLimit?: number;
  /** @@global.max_execution_time, ms; 0: no limit */
  readonly maxExecutionTime?: number;
}

/** Session values of the variables; bytes. Those left out stay as they are. */
export interface SessionConnMemValues {
  readonly connectionMemoryLimit?: number;
  readonly chunkSize?: number;
  readonly tracking?: boolean;
}

/** Makes the GLOBAL_CONN_MEM record; before it is shared. Values are stored as they are: ranges are the caller's. */
export function globalConnMemInit(
  mem: Int32Array,
  at: number,
  values: GlobalConnMemValues = {},
  version: ConnMemVersion = '8.0.28',
): void {
  mem.fill(0, at, at + GLOBAL_CONN_MEM.words);
  mutexInit(mem, at + CONN_MUTEX, LATCH.globalConnMem);
  mem[at + PLAIN_FREE] = VERSIONS[version].plainFree;
  setS53(mem, at + SESSION_STATUS_LIMIT, CONN_MEM_NO_LIMIT);
  setS53(mem, at + GLOBAL_STATUS_LIMIT, CONN_MEM_NO_LIMIT);
  storeGlobals(mem, at, {
    globalLimit: CONN_MEM_NO_LIMIT,
    sessionLimit: CONN_MEM_NO_LIMIT,
    chunkSize: VERSIONS[version].chunkSize,
    tracking: false,
    ...values,
  });
}

/** SET GLOBAL. Takes LOCK_global_conn_mem_limit. Sessions that exist keep their values, all but the global limit. */
export function globalConnMemSet(thr: Thread, at: number, values: GlobalConnMemValues): void {
  mutexEnter(thr, at + CONN_MUTEX);
  storeGlobals(thr.mem, at, values);
  mutexExit(thr, at + CONN_MUTEX);
}

/** The same for a thread that must not wait. @returns false: the mutex is taken, nothing was done */
export function globalConnMemTrySet(thr: Thread, at: number, values: GlobalConnMemValues): boolean {
  if (!mutexTryEnter(thr, at + CONN_MUTEX)) return false;
  storeGlobals(thr.mem, at, values);
  mutexExit(thr, at + CONN_MUTEX);
  return true;
}

function storeGlobals(mem: Int32Array, at: number, v: GlobalConnMemValues): void {
  if (v.globalLimit !== undefined) setS53(mem, at + GLOBAL_LIMIT, v.globalLimit);
  if (v.sessionLimit !== undefined) setS53(mem, at + SESSION_LIMIT, v.sessionLimit);
  if (v.chunkSize !== undefined) mem[at + GLOBAL_CHUNK] = v.chunkSize;
  if (v.tracking !== undefined) mem[at + GLOBAL_TRACKING] = v.tracking ? 1 : 0;
  if (v.maxExecutionTime !== undefined) mem[at + GLOBAL_MAX_EXECUTION_TIME] = v.maxExecutionTime;
  if (v.sessionStatusLimit === undefined && v.globalStatusLimit === undefined) return;
  if (v.sessionStatusLimit !== undefined) setS53(mem, at + SESSION_STATUS_LIMIT, v.sessionStatusLimit);
  if (v.globalStatusLimit !== undefined) setS53(mem, at + GLOBAL_STATUS_LIMIT, v.globalStatusLimit);
  mem[at + STATUS_EPOCH]++;
}

/** SET SESSION, by the session's own thread. */
export function memCntSetSession(mem: Int32Array, thd: number, v: SessionConnMemValues): void {
  if (v.connectionMemoryLimit !== undefined) setS53(mem, thd + LIMIT, v.connectionMemoryLimit);
  if (v.chunkSize !== undefined) mem[thd + CHUNK] = v.chunkSize;
  if (v.tracking !== undefined) mem[thd + TRACKING] = v.tracking ? 1 : 0;
}

/** A new session: counters 0, not enabled, variables from the global ones. Takes LOCK_global_conn_mem_limit. */
export function memCntInit(thr: Thread, thd: number): void {
  const { mem } = thr;
  const conn = mem[thd + CONN_MEM];
  for (const field of [MEM, MAX, GLOB, MEM_ERROR_LIMIT, MEM_ERROR_USED]) setS53(mem, thd + field, 0);
  mem[thd + ENABLED] = 0;
  mem[thd + STAGE] = 1;
  mem[thd + MEM_ERROR] = 0;
  mem[thd + OWN_EPOCH] = 0;
  mem[thd + WATCH] = 0;
  memCntSetMode(mem, thd, MEM_CNT.default, MEM_CNT.default);
  mutexEnter(thr, conn + CONN_MUTEX);
  setS53(mem, thd + LIMIT, getS53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];
  mem[thd + MAX_EXECUTION_TIME] = mem[conn + GLOBAL_MAX_EXECUTION_TIME];
  mutexExit(thr, conn + CONN_MUTEX);
}

/** `enable()`: from now on the counter is checked and reported; what was counted before is in it. Own thread. */
export function memCntEnable(mem: Int32Array, thd: number): void {
  mem[thd + ENABLED] = 1;
}

/** Sets original and current mode. Own thread. */
export function memCntSetMode(mem: Int32Array, thd: number, orig: number, curr: number): void {
  mem[thd + ORIG_MODE] = orig;
  mem[thd + CURR_MODE] = curr;
}

/**
 * `alloc_cnt(size)`: `size` bytes more are in use. Takes LOCK_global_conn_mem_limit when a chunk is reserved, and
 * LOCK_thd_data when a limit is passed; nothing that stands below them may be held.
 * @returns −1 when it raised error 4081 or 4082, else 0; the memory is the session's in any case
 */
export function memCntAlloc(thr: Thread, thd: number, size: number, log: ErrorLog): number {
  const { mem } = thr;
  const used = addS53(mem, thd + MEM, size);
  if (above(used, getS53(mem, thd + MAX))) setS53(mem, thd + MAX, used);
  if (mem[thd + ENABLED] === 0) return 0;
  if (mem[mem[thd + CONN_MEM] + STATUS_EPOCH] !== 0) statusLook(thr, thd, used - size, used);
  let raised = 0;
  const limit = getS53(mem, thd + LIMIT);
  if (above(used, limit)) raised = generateError(thr, thd, ER_DA_CONN_LIMIT, limit, used, log);
  if (updatesGlobal(mem, thd) && above(getS53(mem, thd + MAX), getS53(mem, thd + GLOB))) {
    return reserveChunk(thr, thd, log) | raised;
  }
  return raised;
}

/** What the Performance Schema tells of memory of collected instruments; errors go to the log of the thread. */
export class ThdMemCounter implements ConnCounter {
  private readonly log: ErrorLog;

  constructor(log: ErrorLog) {
    this.log = log;
  }

  alloc(thr: Thread, thd: number, bytes: number): void {
    memCntAlloc(thr, thd, bytes, this.log);
  }

  free(thr: Thread, thd: number, bytes: number): void {
    memCntFree(thr.mem, thd, bytes);
  }
}

/** Reserves whole chunks, always strictly more than the high-water mark. */
function reserveChunk(thr: Thread, thd: number, log: ErrorLog): number {
  const { mem } = thr;
  const conn = mem[thd + CONN_MEM];
  const chunk = mem[thd + CHUNK];
  const glob = getS53(mem, thd + GLOB);
  const curr = chunksAbove(getS53(mem, thd + MAX), chunk);
  const before = mem[thr.op];
  mem[thr.op] = OP.thdMemCnt;
  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addS53(mem, conn + COUNTER, curr - glob);
  const limit = getS53(mem, conn + GLOBAL_LIMIT);
  mem[conn + UPDATES]++;
  statusLookGlobal(mem, thd, global - (curr - glob), global);
  setS53(mem, thd + GLOB, curr);
  mutexExit(thr, conn + CONN_MUTEX);
  mem[thr.op] = before;
  if (above(curr, getS53(mem, thd + MAX))) setS53(mem, thd + MAX, curr);
  return above(global, limit) ? generateError(thr, thd, ER_DA_GLOBAL_CONN_LIMIT, limit, global, log) : 0;
}

/** The next multiple of the chunk, in the counter's 64 bits. */
function chunksAbove(bytes: number, chunk: number): number {
  if (bytes >= 0) return (Math.floor(bytes / chunk) + 1) * chunk;
  const size = BigInt(chunk);
  return Number(BigInt.asIntN(64, (BigInt.asUintN(64, BigInt(bytes)) / size + 1n) * size));
}

/** `a > b` of two counters: below 0 stands for 2^64 more. */
function above(a: number, b: number): boolean {
  return a > b ? b >= 0 || a < 0 : a < 0 && b >= 0 && b !== CONN_MEM_NO_LIMIT;
}

/**
 * `free_cnt(size)`: stops at 0, for memory that was counted elsewhere; in the first 8.0.28 it goes round below 0. The
 * global counter waits for the reset.
 */
export function memCntFree(mem: Int32Array, thd: number, size: number): void {
  const left = getS53(mem, thd + MEM) - size;
  setS53(mem, thd + MEM, left >= 0 || mem[mem[thd + CONN_MEM] + PLAIN_FREE] !== 0 ? left : 0);
}

/**
 * `reset()`: in the command loop, just before it waits for the next command. Reserves exactly what is in use. Takes
 * LOCK_global_conn_mem_limit when tracking is on. Until it has found the connection within both limits once, it looks at
 * them, the global one first.
 * @returns −1 when the connection is still being set up and passed a limit: it must end; else 0
 */
export function memCntReset(thr: Thread, thd: number, log: ErrorLog): number {
  const { mem } = thr;
  const conn = mem[thd + CONN_MEM];
  const used = getS53(mem, thd + MEM);
  const connecting = mem[thd + STAGE] === 1;
  mem[thd + CURR_MODE] = mem[thd + ORIG_MODE];
  setS53(mem, thd + MAX, used);
  if (updatesGlobal(mem, thd)) {
    mutexEnter(thr, conn + CONN_MUTEX);
    const global = addS53(mem, conn + COUNTER, used - getS53(mem, thd + GLOB));
    const limit = getS53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setS53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);
    if (connecting && above(global, limit)) {
      return generateError(thr, thd, ER_DA_GLOBAL_CONN_LIMIT, limit, global, log);
    }
  }
  if (mem[conn + STATUS_EPOCH] !== 0) statusWatch(thr, thd, used);
  const limit = getS53(mem, thd + LIMIT);
  if (connecting && above(used, limit)) return generateError(thr, thd, ER_DA_CONN_LIMIT, limit, used, log);
  mem[thd + STAGE] = 0;
  return 0;
}

/** `flush()`: nothing is in use, and what was reserved is given back. Takes LOCK_global_conn_mem_limit. */
export function memCntFlush(thr: Thread, thd: number): void {
  const { mem } = thr;
  setS53(mem, thd + MEM, 0);
  setS53(mem, thd + MAX, 0);
  const glob = getS53(mem, thd + GLOB);
  if (glob === 0) return;
  const conn = mem[thd + CONN_MEM];
  mutexEnter(thr, conn + CONN_MUTEX);
  addS53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setS53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);
}

/** `disable()`: the session releases its resources. Nothing to do unless the counter is on. */
export function memCntDisable(thr: Thread, thd: number): void {
  if (thr.mem[thd + ENABLED] === 0) return;
  memCntFlush(thr, thd);
  thr.mem[thd + ENABLED] = 0;
}

function updatesGlobal(mem: Int32Array, thd: number): boolean {
  return (mem[thd + CURR_MODE] & UPDATE_GLOBAL) !== 0 && mem[thd + TRACKING] !== 0;
}

/**
 * `generate_error(code, limit, used)`: one report per statement, because it switches to a mode without errors until the
 * reset. Kills the connection. Nothing is reported when the statement has an error, or something was killed already.
 * @returns −1 when it raised the error, else 0
 */
function generateError(
  thr: Thread,
  thd: number,
  code: number,
  limit: number,
  used: number,
  log: ErrorLog,
): number {
  const { mem } = thr;
  const mode = mem[thd + CURR_MODE];
  if ((mode & GENERATE_ERROR) === 0) return 0;
  mem[thd + CURR_MODE] = mode & UPDATE_GLOBAL;
  if (mem[thd + STMT_ERROR] !== 0 || mem[thd + FATAL_ERROR] !== 0) return 0;
  if (!thdKillIfNot(thr, thd, KILLED.connection)) return 0;
  mem[thd + MEM_ERROR] = code;
  setS53(mem, thd + MEM_ERROR_LIMIT, limit);
  setS53(mem, thd + MEM_ERROR_USED, used);
  if ((mode & LOG_ERROR) !== 0) log.write('Error', memErrorText(code, limit, used), 'Server');
  return -1;
}

/** Text of errors 4081 and 4082, for the client and the error log. */
export function memErrorText(code: number, limit: number, used: number): string {
  const what = code === ER_DA_GLOBAL_CONN_LIMIT ? 'Global connection' : 'Connection';
  const bytes = used < 0 ? BigInt.asUintN(64, BigInt(used)) : used;
  return `Connection closed. ${what} memory limit ${limit} bytes exceeded. Consumed ${bytes} bytes.`;
}

/** `Global_connection_memory`, bytes. Exact at rest. */
export function globalConnectionMemory(mem: Int32Array, at: number): number {
  return getS53(mem, at + COUNTER);
}

/** At rest: the global counter is the sum of what the sessions have added. One sentence when it is not. */
export function connMemDefects(mem: Int32Array, at: number, thds: readonly number[]): string[] {
  const sum = thds.reduce((total, thd) => total + getS53(mem, thd + GLOB), 0);
  const global = globalConnectionMemory(mem, at);
  return sum === global ? [] : [`Global_connection_memory is ${global}, the sessions have added ${sum}`];
}
