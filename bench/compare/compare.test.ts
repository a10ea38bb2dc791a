import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/config/errors.ts';
import { Rng } from '../../src/layout/rng.ts';
import { differences, findBaseline, machineClass, mustCompare } from './guard.ts';
import { compareRows } from './rows.ts';
import { renderComparison } from './text.ts';
import { compareMain } from './cli.ts';
import { FORMAT, resultToJson, type ResultFile, type Row } from '../core/row.ts';
import { aRow, ENVIRONMENT } from '../core/test-kit.ts';
import { normal } from '../stats/bootstrap.ts';

const CASES = ['hit S', 'hit X', 'statistics', 'order', '2 instances', '1 instance'];

interface Made {
  readonly processes?: number;
  readonly rounds?: number;
  readonly processSd?: number;
  readonly slower?: Readonly<Record<string, number>>;
  readonly referenced?: boolean;
  readonly change?: Partial<Row>;
}

/**
 * A result as page-get's: processes differ by 3 % unless told otherwise, rounds by 4 %, runs by 1 %; the speed of the machine by a factor of
 * up to 2, in runs and in rounds, which is in the reference too.
 */
function result(rng: Rng, made: Made = {}): Row[] {
  const { processes = 5, rounds = 3, processSd = 0.03, slower = {}, referenced = true, change = {} } = made;
  const machine = 0.5 + rng.float() / 2;
  return CASES.map((name, i) => {
    const cell = (100 + 20 * i) * (slower[name] ?? 1) * Math.exp(0.01 * normal(rng));
    const samples: number[] = [];
    const reference: number[] = [];
    const group: number[] = [];
    for (let p = 0; p < processes; p++) {
      const process = cell * Math.exp(processSd * normal(rng));
      for (let r = 0; r < rounds; r++) {
        const speed = machine * (referenced ? 0.5 + rng.float() / 2 : 1);
        samples.push((process * Math.exp(0.04 * normal(rng))) / speed);
        reference.push(60 / speed);
        group.push(p);
      }
    }
    return aRow({ case: name, samples, group, reference: referenced ? reference : null, ...change });
  });
}

const file = (rows: Row[], quick = false): ResultFile => ({
  format: FORMAT,
  command: 'npm run bench',
  quick,
  warnings: [],
  rows,
});

/** Tries in which `wanted` holds. */
function tries(n: number, wanted: (rng: Rng) => boolean): number {
  const rng = new Rng(11, n);
  return Array.from({ length: n }, () => wanted(rng)).filter(Boolean).length;
}

