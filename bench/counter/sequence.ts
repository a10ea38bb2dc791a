/**
 * What a session allocates and frees: statements of three kinds, seeded. Sizes are those of a server's SQL layer: many
 * small objects, blocks of statement arenas, now and then a sort buffer; most is freed by the end of the statement, a
 * little stays for later ones. A sequence frees all that it took, so that it can be repeated.
 */
import { Rng } from '../../src/layout/rng.ts';

/** One operation a word: n > 0 allocates n bytes, −n frees n bytes, 0 ends a statement. */
export interface Sequence {
  readonly ops: Int32Array;
  /** Allocations, each with its free. */
  readonly pairs: number;
}

/** Share in percent, small objects from … to, arena blocks, and whether it sorts. */
const KINDS = [
  { share: 60, small: [6, 14], blocks: 1, sorts: false },
  { share: 30, small: [15, 40], blocks: 3, sorts: false },
  { share: 10, small: [20, 60], blocks: 4, sorts: true },
] as const;
const ARENA_BLOCKS = [4064, 8160, 16_352] as const;
const SORT_MIN = 32 << 10;
const SORT_MAX = 256 << 10;
const EARLY_FREE = 0.4;
const SURVIVES = 0.03;
const MAX_SURVIVORS = 24;

export function makeSequence(seed: number, session: number, statements: number): Sequence {
  const rng = new Rng(seed, session);
  const ops: number[] = [];
  const survivors: number[] = [];
  const between = (min: number, max: number): number => min + rng.below(max - min + 1);
  const small = (): number => 8 * between(4, 64);
  for (let s = 0; s < statements; s++) {
    const kind = kindAt(rng.below(100));
    const sizes = Array.from({ length: between(kind.small[0], kind.small[1]) }, small);
    for (let i = 0; i < kind.blocks; i++)
      sizes.splice(rng.below(sizes.length), 0, ARENA_BLOCKS[rng.below(3)]);
    if (kind.sorts) sizes.splice(rng.below(sizes.length), 0, between(SORT_MIN, SORT_MAX));
    const live: number[] = [];
    for (const size of sizes) {
      ops.push(size);
      live.push(size);
      if (rng.float() < EARLY_FREE) ops.push(-takeOut(live, rng.below(live.length)));
    }
    while (live.length > 0) {
      const size = takeOut(live, live.length - 1);
      if (rng.float() < SURVIVES) survivors.push(size);
      else ops.push(-size);
    }
    const kept = s === statements - 1 ? 0 : MAX_SURVIVORS;
    while (survivors.length > kept) ops.push(-takeOut(survivors, 0));
    ops.push(0);
  }
  const shared = new Int32Array(new SharedArrayBuffer(ops.length * 4));
  shared.set(ops);
  return { ops: shared, pairs: ops.filter((op) => op > 0).length };
}

function kindAt(percent: number): (typeof KINDS)[number] {
  let sum = 0;
  return KINDS.find(({ share }) => percent < (sum += share)) ?? KINDS[0];
}

function takeOut(from: number[], at: number): number {
  return from.splice(at, 1)[0];
}
