/** The heap's books, checked at rest: every byte of its pages is in a block, and every free block in one list. */
import {
  BUDDY_CLASSES,
  HEAP,
  HEAP_CACHE,
  HEAP_CENTRAL,
  HEAP_PAGE,
  PAGE_CLASS,
  RUN_CLASS,
  SMALL_CLASSES,
} from '../../layout/heap.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { buddyList, buddyNext } from './heap-buddy.ts';
import { blocksPerPage, cacheLimit, centralOf } from './heap-central.ts';
import {
  BUDDY,
  CACHED,
  cacheOf,
  CENTRAL,
  CLASS_MASK,
  classBytes,
  classGranules,
  firstGranule,
  granuleAddress,
  granuleOf,
  heapPageOf,
  isInArea,
  LIVE,
  OWNER_MASK,
  PAGE_GRANULES,
  pageOfRecord,
  statesOf,
} from './heap-state.ts';
import { heapRuns } from './heap-walk.ts';

const P = HEAP_PAGE.at;

/** One pass over the books. */
interface Audit {
  readonly mem: Int32Array;
  readonly u8: Uint8Array;
  readonly os: number;
  readonly found: string[];
  /** Free blocks by address, as their states have them; crossed out when a list has them. */
  readonly cached: Map<number, number>;
  readonly buddies: Map<number, number>;
  /** Pages of a class with free blocks, by record. */
  readonly partial: Map<number, number>;
}

/**
 * Checks the heap of a node at rest: its pages are tiled with blocks; each is live, in one thread's list, in its page's
 * free bits, or in a list of the buddy system; counts agree; no two buddies are free that should have been joined.
 * @returns one sentence per defect; empty when all is well
 */
export function heapDefects(mem: Int32Array, os: number): string[] {
  const audit: Audit = {
    mem,
    u8: new Uint8Array(mem.buffer),
    os,
    found: [],
    cached: new Map(),
    buddies: new Map(),
    partial: new Map(),
  };
  let next = 0;
  for (const { page, pages } of heapRuns(mem, os)) {
    checkUnused(audit, next, page);
    checkRun(audit, page, pages);
    next = page + pages;
  }
  checkUnused(audit, next, mem[os + OS_MEMORY.at.pages]);
  checkCaches(audit);
  checkCentral(audit);
  checkBuddies(audit);
  return audit.found;
}

/** Nothing starts in pages that are not the heap's. */
function checkUnused({ mem, u8, os, found }: Audit, from: number, to: number): void {
  const states = statesOf(mem, os);
  for (let g = firstGranule(from); g < firstGranule(to); g++) {
    if (u8[states + g] === 0) continue;
    found.push(`@${granuleAddress(mem, os, g)}: state ${hex(u8[states + g])} outside the heap's pages`);
  }
}

function checkRun(audit: Audit, page: number, pages: number): void {
  const { mem, os } = audit;
  const pageClass = mem[heapPageOf(mem, os, page) + P.pageClass];
  if (pages === 1 && pageClass >= 1 && pageClass <= SMALL_CLASSES) checkSmallPage(audit, page, pageClass);
  else if (pages === 1 && pageClass === PAGE_CLASS) checkBuddyPage(audit, page);
  else checkLargeRun(audit, page, pages);
}

function checkSmallPage({ mem, u8, os, found, cached, partial }: Audit, page: number, cls: number): void {
  const rec = heapPageOf(mem, os, page);
  const states = statesOf(mem, os) + firstGranule(page);
  const granules = classGranules(cls);
  let free = 0;
  for (let g = 0; g < PAGE_GRANULES; g++) {
    const at = granuleAddress(mem, os, firstGranule(page) + g);
    const state = u8[states + g];
    if (g % granules !== 0) {
      if (state !== 0) found.push(`@${at}: state ${hex(state)} inside a block of ${classBytes(cls)} bytes`);
      continue;
    }
    const block = g / granules;
    const bit = (mem[rec + P.freeBits + (block >>> 5)] & (1 << (block & 31))) !== 0;
    const owner = state & OWNER_MASK;
    if ((state & CLASS_MASK) !== cls || ((state & LIVE) === 0 && owner !== CACHED && owner !== CENTRAL)) {
      found.push(`@${at}: state ${hex(state)} in a page of ${classBytes(cls)} bytes`);
    }
    if (bit !== (owner === CENTRAL)) {
      found.push(`@${at}: ${bit ? 'a' : 'no'} free bit in its page, but state ${hex(state)}`);
    }
    if (owner === CACHED) cached.set(at, cls);
    if (bit) free++;
  }
  if (free !== mem[rec + P.free]) {
    found.push(`page ${page}: ${free} blocks are free, its record says ${mem[rec + P.free]}`);
  }
  for (let i = 0; i < mem[rec + P.scan]; i++) {
    if (mem[rec + P.freeBits + i] !== 0)
      found.push(`page ${page}: free blocks before word ${mem[rec + P.scan]}`);
  }
  if (free > 0) partial.set(rec, cls);
  if (free === blocksPerPage(cls) && mem[rec + P.reserve] === 0) {
    found.push(`page ${page}: no block of ${classBytes(cls)} bytes is out, and it has not gone back`);
  }
}

