/**
 * The order in which latches are taken, over all schedules of a run: an edge from each latch held to the one wanted.
 * A cycle is a deadlock that some schedule can reach, found although this one did not (after Linux lockdep). Latches
 * that are taken by the same rules share a class; edges are between classes.
 */
import type { Finding } from '../types.ts';

/** Where an edge was seen first. */
export interface LatchEdge {
  readonly held: number;
  readonly wanted: number;
  readonly thread: number;
  /** Sites where the one was taken, and the other wanted. */
  readonly heldSite: number;
  readonly wantedSite: number;
  /** Which schedule of the run: as the graph's `schedule` said then. */
  readonly schedule: string;
}

/** Edges, each from what the one before wanted; the last wants what the first held. The first is the new one. */
export type LatchCycle = readonly LatchEdge[];

export interface LatchOrderNames {
  readonly latch: (latchClass: number) => string;
  /** `file:line` of a site. */
  readonly site: (site: number) => string;
  readonly thread: (thread: number) => string;
}

/** Classes are small numbers: the matrix takes MAX_CLASSES² bits at most. */
const MAX_CLASSES = 4096;

export class LatchOrderGraph {
  /** Names the schedule under way, for the edges that it adds: a seed string, or a number. */
  schedule = '';
  readonly #several: (latchClass: number) => boolean;
  readonly #edges: LatchEdge[] = [];
  #size = 32;
  /** Bit `held * size + wanted`: the edge is known. */
  #known = new Int32Array(32);

  /** @param several whether a thread may hold two latches of this class at once; not when absent */
  constructor(several: (latchClass: number) => boolean = () => false) {
    this.#several = several;
  }

  get edges(): readonly LatchEdge[] {
    return this.#edges;
  }

  /**
   * A thread that holds one latch is about to take another. Costs one bit test when the edge is known already.
   * @returns the shortest cycle that a new edge closes, null when there is none
   * @throws RangeError for a class that is no whole number from 0 to 4095
   */
  add(held: number, wanted: number, thread: number, heldSite: number, wantedSite: number): LatchCycle | null {
    const size = this.#size;
    if (held >>> 0 < size && wanted >>> 0 < size) {
      const bit = held * size + wanted;
      if ((this.#known[bit >>> 5] & (1 << bit)) !== 0) return null;
    }
    return this.#addNew({ held, wanted, thread, heldSite, wantedSite, schedule: this.schedule });
  }

  /** Takes over what another graph has seen (of another worker of the portfolio). Returns the cycles that this closes. */
  merge(edges: readonly LatchEdge[]): LatchCycle[] {
    const cycles: LatchCycle[] = [];
    for (const edge of edges) {
      const cycle = this.#has(edge.held, edge.wanted) ? null : this.#addNew(edge);
      if (cycle !== null) cycles.push(cycle);
    }
    return cycles;
  }

  #addNew(edge: LatchEdge): LatchCycle | null {
    const { held, wanted } = edge;
    this.#fit(held);
    this.#fit(wanted);
    this.#set(held, wanted);
    this.#edges.push(edge);
    if (held === wanted) return this.#several(held) ? null : [edge];
    return this.#pathBack(edge);
  }

  #has(held: number, wanted: number): boolean {
    if (Math.max(held, wanted) >= this.#size) return false;
    const bit = held * this.#size + wanted;
    return (this.#known[bit >>> 5] & (1 << bit)) !== 0;
  }

  #set(held: number, wanted: number): void {
    const bit = held * this.#size + wanted;
    this.#known[bit >>> 5] |= 1 << bit;
  }

  #fit(latchClass: number): void {
    if (!Number.isInteger(latchClass) || latchClass < 0 || latchClass >= MAX_CLASSES) {
      throw new RangeError(`latch class ${latchClass}: must be 0 ... ${MAX_CLASSES - 1}`);
    }
    if (latchClass < this.#size) return;
    while (this.#size <= latchClass) this.#size *= 2;
    this.#known = new Int32Array((this.#size * this.#size) / 32);
    for (const { held, wanted } of this.#edges) this.#set(held, wanted);
  }

  /** The shortest way from what the new edge wants to what it holds, breadth first. */
  #pathBack(edge: LatchEdge): LatchCycle | null {
    const cameBy = new Map<number, LatchEdge>();
    const queue = [edge.wanted];
    for (const at of queue) {
      for (const e of this.#edges) {
        if (e.held !== at || cameBy.has(e.wanted)) continue;
        cameBy.set(e.wanted, e);
        if (e.wanted === edge.held) return [edge, ...trail(cameBy, edge)];
        queue.push(e.wanted);
      }
    }
    return null;
  }
}

function trail(cameBy: ReadonlyMap<number, LatchEdge>, { held, wanted }: LatchEdge): LatchEdge[] {
  const back: LatchEdge[] = [];
  for (let at = held; at !== wanted;) {
    const e = cameBy.get(at);
    if (e === undefined) break;
    back.unshift(e);
    at = e.held;
  }
  return back;
}

/** What to tell about a cycle. */
export function latchOrderFinding(cycle: LatchCycle, names: LatchOrderNames): Finding {
  const [edge, ...rest] = cycle;
  const { latch } = names;
  const takes =
    `${names.thread(edge.thread)} takes ${latch(edge.wanted)} at ${names.site(edge.wantedSite)} ` +
    `while it holds ${latch(edge.held)} of ${names.site(edge.heldSite)}`;
  const chain = [edge.wanted, ...rest.map((e) => e.wanted)].map(latch).join(' → ');
  return {
    kind: 'latch-order',
    message:
      rest.length === 0
        ? `latch order: ${takes}, and only one of this class may be held`
        : `latch order: ${takes}; the order seen before is ${chain}`,
    places: cycle.flatMap((e) => [
      { thread: e.thread, site: e.wantedSite },
      { thread: e.thread, site: e.heldSite },
    ]),
    details: cycle.map(
      (e) =>
        `${latch(e.held)} → ${latch(e.wanted)}: ${names.thread(e.thread)} took ${latch(e.held)} at ` +
        `${names.site(e.heldSite)}, then wanted ${latch(e.wanted)} at ${names.site(e.wantedSite)}` +
        (e.schedule === '' ? '' : ` (schedule ${e.schedule})`),
    ),
  };
}
