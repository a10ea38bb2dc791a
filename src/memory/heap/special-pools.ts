/**
 * Special pools: memory for one purpose (temporary tables, sorts, connections), taken from the tiered allocator, each
 * pool with a limit and with statistics of its own. The limit is exact whoever asks at the same time: bytes are reserved
 * before the heap is asked, and given back when it has none. A pool belongs to all nodes; its blocks lie on the node
 * that the caller names.
 */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { POOL_NAME_WORDS, SPECIAL_POOL, SPECIAL_POOL_PFX } from '../../layout/special-pool.ts';
import type { Thread } from '../../sync/thread.ts';
import { corruption } from '../ut/corruption.ts';
import { free, heapBlockBytes, malloc, mallocWalk, osOwning } from './malloc.ts';
import { originAlloc, originFree } from '../ut/origin.ts';
import { KEY_NONE } from '../psi/psi-keys.ts';
import { type AllocSite, NO_SITE } from '../ut/site.ts';

const { limit: LIMIT, inUse: IN_USE, peak: PEAK, allocs: ALLOCS, frees: FREES } = SPECIAL_POOL.at;
const { refused: REFUSED, failed: FAILED, name: NAME } = SPECIAL_POOL.at;
const { pool: POOL, magic: MAGIC, bytes: BYTES } = SPECIAL_POOL_PFX.at;

/** Bytes in front of each block; they count. */
export const POOL_PFX_BYTES = SPECIAL_POOL_PFX.words * WORD_BYTES;
/** `pool`, as a word. */
export const POOL_MAGIC = 0x6c6f6f70;
const PFX_WORDS = SPECIAL_POOL_PFX.words;
const NAME_BYTES = (POOL_NAME_WORDS - 1) * WORD_BYTES;
/** An arena holds no more, so no pool needs a larger limit. */
const MAX_BYTES = 2 ** 32 - 1;
const MIB = 2 ** 20;

export interface SpecialPoolOptions {
  /** In ASCII, at most 28 letters. */
  readonly name: string;
  /** Bytes in use at most, headers of 32 bytes included; no limit when absent. */
  readonly limitBytes?: number;
}

/** The pools of a server. */
export const SPECIAL_POOLS: readonly SpecialPoolOptions[] = [
  { name: 'TEMPORARY_TABLE', limitBytes: 1024 * MIB },
  { name: 'SORT', limitBytes: 256 * MIB },
  { name: 'CONNECTION', limitBytes: 64 * MIB },
];

/** Where they lie; plain data. */
export interface SpecialPoolsPlan {
  readonly at: number;
  readonly pools: readonly SpecialPoolOptions[];
}

/** Places the pools. @throws RangeError when two have one name, or a name does not fit */
export function specialPoolsPlan(
  planner: ArenaPlanner,
  pools: readonly SpecialPoolOptions[] = SPECIAL_POOLS,
): SpecialPoolsPlan {
  for (const { name } of pools) {
    if (!/^[!-~]+$/.test(name) || name.length > NAME_BYTES)
      throw new RangeError(`"${name}" is no name of a pool`);
  }
  if (new Set(pools.map((p) => p.name)).size < pools.length)
    throw new RangeError('two pools have the same name');
  return { at: planner.place('special_pools', SPECIAL_POOL, Math.max(1, pools.length)), pools };
}

/** Makes them, empty; before they are shared. */
export function specialPoolsInit(mem: Int32Array, plan: SpecialPoolsPlan): void {
  plan.pools.forEach(({ name, limitBytes }, i) => {
    const pool = plan.at + i * SPECIAL_POOL.words;
    mem.fill(0, pool, pool + SPECIAL_POOL.words);
    mem[pool + LIMIT] = Math.min(limitBytes ?? MAX_BYTES, MAX_BYTES) | 0;
    const bytes = new Uint8Array(mem.buffer, (pool + NAME) * WORD_BYTES, NAME_BYTES);
    for (let c = 0; c < name.length; c++) bytes[c] = name.charCodeAt(c);
  });
}

/** SPECIAL_POOL record by name. @throws RangeError when there is none */
export function specialPool(plan: SpecialPoolsPlan, name: string): number {
  const i = plan.pools.findIndex((p) => p.name === name);
  if (i < 0) throw new RangeError(`no pool is called ${name}`);
  return plan.at + i * SPECIAL_POOL.words;
}

/**
 * Takes a block of a pool on the node of `os`. Holds no latch of its own; see malloc.
 * @returns its address, 16-byte aligned, contents undefined; NIL: the limit would be passed, or there is no memory
 */
export function poolAlloc(
  thr: Thread,
  os: number,
  pool: number,
  bytes: number,
  site: AllocSite = NO_SITE,
): number {
  const { mem } = thr;
  const total = bytes + POOL_PFX_BYTES;
  if (!reserve(mem, pool, total)) {
    Atomics.add(mem, pool + REFUSED, 1);
    return NIL;
  }
  const block = malloc(thr, os, total, HEAP_TAG.pool);
  if (block === NIL) {
    Atomics.sub(mem, pool + IN_USE, total);
    Atomics.add(mem, pool + FAILED, 1);
    return NIL;
  }
  Atomics.add(mem, pool + ALLOCS, 1);
  mem[block + POOL] = pool;
  mem[block + MAGIC] = POOL_MAGIC;
  mem[block + BYTES] = total;
  originAlloc(thr, os, block, KEY_NONE, total, site);
  return block + PFX_WORDS;
}

