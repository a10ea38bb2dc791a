/**
 * Hold times and work per job, from what a run counted. A hit path reads no clock, so nobody knows how long a latch was
 * held; but how often it was found held is counted, and by the arrival theorem that is its utilisation in the same
 * network with one thread less. So the hold times sought are those with which the model finds latches held as often as
 * the run did, and the work per job that with which it has the run's throughput. Both are found together, by iteration:
 * each hold time is scaled by counted / modelled contention, the work by the difference in time per job.
 *
 * Time waited beyond others' holds is what spinning, falling asleep and waking up cost: it keeps nobody else out, and is
 * charged to each contended visit. An S latch keeps only writers out, so its "hold" is the time of an acquisition that
 * excludes others, averaged over all acquisitions.
 */
import { byShares, type Network, type Solution, solve, type Station, uniform } from './mva.ts';
import type { LatchLoad, Level } from './types.ts';

const STEPS = 200;
const STEPS_FROM_START = 40;
/** Part of a correction that a step makes; less than all, since holds and work correct each other. */
const DAMPING = 0.6;
const ENOUGH = 1e-6;
/** Work cannot be nothing: throughput would be infinite. Part of the time per job. */
const LEAST_WORK = 1e-6;
/** Of a job's time; background threads wait, too, so the sum may be more than all of it. */
const MOST_WAITING = 0.99;

export interface Estimate {
  readonly network: Network;
  /** Latch classes, in the order of the network's stations. */
  readonly latches: readonly EstimatedLatch[];
}

export interface EstimatedLatch {
  readonly name: string;
  readonly instrument: string;
  readonly servers: number;
  readonly acquired: number;
  readonly contended: number;
  /** Hold time for which waiting alone accounts for all the time waited, s; null: nobody waited. */
  readonly holdFromWaits: number | null;
}

/**
 * @param levels with a throughput above 0, at least one; all on the same machine
 * @param start an estimate from similar levels, to begin with
 */
export function estimate(levels: readonly Level[], cores: number, start?: Estimate): Estimate {
  const names = [...new Set(levels.flatMap((l) => l.latches.map((x) => x.name)))];
  const alone = levels.find((l) => l.threads === 1);
  const latches = names.map((name) => new Fitted(name, levels, alone, start)).filter((l) => l.visits > 0);
  const perJob = (l: Level): number => l.threads / l.throughput;
  const crowds = levels.map((l) => crowdOf(l, cores));
  let think =
    start?.network.think ?? Math.min(...levels.map((l) => Math.min(l.threads, cores) / l.throughput));
  for (let step = 0; step < (start === undefined ? STEPS : STEPS_FROM_START); step++) {
    const net = { think, stations: latches.map((l) => l.station), cores };
    const solved = levels.map((l) => solve(net, l.threads).at(-1) as Solution);
    let change = Math.max(0, ...latches.map((l, k) => l.correct(solved, crowds, k)));
    const busy = latches.reduce((total, l) => total + l.visits * l.station.service, think);
    const missing = levels.map((l, i) => (crowds[i]?.work ?? busy + perJob(l) - solved[i].response) - busy);
    const wanted = think + DAMPING * (missing.reduce((a, b) => a + b, 0) / missing.length);
    const next = Math.max(LEAST_WORK * Math.min(...levels.map(perJob)), wanted);
    change = Math.max(change, Math.abs(next / think - 1));
    think = next;
    if (change < ENOUGH) break;
  }
  const network = { think, stations: latches.map((l) => l.station), cores };
  return { network, latches };
}

/** What a level with more threads than cores shows by itself. */
interface Crowd {
  /** Time of a job on a core, s. */
  readonly work: number;
  /** Threads that did not wait for a latch, for each core. */
  readonly slowdown: number;
}

/**
 * Where threads share cores, throughput alone does not tell a slow job from a fast one whose thread waits for its core,
 * nor a long hold from a short one whose holder does. The time that threads waited for latches does: those that did not
 * shared the cores. Null with a core each: nothing is shared, and waits of less than a microsecond are not counted well.
 */
