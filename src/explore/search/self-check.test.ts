/**
 * The stateful search against plain search, on real engine and transform: what the cut leaves out must be found
 * elsewhere. Each program hides part of its state in another place: a half-evaluated expression, a caller's local, an
 * object, a loop's position, a time-out.
 */
import { describe, expect, test } from 'vitest';
import type { Engine } from '../engine/engine.ts';
import { engineOf, scenarioText } from '../engine/test-kit.ts';
import type { SearchEngine, SearchRun, SearchStrategy } from './search-engine.ts';
import { exhaust, type Exhausted } from './search.ts';

const CTX = `type Ctx = { id: number; m: Int32Array; s: any };
const load = (m: Int32Array, i: number): number => Atomics.load(m, i);
`;
const MUTEX = `
function lock(m: Int32Array): void {
  let c = Atomics.compareExchange(m, 0, 0, 1);
  if (c === 0) return;
  if (c !== 2) c = Atomics.exchange(m, 0, 2);
  while (c !== 0) { Atomics.wait(m, 0, 2); c = Atomics.exchange(m, 0, 2); }
}
function unlock(m: Int32Array): void {
  if (Atomics.sub(m, 0, 1) !== 1) { Atomics.store(m, 0, 0); Atomics.notify(m, 0, 1); }
}
`;
const values = `outcome: (m: Int32Array, _s: unknown, r: unknown[]) => r.join() + '/' + m[0] + m[1] + m[2],`;

const PROGRAMS: Readonly<Record<string, [body: string, threads: string, more?: string]>> = {
  'a half-evaluated expression': [
    `const t = ({ m }: Ctx) => { Atomics.store(m, 0, Atomics.load(m, 0) + 1); };
     const u = ({ m }: Ctx) => { Atomics.add(m, 0, 1); return Atomics.load(m, 1); };`,
    'u, t',
    values,
  ],
  'the same in an argument and an element': [
    `const sum = (m: Int32Array, a: number, b: number) => { Atomics.add(m, 1, a * 10 + b); return a; };
     const t = ({ m }: Ctx) => [load(m, 0), sum(m, load(m, 0), load(m, 0))].join('');
     const u = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };`,
    't, u',
    values,
  ],
  'locals of callers': [
    `const inner = (m: Int32Array) => { Atomics.add(m, 1, 1); };
     const middle = (m: Int32Array, x: number) => { inner(m); return x; };
     const t = ({ m }: Ctx) => { const before = Atomics.load(m, 0); return before + middle(m, Atomics.load(m, 0)) * 10; };
     const u = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 2); };`,
    't, u',
    values,
  ],
  'objects of a thread': [
    `class Seen { list: number[] = []; last = -1; see(x: number) { this.list.push(x); this.last = x; } }
     const t = ({ m }: Ctx) => {
       const seen = new Seen(); const map = new Map<number, number>();
       for (let i = 0; i < 2; i++) { seen.see(Atomics.load(m, 0)); map.set(i, seen.last); Atomics.add(m, 1, 1); }
       return seen.list.join('') + [...map.values()].join('');
     };
     const u = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 2); };`,
    't, u',
    values,
  ],
  'objects from set-up': [
    `class Mine { count = 0; note(x: number) { this.count = this.count * 10 + x; } }
     const t = ({ m, s }: Ctx) => {
       s.mine.note(Atomics.load(m, 0)); Atomics.add(m, 1, 1);
       s.mine.note(Atomics.load(m, 0)); Atomics.add(m, 1, 1);
       return s.mine.count;
     };
     const u = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 2); };`,
    't, u',
    `setup: () => ({ mine: new Mine() }), ${values}`,
  ],
  'a field and a list of what set-up returned': [
    `const t = ({ m, s }: Ctx) => {
       s.last = Atomics.load(m, 0); Atomics.add(m, 1, 1);
       s.list.push(Atomics.load(m, 0)); Atomics.add(m, 1, 1);
       return s.last + '-' + s.list.join('');
     };
     const u = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 2); };`,
    't, u',
    `setup: () => ({ last: 0, list: [] as number[] }), ${values}`,
  ],
  'an order that only an object of set-up remembers': [
    `const t = ({ m, id, s }: Ctx) => {
       for (let i = 0; i < 2; i++) { Atomics.add(m, 4 + id, 1); s.order.push(id); } return s.order.length; };`,
    't, t',
    `setup: () => ({ order: [] as number[] }), outcome: (_m: unknown, s: any) => s.order.join(''),`,
  ],
  'the position in a loop': [
    `const t = ({ m }: Ctx) => { let s = ''; for (const i of [1, 0, 1]) s += Atomics.exchange(m, i, s.length + 3); return s; };
     const u = ({ m }: Ctx) => { for (let i = 0; i < 2; i++) Atomics.add(m, i, 1); };`,
    't, u',
    values,
  ],
  'a way out of a call by an exception': [
    `const risky = (m: Int32Array) => { if (Atomics.load(m, 0) === 1) throw new Error('one'); Atomics.add(m, 1, 1); };
     const t = ({ m }: Ctx) => { let s = ''; for (let i = 0; i < 2; i++) {
       try { risky(m); s += 'a'; } catch { s += 'b'; } finally { Atomics.add(m, 2, 1); } } return s; };
     const u = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 2); };`,
    't, u',
    values,
  ],
  'time-outs': [
    `const t = ({ m }: Ctx) => Atomics.wait(m, 0, 0, 10) + Atomics.wait(m, 0, 0, 5);
     const u = ({ m }: Ctx) => { const n = Atomics.notify(m, 0); Atomics.store(m, 0, 1); return n + Atomics.notify(m, 0); };`,
    't, u',
    values,
  ],
  'two sleepers with time-outs of different lengths': [
    `const t = ({ m }: Ctx) => Atomics.wait(m, 0, 0, 10) + Atomics.add(m, 1, 1);
     const u = ({ m }: Ctx) => Atomics.wait(m, 0, 0, 5 + 6 * Atomics.load(m, 1)) + Atomics.add(m, 1, 1);`,
    't, u',
    values,
  ],
  'a mutex': [
    `${MUTEX} const t = ({ m }: Ctx) => { lock(m); m[1]++; unlock(m); };`,
    't, t',
    `check: (m: Int32Array) => { if (m[1] !== 2) throw new Error('count ' + m[1]); }`,
  ],
  'a mutex of which one forgets to wake': [
    `${MUTEX} const t = ({ m }: Ctx) => { lock(m); m[1]++; unlock(m); };
     const u = ({ m }: Ctx) => { lock(m); m[1]++; Atomics.store(m, 0, 0); };`,
    't, u',
  ],
  'a death': [
    `${MUTEX} const t = ({ m }: Ctx) => { lock(m); Atomics.add(m, 1, 1); unlock(m); };`,
    't, t',
    `mayDie: [0], checkAfterDeath: (m: Int32Array) => { if (m[0] !== 0 && m[1] === 1) throw new Error('held'); }`,
  ],
};

