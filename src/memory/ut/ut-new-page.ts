/**
 * Pages from the operating system as the `ut::` library of MySQL 8.0.28 and later asks for them (facts A 2.3, 2.4):
 * `malloc_page` in pages of 4 KiB, `malloc_large_page` in huge pages, and with `fallback_to_normal_page_t` in those or
 * else in the others. One page of 4 KiB in front of the payload says how long the mapping is and of which pages; with
 * the Performance Schema also the instrument and the owner. One attempt each; a failure is a warning and NIL.
 */
import { HUGE_POOL, OS_MEMORY, PAGE_KIND, PAGE_KIND_BITS } from '../../layout/os-memory.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { UT_PAGE, UT_PAGE_PFS } from '../../layout/ut-new.ts';
import { getU53, setU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption, type MemoryCorruption } from './corruption.ts';
import { hugePageBytes, hugePoolOf } from '../os/os-huge-pool.ts';
import { largePageAlignedAlloc, largePageAlignedFree, osHugePageBytes, osOfMapping } from '../os/os-large.ts';
import { KIND_MASK, type PageRun, runOfPage } from '../os/os-map.ts';
import { ENOMEM, OS_PAGE_BYTES, osMmap, osMunmap, osPageAddress, osPageOf } from '../os/os-memory.ts';
import { originAlloc, originFree } from './origin.ts';
import { psiFailed, psiMemoryFree } from '../psi/psi.ts';
import { type AllocSite, NO_SITE } from './site.ts';
import {
  foreignAddress,
  metaBytes,
  metaIsWhole,
  metaKey,
  metaOwner,
  metaWrite,
  PSI_NOT_INSTRUMENTED,
  type PsiMemoryKey,
  type UtNewLibrary,
} from './ut-new-meta.ts';

const { mutex: OS_MUTEX, pageMap: MAP, largePageBytes: LARGE_PAGE } = OS_MEMORY.at;
const { base: HUGE_BASE, shift: HUGE_SHIFT, pageMap: HUGE_MAP } = HUGE_POOL.at;
const FRONT_WORDS = UT_PAGE.words;
/** `CPU_PAGE_SIZE`: in front of the payload. */
export const CPU_PAGE_BYTES = 4096;
if (FRONT_WORDS * WORD_BYTES !== CPU_PAGE_BYTES || UT_PAGE_PFS.words !== FRONT_WORDS) {
  throw new Error('one page of 4096 bytes is in front');
}

/** `Page_type` */
export const PAGE_TYPE = { systemPage: 0x10, largePage: 0x20 } as const;
const { systemPage: SYSTEM, largePage: LARGE } = PAGE_TYPE;

/** `allocation_low_level_info`: the mapping. */
export interface LowLevelInfo {
  /** Its first word. */
  readonly base: number;
  readonly bytes: number;
}

const roundUp = (n: number, to: number): number => Math.ceil(n / to) * to;

/**
 * `ut::malloc_page_withkey(key, n)`: n bytes on a page boundary, zero, and the rest of the last page.
 * @returns the payload's address; NIL: out of memory (a warning says so)
 */
export function utMallocPageWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  const total = roundUp(bytes + CPU_PAGE_BYTES, OS_PAGE_BYTES);
  const base = osMmap(thr, ut.os, total);
  if (base === NIL) {
    ut.log.write('Warning', `page_aligned_alloc mmap(${total} bytes) failed; errno ${ENOMEM}`);
    if (ut.pfs) psiFailed(thr, ut.psi, key.value);
    return NIL;
  }
  frontWrite(thr, ut, base, total, key, SYSTEM);
  if (ut.pfs) originAlloc(thr, ut.os, base, key.value, total, site);
  return base + FRONT_WORDS;
}

/** `ut::malloc_page(n)`: not tracked. */
export function utMallocPage(
  thr: Thread,
  ut: UtNewLibrary,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  return utMallocPageWithkey(thr, ut, PSI_NOT_INSTRUMENTED, bytes, site);
}

