/**
 * From measured points to throughput on machines that nobody has: the universal scalability law beside a queue model of
 * the latches. What comes out is a prediction and says so everywhere.
 *
 * Only threads with a core of their own show how the program scales; with more threads than cores they also wait for
 * each other's time slices. So both models are fitted to the levels with threads <= cores wherever these suffice, and
 * held against the others: there the queue model slows everything down by the lack of cores, and the law is read at
 * min(threads, cores). Where these do not suffice, all levels are fitted in that way, and a note says so.
 */
import { UserError } from '../../src/config/errors.ts';
import { percentileInterval, statisticsRng } from '../stats/bootstrap.ts';
import { type Estimate, estimate } from './holds.ts';
import { levelsOf, type NoisyLevel, isUsable, redraw } from './levels.ts';
import { type Network, type Solution, solve } from './mva.ts';
import { notesOf } from './notes.ts';
import type {
  Bottleneck,
  Curve,
  FitRow,
  LatchDemand,
  Level,
  MeasuredPoint,
  PredictedRow,
  Prediction,
  QueueModel,
  Usl,
} from './types.ts';
import { fitUsl, goodness, uslAt } from './usl.ts';

export interface PredictOptions {
  readonly seed?: number;
  /** Bootstrap draws behind each band. */
  readonly draws?: number;
}

export const BAND = 0.9;
/** A latch held so much of the time is where the queue is. */
export const SATURATED = 0.9;
const SATURATION_SEARCH = 4096;
const DRAW_SEARCH = 4;
const DRAWS = 200;
const CURVE_POINTS = 60;

/**
 * @param points of one workload on one machine; several points with the same number of threads count as rounds
 * @param coresWanted machines to predict, with as many threads as cores
 * @throws UserError when the points are of machines with different numbers of cores
 */
export function predict(
  points: readonly MeasuredPoint[],
  coresWanted: readonly number[],
  { seed = 1, draws = DRAWS }: PredictOptions = {},
): Prediction {
  const machines = [...new Set(points.map((p) => p.cores))];
  if (machines.length > 1) {
    throw new UserError(`points of machines with ${machines.join(' and ')} cores: a model is of one machine`);
  }
  const cores = machines[0] ?? 0;
  const levels = levelsOf(points.filter(isUsable), cores);
  const plan = planOf(levels);
  const targets = [...new Set(coresWanted.map((c) => Math.max(1, Math.floor(c))))].toSorted((a, b) => a - b);
  const outcome = levels.length === 0 ? null : outcomeOf(plan, levels, cores, targets);
  const others = outcome === null ? [] : drawOthers(plan, levels, cores, targets, outcome, { seed, draws });
  const usl = outcome?.usl ?? null;
  const fit = fitRows(levels, plan, usl, outcome?.estimate ?? null, cores);
  const queue = outcome === null ? null : queueModel(outcome.estimate, levels, plan, fit);
  const bottleneck = bottleneckOf(outcome, others, queue);
  const rows = targets.map((n, i): PredictedRow => {
    const solution = outcome?.solutions[i] ?? null;
    const band = (of: (o: Outcome) => number | undefined): PredictedRow['uslBand'] =>
      hasRounds(levels)
        ? percentileInterval(
            others.map((o) => of(o) ?? NaN),
            BAND,
          )
        : null;
    return {
      prediction: true,
      cores: n,
      usl: usl === null ? null : uslAt(usl, n),
      uslBand: band((o) => (o.usl === null ? undefined : uslAt(o.usl, n))),
      queue: solution?.throughput ?? null,
      queueBand: band((o) => o.solutions[i].throughput),
      utilisation: Object.fromEntries(
        (outcome?.estimate.latches ?? []).map((l, k) => [l.name, solution?.stations[k].busiest ?? 0]),
      ),
    };
  });
  const without = { prediction: true as const, machineCores: cores, usl, queue, fit, rows, bottleneck };
  return {
    ...without,
    statement: statementOf(levels, cores),
    curves: curvesOf(levels, usl, outcome?.estimate.network ?? null, targets.at(-1) ?? cores),
    notes: notesOf({ ...without, given: points.length, levels, uslPlan: plan.usl, queuePlan: plan.queue }),
  };
}

