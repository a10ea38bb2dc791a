/**
 * What the tests of this folder share: a small checked pool over files in memory that count, and fail on demand.
 * Hooks run in the middle of an operation, where another thread would come in.
 */
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { VirtualClock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import { StorageError } from '../storage/errors.ts';
import { UNIV_PAGE_SIZE } from '../storage/page.ts';
import type { PageStore } from '../storage/page-store.ts';
import type { SysvarValues } from '../sync/runtime.ts';
import type { Thread } from '../sync/thread.ts';
import { bufPageGet } from './get-page.ts';
import type { BufInstance, BufPool, BufPoolPlan } from './instance.ts';
import { mtrCommit, mtrReleaseLast, mtrSetModified } from './mtr.ts';
import { stripeOf } from './page-hash.ts';
import { attachPool, attachPoolThread, makeSimplePool, type SimplePoolPlan } from './simple-pool.ts';
import { FETCH, type Fetch, RW, type Rw } from './states.ts';
import { validateInstance } from './validate.ts';

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;
/** Word of a frame that the tests count in. */
const COUNTER_WORD = 16;

/** Files in memory. A page that was never written is made up when it is first read. */
export class MemStore implements PageStore {
  readonly bytes: Uint8Array;
  readonly disk = new Map<string, Uint8Array>();
  /** Pages read and written, in order, as `space:page`. */
  readonly reads: string[] = [];
  readonly writes: string[] = [];
  readonly lsns: number[] = [];
  /** Called before the transfer; a StorageError given back is the outcome. */
  onRead: (page: string, frame: number) => StorageError | null = () => null;
  onWrite: (page: string, frame: number) => StorageError | null = () => null;

  constructor(buffer: SharedArrayBuffer) {
    this.bytes = new Uint8Array(buffer);
  }

  read(space: number, pageNo: number, frame: number): StorageError | null {
    const page = `${space >>> 0}:${pageNo >>> 0}`;
    this.reads.push(page);
    const failure = this.onRead(page, frame);
    if (failure !== null) return failure;
    if (frame !== 0) this.bytes.set(this.pageOf(page), frame);
    return null;
  }

  write(space: number, pageNo: number, frame: number, lsn: number): void {
    const page = `${space >>> 0}:${pageNo >>> 0}`;
    this.writes.push(page);
    this.lsns.push(lsn);
    const failure = this.onWrite(page, frame);
    if (failure !== null) throw failure;
    if (frame !== 0) this.disk.set(page, this.bytes.slice(frame, frame + UNIV_PAGE_SIZE));
  }

  /** What the file holds. */
  pageOf(page: string): Uint8Array {
    let content = this.disk.get(page);
    if (content === undefined) {
      content = new Uint8Array(UNIV_PAGE_SIZE);
      const [space, pageNo] = page.split(':').map(Number);
      const view = new DataView(content.buffer);
      view.setUint32(4, pageNo);
      view.setUint32(34, space);
      this.disk.set(page, content);
    }
    return content;
  }

  counterOf(page: string): number {
    const content = this.pageOf(page);
    return new DataView(content.buffer, content.byteOffset).getInt32(COUNTER_WORD * 4, true);
  }
}

export const shortRead = (page: string): StorageError =>
  new StorageError('SHORT_READ', 'mem.ibd', Number(page.split(':')[1]), 'the file ends inside the page', {
    retryable: true,
  });
export const corrupt = (page: string): StorageError =>
  new StorageError('PAGE_NUMBER', 'mem.ibd', Number(page.split(':')[1]), 'it says that it is page 99');
export const diskFull = (page: string): StorageError =>
  new StorageError(
    'NO_SPACE',
    'mem.ibd',
    Number(page.split(':')[1]),
    'cannot write: no space left on the device',
  );

/** A virtual clock that lets a test act while somebody sleeps. */
export class HookClock extends VirtualClock {
  onSleep: (us: number) => void = () => undefined;

  override sleepUs(us: number): void {
    super.sleepUs(us);
    this.onSleep(us);
  }
}

export interface KitOptions {
  /** Per instance. Default 64. */
  readonly blocks?: number;
  /** Default true. */
  readonly frames?: boolean;
  readonly instances?: number;
  readonly stripes?: number;
  readonly nodes?: number;
  readonly oldBlocksPct?: number;
  readonly sysvars?: SysvarValues;
  /** Slots of recent_closed, instead of 2 MiB worth of LSN. */
  readonly recentClosedSlots?: number;
}

const THREADS = 4;

/** A pool with everything that a test wants to reach. `thr` is thread 1; `inst` instance 0. */
export class PoolKit {
  readonly clock = new HookClock(1000);
  readonly log = new ErrorLog();
  readonly plan: SimplePoolPlan;
  readonly store: MemStore;
  readonly pool: BufPool;
  readonly inst: BufInstance;
  readonly mem: Int32Array;
  readonly thr: Thread;

  constructor(o: KitOptions = {}) {
    const blocks = o.blocks ?? 64;
    const made = makeSimplePool({
      clock: this.clock,
      ...(o.nodes !== undefined && { nodes: o.nodes }),
      ...(o.sysvars !== undefined && { sysvars: o.sysvars }),
      config: {
        instances: o.instances ?? 1,
        nStripes: o.stripes ?? 4,
        chunks: o.frames === false ? { blocks } : { bytes: blocks * UNIV_PAGE_SIZE, perInstance: 1 },
        oldBlocksPct: o.oldBlocksPct ?? 37,
        nSpaces: 8,
        nThreads: THREADS,
      },
    });
    const pool: BufPoolPlan = {
      ...made.pool,
      recentClosedSlots: o.recentClosedSlots ?? made.pool.recentClosedSlots,
    };
    this.plan = { ...made, pool };
    this.store = new MemStore(made.buffer);
    this.pool = attachPool(this.plan, this.store, this.log);
    this.inst = this.pool.instances[0];
    this.mem = this.pool.mem;
    this.thr = this.thread(0);
  }

  /** Another thread of the run, played by the same JavaScript thread: it must not come to wait. */
  thread(slot: number, node = 0): Thread {
    return attachPoolThread(this.plan, slot, this.clock, { checked: true, node });
  }

  get(pageNo: number, latch: Rw = RW.s, mode: Fetch = FETCH.normal, thr = this.thr, space = 1): number {
    return bufPageGet(thr, this.pool, space, pageNo, latch, mode);
  }

  /** Gets pages and lets them go; returns the block of the last. */
  touch(...pages: number[]): number {
    let block = NIL;
    for (const pageNo of pages) {
      block = this.get(pageNo);
      mtrReleaseLast(this.thr);
    }
    return block;
  }

  /** Adds 1 to a page's counter under X; returns the block. The mini-transaction stays open. */
  change(pageNo: number, thr = this.thr, space = 1): number {
    const block = this.get(pageNo, RW.x, FETCH.normal, thr, space);
    const frame = this.mem[block + B.frame];
    if (frame !== 0) this.mem[frame + COUNTER_WORD]++;
    mtrSetModified(thr);
    return block;
  }

  /** Changes pages, each in a mini-transaction of its own; returns the block of the last. */
  dirty(...pages: number[]): number {
    let block = NIL;
    for (const pageNo of pages) {
      block = this.change(pageNo);
      mtrCommit(this.thr, this.pool);
    }
    return block;
  }

  /** Pages 0 … n − 1, in this order. */
  fill(n: number): void {
    for (let p = 0; p < n; p++) this.touch(p);
  }

  /** A page's word of the control block, or of the instance. */
  of(block: number, field: keyof typeof B): number {
    return this.mem[block + B[field]];
  }

  val(field: keyof typeof P, index = 0): number {
    return this.mem[this.inst.at + P[field] + index];
  }

  set(field: keyof typeof P, value: number, index = 0): void {
    this.mem[this.inst.at + P[field] + index] = value;
  }

  stat(field: keyof typeof POOL_STAT.at, thr = this.thr): number {
    return this.mem[thr.poolStats + POOL_STAT.at[field]];
  }

  oldest(block: number): number {
    return getU53(this.mem, block + B.oldestModification);
  }

  counter(block: number): number {
    return this.mem[this.of(block, 'frame') + COUNTER_WORD];
  }

  stripe(pageNo: number, space = 1): number {
    return stripeOf(this.inst, space, pageNo);
  }

  /** The block of a page, found by looking at all of them. */
  find(pageNo: number, space = 1): number {
    return (
      this.blocks().find((b) => this.of(b, 'pageNo') === pageNo && this.of(b, 'spaceId') === space) ?? NIL
    );
  }

  blocks(): number[] {
    return this.inst.chunks.flatMap((c) =>
      Array.from({ length: c.size }, (_, i) => c.blocks + i * BUF_BLOCK.words),
    );
  }

  /** Blocks of a list, from the head. */
  list(which: 'lru' | 'free' | 'flush'): number[] {
    const out: number[] = [];
    const next = which === 'lru' ? B.lruNext : B.listNext;
    for (let b = this.val(`${which}First`); b !== NIL; b = this.mem[b + next]) out.push(b);
    return out;
  }

  /** Page numbers of a list, from the head. */
  pages(which: 'lru' | 'flush'): number[] {
    return this.list(which).map((b) => this.of(b, 'pageNo'));
  }

  /** What the validator says about all instances; [] is well. */
  findings(quiescent = true): string[] {
    return this.pool.instances.flatMap((inst) => validateInstance(this.thr, this.pool, inst, quiescent));
  }

  /** How many latches the thread holds, and how many pages. */
  holding(thr = this.thr): [latches: number, pages: number] {
    return [thr.heldCount, thr.memoCount];
  }
}
