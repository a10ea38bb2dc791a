/**
 * Accounts per instrument: a row per thread and key, written by its thread alone, summed by whoever wants to know. A
 * block that another thread frees counts as freed in that thread's row, so only sums over all threads mean something.
 */
import type { ArenaPlanner } from '../layout/arena.ts';
import { UT_NEW_PFX } from '../layout/headers.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { MEM_STAT } from '../layout/psi.ts';
import { getU53 } from '../layout/words.ts';
import type { Thread } from '../sync/thread.ts';
import { mallocWalk } from './malloc.ts';
import { MEM_KEYS, PSI_MEM_CNT_BIT } from './psi-keys.ts';

const A = MEM_STAT.at;
const N_KEYS = MEM_KEYS.length;

/** Rows of one thread. */
export const MEM_STAT_THREAD_ROWS = N_KEYS;

/** Sums over threads. Bytes include headers; `large` is the part of allocate_large. */
export interface MemStatSum {
  readonly allocCount: number;
  readonly freeCount: number;
  readonly allocBytes: number;
  readonly freeBytes: number;
  readonly currentCount: number;
  readonly currentBytes: number;
  readonly largeCurrentCount: number;
  readonly largeCurrentBytes: number;
  readonly retries: number;
  readonly failures: number;
}

/** Places the rows of all threads; returns the address of the first row of thread 1. */
export function memStatPlan(planner: ArenaPlanner, nThreads: number): number {
  return planner.place('mem_stat', MEM_STAT, nThreads * N_KEYS, 'rows by thread, then key');
}

/** The calling thread's row of a key. */
export function memStatRow(thr: Thread, stats: number, key: number): number {
  return stats + ((thr.id - 1) * N_KEYS + key) * MEM_STAT.words;
}

/** Sum over `nThreads` threads of what one key allocated and freed. Exact at rest, else a moment's view. */
export function memStatSum(mem: Int32Array, stats: number, nThreads: number, key: number): MemStatSum {
  let [allocCount, freeCount, allocBytes, freeBytes, retries, failures] = [0, 0, 0, 0, 0, 0];
  let [largeCurrentCount, largeCurrentBytes] = [0, 0];
  for (let t = 0; t < nThreads; t++) {
    const row = stats + (t * N_KEYS + key) * MEM_STAT.words;
    allocCount += mem[row + A.allocCount] >>> 0;
    freeCount += mem[row + A.freeCount] >>> 0;
    allocBytes += getU53(mem, row + A.allocBytes);
    freeBytes += getU53(mem, row + A.freeBytes);
    retries += mem[row + A.retries] >>> 0;
    failures += mem[row + A.failures] >>> 0;
    largeCurrentCount += mem[row + A.largeAllocCount] - mem[row + A.largeFreeCount];
    largeCurrentBytes += getU53(mem, row + A.largeAllocBytes) - getU53(mem, row + A.largeFreeBytes);
  }
  return {
    allocCount,
    freeCount,
    allocBytes,
    freeBytes,
    currentCount: allocCount - freeCount,
    currentBytes: allocBytes - freeBytes,
    largeCurrentCount,
    largeCurrentBytes,
    retries,
    failures,
  };
}

/**
 * At rest: allocated minus freed equals what is live, for every key, over all nodes; and mappings are what
 * allocate_large says. Wants every block to have a header and every mapping to be a large allocation.
 * @param allOs OS_MEMORY records of all nodes
 * @returns one sentence per key that does not match; empty when all is well
 */
export function memAccountDefects(
  mem: Int32Array,
  allOs: readonly number[],
  stats: number,
  nThreads: number,
): string[] {
  const found: string[] = [];
  const live = MEM_KEYS.map(() => ({ count: 0, bytes: 0 }));
  let mapped = 0;
  for (const os of allOs) {
    mapped += getU53(mem, os + OS_MEMORY.at.largeBytes);
    for (const block of mallocWalk(mem, os)) {
      const key = mem[block.at + UT_NEW_PFX.at.key] & ~PSI_MEM_CNT_BIT;
      if (live[key] === undefined) {
        found.push(`block @${block.at} of ${block.bytes} bytes: key ${key} does not exist`);
        continue;
      }
      live[key].count++;
      live[key].bytes += getU53(mem, block.at + UT_NEW_PFX.at.size);
    }
  }
  let large = 0;
  for (const { key, name } of MEM_KEYS) {
    const sum = memStatSum(mem, stats, nThreads, key);
    const { count, bytes } = live[key];
    const counted = sum.currentCount - sum.largeCurrentCount;
    const countedBytes = sum.currentBytes - sum.largeCurrentBytes;
    large += sum.largeCurrentBytes;
    if (counted === count && countedBytes === bytes) continue;
    found.push(
      `${name}: ${counted} blocks of ${countedBytes} bytes by the accounts, ${count} of ${bytes} bytes live`,
    );
  }
  if (large !== mapped)
    found.push(`${large} bytes of large allocations by the accounts, ${mapped} bytes mapped`);
  return found;
}
