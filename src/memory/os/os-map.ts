/**
 * A page map: which runs of pages of an area are free, mapped or the heap's (PAGE_MAP). One map for the pages of 4 KiB
 * of a node, and one for each size of its huge pages.
 *
 * Free runs are found first fit by hopping from run to run. `hint` is the address of a word that holds the first page
 * below which nothing is free. Everything here wants the guard of the map, or a map at rest.
 */
import { PAGE_KIND, PAGE_KIND_BITS } from '../../layout/os-memory.ts';
import { WORD_BYTES } from '../../layout/schema.ts';

export const OS_PAGE_BYTES = 4096;
export const OS_PAGE_WORDS = OS_PAGE_BYTES / WORD_BYTES;
/** log2 of OS_PAGE_WORDS. */
export const OS_PAGE_SHIFT = 10;
if (1 << OS_PAGE_SHIFT !== OS_PAGE_WORDS) throw new Error('the shift does not match the page');

export const KIND_MASK = (1 << PAGE_KIND_BITS) - 1;
const { free: FREE, inner: INNER } = PAGE_KIND;

/** `errno` of every failure of the simulated operating system, and what strerror() says. */
export const ENOMEM = 12;
export const ENOMEM_TEXT = 'Cannot allocate memory';

/** An address was given back that had not been handed out, or not like this. */
export class OsMemoryError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'OsMemoryError';
  }
}

function tornMap(map: number, page: number): OsMemoryError {
  return new OsMemoryError(`page map @${map} is torn: no run starts at page ${page}`);
}

/** A run of pages of one kind. */
export interface PageRun {
  readonly start: number;
  readonly pages: number;
  readonly kind: number;
}

/** Makes the map of an area of so many pages, all free; before it is shared. */
export function pageMapInit(mem: Int32Array, map: number, pages: number): void {
  mem.fill(INNER, map, map + pages);
  if (pages > 0) setRun(mem, map, 0, pages, FREE);
}

/** Writes a run's word at its first page, and at its last: the same word when the run is free, else 0. */
function setRun(mem: Int32Array, map: number, start: number, pages: number, kind: number): void {
  mem[map + start] = (pages << PAGE_KIND_BITS) | kind;
  if (pages > 1) mem[map + start + pages - 1] = kind === FREE ? (pages << PAGE_KIND_BITS) | kind : INNER;
}

/**
 * Looks for `pages` free pages in a row among the first `end` pages; moves the hint to the first free page.
 * @returns their first page; −1: there are none
 * @throws OsMemoryError when the map is damaged; nothing is changed then but the hint
 */
export function findRun(mem: Int32Array, map: number, end: number, hint: number, pages: number): number {
  let page = mem[hint];
  let noneFree = true;
  while (page < end) {
    const run = mem[map + page];
    const length = run >>> PAGE_KIND_BITS;
    if (length === 0) throw tornMap(map, page);
    if ((run & KIND_MASK) === FREE) {
      if (noneFree) mem[hint] = page;
      noneFree = false;
      if (length >= pages) return page;
    }
    page += length;
  }
  if (noneFree) mem[hint] = end;
  return -1;
}

/** Takes the first `pages` pages of the free run that starts at `page`. */
export function takeRun(
  mem: Int32Array,
  map: number,
  hint: number,
  page: number,
  pages: number,
  kind: number,
): void {
  const rest = (mem[map + page] >>> PAGE_KIND_BITS) - pages;
  setRun(mem, map, page, pages, kind);
  if (rest > 0) setRun(mem, map, page + pages, rest, FREE);
  if (mem[hint] === page) mem[hint] = page + pages;
}

/**
 * Gives back the run that starts at `page`, whatever its kind, and joins it with free neighbours.
 * @returns its length
 */
export function dropRun(mem: Int32Array, map: number, end: number, hint: number, page: number): number {
  const pages = mem[map + page] >>> PAGE_KIND_BITS;
  let start = page;
  let behind = page + pages;
  const next = behind < end ? mem[map + behind] : INNER;
  mem[map + page] = INNER;
  if ((next & KIND_MASK) === FREE) {
    mem[map + behind] = INNER;
    behind += next >>> PAGE_KIND_BITS;
  }
  const before = start > 0 ? mem[map + start - 1] : INNER;
  if ((before & KIND_MASK) === FREE) {
    mem[map + start - 1] = INNER;
    start -= before >>> PAGE_KIND_BITS;
  }
  setRun(mem, map, start, behind - start, FREE);
  if (start < mem[hint]) mem[hint] = start;
  return pages;
}

/** The run that a page belongs to, by hopping from the beginning: for errors and checks. */
export function runOfPage(mem: Int32Array, map: number, page: number): PageRun {
  let start = 0;
  for (;;) {
    const run = mem[map + start];
    const pages = run >>> PAGE_KIND_BITS;
    if (pages === 0) throw tornMap(map, start);
    if (page < start + pages) return { start, pages, kind: run & KIND_MASK };
    start += pages;
  }
}

/**
 * Checks a map: runs without gaps, no two free neighbours, nothing free below the hint.
 * @param runs gets the runs that are not free
 * @returns one sentence per defect
 */
export function pageMapDefects(
  mem: Int32Array,
  map: number,
  end: number,
  hint: number,
  runs: PageRun[],
): string[] {
  const found: string[] = [];
  let start = 0;
  let lastKind = -1;
  while (start < end) {
    const run = mem[map + start];
    const kind = run & KIND_MASK;
    const pages = run >>> PAGE_KIND_BITS;
    if (pages === 0 || kind === INNER || kind > PAGE_KIND.large || start + pages > end) {
      found.push(`page ${start}: no run starts there (${run})`);
      return found;
    }
    const last = start + pages - 1;
    if (kind === FREE) {
      if (mem[map + last] !== run) found.push(`page ${last}: free run from ${start} has no end`);
      if (lastKind === FREE) found.push(`page ${start}: free run behind a free run`);
      if (start < mem[hint]) found.push(`page ${start}: free below firstFit`);
    } else {
      runs.push({ start, pages, kind });
    }
    for (let i = start + 1; i < (kind === FREE ? last : last + 1); i++) {
      if (mem[map + i] !== INNER) found.push(`page ${i}: run in a run (${mem[map + i]})`);
    }
    lastKind = kind;
    start += pages;
  }
  return found;
}
