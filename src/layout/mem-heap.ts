/**
 * Records of InnoDB's storage heap (src/memory/mem-heap/mem-heap.ts). A block's header is as large as MySQL's of the same
 * version, since that decides how heaps grow. Its fields lie in an order of our own, the same in all versions, so that
 * one alloc serves them all: what an alloc needs comes first.
 */
import { record } from './schema.ts';

const OWNER = 'the thread that owns the heap';
const field = (doc: string, words = 1) => ({ words, guard: OWNER, writer: 'owner', doc }) as const;

const COMMON = {
  magic: field('live or freed, 64 bits, low word first', 2),
  free: field('offset of the first free byte (one number)', 2),
  len: field('bytes of the block, header included (one number)', 2),
  start: field('value of free when the block was made: the size of the header (one number)', 2),
  totalSize: field('first block: sum of len over all blocks; −1 elsewhere (one number)', 2),
  prev: field('block before this one, 0 in the first'),
  next: field('block after this one, 0 in the last'),
  count: field('first block: number of blocks'),
  first: field('first block: its own address'),
  last: field('first block: the block that is allocated in'),
  type: field('MEM_HEAP_DYNAMIC 0, BUFFER 1, BTR_SEARCH 2 (with BUFFER)'),
  freeBlock: field(
    'first block of a BTR_SEARCH heap: control block of the spare page; from 8.0.3x the address of a MemHeapSpare',
  ),
  bufBlock: field('control block of the page that this block lies in, 0: it is no page'),
} as const;
const spare = (words: number) => ({ spare: field('fills the size that the header has in MySQL', words) });
const CREATOR = {
  line: field('line that made the heap'),
  listInit: field('UT_LIST_INITIALISED: the list of blocks was made'),
  file: field('last 15 characters of the file that made the heap, and a 0', 4),
} as const;
/** Even, so that sizes can be read as one number. */
const ALIGN = 2;

/** 8.0.3x: 104 bytes. */
export const MEM_BLOCK_3X = record(
  'MemBlock3x',
  'mem_block_info_t (8.0.3x)',
  { ...COMMON, ...spare(8) },
  ALIGN,
);

/** 8.0.25: 112 bytes; the base of its list also names the links. */
export const MEM_BLOCK_25 = record(
  'MemBlock25',
  'mem_block_info_t (8.0.25)',
  { ...COMMON, ...spare(10) },
  ALIGN,
);

/** The same in debug builds: 32 bytes more for the creator's file and line, and the mark of the list. */
export const MEM_BLOCK_3X_DEBUG = record(
  'MemBlock3xDebug',
  'mem_block_info_t (8.0.3x, UNIV_DEBUG)',
  { ...COMMON, ...CREATOR, ...spare(10) },
  ALIGN,
);
export const MEM_BLOCK_25_DEBUG = record(
  'MemBlock25Debug',
  'mem_block_info_t (8.0.25, UNIV_DEBUG)',
  { ...COMMON, ...CREATOR, ...spare(12) },
  ALIGN,
);

const CREATOR_5X = {
  line: field('line that made the heap'),
  initBlock: field("1: memory of the caller's, not freed with the heap (5.1)"),
  file: field('last 7 characters of the file that made the heap, and a 0', 2),
} as const;

/** 5.1: 112 bytes. */
export const MEM_BLOCK_51 = record(
  'MemBlock51',
  'mem_block_info_t (5.1)',
  { ...COMMON, ...CREATOR_5X, ...spare(6) },
  ALIGN,
);

/** 5.5 and 5.6: 120 bytes, with total_size and the control block, without init_block. */
export const MEM_BLOCK_55 = record(
  'MemBlock55',
  'mem_block_info_t (5.5, 5.6)',
  { ...COMMON, ...CREATOR_5X, ...spare(8) },
  ALIGN,
);

/** Where a part of the adaptive hash index keeps the page that its heap will grow by (8.0.3x). */
export const MEM_HEAP_SPARE = record('MemHeapSpare', 'btr_search_sys_t::search_part_t::free_block_for_heap', {
  block: {
    guard: 'Atomics: a compare-exchange puts a page in, an exchange takes it out',
    dirtyRead: 'whether there is one is a hint; the exchange decides',
    writer: 'contender',
    doc: 'control block of the spare page, 0 none',
  },
});

/** A vector whose elements lie in a heap (src/memory/mem-heap/heap-vector.ts). */
export const HEAP_VECTOR = record('HeapVector', 'std::vector<T, mem_heap_allocator<T>>', {
  heap: field('the heap'),
  elemBytes: field('bytes of an element: 1, 4 or 8'),
  data: field('first word of the elements, 0 before the first push'),
  length: field('elements'),
  capacity: field('elements that fit'),
});
