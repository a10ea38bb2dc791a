/** Which program a run gets, and how its rows are chosen; what cannot be run is said before anything is started. */
import { writeFileSync } from 'node:fs';
import { createHistogram } from 'node:perf_hooks';
import { afterAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../src/config/errors.ts';
import type { ProgramSet } from '../../src/session/program/program.ts';
import { programReports } from '../report/report-figures.ts';
import { plan, Scratch } from '../test-kit.ts';

const scratch = new Scratch();
afterAll(() => {
  scratch.remove();
});

async function programs(...args: string[]): Promise<ProgramSet> {
  const planned = await plan('--scanners=0', '--hog-bytes=0', ...args);
  planned.cleanUp();
  return planned.run.programs;
}

async function mistake(...args: string[]): Promise<string> {
  try {
    await programs(...args);
  } catch (error) {
    if (error instanceof OptionError) return error.message;
    throw error;
  }
  return 'no mistake';
}

describe('how rows are chosen', () => {
  it('is the program’s matter', async () => {
    const set = await programs('--program=oltp_point_select');
    expect(set.programs[0].access).toEqual({ kind: 'special' });
  });

  it.each([
    [['--rand-spec-pct=5'], { kind: 'special', iterations: 12, pct: 5, res: 75 }],
    [['--rand-type=special', '--rand-spec-res=100'], { kind: 'special', iterations: 12, pct: 1, res: 100 }],
    [['--rand-type=gaussian', '--rand-spec-iter=3'], { kind: 'gaussian', iterations: 3 }],
    [['--zipf=0.5'], { kind: 'zipfian', exponent: 0.5, scatter: true }],
    [
      ['--access=hotset', '--hot-pages=0.2'],
      { kind: 'hotset', hotPages: 0.2, hotAccesses: 0.9, scatter: true },
    ],
  ])('unless the user says it: %j', async (args, access) => {
    const set = await programs('--program=oltp_point_select', ...args);
    expect(set.access).toEqual(access);
    expect(set.programs[0].access).toBeUndefined();
  });
});

describe('a program that cannot be run here', () => {
  const file = scratch.file('p.json');
  const write = (tables: unknown): void => {
    const steps = [{ kind: 'insert', where: { key: 'append' } }];
    writeFileSync(
      file,
      JSON.stringify({ name: 'p', doc: 'p', tables, transactions: [{ name: 't', steps }] }),
    );
  };

  it('has tables larger than the data files', async () => {
    write([{ name: 't', pages: 5000 }]);
    expect(await mistake(`--program=${file}`, '--data-size=16M')).toBe(
      `--program=${file}: its tables need 5000 pages, and the data files have 1024`,
    );
    expect(await mistake(`--program=${file}`, '--data-size=128M')).toBe('no mistake');
  });

  it('has too many tables that rows are added to', async () => {
    const part = { rowsPerPage: 1, count: 700 };
    const steps = ['t', 'u'].map((table) => ({ kind: 'insert', where: { table, key: 'append' } }));
    const tables = [
      { name: 't', ...part },
      { name: 'u', ...part },
    ];
    writeFileSync(
      file,
      JSON.stringify({ name: 'p', doc: 'p', tables, transactions: [{ name: 't', steps }] }),
    );
    expect(await mistake(`--program=${file}`, '--data-size=128M')).toBe(
      `--program=${file}: too many tables that rows are added to`,
    );
  });
});

describe('--scenario=allocators', () => {
  it('takes a program that tries allocators, also together with pages, and no other', async () => {
    const file = scratch.file('yard.json');
    const steps = [{ kind: 'allocators' }, { kind: 'pointRead' }];
    writeFileSync(file, JSON.stringify({ name: 'y', doc: 'y', transactions: [{ name: 't', steps }] }));
    for (const program of ['allocators', file]) {
      expect(await mistake('--scenario=allocators', `--program=${program}`)).toBe('no mistake');
      expect(await mistake(`--program=${program}`)).toContain('allocators needs --scenario=allocators');
    }
    expect(await mistake('--scenario=allocators', '--program=mixed')).toContain('says what sessions do');
  });
});

it('programs of one name, whatever it is, have a report each', async () => {
  const set = await programs('--program=mixed');
  const named = ['constructor', 'twice', 'twice', '__proto__'].map((name) => ({ ...set.programs[0], name }));
  const latencies = named.map(() => createHistogram());
  latencies[1].record(5000);
  latencies[3].record(7000);
  const reports = programReports({ programs: { ...set, programs: named }, sessions: [] }, latencies, 1);
  expect(reports.map((r) => [r.program, r.transactions])).toEqual([
    ['constructor', 0],
    ['twice', 1],
    ['twice', 0],
    ['__proto__', 1],
  ]);
});
