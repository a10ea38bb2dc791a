/**
 * Seeded bugs in the simulated operating system (src/memory/os-*.ts, placement.ts).
 *
 * Left out, because nothing can tell it from the original: pages that are taken out of the total before their run is
 * free, since both happen under the mutex of the node.
 */
import type { Mutant } from './types.ts';

const OS = 'src/memory/os/os-memory.ts';
const NODE = 'src/memory/os/os-node.ts';
const TOTAL = 'src/memory/os/os-total.ts';
const POOL = 'src/memory/os/os-huge-pool.ts';
const PLACEMENT = 'src/memory/os/placement.ts';

const BROKEN = ['race', 'check', 'exception'] as const;
const STUCK = ['deadlock', 'lost-wakeup', 'check', 'exception', 'latch-order'] as const;
const COUNTED = ['invariant', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'mmap-large-bytes-late',
    file: OS,
    find: '  if (page >= 0) countMapping(mem, os, pages, how);\n  mutexExit(thr, os + MUTEX);\n  if (page < 0) return NIL;',
    replace:
      '  mutexExit(thr, os + MUTEX);\n  if (page < 0) return NIL;\n  countMapping(mem, os, pages, how);',
    doc: 'the sum of mappings is raised with the mutex free',
    scenarios: ['os-map'],
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
    scenarios: ['os-wrong-unmap'],
    oracle: STUCK,
    row: 46,
  },
  {
    id: 'os-limit-torn',
    file: NODE,
    find: '  mutexEnter(thr, os + MUTEX);\n  setU53(thr.mem, os + LIMIT, limitBytes);\n  mutexExit(thr, os + MUTEX);',
    replace: '  setU53(thr.mem, os + LIMIT, limitBytes);',
    doc: 'the limit is set without the mutex: a request sees half of it',
    scenarios: ['os-set-limit'],
    oracle: [...BROKEN],
    row: 33,
  },
  {
    id: 'mmap-fresh-read-early',
    file: OS,
    find: '  mutexEnter(thr, os + MUTEX);\n  const fresh = mem[os + FRESH];\n',
    replace: '  const fresh = mem[os + FRESH];\n  mutexEnter(thr, os + MUTEX);\n',
    doc: 'what must be cleared is decided before the mutex is taken: another thread’s leavings are handed out',
    scenarios: ['os-map'],
    oracle: [...BROKEN],
  },
  {
    id: 'mmap-fresh-not-raised',
    file: NODE,
    find: '  if (page + pages > mem[os + FRESH]) mem[os + FRESH] = page + pages;\n',
    replace: '',
    doc: 'pages count as new for ever: they are handed out with what was in them',
    scenarios: ['os-map'],
    oracle: [...BROKEN],
  },
  {
    id: 'os-total-load-store',
    file: TOTAL,
    find: '    const seen = Atomics.compareExchange(mem, total + PAGES, before, before + pages);\n    if (seen === before) break;\n    before = seen;',
    replace: '    Atomics.store(mem, total + PAGES, before + pages);\n    break;',
    doc: 'the pages of all nodes are raised by load and store: two nodes lose one',
    scenarios: ['os-total-come-and-go', 'os-total-last'],
    oracle: [...COUNTED],
  },
  {
    id: 'os-total-add-then-look',
    file: TOTAL,
    find: '    const seen = Atomics.compareExchange(mem, total + PAGES, before, before + pages);\n',
    replace: '    const seen = before;\n    Atomics.add(mem, total + PAGES, pages);\n',
    doc: 'pages are added although another node has taken the last ones since',
    scenarios: ['os-total-last'],
    oracle: [...COUNTED],
  },
  {
    id: 'os-total-release-torn',
    file: TOTAL,
    find: '  Atomics.sub(mem, total + PAGES, pages);',
    replace: '  Atomics.store(mem, total + PAGES, Atomics.load(mem, total + PAGES) - pages);',
    doc: 'the pages of all nodes are lowered by load and store',
    scenarios: ['os-total-come-and-go'],
    oracle: [...COUNTED],
  },
  {
    id: 'os-total-before-space',
    file: NODE,
    find: '  if (!osWithinLimit(mem, os, bytes)) return -1;\n',
    replace: '  if (!osWithinLimit(mem, os, bytes) || !osWithinTotal(mem, os, bytes)) return -1;\n',
    doc: 'pages are taken out of the total twice, once before there is a run for them',
    scenarios: ['os-total-come-and-go'],
    oracle: [...COUNTED],
  },
  {
    id: 'huge-found-then-taken',
    file: OS,
    find: '  const used = mapped ? hugeTake(mem, pool, page, pages, how.kind) : 0;\n',
    replace:
      '  mutexExit(thr, os + MUTEX);\n  mutexEnter(thr, os + MUTEX);\n  const used = mapped ? hugeTake(mem, pool, page, pages, how.kind) : 0;\n',
    doc: 'the mutex is let go between finding a huge page and taking it: it gets two owners',
    scenarios: ['os-huge'],
    oracle: [...BROKEN],
  },
  {
    id: 'huge-count-after-exit',
    file: OS,
    find: '    countBytes(mem, os, pages * hugeBytes, how.kind);\n  }\n  mutexExit(thr, os + MUTEX);\n  if (!mapped) return NIL;\n',
    replace:
      '  }\n  mutexExit(thr, os + MUTEX);\n  if (!mapped) return NIL;\n  countBytes(mem, os, pages * hugeBytes, how.kind);\n',
    doc: 'the sum of mappings is raised with the mutex free when they are huge',
    scenarios: ['os-huge'],
    oracle: [...BROKEN],
  },
  {
    id: 'huge-cleared-when-fresh-only',
    file: POOL,
    find: '  const used = Math.min(Math.max(mem[pool + FRESH] - page, 0), pages);\n',
    replace: '  const used = Math.min(Math.max(page - mem[pool + FRESH], 0), pages);\n',
    doc: 'a huge page that had an owner is handed out as it was left',
    scenarios: ['os-huge', 'os-huge-last'],
    oracle: [...BROKEN],
  },
  {
    id: 'numa-foreign-unguarded',
    file: PLACEMENT,
    find: '  mutexEnter(thr, os + A.mutex);\n  addU53(thr.mem, os + A.numaForeign, pages);\n  mutexExit(thr, os + A.mutex);\n',
    replace: '  addU53(thr.mem, os + A.numaForeign, pages);\n',
    doc: 'numa_foreign of the wanted node is raised without its mutex',
    scenarios: ['os-spill'],
    oracle: [...BROKEN],
  },
  {
    id: 'interleave-turn-not-kept',
    file: 'src/numa/placement.ts',
    find: '    this.ilPrev = mask[i % mask.length];',
    replace: '    this.ilPrev = mask[0];',
    doc: 'interleave takes the first node each time',
    scenarios: ['os-interleave'],
    oracle: [...BROKEN],
  },
];
