/** Records of the SQL layer's arena (src/memory/mem-root/mem-root.ts, facts A 5). */
import { record } from './schema.ts';

const OWN = 'only the thread that owns the root';
const own = (doc: string, words = 1) => ({ words, guard: OWN, writer: 'owner', doc }) as const;
const hot = (doc: string) => ({ ...own(doc), hot: true }) as const;

/** An arena. Made to lie inside other records: a session's, or one that the arena itself holds. */
export const MEM_ROOT = record(
  'MemRoot',
  'MEM_ROOT',
  {
    freeStart: hot('m_current_free_start; two words past freeEnd while rawStart is in force'),
    freeEnd: hot('m_current_free_end, down to a multiple of 8 bytes'),
    currentBlock: own('m_current_block: MEM_ROOT_BLOCK, 0 none'),
    endBytes: own('0 to 7: bytes of the current block past freeEnd'),
    rawStart: own('byte address of a free_start that is no multiple of 8 (after RawCommit); else 0', 2),
    blockSize: own('m_block_size: planned bytes of the next block', 2),
    origBlockSize: own('m_orig_block_size', 2),
    maxCapacity: own('m_max_capacity: most bytes of all blocks, headers not counted; 0 no limit', 2),
    allocatedSize: own('m_allocated_size: bytes of all blocks, headers not counted', 2),
    errorForCapacityExceeded: own('m_error_for_capacity_exceeded: 1 raise it, and go on'),
    errorHandler: own('m_error_handler: 1 the thread’s handler is called when memory is out'),
    psiKey: own('m_psi_key: instrument of its blocks'),
    cleanups: own('newest code: first MEM_ROOT_CLEANUP, 0 none'),
    dummy: own('s_dummy_target: where an empty root points, so that Alloc(0) is not null', 2),
  },
  2,
);

/** In front of every block of a root, behind the header of my_malloc: 16 bytes. */
export const MEM_ROOT_BLOCK = record(
  'MemRootBlock',
  'MEM_ROOT::Block',
  {
    prev: { ...own('the block before it, 0 none'), words: 1 },
    spare: own('the upper half of that pointer'),
    end: own('byte address behind the block', 2),
  },
  2,
);

/** The header of older 8.0.2x: 8 bytes. */
export const MEM_ROOT_BLOCK_PREV = record(
  'MemRootBlockPrev',
  'MEM_ROOT::Block (older 8.0.2x)',
  { prev: own('the block before it, 0 none'), spare: own('the upper half of that pointer') },
  2,
);

/** What is to be done when the root is cleared; lies in the root. */
export const MEM_ROOT_CLEANUP = record(
  'MemRootCleanup',
  'cleanup list of MEM_ROOT (newest code)',
  {
    next: own('the one entered before it, 0 none'),
    fn: own('which of the cleanups that the thread knows'),
    arg: own('its argument: an address'),
    spare: own('fills 16 bytes'),
  },
  2,
);
