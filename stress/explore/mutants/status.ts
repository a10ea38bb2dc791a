/** Seeded bugs in the status limits of connection memory (src/session/limits/status-variables.ts). */
import type { Mutant } from './types.ts';

const STATUS = 'src/session/limits/status-variables.ts';

export const mutants: readonly Mutant[] = [
  {
    id: 'status-hit-without-mutex',
    file: STATUS,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  mem[conn + SESSION_HITS]++;
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: '  mem[conn + SESSION_HITS]++;',
    doc: 'two queries that pass the limit at once are counted as one',
    scenarios: ['status-session'],
    oracle: ['race', 'check'],
    row: 7,
  },
  {
    id: 'status-hit-again',
    file: STATUS,
    find: '  mem[thd + WATCH] &= ~STATUS_WATCH.session;\n',
    replace: '',
    doc: 'a query that passes the limit twice counts twice',
    scenarios: ['status-session'],
    oracle: 'check',
  },
  {
    id: 'status-watch-always',
    file: STATUS,
    find: '(used <= limit ? STATUS_WATCH.session : 0)',
    replace: 'STATUS_WATCH.session',
    doc: 'a query that starts above the limit counts',
    scenarios: ['status-session'],
    oracle: 'check',
  },
  {
    id: 'status-global-above-already',
    file: STATUS,
    find: 'if (before > limit || after <= limit) return;',
    replace: 'if (after <= limit) return;',
    doc: 'a query counts that grows when all connections are above the limit already',
    scenarios: ['status-all'],
    oracle: 'check',
  },
  {
    id: 'status-watch-torn',
    file: STATUS,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  const limit = getU53(mem, conn + SESSION_LIMIT);`,
    replace: `  const limit = getU53(mem, conn + SESSION_LIMIT);
  mutexEnter(thr, conn + CONN_MUTEX);`,
    doc: 'a session reads the status limit without the mutex: half of the old one and half of the new one',
    scenarios: ['status-set'],
    oracle: ['race', 'check'],
    row: 33,
  },
];
