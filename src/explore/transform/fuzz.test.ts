import { describe, expect, it } from 'vitest';
import type { AnyTypedArray, Element } from '../hooks.ts';
import type { BuildOptions } from './build.ts';
import { ProgramWriter } from './fuzz-programs.ts';
import { instantiate } from './instantiate.ts';
import { buildOf, drive, MAIN, PassHooks, plainExports } from './test-kit.ts';

const PROGRAMS = Number(process.env['FUZZ_PROGRAMS'] ?? 8);
const FIRST = Number(process.env['FUZZ_FIRST'] ?? 1);
const INPUTS = 32;

const input = (n: number): Int32Array => {
  const mem = new Int32Array(new SharedArrayBuffer(16));
  for (let i = 0; i < 4; i++) mem[i] = n >> i === 0 ? 0 : (n >> i) & (n > 15 ? 3 : 1);
  return mem;
};

const outcome = (fn: unknown, mem: Int32Array): string => {
  let result: unknown;
  try {
    result = drive(fn, mem);
  } catch (e) {
    result = String(e);
  }
  return JSON.stringify([result, [...mem]]);
};

/** Notes each state that a thread is in when it may be suspended, as the stateful search would. */
class StateHooks extends PassHooks {
  readonly states: string[] = [];
  private readonly mem: Int32Array;
  private readonly stack: { readonly site: number; readonly locals: string }[] = [];
  private operands: readonly unknown[] = [];

  constructor(mem: Int32Array) {
    super(false);
    this.mem = mem;
  }

  override load(a: AnyTypedArray, i: number, site: number): boolean {
    this.operands = ['load', i, site];
    return super.load(a, i, site);
  }
  override store(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    this.operands = ['store', i, v, site];
    return super.store(a, i, v, site);
  }
  override rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    this.operands = ['rmw', op, i, v, site];
    return super.rmw(op, a, i, v, site);
  }
  override cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): boolean {
    this.operands = ['cas', i, e, r, site];
    return super.cas(a, i, e, r, site);
  }
  override pr(a: AnyTypedArray, i: number, site: number): boolean {
    this.operands = ['pr', i, site];
    return super.pr(a, i, site);
  }
  override pw(a: AnyTypedArray, i: number, v: Element, site: number): boolean {
    this.operands = ['pw', i, v, site];
    return super.pw(a, i, v, site);
  }
  override sub<G>(generator: G, site?: number, locals?: readonly unknown[]): G {
    this.stack.push({ site: site ?? -1, locals: this.show(locals) });
    return super.sub(generator);
  }
  override pop<T>(value: T): T {
    this.stack.pop();
    return super.pop(value);
  }
  override cut(depth: number): void {
    this.stack.length = depth;
    super.cut(depth);
  }
  override top(locals: readonly unknown[]): boolean {
    this.states.push(
      JSON.stringify([
        this.stack,
        this.operands,
        this.show(locals),
        this.show(this.objects()),
        [...this.mem],
      ]),
    );
    return false;
  }

  /** Mutable fields of all objects: the engine hashes those that can be reached. */
  private objects(): unknown[] {
    return this.registered.map((r) => r.fields.map((name) => (r.object as Record<string, unknown>)[name]));
  }

  private show(value: unknown): string {
    return JSON.stringify(value, (_, x: unknown) => {
      if (ArrayBuffer.isView(x)) return 'array';
      if (x instanceof Error) return `error ${x.message}`;
      const known = this.registered.findIndex((r) => r.object === x);
      if (known >= 0) return `object ${known}`;
      return x === undefined ? 'undefined' : typeof x === 'function' ? String(x) : x;
    });
  }
}

const VARIANTS: readonly Partial<BuildOptions>[] = [
  {},
  { plain: 'all' },
  { state: true },
  { state: true, plain: 'all' },
];

/** How often a state was met again, and how often a state was seen. */
interface Met {
  states: number;
  again: number;
}

/** Runs a program on all inputs, as it is and transformed. Equal states must lead to equal outcomes. */
async function check(source: string, variants: readonly Partial<BuildOptions>[], name: string): Promise<Met> {
  const counts: Met = { states: 0, again: 0 };
  const { run } = plainExports(source);
  const expected = Array.from({ length: INPUTS }, (_, n) => outcome(run, input(n)));
  for (const options of variants) {
    const label = `${name} ${JSON.stringify(options)}\n${source}`;
    const build = buildOf(source, options);
    const after = new Map<string, string>();
    for (let n = 0; n < INPUTS; n++) {
      const mem = input(n);
      const hooks = options.state === true ? new StateHooks(mem) : new PassHooks(n % 2 === 0);
      const instance = await instantiate(build, hooks);
      const got = outcome(instance.exports(MAIN)['run'], mem);
      expect(got, label).toBe(expected[n]);
      for (const state of hooks instanceof StateHooks ? hooks.states : []) {
        counts.states++;
        const before = after.get(state);
        if (before === undefined) after.set(state, got);
        else {
          counts.again++;
          expect(before, `state ${state}\n${label}`).toBe(got);
        }
      }
    }
  }
  return counts;
}

describe('programs', () => {
  it('written at random do the same transformed, and what they hand over determines what they do', async () => {
    let states = 0;
    let again = 0;
    for (let seed = FIRST; seed < FIRST + PROGRAMS; seed++) {
      const met = await check(new ProgramWriter(seed).program(), VARIANTS, `seed ${seed}`);
      states += met.states;
      again += met.again;
    }
    // Otherwise the comparison says nothing.
    expect(again).toBeGreaterThan(states / 20);
  }, 900_000);

  it.each([
    [
      'a variable that a closure changed, two calls up',
      `function twice(m: Int32Array, h: () => void): void { h(); Atomics.store(m, 1, 0); Atomics.store(m, 2, 0); h(); }
export function run(m: Int32Array): number { let n = 0; twice(m, () => { n |= m[1]; m[1] = 0; Atomics.load(m, 0); }); return n; }`,
    ],
    [
      'how far a loop over a list is',
      'export function run(m: Int32Array): number { for (const x of [1, 1, 1]) Atomics.add(m, x, 1); return 0; }',
    ],
    [
      'how a try block ended',
      `export function run(m: Int32Array): number {
  for (let i = 0; i < 2; i++) {
    try { if (m[0] === 1) return 7; if (m[1] === 1) break; if (m[2] === 1) throw new Error('x'); } finally { m.fill(0); Atomics.load(m, 3); }
  }
  return 8;
}`,
    ],
    [
      'which object a call came through',
      `class A { v: number; constructor(v: number) { this.v = v; } set(v: number): void { this.v = v; } get(m: Int32Array): number { Atomics.load(m, 2); return this.v; } }
export function run(m: Int32Array): number { const a = new A(0); const b = new A(5); a.set(1); const c = m[0] === 1 ? a : b; m[0] = 0; return c.get(m) + Atomics.load(m, 3); }`,
    ],
  ])('know %s', async (name, source) => {
    const { states } = await check(source, [{ state: true }, { state: true, plain: 'all' }], name);
    expect(states).toBeGreaterThan(INPUTS);
  });
});
