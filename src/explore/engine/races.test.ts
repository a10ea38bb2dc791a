/** Which accesses race, and which do not: small programs of two threads, all of whose schedules agree. */
import { describe, expect, it } from 'vitest';
import { ReplayStrategy } from '../search/replay.ts';
import { CHOICE } from '../types.ts';
import { draw, engineOf, scenarioText } from './test-kit.ts';

const CTX = `type Ctx = { m: Int32Array; s: { u8: Uint8Array; u16: Uint16Array; i64: BigInt64Array } };`;
const SETUP = `setup: (m: Int32Array) => ({ u8: new Uint8Array(m.buffer), u16: new Uint16Array(m.buffer), i64: new BigInt64Array(m.buffer) }),`;

async function kindOf(a: string, b: string, more = SETUP): Promise<string | undefined> {
  const body = `${CTX} const a = ({ m, s }: Ctx) => { ${a} }; const b = ({ m, s }: Ctx) => { ${b} };`;
  const { found } = draw(await engineOf(scenarioText(body, 'a, b', more)), 400);
  return found?.finding.kind;
}

describe('races', () => {
  it.each([
    ['plain write, plain read', 'm[4] = 1;', 'void m[4];', 'race'],
    ['plain write, plain write', 'm[4] = 1;', 'm[4] = 1;', 'race'],
    ['two plain reads', 'void m[4];', 'void m[4];', undefined],
    ['plain read, atomic write', 'void m[4];', 'Atomics.store(m, 4, 1);', 'race'],
    ['plain write, atomic read', 'm[4] = 1;', 'Atomics.load(m, 4);', 'race'],
    ['plain read, atomic read', 'void m[4];', 'Atomics.load(m, 4);', undefined],
    ['two atomic writes', 'Atomics.add(m, 4, 1);', 'Atomics.store(m, 4, 1);', undefined],
    [
      'a failed compareExchange writes nothing',
      'void m[4];',
      'Atomics.compareExchange(m, 4, 5, 1);',
      undefined,
    ],
    [
      'a failed compareExchange of 64 bits writes nothing',
      'void m[4];',
      'Atomics.compareExchange(s.i64, 2, 5n, 1n);',
      undefined,
    ],
    [
      'a failed compareExchange of 16 bits writes nothing',
      'void m[4];',
      'Atomics.compareExchange(s.u16, 8, 5, 1);',
      undefined,
    ],
    [
      'a compareExchange of 64 bits that changes nothing writes',
      'void m[4];',
      'Atomics.compareExchange(s.i64, 2, 2n ** 64n, 0n);',
      'race',
    ],
    [
      'a compareExchange that expects more than fits',
      'void m[4];',
      'Atomics.compareExchange(s.u16, 8, 65536, 7);',
      'race',
    ],
    ['other words', 'm[4] = 1;', 'm[5] = 1;', undefined],
    ['other bytes of a word', 's.u8[16] = 1;', 's.u8[17] = 1;', undefined],
    ['a byte and its word', 's.u8[17] = 1;', 'm[4] = 1;', 'race'],
    ['a 64-bit value and its high word', 's.i64[2] = 1n;', 'void m[5];', 'race'],
    ['atomics of 16 and 32 bits', 'Atomics.store(s.u16, 8, 1);', 'Atomics.load(m, 4);', 'mixed-size'],
    ['atomics of 64 and 32 bits', 'Atomics.store(s.i64, 2, 1n);', 'Atomics.load(m, 5);', 'mixed-size'],
    ['atomics of 64 bits', 'Atomics.store(s.i64, 2, 1n);', 'Atomics.load(s.i64, 2);', undefined],
    ['atomic 64 bits and a plain byte', 'Atomics.store(s.i64, 2, 1n);', 'void s.u8[21];', 'race'],
    ['atomic 64 bits and the plain high word', 'Atomics.load(s.i64, 2);', 'm[5] = 1;', 'race'],
    ['atomic 64 bits and the byte behind', 'Atomics.store(s.i64, 2, 1n);', 's.u8[24] = 1;', undefined],
    ['atomics of 64 and 8 bits', 'Atomics.store(s.i64, 2, 1n);', 'Atomics.load(s.u8, 21);', 'mixed-size'],
    [
      'atomics of 8 bits beside each other',
      'Atomics.store(s.u8, 16, 1);',
      'Atomics.load(s.u8, 17);',
      undefined,
    ],
    ['atomics of 32 and 8 bits, both read', 'Atomics.load(m, 4);', 'Atomics.load(s.u8, 17);', undefined],
    ['fill and read', 'm.fill(0, 4, 8);', 'void m[7];', 'race'],
    ['fill beside', 'm.fill(0, 4, 8);', 'void m[8];', undefined],
    ['copyWithin and write of its source', 'm.copyWithin(8, 4, 6);', 'm[5] = 1;', 'race'],
    ['set from shared memory', 'm.set(m.subarray(4, 6), 8);', 'm[4] = 1;', 'race'],
    ['DataView', 'new DataView(m.buffer).setInt16(18, 1);', 'void m[4];', 'race'],
  ])('%s', async (_name, a, b, kind) => {
    expect(await kindOf(a, b)).toBe(kind);
  });
});

