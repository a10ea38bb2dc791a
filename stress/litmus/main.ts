/** From a command line to answers: options, the questions one after the other, the exit status. */
import { writeFileSync } from 'node:fs';
import { buildCli, type OwnOption } from '../../src/config/cli.ts';
import { OptionError, UserError } from '../../src/config/errors.ts';
import { SAME_SIGNAL_MS } from '../../src/config/signals.ts';
import { checkWritable, unwritable } from '../../src/config/writable.ts';
import { type Explored, Explorer } from './explored.ts';
import { type Answer, judge } from './judge.ts';
import { LitmusProgress } from './progress.ts';
import { chooseQuestions, type Entry, loadQuestions } from './questions.ts';
import { type Budget, LitmusFailure, type RealResult, runReal } from './real.ts';
import { buildReport, renderAnswer, renderSummary } from './report.ts';

export const EXIT = { done: 0, fails: 1, badInput: 2 } as const;

const COMMAND = 'npm run litmus --';
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

const OPTIONS = [
  {
    name: 'question',
    kind: 'string',
    default: null,
    doc: 'numbers or names, separated by commas; all if not given',
  },
  { name: 'list', kind: 'flag', doc: 'list the questions, and ask none' },
  {
    name: 'seconds',
    kind: 'float',
    default: 2,
    min: 0.1,
    max: 86_400,
    doc: 'time of each question on real threads',
  },
  {
    name: 'samples',
    kind: 'int',
    default: null,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    doc: 'most samples of each question on real threads',
  },
  { name: 'real-only', kind: 'flag', doc: 'ask real threads only' },
  { name: 'explored-only', kind: 'flag', doc: 'explore only' },
  {
    name: 'json',
    kind: 'path',
    default: null,
    doc: 'write the answers to this file as JSON; - is standard output',
  },
] as const satisfies readonly OwnOption[];

const cli = buildCli({
  name: COMMAND,
  description:
    'Asks numbered questions about memory and latches, of real worker threads and of the explorer, and compares.\n' +
    'Exit status: 0 nothing forbidden was seen, 1 something was, 2 bad input.',
  own: OPTIONS,
  sysvars: [],
});

/**
 * @param folder where the questions are, if not in their place
 * @returns the exit status
 * @throws UserError, one line, before anything is run
 */
export async function litmusMain(argv: readonly string[], folder?: URL): Promise<number> {
  const parsed = cli.parse(argv);
  if (parsed.help !== null) {
    process.stdout.write(parsed.help);
    return EXIT.done;
  }
  const { own } = parsed;
  if (own['real-only'] && own['explored-only']) {
    throw new OptionError('--real-only', '--real-only: allowed without --explored-only, and not with it');
  }
  const chosen = chooseQuestions(await loadQuestions(folder), own.question);
  if (own.list) {
    process.stdout.write(list(chosen));
    return EXIT.done;
  }
  if (own.json !== null && own.json !== '-') checkWritable('--json', own.json);
  const toPeople = own.json !== '-';
  const budget = { seconds: own.seconds, samples: own.samples ?? Infinity };
  const { answers, interrupted } = await askAll(chosen, {
    real: own['explored-only'] ? null : budget,
    explored: !own['real-only'],
    answered: (answer) => toPeople && process.stdout.write(`${renderAnswer(answer)}\n`),
  });
  if (toPeople) process.stdout.write(`${renderSummary(answers, interrupted)}\n`);
  const report = buildReport(answers, [COMMAND, ...argv].join(' '), interrupted);
  if (own.json === '-') process.stdout.write(`${JSON.stringify(report)}\n`);
  else if (own.json !== null) write(own.json, `${JSON.stringify(report, null, 1)}\n`);
  return report.verdict === 'ok' ? EXIT.done : EXIT.fails;
}

const list = (entries: readonly Entry[]): string =>
  entries.map(({ question: q }) => `${q.number} ${q.name.padEnd(24)} ${q.asks}\n`).join('');

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw unwritable('--json', file, error);
  }
}

interface Asking {
  /** null: not on real threads. */
  readonly real: Budget | null;
  readonly explored: boolean;
  answered(answer: Answer): void;
}

/** The first signal ends it after the question at hand, the second at once. */
async function askAll(
  entries: readonly Entry[],
  how: Asking,
): Promise<{ answers: Answer[]; interrupted: boolean }> {
  const stop = new AbortController();
  const seconds = how.real?.samples === Infinity ? how.real.seconds : 0;
  const progress = new LitmusProgress(entries.length, seconds);
  let lastAt = -Infinity;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (performance.now() - lastAt < SAME_SIGNAL_MS) return;
    lastAt = performance.now();
    progress.done();
    if (!stop.signal.aborted) {
      stop.abort();
      return;
    }
    for (const s of SIGNALS) process.off(s, onSignal);
    process.kill(process.pid, signal);
  };
  for (const s of SIGNALS) process.on(s, onSignal);
  const answers: Answer[] = [];
  try {
    const explorer = how.explored ? await Explorer.of(entries) : null;
    for (const [i, entry] of entries.entries()) {
      if (stop.signal.aborted) break;
      const { number, name } = entry.question;
      progress.asks(i, `${number} ${name}`);
      const answer = await ask(entry, how.real, explorer, stop.signal);
      answers.push(answer);
      progress.done();
      how.answered(answer);
    }
  } finally {
    progress.done();
    for (const s of SIGNALS) process.off(s, onSignal);
  }
  return { answers, interrupted: stop.signal.aborted };
}

async function ask(
  entry: Entry,
  budget: Budget | null,
  explorer: Explorer | null,
  stop: AbortSignal,
): Promise<Answer> {
  const failures: string[] = [];
  let real: RealResult | null = null;
  let explored: Explored | null = null;
  try {
    if (budget !== null) real = await runReal(entry, budget, stop);
  } catch (error) {
    if (!(error instanceof LitmusFailure)) throw error;
    failures.push(`on real threads: ${error.message}`);
  }
  if (explorer !== null) explored = explorer.explore(entry);
  return judge(entry.question, real, explored, failures);
}

/** For the end of a program: one line for a mistake of the user. */
export function tellMistake(error: unknown): void {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
