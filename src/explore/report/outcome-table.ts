/** The table of outcomes, as jcstress prints it: what threads saw, how often, and whether they may. */
import { percent } from '../../page/format.ts';
import { plainTable } from '../../page/plain-table.ts';

export const EXPECTATIONS = ['acceptable', 'interesting', 'forbidden'] as const;

export interface OutcomeRule {
  readonly outcome: string;
  readonly expect: (typeof EXPECTATIONS)[number];
  /** Why: one sentence. */
  readonly doc: string;
}

export interface OutcomeRow {
  readonly outcome: string;
  readonly samples: number;
  /** Share of all samples, 0 ... 1. */
  readonly frequency: number;
  /** Absent when there are no rules. */
  readonly expect?: OutcomeRule['expect'];
  readonly doc?: string;
}

/** Outcomes and how they are judged: those of the rules first, seen or not, then those that no rule names. */
export function judgeOutcomes(
  outcomes: ReadonlyMap<string, number>,
  rules: readonly OutcomeRule[] = [],
): OutcomeRow[] {
  const total = Math.max(
    1,
    [...outcomes.values()].reduce((sum, n) => sum + n, 0),
  );
  const row = (outcome: string): OutcomeRow => {
    const samples = outcomes.get(outcome) ?? 0;
    return { outcome, samples, frequency: samples / total };
  };
  const named = rules.map((r) => ({ ...row(r.outcome), expect: r.expect, doc: r.doc }));
  const others = [...outcomes.keys()]
    .filter((o) => !rules.some((r) => r.outcome === o))
    .toSorted((a, b) => (outcomes.get(b) ?? 0) - (outcomes.get(a) ?? 0) || (a < b ? -1 : 1))
    .map(row);
  if (rules.length === 0) return others;
  const unnamed = { expect: 'forbidden', doc: 'no rule names it' } as const;
  return [...named, ...others.map((o) => ({ ...o, ...unnamed }))];
}

/** Outcomes that were seen and must not be. */
export function forbiddenSeen(rows: readonly OutcomeRow[]): OutcomeRow[] {
  return rows.filter((r) => r.samples > 0 && r.expect === 'forbidden');
}

/** @param most rows that are shown; of the others one line says how many there are */
export function outcomeTable(rows: readonly OutcomeRow[], most = 40): string {
  const shown = rows.slice(0, most);
  const judged = rows.some((r) => r.expect !== undefined);
  const cells = shown.map((r) => [
    r.outcome,
    r.samples,
    frequencyText(r.frequency),
    ...(judged ? [(r.expect ?? '').toUpperCase(), r.doc ?? ''] : []),
  ]);
  const head = ['RESULT', 'SAMPLES', 'FREQ', ...(judged ? ['EXPECT', 'DESCRIPTION'] : [])];
  const table = plainTable(head, cells, [0, 3, 4]);
  return rows.length > most ? `${table}\n  and ${rows.length - most} more` : table;
}

/** What was seen rarely must not look as if it never was, nor the rest as if it always was. */
function frequencyText(share: number): string {
  if (share > 0 && share < 0.0005) return '< 0.1 %';
  return share < 1 && share >= 0.9995 ? '> 99.9 %' : percent(share);
}
