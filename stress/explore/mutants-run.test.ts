/** The run over planted defects, in short: some are killed; what changes nothing survives, and is not counted as killed. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { loadCatalog } from './catalog.ts';
import { exploreMain } from './main.ts';
import { type MutantReport, mutantsMain, reportOf } from './mutants-main.ts';
import { MUTANTS } from './mutants/all.ts';
import type { Mutant } from './mutants/types.ts';
import { readOptions } from './options.ts';
import type { MutantKill } from './tasks.ts';

const DIR = mkdtempSync(join(tmpdir(), 'explore-mutants-'));
const SHORT = ['--mutants', '--workers', '1', '--schedules', '2000'];

afterAll(() => rmSync(DIR, { recursive: true }));

/** What a run prints. */
async function printed(run: () => Promise<number>): Promise<{ status: number; out: string }> {
  let out = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  try {
    return { status: await run(), out };
  } finally {
    write.mockRestore();
  }
}

/** Runs mutants that are in no catalogue. */
async function judged(mutants: readonly Mutant[], ...args: string[]) {
  const file = join(DIR, 'judged.json');
  const wanted = readOptions([...SHORT, '--json', file, ...args], {});
  if (typeof wanted === 'string') throw new Error('help was asked for');
  const catalog = await loadCatalog();
  const run = await printed(() => mutantsMain(wanted, catalog, mutants));
  return { ...run, report: JSON.parse(readFileSync(file, 'utf8')) as MutantReport };
}

const mutant = (id: string, replace: string): Mutant => ({
  id,
  file: 'src/sync/mutex.ts',
  find: 'let rounds = 0;',
  replace,
  doc: 'for a test',
  scenarios: ['mutex-2x1'],
  oracle: 'check',
});

describe('planted defects', () => {
  const SIX = [
    'mutex-exit-no-notify',
    'event-set-no-notify',
    'sx-s-look-store',
    'order-several-ignored',
    'heap-free-into-first',
    'buf-free-pop-unlatched',
  ];

  it('of six files are killed with two seeds each, minimised to few preemptions', async () => {
    expect(new Set(MUTANTS.filter((m) => SIX.includes(m.id)).map((m) => m.file)).size).toBe(6);
    const file = join(DIR, 'six.json');
    const args = [...SHORT, '--seeds', '2', '--mutant', SIX.join(','), '--json', file];
    const { status, out } = await printed(() => exploreMain(args));
    const report = JSON.parse(readFileSync(file, 'utf8')) as MutantReport;
    expect(report).toMatchObject({ killed: 6, score: 1, pairScore: 1, seeds: [1, 2] });
    expect(status).toBe(0);
    for (const m of report.mutants) {
      expect(m.error).toBeNull();
      expect(m.kills.map((k) => k.seed)).toEqual([1, 2]);
      for (const k of m.kills) {
        expect(k.schedule).toMatch(/^s1[da]?:/);
        expect(k.schedules).toBeGreaterThan(0);
        expect(k.preemptions).toBeLessThanOrEqual(3);
      }
      expect(out).toMatch(new RegExp(`${m.id} +killed `));
    }
    expect(out).toContain('6 of 6 mutants killed with all of 2 seeds (100.0 %), profile quick');
  });

  it('that change nothing survive, with every seed', async () => {
    const { status, out, report } = await judged([mutant('no-op', 'let rounds = 1 - 1;')], '--seeds', '2');
    expect(status).toBe(1);
    expect(report).toMatchObject({ killed: 0, score: 0, pairScore: 0 });
    expect(report.mutants).toMatchObject([{ id: 'no-op', killed: false, kills: [], error: null }]);
    expect(out).toMatch(/no-op +SURVIVED 2 of 2 /);
    expect(out).toContain('0 of 1 mutants killed');
  });

  it('that cannot be judged are no kills', async () => {
    const mutants = [
      mutant('refused', 'let rounds = 0; [1].forEach(() => Atomics.load(new Int32Array(1), 0));'),
      { ...mutant('gone', ''), find: 'this is not in the file' },
    ];
    const { status, out, report } = await judged(mutants);
    expect(status).toBe(1);
    expect(report).toMatchObject({ killed: 0, pairScore: 0 });
    expect(out).toMatch(/refused +NOT JUDGED/);
    expect(out).toMatch(/refused: mutex-2x1: src\/sync\/mutex.ts:\d+:\d+: /);
    expect(out).toMatch(/gone: mutant gone: src\/sync\/mutex.ts does not contain/);
  });

  it('with which a scenario cannot be set up are killed by that', async () => {
    const early: Mutant = {
      ...mutant('early', "throw new Error('no mutex today');"),
      find: 'mem[at + META] = latchClass;',
    };
    const { report } = await judged([early]);
    expect(report).toMatchObject({
      killed: 1,
      mutants: [{ kills: [{ strategy: 'set-up', message: 'no mutex today' }] }],
    });
  });
});

describe('the report', () => {
  const kill = (seed: number, preemptions: number): MutantKill => ({
    seed,
    scenario: 's',
    strategy: 'random',
    kind: 'check',
    message: '',
    schedules: 3,
    preemptions,
    exact: true,
    schedule: 's1:',
    minimiseMs: 100 * preemptions,
    ms: 1,
    real: null,
  });

  it('counts mutants killed with all seeds, pairs, and preemptions', () => {
    const mutants = [mutant('a', 'x'), mutant('b', 'x'), mutant('c', 'x'), mutant('d', 'x')];
    const done = [
      { id: 'b', seeds: 2, kills: [kill(1, 3)], error: null },
      { id: 'a', seeds: 2, kills: [kill(1, 1), kill(2, 2)], error: null },
      { id: 'c', seeds: 2, kills: [kill(1, 4)], error: 'broken' },
    ];
    const report = reportOf('quick', [1, 2], mutants, done);
    expect(report.mutants.map((m) => [m.id, m.killed])).toEqual([
      ['a', true],
      ['b', false],
      ['c', false],
    ]);
    expect(report).toMatchObject({ killed: 1, score: 1 / 3, pairScore: 4 / 6, within2: 0.5, within3: 0.75 });
    expect(report.slowestMinimiseMs).toBe(400);
  });
});
