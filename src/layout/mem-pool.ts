/** Records of the buddy pool of 5.1 to 5.6 (src/memory/old/mem-pool.ts). */
import { MUTEX } from './latches.ts';
import { record } from './schema.ts';
import { UT_LIST_BASE } from './ut0mem.ts';

const POOL = 'MemPool.mutex';
const SHOWN = 'reports; at rest it is exact';
const CONSTANT = 'constant once threads run';
const FLAG = 'bit 0: free; the rest: size in bytes. An allocated area’s owner may read its own';

/** Free lists of a pool: list i holds areas of 2^i bytes. */
export const MEM_POOL_LISTS = 64;

/** A buddy pool. */
export const MEM_POOL = record('MemPool', 'mem_pool_t', {
  mutex: { line: 'mutex', record: MUTEX, guard: 'see Mutex', writer: 'contender', doc: 'all below' },
  buf: {
    line: 'place',
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'first word of the memory, from ut_malloc_low',
  },
  headerBytes: {
    guard: 'setup',
    dirtyRead: CONSTANT,
    writer: 'setup',
    doc: 'MEM_AREA_EXTRA_SIZE: 24 (64-bit) or 16 (32-bit)',
  },
  size: { words: 2, guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: 'bytes of the memory' },
  line: { guard: 'setup', dirtyRead: CONSTANT, writer: 'setup', doc: '0: as in 5.1; 1: as from 5.5 on' },
  exitThreads: {
    guard: 'any thread, by Atomics',
    writer: 'monitor',
    doc: '1: srv_shutdown_state is SRV_SHUTDOWN_EXIT_THREADS or later; the free side takes no mutex (5.5)',
  },
  reserved: {
    line: 'areas',
    words: 2,
    guard: POOL,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'bytes of allocated areas, headers included',
  },
  threadsInside: {
    guard: POOL,
    writer: 'holder',
    hot: true,
    doc: 'mem_n_threads_inside: never more than 1',
  },
  freeList: {
    words: MEM_POOL_LISTS * UT_LIST_BASE.words,
    record: UT_LIST_BASE,
    guard: POOL,
    writer: 'holder',
    hot: true,
    doc: 'areas of 2^i bytes',
  },
});

/** The header of an area on 64-bit: 24 bytes. */
export const MEM_AREA = record(
  'MemArea',
  'mem_area_t (64-bit)',
  {
    sizeAndFree: { words: 2, guard: POOL, writer: 'holder', hot: true, doc: FLAG },
    prev: { words: 2, guard: POOL, writer: 'holder', hot: true, doc: 'while free; the low word is used' },
    next: { words: 2, guard: POOL, writer: 'holder', hot: true, doc: 'while free; the low word is used' },
  },
  2,
);

/** The header of an area on 32-bit: 12 bytes, rounded up to 16. */
export const MEM_AREA_32 = record('MemArea32', 'mem_area_t (32-bit)', {
  sizeAndFree: { guard: POOL, writer: 'holder', hot: true, doc: FLAG },
  prev: { guard: POOL, writer: 'holder', hot: true, doc: 'while free' },
  next: { guard: POOL, writer: 'holder', hot: true, doc: 'while free' },
  spare: { guard: POOL, writer: 'holder', doc: 'fills 16 bytes' },
});