describe('marks', () => {
  it('a regression of 20 % in one cell, and only there', () => {
    const found = tries(100, (rng) => {
      const c = compareRows(result(rng), result(rng, { slower: { 'hit S': 1.2 } }));
      return c.slower === 1 && c.faster === 0 && c.cells[0].mark === 'slower';
    });
    expect(found).toBeGreaterThanOrEqual(95);
  });

  it('an improvement of 25 %, also where more is better', () => {
    const found = tries(100, (rng) => {
      const change = { better: 'higher', unit: '1/s' } as const;
      const b = result(rng, { slower: { 'hit X': 1.25 }, change });
      return compareRows(result(rng, { change }), b).cells[1].mark === 'faster';
    });
    expect(found).toBeGreaterThanOrEqual(95);
  });

  it.each([
    ['five processes', {}],
    ['one process', { processes: 1, rounds: 7 }],
    ['two processes', { processes: 2, rounds: 3 }],
    ['processes that differ by more than rounds', { processSd: 0.15, rounds: 10 }],
    ['no reference', { referenced: false }],
  ])('nothing in equal runs: %s', (_, made) => {
    const clean = tries(200, (rng) => {
      const c = compareRows(result(rng, made), result(rng, made));
      return c.slower + c.faster === 0;
    });
    expect(clean).toBeGreaterThanOrEqual(196);
  });

  it('no sure change below the threshold', () => {
    const steady = (x: number) => ({ samples: [x, x, x, x], reference: [1, 1, 1, 1], group: [0, 1, 2, 3] });
    const mark = (x: number, threshold: number): string =>
      compareRows([aRow(steady(100))], [aRow(steady(x))], { threshold }).cells[0].mark;
    expect(mark(115, 0.2)).toBe('same');
    expect(mark(125, 0.2)).toBe('slower');
  });

  it('without a reference what stands out from the others, and tells the common change', () => {
    const rng = new Rng(12, 0);
    const b = result(rng, { referenced: false, slower: { order: 1.5 } });
    const c = compareRows(result(rng, { referenced: false }), b);
    expect(c.cells.filter((x) => x.mark === 'slower').map((x) => x.case)).toEqual(['order']);
    expect(c.common).toMatchObject([{ family: 'latch', cells: 6 }]);
    expect(renderComparison(c, { a: 'A', b: 'B' })).toContain('which may be the machine');
  });

  it('tells nothing from a single round, and does not compare what is not above 0', () => {
    const one = aRow({ samples: [10], reference: [5], group: [0] });
    const twice = aRow({ samples: [30], reference: [5], group: [0] });
    expect(compareRows([one], [twice]).cells[0]).toMatchObject({ mark: 'same', change: { high: Infinity } });
    const zero = aRow({ samples: [0, 1], reference: null });
    const [cell] = compareRows([zero], [zero]).cells;
    expect(cell).toMatchObject({ mark: 'not comparable', change: null, a: 0.5 });
  });

  it('does not judge threads that did not have the cores', () => {
    const rows = (factor: number, cpuShare: number): Row[] => [
      aRow({
        samples: [10, 11, 10, 11].map((x) => x * factor),
        reference: [5, 5, 5, 5],
        group: [0, 1, 2, 3],
        extra: { cpuShare },
      }),
    ];
    expect(compareRows(rows(1, 0.95), rows(3, 0.95)).cells[0].mark).toBe('slower');
    const c = compareRows(rows(1, 0.95), rows(3, 0.5));
    expect(c.cells[0].mark).toBe('starved');
    expect(c.slower).toBe(0);
    expect(renderComparison(c, { a: 'A', b: 'B' })).toContain('1 starved');
    expect(compareRows(rows(1, 0.5), rows(3, 0.95)).cells[0].mark).toBe('starved');
  });

  it('cells that only one file has', () => {
    const c = compareRows([aRow(), aRow({ case: 'gone' })], [aRow(), aRow({ case: 'new' })]);
    expect(c.cells.map((x) => [x.case, x.mark])).toEqual([
      ['pair', 'same'],
      ['gone', 'only in A'],
      ['new', 'only in B'],
    ]);
    expect(renderComparison(c, { a: 'a.json', b: 'b.json' })).toContain(
      '0 slower, 0 faster, 1 same, 1 only in A, 1 only in B',
    );
  });

  it('keeps rows of one cell apart that count different things', () => {
    const rows = [aRow({ metric: 'p99', unit: 'us' }), aRow()];
    expect(compareRows(rows, rows).cells.map((c) => [c.metric, c.mark])).toEqual([
      ['p99', 'same'],
      ['time', 'same'],
    ]);
  });
});

describe('the guard', () => {
  const at = (change: Partial<Row['environment']>): ResultFile =>
    file([aRow({ environment: { ...ENVIRONMENT, ...change } })]);

  it.each([
    [{ cpu: 'another' }, 'cpu (test cpu in A, another in B)'],
    [{ cores: 64 }, 'cores (2 in A, 64 in B)'],
    [{ node: 'v22.1.0', v8: '12.4.1' }, 'Node (v20 in A, v22 in B), V8 (11.3 in A, 12.4 in B)'],
    [{ os: 'Darwin 23.1.0' }, 'os (Linux 1 in A, Darwin 23.1 in B)'],
  ])('refuses %o in one line that names it', (change, words) => {
    expect(() => mustCompare(at({}), at(change))).toThrow(UserError);
    expect(() => mustCompare(at({}), at(change))).toThrow(words);
  });

  it('lets another commit and another patch of Node pass', () => {
    expect(differences(at({}), at({ commit: 'def', node: 'v20.9.9' }))).toEqual([]);
  });

  it('refuses other settings, seeds, and a quick run against a full one', () => {
    const plain = file([aRow()]);
    expect(differences(plain, file([aRow({ settings: { threads: 4, blocks: 8 }, seed: 2 })]))).toEqual([
      'threads (2 in A, 4 in B; latch)',
      'seed (1 in A, 2 in B; latch)',
      'blocks (not there in A, 8 in B; latch)',
    ]);
    expect(differences(plain, file([aRow()], true))).toEqual(['--quick (only B was a quick run)']);
    expect(differences(plain, file([aRow({ case: 'other' })]))).toEqual([]);
  });
});

