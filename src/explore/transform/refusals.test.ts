import { describe, expect, it } from 'vitest';
import { instantiate } from './instantiate.ts';
import { buildOf, drive, MAIN, PassHooks, refusalsOf } from './test-kit.ts';

const M = 'export const f = (m: Int32Array): number => Atomics.load(m, 0);\n';

/** The one refusal of a program whose first line is a function `f` that may block. */
function refusal(source: string): string {
  const all = refusalsOf(M + source);
  expect(all, source).toHaveLength(1);
  return all[0];
}

describe('what cannot be explored is refused where it stands', () => {
  it('code that cannot be suspended', () => {
    expect(refusal('export class C { constructor(m: Int32Array) { f(m); } }')).toBe(
      '2:47 f may block, and is called in a constructor: nothing can suspend it there',
    );
    expect(
      refusal('export class C {\n  m!: Int32Array;\n  get x() { return Atomics.load(this.m, 0); }\n}'),
    ).toBe('4:20 an Atomics operation in a getter or setter: nothing can suspend it there');
    expect(refusal('export class C { m!: Int32Array; set x(v: number) { f(this.m); } }')).toMatch(
      /^2:53 .*getter or/,
    );
    expect(refusal('export async function g(m: Int32Array) { await f(m); }')).toMatch(
      /^2:48 .*async function/,
    );
    expect(refusal('export function* g(m: Int32Array) { yield f(m); }')).toMatch(/^2:43 .*a generator/);
    expect(refusal('declare const m: Int32Array;\nexport class C { x = f(m); }')).toMatch(
      /^3:22 .*class field/,
    );
    expect(refusal('export function g(m: Int32Array, x = f(m)) { return x; }')).toMatch(
      /^2:38 .*parameter init/,
    );
    expect(refusal('declare const m: Int32Array;\nexport const x = f(m);')).toMatch(/^3:18 .*top-level code/);
    expect(refusal('export class C { static m: Int32Array; static { f(C.m); } }')).toMatch(
      /^2:49 .*class field/,
    );
    expect(
      refusal('class B { m!: Int32Array; constructor() { f(this.m); } }\nexport const make = () => new B();'),
    ).toMatch(/^2:43/);
  });

  it('functions that may block, handed to a library', () => {
    expect(refusal('export const g = (m: Int32Array) => [1].forEach(() => f(m));')).toBe(
      '2:49 g/(callback) may block, and cannot be handed to a library function: nothing there can suspend it',
    );
    expect(refusal('export const g = (ms: Int32Array[]) => ms.map(f);')).toMatch(/^2:47 f may block/);
    expect(refusal('export const g = (m: Int32Array) => Array.from({ length: 2 }, () => f(m));')).toMatch(
      /^2:63/,
    );
    expect(refusal('export const g = (m: Int32Array) => new Promise(() => f(m));')).toMatch(/^2:49/);
    expect(refusal('export const g = (m: Int32Array) => setTimeout(() => f(m), 1);')).toMatch(
      /^2:48 .*unknown type/,
    );
    expect(refusal('export const g = (m: Int32Array) => JSON.stringify({}, () => f(m));')).toMatch(/^2:56/);
    expect(refusal('export const g = f.bind(null);')).toMatch(
      /^2:18 f may block, and cannot be handed to bind/,
    );
    expect(refusal('export class T { m!: Int32Array; toString() { return String(f(this.m)); } }')).toMatch(
      /^2:34 T.toString may block, and cannot be handed to the language/,
    );
    const back =
      'export function g(h: (n: number) => number) { return h(1); }\nexport const x = (m: Int32Array) => g(() => f(m)) + g(Math.abs);';
    expect(refusal(back)).toMatch(/^3:55 a library function is handed to/);
  });

  it('other uses of Atomics', () => {
    expect(refusal('export const g = () => { const { load } = Atomics; return load; };')).toMatch(
      /^2:43 Atomics can only/,
    );
    expect(refusal('export const g = Atomics.load;')).toMatch(/^2:18 Atomics.load can only be called/);
    expect(refusal('export const g = (m: Int32Array, o: "add") => Atomics[o](m, 0, 1);')).toMatch(
      /^2:47 Atomics can only/,
    );
    expect(refusal('export const g = (m: Int32Array) => Atomics.waitAsync(m, 0, 0);')).toBe(
      '2:37 Atomics.waitAsync cannot be explored',
    );
    expect(refusal('export const g = (a: [Int32Array, number]) => Atomics.load(...a);')).toMatch(
      /^2:47 .*one by one/,
    );
    expect(refusal('export const g = (m: Int32Array) => globalThis.Atomics.load(m, 0);')).toMatch(
      /^2:48 .*plain name/,
    );
    expect(
      refusalsOf(`${M}export const has = typeof Atomics.load === 'function' && 'pause' in Atomics;`),
    ).toEqual([]);
    expect(
      refusalsOf(
        `export const g = (m: Int32Array, Atomics: { go(): void }) => { const a = Atomics; a.go(); };`,
      ),
    ).toEqual([]);
  });

  it('state that threads would share', () => {
    expect(refusal('let count = 0;\nexport const g = () => count;')).toMatch(
      /^2:5 top-level variable count is not const/,
    );
    expect(refusal('const seen = new Set<number>();\nexport const g = (n: number) => seen.add(n);')).toMatch(
      /^3:33 top-level seen is changed by a function/,
    );
    expect(refusal('const list: number[] = [];\nexport function g() { list.push(1); }')).toMatch(
      /^3:23 top-level list/,
    );
    expect(refusal('const all = { a: { b: 1 } };\nexport function g() { all.a.b = 2; }')).toMatch(
      /^3:23 top-level all/,
    );
    expect(refusal('const tally = [0];\nexport function g() { tally[0]++; }')).toMatch(
      /^3:23 top-level tally/,
    );
    expect(refusal('const scratch = new Uint8Array(4);\nexport function g() { scratch[0] = 1; }')).toMatch(
      /^3:23/,
    );
    expect(refusal('const scratch = new Uint8Array(4);\nexport function g() { scratch.fill(1); }')).toMatch(
      /^3:23/,
    );
    const twoFiles = {
      'main.ts': "import { list } from './b.ts';\nexport const g = () => list.push(1);",
      'b.ts': 'export const list: number[] = [];',
    };
    expect(refusalsOf(twoFiles)).toEqual([expect.stringMatching(/^2:24 top-level list/)]);
    expect(
      refusalsOf(
        'const t = new Map([[1, 2]]);\nt.set(2, 3);\nconst a = [0];\na[0] = 1;\nexport const g = () => t.get(1);',
      ),
    ).toEqual([]);
    const local =
      'export function g() { const list: number[] = []; list.push(1); const t = [0]; t[0] = 2; return list; }';
    expect(refusalsOf(local)).toEqual([]);
  });

  it('syntax that cannot be followed', () => {
    expect(refusal('export const g = (m: Int32Array) => { const [a] = m; return a; };')).toMatch(
      /^2:45 .*destructuring/,
    );
    expect(refusal('export const g = ([a]: Int32Array) => a;')).toMatch(/^2:19 .*destructuring/);
    expect(refusal('export const g = (m: Int32Array) => { [m[0]] = [1]; };')).toMatch(
      /^2:40 .*destructuring/,
    );
    expect(refusal('export const g = (m: Int32Array | number[]) => m[0];')).toMatch(/^2:48 .*only sometimes/);
    expect(refusal('enum E { a }\nexport const g = E.a;')).toMatch(/^2:1 an enum/);
    expect(refusal('export class C { constructor(readonly a: number) {} }')).toMatch(
      /^2:30 a parameter property/,
    );
    expect(refusal('export const g = () => process.hrtime();')).toMatch(/^2:24 process.hrtime\(\)/);
    expect(
      refusal(
        'export const t = (s: TemplateStringsArray, m: Int32Array) => f(m);\nexport const g = (m: Int32Array) => t`${m}`;',
      ),
    ).toMatch(/^3:37 a template tag/);
    expect(
      refusal(
        'interface T { go(m: Int32Array): { n: number } }\nexport const t: T = { go: (m) => ({ n: f(m) }) };\nexport const g = (m: Int32Array, x?: T) => x?.go(m).n;',
      ),
    ).toMatch(/^4:44 optional chaining goes on/);
  });

  it('all at once, in the order of the text', () => {
    const source = 'let a = 1;\nenum E { x }\nexport const g = () => [a, E.x, Atomics.waitAsync];';
    expect(refusalsOf(source).map((r) => r.slice(0, 4))).toEqual(['1:5 ', '2:1 ', '3:33']);
  });

  it('but not in functions that nothing reaches; those throw when they are called all the same', async () => {
    const files = {
      'main.ts':
        "import { good } from './b.ts';\nexport const run = (m: Int32Array) => good(m);\nexport { later } from './b.ts';",
      'b.ts': `${M}export const good = (m: Int32Array) => f(m);\nexport async function later(m: Int32Array) { return f(m); }\nexport class Unused { constructor(m: Int32Array) { f(m); } }`,
    };
    const build = buildOf(files);
    const { run, later } = (await instantiate(build, new PassHooks())).exports(MAIN);
    const m = new Int32Array(new SharedArrayBuffer(4));
    expect(drive(run, m)).toBe(0);
    await expect((later as (m: Int32Array) => Promise<number>)(m)).rejects.toThrow(
      'b.ts:3: this cannot be explored',
    );
  });
});
