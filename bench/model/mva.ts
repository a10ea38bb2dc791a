/**
 * Throughput of a closed network by exact mean value analysis: N threads, each of which works (a delay), takes latches
 * (queues), and starts over. A thread that comes to a latch finds it as it would be with one thread less (arrival
 * theorem), so the network is solved for 1, 2, … N threads, each from the one before.
 *
 * A latch class is many queues of the same service time, with visits divided evenly or by shares. A contended visit may
 * cost extra time that keeps nobody out (a wake-up): that is delay with the probability of finding the latch held.
 *
 * Threads that are not waiting for a latch need a core. While they are more than the cores, everything takes longer by
 * that factor, holds too, since holders lose their core like everybody: processor sharing, solved by iteration. With as
 * many cores as threads the factor is 1 and the solution exact.
 */

export interface Station {
  readonly visits: number;
  /** Hold time, s. */
  readonly service: number;
  /** Extra time of a visit that finds the latch held, s. */
  readonly overhead: number;
  readonly groups: readonly ServerGroup[];
}

/** Latches of a class that are equally busy. */
export interface ServerGroup {
  readonly count: number;
  /** Part of the class's visits that goes to each of them. */
  readonly share: number;
}

export interface Network {
  /** Time per job outside latches, s. */
  readonly think: number;
  readonly stations: readonly Station[];
  /** Infinity: as many as threads. */
  readonly cores: number;
}

export interface StationState {
  /** Probability that a visit finds its latch held. */
  readonly found: number;
  /** Time that such a visit waits for others' holds, s; 0 when none does. */
  readonly wait: number;
  /** Utilisation of the busiest latch. */
  readonly busiest: number;
}

export interface Solution {
  readonly threads: number;
  /** Jobs per second. */
  readonly throughput: number;
  /** Time of a job, s. */
  readonly response: number;
  /** Factor by which the lack of cores makes everything slower; 1: none. */
  readonly slowdown: number;
  readonly stations: readonly StationState[];
}

const STEPS = 60;
const ENOUGH = 1e-9;

export function uniform(servers: number): ServerGroup[] {
  return [{ count: servers, share: 1 / servers }];
}

/** Latches with the same share together. */
export function byShares(shares: readonly number[]): ServerGroup[] {
  const count = new Map<number, number>();
  for (const share of shares) if (share > 0) count.set(share, (count.get(share) ?? 0) + 1);
  return [...count].map(([share, n]) => ({ share, count: n }));
}

/** Solutions for 1 … threads, in order. */
export function solve(net: Network, threads: number): Solution[] {
  const queues = net.stations.map(({ groups }) => groups.map(() => 0));
  const busy = net.stations.map(({ groups }) => groups.map(() => 0));
  const solutions: Solution[] = [];
  let slowdown = 1;
  for (let n = 1; n <= threads; n++) {
    const found = net.stations.map(({ groups }, k) =>
      groups.reduce((sum, { count, share }, g) => sum + count * share * busy[k][g], 0),
    );
    /** Waiting for others' holds, per visit, while everything is slower by the factor. */
    const waits = (factor: number): number[] =>
      net.stations.map(({ groups, service }, k) =>
        groups.reduce((sum, { count, share }, g) => sum + count * share * queues[k][g] * service * factor, 0),
      );
    const work = net.stations.reduce((sum, s) => sum + s.visits * s.service, net.think);
    let response = 0;
    let perVisit: number[] = [];
    for (let step = 0; step < STEPS; step++) {
      perVisit = waits(slowdown);
      const waiting = net.stations.reduce(
        (sum, s, k) => sum + s.visits * (perVisit[k] + found[k] * s.overhead),
        0,
      );
      response = work * slowdown + waiting;
      const running = n * (1 - waiting / response);
      const next = Math.max(1, running / net.cores);
      const settled = Math.abs(next - slowdown) < ENOUGH * slowdown;
      slowdown = next;
      if (settled) break;
    }
    const throughput = n / response;
    for (const [k, { visits, service, groups }] of net.stations.entries()) {
      for (const [g, { share }] of groups.entries()) {
        const stay = service * slowdown * (1 + queues[k][g]);
        queues[k][g] = throughput * visits * share * stay;
        busy[k][g] = Math.min(1, throughput * visits * share * service * slowdown);
      }
    }
    solutions.push({
      threads: n,
      throughput,
      response,
      slowdown,
      stations: net.stations.map((_, k) => ({
        found: found[k],
        wait: found[k] > 0 ? perVisit[k] / found[k] : 0,
        busiest: Math.max(0, ...busy[k]),
      })),
    });
  }
  return solutions;
}
