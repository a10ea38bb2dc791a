/**
 * User variables of a session (`SET @v = ...`), which live until it ends, and the copies that a statement makes of those
 * that it reads, for the binary log. By the session's thread.
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { THD, USER_VAR_ENTRY, USER_VAR_EVENT } from '../../layout/session.ts';
import type { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { memRootAlloc } from '../../memory/mem-root/mem-root.ts';
import { MY_WME, myFree, myMalloc, myRealloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import type { Thread } from '../../sync/thread.ts';

const { userVars: USER_VARS, userVarEvents: EVENTS, userVarEventsAlloc: EVENTS_ALLOC } = THD.at;
const { next: NEXT, name: NAME, value: VALUE, length: LENGTH, inside: INSIDE } = USER_VAR_ENTRY.at;
const E = USER_VAR_EVENT.at;

/** `extra_size`: values that fit lie in the entry. */
const INSIDE_BYTES = 8;
const EVENT_BYTES = USER_VAR_EVENT.words * WORD_BYTES;

const SITE = { entry: here(), value: here(), event: here() };

/** `get_variable`: the USER_VAR_ENTRY of this name; NIL: it was never set. */
export function userVarEntry(mem: Int32Array, thd: number, name: number): number {
  let entry = mem[thd + USER_VARS];
  while (entry !== NIL && mem[entry + NAME] !== name) entry = mem[entry + NEXT];
  return entry;
}

/**
 * `user_var_entry::store` of a string: it needs one byte more than it has, for the final zero. Up to 8 bytes lie in the
 * entry itself, more in a block of my_malloc, which is reallocated when the length changes.
 * @param name number of the variable
 * @returns address of the value, to be filled; NIL: out of memory (raised), the variable is as it was
 */
export function thdSetUserVar(
  thr: Thread,
  env: MemRootEnv,
  thd: number,
  name: number,
  bytes: number,
): number {
  const { mem } = thr;
  const known = userVarEntry(mem, thd, name);
  const entry = known === NIL ? newEntry(thr, env, thd, name) : known;
  if (entry === NIL) return NIL;
  const inside = entry + INSIDE;
  const outside = mem[entry + VALUE] === inside ? NIL : mem[entry + VALUE];
  if (bytes + 1 <= INSIDE_BYTES) {
    mem[entry + VALUE] = inside;
    myFree(thr, env, outside);
  } else {
    const value = myRealloc(thr, env, MEM_KEY.userVarEntryValue, outside, bytes + 1, MY_WME, SITE.value);
    if (value === NIL) return NIL;
    mem[entry + VALUE] = value;
  }
  mem[entry + LENGTH] = bytes;
  return mem[entry + VALUE];
}

/** `user_var_entry::create`: the variable is NULL. */
function newEntry(thr: Thread, env: MemRootEnv, thd: number, name: number): number {
  const { mem } = thr;
  const bytes = USER_VAR_ENTRY.words * WORD_BYTES;
  const entry = myMalloc(thr, env, MEM_KEY.userVarEntry, bytes, MY_WME, SITE.entry);
  if (entry === NIL) return NIL;
  mem.fill(0, entry, entry + USER_VAR_ENTRY.words);
  mem[entry + NAME] = name;
  mem[entry + NEXT] = mem[thd + USER_VARS];
  mem[thd + USER_VARS] = entry;
  return entry;
}

/**
 * `get_var_with_binlog`: the statement reads a variable, and the binary log must have the value that it has now. Once per
 * statement and variable; on the root that user_var_events_alloc names. A variable that was never set is made, as NULL.
 * @returns the USER_VAR_EVENT; NIL: out of memory (raised), or nothing is recorded now (user_var_events_alloc is NIL)
 */
export function thdUserVarEvent(thr: Thread, env: MemRootEnv, thd: number, name: number): number {
  const { mem } = thr;
  const root = mem[thd + EVENTS_ALLOC];
  if (root === NIL) return NIL;
  const known = userVarEntry(mem, thd, name);
  const entry = known === NIL ? newEntry(thr, env, thd, name) : known;
  if (entry === NIL) return NIL;
  for (let event = mem[thd + EVENTS]; event !== NIL; event = mem[event + E.next]) {
    if (mem[event + E.entry] === entry) return event;
  }
  const length = mem[entry + LENGTH];
  const event = memRootAlloc(thr, env, root, EVENT_BYTES + length, SITE.event);
  if (event === NIL) return NIL;
  mem.fill(0, event, event + USER_VAR_EVENT.words);
  mem[event + E.entry] = entry;
  mem[event + E.length] = length;
  if (mem[entry + VALUE] !== NIL) {
    const copy = event + USER_VAR_EVENT.words;
    mem[event + E.value] = copy;
    const from = mem[entry + VALUE] * WORD_BYTES;
    thr.u8.copyWithin(copy * WORD_BYTES, from, from + length);
  }
  mem[event + E.next] = mem[thd + EVENTS];
  mem[thd + EVENTS] = event;
  return event;
}

/** All variables go: the connection ends. */
export function releaseUserVars(thr: Thread, env: MemRootEnv, thd: number): void {
  const { mem } = thr;
  while (mem[thd + USER_VARS] !== NIL) {
    const entry = mem[thd + USER_VARS];
    mem[thd + USER_VARS] = mem[entry + NEXT];
    if (mem[entry + VALUE] !== entry + INSIDE) myFree(thr, env, mem[entry + VALUE]);
    myFree(thr, env, entry);
  }
}
