/**
 * First touch: the kernel places a page of memory on the node of the thread that writes to it first. The main thread
 * makes everything in the arena before there are workers, and would have all of it beside itself; so on a host with
 * several nodes it goes, before that, to the CPUs of each simulated node in turn and touches that node's region from
 * there. Every page of the regions is committed by it, whether it will be used or not.
 */
import { WORD_BYTES } from '../layout/schema.ts';
import { bindTo, cpuSets } from './affinity.ts';
import { allowedCpus, type Host, hostNodes, REAL_HOST } from './host.ts';

const PAGE_WORDS = 4096 / WORD_BYTES;

/**
 * Touches each page of 4 KiB from word `from` to word `to`, not included, for writing, without changing anything: a read
 * would only map the kernel's page of zeros.
 */
export function touchRegion(mem: Int32Array, from: number, to: number): void {
  for (let at = from; at < to; at += PAGE_WORDS) Atomics.or(mem, at, 0);
}

/** The regions of the arena (ArenaPlan). */
export interface Regions {
  readonly words: number;
  readonly nodeStart: readonly number[];
}

/**
 * Places the regions by first touch; the main thread, after the arena was allocated and before anything is written to it
 * (that is, in `createEngine`'s argument `memory`: stress/runner/touched-engine.ts).
 * @returns what came of it, in one line; null: the CPUs are those of one NUMA node, so there is nothing to place
 */
export function touchFirst(
  mem: Int32Array,
  { words, nodeStart }: Regions,
  host: Host = REAL_HOST,
): string | null {
  const allowed = allowedCpus(host);
  const nodes = nodeStart.length;
  const places = hostNodes(host, allowed ?? []).filter((h) => h.cpus.length > 0);
  if (allowed === null || places.length < 2) return null;
  const sets = cpuSets(nodes, host);
  if ('note' in sets) return `regions are not placed by first touch: ${sets.note}`;
  let problem: string | null = null;
  for (let node = 0; node < nodes && problem === null; node++) {
    problem = bindTo(sets.sets[node], host).note;
    if (problem === null) touchRegion(mem, nodeStart[node], nodeStart[node + 1] ?? words);
  }
  const back = bindTo(allowed, host).note;
  if (problem !== null) return `regions are not placed by first touch: ${problem}`;
  if (back !== null) return `the main thread stays bound after first touch: ${back}`;
  return `the regions of ${nodes} nodes were touched first from their own CPUs`;
}
