import { describe, expect, test } from 'vitest';
import { StateKeys } from './state-keys.ts';
import { KIND, STATUS } from './vthread.ts';

const text = (keys: StateKeys, extra = 0): string => {
  const out = new Int32Array(4);
  keys.key(out, extra);
  return out.join();
};

/** Key of a thread that has these locals at a point. */
function withLocals(...locals: unknown[]): string {
  const keys = new StateKeys(2);
  keys.identify([]);
  keys.reset();
  keys.point(0, KIND.load, 1, 0, 0, 0, locals);
  return text(keys);
}

/** Keys that one StateKeys gives to several values of one local. */
function keysOf(values: readonly unknown[], roots: readonly unknown[] = []): string[] {
  const keys = new StateKeys(2);
  keys.identify(roots);
  return values.map((v) => {
    keys.reset();
    keys.point(0, KIND.load, 1, 0, 0, 0, [v]);
    return text(keys);
  });
}

describe('values', () => {
  class Point {
    x = 1;
  }
  const different: readonly unknown[] = [
    0,
    -0,
    1,
    -1,
    2 ** 31,
    2 ** 32,
    0.5,
    NaN,
    Infinity,
    -Infinity,
    '',
    '0',
    '1',
    'a',
    true,
    false,
    null,
    undefined,
    0n,
    1n,
    -1n,
    2n ** 63n,
    2n ** 64n,
    -(2n ** 64n),
    [],
    [0],
    [[]],
    [undefined],
    {},
    { x: 1 },
    { y: 1 },
    new Point(),
    { x: 1, y: 2 },
    new Map(),
    new Map([[1, 2]]),
    new Map([[2, 1]]),
    new Set(),
    new Set([1]),
    new Date(1),
    new Date(2),
    new Error('a'),
    new TypeError('a'),
    new Error('b'),
    Symbol('a'),
    Symbol('a'),
    () => 1,
    () => 1,
    new Int32Array(2),
    new Int32Array([1, 0]),
    new Uint32Array(2),
    new Uint8Array(3),
    [1, 2],
    [2, 1],
    [[1], 2],
  ];

  test('different values have different keys, and the same again each time', () => {
    const found = keysOf([...different, ...different]);
    expect(new Set(found).size).toBe(different.length);
    expect(found.slice(0, different.length)).toEqual(found.slice(different.length));
  });

  test('objects without id are equal when their contents are', () => {
    const made = (): unknown[] => [
      { a: 1, b: [2, 'x'] },
      new Map([[1, { c: 2n }]]),
      new Set(['p']),
      new Int32Array([1, 2]),
      new Error('e'),
    ];
    expect(keysOf(made())).not.toContain(keysOf([0])[0]);
    const keys = new StateKeys(1);
    keys.identify([]);
    const all = [...made(), ...made()].map((v) => {
      keys.reset();
      keys.point(0, KIND.load, 1, 0, 0, 0, [v]);
      return text(keys);
    });
    expect(all.slice(0, 5)).toEqual(all.slice(5));
  });

  test('one object twice is not two equal ones', () => {
    const one = { a: 1 };
    expect(withLocals(one, one)).not.toBe(withLocals({ a: 1 }, { a: 1 }));
    const ring: { self?: unknown } = {};
    ring.self = ring;
    expect(withLocals(ring)).not.toBe(withLocals({ self: {} }));
  });

  test('what cannot be seen, or is too deep, equals nothing, not even itself', () => {
    const iterator = [1, 2][Symbol.iterator]();
    const [a, b] = keysOf([iterator, iterator]);
    expect(a).not.toBe(b);
    const deep = [[[[[[1]]]]]];
    const [c, d] = keysOf([deep, deep]);
    expect(c).not.toBe(d);
  });

  test('objects from set-up count as themselves; views by the part of which buffer', () => {
    const sab = new SharedArrayBuffer(64);
    const twins = [{ a: 1 }, { a: 1 }];
    const views = [
      new Int32Array(sab, 0, 4),
      new Int32Array(sab, 4, 4),
      new Int32Array(sab, 0, 5),
      new Uint32Array(sab, 0, 4),
    ];
    const found = keysOf([...twins, ...views], [twins, sab]);
    expect(new Set(found).size).toBe(6);
    const [again] = keysOf([new Int32Array(sab, 0, 4)], [sab]);
    const [once] = keysOf([new Int32Array(sab, 0, 4)], [sab]);
    expect(again).toBe(once);
  });
});

