/** What a schedule does: waiting, waking, time, death, pauses, limits, putting everything back. */
import { describe, expect, it } from 'vitest';
import { ReplayStrategy } from '../search/replay.ts';
import { CHOICE, type Step } from '../types.ts';
import { draw, engineOf, scenarioText } from './test-kit.ts';

const CTX = `type Ctx = { id: number; m: Int32Array; s: any; call(op: string, ...a: unknown[]): void; ret<T>(r: T): T };`;
const text = (body: string, threads: string, more = ''): string =>
  scenarioText(`${CTX}\n${body}`, threads, more);

describe('waiting and waking', () => {
  it('wakes the first that fell asleep, and reports how many', async () => {
    const engine = await engineOf(
      text(
        `const sleep = ({ m, id }: Ctx) => { Atomics.add(m, 1, 1); Atomics.wait(m, 0, 0); m[8 + Atomics.add(m, 2, 1)] = id; };
         const wake = ({ m }: Ctx) => Atomics.notify(m, 0, 1) * 10 + Atomics.notify(m, 0);`,
        'sleep, sleep, wake',
        `outcome: (m: Int32Array, _s: unknown, r: number[]) => r[2] + ':' + m[8] + m[9],`,
      ),
    );
    // 0 asleep first, then 1; both are woken, 0 before 1, whoever runs first afterwards.
    engine.wantOutcomes = true;
    const run = engine.run(
      new ReplayStrategy([
        { thread: 0, op: 2, to: 1, what: CHOICE.run },
        { thread: 1, op: 2, to: 2, what: CHOICE.run },
        { thread: 2, op: 1, to: 0, what: CHOICE.run },
      ]),
    );
    expect(run).toMatchObject({ finding: null, outcome: '11:01' });
  });

  it('does not sleep when the value is another, and says so', async () => {
    const engine = await engineOf(text(`const t = ({ m }: Ctx) => Atomics.wait(m, 0, 1);`, 't'));
    engine.wantOutcomes = true;
    expect(engine.run(new ReplayStrategy([]))).toMatchObject({ finding: null, outcome: 'not-equal' });
  });

  it('a value that changes wakes nobody', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => Atomics.wait(m, 0, 0); const b = ({ m }: Ctx) => { Atomics.store(m, 0, 1); };`,
        'a, b',
      ),
    );
    const { found } = draw(engine);
    expect(found?.finding).toMatchObject({ kind: 'lost-wakeup', places: [{ thread: 0 }, { thread: 1 }] });
  });

  it('tells a deadlock of two locks from a lost wake-up', async () => {
    const engine = await engineOf(
      text(
        `function lock(m: Int32Array, i: number) { while (Atomics.compareExchange(m, i, 0, 1) !== 0) Atomics.wait(m, i, 1); }
         function unlock(m: Int32Array, i: number) { Atomics.store(m, i, 0); Atomics.notify(m, i); }
         const both = (m: Int32Array, a: number, b: number) => { lock(m, a); lock(m, b); unlock(m, b); unlock(m, a); };
         const one = ({ m }: Ctx) => both(m, 0, 1); const two = ({ m }: Ctx) => both(m, 1, 0);`,
        'one, two',
      ),
    );
    expect(draw(engine).found?.finding.kind).toBe('deadlock');
  });

  it('a time-out may fire at any time, the earliest first, and the clock moves with it', async () => {
    const engine = await engineOf(
      text(
        `const t = (ms: number) => ({ m }: Ctx) => { const r = Atomics.wait(m, 0, 0, ms); return r + '@' + performance.now(); };
         const a = t(30), b = t(10); const c = ({ m }: Ctx) => { Atomics.notify(m, 0, 1); };`,
        'a, b, c',
      ),
    );
    const outcomes = [...draw(engine).outcomes.keys()];
    expect(outcomes).toContain('timed-out@30, timed-out@10, undefined');
    expect(outcomes.some((o) => o.startsWith('ok@'))).toBe(true);
    expect(
      outcomes.every((o) => !o.startsWith('timed-out@10') && !o.includes('timed-out@30, timed-out@30')),
    ).toBe(true);
  });
});

describe('pauses and limits', () => {
  it('ends a thread that spins alone, in atomic and in plain reads', async () => {
    for (const read of ['Atomics.load(m, 0)', 'm[0]']) {
      const engine = await engineOf(
        text(`const t = ({ m }: Ctx) => { while (${read} === 0); };`, 't', 'maxSteps: 500,'),
      );
      expect(engine.run(new ReplayStrategy([])).finding?.kind).toBe('livelock');
    }
  });

  it('no strategy takes a spin lock for a livelock', async () => {
    const engine = await engineOf(
      text(
        `const t = ({ m }: Ctx) => { while (Atomics.exchange(m, 0, 1) !== 0); m[4]++; Atomics.store(m, 0, 0); };`,
        't, t, t',
        'check: (m: Int32Array) => { if (m[4] !== 3) throw new Error("lost"); },',
      ),
    );
    expect(draw(engine, 8000).found).toBeNull();
  });

  it('a pause gives way without a preemption', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { while (Atomics.load(m, 0) === 0) (Atomics as any).pause(); };
         const b = ({ m }: Ctx) => { Atomics.store(m, 0, 1); };`,
        'a, b',
      ),
    );
    const steps: Step[] = [];
    expect(engine.run(new ReplayStrategy([]), steps).finding).toBeNull();
    expect(steps.map((s) => `${s.thread} ${s.kind}`)).toEqual(['0 load', '0 pause', '1 store', '0 load']);
    expect(steps.some((s) => s.preempts)).toBe(false);
  });
});

