/**
 * What InnoDB takes when it starts, object by object (facts A 8): formulas of 8.0.25, with what depends on a build as a
 * parameter. Chains of the hash tables come on top as they fill, and are no part of the bill.
 */
import { chunkLayout, findPrime, type PoolSizing } from '../buffer/sizes.ts';
import { WORD_BYTES } from '../layout/schema.ts';
import { UNIV_PAGE_SIZE } from '../storage/page.ts';
import type { MemKeyName } from '../memory/psi/psi-keys.ts';

export interface BillSettings {
  /** As it took effect: bytes, instances, bytes of a chunk. */
  readonly pool: Pick<PoolSizing, 'size' | 'instances' | 'chunk'>;
  /** innodb_adaptive_hash_index_parts */
  readonly ahiParts: number;
  /** innodb_log_buffer_size */
  readonly logBufferBytes: number;
  /** `sizeof(buf_block_t)`: 440 in the build that the formulas come from. */
  readonly blockBytes: number;
  /** Whether block mutexes have an event each; builds with futex mutexes have none. */
  readonly mutexEvents: boolean;
}

/** How the server asks for it. */
export type BillSource =
  /** `allocate_large`: whole pages from the operating system, no header. */
  | 'large'
  /** `ut_allocator`: a header in front. */
  | 'ut'
  /** `aligned_array_pointer`: `ut_allocator`, with room to align in. */
  | 'aligned';

/** One kind of object. */
export interface BillItem {
  readonly object: string;
  readonly formula: string;
  readonly source: BillSource;
  /** So many of them. */
  readonly count: number;
  /** Bytes of one, by the formula. */
  readonly bytes: number;
  /** Instrument; of aligned memory the place decides. */
  readonly key: MemKeyName;
}

/** `sizeof(buf_block_t)` of 8.0.25 as the source article has it. */
export const BUF_BLOCK_BYTES = 440;
/** A cell of a hash table is one pointer. */
const CELL_BYTES = 2 * WORD_BYTES;
/** `os_event`: mutex 40, flag 8, signal count 8, condition variable 48, list iterator 8. */
const OS_EVENT_BYTES = 40 + 8 + 8 + 48 + 8;
/** Alignment of the log buffer: a block of the log. */
export const LOG_BLOCK_BYTES = 512;
/** DICT_POOL_PER_TABLE_HASH */
const DICT_POOL_PER_TABLE_HASH = 512;
const AHI_POOL_SHARE = 64;
const LOCK_CELLS_PER_PAGE = 5;
const POINTER_BYTES = 8;

/** Pages of the pool that can be used, when every chunk starts at a page boundary. */
export function usablePages({ pool, blockBytes }: BillSettings): number {
  const chunk = chunkLayout({ memSize: pool.chunk, blockBytes, pageSize: UNIV_PAGE_SIZE, base: 0 });
  return (pool.size / pool.chunk) * chunk.size;
}

/** The bill, in the order of the article's table. @throws RangeError for a pool that holds no page */
export function billItems(s: BillSettings): BillItem[] {
  const { size, instances, chunk } = s.pool;
  const layout = chunkLayout({
    memSize: chunk,
    blockBytes: s.blockBytes,
    pageSize: UNIV_PAGE_SIZE,
    base: 0,
  });
  const chunks = size / chunk;
  const blocks = Math.floor(chunk / UNIV_PAGE_SIZE) * chunks;
  const pagesOfInstance = (layout.size * chunks) / instances;
  const cells = (n: number): number => findPrime(Math.floor(n)) * CELL_BYTES;
  const ahiCells = Math.floor(size / POINTER_BYTES / AHI_POOL_SHARE);
  const table = (object: string, formula: string, count: number, n: number, key: MemKeyName): BillItem => ({
    object,
    formula,
    source: 'ut',
    count,
    bytes: cells(n),
    key,
  });
  const pageHash = 2 * pagesOfInstance;
  const dict = size / (DICT_POOL_PER_TABLE_HASH * POINTER_BYTES);
  const lock = LOCK_CELLS_PER_PAGE * (size / UNIV_PAGE_SIZE);
  const events = (object: string, each: number): BillItem => ({
    object,
    formula: `${each} × ${OS_EVENT_BYTES} per block`,
    source: 'ut',
    count: each * blocks,
    bytes: OS_EVENT_BYTES,
    key: 'other',
  });
  return [
    {
      object: 'buf_pool chunks',
      formula: `chunk + roundup(pages × ${s.blockBytes}, 16K)`,
      source: 'large',
      count: chunks,
      bytes: layout.bytes,
      key: 'bufBufPool',
    },
    table('page_hash', 'prime(2 × pages of the instance) × 8', instances, pageHash, 'other'),
    table('zip_hash', 'prime(2 × pages of the instance) × 8', instances, pageHash, 'other'),
    table(
      'adaptive hash index',
      `prime(BP / 8 / 64 / ${s.ahiParts}) × 8`,
      s.ahiParts,
      ahiCells / s.ahiParts,
      'ahi',
    ),
    table('dict_sys table_hash, table_id_hash', 'prime(BP / (512 × 8)) × 8', 2, dict, 'other'),
    table('lock_sys rec_hash, prdt_hash, prdt_page_hash', 'prime(5 × BP / 16K) × 8', 3, lock, 'other'),
    ...(s.mutexEvents ? [events('os_event of block mutexes', 1)] : []),
    events('os_event of block rw-locks', 2),
    {
      object: 'log buffer',
      formula: 'innodb_log_buffer_size',
      source: 'aligned',
      count: 1,
      bytes: s.logBufferBytes,
      key: 'other',
    },
  ];
}
