/**
 * From a schedule that fails to the one that is easiest to understand: the fewest preemptions, and then the fewest
 * forced choices.
 *
 * Taking entries out of the list alone ends in a local minimum far above the true one. So the scenario is searched
 * again with bound 0, 1, 2 ... for the same failure; what is found first has the fewest preemptions that there are.
 * Only where that takes too long, the list is thinned out.
 */
import type { Finding, Switch } from '../types.ts';
import { Recorder, ReplayStrategy } from './replay.ts';
import { type Exhausted, exhaust, type ExhaustOptions } from './search.ts';
import type { SearchEngine } from './search-engine.ts';

export interface MinimiseOptions {
  /** Most time, ms. A safety net: results are reproducible when it is not reached. */
  readonly ms: number;
  /** Most schedules for each bound; default 200,000. */
  readonly maxExecutions?: number;
}

export interface Minimised {
  readonly switches: readonly Switch[];
  readonly preemptions: number;
  /** What the failure is in this schedule. */
  readonly finding: Finding;
  /** Schedules run. */
  readonly executions: number;
  /** No schedule with fewer preemptions fails in this way. */
  readonly exact: boolean;
}

/** Failures that depend on the way and not on the state that it leads to: a search that cuts known states may miss them. */
const BY_WAY: ReadonlySet<string> = new Set([
  'race',
  'mixed-size',
  'latch-order',
  'bypass',
  'linearizability',
]);
/** Failures that look at whole loops: with few preemptions every waiting loop runs for ever, which proves nothing. */
const ENDLESS: ReadonlySet<string> = new Set(['livelock', 'stuck']);
const MAX_EXECUTIONS = 200_000;

/** Whether two findings are the same failure: thread numbers, addresses and the like may differ. */
export function sameFailure(a: Finding, b: Finding): boolean {
  if (a.kind !== b.kind) return false;
  if (a.word !== undefined && b.word !== undefined && a.word !== b.word) return false;
  if (a.kind === 'check' || a.kind === 'invariant' || a.kind === 'exception') {
    return a.message.replace(/-?\d+/g, '#') === b.message.replace(/-?\d+/g, '#');
  }
  return true;
}

/** Looks for the schedule with the fewest preemptions that fails like this one. */
export function minimise(
  engine: SearchEngine,
  finding: Finding,
  switches: readonly Switch[],
  o: MinimiseOptions,
): Minimised {
  return new Minimiser(engine, finding, o).minimise(switches);
}

class Minimiser {
  private executions = 0;
  private readonly until: number;
  private readonly most: number;
  private readonly engine: SearchEngine;
  private readonly wanted: Finding;

  constructor(engine: SearchEngine, wanted: Finding, o: MinimiseOptions) {
    this.engine = engine;
    this.wanted = wanted;
    this.until = performance.now() + o.ms;
    this.most = o.maxExecutions ?? MAX_EXECUTIONS;
  }

  minimise(switches: readonly Switch[]): Minimised {
    if (ENDLESS.has(this.wanted.kind)) return this.endless(switches);
    const given = this.replay(switches);
    if (given === null) return this.unchanged(switches);
    // With fewer preemptions than this, nothing fails.
    let sure = 0;
    let best = given;
    // The last round looks for one with as many preemptions that forces less: the same, whatever has been drawn.
    for (let bound = 0; bound <= given.preemptions && !this.isLate(); bound++) {
      const { found, certain } = this.search(bound);
      if (found !== null) {
        if (isBetter(found, given)) best = found;
        break;
      }
      if (certain && sure === bound) sure++;
    }
    best = this.thinned(best);
    return { ...best, executions: this.executions, exact: best.preemptions <= sure };
  }

  /** All schedules with at most so many preemptions, until one fails in this way. */
  private search(bound: number): { found: Replayed | null; certain: boolean } {
    const byWay = BY_WAY.has(this.wanted.kind);
    let certain = false;
    if (this.engine.stateful) {
      const { found, complete } = this.exhaust(bound, true);
      if (found !== null) return { found, certain: true };
      certain = complete && !byWay;
    }
    if (certain) return { found: null, certain };
    const { found, complete } = this.exhaust(bound, false);
    return { found, certain: complete };
  }

  private exhaust(bound: number, cut: boolean): { found: Replayed | null; complete: boolean } {
    const o: ExhaustOptions = {
      bound,
      cut,
      budgetMs: Math.max(0, this.until - performance.now()),
      maxExecutions: this.most,
      stopAt: (f) => sameFailure(this.wanted, f),
    };
    const round: Exhausted = exhaust(this.engine, o);
    this.executions += round.executions;
    const hit = round.findings.find((f) => sameFailure(this.wanted, f.finding)) ?? null;
    return { found: hit, complete: round.complete };
  }

  /** Leaves out what the failure does not need: first halves of the list, then quarters ..., then single entries. */
  private thinned(from: Replayed): Replayed {
    let best = from;
    for (let size = Math.ceil(best.switches.length / 2); size >= 1;) {
      let better = false;
      for (let at = best.switches.length - size; at > -size && !this.isLate(); at -= size) {
        const start = Math.max(0, at);
        const rest = best.switches.filter((_, i) => i < start || i >= at + size);
        const tried = this.replay(rest);
        if (tried !== null && isBetter(tried, best)) {
          best = tried;
          better = true;
        }
      }
      if (this.isLate()) break;
      if (size > 1) size = Math.ceil(Math.min(size, best.switches.length) / 2);
      else if (!better) break;
    }
    return best;
  }

  /** Does the schedule again; null when it does not fail in this way. */
  private replay(switches: readonly Switch[]): Replayed | null {
    const recorder = new Recorder(new ReplayStrategy(switches));
    const { finding } = this.engine.run(recorder);
    this.executions++;
    if (finding === null || !sameFailure(this.wanted, finding)) return null;
    return { switches: recorder.switches(), preemptions: recorder.preemptions, finding };
  }

  /** A livelock is shown by the shortest way to a state from which there is no end, if one can be found. */
  private endless(switches: readonly Switch[]): Minimised {
    if (!this.engine.stateful) return this.unchanged(switches);
    const budgetMs = Math.max(0, this.until - performance.now());
    const round = exhaust(this.engine, {
      bound: Infinity,
      cut: true,
      graph: true,
      budgetMs,
      maxExecutions: this.most,
    });
    this.executions += round.executions;
    const stuck = round.findings.find((f) => f.finding.kind === 'stuck');
    if (stuck === undefined) return this.unchanged(switches);
    return { ...stuck, executions: this.executions, exact: false };
  }

  private unchanged(switches: readonly Switch[]): Minimised {
    const recorder = new Recorder(new ReplayStrategy(switches));
    this.engine.run(recorder);
    this.executions++;
    const { preemptions } = recorder;
    return { switches, preemptions, finding: this.wanted, executions: this.executions, exact: false };
  }

  private isLate(): boolean {
    return performance.now() > this.until;
  }
}

/** A schedule, and how it fails. */
interface Replayed {
  readonly switches: readonly Switch[];
  readonly preemptions: number;
  readonly finding: Finding;
}

const isBetter = (a: Replayed, b: Replayed): boolean =>
  a.preemptions < b.preemptions || (a.preemptions === b.preemptions && a.switches.length < b.switches.length);
