/**
 * What statements do with pages: each function is one mini-transaction on an index (program-tables.ts), which begins and
 * ends with nothing held. Between two of them a kill takes effect.
 *
 * Whoever holds a page asks only for it again, or for pages with higher numbers, so nobody waits in a circle.
 */
import { bufPageGet } from '../../buffer/get-page.ts';
import type { BufPool } from '../../buffer/instance.ts';
import { mtrCommit, mtrReleaseLast, mtrReleaseOlder, mtrSetModified } from '../../buffer/mtr.ts';
import { FETCH, type Fetch, RW, type Rw } from '../../buffer/states.ts';
import { BUF_BLOCK } from '../../layout/buffer.ts';
import { NIL } from '../../layout/schema.ts';
import { describeTorn, raiseCounter, readCounter, TORN } from '../../storage/counter-page.ts';
import type { Thread } from '../../sync/thread.ts';
import { pageNoOf, spaceOf } from './ledger.ts';
import type { Tree } from './program-tables.ts';
import { thdKilled } from '../thd/thd.ts';

const { frame: FRAME } = BUF_BLOCK.at;

/** Pages and ledger of the run, as statements want them. */
export interface Pages {
  readonly pool: BufPool;
  /** First word of the ledger. */
  readonly ledger: number;
  /** First TABLE record. */
  readonly tables: number;
  readonly pagesPerSpace: number;
  /** Pages of all data files together. */
  readonly count: number;
}

/** What a session saw is impossible: a lost update, a torn page, a page gone back in time. */
export class InvariantViolation extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantViolation';
  }
}

/** Compares a page with the ledger; its frame must be latched. */
function checkPage(thr: Thread, p: Pages, page: number, block: number): void {
  const { mem } = thr;
  const counter = readCounter(mem, mem[block + FRAME]);
  const expected = mem[p.ledger + page] >>> 0;
  if (counter === expected) return;
  const where = `space ${spaceOf(page, p.pagesPerSpace)}, page ${pageNoOf(page, p.pagesPerSpace)}`;
  throw new InvariantViolation(
    counter === TORN
      ? `torn page: ${where}: ${describeTorn(mem, mem[block + FRAME])}`
      : `lost update: ${where} shows ${counter}, its updaters have raised it to ${expected}`,
  );
}

function get(thr: Thread, p: Pages, page: number, latch: Rw, mode: Fetch, guess = NIL): number {
  const { pool, pagesPerSpace } = p;
  return bufPageGet(
    thr,
    pool,
    spaceOf(page, pagesPerSpace),
    pageNoOf(page, pagesPerSpace),
    latch,
    mode,
    guess,
  );
}

function raise(thr: Thread, p: Pages, page: number, block: number): void {
  mtrSetModified(thr);
  raiseCounter(thr.mem, thr.mem[block + FRAME]);
  thr.mem[p.ledger + page]++;
}

/** Whether the present statement must end: its session is killed, or the run is ending. Looked at when nothing is held. */
export function interrupted(thr: Thread): boolean {
  return (thr.thd !== NIL && thdKilled(thr.mem, thr.thd) !== 0) || thr.stopping();
}

/** Leaves that a range read goes over in one mini-transaction, before it looks for a kill. */
const RANGE_LEAVES = 32;

/** The page of a row on a level of an index. */
function pageOf(tree: Tree, base: number, level: number, row: number): number {
  return base + tree.first[level] + Math.floor(row / tree.below[level]);
}

/**
 * From the root down to the leaf of a row: inner pages S, each let go when the one below is latched.
 * @returns the leaf's block, latched as asked, the only page that is held
 */
function descend(thr: Thread, p: Pages, tree: Tree, base: number, row: number, latch: Rw): number {
  const leaf = tree.levels - 1;
  for (let level = 0; level < leaf; level++) {
    const page = pageOf(tree, base, level, row);
    const block = get(thr, p, page, RW.s, FETCH.normal);
    if (level > 0) mtrReleaseOlder(thr);
    checkPage(thr, p, page, block);
  }
  const page = pageOf(tree, base, leaf, row);
  const block = get(thr, p, page, latch, FETCH.normal);
  if (leaf > 0) mtrReleaseOlder(thr);
  checkPage(thr, p, page, block);
  return block;
}

/** Reads one row. */
export function treeRead(thr: Thread, p: Pages, tree: Tree, base: number, row: number): void {
  descend(thr, p, tree, base, row, RW.s);
  mtrReleaseLast(thr);
}

