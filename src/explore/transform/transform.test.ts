import { describe, expect, it } from 'vitest';
import type { BuildOptions } from './build.ts';
import { instantiate } from './instantiate.ts';
import { buildOf, drive, MAIN, PassHooks, plainExports } from './test-kit.ts';

const VARIANTS: readonly Partial<BuildOptions>[] = [
  {},
  { plain: 'all' },
  { state: true },
  { plain: 'dirty', state: true },
];

/** Runs `run(mem)` of a program as it is and transformed in all ways: results and memory must be the same. */
async function same(source: string): Promise<void> {
  const words = (): Int32Array => {
    const mem = new Int32Array(new SharedArrayBuffer(64));
    mem.forEach((_, i) => (mem[i] = i * 3));
    return mem;
  };
  const expectedMem = words();
  const attempt = (fn: unknown, mem: Int32Array): unknown => {
    try {
      return drive(fn, mem);
    } catch (e) {
      return `threw ${String(e)}`;
    }
  };
  const expected = attempt(plainExports(source)['run'], expectedMem);
  for (const options of VARIANTS) {
    const build = buildOf(source, options);
    expect(build.modules.at(-1)?.code.split('\n').length, 'lines').toBe(source.split('\n').length);
    for (const suspend of [false, true]) {
      const hooks = new PassHooks(suspend);
      const instance = await instantiate(build, hooks);
      const mem = words();
      const got = attempt(instance.exports(MAIN)['run'], mem);
      const label = `${JSON.stringify(options)} of ${source}`;
      expect(got, label).toEqual(expected);
      expect([...mem], label).toEqual([...expectedMem]);
      expect(hooks.frames, label).toBe(0);
    }
  }
}

