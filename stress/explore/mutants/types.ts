/** A seeded bug: one small change of a real source, which the exploration must find. */
import type { FindingKind } from '../../../src/explore/types.ts';

export interface Mutant {
  /** Unique, kebab-case; begins with the file's topic. */
  readonly id: string;
  /** Path from the root of the repository. */
  readonly file: string;
  /** Text that occurs exactly once in the file; may span lines. */
  readonly find: string;
  readonly replace: string;
  /** One line: what is broken now. */
  readonly doc: string;
  /** Names of the scenarios that must notice it, the likeliest first. */
  readonly scenarios: readonly string[];
  /** How it shows; several when it depends on the schedule. */
  readonly oracle: FindingKind | readonly FindingKind[];
  /** Row in tables 4.5 and 6 of the specification. */
  readonly row?: number;
}

/**
 * The text of `mutant.file` with the bug in it.
 * @throws Error when `find` does not occur exactly once, or changes nothing
 */
export function applyMutant(text: string, mutant: Mutant): string {
  const { id, file, find, replace } = mutant;
  const at = text.indexOf(find);
  const first = JSON.stringify(find.split('\n')[0]);
  if (find === '' || at < 0) throw new Error(`mutant ${id}: ${file} does not contain ${first}`);
  if (text.includes(find, at + 1)) throw new Error(`mutant ${id}: ${file} contains ${first} more than once`);
  if (find === replace) throw new Error(`mutant ${id}: changes nothing in ${file}`);
  return text.slice(0, at) + replace + text.slice(at + find.length);
}