describe('death', () => {
  const body = `const t = ({ m }: Ctx) => {
    while (Atomics.compareExchange(m, 0, 0, 1) !== 0) Atomics.wait(m, 0, 1);
    Atomics.store(m, 0, 0); Atomics.notify(m, 0);
  };`;

  it('comes at any point, once, and what must hold then is asked', async () => {
    const engine = await engineOf(
      text(
        body,
        't, t',
        `mayDie: [0], checkAfterDeath: (m: Int32Array) => { if (m[0] === 1) throw new Error('held'); },`,
      ),
    );
    const { found } = draw(engine);
    expect(found?.finding).toMatchObject({ kind: 'check', message: 'the end is wrong: held' });
  });

  it('a thread that waits for a dead one is no finding by itself', async () => {
    const engine = await engineOf(text(body, 't, t', 'mayDie: [0, 1],'));
    expect(draw(engine).found).toBeNull();
  });
});

describe('what a schedule leaves', () => {
  it('is put back: memory of all buffers and views, objects of classes, maps and arrays', async () => {
    const engine = await engineOf(
      text(
        `class Box { n = 0; readonly list: number[] = []; readonly seen = new Map<number, number>();
           take(m: Int32Array) { this.n++; this.list.push(this.n); this.seen.set(this.n, 1); Atomics.add(m, 0, 1); } }
         type S = { box: Box; bytes: Uint8Array; other: Int32Array; log: number[] };
         const t = ({ m, s }: { m: Int32Array; s: S }) => { s.box.take(m); s.bytes[3] = 7; s.other[0]++; s.log.push(1); };`,
        't',
        `setup: (m: Int32Array) => ({ box: new Box(), bytes: new Uint8Array(m.buffer, 4), other: new Int32Array(new SharedArrayBuffer(8)), log: [] as number[] }),
         check: (m: Int32Array, s: any) => { const all = [m[0], s.box.n, s.box.list.length, s.box.seen.size, s.other[0], s.log.length]; if (all.join() !== '1,1,1,1,1,1') throw new Error(all.join()); },`,
      ),
    );
    for (let i = 0; i < 3; i++) expect(engine.run(new ReplayStrategy([])).finding).toBeNull();
  });

  it('is put back however deep: objects in objects, arrays of arrays, members that are new, maps of lists', async () => {
    const engine = await engineOf(
      text(
        `type S = { deep: { n: number; log: number[] }; rows: number[][]; seen: Record<string, number>; by: Map<string, Set<number>> };
         const t = ({ m, s }: { m: Int32Array; s: S }) => {
           s.deep.n++; s.deep.log.push(1); s.rows[1][0]++; s.rows.push([]); s.seen['x'] = (s.seen['x'] ?? 0) + 1;
           if (s.by.has('b')) throw new Error('b is there'); s.by.set('b', new Set());
           s.by.get('a')?.add(s.deep.n); Atomics.add(m, 0, 1);
         };`,
        't',
        `setup: () => ({ deep: { n: 0, log: [] as number[] }, rows: [[0], [0]], seen: {} as Record<string, number>, by: new Map([['a', new Set<number>()]]) }),
         check: (m: Int32Array, s: any) => {
           const all = JSON.stringify([m[0], s.deep, s.rows, s.seen, [...s.by.get('a')]]);
           if (all !== '[1,{"n":1,"log":[1]},[[0],[1],[]],{"x":1},[1]]') throw new Error(all);
         },`,
      ),
    );
    for (let i = 0; i < 3; i++) expect(engine.run(new ReplayStrategy([])).finding).toBeNull();
  });

  it('checks and invariants run as if joined: they race with nobody', async () => {
    const engine = await engineOf(
      text(
        `const t = ({ m }: Ctx) => { m[4] = 1; Atomics.store(m, 0, 1); };`,
        't',
        `check: (m: Int32Array) => { if (m[4] !== 1) throw new Error('no'); }, invariant: (m: Int32Array) => { if (m[0] === 1 && m[4] === 0) throw new Error('no'); },`,
      ),
    );
    expect(draw(engine, 50).found).toBeNull();
  });

  it('an invariant that breaks names the step', async () => {
    const engine = await engineOf(
      text(
        `const t = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, -1); };`,
        't, t',
        `invariant: (m: Int32Array) => { if (Atomics.load(m, 0) > 1) throw new Error('two inside'); },`,
      ),
    );
    expect(draw(engine).found?.finding).toMatchObject({
      kind: 'invariant',
      message: expect.stringContaining('two inside'),
    });
  });
});

