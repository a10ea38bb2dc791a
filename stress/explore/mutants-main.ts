/**
 * `npm run explore -- --mutants`: plants each known defect into the real sources, one at a time, and sees which scenario,
 * strategy and oracle finds it. A defect that nobody finds is a hole in the scenarios.
 */
import { availableParallelism } from 'node:os';
import { OptionError } from '../../src/config/errors.ts';
import { num, percent } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import type { CatalogEntry } from './catalog.ts';
import { ExploreCrew } from './crew.ts';
import { MUTANTS } from './mutants/all.ts';
import type { Mutant } from './mutants/types.ts';
import type { Wanted } from './options.ts';
import { writeJson } from './output.ts';
import { ExploreProgress } from './progress.ts';
import type { MutantDone } from './tasks.ts';

/** Mutants with their verdicts, and what they say together. */
export interface MutantReport {
  readonly format: 'latchlab-mutants';
  readonly profile: string;
  readonly seeds: readonly number[];
  readonly mutants: readonly (MutantDone & { readonly doc: string; readonly killed: boolean })[];
  readonly killed: number;
  /** Share of the mutants killed with every seed, and of all pairs of mutant and seed. */
  readonly score: number;
  readonly pairScore: number;
  /** Share of the minimised schedules with at most so many preemptions. */
  readonly within2: number;
  readonly within3: number;
  readonly slowestMinimiseMs: number;
  /** Share of the mutants whose schedules real threads went through as simulated; null: not asked. */
  readonly sameOnRealThreads: number | null;
}

function chooseMutants(all: readonly Mutant[], ids: string | null): readonly Mutant[] {
  if (ids === null) return all;
  const wanted = new Set(ids.split(',').map((id) => id.trim()));
  return [...wanted].map((id) => {
    const found = all.find((m) => m.id === id);
    if (found !== undefined) return found;
    const near = all.filter((m) => m.id.includes(id) || id.includes(m.id)).map((m) => m.id);
    const hint =
      near.length > 0
        ? `; did you mean ${near.slice(0, 5).join(', ')}?`
        : '; --mutants --list shows them all';
    throw new OptionError('--mutant', `--mutant=${id}: there is no such mutant${hint}`);
  });
}

/**
 * @param all to choose from
 * @returns the exit status: 0 all are killed with all seeds
 */
export async function mutantsMain(
  wanted: Wanted,
  catalog: readonly CatalogEntry[],
  all: readonly Mutant[] = MUTANTS,
): Promise<number> {
  const { values, profile, seed } = wanted;
  const mutants = chooseMutants(all, values.mutant);
  if (values.list) {
    process.stdout.write(mutants.map((m) => `${m.id.padEnd(36)}${m.file}: ${m.doc}\n`).join(''));
    return 0;
  }
  const seeds = Array.from({ length: values.seeds }, (_, i) => seed + i);
  const crew = new ExploreCrew(values.workers ?? availableParallelism());
  const progress = new ExploreProgress(mutants.length, 'mutants', () => crew.schedules());
  const done: MutantDone[] = [];
  const one = async (mutant: Mutant): Promise<void> => {
    const scenarios = mutant.scenarios.map((name) => {
      const found = catalog.find((e) => e.name === name);
      if (found === undefined)
        throw new Error(`mutant ${mutant.id} names scenario ${name}, which there is not`);
      return { name, file: found.file };
    });
    try {
      const result = await crew.mutant({
        kind: 'mutant',
        mutant,
        scenarios,
        seeds,
        profile,
        real: values.real,
      });
      if (result !== null) done.push(result);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      done.push({ id: mutant.id, seeds: seeds.length, kills: [], error: text });
    }
    progress.step();
  };
  try {
    await Promise.all(mutants.map(one));
  } finally {
    progress.end();
    await crew.close();
  }
  if (crew.interrupted)
    process.stderr.write(`interrupted: ${done.length} of ${mutants.length} mutants judged\n`);
  const report = reportOf(profile.name, seeds, mutants, done);
  if (values.json !== '-') process.stdout.write(`${mutantsText(report, mutants)}\n`);
  if (values.json === '-') process.stdout.write(`${JSON.stringify(report)}\n`);
  else if (values.json !== null) writeJson(values.json, report);
  return report.killed === mutants.length ? 0 : 1;
}

