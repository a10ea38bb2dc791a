/**
 * A real buffer pool of a few blocks for exploration: pages, their files and what the checks count lie in the arena with
 * it, so that all of the state is words. Loaded through the transform, so it imports runtime code from src only.
 *
 * Frames are one cache line: a page is its number and two copies of a counter, which are equal whenever the frame is not
 * latched X. The *ledger* says what the counter must be; it is raised together with the page, under the page's X latch.
 */
import type { Ctx, WordInfo } from '../../src/explore/types.ts';
import { allocateArena, ArenaPlanner } from '../../src/layout/arena.ts';
import {
  BUF_BLOCK,
  CLEANER,
  LOG_SYS,
  POOL_STAT,
  RECENT_CLOSED_SLOT,
  SPACE,
} from '../../src/layout/buffer.ts';
import type { Clock } from '../../src/layout/clock.ts';
import { ErrorLog } from '../../src/layout/error-log.ts';
import { NIL } from '../../src/layout/schema.ts';
import { getU53 } from '../../src/layout/words.ts';
import { bufPageGet } from '../../src/buffer/get-page.ts';
import { type BufInstance, BufPool, type BufPoolPlan } from '../../src/buffer/instance.ts';
import { mtrCommit, mtrReleaseLast, mtrSetModified } from '../../src/buffer/mtr.ts';
import { hashFind } from '../../src/buffer/page-hash.ts';
import { type BufPoolConfig, bufPoolInit, planInstance } from '../../src/buffer/pool-plan.ts';
import { isStale } from '../../src/buffer/stale.ts';
import { FETCH, type Fetch, RW } from '../../src/buffer/states.ts';
import { validateInstance } from '../../src/buffer/validate.ts';
import { StorageError } from '../../src/storage/errors.ts';
import type { PageStore } from '../../src/storage/page-store.ts';
import { planRuntime, type RuntimePlan, runtimeInit, type SysvarValues } from '../../src/sync/runtime.ts';
import type { Thread } from '../../src/sync/thread.ts';
import { describeHolders, layoutWords, must, seat, type WordLookup } from './kit.ts';
import { checkWrite, hasRule, poolRules } from './pool-rules.ts';

const B = BUF_BLOCK.at;
/** The only tablespace; it can be dropped. */
export const SPACE_ID = 0;
const FRAME_WORDS = 16;
/** Words of a frame: the page's number (where a page of InnoDB has it), and the two copies of its counter. */
const NUMBER = 1;
const LEFT = 2;
const RIGHT = 3;

export interface PoolOptions {
  readonly blocks: number;
  /** Pages of the file. */
  readonly pages: number;
  readonly threads: number;
  /** Page-hash stripes; 1 when absent. */
  readonly stripes?: number;
  /** Slots of recent_closed, of 8 LSN units; a changed page takes 8 slots. 64 when absent. */
  readonly logSlots?: number;
  readonly sysvars?: SysvarValues;
}

/** Where the file, the ledger and the switches lie. Arrays are by page number. */
interface FileAt {
  readonly left: number;
  readonly right: number;
  /** Reads of the page so far, failed ones included. */
  readonly reads: number;
  readonly writes: number;
  /** Reads (writes) of the page that fail from now on; reads: negative: for good. */
  readonly failReads: number;
  readonly failWrites: number;
  readonly ledger: number;
  /** Read in the middle of each transfer and each change: a point, and nothing that orders threads. */
  readonly seek: number;
}

/** Sleeps end one by one, so that a sleeper is away for longer than others need for a few steps. */
const SLICES = 8;

/** Time stands still; a sleep is for the scheduler to end. */
class StillClock implements Clock {
  readonly ticksPerMs = 10;
  private readonly mem: Int32Array;
  private readonly word: number;

  constructor(mem: Int32Array, word: number) {
    this.mem = mem;
    this.word = word;
  }

  us(): number {
    return 0;
  }

  ticks(): number {
    return 1;
  }

