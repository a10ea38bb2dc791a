import { describe, expect, it } from 'vitest';
import { type FieldSpec, flatten, record } from './schema.ts';

const word = (more: Partial<FieldSpec> = {}): FieldSpec => ({
  guard: 'g',
  writer: 'holder',
  doc: 'd',
  ...more,
});

describe('record', () => {
  it('places fields one after the other, in the order given', () => {
    const r = record('R', 'none', { a: word(), b: word({ words: 3 }), c: word() });
    expect(r.at).toEqual({ a: 0, b: 1, c: 4 });
    expect([r.words, r.align]).toEqual([5, 1]);
    expect(r.fields.map((f) => [f.name, f.at, f.words])).toEqual([
      ['a', 0, 1],
      ['b', 1, 3],
      ['c', 4, 1],
    ]);
  });

  it('starts a new cache line where a field says so; the record is then whole lines', () => {
    const r = record('R', 'none', { a: word(), b: word({ line: 'second' }), c: word() });
    expect(r.at).toEqual({ a: 0, b: 16, c: 17 });
    expect([r.words, r.align]).toEqual([32, 16]);
  });

  it('gives an embedded record its size and its alignment, which the outer one inherits', () => {
    const inner = record('Inner', 'none', { x: word(), y: word() }, 4);
    expect(inner.words).toBe(4);
    const outer = record('Outer', 'none', { a: word(), in1: word({ record: inner }), b: word() });
    expect(outer.at).toEqual({ a: 0, in1: 4, b: 8 });
    expect([outer.words, outer.align]).toEqual([12, 4]);
  });

  it('embeds arrays of records, whole ones only', () => {
    const inner = record('Inner', 'none', { x: word(), y: word() });
    const outer = record('Outer', 'none', { many: word({ record: inner, words: 6 }) });
    expect(outer.words).toBe(6);
    const half = (): unknown => record('Bad', 'none', { many: word({ record: inner, words: 5 }) });
    expect(half).toThrow('Bad.many: 5 words are no whole number of Inner');
  });
});

describe('flatten', () => {
  it('opens embedded records and arrays of them, with paths and offsets', () => {
    const leaf = record('Leaf', 'none', { x: word(), y: word({ hot: true }) });
    const mid = record('Mid', 'none', { p: word(), leaf: word({ record: leaf }) });
    const top = record('Top', 'none', { one: word({ record: mid }), two: word({ record: leaf, words: 4 }) });
    expect(flatten(top).map((f) => [f.path, f.at, f.hot === true])).toEqual([
      ['one.p', 0, false],
      ['one.leaf.x', 1, false],
      ['one.leaf.y', 2, true],
      ['two[0].x', 3, false],
      ['two[0].y', 4, true],
      ['two[1].x', 5, false],
      ['two[1].y', 6, true],
    ]);
  });
});
