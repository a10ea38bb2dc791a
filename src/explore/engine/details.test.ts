/** Details of the machine that a mistake in would hide behind: clocks, numbers of points, buffers, ranges, signatures. */
import { describe, expect, it } from 'vitest';
import { ReplayStrategy } from '../search/replay.ts';
import { CHOICE, type Step, type Switch } from '../types.ts';
import type { Engine } from './engine.ts';
import type { Running, Strategy } from './strategy.ts';
import { draw, engineOf, scenarioText } from './test-kit.ts';

const CTX = `type Ctx = { id: number; m: Int32Array; s: any; call(op: string, ...a: unknown[]): void; ret<T>(r: T): T };`;
const text = (body: string, threads: string, more = ''): string =>
  scenarioText(`${CTX}\n${body}`, threads, more);
const FOR_OUTCOMES = (engine: Engine): Engine => {
  engine.wantOutcomes = true;
  return engine;
};
const run = (thread: number, op: number, to: number): Switch => ({ thread, op, to, what: CHOICE.run });

/** Outcomes of some thousand draws. */
async function outcomesOf(source: string): Promise<string[]> {
  const drawn = draw(await engineOf(source));
  expect(drawn.found).toBeNull();
  return [...drawn.outcomes.keys()].toSorted();
}

/** The outcome of the schedule without switches, or with those. */
async function outcomeOf(source: string, switches: readonly Switch[] = []): Promise<string> {
  const done = FOR_OUTCOMES(await engineOf(source)).run(new ReplayStrategy(switches));
  expect(done.finding).toBeNull();
  return done.outcome;
}

