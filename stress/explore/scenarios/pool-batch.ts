/** Flush batches: their start and end, who waits for them, and what happens when a write fails. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { BUF_POOL, CLEANER } from '../../../src/layout/buffer.ts';
import { CONTROL } from '../../../src/layout/thread.ts';
import { pageCleanerRun } from '../../../src/buffer/cleaner.ts';
import { wakePageCleaner } from '../../../src/buffer/cleaner-wake.ts';
import { bufFlushWaitBatchEnd } from '../../../src/buffer/flush-batch.ts';
import { dropSpace } from '../../../src/buffer/stale.ts';
import { FLUSH } from '../../../src/buffer/states.ts';
import { StorageError } from '../../../src/storage/errors.ts';
import { eventIsSet } from '../../../src/sync/event.ts';
import { must } from '../kit.ts';
import {
  changePage,
  checkPool,
  dirty,
  makePool,
  onPool,
  readPage,
  SPACE_ID,
  type TinyPool,
} from '../pool-kit.ts';
import { flushAll, flushSingle } from './pool-flush.ts';

const P = BUF_POOL.at;

/** Waits until no batch of the type runs and nothing of it is being written. */
function waitFor(ctx: Ctx<TinyPool>, type: number): void {
  bufFlushWaitBatchEnd(ctx.s.threads[ctx.id], ctx.s.inst, type);
}

/** A batch that may fail: pages written, −1 refused, −2 a page could not be written. */
function tryFlush(ctx: Ctx<TinyPool>): number {
  try {
    return flushAll(ctx);
  } catch (error) {
    if (error instanceof StorageError) return -2;
    throw error;
  }
}

function withDirty(blocks: number, threads: number, ...pages: number[]): TinyPool {
  const k = makePool({ blocks, pages: Math.max(blocks, 2), threads }, ...pages);
  dirty(k, ...pages);
  return k;
}

/** A thread that does something and then stops the page cleaner. */
function stopCleaner(ctx: Ctx<TinyPool>): void {
  const k = ctx.s;
  Atomics.store(k.mem, k.runtime.control + CONTROL.at.cleanerStop, 1);
  wakePageCleaner(k.pool, k.inst);
}

export const scenarios: readonly Scenario<TinyPool>[] = [
  {
    ...onPool,
    name: 'pool-batch-wait',
    doc: 'One thread runs a flush-list batch, another waits for its end: it is always told',
    setup: () => withDirty(2, 2, 0),
    threads: [flushAll, (ctx) => waitFor(ctx, FLUSH.list)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-batch-single-wait',
    doc: 'One thread writes a single page, another waits until nothing of that type is being written',
    setup: () => withDirty(2, 2, 0),
    threads: [flushSingle, (ctx) => waitFor(ctx, FLUSH.singlePage)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-batch-two-singles-wait',
    doc: 'Two single-page writes and one who waits for both',
    setup: () => withDirty(2, 3, 0, 1),
    threads: [flushSingle, flushSingle, (ctx) => waitFor(ctx, FLUSH.singlePage)],
  },
  {
    ...onPool,
    name: 'pool-batch-then-check',
    doc: 'Who waits for the end of the batch that it saw begin finds its page written',
    setup: () => withDirty(2, 2, 0),
    threads: [
      flushAll,
      (ctx) => {
        const { mem, inst, file } = ctx.s;
        if (eventIsSet(Atomics.load(mem, inst.at + P.noFlush + FLUSH.list))) return 'idle';
        waitFor(ctx, FLUSH.list);
        must(mem[file.writes] === 1, 'the batch has ended, its page is not written');
        return 'waited';
      },
    ],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-batch-stale',
    doc: 'The space is dropped while a batch writes a page of it, and somebody waits for the batch (facts B 15)',
    setup: () => withDirty(2, 3, 0),
    threads: [flushAll, (ctx) => dropSpace(ctx.s.pool, SPACE_ID), (ctx) => waitFor(ctx, FLUSH.list)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-batch-stale-single',
    doc: 'The space is dropped while a session writes a single page of it, and somebody waits for the write',
    setup: () => withDirty(2, 3, 0),
    threads: [flushSingle, (ctx) => dropSpace(ctx.s.pool, SPACE_ID), (ctx) => waitFor(ctx, FLUSH.singlePage)],
    exhaustive: true,
  },
  {
    ...onPool,
    name: 'pool-batch-stale-walks',
    doc: 'A batch and a getter both free a page of a dropped space',
    setup() {
      const k = withDirty(2, 2, 0, 1);
      dropSpace(k.pool, SPACE_ID);
      return k;
    },
    threads: [flushAll, (ctx) => readPage(ctx, 0)],
  },
  {
    ...onPool,
    name: 'pool-batch-write-fails',
    doc: 'A write of a batch fails: the page stays dirty and usable, the batch ends, who waits for it is told',
    setup() {
      const k = withDirty(2, 3, 0);
      k.mem[k.file.failWrites] = 1;
      return k;
    },
    threads: [
      (ctx) => [tryFlush(ctx), tryFlush(ctx)].join(),
      (ctx) => waitFor(ctx, FLUSH.list),
      (ctx) => changePage(ctx, 0),
    ],
    check(m, k, results) {
      checkPool(m, k);
      must(results[0] !== '-2,-1', 'a batch was refused although the one before it had failed');
    },
  },
  {
    ...onPool,
    name: 'pool-batch-cleaner',
    doc: 'The page cleaner writes everything out when it is told to end, whatever it was doing',
    setup: () => withDirty(2, 2, 0),
    threads: [
      (ctx) => pageCleanerRun(ctx.s.threads[ctx.id], ctx.s.pool),
      (ctx) => {
        changePage(ctx, 1);
        stopCleaner(ctx);
      },
    ],
    check(m, k) {
      checkPool(m, k);
      must(m[k.inst.at + P.flushLen] === 0, 'the page cleaner has ended and left dirty pages');
      must(
        m[k.pool.plan.cleaners + CLEANER.at.lateRounds] === 0,
        'a round was late although time stands still',
      );
    },
  },
];
