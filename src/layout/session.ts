/** Records of a session and its client, and of the memory that all connections together use. */
import { MUTEX } from './latches.ts';
import { MEM_ROOT } from './mem-root.ts';
import { RNG_WORDS } from './rng.ts';
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
  statusEpoch: {
    line: 'status limits and session defaults',
    guard: GLOBAL,
    dirtyRead: 'a session that sees a change late counts one query by the old limits',
    writer: 'holder',
    doc: 'times that a status limit was set; 0: there are none',
  },
  sessionStatusLimit: {
    words: 2,
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'connection_memory_status_limit; 2^53 - 1: none',
  },
  statusLimit: {
    words: 2,
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'global_connection_memory_status_limit; 2^53 - 1: none',
  },
  sessionStatusHits: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'Count_hit_query_past_connection_memory_status_limit',
  },
  statusHits: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'Count_hit_query_past_global_connection_memory_status_limit',
  },
  maxExecutionTime: {
    guard: GLOBAL,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: '@@global.max_execution_time, ms; 0: no limit',
  },
  plainFree: {
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: '1: free_cnt of the first 8.0.28, which goes below 0',
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

/** One connection: what MySQL keeps of it. */
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
  statusEpoch: own('GlobalConnMem.statusEpoch when it was looked at last'),
  statusWatch: own('status limits that the present query has not passed (STATUS_WATCH)'),
  statusLimit: own('connection_memory_status_limit then', 2),
  connMem: {
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: 'the GLOBAL_CONN_MEM record',
  },
  sessionId: {
    line: 'session',
    guard: 'dataMutex',
    dirtyRead: 'of the own session; others look again under the mutex',
    writer: 'holder',
    doc: 'm_thread_id: connection id, 0: the seat is empty',
  },
  node: own('simulated NUMA node'),
  privileges: own('privileges that it has (PRIVILEGE)'),
  statements: own('statements done', 1, true),
  stmtError: own('error of the present statement, 0 none'),
  stmtErrorArg: own('what its text names: bytes needed (5), capacity (34)', 2),
  fatalError: own('1: that error is fatal to the statement'),
  memError: own('error raised by the memory counter (private diagnostics area), 0 none'),
  memErrorLimit: own('limit in that error', 2),
  memErrorUsed: own('consumed bytes in that error', 2),
  psiId: {
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: 'its PSI_THREAD, by number',
  },
  maxExecutionTime: own('@@session.max_execution_time, ms; 0: no limit'),
  mainMemRoot: {
    line: 'memory roots',
    record: MEM_ROOT,
    guard: 'see MemRoot',
    dirtyRead: WATCH,
    writer: 'owner',
    doc: 'main_mem_root: arena of the session, mostly of its present statement',
  },
  memRoot: own('mem_root: the MEM_ROOT in force', 1, true),
  userVarEventsAlloc: own('user_var_events_alloc: MEM_ROOT for user variables in the binary log, 0 none'),
  userVarEvents: own('user_var_events: first USER_VAR_EVENT of the present statement, 0 none'),
  userVars: own('user_vars: first USER_VAR_ENTRY, 0 none'),
  preparedStatements: own('stmt_map: first PREPARED_STATEMENT, 0 none'),
  netBuff: own('net.buff: what comes from the client; block of my_malloc, 0 none'),
  packet: own('packet: what goes to the client, a String; block of my_malloc, 0 none'),
  value: own('String::value of the present statement: block of my_malloc, 0 none', 1, true),
  valueLength: own('String::m_length: bytes of that value in use', 1, true),
  sortKeys: own('Filesort_buffer::sort_keys of the present statement: block of my_malloc, 0 none'),
  uniqueBuffer: own('Unique::sort_buffer of the present statement: block of my_malloc, 0 none'),
  tempTable: own('first TEMPTABLE_BLOCK of the present statement, 0 none'),
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
    doc: 'killed_state (KILLED): 0 not killed; an idle session sleeps on this word',
  },
  command: {
    guard: 'dataMutex',
    dirtyRead: 'the timer looks again under the mutex',
    writer: 'holder',
    doc: 'number of the statement under way, from 1; 0: idle',
  },
  commandSinceMs: {
    guard: 'dataMutex',
    dirtyRead: 'the timer looks again under the mutex',
    writer: 'holder',
    doc: 'run time at which it began, ms',
  },
  commandLimitMs: {
    guard: 'dataMutex',
    dirtyRead: 'the timer looks again under the mutex',
    writer: 'holder',
    doc: 'run time that the statement under way may take, ms; 0: any',
  },
  kills: {
    guard: 'dataMutex',
    dirtyRead: 'the verdict adds them up at rest',
    writer: 'holder',
    telemetry: true,
    doc: 'KILLs that have found the connection that they meant, all connections of the seat together',
  },
});

/** A user variable (`SET @v = ...`): a block of my_malloc, and another for a value of more than 8 bytes. */
export const USER_VAR_ENTRY = record(
  'UserVarEntry',
  'user_var_entry',
  {
    next: own('next variable of the session, 0 none'),
    name: own('its number'),
    value: own('m_ptr: block of my_malloc, or `inside`; 0 NULL'),
    length: own('m_length: bytes of the value'),
    inside: own('internal buffer: values of up to 8 bytes, their final zero included', 2),
  },
  2,
);