describe('time', () => {
  it('goes on from where a sleep ended, and begins anew in each schedule', async () => {
    const engine = FOR_OUTCOMES(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { const a = performance.now(); Atomics.wait(m, 0, 0, 30); const b = performance.now(); Atomics.wait(m, 0, 0, 10); return [a, b, performance.now(), Date.now()].join(' '); };`,
          't',
        ),
      ),
    );
    for (let i = 0; i < 3; i++) expect(engine.run(new ReplayStrategy([])).outcome).toBe('0 30 40 40');
  });

  it('moves for whoever reads the clock and nothing else', async () => {
    const source = text(
      `const t = ({ m }: Ctx) => { let n = 0; while (performance.now() < 3) n++; Atomics.load(m, 0); return n > 999; };`,
      't',
    );
    expect(await outcomeOf(source)).toBe('true');
    // What was read in one schedule does not count in the next.
    const engine = FOR_OUTCOMES(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { for (let i = 0; i < 600; i++) performance.now(); Atomics.load(m, 0); return performance.now(); };`,
          't',
        ),
      ),
    );
    for (let i = 0; i < 4; i++) expect(engine.run(new ReplayStrategy([])).outcome).toBe('0');
  });

  it('lets sleepers with the same deadline go in any order, and the next when the first was woken', async () => {
    const together = await outcomesOf(
      text(
        `const t = ({ m, id }: Ctx) => { Atomics.wait(m, id, 0, 5); return Atomics.add(m, 9, 1); };`,
        't, t',
      ),
    );
    expect(together).toEqual(['0, 1', '1, 0']);
    const later = await outcomesOf(
      text(
        `const a = ({ m }: Ctx) => Atomics.wait(m, 0, 0, 10);
         const b = ({ m }: Ctx) => Atomics.wait(m, 1, 0, 30) + '@' + performance.now();
         const c = ({ m }: Ctx) => { while (Atomics.notify(m, 0) === 0); };`,
        'a, b, c',
        `maxSteps: 400,`,
      ).replace('while (Atomics.notify(m, 0) === 0);', 'Atomics.notify(m, 0);'),
    );
    expect(later).toContain('ok, timed-out@30, undefined');
    expect(later).toContain('timed-out, timed-out@30, undefined');
  });

  it('a time-out of nothing does not sleep', async () => {
    const source = text(
      `const t = ({ m }: Ctx) => [Atomics.wait(m, 0, 0, 0), Atomics.wait(m, 0, 0, -5), performance.now()].join(' ');`,
      't',
    );
    const steps: Step[] = [];
    FOR_OUTCOMES(await engineOf(source)).run(new ReplayStrategy([]), steps);
    expect(await outcomeOf(source)).toBe('timed-out timed-out 0');
    expect(steps.map((s) => [s.kind, s.read])).toEqual([
      ['wait', 'timed-out'],
      ['wait', 'timed-out'],
    ]);
  });

  it('random numbers differ from each other and are the same in each schedule', async () => {
    const engine = FOR_OUTCOMES(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { Atomics.load(m, 0); return Array.from({ length: 64 }, () => Math.floor(Math.random() * 16)).join(' '); };`,
          't',
        ),
      ),
    );
    const first = engine.run(new ReplayStrategy([])).outcome;
    expect(new Set(first.split(' ')).size).toBeGreaterThan(12);
    expect(engine.run(new ReplayStrategy([])).outcome).toBe(first);
  });
});

describe('numbers of points', () => {
  it('count what a thread has done, waking up included, and name what follows', async () => {
    const source = text(
      `const a = ({ m }: Ctx) => { Atomics.add(m, 1, 1); Atomics.wait(m, 0, 0); Atomics.add(m, 1, 10); Atomics.add(m, 1, 10); };
       const b = ({ m }: Ctx) => { Atomics.notify(m, 0); return Atomics.load(m, 1); };`,
      'a, b',
    );
    const steps: Step[] = [];
    const engine = await engineOf(source);
    engine.run(new ReplayStrategy([run(1, 1, 0), run(0, 4, 1)]), steps);
    expect(steps.map((s) => `${s.thread}.${s.op} ${s.kind}`)).toEqual([
      '0.0 rmw',
      '0.1 wait',
      '1.0 notify',
      '0.2 wake',
      '0.3 rmw',
      '1.1 load',
      '0.4 rmw',
    ]);
    expect(steps[5].read).toBe(11);
    expect(steps.map((s) => s.preempts === true)).toEqual([false, false, false, true, false, true, false]);
  });

  it('a pause is a point of its own', async () => {
    const steps: Step[] = [];
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.load(m, 0); (Atomics as any).pause(); (Atomics as any).pause(); Atomics.load(m, 0); };`,
        'a',
      ),
    );
    engine.run(new ReplayStrategy([]), steps);
    expect(steps.map((s) => `${s.op} ${s.kind}`)).toEqual(['0 load', '1 pause', '2 pause', '3 load']);
    expect(engine.opOf(0)).toBe(4);
  });

  it('steps are points and plain accesses, of whole ranges too', async () => {
    const engine = await engineOf(
      text(`const a = ({ m }: Ctx) => { Atomics.load(m, 0); m[1] = 1; void m[1]; m.fill(0, 0, 4); };`, 'a'),
    );
    expect(engine.run(new ReplayStrategy([])).steps).toBe(1 + 2 + 5);
  });

  it('who gives way at a pause does not count as preempted, whoever ends neither', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.add(m, 0, 1); (Atomics as any).pause(); Atomics.add(m, 0, 1); };
         const b = ({ m }: Ctx) => Atomics.add(m, 0, 1);`,
        'a, b, b',
      ),
    );
    const steps: Step[] = [];
    engine.run(new ReplayStrategy([run(0, 1, 1)]), steps);
    expect(steps.filter((s) => s.preempts)).toEqual([]);
  });
});

/** What a strategy sees each time that it is asked. */
function watching(seen: (e: Running, cur: number) => void): Strategy {
  return {
    name: 'watching',
    begin: () => {},
    next: (e, cur) => {
      seen(e, cur);
      return cur >= 0 ? cur : 31 - Math.clz32(e.ready & -e.ready);
    },
  };
}

describe('what a strategy sees', () => {
  it('how many points the thread has done in a row', async () => {
    const engine = await engineOf(
      text('const t = ({ m }: Ctx) => { for (let i = 0; i < 4; i++) Atomics.add(m, 0, 1); };', 't, t'),
    );
    const streaks: number[] = [];
    engine.run(watching((e) => streaks.push(e.streak)));
    expect(streaks).toEqual([0, 0, 1, 2]);
  });

  it('who may die: those named, while they live, and after one nobody', async () => {
    const engine = await engineOf(
      text(
        'const t = (n: number) => ({ m }: Ctx) => { for (let i = 0; i < n; i++) Atomics.add(m, 0, 1); }; const a = t(1), b = t(4), c = t(2);',
        'a, b, c',
        'mayDie: [0, 2], checkAfterDeath: () => {},',
      ),
    );
    const mortal: number[] = [];
    engine.run(watching((e) => mortal.push(e.mortal)));
    // Thread 0 ends first, then 1, then 2, which may die to the last.
    expect(mortal[0]).toBe(0b101);
    expect(mortal.at(-1)).toBe(0b100);
    const after: number[] = [];
    let killed = false;
    engine.run({
      ...watching(() => {}),
      next: (e, cur) => {
        if (killed) after.push(e.mortal, e.ready & 0b100);
        if (!killed) {
          killed = true;
          return 2 * e.n + 2;
        }
        return cur >= 0 ? cur : 31 - Math.clz32(e.ready & -e.ready);
      },
    });
    expect(new Set(after)).toEqual(new Set([0]));
  });

  it('a thread that dies at its own point lets others go on; another’s death does not stop it', async () => {
    const engine = await engineOf(
      text(
        'const t = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };',
        't, t',
        'mayDie: [0, 1], checkAfterDeath: () => {},',
      ),
    );
    for (const [to, order] of [
      [0, '0 rmw, 0 die, 1 rmw, 1 rmw'],
      [1, '0 rmw, 1 die, 0 rmw'],
    ] as const) {
      const steps: Step[] = [];
      engine.run(new ReplayStrategy([{ thread: 0, op: 1, to, what: CHOICE.kill }]), steps);
      expect(steps.map((s) => `${s.thread} ${s.kind}`).join(', ')).toBe(order);
    }
  });

  it('a schedule with many choices that nobody can end is told from its beginning', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { for (let i = 0; i < 1500; i++) Atomics.add(m, 1, 1); Atomics.wait(m, 0, 0); };
         const b = ({ m }: Ctx) => { for (let i = 0; i < 1500; i++) Atomics.add(m, 1, 1); Atomics.store(m, 0, 1); };`,
        'a, b',
      ),
    );
    let turn = 0;
    const { finding } = engine.run({
      ...watching(() => {}),
      // To and fro, then the first to its end.
      next: (e, cur) => {
        if (cur < 0) return 31 - Math.clz32(e.ready & -e.ready);
        return turn++ < 1400 ? 1 - cur : 0;
      },
    });
    expect(finding).toMatchObject({ kind: 'lost-wakeup', places: [{ thread: 0 }, { thread: 1 }] });
  });
});

