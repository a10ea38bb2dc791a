/**
 * Views over the buffer pool's records: addresses worked out once, nothing that another thread needs to know. Every
 * worker makes its own from the plan.
 */
import { BUF_BLOCK, BUF_POOL, PAGE_HASH_STRIPE } from '../layout/buffer.ts';
import type { ErrorLog } from '../layout/error-log.ts';
import type { PageStore } from '../storage/page-store.ts';

/** One chunk: `size` control blocks from `blocks`, the frames (if any) from `frame0`; word addresses. */
export interface ChunkPlan {
  readonly blocks: number;
  readonly frame0: number;
  readonly size: number;
}

/** Where one instance lies. */
export interface InstancePlan {
  readonly at: number;
  readonly node: number;
  readonly stripes: number;
  readonly cells: number;
  readonly nCells: number;
  readonly chunks: readonly ChunkPlan[];
}

/** The parts of a pool that are not an instance's: log, spaces, cleaners, counters; word addresses. */
export interface PoolGlobals {
  /** SPACE records by space id, and how many. */
  readonly spaces: number;
  readonly nSpaces: number;
  readonly logSys: number;
  readonly recentClosed: number;
  readonly recentClosedSlots: number;
  /** CLEANER records by node. */
  readonly cleaners: number;
  /** POOL_STAT rows: thread-major, then instance. */
  readonly stats: number;
}

/** Where the pool lies: plain data, made by `planPoolGlobals` and `planInstance`. */
export interface BufPoolPlan extends PoolGlobals {
  readonly instances: readonly InstancePlan[];
  readonly nStripes: number;
}

export const BLOCK_WORDS = BUF_BLOCK.words;

/** `buf_pool_t`. All properties but `no` and `node` are word addresses. */
export class BufInstance {
  readonly mem: Int32Array;
  readonly at: number;
  readonly no: number;
  readonly node: number;
  readonly stripes: number;
  readonly stripeMask: number;
  readonly cells: number;
  readonly chunks: readonly ChunkPlan[];
  readonly chunksMutex: number;
  readonly lruListMutex: number;
  readonly freeListMutex: number;
  readonly flushStateMutex: number;
  readonly flushListMutex: number;

  constructor(mem: Int32Array, no: number, plan: InstancePlan, nStripes: number) {
    this.mem = mem;
    this.at = plan.at;
    this.no = no;
    this.node = plan.node;
    this.stripes = plan.stripes;
    this.stripeMask = nStripes - 1;
    this.cells = plan.cells;
    this.chunks = plan.chunks;
    this.chunksMutex = plan.at + BUF_POOL.at.chunksMutex;
    this.lruListMutex = plan.at + BUF_POOL.at.lruListMutex;
    this.freeListMutex = plan.at + BUF_POOL.at.freeListMutex;
    this.flushStateMutex = plan.at + BUF_POOL.at.flushStateMutex;
    this.flushListMutex = plan.at + BUF_POOL.at.flushListMutex;
  }

  /** Word address of a stripe's lock. */
  stripe(i: number): number {
    return this.stripes + i * PAGE_HASH_STRIPE.words + PAGE_HASH_STRIPE.at.lock;
  }

  get nStripes(): number {
    return this.stripeMask + 1;
  }
}

/** The pool: its instances, the files behind them, the log. */
export class BufPool {
  readonly mem: Int32Array;
  /** The same memory by bytes, for frames. */
  readonly bytes: Uint8Array;
  readonly instances: readonly BufInstance[];
  readonly n: number;
  readonly plan: BufPoolPlan;
  /** SPACE records, and how many. */
  readonly spaces: number;
  readonly nSpaces: number;
  readonly store: PageStore;
  readonly log: ErrorLog;

  constructor(buffer: SharedArrayBuffer, plan: BufPoolPlan, store: PageStore, log: ErrorLog) {
    this.mem = new Int32Array(buffer);
    this.bytes = new Uint8Array(buffer);
    this.plan = plan;
    this.spaces = plan.spaces;
    this.nSpaces = plan.nSpaces;
    this.instances = plan.instances.map((p, no) => new BufInstance(this.mem, no, p, plan.nStripes));
    this.n = plan.instances.length;
    this.store = store;
    this.log = log;
  }
}
