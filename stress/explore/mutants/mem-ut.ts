/** Seeded bugs in the tracked allocator and in what is recorded of its blocks (src/memory). */
import type { Mutant } from './types.ts';

const ALLOCATOR = 'src/memory/ut/ut-allocator.ts';
const SITE = 'src/memory/ut/site.ts';
const ORIGIN = 'src/memory/ut/origin.ts';

const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'alloc-header-read-late',
    file: ALLOCATOR,
    find: `  const key = mem[block + PFX_KEY];
  const owner = mem[block + PFX_OWNER];
  const total = pfxSize(mem, block);
  // Whoever comes with this address again finds no header here, and asks the heap before anything else.
  mem[block + form.check] = 0;
  originFree(thr, os, block, site);
  free(thr, os, block, form.tag);
`,
    replace: `  originFree(thr, os, block, site);
  free(thr, os, block, form.tag);
  const key = mem[block + PFX_KEY];
  const owner = mem[block + PFX_OWNER];
  const total = pfxSize(mem, block);
`,
    doc: 'the header is read after the block was freed: the heap, or the next owner, has overwritten it',
    scenarios: ['alloc-accounts', 'alloc-free-by-other', 'realloc'],
    oracle: [...BROKEN],
    row: 49,
  },
  {
    id: 'alloc-realloc-not-freed',
    file: ALLOCATOR,
    find: '  psiMemoryFree(thr, alloc.psi, mem[block + PFX_KEY], pfxSize(mem, block), mem[block + PFX_OWNER]);\n',
    replace: '',
    doc: 'a reallocated block is not counted as freed',
    scenarios: ['realloc'],
    oracle: 'check',
  },
  {
    id: 'site-cell-without-exchange',
    file: SITE,
    find: '    const before = Atomics.compareExchange(mem, cell + ID, FREE, site.id);\n',
    replace: `    const before = Atomics.load(mem, cell + ID);
    if (before === FREE) Atomics.store(mem, cell + ID, site.id);
`,
    doc: 'a cell of the table of places is looked at and then taken: two threads take it',
    scenarios: ['ut-sites-collide', 'ut-sites-full', 'ut-sites-same'],
    oracle: [...BROKEN],
  },
  {
    id: 'site-named-before-name',
    file: SITE,
    find: `      const bytes = putName(mem, cell + NAME, site.file);
      Atomics.store(mem, cell + NAMED, bytes + 1);
`,
    replace: `      Atomics.store(mem, cell + NAMED, site.file.length + 1);
      putName(mem, cell + NAME, site.file);
`,
    doc: 'a place is said to have a name before the name is there',
    scenarios: ['ut-sites-same'],
    oracle: [...BROKEN],
  },
  {
    id: 'site-stops-at-first-cell',
    file: SITE,
    find: `    if (before === FREE) {
      // The cell`,
    replace: `    if (before !== FREE) return;
    {
      // The cell`,
    doc: 'a place whose first cell is taken by another gets no name',
    scenarios: ['ut-sites-collide'],
    oracle: 'check',
  },
  {
    id: 'origin-freed-site-lost',
    file: ORIGIN,
    find: 'mem[rec + STATE] = site.id === 0 ? SITE_NOT_GIVEN : site.id;',
    replace: 'mem[rec + STATE] = SITE_NOT_GIVEN;',
    doc: 'where a block was freed is not recorded',
    scenarios: ['ut-origin-handover'],
    oracle: 'check',
  },
  {
    id: 'origin-of-the-freeing-thread',
    file: ORIGIN,
    find: '  mem[rec + STATE] = site.id === 0 ?',
    replace: '  mem[rec + WHO] = thr.id;\n  mem[rec + STATE] = site.id === 0 ?',
    doc: 'who frees a block is recorded as the one who allocated it',
    scenarios: ['ut-origin-handover'],
    oracle: 'check',
  },
];
