/**
 * Where each live block was asked for and, once free, where it was freed: an ORIGIN record beside the memory, so that no
 * stray write into a block can damage what is known about it. Planned on demand; without it these functions cost one
 * load and a branch.
 *
 * One record per grain of 32 bytes of the area, half of its size in all. Grains of 64 would do with a quarter, but a
 * block of 32 bytes (a header of 24 and up to 8 bytes) would share its record with its neighbour. No two tracked blocks
 * start in one grain of 32, whatever the size classes: each has at least 25 bytes and starts on a multiple of 16.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { ORIGIN, ORIGIN_THREAD_BITS } from '../../layout/origin.ts';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { type AllocSite, SITE_NOT_GIVEN, siteRegister } from './site.ts';

const { base: BASE, pages: PAGES, origins: ORIGINS, sites: SITES } = OS_MEMORY.at;
const { site: SITE, state: STATE, who: WHO, born: BORN } = ORIGIN.at;
/** A grain has 1 << 3 words. */
const GRAIN_SHIFT = 3;
const RECORD_SHIFT = 2;
if (ORIGIN.words !== 1 << RECORD_SHIFT) throw new Error('an origin has four words');
const GRAINS_PER_PAGE = 1024 >>> GRAIN_SHIFT;
const THREAD_MASK = (1 << ORIGIN_THREAD_BITS) - 1;
const MAX_BYTES = 2 ** 31 - 1;

/** Where the records lie; plain data. */
export interface OriginPlan {
  readonly at: number;
  readonly records: number;
}

/** Places the records of an area of `pages` pages of 4 KiB. */
export function originPlan(planner: ArenaPlanner, pages: number, name: string): OriginPlan {
  const records = pages * GRAINS_PER_PAGE;
  return { at: planner.place(`${name}.origins`, ORIGIN, records, 'one per 32 bytes'), records };
}

/** Makes them: nothing is known. The OS_MEMORY record at `os` has been made. */
export function originInit(mem: Int32Array, os: number, plan: OriginPlan): void {
  mem.fill(0, plan.at, plan.at + plan.records * ORIGIN.words);
  mem[os + OS_MEMORY.at.origins] = plan.at;
}

function recordOf(mem: Int32Array, os: number, origins: number, block: number): number {
  return origins + (((block - mem[os + BASE]) >>> GRAIN_SHIFT) << RECORD_SHIFT);
}

/**
 * A tracked block has been handed out: its owner calls.
 * @param block its first word, header included
 * @param key as stored in the header
 * @param bytes at least 1, header included
 */
export function originAlloc(
  thr: Thread,
  os: number,
  block: number,
  key: number,
  bytes: number,
  site: AllocSite,
): void {
  const origins = thr.mem[os + ORIGINS];
  if (origins !== NIL) writeOrigin(thr, os, recordOf(thr.mem, os, origins, block), key, bytes, site);
}

function writeOrigin(
  thr: Thread,
  os: number,
  rec: number,
  key: number,
  bytes: number,
  site: AllocSite,
): void {
  const { mem } = thr;
  mem[rec + SITE] = site.id;
  mem[rec + WHO] = (key << ORIGIN_THREAD_BITS) | (thr.id & THREAD_MASK);
  mem[rec + BORN] = thr.nowTicks;
  mem[rec + STATE] = -Math.min(bytes, MAX_BYTES);
  if (site.id !== 0 && mem[os + SITES] !== NIL) siteRegister(mem, mem[os + SITES], site);
}

/**
 * A tracked block is about to be freed, at `site`: its owner calls. What is free already stays as it is.
 * @returns what originRevive wants
 */
export function originFree(thr: Thread, os: number, block: number, site: AllocSite): number {
  const { mem } = thr;
  const origins = mem[os + ORIGINS];
  if (origins === NIL) return 0;
  const rec = recordOf(mem, os, origins, block);
  const state = mem[rec + STATE];
  if (state >= 0) return 0;
  mem[rec + STATE] = site.id === 0 ? SITE_NOT_GIVEN : site.id;
  if (site.id !== 0 && mem[os + SITES] !== NIL) siteRegister(mem, mem[os + SITES], site);
  return state;
}

/** The block was not freed after all (a realloc that failed). `state`: what originFree returned. */
export function originRevive(thr: Thread, os: number, block: number, state: number): void {
  const { mem } = thr;
  if (state !== 0) mem[recordOf(mem, os, mem[os + ORIGINS], block) + STATE] = state;
}

/** A tracked block has been copied to another place, and is no longer known at the old one: its owner calls. */
export function originMove(thr: Thread, os: number, from: number, to: number): void {
  const { mem } = thr;
  const origins = mem[os + ORIGINS];
  if (origins === NIL) return;
  const old = recordOf(mem, os, origins, from);
  const rec = recordOf(mem, os, origins, to);
  mem.copyWithin(rec, old, old + ORIGIN.words);
  mem[old + STATE] = 0;
}

/** What is known of a block, or of the last one that started there. */
export interface Origin {
  /** First word; up to 7 words before it when it is not on a multiple of 32. */
  readonly block: number;
  /** Header included; of a freed block 0. */
  readonly bytes: number;
  /** Place numbers; `freed` is 0 while it lives. */
  readonly site: number;
  readonly freed: number;
  readonly key: number;
  readonly thread: number;
  readonly bornTicks: number;
}

/** What is known of the block at an address of this memory; null: nothing. For reports. */
export function originOf(mem: Int32Array, os: number, block: number): Origin | null {
  const origins = mem[os + ORIGINS];
  return origins === NIL ? null : readOrigin(mem, recordOf(mem, os, origins, block), block);
}

function readOrigin(mem: Int32Array, rec: number, block: number): Origin | null {
  const state = mem[rec + STATE];
  if (state === 0) return null;
  return {
    block,
    bytes: Math.max(0, -state),
    site: mem[rec + SITE],
    freed: Math.max(0, state),
    key: mem[rec + WHO] >>> ORIGIN_THREAD_BITS,
    thread: mem[rec + WHO] & THREAD_MASK,
    bornTicks: mem[rec + BORN] >>> 0,
  };
}

/** The live tracked block that an address lies inside of (not at its start); null: none is known. For reports. */
export function originAround(mem: Int32Array, os: number, at: number): Origin | null {
  const origins = mem[os + ORIGINS];
  if (origins === NIL) return null;
  const words = 1 << GRAIN_SHIFT;
  for (let grain = (at - mem[os + BASE]) >>> GRAIN_SHIFT; grain >= 0; grain--) {
    const rec = origins + (grain << RECORD_SHIFT);
    if (mem[rec + STATE] >= 0) continue;
    const block = mem[os + BASE] + grain * words;
    return at > block && at < block - mem[rec + STATE] / 4 ? readOrigin(mem, rec, block) : null;
  }
  return null;
}

/** All live tracked blocks of a node. At rest it is exact; else a moment's view. */
export function originsLive(mem: Int32Array, os: number): Origin[] {
  const found: Origin[] = [];
  const origins = mem[os + ORIGINS];
  if (origins === NIL) return found;
  const grains = mem[os + PAGES] * GRAINS_PER_PAGE;
  for (let grain = 0; grain < grains; grain++) {
    const rec = origins + (grain << RECORD_SHIFT);
    if (mem[rec + STATE] >= 0) continue;
    const origin = readOrigin(mem, rec, mem[os + BASE] + (grain << GRAIN_SHIFT));
    if (origin !== null) found.push(origin);
  }
  return found;
}