/**
 * `ut::malloc_large_page_withkey(key, n)`: n bytes and the rest of the last huge page, zero, one page of 4 KiB behind
 * the boundary of a huge page.
 * @returns the payload's address; NIL: there are no huge pages, or not so many in a row (a warning says so)
 */
export function utMallocLargePageWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
): number {
  const hugeBytes = osHugePageBytes(thr.mem, ut.os);
  const total = roundUp(bytes + CPU_PAGE_BYTES, hugeBytes);
  const base = largePageAlignedAlloc(thr, ut, total, hugeBytes);
  if (base === NIL) {
    if (ut.pfs) psiFailed(thr, ut.psi, key.value);
    return NIL;
  }
  frontWrite(thr, ut, base, total, key, LARGE);
  return base + FRONT_WORDS;
}

/** `ut::malloc_large_page(n)`: not tracked. */
export function utMallocLargePage(thr: Thread, ut: UtNewLibrary, bytes: number): number {
  return utMallocLargePageWithkey(thr, ut, PSI_NOT_INSTRUMENTED, bytes);
}

/**
 * `ut::malloc_large_page_withkey(key, n, fallback_to_normal_page_t{}, enabled)`: huge pages when they are enabled and
 * there are enough, else pages of 4 KiB.
 * @param enabled as the node's large pages are (`os_use_large_pages`) when absent
 */
export function utMallocFallbackPageWithkey(
  thr: Thread,
  ut: UtNewLibrary,
  key: PsiMemoryKey,
  bytes: number,
  enabled: boolean = thr.mem[ut.os + LARGE_PAGE] !== 0,
  site: AllocSite = NO_SITE,
): number {
  const p = enabled ? utMallocLargePageWithkey(thr, ut, key, bytes) : NIL;
  return p === NIL ? utMallocPageWithkey(thr, ut, key, bytes, site) : p;
}

/** `ut::malloc_large_page(n, fallback_to_normal_page_t{}, enabled)`: not tracked. */
export function utMallocFallbackPage(
  thr: Thread,
  ut: UtNewLibrary,
  bytes: number,
  enabled: boolean = thr.mem[ut.os + LARGE_PAGE] !== 0,
  site: AllocSite = NO_SITE,
): number {
  return utMallocFallbackPageWithkey(thr, ut, PSI_NOT_INSTRUMENTED, bytes, enabled, site);
}

/** Counts a mapping and writes the page in front of its payload. */
function frontWrite(
  thr: Thread,
  ut: UtNewLibrary,
  base: number,
  total: number,
  key: PsiMemoryKey,
  type: number,
): void {
  const { mem } = thr;
  if (ut.pfs) {
    metaWrite(thr, ut.psi, base, total, key);
    setU53(mem, base + UT_PAGE_PFS.at.pageType, type);
    mem[base + UT_PAGE_PFS.at.metaOffset] = CPU_PAGE_BYTES;
  } else {
    setU53(mem, base + UT_PAGE.at.datalen, total);
    setU53(mem, base + UT_PAGE.at.pageType, type);
    mem[base + UT_PAGE.at.check] = checkWord(mem, base);
  }
}

function checkWord(mem: Int32Array, base: number): number {
  const { datalen, pageType } = UT_PAGE.at;
  return ~base ^ mem[base + datalen] ^ mem[base + datalen + 1] ^ mem[base + pageType];
}

/** Type of the pages behind a front page; 0: that is none, or damaged. */
function frontType(mem: Int32Array, ut: UtNewLibrary, base: number): number {
  if (!ut.pfs)
    return mem[base + UT_PAGE.at.check] === checkWord(mem, base) ? mem[base + UT_PAGE.at.pageType] : 0;
  const whole = metaIsWhole(mem, ut.psi, base) && mem[base + UT_PAGE_PFS.at.metaOffset] === CPU_PAGE_BYTES;
  const type = mem[base + UT_PAGE_PFS.at.pageType];
  return whole && (type === SYSTEM || type === LARGE) ? type : 0;
}

