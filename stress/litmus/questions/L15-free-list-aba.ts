/**
 * A famous bug retold: ABA. A thread has read that node 1 is the head and 2 comes after it. Before it takes node 1, the
 * other thread takes 1 and 2 and gives 1 back: the head is 1 again, and the exchange succeeds, with a successor that is
 * not free any more.
 */
import type { Question } from '../question.ts';

const HEAD = 0;
/** The node that each thread has in the end. */
const HELD = [4, 5] as const;
const NODES = 3;
/** The word that names the successor of a node, 0 the end. Nodes are in different cache lines. */
const nextOf = (at: number, node: number): number => at + 16 * node;

function pop(m: Int32Array, at: number): number {
  for (;;) {
    const head = Atomics.load(m, at + HEAD);
    if (head === 0) return 0;
    const next = Atomics.load(m, nextOf(at, head));
    if (Atomics.compareExchange(m, at + HEAD, head, next) === head) return head;
  }
}

function push(m: Int32Array, at: number, node: number): void {
  for (;;) {
    const head = Atomics.load(m, at + HEAD);
    Atomics.store(m, nextOf(at, node), head);
    if (Atomics.compareExchange(m, at + HEAD, head, node) === head) return;
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
  let node = m[at + HEAD];
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
  number: 'L15',
  name: 'free-list-aba',
  title: 'ABA: a free list without a tag',
  asks: 'One thread takes a node while another takes two and gives one back: can a node be in two places?',
  memory: 256,
  init,
  actors: [takeOne, takeTwoGiveOne],
  arbiter: places,
  rules: [
    { results: ['sound'], expect: 'ACCEPTABLE', why: 'Every node is held by one thread or free.' },
    {
      results: ['broken'],
      expect: 'INTERESTING',
      why: 'ABA: the head was the same node, and not the same list.',
    },
  ],
};