  sleepUs(us: number): void {
    for (let i = 0; i < SLICES; i++) Atomics.wait(this.mem, this.word, 0, us / 1000 / SLICES);
  }
}

/** The file: each transfer takes two steps. One at a time per page, or the race detector sees it. */
class TinyFile implements PageStore {
  private readonly mem: Int32Array;
  private readonly at: FileAt;

  constructor(mem: Int32Array, at: FileAt) {
    this.mem = mem;
    this.at = at;
  }

  read(_space: number, pageNo: number, frame: number): StorageError | null {
    const { mem, at } = this;
    const to = frame / 4;
    mem[at.reads + pageNo]++;
    mem[to + NUMBER] = pageNo;
    mem[to + LEFT] = mem[at.left + pageNo];
    Atomics.load(mem, at.seek);
    mem[to + RIGHT] = mem[at.right + pageNo];
    const fail = mem[at.failReads + pageNo];
    if (fail === 0) return null;
    if (fail > 0) mem[at.failReads + pageNo]--;
    mem[to + RIGHT]--;
    return new StorageError('SHORT_READ', 'tiny.ibd', pageNo, 'told to fail', { retryable: fail > 0 });
  }

  write(_space: number, pageNo: number, frame: number): void {
    const { mem, at } = this;
    const from = frame / 4;
    mem[at.writes + pageNo]++;
    must(
      mem[from + NUMBER] === pageNo,
      `page ${pageNo} is written from a frame of page ${mem[from + NUMBER]}`,
    );
    if (mem[at.failWrites + pageNo] !== 0) {
      mem[at.failWrites + pageNo]--;
      throw new StorageError('NO_SPACE', 'tiny.ibd', pageNo, 'told to fail');
    }
    mem[at.left + pageNo] = mem[from + LEFT];
    Atomics.load(mem, at.seek);
    mem[at.right + pageNo] = mem[from + RIGHT];
  }
}

/** The pool and all that belongs to it. Made by `makePool` in a scenario's set-up. */
export class TinyPool {
  readonly mem: Int32Array;
  readonly pool: BufPool;
  readonly inst: BufInstance;
  readonly pages: number;
  readonly runtime: RuntimePlan;
  readonly file: FileAt;
  readonly words: WordLookup;
  /** By number; one more for set-up and checks. */
  readonly threads: readonly Thread[];
  readonly observer: Thread;
  /** What the rules say about each word (pool-rules.ts). */
  readonly rules: Uint8Array;

  constructor(o: PoolOptions) {
    const nThreads = o.threads + 1;
    const config: BufPoolConfig = {
      instances: 1,
      nStripes: o.stripes ?? 1,
      chunks: { blocks: o.blocks },
      oldBlocksPct: 37,
      nSpaces: 1,
      nThreads,
    };
    const planner = new ArenaPlanner();
    this.runtime = planRuntime(planner, nThreads);
    const recentClosedSlots = o.logSlots ?? 64;
    const plan: BufPoolPlan = {
      nStripes: config.nStripes,
      logSys: planner.place('log_sys', LOG_SYS),
      recentClosed: planner.place('log_sys.recent_closed', RECENT_CLOSED_SLOT, recentClosedSlots),
      recentClosedSlots,
      spaces: planner.place('fil_system.spaces', SPACE, config.nSpaces),
      nSpaces: config.nSpaces,
      cleaners: planner.place('page_cleaner', CLEANER),
      nodes: 1,
      stats: planner.place('buf_pool.stat', POOL_STAT, nThreads),
      instances: [planInstance(planner, config, 0, 0)],
    };
    const frames = planner.placeWords('frames', FRAME_WORDS, o.blocks);
    const perPage = (name: string): number => planner.placeWords(name, 1, o.pages);
    this.file = {
      left: perPage('disk.left'),
      right: perPage('disk.right'),
      reads: perPage('disk.reads'),
      writes: perPage('disk.writes'),
      failReads: perPage('disk.failReads'),
      failWrites: perPage('disk.failWrites'),
      ledger: perPage('ledger'),
      seek: planner.placeWords('seek', 1, 1),
    };
    const sleep = planner.placeWords('sleep', 1, 1);
    const arena = planner.finish();
    const buffer = allocateArena(arena);
    const mem = new Int32Array(buffer);
    this.mem = mem;
    this.words = layoutWords(arena);
    const clock = new StillClock(mem, sleep);
    const sysvars = { syncSpinLoops: 0, spinWaitDelay: 1, spinWaitPauseMultiplier: 1, oldBlocksTicks: 0 };
    runtimeInit(mem, this.runtime, clock, { ...sysvars, ...o.sysvars });
    this.pool = new BufPool(buffer, plan, new TinyFile(mem, this.file), new ErrorLog());
    bufPoolInit(this.pool, config);
    this.inst = this.pool.instances[0];
    this.pages = o.pages;
    for (let i = 0; i < o.blocks; i++) {
      mem[this.inst.chunks[0].blocks + i * BUF_BLOCK.words + B.frame] = frames + i * FRAME_WORDS;
    }
    const seats = Array.from({ length: nThreads }, (_, slot) => seat(mem, this.runtime, slot, clock));
    for (const [slot, thr] of seats.entries()) thr.poolStats = plan.stats + slot * POOL_STAT.words;
    this.observer = seats[o.threads];
    this.threads = seats.slice(0, o.threads);
    this.rules = poolRules(this.inst, arena.words);
  }

