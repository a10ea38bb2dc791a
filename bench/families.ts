/** All families, in the order in which a run of everything measures them. */
import { allocFamily } from './alloc/family.ts';
import type { Family } from './core/case.ts';
import { counterFamily } from './counter/family.ts';
import { exploreFamily } from './explore/family.ts';
import { latchFamily } from './latch/family.ts';
import { numaFamily } from './numa/family.ts';
import { pageGetFamily } from './page-get/family.ts';
import { poolFamily } from './pool/family.ts';

export const FAMILIES: readonly Family[] = [
  latchFamily,
  pageGetFamily,
  poolFamily,
  counterFamily,
  allocFamily,
  numaFamily,
  exploreFamily,
];