/** Adds to what is in use, unless that would pass the limit. */
function reserve(mem: Int32Array, pool: number, bytes: number): boolean {
  for (;;) {
    const used = Atomics.load(mem, pool + IN_USE);
    const wanted = (used >>> 0) + bytes;
    if (wanted > Atomics.load(mem, pool + LIMIT) >>> 0) return false;
    if (Atomics.compareExchange(mem, pool + IN_USE, used, wanted | 0) === used) {
      raisePeak(mem, pool, wanted);
      return true;
    }
  }
}

function raisePeak(mem: Int32Array, pool: number, bytes: number): void {
  for (;;) {
    const peak = Atomics.load(mem, pool + PEAK);
    if (bytes <= peak >>> 0) return;
    if (Atomics.compareExchange(mem, pool + PEAK, peak, bytes | 0) === peak) return;
  }
}

/**
 * Gives a block back to its pool; NIL does nothing. Any thread may do it.
 * @param allOs OS_MEMORY records of all nodes
 * @throws MemoryCorruption when it is no live block of this pool; nothing is changed then
 */
export function poolFree(
  thr: Thread,
  allOs: readonly number[],
  pool: number,
  p: number,
  site: AllocSite = NO_SITE,
): void {
  if (p === NIL) return;
  const { mem } = thr;
  const block = p - PFX_WORDS;
  const os = osOwning(mem, allOs, block);
  checkBlock(thr, os, pool, block);
  // Read before the block is free: the next owner may overwrite it at once.
  const total = mem[block + BYTES];
  originFree(thr, os, block, site);
  free(thr, os, block, HEAP_TAG.pool);
  Atomics.add(mem, pool + FREES, 1);
  Atomics.sub(mem, pool + IN_USE, total);
}

function checkBlock(thr: Thread, os: number, pool: number, block: number): void {
  const { mem } = thr;
  const at = block + PFX_WORDS;
  const report = (what: string, detail: string): Error =>
    corruption(mem, os, block, { what, call: 'pool_free', at, detail, thr });
  if (os === NIL) throw report('foreign address', 'the address is outside the memory of all nodes');
  const bytes = heapBlockBytes(thr, os, block, HEAP_TAG.pool, 'pool_free');
  if (mem[block + MAGIC] !== POOL_MAGIC) throw report('overwritten magic', `expected ${POOL_MAGIC}`);
  if (mem[block + POOL] !== pool) {
    const [theirs, ours] = [mem[block + POOL], pool].map((which) => poolName(mem, which));
    throw report('wrong allocator', `a block of the pool ${theirs}, freed into ${ours}`);
  }
  const counted = mem[block + BYTES] >>> 0;
  if (counted < POOL_PFX_BYTES || counted > bytes) {
    throw report('overwritten header', `${counted} bytes in a block of ${bytes}`);
  }
}

/** Changes a pool's limit, for requests from now on. What is in use stays. */
export function poolSetLimit(mem: Int32Array, pool: number, limitBytes: number): void {
  Atomics.store(mem, pool + LIMIT, Math.min(limitBytes, MAX_BYTES) | 0);
}

/** The name of a pool, from the arena. */
export function poolName(mem: Int32Array, pool: number): string {
  let name = '';
  for (let i = 0; i < NAME_BYTES; i++) {
    const code = (mem[pool + NAME + (i >> 2)] >>> ((i & 3) * 8)) & 0xff;
    if (code === 0) break;
    name += String.fromCharCode(code);
  }
  return name;
}

export interface PoolStats {
  readonly name: string;
  readonly limitBytes: number;
  readonly inUseBytes: number;
  readonly peakBytes: number;
  readonly allocs: number;
  readonly frees: number;
  /** Requests that the limit refused; that the heap had no memory for. */
  readonly refused: number;
  readonly failed: number;
}

/** What a pool has to say; exact at rest. */
export function poolStats(mem: Int32Array, pool: number): PoolStats {
  const word = (field: number): number => mem[pool + field] >>> 0;
  return {
    name: poolName(mem, pool),
    limitBytes: word(LIMIT),
    inUseBytes: word(IN_USE),
    peakBytes: word(PEAK),
    allocs: word(ALLOCS),
    frees: word(FREES),
    refused: word(REFUSED),
    failed: word(FAILED),
  };
}

/** Compares the pools with the blocks that live in them, at rest. One sentence per defect. */
export function poolDefects(mem: Int32Array, allOs: readonly number[], plan: SpecialPoolsPlan): string[] {
  const found: string[] = [];
  const live = new Map<number, { blocks: number; bytes: number }>();
  for (const os of allOs) {
    for (const { at, tag } of mallocWalk(mem, os)) {
      if (tag !== HEAP_TAG.pool) continue;
      const sum = live.get(mem[at + POOL]) ?? { blocks: 0, bytes: 0 };
      live.set(mem[at + POOL], sum);
      sum.blocks++;
      sum.bytes += mem[at + BYTES] >>> 0;
    }
  }
  for (const { name } of plan.pools) {
    const pool = specialPool(plan, name);
    const { inUseBytes, peakBytes, limitBytes, allocs, frees } = poolStats(mem, pool);
    const { blocks, bytes } = live.get(pool) ?? { blocks: 0, bytes: 0 };
    live.delete(pool);
    if (bytes !== inUseBytes) found.push(`pool ${name}: ${bytes} bytes live, ${inUseBytes} counted`);
    if (blocks !== (allocs - frees) >>> 0) {
      found.push(`pool ${name}: ${blocks} blocks live, ${allocs} allocated, ${frees} freed`);
    }
    if (peakBytes < inUseBytes) found.push(`pool ${name}: a peak of ${peakBytes}, with ${inUseBytes} in use`);
    if (bytes > limitBytes) found.push(`pool ${name}: ${bytes} bytes live, the limit is ${limitBytes}`);
  }
  for (const pool of live.keys()) found.push(`blocks of a pool @${pool} that does not exist`);
  return found;
}
