/** Where the project's own scenarios are, and which module has which. */
import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { scenariosOf } from '../../src/explore/lab.ts';
import type { FindingKind } from '../../src/explore/types.ts';

/** A scenario by its name, and the module that has it. */
export interface CatalogEntry {
  readonly name: string;
  readonly doc: string;
  /** Absolute path of the TypeScript source. */
  readonly file: string;
  readonly threads: number;
  /** Small enough for all interleavings. */
  readonly exhaustive: boolean;
  /** What it must find: a defect retold. */
  readonly expect?: FindingKind;
}

/** Folders of scenarios, from the root of the repository. */
const FOLDERS = ['stress/explore/scenarios', 'stress/explore/retold'];

/** Root of the repository: where the sources are, seen from the sources or from dist. */
export function repositoryRoot(): string {
  let dir = fileURLToPath(new URL('.', import.meta.url));
  while (!existsSync(join(dir, 'package.json')) || !existsSync(join(dir, 'src'))) {
    const up = join(dir, '..');
    if (up === dir) throw new Error('the sources of latchlab are not beside its program');
    dir = up;
  }
  // dist has a src of its own, but no package.json: this is the root.
  return dir;
}

/** Absolute paths of the modules of scenarios. */
export function scenarioFiles(root = repositoryRoot()): string[] {
  return FOLDERS.flatMap((folder) => {
    const dir = join(root, folder);
    if (!existsSync(dir)) return [];
    const files = readdirSync(dir).filter((f) => f.endsWith('.ts') && !f.endsWith('.test.ts'));
    return files.toSorted().map((f) => join(dir, f));
  });
}

/** The compiled module of a source, for what needs no exploration. */
function compiled(root: string, file: string): string {
  return join(root, 'dist', relative(root, file)).replace(/\.ts$/, '.js');
}

/** All scenarios of the project, by module and then in the order of their modules. */
export async function loadCatalog(root = repositoryRoot()): Promise<CatalogEntry[]> {
  const entries: CatalogEntry[] = [];
  for (const file of scenarioFiles(root)) {
    const exports = (await import(compiled(root, file))) as Record<string, unknown>;
    for (const s of scenariosOf(exports)) {
      entries.push({
        name: s.name,
        doc: s.doc,
        file,
        threads: s.threads.length,
        exhaustive: s.exhaustive === true,
        ...(s.expect !== undefined && { expect: s.expect }),
      });
    }
  }
  return entries;
}
