/** `npm run bench -- merge A.json B.json … --json FILE`: the parts of a sweep, or several runs of one, put together. */
import { buildCli } from '../src/config/cli.ts';
import { OptionError, UserError } from '../src/config/errors.ts';
import { COMMON_OPTIONS } from './core/options.ts';
import { checkOutputs, writeOutputs } from './core/outputs.ts';
import { renderResult } from './core/render.ts';
import { FORMAT, readResult, type ResultFile, type Row } from './core/row.ts';
import { FAMILIES } from './families.ts';

const OPTIONS = COMMON_OPTIONS.filter((o) => o.name === 'json' || o.name === 'csv' || o.name === 'html');

export async function mergeMain(argv: readonly string[]): Promise<number> {
  const first = argv.findIndex((a) => a.startsWith('-'));
  const paths = first < 0 ? argv : argv.slice(0, first);
  const parsed = buildCli({
    name: 'npm run bench -- merge A.json B.json …',
    description: 'Puts results of shards together, or adds the samples of several runs of the same cells.',
    own: OPTIONS,
    sysvars: [],
  }).parse(argv.slice(paths.length));
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  if (paths.length === 0)
    throw new OptionError('merge', 'merge: names of result files are wanted: A.json B.json …');
  const { own } = parsed;
  const outputs = { json: own.json ?? null, csv: own.csv ?? null, html: own.html ?? null };
  const file = mergeResults(paths.map(readResult), paths);
  checkOutputs(outputs);
  process.stdout.write(`${renderResult(file, FAMILIES)}\n`);
  writeOutputs(file, outputs, FAMILIES);
  return 0;
}

/**
 * Rows of one cell become one row; its samples keep apart, as those of different processes.
 * @throws UserError when a cell was measured in different environments: such samples have nothing in common
 */
export function mergeResults(files: readonly ResultFile[], names: readonly string[]): ResultFile {
  const byCell = new Map<string, { row: Row; from: string }>();
  for (const [i, file] of files.entries()) {
    for (const row of file.rows) {
      const seen = byCell.get(row.cell);
      if (seen === undefined) byCell.set(row.cell, { row, from: names[i] });
      else if (seen.row.cHash === row.cHash)
        byCell.set(row.cell, { row: joined(seen.row, row), from: seen.from });
      else
        throw new UserError(
          `${names[i]}: ${difference(seen.row, row)} as in ${seen.from}: these do not merge`,
        );
    }
  }
  return {
    format: FORMAT,
    command: [...new Set(files.map((f) => f.command))].join('\n'),
    quick: files.some((f) => f.quick),
    warnings: [...new Set(files.flatMap((f) => f.warnings))],
    rows: [...byCell.values()].map(({ row }) => row),
  };
}

/** Further figures are those of the run with more samples: medians of medians would be neither. */
function joined(a: Row, b: Row): Row {
  const shift = 1 + Math.max(-1, ...a.group);
  return {
    ...a,
    samples: [...a.samples, ...b.samples],
    reference: a.reference === null || b.reference === null ? null : [...a.reference, ...b.reference],
    group: [...a.group, ...b.group.map((g) => g + shift)],
    extra: a.samples.length >= b.samples.length ? a.extra : b.extra,
  };
}

function difference(a: Row, b: Row): string {
  const names = Object.keys(a.environment) as (keyof Row['environment'])[];
  const found = names.filter((n) => a.environment[n] !== b.environment[n]);
  return `not the same ${found.join(', ') || 'seed'}`;
}
