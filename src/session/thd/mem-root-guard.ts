/**
 * Which arena a session allocates on. `THD::mem_root` is its main_mem_root, but for the time that something else is to
 * last longer or shorter: then another root is put in force, and the one before it afterwards (`Swap_mem_root_guard`).
 *
 * Who pays has nothing to do with whose the root is: blocks are charged to the session for which the thread works when
 * they are asked for, even on another session's root. And a statement that ends early need not restore anything:
 * thdEndStatement does.
 *
 *     const before = memRootSwap(thr, thd, root);
 *     const item = thdRootAlloc(thr, env, thd, bytes);
 *     memRootRestore(thr, thd, before);
 */
import { THD } from '../../layout/session.ts';
import type { Thread } from '../../sync/thread.ts';

const { memRoot: MEM_ROOT_AT, userVarEventsAlloc: EVENTS_ALLOC } = THD.at;

/** Puts a root in force, by the session's thread. @returns the one before it, for memRootRestore */
export function memRootSwap(thr: Thread, thd: number, root: number): number {
  const before = thr.mem[thd + MEM_ROOT_AT];
  thr.mem[thd + MEM_ROOT_AT] = root;
  return before;
}

/** Puts back what memRootSwap has returned; nested ones in the reverse order. */
export function memRootRestore(thr: Thread, thd: number, before: number): void {
  thr.mem[thd + MEM_ROOT_AT] = before;
}

/**
 * `THD::user_var_events_alloc`: from now on variables that are read for the binary log lie on this root; it must outlive
 * the statement of a stored function, whose own arena does not. NIL: they are not recorded, until the next statement.
 * @returns the one before it, for userVarEventsRestore
 */
export function userVarEventsSwap(thr: Thread, thd: number, root: number): number {
  const before = thr.mem[thd + EVENTS_ALLOC];
  thr.mem[thd + EVENTS_ALLOC] = root;
  return before;
}

/** Puts back what userVarEventsSwap has returned. */
export function userVarEventsRestore(thr: Thread, thd: number, before: number): void {
  thr.mem[thd + EVENTS_ALLOC] = before;
}
