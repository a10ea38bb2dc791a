/** Records of the buffer pool: control block, instance, page-hash stripe, and the running LSN. */
import { EVENT, LATCH_ALIGN, MUTEX, SX_LOCK } from './latches.ts';
import { record } from './schema.ts';
import { MAX_NODES } from './thread.ts';

const LRU = 'lruListMutex';
const BLOCK = 'blockMutex';
const HASHED = 'stripe X (to change), stripe S or a fix (to read)';

/**
 * `buf_block_t` with its `buf_page_t`: two cache lines. A hit reads and writes only the first; lists, flushing and
 * eviction work on the second.
 */
export const BUF_BLOCK = record(
  'BufBlock',
  'buf_block_t, buf_page_t',
  {
    lock: {
      line: 'hit: identity, fix count, frame latch',
      record: SX_LOCK,
      guard: 'see SxLock',
      writer: 'accessor',
      doc: 'frame latch; its level is that of what the page holds, above all pool latches',
    },
    fixCount: {
      guard: '0 to 1: stripe or block mutex; up otherwise and down: nothing (Atomics.add)',
      dirtyRead: 'a hint until read under stripe X and block mutex',
      writer: 'accessor',
      hot: true,
      doc: 'buf_fix_count: users that forbid relocation and eviction',
    },
    spaceId: {
      guard: HASHED,
      dirtyRead: 'walkers of a list take it as a hint and look the page up again',
      writer: 'holder',
      doc: 'tablespace id (uint32)',
    },
    pageNo: {
      guard: HASHED,
      dirtyRead: 'as spaceId',
      writer: 'holder',
      doc: 'page number (uint32)',
    },
    hashNext: { guard: 'stripe X', writer: 'holder', doc: 'next block in the page-hash chain, 0 at the end' },
    ioFix: {
      guard: `${BLOCK}; NONE to WRITE and back also flushStateMutex`,
      dirtyRead: 'a fixed page never goes back to READ (facts 2.2 step 10)',
      writer: 'holder',
      doc: 'NONE 0, READ 1, WRITE 2, PIN 3',
    },
    accessTime: {
      guard: BLOCK,
      dirtyRead: 'first look without latch, then again under the mutex (facts 2.2 step 8)',
      writer: 'holder',
      doc: 'clock ticks at the first access (uint32), 0 never',
    },
    oldClock: {
      guard: LRU,
      dirtyRead: 'the make-young test is a heuristic (facts 2.3)',
      writer: 'holder',
      doc: 'bit 31: old; bits 0 to 30: freed_page_clock when last put at the LRU head',
    },
    state: {
      guard: `${BLOCK} (and stripe X, lruListMutex to leave FILE_PAGE)`,
      dirtyRead: 'in the page hash a block is a file page',
      writer: 'holder',
      doc: 'buf_page_state',
    },
    version: {
      guard: 'stripe X with block mutex',
      dirtyRead: 'fixed while the block is in the page hash',
      writer: 'holder',
      doc: 'version of the space when the page came in; differs from the space: stale',
    },
    mutex: {
      line: 'lists, flushing, eviction',
      record: MUTEX,
      guard: 'see Mutex',
      writer: 'contender',
      doc: 'block mutex (BPageMutex)',
    },
    lruPrev: { guard: LRU, writer: 'contender', doc: 'towards the LRU head' },
    lruNext: { guard: LRU, writer: 'contender', doc: 'towards the LRU tail' },
    listPrev: {
      guard: 'mutex of the list that the state implies: freeListMutex or flushListMutex',
      writer: 'contender',
      doc: 'free or flush list, towards the head',
    },
    listNext: { guard: 'as listPrev', writer: 'contender', doc: 'free or flush list, towards the tail' },
    newestModification: {
      words: 2,
      guard: `${BLOCK} or frame latch X/SX`,
      writer: 'contender',
      doc: 'end LSN of the last mtr that changed the page, 0 never',
    },
    oldestModification: {
      words: 2,
      guard: `${BLOCK} and flushListMutex`,
      dirtyRead: '"is it dirty" without latch is a hint; either latch alone suffices to read it',
      writer: 'contender',
      doc: 'start LSN of the first change not yet written, 0 clean',
    },
    flushType: {
      guard: 'flushStateMutex',
      writer: 'contender',
      doc: 'flush that runs or ran last: LRU, LIST, SINGLE',
    },
    instance: { guard: 'set with the chunk', dirtyRead: 'constant', writer: 'setup', doc: 'buf_pool_index' },
    frame: {
      guard: 'set with the chunk',
      dirtyRead: 'constant',
      writer: 'setup',
      doc: 'word address of the frame, 0 when the pool has none',
    },
    modifyClock: {
      guard: 'frame latch X, or lruListMutex with fix count 0',
      dirtyRead: 'optimistic readers compare it after they have latched',
      writer: 'contender',
      doc: 'raised at eviction and reorganisation (uint32, wraps)',
    },
  },
  LATCH_ALIGN,
);

