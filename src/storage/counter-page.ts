/**
 * The stress oracle's payload: a page that says by itself whether it was torn, and how often it was changed.
 *
 * Each 512-byte sector holds a copy of one 32-bit counter at its byte 64; all 32 copies are equal whenever nobody
 * holds the X latch. A reader without a latch, a write-out during a change, a half-written page: each leaves
 * copies that differ. The sum over all pages tells lost updates. All other bytes between header and trailer are
 * filler that follows from (seed, space, page number), so that a stray write into the frame shows as well, even
 * if the page was stamped after it.
 *
 * The counter is a word of the Int32Array over the same buffer, little-endian as on every machine that Node has
 * shared memory on and that we know of. It is read as unsigned, so −1 is free to mean "torn".
 */
import { FIL_PAGE_DATA, FIL_PAGE_DATA_END, UNIV_PAGE_SIZE } from './page.ts';

/** Bytes in a sector, the unit that a disk writes whole. */
export const SECTOR_BYTES = 512;
/** Copies of the counter in a page. */
export const COUNTER_COPIES = UNIV_PAGE_SIZE / SECTOR_BYTES;
/** Byte offset of the counter in its sector: past the page header, word-aligned. */
export const COUNTER_OFFSET = 64;
/** What `readCounter` returns for a page whose copies differ. */
export const TORN = -1;
/** Counters start below this. */
export const INITIAL_COUNTERS = 100;

const SECTOR_WORDS = SECTOR_BYTES / 4;
const COUNTER_WORD = COUNTER_OFFSET / 4;
const PAGE_WORDS = UNIV_PAGE_SIZE / 4;
const FIRST_WORD = Math.floor(FIL_PAGE_DATA / 4);
const END_WORD = (UNIV_PAGE_SIZE - FIL_PAGE_DATA_END) / 4;
/** Runs of equal copies that a description spells out. */
const RUNS_TOLD = 4;

/**
 * The counter of the page whose first word is `mem[frame]`, 0…2^32−1, or TORN when its copies differ. The caller
 * holds at least an S latch; reading without one is what a stress scenario does to see that tearing is noticed.
 */
export function readCounter(mem: Int32Array, frame: number): number {
  const first = mem[frame + COUNTER_WORD];
  for (let word = COUNTER_WORD + SECTOR_WORDS; word < PAGE_WORDS; word += SECTOR_WORDS) {
    if (mem[frame + word] !== first) return TORN;
  }
  return first >>> 0;
}

/**
 * Adds 1 to every copy; the caller holds the X latch. Each copy is counted from its own old value, not set to one
 * new value: two writers at once then leave copies that differ, and a torn page stays torn.
 * @returns the new value of the first copy (2^32 wraps to 0).
 */
export function raiseCounter(mem: Int32Array, frame: number): number {
  for (let word = COUNTER_WORD; word < PAGE_WORDS; word += SECTOR_WORDS) {
    mem[frame + word] = mem[frame + word] + 1;
  }
  return mem[frame + COUNTER_WORD] >>> 0;
}

/** Says which sectors hold which value: `sectors 0-12 hold 41, sectors 13-31 hold 40`. */
export function describeTorn(mem: Int32Array, frame: number): string {
  const copy = (sector: number): number => mem[frame + COUNTER_WORD + sector * SECTOR_WORDS] >>> 0;
  const runs: string[] = [];
  for (let from = 0; from < COUNTER_COPIES;) {
    let to = from;
    while (to + 1 < COUNTER_COPIES && copy(to + 1) === copy(from)) to++;
    runs.push(
      to === from ? `sector ${from} holds ${copy(from)}` : `sectors ${from}-${to} hold ${copy(from)}`,
    );
    from = to + 1;
  }
  const told = runs.slice(0, RUNS_TOLD).join(', ');
  return runs.length > RUNS_TOLD ? `${told}, and ${runs.length - RUNS_TOLD} more runs` : told;
}

/** The value that the counter of a new page has: 0…INITIAL_COUNTERS − 1. */
export function initialCounter(seed: number, space: number, pageNo: number): number {
  return pageKey(seed, space, pageNo) % INITIAL_COUNTERS;
}

/** Writes counters and filler between header and trailer; those two are not touched. `at` needs no alignment. */
export function fillPage(bytes: Uint8Array, at: number, seed: number, space: number, pageNo: number): void {
  const key = pageKey(seed, space, pageNo);
  const counter = initialCounter(seed, space, pageNo);
  for (let word = FIRST_WORD; word < END_WORD; word++) {
    const value = word % SECTOR_WORDS === COUNTER_WORD ? counter : fillerWord(key, word);
    const to = at + word * 4;
    // The header ends in the middle of the first word.
    if (word !== FIRST_WORD) {
      bytes[to] = value;
      bytes[to + 1] = value >>> 8;
    }
    bytes[to + 2] = value >>> 16;
    bytes[to + 3] = value >>> 24;
  }
}

/** @returns the byte offset in the page of the first word whose filler is not what `fillPage` wrote, or −1. */
export function findBadFiller(
  bytes: Uint8Array,
  at: number,
  seed: number,
  space: number,
  pageNo: number,
): number {
  const key = pageKey(seed, space, pageNo);
  for (let word = FIRST_WORD; word < END_WORD; word++) {
    if (word % SECTOR_WORDS === COUNTER_WORD) continue;
    const value = fillerWord(key, word);
    const from = at + word * 4;
    const low = word === FIRST_WORD ? value & 0xffff : bytes[from] | (bytes[from + 1] << 8);
    const found = low | (bytes[from + 2] << 16) | (bytes[from + 3] << 24);
    if (found !== value) return Math.max(word * 4, FIL_PAGE_DATA);
  }
  return -1;
}

/** An unsigned 32-bit number that stands for the page; seeds count up to 2^53. */
function pageKey(seed: number, space: number, pageNo: number): number {
  let key = scramble(seed | 0);
  key = scramble(key ^ Math.floor(seed / 2 ** 32));
  key = scramble(key ^ space);
  return scramble(key ^ pageNo) >>> 0;
}

// By index rather than in sequence, so that any word can be checked without its predecessors.
function fillerWord(key: number, word: number): number {
  return scramble(key + Math.imul(word, 0x9e3779b9));
}

/** Mixes 32 bits so that neighbours in have nothing in common out. */
function scramble(value: number): number {
  let x = (value + 0x6d2b79f5) | 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}