describe('races of the very first schedule', () => {
  // Words are watched byte by byte only from the first access in part on: what was before must not be lost.
  it.each([
    ['a word, then a byte of it', 'm[4] = 1;', 's.u8[17] = 1;', 'race'],
    ['an atomic word, then a byte', 'Atomics.store(m, 4, 1);', 'void s.u8[17];', 'race'],
    [
      'an atomic word, then an atomic byte',
      'Atomics.store(m, 4, 1);',
      'Atomics.load(s.u8, 17);',
      'mixed-size',
    ],
    ['64 bits, then a byte', 'Atomics.store(s.i64, 2, 1n);', 'void s.u8[21];', 'race'],
    ['a word read, then a byte written', 'void m[4];', 's.u8[16] = 1;', 'race'],
    ['an atomic read, then a plain write', 'Atomics.load(m, 4);', 'Atomics.load(m, 60); m[4] = 1;', 'race'],
    [
      'a word and half of it, then the word',
      'Atomics.load(m, 4); Atomics.store(s.u16, 8, 1);',
      'Atomics.load(m, 60); Atomics.load(m, 4);',
      'mixed-size',
    ],
    ['a word, then a byte of another', 'm[4] = 1;', 's.u8[20] = 1;', undefined],
    [
      'a message in a word, read as bytes',
      'm[4] = 1; Atomics.store(m, 0, 1);',
      'if (Atomics.load(m, 0) === 1) void s.u8[16];',
      undefined,
    ],
    [
      'a clock given by a word, taken by its bytes',
      'm[8] = 1; Atomics.store(m, 4, 1);',
      'if (Atomics.load(s.u8, 16) === 1) void m[8];',
      'mixed-size',
    ],
  ])('%s', async (_name, a, b, kind) => {
    const body = `${CTX} const a = ({ m, s }: Ctx) => { ${a} }; const b = ({ m, s }: Ctx) => { ${b} };`;
    const engine = await engineOf(scenarioText(body, 'a, b', SETUP));
    const first = engine.run(new ReplayStrategy([])).finding?.kind;
    expect(first).toBe(kind);
    // ... and the same schedule says the same for ever after.
    for (let i = 0; i < 3; i++) expect(engine.run(new ReplayStrategy([])).finding?.kind).toBe(kind);
  });
});

