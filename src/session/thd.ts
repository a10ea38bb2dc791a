/**
 * The session: a THD record in the arena, and what its memory goes through. Life of a session:
 * `thdInit` (set-up; what it allocates is counted already) → `thdPrepare` (the counter is on) → per command
 * `thdNextCommand`, a statement, `thdStatementDone` → `thdEnd`.
 *
 * Live allocations of a session hang in a list through their headers, so that thdEnd, or whoever clears up after a dead
 * worker, finds them.
 */
import type { ErrorLog } from '../layout/error-log.ts';
import { UT_NEW_PFX } from '../layout/headers.ts';
import { NIL } from '../layout/schema.ts';
import { THD } from '../layout/session.ts';
import { getU53 } from '../layout/words.ts';
import { EE_OUTOFMEMORY } from '../memory/mem-root/my-malloc.ts';
import { psiSetCntThd, psiUnsetCntThd } from '../memory/psi/psi.ts';
import { PFX_WORDS, type UtAllocator, utAllocate, utDeallocate } from '../memory/ut/ut-allocator.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { mutexEnter, mutexExit, mutexInit } from '../sync/mutex.ts';
import type { Thread } from '../sync/thread.ts';
import {
  KILLED,
  MEM_CNT,
  memCntDisable,
  memCntEnable,
  memCntInit,
  memCntReset,
  memCntSetMode,
  memCntSetSession,
  memErrorText,
  MODE_PRIVILEGED,
  MODE_USER,
  type SessionConnMemValues,
} from './thd-mem-cnt.ts';

const { sessionId: SESSION_ID, node: NODE, privileged: PRIVILEGED, statements: STATEMENTS } = THD.at;
const { blocks: BLOCKS, liveBlocks: LIVE_BLOCKS, connMem: CONN_MEM } = THD.at;
const { stmtError: STMT_ERROR, fatalError: FATAL_ERROR, memError: MEM_ERROR } = THD.at;
const { memErrorLimit: MEM_ERROR_LIMIT, memErrorUsed: MEM_ERROR_USED } = THD.at;
const { dataMutex: DATA_MUTEX, killed: KILLED_AT } = THD.at;
// Offsets of header fields from the payload.
const IN_THD = UT_NEW_PFX.at.thd - PFX_WORDS;
const NEXT = UT_NEW_PFX.at.next - PFX_WORDS;
const PREV = UT_NEW_PFX.at.prev - PFX_WORDS;

export interface ThdOptions {
  /** Connection id, from 1. */
  readonly sessionId: number;
  /** Has SUPER or CONNECTION_ADMIN: counted, never killed by a limit. */
  readonly privileged: boolean;
  /** Session values of the memory variables; the global ones when absent. */
  readonly connMem?: SessionConnMemValues;
}

/** Makes an empty seat for sessions; before it is shared. `connMem`: the GLOBAL_CONN_MEM record. */
export function thdSetup(mem: Int32Array, thd: number, connMem: number): void {
  mem.fill(0, thd, thd + THD.words);
  mutexInit(mem, thd + DATA_MUTEX, LATCH.thdData);
  mem[thd + CONN_MEM] = connMem;
}

/**
 * A connection takes the seat; its variables start with the global values. By the thread that runs the session. Takes
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
  mutexExit(thr, thd + DATA_MUTEX);
  mem[thd + SESSION_ID] = o.sessionId;
  mem[thd + NODE] = thr.node;
  mem[thd + PRIVILEGED] = o.privileged ? 1 : 0;
  mem[thd + STATEMENTS] = 0;
  mem[thd + BLOCKS] = NIL;
  mem[thd + LIVE_BLOCKS] = 0;
  mem[thd + STMT_ERROR] = 0;
  mem[thd + FATAL_ERROR] = 0;
  memCntInit(thr, thd);
  if (o.connMem !== undefined) memCntSetSession(mem, thd, o.connMem);
  psiSetCntThd(thr, thd);
}

/**
 * `thd_prepare_connection`: the connection is set up. The counter is on from here, with no effect beyond counting until
 * the first thdNextCommand restores the original mode. (init_connect would run in MODE_INIT_CONNECT before that.)
 */
export function thdPrepare(thr: Thread, thd: number): void {
  const { mem } = thr;
  memCntEnable(mem, thd);
  memCntSetMode(mem, thd, mem[thd + PRIVILEGED] === 1 ? MODE_PRIVILEGED : MODE_USER, MEM_CNT.default);
}

/**
 * The command loop, just before it waits for the next command: the last statement's errors are gone, the memory counter
 * is reset.
 * @returns false: the connection must end (limit passed while connecting); `thdErrorText` says why
 */
