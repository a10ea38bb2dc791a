/** All mutants, in the order of their files. */
import { mutants as buffer } from './buffer.ts';
import { mutants as memory } from './memory.ts';
import { mutants as sync } from './sync.ts';
import type { Mutant } from './types.ts';

export const MUTANTS: readonly Mutant[] = [...sync, ...memory, ...buffer];
