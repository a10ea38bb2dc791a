/** Seeded bugs in Performance Schema memory accounting (src/memory/psi*.ts). */
import type { Mutant } from './types.ts';

const PSI = 'src/memory/psi/psi.ts';
const SHARED = 'src/memory/psi/psi-shared.ts';
const STAT = 'src/memory/psi/psi-stat.ts';
const THREADS = 'src/memory/psi/psi-thread.ts';
const TRUNCATE = 'src/memory/psi/psi-truncate.ts';

export const mutants: readonly Mutant[] = [
  {
    id: 'psi-shared-row',
    file: THREADS,
    find: 'plan.stats + (id - 1) * plan.nKeys * PSI_STAT.words',
    replace: 'plan.stats',
    doc: 'all threads count in one row, without a latch',
    scenarios: ['psi-free-by-other', 'psi-carry', 'alloc-accounts'],
    oracle: ['race', 'check'],
    row: 24,
  },
  {
    id: 'psi-take-not-put-back',
    file: SHARED,
    find: '  Atomics.add(mem, at, n - got);\n',
    replace: '',
    doc: 'what was not there is taken all the same: a capacity stays below 0',
    scenarios: ['psi-global-capacity', 'psi-carry', 'psi-capacity-units'],
    oracle: 'check',
  },
  {
    id: 'psi-take-stores-zero',
    file: SHARED,
    find: '  Atomics.add(mem, at, n - got);\n',
    replace: '  Atomics.store(mem, at, 0);\n',
    doc: 'the fix-up stores 0, and wipes out what others have added or taken meanwhile',
    scenarios: ['psi-capacity-units', 'psi-carry'],
    oracle: 'check',
  },
  {
    id: 'psi-take-look-first',
    file: SHARED,
    find: `  const before = Atomics.sub(mem, at, n);
  if (before >= n) return n;
  const got = before > 0 ? before : 0;
  Atomics.add(mem, at, n - got);
`,
    replace: `  const before = Atomics.load(mem, at);
  const got = before >= n ? n : Math.max(0, before);
  Atomics.sub(mem, at, got);
`,
    doc: 'a look, then the subtraction: two threads take the same capacity',
    scenarios: ['psi-carry', 'psi-capacity-units', 'psi-global-capacity'],
    oracle: 'check',
  },
  {
    id: 'psi-carry-from-second-look',
    file: SHARED,
    find: '  const before = Atomics.add(mem, at, low | 0) >>> 0;\n',
    replace: '  const before = Atomics.load(mem, at) >>> 0;\n  Atomics.add(mem, at, low | 0);\n',
    doc: 'the carry is computed from another look at the word than the addition',
    scenarios: ['psi-sum-carry'],
    oracle: 'check',
  },
  {
    id: 'psi-sum-plain',
    file: SHARED,
    find: '  const before = Atomics.add(mem, at, low | 0) >>> 0;\n',
    replace: '  const before = mem[at] >>> 0;\n  mem[at] = before + low;\n',
    doc: 'a shared sum is changed without Atomics',
    scenarios: ['psi-global-only', 'psi-sum-carry'],
    oracle: ['race', 'check'],
  },
  {
    id: 'psi-unit-moved-unseen',
    file: SHARED,
    find: `  if (Atomics.sub(mem, at, BIG) >= BIG) Atomics.add(mem, at + 1, 1);
  else Atomics.add(mem, at, BIG);
`,
    replace: `  Atomics.sub(mem, at, BIG);
  Atomics.add(mem, at + 1, 1);
`,
    doc: 'a big unit is put together of units that somebody has taken meanwhile',
    scenarios: ['psi-capacity-units'],
    oracle: 'check',
  },
  {
    id: 'psi-delta-twice',
    file: STAT,
    find: '    left = absorb(mem, account + offset, left);\n',
    replace: '    absorb(mem, account + offset, left);\n',
    doc: 'what the account has absorbed is carried on all the same',
    scenarios: ['psi-carry'],
    oracle: 'check',
  },
  {
    id: 'psi-free-own-row',
    file: PSI,
    find: '    owner === thr.psiId &&\n    real < psi.nKeys',
    replace: '    owner !== 0 &&\n    real < psi.nKeys',
    doc: "another thread's block is counted out of the statistics, and the connection, of who frees it",
    scenarios: ['psi-free-by-other'],
    oracle: 'check',
  },
  {
    id: 'psi-claim-not-global',
    file: PSI,
    find: `  psiMemoryFree(thr, psi, key, bytes, owner);
  sharedAlloc(thr.mem, psi.plan.global + real * SHARED_WORDS, bytes);
`,
    replace: '  psiMemoryFree(thr, psi, key, bytes, owner);\n',
    doc: 'a block that was given away is counted nowhere until it is claimed',
    scenarios: ['psi-claim', 'psi-claim-keep'],
    oracle: 'check',
  },
  {
    id: 'psi-claim-names-donor',
    file: PSI,
    find: '  if (owner === 0) return real;\n  psiMemoryFree(',
    replace: '  if (owner === 0) return real;\n  thr.psiOwner = owner;\n  psiMemoryFree(',
    doc: 'a block that was given away still names its donor as owner',
    scenarios: ['psi-claim', 'psi-claim-keep'],
    oracle: ['check', 'exception'],
  },
  {
    id: 'psi-free-asks-enabled',
    file: PSI,
    find: '  if (state === 0) return;\n  if (owner === thr.psiId && rec',
    replace: '  if ((state & ENABLED) === 0) return;\n  if (owner === thr.psiId && rec',
    doc: 'a block of an instrument that was disabled since is never counted out',
    scenarios: ['psi-switch'],
    oracle: 'check',
  },
  {
    id: 'psi-request-lost',
    file: THREADS,
    find: '  const asked = Atomics.and(mem, rec + STATE, ~ANY_TABLE) & ANY_TABLE;\n',
    replace: `  const state = Atomics.load(mem, rec + STATE);
  const asked = state & ANY_TABLE;
  Atomics.store(mem, rec + STATE, state & ~ANY_TABLE);
`,
    doc: 'a truncation that is asked for between the look and the store is forgotten',
    scenarios: ['psi-truncate'],
    oracle: 'check',
  },
  {
    id: 'psi-truncate-lost',
    file: TRUNCATE,
    find: '    sumSub(mem, from + free, base);\n',
    replace: '',
    doc: 'a truncation takes what was allocated, and leaves what was freed',
    scenarios: ['psi-truncate-account'],
    oracle: 'check',
  },
  {
    id: 'psi-truncate-blind',
    file: TRUNCATE,
    find: '    sumSub(mem, from + alloc, base);\n',
    replace: '    Atomics.store(mem, from + alloc, 0);\n',
    doc: 'a truncation stores 0 over what others have counted meanwhile',
    scenarios: ['psi-truncate-account'],
    oracle: 'check',
  },
  {
    id: 'psi-detach-keeps',
    file: THREADS,
    find: '  f64.fill(0, row, row + STAT_PAIRS);\n',
    replace: '',
    doc: 'a thread that ends leaves its statistics to the next one of its number, as well as to its account',
    scenarios: ['psi-reconnect', 'psi-truncate-account'],
    oracle: 'check',
  },
];
