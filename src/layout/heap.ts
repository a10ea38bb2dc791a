/** Records of the heap on a node's memory (src/memory/heap/malloc.ts). */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';

const OS = 'OsMemory.mutex of the node';
const CENTRAL = 'HeapCentral.mutex of the page’s class';
const BUDDY = 'Heap.buddyMutex';
const OWN = 'only the thread that the cache belongs to';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';

/** Who asked the heap for a block, and therefore must free it: three bits. */
export const HEAP_TAG = {
  /** Nobody's header in front: malloc itself. */
  raw: 0,
  /** `ut_allocator` of 8.0.25 (UT_NEW_PFX) and of 5.7 (UT_NEW_PFX_57). */
  ut: 1,
  ut57: 2,
  /** `my_malloc` (MY_HEADER). */
  my: 3,
  /** `ut_malloc_low` (UT_MEM_BLOCK). */
  utLow: 4,
  /** The `ut::` family: plain, and aligned. */
  utNew: 5,
  utNewAligned: 6,
  /** Special pools. */
  pool: 7,
} as const;

/**
 * Classes of blocks: 1 to 7 are the size classes of 8 to 512 bytes, 8 to 10 the buddy system's 1, 2 and 4 KiB, 11 a
 * run of pages. A page has one of them as well: the buddy system's pages are all of class 10.
 */
export const SMALL_CLASSES = 7;
export const BUDDY_CLASSES = 3;
export const PAGE_CLASS = SMALL_CLASSES + BUDDY_CLASSES;
export const RUN_CLASS = PAGE_CLASS + 1;
/** Rows that are indexed by class; 0 stays empty. */
export const CLASS_ROWS = RUN_CLASS + 1;
/** Rows of the classes that threads may keep lists of. */
const LIST_ROWS = PAGE_CLASS + 1;

const constant = (doc: string, words = 1) =>
  ({ words, guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc }) as const;
const own = (doc: string, words = 1) => ({ words, guard: OWN, writer: 'owner', hot: true, doc }) as const;
const tally = (doc: string, words: number) =>
  ({ words, guard: OWN, dirtyRead: SHOWN, writer: 'owner', hot: true, telemetry: true, doc }) as const;

/**
 * A byte per 8 bytes of the area: what starts there. It lies outside the blocks, so that no stray write into one can
 * damage it. Who owns a block, or holds the latch of the list that it is free in, writes its byte.
 */
export const HEAP_STATE = record('HeapState', 'malloc: chunk flags, kept apart from the chunks', {
  bytes: {
    guard: 'the owner of the block, or the latch of its free list',
    writer: 'accessor',
    doc: 'four of them: 0x80 | tag << 4 | class: in use; 0x10, 0x20, 0x30 | class: free; 0: inside, or nothing',
  },
});

/** What the heap knows about one of its pages. Free blocks are bits here, so that no stray write can damage a list. */
export const HEAP_PAGE = record('HeapPage', 'malloc: bookkeeping of a page', {
  pageClass: {
    line: 'page',
    guard: `${OS}, while nobody has the page`,
    writer: 'holder',
    doc: '1 to 7: carved into blocks of that class; 10: the buddy system’s; 11: a run',
  },
  free: { guard: CENTRAL, writer: 'holder', doc: 'blocks of the page that are free in the central list' },
  scan: { guard: CENTRAL, writer: 'holder', doc: 'all words of freeBits before this one are 0' },
  next: { guard: CENTRAL, writer: 'holder', doc: 'next page of the class with a free block' },
  prev: { guard: CENTRAL, writer: 'holder', doc: 'previous one' },
  reserve: constant('1: never goes back to the operating system'),
  run: {
    guard: 'the owner of the block',
    writer: 'accessor',
    doc: 'where the block of a run starts: first page of the run, which may lie before it',
  },
  runPages: {
    guard: 'the owner of the block',
    writer: 'accessor',
    doc: 'where the block of a run starts: pages that were asked for',
  },
  buddyNext: {
    words: 4,
    guard: BUDDY,
    writer: 'holder',
    doc: 'per KiB: next free block of the size of the one that starts there',
  },
  buddyPrev: {
    words: 4,
    guard: BUDDY,
    writer: 'holder',
    doc: 'previous one | its class; 0: no free block starts there',
  },
  freeBits: {
    line: 'blocks',
    words: 16,
    guard: CENTRAL,
    writer: 'holder',
    doc: 'bit per block: free in the central list',
  },
});

/** The blocks of a class that no thread has: pages with a free block. */
export const HEAP_CENTRAL = record('HeapCentral', 'malloc: an arena’s bin', {
  mutex: { line: 'central', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'the list' },
  partial: {
    line: 'list',
    guard: CENTRAL,
    writer: 'holder',
    hot: true,
    doc: 'first HEAP_PAGE with a free block',
  },
  batch: constant('blocks that a thread takes or gives back at a time'),
});

/** Free blocks that a thread has for itself, and what it has asked for. */
export const HEAP_CACHE = record('HeapCache', 'malloc: tcache', {
  head: { ...own('per class: first free block, linked by their first words', LIST_ROWS), line: 'lists' },
  room: own('per class: blocks that may still be freed before some go back', LIST_ROWS),
  allocs: {
    ...tally('per class: blocks handed out, counted in numbers of two words', 2 * CLASS_ROWS),
    line: 'counts',
  },
  frees: { ...tally('per class: blocks freed', 2 * CLASS_ROWS), line: 'frees' },
  runBytesAlloc: { ...tally('bytes of runs handed out', 2), line: 'slow' },
  runBytesFree: tally('bytes of runs freed', 2),
  inPlace: tally('reallocations that stayed where they were', 2),
  refused: tally('requests without success', 2),
  refills: tally('per class: visits to the central list to fetch blocks', LIST_ROWS),
  flushes: tally('per class: visits to give blocks back', LIST_ROWS),
});

/** The heap of a node. */
export const HEAP = record('Heap', 'malloc: an arena', {
  central: { ...constant('first HEAP_CENTRAL, of class 1'), line: 'place' },
  nThreads: constant('threads that may allocate: ids 1 to this'),
  buddyRoom: constant('most blocks of 1, 2 and 4 KiB in a list of a thread; 0: threads keep none'),
  buddyMutex: {
    line: 'buddy',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'free blocks of 1 and 2 KiB',
  },
  buddyFree: {
    line: 'buddies',
    words: BUDDY_CLASSES - 1,
    guard: BUDDY,
    writer: 'holder',
    hot: true,
    doc: 'first free block of 1 KiB, of 2 KiB',
  },
});
