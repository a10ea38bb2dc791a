/**
 * `npm run stress`: parses, runs, reports. Exit status: 0 all holds (also of a run that was interrupted once), 1 not,
 * 2 bad input, 130 interrupted before anything ran.
 */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from '../src/config/errors.ts';
import { StorageError } from '../src/storage/errors.ts';
import { planStress, type StressPlan } from './options.ts';
import { Progress } from './progress.ts';
import { renderReport } from './report-text.ts';
import { buildReport, type StressReport } from './report.ts';
import { Interrupted } from './run-types.ts';
import { StressRun } from './runner.ts';

const EXIT = { holds: 0, fails: 1, badInput: 2, interrupted: 130 } as const;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** npm hands on the signal that the terminal has sent to everybody: two in so short a time are one. */
const SAME_SIGNAL_MS = 300;

async function main(argv: readonly string[]): Promise<number> {
  const plan = await planStress(argv);
  if (typeof plan === 'string') {
    process.stdout.write(plan);
    return EXIT.holds;
  }
  if (plan.json !== null && plan.json !== '-') checkWritable(plan.json);
  for (const line of plan.warnings) process.stderr.write(`warning: ${line}\n`);
  try {
    return await runPlan(plan);
  } finally {
    plan.cleanUp();
  }
}

async function runPlan(plan: StressPlan): Promise<number> {
  const progress = new Progress(plan.run.seconds, plan.run.traceLength);
  const run = new StressRun(plan.run, progress);
  let signals = 0;
  let lastAt = -Infinity;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (performance.now() - lastAt < SAME_SIGNAL_MS) return;
    lastAt = performance.now();
    signals++;
    if (signals > 2) {
      // Whatever it hangs in: the way out that always works.
      progress.done();
      plan.cleanUp();
      for (const s of SIGNALS) process.off(s, onSignal);
      process.kill(process.pid, signal);
      return;
    }
    progress.note(signals === 1 ? 'stopping; once more gives the run up' : 'giving up; once more kills it');
    run.stop();
  };
  for (const s of SIGNALS) process.on(s, onSignal);
  try {
    const result = await run.run();
    progress.done();
    const report = buildReport(plan, result);
    const told = tell(plan, report);
    return told && report.verdict === 'ok' ? EXIT.holds : EXIT.fails;
  } finally {
    progress.done();
    for (const s of SIGNALS) process.off(s, onSignal);
  }
}

/** @returns whether the report could be written */
function tell(plan: StressPlan, report: StressReport): boolean {
  if (plan.json === '-') {
    process.stdout.write(`${JSON.stringify(report)}\n`);
    return true;
  }
  process.stdout.write(`${renderReport(report)}\n`);
  if (plan.json === null) return true;
  try {
    writeFileSync(plan.json, `${JSON.stringify(report, null, 1)}\n`);
    return true;
  } catch (error) {
    process.stderr.write(`--json=${plan.json}: cannot be written: ${(error as Error).message}\n`);
    return false;
  }
}

/** Before the run, not after it; and without a trace, should the run be refused for another reason. */
function checkWritable(file: string): void {
  try {
    const found = statSync(file, { throwIfNoEntry: false });
    if (found?.isDirectory() === true) throw new Error('it is a directory');
    if (found === undefined && !statSync(dirname(file)).isDirectory()) throw new Error('no such directory');
    accessSync(found === undefined ? dirname(file) : file, constants.W_OK);
  } catch (error) {
    throw new UserError(`--json=${file}: cannot be written: ${(error as Error).message}`);
  }
}

// Whoever reads the report may have seen enough, as `head` does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = EXIT.interrupted;
  else if (error instanceof UserError || error instanceof StorageError) process.exitCode = EXIT.badInput;
  else throw error;
  process.stderr.write(`${error.message}\n`);
}
