import { expect, test } from 'vitest';
import { MAX_BUDGET, Visited } from './visited.ts';

const key = (a: number, b = 0, c = 0, d = 0): Int32Array => Int32Array.of(a, b, c, d);

test('states are numbered in the order of first sight, and found again after the table has grown', () => {
  const visited = new Visited();
  const n = 10_000;
  // All in a few slots, so that most are found by going on.
  for (let i = 0; i < n; i++) expect(visited.enter(key(i & 255, i, ~i, 0), 1)).toBe(i);
  expect(visited.size).toBe(n);
  for (let i = 0; i < n; i++) expect(visited.find(key(i & 255, i, ~i, 0))).toBe(i);
  expect(visited.find(key(0, 1, 2, 3))).toBe(-1);
});

test('each lane of the key counts', () => {
  const visited = new Visited();
  for (let lane = 0; lane < 4; lane++) {
    const k = key(0);
    k[lane] = 1;
    expect(visited.enter(k, 0)).toBe(lane);
  }
  expect(visited.enter(key(0), 0)).toBe(4);
});

test('a state is explored again only with a larger budget', () => {
  const visited = new Visited();
  expect(visited.enter(key(1), 1)).toBe(0);
  expect(visited.enter(key(1), 1)).toBe(-1);
  expect(visited.enter(key(1), 0)).toBe(-1);
  expect(visited.enter(key(1), 2)).toBe(0);
  expect(visited.enter(key(1), 2)).toBe(-1);
  expect(visited.enter(key(2), MAX_BUDGET)).toBe(1);
  expect(visited.enter(key(2), MAX_BUDGET)).toBe(-2);
});