  /** The block of a page, NIL when it is not in the pool. For set-up and checks. */
  blockOf(page: number): number {
    return hashFind(this.inst, SPACE_ID, page);
  }
}

// ---------------------------------------------------------------- set-up

/** The pool with these pages in it, clean, the first at the LRU tail. */
export function makePool(o: PoolOptions, ...resident: number[]): TinyPool {
  const k = new TinyPool(o);
  for (const page of resident) {
    bufPageGet(k.observer, k.pool, SPACE_ID, page, RW.s, FETCH.normal);
    mtrReleaseLast(k.observer);
  }
  return k;
}

/** Changes pages, each in a mini-transaction of its own, so that they are dirty when the threads begin. */
export function dirty(k: TinyPool, ...pages: number[]): void {
  for (const page of pages) changeAs(k, k.observer, page);
}

// ---------------------------------------------------------------- what threads do

/** The frame of a block that the caller has latched, after a look at the page's number and at its two copies. */
function soundFrame(k: TinyPool, block: number, page: number): number {
  const { mem } = k;
  const frame = mem[block + B.frame];
  const number = mem[frame + NUMBER];
  must(number === page, `asked for page ${page}, got a frame of page ${number}`);
  const left = mem[frame + LEFT];
  const right = mem[frame + RIGHT];
  must(left === right, `page ${page} is torn: ${left} and ${right}`);
  const due = mem[k.file.ledger + page];
  // What a dropped space's pages were is forgotten.
  const dropped = mem[k.pool.spaces + SPACE.at.version] !== 0;
  must(left === due || dropped, `page ${page} is at ${left}, the last change made it ${due}`);
  return frame;
}

/** Gets a page S (or SX), looks at it twice, lets it go; returns its counter. */
export function readPage(ctx: Ctx<TinyPool>, page: number, latch: typeof RW.s | typeof RW.sx = RW.s): number {
  const k = ctx.s;
  const thr = k.threads[ctx.id];
  ctx.call('read', page);
  const block = bufPageGet(thr, k.pool, SPACE_ID, page, latch, FETCH.normal);
  soundFrame(k, block, page);
  Atomics.load(k.mem, k.file.seek);
  const count = k.mem[soundFrame(k, block, page) + LEFT];
  mtrReleaseLast(thr);
  return ctx.ret(count);
}

/** The same in a mode that reads no page in; −1 when the page is not there. */
export function peekPage(
  ctx: Ctx<TinyPool>,
  page: number,
  mode: Fetch = FETCH.ifInPool,
  guess = NIL,
): number {
  const k = ctx.s;
  const thr = k.threads[ctx.id];
  const block = bufPageGet(thr, k.pool, SPACE_ID, page, RW.s, mode, guess);
  if (block === NIL) return -1;
  const count = k.mem[soundFrame(k, block, page) + LEFT];
  mtrReleaseLast(thr);
  return count;
}