/** A variable that a statement has read, for the binary log; on user_var_events_alloc, its value behind it. */
export const USER_VAR_EVENT = record(
  'UserVarEvent',
  'Binlog_user_var_event',
  {
    next: own('next one of the statement, 0 none'),
    entry: own('the USER_VAR_ENTRY'),
    value: own('copy of its value as it was then, 0 NULL'),
    length: own('bytes of the value'),
    spare: own('type, character set and sign; fills 40 bytes', 6),
  },
  2,
);

/** A prepared statement: a block of my_malloc (Prepared_statement::infrastructure) with an arena of its own. */
export const PREPARED_STATEMENT = record(
  'PreparedStatement',
  'Prepared_statement',
  {
    next: own('next one of the session, 0 none'),
    id: own('statement id, from 1'),
    executions: own('times that it was executed', 2),
    mainMemRoot: {
      record: MEM_ROOT,
      guard: 'see MemRoot',
      dirtyRead: WATCH,
      writer: 'owner',
      doc: 'main_mem_root: what lives as long as the statement',
    },
  },
  2,
);

/** In front of a block of an internal temporary table in memory (TempTable engine): 32 bytes. */
export const TEMPTABLE_BLOCK = record(
  'TemptableBlock',
  'temptable::Header',
  {
    next: own('the block before it, 0 none'),
    number: own('of the table, from 0'),
    size: own('bytes of the block, this header included', 2),
    usedChunks: own('number of chunks in use', 2),
    firstPristine: own('bytes of the block up to the first that was never used', 2),
  },
  2,
);

/** In front of each chunk of such a block: 8 bytes. */
export const TEMPTABLE_CHUNK = record(
  'TemptableChunk',
  'temptable::Chunk',
  { offset: own('bytes from the start of its block', 2) },
  2,
);

const HAND_OVER = 'state: whoever has moved it to running, or the only thread that may, while it is out';
const held = (doc: string, words = 1) =>
  ({ words, guard: HAND_OVER, dirtyRead: WATCH, writer: 'holder', doc }) as const;
const tally = (doc: string, words = 1) => ({ ...held(doc, words), telemetry: true }) as const;

/** Kinds of statements that a program may have (STATEMENTS of src/session/program/program.ts), at most. */
export const MAX_STATEMENT_KINDS = 24;

/**
 * One client of the run and its seat: which connection it has, what it does next, what came of it. Whatever a session
 * needs from one statement to the next stands here or in THD, so any thread of its node may run the next one.
 */
export const SESSION = record('Session', 'none: the client, and what a thread pool keeps of a connection', {
  state: {
    line: 'hand-over',
    guard: 'any thread, by compare-exchange: src/session/hand-over.ts',
    dirtyRead: 'looked at again by the exchange',
    writer: 'contender',
    doc: 'SESSION_STATE in the low 3 bits; above them the id of the thread that runs it, 0 none',
  },
  thd: {
    line: 'client',
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: 'its THD',
  },
  rng: held('state of its random numbers (Rng.save)', RNG_WORDS),
  arrivalRng: held('open loop: state of the random numbers of its arrivals', RNG_WORDS),
  program: held('program of the transaction under way, by its place in the program set'),
  transaction: held('transaction under way: its place in the program, from 1; 0 none'),
  step: held('its next step, from 0'),
  repeat: held('repetitions of that step done'),
  cursor: held('where its scan goes on: page'),
  scratch: held('words that the program may use as it likes', 4),
  intendedUs: held('intended start of the transaction under way (us of the run)', 2),
  nextArrivalUs: held(
    'when the next transaction is due (us of the run); closed loop: the end of the last',
    2,
  ),
  endsAtUs: held('when its turn for a thread is over (us of the run); 0: it takes none', 2),
  connections: tally('connections so far'),
  transactions: tally('transactions done'),
  queries: tally('statements done'),
  counts: tally('statements done, by kind', MAX_STATEMENT_KINDS),
  errors: tally('errors, by their place in SESSION_ERRORS', 12),
  lastError: tally('error that ended its last connection or statement, 0 none'),
  lastErrorLimit: tally('limit in it', 2),
  lastErrorUsed: tally('consumed bytes in it', 2),
  endedBy: tally('error that ended its last connection, 0: none did'),
  reads: tally('pages read from disk while it ran'),
  writes: tally('pages written while it ran'),
  refused: tally('requests for memory that were refused'),
});

/** `SESSION.state`. */
export const SESSION_STATE = {
  /** No connection; nobody may run it but whoever connects it. */
  out: 0,
  /** Connected, between two commands. */
  idle: 1,
  /** A command, or the end, was given out; no thread has it yet. */
  queued: 2,
  /** A thread runs it. */
  running: 3,
  /** Never to be run again. */
  ended: 4,
} as const;

/** Errors that sessions meet, as places in SESSION.errors. */
export const SESSION_ERRORS = [4082, 4081, 1317, 3024, 5, 34, 1153, 1184, 1227] as const;

/** What the counter of a page must be; a word per page of the data files. */
export const LEDGER = record('Ledger', 'none: the oracle of a stress run', {
  counter: {
    guard: 'frame latch X of the page',
    dirtyRead: 'compared at rest, and under the frame latch in any mode',
    writer: 'holder',
    doc: 'counter that the page must show',
  },
});
