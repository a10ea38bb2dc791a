/** How the help is laid out: as wide as the terminal, and readable where that is narrow. */
import type { Help } from 'commander';

/** Longer lines are hard to read. */
const MOST_COLUMNS = 110;
/** A narrower column of text stands below the option, not beside it. */
const LEAST_BESIDE = 40;
const INDENT = 2;
const BELOW = 8;

/** What of a stream matters here; no columns: it is no terminal. */
interface Output {
  readonly columns?: number | undefined;
}

/** Columns of the help. Behind a pager, standard error is the terminal still; where there is none, as many as may be. */
export function helpWidth(out: Output = process.stdout, err: Output = process.stderr): number {
  // A terminal that does not know its size says 0.
  return Math.min(MOST_COLUMNS, out.columns || err.columns || MOST_COLUMNS);
}

/** An option and its text: side by side where there is room. */
export function formatItem(term: string, termWidth: number, text: string, help: Help): string {
  const width = help.helpWidth ?? MOST_COLUMNS;
  const beside = termWidth + 2 * INDENT;
  if (width - beside >= LEAST_BESIDE) {
    const wrapped = hanging(text, width, beside);
    return `${' '.repeat(INDENT)}${term.padEnd(beside - INDENT)}${wrapped.trimStart()}`;
  }
  return `${' '.repeat(INDENT)}${term}\n${hanging(text, width, BELOW)}`;
}

/** A text in lines of at most `width` columns, each of them behind `indent` blanks. A word is never broken. */
export function hanging(text: string, width: number, indent: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last === undefined || indent + last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}
