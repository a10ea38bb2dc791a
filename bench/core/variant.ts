/**
 * Variants of the compiled output: a copy of dist/ with exact edits, to measure what a few lines cost without a switch
 * for them in the sources. Modules of a variant are separate from ours, so both can run in one process.
 */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export interface Edit {
  /** Compiled file, below dist/. */
  readonly file: string;
  /** What is replaced: must be there exactly once. */
  readonly find: string;
  readonly replace: string;
}

export interface Variant {
  /** Address of a compiled file of the variant, given below dist/. */
  url(file: string): string;
  /** Removes the copy. Modules loaded from it stay usable. */
  dispose(): void;
}

const PARTS = ['src', 'bench', 'workers'] as const;
const ROOT = fileURLToPath(new URL(import.meta.url.endsWith('.ts') ? '../..' : '../../..', import.meta.url));

/** The compiled output as it is, or a variant itself when called from one. */
const DIST = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../dist/' : '../../', import.meta.url),
);

/** The present output, unedited, as a variant: `dispose` leaves it alone. */
export const PLAIN: Variant = {
  url: (file) => pathToFileURL(join(DIST, file)).href,
  dispose: () => undefined,
};

/** @throws Error when there is no compiled output, or an edit does not match exactly once */
export function makeVariant(name: string, edits: readonly Edit[]): Variant {
  // Everything is looked up before anything is written.
  const edited = new Map<string, string>();
  for (const edit of edits) {
    const path = join(DIST, edit.file);
    if (!existsSync(path)) throw new Error(`variant ${name}: ${edit.file} is not in the compiled output`);
    edited.set(edit.file, applyEdit(name, edited.get(edit.file) ?? readFileSync(path, 'utf8'), edit));
  }
  const root = mkdtempSync(join(tmpdir(), 'latchlab-variant-'));
  const dist = join(root, 'dist');
  for (const part of PARTS) cpSync(join(DIST, part), join(dist, part), { recursive: true });
  for (const [file, text] of edited) writeFileSync(join(dist, file), text);
  cpSync(join(ROOT, 'package.json'), join(root, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'), 'junction');
  return {
    url: (file) => pathToFileURL(join(dist, file)).href,
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

function applyEdit(name: string, text: string, { file, find, replace }: Edit): string {
  const times = text.split(find).length - 1;
  if (times !== 1) throw new Error(`variant ${name}: ${file} has '${find}' ${times} times, not once`);
  return text.replace(find, () => replace);
}
