/** All mutants, in the order of their files. */
import { mutants as buffer } from './buffer.ts';
import { mutants as counter } from './counter.ts';
import { mutants as memHeap } from './mem-heap.ts';
import { mutants as memUt } from './mem-ut.ts';
import { mutants as sync } from './sync.ts';
import type { Mutant } from './types.ts';

export const MUTANTS: readonly Mutant[] = [...sync, ...memHeap, ...memUt, ...counter, ...buffer];
