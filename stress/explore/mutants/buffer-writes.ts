/** Seeded bugs of writing pages, of batches, and of the search for a free block (buffer.ts). */
import type { Mutant } from './types.ts';

const FLUSH_PAGE = 'src/buffer/flush-page.ts';
const FLUSH_BATCH = 'src/buffer/flush-batch.ts';
const FREE_BLOCK = 'src/buffer/free-block.ts';

export const writeMutants: readonly Mutant[] = [
  // ---------------------------------------------------------------- writing a page
  {
    id: 'buf-write-without-sx',
    file: FLUSH_PAGE,
    find: `if (type === FLUSH.list) sxSxLock(thr, block + LOCK, BUF_IO_WRITE);
  const space = mem[block + SPACE_ID];
  const stale = isStale(pool, block);
  try {
    // Of a dropped space nothing is written any more (\`buf_page_free_stale_during_write\`).
    if (!stale)
      pool.store.write(space, mem[block + PAGE_NO], mem[block + FRAME] * 4, getU53(mem, block + NEWEST));`,
    replace: `const space = mem[block + SPACE_ID];
  const stale = isStale(pool, block);
  try {
    // Of a dropped space nothing is written any more (\`buf_page_free_stale_during_write\`).
    if (!stale)
      pool.store.write(space, mem[block + PAGE_NO], mem[block + FRAME] * 4, getU53(mem, block + NEWEST));
    if (type === FLUSH.list) sxSxLock(thr, block + LOCK, BUF_IO_WRITE);`,
    doc: 'a flush-list batch writes the page and latches it only then',
    scenarios: ['pool-flush-redirty', 'pool-flush-readers'],
    oracle: ['race', 'check'],
    row: 37,
  },
  {
    id: 'buf-write-no-io-fix',
    file: FLUSH_PAGE,
    find: 'mem[block + IO_FIX_AT] = IO_FIX.write;',
    replace: '',
    doc: 'a page that is being written has no io_fix',
    scenarios: ['pool-single-list', 'pool-flush-validate'],
    oracle: ['race', 'exception', 'invariant', 'check'],
    row: 38,
  },
  {
    id: 'buf-write-event-reset-late',
    file: FLUSH_PAGE,
    find: `if (mem[at + N_FLUSH + type] === 0) eventReset(mem, at + NO_FLUSH + type);
  mem[at + N_FLUSH + type]++;`,
    replace: `mem[at + N_FLUSH + type]++;
  if (mem[at + N_FLUSH + type] === 0) eventReset(mem, at + NO_FLUSH + type);`,
    doc: 'no_flush is reset after n_flush was raised, which is never',
    scenarios: ['pool-single-validate'],
    oracle: 'exception',
  },
  {
    id: 'buf-write-end-no-signal',
    file: FLUSH_PAGE,
    find: `flushSignalIfIdle(inst, type);
  mutexExit(thr, inst.flushStateMutex);
  sxSxUnlock(`,
    replace: `mutexExit(thr, inst.flushStateMutex);
  sxSxUnlock(`,
    doc: 'the last write of a type does not set no_flush (facts B 15)',
    scenarios: ['pool-batch-single-wait', 'pool-batch-stale-single'],
    oracle: ['lost-wakeup', 'deadlock', 'check'],
  },
  {
    id: 'buf-write-signal-too-soon',
    file: FLUSH_PAGE,
    find: 'if (mem[at + N_FLUSH + type] === 0 && mem[at + INIT_FLUSH + type] === 0)',
    replace: 'if (mem[at + N_FLUSH + type] === 0)',
    doc: 'no_flush is set between two pages of a batch',
    scenarios: ['pool-flush-validate'],
    oracle: ['exception', 'check'],
  },
  {
    id: 'buf-write-signal-any-type',
    file: FLUSH_PAGE,
    find: 'eventSet(mem, at + NO_FLUSH + type);\n}',
    replace: 'eventSet(mem, at + NO_FLUSH);\n}',
    doc: 'the end of a write is signalled to those who wait for another type',
    scenarios: ['pool-batch-wait', 'pool-batch-single-wait'],
    oracle: ['lost-wakeup', 'deadlock', 'check'],
    row: 31,
  },
  {
    id: 'buf-write-clean-second-section',
    file: FLUSH_PAGE,
    find: 'endWrite(thr, inst, block, type, true);',
    replace: `endWrite(thr, inst, block, type, false);
  mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, block + MUTEX_AT);
  if (isDirty(mem, block)) bufFlushRemove(thr, inst, block);`,
    doc: 'the dirty mark is cleared in a second section: a change made in between is lost',
    scenarios: ['pool-flush-redirty', 'pool-flush-redirty-twice', 'pool-flush-readers'],
    oracle: ['check', 'exception', 'invariant'],
    row: 22,
  },
  {
    id: 'buf-write-clean-before-write',
    file: FLUSH_PAGE,
    find: `if (oldest > getU53(mem, at + MAX_LSN_IO)) setU53(mem, at + MAX_LSN_IO, oldest);
  mutexExit(thr, inst.flushStateMutex);`,
    replace: `if (oldest > getU53(mem, at + MAX_LSN_IO)) setU53(mem, at + MAX_LSN_IO, oldest);
  bufFlushRemove(thr, inst, block);
  setU53(mem, block + OLDEST, 0);
  mutexExit(thr, inst.flushStateMutex);`,
    doc: 'a page is taken off the flush list before it is written',
    scenarios: ['pool-flush-redirty', 'pool-flush-validate'],
    oracle: ['check', 'exception', 'invariant', 'race'],
    row: 12,
  },
  {
    id: 'buf-write-keeps-lru-mutex',
    file: FLUSH_PAGE,
    find: 'if (type === FLUSH.singlePage) mutexExit(thr, inst.lruListMutex);',
    replace: '',
    doc: 'a single-page flush writes under lruListMutex',
    scenarios: ['pool-single-single', 'pool-free-dirty'],
    oracle: ['exception', 'latch-order', 'deadlock'],
    row: 45,
  },
  {
    id: 'buf-write-failed-keeps-page',
    file: FLUSH_PAGE,
    find: 'if (error instanceof StorageError) bufPageWriteFailed(thr, inst, block, type);',
    replace: '',
    doc: 'a write that failed leaves io_fix, n_flush and the frame latch as they were',
    scenarios: ['pool-batch-write-fails'],
    oracle: ['deadlock', 'lost-wakeup', 'check'],
    row: 46,
  },
  {
    id: 'buf-write-failed-is-clean',
    file: FLUSH_PAGE,
    find: 'endWrite(thr, inst, block, type, false);',
    replace: 'endWrite(thr, inst, block, type, true);',
    doc: 'a page whose write failed is taken for clean',
    scenarios: ['pool-batch-write-fails'],
    oracle: ['check', 'exception'],
    row: 12,
  },
  {
    id: 'buf-single-evicts-unlatched',
    file: FLUSH_PAGE,
    find: `if (evict) mutexEnter(thr, inst.lruListMutex);
  mutexEnter(thr, block + MUTEX_AT);`,
    replace: `mutexEnter(thr, block + MUTEX_AT);
  if (evict) mutexEnter(thr, inst.lruListMutex);`,
    doc: 'lruListMutex is taken under a block mutex',
    scenarios: ['pool-single-single', 'pool-single-change'],
    oracle: ['exception', 'latch-order', 'deadlock'],
    row: 45,
  },

  // ---------------------------------------------------------------- batches and the search for a free block
  {
    id: 'buf-batch-end-no-signal',
    file: FLUSH_BATCH,
    find: 'flushSignalIfIdle(inst, type);',
    replace: '',
    doc: 'the end of a batch does not set no_flush (facts B 15)',
    scenarios: ['pool-batch-wait', 'pool-batch-stale'],
    oracle: ['lost-wakeup', 'deadlock', 'check'],
    row: 32,
  },
  {
    id: 'buf-batch-end-signal-first',
    file: FLUSH_BATCH,
    find: `mem[at + INIT_FLUSH + type] = 0;
  Atomics.store(mem, at + TRY_LRU_SCAN, 1);
  flushSignalIfIdle(inst, type);`,
    replace: `flushSignalIfIdle(inst, type);
  mem[at + INIT_FLUSH + type] = 0;
  Atomics.store(mem, at + TRY_LRU_SCAN, 1);`,
    doc: 'the end of a batch is signalled before the batch has ended',
    scenarios: ['pool-batch-wait'],
    oracle: ['lost-wakeup', 'deadlock', 'check'],
    row: 32,
  },
  {
    id: 'buf-batch-failed-goes-on',
    file: FLUSH_BATCH,
    find: 'if (error instanceof StorageError) batchEnd(thr, inst, type);',
    replace: '',
    doc: 'a batch that could not write a page never ends',
    scenarios: ['pool-batch-write-fails'],
    oracle: ['lost-wakeup', 'deadlock', 'check'],
    row: 46,
  },
  {
    id: 'buf-batch-two-at-once',
    file: FLUSH_BATCH,
    find: 'const free = mem[at + N_FLUSH + type] === 0 && mem[at + INIT_FLUSH + type] === 0;',
    replace: 'const free = mem[at + N_FLUSH + type] === 0;',
    doc: 'a batch begins although one of its type is being set up',
    scenarios: ['pool-hp-batches'],
    oracle: ['invariant', 'check', 'race'],
  },
  {
    id: 'buf-batch-hint-trusted',
    file: FLUSH_BATCH,
    find: `isReadyForFlush(mem, block);
  if (wanted`,
    replace: `true;
  if (wanted`,
    doc: 'what a walk of the flush list saw is not tested again under the block mutex',
    scenarios: ['pool-single-list', 'pool-hp-flush'],
    oracle: ['exception', 'race', 'check', 'invariant', 'deadlock'],
  },
  {
    id: 'buf-batch-block-under-list',
    file: FLUSH_BATCH,
    find: `if (isReadyForFlush(mem, block)) {
      const space = mem[block + SPACE_ID];
      const pageNo = mem[block + PAGE_NO];
      mutexExit(thr, inst.flushListMutex);`,
    replace: `mutexEnter(thr, block + MUTEX_AT);
    const ready = isReadyForFlush(mem, block);
    mutexExit(thr, block + MUTEX_AT);
    if (ready) {
      const space = mem[block + SPACE_ID];
      const pageNo = mem[block + PAGE_NO];
      mutexExit(thr, inst.flushListMutex);`,
    doc: 'a walk of the flush list takes block mutexes, which are above flushListMutex',
    scenarios: ['pool-flush-redirty', 'pool-single-list'],
    oracle: ['exception', 'latch-order', 'deadlock'],
    row: 13,
  },
  {
    id: 'buf-batch-stale-without-fix',
    file: FLUSH_BATCH,
    find: `Atomics.add(mem, block + FIX_COUNT, 1);
  mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);`,
    replace: `mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, inst.lruListMutex);`,
    doc: 'a batch does not fix a stale page before it frees it: another may have',
    scenarios: ['pool-batch-stale-walks'],
    oracle: ['exception', 'invariant', 'race', 'check'],
    row: 49,
  },
  {
    id: 'buf-batch-stale-double-unfix',
    file: FLUSH_BATCH,
    find: `Atomics.add(mem, block + FIX_COUNT, 1);
  mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);`,
    replace: `mutexExit(thr, block + MUTEX_AT);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);`,
    doc: 'a stale page is unfixed although it was not fixed',
    scenarios: ['pool-batch-stale-walks'],
    oracle: ['invariant', 'check', 'exception'],
    row: 23,
  },
  {
    id: 'buf-batch-lru-wrong-latch',
    file: FLUSH_BATCH,
    find: `mutexExit(thr, block + MUTEX_AT);
        mutexExit(thr, inst.lruListMutex);
        count +=`,
    replace: `mutexExit(thr, block + MUTEX_AT);
        count +=`,
    doc: 'the LRU batch writes under lruListMutex',
    scenarios: ['pool-hp-lru', 'pool-lru-list'],
    oracle: ['exception', 'latch-order', 'deadlock'],
    row: 45,
  },
  {
    id: 'buf-scan-keeps-lru-mutex',
    file: FREE_BLOCK,
    find: `mem[stat + SCANNED] += scanned;
  mutexExit(thr, inst.lruListMutex);`,
    replace: 'mem[stat + SCANNED] += scanned;',
    doc: 'a scan that freed nothing keeps lruListMutex',
    scenarios: ['pool-free-dirty', 'pool-hp-scan'],
    oracle: ['exception', 'deadlock', 'check'],
    row: 46,
  },
  {
    id: 'buf-free-search-no-write',
    file: FREE_BLOCK,
    find: 'if (!bufFlushSinglePageFromLru(thr, pool, inst)) flushFailures++;',
    replace: 'flushFailures++;',
    doc: 'a search for a free block writes no page: it waits for a page cleaner for ever',
    scenarios: ['pool-free-dirty'],
    oracle: ['livelock', 'stuck'],
  },
];
