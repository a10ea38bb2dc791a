import { describe, expect, it } from 'vitest';
import type { BenchContext } from '../core/case.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { concludePageGet, pageGetCase, pageGetFamily } from './family.ts';
import { selfCheckMain } from './self-check.ts';

const context = (quick: boolean): BenchContext => ({ quick, seed: 1, warn: () => undefined });

describe('page-get family', () => {
  it('has a case for each question, each with a name and settings of its own', async () => {
    const parsed = await pageGetFamily.parse([], COMMON_OPTIONS, context(true));
    if (typeof parsed === 'string') throw new Error(parsed);
    const { cases } = parsed;
    expect(cases.map((c) => c.case)).toEqual([
      'hit, S latch',
      'hit, X latch',
      'hit, S latch, against one without statistics',
      'hit, S latch, with latch-order checks',
      '2 threads, 2 instances',
      '2 threads, 1 instance',
    ]);
    expect(new Set(cases.map((c) => JSON.stringify([c.case, c.settings]))).size).toBe(cases.length);
    expect(cases.map((c) => c.better)).toEqual(['lower', 'lower', 'lower', 'lower', 'higher', 'higher']);
    expect(await pageGetFamily.parse(['--help'], COMMON_OPTIONS, context(true))).toContain(
      '--rounds-per-process',
    );
    await expect(
      pageGetFamily.parse(['--rounds-per-process', '0'], COMMON_OPTIONS, context(true)),
    ).rejects.toThrow("--rounds-per-process: '0' is not an integer from 1 to 1000");
  });

  it('takes each sample with its yardstick, and the next process when one has done its rounds', async () => {
    const bench = pageGetCase('hit S', { quick: true, roundsPerProcess: 1 });
    try {
      await bench.open?.();
      for (const no of [0, 1]) {
        const { value, reference, group } = await bench.round(no);
        expect(value).toBeGreaterThan(0);
        expect(reference).toBeGreaterThan(0);
        expect(group).toBe(no);
      }
    } finally {
      await bench.close?.();
    }
  });

  it.each(['against', 'order', '2 instances'] as const)(
    '%s: gives a sample and a yardstick',
    async (kind) => {
      const bench = pageGetCase(kind, { quick: true, roundsPerProcess: 2 });
      try {
        await bench.open?.();
        const { value, reference, group } = await bench.round(1);
        expect([value > 0, (reference ?? 0) > 0, group]).toEqual([true, true, 0]);
      } finally {
        await bench.close?.();
      }
    },
  );

  it('says what the ratios mean', () => {
    const row = {
      case: 'hit, S latch, against one without statistics',
      samples: [103, 210],
      reference: [100, 200],
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only what is read
    expect(concludePageGet([row as never])).toBe(
      'Statistics cost 4.0 % of a hit without them (at most 5 %).',
    );
    expect(concludePageGet([])).toBe(null);
  });

  it('the self-check does not run from sources', async () => {
    await expect(selfCheckMain([])).rejects.toThrow('compiled output only');
  });
});
