/** Stale pages: pages of a space that was dropped or truncated since they came in (facts B 1.1, 3.6). */
import { BUF_BLOCK, SPACE } from '../layout/buffer.ts';
import type { BufPool } from './instance.ts';

const { spaceId: SPACE_ID, version: VERSION } = BUF_BLOCK.at;

const SPACE_SHIFT = 1;
if (SPACE.words !== 1 << SPACE_SHIFT || SPACE.at.version !== 0)
  throw new Error('stale.ts computes with SPACE');

/** A version that no space ever has: the block's read failed, and nobody may use what it holds. */
export const VERSION_FAILED = -1;

/** Version of a space; spaces that the pool does not know (a replay's) are never dropped. `space`: int32 word. */
export function spaceVersion(pool: BufPool, space: number): number {
  return space >= 0 && space < pool.nSpaces ? pool.mem[pool.spaces + (space << SPACE_SHIFT)] : 0;
}

/** `buf_page_t::is_stale`. The block fixed, or its stripe, block mutex or lruListMutex held. */
export function isStale(pool: BufPool, block: number): boolean {
  return pool.mem[block + VERSION] !== spaceVersion(pool, pool.mem[block + SPACE_ID]);
}

/** Drops or truncates a space as far as the pool is concerned: all its pages become stale at once. */
export function dropSpace(pool: BufPool, space: number): void {
  if (space < 0 || space >= pool.nSpaces) throw new RangeError(`there is no space ${space}`);
  Atomics.add(pool.mem, pool.spaces + (space << SPACE_SHIFT), 1);
}
