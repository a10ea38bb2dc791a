/** The end of a run over many scenarios: a table for people, and the same as JSON. */
import { int, num, percent } from '../../page/format.ts';
import { plainTable } from '../../page/plain-table.ts';
import type { Coverage, Finding, StrategyName } from '../types.ts';
import { boundShort } from './coverage.ts';

/**
 * `passed`: nothing found. `failed`: something found that must not be. `retold`: found, as the scenario expects.
 * `missed`: not found, although it expects it. `error`: could not be explored.
 */
export type Verdict = 'passed' | 'failed' | 'retold' | 'missed' | 'error';

export interface ScenarioResult {
  readonly scenario: string;
  readonly doc: string;
  readonly verdict: Verdict;
  readonly coverage: Coverage;
  /** By strategy, where several took part. */
  readonly schedulesBy?: Readonly<Partial<Record<StrategyName, number>>>;
  readonly found?: FoundResult;
  /** What went wrong when the verdict is `error`. */
  readonly error?: string;
}

export interface FoundResult {
  readonly finding: Finding;
  readonly strategy: StrategyName | 'corpus' | 'replay';
  /** Schedules until it was found. */
  readonly schedules: number;
  /** Preemptions of the minimised schedule. */
  readonly preemptions: number;
  readonly steps: number;
  readonly seed: string;
  readonly schedule: string;
  /** Path of the trace file; absent when none was written. */
  readonly trace?: string;
}

const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  passed: 'passed',
  failed: 'FAILED',
  retold: 'found, as expected',
  missed: 'NOT FOUND',
  error: 'ERROR',
};

export const isGood = (v: Verdict): boolean => v === 'passed' || v === 'retold';

/** One row for each scenario, then one line for all. */
export function summaryTable(results: readonly ScenarioResult[]): string {
  const rows = results.map(({ scenario, verdict, coverage: c, found }) => [
    scenario,
    `${VERDICT_TEXT[verdict]}${found === undefined ? '' : ` (${found.finding.kind})`}`,
    c.schedules,
    `${num((1000 * c.schedules) / Math.max(c.ms, 0.001))}/s`,
    c.distinct,
    c.schedules === 0 ? '-' : percent(c.saturation),
    found === undefined ? boundShort(c.boundExhausted) : `needs ${found.preemptions}`,
    `${num(c.ms / 1000)} s`,
  ]);
  const head = ['scenario', 'verdict', 'schedules', 'rate', 'distinct', 'saturation', 'preemptions', 'time'];
  return `${plainTable(head, rows, [0, 1])}\n\n${totalLine(results)}`;
}

function totalLine(results: readonly ScenarioResult[]): string {
  const schedules = results.reduce((sum, r) => sum + r.coverage.schedules, 0);
  const ms = results.reduce((sum, r) => sum + r.coverage.ms, 0);
  const bad = results.filter((r) => !isGood(r.verdict));
  const verdict =
    bad.length === 0
      ? 'all as they should be'
      : `${bad.length} not: ${bad.map((r) => r.scenario).join(', ')}`;
  const scenarios = `${results.length} scenario${results.length === 1 ? '' : 's'}`;
  return `${scenarios}, ${int(schedules)} schedules in ${num(ms / 1000)} s; ${verdict}`;
}

/** What `--json` writes. */
export interface ExploreReport {
  readonly format: 'latchlab-explore';
  readonly version: 1;
  readonly profile: string;
  /** Seed of the run, hexadecimal. */
  readonly seed: string;
  readonly node: string;
  readonly fingerprint: string;
  readonly passed: boolean;
  readonly scenarios: readonly ScenarioJson[];
}

export interface ScenarioJson extends Omit<ScenarioResult, 'coverage'> {
  readonly coverage: Omit<Coverage, 'outcomes' | 'boundExhausted'> & {
    /** −1 none, null: all interleavings. */
    readonly boundExhausted: number | null;
    readonly schedulesPerSecond: number;
    readonly outcomes: Readonly<Record<string, number>>;
  };
}

export interface RunAbout {
  readonly profile: string;
  readonly seed: string;
  readonly fingerprint: string;
}

export function jsonReport(about: RunAbout, results: readonly ScenarioResult[]): ExploreReport {
  return {
    format: 'latchlab-explore',
    version: 1,
    profile: about.profile,
    seed: about.seed,
    node: process.version,
    fingerprint: about.fingerprint,
    passed: results.every((r) => isGood(r.verdict)),
    scenarios: results.map((r) => ({
      ...r,
      coverage: {
        ...r.coverage,
        boundExhausted: Number.isFinite(r.coverage.boundExhausted) ? r.coverage.boundExhausted : null,
        schedulesPerSecond: Math.round((1000 * r.coverage.schedules) / Math.max(r.coverage.ms, 0.001)),
        outcomes: Object.fromEntries(r.coverage.outcomes),
      },
    })),
  };
}
