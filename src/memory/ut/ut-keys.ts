/**
 * Which instrument an allocation counts for when its caller names none (facts A 1.6): one per source file of the storage
 * engine, found by the file's base name without its extension.
 *
 * 5.7 looks when memory is asked for, and wants the name itself. 8.0.25 looks when it is compiled, and takes the first
 * name of the list, which is in alphabetical order, that begins with the base name. Here a place is looked up once, when it is made.
 */
import { INNODB_AUTO_NAMES } from '../psi/psi-instruments.ts';
import { FIRST_AUTO_KEY, KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { type AllocSite, allocSite } from './site.ts';
import type { UtVersion } from './ut-header.ts';

/** A place in a source file, with the instrument that the file stands for. */
export interface UtSite extends AllocSite {
  readonly key: number;
}

/** A place of the entry points (ut-entry.ts), for a constant at the top of a module. */
export function utSite(file: string, line: number, version: UtVersion = '8.0.25'): UtSite {
  const { id } = allocSite(file, line);
  return { file, line, id, key: utKeyOfFile(file, version) };
}

/** The instrument of a source file; an empty name: none is known, as in containers of the standard library. */
export function utKeyOfFile(file: string, version: UtVersion): number {
  return version === '5.7' ? keyOfFile57(file) : keyOfFile80(file);
}

function keyOfFile57(file: string): number {
  if (file === '') return MEM_KEY.std;
  const i = INNODB_AUTO_NAMES.indexOf(stemOf(file));
  return i < 0 ? MEM_KEY.other : FIRST_AUTO_KEY + i;
}

function keyOfFile80(file: string): number {
  if (file === '') return KEY_NONE;
  const stem = stemOf(file);
  const i = INNODB_AUTO_NAMES.findIndex((name) => name.startsWith(stem));
  return i < 0 ? KEY_NONE : FIRST_AUTO_KEY + i;
}

/** Base name of a path up to its last dot. */
function stemOf(file: string): string {
  const base = file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
  const dot = base.lastIndexOf('.');
  return dot < 0 ? base : base.slice(0, dot);
}
