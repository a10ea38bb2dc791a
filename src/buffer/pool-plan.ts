/** Laying a buffer pool out in the arena, and making it: chunks, blocks, lists, stripes (facts B 1.5 to 1.7). */
import {
  BUF_BLOCK,
  BUF_POOL,
  CLEANER,
  LOG_SYS,
  PAGE_HASH_CELL,
  PAGE_HASH_STRIPE,
  POOL_STAT,
  RECENT_CLOSED_SLOT,
  SPACE,
} from '../layout/buffer.ts';
import type { ArenaPlanner } from '../layout/arena.ts';
import { WORD_BYTES } from '../layout/schema.ts';
import type { PoolPlacement } from '../numa/pool-placement.ts';
import { UNIV_PAGE_SIZE } from '../storage/page.ts';
import { eventInit } from '../sync/event.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { mutexInit } from '../sync/mutex.ts';
import { sxLockInit } from '../sync/sx-lock.ts';
import { freeListAppend } from './free-list.ts';
import {
  BLOCK_WORDS,
  type BufInstance,
  type BufPool,
  type BufPoolPlan,
  type ChunkPlan,
  type InstancePlan,
  type PoolGlobals,
  SPREAD,
} from './instance.ts';
import { LSN_UNIT, logSysInit, RECENT_CLOSED_BYTES } from './log-sys.ts';
import {
  type ChunkLayout,
  chunkLayout,
  findPrime,
  lruOldRatio,
  readAheadArea,
  youngMargin,
} from './sizes.ts';
import { FLUSH, STATE } from './states.ts';

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;
const PAGE_WORDS = UNIV_PAGE_SIZE / WORD_BYTES;
/** Bytes of a control block; 440 in MySQL 8.0.25. */
export const BLOCK_BYTES = BLOCK_WORDS * WORD_BYTES;

export interface BufPoolConfig {
  readonly instances: number;
  readonly nStripes: number;
  /** Bytes per chunk and chunks per instance; or, without frames, a bare number of blocks. */
  readonly chunks: { readonly bytes: number; readonly perInstance: number } | { readonly blocks: number };
  readonly oldBlocksPct: number;
  /** Spaces with ids below this can be dropped. */
  readonly nSpaces: number;
  readonly nThreads: number;
}

/** Places what is global; before any node is opened. */
export function planPoolGlobals(planner: ArenaPlanner, config: BufPoolConfig, nodes: number): PoolGlobals {
  const slots = RECENT_CLOSED_BYTES / LSN_UNIT;
  return {
    logSys: planner.place('log_sys', LOG_SYS),
    recentClosed: planner.place('log_sys.recent_closed', RECENT_CLOSED_SLOT, slots),
    recentClosedSlots: slots,
    spaces: planner.place('fil_system.spaces', SPACE, Math.max(1, config.nSpaces)),
    nSpaces: config.nSpaces,
    cleaners: planner.place('page_cleaner', CLEANER, nodes),
    nodes,
    stats: planner.place('buf_pool.stat', POOL_STAT, config.nThreads * config.instances),
  };
}

/** Chunks of one instance. */
export function chunksPerInstance({ chunks }: BufPoolConfig): number {
  return 'blocks' in chunks ? 1 : chunks.perInstance;
}

/**
 * Lays a pool out, region by region: an instance may have chunks on several nodes, and a region is complete before the
 * next is opened.
 */
export class PoolPlanner {
  private readonly planner: ArenaPlanner;
  private readonly config: BufPoolConfig;
  private readonly where: PoolPlacement;
  private readonly globals: PoolGlobals;
  private readonly heads: Omit<InstancePlan, 'chunks'>[] = [];
  private readonly chunks: ChunkPlan[][];

  /** Places what is global; before any node is opened. */
  constructor(planner: ArenaPlanner, config: BufPoolConfig, where: PoolPlacement, nodes: number) {
    this.planner = planner;
    this.config = config;
    this.where = where;
    this.globals = planPoolGlobals(planner, config, nodes);
    this.chunks = where.chunks.map(() => []);
  }

  /** Places what lies on the node whose region is open. */
  planNode(node: number): void {
    const { planner, config, where, heads, chunks } = this;
    for (const [no, nodes] of where.chunks.entries()) {
      const home = where.homes[no] === node;
      const head = home ? planHead(planner, config, no) : null;
      for (const [i, at] of nodes.entries()) {
        if (at === node) chunks[no][i] = planChunk(planner, config, no, i, node);
      }
      if (head !== null) heads[no] = { ...head, node, ...planCells(planner, config, no) };
    }
  }

  /** All nodes have been planned. */
  finish(): BufPoolPlan {
    const { globals, heads, chunks, config } = this;
    const instances = heads.map((head, no) => ({ ...head, chunks: chunks[no] }));
    return { ...globals, instances, nStripes: config.nStripes };
  }
}

/** Places one instance, all of it in the region of the node that is open. */
export function planInstance(
  planner: ArenaPlanner,
  config: BufPoolConfig,
  no: number,
  node: number,
): InstancePlan {
  const head = planHead(planner, config, no);
  const chunks = Array.from({ length: chunksPerInstance(config) }, (_, i) =>
    planChunk(planner, config, no, i, node),
  );
  return { ...head, node, ...planCells(planner, config, no), chunks };
}

const nameOf = (no: number): string => `buf_pool[${no}]`;

