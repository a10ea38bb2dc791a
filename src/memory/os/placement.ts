/**
 * Mapping by placement policy. An address belongs to one node, since the arena is cut by node; so interleave takes the
 * next node with each mapping, and not with each page as the kernel does. Who wants a large area spread asks for it in
 * chunks, as the buffer pool does.
 *
 * Each node that is tried is asked like a request of its own: its limit, its fault plan, its counts. Pages of 4 KiB are
 * counted as numastat counts them; huge pages were placed when they were reserved, and are not.
 */
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { addU53, getU53 } from '../../layout/words.ts';
import type { Placement, TaskPolicy } from '../../numa/placement.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import type { OsEnv } from './os-large.ts';
import { type MapOptions, osMmap, osMmapHuge, osPagesFor, PLACED, PLAIN_MAP } from './os-memory.ts';

const A = OS_MEMORY.at;
const LOCAL: Placement = { policy: 'local' };

/**
 * `mmap` where the thread's policy wants it.
 * @param allOs OS_MEMORY records by node
 * @param hugeBytes size of the huge pages to map; 0: pages of 4 KiB
 * @returns the first word, zeroed memory; NIL: refused by all nodes that the policy allows (ENOMEM)
 */
export function placedMmap(
  thr: Thread,
  allOs: readonly number[],
  policy: TaskPolicy,
  bytes: number,
  hugeBytes = 0,
  kind = PLAIN_MAP.kind,
): number {
  const order = policy.next(thr.node);
  const hit = policy.get().policy === 'interleave' ? PLACED.interleaved : PLACED.wanted;
  for (const node of order) {
    const how: MapOptions = { kind, placed: node === order[0] ? hit : PLACED.elsewhere };
    const os = allOs[node];
    const at = hugeBytes === 0 ? osMmap(thr, os, bytes, how) : osMmapHuge(thr, os, bytes, hugeBytes, how);
    if (at === NIL) continue;
    if (node !== order[0] && hugeBytes === 0) osCountForeign(thr, allOs[order[0]], osPagesFor(bytes));
    return at;
  }
  return NIL;
}

/** Pages that were wanted on a node are on another: counted when they are there. Takes the mutex of the first. */
export function osCountForeign(thr: Thread, os: number, pages: number): void {
  mutexEnter(thr, os + A.mutex);
  addU53(thr.mem, os + A.numaForeign, pages);
  mutexExit(thr, os + A.mutex);
}

/** What a thread allocates with on its heaps, as far as the policy has a say in it. */
export interface PlacedEnv {
  /** OS_MEMORY of the node whose turn it is. */
  os: number;
  readonly allOs: readonly number[];
  /** Nodes to try, the first that of `os`. */
  order: readonly number[];
  readonly policy: TaskPolicy | null;
}

/**
 * What a thread allocates from when its task policy begins to count. A heap lies on one node as a mapping does, so the
 * policy chooses the heap: with interleave the next one at each turn, else always the same.
 */
export function placementBegin(
  thr: Thread,
  allOs: readonly number[],
  policy: TaskPolicy,
): Pick<PlacedEnv, 'os' | 'order'> {
  const order = policy.next(thr.node);
  thr.heapPlaced = policy.interleaves ? PLACED.interleaved : PLACED.wanted;
  return { os: allOs[order[0]], order };
}

/** The thread begins another command: with interleave it allocates on the next node from now on. */
export function placementTurn(thr: Thread, env: PlacedEnv): void {
  const { policy } = env;
  if (policy === null || !policy.interleaves) return;
  const order = policy.next(thr.node);
  env.order = order;
  env.os = env.allOs[order[0]];
}

/**
 * `innodb_numa_interleave`: while the buffer pool is allocated the thread's policy is interleave over all nodes, then
 * local again, whatever it was before. With two notes in the error log, as the server writes them.
 */
export function beginNumaInterleave(env: Pick<OsEnv, 'log'>, policy: TaskPolicy): void {
  env.log.write('Note', 'Setting NUMA memory policy to MPOL_INTERLEAVE');
  policy.set({ policy: 'interleave', nodes: Array.from({ length: policy.nodes }, (_, n) => n) });
}

/** Ends it; in a `finally`. */
export function endNumaInterleave(env: Pick<OsEnv, 'log'>, policy: TaskPolicy): void {
  env.log.write('Note', 'Setting NUMA memory policy to MPOL_DEFAULT');
  policy.set(LOCAL);
}

/** numastat of a node, in pages of 4 KiB; plain data. */
export interface NumaStat {
  readonly numaHit: number;
  readonly numaMiss: number;
  readonly numaForeign: number;
  readonly interleaveHit: number;
  readonly localNode: number;
  readonly otherNode: number;
}

/** Counts of a node; exact at rest. */
export function numaStat(mem: Int32Array, os: number): NumaStat {
  return {
    numaHit: getU53(mem, os + A.numaHit),
    numaMiss: getU53(mem, os + A.numaMiss),
    numaForeign: getU53(mem, os + A.numaForeign),
    interleaveHit: getU53(mem, os + A.interleaveHit),
    localNode: getU53(mem, os + A.localNode),
    otherNode: getU53(mem, os + A.otherNode),
  };
}

/** Over all nodes: pages that are elsewhere were wanted somewhere. One sentence when they do not match. */
export function numaStatDefects(mem: Int32Array, allOs: readonly number[]): string[] {
  let miss = 0;
  let foreign = 0;
  for (const os of allOs) {
    miss += getU53(mem, os + A.numaMiss);
    foreign += getU53(mem, os + A.numaForeign);
  }
  return miss === foreign ? [] : [`numa_miss of all nodes is ${miss}, numa_foreign ${foreign}`];
}
