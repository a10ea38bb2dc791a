/**
 * Seeded bugs in the hand-over of sessions between threads (src/session/hand-over.ts).
 *
 * Left out, because nothing can tell it from the original: `handOverIdle` that looks at THD.killed before it
 * stores, too (the look after the store finds the same kill); `handOverQueue`, `handOverTake` or
 * `handOverEnd` that looks before it exchanges; `handOverOut` by an exchange.
 */
import type { Mutant } from './types.ts';

const HAND_OVER = 'src/session/hand-over.ts';

const TWO_IN_ONE = ['race', 'check', 'exception', 'deadlock', 'livelock'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'hand-over-queue-look-store',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(mem, session + STATE, IDLE, QUEUED) === IDLE;',
    replace: `  if (Atomics.load(mem, session + STATE) !== IDLE) return false;
  Atomics.store(mem, session + STATE, QUEUED);
  return true;`,
    doc: 'two give out a command at once: both looked, both store',
    scenarios: ['hand-over-dispatchers', 'hand-over-kill-command', 'hand-over-kill-both'],
    oracle: TWO_IN_ONE,
    row: 7,
  },
  {
    id: 'hand-over-queue-running',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(mem, session + STATE, IDLE, QUEUED) === IDLE;',
    replace: `  const was = Atomics.load(mem, session + STATE);
  return was !== OUT && Atomics.compareExchange(mem, session + STATE, was, QUEUED) === was;`,
    doc: 'a command is given out while another thread still runs the session',
    scenarios: ['hand-over-dispatchers', 'hand-over-two-workers'],
    oracle: TWO_IN_ONE,
    row: 7,
  },
  {
    id: 'hand-over-queue-always-true',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(mem, session + STATE, IDLE, QUEUED) === IDLE;',
    replace: '  return Atomics.compareExchange(mem, session + STATE, IDLE, QUEUED) <= QUEUED;',
    doc: 'who finds a session queued already sends a thread of its own',
    scenarios: ['hand-over-dispatchers', 'hand-over-kill-command', 'hand-over-kill-both'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-take-look-store',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(thr.mem, session + STATE, QUEUED, runningBy(thr)) === QUEUED;',
    replace: `  if (Atomics.load(thr.mem, session + STATE) !== QUEUED) return false;
  Atomics.store(thr.mem, session + STATE, runningBy(thr));
  return true;`,
    doc: 'two workers take the same command: both looked, both store',
    scenarios: ['hand-over-two-workers', 'hand-over-death'],
    oracle: TWO_IN_ONE,
    row: 7,
  },
  {
    id: 'hand-over-take-idle',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(thr.mem, session + STATE, QUEUED, runningBy(thr)) === QUEUED;',
    replace: `  const was = Atomics.load(thr.mem, session + STATE);
  if (was !== QUEUED && was !== IDLE) return false;
  return Atomics.compareExchange(thr.mem, session + STATE, was, runningBy(thr)) === was;`,
    doc: 'a worker takes an idle session, for which no command was given out',
    scenarios: ['hand-over-two-workers', 'hand-over-two-sessions'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-state-plain',
    file: HAND_OVER,
    find: '(mem: Int32Array, session: number): number {\n  return Atomics.load(mem, session + STATE) & STATE_MASK;',
    replace: '(mem: Int32Array, session: number): number {\n  return mem[session + STATE] & STATE_MASK;',
    doc: 'the state is looked at by a plain read',
    scenarios: ['hand-over-two-workers', 'hand-over-two-sessions'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-connect-look-store',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(thr.mem, session + STATE, OUT, runningBy(thr)) === OUT;',
    replace: `  if (Atomics.load(thr.mem, session + STATE) !== OUT) return false;
  Atomics.store(thr.mem, session + STATE, runningBy(thr));
  return true;`,
    doc: 'two threads connect a client at once, or one connects it that has been told to go',
    scenarios: ['hand-over-connect', 'hand-over-end'],
    oracle: TWO_IN_ONE,
    row: 7,
  },
  {
    id: 'hand-over-connect-ended',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(thr.mem, session + STATE, OUT, runningBy(thr)) === OUT;',
    replace: `  const was = handOverState(thr.mem, session);
  if (was !== OUT && was !== ENDED) return false;
  return Atomics.compareExchange(thr.mem, session + STATE, was, runningBy(thr)) === was;`,
    doc: 'a client connects that was told that it gets no thread any more',
    scenarios: ['hand-over-end'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-end-look-store',
    file: HAND_OVER,
    find: '  return Atomics.compareExchange(mem, session + STATE, OUT, ENDED) === OUT;',
    replace: `  if (Atomics.load(mem, session + STATE) !== OUT) return false;
  Atomics.store(mem, session + STATE, ENDED);
  return true;`,
    doc: 'a client is ended that a thread has connected since the look',
    scenarios: ['hand-over-end'],
    oracle: TWO_IN_ONE,
    row: 7,
  },
  {
    id: 'hand-over-idle-deaf',
    file: HAND_OVER,
    find: '    if (Atomics.load(mem, killedAt) !== KILLED.connection) return true;\n',
    replace: '    return true;\n',
    doc: 'the thread does not look again after the store: a kill that found it running is lost',
    scenarios: ['hand-over-kill-idle', 'hand-over-two-kills'],
    oracle: ['check'],
  },
  {
    id: 'hand-over-idle-look-before-store',
    file: HAND_OVER,
    find: `    Atomics.store(mem, word, IDLE);
    if (Atomics.load(mem, killedAt) !== KILLED.connection) return true;
`,
    replace: `    const killed = Atomics.load(mem, killedAt);
    Atomics.store(mem, word, IDLE);
    if (killed !== KILLED.connection) return true;
`,
    doc: 'the second look comes before the store: a kill between the two is lost',
    scenarios: ['hand-over-kill-idle', 'hand-over-two-kills'],
    oracle: ['check'],
  },
  {
    id: 'hand-over-idle-plain-look',
    file: HAND_OVER,
    find: '    if (Atomics.load(mem, killedAt) !== KILLED.connection) return true;\n    // From here',
    replace: '    if (mem[killedAt] !== KILLED.connection) return true;\n    // From here',
    doc: 'the second look is a plain read, which a processor may move before the store',
    scenarios: ['hand-over-kill-idle', 'hand-over-two-kills'],
    oracle: ['race', 'check'],
  },
  {
    id: 'hand-over-idle-plain-store',
    file: HAND_OVER,
    find: '    Atomics.store(mem, word, IDLE);\n',
    replace: '    mem[word] = IDLE;\n',
    doc: 'idle is a plain write: the next thread may see the session before what was done in it',
    scenarios: ['hand-over-two-workers', 'hand-over-kill-idle'],
    oracle: ['race', 'check'],
    row: 33,
  },
  {
    id: 'hand-over-idle-closes-both',
    file: HAND_OVER,
    find: '    if (Atomics.compareExchange(mem, word, IDLE, runningBy(thr)) !== IDLE) return true;\n',
    replace: '    Atomics.store(mem, word, runningBy(thr));\n',
    doc: 'the thread that sees the kill takes the session back although another one has been sent',
    scenarios: ['hand-over-kill-idle', 'hand-over-kill-both', 'hand-over-two-kills'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-idle-closes-any',
    file: HAND_OVER,
    find: '    if (Atomics.compareExchange(mem, word, IDLE, runningBy(thr)) !== IDLE) return true;\n',
    replace: '    return Atomics.compareExchange(mem, word, IDLE, runningBy(thr)) !== IDLE;\n',
    doc: 'the thread that saw the kill closes whatever connection the seat has by then',
    scenarios: ['hand-over-kill-reconnect'],
    oracle: ['check'],
    row: 15,
  },
  {
    id: 'hand-over-idle-sees-kill-keeps-idle',
    file: HAND_OVER,
    find: '    if (Atomics.compareExchange(mem, word, IDLE, runningBy(thr)) !== IDLE) return true;\n',
    replace: '    if (Atomics.load(mem, word) !== IDLE) return true;\n    return false;\n',
    doc: 'the thread closes a session that it has not taken back',
    scenarios: ['hand-over-kill-idle', 'hand-over-two-kills', 'hand-over-kill-both'],
    oracle: TWO_IN_ONE,
  },
  {
    id: 'hand-over-out-plain',
    file: HAND_OVER,
    find: '  Atomics.store(thr.mem, session + STATE, OUT);',
    replace: '  thr.mem[session + STATE] = OUT;',
    doc: 'out is a plain write: who connects next may see the seat before it is empty',
    scenarios: ['hand-over-end', 'hand-over-two-workers', 'hand-over-kill-reconnect'],
    oracle: ['race', 'check', 'exception'],
    row: 33,
  },
  {
    id: 'hand-over-out-is-idle',
    file: HAND_OVER,
    find: '  Atomics.store(thr.mem, session + STATE, OUT);',
    replace: '  Atomics.store(thr.mem, session + STATE, IDLE);',
    doc: 'a closed session is left idle, and gets commands',
    scenarios: ['hand-over-kill-command', 'hand-over-kill-idle'],
    oracle: ['check', 'exception', 'livelock'],
  },
  {
    id: 'hand-over-runner-unnamed',
    file: HAND_OVER,
    find: '(thr.id << STATE_BITS) | RUNNING',
    replace: 'RUNNING | (0 * thr.id)',
    doc: 'a running session does not say who runs it',
    scenarios: ['hand-over-death', 'hand-over-two-workers'],
    oracle: ['check', 'exception'],
  },
];
