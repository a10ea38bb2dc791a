/** What there is to run: every scenario and every program, a line each. */
import { BUILT_IN } from '../src/session/program/program-file.ts';
import { SCENARIOS } from './scenarios.ts';

interface Named {
  readonly name: string;
  readonly doc: string;
}

export function listText(): string {
  return `${[...rows('Scenarios (--scenario)', SCENARIOS), '', ...rows('Programs (--program)', BUILT_IN)].join('\n')}\n`;
}

function rows(title: string, all: readonly Named[]): string[] {
  const width = Math.max(...all.map(({ name }) => name.length));
  return [title, ...all.map(({ name, doc }) => `  ${name.padEnd(width)}  ${doc}`)];
}
