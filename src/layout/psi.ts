/** Records of Performance Schema memory accounting (src/memory/psi/psi.ts). */
import { record } from './schema.ts';

const SETUP = 'any thread, by Atomics';
const SETUP_READ = 'looked at on every allocation; a late look counts a few blocks more or less';

/** setup_consumers, as far as memory is concerned. */
export const PSI_SETUP = record('PsiSetup', 'flag_global_instrumentation, flag_thread_instrumentation', {
  consumers: {
    line: 'consumers',
    guard: SETUP,
    dirtyRead: SETUP_READ,
    writer: 'monitor',
    doc: '1: global_instrumentation; 2: thread_instrumentation',
  },
});

/** An instrument: its row of setup_instruments. */
export const PSI_CLASS = record('PsiClass', 'PFS_memory_class', {
  state: {
    guard: SETUP,
    dirtyRead: SETUP_READ,
    writer: 'monitor',
    doc: '1: it exists; 2: ENABLED; 4: counted globally only; 8: controlled (enforced flag)',
  },
});

const OWN = 'only the thread that the row belongs to; whoever clears up, once that thread is dead';
const SUM = 'summed for reports; at rest it is exact';
const own = (doc: string) =>
  ({ words: 2, guard: OWN, dirtyRead: SUM, writer: 'owner', hot: true, doc: `${doc} (a double)` }) as const;

/**
 * What one thread has under one instrument (facts A 6.4). CURRENT = alloc − free; its capacities are HIGH − CURRENT and
 * CURRENT − LOW. The server's flag `m_used` is: any of them is not 0.
 */
export const PSI_STAT = record('PsiStat', 'PFS_memory_safe_stat', {
  allocCount: { ...own('blocks allocated'), line: 'statistics' },
  freeCount: own('blocks freed by this thread'),
  allocSize: own('bytes allocated, headers included'),
  freeSize: own('bytes freed by this thread'),
  lowCount: own('LOW_COUNT_USED'),
  highCount: own('HIGH_COUNT_USED'),
  lowSize: own('LOW_NUMBER_OF_BYTES_USED'),
  highSize: own('HIGH_NUMBER_OF_BYTES_USED'),
});

const ATOMIC = 'any thread, by Atomics';
const MOMENT = 'words change one after the other; at rest they are exact';
const counter = (doc: string) =>
  ({
    words: 2,
    guard: ATOMIC,
    dirtyRead: MOMENT,
    writer: 'contender',
    hot: true,
    doc: `${doc} (low and high word)`,
  }) as const;
const capacity = (doc: string) =>
  ({
    words: 2,
    guard: ATOMIC,
    dirtyRead: MOMENT,
    writer: 'contender',
    hot: true,
    doc: `${doc} (units, and units of 2^22)`,
  }) as const;

/** The same for an account, a user, a host, or globally: separate atomics, no latch. */
export const PSI_SHARED_STAT = record('PsiSharedStat', 'PFS_memory_shared_stat', {
  allocCount: { ...counter('blocks allocated'), line: 'statistics' },
  freeCount: counter('blocks freed'),
  allocSize: counter('bytes allocated, headers included'),
  freeSize: counter('bytes freed'),
  allocCountCapacity: capacity('blocks up to the high-water mark'),
  freeCountCapacity: capacity('blocks down to the low-water mark'),
  allocSizeCapacity: capacity('bytes up to the high-water mark'),
  freeSizeCapacity: capacity('bytes down to the low-water mark'),
});

const ATTACH = 'only the thread itself, when it begins and ends';
const link = (doc: string) =>
  ({ guard: ATTACH, dirtyRead: 'reports; a moment', writer: 'owner', doc }) as const;
const session = (doc: string) =>
  ({
    words: 2,
    guard: OWN,
    dirtyRead: SUM,
    writer: 'owner',
    hot: true,
    doc: `${doc} (a double)`,
  }) as const;

/** A thread as the Performance Schema knows it. */
export const PSI_THREAD = record('PsiThread', 'PFS_thread', {
  state: {
    line: 'thread',
    guard: SETUP,
    dirtyRead: SETUP_READ,
    writer: 'contender',
    doc: '1: it exists; 2: INSTRUMENTED; from 4 on: tables that were truncated since it looked (PSI_TABLE)',
  },
  stats: link('its first PSI_STAT, by key'),
  account: link('first PSI_SHARED_STAT of its account, 0 none'),
  user: link('of its user, 0 none'),
  host: link('of its host, 0 none'),
  cntThd: {
    guard: 'only the thread itself',
    dirtyRead: 'reports',
    writer: 'owner',
    doc: 'THD whose connection counter is told of collected memory, 0 none',
  },
  controlledMemory: { ...session('CONTROLLED_MEMORY'), line: 'session memory' },
  maxControlledMemory: session('MAX_CONTROLLED_MEMORY'),
  totalMemory: session('TOTAL_MEMORY'),
  maxTotalMemory: session('MAX_TOTAL_MEMORY'),
});

const tally = (doc: string, words = 1) =>
  ({ words, guard: OWN, dirtyRead: SUM, writer: 'owner', doc }) as const;

/** What `ut_allocator` tells of one thread and instrument beside what is counted above. */
export const UT_STAT = record(
  'UtStat',
  'none: what an error log would show',
  {
    mappedBytes: tally('bytes of large blocks taken minus given back (a double)', 2),
    mappedCount: tally('large blocks taken minus given back'),
    retries: tally('sleeps between attempts'),
    failures: tally('requests given up'),
    spare: tally('fills up to pairs'),
  },
  2,
);