/** Page-hash stripe: one sx-lock alone on its line. */
export const PAGE_HASH_STRIPE = record('PageHashStripe', 'hash_table_t::rw_locks[n]', {
  lock: {
    line: 'stripe',
    record: SX_LOCK,
    guard: 'see SxLock',
    writer: 'accessor',
    doc: 'guards the cells c with (c AND stripes-1) = n, and the identity of the blocks chained there',
  },
});

/** A page-hash cell: the first block of its chain. */
export const PAGE_HASH_CELL = record('PageHashCell', 'hash_cell_t', {
  first: { guard: 'stripe X', writer: 'holder', doc: 'first block of the chain, 0 empty' },
});

/** One buffer pool instance (`buf_pool_t`). */
export const BUF_POOL = record('BufPoolInstance', 'buf_pool_t', {
  instanceNo: {
    line: 'read-mostly',
    guard: 'setup',
    dirtyRead: 'constant',
    writer: 'setup',
    doc: 'number from 0',
  },
  node: { guard: 'setup', dirtyRead: 'constant', writer: 'setup', doc: 'simulated NUMA node that owns it' },
  nCells: {
    guard: 'all stripes X and lruListMutex',
    dirtyRead: 'every lock of a stripe re-reads it and starts over when it moved (confirm loop)',
    writer: 'holder',
    doc: 'page-hash cells (a prime)',
  },
  currSize: {
    guard: 'resize',
    dirtyRead: 'one word; thresholds tolerate the old size',
    writer: 'holder',
    doc: 'pages now',
  },
  oldSize: { guard: 'resize', dirtyRead: 'as currSize', writer: 'holder', doc: 'pages before a resize' },
  lruOldRatio: {
    guard: 'lruListMutex',
    dirtyRead: 'the make-young test is a heuristic',
    writer: 'holder',
    doc: 'old share of the LRU in 1/1024',
  },
  youngMargin: {
    guard: 'lruListMutex',
    dirtyRead: 'as lruOldRatio',
    writer: 'holder',
    doc: 'floor(currSize * (1024 - lruOldRatio) / 4096), kept so that a hit does not divide',
  },
  readAheadArea: { guard: 'resize', dirtyRead: 'constant between resizes', writer: 'holder', doc: 'pages' },
  chunksMutex: {
    line: 'chunks mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'chunks_mutex',
  },
  lruListMutex: {
    line: 'LRU mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'LRU_list_mutex',
  },
  lruFirst: { line: 'LRU', guard: LRU, writer: 'holder', hot: true, doc: 'most recent block' },
  lruLast: { guard: LRU, writer: 'holder', hot: true, doc: 'eviction end' },
  lruLen: { guard: LRU, dirtyRead: 'thresholds', writer: 'holder', hot: true, doc: 'length' },
  lruOld: { guard: LRU, writer: 'holder', hot: true, doc: 'first block of the old sublist, 0 none' },
  lruOldLen: {
    guard: LRU,
    dirtyRead: 'reports',
    writer: 'holder',
    hot: true,
    doc: 'length of the old sublist',
  },
  freedPageClock: {
    guard: LRU,
    dirtyRead: 'the make-young test is a heuristic',
    writer: 'holder',
    hot: true,
    doc: 'pages evicted so far (wraps at 2^31)',
  },
  lruHp: { guard: LRU, writer: 'holder', doc: 'hazard pointer of the LRU batch' },
  lruScanItr: { guard: LRU, writer: 'holder', doc: 'hazard pointer of eviction scans' },
  singleScanItr: { guard: LRU, writer: 'holder', doc: 'hazard pointer of single-page flushes' },
  nPagesMadeYoung: {
    guard: LRU,
    dirtyRead: 'reports',
    writer: 'holder',
    telemetry: true,
    doc: 'old pages moved to the head',
  },
  lastEvictedSpace: { guard: LRU, writer: 'holder', doc: 'identity of the page evicted last, for replay' },
  lastEvictedPage: { guard: LRU, writer: 'holder', doc: 'as lastEvictedSpace' },
  freeListMutex: {
    line: 'free mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'free_list_mutex',
  },
  freeFirst: {
    line: 'free list',
    guard: 'freeListMutex',
    writer: 'holder',
    hot: true,
    doc: 'head: next to be used',
  },
  freeLast: { guard: 'freeListMutex', writer: 'holder', hot: true, doc: 'tail' },
  freeLen: { guard: 'freeListMutex', dirtyRead: 'thresholds', writer: 'holder', hot: true, doc: 'length' },
  flushStateMutex: {
    line: 'flush state mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'flush_state_mutex',
  },
  initFlush: {
    line: 'flush state',
    words: 3,
    guard: 'flushStateMutex',
    writer: 'holder',
    doc: 'per flush type: a batch is being set up',
  },
  nFlush: {
    words: 3,
    guard: 'flushStateMutex',
    dirtyRead: 'reports',
    writer: 'holder',
    doc: 'per flush type: pages whose write is under way',
  },
  noFlush: {
    words: 3,
    record: EVENT,
    guard: 'flushStateMutex',
    dirtyRead: 'waiters re-read with Atomics',
    writer: 'holder',
    doc: 'per flush type: set when no batch runs and nothing is being written',
  },
  maxLsnIo: { words: 2, guard: 'flushStateMutex', writer: 'holder', doc: 'largest oldest LSN ever written' },
  tryLruScan: {
    guard: 'none: deliberately racy',
    dirtyRead: 'a lost update costs one scan',
    writer: 'holder',
    doc: '1: an eviction scan is worth while',
  },
  flushListMutex: {
    line: 'flush list mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'flush_list_mutex',
  },
  flushFirst: {
    line: 'flush list',
    guard: 'flushListMutex',
    writer: 'holder',
    hot: true,
    doc: 'dirtied last',
  },
  flushLast: { guard: 'flushListMutex', writer: 'holder', hot: true, doc: 'oldest change' },
  flushLen: {
    guard: 'flushListMutex',
    dirtyRead: 'thresholds',
    writer: 'holder',
    hot: true,
    doc: 'dirty pages',
  },
  flushHp: { guard: 'flushListMutex', writer: 'holder', doc: 'hazard pointer of the flush-list batch' },
  oldestHp: { guard: 'flushListMutex', writer: 'holder', doc: 'hazard pointer of the oldest-LSN query' },
  nPendReads: {
    line: 'pending reads',
    guard: 'Atomics by anyone',
    dirtyRead: 'reports and thresholds',
    writer: 'accessor',
    hot: true,
    doc: 'reads under way',
  },
  blockAllocTurn: {
    guard: 'Atomics by anyone',
    writer: 'accessor',
    doc: 'first instance: blocks taken from any instance so far (buf_block_alloc)',
  },
});