/** `readPage`, −1 when the page cannot be read. */
export function tryReadPage(ctx: Ctx<TinyPool>, page: number): number {
  try {
    return readPage(ctx, page);
  } catch (error) {
    if (error instanceof StorageError) return -1;
    throw error;
  }
}

/** Adds 1 to a page's counter in a mini-transaction; returns the counter. */
export function changePage(ctx: Ctx<TinyPool>, page: number): number {
  ctx.call('change', page);
  return ctx.ret(changeAs(ctx.s, ctx.s.threads[ctx.id], page));
}

function changeAs(k: TinyPool, thr: Thread, page: number): number {
  const count = changeOpen(k, thr, page);
  mtrCommit(thr, k.pool);
  return count;
}

/** The same without the commit: the page stays fixed and latched X. */
export function changeOpen(k: TinyPool, thr: Thread, page: number): number {
  const { mem } = k;
  const block = bufPageGet(thr, k.pool, SPACE_ID, page, RW.x, FETCH.normal);
  const frame = soundFrame(k, block, page);
  const count = mem[frame + LEFT] + 1;
  mem[frame + LEFT] = count;
  Atomics.load(mem, k.file.seek);
  mem[frame + RIGHT] = count;
  mem[k.file.ledger + page] = count;
  mtrSetModified(thr);
  return count;
}

/** The validator beside working threads. @throws Error when it finds something */
export function validateBeside(ctx: Ctx<TinyPool>): void {
  const k = ctx.s;
  const found = validateInstance(k.threads[ctx.id], k.pool, k.inst, false);
  must(found.length === 0, found.join('; '));
}

// ---------------------------------------------------------------- checks and names

/**
 * The end of every scenario: nothing held, all invariants of the pool, and each page's newest content is in its frame,
 * or in the file when the page is clean or gone. Pages of a dropped space may have lost theirs.
 */
export function checkPool(_m: Int32Array, k: TinyPool): void {
  const { mem, pool } = k;
  for (const [i, thr] of k.threads.entries()) {
    must(thr.heldCount === 0, `thread ${i} still holds ${thr.heldCount} latches`);
    must(thr.memoCount === 0, `thread ${i} still has ${thr.memoCount} pages fixed`);
  }
  const found = validateInstance(k.observer, pool, k.inst, true);
  must(found.length === 0, found.join('; '));
  const log = pool.plan.logSys;
  const lsn = getU53(mem, log + LOG_SYS.at.lsn);
  const closed = getU53(mem, log + LOG_SYS.at.closedTail);
  must(lsn === closed, `all mini-transactions have ended at LSN ${lsn}, recent_closed stands at ${closed}`);
  if (mem[pool.spaces + SPACE.at.version] !== 0) return;
  for (let page = 0; page < k.pages; page++) {
    const due = mem[k.file.ledger + page];
    const block = k.blockOf(page);
    if (block !== NIL) {
      must(!isStale(pool, block), `page ${page} is marked as failed`);
      soundFrame(k, block, page);
      if (getU53(mem, block + B.oldestModification) !== 0) continue;
    }
    const left = mem[k.file.left + page];
    const right = mem[k.file.right + page];
    must(left === right, `page ${page} is torn in the file: ${left} and ${right}`);
    must(left === due, `page ${page} is at ${left} in the file and clean, the last change made it ${due}`);
  }
}

/** What all scenarios of the pool have in common; `check` may be replaced by one that calls `checkPool`. */
export const onPool = {
  memory: 0,
  check: checkPool,
  onWrite: checkWrite,
  watched: hasRule,
  words: (word: number, k: TinyPool): WordInfo | undefined => k.words(word),
  holders: (_m: Int32Array, k: TinyPool): string[] => describeHolders(k.mem, k.runtime, k.words),
};
