/**
 * `buf_pool_validate_instance` and its relatives (facts B 14): every structural invariant of an instance, with all of
 * its latches held, so it can run beside working sessions; `quiescent` adds what must hold at rest.
 */
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { getU53 } from '../layout/words.ts';
import { OP } from '../layout/thread.ts';
import { eventIsSet } from '../sync/event.ts';
import { mutexEnter, mutexExit, mutexIsFree, mutexOwner } from '../sync/mutex.ts';
import { sxXLock, sxXUnlock } from '../sync/sx-lock.ts';
import { X_LOCK_DECR } from '../sync/sx-lock-word.ts';
import type { Thread } from '../sync/thread.ts';
import { BLOCK_WORDS, type BufInstance, type BufPool } from './instance.ts';
import { LSN_UNIT } from './log-sys.ts';
import { isOld } from './lru.ts';
import { BUF_LRU_OLD_TOLERANCE, desiredOldLen } from './sizes.ts';
import { BUF_LRU_OLD_MIN_LEN, FLUSH_NAMES, IO_FIX, STATE, STATE_NAMES } from './states.ts';
import { boundedFind, Findings, name, walk } from './validate-report.ts';

const B = BUF_BLOCK.at;
const P = BUF_POOL.at;

/**
 * Validates one instance. No pool latch may be held.
 * @param quiescent no thread works on the pool: nothing fixed, latched, being read or written
 * @returns violations, empty when all is well
 */
export function validateInstance(
  thr: Thread,
  pool: BufPool,
  inst: BufInstance,
  quiescent: boolean,
): string[] {
  const found = new Findings(`buffer pool instance ${inst.no}`);
  thr.mem[thr.op] = OP.validate;
  if (quiescent) {
    // What somebody left latched is said, not waited for; the structures behind it may be half changed.
    checkLatchesFree(inst, found);
    if (found.count > 0) return found.list;
  }
  mutexEnter(thr, inst.chunksMutex);
  mutexEnter(thr, inst.lruListMutex);
  for (let i = 0; i < inst.nStripes; i++) sxXLock(thr, inst.stripe(i));
  mutexEnter(thr, inst.freeListMutex);
  mutexEnter(thr, inst.flushStateMutex);
  mutexEnter(thr, inst.flushListMutex);
  const slack = pool.plan.recentClosedSlots * LSN_UNIT;
  const counts = checkBlocks(inst, found, quiescent);
  checkFree(inst, found, counts);
  checkLru(inst, found, counts);
  checkFlush(inst, found, counts, slack, quiescent);
  checkHash(inst, found, counts);
  mutexExit(thr, inst.flushListMutex);
  mutexExit(thr, inst.flushStateMutex);
  mutexExit(thr, inst.freeListMutex);
  for (let i = inst.nStripes - 1; i >= 0; i--) sxXUnlock(thr, inst.stripe(i));
  mutexExit(thr, inst.lruListMutex);
  mutexExit(thr, inst.chunksMutex);
  if (quiescent) checkQuiescent(inst, found);
  if (found.count > found.list.length) found.list.push(`… and ${found.count - found.list.length} more`);
  return found.list;
}

interface Counts {
  readonly byState: number[];
  readonly writing: number[];
  dirty: number;
  total: number;
}

function checkBlocks(inst: BufInstance, found: Findings, quiescent: boolean): Counts {
  const { mem } = inst;
  const counts: Counts = { byState: STATE_NAMES.map(() => 0), writing: [0, 0, 0], dirty: 0, total: 0 };
  for (const chunk of inst.chunks) {
    for (let i = 0; i < chunk.size; i++) {
      const b = chunk.blocks + i * BLOCK_WORDS;
      const state = mem[b + B.state];
      // Before io_fix: a page leaves READ beside us, but none enters it, as that needs the LRU mutex.
      const frame = Atomics.load(mem, b + B.lock);
      const io = mem[b + B.ioFix];
      const fix = mem[b + B.fixCount];
      const dirty = getU53(mem, b + B.oldestModification) !== 0;
      counts.total++;
      if (state >= STATE.notUsed && state <= STATE.removeHash) counts.byState[state]++;
      else found.expect(false, 12, () => `block @${b} has state ${state}`);
      found.expect(
        io !== IO_FIX.read || frame <= 0,
        5,
        () => `${name(mem, b)} is being read, its frame not latched X`,
      );
      if (dirty) counts.dirty++;
      found.expect(fix >= 0, 9, () => `${name(mem, b)} has fix count ${fix}`);
      if (state === STATE.filePage) {
        const seen = boundedFind(inst, mem[b + B.spaceId], mem[b + B.pageNo]);
        found.expect(seen === b, 1, () => `${name(mem, b)} is not found by its own id (but @${seen})`);
      } else {
        found.expect(
          fix === 0 && io === IO_FIX.none,
          9,
          () => `${name(mem, b)} has fix count ${fix}, io_fix ${io}`,
        );
        found.expect(!dirty, 4, () => `${name(mem, b)} is dirty`);
      }
      if (io === IO_FIX.write) {
        counts.writing[mem[b + B.flushType]]++;
        found.expect(dirty, 5, () => `${name(mem, b)} is being written but clean`);
      }
      if (quiescent) {
        found.expect(fix === 0, 11, () => `${name(mem, b)} has fix count ${fix} at rest`);
        found.expect(io === IO_FIX.none, 11, () => `${name(mem, b)} has io_fix ${io} at rest`);
        found.expect(frame === X_LOCK_DECR, 11, () => `${name(mem, b)} has lock word ${frame} at rest`);
        found.expect(mem[b + B.mutex] === 0, 11, () => `${name(mem, b)}: its mutex is held at rest`);
      }
    }
  }
  return counts;
}