export function thdNextCommand(thr: Thread, thd: number, log: ErrorLog): boolean {
  const { mem } = thr;
  mem[thd + STMT_ERROR] = 0;
  mem[thd + FATAL_ERROR] = 0;
  if (memCntReset(thr, thd, log) === 0) return true;
  mem[thd + STMT_ERROR] = mem[thd + MEM_ERROR];
  return false;
}

/** A statement has ended, well or badly. */
export function thdStatementDone(thr: Thread, thd: number): void {
  thr.mem[thd + STATEMENTS]++;
}

/** Sets the error of the present statement; the first one stays. */
export function thdRaise(mem: Int32Array, thd: number, error: number, fatal = false): void {
  if (mem[thd + STMT_ERROR] === 0) mem[thd + STMT_ERROR] = error;
  if (fatal) mem[thd + FATAL_ERROR] = 1;
}

/** `thd->killed`: 0, or how (KILLED). The kill check of running statements. */
export function thdKilled(mem: Int32Array, thd: number): number {
  return Atomics.load(mem, thd + KILLED_AT);
}

/** What the client is told that ended the session or its present statement; empty when nothing did. Also after thdEnd. */
export function thdErrorText(mem: Int32Array, thd: number): string {
  const memError = mem[thd + MEM_ERROR];
  if (memError !== 0) {
    return memErrorText(memError, getU53(mem, thd + MEM_ERROR_LIMIT), getU53(mem, thd + MEM_ERROR_USED));
  }
  const error = mem[thd + STMT_ERROR];
  if (error !== 0) return error === EE_OUTOFMEMORY ? 'Out of memory' : `Error ${error}`;
  return thdKilled(mem, thd) === KILLED.not ? '' : 'The session was killed';
}

/**
 * Memory of the session: `ut_allocator`, and a place in the session's list. The Performance Schema tells the connection's
 * counter what counts (header included, as in the server), because this thread runs the session. Waits as utAllocate
 * does.
 * @param alloc should not be fatal when out of memory: a statement fails, not the server
 * @returns payload address, in the session's list until thdFree; NIL: bytes is 0, or out of memory, which is then the
 *   statement's error (EE_OUTOFMEMORY, fatal to it)
 * @throws OutOfMemoryFatal out of memory with an allocator that is fatal
 */
export function thdAlloc(thr: Thread, thd: number, alloc: UtAllocator, bytes: number, key: number): number {
  const { mem } = thr;
  if (bytes === 0) return NIL;
  const p = utAllocate(thr, alloc, bytes, key, false, false);
  if (p === NIL) {
    thdRaise(mem, thd, EE_OUTOFMEMORY, true);
    return NIL;
  }
  const first = mem[thd + BLOCKS];
  mem[p + IN_THD] = thd;
  mem[p + NEXT] = first;
  mem[p + PREV] = NIL;
  if (first !== NIL) mem[first + PREV] = p;
  mem[thd + BLOCKS] = p;
  mem[thd + LIVE_BLOCKS]++;
  return p;
}

/**
 * Frees memory of the session; NIL does nothing. Another thread than the one that allocated the block leaves the
 * connection's counter alone, as in the server.
 * @throws Error when the block is not in this session's list
 */
export function thdFree(thr: Thread, thd: number, alloc: UtAllocator, p: number): void {
  if (p === NIL) return;
  const { mem } = thr;
  if (mem[p + IN_THD] !== thd) throw new Error(`thdFree(@${p}): the block is not in the list of THD @${thd}`);
  const next = mem[p + NEXT];
  const prev = mem[p + PREV];
  if (next !== NIL) mem[next + PREV] = prev;
  if (prev !== NIL) mem[prev + NEXT] = next;
  else mem[thd + BLOCKS] = next;
  mem[thd + LIVE_BLOCKS]--;
  mem[p + IN_THD] = NIL;
  utDeallocate(thr, alloc, p);
}

/**
 * `THD::release_resources`: frees what is still in the list, gives back what was reserved, empties the seat. Errors and
 * the kill state stay readable until the next connection takes it. By the session's thread, or for a dead one.
 * @returns the number of blocks that were still live
 */
export function thdEnd(thr: Thread, thd: number, alloc: UtAllocator): number {
  const { mem } = thr;
  let freed = 0;
  while (mem[thd + BLOCKS] !== NIL) {
    thdFree(thr, thd, alloc, mem[thd + BLOCKS]);
    freed++;
  }
  memCntDisable(thr, thd);
  psiUnsetCntThd(thr, thd);
  mem[thd + SESSION_ID] = 0;
  return freed;
}
