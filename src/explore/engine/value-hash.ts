/**
 * A running 128-bit hash of JavaScript values: four lanes of 32 bits, each with constants of its own, so that values
 * which meet in one lane do not meet in the others. Numbers by what they are, strings by a number for each distinct
 * text; objects with an id (see state-keys.ts) by it, all others by what is in them.
 *
 * Nothing here allocates for numbers, booleans, known strings and known objects.
 */

/** Lanes of a hash. */
export const KEY_LANES = 4;

/** Objects inside objects are looked at so far down; what is deeper makes the state like no other. */
const DEPTH_LIMIT = 4;

/** Absorbed in front of what is not an int32, by a step of its own. */
const TAG = {
  float: 0x1f3d_5b79,
  nan: 0x2e4c_6a88,
  string: 0x3d5b_7997,
  true: 0x4c6a_88a6,
  false: 0x5b79_97b5,
  null: 0x6a88_a6c4,
  undefined: 0x7997_b5d3,
  bigint: 0x08a6_c4e2,
  symbol: 0x17b5_d3f1,
  known: 0x26c4_e201,
  again: 0x35d3_f110,
  array: 0x44e2_021f,
  map: 0x53f1_112e,
  set: 0x6200_203d,
  date: 0x710f_2f4c,
  error: 0x001e_3e5b,
  object: 0x0f2d_4d6a,
  view: 0x1e3c_5c79,
  buffer: 0x2d4b_6b88,
  end: 0x3c5a_7a97,
  opaque: 0x4b69_89a6,
} as const;

const float = new Float64Array(1);
const big = new BigInt64Array(float.buffer);
const halves = new Int32Array(float.buffer);

export class ValueHash {
  // Lanes stay int32, which V8 keeps in the object itself.
  a = 0;
  b = 0;
  c = 0;
  d = 0;
  /** An object without id has been met: what is in it may change without anybody saying so. */
  loose = false;
  /** Values met whose contents cannot be seen; states with such a value equal no other. */
  opaque = 0;
  private readonly ids = new WeakMap<object, number>();
  private nextId = 1;
  private readonly strings = new Map<string | symbol, number>();
  /** Objects without id in the order in which they were met: to tell one object twice from two equal ones. */
  private readonly met: object[] = [];

  /** Begins anew; `salt` tells sequences of different meaning apart. */
  start(salt: number): void {
    this.a = salt ^ 0x243f_6a88;
    this.b = salt ^ 0x85a3_08d3;
    this.c = salt ^ 0x1319_8a2e;
    this.d = salt ^ 0x0370_7344;
  }

  load(lanes: Int32Array, at: number): void {
    this.a = lanes[at];
    this.b = lanes[at + 1];
    this.c = lanes[at + 2];
    this.d = lanes[at + 3];
  }

  save(lanes: Int32Array, at: number): void {
    lanes[at] = this.a;
    lanes[at + 1] = this.b;
    lanes[at + 2] = this.c;
    lanes[at + 3] = this.d;
  }

  /** Absorbs an int32. */
  int(x: number): void {
    const { a, b, c, d } = this;
    let k = Math.imul(x + 0x71f3_2d15, 0x9e37_79b1);
    this.a = Math.imul(((a << 13) | (a >>> 19)) ^ k ^ (k >>> 16), 0x85eb_ca6b);
    k = Math.imul(x + 0x3c6e_f372, 0xcc9e_2d51 | 0);
    this.b = Math.imul(((b << 15) | (b >>> 17)) ^ k ^ (k >>> 15), 0xc2b2_ae35 | 0);
    k = Math.imul(x + 0x1715_609d, 0x1b87_3593);
    this.c = Math.imul(((c << 11) | (c >>> 21)) ^ k ^ (k >>> 17), 0x27d4_eb2f);
    k = Math.imul(x + 0x510e_527f, 0x2c1b_3c6d);
    this.d = Math.imul(((d << 17) | (d >>> 15)) ^ k ^ (k >>> 14), 0x1656_67b1);
  }

  /** Spreads each lane over the others: before sequences are added up by xor. */
  finish(): void {
    let { a, b, c, d } = this;
    a = (a + b + c + d) | 0;
    b = (b + a) | 0;
    c = (c + a) | 0;
    d = (d + a) | 0;
    a = avalanche(a);
    b = avalanche(b);
    c = avalanche(c);
    d = avalanche(d);
    a = (a + b + c + d) | 0;
    this.a = a;
    this.b = (b + a) | 0;
    this.c = (c + a) | 0;
    this.d = (d + a) | 0;
  }

  /** Forgets which objects without id have been met; at the start of each state. */
  forget(): void {
    if (this.met.length > 0) this.met.length = 0;
  }

  /** The id of an object, 0 when it has none. */
  idOf(o: object): number {
    return this.ids.get(o) ?? 0;
  }

  /** Gives an object an id for good: from now on it is hashed by it. */
  identify(o: object): number {
    let id = this.ids.get(o);
    if (id === undefined) {
      id = this.nextId++;
      this.ids.set(o, id);
    }
    return id;
  }

  /** Absorbs a list of values, and its length. */
  values(list: readonly unknown[]): void {
    this.int(list.length);
    for (let i = 0; i < list.length; i++) this.value(list[i]);
  }

  /** Absorbs any value. */
  value(v: unknown, depth = 0): void {
    if (typeof v === 'number') {
      // −0 is not 0.
      if ((v | 0) === v && (v !== 0 || 1 / v > 0)) this.int(v);
      else this.floating(v);
    } else if (typeof v === 'object') {
      if (v === null) this.tag(TAG.null);
      else this.object(v, depth);
    } else this.rare(v);
  }

