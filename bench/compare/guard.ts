/** Which results may be held against each other: same class of machine, same settings. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../src/config/errors.ts';
import { cellKey, nameKey } from './rows.ts';
import { type Environment, readResult, type ResultFile, type Row, type Setting } from '../core/row.ts';

/** What must be alike, as it is shown; of versions what changes how code runs, not every patch. */
const CLASS = {
  cpu: (e: Environment) => e.cpu,
  cores: (e: Environment) => `${e.cores}`,
  Node: (e: Environment) => e.node.replace(/^v?(\d+).*$/, 'v$1'),
  V8: (e: Environment) => e.v8.split('.', 2).join('.'),
  os: (e: Environment) => e.os.replace(/(\d+\.\d+).*$/, '$1'),
} as const;

type Property = keyof typeof CLASS;
const PROPERTIES = Object.keys(CLASS) as Property[];

/** Where saved results are: beside the sources, also when compiled. */
export const BASELINES = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../baselines' : '../../../bench/baselines', import.meta.url),
);

/** One line for each thing in which the two differ so that their figures do not compare. */
export function differences(a: ResultFile, b: ResultFile): string[] {
  const found: string[] = [];
  for (const name of PROPERTIES) {
    const [inA, inB] = [a, b].map(({ rows }) => [...new Set(rows.map((r) => CLASS[name](r.environment)))]);
    if (inA.length !== inB.length || inA.some((v) => !inB.includes(v))) {
      found.push(`${name} (${inA.join(', ')} in A, ${inB.join(', ')} in B)`);
    }
  }
  if (a.quick !== b.quick) found.push(`--quick (only ${a.quick ? 'A' : 'B'} was a quick run)`);
  return [...found, ...settingDifferences(a.rows, b.rows)];
}

/** Of cells that have the same name but not the same settings. */
function settingDifferences(a: readonly Row[], b: readonly Row[]): string[] {
  const found = new Set<string>();
  const cells = new Set(b.map((row) => cellKey(row)));
  const named = new Map(b.map((row) => [nameKey(row), row]));
  for (const row of a) {
    const other = named.get(nameKey(row));
    if (other === undefined || cells.has(cellKey(row))) continue;
    const of = (r: Row): Record<string, Setting> => ({ ...r.settings, seed: r.seed });
    const [mine, its] = [of(row), of(other)];
    for (const name of new Set([...Object.keys(mine), ...Object.keys(its)])) {
      if (mine[name] !== its[name]) {
        found.add(`${name} (${show(mine[name])} in A, ${show(its[name])} in B; ${row.family})`);
      }
    }
  }
  return [...found];
}

const show = (value: Setting | undefined): string => (value === undefined ? 'not there' : String(value));

const SHOWN = 4;

/** @throws UserError, one line that names what differs */
export function mustCompare(a: ResultFile, b: ResultFile): void {
  const found = differences(a, b);
  if (found.length === 0) return;
  const more = found.length > SHOWN ? `, and ${found.length - SHOWN} more` : '';
  throw new UserError(
    `compare: not the same ${found.slice(0, SHOWN).join(', ')}${more}: such figures do not compare (--force does it anyway)`,
  );
}

/** The class of machine that a result is of, in words. */
export function machineClass({ rows }: ResultFile): string {
  const { environment: e } = rows[0];
  return `${CLASS.cores(e)} x ${CLASS.cpu(e)}, Node ${CLASS.Node(e)}`;
}

/**
 * The saved result of the class of machine that `b` is of: processor, cores, Node's major version. Of several the one
 * with the most cells of `b`.
 * @returns its path and content
 * @throws UserError when there is none
 */
export function findBaseline(b: ResultFile, folder = BASELINES): { path: string; file: ResultFile } {
  const names = existsSync(folder) ? readdirSync(folder).filter((n) => n.endsWith('.json')) : [];
  const cells = new Set(b.rows.map((row) => row.cell));
  const fitting = names
    .toSorted()
    .map((name) => ({ path: join(folder, name), file: readResult(join(folder, name)) }))
    .filter(({ file }) => file.rows.length > 0 && machineClass(file) === machineClass(b))
    .map((found) => ({ ...found, common: found.file.rows.filter((r) => cells.has(r.cell)).length }))
    .toSorted((x, y) => y.common - x.common);
  const [best] = fitting;
  if (best !== undefined) return best;
  throw new UserError(
    `baseline: bench/baselines has none for ${machineClass(b)} (files there: ${names.join(', ') || 'none'}); ` +
      'save one: npm run bench -- --json bench/baselines/NAME.json',
  );
}
