/** A small discrete-event simulation of threads and latches whose hold times are known, to hold the models against. */
import { Rng } from '../../src/layout/rng.ts';
import type { MeasuredPoint } from './types.ts';

export interface SimulatedLatch {
  readonly name: string;
  readonly servers: number;
  /** Acquisitions per job. */
  readonly visits: number;
  /** Mean hold time, us; exponential unless `fixed`. */
  readonly holdUs: number;
  readonly fixed?: boolean;
  /** Time from the release to the waiter's going on, us; it holds nothing meanwhile, and the latch is free. */
  readonly wakeUs?: number;
  readonly shares?: readonly number[];
}

export interface SimulatedRun {
  readonly threads: number;
  readonly cores: number;
  readonly thinkUs: number;
  readonly latches: readonly SimulatedLatch[];
  readonly seconds: number;
  readonly seed: number;
}

interface Server {
  until: number;
}

/**
 * Threads with a core each: think, then take and hold each latch, first come first served. A thread that finds a latch
 * held gets it when all before it are done.
 */
export function simulate(run: SimulatedRun): MeasuredPoint {
  const rng = new Rng(run.seed, run.threads);
  const exponential = (mean: number): number => -mean * Math.log(1 - rng.float());
  const servers = run.latches.map((l) => Array.from({ length: l.servers }, (): Server => ({ until: 0 })));
  const counts = run.latches.map(() => ({ acquired: 0, contended: 0, waitUs: 0 }));
  // Of each thread: when it comes to its next latch, and which visit that is.
  const order = run.latches.flatMap((l, k) => Array.from({ length: l.visits }, () => k));
  const think = run.thinkUs / (order.length + 1);
  const threads = Array.from({ length: run.threads }, () => ({ at: exponential(think), visit: 0 }));
  const end = run.seconds * 1e6;
  let jobs = 0;
  for (;;) {
    let thread = threads[0];
    for (const t of threads) if (t.at < thread.at) thread = t;
    if (thread.at >= end) break;
    if (thread.visit === order.length) {
      jobs++;
      thread.visit = 0;
      thread.at += exponential(think);
      continue;
    }
    const k = order[thread.visit++];
    const latch = run.latches[k];
    const server = servers[k][pick(latch, rng)];
    const wait = Math.max(0, server.until - thread.at);
    counts[k].acquired++;
    const hold = latch.fixed === true ? latch.holdUs : exponential(latch.holdUs);
    let after = 0;
    if (wait > 0) {
      counts[k].contended++;
      after = latch.wakeUs ?? 0;
      counts[k].waitUs += wait + after;
    }
    server.until = thread.at + wait + hold;
    thread.at += wait + hold + after + exponential(think);
  }
  return {
    threads: run.threads,
    cores: run.cores,
    throughput: jobs / run.seconds,
    latches: run.latches.map(({ name, servers: n, shares }, k) => ({
      name,
      instrument: `wait/synch/mutex/innodb/${name}`,
      servers: n,
      ...(shares === undefined ? {} : { shares }),
      ...counts[k],
      spinRounds: 0,
    })),
    seconds: run.seconds,
    gets: jobs,
  };
}

function pick({ servers, shares }: SimulatedLatch, rng: Rng): number {
  if (shares === undefined) return rng.below(servers);
  let x = rng.float();
  for (const [i, share] of shares.entries()) {
    x -= share;
    if (x < 0) return i;
  }
  return servers - 1;
}
