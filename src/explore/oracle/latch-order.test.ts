import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { LatchOrderGraph, type LatchOrderNames, latchOrderFinding } from './latch-order.ts';

const NAMES: LatchOrderNames = {
  latch: (c) => 'ABCDEFG'[c] ?? `class ${c}`,
  site: (s) => `latch.ts:${s}`,
  thread: (t) => `thread ${t}`,
};

describe('LatchOrderGraph', () => {
  it('finds the shortest cycle, over schedules, once', () => {
    const graph = new LatchOrderGraph();
    graph.schedule = '1';
    expect(graph.add(0, 1, 0, 10, 11)).toBeNull();
    expect(graph.add(1, 2, 1, 20, 21)).toBeNull();
    expect(graph.add(2, 3, 1, 30, 31)).toBeNull();
    graph.schedule = '2';
    expect(graph.add(1, 3, 1, 40, 41)).toBeNull();
    const cycle = graph.add(3, 0, 2, 50, 51);
    expect(cycle?.map((e) => [e.held, e.wanted])).toEqual([
      [3, 0],
      [0, 1],
      [1, 3],
    ]);
    expect(graph.add(3, 0, 2, 50, 51)).toBeNull();
    expect(graph.edges).toHaveLength(5);
  });

  it('names both chains and their places', () => {
    const graph = new LatchOrderGraph();
    graph.schedule = 'x1:pos:1:#3';
    graph.add(0, 1, 0, 10, 11);
    graph.add(1, 2, 0, 12, 13);
    graph.schedule = '';
    const cycle = graph.add(2, 0, 1, 20, 21);
    if (cycle === null) throw new Error('no cycle');
    const finding = latchOrderFinding(cycle, NAMES);
    expect(finding.kind).toBe('latch-order');
    expect(finding.message).toBe(
      'latch order: thread 1 takes A at latch.ts:21 while it holds C of latch.ts:20; the order seen before is A → B → C',
    );
    expect(finding.details).toEqual([
      'C → A: thread 1 took C at latch.ts:20, then wanted A at latch.ts:21',
      'A → B: thread 0 took A at latch.ts:10, then wanted B at latch.ts:11 (schedule x1:pos:1:#3)',
      'B → C: thread 0 took B at latch.ts:12, then wanted C at latch.ts:13 (schedule x1:pos:1:#3)',
    ]);
    expect(finding.places[0]).toEqual({ thread: 1, site: 21 });
  });

  it('allows two of a class where the predicate does, even when others are involved', () => {
    const graph = new LatchOrderGraph((c) => c === 1);
    expect(graph.add(1, 1, 0, 1, 2)).toBeNull();
    expect(graph.add(0, 1, 0, 1, 2)).toBeNull();
    const self = graph.add(0, 0, 0, 7, 8);
    if (self === null) throw new Error('no cycle');
    expect(latchOrderFinding(self, NAMES).message).toBe(
      'latch order: thread 0 takes A at latch.ts:8 while it holds A of latch.ts:7, and only one of this class may be held',
    );
    expect(graph.add(1, 0, 0, 3, 4)).not.toBeNull();
  });

  it('joins what several graphs have seen', () => {
    const one = new LatchOrderGraph();
    const two = new LatchOrderGraph();
    one.add(0, 1, 0, 1, 2);
    two.add(0, 1, 0, 1, 2);
    two.add(1, 0, 0, 3, 4);
    expect(one.merge(two.edges)).toHaveLength(1);
    expect(one.edges).toHaveLength(2);
    expect(one.merge(two.edges)).toEqual([]);
  });

  it('takes classes up to a bound', () => {
    const graph = new LatchOrderGraph();
    graph.add(0, 5, 0, 1, 2);
    expect(graph.add(4000, 0, 0, 1, 2)).toBeNull();
    graph.add(0, 5, 0, 1, 2);
    expect(graph.edges).toHaveLength(2);
    expect(graph.add(5, 4000, 0, 1, 2)).not.toBeNull();
    for (const bad of [-1, 4096, NaN]) expect(() => graph.add(bad, 1, 0, 1, 2)).toThrow('0 ... 4095');
  });

  it('reports a cycle exactly when the graph gets its first one', () => {
    const rng = new Rng(3, 0);
    for (let round = 0; round < 300; round++) {
      const graph = new LatchOrderGraph();
      const edges: [number, number][] = [];
      for (let i = 0; i < 12; i++) {
        const [held, wanted] = [rng.next32() % 7, rng.next32() % 7];
        const cycle = graph.add(held, wanted, 0, 1, 2);
        const before = reaches(edges, wanted, held);
        const known = edges.some(([h, w]) => h === held && w === wanted);
        expect(cycle !== null).toBe(!known && before);
        for (const [k, e] of (cycle ?? []).entries()) {
          expect(e.wanted).toBe(cycle?.[(k + 1) % cycle.length].held);
        }
        if (!known) edges.push([held, wanted]);
      }
    }
  });
});

function reaches(edges: readonly (readonly [number, number])[], from: number, to: number): boolean {
  const seen = new Set([from]);
  for (const at of seen) for (const [h, w] of edges) if (h === at) seen.add(w);
  return seen.has(to);
}
