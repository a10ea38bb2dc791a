/**
 * The arithmetic behind a buffer pool: how many instances, chunks, frames, cells and stripes it has, and where its
 * lists bend. Pure functions of numbers; facts B 1.5 to 1.7, 2.3 and 4.1.
 */

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

export const UNIV_MIN_BUF_POOL_SIZE = 5 * MIB;
export const BUF_POOL_CHUNK_UNIT = MIB;
/** Below this size MySQL expects few threads, and one instance serves them. */
export const BUF_POOL_SIZE_THRESHOLD = GIB;
export const BUF_POOL_AUTO_INSTANCES = 8;
export const MAX_BUFFER_POOLS = 64;
export const MAX_PAGE_HASH_LOCKS = 1024;

export const BUF_READ_AHEAD_PAGES = 64;
const BUF_READ_AHEAD_PORTION = 32;

export const BUF_LRU_OLD_RATIO_DIV = 1024;
const BUF_LRU_OLD_RATIO_MIN = 51;
export const BUF_LRU_OLD_TOLERANCE = 20;
export const BUF_LRU_NON_OLD_MIN_LEN = 5;

/**
 * `ut_find_prime`: a prime a little above `n`, away from powers of two, so that hash values with structure in their
 * low bits still spread.
 * @param n 0 ... 2^31
 */
export function findPrime(n: number): number {
  n += 100;
  let pow2 = 1;
  while (pow2 * 2 < n) pow2 *= 2;
  if (n < 1.05 * pow2) n = Math.trunc(n * 1.0412321);
  pow2 *= 2;
  if (n > 0.95 * pow2) n = Math.trunc(n * 1.1131347);
  if (n > pow2 - 20) n += 30;
  n = Math.trunc(n * 1.0132677);
  while (!isPrime(n)) n++;
  return n;
}

function isPrime(n: number): boolean {
  for (let i = 2; i * i <= n; i++) if (n % i === 0) return false;
  return n > 1;
}

/** Smallest power of two >= n; 1 for n <= 1 (`ut_2_power_up`). n up to 2^30. */
function powerOfTwoUp(n: number): number {
  return n <= 1 ? 1 : 1 << (32 - Math.clz32(n - 1));
}

function roundUp(n: number, unit: number): number {
  return Math.ceil(n / unit) * unit;
}

export interface ChunkRequest {
  /** Bytes for frames. */
  readonly memSize: number;
  /** Bytes of a control block; 440 in 8.0.25. */
  readonly blockBytes: number;
  readonly pageSize: number;
  /** Byte address at which the allocation starts. */
  readonly base: number;
}

export interface ChunkLayout {
  /** To allocate: frames and control blocks, in whole pages. */
  readonly bytes: number;
  /** Byte address of the first frame, in the same space as `base`. Control blocks start at `base`. */
  readonly frame0: number;
  /** Frames, and control blocks. */
  readonly size: number;
}

/**
 * `buf_chunk_init`, steps 1 to 3 of facts B 1.5.
 * @throws RangeError when not a single frame fits
 */
export function chunkLayout({ memSize, blockBytes, pageSize, base }: ChunkRequest): ChunkLayout {
  const frames = Math.floor(memSize / pageSize);
  const bytes = frames * pageSize + roundUp(frames * blockBytes, pageSize);
  let frame0 = roundUp(base, pageSize);
  let size = bytes / pageSize - (frame0 === base ? 0 : 1);
  while (frame0 < base + size * blockBytes) {
    frame0 += pageSize;
    size--;
  }
  if (size < 1) throw new RangeError(`a chunk of ${memSize} bytes holds no page of ${pageSize} bytes`);
  return { bytes, frame0, size };
}

export interface PoolRequest {
  /** innodb_buffer_pool_size, _chunk_size: bytes, safe integers */
  readonly size: number;
  readonly chunk: number;
  /** innodb_buffer_pool_instances: 0 = auto */
  readonly instances: number;
  /** innodb_buffer_pool_debug: small pools may have several instances. */
  readonly debug: boolean;
}

export interface PoolSizing {
  readonly size: number;
  readonly instances: number;
  readonly chunk: number;
  /** One line for the error log per number that is not what was asked for. */
  readonly messages: readonly string[];
}

