/** Entry point of a thread of the buffer pool's torture test: a session with random gets and updates, or a page cleaner. */
import { parentPort, workerData } from 'node:worker_threads';
import { pageCleanerRun } from '../src/buffer/cleaner.ts';
import { bufPageGet } from '../src/buffer/get-page.ts';
import type { BufPool } from '../src/buffer/instance.ts';
import { mtrCommit, mtrReleaseAll, mtrSetModified } from '../src/buffer/mtr.ts';
import { attachPool, attachPoolThread, type SimplePoolPlan } from '../src/buffer/simple-pool.ts';
import { dropSpace } from '../src/buffer/stale.ts';
import { FETCH, type Fetch, RW } from '../src/buffer/states.ts';
import { BUF_BLOCK } from '../src/layout/buffer.ts';
import { RealClock } from '../src/layout/clock.ts';
import { ErrorLog } from '../src/layout/error-log.ts';
import { NIL } from '../src/layout/schema.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { raiseCounter, readCounter, TORN } from '../src/storage/counter-page.ts';
import { StorageError } from '../src/storage/errors.ts';
import { FileStore } from '../src/storage/page-store.ts';
import { Tablespace } from '../src/storage/tablespace.ts';
import { type Thread, THREAD_KIND } from '../src/sync/thread.ts';

export interface BufferTask {
  readonly role: 'session' | 'cleaner';
  readonly plan: SimplePoolPlan;
  readonly slot: number;
  readonly epochNs: bigint;
  /** Tablespace files; ids from 1. The last space is dropped now and then, so its updates are not counted. */
  readonly files: readonly string[];
  readonly pagesPerSpace: number;
  /** Updates by page, space-major. */
  readonly updates: Int32Array;
  readonly node: number;
}

export interface BufferResult {
  readonly ops: number;
  /** What was seen and must not be. */
  readonly bad: readonly string[];
  readonly log: readonly string[];
}

class Session {
  readonly bad: string[] = [];
  private readonly thr: Thread;
  private readonly pool: BufPool;
  private readonly task: BufferTask;

  constructor(thr: Thread, pool: BufPool, task: BufferTask) {
    this.thr = thr;
    this.pool = pool;
    this.task = task;
  }

  step(): void {
    const { thr, task } = this;
    thr.refreshNow();
    const space = 1 + thr.rng.below(task.files.length);
    // Squared, so that some pages are much in use.
    const pageNo = Math.floor(thr.rng.float() ** 2 * task.pagesPerSpace);
    const what = thr.rng.below(100);
    if (what < 40) this.look(space, pageNo, FETCH.normal);
    else if (what < 60) this.update(space, pageNo, what % 3 === 0);
    else if (what < 70) this.updateTwo(space, pageNo);
    else if (what < 78) this.look(space, pageNo, FETCH.peekIfInPool);
    else if (what < 86) this.look(space, pageNo, FETCH.ifInPool);
    else if (what < 92) this.look(space, pageNo, FETCH.scan);
    else if (what < 97) this.fixOnly(space, pageNo);
    else if (what < 99) this.outside(space);
    else if (thr.rng.below(10) === 0) dropSpace(this.pool, task.files.length);
    mtrReleaseAll(thr);
    thr.madeProgress();
  }

  private look(space: number, pageNo: number, mode: Fetch): void {
    const block = bufPageGet(this.thr, this.pool, space, pageNo, RW.s, mode);
    if (block !== NIL) this.check(block, space, pageNo);
  }

  private check(block: number, space: number, pageNo: number): void {
    const { mem } = this.thr;
    const B = BUF_BLOCK.at;
    if (mem[block + B.spaceId] !== space || mem[block + B.pageNo] !== pageNo) {
      this.bad.push(`asked for ${space}:${pageNo}, got ${mem[block + B.spaceId]}:${mem[block + B.pageNo]}`);
    }
    if (readCounter(mem, mem[block + B.frame]) === TORN) this.bad.push(`page ${space}:${pageNo} is torn`);
  }

  private update(space: number, pageNo: number, viaSx: boolean): void {
    const { thr, pool, task } = this;
    if (viaSx) bufPageGet(thr, pool, space, pageNo, RW.sx, FETCH.normal);
    // A stale page that this thread has fixed itself would never go away: one hold is enough in the last space.
    if (viaSx && space === task.files.length) mtrReleaseAll(thr);
    const block = bufPageGet(thr, pool, space, pageNo, RW.x, FETCH.normal);
    this.raise(block, space, pageNo);
    mtrCommit(thr, pool);
  }

  /** Two pages in one mini-transaction, latched in ascending order. */
  private updateTwo(space: number, pageNo: number): void {
    const { thr, pool, task } = this;
    const second = pageNo + 1 + thr.rng.below(5);
    this.raise(bufPageGet(thr, pool, space, pageNo, RW.x, FETCH.normal), space, pageNo);
    if (second < task.pagesPerSpace) {
      this.raise(bufPageGet(thr, pool, space, second, RW.x, FETCH.normal), space, second);
    }
    mtrCommit(thr, pool);
  }

  private raise(block: number, space: number, pageNo: number): void {
    this.check(block, space, pageNo);
    raiseCounter(this.thr.mem, this.thr.mem[block + BUF_BLOCK.at.frame]);
    mtrSetModified(this.thr);
    Atomics.add(this.task.updates, (space - 1) * this.task.pagesPerSpace + pageNo, 1);
  }

  private fixOnly(space: number, pageNo: number): void {
    const block = bufPageGet(this.thr, this.pool, space, pageNo, RW.none, FETCH.noLatch);
    const { mem } = this.thr;
    if (mem[block + BUF_BLOCK.at.pageNo] !== pageNo)
      this.bad.push(`fixed ${space}:${pageNo}, and it is another page`);
  }

  /** The same two pages outside the file for all, so that sessions wait for each other's failures. */
  private outside(space: number): void {
    try {
      bufPageGet(
        this.thr,
        this.pool,
        space,
        this.task.pagesPerSpace + this.thr.rng.below(2),
        RW.s,
        FETCH.normal,
      );
      this.bad.push('a page outside the file was found');
    } catch (error) {
      if (!(error instanceof StorageError) || error.code !== 'OUT_OF_BOUNDS') throw error;
    }
  }
}

function run(task: BufferTask): BufferResult {
  const { plan, slot } = task;
  const log = new ErrorLog();
  const files = task.files.map((path, i) => Tablespace.open(path, i + 1));
  const store = new FileStore(plan.buffer, files);
  const pool = attachPool(plan, store, log);
  const thr = attachPoolThread(plan, slot, new RealClock(task.epochNs), {
    checked: true,
    seed: slot + 1,
    node: task.node,
    kind: task.role === 'cleaner' ? THREAD_KIND.cleaner : THREAD_KIND.session,
  });
  const { control } = plan.runtime;
  Atomics.add(thr.mem, control + CONTROL.at.started, 1);
  Atomics.wait(thr.mem, control + CONTROL.at.go, 0);
  let ops = 0;
  const bad: string[] = [];
  try {
    if (task.role === 'cleaner') pageCleanerRun(thr, pool);
    else {
      const session = new Session(thr, pool, task);
      for (; !thr.stopping(); ops++) session.step();
      bad.push(...session.bad);
    }
  } catch (error) {
    bad.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  if (thr.heldCount !== 0) bad.push(`${thr.heldCount} latches held at the end`);
  store.sync();
  store.close();
  return { ops, bad: bad.slice(0, 5), log: log.lines.map((l) => l.text) };
}

parentPort?.postMessage(run(workerData as BufferTask));
