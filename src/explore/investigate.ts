/** From a schedule that fails to a report: written down, minimised, run again with a trace. */
import type { Engine } from './engine/engine.ts';
import type { Strategy } from './engine/strategy.ts';
import type { Form, Lab } from './lab.ts';
import { printSchedule, printSeed } from './report/schedule-string.ts';
import { minimise, sameFailure } from './search/minimise.ts';
import { type Draw, drawName, makeStrategy } from './search/portfolio.ts';
import { Recorder, ReplayStrategy } from './search/replay.ts';
import type { Estimate } from './strategies/seeded.ts';
import type { Finding, PlainPoints, Scenario, Step, Switch } from './types.ts';

/** A failing schedule, ready to be shown. */
export interface Failure {
  readonly finding: Finding;
  /** `pos`, `dfs`, `corpus` ... */
  readonly strategy: string;
  readonly plain: PlainPoints;
  /** Empty when no seed leads there. */
  readonly seed: string;
  readonly schedule: string;
  readonly switches: readonly Switch[];
  readonly preemptions: number;
  /** No schedule with fewer preemptions fails like this. */
  readonly exact: boolean;
  readonly minimiseMs: number;
  /** The minimised schedule, step by step. */
  readonly steps: readonly Step[];
}

/** How a failing schedule came up. */
export type Lead =
  | {
      readonly by: 'draw';
      readonly draw: Draw;
      readonly seed: number;
      readonly iteration: number;
      readonly estimate: Estimate;
    }
  | { readonly by: 'switches'; readonly switches: readonly Switch[]; readonly strategy: string };

/** A schedule as the list of its forced choices, and what came of it. */
interface Recorded {
  readonly finding: Finding | null;
  readonly switches: readonly Switch[];
  readonly preemptions: number;
  readonly steps: readonly Step[];
}

/** Runs a schedule again and writes it down. */
function record(engine: Engine, strategy: Strategy): Recorded {
  const recorder = new Recorder(strategy);
  const steps: Step[] = [];
  const { finding } = engine.run(recorder, steps);
  return { finding, switches: recorder.switches(), preemptions: recorder.preemptions, steps };
}

/** The strategy that does a failing schedule again. */
export function strategyOf(lead: Lead): Strategy {
  if (lead.by === 'switches') return new ReplayStrategy(lead.switches);
  const strategy = makeStrategy(lead.draw);
  strategy.expect(lead.estimate);
  strategy.seed(lead.seed, lead.iteration);
  return strategy;
}

export interface InvestigateOptions {
  /** Most time for minimising, ms. */
  readonly minimiseMs: number;
}

/**
 * Minimises a failing schedule and traces it.
 * @throws Error when the schedule does not fail when it is run again
 */
export async function investigate(
  lab: Lab,
  scenario: Scenario,
  form: Form,
  lead: Lead,
  o: InvestigateOptions,
): Promise<Failure> {
  const engine = await lab.engine(scenario.name, form);
  const stateful = await lab.engine(scenario.name, { plain: form.plain, state: true });
  return investigateOn(engine, stateful, form.plain, lead, o);
}

/**
 * The same with engines that are there.
 * @param engine in which the schedule failed
 * @param searcher runs the search for the least: one of a stateful build knows more
 * @throws Error when the schedule does not fail when it is run again
 */
export function investigateOn(
  engine: Engine,
  searcher: Engine,
  plain: PlainPoints,
  lead: Lead,
  o: InvestigateOptions,
): Failure {
  const first = record(engine, strategyOf(lead));
  const { finding } = first;
  if (finding === null) {
    throw new Error('the schedule that failed does not fail again: something besides the schedule decides');
  }
  const began = performance.now();
  const least = minimise(searcher, finding, first.switches, { ms: o.minimiseMs });
  const minimiseMs = performance.now() - began;
  const again = record(engine, new ReplayStrategy(least.switches));
  // Otherwise the two builds differ in this schedule, and the one that was found is shown. The way to a state without
  // an end (what a livelock is minimised to) is a livelock when it is run.
  const isSame =
    again.finding !== null &&
    (sameFailure(finding, again.finding) || sameFailure(least.finding, again.finding));
  const shown = isSame ? again : first;
  const { switches, preemptions, steps } = shown;
  return {
    finding: shown.finding ?? finding,
    strategy: lead.by === 'draw' ? drawName(lead.draw) : lead.strategy,
    plain,
    seed:
      lead.by === 'draw'
        ? printSeed({ ...lead.draw, plain, seed: lead.seed, iteration: lead.iteration })
        : '',
    schedule: printSchedule({ plain, switches }),
    switches,
    preemptions,
    exact: isSame && least.exact,
    minimiseMs,
    steps,
  };
}
