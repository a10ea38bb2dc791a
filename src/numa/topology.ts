/**
 * How far the nodes are from each other: a matrix as ACPI's SLIT has it, where 10 is a node's own memory and 21 means
 * that an access takes 2.1 times as long. It may be asymmetric, as on real machines whose links differ by direction.
 */
import { OptionError } from '../config/errors.ts';
import { oneLine } from '../config/values.ts';
import type { ArenaPlanner } from '../layout/arena.ts';
import { NUMA_TOPOLOGY } from '../layout/numa.ts';
import { MAX_NODES } from '../layout/thread.ts';

const { nodes: NODES, distance: DISTANCE } = NUMA_TOPOLOGY.at;

/** Distances as in /sys/devices/system/node: by row from, by column to. */
export type DistanceMatrix = readonly (readonly number[])[];

export const LOCAL_DISTANCE = 10;
/** What the kernel takes for granted where the firmware says nothing. */
export const REMOTE_DISTANCE = 21;
/** ACPI: 0 to 9 are reserved, 255 means that there is no way. */
export const MAX_DISTANCE = 254;

const OPTION = '--numa-distance';

/** All nodes equally far from each other. */
export function uniformDistance(nodes: number, remote = REMOTE_DISTANCE): DistanceMatrix {
  return Array.from({ length: nodes }, (_, from) =>
    Array.from({ length: nodes }, (_to, to) => (from === to ? LOCAL_DISTANCE : remote)),
  );
}

/**
 * Reads `--numa-distance`: one number for all remote nodes (`21`), or a row for each node (`10,21;31,10`).
 * @throws OptionError when it is no such matrix of `nodes` nodes
 */
export function parseDistance(text: string, nodes: number): DistanceMatrix {
  const rows = text.split(';').map((row) => row.split(','));
  for (const cell of rows.flat()) {
    const value = /^\s*\d{1,3}\s*$/.test(cell) ? Number(cell) : NaN;
    if (value >= LOCAL_DISTANCE && value <= MAX_DISTANCE) continue;
    throw refused(text, `'${cell.trim()}' is no distance`, nodes);
  }
  const matrix = rows.map((row) => row.map(Number));
  if (matrix.length === 1 && matrix[0].length === 1) {
    const [[remote]] = matrix;
    return nodes === 1 ? uniformDistance(1) : uniformDistance(nodes, remote);
  }
  if (matrix.length !== nodes) throw refused(text, `there are ${matrix.length} rows`, nodes);
  for (const [from, row] of matrix.entries()) {
    if (row.length !== nodes) throw refused(text, `row ${from} has ${row.length} columns`, nodes);
    if (row[from] === LOCAL_DISTANCE) continue;
    throw refused(text, `node ${from} is ${row[from]} from itself, not ${LOCAL_DISTANCE}`, nodes);
  }
  return matrix;
}

function refused(text: string, what: string, nodes: number): OptionError {
  const plural = nodes === 1 ? '' : 's';
  const example = nodes > 3 ? '' : ` (${uniformDistance(nodes).join(';')})`;
  return new OptionError(
    OPTION,
    `${OPTION}=${oneLine(text)}: ${oneLine(what)}; ` +
      `allowed are one distance of ${LOCAL_DISTANCE} to ${MAX_DISTANCE} for all remote nodes, ` +
      `or ${nodes} row${plural} of ${nodes}${example}, ${LOCAL_DISTANCE} from a node to itself`,
  );
}

/** Pairs of nodes that are not equally far in both directions, one sentence each. */
export function asymmetries(distance: DistanceMatrix): string[] {
  const found: string[] = [];
  for (const [a, row] of distance.entries()) {
    for (let b = a + 1; b < distance.length; b++) {
      if (row[b] !== distance[b][a]) {
        found.push(`from node ${a} to ${b} it is ${row[b]}, from ${b} to ${a} ${distance[b][a]}`);
      }
    }
  }
  return found;
}

/** What an access at this distance costs beyond a local one, ns, when one at distance 21 costs `remoteCostNs`. */
export function accessCostNs(remoteCostNs: number, distance: number): number {
  return (remoteCostNs * (distance - LOCAL_DISTANCE)) / (REMOTE_DISTANCE - LOCAL_DISTANCE);
}

/** Places it; before any node is opened. */
export function topologyPlan(planner: ArenaPlanner): number {
  return planner.place('numa_topology', NUMA_TOPOLOGY);
}

/**
 * Writes it; before any other thread exists.
 * @throws RangeError for a matrix that is not square, or of more nodes than there may be
 */
export function topologyInit(mem: Int32Array, at: number, distance: DistanceMatrix): void {
  const nodes = distance.length;
  if (nodes > MAX_NODES || distance.some((row) => row.length !== nodes)) {
    throw new RangeError(`distances of ${nodes} nodes: at most ${MAX_NODES}, as many columns as rows`);
  }
  mem[at + NODES] = nodes;
  for (const [from, row] of distance.entries()) mem.set(row, distancesFrom(at, from));
}

/** Word address of a node's row of distances: what a thread of that node keeps (`Thread.distances`). */
export function distancesFrom(at: number, node: number): number {
  return at + DISTANCE + node * MAX_NODES;
}
