/**
 * Exhausting a scenario: all its schedules, or all with at most so many preemptions.
 *
 * In cut mode a schedule that comes to a known state is given up, so the counts of outcomes say how many schedules
 * reached the end by a way of their own, not how many there are. The *set* of outcomes is exact, up to a collision of
 * 128-bit keys. What an oracle remembers of the way (vector clocks, histories that are no part of the key) does not
 * tell states apart: races are for the random strategies, or for plain mode.
 */
import { bits, nthBit } from '../engine/strategy.ts';
import type { Finding, FindingKind, Switch } from '../types.ts';
import { DfsStrategy, type Target } from './dfs.ts';
import { PathStrategy, Recorder } from './replay.ts';
import type { Reduction, SearchEngine } from './search-engine.ts';
import { StateGraph, type Stuck } from './state-graph.ts';

/** How often progress is told and the clock looked at, executions. */
const TICK = 256;
/** Schedules drawn to see what is shared, and for how many chances of a switch they stay at most, as a power of 2. */
const WANDERINGS = 400;
const WANDERING_STAYS = 8;
/** Deepest bound, and most time (ms), to look for the shortest way to a stuck state. */
const STUCK_BOUND = 4;
const STUCK_MS = 2_000;

export interface Progress {
  readonly bound: number;
  readonly executions: number;
  readonly states: number;
  readonly ms: number;
}

export interface ExhaustOptions {
  /** Most preemptions in a schedule; Infinity: all schedules. */
  readonly bound: number;
  /** Give schedules up at states seen before; the engine must be stateful. */
  readonly cut: boolean;
  /**
   * Do at once what concerns only one thread, where the engine knows (sharing.ts); only with the cut; default true. Then
   * fewer states are met and counted; outcomes and failures are the same.
   */
  readonly reduce?: boolean;
  /** Most time, ms. */
  readonly budgetMs?: number;
  readonly maxExecutions?: number;
  /** Ends the search at the first finding for which this is true. */
  readonly stopAt?: (finding: Finding) => boolean;
  /** Look for states from which no end can be reached: in cut mode without bound. */
  readonly graph?: boolean;
  readonly onProgress?: (progress: Progress) => void;
}

/** A finding, and the schedule that leads to it. */
export interface Found {
  readonly finding: Finding;
  readonly switches: readonly Switch[];
  readonly preemptions: number;
  /** Number of the execution in which it came up, from 1. */
  readonly execution: number;
}

export interface Exhausted {
  /** All schedules within the bound have been explored. */
  readonly complete: boolean;
  /** The bound left something out. */
  readonly pruned: boolean;
  readonly executions: number;
  /** States in which the scheduler had a choice; 0 without cut. */
  readonly states: number;
  readonly steps: number;
  /** The first finding of each kind. */
  readonly findings: readonly Found[];
  readonly outcomes: ReadonlyMap<string, number>;
  readonly ms: number;
}

/** Explores all schedules within a bound. */
export function exhaust(engine: SearchEngine, o: ExhaustOptions): Exhausted {
  if (o.cut && !engine.stateful) throw new Error('states can only be cut in a stateful build');
  const began = performance.now();
  const reduce = o.cut && o.reduce !== false && engine.settleSharing !== undefined;
  const begin = (): { graph: StateGraph | null; dfs: DfsStrategy } => {
    const graph = o.graph === true ? new StateGraph() : null;
    return { graph, dfs: new DfsStrategy({ bound: o.bound, cut: o.cut, reduce, graph }) };
  };
  const found = new Map<FindingKind, Found>();
  const outcomes = new Map<string, number>();
  const most = o.maxExecutions ?? Infinity;
  const budget = o.budgetMs ?? Infinity;
  let executions = 0;
  let steps = 0;
  let complete = false;
  if (reduce && o.bound === Infinity) wander(engine);
  engine.settleSharing?.();
  let { graph, dfs } = begin();
  for (;;) {
    const run = engine.run(dfs);
    executions++;
    steps += run.steps;
    if (reduce && engine.sharingOutdated === true) {
      // Something was left out that matters, so begin again. This happens early or never: what is shared soon shows.
      engine.settleSharing?.();
      outcomes.clear();
      ({ graph, dfs } = begin());
    } else {
      dfs.ended(run);
      const { finding } = run;
      if (finding !== null) {
        const stops = o.stopAt?.(finding) === true;
        if (stops || !found.has(finding.kind)) {
          const schedule = scheduleOf(engine, dfs.choices(), dfs.reduction);
          found.set(finding.kind, { finding, ...schedule, execution: executions });
        }
        if (stops) break;
      } else if (!run.cut) outcomes.set(run.outcome, (outcomes.get(run.outcome) ?? 0) + 1);
      if (!dfs.advance()) {
        complete = true;
        break;
      }
    }
    if (executions >= most) break;
    if (executions % TICK === 0) {
      const ms = performance.now() - began;
      o.onProgress?.({ bound: o.bound, executions, states: dfs.visited.size, ms });
      if (ms > budget) break;
    }
  }
  const states = dfs.visited.size;
  const stuck = complete ? (graph?.stuck() ?? null) : null;
  if (stuck !== null) found.set('stuck', stuckFinding(engine, dfs, stuck, budget, executions));
  return {
    complete,
    pruned: dfs.pruned,
    executions,
    states,
    steps,
    findings: [...found.values()],
    outcomes,
    ms: performance.now() - began,
  };
}

