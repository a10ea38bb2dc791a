/**
 * Seeded bugs in what may happen to a session while it works: kills, the statement timer, the hand-over of
 * its memory (src/session, src/memory/psi).
 *
 * Left out, because nothing can tell it from the original: `stmtTimerLook` without its look before the mutex,
 * which only saves the mutex; a kill of it by a store instead of `awake` (canTimeOut has asked, and a running
 * session does not sleep on the word); `thdBeginCommand` that takes the time under the mutex; `thdEnd` that
 * leaves the number of the command (thdBeginCommand gives the next connection's first one).
 */
import type { Mutant } from './types.ts';

const KILL = 'src/session/limits/kill.ts';
const TIMER = 'src/session/limits/stmt-timer.ts';
const THD = 'src/session/thd/thd.ts';
const PSI_THREADS = 'src/memory/psi/psi-thread.ts';

const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'kill-connection-overwritten',
    file: KILL,
    find: '  if (mem[thd + KILLED_AT] === KILLED.connection) return;\n',
    replace: '',
    doc: 'KILL QUERY takes the place of a KILL of the connection, and is forgotten with its command',
    scenarios: ['kill-both', 'counter-kill', 'timer-kill'],
    oracle: 'check',
  },
  {
    id: 'kill-query-hits-idle',
    file: KILL,
    find: '  if (how === KILLED.query && mem[thd + COMMAND] === 0) return;\n',
    replace: '',
    doc: 'KILL QUERY of an idle session waits for its next command',
    scenarios: ['kill-query'],
    oracle: 'check',
  },
  {
    id: 'kill-notify-lost',
    file: KILL,
    find: '  Atomics.notify(mem, thd + KILLED_AT);\n',
    replace: '',
    doc: 'a session that sleeps is not told that it was killed',
    scenarios: ['kill-sleeper'],
    oracle: ['lost-wakeup', 'deadlock'],
  },
  {
    id: 'kill-notify-first',
    file: KILL,
    find: `  Atomics.store(mem, thd + KILLED_AT, how);
  Atomics.notify(mem, thd + KILLED_AT);
`,
    replace: `  Atomics.notify(mem, thd + KILLED_AT);
  Atomics.store(mem, thd + KILLED_AT, how);
`,
    doc: 'the sleeper is woken before the word says why, and sleeps again',
    scenarios: ['kill-sleeper'],
    oracle: ['lost-wakeup', 'deadlock'],
  },
  {
    id: 'kill-try-no-id',
    file: KILL,
    find: '  const found = mem[thd + SESSION_ID] === connectionId;\n',
    replace: '  const found = mem[thd + SESSION_ID] !== 0 && connectionId !== 0;\n',
    doc: 'KILL hits whatever connection has the seat by now',
    scenarios: ['hand-over-kill-next', 'hand-over-kill-right'],
    oracle: ['check'],
    row: 15,
  },
  {
    id: 'kill-try-id-early',
    file: KILL,
    find: `  if (!mutexTryEnter(thr, thd + DATA_MUTEX)) return 'busy';
  const found = mem[thd + SESSION_ID] === connectionId;
`,
    replace: `  const found = mem[thd + SESSION_ID] === connectionId;
  if (!mutexTryEnter(thr, thd + DATA_MUTEX)) return 'busy';
`,
    doc: 'KILL looks at the connection id before it has the mutex: the next connection is hit',
    scenarios: ['hand-over-kill-next', 'hand-over-kill-right'],
    oracle: [...BROKEN],
    row: 15,
  },
  {
    id: 'kill-try-busy-done',
    file: KILL,
    find: "  if (!mutexTryEnter(thr, thd + DATA_MUTEX)) return 'busy';\n",
    replace: "  if (!mutexTryEnter(thr, thd + DATA_MUTEX)) return 'done';\n",
    doc: 'a KILL that did not get the mutex says that it was done',
    scenarios: ['kill-try', 'hand-over-kill-idle'],
    oracle: 'check',
  },
  {
    id: 'kill-try-keeps-mutex',
    file: KILL,
    find: '  if (found) awake(mem, thd, how);\n',
    replace: "  if (!found) return 'gone';\n  awake(mem, thd, how);\n",
    doc: 'a KILL of a connection that has gone returns with LOCK_thd_data in its hands',
    scenarios: ['hand-over-kill-next', 'hand-over-kill-right'],
    oracle: ['check', 'deadlock', 'lost-wakeup', 'exception'],
    row: 46,
  },
  {
    id: 'kill-if-not-always',
    file: KILL,
    find: '  if (first) Atomics.store(mem, thd + KILLED_AT, how);\n',
    replace: '  Atomics.store(mem, thd + KILLED_AT, how);\n',
    doc: 'passing a limit kills the connection of a statement that was killed before, and tells nobody why',
    scenarios: ['kill-query-allocation'],
    oracle: 'check',
  },
  {
    id: 'kill-if-not-outside',
    file: KILL,
    find: `  mutexEnter(thr, thd + DATA_MUTEX);
  const first = mem[thd + KILLED_AT] === KILLED.not;
`,
    replace: `  const first = Atomics.load(mem, thd + KILLED_AT) === KILLED.not;
  mutexEnter(thr, thd + DATA_MUTEX);
`,
    doc: 'the look whether something was killed comes before the mutex: both reasons are told',
    scenarios: ['kill-query-allocation', 'kill-allocation'],
    oracle: ['check'],
    row: 33,
  },
  {
    id: 'kill-end-forgets-all',
    file: KILL,
    find: '  if (mem[thd + KILLED_AT] !== KILLED.connection) Atomics.store(mem, thd + KILLED_AT, KILLED.not);\n',
    replace: '  Atomics.store(mem, thd + KILLED_AT, KILLED.not);\n',
    doc: 'the end of a command forgets that its connection was killed',
    scenarios: ['kill-allocation', 'kill-both'],
    oracle: 'check',
  },
  {
    id: 'kill-end-looks-outside',
    file: KILL,
    find: `  mem[thd + COMMAND_LIMIT] = 0;
  if (mem[thd + KILLED_AT] !== KILLED.connection) Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  mutexExit(thr, thd + DATA_MUTEX);`,
    replace: `  mem[thd + COMMAND_LIMIT] = 0;
  mutexExit(thr, thd + DATA_MUTEX);
  if (Atomics.load(mem, thd + KILLED_AT) !== KILLED.connection) {
    Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  }`,
    doc: 'a KILL between the look and the store of the end of a command is lost',
    scenarios: ['kill-both', 'kill-try'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'kill-end-keeps-query',
    file: KILL,
    find: '  if (mem[thd + KILLED_AT] !== KILLED.connection) Atomics.store(mem, thd + KILLED_AT, KILLED.not);\n',
    replace:
      '  if (mem[thd + KILLED_AT] === KILLED.timeout) Atomics.store(mem, thd + KILLED_AT, KILLED.not);\n',
    doc: 'a killed statement takes the next one with it',
    scenarios: ['kill-query', 'kill-query-allocation'],
    oracle: 'check',
  },
  {
    id: 'kill-end-command-left',
    file: KILL,
    find: '  mem[thd + COMMAND] = 0;\n  mem[thd + COMMAND_LIMIT] = 0;\n  if',
    replace: '  mem[thd + COMMAND_LIMIT] = 0;\n  if',
    doc: 'an idle session still has the command that has ended: KILL QUERY hits the next one',
    scenarios: ['kill-query', 'kill-allocation'],
    oracle: 'check',
  },
  {
    id: 'timer-no-second-look',
    file: TIMER,
    find: '    if (isLate(mem, thd, nowMs) && canTimeOut(',
    replace: '    if (canTimeOut(',
    doc: 'the timer does not look again under the mutex: the next statement is killed for the last one',
    scenarios: ['timer-next-statement', 'timer-kill'],
    oracle: 'check',
    row: 33,
  },
  {
    id: 'timer-limit-left',
    file: KILL,
    find: '  mem[thd + COMMAND_LIMIT] = 0;\n  if',
    replace: '  if',
    doc: 'the end of a statement does not disarm its timer: an idle session is timed out',
    scenarios: ['timer-next-statement', 'timer-next-connection'],
    oracle: 'check',
  },
  {
    id: 'timer-overrides-connection',
    file: TIMER,
    find: `    if (isLate(mem, thd, nowMs) && canTimeOut(mem[thd + KILLED_AT])) {
      awake(mem, thd, KILLED.timeout);`,
    replace: `    if (isLate(mem, thd, nowMs)) {
      Atomics.store(mem, thd + KILLED_AT, KILLED.timeout);`,
    doc: 'the timer takes a KILL of the connection back, and counts a statement twice',
    scenarios: ['timer-kill', 'timer-next-statement'],
    oracle: 'check',
  },
  {
    id: 'timer-busy-waits-on',
    file: TIMER,
    find: '    if (!isLate(mem, thd, nowMs) || !mutexTryEnter(thr, thd + DATA_MUTEX)) continue;\n',
    replace: '    if (!isLate(mem, thd, nowMs)) continue;\n    mutexTryEnter(thr, thd + DATA_MUTEX);\n',
    doc: 'the timer goes on without the mutex that it did not get',
    scenarios: ['timer-next-statement', 'timer-kill'],
    oracle: ['race', 'check', 'exception', 'deadlock', 'lost-wakeup'],
    row: 7,
  },
  {
    id: 'thd-end-timer-armed',
    file: THD,
    find: '  mem[thd + COMMAND_LIMIT] = 0;\n',
    replace: '',
    doc: 'a connection that ends in the middle of a statement leaves its timer to the next one',
    scenarios: ['timer-next-connection'],
    oracle: 'check',
    row: 15,
  },
  {
    id: 'thd-init-killed-late',
    file: THD,
    find: `  Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  mem[thd + SESSION_ID] = o.sessionId;
  mutexExit(thr, thd + DATA_MUTEX);
`,
    replace: `  mem[thd + SESSION_ID] = o.sessionId;
  mutexExit(thr, thd + DATA_MUTEX);
  Atomics.store(mem, thd + KILLED_AT, KILLED.not);
`,
    doc: 'a KILL that finds the new connection at once is wiped out by its set-up',
    scenarios: ['hand-over-kill-right'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'thd-init-keeps-killed',
    file: THD,
    find: `  Atomics.store(mem, thd + KILLED_AT, KILLED.not);
  mem[thd + SESSION_ID] = o.sessionId;`,
    replace: '  mem[thd + SESSION_ID] = o.sessionId;',
    doc: 'a new connection is killed for what the one before it did',
    scenarios: ['hand-over-kill-next'],
    oracle: ['check', 'exception'],
    row: 15,
  },
  {
    id: 'thd-end-id-plain',
    file: THD,
    find: `  mutexEnter(thr, thd + DATA_MUTEX);
  mem[thd + SESSION_ID] = 0;`,
    replace: `  mem[thd + SESSION_ID] = 0;
  mutexEnter(thr, thd + DATA_MUTEX);`,
    doc: 'the connection id is taken away without LOCK_thd_data, beside a KILL that looks at it',
    scenarios: ['hand-over-kill-next', 'hand-over-kill-right'],
    oracle: ['race', 'check'],
    row: 33,
  },
  {
    id: 'psi-follow-keeps-id',
    file: PSI_THREADS,
    find: `  thr.psi = psiThreadAt(psi.plan, id);
  thr.psiId = id;
}`,
    replace: `  thr.psi = psiThreadAt(psi.plan, id);
}`,
    doc: 'blocks of a session carry the number of the worker that allocated them: another worker cannot count them out',
    scenarios: ['session-memory', 'session-memory-end'],
    oracle: ['check'],
    row: 24,
  },
  {
    id: 'psi-follow-keeps-record',
    file: PSI_THREADS,
    find: `  thr.psi = psiThreadAt(psi.plan, id);
  thr.psiId = id;
}`,
    replace: `  thr.psiId = id;
}`,
    doc: 'a worker counts for the session in its own statistics',
    scenarios: ['session-memory', 'session-memory-end'],
    oracle: ['check', 'race'],
    row: 24,
  },
  {
    id: 'psi-detach-own',
    file: PSI_THREADS,
    find: '  psiReap(thr, psi, thr.psiId);\n',
    replace: '  psiReap(thr, psi, thr.id);\n',
    doc: 'the end of a session takes away the worker from the Performance Schema, and leaves the session',
    scenarios: ['session-memory-end'],
    oracle: ['check', 'exception'],
  },
  {
    id: 'psi-attach-own-row',
    file: PSI_THREADS,
    find: '  const rec = psiThreadAt(plan, id);\n  if (Atomics',
    replace: '  const rec = psiThreadAt(plan, thr.id);\n  if (Atomics',
    doc: 'a session is attached in the place of the worker that connects it',
    scenarios: ['session-memory', 'session-memory-end'],
    oracle: ['check', 'race', 'exception'],
    row: 24,
  },
  {
    id: 'thd-restore-follows-on',
    file: THD,
    find: '  psiFollow(thr, psi, thr.id);\n',
    replace: '',
    doc: 'a worker that has given its session back still counts for it, beside the next worker',
    scenarios: ['session-memory', 'session-memory-end'],
    oracle: ['race', 'check'],
    row: 24,
  },
  {
    id: 'thd-store-not-followed',
    file: THD,
    find: '  if (id !== 0) psiFollow(thr, psi, id);\n',
    replace: '  if (id < 0) psiFollow(thr, psi, id);\n',
    doc: 'a worker counts what it does for the session as its own',
    scenarios: ['session-memory', 'session-memory-end'],
    oracle: ['check', 'exception'],
  },
];
