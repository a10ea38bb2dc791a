/** Records of the simulated operating system memory, of the heap on it, and of the tracked allocator. */
import { LATCH_ALIGN, MUTEX } from './latches.ts';
import { record } from './schema.ts';

const OS = 'OsMemory.mutex of the node';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';

/** Kinds of a page-map word, in its two low bits; the run's length in pages stands above them. */
export const PAGE_KIND = { inner: 0, free: 1, mapped: 2, heap: 3 } as const;
export const PAGE_KIND_BITS = 2;

/** Classes of small blocks: 32, 64, … 2048 bytes. */
export const SIZE_CLASSES = 7;

/**
 * One word per page of a node's memory: run length << 2 | kind at the first page of each run, the same at the last
 * page of a free run (so that a neighbour freed later finds its beginning), 0 at all others.
 */
export const PAGE_MAP = record('PageMap', 'the kernel: list of mappings', {
  run: { guard: OS, writer: 'holder', hot: true, doc: 'run length in pages << 2 | kind, 0 inside a run' },
});

/** What the heap knows about a page that it carves blocks from. Half a cache line. */
export const HEAP_PAGE = record('HeapPage', 'malloc: bookkeeping of a page', {
  sizeClass: {
    guard: OS,
    writer: 'holder',
    doc: '1 to 7: blocks of 16 << class bytes; 0: one block of whole pages',
  },
  used: { guard: OS, writer: 'holder', hot: true, doc: 'blocks in use' },
  next: { guard: OS, writer: 'holder', hot: true, doc: 'next page of the class with a free block' },
  prev: { guard: OS, writer: 'holder', hot: true, doc: 'previous one' },
  inUse: {
    words: 4,
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'bit per block: in use (or beyond the page)',
  },
});

/** The memory of one simulated node. */
export const OS_MEMORY = record('OsMemory', 'the kernel: mmap, munmap and the limit of a node', {
  mutex: { line: 'mutex', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'all below' },
  base: {
    line: 'place',
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'first word of the area',
  },
  pages: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'size of the area in pages of 4 KiB' },
  pageMap: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'first PAGE_MAP word' },
  heapPages: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'first HEAP_PAGE record' },
  inUse: {
    line: 'use',
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'bytes mapped, whole pages',
  },
  peak: { words: 2, guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'largest value of inUse' },
  limit: { words: 2, guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'inUse may not exceed it' },
  largeBytes: {
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'os_total_large_mem_allocated: bytes of mapped (not heap) runs',
  },
  firstFit: {
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'first page of a run below which nothing is free',
  },
  liveBlocks: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'heap blocks in use' },
  partial: {
    words: SIZE_CLASSES,
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'per size class: first HEAP_PAGE with a free block',
  },
  failNext: {
    line: 'fault plan',
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'requests that fail from now on, counted down',
  },
  failPpm: {
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'probability that a request fails, parts per million',
  },
  failAbove: {
    words: 2,
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'requests fail that would raise inUse above it',
  },
  requests: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'allocation requests' },
  failedPlan: { guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'of these refused by the fault plan' },
  failedLimit: { guard: OS, dirtyRead: SHOWN, writer: 'holder', doc: 'refused because of the limit' },
  failedSpace: {
    guard: OS,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: 'refused for want of a run of free pages',
  },
  maps: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'runs of pages handed out' },
  unmaps: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'runs of pages given back' },
});

const OWNER = 'the thread that allocates or frees the block';

/**
 * The header in front of every block from `ut_allocator` (facts A 1.1): 32 bytes in 8.0.25, where key, owner and size
 * take 24 and the rest is padding; the padding holds the links of a session's list here.
 */
export const UT_NEW_PFX = record(
  'UtNewPfx',
  'ut_new_pfx_t (8.0.25)',
  {
    key: {
      guard: OWNER,
      writer: 'owner',
      doc: 'instrument; bit 31: counted for the connection (PSI_MEM_CNT_BIT)',
    },
    owner: { guard: OWNER, writer: 'owner', doc: 'id of the thread that allocated it' },
    size: { words: 2, guard: OWNER, writer: 'owner', doc: 'bytes, payload and header' },
    thd: { guard: OWNER, writer: 'owner', doc: 'THD whose list it is in, 0 none' },
    next: { guard: OWNER, writer: 'owner', doc: 'next payload of that THD' },
    prev: { guard: OWNER, writer: 'owner', doc: 'previous payload of that THD' },
    spare: { guard: OWNER, writer: 'owner', doc: 'fills 32 bytes' },
  },
  LATCH_ALIGN,
);

const OWN = 'only the thread that the row belongs to';
const SUM = 'summed for reports and at rest';
const stat = (doc: string, words = 1) =>
  ({ words, guard: OWN, dirtyRead: SUM, writer: 'owner', hot: true, doc }) as const;

/**
 * What one thread allocated and freed under one instrument. A block that another thread frees counts in that
 * thread's row, so a row may show more freed than allocated; the sum over the threads is right.
 */
export const MEM_STAT = record('MemStat', 'memory_summary_by_thread_by_event_name', {
  allocCount: { ...stat('COUNT_ALLOC'), line: 'instrument' },
  freeCount: stat('COUNT_FREE'),
  allocBytes: stat('SUM_NUMBER_OF_BYTES_ALLOC, headers included', 2),
  freeBytes: stat('SUM_NUMBER_OF_BYTES_FREE', 2),
  largeAllocCount: stat('of allocCount: allocate_large'),
  largeFreeCount: stat('of freeCount: deallocate_large'),
  largeAllocBytes: stat('of allocBytes: allocate_large', 2),
  largeFreeBytes: stat('of freeBytes: deallocate_large', 2),
  retries: stat('sleeps between attempts'),
  failures: stat('requests given up'),
});
