/** What a run of many schedules has covered, in words: how much was tried, and how much may be left. */
import { int, num, percent } from '../../page/format.ts';
import type { Coverage } from '../types.ts';

export interface PctBound {
  /** Least probability that one schedule shows a defect of this depth. */
  readonly perSchedule: number;
  /** The same for all schedules together. */
  readonly together: number;
  /** Schedules after which it is 99 %. */
  readonly for99: number;
}

/**
 * The guarantee of PCT (Burckhardt et al.): a defect that needs d orderings is shown by a schedule with probability
 * 1/(n·k^(d−1)) or more.
 * @param n threads
 * @param k steps of a schedule
 * @param d depth of the defect, at least 1
 */
export function pctBound(n: number, k: number, d: number, schedules: number): PctBound {
  const perSchedule = 1 / (n * Math.max(k, 1) ** (d - 1));
  const miss = Math.log1p(-perSchedule);
  return {
    perSchedule,
    together: -Math.expm1(schedules * miss),
    for99: perSchedule >= 1 ? 1 : Math.ceil(Math.log(0.01) / miss),
  };
}

/** What is known beside the counts. */
export interface CoverageMore {
  /** Program states were told apart, and the search went on until there were no new ones. */
  readonly exhaustive?: boolean;
  /** `distinct` is an estimate. */
  readonly estimated?: boolean;
  readonly pct?: {
    readonly threads: number;
    readonly steps: number;
    readonly depth: number;
    readonly schedules: number;
  };
}

/** Lines for people. */
export function coverageLines(c: Coverage, more: CoverageMore = {}): string[] {
  const perSecond = (n: number): string => `${num((1000 * n) / Math.max(c.ms, 0.001))}/s`;
  const lines = [
    `${count(c.schedules, 'schedule')}, ${count(c.steps, 'step')} in ${num(c.ms / 1000)} s ` +
      `(${perSecond(c.schedules)}, ${perSecond(c.steps)})`,
  ];
  const about = more.estimated === true ? 'about ' : '';
  if (more.exhaustive === true) lines.push(count(c.distinct, 'program state'));
  else lines.push(`${about}${count(c.distinct, 'distinct execution')}, ${saturationText(c)}`);
  lines.push(boundText(c.boundExhausted));
  if (more.pct !== undefined) {
    const { threads, steps, depth, schedules } = more.pct;
    const { together, for99 } = pctBound(threads, steps, depth, schedules);
    lines.push(
      `PCT, ${threads} threads, ${int(steps)} steps: ${int(schedules)} schedules show a defect of depth ${depth} with ` +
        `a probability of ${percent(together)} or more; ${int(for99)} would with 99 %`,
    );
  }
  return lines;
}

function saturationText({ saturation, schedules }: Coverage): string {
  if (schedules === 0) return 'none seen yet';
  const left = 1 - saturation;
  // No execution that was seen once only: at most about one new one is due in all that were tried.
  const every = left === 0 ? `more than ${int(schedules)}` : `about ${int(1 / left)}`;
  return `saturation ${percent(saturation)}: one schedule in ${every} would be new`;
}

/** `-` when nothing is exhausted. */
export function boundShort(bound: number): string {
  return bound < 0 ? '-' : bound === Infinity ? 'all' : `≤ ${bound}`;
}

function boundText(bound: number): string {
  if (bound < 0) return 'no bound of preemptions exhausted';
  if (bound === Infinity) return 'all interleavings seen (states are told apart by a hash)';
  return `all interleavings with at most ${count(bound, 'preemption')} seen`;
}

const count = (n: number, what: string): string => `${int(n)} ${what}${n === 1 ? '' : 's'}`;