/** Some schedules at random, with many switches and with few, to see which words are shared. */
function wander(engine: SearchEngine): void {
  let random = 1;
  const below = (n: number): number => {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) | 0;
    return (random >>> 8) % n;
  };
  for (let i = 0; i < WANDERINGS; i++) {
    const stay = 1 << (i % WANDERING_STAYS);
    engine.run({
      name: 'random',
      begin: () => {},
      next: (e, cur) => {
        if (cur >= 0 && (e.paused & (1 << cur)) === 0 && below(stay) !== 0) return cur;
        const ready = bits(e.ready);
        const nth = below(ready + bits(e.timers));
        return nth < ready ? nthBit(e.ready, nth) : e.n + nthBit(e.timers, nth - ready);
      },
    });
  }
}

/** Runs a schedule that is known by its choices once more, to write it down. */
function scheduleOf(
  engine: SearchEngine,
  choices: readonly number[],
  reduction: Reduction,
): { switches: Switch[]; preemptions: number } {
  const recorder = new Recorder(new PathStrategy(choices, reduction));
  engine.run(recorder);
  return { switches: recorder.switches(), preemptions: recorder.preemptions };
}

/** Reports states without way out, by a schedule with as few preemptions as can be found in the time. */
function stuckFinding(
  engine: SearchEngine,
  { visited, reduction }: DfsStrategy,
  stuck: Stuck,
  budgetMs: number,
  execution: number,
): Found {
  const finding: Finding = {
    kind: 'stuck',
    message: `after this schedule no other can reach the end: ${stuck.states} of ${visited.size} states are stuck`,
    places: [],
    details: [],
  };
  const until = performance.now() + Math.min(budgetMs, STUCK_MS);
  for (let bound = 0; bound <= STUCK_BOUND; bound++) {
    const choices = wayTo(engine, { visited, wanted: stuck.marks }, bound, until);
    if (choices !== null) return { finding, ...scheduleOf(engine, choices, 'none'), execution };
    if (performance.now() > until) break;
  }
  return { finding, ...scheduleOf(engine, stuck.choices, reduction), execution };
}

/** Choices that lead to one of the states with at most so many preemptions; null: none was found. */
function wayTo(engine: SearchEngine, target: Target, bound: number, until: number): readonly number[] | null {
  const dfs = new DfsStrategy({ bound, cut: true, target });
  for (let executions = 1; ; executions++) {
    engine.run(dfs);
    if (dfs.arrived) return dfs.choices();
    if (!dfs.advance()) return null;
    if (executions % TICK === 0 && performance.now() > until) return null;
  }
}

export interface DeepenOptions extends Omit<ExhaustOptions, 'bound'> {
  /** Bounds in rising order; default 0, 1, 2, 3, Infinity. */
  readonly bounds?: readonly number[];
}

export interface Deepened {
  /** Deepest bound that was exhausted, −1 none; Infinity: all schedules. */
  readonly boundExhausted: number;
  /** What was searched, bound by bound. */
  readonly rounds: readonly Exhausted[];
  /** The first finding of each kind: with the fewest preemptions among the bounds exhausted. */
  readonly findings: readonly Found[];
}

/** Exhausts bound after bound, until nothing is left out, the budget (of all bounds together) is used up, or `stopAt`. */
export function deepen(engine: SearchEngine, o: DeepenOptions): Deepened {
  const began = performance.now();
  const found = new Map<FindingKind, Found>();
  const rounds: Exhausted[] = [];
  let boundExhausted = -1;
  let executions = 0;
  for (const bound of o.bounds ?? [0, 1, 2, 3, Infinity]) {
    const budgetMs = (o.budgetMs ?? Infinity) - (performance.now() - began);
    const maxExecutions = (o.maxExecutions ?? Infinity) - executions;
    if (budgetMs <= 0 || maxExecutions <= 0) break;
    const round = exhaust(engine, {
      ...o,
      bound,
      budgetMs,
      maxExecutions,
      graph: o.graph === true && bound === Infinity,
    });
    rounds.push(round);
    executions += round.executions;
    for (const f of round.findings) if (!found.has(f.finding.kind)) found.set(f.finding.kind, f);
    if (!round.complete) break;
    boundExhausted = round.pruned ? bound : Infinity;
    // With a graph the question whether all can end is still open.
    if (!round.pruned && (o.graph !== true || bound === Infinity)) break;
  }
  return { boundExhausted, rounds, findings: [...found.values()] };
}