describe('oracles over a schedule', () => {
  it('an exception of a thread', async () => {
    const engine = await engineOf(text(`const t = () => { throw new RangeError('too far'); };`, 't'));
    expect(engine.run(new ReplayStrategy([])).finding).toMatchObject({
      kind: 'exception',
      message: 'thread 0 threw RangeError: too far',
    });
  });

  it('results that fit no sequential order', async () => {
    const engine = await engineOf(
      text(
        `const add = (c: Ctx) => { c.call('add'); const v = Atomics.load(c.m, 0); Atomics.store(c.m, 0, v + 1); c.ret(v); };`,
        'add, add',
        `model: { init: () => 0, step: (n: number, _op: string, _a: unknown, r: unknown) => r === n ? n + 1 : null, key: String },`,
      ),
    );
    expect(draw(engine).found?.finding.kind).toBe('linearizability');
  });

  it('more overtaking than allowed', async () => {
    const engine = await engineOf(
      text(
        `const t = (n: number) => (c: Ctx) => { for (let i = 0; i < n; i++) { c.call('lock'); while (Atomics.exchange(c.m, 0, 1) !== 0); c.ret(0); Atomics.store(c.m, 0, 0); } };
         const a = t(1), b = t(4);`,
        'a, b',
        'maxBypass: 2,',
      ),
    );
    expect(draw(engine).found?.finding.kind).toBe('bypass');
  });

  it('latches taken in a circle, although nobody is stuck', async () => {
    const engine = await engineOf(
      text(
        `const take = (m: Int32Array, id: number, a: number) => { m[16 + id * 4 + m[8 + id]++] = a; Atomics.store(m, 30 + id, a); };
         const t = (a: number, b: number) => ({ m, id }: Ctx) => { take(m, id, a); take(m, id, b); m[8 + id] = 0; };
         const one = t(1, 2), two = t(2, 1);`,
        'one, two',
        `watched: (w: number) => w >= 30 && w < 32,
         latches: { name: (c: number) => 'latch ' + c, taken: (m: Int32Array, _s: unknown, _w: number, value: number, id: number) => ({ wanted: value, held: [...m.slice(16 + id * 4, 16 + id * 4 + m[8 + id] - 1)] }) },`,
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding).toMatchObject({ kind: 'latch-order' });
  });
});
