/**
 * The other side of the bill: every object is really asked for, from the allocator that the server asks, on the
 * simulated memory of a node, and what it took is read from the allocators' own books. Nothing is written into the
 * objects but the zeros of aligned_memory, so memory that only has to be there costs nothing.
 */
import { allocateArena, ArenaPlanner, MAX_ARENA_BYTES } from '../layout/arena.ts';
import { RealClock, VirtualClock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { ALIGNED_MEMORY, UT_NEW_PFX } from '../layout/headers.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import { mallocWalk } from '../memory/heap/malloc.ts';
import { nodeMemoryInit, nodeMemoryPlan } from '../memory/os/node-memory.ts';
import { OS_PAGE_BYTES } from '../memory/os/os-memory.ts';
import { osTlbReach, type TlbReach } from '../memory/os/os-tlb.ts';
import { Psi, psiAttach, psiInit, psiPlan } from '../memory/psi/psi.ts';
import { MEM_KEY } from '../memory/psi/psi-keys.ts';
import {
  OutOfMemoryFatal,
  PFX_BYTES,
  UtAllocator,
  utAllocate,
  utDeallocate,
  utSizeOf,
} from '../memory/ut/ut-allocator.ts';
import { utAllocateLarge, utDeallocateLarge } from '../memory/ut/ut-large.ts';
import { attachThread, planRuntime, runtimeInit } from '../sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../sync/thread.ts';
import { type BillItem, LOG_BLOCK_BYTES } from './objects.ts';
import type { MemEnv } from '../memory/env.ts';
import { alignedAllocate, alignedFree } from '../memory/ut/aligned.ts';
import { utLibrary, type UtLibrary } from '../memory/ut/ut-entry.ts';
import { utSite } from '../memory/ut/ut-keys.ts';

/** What the objects of one kind really took, bytes. */
export interface Measured {
  /** What the instrument was charged: the objects with headers, and rounding that the caller knows of. */
  readonly tracked: number;
  /** What the heap or the operating system gave: size classes and whole pages. */
  readonly allocated: number;
}

export interface MeasuredBill {
  /** By item, in order. */
  readonly items: readonly Measured[];
  /** Bytes of pages that the operating system had mapped at most. */
  readonly peakMapped: number;
  /** How often memory had to be given back in between, because all of it at once does not fit the arena. */
  readonly passes: number;
  /** How far address translation reaches over what was mapped in the end. */
  readonly tlb: readonly TlbReach[];
}

/** Beside the objects: pages of the heap that are not full, and bookkeeping. */
const SLACK_BYTES = 2 ** 24;
/** All at once, as far as that: beyond it objects are freed when memory runs out, and the rest follows. */
const MOST_BYTES = 1.5 * 2 ** 30;
/** Share of the arena that books of the heap take. */
const BOOKS = 0.75;

/** An object that fits no arena. */
export class BillTooLarge extends Error {
  readonly item: BillItem;
  /** Bytes that an object may have. */
  readonly most: number;

  constructor(item: BillItem, most: number) {
    super(`${item.object}: one object of ${item.bytes} bytes is more than the ${most} that an arena has`);
    this.name = 'BillTooLarge';
    this.item = item;
    this.most = most;
  }
}

/**
 * Allocates everything.
 * @param largePageBytes size of the huge pages that large memory comes in; 0: large_pages is off
 * @param onProgress called now and then with objects done, of how many
 * @param mostBytes memory for objects at a time, unless one needs more
 * @throws BillTooLarge
 */
export function measureBill(
  items: readonly BillItem[],
  largePageBytes = 0,
  onProgress: (done: number, total: number) => void = () => undefined,
  mostBytes: number = MOST_BYTES,
): MeasuredBill {
  const most = Math.floor(MAX_ARENA_BYTES * BOOKS) - SLACK_BYTES;
  const largest = items.reduce((a, b) => (b.bytes > a.bytes ? b : a));
  if (largest.bytes > most) throw new BillTooLarge(largest, most);
  const all = items.reduce((sum, item) => sum + item.count * roundedUp(item.bytes, largePageBytes), 0);
  const bytes = Math.min(all, Math.max(roundedUp(largest.bytes, largePageBytes), mostBytes)) + SLACK_BYTES;
  const bill = new Bill(bytes, items, largePageBytes);
  const total = items.reduce((sum, item) => sum + item.count, 0);
  let done = 0;
  const measured = items.map((item) =>
    bill.take(item, () => {
      done++;
      if (done % TOLD_EVERY === 0 || done === total) onProgress(done, total);
    }),
  );
  return { items: measured, peakMapped: bill.peakMapped, passes: bill.passes, tlb: bill.tlb() };
}

const TOLD_EVERY = 10_000;
/** Where the server asks for the log buffer. */
const LOG_SITE = utSite('log0log.cc', 1);

/** More than a size class or a page adds. */
const roundedUp = (bytes: number, page: number): number =>
  bytes < OS_PAGE_BYTES ? 2 * (bytes + PFX_BYTES) : bytes + 2 * Math.max(page, OS_PAGE_BYTES);

/** A node with memory for the bill, and what is allocated on it at the moment. */
class Bill {
  passes = 1;
  private readonly mem: Int32Array;
  private readonly thr: Thread;
  private readonly os: number;
  private readonly alloc: UtAllocator;
  /** UT_NEW_PFX records of the large objects, which the caller holds. */
  private readonly pfx: number;
  private readonly largePageBytes: number;
  private readonly large: number[] = [];
  private readonly blocks: number[] = [];
  private readonly ut: UtLibrary;
  /** ALIGNED_MEMORY records of the aligned objects, and how many hold one. */
  private readonly holders: number;
  private nHeld = 0;

  constructor(bytes: number, items: readonly BillItem[], largePageBytes: number) {
    this.largePageBytes = largePageBytes;
    const planner = new ArenaPlanner();
    const large = items.filter((item) => item.source === 'large');
    const nLarge = large.reduce((n, item) => n + item.count, 0);
    // Huge pages for as many as fit, at least for one of each; the rest of the arena is for all else.
    const pages = (item: BillItem): number => Math.ceil(item.bytes / largePageBytes);
    const wanted = large.reduce((n, item) => n + item.count * pages(item), 0);
    const least = Math.max(0, ...large.map(pages));
    const huge = Math.max(least, Math.min(wanted, Math.floor(bytes / largePageBytes)));
    const hugeBytes = largePageBytes === 0 ? 0 : huge * largePageBytes;
    const runtime = planRuntime(planner, 1);
    const psi = psiPlan(planner, 1);
    this.pfx = planner.place('pfx', UT_NEW_PFX, Math.max(1, nLarge));
    const nAligned = items.reduce((n, item) => (item.source === 'aligned' ? n + item.count : n), 0);
    this.holders = planner.place('aligned', ALIGNED_MEMORY, Math.max(1, nAligned));
    planner.openNode();
    const node = nodeMemoryPlan(planner, {
      bytes: Math.max(SLACK_BYTES, bytes - hugeBytes),
      nThreads: 1,
      ...(hugeBytes > 0 && { hugePages: { [largePageBytes]: huge }, largePageBytes }),
    });
    const buffer = allocateArena(planner.finish());
    this.mem = new Int32Array(buffer);
    runtimeInit(this.mem, runtime, new VirtualClock());
    psiInit(this.mem, psi);
    nodeMemoryInit(this.mem, node);
    this.thr = attachThread(this.mem, runtime, {
      slot: 0,
      kind: THREAD_KIND.main,
      clock: new RealClock(process.hrtime.bigint()),
    });
    const service = new Psi(psi);
    psiAttach(this.thr, service);
    this.os = node.at;
    const env: MemEnv = {
      os: node.at,
      allOs: [node.at],
      psi: service,
      sleepClock: new VirtualClock(),
      log: new ErrorLog(),
    };
    this.alloc = new UtAllocator(env).setOomNotFatal();
    this.ut = utLibrary(env);
  }

  /** Allocates all objects of a kind, and keeps them unless memory runs out. @returns what they took together */
  take(item: BillItem, onObject: () => void): Measured {
    let tracked = 0;
    let allocated = 0;
    let before = this.given();
    for (let left = item.count; left > 0;) {
      const bytes = this.one(item);
      if (bytes > 0) {
        tracked += bytes;
        left--;
        onObject();
        continue;
      }
      if (this.blocks.length + this.large.length + this.nHeld === 0)
        throw new BillTooLarge(item, this.areaBytes);
      allocated += this.given() - before;
      this.giveBack();
      this.passes++;
      before = 0;
    }
    return { tracked, allocated: allocated + this.given() - before };
  }

  /** One object. @returns the bytes that its instrument was charged; 0: there is no memory */
  private one({ source, bytes, key }: BillItem): number {
    const { thr, mem, alloc } = this;
    if (source === 'large') {
      const pfx = this.pfx + this.large.length * UT_NEW_PFX.words;
      const at = utAllocateLarge(thr, alloc, bytes, MEM_KEY[key], pfx);
      if (at === NIL) return 0;
      const took = getU53(mem, pfx + UT_NEW_PFX.at.size);
      if (this.largePageBytes > 0 && took % this.largePageBytes !== 0) {
        // No huge page is left, and it came in normal ones: first give the others back.
        utDeallocateLarge(thr, alloc, at, pfx);
        return 0;
      }
      this.large.push(at);
      return took;
    }
    if (source === 'aligned') return this.oneAligned(bytes);
    const at = utAllocate(thr, alloc, bytes, MEM_KEY[key], false, false);
    if (at === NIL) return 0;
    this.blocks.push(at);
    return utSizeOf(mem, at);
  }

  private oneAligned(bytes: number): number {
    const { thr, mem, ut } = this;
    const holder = this.holders + this.nHeld * ALIGNED_MEMORY.words;
    try {
      alignedAllocate(thr, ut, holder, bytes, LOG_BLOCK_BYTES, LOG_SITE);
    } catch (error) {
      // What ends a server is here only the end of a pass.
      if (error instanceof OutOfMemoryFatal) return 0;
      throw error;
    }
    this.nHeld++;
    return utSizeOf(mem, mem[holder + ALIGNED_MEMORY.at.memory]);
  }

  /** Bytes that heap and operating system have given, by their own books. */
  private given(): number {
    const { mem, os } = this;
    const heap = mallocWalk(mem, os).reduce((sum, block) => sum + block.bytes, 0);
    return heap + getU53(mem, os + OS_MEMORY.at.mappedBytes);
  }

  private giveBack(): void {
    const { thr, alloc } = this;
    for (const at of this.blocks) utDeallocate(thr, alloc, at);
    this.large.forEach((at, i) => {
      utDeallocateLarge(thr, alloc, at, this.pfx + i * UT_NEW_PFX.words);
    });
    for (; this.nHeld > 0; this.nHeld--) {
      alignedFree(thr, this.ut, this.holders + (this.nHeld - 1) * ALIGNED_MEMORY.words, LOG_SITE);
    }
    this.blocks.length = 0;
    this.large.length = 0;
  }

  private get areaBytes(): number {
    return this.mem[this.os + OS_MEMORY.at.pages] * OS_PAGE_BYTES;
  }

  tlb(): TlbReach[] {
    return osTlbReach(this.mem, [this.os]);
  }

  get peakMapped(): number {
    return getU53(this.mem, this.os + OS_MEMORY.at.peak);
  }
}
