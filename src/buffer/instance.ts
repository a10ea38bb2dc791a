/**
 * Views over the buffer pool's records: addresses worked out once, nothing that another thread needs to know. Every
 * worker makes its own from the plan.
 */
import { BUF_BLOCK, BUF_POOL, PAGE_HASH_STRIPE } from '../layout/buffer.ts';
import type { ErrorLog } from '../layout/error-log.ts';
import type { PageStore } from '../storage/page-store.ts';

/** One chunk: `size` control blocks from `blocks`, the frames (if any) from `frame0`; word addresses. */
export interface ChunkPlan {
  readonly node: number;
  readonly blocks: number;
  readonly frame0: number;
  readonly size: number;
}

/** Where one instance lies. */
export interface InstancePlan {
  readonly at: number;
  /** Where it is at home: all but those chunks that are placed elsewhere. */
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
  /** CLEANER records by node, and how many. */
  readonly cleaners: number;
  readonly nodes: number;
  /** POOL_STAT rows: thread-major, then instance. */
  readonly stats: number;
}

/** Where the pool lies: plain data, made by `PoolPlanner`. */
export interface BufPoolPlan extends PoolGlobals {
  readonly instances: readonly InstancePlan[];
  readonly nStripes: number;
}

export const BLOCK_WORDS = BUF_BLOCK.words;
/** `BufInstance.pagesNode` when not all pages lie where the instance is at home. */
export const SPREAD = -1;

/** `buf_pool_t`. All properties but `no` and those with node numbers are word addresses. */
export class BufInstance {
  readonly mem: Int32Array;
  readonly at: number;
  readonly no: number;
  readonly node: number;
  /** Node of all its pages; SPREAD: `nodeOfBlock` tells. */
  readonly pagesNode: number;
  readonly stripes: number;
  readonly stripeMask: number;
  readonly cells: number;
  readonly chunks: readonly ChunkPlan[];
  readonly chunksMutex: number;
  readonly lruListMutex: number;
  readonly freeListMutex: number;
  readonly flushStateMutex: number;
  readonly flushListMutex: number;
  /** By node, the first block there, or of the next node that has one: regions follow each other in the arena. */
  private readonly blocksFrom: readonly number[];

  constructor(mem: Int32Array, no: number, plan: InstancePlan, nStripes: number) {
    this.mem = mem;
    this.at = plan.at;
    this.no = no;
    this.node = plan.node;
    this.pagesNode = plan.chunks.every((c) => c.node === plan.node) ? plan.node : SPREAD;
    this.stripes = plan.stripes;
    this.stripeMask = nStripes - 1;
    this.cells = plan.cells;
    this.chunks = plan.chunks;
    this.chunksMutex = plan.at + BUF_POOL.at.chunksMutex;
    this.lruListMutex = plan.at + BUF_POOL.at.lruListMutex;
    this.freeListMutex = plan.at + BUF_POOL.at.freeListMutex;
    this.flushStateMutex = plan.at + BUF_POOL.at.flushStateMutex;
    this.flushListMutex = plan.at + BUF_POOL.at.flushListMutex;
    const nodes = 1 + Math.max(...plan.chunks.map((c) => c.node));
    this.blocksFrom = Array.from({ length: nodes }, (_, node) =>
      Math.min(...plan.chunks.filter((c) => c.node >= node).map((c) => c.blocks)),
    );
  }

  /** The node where a block of this instance and its frame lie. */
  nodeOfBlock(block: number): number {
    const { blocksFrom } = this;
    let node = blocksFrom.length - 1;
    while (node > 0 && block < blocksFrom[node]) node--;
    return node;
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
