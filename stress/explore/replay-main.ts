/** `npm run explore -- --scenario NAME --replay STRING`: one schedule again, here and on real threads. */
import { existsSync } from 'node:fs';
import { type Replayed, replayString } from '../../src/explore/explorer.ts';
import { type Form, type Lab, scenariosOf } from '../../src/explore/lab.ts';
import { parseReplay } from '../../src/explore/report/schedule-string.ts';
import { InputError } from '../../src/explore/report/input-error.ts';
import type { ScenarioResult } from '../../src/explore/report/summary.ts';
import { firstDifference, readTrace, type Trace } from '../../src/explore/report/trace-file.ts';
import type { CatalogEntry } from './catalog.ts';
import type { Wanted } from './options.ts';
import { EXIT, writeReport } from './output.ts';
import { confirmOnRealThreads, realText } from './real.ts';
import { foundOf, NOTHING, showFailure } from './show.ts';
import { labOf } from './labs.ts';

const RACE: Form = { plain: 'race', state: false };

/**
 * @returns the exit status
 * @throws InputError when the text is neither a schedule, nor a seed, nor the path of a trace of this scenario
 */
export async function replayMain(
  wanted: Wanted,
  entry: CatalogEntry,
  text: string,
  argv: readonly string[],
): Promise<number> {
  const { values, profile } = wanted;
  const trace = traceAt(text, entry);
  const way = trace?.schedule ?? text;
  parseReplay(way, entry.threads);
  const lab = labOf(entry.file);
  const found = scenariosOf(await lab.exports(RACE)).find((s) => s.name === entry.name);
  if (found === undefined) throw new Error(`${entry.file} has no scenario ${entry.name}`);
  const began = performance.now();
  const replayed = await replayString(lab, found, way, { minimiseMs: profile.minimiseMs });
  const ms = performance.now() - began;
  const { failure, simulated } = replayed;
  const say = (line: string): void => {
    if (values.json !== '-') process.stdout.write(line);
  };
  const shown = await textOf(wanted, entry, lab, replayed);
  say(shown.text);
  if (simulated.divergence !== null) say(`the schedule does not go as listed: ${simulated.divergence}\n`);
  if (trace !== null) {
    const { plain, steps } = simulated;
    const differs = firstDifference(trace, { steps, sites: lab.sites({ plain, state: false }) });
    say(differs === null ? 'step for step as in the trace\n' : `not as in the trace: ${differs.message}\n`);
  }
  const result: ScenarioResult = {
    scenario: entry.name,
    doc: entry.doc,
    verdict: failure === null ? 'passed' : 'failed',
    coverage: { ...NOTHING, schedules: 1, steps: simulated.steps.length, distinct: 1, ms },
    ...(failure !== null && { found: { ...foundOf(failure, 1), ...shown.trace } }),
  };
  writeReport(wanted, [result], lab.fingerprint(RACE), argv);
  if (values.real) {
    const real = await confirmOnRealThreads(
      entry,
      failure === null ? simulated : { ...failure, kind: failure.finding.kind },
    );
    say(realText(real));
    if (real.difference !== null) return EXIT.bad;
  }
  return failure === null ? EXIT.good : EXIT.bad;
}

/** The trace, when the text is the path of one; its header says which schedule it is. */
function traceAt(text: string, entry: CatalogEntry): Trace | null {
  if (!existsSync(text)) return null;
  const trace = readTrace(text);
  if (trace.scenario === entry.name) return trace;
  throw new InputError(`trace ${text}: is of scenario ${trace.scenario}, not of ${entry.name}`);
}

async function textOf(
  { values }: Wanted,
  entry: CatalogEntry,
  lab: Lab,
  { failure, simulated }: Replayed,
): Promise<{ text: string; trace: { trace?: string } }> {
  if (failure === null) {
    const text = `${entry.name}: nothing goes wrong in this schedule of ${simulated.steps.length} steps\n`;
    return { text, trace: {} };
  }
  const form: Form = { plain: failure.plain, state: false };
  const engine = await lab.engine(entry.name, form);
  const { text, trace } = showFailure({
    scenario: entry.name,
    failure,
    sites: lab.sites(form),
    threads: entry.threads,
    wordName: (w) => engine.nameOf(w),
    module: values.module,
    traceDir: values['trace-dir'],
    fingerprint: lab.fingerprint(form),
  });
  return { text, trace: trace === undefined ? {} : { trace } };
}