describe('signatures', () => {
  async function signatures(a: string, b: string): Promise<Set<string>> {
    const engine = await engineOf(
      text(`const a = ({ m }: Ctx) => { ${a} }; const b = ({ m }: Ctx) => { ${b} };`, 'a, b'),
    );
    const seen = new Set<string>();
    const all = [
      [],
      [run(0, 0, 1)],
      [run(0, 1, 1)],
      [run(0, 1, 1), run(1, 1, 0)],
      [run(0, 0, 1), run(1, 1, 0)],
    ];
    for (const switches of all) {
      engine.run(new ReplayStrategy(switches));
      seen.add(engine.signature.join(' '));
    }
    return seen;
  }

  it.each([
    [
      'independent steps',
      'Atomics.add(m, 0, 1); Atomics.add(m, 1, 1);',
      'Atomics.add(m, 2, 1); Atomics.add(m, 3, 1);',
      1,
    ],
    [
      'reads of one word',
      'Atomics.load(m, 0); Atomics.load(m, 0);',
      'Atomics.load(m, 0); Atomics.load(m, 0);',
      1,
    ],
    ['a read and two writes', 'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);', 'Atomics.load(m, 0);', 3],
    [
      'two writes each',
      'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);',
      'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);',
      5,
    ],
  ])('%s', async (_name, a, b, expected) => {
    expect((await signatures(a, b)).size).toBe(expected);
  });

  it('tell threads of the same code apart', async () => {
    const engine = await engineOf(text('const t = ({ m }: Ctx) => Atomics.add(m, 0, 1);', 't, t'));
    engine.run(new ReplayStrategy([]));
    const first = engine.signature.join(' ');
    engine.run(new ReplayStrategy([run(0, 0, 1)]));
    expect(engine.signature.join(' ')).not.toBe(first);
  });
});

