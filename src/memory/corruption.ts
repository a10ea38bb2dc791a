/** Damaged memory: one report that says what is known, and the end of the run. Damage is never spread. */

/** What was found, in the words of the report's lines. */
export interface CorruptionFacts {
  /** `double free`, `foreign address`, `overwritten magic`, `wrong allocator` … */
  readonly what: string;
  /** The call that found it: `my_free`. */
  readonly call: string;
  /** Word address that the caller gave. */
  readonly at: number;
  /** What was expected, and what is there. */
  readonly detail?: string;
}

/** A block is damaged, or given back to whom it does not belong. Nothing has been changed when it is thrown. */
export class MemoryCorruption extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'MemoryCorruption';
  }
}

/**
 * The error, with all that is known of the block at `block` (its first word, header included): instrument, where it was
 * allocated, where freed. `os`: the memory that it lies in, NIL when in none.
 */
export function corruption(
  _mem: Int32Array,
  _os: number,
  _block: number,
  { what, call, at, detail }: CorruptionFacts,
): MemoryCorruption {
  return new MemoryCorruption(`${call}(@${at}): ${what}${detail === undefined ? '' : `: ${detail}`}`);
}
