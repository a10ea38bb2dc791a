/** The error log for people: lines that differ in numbers only are told once. */
import type { LogLine } from '../../src/layout/error-log.ts';

/** One text for each kind of line, in the order in which they came first, with how many more there were. */
export function foldLog(lines: readonly Readonly<Record<keyof LogLine, string>>[]): string[] {
  const kinds = new Map<string, { readonly first: string; count: number }>();
  for (const { priority, subsystem, text } of lines) {
    const line = `[${priority}] [${subsystem}] ${text}`;
    const kind = line.replaceAll(/\d+/g, '#');
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { first: line, count: 1 });
    else known.count++;
  }
  return [...kinds.values()].map(({ first, count }) =>
    count === 1 ? first : `${first} (and ${(count - 1).toLocaleString('en-US')} like it)`,
  );
}
