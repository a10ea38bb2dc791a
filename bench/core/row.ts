/**
 * A result row: one case of one benchmark with every sample that was taken, and all that one must know to compare it
 * with another. Rows are plain data; files of them are JSON, or CSV with a line for each sample.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Papa from 'papaparse';
import { z } from 'zod';
import { UserError } from '../../src/config/errors.ts';

const SETTING = z.union([z.string(), z.number(), z.boolean(), z.null()]);
const FIGURE = z.number().nullable();

const ENVIRONMENT = z.object({
  node: z.string(),
  v8: z.string(),
  cpu: z.string(),
  cores: z.number().int(),
  os: z.string(),
  /** Short hash of the commit, with `+` when the tree has changes; `unknown` outside a checkout. */
  commit: z.string(),
});

const ROW = z.object({
  family: z.string(),
  contender: z.string(),
  /** Ours, somebody else's, or the raw limit of the platform. */
  origin: z.enum(['ours', 'rival', 'limit']),
  case: z.string(),
  settings: z.record(z.string(), SETTING),
  /** Where the row stands in a sweep: the value of each axis, as the user wrote it. */
  axes: z.record(z.string(), z.string()),
  seed: z.number().int(),
  environment: ENVIRONMENT,
  /** Hash of what was measured: family, contender, case, settings, seed. The same in two runs that can be compared. */
  cell: z.string(),
  /** Hash of all that and of the environment: the whole configuration. */
  cHash: z.string(),
  /** What a sample is, as `page gets` or `time of a hit`, its unit, and which way is better. */
  metric: z.string(),
  unit: z.string(),
  better: z.enum(['higher', 'lower']),
  /** One a round, in the order of rounds. */
  samples: z.array(z.number()),
  /** The yardstick measured beside each sample, in turn with it, in the same unit; null: there is none. */
  reference: z.array(z.number()).nullable(),
  /** The process that took each sample, from 0: two processes differ by more than two rounds of one. */
  group: z.array(z.number().int()),
  /** Further figures, each a median over the rounds: a number, or numbers by name. */
  extra: z.record(z.string(), z.union([FIGURE, z.record(z.string(), FIGURE)])),
});

const RESULT_FILE = z.object({
  format: z.literal('latchlab-bench/1'),
  command: z.string(),
  /** Short runs are for a first look: their intervals are wide. */
  quick: z.boolean(),
  warnings: z.array(z.string()),
  rows: z.array(ROW),
});

export type Setting = z.infer<typeof SETTING>;
export type Settings = Readonly<Record<string, Setting>>;
export type Environment = Readonly<z.infer<typeof ENVIRONMENT>>;
export type Extra = z.infer<typeof ROW>['extra'];
export type Row = Readonly<z.infer<typeof ROW>>;
export type ResultFile = Readonly<z.infer<typeof RESULT_FILE>>;
export const FORMAT = 'latchlab-bench/1';

const HASH_DIGITS = 12;

/** Keys in order, so that two objects with the same entries have the same text. */
function canonical(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([k, v]) => [k, canonical(v)]),
  );
}

function hash(...parts: readonly unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify(parts.map(canonical)))
    .digest('hex')
    .slice(0, HASH_DIGITS);
}

/** Adds both hashes to a row. */
export function sealRow(row: Omit<Row, 'cell' | 'cHash'>): Row {
  const { family, contender, settings, seed, environment } = row;
  const cell = hash(family, contender, row.case, settings, seed);
  return { ...row, cell, cHash: hash(cell, environment) };
}

export function resultToJson(file: ResultFile): string {
  return `${JSON.stringify(file, null, 1)}\n`;
}

/** @throws UserError, one line, when the file cannot be read or is none of ours */
export function readResult(path: string): ResultFile {
  let data: unknown;
  try {
    data = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError(
      `${path}: cannot be read as JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const parsed = RESULT_FILE.safeParse(data);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new UserError(
    `${path}: no result file of npm run bench: ${issue.path.join('.') || 'the file'}: ${issue.message}`,
  );
}

/** Long format: a line for each sample, and one for each further figure. Settings have a column each. */
export function rowsToCsv(rows: readonly Row[]): string {
  const names = [...new Set(rows.flatMap((r) => Object.keys(r.settings)))].toSorted();
  const lines = rows.flatMap((row) => {
    const { environment: env } = row;
    const head = { family: row.family, contender: row.contender, origin: row.origin, case: row.case };
    const tail = {
      seed: row.seed,
      cell: row.cell,
      c_hash: row.cHash,
      ...env,
      ...Object.fromEntries(names.map((n) => [`setting.${n}`, row.settings[n] ?? ''])),
    };
    const line = (
      metric: string,
      unit: string,
      round: number | '',
      process: number | '',
      value: number | null,
    ) => ({
      ...head,
      metric,
      unit,
      round,
      process,
      value: value ?? '',
      ...tail,
    });
    return [
      ...row.samples.map((v, i) => line(row.metric, row.unit, i, row.group[i], v)),
      ...(row.reference ?? []).map((v, i) =>
        line(`reference of ${row.metric}`, row.unit, i, row.group[i], v),
      ),
      ...Object.entries(row.extra).flatMap(([name, v]) =>
        typeof v === 'object' && v !== null
          ? Object.entries(v).map(([part, x]) => line(`${name}.${part}`, '', '', '', x))
          : [line(name, '', '', '', v)],
      ),
    ];
  });
  return `${Papa.unparse(lines, { newline: '\n' })}\n`;
}