  private rare(v: unknown): void {
    switch (typeof v) {
      case 'string':
      case 'symbol':
        this.text(v);
        break;
      case 'boolean':
        this.tag(v ? TAG.true : TAG.false);
        break;
      case 'bigint':
        this.bigint(v);
        break;
      case 'function':
        // A closure's variables cannot be seen: each closure is another.
        this.tag(TAG.known);
        this.int(this.identify(v));
        break;
      default:
        this.tag(TAG.undefined);
    }
  }

  private floating(v: number): void {
    if (Number.isNaN(v)) {
      this.tag(TAG.nan);
      return;
    }
    float[0] = v;
    this.tag(TAG.float);
    this.int(halves[0]);
    this.int(halves[1]);
  }

  private bigint(v: bigint): void {
    this.tag(TAG.bigint);
    big[0] = v;
    if (big[0] === v) {
      this.int(halves[0]);
      this.int(halves[1]);
    } else this.text(v.toString(36));
  }

  private text(v: string | symbol): void {
    let n = this.strings.get(v);
    if (n === undefined) {
      n = this.strings.size;
      this.strings.set(v, n);
    }
    this.tag(typeof v === 'string' ? TAG.string : TAG.symbol);
    this.int(n);
  }

  private object(o: object, depth: number): void {
    const id = this.ids.get(o);
    if (id !== undefined) {
      this.tag(TAG.known);
      this.int(id);
      return;
    }
    this.loose = true;
    const before = this.met.indexOf(o);
    if (before >= 0) {
      this.tag(TAG.again);
      this.int(before);
      return;
    }
    this.met.push(o);
    this.contents(o, depth);
  }

  /** What is in an object, without regard to its id. */
  contents(o: object, depth = 0): void {
    if (depth >= DEPTH_LIMIT) this.unlike();
    else if (Array.isArray(o)) {
      this.tag(TAG.array);
      this.int(o.length);
      for (let i = 0; i < o.length; i++) this.value(o[i], depth + 1);
    } else if (ArrayBuffer.isView(o)) this.view(o, depth);
    else if (o instanceof ArrayBuffer) this.bytes(o, 0, o.byteLength);
    else if (o instanceof SharedArrayBuffer) {
      this.tag(TAG.known);
      this.int(this.identify(o));
    } else if (o instanceof Map) {
      this.tag(TAG.map);
      this.int(o.size);
      for (const [key, value] of o) {
        this.value(key, depth + 1);
        this.value(value, depth + 1);
      }
    } else if (o instanceof Set) {
      this.tag(TAG.set);
      this.int(o.size);
      for (const value of o) this.value(value, depth + 1);
    } else if (o instanceof Date) {
      this.tag(TAG.date);
      this.value(o.getTime());
    } else this.fields(o, depth);
  }

  private fields(o: object, depth: number): void {
    const kind = Object.prototype.toString.call(o);
    if (o instanceof Error) {
      this.tag(TAG.error);
      this.text(o.name);
      this.text(o.message);
    } else if (kind !== '[object Object]') {
      // An iterator, a generator, a promise: where it stands is in slots that nobody can read.
      this.unlike();
      return;
    } else this.tag(TAG.object);
    const prototype = Object.getPrototypeOf(o) as object | null;
    this.int(prototype === null ? 0 : this.identify(prototype));
    for (const key in o) {
      this.text(key);
      this.value((o as Record<string, unknown>)[key], depth + 1);
    }
    this.tag(TAG.end);
  }

  /** A typed array or DataView: which part of which buffer; for private memory without id, what is in it. */
  private view(v: ArrayBufferView, depth: number): void {
    this.tag(TAG.view);
    this.int(this.identify(Object.getPrototypeOf(v) as object));
    const { buffer } = v;
    if (buffer instanceof ArrayBuffer && this.idOf(buffer) === 0) {
      this.bytes(buffer, v.byteOffset, v.byteLength);
      return;
    }
    this.value(buffer, depth + 1);
    this.value(v.byteOffset);
    this.value(v.byteLength);
  }

  private bytes(buffer: ArrayBuffer, from: number, length: number): void {
    this.tag(TAG.buffer);
    this.value(length);
    const bytes = new DataView(buffer, from, length);
    let at = 0;
    for (; at + 4 <= length; at += 4) this.int(bytes.getInt32(at));
    for (; at < length; at++) this.int(bytes.getInt8(at));
  }

  /** Absorbs something that never comes again, so that two states with it are never taken for one. */
  private unlike(): void {
    this.tag(TAG.opaque);
    this.int(++this.opaque | 0);
  }

  private tag(t: number): void {
    this.a = Math.imul(this.a + t, 0x7feb_352d) ^ 0x5555_5555;
    this.b = Math.imul(this.b ^ t, 0x846c_a68b | 0) + 0x3333_3333;
    this.c = Math.imul(this.c + t, 0x45d9_f3b3) ^ 0x0f0f_0f0f;
    this.d = Math.imul(this.d ^ t, 0x2c92_77b5) + 0x00ff_00ff;
    this.b |= 0;
    this.d |= 0;
  }
}

/** Each bit of the result depends on each bit of `x`. */
export function avalanche(x: number): number {
  let h = x ^ (x >>> 16);
  h = Math.imul(h, 0x7feb_352d);
  h ^= h >>> 15;
  h = Math.imul(h, 0x846c_a68b | 0);
  return h ^ (h >>> 16);
}
