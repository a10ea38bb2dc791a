/**
 * What a session does with pages: the statements of its program. Each is one or more mini-transactions; between two
 * of them nothing is held, and that is where a kill takes effect.
 */
import { bufPageGet } from '../buffer/get-page.ts';
import type { BufPool } from '../buffer/instance.ts';
import { mtrCommit, mtrReleaseLast, mtrReleaseOlder, mtrSetModified } from '../buffer/mtr.ts';
import { FETCH, type Fetch, RW, type Rw } from '../buffer/states.ts';
import { BUF_BLOCK } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { describeTorn, raiseCounter, readCounter, TORN } from '../storage/counter-page.ts';
import type { Thread } from '../sync/thread.ts';
import { pageNoOf, spaceOf } from './ledger.ts';

const { frame: FRAME } = BUF_BLOCK.at;

/** Pages and ledger of the run, as statements want them. */
export interface Pages {
  readonly pool: BufPool;
  /** First word of the ledger. */
  readonly ledger: number;
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

/** Reads one page under S. */
export function pointRead(thr: Thread, p: Pages, page: number): void {
  checkPage(thr, p, page, get(thr, p, page, RW.s, FETCH.normal));
  mtrReleaseLast(thr);
}

/** Reads `length` neighbouring pages, each latched before the one before it is let go, as a cursor goes over leaves. */
export function rangeRead(thr: Thread, p: Pages, first: number, length: number): number {
  const end = Math.min(first + length, p.count);
  for (let page = first; page < end; page++) {
    const block = get(thr, p, page, RW.s, FETCH.normal);
    if (page > first) mtrReleaseOlder(thr);
    checkPage(thr, p, page, block);
  }
  mtrReleaseLast(thr);
  return end - first;
}

/** Changes one page under X. */
export function update(thr: Thread, p: Pages, page: number): void {
  const block = get(thr, p, page, RW.x, FETCH.normal);
  checkPage(thr, p, page, block);
  raise(thr, p, page, block);
  mtrCommit(thr, p.pool);
}

/** Changes one page as a tree's root is changed: SX first, readers go on, then X on top of it. */
export function intendUpdate(thr: Thread, p: Pages, page: number): void {
  const seen = get(thr, p, page, RW.sx, FETCH.normal);
  checkPage(thr, p, page, seen);
  const block = get(thr, p, page, RW.x, FETCH.normal, seen);
  raise(thr, p, page, block);
  mtrCommit(thr, p.pool);
}

function raise(thr: Thread, p: Pages, page: number, block: number): void {
  mtrSetModified(thr);
  raiseCounter(thr.mem, thr.mem[block + FRAME]);
  thr.mem[p.ledger + page]++;
}

/** Looks at a page only if it is in the pool, the ways that purge, the hash index and read-ahead do. */
export function peek(thr: Thread, p: Pages, page: number): void {
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

/** A piece of a full scan: `length` pages from `first` on, round the end, that must not push out the young pages. */
export function scan(thr: Thread, p: Pages, first: number, length: number): void {
  for (let i = 0; i < length && !thr.stopping(); i++) {
    const page = (first + i) % p.count;
    // Even pages as a table scan reads them, odd ones as a consistency check does, which never makes young.
    checkPage(thr, p, page, get(thr, p, page, RW.s, (page & 1) === 0 ? FETCH.normal : FETCH.scan));
    mtrReleaseLast(thr);
  }
}