function planHead(
  planner: ArenaPlanner,
  config: BufPoolConfig,
  no: number,
): Pick<InstancePlan, 'at' | 'stripes'> {
  return {
    at: planner.place(nameOf(no), BUF_POOL),
    stripes: planner.place(`${nameOf(no)}.page_hash locks`, PAGE_HASH_STRIPE, config.nStripes),
  };
}

function planChunk(
  planner: ArenaPlanner,
  { chunks }: BufPoolConfig,
  no: number,
  i: number,
  node: number,
): ChunkPlan {
  const name = nameOf(no);
  if ('blocks' in chunks) {
    const size = chunks.blocks;
    return { node, blocks: planner.place(`${name}.blocks`, BUF_BLOCK, size), frame0: 0, size };
  }
  const shape = chunkShape(chunks.bytes);
  const base = planner.placeWords(
    `${name}.chunk[${i}]`,
    PAGE_WORDS,
    shape.bytes / UNIV_PAGE_SIZE,
    PAGE_WORDS,
    `${shape.size} control blocks (BufBlock), then as many frames of 16 KiB`,
  );
  return { node, blocks: base, frame0: base + shape.frame0 / WORD_BYTES, size: shape.size };
}

/** Page-aligned, so no frame is lost to rounding. */
function chunkShape(bytes: number): ChunkLayout {
  return chunkLayout({ memSize: bytes, blockBytes: BLOCK_BYTES, pageSize: UNIV_PAGE_SIZE, base: 0 });
}

function planCells(
  planner: ArenaPlanner,
  { chunks }: BufPoolConfig,
  no: number,
): Pick<InstancePlan, 'cells' | 'nCells'> {
  const pages = 'blocks' in chunks ? chunks.blocks : chunks.perInstance * chunkShape(chunks.bytes).size;
  const nCells = findPrime(2 * pages);
  return { cells: planner.place(`${nameOf(no)}.page_hash cells`, PAGE_HASH_CELL, nCells), nCells };
}

/** `buf_pool_init`: makes everything; the main thread, before any other exists. */
export function bufPoolInit(pool: BufPool, config: BufPoolConfig): void {
  for (const inst of pool.instances) instanceInit(pool, inst, config);
  const { mem, plan } = pool;
  mutexInit(mem, plan.logSys + LOG_SYS.at.snMutex, LATCH.logSn);
  mutexInit(mem, plan.logSys + LOG_SYS.at.closerMutex, LATCH.logCloser);
  logSysInit(pool);
  for (let node = 0; node < plan.nodes; node++) {
    eventInit(mem, plan.cleaners + node * CLEANER.words + CLEANER.at.flushEvent);
    eventInit(mem, plan.cleaners + node * CLEANER.words + CLEANER.at.tickEvent);
  }
}

/** `buf_pool_create` for one instance. */
function instanceInit(pool: BufPool, inst: BufInstance, config: BufPoolConfig): void {
  const { mem, at } = inst;
  mutexInit(mem, inst.chunksMutex, LATCH.chunks);
  mutexInit(mem, inst.lruListMutex, LATCH.lruList);
  mutexInit(mem, inst.freeListMutex, LATCH.freeList);
  mutexInit(mem, inst.flushStateMutex, LATCH.flushState);
  mutexInit(mem, inst.flushListMutex, LATCH.flushList);
  for (let i = 0; i < inst.nStripes; i++) sxLockInit(mem, inst.stripe(i), LATCH.pageHash);
  let pages = 0;
  for (const chunk of inst.chunks) {
    for (let i = 0; i < chunk.size; i++) {
      const block = chunk.blocks + i * BLOCK_WORDS;
      blockInit(mem, block, inst.no, chunk.frame0 === 0 ? 0 : chunk.frame0 + i * PAGE_WORDS);
    }
    pages += chunk.size;
  }
  fillFreeList(inst);
  const ratio = lruOldRatio(config.oldBlocksPct);
  mem[at + P.instanceNo] = inst.no;
  mem[at + P.node] = inst.node;
  mem[at + P.nCells] = pool.plan.instances[inst.no].nCells;
  mem[at + P.currSize] = pages;
  mem[at + P.oldSize] = pages;
  mem[at + P.lruOldRatio] = ratio;
  mem[at + P.youngMargin] = youngMargin(pages, ratio);
  mem[at + P.readAheadArea] = readAheadArea(pages);
  mem[at + P.tryLruScan] = 1;
  for (const type of Object.values(FLUSH)) eventInit(mem, at + P.noFlush + type, true);
}

/**
 * Chunk after chunk, as buf_chunk_init does. When they lie on several nodes, a block of each in turn: pages that come one
 * after the other come to different nodes then, as the kernel interleaves page by page.
 */
function fillFreeList(inst: BufInstance): void {
  const { chunks } = inst;
  const groups = inst.pagesNode === SPREAD ? [chunks] : chunks.map((chunk) => [chunk]);
  for (const group of groups) {
    const most = Math.max(...group.map(({ size }) => size));
    for (let i = 0; i < most; i++) {
      for (const { blocks, size } of group) if (i < size) freeListAppend(inst, blocks + i * BLOCK_WORDS);
    }
  }
}

/** `buf_block_init`. */
function blockInit(mem: Int32Array, block: number, instance: number, frame: number): void {
  sxLockInit(mem, block + B.lock, LATCH.frame);
  mutexInit(mem, block + B.mutex, LATCH.block);
  mem[block + B.state] = STATE.notUsed;
  mem[block + B.spaceId] = -1;
  mem[block + B.pageNo] = -1;
  mem[block + B.instance] = instance;
  mem[block + B.frame] = frame;
}
