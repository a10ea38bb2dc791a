/** Table, sentences, predictions and page of rows that are made by hand. */
import { describe, expect, it } from 'vitest';
import { FORMAT, type Row } from '../core/row.ts';
import { concludePool } from './conclude.ts';
import { predictionsOf } from './predict.ts';
import { toSweepPage } from './sweep-page.ts';
import { poolTable } from './table.ts';
import { poolRow } from './test-kit.ts';

const INSTANCES = 'innodb-buffer-pool-instances';
/** Five rounds about a middle, in another order each time it is called: rounds have nothing in common. */
let calls = 0;
const wobble = (middle: number): number[] => {
  const factors = [0.99, 1.01, 1, 0.985, 1.015];
  const turn = calls++ % factors.length;
  return [...factors.slice(turn), ...factors.slice(0, turn)].map((f) => middle * f);
};

const row = (
  instances: string,
  gets: number,
  waits: { lru?: number; hash?: number } = {},
  zipf = '0.9',
): Row =>
  poolRow({
    axes: { [INSTANCES]: instances, zipf },
    settings: { innodb_buffer_pool_instances: Number(instances), zipf: Number(zipf) },
    samples: wobble(gets),
    ...waits,
  });

describe('sentences', () => {
  it('tell a difference with its interval, and where the queue goes', () => {
    const text = concludePool([
      row('1', 100_000, { lru: 800, hash: 90 }),
      row('4', 125_000, { lru: 200, hash: 300 }),
    ]);
    expect(text).toMatch(
      /innodb-buffer-pool-instances \(zipf 0\.9\): 4 instead of 1: \+2[2-8] % page gets \(\+/,
    );
    expect(text).toContain('buf_pool_LRU_list_mutex fall from 800.0 to 200.0 ms/s');
    expect(text).toContain('hash_table_locks rise from 90.00 to 300.0 ms/s');
    expect(text).toContain('Most waiting is then for hash_table_locks, not buf_pool_LRU_list_mutex.');
  });

  it('do not tell of waits that hardly change, or of little waiting', () => {
    const text = concludePool([
      row('1', 100_000, { lru: 800, hash: 9 }),
      row('4', 125_000, { lru: 700, hash: 1 }),
    ]);
    expect(text).toContain('4 instead of 1: +');
    expect(text).not.toContain('waits');
  });

  it('tell a loss as one', () => {
    expect(concludePool([row('1', 100_000), row('4', 80_000)])).toMatch(
      /4 instead of 1: −(19|20|21|22) % page gets/,
    );
  });

  it('tell no difference where there is none', () => {
    const text = concludePool([row('1', 100_000, { lru: 800 }), row('4', 100_300, { lru: 100 })]);
    expect(text).toMatch(/no difference beyond noise; the largest is 4 instead of 1: [+−]\d\.\d %/);
    expect(text).not.toContain('waits');
  });

  it('keep loads apart, and average over what else can be chosen', () => {
    const rows = ['0', '1.1'].flatMap((zipf) =>
      ['1', '4'].flatMap((n) =>
        ['1', '64'].map((locks): Row => {
          const made = row(n, (n === '4' ? 130_000 : 100_000) * (zipf === '0' ? 1 : 2), {}, zipf);
          return { ...made, axes: { ...made.axes, 'innodb-page-hash-locks': locks } };
        }),
      ),
    );
    const lines = concludePool(rows)?.split('\n') ?? [];
    expect(lines).toHaveLength(4);
    expect(lines[0]).toMatch(
      /instances \(zipf 0; over all innodb-page-hash-locks\): 4 instead of 1: \+(29|30|31) %/,
    );
    expect(lines[3]).toMatch(
      /hash-locks \(zipf 1\.1; over all innodb-buffer-pool-instances\): no difference/,
    );
  });

  it('are about the load where nothing else was swept', () => {
    const rows = ['0', '1.1'].map((zipf) =>
      poolRow({ axes: { zipf }, settings: { zipf }, samples: wobble(zipf === '0' ? 100 : 200) }),
    );
    expect(concludePool(rows)).toMatch(/^zipf: 1\.1 instead of 0: \+(9\d|10\d) % page gets/);
  });

  it('are none for a single cell', () => {
    expect(concludePool([poolRow({ samples: [1, 2] })])).toBeNull();
  });

  it('claim nothing from one round', () => {
    const one = (n: string, gets: number): Row => ({ ...row(n, gets), samples: [gets], group: [0] });
    expect(concludePool([one('1', 100), one('4', 200)])).toContain('no difference beyond noise');
  });
});

describe('the table', () => {
  it('shows where most waiting is, and its share', () => {
    const text = poolTable([row('1', 100_000, { lru: 750, hash: 250 })]);
    expect(text).toContain('buf_pool_LRU_list_mutex 75 %, hash_table_locks 25 %');
    expect(text).toMatch(/│ +1,000 │/);
    expect(text).toMatch(/│ +90\.0 │/);
  });

  it('says when others used the machine', () => {
    const made = row('1', 100_000);
    const busy = { ...made, extra: { ...made.extra, othersProcessors: 0.84 } };
    expect(poolTable([made])).not.toContain('Other programs');
    expect(poolTable([made, busy])).toContain('Other programs kept up to 0.8 processors busy');
  });

  it('marks the best choice under a load only if it is ahead of all others', () => {
    const ahead = poolTable([row('1', 100_000), row('4', 130_000), row('8', 110_000)]);
    expect(ahead.split('\n').filter((l) => l.includes('* '))).toHaveLength(1);
    expect(ahead).toMatch(/│ +4 │ +0\.9 │ +\* 130,000/);
    expect(poolTable([row('1', 100_000), row('4', 130_000), row('8', 129_900)])).not.toContain('* ');
    // Another load is no choice.
    expect(poolTable([row('1', 100_000, {}, '0'), row('1', 130_000, {}, '1.1')])).not.toContain('* ');
  });
});

describe('predictions', () => {
  const sessions = (n: number, gets: number, instances = '1'): Row =>
    poolRow({
      axes: { [INSTANCES]: instances },
      settings: { sessions: n, innodb_buffer_pool_instances: Number(instances) },
      samples: wobble(gets),
      lru: n * n,
    });
  const rows = ['1', '4'].flatMap((i) => [sessions(1, 100_000, i), sessions(2, 180_000, i)]);

  it('are made for each cell that was measured with several numbers of sessions', () => {
    const made = predictionsOf(rows);
    expect(made.map((p) => p.at)).toEqual([`${INSTANCES} 1`, `${INSTANCES} 4`]);
    expect(made[0].prediction.rows.map((r) => r.cores)).toEqual([16, 64, 256]);
    expect(made[0].prediction.fit.map((f) => f.measured)).toEqual([100_000, 180_000]);
    // Four instances have four times as many of these latches.
    expect(made.map((p) => p.prediction.queue?.latches.find((l) => l.name === 'lruList')?.servers)).toEqual([
      1, 4,
    ]);
    expect(predictionsOf([sessions(1, 100_000)])).toEqual([]);
  });

  it('say that they are, in text and page', () => {
    expect(concludePool(rows)).toContain('PREDICTION');
    const page = toSweepPage({ format: FORMAT, command: 'x', quick: false, warnings: [], rows });
    expect(page.axes.map((a) => a.name)).toEqual([INSTANCES, 'sessions']);
    expect(page.predictions).toHaveLength(2);
    const [{ text, curves }] = page.predictions;
    expect(text).toContain('PREDICTION');
    expect(curves.find((c) => c.measured)?.points).toEqual([
      { x: 1, y: 100_000 },
      { x: 2, y: 180_000 },
    ]);
    for (const c of curves) if (!c.measured) expect(c.name).toContain('PREDICTION');
  });
});
