/**
 * `npm run replay`: replays a trace through one instance of the pool, or checks all rows of an `expected.json`. Exit
 * status: 0 done (and all rows agree), 1 rows differ, 2 bad input.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { Piscina } from 'piscina';
import { z } from 'zod';
import { buildCli, type OwnOption } from '../src/config/cli.ts';
import { OptionError, UserError } from '../src/config/errors.ts';
import { type ReplayResult, replayTrace } from '../src/session/program/replay.ts';
import { readTrace } from '../src/session/program/trace-file.ts';
import type { ReplayTask } from '../workers/replay.ts';

/** Virtual time is a uint32 of microseconds. */
const MAX_US = 2 ** 32 - 1;

const OPTIONS = [
  { name: 'trace', kind: 'path', default: null, doc: 'page trace to replay (NAME.u32.gz)' },
  { name: 'blocks', kind: 'int', default: null, min: 16, max: 2 ** 24, doc: 'blocks of the pool' },
  { name: 'old-blocks-pct', kind: 'int', default: 37, min: 5, max: 95, doc: 'innodb_old_blocks_pct' },
  {
    name: 'old-blocks-time',
    kind: 'int',
    default: 1000,
    min: 0,
    max: MAX_US / 1000,
    doc: 'innodb_old_blocks_time, ms',
  },
  {
    name: 'us-per-access',
    kind: 'int',
    default: 100,
    min: 0,
    max: 1000,
    doc: 'virtual time between two gets, us; 0 = the clock stands still',
  },
  {
    name: 'expected',
    kind: 'path',
    default: null,
    doc: 'check every row of this file; its traces lie beside it',
  },
  {
    name: 'only',
    kind: 'string',
    default: null,
    doc: 'with --expected: only the traces whose name begins so',
  },
  {
    name: 'json',
    kind: 'path',
    default: null,
    doc: 'write the result as JSON to this file; - is standard output',
  },
] as const satisfies readonly OwnOption[];

/** The fields of a row that must agree. */
const ROW = {
  requests: z.number(),
  hits: z.number(),
  misses: z.number(),
  made_young: z.number(),
  not_made_young: z.number(),
  evictions: z.number(),
  head_moves: z.number(),
  lru_len: z.number(),
  old_len: z.number(),
  evict_crc32: z.string(),
  lru_crc32: z.string(),
};
const FIELDS = Object.keys(ROW) as (keyof typeof ROW)[];
const EXPECTED = z.object({
  traces: z.record(
    z.string(),
    z.object({
      file: z.string(),
      innodb: z.array(
        z.object({
          blocks: z.number(),
          old_pct: z.number(),
          old_blocks_time_ms: z.number(),
          us_per_access: z.number(),
          ...ROW,
        }),
      ),
    }),
  ),
});
type Expected = z.infer<typeof EXPECTED>;

async function main(argv: readonly string[]): Promise<number> {
  const parsed = buildCli({
    name: 'npm run replay --',
    description:
      "Replays a page trace single-threaded: what a real InnoDB's LRU does with it, number for number.",
    own: OPTIONS,
    sysvars: [],
  }).parse(argv);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return 0;
  }
  const { own, explicit } = parsed;
  if (own.expected !== null) {
    const single = ['trace', 'blocks', 'old-blocks-pct', 'old-blocks-time', 'us-per-access'].find((n) =>
      explicit.has(n),
    );
    if (single !== undefined) throw new OptionError(`--${single}`, `--${single} does not go with --expected`);
    return checkExpected(own.expected, own.only ?? '', own.json);
  }
  if (own.trace === null) throw new OptionError('--trace', '--trace=FILE is missing (or --expected=FILE)');
  if (own.blocks === null)
    throw new OptionError('--blocks', '--blocks=N is missing; allowed are 16 to 16777216');
  const pages = await readTrace(own.trace);
  if (pages.length * own['us-per-access'] > MAX_US) {
    throw new OptionError(
      '--us-per-access',
      `--us-per-access=${own['us-per-access']}: ${pages.length} requests would take more than 2^32 us of virtual time; ` +
        `allowed are 0 to ${Math.floor(MAX_US / pages.length)}`,
    );
  }
  const result = replayTrace(pages, {
    blocks: own.blocks,
    oldBlocksPct: own['old-blocks-pct'],
    oldBlocksTimeMs: own['old-blocks-time'],
    usPerAccess: own['us-per-access'],
  });
  output(own.json, result);
  if (own.json !== '-')
    for (const [k, v] of Object.entries(result)) process.stdout.write(`${k.padEnd(20)} ${v}\n`);
  return 0;
}