function checkFree(inst: BufInstance, found: Findings, counts: Counts): void {
  const { mem, at } = inst;
  const ends = { first: mem[at + P.freeFirst], last: mem[at + P.freeLast], len: mem[at + P.freeLen] };
  const blocks = walk(inst, found, 'free list', ends, { prev: B.listPrev, next: B.listNext });
  for (const b of blocks) {
    found.expect(mem[b + B.state] === STATE.notUsed, 2, () => `${name(mem, b)} is in the free list`);
  }
  // A block on its way to or from the list is NOT_USED for a moment while no latch shows it.
  const notUsed = counts.byState[STATE.notUsed];
  found.expect(
    blocks.length <= notUsed,
    2,
    () => `${notUsed} NOT_USED blocks, ${blocks.length} in the free list`,
  );
}

function checkLru(inst: BufInstance, found: Findings, counts: Counts): void {
  const { mem, at } = inst;
  const len = mem[at + P.lruLen];
  const ends = { first: mem[at + P.lruFirst], last: mem[at + P.lruLast], len };
  const blocks = walk(inst, found, 'LRU list', ends, { prev: B.lruPrev, next: B.lruNext });
  const filePages = counts.byState[STATE.filePage];
  found.expect(len === filePages, 3, () => `LRU length ${len}, but ${filePages} FILE_PAGE blocks`);
  found.expect(
    len + mem[at + P.freeLen] <= mem[at + P.currSize],
    3,
    () => 'LRU and free list exceed the pool',
  );
  const oldAt = mem[at + P.lruOld];
  const oldLen = mem[at + P.lruOldLen];
  const old = blocks.filter((b) => isOld(mem, b)).length;
  if (len < BUF_LRU_OLD_MIN_LEN) {
    found.expect(
      oldAt === NIL && oldLen === 0 && old === 0,
      6,
      () => `short LRU with an old sublist (${oldLen}, ${old})`,
    );
  } else {
    const index = blocks.indexOf(oldAt);
    const wanted = desiredOldLen(len, mem[at + P.lruOldRatio]);
    found.expect(index >= 0 && old === oldLen, 6, () => `old sublist: length ${oldLen}, ${old} old pages`);
    found.expect(
      Math.abs(oldLen - wanted) <= BUF_LRU_OLD_TOLERANCE,
      6,
      () => `old sublist of ${oldLen} pages, wanted ${wanted} ± ${BUF_LRU_OLD_TOLERANCE}`,
    );
    const wrong = blocks.findIndex((b, i) => isOld(mem, b) !== i >= index);
    found.expect(
      wrong < 0,
      6,
      () => `${name(mem, blocks[wrong])} at ${wrong} is on the wrong side of LRU_old (${index})`,
    );
  }
  const members = new Set(blocks);
  for (const hp of ['lruHp', 'lruScanItr', 'singleScanItr'] as const) {
    const b = mem[at + P[hp]];
    found.expect(b === NIL || members.has(b), 8, () => `${hp} points at @${b}, which is not in the LRU list`);
  }
}