describe('npm run bench -- compare', () => {
  let folder: string;
  let out: string;
  let err: string;
  const at = (name: string): string => join(folder, name);
  const save = (name: string, rows: Row[]): string => {
    writeFileSync(at(name), resultToJson(file(rows)));
    return at(name);
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'latchlab-compare-'));
    out = '';
    err = '';
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => ((out += String(text)), true));
    vi.spyOn(process.stderr, 'write').mockImplementation((text) => ((err += String(text)), true));
  });
  afterEach(() => {
    vi.restoreAllMocks();
    rmSync(folder, { recursive: true });
  });

  it('ends with 1 when something is slower, 0 when not', async () => {
    const rng = new Rng(13, 0);
    const a = save('a.json', result(rng));
    const b = save('b.json', result(rng, { slower: { 'hit S': 1.3 } }));
    expect(await compareMain([a, b])).toBe(1);
    expect(out).toMatch(/hit S.*\+\d\d\.\d %.*slower/);
    expect(out).toContain('1 slower, 0 faster, 5 same');
    expect(await compareMain([b, a])).toBe(0);
    expect(await compareMain([a, '--threshold', '60', b])).toBe(0);
  });

  it('writes the comparison as JSON', async () => {
    const a = save('a.json', [aRow()]);
    expect(await compareMain([a, a, '--json', at('c.json')])).toBe(0);
    expect(JSON.parse(readFileSync(at('c.json'), 'utf8'))).toMatchObject({
      a,
      b: a,
      slower: 0,
      threshold: 0.05,
    });
  });

  it('refuses what does not compare, unless forced', async () => {
    const a = save('a.json', [aRow()]);
    const b = save('b.json', [aRow({ settings: { threads: 4 } })]);
    await expect(compareMain([a, b])).rejects.toThrow('not the same threads (2 in A, 4 in B; latch)');
    expect(out).toBe('');
    expect(await compareMain([a, b, '--force'])).toBe(0);
    expect(err).toContain('warning: not the same threads');
    expect(out).toContain('1 same');
  });

  it.each([
    [[], 'two result files are wanted'],
    [['a.json'], 'given: a.json'],
    [['a.json', 'b.json', 'c.json'], 'given: a.json, b.json, c.json'],
    [['no-such-file.json', 'no-such-file.json'], 'no-such-file.json'],
    [['a.json', 'b.json', '--threshold', 'x'], "--threshold: 'x'"],
    [['a.json', 'b.json', '--treshold', '3'], '--treshold'],
    [['a.json', 'b.json', '--json', '/no/such/folder/c.json'], '--json'],
  ])('refuses %j in one line', async (argv, words) => {
    const failure: unknown = await compareMain(argv).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(UserError);
    expect((failure as Error).message).toContain(words);
    expect((failure as Error).message).not.toContain('\n');
  });

  it('refuses files without cells, or without one in common', async () => {
    const [a, b] = [save('a.json', [aRow()]), save('b.json', [aRow({ case: 'other' })])];
    await expect(compareMain([a, b])).rejects.toThrow('no cell in common');
    await expect(compareMain([a, save('empty.json', [])])).rejects.toThrow('no cell was measured');
  });

  it('finds the baseline of a class of machine, or says what there is', () => {
    save('other.json', [aRow({ environment: { ...ENVIRONMENT, cores: 64 } })]);
    const b = file([aRow({ environment: { ...ENVIRONMENT, node: 'v20.99.0', commit: 'new' } })]);
    expect(() => findBaseline(b, folder)).toThrow(
      'none for 2 x test cpu, Node v20 (files there: other.json); save one: npm run bench -- --json',
    );
    save('less.json', [aRow({ case: 'other' })]);
    save('more.json', [aRow({ case: 'other' }), aRow()]);
    expect(findBaseline(b, folder).path).toBe(at('more.json'));
    expect(machineClass(b)).toBe('2 x test cpu, Node v20');
    expect(() => findBaseline(b, at('nowhere'))).toThrow('files there: none');
  });

  it('shows its help', async () => {
    expect(await compareMain(['--help'])).toBe(0);
    expect(out).toContain('--threshold');
  });
});
