/** Answers as text, in jcstress' manner, and as JSON. */
import { availableParallelism } from 'node:os';
import { int } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import type { Answer, Row } from './judge.ts';

const WIDTH = 110;
const COLUMN_GAP = 2;
/** Narrower a sentence does not become, however long the results are. */
const LEAST_WIDTH = 36;
const HEAD = ['RESULT', 'SAMPLES', 'FREQ', 'EXPLORED', 'EXPECT', 'DESCRIPTION'];
/** The columns that stand to the left. */
const TEXT = [0, 3, 4, 5];

export function renderAnswer(answer: Answer): string {
  const { question, problems } = answer;
  const lines = [
    `${question.number} ${question.title}`,
    `  ${question.asks}`,
    ...howItRan(answer).map((line) => `  ${line}`),
    '',
    renderRows(answer),
    ...problems.map((p) => `  FAILED: ${p}`),
  ];
  return `${lines.join('\n')}\n`;
}

function howItRan({ question, real, explored }: Answer): string[] {
  const lines = [`${question.actors.length} threads`];
  if (real !== null) {
    lines[0] += `; ${int(real.samples)} samples in ${real.seconds.toFixed(1)} s`;
    if (real.unsure > 0) lines[0] += `; ${int(real.unsure)} more left out: asleep, but not for ever`;
  }
  if (explored !== null) {
    const all = explored.complete ? 'all interleavings' : 'NOT all interleavings';
    const states = `${int(explored.states)} ${explored.states === 1 ? 'state' : 'states'}`;
    lines.push(`explored: ${all}, ${states}${explored.race === null ? '' : `; ${explored.race.message}`}`);
  }
  return lines;
}

function renderRows({ real, rows }: Answer): string {
  const total = real?.samples ?? 0;
  const cells = rows.map((row) => [
    row.outcome === '' ? '(nothing)' : row.outcome,
    row.samples === null ? '' : int(row.samples),
    row.samples === null ? '' : showShare(row.samples, total),
    row.explored === null ? '' : row.explored ? 'yes' : 'no',
    row.expect,
    row.why,
  ]);
  const before = HEAD.slice(0, -1).map((head, i) => Math.max(head.length, ...cells.map((c) => c[i].length)));
  const room = WIDTH - before.reduce((sum, width) => sum + COLUMN_GAP + width, COLUMN_GAP);
  const rest = Math.max(LEAST_WIDTH, room);
  return plainTable(
    HEAD,
    cells.map((c) => [...c.slice(0, -1), wrap(c[c.length - 1], rest)]),
    TEXT,
  );
}

/** Breaks a sentence into lines. */
function wrap(text: string, width: number): string {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines.length - 1;
    if (lines[last] === '') lines[last] = word;
    else if (lines[last].length + 1 + word.length <= width) lines[last] += ` ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

function showShare(samples: number, total: number): string {
  if (samples === 0 || total === 0) return '';
  const percent = (100 * samples) / total;
  if (percent < 0.01) return '<0.01 %';
  return samples < total && percent > 99.99 ? '>99.99 %' : `${percent.toFixed(2)} %`;
}

/** The last lines: how many questions, what was wrong. */
export function renderSummary(answers: readonly Answer[], interrupted: boolean): string {
  const samples = answers.reduce((sum, a) => sum + (a.real?.samples ?? 0), 0);
  const failed = answers.filter((a) => a.problems.length > 0);
  const rows = answers.flatMap((a) => a.rows).filter((r) => r.expect === 'INTERESTING');
  const seen = rows.filter((r) => (r.samples ?? 0) > 0 || r.explored === true);
  const early = interrupted ? ' (interrupted)' : '';
  const parts = [
    `${answers.length} ${answers.length === 1 ? 'question' : 'questions'}${early}`,
    ...(samples > 0 ? [`${int(samples)} samples on real threads`] : []),
    `${seen.length} of ${rows.length} interesting outcomes seen`,
  ];
  const verdict =
    failed.length === 0
      ? 'nothing forbidden was seen'
      : `FAILED: ${failed.map((a) => a.question.number).join(', ')}`;
  return `${parts.join(', ')}: ${verdict}`;
}

export interface LitmusReport {
  readonly format: 'latchlab-litmus-1';
  readonly command: string;
  readonly verdict: 'ok' | 'failed';
  readonly interrupted: boolean;
  readonly node: string;
  readonly processors: number;
  readonly questions: readonly {
    readonly number: string;
    readonly name: string;
    readonly title: string;
    readonly asks: string;
    readonly threads: number;
    /** null: not run on real threads. */
    readonly real: { readonly samples: number; readonly seconds: number; readonly unsure: number } | null;
    /** null: not explored. */
    readonly explored: {
      readonly complete: boolean;
      readonly states: number;
      readonly executions: number;
      readonly race: string | null;
    } | null;
    readonly outcomes: readonly Row[];
    readonly problems: readonly string[];
  }[];
}

export function buildReport(answers: readonly Answer[], command: string, interrupted: boolean): LitmusReport {
  return {
    format: 'latchlab-litmus-1',
    command,
    verdict: answers.every((a) => a.problems.length === 0) ? 'ok' : 'failed',
    interrupted,
    node: process.version,
    processors: availableParallelism(),
    questions: answers.map(({ question, real, explored, rows, problems }) => ({
      number: question.number,
      name: question.name,
      title: question.title,
      asks: question.asks,
      threads: question.actors.length,
      real: real === null ? null : { samples: real.samples, seconds: real.seconds, unsure: real.unsure },
      explored:
        explored === null
          ? null
          : {
              complete: explored.complete,
              states: explored.states,
              executions: explored.executions,
              race: explored.race?.message ?? null,
            },
      outcomes: rows,
      problems,
    })),
  };
}
