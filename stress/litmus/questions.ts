/** The questions: every file `L01-name` in the folder `questions` is one. */
import { readdirSync } from 'node:fs';
import { OptionError } from '../../src/config/errors.ts';
import { oneLine } from '../../src/config/values.ts';
import type { Question } from './question.ts';

/** A question, and the module that it comes from. */
export interface Entry {
  readonly href: string;
  readonly question: Question;
}

const FOLDER = new URL('questions/', import.meta.url);
const FILE = /^(L\d\d)-([a-z0-9-]+)\.(ts|js)$/;

export async function loadQuestion(href: string): Promise<Question> {
  const module = (await import(href)) as { readonly question: Question };
  return module.question;
}

/** All questions, by number. @throws Error for a file that does not say what its name says */
export async function loadQuestions(folder: URL = FOLDER): Promise<Entry[]> {
  const files = readdirSync(folder).filter((f) => FILE.test(f));
  const entries: Entry[] = [];
  for (const file of files.toSorted()) {
    const { href } = new URL(file, folder);
    const question = await loadQuestion(href);
    if (`${question.number}-${question.name}` !== file.replace(/\.(ts|js)$/, '')) {
      throw new Error(`${file} holds question ${question.number}-${question.name}`);
    }
    entries.push({ href, question });
  }
  return entries;
}

/**
 * @param wanted numbers or names, separated by commas; null: all
 * @throws OptionError, one line
 */
export function chooseQuestions(all: readonly Entry[], wanted: string | null): readonly Entry[] {
  if (wanted === null) return all;
  const chosen = new Set(wanted.split(',').map((word) => find(all, word.trim())));
  return all.filter((entry) => chosen.has(entry));
}

function find(all: readonly Entry[], word: string): Entry {
  const lower = word.toLowerCase();
  const found = all.find(({ question: { number, name } }) =>
    [number, name, `${number}-${name}`].some((known) => known.toLowerCase() === lower),
  );
  if (found !== undefined) return found;
  const known = all.map(({ question }) => question.number);
  throw new OptionError(
    '--question',
    `--question: there is no question '${oneLine(word)}': allowed are ${known[0]} to ${known.at(-1)}, or names (--list)`,
  );
}
