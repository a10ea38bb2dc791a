/** main_mem_root of a session, and what is allocated on the root in force. By the session's thread. */
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import { memRootClear, memRootClearForReuse } from '../../memory/mem-root/mem-root-blocks.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { memRootAllocatedSize, memRootInit } from '../../memory/mem-root/mem-root-state.ts';
import { memRootAlloc } from '../../memory/mem-root/mem-root.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';

const { mainMemRoot: MAIN_MEM_ROOT, memRoot: MEM_ROOT_AT } = THD.at;
const { userVarEventsAlloc: EVENTS_ALLOC, userVarEvents: EVENTS } = THD.at;

/** query_alloc_block_size as it is by default: the first block of a session's root, and of a prepared statement's. */
export const QUERY_ALLOC_BLOCK_SIZE = 8192;

/**
 * A root with so much (three blocks have 38,912 bytes) is cleared after the statement; one with less keeps its block for
 * the next statement.
 */
export const KEPT_BELOW = 40_960;

const SITE = { alloc: here(), clear: here() };

/** Address of the session's main_mem_root. */
export const mainMemRootOf = (thd: number): number => thd + MAIN_MEM_ROOT;

/** A new session: its root is empty, and in force. */
export function mainMemRootInit(mem: Int32Array, thd: number): void {
  memRootInit(mem, thd + MAIN_MEM_ROOT, MEM_KEY.thdMainMemRoot, QUERY_ALLOC_BLOCK_SIZE);
  inForce(mem, thd);
}

function inForce(mem: Int32Array, thd: number): void {
  mem[thd + MEM_ROOT_AT] = thd + MAIN_MEM_ROOT;
  mem[thd + EVENTS_ALLOC] = thd + MAIN_MEM_ROOT;
  mem[thd + EVENTS] = NIL;
}

/**
 * `THD::alloc`: on the root in force, until that is cleared.
 * @returns address, 8-byte aligned; NIL: out of memory, which has been raised
 */
export function thdRootAlloc(thr: Thread, env: MemRootEnv, thd: number, bytes: number): number {
  return memRootAlloc(thr, env, thr.mem[thd + MEM_ROOT_AT], bytes, SITE.alloc);
}

/**
 * The end of `dispatch_command`: whatever root is in force, main_mem_root is from now on, for user_var_events too; the
 * statement's events are forgotten. The root keeps its last block for the next statement (ClearForReuse: and goes on with
 * larger ones), unless the statement had much.
 */
export function endStatementRoot(thr: Thread, env: MemRootEnv, thd: number): void {
  const root = thd + MAIN_MEM_ROOT;
  inForce(thr.mem, thd);
  if (memRootAllocatedSize(thr.mem, root) < KEPT_BELOW) memRootClearForReuse(thr, env, root, SITE.clear);
  else memRootClear(thr, env, root, SITE.clear);
}

/** The connection ends. */
export function releaseRoot(thr: Thread, env: MemRootEnv, thd: number): void {
  inForce(thr.mem, thd);
  memRootClear(thr, env, thd + MAIN_MEM_ROOT, SITE.clear);
}
