/**
 * Seeded bugs in the connections' counters and the kill switch (src/session).
 *
 * Left out, because nothing can tell it from the original: `memCntReset` that reads what is in use under the mutex (only
 * its own thread writes it).
 */
import type { Mutant } from './types.ts';

const COUNTER = 'src/session/thd-mem-cnt.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'counter-reserve-before-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addU53(mem, conn + COUNTER, curr - glob);`,
    replace: `  const global = addU53(mem, conn + COUNTER, curr - glob);
  mutexEnter(thr, conn + CONN_MUTEX);`,
    doc: 'a chunk is added to the global counter before its mutex is taken',
    scenarios: ['counter-two-sessions', 'counter-limit'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'counter-reserve-adds-all',
    file: COUNTER,
    find: 'addU53(mem, conn + COUNTER, curr - glob)',
    replace: 'addU53(mem, conn + COUNTER, curr)',
    doc: 'what was reserved before is added again',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-reset-without-mutex',
    file: COUNTER,
    find: `    mutexEnter(thr, conn + CONN_MUTEX);
    const global = addU53(mem, conn + COUNTER, used - getU53(mem, thd + GLOB));
    const limit = getU53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setU53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `    const global = addU53(mem, conn + COUNTER, used - getU53(mem, thd + GLOB));
    const limit = getU53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setU53(mem, thd + GLOB, used);`,
    doc: 'the reset changes the global counter without its mutex',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-reset-forgets-share',
    file: COUNTER,
    find: '    setU53(mem, thd + GLOB, used);\n',
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
  addU53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setU53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  mutexEnter(thr, conn + CONN_MUTEX);
  const left = getU53(mem, conn + COUNTER) - glob;
  mem[conn + UPDATES]++;
  setU53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);
  setU53(mem, conn + COUNTER, left);`,
    doc: 'the flush computes the new sum under the mutex and stores it after',
    scenarios: ['counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-flush-keeps-share',
    file: COUNTER,
    find: '  setU53(mem, thd + GLOB, 0);\n  mutexExit',
    replace: '  mutexExit',
    doc: 'the flush does not note that the session has nothing reserved any more',
    scenarios: ['counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-limit-off-by-one',
    file: COUNTER,
    find: 'return global > limit ? generateError',
    replace: 'return global >= limit ? generateError',
    doc: 'a sum that equals the limit kills',
    scenarios: ['counter-limit-exact'],
    oracle: 'check',
  },
  {
    id: 'counter-limit-sum-read-late',
    file: COUNTER,
    find: '  return global > limit ?',
    replace: '  return getU53(mem, conn + COUNTER) > limit ?',
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
  setU53(mem, thd + LIMIT, getU53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  setU53(mem, thd + LIMIT, getU53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];`,
    doc: 'a new session copies the variables without the mutex',
    scenarios: ['counter-new-session'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'kill-without-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, thd + DATA_MUTEX);
  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);
  mutexExit(thr, thd + DATA_MUTEX);`,
    replace: `  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);`,
    doc: 'two threads kill a session at once, and the later reason wins',
    scenarios: ['counter-kill'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'kill-again-keeps-mutex',
    file: COUNTER,
    find: '  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);',
    replace:
      '  if (mem[thd + KILLED_AT] !== KILLED.not) return;\n  Atomics.store(mem, thd + KILLED_AT, how);',
    doc: 'a second kill returns with LOCK_thd_data in its hands',
    scenarios: ['counter-kill'],
    oracle: STUCK,
    row: 46,
  },
];
