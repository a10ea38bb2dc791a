/** What the two sides of a question come to: its outcomes as rows, and what is wrong. */
import type { Explored } from './explored.ts';
import { type Expect, namedOutcomes, type Question, ruleFor } from './question.ts';
import type { RealResult } from './real.ts';

export interface Row {
  readonly outcome: string;
  /** On real threads; null: not run. */
  readonly samples: number | null;
  /** Whether exploration reaches it; null: not explored. */
  readonly explored: boolean | null;
  readonly expect: Expect;
  readonly why: string;
}

export interface Answer {
  readonly question: Question;
  readonly real: RealResult | null;
  readonly explored: Explored | null;
  /** In the order of the rules, the frequent first. */
  readonly rows: readonly Row[];
  /** One sentence for each thing that is wrong; none: all is as the question says. */
  readonly problems: readonly string[];
}

/** @param failures what kept a side from being run */
export function judge(
  question: Question,
  real: RealResult | null,
  explored: Explored | null,
  failures: readonly string[] = [],
): Answer {
  const rows = rowsOf(question, real, explored);
  const problems = [...failures, ...rows.flatMap((row) => rowProblems(question, row))];
  if (explored !== null) problems.push(...explorationProblems(question, explored));
  return { question, real, explored, rows, problems };
}

function rowsOf(question: Question, real: RealResult | null, explored: Explored | null): Row[] {
  const outcomes = new Set([
    ...namedOutcomes(question),
    ...(real?.outcomes.keys() ?? []),
    ...(explored?.outcomes ?? []),
  ]);
  const rows = [...outcomes].map((outcome) => {
    const rule = ruleFor(question, outcome);
    const place = question.rules.indexOf(rule);
    const row: Row = {
      outcome,
      samples: real === null ? null : (real.outcomes.get(outcome) ?? 0),
      explored: explored === null ? null : explored.outcomes.has(outcome),
      expect: rule.expect,
      why: rule.why,
    };
    return { row, place: place < 0 ? question.rules.length : place };
  });
  return rows
    .toSorted((a, b) => a.place - b.place || (b.row.samples ?? 0) - (a.row.samples ?? 0))
    .map(({ row }) => row);
}

function rowProblems(question: Question, { outcome, samples, explored, expect }: Row): string[] {
  const seen = samples !== null && samples > 0;
  const problems: string[] = [];
  if (expect === 'FORBIDDEN') {
    if (seen) problems.push(`forbidden '${outcome}' was seen on real threads, ${samples} times`);
    if (explored === true) problems.push(`forbidden '${outcome}' is reached by exploration`);
  }
  if (!seen || explored !== false) return problems;
  if (question.race === undefined) {
    problems.push(`fidelity: '${outcome}' was seen on real threads, and exploration says that it cannot be`);
  } else if (expect === 'ACCEPTABLE') {
    problems.push(`'${outcome}' was seen, and no interleaving has it: the rules must call it INTERESTING`);
  }
  return problems;
}

function explorationProblems(question: Question, { complete, race, findings }: Explored): string[] {
  const problems = findings.map((found) => `exploration found a ${found}`);
  if (!complete) problems.push('exploration did not come to its end');
  const found = race?.kind ?? 'none';
  const declared = question.race ?? 'none';
  if (found !== declared)
    problems.push(`race: the detector found '${found}', the question says '${declared}'`);
  return problems;
}
