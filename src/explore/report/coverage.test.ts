import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import type { Coverage } from '../types.ts';
import { coverageLines, pctBound } from './coverage.ts';
import { forbiddenSeen, judgeOutcomes, outcomeTable } from './outcome-table.ts';
import { Signatures } from './signatures.ts';

const COVERAGE: Coverage = {
  schedules: 12_000,
  steps: 600_000,
  distinct: 80,
  saturation: 0.995,
  boundExhausted: 2,
  outcomes: new Map(),
  ms: 2000,
};

describe('Signatures', () => {
  it('counts as a map does', () => {
    const rng = new Rng(1, 0);
    const signatures = new Signatures();
    const counts = new Map<string, number>();
    for (let i = 0; i < 20_000; i++) {
      // Words that differ in the high bits only, too.
      const [a, b] = [(rng.next32() % 60) << 26, rng.next32() % 90];
      const key = `${a | 0},${b}`;
      expect(signatures.add(a, b)).toBe(!counts.has(key));
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const once = [...counts.values()].filter((n) => n === 1).length;
    expect(signatures.distinct).toBe(counts.size);
    expect(signatures.total).toBe(20_000);
    expect(signatures.saturation).toBeCloseTo(1 - once / 20_000, 12);
    expect(signatures.exact).toBe(true);
  });

  it('goes on with a sample when it is full', () => {
    const rng = new Rng(2, 0);
    const signatures = new Signatures(1024);
    // Half of the executions are one of 100, half are new each time.
    for (let i = 0; i < 40_000; i++) {
      if (i % 2 === 0) signatures.add(rng.next32() % 100, 0);
      else signatures.add(i, 1);
    }
    expect(signatures.exact).toBe(false);
    expect(signatures.total).toBe(40_000);
    expect(signatures.data().a.length).toBeLessThan(1024);
    expect(signatures.distinct / 20_100).toBeGreaterThan(0.8);
    expect(signatures.distinct / 20_100).toBeLessThan(1.25);
    expect(signatures.saturation).toBeGreaterThan(0.2);
    expect(signatures.saturation).toBeLessThan(0.75);
  });

  it('adds up what several have seen', () => {
    const all = new Signatures(8192);
    const parts = [new Signatures(1024), new Signatures(8192)];
    for (let i = 0; i < 9000; i++) {
      const [a, b] = [i % 2000, i % 3];
      all.add(a, b);
      parts[i & 1].add(a, b);
    }
    // The first part had room for a sample only.
    expect(parts.map((p) => p.exact)).toEqual([false, true]);
    for (const order of [parts, parts.toReversed()]) {
      const joined = new Signatures(8192);
      for (const part of order) joined.merge(part.data());
      expect(joined.total).toBe(9000);
      expect(joined.exact).toBe(false);
      expect(joined.distinct / all.distinct).toBeGreaterThan(0.8);
      expect(joined.distinct / all.distinct).toBeLessThan(1.25);
      expect(Math.abs(joined.saturation - all.saturation)).toBeLessThan(0.1);
    }
  });

  it('has nothing to say about nothing', () => {
    expect(new Signatures()).toMatchObject({ total: 0, distinct: 0, saturation: 0 });
    expect(() => new Signatures(1000)).toThrow('power of two');
  });
});

describe('pctBound', () => {
  it('is the guarantee of PCT', () => {
    const { perSchedule, together, for99 } = pctBound(3, 100, 2, 300);
    expect(perSchedule).toBeCloseTo(1 / 300, 12);
    expect(together).toBeCloseTo(1 - (299 / 300) ** 300, 12);
    expect(1 - (1 - perSchedule) ** for99).toBeGreaterThanOrEqual(0.99);
    expect(1 - (1 - perSchedule) ** (for99 - 1)).toBeLessThan(0.99);
    expect(pctBound(1, 100, 1, 1)).toEqual({ perSchedule: 1, together: 1, for99: 1 });
  });
});

describe('coverageLines', () => {
  it('say what was tried and what may be left', () => {
    const pct = { threads: 2, steps: 50, depth: 2, schedules: 100 };
    expect(coverageLines(COVERAGE, { pct })).toEqual([
      '12,000 schedules, 600,000 steps in 2 s (6,000/s, 300,000/s)',
      '80 distinct executions, saturation 99.5 %: one schedule in about 200 would be new',
      'all interleavings with at most 2 preemptions seen',
      'PCT, 2 threads, 50 steps: 100 schedules show a defect of depth 2 with a probability of 63.4 % or more; 459 would with 99 %',
    ]);
    const exhaustive = { ...COVERAGE, boundExhausted: Infinity, distinct: 1 };
    expect(coverageLines(exhaustive, { exhaustive: true }).slice(1)).toEqual([
      '1 program state',
      'all interleavings seen (states are told apart by a hash)',
    ]);
    expect(
      coverageLines({ ...COVERAGE, boundExhausted: -1, saturation: 1 }, { estimated: true }).slice(1),
    ).toEqual([
      'about 80 distinct executions, saturation 100.0 %: one schedule in more than 12,000 would be new',
      'no bound of preemptions exhausted',
    ]);
  });
});

describe('the table of outcomes', () => {
  const seen = new Map([
    ['0, 1', 30],
    ['1, 1', 69_969],
    ['2, 2', 1],
  ]);

  it('is sorted by how often, without rules', () => {
    expect(outcomeTable(judgeOutcomes(seen)).split('\n')).toEqual([
      '  RESULT  SAMPLES      FREQ',
      '  1, 1     69,969  > 99.9 %',
      '  0, 1         30   < 0.1 %',
      '  2, 2          1   < 0.1 %',
    ]);
    expect(outcomeTable(judgeOutcomes(seen), 1)).toMatch(/\n {2}and 2 more$/);
  });

  it('judges by rules, and what they do not name is forbidden', () => {
    const rows = judgeOutcomes(seen, [
      { outcome: '0, 0', expect: 'interesting', doc: 'both first' },
      { outcome: '1, 1', expect: 'acceptable', doc: 'one after the other' },
      { outcome: '2, 2', expect: 'forbidden', doc: 'torn' },
      { outcome: '3, 3', expect: 'forbidden', doc: 'from nowhere' },
    ]);
    expect(rows.map((r) => [r.outcome, r.samples, r.expect])).toEqual([
      ['0, 0', 0, 'interesting'],
      ['1, 1', 69_969, 'acceptable'],
      ['2, 2', 1, 'forbidden'],
      ['3, 3', 0, 'forbidden'],
      ['0, 1', 30, 'forbidden'],
    ]);
    expect(forbiddenSeen(rows).map((r) => r.outcome)).toEqual(['2, 2', '0, 1']);
    const table = outcomeTable(rows).split('\n');
    expect(table[0]).toBe('  RESULT  SAMPLES      FREQ  EXPECT       DESCRIPTION');
    expect(table[1]).toBe('  0, 0          0     0.0 %  INTERESTING  both first');
    expect(table[5]).toBe('  0, 1         30   < 0.1 %  FORBIDDEN    no rule names it');
  });
});
