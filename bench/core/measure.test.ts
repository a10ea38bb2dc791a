import { describe, expect, it } from 'vitest';
import { measure, type PlacedCase } from './measure.ts';
import { aCase, ENVIRONMENT } from './test-kit.ts';
import type { BenchCase, Round } from './case.ts';

const place = (bench: BenchCase, rounds = 3): PlacedCase => ({
  family: 'latch',
  bench,
  axes: { a: '1' },
  rounds,
});
const options = { seed: 1, environment: ENVIRONMENT, stopped: () => false, progress: () => undefined };

describe('measure', () => {
  it('takes every case once in each round, in another order each time', async () => {
    const log: string[] = [];
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await measure(
      names.map((n) => place(aCase(n, () => ({ value: 1 }), log))),
      options,
    );
    const rounds = [0, 1, 2].map((no) => log.slice(6 + no * 6, 12 + no * 6));
    for (const [no, round] of rounds.entries()) expect(round.toSorted()).toEqual(names.map((n) => n + no));
    expect(new Set(rounds.map((r) => r.map((x) => x[0]).join(''))).size).toBeGreaterThan(1);
    expect(log.slice(0, 6)).toEqual(names.map((n) => `open ${n}`));
    expect(log.slice(24)).toEqual(names.map((n) => `close ${n}`));
  });

  it('makes a row of the rounds: samples in order, yardstick, process, medians of further figures', async () => {
    const taken: Round[] = [
      { value: 3, reference: 1, group: 0, extra: { hits: 1, waits: { lru: 5 } } },
      { value: 1, reference: 2, group: 1, extra: { hits: 3, waits: { lru: 7, hash: 2 } } },
      { value: 2, reference: 3, group: 1, extra: { hits: 2, waits: { lru: 6 } } },
    ];
    const [row] = await measure([place(aCase('a', (no) => taken[no]))], options);
    expect(row).toMatchObject({
      family: 'latch',
      axes: { a: '1' },
      samples: [3, 1, 2],
      reference: [1, 2, 3],
      group: [0, 1, 1],
      extra: { hits: 2, waits: { lru: 6, hash: 2 } },
    });
  });

  it('a yardstick that is not there in every round is none', async () => {
    const [row] = await measure(
      [place(aCase('a', (no) => (no === 1 ? { value: 1 } : { value: 1, reference: 1 })))],
      options,
    );
    expect(row.reference).toBeNull();
  });

  it('cases may have fewer rounds than others', async () => {
    const rows = await measure(
      [
        place(
          aCase('a', () => ({ value: 1 })),
          1,
        ),
        place(
          aCase('b', () => ({ value: 1 })),
          4,
        ),
      ],
      options,
    );
    expect(rows.map((r) => r.samples.length)).toEqual([1, 4]);
  });

  it('ends early when asked to, with what there is', async () => {
    let asked = 0;
    const rows = await measure(
      [place(aCase('a', () => ({ value: 1 }))), place(aCase('b', () => ({ value: 1 })))],
      {
        ...options,
        stopped: () => ++asked > 1,
      },
    );
    expect(rows.map((r) => r.samples.length)).toEqual([1]);
  });

  it('closes what was opened when a round fails', async () => {
    const log: string[] = [];
    const bad = aCase(
      'b',
      () => {
        throw new Error('no');
      },
      log,
    );
    await expect(
      measure([place(aCase('a', () => ({ value: 1 }), log)), place(bad)], options),
    ).rejects.toThrow('no');
    expect(log).toEqual(expect.arrayContaining(['close a', 'close b']));
  });
});
