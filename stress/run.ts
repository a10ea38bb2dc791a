/**
 * `npm run stress`: parses, runs, reports. Exit status: 0 all holds (also of a run that was interrupted once), 1 not,
 * 2 bad input, 130 interrupted before anything ran.
 */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import type { EngineShare } from '../src/engine.ts';
import { OptionError, UserError } from '../src/config/errors.ts';
import { SAME_SIGNAL_MS } from '../src/config/signals.ts';
import { checkWritable, unwritable } from '../src/config/writable.ts';
import { StorageError } from '../src/storage/errors.ts';
import { type LimitCurve, limitCurve } from './limit/curve.ts';
import { LiveView } from './live/live.ts';
import { planStress, type StressPlan } from './options/options.ts';
import { ProcessMemoryWatch } from './runner/process-memory.ts';
import { type Display, Progress, type RunLength } from './live/progress.ts';
import { renderStressHtml } from './report/report-html.ts';
import { renderReport } from './report/report-text.ts';
import { buildReport, type StressReport } from './report/report.ts';
import { Interrupted, type RunEvents } from './runner/run-types.ts';
import { StressRun } from './runner/runner.ts';

const EXIT = { holds: 0, fails: 1, badInput: 2, interrupted: 130 } as const;
/** Threads and time for the curve of chunk sizes. */
const MOST_CURVE_SESSIONS = 8;
const LEAST_CURVE_SECONDS = 4;
const MOST_CURVE_SECONDS = 60;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

async function main(argv: readonly string[]): Promise<number> {
  const plan = await planStress(argv);
  if (typeof plan === 'string') {
    process.stdout.write(plan);
    return EXIT.holds;
  }
  checkOutputs(plan);
  for (const line of plan.warnings) process.stderr.write(`warning: ${line}\n`);
  try {
    return await runPlan(plan);
  } finally {
    plan.cleanUp();
  }
}

async function runPlan(plan: StressPlan): Promise<number> {
  const { seconds, warmupSeconds = 0, traceLength } = plan.run;
  const length: RunLength = { seconds, warmupSeconds, traceLength };
  const progress: Display = plan.live ? new LiveView(plan.scenario, length) : new Progress(length);
  const watch = new ProcessMemoryWatch();
  const curveEnd = new AbortController();
  const run = new StressRun(plan.run, watched(progress, watch));
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
    curveEnd.abort();
  };
  for (const s of SIGNALS) process.on(s, onSignal);
  try {
    const result = await run.run();
    const processMemory = watch.result(result.share);
    const curve =
      plan.limitDemo && result.stops === 0 ? await chunkCurve(plan, progress, curveEnd.signal) : null;
    progress.done();
    const report = buildReport(plan, result, { processMemory, curve });
    const told = tell(plan, report);
    const problem = curve?.problem ?? null;
    if (problem !== null) process.stderr.write(`the curve of chunk sizes ended early: ${problem}\n`);
    return told && report.verdict === 'ok' && problem === null ? EXIT.holds : EXIT.fails;
  } finally {
    watch.stop();
    progress.done();
    for (const s of SIGNALS) process.off(s, onSignal);
  }
}

/** What chunks of different sizes cost: threads of its own, after the run's have gone. */
function chunkCurve(plan: StressPlan, progress: Display, signal: AbortSignal): Promise<LimitCurve> {
  const { seconds, engine } = plan.run;
  progress.phase?.('measuring chunk sizes');
  return limitCurve(
    {
      seed: engine.seed,
      sessions: Math.min(MOST_CURVE_SESSIONS, Math.max(2, engine.threads)),
      seconds: Math.min(MOST_CURVE_SECONDS, Math.max(LEAST_CURVE_SECONDS, 2 * seconds)),
      watchdogSeconds: plan.run.watchdogSeconds,
      signal,
    },
    { progress: (done, total, what) => progress.chunks?.(done, total, what) },
  );
}

/** What the user sees, and what is noted of the process meanwhile. */
function watched(display: Display, watch: ProcessMemoryWatch): RunEvents {
  let arena: EngineShare | null = null;
  return {
    preparing: (done, total) => display.preparing?.(done, total),
    verifying: (done, total) => display.verifying?.(done, total),
    created: (share) => {
      arena = share;
      display.created?.(share);
    },
    started: (share, pools) => {
      watch.started(share);
      display.started?.(share, pools);
    },
    tick: (share, measuredMs) => display.tick?.(share, measuredMs),
    phase: (text) => {
      if (arena !== null) watch.done(arena);
      display.phase?.(text);
    },
  };
}

/** @returns whether all that was asked for could be written */
function tell(plan: StressPlan, report: StressReport): boolean {
  const { json, html } = plan;
  process.stdout.write(`${json === '-' ? JSON.stringify(report) : renderReport(report)}\n`);
  const wrote = [
    json === null || json === '-' || write('--json', json, `${JSON.stringify(report, null, 1)}\n`),
    html === null || write('--html', html, renderStressHtml(report)),
  ];
  return wrote.every(Boolean);
}

/** One that is there, or that can be made. */
function checkDirectory(option: string, dir: string): void {
  const found = statSync(dir, { throwIfNoEntry: false });
  if (found === undefined) {
    checkWritable(option, dir);
    return;
  }
  try {
    if (!found.isDirectory()) throw new Error('it is not a directory');
    accessSync(dir, constants.W_OK);
  } catch (error) {
    throw unwritable(option, dir, error);
  }
}

function write(option: string, file: string, text: string): boolean {
  try {
    writeFileSync(file, text);
    return true;
  } catch (error) {
    process.stderr.write(`${unwritable(option, file, error).message}\n`);
    return false;
  }
}

/** Before the run, not after it. */
function checkOutputs({ json, html, profile }: StressPlan): void {
  if (json !== null && json !== '-') checkWritable('--json', json);
  if (html === '-') {
    throw new OptionError('--html', '--html=-: only --json goes to standard output; allowed is a file name');
  }
  if (html !== null) checkWritable('--html', html);
  if (profile !== null) checkDirectory('--profile', profile);
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // Whoever reads the report may have seen enough, as `head` does.
  if (error.code === 'EPIPE') return;
  process.stderr.write(`standard output cannot be written: ${error.message}\n`);
  process.on('exit', () => (process.exitCode = EXIT.fails));
});

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof Interrupted) process.exitCode = EXIT.interrupted;
  else if (error instanceof UserError || error instanceof StorageError) process.exitCode = EXIT.badInput;
  else throw error;
  process.stderr.write(`${error.message}\n`);
}