/** Bytes in all. */
function frontBytes(mem: Int32Array, ut: UtNewLibrary, base: number): number {
  return ut.pfs ? metaBytes(mem, base) : getU53(mem, base + UT_PAGE.at.datalen);
}

/** Bytes of the mapping that starts at an address; 0: none does. The caller owns it if there is one. */
function mappedBytes(mem: Int32Array, os: number, base: number): number {
  const pool = hugePoolOf(mem, os, base);
  let run = 0;
  if (pool === NIL) {
    const page = osPageOf(mem, os, base);
    if (base === osPageAddress(mem, os, page)) run = mem[mem[os + MAP] + page];
  } else {
    const page = (base - mem[pool + HUGE_BASE]) >> mem[pool + HUGE_SHIFT];
    if (base === mem[pool + HUGE_BASE] + (page << mem[pool + HUGE_SHIFT]))
      run = mem[mem[pool + HUGE_MAP] + page];
  }
  if ((run & KIND_MASK) !== PAGE_KIND.mapped) return 0;
  return (run >>> PAGE_KIND_BITS) * (pool === NIL ? OS_PAGE_BYTES : hugePageBytes(mem, pool));
}

/**
 * The beginning of every call that is given a payload; changes nothing.
 * @param type of the pages that it must have; 0: either
 * @returns OS_MEMORY that the mapping lies in
 * @throws MemoryCorruption when nothing of the kind is mapped there, or the page in front is damaged
 */
function ownerOf(thr: Thread, ut: UtNewLibrary, p: number, type: number, call: string): number {
  const { mem } = thr;
  const base = p - FRONT_WORDS;
  const os = osOfMapping(mem, ut.allOs, base);
  if (os === NIL) throw foreignAddress(thr, base, p, call);
  const mapped = mappedBytes(mem, os, base);
  if (mapped === 0) throw notMapped(thr, os, p, call);
  const has = frontType(mem, ut, base);
  if (has === 0 || frontBytes(mem, ut, base) !== mapped) {
    const detail = `it says ${frontBytes(mem, ut, base)} bytes, the mapping has ${mapped}`;
    throw corruption(mem, os, base, { what: 'overwritten header', call, at: p, detail, thr });
  }
  if (type !== 0 && has !== type) {
    const detail = `these are ${has === LARGE ? 'large' : 'system'} pages`;
    throw corruption(mem, os, base, { what: 'wrong allocator', call, at: p, detail, thr });
  }
  return os;
}

/** The report for a payload in front of which no mapping starts. */
function notMapped(thr: Thread, os: number, p: number, call: string): MemoryCorruption {
  const base = p - FRONT_WORDS;
  const { start, kind } = runAt(thr, os, base);
  const facts = { call, at: p, thr };
  if (kind === PAGE_KIND.free) {
    return corruption(thr.mem, os, base, {
      ...facts,
      what: 'double free',
      detail: 'nothing is mapped there',
    });
  }
  if (kind === PAGE_KIND.heap) {
    return corruption(thr.mem, os, base, {
      ...facts,
      what: 'wrong allocator',
      detail: 'the page is the heap’s',
    });
  }
  const detail =
    kind === PAGE_KIND.large
      ? 'os_mem_alloc_large has mapped it'
      : `the address is not one page behind the start of a mapping, page ${start}`;
  return corruption(thr.mem, os, base, { ...facts, what: 'foreign address', detail });
}

function runAt(thr: Thread, os: number, at: number): PageRun {
  const { mem } = thr;
  const pool = hugePoolOf(mem, os, at);
  mutexEnter(thr, os + OS_MUTEX);
  const run =
    pool === NIL
      ? runOfPage(mem, mem[os + MAP], osPageOf(mem, os, at))
      : runOfPage(mem, mem[pool + HUGE_MAP], (at - mem[pool + HUGE_BASE]) >> mem[pool + HUGE_SHIFT]);
  mutexExit(thr, os + OS_MUTEX);
  return run;
}

