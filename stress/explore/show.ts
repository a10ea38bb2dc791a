/** What is printed about scenarios that have been explored. */

import type { Failure } from '../../src/explore/investigate.ts';
import { failureText } from '../../src/explore/report/failure-text.ts';
import { judgeOutcomes, outcomeTable } from '../../src/explore/report/outcome-table.ts';
import { Signatures } from '../../src/explore/report/signatures.ts';
import type { FoundResult, ScenarioResult, Verdict } from '../../src/explore/report/summary.ts';
import { writeTrace } from '../../src/explore/report/trace-file.ts';
import type { Coverage, Site } from '../../src/explore/types.ts';
import type { CatalogEntry } from './catalog.ts';
import { COMMAND, type ExploreValues } from './options.ts';
import type { ScenarioDone } from './tasks.ts';

export const NOTHING: Coverage = {
  schedules: 0,
  steps: 0,
  distinct: 0,
  saturation: 0,
  boundExhausted: -1,
  outcomes: new Map(),
  ms: 0,
};

/** What several workers have covered together. */
function merged(parts: readonly ScenarioDone[]): Coverage {
  if (parts.length === 1) return parts[0].coverage;
  const signatures = new Signatures();
  const outcomes = new Map<string, number>();
  for (const p of parts) {
    signatures.merge(p.signatures);
    for (const [o, n] of p.coverage.outcomes) outcomes.set(o, (outcomes.get(o) ?? 0) + n);
  }
  const all = parts.map((p) => p.coverage);
  return {
    schedules: all.reduce((sum, c) => sum + c.schedules, 0),
    steps: all.reduce((sum, c) => sum + c.steps, 0),
    distinct: Math.max(signatures.distinct, ...parts.map((p) => p.states)),
    saturation: signatures.saturation,
    boundExhausted: Math.max(...all.map((c) => c.boundExhausted)),
    outcomes,
    ms: Math.max(...all.map((c) => c.ms)),
  };
}

/** The share that found something, after the fewest schedules when there are several. */
export function failedPart(parts: readonly ScenarioDone[]): ScenarioDone | undefined {
  return parts.filter((p) => p.failure !== null).toSorted((a, b) => a.after - b.after)[0];
}

export function resultOf(
  entry: Pick<CatalogEntry, 'name' | 'doc' | 'expect'>,
  parts: readonly ScenarioDone[],
): ScenarioResult {
  const failed = failedPart(parts);
  const failure = failed?.failure ?? null;
  let verdict: Verdict = 'passed';
  if (entry.expect !== undefined) verdict = failure?.finding.kind === entry.expect ? 'retold' : 'missed';
  else if (failure !== null) verdict = 'failed';
  return {
    scenario: entry.name,
    doc: entry.doc,
    verdict,
    coverage: merged(parts),
    ...(failed !== undefined && failure !== null && { found: foundOf(failure, failed.after) }),
  };
}

export function foundOf(failure: Failure, after: number): FoundResult {
  const { finding, strategy, preemptions, steps, seed, schedule } = failure;
  const known = ['random', 'pct', 'pos', 'surw', 'dfs', 'corpus', 'replay'] as const;
  const name = known.find((k) => strategy.startsWith(k)) ?? 'dfs';
  return { finding, strategy: name, schedules: after, preemptions, steps: steps.length, seed, schedule };
}

export interface ShowFailure {
  readonly scenario: string;
  readonly failure: Failure;
  readonly sites: Readonly<Record<number, Site>>;
  readonly threads: number;
  wordName(word: number): string;
  readonly module: string | null;
  readonly traceDir: string | null;
  readonly fingerprint: string;
}

/** The whole report of a failure; its trace is written when a folder is given. */
export function showFailure(o: ShowFailure): { text: string; trace: string | undefined } {
  const { scenario, failure, sites } = o;
  const { finding, steps, seed, schedule } = failure;
  let trace: string | undefined;
  let missing = '';
  if (o.traceDir !== null) {
    const about = { scenario, fingerprint: o.fingerprint, seed, schedule, sites, steps };
    try {
      trace = writeTrace(o.traceDir, { ...about, finding: finding.message });
    } catch (error) {
      // What was found is not lost with it.
      missing = `  no trace: ${error instanceof Error ? error.message : String(error)}\n`;
    }
  }
  const module = o.module === null ? '' : `--module ${o.module} `;
  const text = failureText({
    scenario,
    finding,
    steps,
    sites,
    threads: Array.from({ length: o.threads }, (_, t) => `thread ${t}`),
    wordName: (w) => o.wordName(w),
    seed,
    schedule,
    ...(trace !== undefined && { trace }),
    command: (replay) => `${COMMAND} ${module}--scenario ${scenario} --replay '${replay}'`,
  });
  return { text: `\n${text}\n${missing}\n`, trace };
}

/** What one scenario adds to the output while the run goes on. */
export function showDone(
  entry: CatalogEntry,
  parts: readonly ScenarioDone[],
  result: ScenarioResult,
  o: { readonly values: ExploreValues; readonly module: string | null; readonly traceDir: string | null },
): { text: string; result: ScenarioResult } {
  let text = '';
  let shown = result;
  const failed = failedPart(parts);
  const wantsText = result.verdict === 'failed' || result.verdict === 'missed' || o.values.scenario !== null;
  if (failed?.failure && result.found !== undefined && wantsText) {
    const report = showFailure({
      scenario: entry.name,
      failure: failed.failure,
      sites: failed.sites,
      threads: failed.threads,
      wordName: (w) => failed.words[w] ?? `word ${w}`,
      module: o.module,
      traceDir: o.traceDir,
      fingerprint: failed.fingerprint,
    });
    text += report.text;
    if (report.trace !== undefined) shown = { ...result, found: { ...result.found, trace: report.trace } };
  }
  if (o.values.outcomes && result.coverage.outcomes.size > 0) {
    text += `\n${entry.name}\n${outcomeTable(judgeOutcomes(result.coverage.outcomes))}\n`;
  }
  return { text, result: shown };
}