const OWN = 'only the thread that the row belongs to';
const SUM = 'summed for reports and at rest';
const stat = (doc: string, hot?: true) =>
  ({ guard: OWN, dirtyRead: SUM, writer: 'owner', telemetry: true, ...(hot && { hot }), doc }) as const;

/** Counters of one thread about one instance: two cache lines, the first for hits. */
export const POOL_STAT = record('PoolStat', 'buf_pool_stat_t and srv_stats, striped by thread', {
  pageGets: { ...stat('m_n_page_gets: every call, before the look-up', true), line: 'hits' },
  notMadeYoung: stat('n_pages_not_made_young', true),
  makeYoungMoves: stat('moves to the LRU head by the make-young test'),
  writeRequests: stat('Innodb_buffer_pool_write_requests'),
  awayGets: {
    ...stat('of pageGets: by node, those whose page lay there and not at home with its instance', true),
    words: MAX_NODES,
  },
  reads: { ...stat('Innodb_buffer_pool_reads'), line: 'misses' },
  pagesRead: stat('n_pages_read'),
  pagesWritten: stat('n_pages_written'),
  pagesCreated: stat('n_pages_created'),
  waitFree: stat('Innodb_buffer_pool_wait_free'),
  getFreeLoops: stat('buffer_LRU_get_free_loops'),
  getFreeWaits: stat('buffer_LRU_get_free_waits'),
  searchScanned: stat('buffer_LRU_search_scanned'),
  raPagesEvicted: stat('n_ra_pages_evicted'),
  pagesFlushed: stat('Innodb_buffer_pool_pages_flushed'),
  singleFlushes: stat('pages written by single-page flushes'),
  lruBatchEvicted: stat('buffer_LRU_batch_evict_total_pages'),
  lruBatchFlushed: stat('buffer_LRU_batch_flush_total_pages'),
  listBatchFlushed: stat('buffer_flush_batch_total_pages'),
  confirmRetries: stat('stripes locked in vain because the cell count moved'),
  readRetries: stat('reads repeated after a failure'),
});

