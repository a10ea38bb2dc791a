/** Records of the run as a whole and of each thread that takes part in it. */
import { record } from './schema.ts';

/** Upper bounds that size the records. */
export const MAX_NODES = 8;
export const MAX_LATCH_CLASSES = 32;
/** All stripes of one instance may be held at once, and a few latches more. */
export const MAX_HELD = 1040;
/** Pages that one mini-transaction may hold. */
export const MAX_MEMO = 128;

const OWN = 'only the thread itself';
const WATCH = 'monitors display it; a stale value does no harm';

/** What only monitors look at. */
const stat = (doc: string) =>
  ({ guard: OWN, dirtyRead: WATCH, writer: 'owner', telemetry: true, doc }) as const;

/** Wait statistics of one latch class in one thread. Half a cache line. */
export const WAIT_STAT = record('WaitStat', 'events_waits_summary_by_thread_by_event_name', {
  acquired: { ...stat('times taken'), hot: true },
  contended: stat('times not free at the first attempt'),
  spinRounds: stat('spin rounds made'),
  parks: stat('times put to sleep (OS waits)'),
  waitUs: { ...stat('time waited in slow paths, us'), words: 2 },
  maxWaitUs: {
    ...stat('longest single wait, us'),
    guard: 'only the thread itself; reset from outside at the end of a warm-up',
  },
  spare: { guard: OWN, writer: 'owner', doc: 'fills half a line' },
});

/** One thread of the run: what it does, what it holds, what it waits for. */
export const THREAD = record('Thread', 'THR_... and the sync array cell of a thread', {
  kind: {
    line: 'what the thread does',
    guard: OWN,
    dirtyRead: WATCH,
    writer: 'owner',
    doc: '0 unused, 1 main, 2 session, 3 page cleaner, 4 other',
  },
  node: { guard: OWN, dirtyRead: WATCH, writer: 'owner', doc: 'simulated NUMA node' },
  label: { guard: OWN, dirtyRead: WATCH, writer: 'owner', doc: 'session or cleaner number, for display' },
  op: { ...stat('operation under way (OP)'), hot: true },
  progress: { ...stat('statements or rounds done'), hot: true },
  waitFor: stat('address | mode of the latch that it waits for, 0 none'),
  waitSinceMs: stat('run time at which that wait began, ms'),
  waitWord: stat('word it is asleep on, 0 awake'),
  held: {
    line: 'held latches',
    words: MAX_HELD + 1,
    guard: OWN,
    dirtyRead: WATCH,
    writer: 'owner',
    hot: true,
    doc: 'address | mode of each latch held, written before it is asked for; ends with 0',
  },
  memo: {
    line: 'mini-transaction',
    words: MAX_MEMO + 1,
    guard: OWN,
    dirtyRead: WATCH,
    writer: 'owner',
    hot: true,
    doc: 'mtr memo: block address | frame latch mode | 4 if changed; ends with 0',
  },
  waits: {
    line: 'wait statistics',
    words: WAIT_STAT.words * MAX_LATCH_CLASSES,
    record: WAIT_STAT,
    guard: OWN,
    dirtyRead: WATCH,
    writer: 'owner',
    doc: 'one row per latch class',
  },
});

/** What a thread may be doing: published in `THREAD.op`, named in reports. */
export const OP = {
  idle: 0,
  bufPageGet: 1,
  bufReadPage: 2,
  bufPageInitForRead: 3,
  bufPageIoComplete: 4,
  bufLruGetFreeBlock: 5,
  bufLruScanAndFree: 6,
  bufLruFreePage: 7,
  bufFlushSinglePage: 8,
  bufFlushPage: 9,
  bufFlushLruBatch: 10,
  bufFlushListBatch: 11,
  bufFlushWaitBatchEnd: 12,
  mtrCommit: 13,
  utAllocate: 14,
  thdMemCnt: 15,
  validate: 16,
  pageCleaner: 17,
  statement: 18,
  resize: 19,
} as const;

/** Name of an operation code, for reports. */
export function opName(code: number): string {
  return Object.entries(OP).find(([, c]) => c === code)?.[0] ?? `op ${code}`;
}

const SWITCH = 'any thread, by Atomics';

/** The run: stop and abort switches, and what every thread reads. */
export const CONTROL = record('Control', 'srv_sys and srv_shutdown_state', {
  stop: {
    line: 'switches',
    guard: SWITCH,
    dirtyRead: 'polled; a late look costs one statement more',
    writer: 'monitor',
    doc: '1: sessions finish their statement and end',
  },
  abort: {
    guard: SWITCH,
    dirtyRead: 'polled by waiters once per wait slice',
    writer: 'monitor',
    doc: '1: every waiter throws RunAborted (watchdog)',
  },
  cleanerStop: { guard: SWITCH, writer: 'monitor', doc: '1: page cleaners do their last round and end' },
  started: { guard: SWITCH, writer: 'contender', doc: 'threads that are ready' },
  go: { guard: SWITCH, writer: 'monitor', doc: '1: ready threads may begin' },
  parked: { guard: SWITCH, writer: 'contender', doc: 'sessions that have done their last statement' },
  close: { guard: SWITCH, writer: 'monitor', doc: '1: parked sessions close their connections' },
  leaving: { guard: SWITCH, writer: 'contender', doc: 'workers that have come to leave the run' },
  leave: { guard: SWITCH, writer: 'monitor', doc: '1: all have come, they may' },
  goUs: {
    words: 2,
    guard: 'the main thread, before it sets go',
    dirtyRead: 'constant once sessions run',
    writer: 'monitor',
    doc: 'clock when the run began, us',
  },
  seats: {
    line: 'threads and connections',
    words: MAX_NODES,
    guard: SWITCH,
    writer: 'contender',
    doc: 'by node: threads that have taken a seat',
  },
  waiting: {
    words: MAX_NODES,
    guard: SWITCH,
    dirtyRead: 'a client that looks late stays one statement longer',
    writer: 'contender',
    doc: 'by node: connections that wait for a thread of their own',
  },
  traceCursor: {
    line: 'trace cursor',
    guard: SWITCH,
    dirtyRead: 'progress display',
    writer: 'contender',
    hot: true,
    doc: 'next request of a trace that sessions replay together',
  },
});

/** Variables that all threads read on their way; SET GLOBAL writes them. */
export const SYSVARS = record('Sysvars', 'srv_* globals', {
  syncSpinLoops: {
    line: 'variables',
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_sync_spin_loops',
  },
  spinWaitDelay: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_spin_wait_delay',
  },
  spinWaitPauseMultiplier: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_spin_wait_pause_multiplier',
  },
  oldBlocksTicks: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_old_blocks_time in clock ticks',
  },
  lruScanDepth: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_lru_scan_depth',
  },
  flushNeighbors: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_flush_neighbors',
  },
  ioCapacity: { guard: SWITCH, dirtyRead: 'tuning values', writer: 'monitor', doc: 'innodb_io_capacity' },
  maxDirtyPagesPctLwm: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'innodb_max_dirty_pages_pct_lwm, thousandths of a percent',
  },
  remoteCostNs: {
    guard: SWITCH,
    dirtyRead: 'tuning values',
    writer: 'monitor',
    doc: 'delay spent on each access to another node, ns',
  },
});