function output(json: string | null, value: unknown): void {
  if (json === '-') process.stdout.write(`${JSON.stringify(value)}\n`);
  else if (json !== null) {
    try {
      writeFileSync(json, `${JSON.stringify(value, null, 1)}\n`);
    } catch (error) {
      throw new UserError(`--json=${json}: cannot be written: ${(error as Error).message}`);
    }
  }
}

function readExpected(file: string): Expected {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UserError(`--expected=${file}: cannot be read: ${(error as Error).message}`);
  }
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    throw new UserError(`--expected=${file}: is not JSON: ${(error as Error).message}`);
  }
  const checked = EXPECTED.safeParse(data);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0];
  throw new UserError(
    `--expected=${file}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'has another shape'}`,
  );
}

/** Rows run side by side on as many threads as there are cores; each is single-threaded in itself. */
async function checkExpected(file: string, only: string, json: string | null): Promise<number> {
  const expected = readExpected(file);
  const traces = Object.entries(expected.traces).filter(([name]) => name.startsWith(only));
  if (traces.length === 0) throw new OptionError('--only', `--only=${only}: no trace of ${file} begins so`);
  for (const [name, { file: traceFile }] of traces) {
    const path = join(dirname(file), traceFile);
    if (!existsSync(path)) throw new UserError(`--expected=${file}: the trace ${name} is missing: ${path}`);
  }
  const pool = new Piscina({
    filename: new URL('../workers/replay.js', import.meta.url).href,
    minThreads: availableParallelism(),
    maxThreads: availableParallelism(),
    concurrentTasksPerWorker: 1,
  });
  const all = traces.reduce((n, [, t]) => n + t.innodb.reduce((m, r) => m + r.requests, 0), 0);
  const bar = new SingleBar({
    format: 'replaying {bar} {percentage} %, {eta_formatted} left, {rows} rows',
    clearOnComplete: true,
    stream: process.stderr,
  });
  bar.start(all, 0, { rows: 0 });
  const began = performance.now();
  const mismatches: string[] = [];
  const results: (ReplayResult & { trace: string })[] = [];
  for (const [name, trace] of traces) {
    const pages = await readTrace(join(dirname(file), trace.file));
    const rows = trace.innodb.map(async (row) => {
      const task: ReplayTask = {
        pages,
        options: {
          blocks: row.blocks,
          oldBlocksPct: row.old_pct,
          oldBlocksTimeMs: row.old_blocks_time_ms,
          usPerAccess: row.us_per_access,
        },
      };
      const got = (await pool.run(task)) as ReplayResult;
      results.push({ trace: name, ...got });
      bar.increment(row.requests, { rows: results.length });
      const wrong = FIELDS.filter((field) => got[field] !== row[field]);
      if (wrong.length === 0) return;
      const what = wrong.map((field) => `${field} ${got[field]}, expected ${row[field]}`).join('; ');
      mismatches.push(
        `${name}: blocks ${row.blocks}, old_pct ${row.old_pct}, old_blocks_time ${row.old_blocks_time_ms} ms, ` +
          `${row.us_per_access} us per access: ${what}`,
      );
    });
    await Promise.all(rows);
  }
  bar.stop();
  await pool.destroy();
  const seconds = (performance.now() - began) / 1000;
  output(json, { rows: results.length, agreed: results.length - mismatches.length, mismatches, results });
  if (json !== '-') {
    for (const line of mismatches) process.stdout.write(`${line}\n`);
    const gets = Math.round(all / seconds).toLocaleString('en-US');
    process.stdout.write(
      `${results.length - mismatches.length} of ${results.length} rows agree, ` +
        `${all.toLocaleString('en-US')} gets in ${seconds.toFixed(0)} s (${gets} gets/s)\n`,
    );
  }
  return mismatches.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
