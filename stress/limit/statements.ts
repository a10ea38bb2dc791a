/**
 * What the statements of the curve ask memory for: the shapes that a server's SQL layer has. Parsing and planning take
 * small objects from the statement's arena; a row or a string has a value that grows; a sort has its buffer; GROUP BY
 * has an internal temporary table. Seeded, so that every point of the curve sees the same work.
 */
import { Rng } from '../../src/layout/rng.ts';

/** One request: what for, and how many bytes; `end`: the statement is over. */
export const ASK = { end: 0, root: 1, value: 2, sortKeys: 3, tempTable: 4 } as const;

const KIB = 1024;

interface Shape {
  /** Of a hundred statements. */
  readonly share: number;
  /** Objects on the arena, from … to. */
  readonly objects: readonly [number, number];
  /** Bytes of the largest value, and how often it grows. */
  readonly value: readonly [number, number];
  readonly growths: number;
  readonly sortKeys?: readonly [number, number];
  readonly tempTable?: readonly [number, number];
}

/** Point select; update; range with ORDER BY; GROUP BY; report. */
const SHAPES: readonly Shape[] = [
  { share: 55, objects: [6, 14], value: [64, KIB], growths: 1 },
  { share: 20, objects: [10, 20], value: [64, 2 * KIB], growths: 1 },
  {
    share: 18,
    objects: [15, 40],
    value: [KIB, 8 * KIB],
    growths: 2,
    sortKeys: [32 * KIB, 256 * KIB],
  },
  {
    share: 5,
    objects: [20, 60],
    value: [4 * KIB, 64 * KIB],
    growths: 3,
    tempTable: [64 * KIB, 1000 * KIB],
  },
  {
    share: 2,
    objects: [20, 60],
    value: [64 * KIB, 512 * KIB],
    growths: 5,
    sortKeys: [128 * KIB, 256 * KIB],
    tempTable: [1000 * KIB, 3000 * KIB],
  },
];

/** Sizes of objects on the arena, multiples of 8. */
const OBJECT_LEAST = 32;
const OBJECT_MOST = 512;

/** The requests of so many statements: pairs of ASK and bytes, each statement closed by `end`, 0. */
export function makeStatements(seed: number, session: number, statements: number): Int32Array {
  const rng = new Rng(seed, session);
  const asks: number[] = [];
  const between = ([from, to]: readonly [number, number]): number => from + rng.below(to - from + 1);
  for (let i = 0; i < statements; i++) {
    const shape = shapeAt(rng.below(100));
    const objects = between(shape.objects);
    const later: (readonly [number, number])[] = [];
    const value = between(shape.value);
    for (let g = 1; g <= shape.growths; g++) {
      later.push([ASK.value, Math.ceil(value / 2 ** (shape.growths - g))]);
    }
    if (shape.sortKeys !== undefined) later.splice(1, 0, [ASK.sortKeys, between(shape.sortKeys)]);
    if (shape.tempTable !== undefined) later.splice(1, 0, [ASK.tempTable, between(shape.tempTable)]);
    // Half of the objects are for parser and optimizer, before rows are read.
    for (let n = 0; n < objects; n++) {
      if (2 * n >= objects && later.length > 0 && rng.below(3) === 0) asks.push(...(later.shift() ?? []));
      asks.push(ASK.root, 8 * between([OBJECT_LEAST / 8, OBJECT_MOST / 8]));
    }
    for (const ask of later) asks.push(...ask);
    asks.push(ASK.end, 0);
  }
  return Int32Array.from(asks);
}

function shapeAt(percent: number): Shape {
  let sum = 0;
  return SHAPES.find(({ share }) => percent < (sum += share)) ?? SHAPES[0];
}
