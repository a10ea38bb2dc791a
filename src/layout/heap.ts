/** Records of the heap on a node's memory (src/memory/malloc.ts). */
import { record } from './schema.ts';

const OS = 'OsMemory.mutex of the node';
const SHOWN = 'reports; at rest it is exact';

/** Classes of small blocks: 32, 64, … 2048 bytes. */
export const SIZE_CLASSES = 7;

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

/** The heap of a node: blocks carved from pages. */
export const HEAP = record('Heap', 'malloc: an arena', {
  liveBlocks: { guard: OS, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'heap blocks in use' },
  partial: {
    words: SIZE_CLASSES,
    guard: OS,
    writer: 'holder',
    hot: true,
    doc: 'per size class: first HEAP_PAGE with a free block',
  },
});
