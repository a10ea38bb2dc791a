/** Seeded bugs in shared pointers (src/memory/ut/ut-new-ptr.ts). */
import type { Mutant } from './types.ts';

const PTR = 'src/memory/ut/ut-new-ptr.ts';
const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'ut-shared-drop-in-two-steps',
    file: PTR,
    find: '  if (Atomics.sub(mem, control + USE_COUNT, 1) !== 1) return;\n',
    replace: `  const left = Atomics.load(mem, control + USE_COUNT) - 1;
  Atomics.store(mem, control + USE_COUNT, left);
  if (left !== 0) return;
`,
    doc: 'the count of holders is read and then written: two that drop at once are counted as one',
    scenarios: ['ut-shared-drop', 'ut-shared-copy'],
    oracle: [...BROKEN],
  },
  {
    id: 'ut-shared-last-looked-at-first',
    file: PTR,
    find: '  if (Atomics.sub(mem, control + USE_COUNT, 1) !== 1) return;\n',
    replace: `  if (Atomics.load(mem, control + USE_COUNT) !== 1) {
    Atomics.sub(mem, control + USE_COUNT, 1);
    return;
  }
`,
    doc: 'who is the last holder is looked at before it is dropped: of two none thinks that it is',
    scenarios: ['ut-shared-drop', 'ut-shared-copy'],
    oracle: [...BROKEN],
  },
  {
    id: 'ut-shared-copy-in-two-steps',
    file: PTR,
    find: '    if (this.control !== NIL) Atomics.add(thr.mem, this.control + USE_COUNT, 1);\n',
    replace: `    const { control } = this;
    if (control !== NIL) {
      Atomics.store(thr.mem, control + USE_COUNT, Atomics.load(thr.mem, control + USE_COUNT) + 1);
    }
`,
    doc: 'a copy is counted in two steps: a drop in between is lost',
    scenarios: ['ut-shared-copy'],
    oracle: [...BROKEN],
  },
];
