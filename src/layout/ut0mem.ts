/** Records of the old layer's malloc of 5.1 to 5.6 (src/memory/old/ut0mem.ts). */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';

const LIST = 'the mutex of the list';
const UT_LIST = 'UtMem.mutex';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';

/** Base of a doubly linked list (src/memory/old/ut0lst.ts). The latch is that of the record in which it lies. */
export const UT_LIST_BASE = record('UtListBase', 'UT_LIST_BASE_NODE_T', {
  count: { guard: LIST, writer: 'holder', doc: 'nodes in the list' },
  start: { guard: LIST, writer: 'holder', doc: 'first node, 0 none' },
  end: { guard: LIST, writer: 'holder', doc: 'last node, 0 none' },
});

/** What all of `ut0mem` share. There is one. */
export const UT_MEM = record('UtMem', 'ut_mem_block_list and what belongs to it', {
  mutex: {
    line: 'ut_list_mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'list and counter; held while malloc and free run, never in a sleep',
  },
  useSysMalloc: {
    line: 'switches',
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'innodb_use_sys_malloc: blocks have no header and are in no list',
  },
  setMemToZero: {
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: '1: compiled with UNIV_SET_MEM_TO_ZERO',
  },
  totalAllocated: {
    line: 'blocks',
    words: 2,
    guard: UT_LIST,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'ut_total_allocated_memory: bytes, headers included',
  },
  blocks: {
    words: UT_LIST_BASE.words,
    record: UT_LIST_BASE,
    guard: UT_LIST,
    writer: 'holder',
    hot: true,
    doc: 'ut_mem_block_list: youngest first',
  },
  inited: {
    guard: UT_LIST,
    writer: 'holder',
    doc: 'ut_mem_block_list_inited: 1 from utMemInit to utFreeAllMem',
  },
});

/** The header in front of every block: 32 bytes. */
export const UT_MEM_BLOCK = record(
  'UtMemBlock',
  'ut_mem_block_t',
  {
    prev: { words: 2, guard: UT_LIST, writer: 'holder', hot: true, doc: 'a pointer; its low word is used' },
    next: { words: 2, guard: UT_LIST, writer: 'holder', hot: true, doc: 'a pointer; its low word is used' },
    size: { words: 2, guard: UT_LIST, writer: 'holder', doc: 'bytes, payload and header' },
    magic: { words: 2, guard: UT_LIST, writer: 'holder', doc: '1601650166 in the low word' },
  },
  2,
);
