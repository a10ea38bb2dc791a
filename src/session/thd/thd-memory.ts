/**
 * Memory of a session (facts A 5, A 6): arenas and blocks of my_malloc with the server's instruments, reached from its
 * THD, so that whoever runs the session's next command finds them, and can free them. The Performance Schema counts them;
 * what is collected goes to the connection's counter. There is no other bookkeeping.
 *
 * | kept in THD                     | lives                  | instrument                        | file             |
 * |---------------------------------|------------------------|-----------------------------------|------------------|
 * | mainMemRoot                     | statement; one block longer | THD::main_mem_root           | thd-root.ts      |
 * | value, sortKeys, uniqueBuffer   | statement              | String::value, ...                | thd-buffers.ts   |
 * | tempTable                       | statement              | temptable/physical_ram            | thd-temptable.ts |
 * | userVarEvents                   | statement              | that of their root                | thd-user-vars.ts |
 * | netBuff, packet                 | connection             | NET::buff, String::value          | thd-buffers.ts   |
 * | userVars                        | connection             | user_var_entry, ...::value        | thd-user-vars.ts |
 * | preparedStatements              | until deallocated      | Prepared_statement::...           | thd-prepared.ts  |
 *
 * All of it is for the thread that works for the session (thdStoreGlobals), so that it is counted for it. Out of memory
 * is the statement's error (EE_OUTOFMEMORY, fatal to it): no record is half made, and thdEndStatement frees what
 * is the statement's, however it ended.
 */
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import type { Thread } from '../../sync/thread.ts';
import { connectBuffers, disconnectBuffers, endStatementBuffers } from './thd-buffers.ts';
import { releaseStatements } from './thd-prepared.ts';
import { endStatementRoot, mainMemRootInit, releaseRoot } from './thd-root.ts';
import { dropTempTables } from './thd-temptable.ts';
import { releaseUserVars } from './thd-user-vars.ts';

export { thdNetBuff, thdPacket, thdSortKeys, thdUniqueBuffer, thdValue } from './thd-buffers.ts';
export { thdDeallocateStatement, thdExecuteStatement, thdPrepareStatement } from './thd-prepared.ts';
export { thdRootAlloc } from './thd-root.ts';
export { thdTempTable } from './thd-temptable.ts';
export { thdSetUserVar, thdUserVarEvent } from './thd-user-vars.ts';

const { netBuff, packet, value, sortKeys, uniqueBuffer, tempTable } = THD.at;
const { userVars, preparedStatements } = THD.at;
/** What must be empty when a connection takes a seat. */
const OWNED = [netBuff, packet, value, sortKeys, uniqueBuffer, tempTable, userVars, preparedStatements];

/**
 * What a connection allocates before its first command: main_mem_root is made (its blocks come with the statements),
 * net.buff and packet have net_buffer_length bytes.
 * @returns false: out of memory, raised; nothing is left behind
 * @throws Error when the connection before it has left something
 */
export function thdConnectMemory(thr: Thread, env: MemRootEnv, thd: number): boolean {
  const { mem } = thr;
  for (const at of OWNED) {
    if (mem[thd + at] !== NIL) throw new Error(`THD @${thd}: memory of the last connection is still there`);
  }
  mainMemRootInit(mem, thd);
  if (connectBuffers(thr, env, thd)) return true;
  thdReleaseMemory(thr, env, thd);
  return false;
}

/** The statement has ended, well or badly: its memory is freed; its root, and user_var_events, as in the server. */
export function thdEndStatement(thr: Thread, env: MemRootEnv, thd: number): void {
  dropTempTables(thr, env, thd);
  endStatementBuffers(thr, env, thd);
  endStatementRoot(thr, env, thd);
}

/** The connection ends: all of its memory is freed. */
export function thdReleaseMemory(thr: Thread, env: MemRootEnv, thd: number): void {
  dropTempTables(thr, env, thd);
  endStatementBuffers(thr, env, thd);
  releaseStatements(thr, env, thd);
  releaseUserVars(thr, env, thd);
  disconnectBuffers(thr, env, thd);
  releaseRoot(thr, env, thd);
}