describe('buffers and views', () => {
  it('of several buffers each word has its own number, name and contents, and is put back', async () => {
    const engine = FOR_OUTCOMES(
      await engineOf(
        text(
          `const t = ({ m, s }: Ctx) => { Atomics.add(s.small, 0, 1); Atomics.add(s.large, 20, 1); s.odd[2]++; Atomics.add(m, 1, 1); s.dv.setInt16(6, 5); };`,
          't',
          `setup: () => { const small = new SharedArrayBuffer(4), odd = new SharedArrayBuffer(3), large = new SharedArrayBuffer(4096);
             return { small: new Int32Array(small), odd: new Uint8Array(odd), large: new Int32Array(large), dv: new DataView(large, 8) }; },
           outcome: (m: Int32Array, s: any) => [s.small[0], s.large[20], s.odd[2], m[1], s.large[3]].join(' '),`,
        ),
      ),
    );
    const steps: Step[] = [];
    const wanted = '1 1 1 1 1280';
    expect(engine.run(new ReplayStrategy([]), steps)).toMatchObject({ finding: null, outcome: wanted });
    // Largest first found: 256 bytes of the scenario, then 4 and 3 bytes, each at a multiple of 16 words.
    expect(steps.map((s) => s.word)).toEqual([64, 96 + 20, 80, 80, 1, 96 + 3]);
    for (let i = 0; i < 2; i++) expect(engine.run(new ReplayStrategy([])).outcome).toBe(wanted);
    expect([engine.memory.get(64), engine.memory.get(116), engine.memory.get(80)]).toEqual([1, 1, 1 << 16]);
  });

  it('views of the same place are one object, of others not', async () => {
    const source = text(
      `const t = ({ m }: Ctx) => { const b = m.buffer; Atomics.load(m, 0);
         return [new Int32Array(b) === new Int32Array(b), new Int32Array(b, 8) === new Int32Array(b, 8, 4), new Int32Array(b) === m,
           new Uint32Array(b, 8, 4) === (new Int32Array(b, 8, 4) as any), m.subarray(2, 6) === new Int32Array(b, 8, 4), new Int32Array(4) === new Int32Array(4)].join(' '); };`,
      't',
    );
    expect(await outcomeOf(source)).toBe('true false true false true false');
  });

  it('without memory of its own a scenario looks at the buffer of its set-up', async () => {
    const engine = await engineOf(
      text(
        'const t = ({ m, s }: Ctx) => { Atomics.add(s, 3, 1); return m[3]; };',
        't',
        'setup: () => new Int32Array(new SharedArrayBuffer(64)), check: (m: Int32Array) => { if (m[3] !== 1) throw new Error("not there"); },',
      ).replace('memory: 256', 'memory: 0'),
    );
    expect(engine.run(new ReplayStrategy([])).finding).toBeNull();
    expect(engine.nameOf(3)).toBe('word 3');
  });
});

describe('ranges', () => {
  const SETUP = `setup: (m: Int32Array) => ({ u8: new Uint8Array(m.buffer), u16: new Uint16Array(m.buffer), dv: new DataView(m.buffer, 4) }),`;
  /** Whether one access meets another: the words that it reads or writes, found by writes and reads of each word. */
  async function touches(access: string): Promise<{ reads: number[]; writes: number[] }> {
    const reads: number[] = [];
    const writes: number[] = [];
    const body = `const a = ({ m, s }: Ctx) => { ${access} };
      const look = ({ m }: Ctx) => { Atomics.load(m, 60); void m[WORD]; };
      const put = ({ m }: Ctx) => { Atomics.load(m, 60); m[WORD] = 0; };`;
    for (let word = 0; word < 16; word++) {
      const place = body.replaceAll('WORD', String(word));
      for (const [other, list] of [
        ['look', writes],
        ['put', reads],
      ] as const) {
        const engine = await engineOf(text(place, `a, ${other}`, SETUP));
        if (engine.run(new ReplayStrategy([])).finding?.kind === 'race') list.push(word);
      }
    }
    return { reads: reads.filter((w) => !writes.includes(w)), writes };
  }

  it.each([
    ['m.fill(1, -54, -52)', [], [10, 11]],
    ['m.fill(1, 5, 3)', [], []],
    ['m.set([1, 2], 3)', [], [3, 4]],
    ['m.set(new Int32Array(m.buffer, 8, 2), 6)', [2, 3], [6, 7]],
    ['m.copyWithin(9, 2, 4)', [2, 3], [9, 10]],
    ['m.subarray(8, 10).reverse()', [], [8, 9]],
    ['void m.slice(5, 7)', [5, 6], []],
    ['void m.subarray(5, 7).indexOf(1)', [5, 6], []],
    ['s.u16.subarray(6, 9).fill(1)', [], [3, 4]],
    ['s.u8.set([1], 21)', [], [5]],
    ['void s.dv.getInt32(5)', [2, 3], []],
    ['s.dv.setInt32(5, 1)', [], [2, 3]],
    ['s.dv.setInt8(0, 1)', [], [1]],
    ['void s.dv.getBigInt64(8)', [3, 4], []],
  ] as const)('%s', async (access, reads, writes) => {
    expect(await touches(access)).toEqual({ reads: [...reads], writes: [...writes] });
  });

  it('are put back, and seen by what watches words', async () => {
    const engine = await engineOf(
      text(
        'const t = ({ m, s }: Ctx) => { s.u8.fill(9, 7, 13); s.dv.setInt32(12, -1); Atomics.load(m, 0); };',
        't',
        `${SETUP} watched: (w: number) => w >= 1 && w < 6,
         onWrite: (_m: Int32Array, _s: any, word: number) => { if (word === 5) throw new Error('five'); },
         outcome: (m: Int32Array) => [...m.slice(1, 5)].join(' '),`,
      ),
    );
    FOR_OUTCOMES(engine);
    const wanted = `${9 << 24} ${0x09090909} 9 -1`;
    for (let i = 0; i < 2; i++)
      expect(engine.run(new ReplayStrategy([]))).toMatchObject({ finding: null, outcome: wanted });
  });
});