/**
 * The start-up rules of facts B 1.6 (`innodb_init_params`, `buf_pool_size_align`): instances first, then the chunk
 * from the size as it was given, then the size from the chunk.
 * @throws RangeError for numbers that are no safe integers (innodb_buffer_pool_size = 2^64-1 is Infinity here)
 */
export function poolSizing(asked: PoolRequest): PoolSizing {
  for (const n of [asked.size, asked.instances, asked.chunk]) {
    if (!Number.isSafeInteger(n) || n < 0)
      throw new RangeError(`not a size that a buffer pool can have: ${n}`);
  }
  const messages: string[] = [];
  const instances = instancesFor(asked, messages);
  const chunk = chunkFor(asked, instances);
  const size = roundUp(Math.max(asked.size, UNIV_MIN_BUF_POOL_SIZE), chunk * instances);
  if (chunk !== asked.chunk) {
    messages.push(`innodb_buffer_pool_chunk_size adjusted from ${asked.chunk} to ${chunk}`);
  }
  if (size !== asked.size) {
    messages.push(
      `innodb_buffer_pool_size adjusted from ${asked.size} to ${size}, ` +
        `a multiple of ${instances} instances of chunks of ${chunk} bytes`,
    );
  }
  return { size, instances, chunk, messages };
}

function instancesFor(asked: PoolRequest, messages: string[]): number {
  const { instances } = asked;
  if (asked.size >= BUF_POOL_SIZE_THRESHOLD) return instances === 0 ? BUF_POOL_AUTO_INSTANCES : instances;
  if (instances <= 1) return 1;
  if (asked.debug) return instances;
  messages.push(
    `innodb_buffer_pool_instances adjusted from ${instances} to 1, ` +
      `because innodb_buffer_pool_size is less than ${BUF_POOL_SIZE_THRESHOLD / MIB} MiB`,
  );
  return 1;
}

function chunkFor({ size, chunk }: PoolRequest, instances: number): number {
  const wanted = chunk * instances > size ? Math.ceil(size / instances) : chunk;
  return Math.max(roundUp(wanted, BUF_POOL_CHUNK_UNIT), BUF_POOL_CHUNK_UNIT);
}

/**
 * Pages in a read-ahead area, also the reach of neighbour flushing: a power of two up to 64.
 * @param currSize pages of the instance
 */
export function readAheadArea(currSize: number): number {
  return Math.min(BUF_READ_AHEAD_PAGES, powerOfTwoUp(Math.floor(currSize / BUF_READ_AHEAD_PORTION)));
}

/** innodb_page_hash_locks as it takes effect: a power of two, 1 ... 1024, so that a mask picks the stripe. */
export function roundPageHashLocks(n: number): number {
  return powerOfTwoUp(Math.min(n, MAX_PAGE_HASH_LOCKS));
}

/** `buf_LRU_old_ratio_update`: innodb_old_blocks_pct as a share of 1024. */
export function lruOldRatio(pct: number): number {
  const ratio = Math.floor((pct * BUF_LRU_OLD_RATIO_DIV) / 100);
  return Math.min(Math.max(ratio, BUF_LRU_OLD_RATIO_MIN), BUF_LRU_OLD_RATIO_DIV);
}

/** The percentage that a ratio is shown as; the one that was set, for 5 ... 95. */
export function lruOldPct(ratio: number): number {
  return Math.trunc((ratio * 100) / BUF_LRU_OLD_RATIO_DIV + 0.5);
}

/**
 * How many evictions a page put at the head may lag behind and still count as young (`buf_page_peek_if_young`):
 * a quarter of the young sublist.
 */
export function youngMargin(currSize: number, ratio: number): number {
  return Math.floor((currSize * (BUF_LRU_OLD_RATIO_DIV - ratio)) / (BUF_LRU_OLD_RATIO_DIV * 4));
}

/** The length that the old sublist is steered to, D(L) of facts B 4.1. Means nothing below BUF_LRU_OLD_MIN_LEN. */
export function desiredOldLen(len: number, ratio: number): number {
  return Math.min(
    Math.floor((len * ratio) / BUF_LRU_OLD_RATIO_DIV),
    len - (BUF_LRU_OLD_TOLERANCE + BUF_LRU_NON_OLD_MIN_LEN),
  );
}
