/**
 * Schedules as lists of forced choices (types.ts, Switch): writing one down while it runs, and doing one again.
 *
 * Between the listed choices the default holds (`defaultChoice`): a thread goes on while it can. Entries are taken in
 * their order, each at the first decision that it names. One decision may look like an earlier one (a thread fell
 * asleep after its point 3, and later is about to do its next); then the earlier one's choice is listed too.
 */
import { CUT, defaultChoice } from '../engine/strategy.ts';
import { CHOICE, type Switch } from '../types.ts';
import {
  costOf,
  goesOnAnyway,
  type Reduction,
  type SearchStrategy,
  type Situation,
} from './search-engine.ts';

/** One decision of a schedule. */
export interface Decision {
  /** Thread that was about to do its point `op`, or ended or fell asleep there. */
  readonly thread: number;
  readonly op: number;
  readonly choice: number;
  /** What would have been chosen by default. */
  readonly otherwise: number;
}

/** Wraps a strategy and writes its decisions down. */
export class Recorder implements SearchStrategy {
  readonly name: string;
  /** What its choices cost: preemptions, and time-outs and deaths that were not due. */
  preemptions = 0;
  private decisions: Decision[] = [];
  private n = 0;
  private readonly inner: SearchStrategy;

  constructor(inner: SearchStrategy) {
    this.inner = inner;
    this.name = inner.name;
  }

  begin(e: Situation): void {
    this.n = e.n;
    this.preemptions = 0;
    this.decisions = [];
    this.inner.begin(e);
  }

  next(e: Situation, cur: number): number {
    const thread = cur >= 0 ? cur : e.last;
    const otherwise = defaultChoice(e, cur);
    const op = e.opOf(thread);
    const choice = this.inner.next(e, cur);
    if (choice === CUT) return CUT;
    this.preemptions += costOf(e, cur, choice);
    this.decisions.push({ thread, op, choice, otherwise });
    return choice;
  }

  /** The schedule as the list of its forced choices. */
  switches(): Switch[] {
    return switchesOf(this.decisions, this.n);
  }
}

/** The shortest list of forced choices from which a replay makes all these decisions again. */
export function switchesOf(decisions: readonly Decision[], n: number): Switch[] {
  const list: Switch[] = [];
  for (let i = decisions.length - 1; i >= 0; i--) {
    const { thread, op, choice, otherwise } = decisions[i];
    const following = list.at(-1);
    // The following entry would be taken here already.
    const mistaken = following !== undefined && following.thread === thread && following.op === op;
    if (choice !== otherwise || mistaken) list.push(switchOf(thread, op, choice, n));
  }
  return list.toReversed();
}

function switchOf(thread: number, op: number, choice: number, n: number): Switch {
  const what = choice < n ? CHOICE.run : choice < 2 * n ? CHOICE.timer : CHOICE.kill;
  return { thread, op, to: choice % n, what };
}

/** Does what a list of a DfsStrategy's choices says, one for each of its decisions; then gives the schedule up. */
export class PathStrategy implements SearchStrategy {
  readonly name = 'path';
  private at = 0;
  private readonly choices: readonly number[];
  private readonly reduction: Reduction;

  constructor(choices: readonly number[], reduction: Reduction) {
    this.choices = choices;
    this.reduction = reduction;
  }

  begin(_e: Situation): void {
    this.at = 0;
  }

  next(e: Situation, cur: number): number {
    const anyway = goesOnAnyway(e, cur, this.reduction);
    if (anyway >= 0) return anyway;
    return this.at < this.choices.length ? this.choices[this.at++] : CUT;
  }
}

export interface ReplayOptions {
  /** Where the schedule does not go as listed: leave the entry out and go on (default), or give it up. */
  readonly stopAtDivergence?: boolean;
}

/** Does a schedule again from its list of forced choices. */
export class ReplayStrategy implements SearchStrategy {
  readonly name = 'replay';
  private at = 0;
  private diverged: string | null = null;
  private readonly switches: readonly Switch[];
  private readonly stopAtDivergence: boolean;

  constructor(switches: readonly Switch[], o: ReplayOptions = {}) {
    this.switches = switches;
    this.stopAtDivergence = o.stopAtDivergence ?? false;
  }

  /** After the run: the first listed choice that could not be made as listed, and why; null when all were. */
  get divergence(): string | null {
    if (this.diverged !== null || this.at >= this.switches.length) return this.diverged;
    return `${switchText(this.switches[this.at])} never came: the schedule was over before`;
  }

  begin(_e: Situation): void {
    this.at = 0;
    this.diverged = null;
  }

  next(e: Situation, cur: number): number {
    const { switches } = this;
    const thread = cur >= 0 ? cur : e.last;
    for (; this.at < switches.length; this.at++) {
      const s = switches[this.at];
      if (s.thread === thread && s.op === e.opOf(thread)) {
        if (isPossible(e, s)) {
          this.at++;
          return s.what * e.n + s.to;
        }
        this.diverges(s, `thread ${s.to} could not ${VERBS[s.what]} there`);
      } else if (s.thread < e.n && e.opOf(s.thread) <= s.op) {
        // It may still come.
        break;
      } else {
        this.diverges(s, 'never came');
      }
      if (this.stopAtDivergence) return CUT;
    }
    return defaultChoice(e, cur);
  }

  private diverges(s: Switch, why: string): void {
    this.diverged ??= `${switchText(s)} ${why.startsWith('never') ? '' : 'was not possible: '}${why}`;
  }
}

const VERBS = ['run', 'time out', 'die'] as const;
const PREFIXES = ['', 't', 'k'] as const;

function isPossible(e: Situation, s: Switch): boolean {
  const mask = s.what === CHOICE.run ? e.ready : s.what === CHOICE.timer ? e.timers : e.mortal;
  return s.to < e.n && (mask & (1 << s.to)) !== 0;
}

/** One entry as it stands in a schedule string. */
export const switchText = (s: Switch): string => `${s.thread}.${s.op}>${PREFIXES[s.what]}${s.to}`;