function checkBuddyPage({ mem, u8, os, found, buddies, cached }: Audit, page: number): void {
  const states = statesOf(mem, os);
  const end = firstGranule(page + 1);
  let g = firstGranule(page);
  while (g < end) {
    const at = granuleAddress(mem, os, g);
    const state = u8[states + g];
    const cls = state & CLASS_MASK;
    const size = cls > SMALL_CLASSES && cls <= PAGE_CLASS ? classGranules(cls) : 0;
    const owner = state & OWNER_MASK;
    if (size === 0 || g % size !== 0 || ((state & LIVE) === 0 && owner !== BUDDY && owner !== CACHED)) {
      found.push(`@${at}: state ${hex(state)} in a page of the buddy system`);
      return;
    }
    for (let i = g + 1; i < g + size; i++) {
      if (u8[states + i] !== 0) found.push(`@${granuleAddress(mem, os, i)}: a state inside a buddy block`);
    }
    if (owner === CACHED) cached.set(at, cls);
    else if ((state & LIVE) === 0) {
      if (cls === PAGE_CLASS) found.push(`page ${page}: it is whole, and has not gone back`);
      else if (u8[states + (g ^ size)] === state) found.push(`@${at}: its buddy is free as well`);
      buddies.set(at, cls);
    }
    g += size;
  }
}

function checkLargeRun({ mem, u8, os, found }: Audit, page: number, pages: number): void {
  const states = statesOf(mem, os);
  let blocks = 0;
  for (let g = firstGranule(page); g < firstGranule(page + pages); g++) {
    const state = u8[states + g];
    if (state === 0) continue;
    const start = g / PAGE_GRANULES;
    const rec = heapPageOf(mem, os, Math.trunc(start));
    const fits = start + mem[rec + P.runPages] <= page + pages && mem[rec + P.run] === page;
    if ((state & LIVE) === 0 || (state & CLASS_MASK) !== RUN_CLASS || !Number.isInteger(start) || !fits) {
      found.push(
        `@${granuleAddress(mem, os, g)}: state ${hex(state)} in a run of ${pages} pages from ${page}`,
      );
    } else blocks++;
  }
  if (blocks !== 1) found.push(`page ${page}: ${blocks} blocks in a run of ${pages} pages`);
}

function checkCaches(audit: Audit): void {
  const { mem, os, found, cached } = audit;
  const heap = mem[os + OS_MEMORY.at.heap];
  for (let id = 1; id <= mem[heap + HEAP.at.nThreads]; id++) {
    for (let cls = 1; cls <= mem[os + OS_MEMORY.at.heapTopClass]; cls++) checkCache(audit, id, cls);
  }
  for (const [at, cls] of cached) {
    found.push(`@${at}: lost: a free block of ${classBytes(cls)} bytes in no thread's list`);
  }
}

function checkCache({ mem, os, found, cached }: Audit, id: number, cls: number): void {
  const cache = cacheOf(mem, os, id);
  const name = `list of thread ${id} for ${classBytes(cls)} bytes`;
  let n = 0;
  for (let at = mem[cache + HEAP_CACHE.at.head + cls]; at !== NIL; at = mem[at]) {
    // Crossed out: a second list, or the same one again, does not find it any more.
    if (cached.get(at) !== cls) {
      found.push(`${name}: @${at} is no free block of it`);
      break;
    }
    cached.delete(at);
    n++;
  }
  const counted = cacheLimit(mem, os, cls) - mem[cache + HEAP_CACHE.at.room + cls];
  if (n !== counted) found.push(`${name}: ${n} blocks, counted are ${counted}`);
}

function checkCentral({ mem, os, found, partial }: Audit): void {
  for (let cls = 1; cls <= SMALL_CLASSES; cls++) {
    const central = centralOf(mem, os, cls);
    if (mem[central] !== 0) found.push(`the mutex for ${classBytes(cls)} bytes is held (${mem[central]})`);
    let prev: number = NIL;
    for (let rec = mem[central + HEAP_CENTRAL.at.partial]; rec !== NIL; rec = mem[rec + P.next]) {
      if (partial.get(rec) !== cls) {
        found.push(
          `page ${pageOfRecord(mem, os, rec)}: in the list for ${classBytes(cls)} bytes, without reason`,
        );
        break;
      }
      if (mem[rec + P.prev] !== prev)
        found.push(`page ${pageOfRecord(mem, os, rec)}: its prev link is wrong`);
      partial.delete(rec);
      prev = rec;
    }
  }
  for (const rec of partial.keys()) {
    found.push(`page ${pageOfRecord(mem, os, rec)}: free blocks, but in no list`);
  }
}

function checkBuddies({ mem, os, found, buddies }: Audit): void {
  for (let cls = SMALL_CLASSES + 1; cls < SMALL_CLASSES + BUDDY_CLASSES; cls++) {
    let prev: number = NIL;
    for (let at = mem[buddyList(mem, os, cls)]; at !== NIL; at = mem[buddyNext(mem, os, at)]) {
      if (!isInArea(mem, os, granuleOf(mem, os, at)) || buddies.get(at) !== cls) {
        found.push(`@${at}: in the buddy list for ${classBytes(cls)} bytes, without reason`);
        break;
      }
      if (mem[buddyNext(mem, os, at) - P.buddyNext + P.buddyPrev] !== (prev | cls)) {
        found.push(`@${at}: its prev link in the buddy list is wrong`);
      }
      buddies.delete(at);
      prev = at;
    }
  }
  for (const [at, cls] of buddies)
    found.push(`@${at}: lost: ${classBytes(cls)} bytes free, in no buddy list`);
}

const hex = (state: number): string => `0x${state.toString(16)}`;
