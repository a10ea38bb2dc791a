/** Seeded bugs in my_malloc and MEM_ROOT (src/memory). */
import type { Mutant } from './types.ts';

const MY_MALLOC = 'src/memory/mem-root/my-malloc.ts';
const BLOCKS = 'src/memory/mem-root/mem-root-blocks.ts';
const STATE = 'src/memory/mem-root/mem-root-state.ts';

const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'my-claim-forgets-owner',
    file: MY_MALLOC,
    find: ', mem[block + OWNER], claim);\n  mem[block + OWNER] = thr.psiOwner;\n',
    replace: ', mem[block + OWNER], claim);\n',
    doc: 'a claimed block goes on counting for the thread that gave it away',
    scenarios: ['my-claim', 'root-hand-over'],
    oracle: [...BROKEN],
  },
  {
    id: 'my-free-header-read-late',
    file: MY_MALLOC,
    find: '  psiMemoryFree(thr, env.psi, key, bytes + env.counted, owner);',
    replace:
      '  psiMemoryFree(thr, env.psi, mem[block + KEY], getU53(mem, block + SIZE) + env.counted, owner || key || bytes);',
    doc: 'the header is read after the block was freed: the next owner has overwritten it',
    scenarios: ['my-free-pages-by-other', 'my-realloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'my-free-magic-late',
    file: MY_MALLOC,
    find: '  psiMemoryFree(thr, env.psi, key, bytes + env.counted, owner);',
    replace:
      '  mem[block + MAGIC] = MY_MAGIC_FREED;\n  psiMemoryFree(thr, env.psi, key, bytes + env.counted, owner);',
    doc: 'the magic number is overwritten after the block was freed: it may be the next owner’s',
    scenarios: ['my-free-pages-by-other', 'my-realloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'my-realloc-copy-late',
    file: MY_MALLOC,
    find: '  mem.copyWithin(to, p, p + Math.ceil(Math.min(had, bytes) / WORD_BYTES));\n  myFree(thr, env, p, site);\n',
    replace:
      '  myFree(thr, env, p, site);\n  mem.copyWithin(to, p, p + Math.ceil(Math.min(had, bytes) / WORD_BYTES));\n',
    doc: 'my_realloc copies out of the old block after freeing it',
    scenarios: ['my-realloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'root-claim-current-only',
    file: BLOCKS,
    find: '    myClaim(thr, env, block, claim);\n',
    replace: '    if (block === mem[root + CURRENT]) myClaim(thr, env, block, claim);\n',
    doc: 'a root that changes hands takes only its current block along',
    scenarios: ['root-hand-over'],
    oracle: [...BROKEN],
  },
  {
    id: 'root-reset-late',
    file: BLOCKS,
    find: '  memRootReset(mem, root);\n  freeBlocks(thr, env, first, site);\n',
    replace: '  freeBlocks(thr, env, first, site);\n  memRootReset(mem, root);\n',
    doc: 'Clear resets the root after its blocks are gone, and the root with them',
    scenarios: ['root-in-itself'],
    oracle: [...BROKEN],
  },
  {
    id: 'root-prev-read-late',
    file: BLOCKS,
    find: '    myFree(thr, env, block, site);\n    block = prev;\n',
    replace: '    myFree(thr, env, block, site);\n    block = prev === NIL ? NIL : thr.mem[block + PREV];\n',
    doc: 'the link to the next block is read from one that was freed',
    scenarios: ['root-in-itself', 'root-hand-over'],
    oracle: [...BROKEN],
  },
  {
    id: 'root-move-keeps-source',
    file: STATE,
    find: '  memRootReset(mem, source);\n',
    replace: '',
    doc: 'a root that was moved keeps its blocks too',
    scenarios: ['root-hand-over'],
    oracle: [...BROKEN],
  },
];
