/** The family `explore` in short: each kind of case takes a round, and the table says what the figures come to. */
import { describe, expect, it } from 'vitest';
import { repositoryRoot, loadCatalog } from '../../stress/explore/catalog.ts';
import { labOf } from '../../stress/explore/labs.ts';
import type { BenchCase } from '../core/case.ts';
import { readEnvironment } from '../core/environment.ts';
import { measure } from '../core/measure.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { type Row, sealRow } from '../core/row.ts';
import {
  conformanceCase,
  exhaustCase,
  linearizabilityCase,
  raceCase,
  rateCase,
  replayCase,
  traceHashes,
  transformCases,
} from './cases.ts';
import { EXHAUSTIVE, exploreFamily } from './family.ts';
import { concludeExplore, TARGETS } from './targets.ts';

const SHORT: readonly BenchCase[] = [
  rateCase('1', 'latch-2x1', { strategy: 'random' }, 0.05, 'schedules'),
  rateCase('2', 'mutex-2x1', { strategy: 'pct', parameter: 3 }, 0.05, 'schedules'),
  rateCase('3', 'mutex-2x1', { strategy: 'random' }, 0.05, 'steps'),
  exhaustCase('4', 'latch-2x2', 20_000),
  replayCase('8', 'mutex-2x1', 20),
  raceCase('10', 'mutex-2x1', 20),
  linearizabilityCase('11', 30),
  ...transformCases('13'),
  conformanceCase('14'),
];

const measured = measure(
  SHORT.map((bench) => ({ family: 'explore', bench, axes: {}, rounds: 1 })),
  { seed: 1, environment: readEnvironment(), stopped: () => false, progress: () => {} },
);

describe('a short run', () => {
  it('takes a positive figure of each kind of case', async () => {
    const rows = await measured;
    expect(rows.map((r) => r.settings['row'])).toEqual(SHORT.map((c) => c.settings['row']));
    for (const row of rows) expect(row.samples[0]).toBeGreaterThan(0);
    const [random, , steps, all, replay, races] = rows;
    expect(random.extra['steps of a schedule']).toBeGreaterThan(3);
    expect(steps.samples[0]).toBeGreaterThan(Number(steps.extra['schedules, 1/s']));
    expect(all.extra).toMatchObject({ complete: 1 });
    expect(all.extra['states']).toBeGreaterThan(20);
    // The same in another isolate, and not because all are the same.
    expect(replay.samples).toEqual([100]);
    expect(replay.extra['distinct']).toBeGreaterThan(5);
    expect(races.reference?.[0]).toBeGreaterThan(0);
    expect(rows.at(-1)?.samples).toEqual([100]);
  });

  it('is concluded by a table with a line for each target', async () => {
    const text = concludeExplore(await measured);
    for (const { property } of TARGETS) expect(text).toContain(property);
    expect(text).toMatch(/latch-2x2: \d+ states, \d+ executions/);
  });

  it('hashes traces by what they do: the same for a seed, others for another', async () => {
    const one = await traceHashes('latch-2x1', 1, 10);
    expect(await traceHashes('latch-2x1', 1, 10)).toEqual(one);
    expect(await traceHashes('latch-2x1', 2, 10)).not.toEqual(one);
  });
});

describe('the family', () => {
  it('measures scenarios that there are, and all interleavings of those that are small enough', async () => {
    const parsed = await exploreFamily.parse([], COMMON_OPTIONS, { quick: true, seed: 1, warn: () => {} });
    if (typeof parsed === 'string') throw new Error(parsed);
    const catalog = await loadCatalog();
    const programs = await labOf(`${repositoryRoot()}/bench/explore/programs.ts`).scenarios();
    const names = [...catalog, ...programs].map((s) => s.name);
    for (const { case: text } of parsed.cases) {
      const [name] = text.split(',');
      if (/^[\w-]+$/.test(name) && name !== 'stack') expect(names).toContain(name);
    }
    const small = catalog.filter((e) => e.exhaustive).map((e) => e.name);
    for (const name of EXHAUSTIVE.filter((n) => !n.startsWith('latch-'))) expect(small).toContain(name);
  });

  it('has a case for each target', async () => {
    const parsed = await exploreFamily.parse([], COMMON_OPTIONS, { quick: false, seed: 1, warn: () => {} });
    if (typeof parsed === 'string') throw new Error(parsed);
    const rows = new Set(parsed.cases.map((c) => String(c.settings['row'])));
    expect([...rows].toSorted()).toEqual([...new Set(TARGETS.map((t) => t.row))].toSorted());
  });
});

describe('the conclusion', () => {
  const row = (about: Partial<Row>): Row =>
    sealRow({
      family: 'explore',
      contender: 'explore',
      origin: 'ours',
      case: 'a',
      settings: { row: '1' },
      axes: {},
      seed: 1,
      environment: readEnvironment(),
      metric: 'm',
      unit: '1/s',
      better: 'higher',
      samples: [1],
      reference: null,
      group: [0],
      extra: {},
      ...about,
    });
  const verdictOf = (...rows: Row[]): string => {
    const line = concludeExplore(rows).split('\n')[1];
    return line.trim().split(/ {2,}/).at(-1) ?? '';
  };
  const time = { settings: { row: '4' }, better: 'lower', unit: 's' } as const;

  it.each([
    [[1_200_000], 'goal'],
    [[1_000_000], 'goal'],
    [[300_000], 'must'],
    [[199_000], 'MISSED'],
    [[150_000, 300_000, 250_000], 'must'],
  ] as const)('%j schedules/s: %s', (samples, verdict) => {
    expect(verdictOf(row({ samples: [...samples] }))).toBe(verdict);
  });

  it('takes the best of a row where one must be fast, and the worst where all must', () => {
    expect(verdictOf(row({ samples: [1] }), row({ case: 'b', samples: [2e6] }))).toBe('goal');
    expect(verdictOf(row({ ...time, samples: [1] }), row({ ...time, case: 'b', samples: [70] }))).toBe(
      'MISSED',
    );
    expect(verdictOf(row({ ...time, samples: [9] }), row({ ...time, case: 'b', samples: [1] }))).toBe('goal');
  });

  it('does not take for exhausted what was not', () => {
    expect(verdictOf(row({ ...time, samples: [1], extra: { complete: 0 } }))).toBe('NOT COMPLETE: a');
  });

  it('compares with the yardstick where there is one', () => {
    const races = { settings: { row: '10' }, better: 'lower', unit: 's' } as const;
    expect(verdictOf(row({ ...races, samples: [1.2], reference: [1] }))).toBe('goal');
    expect(verdictOf(row({ ...races, samples: [30], reference: [10] }))).toBe('MISSED');
  });
});
