import { describe, expect, it } from 'vitest';
import { instantiate } from './instantiate.ts';
import { buildOf, drive, MAIN, PassHooks, refusalsOf } from './test-kit.ts';

const codeOf = (source: string, options: Parameters<typeof buildOf>[1] = {}): string =>
  buildOf(source, options).modules.at(-1)?.code ?? '';

const words = (n = 8): Int32Array => new Int32Array(new SharedArrayBuffer(n * 4));

describe('forms', () => {
  it('suspend in two halves', () => {
    const code = codeOf('export const f = (a: Int32Array, i: number) => Atomics.wait(a, i, 1);');
    expect(code).toContain(
      '($x.wait(a, i, 1, undefined, 0) && (yield), $x.doWait() && (yield), $x.waited())',
    );
    expect(codeOf('export const f = (a: Int32Array) => Atomics.notify(a, 0);')).toContain(
      '$x.notify(a, 0, undefined, 0)',
    );
  });

  it('of calls that do not reach Atomics stay as they are', () => {
    const code = codeOf(
      'const g = (n: number): number => n + 1;\nexport const f = (a: Int32Array) => g(Atomics.load(a, 0));',
    );
    expect(code).toContain('return g(($x.load(');
    expect(code).not.toContain('function* (n');
  });

  it('of plain accesses do not suspend, unless they are points', () => {
    const source =
      'export const f = (a: Int32Array) => a[0] + Atomics.load(a, 1);\nexport const g = (a: Int32Array) => { a[1] = a[0]; };';
    expect(codeOf(source)).toContain('$x.r(a, 0, 0) + (');
    expect(codeOf(source)).toContain('(a ) => { $x.w(a, 1, $x.r(a, 0,');
    const points = codeOf(source, { plain: 'all' });
    expect(points).toContain('($x.pr(a, 0, 0) && (yield), $x.doR())');
    expect(points).toMatch(/function\* \(a \) +\{ \(\$x.pw\(a, 1, \(\$x.pr\(a, 0/);
  });

  it('of plain accesses that cannot be points are counted', () => {
    const source = `class C { x: number; constructor(a: Int32Array) { this.x = a[0]; } get y() { return this.x; } }
const get = (a: Int32Array, i: number) => a[i];
export const f = (a: Int32Array) => [new C(a).y, [1, 2].map((i) => get(a, i)), a[3]];`;
    const build = buildOf(source, { plain: 'dirty' });
    expect(build.plainNotPoints.map((s) => build.sites[s].line)).toEqual([1, 2]);
    expect(build.modules[0].code).toContain('($x.pr(a, 3');
    expect(refusalsOf(source, { plain: 'dirty' })).toEqual([]);
  });

  it('of clocks and random numbers are the run’s', async () => {
    const source = `import { performance as perf } from 'node:perf_hooks';
export const run = () => [performance.now(), Date.now(), process.hrtime.bigint(), Math.random(), new Date().getTime(), [1].map(Math.random)];
export const own = (performance: { now(): number }) => performance.now();`;
    const exports = (await instantiate(buildOf(source), new PassHooks())).exports(MAIN);
    expect(drive(exports['run'])).toEqual([111, 222, 333n, 0.25, 222, [0.25]]);
    expect(drive(exports['own'], { now: () => 9 })).toBe(9);
  });

  it('of pauses: Atomics.pause, also cast, and functions marked so', async () => {
    const source = `type P = typeof Atomics & { pause(n?: number): void };
/** @explore opaque */
const once: () => void = typeof (Atomics as P).pause === 'function' ? (Atomics as P).pause.bind(Atomics) : () => undefined;
/**
 * Spins.
 * @explore pause
 */
function spin(n: number): void {
  for (let i = 0; i < n; i++) once();
}
/** @explore pause */
const spin2 = (n: number): void => { while (n > 0) once(); };
export function run() { (Atomics as P).pause(); spin(3); spin2(1); return 'done'; }`;
    const build = buildOf(source);
    const hooks = new PassHooks();
    expect(drive((await instantiate(build, hooks)).exports(MAIN)['run'])).toBe('done');
    expect(hooks.log.map((l) => l.split(' ')[0])).toEqual(['pause', 'pause', 'pause']);
    expect(build.modules[0].code.split('\n')).toHaveLength(source.split('\n').length);
  });

  it('of classes register what changes after construction', async () => {
    const source = `class A { x = 1; y = 2; z = 3; list: number[] = []; seen = new Map<number, number>(); #p = 0; q = 0; mem = new Int32Array(2);
  constructor() { this.x = 5; } set(): void { this.y++; this.list.push(1); this.#p = 1; this.mem[0] = 1; } keep() { return [this.z, this.seen.size]; } }
class B extends A { w = 1; }
/** Never hashed. @explore unhashed */
class R { s = 1; next() { return (this.s += 1); } }
class E extends Error { code = 1; }
/** @explore opaque */
class O { n = 0; go() { this.n++; } }
export function run() { const b = new B(); b.w = 2; const { v } = { v: new R() }; [b.q] = [7]; b.set(); v.next(); b.seen.set(1, 2); new O().go(); void new E().code; return b; }`;
    const hooks = new PassHooks();
    drive((await instantiate(buildOf(source), hooks)).exports(MAIN)['run']);
    expect(
      hooks.registered.map(({ object, fields, hashed }) => [object.constructor.name, fields, hashed]),
    ).toEqual([
      ['B', ['$A_p', 'list', 'q', 'seen', 'y'], true],
      ['B', ['w'], true],
      ['R', ['s'], false],
    ]);
  });

  it('of the controlled dialect are plain calls', async () => {
    const source =
      'export class C { x: number; constructor(a: Int32Array) { this.x = Atomics.load(a, 0) + a[1]; } }\nexport const run = (a: Int32Array) => { Atomics.wait(a, 0, 1); a[2] = Atomics.add(a, 3, 1); [1].forEach(() => Atomics.notify(a, 0)); return new C(a).x; };';
    const code = codeOf(source, { dialect: 'controlled' });
    expect(code).toContain('$x.load(a, 0, 0) + a[1]');
    expect(code).toContain('$x.wait(a, 0, 1, undefined, ');
    expect(code).toContain('a[2] = $x.rmw(0, a, 3, 1, ');
    expect(code).not.toMatch(/yield|function\*/);
    expect(codeOf(source, { dialect: 'controlled', plain: 'all' })).toContain(
      '$x.w(a, 2, $x.rmw(0, a, 3, 1, ',
    );
  });

  it('of calls of unknown type are watched', async () => {
    const source =
      'export const f = (a: Int32Array) => Atomics.load(a, 0);\nexport const run = (x: any) =>\n  x.go();';
    const exports = (await instantiate(buildOf(source), new PassHooks())).exports(MAIN);
    const a = words();
    expect(() =>
      (exports['run'] as (x: unknown) => unknown)({ go: () => (exports['f'] as (a: unknown) => unknown)(a) }),
    ).toThrow('/virtual/main.ts:3:3: this calls a function that may block');
    expect(drive(exports['run'], { go: () => 4 })).toBe(4);
  });
});

describe('sites', () => {
  it('are places in the source', () => {
    const source =
      'export class Lock {\n  take(m: Int32Array): void {\n    while (Atomics.compareExchange(m,\n      0, 0, 1) !== 0) { m[1]++; }\n  }\n}';
    const { sites } = buildOf(source);
    expect(sites[0]).toEqual({
      file: 'main.ts',
      line: 3,
      column: 12,
      text: 'Atomics.compareExchange(m, 0, 0, 1)',
      fn: 'Lock.take',
    });
    expect(sites.map((s) => `${s.line}:${s.column} ${s.text}`).slice(1)).toEqual([
      '4:25 m[1]',
      '4:25 m[1]++',
    ]);
  });

  it('are numbered through all modules', async () => {
    const files = {
      'main.ts':
        "import { g } from './b.ts';\nexport const run = (m: Int32Array) => g(m) + Atomics.load(m, 1);",
      'b.ts': 'export const g = (m: Int32Array) => Atomics.load(m, 0);',
    };
    const build = buildOf(files);
    const hooks = new PassHooks();
    drive((await instantiate(build, hooks)).exports(MAIN)['run'], words());
    expect(hooks.log).toEqual(['load 0', 'load 1']);
    expect(build.sites.map((s) => s.file)).toEqual(['b.ts', 'main.ts']);
  });
});

describe('modules', () => {
  it('import and export in all ways', async () => {
    const files = {
      'main.ts': `import d, { a as b, type T, C } from './b.ts';
import * as ns from './b.ts';
import { readFileSync as read } from 'node:fs';
import type { X } from './gone.ts';
import './side.ts';
export * from './b.ts';
export { a as again, default as dd } from './b.ts';
export * as all from './b.ts';
export default function () { return 'own'; }
const own: T = 1; export { own as mine, type T };
export interface I { x: X }
export type { C as CC };
export const { p, q: [r] } = { p: 1, q: [2] };
export const url = import.meta.url;
export const run = (m: Int32Array) => [d(m), b, new C().n, ns.a, typeof read, own];`,
      'b.ts': `export default (m: Int32Array): number => Atomics.load(m, 0);
export type T = number; export const a = 'a'; export class C { n = 3; } export const own = 'hidden';`,
      'gone.ts': 'export interface X { y: number }',
      'side.ts': 'export {};',
    };
    const exports = (await instantiate(buildOf(files), new PassHooks())).exports(MAIN);
    expect(drive(exports['run'], words())).toEqual([0, 'a', 3, 'a', 'function', 1]);
    expect(Object.keys(exports).toSorted()).toEqual([
      'C',
      'a',
      'again',
      'all',
      'dd',
      'default',
      'mine',
      'own',
      'p',
      'r',
      'run',
      'url',
    ]);
    expect(exports['mine']).toBe(1);
    expect((exports['default'] as () => string)()).toBe('own');
    expect(exports['url']).toBe('file:///virtual/main.ts');
    expect(exports['again']).toBe('a');
  });

  it('in cycles see each other’s names', async () => {
    const files = {
      'main.ts':
        "import { isOdd, early } from './b.ts';\nexport const ZERO = 0;\nexport function isEven(n: number): boolean { return n === ZERO || isOdd(n - 1); }\nexport const run = (m: Int32Array) => [isEven(4), isOdd(4), early, Atomics.load(m, 0)];",
      'b.ts':
        "import { isEven, ZERO } from './main.ts';\nexport const early = typeof isEven;\nexport const isOdd = (n: number): boolean => n !== ZERO && isEven(n - 1);",
    };
    const exports = (await instantiate(buildOf(files), new PassHooks())).exports(MAIN);
    expect(drive(exports['run'], words())).toEqual([true, false, 'function', 0]);
  });

  it('are new in each instance, and take externals from the caller', async () => {
    const build = buildOf("import { x } from 'latchlab/explore';\nexport const o = { n: x };");
    const one = await instantiate(build, new PassHooks(), { 'latchlab/explore': { x: 7 } });
    const two = await instantiate(build, new PassHooks(), { 'latchlab/explore': { x: 8 } });
    expect([one.exports(MAIN)['o'], two.exports(MAIN)['o']]).toEqual([{ n: 7 }, { n: 8 }]);
    expect(() => one.exports('/x.ts')).toThrow('the build has no module /x.ts');
  });

  it('throw with the lines of the source', async () => {
    const source =
      'interface A {\n  b: number;\n}\nexport function run(m: Int32Array): void {\n  const x: A = {\n    b: Atomics.load(\n      m, 0) };\n  throw new Error(`${x.b}`);\n}';
    const { run } = (await instantiate(buildOf(source), new PassHooks())).exports(MAIN);
    let stack = '';
    try {
      drive(run, words());
    } catch (e) {
      stack = (e as Error).stack ?? '';
    }
    expect(stack).toMatch(/\/virtual\/main\.ts:8:/);
  });
});

describe('the stateful build', () => {
  /** Locals handed over at each point of `run`. */
  function topsOf(body: string): string[] {
    const code = codeOf(`export function run(m: Int32Array, p = 1, q = 2) {\n${body}\n}`, { state: true });
    return [...code.matchAll(/\$x\.top\(\[([^\]]*)\]\)/g)].map((m) => m[1].split(', ').toSorted().join(' '));
  }

  it('hands over what is used later, and nothing else', () => {
    expect(
      topsOf('Atomics.load(m, 0); const x = Atomics.load(m, p); let y = Atomics.load(m, x); return y;'),
    ).toEqual(['m p', 'm', '']);
    expect(topsOf('let i = 0; while (i < 3) { const k = Atomics.load(m, i); i += k; }')).toEqual(['i m']);
    expect(topsOf('for (let i = 0; i < q; i++) { const a = i; Atomics.load(m, a); }')).toEqual(['i m q']);
    expect(
      topsOf('for (;;) { const w = Atomics.load(m, 0); if (w === p) break; Atomics.store(m, 0, w); }'),
    ).toEqual(['m p', 'm p']);
    expect(topsOf('const f = () => p; Atomics.load(m, 0); return f;')).toEqual(['p']);
    expect(topsOf('switch (q) { case 1: const a = 1; break; case 2: Atomics.load(m, 0); a; }')).toEqual(['']);
    expect(
      topsOf('const { a = Atomics.load(m, 0), b } = { b: p } as { a?: number; b: number }; return [a, b];'),
    ).toEqual(['$1 p']);
  });

  it('keeps the values of half-evaluated expressions', () => {
    expect(topsOf('return m[0] + Atomics.load(m, 1);')).toEqual(['$1']);
    expect(topsOf('return [m[0], p, q++, Atomics.load(m, 1), 7, Atomics.load(m, 2)];')).toEqual([
      '$1 $2 m p',
      '$1 $2 $3 p',
    ]);
    expect(topsOf('Atomics.store(m, 0, Atomics.load(m, 0) + 1);')).toEqual(['m', '']);
    expect(topsOf('m[0] += Atomics.load(m, 1);')).toEqual(['$1 m']);
    expect(topsOf('return `${m[0]}${Atomics.load(m, 1)}`;')).toEqual(['$1']);
    expect(topsOf('return { a: m[0], p, b: Atomics.load(m, 1) };')).toEqual(['$1 p']);
    expect(topsOf('return Math.max(m[2], Atomics.load(m, 1));')).toEqual(['$1']);
    expect(topsOf('switch (m[0]) { case Atomics.load(m, 1): return p; case q: }')).toEqual(['$1 p q']);
    expect(
      topsOf(
        'const o = m[0] === 0 ? { f: (n: number) => Atomics.load(m, n) } : undefined; return o?.f(Atomics.load(m, p));',
      ),
    ).toEqual(['m', '$1 m']);
    expect(topsOf('return m[0] === 0 && Atomics.load(m, 1);')).toEqual(['']);
  });

  it('keeps where a loop over a list is, and how a try block ended', () => {
    expect(topsOf('for (const x of [1, 1]) Atomics.load(m, x);')).toEqual(['$1 $2 m']);
    expect(topsOf('try { return m[0]; } finally { Atomics.load(m, 0); }')).toEqual(['$1 $2 $3']);
  });

  it('leaves the stack of calls as deep as it was when an error passes', async () => {
    const source = `function deep(m: Int32Array, n: number): number { if (n === 0) { Atomics.load(m, 0); throw new Error('x'); } return deep(m, n - 1); }
export function run(m: Int32Array): string { try { deep(m, 5); } catch { return 'caught'; } return ''; }
export function seen(m: Int32Array): string { const r = run(m); Atomics.load(m, 0); return r; }`;
    const hooks = new PassHooks();
    const { seen } = (await instantiate(buildOf(source, { state: true }), hooks)).exports(MAIN);
    expect(drive(seen, words())).toBe('caught');
    expect(hooks.frames).toBe(0);
  });
});