describe('order', () => {
  it.each([
    [
      'message by a flag',
      'm[4] = 1; Atomics.store(m, 0, 1);',
      'if (Atomics.load(m, 0) === 1) void m[4];',
      undefined,
    ],
    [
      'message by a flag of 16 bits, taken by an addition',
      'm[4] = 1; Atomics.store(s.u16, 0, 1);',
      'if (Atomics.add(s.u16, 0, 0) === 1) void m[4];',
      undefined,
    ],
    [
      'flag written too early',
      'Atomics.store(m, 0, 1); m[4] = 1;',
      'if (Atomics.load(m, 0) === 1) void m[4];',
      'race',
    ],
    ['flag by plain write', 'm[4] = 1; m[0] = 1;', 'if (Atomics.load(m, 0) === 1) void m[4];', 'race'],
    [
      'woken by notify',
      'm[4] = 1; while (Atomics.notify(m, 0) === 0);',
      'Atomics.wait(m, 0, 0); void m[4];',
      undefined,
    ],
    [
      'atomics of two widths in order, and then of one width without',
      'Atomics.store(s.u16, 8, 1); Atomics.store(m, 0, 1); Atomics.store(m, 4, 2);',
      'if (Atomics.load(m, 0) === 1) Atomics.store(m, 4, 1);',
      undefined,
    ],
    [
      'written after the notify',
      'while (Atomics.notify(m, 0) === 0); m[4] = 1;',
      'Atomics.wait(m, 0, 0); void m[4];',
      'race',
    ],
    [
      'a test-then-set lock',
      'while (Atomics.load(m, 0) !== 0); Atomics.store(m, 0, 1); m[4]++; Atomics.store(m, 0, 0);',
      'while (Atomics.load(m, 0) !== 0); Atomics.store(m, 0, 1); m[4]++; Atomics.store(m, 0, 0);',
      'race',
    ],
  ])('%s', async (_name, a, b, kind) => {
    expect(await kindOf(a, b)).toBe(kind);
  });

  it('what a word has seen in an earlier schedule does not count for its bytes', async () => {
    const body = `${CTX}
      const a = ({ m }: Ctx) => { if (Atomics.load(m, 1) === 0) { m[4] = 1; Atomics.store(m, 2, 1); } };
      const b = ({ m, s }: Ctx) => { Atomics.store(m, 1, 1); if (Atomics.load(m, 2) === 0) void s.u8[16]; };`;
    const engine = await engineOf(scenarioText(body, 'a, b', SETUP));
    expect(engine.run(new ReplayStrategy([])).finding).toBeNull();
    const bytes = new ReplayStrategy([{ thread: 0, op: 0, to: 1, what: CHOICE.run }]);
    expect(engine.run(bytes).finding).toBeNull();
  });

  it('a race on bytes is one on their word', async () => {
    const body = `${CTX} const a = ({ s }: Ctx) => { s.u8[18] = 1; }; const b = ({ m }: Ctx) => { void m[4]; };`;
    const { found } = draw(await engineOf(scenarioText(body, 'a, b', SETUP)), 10);
    expect(found?.finding).toMatchObject({ kind: 'race', word: 4 });
    expect(found?.finding.message).toMatch(
      /^data race on word 4: plain read by thread 1 at .+ and plain write by thread 0 at .+, unordered$/,
    );
  });

  it('unguarded reads that the layout declares are exempt, writes are not', async () => {
    const words = `words: (w: number) => ({ name: 'w' + w, dirtyRead: w === 4 }),`;
    expect(await kindOf('m[4] = 1;', 'void m[4];', words)).toBeUndefined();
    expect(await kindOf('m[4] = 1;', 'm[4] = 2;', words)).toBe('race');
    expect(await kindOf('m[5] = 1;', 'void m[5];', words)).toBe('race');
  });

  it('without the detector a test-then-set lock passes as long as plain accesses are no points', async () => {
    const t = 'while (Atomics.load(m, 0) !== 0); Atomics.store(m, 0, 1); m[4]++; Atomics.store(m, 0, 0);';
    const body = `${CTX} const a = ({ m }: Ctx) => { ${t} };`;
    const more = `check: (m: Int32Array) => { if (m[4] !== 2) throw new Error('lost update'); },`;
    const watched = await engineOf(scenarioText(body, 'a, a', more), { races: false });
    expect(draw(watched, 3000).found).toBeNull();
    const points = await engineOf(scenarioText(body, 'a, a', more), { races: false, plain: 'all' });
    expect(draw(points, 3000).found?.finding.kind).toBe('check');
  });
});

describe('shared memory behind any', () => {
  const ANY = 'type Any = { m: any; s: any; id: number };';
  const of = (body: string, more = ''): string =>
    scenarioText(`${ANY} const a = ({ m, s, id }: Any) => { ${body} };`, 'a, a', more);
  const ANY_SETUP = `setup: (m: Int32Array) => ({ u8: new Uint8Array(m.buffer), map: new Map(), list: [1, 2], o: { x: 1 }, f: [() => 7] }),`;

  it.each([
    ['an element', 's.u8[16]++;'],
    ['a read and a write', 'void m[4]; m[4] = 1;'],
    ['a compound assignment', 'm[id + 4 - id] += 1;'],
    ['a range', 'm.fill(0, 4, 8);'],
  ])('is watched: %s', async (_name, body) => {
    expect(draw(await engineOf(of(body, ANY_SETUP)), 100).found?.finding.kind).toBe('race');
  });

  it('is put back, counted as steps, and a point where plain accesses are', async () => {
    const check = `check: (m: Int32Array) => { if (m[4] !== 2) throw new Error('lost update'); },`;
    const racy = await engineOf(of('m[4]++;', check), { races: false, plain: 'all' });
    expect(draw(racy, 500).found?.finding.kind).toBe('check');
    const spins = await engineOf(of('while (m[4] === 0);', 'maxSteps: 200,'));
    expect(draw(spins, 10).found?.finding.kind).toBe('livelock');
  });

  it('everything else behind any is as it was', async () => {
    const body = `s.map.set(id, 2); s.list[0] += 1; const k = 'x'; s.o[k]++; s.o['x']++; const g = s.f;
      return [s.map.get(id), s.list[0] > 1, s.o.x > 1, g[0](), 'abc'[1], (s.list as any).length].join();`;
    const engine = await engineOf(of(body, ANY_SETUP));
    const { found, outcomes } = draw(engine, 50);
    expect(found).toBeNull();
    expect([...outcomes.keys()]).toEqual(['2,true,true,7,b,2, 2,true,true,7,b,2']);
  });
});
