/**
 * Seeded bugs in the old layer: `ut_malloc_low` and the buddy pool (src/memory).
 *
 * Left out, because nothing can tell them from the original: links of a block that are read after it went to the heap
 * (whoever gets its memory next has taken the list's mutex before); halves of a split that are listed in another order.
 */
import type { Mutant } from './types.ts';

const POOL = 'src/memory/old/mem-pool.ts';
const AREA = 'src/memory/old/mem-area.ts';
const FAULT = 'src/memory/old/mem-pool-fault.ts';
const CHECK = 'src/memory/old/mem-pool-check.ts';
const LIST = 'src/memory/old/ut0lst.ts';
const UT = 'src/memory/old/ut0mem.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'mem-pool-merges-any-size',
    file: POOL,
    find: '!areaIsFree(pool, buddy) || areaBytes(pool, buddy) !== bytes) {',
    replace: '!areaIsFree(pool, buddy)) {',
    doc: 'an area is merged with a smaller one that begins where its buddy began',
    scenarios: ['mem-pool-merge-levels', 'mem-pool-split', 'mem-pool-sizes'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-flag-kept',
    file: POOL,
    find: '  areaSetFree(pool, area, false);\n',
    replace: '',
    doc: 'an area that is handed out stays flagged free',
    scenarios: ['mem-pool-split', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-takes-after-exit',
    file: POOL,
    find: '  const area = from === NONE || fault !== null ? NIL : takeArea(pool, k, from);\n  mem[at + INSIDE]--;\n  mutexExit(thr, at + MUTEX);',
    replace:
      '  mem[at + INSIDE]--;\n  mutexExit(thr, at + MUTEX);\n  const area = from === NONE || fault !== null ? NIL : takeArea(pool, k, from);',
    doc: 'an area is split and unlinked with the mutex free',
    scenarios: ['mem-pool-split', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-frees-after-exit',
    file: POOL,
    find: '  const merged = fault === null ? giveBack(pool, area) : NIL;\n  mem[at + INSIDE]--;\n  if (latched) mutexExit(thr, at + MUTEX);',
    replace:
      '  mem[at + INSIDE]--;\n  if (latched) mutexExit(thr, at + MUTEX);\n  const merged = fault === null ? giveBack(pool, area) : NIL;',
    doc: 'an area is merged or listed with the mutex free',
    scenarios: ['mem-pool-merge', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-looks-unlatched',
    file: POOL,
    find: '  if (latched) mutexEnter(thr, at + MUTEX);\n  enterPool(mem, at);\n  const fault = freeFault(pool, area);',
    replace:
      '  const fault = freeFault(pool, area);\n  if (latched) mutexEnter(thr, at + MUTEX);\n  enterPool(mem, at);',
    doc: 'free looks at its neighbours before it takes the mutex',
    scenarios: ['mem-pool-merge', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-reserved-kept',
    file: POOL,
    find: '    addU53(mem, at + RESERVED, -bytes);\n',
    replace: '',
    doc: 'bytes that are freed stay reserved',
    scenarios: ['mem-pool-merge', 'mem-pool-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-merge-not-reserved',
    file: POOL,
    find: '  addU53(mem, at + RESERVED, bytes);\n  return lower;',
    replace: '  return lower;',
    doc: 'a buddy that is merged counts as free and as freed again',
    scenarios: ['mem-pool-merge', 'mem-pool-merge-levels'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-fallback-keeps-mutex',
    file: POOL,
    find: '  mutexExit(thr, at + MUTEX);\n  if (fault !== null) throw poolCorruption(thr, pool, fault);\n  return area === NIL',
    replace:
      '  if (area !== NIL) mutexExit(thr, at + MUTEX);\n  if (fault !== null) throw poolCorruption(thr, pool, fault);\n  return area === NIL',
    doc: 'ut_malloc is called with the mutex of the pool held, and it is never released',
    scenarios: ['mem-pool-fallback'],
    oracle: STUCK,
  },
  {
    id: 'mem-pool-buddy-beyond-end',
    file: AREA,
    find: '  return offset + 2 * bytes > form.bytes ? NIL : area + words;',
    replace: '  return area + words;',
    doc: 'an area at the end is merged with what lies behind the pool',
    scenarios: ['mem-pool-two-tops'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-merge-keeps-buddy-listed',
    file: POOL,
    find: '  utListRemove(mem, pool.list(k), buddy, pool.prev, pool.next);\n',
    replace: '',
    doc: 'a buddy stays in its free list although it is part of a larger area',
    scenarios: ['mem-pool-merge', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-merge-keeps-flag',
    file: POOL,
    find: 'areaSet(pool, lower, 2 * bytes, false);',
    replace: 'areaSet(pool, lower, 2 * bytes, lower === buddy);',
    doc: 'an area that was merged with its lower buddy stays flagged free',
    scenarios: ['mem-pool-merge', 'mem-pool-merge-levels'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-merge-upper',
    file: POOL,
    find: 'const lower = Math.min(area, buddy);',
    replace: 'const lower = Math.max(area, buddy);',
    doc: 'the merged area begins where its upper half began',
    scenarios: ['mem-pool-merge', 'mem-pool-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-split-one-half',
    file: POOL,
    find: 'addFree(pool, whole + ut2Exp(i) / WORD_BYTES, i);',
    replace: 'addFree(pool, whole, i);',
    doc: 'a split lists the lower half twice',
    scenarios: ['mem-pool-split', 'mem-pool-merge-split'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-inside-kept',
    file: POOL,
    find: '  mem[at + INSIDE]--;\n  mutexExit(thr, at + MUTEX);',
    replace: '  mutexExit(thr, at + MUTEX);',
    doc: 'the count of threads inside is not lowered',
    scenarios: ['mem-pool-split', 'mem-pool-fallback'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-reserved-read-unlatched',
    file: POOL,
    find: '  mutexEnter(thr, at + MUTEX);\n  const reserved = getU53(mem, at + RESERVED);\n  mutexExit(thr, at + MUTEX);',
    replace: '  const reserved = Atomics.load(mem, at + RESERVED);',
    doc: 'the reserved bytes are read without the mutex',
    scenarios: ['mem-pool-validate'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-validate-unlatched',
    file: CHECK,
    find: '  mutexEnter(thr, pool.at + MUTEX);\n  const found = defects(pool);\n  mutexExit(thr, pool.at + MUTEX);',
    replace:
      '  mutexEnter(thr, pool.at + MUTEX);\n  mutexExit(thr, pool.at + MUTEX);\n  const found = defects(pool);',
    doc: 'the pool is validated after the mutex was released',
    scenarios: ['mem-pool-validate'],
    oracle: BROKEN,
  },
  {
    id: 'mem-pool-double-free-listed',
    file: FAULT,
    find: 'if (around !== area || areaIsFree(pool, area)) return',
    replace: 'if (around !== area && around < 0) return',
    doc: 'an area is listed a second time when it is freed twice',
    scenarios: ['mem-pool-double-free'],
    oracle: BROKEN,
  },
  {
    id: 'ut-list-head-kept',
    file: LIST,
    find: '  mem[base + START] = node;\n',
    replace: '  if (first === NIL) mem[base + START] = node;\n',
    doc: 'the head of a list stays what it was when a node comes before it',
    scenarios: ['ut-malloc-list', 'mem-pool-sizes'],
    oracle: BROKEN,
  },
  {
    id: 'ut-list-back-link-kept',
    file: LIST,
    find: '  if (after === NIL) mem[base + END] = before;\n  else mem[after + prev] = before;',
    replace: '  if (after === NIL) mem[base + END] = before;',
    doc: 'the node behind one that is removed still points back at it',
    scenarios: ['ut-malloc-list'],
    oracle: BROKEN,
  },
  {
    id: 'ut-malloc-lists-after-exit',
    file: UT,
    find: '  addU53(mem, at + TOTAL, total);\n  utListAddFirst(mem, at + BLOCKS, block, PREV, NEXT);\n  originAlloc(thr, env.os, block, KEY_NONE, total, site);\n  mutexExit(thr, at + MUTEX);',
    replace:
      '  mutexExit(thr, at + MUTEX);\n  addU53(mem, at + TOTAL, total);\n  utListAddFirst(mem, at + BLOCKS, block, PREV, NEXT);\n  originAlloc(thr, env.os, block, KEY_NONE, total, site);',
    doc: 'a block is counted and listed with the mutex free',
    scenarios: ['ut-malloc-list', 'ut-malloc-free-all'],
    oracle: BROKEN,
  },
  {
    id: 'ut-malloc-sleeps-latched',
    file: UT,
    find: '    mutexExit(thr, at + MUTEX);\n    sleepUnlocked(thr, ut);\n    lockList(thr, at);\n',
    replace: '    sleepUnlocked(thr, ut);\n',
    doc: 'a thread that waits for memory sleeps with the mutex of the list',
    scenarios: ['ut-malloc-retry'],
    oracle: STUCK,
  },
  {
    id: 'ut-malloc-retries-unlatched',
    file: UT,
    find: '    sleepUnlocked(thr, ut);\n    lockList(thr, at);\n    block = malloc(thr, env.os, n + UT_MEM_BLOCK_BYTES, HEAP_TAG.utLow);\n  }',
    replace:
      '    sleepUnlocked(thr, ut);\n    block = malloc(thr, env.os, n + UT_MEM_BLOCK_BYTES, HEAP_TAG.utLow);\n    if (block === NIL) lockList(thr, at);\n  }',
    doc: 'the attempt after a sleep is made, and its block listed, without the mutex',
    scenarios: ['ut-malloc-retry'],
    oracle: BROKEN,
  },
  {
    id: 'ut-free-counter-kept',
    file: UT,
    find: '  addU53(mem, at + TOTAL, -size);\n',
    replace: '',
    doc: 'bytes that are freed stay counted',
    scenarios: ['ut-malloc-list', 'ut-malloc-free-by-other'],
    oracle: BROKEN,
  },
  {
    id: 'ut-free-unlinks-after-exit',
    file: UT,
    find: '  if (fault === null) dropBlock(thr, at, os, block, site);\n  mutexExit(thr, at + MUTEX);\n  if (fault !== null) throw',
    replace:
      '  mutexExit(thr, at + MUTEX);\n  if (fault === null) dropBlock(thr, at, os, block, site);\n  if (fault !== null) throw',
    doc: 'a block is unlinked with the mutex free',
    scenarios: ['ut-malloc-list', 'ut-malloc-free-by-other'],
    oracle: BROKEN,
  },
  {
    id: 'ut-free-fault-keeps-mutex',
    file: UT,
    find: '  if (fault === null) dropBlock(thr, at, os, block, site);\n  mutexExit(thr, at + MUTEX);\n  if (fault !== null) throw',
    replace:
      '  if (fault === null) dropBlock(thr, at, os, block, site);\n  if (fault === null) mutexExit(thr, at + MUTEX);\n  if (fault !== null) throw',
    doc: 'a wrong free is refused with the mutex in its hands',
    scenarios: ['ut-malloc-wrong-free'],
    oracle: STUCK,
  },
  {
    id: 'ut-free-all-goes-on',
    file: UT,
    find: '  if (fault === null) mem[at + INITED] = 0;\n',
    replace: '',
    doc: 'blocks are handed out after free-all',
    scenarios: ['ut-malloc-free-all', 'ut-malloc-free-all-retry'],
    oracle: BROKEN,
  },
];
