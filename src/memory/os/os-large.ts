/**
 * Large allocations from the simulated operating system as InnoDB makes them: `os_mem_alloc_large` (facts A 1.7), which
 * falls back from huge pages to normal ones, and the huge pages of the `ut::` family (A 2.4), which does not. One
 * attempt each, no sleep.
 */
import { HUGE_POOL, OS_MEMORY, PAGE_KIND_BITS } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { MemEnv } from '../env.ts';
import { HUGE_2M, hugePageBytes, hugePoolOf, hugeRunPages } from './os-huge-pool.ts';
import {
  ENOMEM,
  LARGE_MAP,
  OS_PAGE_BYTES,
  OsMemoryError,
  osMmap,
  osMmapHuge,
  osMunmap,
  osPageOf,
  osPagesFor,
  osUnmapLarge,
} from './os-memory.ts';

const {
  pageMap: MAP,
  hugePools: HUGE_POOLS,
  nHugePools: N_HUGE_POOLS,
  largePageBytes: LARGE_PAGE,
} = OS_MEMORY.at;
const { base: HUGE_BASE, shift: HUGE_SHIFT } = HUGE_POOL.at;

/** What a thread needs to map memory: its node, all nodes, its error log. Every MemEnv is one. */
export type OsEnv = Pick<MemEnv, 'os' | 'allOs' | 'log'>;

/**
 * `os_mem_alloc_large(&n)`: with large pages on, n is rounded up to them and they are tried first; without success two
 * warnings are written, and pages of 4 KiB are mapped. One attempt.
 * @param env what the thread's allocators stand on: node and error log
 * @returns the first word, zeroed memory; NIL: refused, an error line says so. `osMappingBytes` says what n became.
 */
export function osMemAllocLarge(thr: Thread, env: OsEnv, n: number): number {
  const { os, log } = env;
  const pageBytes = thr.mem[os + LARGE_PAGE];
  if (pageBytes !== 0) {
    const at = osMmapHuge(thr, os, n, pageBytes, LARGE_MAP);
    if (at !== NIL) return at;
    log.write('Warning', `Failed to allocate ${Math.ceil(n / pageBytes) * pageBytes} bytes. errno ${ENOMEM}`);
    log.write('Warning', 'Using conventional memory pool');
  }
  const at = osMmap(thr, os, n, LARGE_MAP);
  if (at === NIL) {
    log.write('Error', `mmap(${osPagesFor(n) * OS_PAGE_BYTES} bytes) failed; errno ${ENOMEM}`);
  }
  return at;
}

/**
 * `os_mem_free_large(ptr, size)`: gives back what osMemAllocLarge has mapped, on whichever node it is.
 * @param bytes the rounded size
 * @throws OsMemoryError when it has not, or not with that size; nothing is changed then
 */
export function osMemFreeLarge(thr: Thread, env: OsEnv, at: number, bytes: number): void {
  const os = osOfMapping(thr.mem, env.allOs, at);
  if (os === NIL) {
    throw new OsMemoryError(`munmap(@${at}, ${bytes}): the address is outside the memory of all nodes`);
  }
  osUnmapLarge(thr, os, at, bytes);
}

/**
 * `mmap` of huge pages as the `ut::` family asks for them, without fallback: a warning (ER_IB_MSG_856) when it fails.
 * @param hugeBytes size of the huge page; osHugePageBytes is what meminfo says
 * @returns the first word, zeroed memory; NIL: refused
 */
export function largePageAlignedAlloc(thr: Thread, env: OsEnv, bytes: number, hugeBytes: number): number {
  const at = osMmapHuge(thr, env.os, bytes, hugeBytes);
  if (at === NIL) {
    env.log.write('Warning', `large_page_aligned_alloc mmap(${bytes} bytes) failed; errno ${ENOMEM}`);
  }
  return at;
}

/**
 * `munmap` of what largePageAlignedAlloc gave; the length is rounded up to the huge page here, as it must be.
 * @throws OsMemoryError when nothing of that size is mapped there; nothing is changed then
 */
export function largePageAlignedFree(
  thr: Thread,
  env: OsEnv,
  at: number,
  bytes: number,
  hugeBytes: number,
): void {
  const os = osOfMapping(thr.mem, env.allOs, at);
  if (os === NIL) {
    throw new OsMemoryError(`munmap(@${at}, ${bytes}): the address is outside the memory of all nodes`);
  }
  osMunmap(thr, os, at, Math.ceil(bytes / hugeBytes) * hugeBytes);
}

/** "Hugepagesize:" of meminfo in bytes: the smallest huge page of the node; 2 MiB when it has none. */
export function osHugePageBytes(mem: Int32Array, os: number): number {
  return mem[os + N_HUGE_POOLS] === 0 ? HUGE_2M : hugePageBytes(mem, mem[os + HUGE_POOLS]);
}

/** The memory among `all` (OS_MEMORY records) whose pages, huge or not, an address lies in; NIL: none. */
export function osOfMapping(mem: Int32Array, all: readonly number[], at: number): number {
  for (const os of all) if (osPageOf(mem, os, at) >= 0 || hugePoolOf(mem, os, at) !== NIL) return os;
  return NIL;
}

/** Length in bytes of the mapping that starts at `at`, whole pages. The caller owns the mapping. */
export function osMappingBytes(mem: Int32Array, all: readonly number[], at: number): number {
  const os = osOfMapping(mem, all, at);
  if (os === NIL) return 0;
  const pool = hugePoolOf(mem, os, at);
  if (pool !== NIL) {
    const page = (at - mem[pool + HUGE_BASE]) >> mem[pool + HUGE_SHIFT];
    return hugeRunPages(mem, pool, page) * hugePageBytes(mem, pool);
  }
  return (mem[mem[os + MAP] + osPageOf(mem, os, at)] >>> PAGE_KIND_BITS) * OS_PAGE_BYTES;
}