const key = new Int32Array(4);

/** The same engine, with the keys of all states in which a strategy is asked. */
function spied(engine: Engine, keys: Set<string>): SearchEngine {
  const run = (inner: SearchStrategy): SearchRun =>
    engine.run({
      name: inner.name,
      begin: (e) => inner.begin(e),
      next: (e, cur) => {
        e.stateKey(key, 0);
        keys.add(key.join());
        return inner.next(e, cur);
      },
    });
  return new Proxy<SearchEngine>(engine, {
    get: (target, name) => (name === 'run' ? run : Reflect.get(target, name, target)),
  });
}

/** Failures and outcomes, without the order in which they came up. */
const verdict = (r: Exhausted): string[] =>
  [...r.findings.map((f) => f.finding.kind), ...r.outcomes.keys()].toSorted();

describe.each(Object.entries(PROGRAMS))('%s', (_, [body, threads, more]) => {
  test('the cut, with reduction and without, finds what plain search finds', async () => {
    const engine = await engineOf(scenarioText(CTX + body, threads, more), { state: true });
    engine.wantOutcomes = true;
    const all = new Set<string>();
    const plain = exhaust(spied(engine, all), { bound: Infinity, cut: false, maxExecutions: 100_000 });
    const met = new Set<string>();
    const cut = exhaust(spied(engine, met), { bound: Infinity, cut: true, reduce: false });
    const reduced = exhaust(engine, { bound: Infinity, cut: true });
    expect(plain.complete).toBe(true);
    expect(met).toEqual(all);
    expect(verdict(cut)).toEqual(verdict(plain));
    expect(verdict(reduced)).toEqual(verdict(plain));
    expect(cut.executions).toBeLessThanOrEqual(plain.executions);
    for (const bound of [0, 1]) {
      const some = exhaust(engine, { bound, cut: false });
      expect(verdict(exhaust(engine, { bound, cut: true }))).toEqual(verdict(some));
    }
  });
});
