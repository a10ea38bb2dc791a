/** The simulated nodes of a run, as the engine is told. */
import type { Placement } from './placement.ts';
import { type DistanceMatrix, uniformDistance } from './topology.ts';

/** Plain data. */
export interface NumaConfig {
  readonly distance: DistanceMatrix;
  /** Where the memory of sessions comes from. */
  readonly sessions: Placement;
  /** Where the buffer pool lies. Interleave over all nodes is innodb_numa_interleave, and is said in the error log. */
  readonly pool: Placement;
}

/** So many nodes, all equally far, everything local. */
export function localNuma(nodes: number): NumaConfig {
  return { distance: uniformDistance(nodes), sessions: { policy: 'local' }, pool: { policy: 'local' } };
}

/** A placement on all nodes in turn. */
export function interleaveAll(nodes: number): Placement {
  return { policy: 'interleave', nodes: Array.from({ length: nodes }, (_, n) => n) };
}

/** Whether the pool is placed as innodb_numa_interleave places it. */
export function isInterleavedOverAll({ distance, pool }: NumaConfig): boolean {
  return pool.policy === 'interleave' && new Set(pool.nodes).size === distance.length;
}
