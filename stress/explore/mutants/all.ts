/** All mutants, in the order of their files. */
import { mutants as buffer } from './buffer.ts';
import { mutants as counter } from './counter.ts';
import { mutants as defrag } from './defrag.ts';
import { mutants as handOver } from './hand-over.ts';
import { mutants as memHeap } from './mem-heap.ts';
import { mutants as memOld } from './mem-old.ts';
import { mutants as memOs } from './mem-os.ts';
import { mutants as memUt } from './mem-ut.ts';
import { mutants as my } from './my.ts';
import { mutants as psi } from './psi.ts';
import { mutants as session } from './session.ts';
import { mutants as status } from './status.ts';
import { mutants as sync } from './sync.ts';
import type { Mutant } from './types.ts';
import { mutants as utNew } from './ut-new.ts';

export const MUTANTS: readonly Mutant[] = [
  ...sync,
  ...memOs,
  ...memHeap,
  ...memUt,
  ...utNew,
  ...memOld,
  ...my,
  ...defrag,
  ...psi,
  ...counter,
  ...status,
  ...handOver,
  ...session,
  ...buffer,
];
