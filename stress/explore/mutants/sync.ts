/** Seeded bugs in the latches (src/sync). */
import { mutexMutants } from './sync-mutex.ts';
import { sxLockMutants } from './sync-sx-lock.ts';
import type { Mutant } from './types.ts';

export const mutants: readonly Mutant[] = [...mutexMutants, ...sxLockMutants];
