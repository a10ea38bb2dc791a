/** All that is printed of a finding: one line first, the schedule, what more is known, and the ways back to it. */
import type { Finding, Site, Step } from '../types.ts';
import { formatTrace } from './columns.ts';

export interface Failure {
  readonly scenario: string;
  readonly finding: Finding;
  /** Of the minimised schedule. */
  readonly steps: readonly Step[];
  readonly sites: Readonly<Record<number, Site>>;
  /** Names of threads; a thread without one is called by its number. */
  readonly threads: readonly string[];
  readonly wordName: (word: number) => string;
  /** Empty or absent ways back are left out. */
  readonly seed?: string;
  readonly schedule?: string;
  readonly trace?: string;
  /** The command line that replays a string or a trace file, e.g. `npm run explore -- --scenario NAME --replay '...'`. */
  readonly command: (replay: string) => string;
  readonly width?: number;
  readonly maxRows?: number;
}

export function failureText(f: Failure): string {
  const preemptions = f.steps.filter((s) => s.preempts === true).length;
  const size = `${plural(f.steps.length, 'step')}, ${plural(preemptions, 'preemption')}`;
  const out = [f.finding.message, '', `${f.scenario}: ${size}`];
  if (f.steps.length > 0) out.push('', formatTrace(f.steps, f.sites, f.threads, f));
  if (f.finding.details.length > 0) out.push('', ...f.finding.details);
  const ways = waysBack(f);
  if (ways.length > 0) out.push('', ...ways);
  return out.join('\n');
}

function waysBack({ seed, schedule, trace, command }: Failure): string[] {
  const way = (name: string, text: string | undefined, what: string): string[] =>
    text === undefined || text === '' ? [] : [`  ${name}: ${what}`, `    ${command(text)}`];
  const ways = [
    ...way('seed', seed, 'for these sources only; as it was found, not minimised'),
    ...way('schedule', schedule, 'minimised; survives changes elsewhere'),
    ...way('trace', trace, 'every step; says where a replay differs'),
  ];
  return ways.length === 0 ? [] : ['To see it again', ...ways];
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
