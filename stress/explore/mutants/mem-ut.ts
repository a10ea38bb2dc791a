/** Seeded bugs in the tracked allocator and its accounts (src/memory). */
import type { Mutant } from './types.ts';

const ALLOCATOR = 'src/memory/ut-allocator.ts';
const MEM_STAT = 'src/memory/mem-stat.ts';

const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'alloc-header-read-late',
    file: ALLOCATOR,
    find: `  const key = mem[block + KEY];
  const owner = mem[block + OWNER];
  const total = getU53(mem, block + SIZE);
  free(thr, os, block, HEAP_TAG.ut);
`,
    replace: `  free(thr, os, block, HEAP_TAG.ut);
  const key = mem[block + KEY];
  const owner = mem[block + OWNER];
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
    find: '  psiMemoryFree(thr, alloc.psi, mem[block + KEY], getU53(mem, block + SIZE), mem[block + OWNER]);\n',
    replace: '',
    doc: 'a reallocated block is not counted as freed',
    scenarios: ['realloc'],
    oracle: 'check',
  },
];
