/** Edits of the compiled hit path: what it would be without its counters, and slower by a given loop. */
import type { Edit } from '../core/variant.ts';

const GET_PAGE = 'src/buffer/get-page.js';

/** The counters that a hit with an S latch raises. */
export const STATISTICS_OFF: readonly Edit[] = [
  { file: GET_PAGE, find: 'mem[stat + PAGE_GETS]++;', replace: '' },
  { file: GET_PAGE, find: 'mem[thr.waits + PAGE_HASH_ROW]++;', replace: '' },
  { file: GET_PAGE, find: 'mem[thr.waits + FRAME_ROW]++;', replace: '' },
];

/** A loop of so many rounds in each get; each round needs the one before. What it computes is not used, but kept. */
export const plantedLoop = (rounds: number): readonly Edit[] => [
  {
    file: GET_PAGE,
    find: 'mem[thr.op] = OP_GET;\n    mem[stat + PAGE_GETS]++;',
    replace:
      `let planted = pageNo;\n    for (let i = 0; i < ${rounds}; i++) planted = (Math.imul(planted, 5) + i) | 0;\n` +
      '    mem[thr.op] = planted;\n    mem[thr.op] = OP_GET;\n    mem[stat + PAGE_GETS]++;',
  },
];
