/** Records of a session, and of the memory that all connections together use. */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';

const GLOBAL = 'GlobalConnMem.mutex';
const SHOWN = 'status variables; at rest they are exact';

/** Connection memory of the whole server, and the values that new connections start with (facts A 7). */
export const GLOBAL_CONN_MEM = record('GlobalConnMem', 'global_conn_mem_counter and global_conn_mem_limit', {
  mutex: {
    line: 'LOCK_global_conn_mem_limit',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'LOCK_global_conn_mem_limit',
  },
  counter: {
    line: 'global counter',
    words: 2,
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'Global_connection_memory: sum of what the connections have reserved',
  },
  limit: {
    words: 2,
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'global_connection_memory_limit; 2^53 - 1: none',
  },
  sessionLimit: {
    words: 2,
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: '@@global.connection_memory_limit; 2^53 - 1: none',
  },
  chunkSize: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: '@@global.connection_memory_chunk_size',
  },
  tracking: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: '@@global.global_connection_memory_tracking',
  },
  updates: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'times the counter was changed',
  },
});

const OWN = 'only the thread that runs the session';
const WATCH = 'monitors display it; exact at rest';
const own = (doc: string, words = 1, hot = false) =>
  ({
    words,
    guard: OWN,
    dirtyRead: WATCH,
    writer: 'owner',
    ...(hot && { hot: true as const }),
    doc,
  }) as const;

/** One session. */
export const THD = record('Thd', 'THD and Thd_mem_cnt', {
  memCounter: { ...own('mem_counter: bytes in use', 2, true), line: 'connection memory' },
  maxConnMem: own('max_conn_mem: largest memCounter since the last reset, or what is reserved', 2, true),
  globMemCounter: own('glob_mem_counter: what this session has added to the global counter', 2, true),
  connectionMemoryLimit: own('@@session.connection_memory_limit; 2^53 - 1: none', 2),
  chunkSize: own('@@session.connection_memory_chunk_size'),
  tracking: own('@@session.global_connection_memory_tracking'),
  origMode: own('m_orig_mode (MEM_CNT)'),
  currMode: own('m_curr_mode (MEM_CNT)'),
  isConnectionStage: own('1 until the first successful reset'),
  enabled: own('1: the counter is checked and reported'),
  connMem: {
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: 'the GLOBAL_CONN_MEM record',
  },
  sessionId: { ...own('connection id, 0: the seat is empty'), line: 'session' },
  node: own('simulated NUMA node'),
  privileged: own('1: has SUPER or CONNECTION_ADMIN'),
  statements: own('statements done', 1, true),
  blocks: own('first live allocation (payload address), 0 none', 1, true),
  liveBlocks: own('live allocations', 1, true),
  stmtError: own('error of the present statement, 0 none'),
  fatalError: own('1: that error is fatal to the statement'),
  memError: own('error raised by the memory counter (private diagnostics area), 0 none'),
  memErrorLimit: own('limit in that error', 2),
  memErrorUsed: own('consumed bytes in that error', 2),
  dataMutex: {
    line: 'LOCK_thd_data',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'LOCK_thd_data',
  },
  killed: {
    line: 'kill switch',
    guard: 'dataMutex',
    dirtyRead: 'polled with Atomics by the running statement; a late look costs a few rows more',
    writer: 'holder',
    doc: 'killed_state (KILLED): 0 not killed',
  },
});

/** What the counter of a page must be; a word per page of the data files. */
export const LEDGER = record('Ledger', 'none: the oracle of a stress run', {
  counter: {
    guard: 'frame latch X of the page',
    dirtyRead: 'compared at rest, and under the frame latch in any mode',
    writer: 'holder',
    doc: 'counter that the page must show',
  },
});