/** A tablespace as the pool sees it. */
export const SPACE = record('Space', 'fil_space_t', {
  version: {
    guard: 'Atomics, by whoever drops or truncates the space',
    dirtyRead: 'a page that turns stale a moment later is met again',
    writer: 'monitor',
    doc: 'raised when the space is dropped or truncated: its pages are stale',
  },
  pages: { guard: 'setup', dirtyRead: 'constant', writer: 'setup', doc: 'size in pages' },
});

/** The redo log's place: running LSN and the recent_closed buffer. */
export const LOG_SYS = record('LogSys', 'log_t (LSN reservation and recent_closed)', {
  snMutex: { line: 'sn mutex', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'log_sn_mutex' },
  lsn: {
    line: 'lsn',
    words: 2,
    guard: 'snMutex',
    writer: 'holder',
    hot: true,
    doc: 'next LSN to be handed out',
  },
  closerMutex: {
    line: 'closer mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'log_closer_mutex',
  },
  closedTail: {
    line: 'recent_closed',
    words: 2,
    guard: 'closerMutex',
    dirtyRead: 'committers read the low word alone, which cannot be torn',
    writer: 'holder',
    hot: true,
    doc: 'all changes below this LSN are in the flush lists',
  },
});

/** A slot of the recent_closed link buffer. */
export const RECENT_CLOSED_SLOT = record('RecentClosedSlot', 'Link_buf<lsn_t>', {
  length: {
    guard: 'Atomics: the committer sets it, the closer clears it',
    dirtyRead: 'read with Atomics',
    writer: 'contender',
    doc: 'length of the mini-transaction whose LSN range starts here, 0 none',
  },
});

/** The page cleaner of a node. */
export const CLEANER = record('PageCleaner', 'page_cleaner_t, buf_flush_event', {
  flushEvent: {
    line: 'page cleaner',
    record: EVENT,
    guard: 'see Event',
    writer: 'accessor',
    doc: 'buf_flush_event: a session found no free block',
  },
  tickEvent: {
    record: EVENT,
    guard: 'see Event',
    writer: 'accessor',
    doc: 'buf_flush_tick_event: a round has ended',
  },
  rounds: { guard: 'only the cleaner', dirtyRead: SUM, writer: 'accessor', doc: 'rounds done' },
  earlyRounds: { guard: 'only the cleaner', dirtyRead: SUM, writer: 'accessor', doc: 'of these woken early' },
  lateRounds: {
    guard: 'only the cleaner',
    dirtyRead: SUM,
    writer: 'accessor',
    doc: 'rounds of more than 4 s',
  },
});
