/**
 * malloc of a thread whose policy may let it go to other nodes: when the heap of the wanted node has nothing left, those
 * of the others are asked in the policy's order, each like a request of its own. What the heap maps there counts as
 * numa_miss, and as numa_foreign where it was wanted. What a fault plan refuses fails wherever it would lie: no other
 * node is asked.
 *
 * Memory on another node has its price (src/numa/cost.ts), spent once by who is given it, when nothing is held.
 */
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { spendRemoteMemory } from '../../numa/cost.ts';
import type { Thread } from '../../sync/thread.ts';
import type { MemEnv } from '../env.ts';
import { PLACED } from '../os/os-node.ts';
import { osCountForeign } from '../os/placement.ts';
import { calloc, malloc, osOwning } from './malloc.ts';

const { node: NODE } = OS_MEMORY.at;

/** Where a thread may allocate. */
export type HeapsEnv = Pick<MemEnv, 'os' | 'allOs' | 'order'>;

/** As `malloc`, or `calloc` with `zero`. NIL: refused by all nodes that the policy allows (ENOMEM). */
export function placedMalloc(thr: Thread, env: HeapsEnv, bytes: number, tag: number, zero = false): number {
  const { os, order } = env;
  const block = zero ? calloc(thr, os, bytes, tag) : malloc(thr, os, bytes, tag);
  if (block !== NIL) {
    const node = thr.mem[os + NODE];
    if (node !== thr.node) spendRemoteMemory(thr, node, bytes);
    return block;
  }
  if (order === undefined || order.length < 2 || thr.heapRefused) return NIL;
  return mallocElsewhere(thr, env.allOs, order, bytes, tag, zero);
}

function mallocElsewhere(
  thr: Thread,
  allOs: readonly number[],
  order: readonly number[],
  bytes: number,
  tag: number,
  zero: boolean,
): number {
  const before = thr.heapPlaced;
  thr.heapPlaced = PLACED.elsewhere;
  let block: number = NIL;
  let node = 0;
  for (let i = 1; block === NIL && i < order.length && !thr.heapRefused; i++) {
    node = order[i];
    const os = allOs[node];
    block = zero ? calloc(thr, os, bytes, tag) : malloc(thr, os, bytes, tag);
  }
  thr.heapPlaced = before;
  const pages = thr.heapForeign;
  thr.heapForeign = 0;
  if (pages > 0) osCountForeign(thr, allOs[order[0]], pages);
  if (block !== NIL) spendRemoteMemory(thr, node, bytes);
  return block;
}

/** OS_MEMORY of the node that such a block lies on. */
export function placedOs(mem: Int32Array, { os, allOs, order }: HeapsEnv, block: number): number {
  return order === undefined || order.length < 2 ? os : osOwning(mem, allOs, block);
}
