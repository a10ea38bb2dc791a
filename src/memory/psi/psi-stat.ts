/**
 * Statistics of a thread under an instrument (facts A 6.4): plain numbers of its own, with lazy watermarks. The server
 * keeps how far a bucket may still go up or down without a new watermark, its capacities; a thread keeps the watermarks
 * themselves here, which is the same (HIGH = CURRENT + alloc capacity, LOW = CURRENT − free capacity) and does not
 * change while it stays between them. Only what goes beyond is carried up to the wider buckets, as a delta (A 6.5): in
 * the middle of its range a thread writes two numbers, and to nobody else's memory.
 */
import { PSI_SHARED_STAT, PSI_STAT, PSI_THREAD } from '../../layout/psi.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { Psi } from './psi-plan.ts';
import { absorb, SHARED_WORDS } from './psi-shared.ts';

const S = PSI_SHARED_STAT.at;
const { stats: STATS, account: ACCOUNT, user: USER, host: HOST } = PSI_THREAD.at;

// In pairs of words, as thr.f64 counts.
export const STAT_PAIRS = PSI_STAT.words / 2;
const ALLOC_COUNT = PSI_STAT.at.allocCount / 2;
const FREE_COUNT = PSI_STAT.at.freeCount / 2;
const ALLOC_SIZE = PSI_STAT.at.allocSize / 2;
const FREE_SIZE = PSI_STAT.at.freeSize / 2;
const LOW_COUNT = PSI_STAT.at.lowCount / 2;
const HIGH_COUNT = PSI_STAT.at.highCount / 2;
const LOW_SIZE = PSI_STAT.at.lowSize / 2;
const HIGH_SIZE = PSI_STAT.at.highSize / 2;

/**
 * `count_alloc` of the calling thread's statistics, with the carry of what goes beyond its high-water mark.
 * @param rec its PSI_THREAD
 */
export function statAlloc(thr: Thread, psi: Psi, rec: number, key: number, bytes: number): void {
  const { f64 } = thr;
  const row = (thr.mem[rec + STATS] >>> 1) + key * STAT_PAIRS;
  const allocCount = f64[row + ALLOC_COUNT] + 1;
  const allocSize = f64[row + ALLOC_SIZE] + bytes;
  f64[row + ALLOC_COUNT] = allocCount;
  f64[row + ALLOC_SIZE] = allocSize;
  const blocks = allocCount - f64[row + FREE_COUNT];
  const size = allocSize - f64[row + FREE_SIZE];
  if (blocks <= f64[row + HIGH_COUNT] && size <= f64[row + HIGH_SIZE]) return;
  rise(thr, psi, rec, key, row, blocks, size);
}

/** `count_free`: the mirror image, for a block that the calling thread owns. */
export function statFree(thr: Thread, psi: Psi, rec: number, key: number, bytes: number): void {
  const { f64 } = thr;
  const row = (thr.mem[rec + STATS] >>> 1) + key * STAT_PAIRS;
  const freeCount = f64[row + FREE_COUNT] + 1;
  const freeSize = f64[row + FREE_SIZE] + bytes;
  f64[row + FREE_COUNT] = freeCount;
  f64[row + FREE_SIZE] = freeSize;
  const blocks = f64[row + ALLOC_COUNT] - freeCount;
  const size = f64[row + ALLOC_SIZE] - freeSize;
  if (blocks >= f64[row + LOW_COUNT] && size >= f64[row + LOW_SIZE]) return;
  fall(thr, psi, rec, key, row, blocks, size);
}

/** New high-water marks, for what is in use now. */
function rise(
  thr: Thread,
  psi: Psi,
  rec: number,
  key: number,
  row: number,
  blocks: number,
  size: number,
): void {
  const { f64 } = thr;
  const overCount = blocks - f64[row + HIGH_COUNT];
  const overSize = size - f64[row + HIGH_SIZE];
  if (overCount > 0) {
    f64[row + HIGH_COUNT] = blocks;
    carry(thr.mem, psi, rec, key * SHARED_WORDS + S.allocCountCapacity, overCount);
  }
  if (overSize > 0) {
    f64[row + HIGH_SIZE] = size;
    carry(thr.mem, psi, rec, key * SHARED_WORDS + S.allocSizeCapacity, overSize);
  }
}

/** New low-water marks. */
function fall(
  thr: Thread,
  psi: Psi,
  rec: number,
  key: number,
  row: number,
  blocks: number,
  size: number,
): void {
  const { f64 } = thr;
  const overCount = f64[row + LOW_COUNT] - blocks;
  const overSize = f64[row + LOW_SIZE] - size;
  if (overCount > 0) {
    f64[row + LOW_COUNT] = blocks;
    carry(thr.mem, psi, rec, key * SHARED_WORDS + S.freeCountCapacity, overCount);
  }
  if (overSize > 0) {
    f64[row + LOW_SIZE] = size;
    carry(thr.mem, psi, rec, key * SHARED_WORDS + S.freeSizeCapacity, overSize);
  }
}

/**
 * Carries half of a delta (blocks, or bytes) up: to the account; without one to the user, whose remainder is ignored,
 * and to the host; what is left to the global statistics. Each absorbs what its capacity at `offset` can.
 */
function carry(mem: Int32Array, psi: Psi, rec: number, offset: number, delta: number): void {
  let left = delta;
  const account = mem[rec + ACCOUNT];
  if (account !== NIL) {
    left = absorb(mem, account + offset, left);
  } else {
    const user = mem[rec + USER];
    const host = mem[rec + HOST];
    if (user !== NIL) absorb(mem, user + offset, left);
    if (host !== NIL) left = absorb(mem, host + offset, left);
  }
  absorb(mem, psi.plan.global + offset, left);
}
