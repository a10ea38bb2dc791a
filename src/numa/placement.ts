/**
 * Placement policies with numactl's names, and the order in which they try the nodes. As in Linux a policy belongs to a
 * task, and it is asked for each piece of memory that is mapped.
 *
 * | policy     | tries                                                        | wanted     | none left   |
 * |------------|--------------------------------------------------------------|------------|-------------|
 * | local      | the task's own node, then the others by distance             | own node   | ENOMEM      |
 * | preferred  | that node, then the others by its distance                   | that node  | ENOMEM      |
 * | bind       | only those nodes, the nearest to the task first              | the first  | ENOMEM      |
 * | interleave | one after another in turn; when it is full the others by its | whose turn | ENOMEM      |
 * |            | distance, those outside of the list included                 | it is      |             |
 */
import { OptionError } from '../config/errors.ts';
import { oneLine } from '../config/values.ts';
import type { DistanceMatrix } from './topology.ts';

/** Node numbers are indices of the nodes' OS_MEMORY records. */
export type Placement =
  | { readonly policy: 'local' }
  | { readonly policy: 'bind'; readonly nodes: readonly number[] }
  | { readonly policy: 'interleave'; readonly nodes: readonly number[] }
  | { readonly policy: 'preferred'; readonly node: number };

/** Of a new task: no interleaving has been done, and the first turn is the lowest node's. */
const NO_NODE = -1;

/**
 * For each node all nodes, the nearest first, as the kernel builds its zone lists (`build_zonelists`): a node with a
 * lower number counts as one step farther, so that the fallback goes on to the next node and not always to node 0; what
 * is as far then is decided by how many lists have the node already as the first of its distance, so that no node is
 * everybody's next.
 */
export function fallbackOrder(distance: DistanceMatrix): readonly (readonly number[])[] {
  const load = distance.map(() => 0);
  return distance.map((row, from) => {
    const order = [from];
    while (order.length < row.length) {
      const prev = row[order.at(-1) ?? from];
      const best = nextBestNode(row, from, order, load);
      if (row[best] !== prev) load[best]++;
      order.push(best);
    }
    return order;
  });
}

/** `find_next_best_node` */
function nextBestNode(
  row: readonly number[],
  from: number,
  taken: readonly number[],
  load: readonly number[],
): number {
  const penalty = (n: number): number => row[n] + Number(n < from);
  const left = row.map((_, n) => n).filter((n) => !taken.includes(n));
  return left.toSorted((a, b) => penalty(a) - penalty(b) || load[a] - load[b] || a - b)[0];
}

/**
 * The policy of one thread (`set_mempolicy`). It counts the turns of interleave, as the kernel does in the task; nobody
 * else needs to know, so it is no shared memory.
 */
export class TaskPolicy {
  readonly nodes: number;
  private readonly orders: readonly (readonly number[])[];
  private placement: Placement = { policy: 'local' };
  /** Nodes of `placement` in ascending order. */
  private mask: readonly number[] = [];
  private ilPrev = NO_NODE;

  constructor(distance: DistanceMatrix) {
    this.nodes = distance.length;
    this.orders = fallbackOrder(distance);
  }

  get(): Placement {
    return this.placement;
  }

  /**
   * `set_mempolicy`. Interleave begins with the lowest node again.
   * @throws RangeError for no nodes, or one that does not exist (EINVAL)
   */
  set(placement: Placement): void {
    const named = namedNodes(placement);
    const bad = named.find((n) => !Number.isInteger(n) || n < 0 || n >= this.nodes);
    if (bad !== undefined) throw new RangeError(`there is no node ${bad}`);
    if (named.length === 0 && placement.policy !== 'local') {
      throw new RangeError(`policy ${placement.policy} names no node`);
    }
    this.placement = placement;
    this.mask = [...new Set(named)].toSorted((a, b) => a - b);
    this.ilPrev = NO_NODE;
  }

  /**
   * The nodes to try for the next mapping of a thread on node `own`, in this order; the first is the wanted one. With
   * interleave this is a turn.
   */
  next(own: number): readonly number[] {
    const { placement } = this;
    switch (placement.policy) {
      case 'local':
        return this.orders[own];
      case 'preferred':
        return this.orders[placement.node];
      case 'bind':
        return this.orders[own].filter((n) => this.mask.includes(n));
      case 'interleave':
        this.turn();
        return this.orders[this.ilPrev];
    }
  }

  /** Whether each mapping is the next node's. */
  get interleaves(): boolean {
    return this.placement.policy === 'interleave';
  }

  private turn(): void {
    const { mask, ilPrev } = this;
    let i = 0;
    while (i < mask.length && mask[i] <= ilPrev) i++;
    this.ilPrev = mask[i % mask.length];
  }
}

function namedNodes(placement: Placement): readonly number[] {
  switch (placement.policy) {
    case 'local':
      return [];
    case 'preferred':
      return [placement.node];
    case 'bind':
    case 'interleave':
      return placement.nodes;
  }
}

/**
 * Reads a policy as numactl's options spell it: `local`, `bind=0,2-3`, `interleave=all`, `preferred=1`.
 * @throws RangeError when it is none
 */
export function parsePlacement(text: string, nodes: number): Placement {
  const [, policy, list] = /^(local|bind|interleave|preferred)(?:=(.+))?$/.exec(text) ?? [];
  if (policy === 'local' && list === undefined) return { policy };
  const named = list === undefined ? [] : parseNodes(list, nodes);
  if (policy === 'preferred' && named.length === 1) return { policy, node: named[0] };
  if ((policy === 'bind' || policy === 'interleave') && named.length > 0) return { policy, nodes: named };
  throw new RangeError(`${text}: not local, bind=NODES, interleave=NODES or preferred=NODE`);
}

/**
 * Reads the policy that an option names.
 * @throws OptionError in one line
 */
export function placementOption(option: string, text: string, nodes: number): Placement {
  try {
    return parsePlacement(text, nodes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const last = nodes - 1;
    const list = `a list such as ${last < 2 ? '0,1' : `0,1-${last}`}, or all, of the nodes 0 to ${last}`;
    throw new OptionError(
      option,
      `${option}=${oneLine(text)}: allowed are local, bind=NODES, interleave=NODES and preferred=NODE; ` +
        `NODES is ${nodes === 1 ? '0, the only node' : list}`,
    );
  }
}

/** A policy as parsePlacement reads it. */
export function placementText(placement: Placement): string {
  const nodes = namedNodes(placement);
  return nodes.length === 0 ? placement.policy : `${placement.policy}=${nodes.join(',')}`;
}

function parseNodes(list: string, nodes: number): number[] {
  if (list === 'all') return Array.from({ length: nodes }, (_, n) => n);
  const found: number[] = [];
  for (const part of list.split(',')) {
    const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
    if (first === undefined || Number(last) >= nodes || Number(first) > Number(last)) {
      throw new RangeError(`${list}: no list of the nodes 0 to ${nodes - 1}`);
    }
    for (let n = Number(first); n <= Number(last); n++) found.push(n);
  }
  return found;
}
