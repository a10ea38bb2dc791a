/**
 * Seeded bugs in the simulated memory, the tracked allocator and the connections' counters (src/memory, src/session).
 *
 * Left out, because nothing can tell them from the original: `free` that reads the size class before it takes the mutex
 * (it cannot change while the block lives); `memCntReset` that reads what is in use under the mutex (only its own
 * thread writes it); `calloc` that clears under the mutex (slower, not wrong).
 */
import type { Mutant } from './types.ts';

const MALLOC = 'src/memory/malloc.ts';
const OS = 'src/memory/os-memory.ts';
const ALLOCATOR = 'src/memory/ut-allocator.ts';
const MEM_STAT = 'src/memory/mem-stat.ts';
const COUNTER = 'src/session/thd-mem-cnt.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

const heap: readonly Mutant[] = [
  {
    id: 'malloc-takes-after-exit',
    file: MALLOC,
    find: '  const at = osRequestFails(thr, os) ? NIL : takeBlock(thr, os, bytes);\n  mutexExit(thr, os + MUTEX);\n  return at;',
    replace:
      '  const fails = osRequestFails(thr, os);\n  mutexExit(thr, os + MUTEX);\n  return fails ? NIL : takeBlock(thr, os, bytes);',
    doc: 'malloc carves its block with the mutex free',
    scenarios: ['malloc-same-class', 'malloc-two-to-a-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'malloc-frees-after-exit',
    file: MALLOC,
    find: "  if (fault === '') dropBlock(thr, os, at);\n  mutexExit(thr, os + MUTEX);\n  if (fault !== '') throw",
    replace:
      "  mutexExit(thr, os + MUTEX);\n  if (fault === '') dropBlock(thr, os, at);\n  if (fault !== '') throw",
    doc: 'free gives the block back with the mutex free',
    scenarios: ['malloc-same-class', 'malloc-two-to-a-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'malloc-bit-set-for-page',
    file: MALLOC,
    find: '  mem[word] |= 1 << bit;\n',
    replace: '  if (bit > 0) mem[word] |= 1 << bit;\n',
    doc: 'the first block of a page is handed out twice',
    scenarios: ['malloc-same-class', 'malloc-two-to-a-page'],
    oracle: [...BROKEN],
  },
  {
    id: 'malloc-error-keeps-mutex',
    file: MALLOC,
    find: "  if (fault !== '') {\n    mutexExit(thr, os + MUTEX);\n",
    replace: "  if (fault !== '') {\n",
    doc: 'realloc of a wrong address throws with the mutex in its hands',
    scenarios: ['alloc-wrong-free'],
    oracle: STUCK,
    row: 46,
  },
  {
    id: 'realloc-frees-before-copy',
    file: MALLOC,
    find: '  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));\n  free(thr, os, at);',
    replace:
      '  free(thr, os, at);\n  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));',
    doc: 'realloc copies from a block that it has freed',
    scenarios: ['realloc'],
    oracle: [...BROKEN],
    row: 49,
  },
  {
    id: 'calloc-clears-first-half',
    file: MALLOC,
    find: 'thr.mem.fill(0, at, at + Math.ceil(bytes / WORD_BYTES));',
    replace: 'thr.mem.fill(0, at, at + Math.ceil(bytes / WORD_BYTES / 2));',
    doc: 'calloc leaves what the block’s last owner wrote in its second half',
    scenarios: ['calloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'mmap-large-bytes-late',
    file: OS,
    find: '  if (page >= 0) addU53(mem, os + LARGE_BYTES, pages * OS_PAGE_BYTES);\n  mutexExit(thr, os + MUTEX);\n  if (page < 0) return NIL;',
    replace:
      '  mutexExit(thr, os + MUTEX);\n  if (page < 0) return NIL;\n  addU53(mem, os + LARGE_BYTES, pages * OS_PAGE_BYTES);',
    doc: 'the sum of mappings is raised with the mutex free',
    scenarios: ['mmap-unmap'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'munmap-error-keeps-mutex',
    file: OS,
    find: "  mutexExit(thr, os + MUTEX);\n  if (fault !== '') throw new OsMemoryError(`munmap",
    replace:
      "  if (fault === '') mutexExit(thr, os + MUTEX);\n  if (fault !== '') throw new OsMemoryError(`munmap",
    doc: 'munmap of a wrong address throws with the mutex in its hands',
    scenarios: ['alloc-wrong-free'],
    oracle: STUCK,
    row: 46,
  },
  {
    id: 'os-limit-torn',
    file: OS,
    find: '  mutexEnter(thr, os + MUTEX);\n  setU53(thr.mem, os + LIMIT, limitBytes);\n  mutexExit(thr, os + MUTEX);',
    replace: '  setU53(thr.mem, os + LIMIT, limitBytes);',
    doc: 'the limit is set without the mutex: a request sees half of it',
    scenarios: ['malloc-set-limit'],
    oracle: [...BROKEN],
    row: 33,
  },
];

const accounts: readonly Mutant[] = [
  {
    id: 'alloc-header-read-late',
    file: ALLOCATOR,
    find: `  const key = mem[block + KEY];
  const total = getU53(mem, block + SIZE);
  free(thr, os, block);
`,
    replace: `  free(thr, os, block);
  const key = mem[block + KEY];
  const total = getU53(mem, block + SIZE);
`,
    doc: 'the header is read after the block was freed: the next owner has overwritten it',
    scenarios: ['alloc-accounts', 'realloc', 'alloc-free-by-other'],
    oracle: [...BROKEN],
    row: 49,
  },
  {
    id: 'alloc-shared-row',
    file: MEM_STAT,
    find: '((thr.id - 1) * N_KEYS + key)',
    replace: '(0 * thr.id * N_KEYS + key)',
    doc: 'all threads count in one row, without a latch',
    scenarios: ['alloc-accounts'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'alloc-realloc-not-freed',
    file: ALLOCATOR,
    find: '  // The old header has moved with the block.\n  utTraceFree(thr, alloc, mem[block + KEY], getU53(mem, block + SIZE));\n',
    replace: '',
    doc: 'a reallocated block is not counted as freed',
    scenarios: ['realloc'],
    oracle: 'check',
  },
  {
    id: 'malloc-failure-keeps-mutex',
    file: MALLOC,
    find: '  mutexExit(thr, os + MUTEX);\n  return at;',
    replace: '  if (at !== NIL) mutexExit(thr, os + MUTEX);\n  return at;',
    doc: 'malloc without success returns with the mutex in its hands',
    scenarios: ['alloc-retry'],
    oracle: STUCK,
    row: 46,
  },
];

const counter: readonly Mutant[] = [
  {
    id: 'counter-reserve-before-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  const global = addU53(mem, conn + COUNTER, curr - glob);`,
    replace: `  const global = addU53(mem, conn + COUNTER, curr - glob);
  mutexEnter(thr, conn + CONN_MUTEX);`,
    doc: 'a chunk is added to the global counter before its mutex is taken',
    scenarios: ['counter-two-sessions', 'counter-limit'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'counter-reserve-adds-all',
    file: COUNTER,
    find: 'addU53(mem, conn + COUNTER, curr - glob)',
    replace: 'addU53(mem, conn + COUNTER, curr)',
    doc: 'what was reserved before is added again',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-reset-without-mutex',
    file: COUNTER,
    find: `    mutexEnter(thr, conn + CONN_MUTEX);
    const global = addU53(mem, conn + COUNTER, used - getU53(mem, thd + GLOB));
    const limit = getU53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setU53(mem, thd + GLOB, used);
    mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `    const global = addU53(mem, conn + COUNTER, used - getU53(mem, thd + GLOB));
    const limit = getU53(mem, conn + GLOBAL_LIMIT);
    mem[conn + UPDATES]++;
    setU53(mem, thd + GLOB, used);`,
    doc: 'the reset changes the global counter without its mutex',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-reset-forgets-share',
    file: COUNTER,
    find: '    setU53(mem, thd + GLOB, used);\n',
    replace: '',
    doc: 'the reset gives back, and does not note what the session still has',
    scenarios: ['counter-two-sessions', 'counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-flush-late',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  addU53(mem, conn + COUNTER, -glob);
  mem[conn + UPDATES]++;
  setU53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  mutexEnter(thr, conn + CONN_MUTEX);
  const left = getU53(mem, conn + COUNTER) - glob;
  mem[conn + UPDATES]++;
  setU53(mem, thd + GLOB, 0);
  mutexExit(thr, conn + CONN_MUTEX);
  setU53(mem, conn + COUNTER, left);`,
    doc: 'the flush computes the new sum under the mutex and stores it after',
    scenarios: ['counter-end'],
    oracle: [...BROKEN],
    row: 24,
  },
  {
    id: 'counter-flush-keeps-share',
    file: COUNTER,
    find: '  setU53(mem, thd + GLOB, 0);\n  mutexExit',
    replace: '  mutexExit',
    doc: 'the flush does not note that the session has nothing reserved any more',
    scenarios: ['counter-end'],
    oracle: 'check',
    row: 23,
  },
  {
    id: 'counter-limit-off-by-one',
    file: COUNTER,
    find: 'return global > limit ? generateError',
    replace: 'return global >= limit ? generateError',
    doc: 'a sum that equals the limit kills',
    scenarios: ['counter-limit-exact'],
    oracle: 'check',
  },
  {
    id: 'counter-limit-sum-read-late',
    file: COUNTER,
    find: '  return global > limit ?',
    replace: '  return getU53(mem, conn + COUNTER) > limit ?',
    doc: 'the sum is read again with the mutex free: a session is killed for what another has reserved',
    scenarios: ['counter-limit'],
    oracle: [...BROKEN],
    row: 54,
  },
  {
    id: 'counter-set-global-torn',
    file: COUNTER,
    find: '  mutexEnter(thr, at + CONN_MUTEX);\n  storeGlobals(thr.mem, at, values);\n  mutexExit(thr, at + CONN_MUTEX);',
    replace: '  storeGlobals(thr.mem, at, values);',
    doc: 'SET GLOBAL does not take the mutex: a session sees half a limit',
    scenarios: ['counter-set-limit', 'counter-new-session'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'counter-new-session-torn',
    file: COUNTER,
    find: `  mutexEnter(thr, conn + CONN_MUTEX);
  setU53(mem, thd + LIMIT, getU53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];
  mutexExit(thr, conn + CONN_MUTEX);`,
    replace: `  setU53(mem, thd + LIMIT, getU53(mem, conn + SESSION_LIMIT));
  mem[thd + CHUNK] = mem[conn + GLOBAL_CHUNK];
  mem[thd + TRACKING] = mem[conn + GLOBAL_TRACKING];`,
    doc: 'a new session copies the variables without the mutex',
    scenarios: ['counter-new-session'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'kill-without-mutex',
    file: COUNTER,
    find: `  mutexEnter(thr, thd + DATA_MUTEX);
  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);
  mutexExit(thr, thd + DATA_MUTEX);`,
    replace: `  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);`,
    doc: 'two threads kill a session at once, and the later reason wins',
    scenarios: ['counter-kill'],
    oracle: [...BROKEN],
    row: 7,
  },
  {
    id: 'kill-again-keeps-mutex',
    file: COUNTER,
    find: '  if (mem[thd + KILLED_AT] === KILLED.not) Atomics.store(mem, thd + KILLED_AT, how);',
    replace:
      '  if (mem[thd + KILLED_AT] !== KILLED.not) return;\n  Atomics.store(mem, thd + KILLED_AT, how);',
    doc: 'a second kill returns with LOCK_thd_data in its hands',
    scenarios: ['counter-kill'],
    oracle: STUCK,
    row: 46,
  },
];

export const mutants: readonly Mutant[] = [...heap, ...accounts, ...counter];
