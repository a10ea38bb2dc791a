/**
 * The arena: one SharedArrayBuffer, cut into a global part and a part per simulated NUMA node. A plan says where each
 * record lies; it is made once, by the engine, from the configuration, and is plain data that every worker gets.
 */
import { type AnyRecord, LINE_WORDS, WORD_BYTES } from './schema.ts';

/** One placed array of records, or of bare words (`record` absent). Addresses and sizes in words. */
export interface Placement {
  readonly name: string;
  readonly record?: string;
  readonly at: number;
  /** Words of one element. */
  readonly stride: number;
  readonly count: number;
  /** −1: global. */
  readonly node: number;
  readonly doc: string;
}

export interface ArenaPlan {
  /** Size of the arena in words. */
  readonly words: number;
  /** First word of each node's region, ascending; the global part lies before the first. */
  readonly nodeStart: readonly number[];
  readonly placements: readonly Placement[];
}

/** The largest arena whose byte offsets still fit one Uint8Array and whose word addresses fit an Int32 entry. */
export const MAX_ARENA_BYTES = 2 ** 32;

/** Lays out the arena. Regions must be opened in node order. */
export class ArenaPlanner {
  private readonly placements: Placement[] = [];
  private readonly nodeStart: number[] = [];
  // The first line stays blank: address 0 is NIL.
  private next = LINE_WORDS;
  private node = -1;

  /** Starts the region of the next node, on a page of its own so that first touch can place it. */
  openNode(): number {
    this.next = Math.ceil(this.next / 1024) * 1024;
    this.nodeStart.push(this.next);
    this.node = this.nodeStart.length - 1;
    return this.node;
  }

  /** The node whose region is open; −1: the global part. */
  get openedNode(): number {
    return this.node;
  }

  /** Places `count` records of a declared layout; returns the address of the first. */
  place(name: string, layout: AnyRecord, count = 1, doc = ''): number {
    return this.put(name, layout.words, count, Math.max(layout.align, 1), doc, layout.name);
  }

  /** Places bare words (frames, cells, heaps) on an alignment in words; returns the address of the first. */
  placeWords(name: string, stride: number, count: number, align = LINE_WORDS, doc = ''): number {
    return this.put(name, stride, count, align, doc);
  }

  private put(
    name: string,
    stride: number,
    count: number,
    align: number,
    doc: string,
    recordName?: string,
  ): number {
    // No two placements share a line: each has writers of its own.
    const to = Math.max(align, LINE_WORDS);
    const at = Math.ceil(this.next / to) * to;
    this.next = at + stride * count;
    this.placements.push({
      name,
      at,
      stride,
      count,
      node: this.node,
      doc,
      ...(recordName !== undefined && { record: recordName }),
    });
    return at;
  }

  finish(): ArenaPlan {
    const words = Math.ceil(this.next / LINE_WORDS) * LINE_WORDS;
    return { words, nodeStart: this.nodeStart, placements: this.placements };
  }
}

/** Reserves the arena; the operating system commits its pages at their first touch. */
export function allocateArena(plan: ArenaPlan): SharedArrayBuffer {
  const bytes = plan.words * WORD_BYTES;
  if (bytes > MAX_ARENA_BYTES) {
    throw new RangeError(`the arena would take ${bytes} bytes, more than ${MAX_ARENA_BYTES}`);
  }
  return new SharedArrayBuffer(bytes);
}

/** The node that owns an address; −1 for the global part. */
export function nodeOf(plan: ArenaPlan, at: number): number {
  let node = plan.nodeStart.length - 1;
  while (node >= 0 && at < plan.nodeStart[node]) node--;
  return node;
}

/** The placement that an address lies in, for reports. */
export function placementOf(plan: ArenaPlan, at: number): Placement | undefined {
  return plan.placements.find((p) => at >= p.at && at < p.at + p.stride * p.count);
}
