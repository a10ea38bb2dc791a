/**
 * Seeded bugs in the simulated memory and the heap on it (src/memory).
 *
 * Left out, because nothing can tell them from the original: `free` that reads the size class before it takes the mutex
 * (it cannot change while the block lives); `calloc` that clears under the mutex (slower, not wrong).
 */
import type { Mutant } from './types.ts';

const MALLOC = 'src/memory/malloc.ts';
const OS = 'src/memory/os-memory.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;

export const mutants: readonly Mutant[] = [
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
    find: '  mem.copyWithin(to, at, at + Math.ceil(Math.min(had, bytes) / WORD_BYTES));\n  free(thr, os, at, tag);',
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
