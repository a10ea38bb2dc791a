/** Measuring: from the command line to rows, table, files. */
import { OptionError } from '../src/config/errors.ts';
import { SAME_SIGNAL_MS } from '../src/config/signals.ts';
import { buildCli } from '../src/config/cli.ts';
import type { BenchContext, Family } from './core/case.ts';
import { busyWarning, readEnvironment } from './core/environment.ts';
import { cellArgv, cellsOf, MATRIX_HELP, readShard, shardOf, takeMatrix } from './core/matrix.ts';
import { measure, type PlacedCase } from './core/measure.ts';
import { COMMON_OPTIONS } from './core/options.ts';
import { BenchProgress } from './core/progress.ts';
import { checkOutputs, type Outputs, writeOutputs } from './core/outputs.ts';
import { FORMAT, type ResultFile, type Row } from './core/row.ts';
import { renderResult } from './core/render.ts';

const EXIT = { done: 0, interrupted: 130 } as const;

interface BenchPlan {
  readonly placed: readonly PlacedCase[];
  readonly outputs: Outputs;
  readonly quick: boolean;
  readonly seed: number;
  readonly warnings: readonly string[];
}

export async function benchMain(
  argv: readonly string[],
  families: readonly Family[],
  commands: readonly string[],
): Promise<number> {
  const environment = readEnvironment();
  const plan = await planBench(argv, families, commands);
  if (typeof plan === 'string') {
    process.stdout.write(plan);
    return EXIT.done;
  }
  checkOutputs(plan.outputs);
  const busy = busyWarning();
  const warnings = busy === null ? plan.warnings : [...plan.warnings, busy];
  for (const line of warnings) process.stderr.write(`warning: ${line}\n`);

  const { rows, interrupted } = await measureAll(plan, environment);
  const file: ResultFile = {
    format: FORMAT,
    command: ['npm run bench --', ...argv].join(' '),
    quick: plan.quick,
    warnings: interrupted ? [...warnings, 'interrupted: not all rounds were measured'] : [...warnings],
    rows,
  };
  process.stdout.write(`${renderResult(file, families)}\n`);
  writeOutputs(file, plan.outputs, families);
  return interrupted ? EXIT.interrupted : EXIT.done;
}

/** @returns help, or what to measure. Nothing is started or written. @throws OptionError */
async function planBench(
  argv: readonly string[],
  families: readonly Family[],
  commands: readonly string[],
): Promise<string | BenchPlan> {
  const name = argv.length === 0 || argv[0].startsWith('-') ? null : argv[0];
  const chosen = name === null ? families : families.filter((f) => f.name === name);
  if (chosen.length === 0) {
    const known = families.map((f) => f.name).join(', ');
    throw new OptionError('family', `family '${name}': allowed are ${known}; or ${commands.join(', ')}`);
  }
  const { axes, rest } = takeMatrix(name === null ? argv : argv.slice(1));
  if (name === null && axes.length > 0) {
    throw new OptionError(
      '--matrix',
      '--matrix: a sweep is of one family: npm run bench -- FAMILY --matrix …',
    );
  }
  const common = name === null ? overview(families, commands).parse(rest) : looseCommon(rest);
  if (common.help !== null) return common.help;
  const { own } = common;
  const shard = readShard(own.shard);
  const warnings: string[] = [];
  const context: BenchContext = {
    quick: own.quick,
    seed: own.seed,
    warn: (line) => void warnings.push(line),
  };
  const placed: PlacedCase[] = [];
  for (const family of chosen) {
    const ownRest = name === null ? [] : rest;
    for (const cell of shardOf(cellsOf(axes), shard)) {
      const parsed = await family.parse([...ownRest, ...cellArgv(axes, cell)], COMMON_OPTIONS, context);
      if (typeof parsed === 'string') return parsed + MATRIX_HELP + '\n';
      for (const line of parsed.warnings) if (!warnings.includes(line)) warnings.push(line);
      const rounds = own.rounds ?? (own.quick ? family.rounds.quick : family.rounds.full);
      const at = Object.fromEntries(axes.map((axis, i) => [axis.name, cell[i]]));
      for (const bench of parsed.cases) placed.push({ family: family.name, bench, axes: at, rounds });
    }
  }
  return { placed, outputs: own, quick: own.quick, seed: own.seed, warnings };
}

function overview(families: readonly Family[], commands: readonly string[]) {
  const list = families.map((f) => `  ${f.name.padEnd(10)} ${f.doc.split('\n', 1)[0]}`).join('\n');
  return buildCli({
    name: 'npm run bench -- [FAMILY]',
    description:
      `Measures compiled output. Without a family all are measured, one after the other.\n\nFamilies (each has its own ` +
      `--help):\n${list}\n\nCommands: ${commands.join(', ')}`,
    own: COMMON_OPTIONS,
    sysvars: [],
  });
}

/** The common options out of a family's command line; the family itself finds what is wrong with the others. */
function looseCommon(rest: readonly string[]) {
  const mine: string[] = [];
  for (let i = 0; i < rest.length; i++) {
    const option = COMMON_OPTIONS.find(
      (o) => rest[i] === `--${o.name}` || rest[i].startsWith(`--${o.name}=`),
    );
    if (option === undefined) continue;
    mine.push(rest[i]);
    if (option.kind !== 'flag' && !rest[i].includes('=') && i + 1 < rest.length) mine.push(rest[++i]);
  }
  return buildCli({ name: 'npm run bench --', description: '', own: COMMON_OPTIONS, sysvars: [] }).parse(
    mine,
  );
}

/** Family by family, so that a run of everything has no idle pools of other families beside it. */
async function measureAll(
  plan: BenchPlan,
  environment: Row['environment'],
): Promise<{ rows: Row[]; interrupted: boolean }> {
  const bar = new BenchProgress();
  let signals = 0;
  let lastAt = -Infinity;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (performance.now() - lastAt < SAME_SIGNAL_MS) return;
    lastAt = performance.now();
    signals++;
    bar.done();
    if (signals === 1) {
      process.stderr.write('stopping after this round; once more stops at once\n');
      return;
    }
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  const rows: Row[] = [];
  const total = plan.placed.reduce((n, p) => n + p.rounds, 0);
  let before = 0;
  try {
    for (const name of new Set(plan.placed.map((p) => p.family))) {
      const part = plan.placed.filter((p) => p.family === name);
      rows.push(
        ...(await measure(part, {
          seed: plan.seed,
          environment,
          stopped: () => signals > 0,
          progress: (done, _, next) => bar.show(before + done, total, `${name}: ${next}`),
        })),
      );
      before += part.reduce((n, p) => n + p.rounds, 0);
    }
  } finally {
    bar.done();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
  return { rows, interrupted: signals > 0 };
}