describe('threads', () => {
  const keys = new StateKeys(2);
  keys.identify([]);
  const after = (act: () => void): string => {
    keys.reset();
    act();
    return text(keys);
  };

  test('operation, site, word, operands, locals and callers all count', () => {
    const point =
      (t: number, ...rest: [number, number, number, unknown, unknown, unknown[]]): (() => void) =>
      () =>
        keys.point(t, ...rest);
    const states = [
      point(0, KIND.store, 1, 2, 3, 0, [4]),
      point(1, KIND.store, 1, 2, 3, 0, [4]),
      point(0, KIND.write, 1, 2, 3, 0, [4]),
      point(0, KIND.store, 9, 2, 3, 0, [4]),
      point(0, KIND.store, 1, 9, 3, 0, [4]),
      point(0, KIND.store, 1, 2, 9, 0, [4]),
      point(0, KIND.store, 1, 2, 3, 0, [9]),
      point(0, KIND.store, 1, 2, 3, 0, [4, 4]),
      point(0, KIND.store, 1, 2, 3n, 0, [4]),
      point(0, KIND.cas, 1, 2, 3, 4, []),
      point(0, KIND.cas, 1, 2, 3, 5, []),
      point(0, KIND.rmw, 1, 2, 3, 0, []),
      point(0, KIND.rmw + 16, 1, 2, 3, 0, []),
      (): void => {
        keys.enter(0, 7, [1]);
        keys.point(0, KIND.store, 1, 2, 3, 0, [4]);
      },
      (): void => {
        keys.enter(0, 7, [2]);
        keys.point(0, KIND.store, 1, 2, 3, 0, [4]);
      },
      (): void => {
        keys.enter(0, 7, [1]);
        keys.enter(0, 7, []);
        keys.point(0, KIND.store, 1, 2, 3, 0, [4]);
      },
    ];
    expect(new Set(states.map(after)).size).toBe(states.length);
  });

  test('operands left over from another operation do not count', () => {
    const a = after(() => keys.point(0, KIND.load, 1, 2, 3, 4, []));
    expect(after(() => keys.point(0, KIND.load + 16, 1, 2, 5, 6, []))).toBe(a);
  });

  test('a thread that has returned from a call is where it would be without it', () => {
    const plain = after(() => keys.point(0, KIND.load, 1, 2, 0, 0, []));
    const returned = after(() => {
      keys.enter(0, 3, [1]);
      keys.enter(0, 4, [{}]);
      keys.point(0, KIND.load, 1, 2, 0, 0, []);
      text(keys);
      keys.leave(0);
      keys.leave(0);
      keys.point(0, KIND.load, 1, 2, 0, 0, []);
    });
    expect(returned).toBe(plain);
    const thrown = after(() => {
      for (let i = 0; i < 40; i++) keys.enter(0, 3, [i]);
      text(keys);
      expect(keys.depth(0)).toBe(40);
      keys.cut(0, 0);
      keys.point(0, KIND.load, 1, 2, 0, 0, []);
    });
    expect(thrown).toBe(plain);
  });

  test('levels that stay keep their hash, those above are hashed anew', () => {
    const state = (first: number, second: number): void => {
      keys.enter(0, 3, [first]);
      keys.enter(0, 4, [second]);
      keys.point(0, KIND.load, 1, 2, 0, 0, []);
    };
    const direct = after(() => state(1, 2));
    const around = after(() => {
      state(1, 5);
      text(keys);
      keys.leave(0);
      keys.enter(0, 4, [2]);
      keys.point(0, KIND.load, 1, 2, 0, 0, []);
    });
    expect(around).toBe(direct);
    expect(after(() => state(2, 2))).not.toBe(direct);
  });

  test('an object that a caller holds is looked at again', () => {
    const list: number[] = [];
    keys.reset();
    keys.enter(0, 3, [list]);
    keys.point(0, KIND.load, 1, 2, 0, 0, []);
    const before = text(keys);
    list.push(1);
    expect(text(keys)).not.toBe(before);
    list.pop();
    expect(text(keys)).toBe(before);
  });

  test('status and what belongs to it count; of the dead and the done nothing else does', () => {
    const at = (status: number, extra: unknown, site = 1): string =>
      after(() => {
        keys.point(0, KIND.wait, site, 2, 0, 0, []);
        keys.status(0, status, extra);
      });
    const states = [
      at(STATUS.asleep, 0),
      at(STATUS.asleep, 1),
      at(STATUS.done, 0),
      at(STATUS.done, 1),
      at(STATUS.dead, 0),
      at(4, 0),
      at(5, 0),
    ];
    expect(new Set(states).size).toBe(states.length);
    expect(at(STATUS.dead, 0, 5)).toBe(at(STATUS.dead, 0));
    expect(at(STATUS.asleep, 0, 5)).not.toBe(at(STATUS.asleep, 0));
  });

  test('histories with the same order of returns before calls are one history', () => {
    const act = (...events: string[]): string =>
      after(() => {
        for (const e of events) {
          const t = Number(e[1]);
          if (e.startsWith('c')) keys.called(t, 'op', [t]);
          else keys.returned(t, e.slice(2));
        }
      });
    expect(act('c0', 'c1', 'r0', 'r1')).toBe(act('c1', 'c0', 'r1', 'r0'));
    expect(act('c0', 'r0', 'c1', 'r1')).not.toBe(act('c0', 'c1', 'r0', 'r1'));
    expect(act('c0', 'r0', 'c1', 'r1')).not.toBe(act('c1', 'r1', 'c0', 'r0'));
    expect(act('c0', 'r0x')).not.toBe(act('c0', 'r0y'));
  });
});

