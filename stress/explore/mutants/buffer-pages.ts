/** Seeded bugs of getting pages, reading them in, and taking them out (buffer.ts). */
import type { Mutant } from './types.ts';

const GET = 'src/buffer/get-page.ts';
const READ = 'src/buffer/read-page.ts';
const EVICT = 'src/buffer/evict.ts';

export const pageMutants: readonly Mutant[] = [
  // ---------------------------------------------------------------- getting a page
  {
    id: 'buf-fix-load-store',
    file: GET,
    find: `Atomics.add(mem, block + FIX_COUNT, 1);
    sxSReleased(`,
    replace: `Atomics.store(mem, block + FIX_COUNT, Atomics.load(mem, block + FIX_COUNT) + 1);
    sxSReleased(`,
    doc: 'the fix count is raised by a load and a store',
    scenarios: ['pool-two-hits', 'pool-latch-modes'],
    oracle: ['invariant', 'check', 'race'],
    row: 7,
  },
  {
    id: 'buf-fix-after-stripe',
    file: GET,
    find: `Atomics.add(mem, block + FIX_COUNT, 1);
    sxSReleased(mem, stripe, Atomics.add(mem, stripe, 1));`,
    replace: `sxSReleased(mem, stripe, Atomics.add(mem, stripe, 1));
    Atomics.add(mem, block + FIX_COUNT, 1);`,
    doc: 'the stripe is let go before the block is fixed',
    scenarios: ['pool-hit-evict', 'pool-fetch-evict'],
    oracle: ['check', 'exception', 'race', 'invariant'],
    row: 10,
  },
  {
    id: 'buf-stripe-s-over-x',
    file: GET,
    find: 'if (word <= 0 || Atomics.compareExchange(mem, stripe, word, word - 1) !== word) {',
    replace: 'if (Atomics.compareExchange(mem, stripe, word, word - 1) !== word) {',
    doc: 'a getter takes its stripe S although a writer holds or has reserved it',
    scenarios: ['pool-hit-evict', 'pool-two-misses'],
    oracle: ['race', 'exception', 'check', 'deadlock', 'invariant'],
  },
  {
    id: 'buf-frame-s-over-x',
    file: GET,
    find: 'if (frameWord <= 0 || Atomics.compareExchange(mem, frame, frameWord, frameWord - 1) !== frameWord) {',
    replace: 'if (Atomics.compareExchange(mem, frame, frameWord, frameWord - 1) !== frameWord) {',
    doc: 'a reader takes the frame latch S although a writer holds it',
    scenarios: ['pool-latch-modes', 'pool-flush-readers'],
    oracle: ['race', 'exception', 'check', 'deadlock'],
    row: 14,
  },
  {
    id: 'buf-version-not-checked',
    file: GET,
    find: 'if (mem[block + VERSION] !== VERSION_FAILED) return block;',
    replace: 'if (mem[block + VERSION] !== VERSION_FAILED || mode === FETCH.normal) return block;',
    doc: 'who waited for a read does not look whether it failed',
    scenarios: ['pool-read-fails', 'pool-read-fails-for-good'],
    oracle: ['exception', 'check', 'race'],
  },
  {
    id: 'buf-version-checked-early',
    file: GET,
    find: 'mtrMemoPush(thr, block, latch);\n    // The read',
    replace:
      'mtrMemoPush(thr, block, latch);\n    if (mem[block + IO_FIX_AT] === IO_FIX.none) return block;\n    // The read',
    doc: 'a page without I/O is taken for a good one',
    scenarios: ['pool-read-fails', 'pool-read-fails-for-good'],
    oracle: ['exception', 'check', 'race'],
  },
  {
    id: 'buf-no-wait-for-read',
    file: GET,
    find: 'if (mem[block + IO_FIX_AT] === IO_FIX.read) waitForRead(thr, block);',
    replace: '',
    doc: 'a getter that takes no frame latch does not wait for the read either',
    scenarios: ['pool-no-latch'],
    oracle: 'exception',
    row: 16,
  },
  {
    id: 'buf-peek-keeps-fix',
    file: GET,
    find: `Atomics.sub(mem, block + FIX_COUNT, 1);
      return NIL;`,
    replace: 'return NIL;',
    doc: 'a getter that does not want to wait for a read keeps its fix',
    scenarios: ['pool-peek'],
    oracle: 'check',
    row: 21,
  },
  {
    id: 'buf-first-access-unlatched',
    file: GET,
    find: `mutexEnter(thr, block + MUTEX_AT);
  if (thr.mem[block + ACCESS_TIME] === 0) thr.mem[block + ACCESS_TIME] = thr.nowTicks;
  mutexExit(thr, block + MUTEX_AT);`,
    replace: 'if (thr.mem[block + ACCESS_TIME] === 0) thr.mem[block + ACCESS_TIME] = thr.nowTicks;',
    doc: 'the first access is noted without the block mutex',
    scenarios: ['pool-first-access', 'pool-two-misses'],
    oracle: ['invariant', 'race'],
  },
  {
    id: 'buf-make-young-unlatched',
    file: GET,
    find: `mutexEnter(thr, inst.lruListMutex);
  lruMakeYoung(thr, inst, block);
  mutexExit(thr, inst.lruListMutex);`,
    replace: 'lruMakeYoung(thr, inst, block);',
    doc: 'a page is made young without lruListMutex',
    scenarios: ['pool-make-young'],
    oracle: ['exception', 'invariant', 'race'],
    row: 42,
  },
  {
    id: 'buf-absent-not-confirmed',
    file: GET,
    find: 'const moved = mem[inst.at + N_CELLS] !== nCells;',
    replace: 'const moved = false;',
    doc: 'a look-up that the cell count moved under counts as "not there"',
    scenarios: ['pool-confirm-hit'],
    oracle: ['exception', 'check'],
  },
  {
    id: 'buf-lookup-not-confirmed',
    file: GET,
    find: `if (mem[at + N_CELLS] === nCells) {
      block =`,
    replace: `if (nCells !== 0) {
      block =`,
    doc: 'a getter takes its guess under its old stripe although the cell count has moved',
    scenarios: ['pool-confirm-guess'],
    oracle: ['invariant', 'race', 'exception', 'check'],
  },

  // ---------------------------------------------------------------- reading a page in
  {
    id: 'buf-read-no-second-look',
    file: READ,
    find: 'if (hashFind(inst, space, pageNo) !== NIL) {',
    replace: 'if (block === NIL) {',
    doc: 'a miss inserts its page without looking whether another thread did',
    scenarios: ['pool-two-misses'],
    oracle: ['check', 'race', 'exception'],
    row: 15,
  },
  {
    id: 'buf-read-second-look-early',
    file: READ,
    find: `mutexEnter(thr, inst.lruListMutex);
  const stripe = stripeOf(inst, space, pageNo);
  sxXLock(thr, stripe);
  if (hashFind(inst, space, pageNo) !== NIL) {`,
    replace: `const there = hashFind(inst, space, pageNo) !== NIL;
  mutexEnter(thr, inst.lruListMutex);
  const stripe = stripeOf(inst, space, pageNo);
  sxXLock(thr, stripe);
  if (there) {`,
    doc: 'the second look comes before the latches that make it count',
    scenarios: ['pool-two-misses'],
    oracle: ['race', 'check', 'exception'],
    row: 43,
  },
  {
    id: 'buf-read-loser-keeps-block',
    file: READ,
    find: `freeBlock(thr, inst, block);
    return NIL;`,
    replace: 'return NIL;',
    doc: 'who finds that another thread was quicker forgets to give its free block back',
    scenarios: ['pool-two-misses'],
    oracle: 'check',
    row: 46,
  },
  {
    id: 'buf-read-loser-keeps-stripe',
    file: READ,
    find: `sxXUnlock(thr, stripe);
    freeBlock(`,
    replace: 'freeBlock(',
    doc: 'who finds that another thread was quicker keeps the stripe',
    scenarios: ['pool-two-misses'],
    oracle: ['exception', 'deadlock', 'check', 'lost-wakeup'],
    row: 46,
  },
  {
    id: 'buf-read-no-io-fix',
    file: READ,
    find: `mem[block + IO_FIX_AT] = IO_FIX.read;
  lruAdd(`,
    replace: 'lruAdd(',
    doc: 'a page that is being read has no io_fix: it can be evicted meanwhile',
    scenarios: ['pool-evict-read'],
    oracle: ['invariant', 'exception', 'race', 'check', 'deadlock'],
    row: 38,
  },
  {
    id: 'buf-read-frame-late',
    file: READ,
    find: `sxXLock(thr, block + LOCK, BUF_IO_READ);
  sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);`,
    replace: `sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);
  mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXLock(thr, block + LOCK, BUF_IO_READ);`,
    doc: 'a page is there for others before it is latched for its read',
    scenarios: ['pool-two-misses', 'pool-evict-read'],
    oracle: ['invariant', 'exception', 'race', 'check', 'deadlock'],
    row: 16,
  },
  {
    id: 'buf-read-done-unlatched',
    file: READ,
    find: `mutexEnter(thr, block + MUTEX_AT);
  mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);
  mutexExit(thr, block + MUTEX_AT);`,
    replace: `mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);`,
    doc: 'a read ends without the block mutex',
    scenarios: ['pool-two-misses'],
    oracle: ['invariant', 'race'],
  },
  {
    id: 'buf-read-done-before-content',
    file: READ,
    find: `const failure = pool.store.read(space, pageNo, mem[block + B.frame] * 4);`,
    replace: `mutexEnter(thr, block + MUTEX_AT);
  mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);
  mutexExit(thr, block + MUTEX_AT);
  const failure = pool.store.read(space, pageNo, mem[block + B.frame] * 4);
  sxXLock(thr, block + LOCK, BUF_IO_READ);`,
    doc: 'a page is handed out before its content is there',
    scenarios: ['pool-two-misses', 'pool-evict-read'],
    oracle: ['race', 'exception', 'invariant', 'check'],
    row: 39,
  },
  {
    id: 'buf-read-pending-load-store',
    file: READ,
    find: `Atomics.sub(mem, inst.at + N_PEND_READS, 1);
  mem[stat + PAGES_READ]++;`,
    replace: `Atomics.store(mem, inst.at + N_PEND_READS, Atomics.load(mem, inst.at + N_PEND_READS) - 1);
  mem[stat + PAGES_READ]++;`,
    doc: 'pending reads are counted down by a load and a store',
    scenarios: ['pool-evict-evict', 'pool-3-threads'],
    oracle: 'check',
    row: 24,
  },
  {
    id: 'buf-read-failed-no-mark',
    file: READ,
    find: 'mem[block + B.version] = VERSION_FAILED;',
    replace: '',
    doc: 'a read that failed leaves no mark for those who wait for the frame',
    scenarios: ['pool-read-fails', 'pool-read-fails-for-good'],
    oracle: ['exception', 'check'],
  },
  {
    id: 'buf-read-failed-frees-fixed',
    file: READ,
    find: 'const unused = Atomics.load(mem, block + FIX_COUNT) === 0;',
    replace: 'const unused = true;',
    doc: 'the block of a failed read is freed although others have it fixed',
    scenarios: ['pool-read-fails'],
    oracle: ['livelock', 'invariant', 'exception', 'check'],
    row: 49,
  },
  {
    id: 'buf-read-failed-keeps-frame',
    file: READ,
    find: `mem[block + IO_FIX_AT] = IO_FIX.none;
  sxXUnlock(thr, block + LOCK, BUF_IO_READ);
  Atomics.sub(`,
    replace: `mem[block + IO_FIX_AT] = IO_FIX.none;
  Atomics.sub(`,
    doc: 'a read that failed leaves the frame latched',
    scenarios: ['pool-read-fails', 'pool-read-fails-for-good'],
    oracle: ['livelock', 'deadlock', 'invariant', 'check', 'lost-wakeup', 'exception'],
    row: 46,
  },
  {
    id: 'buf-page-init-old-version',
    file: READ,
    find: 'mem[block + B.version] = spaceVersion(pool, space);',
    replace: '',
    doc: 'a block keeps the version of the page that it held before: the mark of a failed read goes on',
    scenarios: ['pool-stale-getters'],
    oracle: ['livelock', 'check', 'stuck'],
  },

  // ---------------------------------------------------------------- eviction
  {
    id: 'buf-evict-no-recheck-fix',
    file: EVICT,
    find: `if (!canRelocate(mem, block) || isDirty(mem, block)) {
    sxXUnlock(`,
    replace: `if (isDirty(mem, block)) {
    sxXUnlock(`,
    doc: 'eviction does not look at the fix count again under stripe X',
    scenarios: ['pool-hit-evict', 'pool-fetch-evict'],
    oracle: ['invariant', 'exception', 'race', 'check'],
    row: 9,
  },
  {
    id: 'buf-evict-no-recheck-dirty',
    file: EVICT,
    find: `if (!canRelocate(mem, block) || isDirty(mem, block)) {
    sxXUnlock(`,
    replace: `if (!canRelocate(mem, block)) {
    sxXUnlock(`,
    doc: 'eviction does not look again whether the page was changed meanwhile',
    scenarios: ['pool-change-evict', 'pool-hit-evict'],
    oracle: ['check', 'invariant', 'exception', 'race'],
    row: 12,
  },
  {
    id: 'buf-evict-ignores-io',
    file: EVICT,
    find: 'return mem[block + IO_FIX_AT] === IO_FIX.none && Atomics.load(mem, block + FIX_COUNT) === 0;',
    replace: 'return Atomics.load(mem, block + FIX_COUNT) === 0;',
    doc: 'a page in I/O can be evicted',
    scenarios: ['pool-evict-read'],
    oracle: ['invariant', 'exception', 'race', 'check', 'deadlock'],
    row: 41,
  },
  {
    id: 'buf-evict-ignores-fix',
    file: EVICT,
    find: 'return mem[block + IO_FIX_AT] === IO_FIX.none && Atomics.load(mem, block + FIX_COUNT) === 0;',
    replace: 'return mem[block + IO_FIX_AT] === IO_FIX.none;',
    doc: 'a fixed page can be evicted',
    scenarios: ['pool-hit-evict', 'pool-fetch-evict'],
    oracle: ['invariant', 'exception', 'race', 'check'],
  },
  {
    id: 'buf-evict-unhash-late',
    file: EVICT,
    find: `blockRemoveHashed(thr, pool, inst, block);
  sxXUnlock(thr, stripe);
  mutexExit(thr, block + MUTEX_AT);
  mutexExit(thr, inst.lruListMutex);`,
    replace: `sxXUnlock(thr, stripe);
  blockRemoveHashed(thr, pool, inst, block);
  mutexExit(thr, block + MUTEX_AT);
  mutexExit(thr, inst.lruListMutex);`,
    doc: 'the stripe is let go before the page is out of the page hash',
    scenarios: ['pool-hit-evict', 'pool-fetch-evict', 'pool-chain'],
    oracle: ['race', 'invariant', 'exception', 'check'],
    row: 40,
  },
  {
    id: 'buf-evict-stale-without-fix',
    file: EVICT,
    find: `Atomics.add(mem, block + FIX_COUNT, 1);
  sxSUnlock(thr, stripe);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(mem, block + FIX_COUNT, 1);`,
    replace: `sxSUnlock(thr, stripe);
  mutexEnter(thr, inst.lruListMutex);`,
    doc: 'a stale page is not fixed between its stripe and lruListMutex: another may have freed it',
    scenarios: ['pool-stale-getters', 'pool-drop-space'],
    oracle: ['exception', 'invariant', 'race', 'check'],
    row: 49,
  },
  {
    id: 'buf-evict-stale-latch-order',
    file: EVICT,
    find: `sxSUnlock(thr, stripe);
  mutexEnter(thr, inst.lruListMutex);
  Atomics.sub(`,
    replace: `mutexEnter(thr, inst.lruListMutex);
  sxSUnlock(thr, stripe);
  Atomics.sub(`,
    doc: 'lruListMutex is taken under a stripe, which is below it',
    scenarios: ['pool-stale-getters', 'pool-drop-space'],
    oracle: ['exception', 'latch-order', 'deadlock'],
    row: 45,
  },
  {
    id: 'buf-evict-stale-stays-dirty',
    file: EVICT,
    find: `if (isDirty(mem, block)) bufFlushRemove(thr, inst, block);`,
    replace: '',
    doc: 'a dirty page of a dropped space stays in the flush list, and can never be freed',
    scenarios: ['pool-batch-stale-walks', 'pool-drop-space'],
    oracle: ['livelock', 'check', 'stuck', 'invariant'],
  },
];
