/** Which TypeScript file an import means. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Modules of other projects take the types of their scenarios from here. Those must come as a source: a function that is
 * handed to a declaration has left the program.
 */
export const OWN_ENTRY = 'latchlab/explore';
const OWN_TYPES = ['../types.ts', '../../../../src/explore/types.ts'].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);

export const isFile = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isFile() === true;

/**
 * The file that a relative import means, or an import of this package's types; undefined for what is outside (packages, `node:`), and for files that are
 * neither TypeScript nor JSON.
 */
export function resolveSource(
  specifier: string,
  from: string,
  exists: (path: string) => boolean = isFile,
): string | undefined {
  if (specifier === OWN_ENTRY) return OWN_TYPES.find((path) => exists(path));
  if (!specifier.startsWith('.') && !specifier.startsWith('/')) return undefined;
  const path = resolve(dirname(from), specifier.replace(/\?.*$/, ''));
  const asSource = path.replace(/\.(m?)js$/, '.$1ts');
  for (const candidate of [path, asSource, `${path}.ts`, `${path}/index.ts`]) {
    if (/\.(ts|mts|json)$/.test(candidate) && exists(candidate)) return candidate;
  }
  return undefined;
}