/**
 * `ut::free_page(p)`: gives the mapping back. NIL does nothing.
 * @returns whether there was anything to free
 * @throws MemoryCorruption when it is no live block of this kind; nothing is counted then
 */
export function utFreePage(thr: Thread, ut: UtNewLibrary, p: number, site: AllocSite = NO_SITE): boolean {
  return freeAs(thr, ut, p, SYSTEM, 'ut::free_page', site);
}

/** `ut::free_large_page(p)`: as utFreePage, of huge pages. */
export function utFreeLargePage(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  site: AllocSite = NO_SITE,
): boolean {
  return freeAs(thr, ut, p, LARGE, 'ut::free_large_page', site);
}

/** `ut::free_large_page(p, fallback_to_normal_page_t{})`: as utFreePage, of whichever pages it has. */
export function utFreeFallbackPage(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  site: AllocSite = NO_SITE,
): boolean {
  return freeAs(thr, ut, p, 0, 'ut::free_large_page', site);
}

function freeAs(
  thr: Thread,
  ut: UtNewLibrary,
  p: number,
  type: number,
  call: string,
  site: AllocSite,
): boolean {
  if (p === NIL) return false;
  const { mem } = thr;
  const os = ownerOf(thr, ut, p, type, call);
  const base = p - FRONT_WORDS;
  const total = frontBytes(mem, ut, base);
  const large = frontType(mem, ut, base) === LARGE;
  // Read before the mapping is gone: the next owner may overwrite it at once.
  const key = metaKey(mem, base);
  const owner = metaOwner(mem, base);
  if (ut.pfs && !large) originFree(thr, os, base, site);
  if (large) largePageAlignedFree(thr, ut, base, total, osHugePageBytes(mem, os));
  else osMunmap(thr, os, base, total);
  if (ut.pfs) psiMemoryFree(thr, ut.psi, key, total, owner);
  return true;
}

/** `ut::page_allocation_size(p)`: bytes that may be used. @throws MemoryCorruption as utFreePage */
export function utPageAllocationSize(thr: Thread, ut: UtNewLibrary, p: number): number {
  return infoOf(thr, ut, p, SYSTEM, 'ut::page_allocation_size').bytes - CPU_PAGE_BYTES;
}

/** `ut::large_page_allocation_size(p)` */
export function utLargePageAllocationSize(thr: Thread, ut: UtNewLibrary, p: number): number {
  return infoOf(thr, ut, p, LARGE, 'ut::large_page_allocation_size').bytes - CPU_PAGE_BYTES;
}

/** `ut::large_page_allocation_size(p, fallback_to_normal_page_t{})` */
export function utFallbackPageAllocationSize(thr: Thread, ut: UtNewLibrary, p: number): number {
  return infoOf(thr, ut, p, 0, 'ut::large_page_allocation_size').bytes - CPU_PAGE_BYTES;
}

/** `ut::page_low_level_info(p)`: the mapping. @throws MemoryCorruption as utFreePage */
export function utPageLowLevelInfo(thr: Thread, ut: UtNewLibrary, p: number): LowLevelInfo {
  return infoOf(thr, ut, p, SYSTEM, 'ut::page_low_level_info');
}

/** `ut::large_page_low_level_info(p)` */
export function utLargePageLowLevelInfo(thr: Thread, ut: UtNewLibrary, p: number): LowLevelInfo {
  return infoOf(thr, ut, p, LARGE, 'ut::large_page_low_level_info');
}

/** `ut::large_page_low_level_info(p, fallback_to_normal_page_t{})` */
export function utFallbackPageLowLevelInfo(thr: Thread, ut: UtNewLibrary, p: number): LowLevelInfo {
  return infoOf(thr, ut, p, 0, 'ut::large_page_low_level_info');
}

function infoOf(thr: Thread, ut: UtNewLibrary, p: number, type: number, call: string): LowLevelInfo {
  ownerOf(thr, ut, p, type, call);
  const base = p - FRONT_WORDS;
  return { base, bytes: frontBytes(thr.mem, ut, base) };
}