describe('transformed code does what the source does', () => {
  const programs: Readonly<Record<string, string>> = {
    'all operations': `export function run(m: Int32Array) {
  return [Atomics.load(m, 1), Atomics.store(m, 2, 7), Atomics.add(m, 3, 1), Atomics.sub(m, 3, 2), Atomics.and(m, 4, 5),
    Atomics.or(m, 4, 8), Atomics.xor(m, 4, 3), Atomics.exchange(m, 5, 9), Atomics.compareExchange(m, 6, 18, 1),
    Atomics.notify(m, 0), Atomics.notify(m, 0, 1), Atomics.wait(m, 0, 5), Atomics.wait(m, 0, 0, 1), Atomics.isLockFree(4)];
}`,
    'arguments over lines, a last comma, comments': `export function run(m: Int32Array) {
  const x = Atomics.compareExchange(
    m, // the array
    2, /* the index */
    6,
    9,
  );
  const y = Atomics
    .load(m, 2);
  return [x, y, new Error('x').message];
}`,
    'nested operations': `export function run(m: Int32Array) {
  return Atomics.store(m, Atomics.load(m, 1), Atomics.load(m, 2) + Atomics.add(m, Atomics.load(m, 0), 4)) + m[3];
}`,
    'compound assignments': `export function run(m: Int32Array) {
  let i = 0;
  const log: unknown[] = [];
  const at = (n: number): number => { log.push(n); return Atomics.load(m, 0) + n; };
  m[at(1)] += at(2); m[at(3)] -= 1; m[4] *= at(2); m[5] /= 2; m[6] %= 4; m[7] **= 2; m[8] <<= 1; m[9] >>= 1;
  m[10] >>>= 1; m[11] &= 7; m[12] |= 1; m[13] ^= 5; m[i++] = i; m[i++] += i; m[++i] = m[i] = 8;
  log.push(m[1] += 4, (m[2] = 3, m[2]), m[i], i);
  return log;
}`,
    steps: `export function run(m: Int32Array) {
  let i = 0;
  const a = m[i++]++; const b = ++m[i++]; const c = m[i]--; const d = --m[i + 1];
  m[5]++; for (let k = 0; k < 3; m[6]++) k++;
  return [a, b, c, d, i, m[m[0]++], Atomics.load(m, m[0]++)];
}`,
    'logical assignments': `export function run(m: Int32Array) {
  const log: number[] = [];
  const v = (x: number): number => { log.push(x); return Atomics.load(m, x); };
  m[0] ||= v(2); m[1] ||= v(3); m[2] &&= v(4); m[3] ??= v(5);
  return log;
}`,
    bigints: `export function run(m: Int32Array) {
  const b = new BigInt64Array(m.buffer);
  b[0]++; const x = b[1]--; b[2] += 5n; Atomics.add(b, 3, 2n);
  return [b[0], x, ++b[2], Atomics.load(b, 3)].map(String);
}`,
    'all array kinds, any type of place': `type Box<A> = { readonly a: A };
export function run(m: Int32Array) {
  const u8 = new Uint8Array(m.buffer, 4, 8); const f = new Float64Array(2); const box: Box<Uint16Array> = { a: new Uint16Array(m.buffer) };
  u8[0] = 300; f[1] = 0.5; box.a[0]++; const e: Int32Array | Uint8Array = m[0] > 5 ? m : u8;
  const o: Uint8Array | undefined = m[1] > 0 ? u8 : undefined;
  return [u8[0], f[1], box['a'][0], e[0], o?.[0], o![0], (m as Int32Array)[1], Atomics.load(u8, 0), (u8[1] = 513)];
}`,
    'methods, this, inheritance': `abstract class Base {
  protected n = 1;
  readonly m: Int32Array;
  constructor(m: Int32Array) { this.m = m; }
  abstract step(k: number): number;
  twice(k: number): number { return this.step(k) + this.step(k + 1); }
  static of(m: Int32Array): Base { return new Derived(m); }
}
class Derived extends Base {
  override step(k: number): number { this.n++; return Atomics.add(this.m, k, this.n); }
  override twice(k: number): number { return super.twice(k) + this.n; }
}
class Quiet extends Base {
  step(k: number): number { return k; }
}
export function run(m: Int32Array) { return [Base.of(m).twice(2), new Quiet(m).twice(3)]; }`,
    'arrows with this, nested, as values': `class C {
  m: Int32Array; k = 2;
  constructor(m: Int32Array) { this.m = m; }
  add = (n: number): number => Atomics.add(this.m, this.k, n);
  all(): number[] { const one = (x: number) => { const two = () => Atomics.load(this.m, this.k) + x; return two(); }; return [one(1), this.add(3), one(2)]; }
}
export function run(m: Int32Array) { return new C(m).all(); }`,
    'functions as arguments': `function withLock<T>(m: Int32Array, f: (n: number) => T): T { const n = Atomics.add(m, 0, 1); try { return f(n); } finally { Atomics.sub(m, 0, 1); } }
export function run(m: Int32Array) {
  let sum = 0;
  const a = withLock(m, n => n + Atomics.load(m, 1));
  const b = withLock(m, (n) => { sum += n; return sum + a; });
  withLock(m, function (n) { sum += n + Atomics.load(m, 2); });
  return [a, b, sum];
}`,
    'interfaces and object literals': `interface Clock { now(): number; readonly tick: (n: number) => void }
class Real implements Clock { m: Int32Array; constructor(m: Int32Array) { this.m = m; } now() { return Atomics.load(this.m, 1); } tick = (n: number): void => { Atomics.add(this.m, 1, n); }; }
const fake = (): Clock => ({ now: () => 5, tick() {} });
function use(c: Clock): number { c.tick(4); return c.now(); }
export function run(m: Int32Array) { return [use(new Real(m)), use(fake()), use({ now() { return 1; }, tick: () => undefined })]; }`,
    'tables of functions, conditions, structure': `type Op = (m: Int32Array) => number;
const load: Op = (m) => Atomics.load(m, 1);
const zero = (_m: Int32Array) => 0;
function one(_m: Int32Array): number { return 1; }
const ops: readonly Op[] = [load, one];
const named: Record<string, Op> = { zero, load };
const pick = (b: boolean) => (b ? zero : load);
class Holder { readonly op: Op; constructor(op: Op) { this.op = op; } go(m: Int32Array) { return this.op(m); } }
export function run(m: Int32Array) {
  const local = m[0] === 0 ? one : load;
  const map = new Map<string, Op>([['x', load], ['y', zero]]);
  let later: Op | undefined; later = zero; if (m[1] > 0) later = load;
  return [...ops.map((_, i) => i), ops[0](m), ops[1](m), named['zero'](m), named['load'](m), pick(true)(m), pick(false)(m), local(m), new Holder(zero).go(m), new Holder(load).go(m), map.get('x')!(m), map.get('y')?.(m), later(m), load.call(undefined, m), load.apply(undefined, [m])];
}`,
    'try, catch, finally': `function f(m: Int32Array, how: number): number {
  for (let i = 0; i < 3; i++) {
    try {
      if (how === 0) return Atomics.add(m, 0, 1);
      if (how === 1) throw new Error('x' + Atomics.load(m, 0));
      if (how === 2) break;
      if (how === 3) continue;
      Atomics.add(m, 1, 1);
    } catch (e) {
      Atomics.add(m, 2, 1);
      if (m[2] > 20) throw e;
    } finally {
      Atomics.add(m, 3, 1);
    }
  }
  try { g(m); } catch { Atomics.add(m, 4, 1); }
  try { try { return Atomics.load(m, 3); } finally { Atomics.add(m, 5, 1); } } finally { g2(m); }
}
function g(m: Int32Array): void { Atomics.add(m, 6, 1); throw new Error('g'); }
function g2(m: Int32Array): void { try { g(m); } catch (e) { Atomics.add(m, 7, 1); } }
export function run(m: Int32Array) { return [0, 1, 2, 3, 4].map(x => x).reduce<unknown[]>((a, x) => [...a, x], []).concat([f(m, 0), f(m, 1), f(m, 2), f(m, 3), f(m, 4)]); }`,
    'a thrown error passes finally blocks that suspend': `export function run(m: Int32Array) {
  try { Atomics.add(m, 0, 1); throw new TypeError('no ' + m[0]); } finally { Atomics.add(m, 1, 1); }
}`,
    'optional calls': `interface Thing { go?(n: number): number; m: Int32Array }
export function run(m: Int32Array) {
  const a: Thing = { m, go(n) { return Atomics.load(this.m, n); } }; const b: Thing = { m }; const c = undefined as Thing | undefined;
  const f = m[0] === 0 ? (n: number) => Atomics.load(m, n) : undefined;
  return [a.go?.(1), b.go?.(1), c?.go?.(1), f?.(2), (c as Thing | undefined)?.m[0], a?.m[1], a.go!(2)];
}`,
    'loops, labels, switch': `export function run(m: Int32Array) {
  const out: number[] = [];
  outer: for (let i = 0; i < 4; i++) {
    for (const x of [1, 2, 3]) { if (Atomics.load(m, x) === 6) continue outer; if (i === 3) break outer; out.push(x); }
  }
  switch (Atomics.load(m, 1)) { case 2: { out.push(1); break; } case 3: { const y = Atomics.load(m, 2); out.push(y); } default: out.push(3); }
  let k = 0; do { k += Atomics.load(m, 1); } while (k < 10); while (Atomics.sub(m, 5, 1) > 10) out.push(k);
  for (const key in { a: 1, b: 2 }) out.push(key.length + Atomics.load(m, 0));
  return out;
}`,
    'bulk, views, iteration, spread': `export function run(m: Int32Array) {
  m.fill(9, 1, 3); m.copyWithin(4, 1, 3); m.set([5, 6], 8); const s = m.subarray(2, 5); s[0]--; const d = new DataView(m.buffer); d.setInt16(40, -3); d.setFloat32(44, 1.5, true);
  let sum = 0; for (const x of m) sum += x;
  return [sum, [...s], Math.max(...m), s.indexOf(9), d.getInt16(40), d.getFloat32(44, true), m.slice(0, 3).join(), Array.from(m, x => x + 1), m.map(x => x * 2)[1], m.length];
}`,
    'destructuring, defaults, templates, spread calls': `function f(m: Int32Array, { a, b = 2 }: { a: number; b?: number }, ...rest: number[]): string { return \`\${Atomics.load(m, a)}-\${b}-\${m[1]}-\${rest.length}\`; }
function g(m: Int32Array, k = m[1], o = { k }): number { return Atomics.load(m, k) + o.k; }
export function run(m: Int32Array) {
  const { a, ...others } = { a: Atomics.load(m, 1), b: 2, c: m[2] }; const [p, q = Atomics.load(m, 3)] = [a]; let x = 0, y = 1; [x, y] = [y, Atomics.load(m, x)];
  const key = 'z'; const o = { a, [key]: Atomics.load(m, 4), ...others, m() { return Atomics.load(m, 1); } };
  return [f(m, { a: 1 }, ...[1, 2]), f(m, { a, b: m[2] }), g(m), g(m, 2), p, q, x, y, o.z, o.c, o.m(), typeof f, void m[0]];
}`,
    'closures that count': `function make(m: Int32Array) { let n = 10; const inc = () => { n += Atomics.load(m, 1); return n; }; return { inc, get: () => n, reset() { n = 0; } }; }
export function run(m: Int32Array) {
  const a = make(m); const b = make(m); let total = 0; let only: number | undefined;
  [1, 2, 3].forEach((x) => { total += x; });
  a.inc(); a.inc(); b.reset(); only = a.get(); const set = (v: number): void => { only = v; total++; }; set(b.get() + Atomics.load(m, 2));
  const short = { total, only };
  return [a.get(), b.inc(), total, only, short];
}`,
    'parameters that closures change': `export function run(m: Int32Array, count = 3) { const dec = () => { count--; return Atomics.load(m, 0); }; dec(); dec(); return [count, m[count]]; }`,
    'private members': `class P { #n = 1; static #made = 0; #m: Int32Array; constructor(m: Int32Array) { this.#m = m; P.#made++; } #step(): void { this.#n += Atomics.load(this.#m, 1); } go(): number { this.#step(); return this.#n; } static is(o: object): boolean { return #n in o; } static get made() { return P.#made; } }
export function run(m: Int32Array) { const p = new P(m); return [p.go(), p.go(), P.is(p), P.is({}), P.made]; }`,
    'types of every sort': `type A<T> = T extends string ? 1 : 2; interface I { a: number } declare const missing: number;
abstract class K<T extends object = object> implements Iterable<number> { declare x: T; private readonly y?: number; protected z!: string; [k: string]: unknown; constructor(readonly_: number) { this.y = readonly_; } *[Symbol.iterator](): Generator<number> { yield this.y!; } abstract q(): void; get w(): number { return this.y ?? 0; } }
class L extends K<{ a: 1 }> { q(): void {} }
function over(a: number): number; function over(a: string): string; function over(a: number | string): number | string { return a; }
function isI(x: unknown): x is I { return typeof x === 'object'; }
const arrow = async <T,>(x: T): Promise<T> => x; const id = <const T extends readonly unknown[]>(x: T): T => x;
const long = (
  a: number,
): {
  r: number;
} => ({ r: a });
export function run(this: void, m: Int32Array) { const v = m[1] as unknown as number; const w = <number>m[2]; const s = { a: v } satisfies I; let u!: number; u = over(3); void arrow; return [v, w, s, u, isI(s), id([1, 2] as const), new Map<string, number>([['a', 1]]).size, [...new L(4)], new L(2).w, long(2).r, Atomics.load(m, 1)!] as const; }
`,
    'no semicolons': `type T = number
let_: {
  const a = 1 as T
  const b = [a]
}
export const run = (m: Int32Array) => {
  const x = Atomics.load(m, 1) as T
  ;[1].forEach(() => undefined)
  const y = x as number
  return y
}`,
    'evaluation order': `export function run(m: Int32Array) {
  const log: string[] = []; const t = <X>(s: string, x: X): X => { log.push(s); return x; }; const l = (i: number): number => { log.push('l' + i); return Atomics.load(m, i); };
  const o = { get p() { log.push('get p'); return { q: (a: number, b: number) => a + b + Atomics.load(m, 1) }; } };
  const r = [o.p.q(l(1), t('b', 2)), t('x', 1) + l(2) * t('y', 3) - l(3), [l(1), t('z', 0), l(0)], { a: t('a', 1), b: l(1), c: t('c', 2) }, t('i', 0) || l(4), t('j', 1) && l(5), \`\${t('k', 1)}\${l(1)}\`];
  m[t('idx', 9) + l(0)] = t('v', 4) + l(1); m[t('n', 8)] += l(2); m[l(0)]++;
  const obj: Record<string, number> = {}; obj[t('key', 'k')] = l(3); obj[t('key2', 'k')] += l(1); let acc = 1; acc += l(2);
  return [r, log, obj, acc, (t('comma', 1), l(1)), t('cond', true) ? l(1) : l(2)];
}`,
    'recursion keeps temporaries apart': `function f(m: Int32Array, n: number): number { if (n === 0) return Atomics.load(m, 1); m[n + 0] += f(m, n - 1); return m[n]++ + f(m, n - 1); }
export function run(m: Int32Array) { return f(m, 4); }`,
    'generics and generators that do not block': `function* count(n: number): Generator<number> { for (let i = 0; i < n; i++) yield i; }
function apply<A extends unknown[], R>(f: (...a: A) => R, ...a: A): R { return f(...a); }
export function run(m: Int32Array) { let s = 0; for (const i of count(3)) s += Atomics.load(m, i); return [s, apply((x: number, y: string) => y + Atomics.load(m, x), 2, 'v')]; }`,
  };
  it.each(Object.entries(programs))('%s', (_name, source) => same(source));
});
