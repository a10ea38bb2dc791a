import { afterAll, describe, expect, it } from 'vitest';
import type { BenchContext } from '../core/case.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { BenchProcess } from '../core/process.ts';
import { PLAIN } from '../core/variant.ts';
import type { LatchRequest, LatchSample } from './child.ts';
import { CONTENDERS } from './contenders.ts';
import { casesOf, concludeLatch, latchFamily, readThreads } from './family.ts';
import { Fair, FAIR_WORDS } from './ladder/fair.ts';

const present = CONTENDERS.filter((c) => (c.missing?.() ?? null) === null);
const flawed = present.filter((c) => c.flaw !== undefined);
const THREADS = 3;

describe.each(present)('$name', (contender) => {
  const child = new BenchProcess<LatchRequest, LatchSample>(
    PLAIN.url('bench/latch/child.js'),
    contender.execArgv,
  );
  afterAll(() => child.close());
  const common = { contender: contender.name, quick: true };
  const together = { ...common, kind: 'together', threads: THREADS, section: 20, think: 20 } as const;

  // The process itself compares the count that the latch guards with what the threads did, and throws.
  it.skipIf(flawed.includes(contender))('keeps threads apart that exclude each other', async () => {
    const { value, extra } = await child.ask({ ...together, latches: 1, readers: false });
    expect(value).toBeGreaterThan(0);
    expect(Object.keys(extra ?? {})).toEqual(['handoffsPerSecond', 'maxToMinSections', 'longestWaitUs']);
  });

  it.skipIf(flawed.includes(contender))('keeps readers and writers apart', async () => {
    const { value } = await child.ask({ ...together, latches: 1, readers: true });
    expect(value).toBeGreaterThan(0);
  });

  it('is measured alone, and two beside each other', async () => {
    for (const shared of [false, true]) {
      const { value, reference } = await child.ask({ ...common, kind: 'pair', shared });
      expect([value > 0, (reference ?? 0) > 0]).toEqual([true, true]);
    }
    if (contender.single === true || contender.flaw !== undefined) return;
    const { value, reference } = await child.ask({ ...together, threads: 2, latches: 2, readers: false });
    expect([value > 0, (reference ?? 0) > 0]).toEqual([true, true]);
  });
});

describe('fair', () => {
  it('hands tickets on across the end of their numbers', () => {
    const mem = new Int32Array(FAIR_WORDS);
    Fair.init(mem, 0);
    const latch = new Fair(mem, 0);
    for (let i = 0; i < 200; i++) latch.exclusive(() => undefined);
    expect(mem[0]).toBe(200);
  });
});

describe('latch family', () => {
  const warnings: string[] = [];
  const context = (quick: boolean): BenchContext => ({
    quick,
    seed: 1,
    warn: (line) => void warnings.push(line),
  });
  const plan = { quick: true, threads: [1, 2], section: 5, think: 6 };

  it('has the cases that a contender can do', () => {
    const names = (name: string): string[] => {
      const contender = CONTENDERS.find((c) => c.name === name);
      return contender === undefined ? [] : casesOf(contender, plan).map((c) => c.case);
    };
    const mutex = ['alone, exclusive', '2 threads, 2 latches', '1 thread, 1 latch', '2 threads, 1 latch'];
    expect(names('latchlab mutex')).toEqual(mutex);
    expect(names('latchlab sx-lock, X and S')).toEqual(
      mutex.toSpliced(1, 0, 'alone, shared').concat('2 threads, 1 latch, 90 % shared'),
    );
    expect(names('mortice')).toEqual(
      [
        'alone, exclusive',
        'alone, shared',
        '1 thread, 1 latch',
        '2 threads, 1 latch',
        '2 threads, 1 latch, 90 % shared',
      ].map((n) => `${n}, awaited`),
    );
  });

  it('leaves out what this Node lacks, and says why; settings hold all that matters', async () => {
    const parsed = await latchFamily.parse(['--section', '7'], COMMON_OPTIONS, context(false));
    if (typeof parsed === 'string') throw new Error(parsed);
    const { cases } = parsed;
    expect(new Set(cases.map((c) => c.contender))).toEqual(new Set(present.map((c) => c.name)));
    expect(warnings.length).toBe(CONTENDERS.length - present.length + flawed.length);
    for (const line of warnings) expect(line).toMatch(/^latch: .+ is left out(?: with several threads)?: .+/);
    const keys = cases.map((c) => JSON.stringify([c.contender, c.case, c.settings]));
    expect(new Set(keys).size).toBe(keys.length);
    expect(cases.find((c) => c.case === '4 threads, 1 latch')?.settings).toMatchObject({
      threads: 4,
      latches: 1,
      section: 7,
      think: 200,
    });
  });

  it('tells who got the latch', () => {
    const row = {
      contender: 'some latch',
      case: '2 threads, 1 latch',
      samples: [1],
      reference: null,
      extra: { handoffsPerSecond: 12.4, maxToMinSections: 1.25, longestWaitUs: null },
    };
    expect(concludeLatch([row as never])).toMatch(/some latch +│ 2 threads, 1 latch +│ +12 +│ +1\.3 +│ +- /);
    expect(concludeLatch([])).toBe(null);
  });

  it('refuses what it cannot use in one line', async () => {
    expect(readThreads('1, 2,8')).toEqual([1, 2, 8]);
    for (const text of ['', '0', '65', '2,2', '1.5', '2,', 'x', '1e1']) {
      expect(() => readThreads(text)).toThrow(`--threads: '${text}' is not a list`);
    }
    await expect(latchFamily.parse(['--contender', 'zzz'], COMMON_OPTIONS, context(true))).rejects.toThrow(
      "--contender: 'zzz' is in no name of latchlab mutex",
    );
  });
});