describe('memory and objects', () => {
  test('memory counts by what is in it, however it came there', () => {
    const keys = new StateKeys(1);
    keys.reset();
    const start = text(keys);
    keys.write(3, 0, 7);
    keys.write(4, 0, 7);
    const a = text(keys);
    keys.write(3, 7, 9);
    keys.write(4, 7, 8);
    keys.write(3, 9, 7);
    keys.write(4, 8, 7);
    expect(text(keys)).toBe(a);
    keys.write(3, 7, 0);
    expect(text(keys)).not.toBe(a);
    keys.write(4, 7, 0);
    expect(text(keys)).toBe(start);
    expect(text(keys, 1)).not.toBe(start);
  });

  test('fields of registered objects count when they change', () => {
    const object = { depth: 0, held: [1], map: new Map([[1, 1]]), other: {} };
    const keys = new StateKeys(1);
    keys.identify([object]);
    keys.fields([{ object, fields: ['depth', 'held', 'map', 'other'], hashed: true }]);
    const start = text(keys);
    const changes: (() => void)[] = [
      () => object.depth++,
      () => object.held.push(2),
      () => (object.held[0] = 5),
      () => object.map.set(1, 2),
      () => (object.other = {}),
    ];
    const seen = new Set([start]);
    for (const change of changes) {
      change();
      expect(keys.changed()).toBeNull();
      seen.add(text(keys));
    }
    expect(seen.size).toBe(changes.length + 1);
    object.depth = 0;
    object.held.length = 0;
    object.held.push(1);
    object.map.set(1, 1);
    keys.fields([{ object, fields: ['depth'], hashed: false }]);
    object.depth = 77;
    expect(text(keys)).toBe(text(new StateKeys(1)));
  });

  test('changes that nobody hands over are found', () => {
    const s = { list: [1, 2], deep: { map: new Map([['a', { n: 1 }]]) }, bytes: new Uint8Array(4) };
    const keys = new StateKeys(1);
    keys.identify([s]);
    expect(keys.changed()).toBeNull();
    s.list[1] = 3;
    expect(keys.changed()).toBe('s.list[1]');
    s.list[1] = 2;
    const inner = s.deep.map.get('a');
    if (inner) inner.n = 2;
    expect(keys.changed()).toBe('s.deep.map.a.n');
    if (inner) inner.n = 1;
    s.bytes[2] = 1;
    expect(keys.changed()).toBe('s.bytes.2');
  });
});

// Trap 9: a key of 53 bits meets others by chance after some ten million states.
test('among a million similar states no two keys agree even in half of their bits', () => {
  const keys = new StateKeys(2);
  keys.identify([]);
  const out = new Int32Array(4);
  const n = 1 << 20;
  const halves = [new BigInt64Array(n), new BigInt64Array(n)];
  const words = new Int32Array(10);
  let i = 0;
  for (let v = 0; v < n; v++) {
    // Ten words of small numbers and two threads with small locals: states differ in few, low bits.
    for (let w = 0; w < 6; w++) {
      const value = (v >> (2 * w)) & 3;
      keys.write(w, words[w], value);
      words[w] = value;
    }
    keys.point(0, KIND.load, (v >> 12) & 3, (v >> 14) & 1, 0, 0, [(v >> 15) & 1]);
    keys.point(1, KIND.load, (v >> 16) & 3, (v >> 18) & 1, 0, 0, [(v >> 19) & 1]);
    keys.key(out, 0);
    halves[0][i] = (BigInt(out[0]) << 32n) | BigInt(out[1] >>> 0);
    halves[1][i++] = (BigInt(out[2]) << 32n) | BigInt(out[3] >>> 0);
  }
  for (const half of halves) {
    half.sort();
    let equal = 0;
    for (let k = 1; k < n; k++) if (half[k] === half[k - 1]) equal++;
    expect(equal).toBe(0);
  }
});
