/**
 * Places in source files from which memory is asked for. C++ has `__FILE__` and `__LINE__`; here a caller names its
 * place once, as a constant beside the code, and hands it on with each call. Blocks carry the place's number; the
 * table in shared memory (SITE_TABLE) turns numbers into names for every thread.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { SITE_CELL, SITE_NAME_WORDS, SITE_TABLE } from '../../layout/origin.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';

const { cells: CELLS, mask: MASK, refused: REFUSED } = SITE_TABLE.at;
const { id: ID, named: NAMED, line: LINE, name: NAME } = SITE_CELL.at;
const CELL_WORDS = SITE_CELL.words;
const NAME_BYTES = SITE_NAME_WORDS * WORD_BYTES;
/** Cells that a look-up tries at most: with the table half full it needs two. */
const MAX_PROBES = 32;
const FREE = 0;

/** A place: constant data, the same in every thread. */
export interface AllocSite {
  /** As the caller wrote it, or the path of the TypeScript source. */
  readonly file: string;
  readonly line: number;
  /** From file and line: 2 to 2^31 - 1, the same in every thread. */
  readonly id: number;
}

/** Nobody said where. */
export const NO_SITE: AllocSite = { file: '', line: 0, id: 0 };
/** Number that stands for NO_SITE where 0 has a meaning of its own. */
export const SITE_NOT_GIVEN = 1;

/** A place with the names given. */
export function allocSite(file: string, line: number): AllocSite {
  let hash = 0x811c9dc5;
  for (const c of `${file}:${line}`) hash = Math.imul(hash ^ (c.codePointAt(0) ?? 0), 0x01000193);
  // The low bits choose the cell.
  hash = (hash ^ (hash >>> 15)) & 0x7fffffff;
  return { file, line, id: Math.max(hash, SITE_NOT_GIVEN + 1) };
}

/** The place where this is called: for constants at the top of a module, as it takes microseconds. */
export function here(): AllocSite {
  const frame = new Error('here').stack?.split('\n')[2] ?? '';
  const found = /([^(\s]+?):(\d+):\d+\)?$/.exec(frame);
  return found === null ? NO_SITE : allocSite(inRepository(found[1]), Number(found[2]));
}

/** A path without what differs from machine to machine. */
function inRepository(path: string): string {
  const bare = path.replace(/[?#].*$/, '');
  return /(?:^|\/)((?:src|stress|bench)\/.*)$/.exec(bare)?.[1] ?? bare.slice(bare.lastIndexOf('/') + 1);
}

/** Where the table lies; plain data. */
export interface SiteTablePlan {
  /** SITE_TABLE. */
  readonly at: number;
  readonly cells: number;
  readonly count: number;
}

/** Places a table for `count` places, a power of two; before any node is opened. */
export function siteTablePlan(planner: ArenaPlanner, count = 1024): SiteTablePlan {
  if (count < 1 || (count & (count - 1)) !== 0) throw new RangeError(`${count} cells: not a power of two`);
  return {
    at: planner.place('alloc_sites', SITE_TABLE),
    cells: planner.place('alloc_sites.cells', SITE_CELL, count),
    count,
  };
}

/** Makes it, empty; before it is shared. */
export function siteTableInit(mem: Int32Array, plan: SiteTablePlan): void {
  mem.fill(0, plan.at, plan.at + SITE_TABLE.words);
  mem.fill(0, plan.cells, plan.cells + plan.count * CELL_WORDS);
  mem[plan.at + CELLS] = plan.cells;
  mem[plan.at + MASK] = plan.count - 1;
}

/**
 * Makes a place's name known to all threads. One load when it is there already. Lock-free; when no cell is free the
 * place stays a number, which is counted. Of two places with one number the first gives the name.
 */
export function siteRegister(mem: Int32Array, table: number, site: AllocSite): void {
  const cell = mem[table + CELLS] + (site.id & mem[table + MASK]) * CELL_WORDS;
  if (Atomics.load(mem, cell + ID) !== site.id) siteRegisterSlow(mem, table, site);
}

function siteRegisterSlow(mem: Int32Array, table: number, site: AllocSite): void {
  const mask = mem[table + MASK];
  for (let i = 0; i <= Math.min(mask, MAX_PROBES - 1); i++) {
    const cell = mem[table + CELLS] + ((site.id + i) & mask) * CELL_WORDS;
    const before = Atomics.compareExchange(mem, cell + ID, FREE, site.id);
    if (before === site.id) return;
    if (before === FREE) {
      // The cell is this thread's. If it dies here, the place stays a number.
      mem[cell + LINE] = site.line;
      const bytes = putName(mem, cell + NAME, site.file);
      Atomics.store(mem, cell + NAMED, bytes + 1);
      return;
    }
  }
  Atomics.add(mem, table + REFUSED, 1);
}

/** Writes a name, or its end when it is too long; returns its bytes. */
function putName(mem: Int32Array, at: number, file: string): number {
  const all = new TextEncoder().encode(file);
  const bytes = all.subarray(Math.max(0, all.length - NAME_BYTES));
  for (let i = 0; i < bytes.length; i += WORD_BYTES) {
    mem[at + i / WORD_BYTES] =
      bytes[i] | ((bytes[i + 1] ?? 0) << 8) | ((bytes[i + 2] ?? 0) << 16) | ((bytes[i + 3] ?? 0) << 24);
  }
  return bytes.length;
}

/** The place with a number; null: not known, or its name is just being written. From any thread. */
export function siteOf(mem: Int32Array, table: number, id: number): AllocSite | null {
  if (table === NIL || id <= SITE_NOT_GIVEN) return null;
  const mask = mem[table + MASK];
  for (let i = 0; i <= Math.min(mask, MAX_PROBES - 1); i++) {
    const cell = mem[table + CELLS] + ((id + i) & mask) * CELL_WORDS;
    const there = Atomics.load(mem, cell + ID);
    if (there === FREE) return null;
    if (there === id) return readCell(mem, cell, id);
  }
  return null;
}

function readCell(mem: Int32Array, cell: number, id: number): AllocSite | null {
  const bytes = Atomics.load(mem, cell + NAMED) - 1;
  if (bytes < 0) return null;
  const name = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) name[i] = mem[cell + NAME + (i >>> 2)] >>> ((i & 3) << 3);
  return { file: new TextDecoder().decode(name), line: mem[cell + LINE], id };
}

/** `file:line` of a place's number for reports, or what else can be said. */
export function sitePlace(mem: Int32Array, table: number, id: number): string {
  if (id <= SITE_NOT_GIVEN) return 'place not given';
  const site = siteOf(mem, table, id);
  return site === null ? `place #${id}` : `${site.file}:${site.line}`;
}

/** Registrations that found no cell. */
export function siteRefused(mem: Int32Array, table: number): number {
  return mem[table + REFUSED];
}
