/** The small vocabularies of the buffer pool, with InnoDB's values, and which state may follow which. */
import { BUF_BLOCK } from '../layout/buffer.ts';

const { state: STATE_AT } = BUF_BLOCK.at;

/** `buf_page_state` (facts B 1.3). */
export const STATE = {
  poolWatch: 0,
  zipPage: 1,
  zipDirty: 2,
  notUsed: 3,
  readyForUse: 4,
  filePage: 5,
  memory: 6,
  removeHash: 7,
} as const;

export const STATE_NAMES = [
  'POOL_WATCH',
  'ZIP_PAGE',
  'ZIP_DIRTY',
  'NOT_USED',
  'READY_FOR_USE',
  'FILE_PAGE',
  'MEMORY',
  'REMOVE_HASH',
] as const;

/** `buf_io_fix`. */
export const IO_FIX = { none: 0, read: 1, write: 2, pin: 3 } as const;
export const IO_FIX_NAMES = ['NONE', 'READ', 'WRITE', 'PIN'] as const;

/** `buf_flush_t`; also the index into initFlush, nFlush and noFlush. */
export const FLUSH = { lru: 0, list: 1, singlePage: 2 } as const;
export const FLUSH_NAMES = ['LRU', 'LIST', 'SINGLE_PAGE'] as const;

/** `Page_fetch`; the modes that read no page in ("optimistic") are the largest. */
export const FETCH = { normal: 0, noLatch: 1, scan: 2, ifInPool: 3, peekIfInPool: 4 } as const;
export type Fetch = (typeof FETCH)[keyof typeof FETCH];

/** `rw_lock_type_t`. The values double as held-list modes. */
export const RW = { none: 0, s: 1, sx: 2, x: 3 } as const;
export type Rw = (typeof RW)[keyof typeof RW];

/** Who an I/O takes a frame latch for, as `pass`. */
export const BUF_IO_READ = 1;
export const BUF_IO_WRITE = 2;

export const BUF_LRU_OLD_MIN_LEN = 512;
export const BUF_LRU_MIN_LEN = 256;
export const BUF_LRU_SEARCH_SCAN_THRESHOLD = 100;
export const BUF_PAGE_READ_MAX_RETRIES = 100;

/** Allowed moves; a bit per target state. Compressed-only states change in ways of their own. */
const ALLOWED: readonly number[] = [
  1 << STATE.zipPage,
  (1 << STATE.zipDirty) | (1 << STATE.poolWatch),
  1 << STATE.zipPage,
  1 << STATE.readyForUse,
  (1 << STATE.memory) | (1 << STATE.filePage) | (1 << STATE.notUsed),
  1 << STATE.removeHash,
  1 << STATE.notUsed,
  1 << STATE.memory,
];

/**
 * Moves a block to another state. Block mutex held, or the block private to the caller.
 * @throws Error on a move that InnoDB does not make
 */
export function setState(mem: Int32Array, block: number, to: number): void {
  const from = mem[block + STATE_AT];
  if ((ALLOWED[from] & (1 << to)) === 0) {
    throw new Error(`block @${block}: state ${STATE_NAMES[from]} cannot become ${STATE_NAMES[to]}`);
  }
  mem[block + STATE_AT] = to;
}
