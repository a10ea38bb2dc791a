/** Buffers, views and ranges; what is watched, and which finding stays. */
import { describe, expect, it } from 'vitest';
import { ReplayStrategy } from '../search/replay.ts';
import { CHOICE, type Scenario, type Step } from '../types.ts';
import { text, withOutcomes, run, outcomeOf, engineOf, labOfText, CTX } from './test-kit.ts';

describe('buffers and views', () => {
  it('of several buffers each word has its own number, name and contents, and is put back', async () => {
    const engine = withOutcomes(
      await engineOf(
        text(
          `const t = ({ m, s }: Ctx) => { Atomics.add(s.small, 0, 1); Atomics.add(s.large, 20, 1); s.odd[2]++; Atomics.add(m, 1, 1); s.dv.setInt16(6, 5); };`,
          't',
          `setup: () => { const small = new SharedArrayBuffer(4), odd = new SharedArrayBuffer(3), large = new SharedArrayBuffer(4096);
             return { small: new Int32Array(small), odd: new Uint8Array(odd), large: new Int32Array(large), dv: new DataView(large, 8) }; },
           outcome: (m: Int32Array, s: S) => [s.small[0], s.large[20], s.odd[2], m[1], s.large[3]].join(' '),`,
          'type S = { small: Int32Array; odd: Uint8Array; large: Int32Array; dv: DataView };',
        ),
      ),
    );
    const steps: Step[] = [];
    const wanted = `1 1 1 1 ${String(0x0500_0000)}`;
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
        'type S = Int32Array;',
      ).replace('memory: 256', 'memory: 0'),
    );
    expect(engine.run(new ReplayStrategy([])).finding).toBeNull();
    expect(engine.nameOf(3)).toBe('word 3');
  });
});

const RACE = { plain: 'race', state: false } as const;

describe('ranges', () => {
  const STATE = 'type S = { u8: Uint8Array; u16: Uint16Array; dv: DataView };';
  const SETUP = `setup: (m: Int32Array) => ({ u8: new Uint8Array(m.buffer), u16: new Uint16Array(m.buffer), dv: new DataView(m.buffer, 4) }),`;
  /** Whether one access meets another: the words that it reads or writes, found by writes and reads of each word. */
  async function touches(access: string): Promise<{ reads: number[]; writes: number[] }> {
    const lab = labOfText(`${STATE} ${CTX}
      const a = ({ m, s }: Ctx) => { ${access} };
      const look = (w: number) => ({ m }: Ctx) => { Atomics.load(m, 60); void m[w]; };
      const put = (w: number) => ({ m }: Ctx) => { Atomics.load(m, 60); m[w] = 0; };
      export const make = (b: any) => ({ name: 'text', doc: '', memory: 256, threads: [a, b], ${SETUP} });
      export { look, put };`);
    const made = (await lab.exports(RACE)) as Record<'look' | 'put' | 'make', (x: unknown) => Scenario>;
    const meets = async (other: 'look' | 'put'): Promise<number[]> => {
      const words: number[] = [];
      for (let word = 0; word < 16; word++) {
        const engine = await lab.engineFor(made.make(made[other](word)), RACE);
        if (engine.run(new ReplayStrategy([])).finding?.kind === 'race') words.push(word);
      }
      return words;
    };
    const writes = await meets('look');
    const reads = await meets('put');
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
        `const t = ({ m, s }: Ctx) => {
           if (m.slice(1, 5).some((w) => w !== 0)) throw new Error('left');
           s.u8.fill(9, 7, 13); s.dv.setInt32(12, -1); Atomics.load(m, 0);
         };`,
        't',
        `${SETUP} watched: (w: number) => w >= 1 && w < 6,
         onWrite: (_m: Int32Array, _s: S, word: number) => { if (word === 5) throw new Error('five'); },
         outcome: (m: Int32Array) => [...m.slice(1, 5)].join(' '),`,
        STATE,
      ),
    );
    withOutcomes(engine);
    const wanted = [9 << 24, 0x09090909, 9, -1].join(' ');
    for (let i = 0; i < 2; i++)
      expect(engine.run(new ReplayStrategy([]))).toMatchObject({ finding: null, outcome: wanted });
  });
});

describe('operations on the memory of the scenario', () => {
  it.each([
    ['add', [7, 3], 10, 7],
    ['add', [0x7fffffff, 1], -0x80000000, 0x7fffffff],
    ['sub', [7, 9], -2, 7],
    ['and', [0b1100, 0b1010], 0b1000, 0b1100],
    ['or', [0b1100, 0b1010], 0b1110, 0b1100],
    ['xor', [0b1100, 0b1010], 0b0110, 0b1100],
    ['exchange', [7, 9], 9, 7],
    ['store', [7, 9], 9, 9],
    ['compareExchange', [7, 7, 9], 9, 7],
    ['compareExchange', [1, 7, 9], 1, 1],
    ['compareExchange', [0, 7, 9], 0, 0],
  ] as const)('%s %j leaves %i and returns %i', async (name, [before, ...operands], after, returned) => {
    const source = text(
      `const t = ({ m }: Ctx) => Atomics.${name}(m, 3, ${operands.join(', ')});`,
      't',
      `setup: (m: Int32Array) => { m[3] = ${before}; }, outcome: (m: Int32Array, _s: S, r: number[]) => m[3] + ' ' + r[0],`,
    );
    expect(await outcomeOf(source)).toBe(`${after} ${returned}`);
  });
});

describe('words that are watched', () => {
  it('are told of each write, also of the value that was there, and only those', async () => {
    const engine = await engineOf(
      text(
        `const t = ({ m, id }: Ctx) => { Atomics.store(m, 1, 0); Atomics.add(m, 2, 1); m[1] = 3; Atomics.compareExchange(m, 1, 9, 1); return id; };`,
        't',
        `setup: () => ({ log: [] as string[] }), watched: (w: number) => w === 1,
         onWrite: (_m: Int32Array, s: S, word: number, value: number, thread: number) => { s.log.push([word, value, thread].join(':')); },
         outcome: (_m: Int32Array, s: S) => s.log.join(' '),`,
        'type S = { log: string[] };',
      ),
    );
    expect(withOutcomes(engine).run(new ReplayStrategy([])).outcome).toBe('1:0:0 1:3:0');
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

  it('also when it cleans up and fails at that', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.load(m, 0); try { while (m[4] === 0); } finally { throw new Error('other'); } };`,
        'a',
        'maxSteps: 100,',
      ),
    );
    expect(engine.run(new ReplayStrategy([])).finding?.kind).toBe('livelock');
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
        'type S = Uint8Array;',
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
    expect([finding?.message, ...(finding?.details ?? [])].join('\n')).toMatch(
      /because word 1 was 0; thread 1 made it 1 at .*; nobody notified\n.*word 0 = 7, unchanged/,
    );
  });
});
