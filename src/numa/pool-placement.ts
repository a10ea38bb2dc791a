/**
 * On which node each part of the buffer pool lies. An instance is at home on one node: its lists, latches and page hash
 * are there, and that node's page cleaner looks after it. Its chunks are with it, unless the policy is interleave: then
 * each chunk is the next node's, through all instances. (The kernel would interleave page by page; here an address belongs
 * to a node as a whole region does.)
 *
 * | policy     | instance i is at home on          | its chunks                 |
 * |------------|-----------------------------------|----------------------------|
 * | local      | node i % nodes                    | there                      |
 * | bind       | the listed nodes in turn          | there                      |
 * | preferred  | that node                         | there                      |
 * | interleave | the listed nodes in turn          | each on the next in turn   |
 */
import { type Placement, TaskPolicy } from './placement.ts';
import type { DistanceMatrix } from './topology.ts';

/** Node numbers; plain data. */
export interface PoolPlacement {
  /** By instance. */
  readonly homes: readonly number[];
  /** By instance and chunk. */
  readonly chunks: readonly (readonly number[])[];
}

/** @throws RangeError when the policy names nodes that do not exist, or none */
export function placePool(
  instances: number,
  chunksPerInstance: number,
  placement: Placement,
  distance: DistanceMatrix,
): PoolPlacement {
  const policy = new TaskPolicy(distance);
  policy.set(placement);
  const among = homesOf(placement, distance.length);
  const homes = Array.from({ length: instances }, (_, no) => among[no % among.length]);
  const chunks = homes.map((home) =>
    Array.from({ length: chunksPerInstance }, () => (policy.interleaves ? policy.next(home)[0] : home)),
  );
  return { homes, chunks };
}

/** The nodes on which instances are at home in turn. */
function homesOf(placement: Placement, nodes: number): readonly number[] {
  switch (placement.policy) {
    case 'local':
      return Array.from({ length: nodes }, (_, n) => n);
    case 'preferred':
      return [placement.node];
    case 'bind':
    case 'interleave':
      return [...new Set(placement.nodes)].toSorted((a, b) => a - b);
  }
}
