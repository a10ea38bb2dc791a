/** Seeded bugs of the pool's lists, its page hash, and mini-transactions (buffer.ts). */
import type { Mutant } from './types.ts';

const FLUSH_BATCH = 'src/buffer/flush-batch.ts';
const FLUSH_LIST = 'src/buffer/flush-list.ts';
const FREE_LIST = 'src/buffer/free-list.ts';
const HASH = 'src/buffer/page-hash.ts';
const LOG = 'src/buffer/log-sys.ts';
const LRU = 'src/buffer/lru.ts';
const MTR = 'src/buffer/mtr.ts';

export const listMutants: readonly Mutant[] = [
  // ---------------------------------------------------------------- lists
  {
    id: 'buf-lru-hp-stays',
    file: LRU,
    find: 'if (mem[at + LRU_HP] === block) mem[at + LRU_HP] = prev;',
    replace: '',
    doc: 'the hazard pointer of the LRU batch is not moved off a block that is taken out',
    scenarios: ['pool-hp-lru'],
    oracle: ['invariant', 'check', 'race', 'exception'],
  },
  {
    id: 'buf-lru-scan-itr-stays',
    file: LRU,
    find: 'if (mem[at + SCAN_ITR] === block) mem[at + SCAN_ITR] = prev;',
    replace: '',
    doc: 'the iterator of eviction scans is not moved off a block that is taken out',
    scenarios: ['pool-hp-scan'],
    oracle: ['invariant', 'check', 'race', 'exception'],
  },
  {
    id: 'buf-lru-single-itr-stays',
    file: LRU,
    find: 'if (mem[at + SINGLE_ITR] === block) mem[at + SINGLE_ITR] = prev;',
    replace: '',
    doc: 'the iterator of single-page flushes is not moved off a block that is taken out',
    scenarios: ['pool-hp-single'],
    oracle: ['invariant', 'check', 'race', 'exception'],
  },
  {
    id: 'buf-lru-hp-not-used',
    file: FLUSH_BATCH,
    find: 'block = mem[at + LRU_HP];',
    replace: 'block = mem[block + LRU_PREV];',
    doc: 'the LRU batch goes on from the page that it has let go of',
    scenarios: ['pool-hp-lru'],
    oracle: ['check', 'race', 'exception', 'invariant'],
  },
  {
    id: 'buf-lru-old-not-lowered',
    file: LRU,
    find: 'if (wasOld) mem[at + OLD_LEN]--;',
    replace: '',
    doc: 'an old page that is taken out still counts in the old sublist',
    scenarios: ['pool-old-sublist'],
    oracle: 'check',
  },
  {
    id: 'buf-free-pop-unlatched',
    file: FREE_LIST,
    find: `mutexEnter(thr, inst.freeListMutex);
  const block = mem[at + LIST];
  if (block !== NIL) listRemove(mem, at + LIST, LINKS, block);
  mutexExit(thr, inst.freeListMutex);`,
    replace: `const block = mem[at + LIST];
  if (block !== NIL) listRemove(mem, at + LIST, LINKS, block);`,
    doc: 'a block is taken from the free list without freeListMutex',
    scenarios: ['pool-free-list', 'pool-two-misses'],
    oracle: ['invariant', 'race', 'exception', 'check'],
    row: 11,
  },
  {
    id: 'buf-free-look-before-latch',
    file: FREE_LIST,
    find: `mutexEnter(thr, inst.freeListMutex);
  const block = mem[at + LIST];`,
    replace: `const block = mem[at + LIST];
  mutexEnter(thr, inst.freeListMutex);`,
    doc: 'the head of the free list is read before freeListMutex is taken',
    scenarios: ['pool-free-list', 'pool-two-misses'],
    oracle: ['race', 'exception', 'check'],
    row: 11,
  },
  {
    id: 'buf-free-state-late',
    file: FREE_LIST,
    find: `setState(inst.mem, block, STATE.notUsed);
  freeListPush(thr, inst, block);`,
    replace: `freeListPush(thr, inst, block);
  setState(inst.mem, block, STATE.notUsed);`,
    doc: 'a block is in the free list before it is NOT_USED',
    scenarios: ['pool-free-list', 'pool-evict-evict'],
    oracle: ['exception', 'race', 'check'],
  },
  {
    id: 'buf-hash-s-not-confirmed',
    file: HASH,
    find: `sxSLock(thr, stripe);
    if (inst.mem[inst.at + N_CELLS] === nCells) return stripe;`,
    replace: `sxSLock(thr, stripe);
    if (nCells !== 0) return stripe;`,
    doc: 'a stripe is not confirmed: its page may belong to another by now',
    scenarios: ['pool-confirm-flush'],
    oracle: ['race', 'exception', 'check'],
  },

  // ---------------------------------------------------------------- mini-transactions, flush list, log
  {
    id: 'buf-mtr-unfix-early',
    file: MTR,
    find: `const latch = entry & LATCH_MASK;
  if (latch === RW.s) sxSUnlock(thr, block + LOCK);
  else if (latch === RW.x) sxXUnlock(thr, block + LOCK);
  else if (latch === RW.sx) sxSxUnlock(thr, block + LOCK);
  Atomics.sub(thr.mem, block + FIX_COUNT, 1);`,
    replace: `const latch = entry & LATCH_MASK;
  Atomics.sub(thr.mem, block + FIX_COUNT, 1);
  if (latch === RW.s) sxSUnlock(thr, block + LOCK);
  else if (latch === RW.x) sxXUnlock(thr, block + LOCK);
  else if (latch === RW.sx) sxSxUnlock(thr, block + LOCK);`,
    doc: 'a page is unfixed before its latch is let go',
    scenarios: ['pool-hit-evict', 'pool-fetch-evict'],
    oracle: ['invariant', 'race', 'exception', 'deadlock'],
    row: 8,
  },
  {
    id: 'buf-mtr-forgets-first',
    file: MTR,
    find: 'for (let i = count - 1; i >= 0; i--) {',
    replace: 'for (let i = count - 1; i > 0; i--) {',
    doc: 'the page fixed first is changed but never made dirty',
    scenarios: ['pool-change-evict', 'pool-flush-redirty'],
    oracle: ['check', 'exception', 'invariant'],
    row: 12,
  },
  {
    id: 'buf-mtr-closed-early',
    file: MTR,
    find: `recentClosedWaitForSpace(thr, pool, start);
    for (let i = count - 1; i >= 0; i--) {
      const entry = mem[thr.memo + i];
      if ((entry & MODIFIED) === 0) continue;
      bufFlushNoteModification(thr, pool, entry & ~ENTRY_MASK, start, end);
      mem[thr.memo + i] = entry & ~MODIFIED;
    }
    recentClosedAdd(thr, pool, start, end);`,
    replace: `recentClosedWaitForSpace(thr, pool, start);
    recentClosedAdd(thr, pool, start, end);
    for (let i = count - 1; i >= 0; i--) {
      const entry = mem[thr.memo + i];
      if ((entry & MODIFIED) === 0) continue;
      bufFlushNoteModification(thr, pool, entry & ~ENTRY_MASK, start, end);
      mem[thr.memo + i] = entry & ~MODIFIED;
    }`,
    doc: 'an LSN range is closed before its pages are in the flush list',
    scenarios: ['pool-commits', 'pool-commit-closed'],
    oracle: 'invariant',
    row: 36,
  },
  {
    id: 'buf-mtr-no-room-check',
    file: MTR,
    find: 'recentClosedWaitForSpace(thr, pool, start);',
    replace: '',
    doc: 'a commit does not wait until recent_closed has room for it',
    scenarios: ['pool-commit-full'],
    oracle: ['check', 'invariant', 'race', 'livelock'],
    row: 36,
  },
  {
    id: 'buf-flush-note-unlatched',
    file: FLUSH_LIST,
    find: `mutexEnter(thr, block + MUTEX_AT);
  setU53(mem, block + NEWEST, endLsn);
  if (getU53(mem, block + OLDEST) === 0) flushListInsert(thr, inst, block, startLsn);
  mutexExit(thr, block + MUTEX_AT);`,
    replace: `setU53(mem, block + NEWEST, endLsn);
  if (getU53(mem, block + OLDEST) === 0) flushListInsert(thr, inst, block, startLsn);`,
    doc: 'a page is made dirty without its block mutex',
    scenarios: ['pool-flush-redirty', 'pool-commits'],
    oracle: ['invariant', 'race', 'check'],
  },
  {
    id: 'buf-flush-insert-unlatched',
    file: FLUSH_LIST,
    find: `mutexEnter(thr, inst.flushListMutex);
  setU53(mem, block + OLDEST, lsn);
  listAddFirst(mem, at + LIST, LINKS, block);
  mutexExit(thr, inst.flushListMutex);`,
    replace: `setU53(mem, block + OLDEST, lsn);
  listAddFirst(mem, at + LIST, LINKS, block);`,
    doc: 'a page enters the flush list without flushListMutex',
    scenarios: ['pool-commits', 'pool-flush-redirty'],
    oracle: ['invariant', 'race', 'check'],
    row: 35,
  },
  {
    id: 'buf-flush-hp-stays',
    file: FLUSH_LIST,
    find: 'if (mem[at + FLUSH_HP] === block) mem[at + FLUSH_HP] = prev;',
    replace: '',
    doc: 'the hazard pointer of the flush-list batch is not moved off a block that is taken out',
    scenarios: ['pool-hp-flush'],
    oracle: ['invariant', 'check', 'race', 'exception'],
  },
  {
    id: 'buf-flush-hp-not-used',
    file: FLUSH_BATCH,
    find: 'block = mem[at + FLUSH_HP];',
    replace: 'block = mem[block + LIST_PREV];',
    doc: 'the flush-list batch goes on from the page that it has let go of',
    scenarios: ['pool-hp-flush', 'pool-hp-batches'],
    oracle: ['check', 'race', 'exception', 'invariant'],
  },
  {
    id: 'buf-flush-clean-late',
    file: FLUSH_LIST,
    find: `setU53(mem, block + OLDEST, 0);
  mutexExit(thr, inst.flushListMutex);`,
    replace: `mutexExit(thr, inst.flushListMutex);
  setU53(mem, block + OLDEST, 0);`,
    doc: 'a page is out of the flush list a moment before it is clean',
    scenarios: ['pool-flush-validate', 'pool-flush-redirty'],
    oracle: ['invariant', 'exception', 'race'],
    row: 22,
  },
  {
    id: 'buf-log-reserve-unlatched',
    file: LOG,
    find: `mutexEnter(thr, logSys + SN_MUTEX);
  const start = getU53(pool.mem, logSys + LSN);
  setU53(pool.mem, logSys + LSN, start + Math.ceil(length / LSN_UNIT) * LSN_UNIT);
  mutexExit(thr, logSys + SN_MUTEX);`,
    replace: `const start = getU53(pool.mem, logSys + LSN);
  setU53(pool.mem, logSys + LSN, start + Math.ceil(length / LSN_UNIT) * LSN_UNIT);`,
    doc: 'LSN ranges are taken without a mutex',
    scenarios: ['pool-commits'],
    oracle: ['race', 'check'],
    row: 33,
  },
  {
    id: 'buf-log-tail-left-behind',
    file: LOG,
    find: `mutexExit(thr, pool.plan.logSys + CLOSER_MUTEX);
  } while (Atomics.load(pool.mem, slotOf(pool, tail)) !== 0);`,
    replace: `mutexExit(thr, pool.plan.logSys + CLOSER_MUTEX);
  } while (tail < 0);`,
    doc: 'who has advanced the tail does not look again: a range closed meanwhile is left behind',
    scenarios: ['pool-commits', 'pool-commit-closed'],
    oracle: 'check',
  },
  {
    id: 'buf-log-closed-tail-stays',
    file: LOG,
    find: '} while (Atomics.load(pool.mem, slotOf(pool, tail)) !== 0);\n  return tail;',
    replace: '} while (tail < 0);\n  return tail;',
    doc: 'who asks for the closed tail holds closerMutex, and leaves behind the ranges closed meanwhile',
    scenarios: ['pool-commit-closed'],
    oracle: 'check',
  },
  {
    id: 'buf-log-slot-cleared-late',
    file: LOG,
    find: `Atomics.store(mem, slot, 0);
    tail += length;
    mem[at + 1] = Math.floor(tail / WORD);
    // Committers read this word without the mutex.
    Atomics.store(mem, at, tail | 0);`,
    replace: `tail += length;
    mem[at + 1] = Math.floor(tail / WORD);
    Atomics.store(mem, at, tail | 0);
    Atomics.store(mem, slot, 0);`,
    doc: 'the tail passes a slot before it is cleared: the range that takes the slot next is wiped',
    scenarios: ['pool-commit-full'],
    oracle: ['check', 'livelock', 'invariant'],
  },
  {
    id: 'buf-log-advance-unlatched',
    file: LOG,
    find: `mutexEnter(thr, pool.plan.logSys + CLOSER_MUTEX);
    advanceTail(pool);
    mutexExit(thr, pool.plan.logSys + CLOSER_MUTEX);`,
    replace: 'advanceTail(pool);',
    doc: 'a commit that waits for room advances the tail without closerMutex',
    scenarios: ['pool-commit-full'],
    oracle: ['race', 'check', 'livelock'],
  },
];
