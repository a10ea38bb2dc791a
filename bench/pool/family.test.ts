/** The family with real workers and files: a tiny sweep, what it leaves behind, and what it refuses. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../src/config/errors.ts';
import { STRESS_OPTIONS, STRESS_SYSVARS } from '../../stress/options/option-table.ts';
import { damage, range } from '../../stress/test-kit.ts';
import { measure } from '../core/measure.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { FORMAT, type Row } from '../core/row.ts';
import { ENVIRONMENT } from '../core/test-kit.ts';
import { poolFamily } from './family.ts';
import { PoolRunFailed } from './lab.ts';
import { withoutOptions } from './options.ts';
import { toSweepPage } from './sweep-page.ts';
import { aContext, place, TINY } from './test-kit.ts';

const options = { seed: 1, environment: ENVIRONMENT, stopped: () => false, progress: () => undefined };
const SWEEP = [...TINY, '--matrix', 'innodb-page-hash-locks=1,16'];

const before = process.env['TMPDIR'];
let temp = '';

beforeAll(() => {
  temp = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
  process.env['TMPDIR'] = temp;
});

afterEach(() => {
  expect(readdirSync(temp), 'left behind').toEqual([]);
});

afterAll(() => {
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  rmSync(temp, { recursive: true, force: true });
});

describe('a tiny sweep', () => {
  let rows: Row[] = [];

  it('is measured', async () => {
    const placed = await place(SWEEP);
    rows = await measure(placed, options);
    expect(rows).toHaveLength(2);
    expect(rows.map((r) => r.axes)).toEqual([
      { 'innodb-page-hash-locks': '1' },
      { 'innodb-page-hash-locks': '16' },
    ]);
    for (const row of rows) {
      expect(row.samples).toHaveLength(2);
      expect(Math.min(...row.samples)).toBeGreaterThan(0);
      expect(row.reference).toBeNull();
      expect(row.settings).toMatchObject({ scenario: 'bench', sessions: 2, seconds: 0.2, warmup: 0.05 });
      expect(Object.keys(row.settings)).toEqual(expect.arrayContaining([...STRESS_SYSVARS]));
      expect(row.extra).toMatchObject({
        seconds: expect.any(Number),
        hitRatio: expect.any(Number),
        statementsPerS: expect.any(Number),
      });
      expect(row.extra['latencyUs']).toMatchObject({ p50: expect.any(Number), p99: expect.any(Number) });
      expect(row.extra['acquired']).toMatchObject({
        lruList: expect.any(Number),
        pageHash: expect.any(Number),
      });
    }
    expect(rows.map((r) => r.settings['innodb_page_hash_locks'])).toEqual([1, 16]);
    expect(rows[0].cell).not.toBe(rows[1].cell);
  });

  it('measures its seconds, without warm-up and start', () => {
    for (const row of rows) expect(Number(row.extra['seconds'])).toBeGreaterThanOrEqual(0.2);
  });

  it('has a line for each cell in the table', () => {
    const table = poolFamily.table?.(rows) ?? '';
    expect(table).toContain('innodb-page-hash-locks');
    expect(table.split('\n').filter((line) => /│\s+(1|16) │/.test(line))).toHaveLength(2);
  });

  it('becomes a page object', () => {
    const file = {
      format: FORMAT,
      command: 'npm run bench -- pool',
      quick: true,
      warnings: ['busy'],
      rows,
    } as const;
    const page = toSweepPage({ ...file, warnings: [...file.warnings] });
    expect(page.axes).toEqual([{ name: 'innodb-page-hash-locks', values: ['1', '16'] }]);
    expect(page.cells.map((c) => c.at)).toEqual([['1'], ['16']]);
    expect(page.cells[0].throughput.samples).toEqual(rows[0].samples);
    expect(page.warnings).toEqual(['busy']);
    expect(page.predictions).toEqual([]);
    expect(JSON.parse(JSON.stringify(page.cells))).toEqual(page.cells);
  });
});

describe('shards', () => {
  it('make the whole sweep together', async () => {
    const matrix = [...SWEEP, '--matrix', 'zipf=0,0.9,1.1'];
    const cells = async (...more: string[]): Promise<string[]> =>
      (await place([...matrix, ...more])).map((p) => JSON.stringify([p.axes, p.bench.settings]));
    const parts = [...(await cells('--shard=1/2')), ...(await cells('--shard=2/2'))];
    const whole = await cells();
    expect(whole).toHaveLength(6);
    expect(parts.toSorted()).toEqual(whole.toSorted());
  });
});

describe('damaged data files', () => {
  const opened = async () => {
    const [{ bench }] = await place(TINY);
    await bench.open?.();
    const [lab] = readdirSync(temp);
    const [data] = readdirSync(join(temp, lab));
    return { bench, file: join(temp, lab, data, 'lab_0001.ibd') };
  };

  it('fail the benchmark at the end, and leave nothing', async () => {
    const { bench, file } = await opened();
    damage(file, [7]);
    const error: unknown = await Promise.resolve(bench.close?.()).then(
      () => null,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(PoolRunFailed);
    expect(String(error)).toMatch(/page 7/);
  });

  it('fail a round with its report, and leave nothing', async () => {
    const { bench, file } = await opened();
    damage(file, range(0, 128));
    const error: unknown = await bench.round(0).then(
      () => null,
      (e: unknown) => e,
    );
    await bench.close?.();
    expect(error).toBeInstanceOf(PoolRunFailed);
    expect(String(error)).toMatch(/THE RUN FAILED/);
  });
});

describe('the lab', () => {
  it('is there until its last case is closed', async () => {
    const [a, b] = await place(SWEEP);
    await a.bench.open?.();
    await b.bench.open?.();
    await a.bench.close?.();
    expect(readdirSync(temp)).toHaveLength(1);
    await b.bench.round(0);
    await b.bench.close?.();
  });

  it('listens to signals only as long', async () => {
    const count = (): number => process.listenerCount('SIGINT') + process.listenerCount('exit');
    const none = count();
    const [{ bench }] = await place(TINY);
    expect(count()).toBe(none);
    await bench.open?.();
    expect(count()).toBe(none + 2);
    await bench.close?.();
    expect(count()).toBe(none);
  });
});

describe('options', () => {
  it.each([
    ['--seconds=0.01', '--seconds'],
    ['--warmup=x', '--warmup'],
    ['--innodb-page-hash-locks=abc', 'innodb_page_hash_locks'],
    ['--nodes=3', '--nodes'],
    ['--scanners=9', '--scanners'],
    ['--scenario=none', '--scenario'],
    ['--data=/tmp', '--data'],
    ['--live', '--live'],
  ])('refuses %s before anything is started', async (bad, option) => {
    const error: unknown = await place([bad]).then(
      () => null,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(OptionError);
    expect((error as OptionError).option).toContain(option.replace(/^--/, ''));
    expect((error as Error).message).not.toContain('\n');
  });

  it('takes what a stress run takes', async () => {
    const help = await poolFamily.parse(['--help'], COMMON_OPTIONS, aContext());
    const decided = ['json', 'html', 'live', 'profile', 'data', 'seed'];
    for (const { name } of STRESS_OPTIONS) {
      if (!decided.includes(name)) expect(help).toContain(`--${name} `);
    }
  });

  it('predicts from a doubling number of sessions', async () => {
    const placed = await place([...TINY, '--sessions=6', '--predict']);
    expect(placed.map((p) => p.bench.settings['sessions'])).toEqual([1, 2, 4, 6]);
  });

  it('hands warnings on', async () => {
    const context = aContext();
    await place([...TINY, '--innodb-buffer-pool-instances=4', '--innodb-buffer-pool-debug=OFF'], context);
    expect(context.warnings.join('\n')).toContain('innodb_buffer_pool_instances adjusted');
  });

  it('takes its own out of a command line, however they are written', () => {
    const own = [
      { name: 'predict', kind: 'flag', doc: '' },
      { name: 'warm-up', kind: 'float', doc: '', default: 0, min: 0, max: 1 },
    ] as const;
    const argv = ['--zipf', '1', '--predict', '--warm_up', '0.3', '--a=b', '--warm-up=1', '--Predict'];
    expect(withoutOptions(argv, own)).toEqual(['--zipf', '1', '--a=b']);
  });
});