export function reportOf(
  profile: string,
  seeds: readonly number[],
  mutants: readonly Mutant[],
  done: readonly MutantDone[],
): MutantReport {
  const byId = new Map(done.map((d) => [d.id, d]));
  const rows = mutants.flatMap((m) => {
    const d = byId.get(m.id);
    if (d === undefined) return [];
    return [{ ...d, doc: m.doc, killed: d.error === null && d.kills.length === d.seeds }];
  });
  const kills = rows.flatMap((r) => r.kills);
  const share = (n: number): number =>
    kills.length === 0 ? 0 : kills.filter((k) => k.preemptions <= n).length / kills.length;
  const killed = rows.filter((r) => r.killed).length;
  return {
    format: 'latchlab-mutants',
    profile,
    seeds,
    mutants: rows,
    killed,
    score: killed / Math.max(1, rows.length),
    pairScore: kills.length / Math.max(1, rows.length * seeds.length),
    within2: share(2),
    within3: share(3),
    slowestMinimiseMs: Math.max(0, ...kills.map((k) => k.minimiseMs)),
    sameOnRealThreads: kills.some((k) => k.real !== null)
      ? rows.filter((r) => r.kills.every((k) => k.real === null || k.real === '')).length /
        Math.max(1, rows.length)
      : null,
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

function mutantsText(r: MutantReport, mutants: readonly Mutant[]): string {
  const rows = r.mutants.map((m) => {
    const expected = mutants.find((x) => x.id === m.id)?.oracle ?? [];
    const kinds = [...new Set(m.kills.map((k) => k.kind))];
    const other = kinds.some((k) => !([expected].flat() as string[]).includes(k));
    return [
      m.id,
      m.error !== null
        ? 'NOT JUDGED'
        : m.killed
          ? 'killed'
          : `SURVIVED ${m.seeds - m.kills.length} of ${m.seeds}`,
      [...new Set(m.kills.map((k) => k.scenario))].join(' '),
      `${kinds.join(' ')}${other ? ' *' : ''}`,
      [...new Set(m.kills.map((k) => k.strategy))].join(' '),
      m.kills.length === 0 ? '-' : num(median(m.kills.map((k) => k.schedules))),
      m.kills.length === 0 ? '-' : `${Math.min(...m.kills.map((k) => k.preemptions))}`,
    ];
  });
  const head = ['mutant', 'verdict', 'scenario', 'oracle', 'strategy', 'schedules', 'preemptions'];
  const errors = r.mutants.filter((m) => m.error !== null).map((m) => `  ${m.id}: ${m.error ?? ''}`);
  const differ = r.mutants.flatMap((m) => {
    const first = m.kills.find((k) => k.real !== null && k.real !== '');
    return first === undefined ? [] : [`  ${m.id}, ${first.schedule}: ${first.real ?? ''}`];
  });
  return [
    plainTable(head, rows, [0, 1, 2, 3, 4]),
    ...(errors.length > 0 ? ['', 'Not judged:', ...errors] : []),
    ...(differ.length > 0 ? ['', 'Otherwise on real threads:', ...differ] : []),
    '',
    `${r.killed} of ${r.mutants.length} mutants killed with ${r.seeds.length === 1 ? 'this seed' : `all of ${r.seeds.length} seeds`} ` +
      `(${percent(r.score)}), profile ${r.profile}; of all pairs of mutant and seed ${percent(r.pairScore)}`,
    `minimised: ${percent(r.within2)} with at most 2 preemptions, ${percent(r.within3)} with at most 3; ` +
      `the slowest took ${num(r.slowestMinimiseMs / 1000)} s`,
    ...(r.sameOnRealThreads === null
      ? []
      : [
          `real threads went the same way, step for step, with ${percent(r.sameOnRealThreads)} of the mutants`,
        ]),
    '* found by another oracle than the catalogue expects',
  ].join('\n');
}