function crowdOf(l: Level, cores: number): Crowd | null {
  if (!l.shared) return null;
  const response = l.threads / l.throughput;
  const waited = sum(l.latches.map((x) => x.waitUs)) / 1e6 / l.jobs;
  const waiting = Math.min(waited, MOST_WAITING * response);
  const slowdown = Math.max(1, (l.threads * (1 - waiting / response)) / cores);
  return { work: (response - waiting) / slowdown, slowdown };
}

/** One latch class while its hold time is sought. */
class Fitted implements EstimatedLatch {
  readonly name: string;
  readonly instrument: string;
  readonly servers: number;
  readonly acquired: number;
  readonly contended: number;
  readonly visits: number;
  holdFromWaits: number | null = null;
  station: Station;
  private readonly loads: readonly LatchLoad[];
  /** Contention by the sessions, per level: without that of background threads, which a lone session shows. */
  private readonly mutual: readonly number[];
  private readonly meanWait: number | null;

  constructor(name: string, levels: readonly Level[], alone: Level | undefined, start?: Estimate) {
    const none = { name, instrument: name, servers: 1, acquired: 0, contended: 0, waitUs: 0, spinRounds: 0 };
    const of = (l: Level): LatchLoad => l.latches.find((x) => x.name === name) ?? none;
    this.loads = levels.map(of);
    const [first] = this.loads.filter((x) => x.acquired > 0);
    this.name = name;
    this.instrument = first?.instrument ?? name;
    this.servers = first?.servers ?? 1;
    const background = alone === undefined ? 0 : part(of(alone).contended, of(alone).acquired);
    this.mutual = this.loads.map(({ contended, acquired }) => Math.max(0, contended - background * acquired));
    this.acquired = sum(this.loads.map((x) => x.acquired));
    this.contended = sum(this.loads.map((x) => x.contended));
    this.meanWait = this.contended > 0 ? sum(this.loads.map((x) => x.waitUs)) / this.contended / 1e6 : null;
    const jobs = sum(levels.map((l) => l.jobs));
    this.visits = jobs > 0 ? this.acquired / jobs : 0;
    const seen = part(sum(this.mutual), this.acquired);
    const [{ throughput }] = levels.toSorted((a, b) => b.throughput - a.throughput);
    const before = start?.network.stations[start.latches.findIndex((l) => l.name === name)];
    const guess = this.visits > 0 ? (seen * this.servers) / (this.visits * throughput) : 0;
    this.station = {
      visits: this.visits,
      service: seen > 0 && before !== undefined && before.service > 0 ? before.service : guess,
      overhead: before?.overhead ?? 0,
      groups: first?.shares === undefined ? uniform(this.servers) : byShares(first.shares),
    };
  }

  /** One step towards the counted contention. @returns the relative change */
  correct(solved: readonly Solution[], crowds: readonly (Crowd | null)[], k: number): number {
    const slowdown = solved.map((s, i) => crowds[i]?.slowdown ?? s.slowdown);
    const modelled = sum(
      this.loads.map((x, i) => (x.acquired * solved[i].stations[k].found * slowdown[i]) / solved[i].slowdown),
    );
    if (modelled === 0) return 0;
    const counted = sum(this.mutual);
    const factor = (counted / modelled) ** DAMPING;
    const { service, overhead } = this.station;
    // Weighted by where contention was counted, as the mean wait is.
    const weight = sum(this.mutual);
    const wait = weight === 0 ? 0 : sum(this.mutual.map((c, i) => c * solved[i].stations[k].wait)) / weight;
    const slow = weight === 0 ? 1 : sum(this.mutual.map((c, i) => c * slowdown[i])) / weight;
    const beyond = this.meanWait === null ? 0 : Math.max(0, this.meanWait - wait) / slow;
    if (this.meanWait !== null && wait > 0) this.holdFromWaits = (service * this.meanWait) / wait;
    this.station = {
      ...this.station,
      service: service * factor,
      overhead: overhead + DAMPING * (beyond - overhead),
    };
    return service === 0 ? 0 : Math.abs(factor - 1);
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const part = (some: number, of: number): number => (of === 0 ? 0 : some / of);
