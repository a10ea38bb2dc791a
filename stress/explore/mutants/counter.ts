/**
 * Seeded bugs in the connections' counters and the kill switch (src/session).
 *
 * Left out, because nothing can tell it from the original: `memCntReset` that reads what is in use under the
 * mutex, or notes it as the session's share with the mutex free (only its own thread reads or writes either);
 * `generateError` that stays in its mode (whoever has reported once is killed, and a killed session reports
 * nothing).
 */
import type { Mutant } from './types.ts';

const COUNTER = 'src/session/limits/thd-mem-cnt.ts';
const KILL = 'src/session/limits/kill.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'counter-reserve-before-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addS53(mem, conn + COUNTER, curr - glob);`,
    replace: `  const global = addS53(mem, conn + COUNTER, curr - glob);
  mutexEnter(thr, conn + CONN_MUTEX);`,
    doc: 'a chunk is added to the global counter before its mutex is taken',
    scenarios: ['counter-two-sessions', 'counter-limit'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'counter-reserve-adds-all',
    file: COUNTER,
    find: 'addS53(mem, conn + COUNTER, curr - glob)',
    replace: 'addS53(mem, conn + COUNTER, curr)',
    doc: 'what was reserved before is added again',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-reset-without-mutex',
    file: COUNTER,
    find: `    mutexEnter(thr, conn + CONN_MUTEX);
    const global = addS53(mem, conn + COUNTER, used - getS53(mem, thd + GLOB));
    const limit = getS53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setS53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `    const global = addS53(mem, conn + COUNTER, used - getS53(mem, thd + GLOB));
    const limit = getS53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setS53(mem, thd + GLOB, used);`,
    doc: 'the reset changes the global counter without its mutex',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-reset-forgets-share',
    file: COUNTER,
    find: '    setS53(mem, thd + GLOB, used);\n',
    replace: '',
    doc: 'the reset gives back, and does not note what the session still has',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-flush-late',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  addS53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setS53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  mutexEnter(thr, conn + CONN_MUTEX);
  const left = getS53(mem, conn + COUNTER) - glob;
  mem[conn + UPDATES]++;
  setS53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);
  setS53(mem, conn + COUNTER, left);`,
    doc: 'the flush computes the new sum under the mutex and stores it after',
    scenarios: ['counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-flush-keeps-share',
    file: COUNTER,
    find: '  setS53(mem, thd + GLOB, 0);\n  mutexExit',
    replace: '  mutexExit',
    doc: 'the flush does not note that the session has nothing reserved any more',
    scenarios: ['counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-limit-off-by-one',
    file: COUNTER,
    find: 'return above(global, limit) ? generateError',
    replace: 'return !above(limit, global) ? generateError',
    doc: 'a sum that equals the limit kills',
    scenarios: ['counter-limit-exact'],
    oracle: 'check',
  },
  {
    id: 'counter-limit-sum-read-late',
    file: COUNTER,
    find: '  return above(global, limit) ?',
    replace: '  return above(getS53(mem, conn + COUNTER), limit) ?',
    doc: 'the sum is read again with the mutex free: a session is killed for what another has reserved',
    scenarios: ['counter-limit'],
    oracle: [...BROKEN],
    row: 54,
  },
  {
    id: 'counter-set-global-torn',
    file: COUNTER,
    find: '  mutexEnter(thr, at + CONN_MUTEX);\n  storeGlobals(thr.mem, at, values);\n  mutexExit(thr, at + CONN_MUTEX);',
    replace: '  storeGlobals(thr.mem, at, values);',
    doc: 'SET GLOBAL does not take the mutex: a session sees half a limit',
    scenarios: ['counter-set-limit', 'counter-new-session'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'counter-new-session-torn',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  setS53(mem, thd + LIMIT, getS53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];
  mem[thd + MAX_EXECUTION_TIME] = mem[conn + GLOBAL_MAX_EXECUTION_TIME];
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  setS53(mem, thd + LIMIT, getS53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];
  mem[thd + MAX_EXECUTION_TIME] = mem[conn + GLOBAL_MAX_EXECUTION_TIME];`,
    doc: 'a new session copies the variables without the mutex',
    scenarios: ['counter-new-session'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'counter-reserve-limit-late',
    file: COUNTER,
    find: `  const limit = getS53(mem, conn + GLOBAL_LIMIT);
  mem[conn + UPDATES]++;
  statusLookGlobal(mem, thd, global - (curr - glob), global);
  setS53(mem, thd + GLOB, curr);
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  mem[conn + UPDATES]++;
  statusLookGlobal(mem, thd, global - (curr - glob), global);
  setS53(mem, thd + GLOB, curr);
  mutexExit(thr, conn + CONN_MUTEX);
  const limit = getS53(mem, conn + GLOBAL_LIMIT);`,
    doc: 'the limit is read with the mutex free: it may be of another moment than the sum, or half of each of two',
    scenarios: ['counter-limit-raised', 'counter-set-limit'],
    oracle: ['race', 'check', 'linearizability'],
    row: 33,
  },
  {
    id: 'counter-reserve-limit-early',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addS53(mem, conn + COUNTER, curr - glob);
  const limit = getS53(mem, conn + GLOBAL_LIMIT);`,
    replace: `  mutexEnter(thr, conn + CONN_MUTEX);
  const limit = getS53(mem, conn + GLOBAL_LIMIT);
  mutexExit(thr, conn + CONN_MUTEX);
  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addS53(mem, conn + COUNTER, curr - glob);`,
    doc: 'limit and sum are copied under the mutex, but one after the other: a report about no one moment',
    scenarios: ['counter-limit-raised', 'counter-limit-lowered'],
    oracle: ['linearizability'],
    row: 54,
  },
  {
    id: 'counter-reset-limit-late',
    file: COUNTER,
    find: `    const limit = getS53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setS53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `    mem[conn + UPDATES]++;
    setS53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);
    const limit = getS53(mem, conn + GLOBAL_LIMIT);`,
    doc: 'a connection is judged by a limit that is read with the mutex free',
    scenarios: ['counter-connect-limit'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'counter-reset-sum-late',
    file: COUNTER,
    find: '    if (connecting && above(global, limit)) {',
    replace: '    if (connecting && above(getS53(mem, conn + COUNTER), limit)) {',
    doc: 'a connection is judged by a sum that is read again with the mutex free: both of two are refused',
    scenarios: ['counter-connect'],
    oracle: [...BROKEN],
    row: 54,
  },
  {
    id: 'counter-reset-adds-all',
    file: COUNTER,
    find: 'addS53(mem, conn + COUNTER, used - getS53(mem, thd + GLOB))',
    replace: 'addS53(mem, conn + COUNTER, used)',
    doc: 'the reset adds what is in use to what was reserved for it before',
    scenarios: ['counter-two-sessions', 'counter-tracking'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-flush-without-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  addS53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setS53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  addS53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setS53(mem, thd + GLOB, 0);`,
    doc: 'the end of a connection takes its share off the sum without the mutex',
    scenarios: ['counter-end', 'counter-three', 'counter-connect'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-tracking-off-forgets',
    file: COUNTER,
    find: '  if (v.tracking !== undefined) mem[thd + TRACKING] = v.tracking ? 1 : 0;\n}\n\n/** A new session',
    replace: `  if (v.tracking !== undefined) mem[thd + TRACKING] = v.tracking ? 1 : 0;
  if (v.tracking === false) setS53(mem, thd + GLOB, 0);
}

/** A new session`,
    doc: 'a session whose tracking is switched off forgets its share, and leaves it in the sum',
    scenarios: ['counter-tracking'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-set-keeps-mutex',
    file: COUNTER,
    find: '  mutexEnter(thr, at + CONN_MUTEX);\n  storeGlobals(thr.mem, at, values);\n  mutexExit(thr, at + CONN_MUTEX);',
    replace: `  mutexEnter(thr, at + CONN_MUTEX);
  storeGlobals(thr.mem, at, values);
  if (values.sessionLimit === undefined) mutexExit(thr, at + CONN_MUTEX);`,
    doc: 'SET GLOBAL connection_memory_limit returns with the mutex in its hands',
    scenarios: ['counter-new-session'],
    oracle: STUCK,
    row: 46,
  },
  {
    id: 'kill-without-mutex',
    file: KILL,
    find: `  mutexEnter(thr, thd + DATA_MUTEX);
  awake(thr.mem, thd, how);
  mutexExit(thr, thd + DATA_MUTEX);`,
    replace: `  awake(thr.mem, thd, how);`,
    doc: 'two threads kill a session at once, and a weaker reason takes the place of the stronger one',
    scenarios: ['counter-kill'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'kill-again-keeps-mutex',
    file: KILL,
    find: '  awake(thr.mem, thd, how);\n',
    replace: '  if (thr.mem[thd + KILLED_AT] !== KILLED.not) return;\n  awake(thr.mem, thd, how);\n',
    doc: 'a second kill returns with LOCK_thd_data in its hands',
    scenarios: ['counter-kill'],
    oracle: STUCK,
    row: 46,
  },
];
