/**
 * Which states follow each other, from an exhaustive search: to ask afterwards from which states no end can be
 * reached any more, whatever the scheduler does. Each schedule by itself may look fine, because it could always have
 * gone on a little.
 *
 * Typed arrays that grow: 8 bytes for each edge, 8 for each state, and twice the edges once more for the question.
 */
import type { Finding } from '../types.ts';

/** Nodes before the states: the end of all threads, and ends that have been reported as what they are. */
const END = 0;
const FIRST_STATE = 1;

/** States that cannot end, and how to get to one. */
export interface Stuck {
  /** How many there are, and 1 for each of them by its number. */
  readonly states: number;
  readonly marks: Uint8Array;
  /** The scheduler's choices, at each decision, up to the first such state. */
  readonly choices: readonly number[];
}

export class StateGraph {
  private from = new Int32Array(1024);
  private to = new Int32Array(1024);
  private edges = 0;
  /** How each state was reached first: the state before (−1: the beginning), and the choice there. */
  private parent = new Int32Array(1024);
  private via = new Int32Array(1024);
  private states = 0;

  /** After `choice` in state `before` (−1: at the beginning), the program came to `state`. */
  follows(before: number, choice: number, state: number, first: boolean): void {
    if (first) {
      if (state >= this.parent.length) {
        this.parent = grown(this.parent);
        this.via = grown(this.via);
      }
      this.parent[state] = before;
      this.via[state] = choice;
      this.states = state + 1;
    }
    if (before >= 0) this.edge(before + FIRST_STATE, state + FIRST_STATE);
  }

  /** After the last decision, in `state`, a schedule ran to its end. A step limit is none. */
  ends(state: number, finding: Finding | null): void {
    if (finding?.kind !== 'livelock') this.edge(state + FIRST_STATE, END);
  }

  /** States from which no end can be reached, null when there is none. The search must have been complete. */
  stuck(): Stuck | null {
    const nodes = this.states + FIRST_STATE;
    // Edges sorted by their end, for the way back.
    const first = new Int32Array(nodes + 1);
    for (let i = 0; i < this.edges; i++) first[this.to[i] + 1]++;
    for (let k = 0; k < nodes; k++) first[k + 1] += first[k];
    const sources = new Int32Array(this.edges);
    const next = first.slice();
    for (let i = 0; i < this.edges; i++) sources[next[this.to[i]]++] = this.from[i];
    const reaches = new Uint8Array(nodes);
    const queue = new Int32Array(nodes);
    let length = 1;
    queue[0] = END;
    reaches[END] = 1;
    for (let done = 0; done < length; done++) {
      const node = queue[done];
      for (let i = first[node]; i < first[node + 1]; i++) {
        const source = sources[i];
        if (reaches[source] !== 0) continue;
        reaches[source] = 1;
        queue[length++] = source;
      }
    }
    if (length === nodes) return null;
    const marks = reaches.subarray(FIRST_STATE).map((r) => 1 - r);
    return { states: nodes - length, marks, choices: this.shortest(marks) };
  }

  /** Choices that lead to the stuck state with the fewest decisions before it. */
  private shortest(marks: Uint8Array): number[] {
    let best = -1;
    let least = Infinity;
    for (let state = 0; state < this.states; state++) {
      if (marks[state] === 0) continue;
      let decisions = 0;
      for (let s = state; s >= 0 && decisions < least; s = this.parent[s]) decisions++;
      if (decisions < least) {
        least = decisions;
        best = state;
      }
    }
    const choices: number[] = [];
    for (let s = best; this.parent[s] >= 0; s = this.parent[s]) choices.push(this.via[s]);
    return choices.toReversed();
  }

  private edge(from: number, to: number): void {
    if (this.edges === this.from.length) {
      this.from = grown(this.from);
      this.to = grown(this.to);
    }
    this.from[this.edges] = from;
    this.to[this.edges++] = to;
  }
}

function grown(a: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const b = new Int32Array(a.length * 2);
  b.set(a);
  return b;
}
