/**
 * Who had the processors during a round. Figures beside the result, and no yardstick: a pool whose sessions wait more
 * uses less processor time as well, so that gets per processor second would hide just what one looks for. A loop of raw
 * read-modify-writes before and after each round is none either: on a machine whose speed wanders within milliseconds
 * it had nothing in common with the second between (correlation 0.1), and the ratio to it spread twice as much.
 */
import { cpus } from 'node:os';
import type { Extra } from '../core/row.ts';

/** Milliseconds since some moment. */
export interface ProcessorTimes {
  readonly wall: number;
  /** Of all processors together: what they worked, and what of that was ours. */
  readonly busy: number;
  readonly own: number;
}

export function processorTimes(): ProcessorTimes {
  const { user, system } = process.cpuUsage();
  const busy = cpus().reduce((sum, { times: t }) => sum + t.user + t.nice + t.sys + t.irq, 0);
  return { wall: performance.now(), busy, own: (user + system) / 1000 };
}

/** Processors that we, and that others, kept busy on average. */
export function processorsBetween(from: ProcessorTimes, to: ProcessorTimes): Extra {
  const wall = to.wall - from.wall;
  const own = (to.own - from.own) / wall;
  return { ownProcessors: own, othersProcessors: Math.max(0, (to.busy - from.busy) / wall - own) };
}