describe('words that are watched', () => {
  it('are told of each write, also of the value that was there, and only those', async () => {
    const engine = await engineOf(
      text(
        `const seen: string[] = [];
         const t = ({ m, id }: Ctx) => { Atomics.store(m, 1, 0); Atomics.add(m, 2, 1); m[1] = 3; Atomics.compareExchange(m, 1, 9, 1); return id; };`,
        't',
        `setup: () => ({ log: [] as string[] }), watched: (w: number) => w === 1,
         onWrite: (_m: Int32Array, s: any, word: number, value: number, thread: number) => { s.log.push([word, value, thread].join(':')); },
         outcome: (_m: Int32Array, s: any) => s.log.join(' '),`,
      ),
    );
    expect(FOR_OUTCOMES(engine).run(new ReplayStrategy([])).outcome).toBe('1:0:0 1:3:0');
  });
});

describe('the first finding stays', () => {
  it('whatever the thread does until its next point', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { m[4] = 1; }; const b = ({ m }: Ctx) => { Atomics.load(m, 0); void m[4]; throw new Error('too'); };`,
        'a, b',
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding).toMatchObject({
      kind: 'race',
      message: expect.stringContaining('word 4'),
    });
  });

  it('also when it then runs for ever', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { m[4] = 1; }; const b = ({ m }: Ctx) => { Atomics.load(m, 0); while (m[4] === 1); };`,
        'a, b',
        'maxSteps: 100,',
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding?.kind).toBe('race');
  });

  it.each([
    ['reads', 'while (m[4] === 0);'],
    ['writes', 'for (;;) m[4] = 1;'],
    ['narrow writes', 'for (;;) s[4] = 1;'],
    ['ranges', 'for (;;) m.fill(0);'],
    ['atomics', 'while (Atomics.load(m, 4) === 0);'],
  ])('a thread that only %s ends at the limit, where it is', async (_name, loop) => {
    const engine = await engineOf(
      text(
        `const a = ({ m, s }: Ctx) => { Atomics.load(m, 0); ${loop} };`,
        'a',
        'maxSteps: 500, setup: (m: Int32Array) => new Uint8Array(m.buffer),',
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding).toMatchObject({
      kind: 'livelock',
      message: 'no end after 500 steps; thread 0 was running',
      places: [{ thread: 0 }],
    });
  });
});

describe('histories', () => {
  it('know which operation was over before which began', async () => {
    // A register whose read returns what was there before the last write: wrong only when the write was over.
    const engine = await engineOf(
      text(
        `const write = (c: Ctx) => { c.call('write'); Atomics.store(c.m, 1, 1); c.ret(0); Atomics.load(c.m, 9); };
         const read = (c: Ctx) => { Atomics.load(c.m, 9); c.call('read'); const v = Atomics.load(c.m, 1); c.ret(0); return v; };`,
        'write, read',
        `model: { init: () => 0, step: (n: number, op: string, _a: unknown, r: number) => op === 'write' ? 1 : r === n ? n : null, key: String },`,
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding?.kind).toBe('linearizability');
    // The read began before the write was over.
    expect(engine.run(new ReplayStrategy([run(0, 0, 1), run(1, 1, 0)])).finding).toBeNull();
  });
});

describe('who sleeps for what', () => {
  it('says what was expected, what is there, who wrote it last, and who was woken in vain', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.wait(m, 0, 0, 5); while (Atomics.load(m, 1) === 0) Atomics.wait(m, 0, 7); };
         const b = ({ m }: Ctx) => { Atomics.store(m, 0, 7); Atomics.store(m, 1, 1); };`,
        'a, b',
      ),
    );
    const { finding } = engine.run(
      new ReplayStrategy([run(0, 1, 1), { thread: 1, op: 1, to: 0, what: CHOICE.timer }]),
    );
    expect(finding).toMatchObject({ kind: 'lost-wakeup' });
    expect([finding?.message, ...(finding?.details ?? [])].join('\n')).toContain('word 1 = 0, now 1');
  });
});