function statementOf(levels: readonly Level[], cores: number): string {
  if (levels.length === 0) return 'PREDICTION: none, since no measured point has a throughput above 0';
  const threads = levels.map((l) => l.threads).join(', ');
  return (
    `PREDICTION from measurements with ${threads} threads on ${cores} cores: ` +
    'models, not measurements; as many threads as cores'
  );
}

/** Which levels each model is fitted to. */
interface Plan {
  readonly usl: readonly NoisyLevel[];
  readonly queue: readonly NoisyLevel[];
}

function planOf(levels: readonly NoisyLevel[]): Plan {
  const own = levels.filter((l) => !l.shared);
  return { usl: own.length >= 2 ? own : levels, queue: own.some((l) => l.threads > 1) ? own : levels };
}

const hasRounds = (levels: readonly NoisyLevel[]): boolean => levels.some((l) => l.samples.length > 1);

interface Outcome {
  readonly usl: Usl | null;
  readonly estimate: Estimate;
  /** At each of the wanted numbers of cores. */
  readonly solutions: readonly Solution[];
  /** Of the estimate's latches; null: none was contended. */
  readonly busiest: {
    readonly index: number;
    readonly ceiling: number;
    readonly saturatesAt: number | null;
  } | null;
}

function outcomeOf(
  plan: { readonly usl: readonly Level[]; readonly queue: readonly Level[] },
  levels: readonly Level[],
  cores: number,
  targets: readonly number[],
  before?: Outcome,
): Outcome {
  const usl = fitUsl(
    plan.usl.map((l) => ({ threads: Math.min(l.threads, cores), throughput: l.throughput })),
  );
  const estimated = estimate(plan.queue.length > 0 ? plan.queue : levels, cores, before?.estimate);
  const unbounded = { ...estimated.network, cores: Infinity };
  const ceilings = estimated.network.stations.map(ceilingOf);
  const ceiling = Math.min(Infinity, ...ceilings);
  const index = ceilings.indexOf(ceiling);
  // Other draws saturate near where the first did.
  const search = Math.min(
    SATURATION_SEARCH,
    DRAW_SEARCH * (before?.busiest?.saturatesAt ?? SATURATION_SEARCH),
  );
  const furthest = Math.max(1, ceiling < Infinity ? search : 1, ...targets);
  const all = solve(unbounded, furthest);
  const saturated = all.find((s) => s.stations[index]?.busiest >= SATURATED)?.threads ?? null;
  return {
    usl,
    estimate: estimated,
    solutions: targets.map((n) => all[n - 1]),
    busiest: ceiling === Infinity ? null : { index, ceiling, saturatesAt: saturated },
  };
}

/** Jobs per second at which the busiest latch of the class is always held. */
function ceilingOf({ visits, service, groups }: Network['stations'][number]): number {
  const demand = visits * service * Math.max(...groups.map((g) => g.share));
  return demand > 0 ? 1 / demand : Infinity;
}

/** What would have come out of other measurements of the same kind. */
function drawOthers(
  plan: Plan,
  levels: readonly NoisyLevel[],
  cores: number,
  targets: readonly number[],
  first: Outcome,
  { seed, draws }: Required<PredictOptions>,
): Outcome[] {
  const rng = statisticsRng(seed);
  return Array.from({ length: draws }, () => {
    const drawn = new Map(levels.map((l) => [l.threads, redraw(l, rng)]));
    const of = (some: readonly Level[]): Level[] => some.map((l) => drawn.get(l.threads) ?? l);
    return outcomeOf({ usl: of(plan.usl), queue: of(plan.queue) }, of(levels), cores, targets, first);
  });
}

