/**
 * `npm run bench -- compare A.json B.json`: what changed between two results. A may be the word `baseline`: the saved
 * result of this class of machine. Exit status: 0 nothing is slower, 1 something is, 2 bad input.
 */
import { writeFileSync } from 'node:fs';
import { buildCli, type OwnOption } from '../../src/config/cli.ts';
import { OptionError, UserError } from '../../src/config/errors.ts';
import { checkWritable, unwritable } from '../../src/config/writable.ts';
import { differences, findBaseline, mustCompare } from './guard.ts';
import { compareRows, THRESHOLD } from './rows.ts';
import { renderComparison } from './text.ts';
import { readResult, type ResultFile } from '../core/row.ts';

export { compareRows } from './rows.ts';

const BASELINE = 'baseline';
const USAGE = 'npm run bench -- compare A.json B.json';

const OPTIONS = [
  {
    name: 'threshold',
    kind: 'float',
    default: 100 * THRESHOLD,
    min: 0,
    max: 1000,
    doc: 'changes of less than so many percent are not marked',
  },
  { name: 'force', kind: 'flag', doc: 'compare different machines or settings all the same' },
  { name: 'json', kind: 'path', default: null, doc: 'write the comparison to this file as JSON' },
] as const satisfies readonly OwnOption[];

const WITH_VALUE = new Set(OPTIONS.filter((o) => o.kind !== 'flag').map((o) => `--${o.name}`));

export async function compareMain(argv: readonly string[]): Promise<number> {
  const { names, options } = split(argv);
  const parsed = buildCli({
    name: USAGE,
    description:
      `Compares two results cell by cell; A may be '${BASELINE}', the saved result of this class of machine ` +
      'in bench/baselines. Exit status: 0 nothing is slower, 1 something is, 2 bad input.',
    own: OPTIONS,
    sysvars: [],
  }).parse(options);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  const { threshold, force, json } = parsed.own;
  if (names.length !== 2) {
    const given = names.length === 0 ? 'none' : names.join(', ');
    throw new OptionError('compare', `compare: two result files are wanted (${USAGE}), given: ${given}`);
  }
  if (json !== null) checkWritable('--json', json);
  const b = read(names[1]);
  const { path, file: a } =
    names[0] === BASELINE ? findBaseline(b) : { path: names[0], file: read(names[0]) };
  if (!force) mustCompare(a, b);
  const result = compareRows(a.rows, b.rows, { threshold: threshold / 100, byName: force });
  if (result.cells.every((c) => c.mark === 'only in A' || c.mark === 'only in B')) {
    throw new UserError(`compare: ${path} and ${names[1]} have no cell in common`);
  }
  for (const line of force ? differences(a, b) : []) process.stderr.write(`warning: not the same ${line}\n`);
  const title = (name: string, { rows }: ResultFile): string =>
    `${name}, commit ${[...new Set(rows.map((r) => r.environment.commit))].join(', ')}`;
  process.stdout.write(`${renderComparison(result, { a: title(path, a), b: title(names[1], b) })}\n`);
  if (json !== null) write(json, { a: path, b: names[1], ...result });
  return result.slower > 0 ? 1 : 0;
}

/** File names and options apart; buildCli takes no names. */
function split(argv: readonly string[]): { names: string[]; options: string[] } {
  const names: string[] = [];
  const options: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (!argv[i].startsWith('-')) names.push(argv[i]);
    else {
      options.push(argv[i]);
      if (WITH_VALUE.has(argv[i]) && i + 1 < argv.length) options.push(argv[++i]);
    }
  }
  return { names, options };
}

function read(path: string): ResultFile {
  const file = readResult(path);
  if (file.rows.length === 0) throw new UserError(`${path}: no cell was measured`);
  return file;
}

function write(path: string, comparison: object): void {
  try {
    // JSON has no infinity: an interval that is open is null there.
    writeFileSync(path, `${JSON.stringify(comparison, null, 1)}\n`);
  } catch (error) {
    throw unwritable('--json', path, error);
  }
}