function checkFlush(
  inst: BufInstance,
  found: Findings,
  counts: Counts,
  slack: number,
  quiescent: boolean,
): void {
  const { mem, at } = inst;
  const ends = { first: mem[at + P.flushFirst], last: mem[at + P.flushLast], len: mem[at + P.flushLen] };
  const blocks = walk(inst, found, 'flush list', ends, { prev: B.listPrev, next: B.listNext });
  found.expect(
    blocks.length === counts.dirty,
    4,
    () => `${blocks.length} pages in the flush list, ${counts.dirty} dirty`,
  );
  let before = Infinity;
  for (const b of blocks) {
    const lsn = getU53(mem, b + B.oldestModification);
    // Its guards are above the latches held here: beside sessions it may be changing.
    const newest = quiescent ? getU53(mem, b + B.newestModification) : Infinity;
    const youngest = before;
    found.expect(mem[b + B.state] === STATE.filePage, 4, () => `${name(mem, b)} is in the flush list`);
    found.expect(
      lsn < newest,
      4,
      () => `${name(mem, b)}: oldest LSN ${lsn} is not below its newest ${newest}`,
    );
    found.expect(
      lsn < youngest + slack,
      4,
      () => `flush list: LSN ${lsn} comes after ${youngest}, out of order`,
    );
    // Not only neighbours: whatever is nearer to the head was added while this one's range was open (log-sys.ts).
    before = Math.min(before, lsn);
  }
  const members = new Set(blocks);
  for (const hp of ['flushHp', 'oldestHp'] as const) {
    const b = mem[at + P[hp]];
    found.expect(
      b === NIL || members.has(b),
      8,
      () => `${hp} points at @${b}, which is not in the flush list`,
    );
  }
  for (const [type, typeName] of FLUSH_NAMES.entries()) {
    const n = mem[at + P.nFlush + type];
    found.expect(
      n === counts.writing[type],
      5,
      () => `n_flush[${typeName}] ${n}, being written ${counts.writing[type]}`,
    );
    const idle = n === 0 && mem[at + P.initFlush + type] === 0;
    const set = eventIsSet(mem[at + P.noFlush + type]);
    found.expect(set === idle, 11, () => `no_flush[${typeName}] is ${set ? '' : 'not '}set, n_flush ${n}`);
  }
}

function checkHash(inst: BufInstance, found: Findings, counts: Counts): void {
  const { mem, at } = inst;
  const nCells = mem[at + P.nCells];
  let chained = 0;
  for (let c = 0; c < nCells; c++) {
    for (let b = mem[inst.cells + c]; b !== NIL && chained <= counts.total; b = mem[b + B.hashNext]) {
      chained++;
      const block = b;
      found.expect(mem[b + B.state] === STATE.filePage, 1, () => `${name(mem, block)} is in the page hash`);
    }
  }
  const filePages = counts.byState[STATE.filePage];
  found.expect(
    chained === filePages,
    1,
    () => `${chained} blocks in the page hash, ${filePages} FILE_PAGE blocks`,
  );
}

const POOL_MUTEXES = [
  'chunksMutex',
  'lruListMutex',
  'freeListMutex',
  'flushStateMutex',
  'flushListMutex',
] as const satisfies readonly (keyof BufInstance)[];

/** The latches that a validation takes itself, before it does. */
function checkLatchesFree(inst: BufInstance, found: Findings): void {
  const { mem } = inst;
  for (const mutex of POOL_MUTEXES) {
    const word = Atomics.load(mem, inst[mutex]);
    found.expect(mutexIsFree(word), 11, () => `${mutex} is held by thread ${mutexOwner(word)} at rest`);
  }
  for (let i = 0; i < inst.nStripes; i++) {
    const word = Atomics.load(mem, inst.stripe(i));
    found.expect(word === X_LOCK_DECR, 11, () => `stripe ${i} has lock word ${word} at rest`);
  }
}

function checkQuiescent(inst: BufInstance, found: Findings): void {
  const { mem, at } = inst;
  found.expect(mem[at + P.nPendReads] === 0, 11, () => `${mem[at + P.nPendReads]} reads pending at rest`);
  let inUse = 0;
  for (const chunk of inst.chunks) {
    for (let i = 0; i < chunk.size; i++) {
      const state = mem[chunk.blocks + i * BLOCK_WORDS + B.state];
      if (state !== STATE.notUsed && state !== STATE.filePage) inUse++;
    }
  }
  const free = mem[at + P.freeLen];
  const pages = mem[at + P.currSize];
  found.expect(
    free + mem[at + P.lruLen] === pages,
    12,
    () => `${free} free + ${mem[at + P.lruLen]} in LRU ≠ ${pages}`,
  );
  found.expect(inUse === 0, 12, () => `${inUse} blocks neither free nor pages at rest`);
}