function fitRows(
  levels: readonly NoisyLevel[],
  plan: Plan,
  usl: Usl | null,
  estimated: Estimate | null,
  cores: number,
): FitRow[] {
  const most = Math.max(0, ...levels.map((l) => l.threads));
  const solved = estimated === null ? [] : solve(estimated.network, most);
  return levels.map((l) => {
    const byUsl = usl === null ? null : uslAt(usl, Math.min(l.threads, cores));
    const byQueue = solved[l.threads - 1]?.throughput ?? null;
    return {
      threads: l.threads,
      shared: l.shared,
      uslFitted: plan.usl.includes(l),
      queueFitted: plan.queue.includes(l),
      measured: l.throughput,
      usl: byUsl,
      queue: byQueue,
      uslError: byUsl === null ? null : byUsl / l.throughput - 1,
      queueError: byQueue === null ? null : byQueue / l.throughput - 1,
    };
  });
}

function queueModel(
  { network, latches }: Estimate,
  levels: readonly Level[],
  plan: Plan,
  fit: readonly FitRow[],
): QueueModel {
  const jobs = levels.reduce((sum, l) => sum + l.jobs, 0);
  const gets = levels.reduce((sum, l) => sum + l.gets, 0);
  const demands = latches.map((l, k): LatchDemand => {
    const station = network.stations[k];
    const ceiling = ceilingOf(station);
    return {
      name: l.name,
      instrument: l.instrument,
      servers: l.servers,
      visits: station.visits,
      visitsPerGet: gets > 0 ? (station.visits * jobs) / gets : null,
      holdUs: station.service * 1e6,
      holdFromWaitsUs: l.holdFromWaits === null ? null : l.holdFromWaits * 1e6,
      overheadUs: station.overhead * 1e6,
      contended: l.contended,
      ceiling: ceiling === Infinity ? null : ceiling,
    };
  });
  const used = fit.filter((f) => f.queueFitted);
  return {
    thinkUs: network.think * 1e6,
    latches: demands,
    // Contention fixes the holds, so throughput has one parameter to go through: the work per job.
    goodness: goodness(
      used.map((f) => ({ measured: f.measured, model: f.queue ?? 0 })),
      plan.queue.length - 1,
    ),
  };
}

function bottleneckOf(
  outcome: Outcome | null,
  others: readonly Outcome[],
  queue: QueueModel | null,
): Bottleneck | null {
  if (outcome === null || queue === null || outcome.busiest === null) return null;
  const { index, ceiling, saturatesAt } = outcome.busiest;
  const { name, instrument } = queue.latches[index];
  const same = others.filter((o) => o.busiest !== null && o.estimate.latches[o.busiest.index].name === name);
  return {
    prediction: true,
    latch: name,
    instrument,
    saturatesAt,
    saturatesAtBand:
      saturatesAt === null
        ? null
        : percentileInterval(
            others.map((o) => o.busiest?.saturatesAt ?? SATURATION_SEARCH),
            BAND,
          ),
    certainty: others.length === 0 ? 1 : same.length / others.length,
    ceiling,
  };
}

function curvesOf(
  levels: readonly Level[],
  usl: Usl | null,
  network: Network | null,
  most: number,
): Prediction['curves'] {
  const last = Math.max(1, most, ...levels.map((l) => l.threads));
  // Evenly in logarithms: what happens with few threads is as wide as what happens with many.
  const threads = [
    ...new Set(Array.from({ length: CURVE_POINTS }, (_, i) => Math.round(last ** (i / (CURVE_POINTS - 1))))),
  ];
  const curve = (of: (n: number) => number): Curve => ({ threads, throughput: threads.map(of) });
  const solved = network === null ? [] : solve({ ...network, cores: Infinity }, last);
  return {
    measured: { threads: levels.map((l) => l.threads), throughput: levels.map((l) => l.throughput) },
    usl: usl === null ? null : curve((n) => uslAt(usl, n)),
    queue: network === null ? null : curve((n) => solved[n - 1].throughput),
  };
}
