/** The cure of ABA: the head carries a tag that every change raises, so that no head comes back. */
import type { Question } from '../question.ts';

const HEAD = 0;
/** The node that each thread has in the end. */
const HELD = [4, 5] as const;
const NODES = 3;
/** The word that names the successor of a node, 0 the end. Nodes are in different cache lines. */
const nextOf = (at: number, node: number): number => at + 16 * node;
const NODE_MASK = 0xff;
/** One more change, in the bits above the node. */
const TAG = 0x100;

const nextHead = (head: number, node: number): number => ((head & ~NODE_MASK) + TAG) | node;

function pop(m: Int32Array, at: number): number {
  for (;;) {
    const head = Atomics.load(m, at + HEAD);
    const node = head & NODE_MASK;
    if (node === 0) return 0;
    const next = nextHead(head, Atomics.load(m, nextOf(at, node)));
    if (Atomics.compareExchange(m, at + HEAD, head, next) === head) return node;
  }
}

function push(m: Int32Array, at: number, node: number): void {
  for (;;) {
    const head = Atomics.load(m, at + HEAD);
    Atomics.store(m, nextOf(at, node), head & NODE_MASK);
    if (Atomics.compareExchange(m, at + HEAD, head, nextHead(head, node)) === head) return;
  }
}

function takeOne(m: Int32Array, at: number): void {
  m[at + HELD[0]] = pop(m, at);
}

function takeTwoGiveOne(m: Int32Array, at: number): void {
  const first = pop(m, at);
  m[at + HELD[1]] = pop(m, at);
  push(m, at, first);
}

/** Every node must be in one place: held by one thread, or free once. */
function places(m: Int32Array, at: number): string {
  const found = [0, 0, 0, 0];
  for (const held of HELD) found[m[at + held]]++;
  let node = m[at + HEAD] & NODE_MASK;
  for (let i = 0; i < NODES && node !== 0; i++) {
    found[node]++;
    node = m[nextOf(at, node)];
  }
  return found.slice(1).every((n) => n === 1) ? 'sound' : 'broken';
}

function init(m: Int32Array, at: number): void {
  m[at + HEAD] = 1;
  m[nextOf(at, 1)] = 2;
  m[nextOf(at, 2)] = 3;
}

export const question: Question = {
  number: 'L16',
  name: 'free-list-tagged',
  title: 'A free list with a tag',
  asks: 'The same list with a tag beside the head: can a node still be in two places?',
  memory: 256,
  init,
  actors: [takeOne, takeTwoGiveOne],
  arbiter: places,
  rules: [
    { results: ['sound'], expect: 'ACCEPTABLE', why: 'Every node is held by one thread or free.' },
    { results: ['broken'], expect: 'FORBIDDEN', why: 'The exchange succeeded on a list that had changed.' },
  ],
};
