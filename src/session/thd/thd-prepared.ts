/**
 * Prepared statements of a session (`stmt_map`). Each has an arena of its own, on which it is prepared, and on which its
 * first execution puts what it changes for good; all else that an execution needs is on the root in force, as for any
 * statement. By the session's thread.
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { PREPARED_STATEMENT, THD } from '../../layout/session.ts';
import { addU53, getU53, setU53 } from '../../layout/words.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { memRootClear } from '../../memory/mem-root/mem-root-blocks.ts';
import { memRootInit } from '../../memory/mem-root/mem-root-state.ts';
import { MY_WME, myFree, myMalloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';
import { memRootRestore, memRootSwap } from './mem-root-guard.ts';
import { ER_UNKNOWN_STMT_HANDLER, thdRaise } from './thd-error.ts';
import { QUERY_ALLOC_BLOCK_SIZE, thdRootAlloc } from './thd-root.ts';

const { preparedStatements: STATEMENTS } = THD.at;
const { next: NEXT, id: ID, executions: EXECUTIONS, mainMemRoot: MAIN_MEM_ROOT } = PREPARED_STATEMENT.at;

const SITE = { statement: here(), clear: here() };

/** The PREPARED_STATEMENT of this id; NIL: none. */
export function preparedStatement(mem: Int32Array, thd: number, id: number): number {
  let statement = mem[thd + STATEMENTS];
  while (statement !== NIL && mem[statement + ID] !== id) statement = mem[statement + NEXT];
  return statement;
}

/** Its main_mem_root, for memRootSwap; NIL: there is no such statement. */
export function preparedStatementRoot(mem: Int32Array, thd: number, id: number): number {
  const statement = preparedStatement(mem, thd, id);
  return statement === NIL ? NIL : statement + MAIN_MEM_ROOT;
}

/**
 * `Prepared_statement::prepare`: what the parser makes goes to the statement's own root. One that has the id already goes
 * first, even if then there is no memory for the new one.
 * @param bytes what the parser makes of it
 * @returns the PREPARED_STATEMENT; NIL: out of memory (raised), there is none of this id
 */
export function thdPrepareStatement(
  thr: Thread,
  env: MemRootEnv,
  thd: number,
  id: number,
  bytes: number,
): number {
  const { mem } = thr;
  thdDeallocateStatement(thr, env, thd, id);
  const size = PREPARED_STATEMENT.words * WORD_BYTES;
  const key = MEM_KEY.preparedStatementInfrastructure;
  const statement = myMalloc(thr, env, key, size, MY_WME, SITE.statement);
  if (statement === NIL) return NIL;
  const root = statement + MAIN_MEM_ROOT;
  memRootInit(mem, root, MEM_KEY.preparedStatementMainMemRoot, QUERY_ALLOC_BLOCK_SIZE);
  mem[statement + ID] = id;
  setU53(mem, statement + EXECUTIONS, 0);
  mem[statement + NEXT] = mem[thd + STATEMENTS];
  mem[thd + STATEMENTS] = statement;
  if (allocOn(thr, env, thd, root, bytes) !== NIL) return statement;
  thdDeallocateStatement(thr, env, thd, id);
  return NIL;
}

/**
 * `Prepared_statement::execute`: parameters and plan are on the root in force, and go with it. What the first execution
 * changes in the parsed statement is on the statement's root, and stays (`stmt_arena`).
 * @param bytes what each execution takes
 * @param permanent what the first one adds to the statement
 * @returns false: out of memory, or there is no such statement; raised
 */
export function thdExecuteStatement(
  thr: Thread,
  env: MemRootEnv,
  thd: number,
  id: number,
  bytes: number,
  permanent = 0,
): boolean {
  const { mem } = thr;
  const statement = preparedStatement(mem, thd, id);
  if (statement === NIL) {
    thdRaise(mem, thd, ER_UNKNOWN_STMT_HANDLER, false, id);
    return false;
  }
  if (permanent > 0 && getU53(mem, statement + EXECUTIONS) === 0) {
    if (allocOn(thr, env, thd, statement + MAIN_MEM_ROOT, permanent) === NIL) return false;
  }
  addU53(mem, statement + EXECUTIONS, 1);
  return thdRootAlloc(thr, env, thd, bytes) !== NIL;
}

/** With a statement's root in force: what is asked for then lives as long as the statement. */
function allocOn(thr: Thread, env: MemRootEnv, thd: number, root: number, bytes: number): number {
  const before = memRootSwap(thr, thd, root);
  const p = thdRootAlloc(thr, env, thd, bytes);
  memRootRestore(thr, thd, before);
  return p;
}

/** `DEALLOCATE PREPARE`, `COM_STMT_CLOSE`: the statement and its root go; nothing when there is none. */
export function thdDeallocateStatement(thr: Thread, env: MemRootEnv, thd: number, id: number): void {
  const { mem } = thr;
  let link = thd + STATEMENTS;
  while (mem[link] !== NIL && mem[mem[link] + ID] !== id) link = mem[link] + NEXT;
  const statement = mem[link];
  if (statement === NIL) return;
  mem[link] = mem[statement + NEXT];
  memRootClear(thr, env, statement + MAIN_MEM_ROOT, SITE.clear);
  myFree(thr, env, statement, SITE.statement);
}

/** All of them go: the connection ends. */
export function releaseStatements(thr: Thread, env: MemRootEnv, thd: number): void {
  const { mem } = thr;
  while (mem[thd + STATEMENTS] !== NIL)
    thdDeallocateStatement(thr, env, thd, mem[mem[thd + STATEMENTS] + ID]);
}