/**
 * Reads neighbouring rows, up to the last of the table: down to the first leaf, then along the leaves, each latched before
 * the one before it is let go. Every RANGE_LEAVES leaves it lets go, and goes on where it was.
 * @param fresh false: it goes on, and finds the leaf at once
 * @returns rows read in this mini-transaction; less than asked for: there is more, or the table is at its end
 */
export function treeRange(
  thr: Thread,
  p: Pages,
  tree: Tree,
  base: number,
  row: number,
  rows: number,
  fresh: boolean,
): number {
  const { rowsPerPage } = tree;
  const level = tree.levels - 1;
  const first = Math.floor(row / rowsPerPage);
  const last = Math.min(
    Math.floor((Math.min(row + rows, tree.rows) - 1) / rowsPerPage),
    first + RANGE_LEAVES - 1,
  );
  if (fresh) descend(thr, p, tree, base, row, RW.s);
  else {
    const page = pageOf(tree, base, level, row);
    checkPage(thr, p, page, get(thr, p, page, RW.s, FETCH.normal));
  }
  for (let leaf = first + 1; leaf <= last; leaf++) {
    const page = base + tree.first[level] + leaf;
    const block = get(thr, p, page, RW.s, FETCH.normal);
    mtrReleaseOlder(thr);
    checkPage(thr, p, page, block);
  }
  mtrReleaseLast(thr);
  return Math.min((last + 1) * rowsPerPage - row, rows);
}

/** Changes a row in its leaf: the way down S, the leaf X. Also what an insert or a delete does that changes no more pages. */
export function treeUpdate(thr: Thread, p: Pages, tree: Tree, base: number, row: number): void {
  const block = descend(thr, p, tree, base, row, RW.x);
  raise(thr, p, pageOf(tree, base, tree.levels - 1, row), block);
  mtrCommit(thr, p.pool);
}

/** Changes a leaf as a tree's root is changed: SX first, readers go on, then X on top of it. */
export function treeIntendUpdate(thr: Thread, p: Pages, tree: Tree, base: number, row: number): void {
  const seen = descend(thr, p, tree, base, row, RW.sx);
  const page = pageOf(tree, base, tree.levels - 1, row);
  const block = get(thr, p, page, RW.x, FETCH.normal, seen);
  raise(thr, p, page, block);
  mtrCommit(thr, p.pool);
}

/**
 * Adds the first row of a new leaf: the leaf, the one before it, which points to it, and the page above are changed in
 * one mini-transaction. Of the rightmost leaf's split no more pages change.
 */
export function treeSplit(thr: Thread, p: Pages, tree: Tree, base: number, row: number): void {
  const leaf = tree.levels - 1;
  for (let level = 0; level < leaf - 1; level++) {
    const page = pageOf(tree, base, level, row);
    const block = get(thr, p, page, RW.s, FETCH.normal);
    if (level > 0) mtrReleaseOlder(thr);
    checkPage(thr, p, page, block);
  }
  if (leaf > 0) change(thr, p, pageOf(tree, base, leaf - 1, row));
  const page = pageOf(tree, base, leaf, row);
  if (row >= tree.rowsPerPage) change(thr, p, page - 1);
  change(thr, p, page);
  mtrCommit(thr, p.pool);
}

function change(thr: Thread, p: Pages, page: number): void {
  const block = get(thr, p, page, RW.x, FETCH.normal);
  checkPage(thr, p, page, block);
  raise(thr, p, page, block);
}

/** Looks at a row's leaf only if it is in the pool, the ways that purge, the hash index and read-ahead do. */
export function treePeek(thr: Thread, p: Pages, tree: Tree, base: number, row: number): void {
  const page = pageOf(tree, base, tree.levels - 1, row);
  switch (thr.rng.next32() & 3) {
    case 0:
      if (get(thr, p, page, RW.none, FETCH.noLatch) !== NIL) mtrReleaseLast(thr);
      return;
    case 1:
      if (get(thr, p, page, RW.none, FETCH.peekIfInPool) !== NIL) mtrReleaseLast(thr);
      return;
    default: {
      const block = get(thr, p, page, RW.s, FETCH.ifInPool);
      if (block === NIL) return;
      checkPage(thr, p, page, block);
      mtrReleaseLast(thr);
    }
  }
}

/**
 * Reads one leaf of a full scan.
 * @param mode FETCH.scan: the page stays where it is in the LRU list
 * @returns its rows, from this one on
 */
export function treeScan(thr: Thread, p: Pages, tree: Tree, base: number, row: number, mode: Fetch): number {
  const page = pageOf(tree, base, tree.levels - 1, row);
  checkPage(thr, p, page, get(thr, p, page, RW.s, mode));
  mtrReleaseLast(thr);
  return tree.rowsPerPage - (row % tree.rowsPerPage);
}
