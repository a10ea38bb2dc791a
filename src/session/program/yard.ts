/**
 * A thread at work in the yard: it allocates, grows, checks and frees in every allocator at random, leaves blocks for
 * others and frees what others have left. Each block carries marks, so that a second owner is found at once.
 */
import { BufPageSource } from '../../buffer/block-alloc.ts';
import type { BufPool } from '../../buffer/instance.ts';
import { UT_NEW_PFX } from '../../layout/headers.ts';
import { EXCHANGE_SLOT } from '../../layout/yard.ts';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { NIL } from '../../layout/schema.ts';
import { defragStep } from '../../memory/movable/defragmenter.ts';
import type { MemEnv } from '../../memory/env.ts';
import { memHeapAlloc } from '../../memory/mem-heap/mem-heap.ts';
import { memHeapCreate, memHeapFree } from '../../memory/mem-heap/mem-heap-block.ts';
import { MEM_HEAP, MemHeapEnv } from '../../memory/mem-heap/mem-heap-env.ts';
import { UtBlocks } from '../../memory/mem-heap/mem-heap-source.ts';
import { memHeapEmpty, memHeapFreeTop } from '../../memory/mem-heap/mem-heap-stack.ts';
import { memHeapValidate } from '../../memory/mem-heap/mem-heap-check.ts';
import { MemPool } from '../../memory/old/mem-pool.ts';
import { memRootAlloc } from '../../memory/mem-root/mem-root.ts';
import { memRootClear, memRootClearForReuse } from '../../memory/mem-root/mem-root-blocks.ts';
import { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { memRootInit } from '../../memory/mem-root/mem-root-state.ts';
import { MovableHeap } from '../../memory/movable/movable-plan.ts';
import { MyEnv } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { here } from '../../memory/ut/site.ts';
import { UtAllocator } from '../../memory/ut/ut-allocator.ts';
import { utLibrary } from '../../memory/ut/ut-entry.ts';
import { utAllocateLarge, utDeallocateLarge } from '../../memory/ut/ut-large.ts';
import type { Thread } from '../../sync/thread.ts';
import { type Blocks, blocksOf, LEAST_BYTES } from './yard-blocks.ts';
import { KINDS, type YardPlan } from './yard-plan.ts';

/** Random operations of one statement. */
const OPERATIONS = 16;
/** Blocks of a kind that a thread keeps, and heaps. */
const MOST_LIVE = 48;
const MOST_HEAPS = 4;
const MOST_IN_HEAP = 64;
/** Sizes are drawn so that each power of two is as likely as the next: 2^4 to 2^14 bytes, now and then 2^17. */
const SIZE_BITS = 11;
const LARGE_BITS = 14;
const LARGE_ONE_IN = 200;
const ROOT_MOST_BYTES = 2000;
/** A step holds the movable heap's mutex for long: more would only make the others wait for it. */
const DEFRAG_ONE_IN = 8;
const SITE = { heap: here(), root: here() } as const;

interface Heap {
  readonly at: number;
  /** Sizes of its buffers, the last on top. */
  readonly sizes: number[];
}

export interface YardOf {
  readonly thr: Thread;
  readonly env: MemEnv;
  /** For blocks that need no fatal end. */
  readonly alloc: UtAllocator;
  readonly pool: BufPool;
  readonly plan: YardPlan;
  /** From 0. */
  readonly thread: number;
  readonly threads: number;
}

/** One per thread. Holds the names of its own blocks. */
export class Yard {
  /** Requests that were refused: a fault, a limit, no memory. */
  refused = 0;
  private readonly o: YardOf;
  private readonly kinds: readonly Blocks[];
  private readonly live: number[][] = KINDS.map(() => []);
  private readonly heapEnv: MemHeapEnv;
  private readonly rootEnv: MemRootEnv;
  private readonly root: number;
  private readonly movable: MovableHeap;
  private readonly heaps: Heap[] = [];
  private readonly largePfx: number;
  private large: number = NIL;

  constructor(o: YardOf) {
    const { thr, env, alloc, plan, thread } = o;
    const { mem } = thr;
    this.o = o;
    this.movable = new MovableHeap(plan.movable, env.psi);
    const low = { at: plan.utMem, env };
    const all = blocksOf({
      thr,
      env,
      ut: utLibrary(env),
      my: new MyEnv(env),
      low,
      pool: new MemPool(mem, plan.memPool, low),
      movable: this.movable,
      special: plan.special.at,
      specialPools: plan.special.pools.length,
    });
    this.kinds = KINDS.map((kind) => all[kind]);
    this.heapEnv = new MemHeapEnv(env, {
      checked: thr.checked,
      blocks: new UtBlocks(alloc),
      pages: new BufPageSource(o.pool),
    });
    this.rootEnv = new MemRootEnv({ ...env, checked: thr.checked });
    this.root = plan.roots + thread * MEM_ROOT.words;
    this.largePfx = plan.largePfx + thread * UT_NEW_PFX.words;
    memRootInit(mem, this.root, MEM_KEY.thdMainMemRoot);
  }

  /** One statement; the thread counts for itself, as blocks stay with it. @throws MemoryCorruption and what else no run survives */
  statement(): void {
    const { rng } = this.o.thr;
    for (let i = 0; i < OPERATIONS; i++) {
      const what = rng.below(KINDS.length + 3);
      if (what < KINDS.length) this.useBlocks(what);
      else if (what === KINDS.length) this.useHeap();
      else if (what === KINDS.length + 1) this.useRoot();
      else if (rng.below(DEFRAG_ONE_IN) > 0) this.useLarge();
      else defragStep(this.o.thr, this.movable);
    }
  }

  /** Frees all that the thread still has, and what nobody has taken from its places. All have done their last statement. */
  close(): void {
    const { thr, plan, thread, threads, alloc } = this.o;
    this.kinds.forEach((blocks, kind) => {
      for (const block of this.live[kind].splice(0)) this.drop(blocks, block);
      for (let place = thread; place < plan.slotsPerKind; place += threads) {
        const left = Atomics.exchange(thr.mem, this.slot(kind, place), NIL);
        if (left === NIL) continue;
        blocks.adopt?.(left);
        this.drop(blocks, left);
      }
    });
    for (const heap of this.heaps.splice(0)) this.freeHeap(heap);
    memRootClear(thr, this.rootEnv, this.root, SITE.root);
    if (this.large !== NIL) utDeallocateLarge(thr, alloc, this.large, this.largePfx);
    this.large = NIL;
  }

  private slot(kind: number, place: number): number {
    const { slots, slotsPerKind } = this.o.plan;
    return slots + (kind * slotsPerKind + place) * EXCHANGE_SLOT.words;
  }

  private size(): number {
    const { rng } = this.o.thr;
    const bits = rng.below(LARGE_ONE_IN) === 0 ? LARGE_BITS : rng.below(SIZE_BITS);
    return Math.max(LEAST_BYTES, 16 << bits) - (rng.below(8 << bits) & ~3);
  }

  private useBlocks(kind: number): void {
    const { rng } = this.o.thr;
    const blocks = this.kinds[kind];
    const live = this.live[kind];
    const full = live.length >= MOST_LIVE;
    const what = rng.below(16);
    if (live.length === 0 || (!full && what < 7)) this.take(blocks, live);
    else if (what < 12) this.drop(blocks, takeAny(live, rng.below(live.length)));
    else if (what < 14) this.exchange(kind, blocks, live);
    else if (blocks.resize === undefined) blocks.check(live[rng.below(live.length)]);
    else {
      const i = rng.below(live.length);
      const grown = blocks.resize(live[i], this.size());
      if (grown === NIL) this.refused++;
      else live[i] = grown;
    }
  }

  private take(blocks: Blocks, live: number[]): void {
    const block = blocks.take(this.size());
    if (block === NIL) this.refused++;
    else live.push(block);
  }

  private drop(blocks: Blocks, block: number): void {
    blocks.check(block);
    blocks.give(block);
  }

  /** Leaves a block in some place, and has from then on what was there. */
  private exchange(kind: number, blocks: Blocks, live: number[]): void {
    const { thr, plan } = this.o;
    const i = thr.rng.below(live.length);
    blocks.leave?.(live[i]);
    const got = Atomics.exchange(thr.mem, this.slot(kind, thr.rng.below(plan.slotsPerKind)), live[i]);
    if (got === NIL) {
      takeAny(live, i);
      return;
    }
    blocks.adopt?.(got);
    blocks.check(got);
    live[i] = got;
  }

  private useHeap(): void {
    const { thr } = this.o;
    const { rng } = thr;
    const { heaps, heapEnv } = this;
    if (heaps.length < MOST_HEAPS) {
      const type = rng.below(3) === 0 ? MEM_HEAP.buffer : MEM_HEAP.dynamic;
      heaps.push({ at: memHeapCreate(thr, heapEnv, rng.below(200), type, SITE.heap), sizes: [] });
      return;
    }
    const i = rng.below(heaps.length);
    const heap = heaps[i];
    const what = rng.below(16);
    if (what < 10 && heap.sizes.length < MOST_IN_HEAP) {
      const n = Math.min(this.size(), 6000);
      memHeapAlloc(thr, heapEnv, heap.at, n, SITE.heap);
      heap.sizes.push(n);
    } else if (what < 13 && heap.sizes.length > 0) {
      memHeapFreeTop(thr, heapEnv, heap.at, heap.sizes.pop() ?? 0, SITE.heap);
    } else if (what < 15) {
      memHeapEmpty(thr, heapEnv, heap.at, SITE.heap);
      heap.sizes.length = 0;
    } else this.freeHeap(takeAny(heaps, i));
  }

  private freeHeap(heap: Heap): void {
    const { thr } = this.o;
    const [defect] = memHeapValidate(thr, this.heapEnv, heap.at);
    if (defect !== undefined) throw new Error(`mem_heap @${heap.at}: ${defect}`);
    memHeapFree(thr, this.heapEnv, heap.at, SITE.heap);
  }

  private useRoot(): void {
    const { thr } = this.o;
    const { root, rootEnv } = this;
    const what = thr.rng.below(64);
    if (what === 0) memRootClear(thr, rootEnv, root, SITE.root);
    else if (what < 4) memRootClearForReuse(thr, rootEnv, root, SITE.root);
    else if (memRootAlloc(thr, rootEnv, root, thr.rng.below(ROOT_MOST_BYTES), SITE.root) === NIL)
      this.refused++;
  }

  private useLarge(): void {
    const { thr, alloc } = this.o;
    if (this.large !== NIL) {
      utDeallocateLarge(thr, alloc, this.large, this.largePfx);
      this.large = NIL;
      return;
    }
    this.large = utAllocateLarge(
      thr,
      alloc,
      1 + thr.rng.below(256 * 1024),
      MEM_KEY.bufBufPool,
      this.largePfx,
    );
    if (this.large === NIL) this.refused++;
  }
}

function takeAny<T>(from: T[], i: number): T {
  const taken = from[i];
  from[i] = from[from.length - 1];
  from.pop();
  return taken;
}
