/** Records of the simulated operating system memory (src/memory/os/os-memory.ts). */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';

const OS = 'OsMemory.mutex of the node';
const CAS = 'Atomics only';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';

/**
 * Kinds of a page-map word, in its low bits; the run's length in pages stands above them. `large` is what
 * os_mem_alloc_large has mapped, `mapped` any other mapping.
 */
export const PAGE_KIND = { inner: 0, free: 1, mapped: 2, heap: 3, large: 4 } as const;
export const PAGE_KIND_BITS = 3;

/**
 * One word per page of a node's memory: run length << 3 | kind at the first page of each run, the same at the last
 * page of a free run (so that a neighbour freed later finds its beginning), 0 at all others.
 */
export const PAGE_MAP = record('PageMap', 'the kernel: list of mappings', {
  run: { guard: OS, writer: 'holder', hot: true, doc: 'run length in pages << 3 | kind, 0 inside a run' },
});

const constant = (doc: string) => ({ guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc }) as const;
const counter = (doc: string, words = 1) =>
  ({ words, guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc }) as const;
const setting = (doc: string, words = 1) =>
  ({ words, guard: OS, dirtyRead: SHOWN, writer: 'holder', doc }) as const;

/** The huge pages of one size on a node: reserved when the arena is laid out, mapped in whole pages. */
export const HUGE_POOL = record('HugePool', 'the kernel: hugetlb pool of a node', {
  base: { ...constant('first word of the area, on a boundary of its pages'), line: 'place' },
  pages: constant('nr_hugepages'),
  pageMap: constant('first PAGE_MAP word, one per huge page'),
  shift: constant('log2 of the words of a page'),
  free: { ...counter('free_hugepages'), line: 'use' },
  firstFit: counter('first page of a run below which nothing is free'),
  fresh: counter('first page that was never handed out: it and all behind it are zero'),
  lowestFree: counter('smallest value of free'),
  failed: counter('requests that found no run of free pages'),
});

/** What all nodes have mapped together. */
export const OS_TOTAL = record('OsTotal', 'the kernel: memory of the machine', {
  pages: {
    line: 'total',
    guard: CAS,
    dirtyRead: 'a compare-exchange decides',
    writer: 'contender',
    hot: true,
    doc: 'pages of 4 KiB mapped on all nodes; raised before a run is taken, lowered after it is free',
  },
  limit: {
    guard: CAS,
    dirtyRead: 'counts for requests from now on',
    writer: 'contender',
    doc: 'pages may not exceed it',
  },
  peak: { guard: CAS, dirtyRead: SHOWN, writer: 'contender', hot: true, doc: 'largest value of pages' },
  failed: {
    guard: CAS,
    dirtyRead: SHOWN,
    writer: 'contender',
    hot: true,
    telemetry: true,
    doc: 'requests refused by it',
  },
});

/** The memory of one simulated node. */
export const OS_MEMORY = record('OsMemory', 'the kernel: mmap, munmap and the limit of a node', {
  mutex: { line: 'mutex', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'all below' },
  base: { ...constant('first word of the area'), line: 'place' },
  pages: constant('size of the area in pages of 4 KiB'),
  pageMap: constant('first PAGE_MAP word'),
  heapPages: constant('first HEAP_PAGE record'),
  heap: constant('HEAP record of the node'),
  heapCaches: constant('HEAP_CACHE record of thread 0, which is none: that of thread 1 is the first'),
  heapStates: constant('first HEAP_STATE word'),
  heapTopClass: constant('threads keep lists of blocks of classes 1 to this'),
  origins: constant('first ORIGIN record of the area; 0: places are not recorded'),
  sites: constant('SITE_TABLE record; 0: none'),
  node: constant('number of the node'),
  total: constant('OS_TOTAL record of all nodes; 0: no limit in all'),
  hugePools: constant('first HUGE_POOL record'),
  nHugePools: constant('sizes of huge pages, ascending'),
  largePageBytes: constant('os_large_page_size in bytes; 0: large pages are off'),
  faultsOn: {
    guard: OS,
    dirtyRead: 'malloc asks the fault plan only when it is 1; it may find out a moment late',
    writer: 'holder',
    doc: '1: there is a fault plan',
  },
  inUse: {
    ...counter('bytes mapped, whole pages, huge ones and those of the heap included', 2),
    line: 'use',
  },
  peak: counter('largest value of inUse', 2),
  limit: setting('inUse may not exceed it', 2),
  mappedBytes: counter('bytes of mappings: all of inUse but the heap', 2),
  largeBytes: counter('os_total_large_mem_allocated: what os_mem_alloc_large has mapped here', 2),
  firstFit: {
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'first page of a run below which nothing is free',
  },
  fresh: counter('first page that was never handed out: it and all behind it are zero'),
  failNext: { ...setting('requests that fail from now on, counted down'), line: 'fault plan' },
  failPpm: setting('probability that a request fails, parts per million'),
  failAfter: setting('requests that the plan still lets pass before it begins, counted down'),
  failAbove: setting('requests fail that would raise inUse above it', 2),
  failBytesFrom: setting('requests of so many bytes or more fail', 2),
  requests: { ...counter('allocation requests'), line: 'counts' },
  failedPlan: setting('of these refused by the fault plan'),
  failedLimit: setting('refused because of the limit'),
  failedTotal: setting('refused because of the limit of all nodes together'),
  failedSpace: setting('refused for want of a run of free pages, huge ones included'),
  maps: counter('runs of pages handed out'),
  unmaps: counter('runs of pages given back'),
  mapBytes: counter('bytes handed out since the beginning', 2),
  unmapBytes: counter('bytes given back since the beginning', 2),
  numaHit: { ...counter('pages that the policy wanted here and that are here', 2), line: 'numastat' },
  numaMiss: counter('pages that the policy wanted elsewhere', 2),
  numaForeign: counter('pages that the policy wanted here and that are elsewhere', 2),
  interleaveHit: counter('of numaHit: by the policy interleave', 2),
  localNode: counter('pages that a thread of this node asked for', 2),
  otherNode: counter('pages that a thread of another node asked for', 2),
});
