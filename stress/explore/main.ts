/** From a command line to verdicts: which scenarios, on how many threads, what is printed and written. */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { OptionError, UserError } from '../../src/config/errors.ts';
import { checkWritable } from '../../src/config/writable.ts';
import { scenariosOf } from '../../src/explore/lab.ts';
import { appendCorpus, type CorpusEntry, loadCorpus } from '../../src/explore/report/corpus.ts';
import { InputError } from '../../src/explore/report/input-error.ts';
import { parseSchedule } from '../../src/explore/report/schedule-string.ts';
import { isGood, type ScenarioResult, summaryTable } from '../../src/explore/report/summary.ts';
import { TransformError } from '../../src/explore/transform/build.ts';
import { type CatalogEntry, loadCatalog } from './catalog.ts';
import { ExploreCrew } from './crew.ts';
import { mutantsMain } from './mutants-main.ts';
import { readOptions, type Wanted } from './options.ts';
import { checkDirectory, EXIT, writeReport } from './output.ts';
import { ExploreProgress } from './progress.ts';
import { replayMain } from './replay-main.ts';
import { failedPart, NOTHING, resultOf, showDone } from './show.ts';
import { labOf } from './labs.ts';
import { type ScenarioDone, type ScenarioTask, type Shared } from './tasks.ts';

/**
 * @returns the exit status
 * @throws UserError, one line, before anything is run
 */
export async function exploreMain(argv: readonly string[]): Promise<number> {
  const wanted = readOptions(argv);
  if (typeof wanted === 'string') {
    process.stdout.write(wanted);
    return EXIT.good;
  }
  const { values } = wanted;
  if (values.json !== null && values.json !== '-') checkWritable('--json', values.json);
  if (values.corpus !== null) checkWritable('--corpus', values.corpus);
  if (values['trace-dir'] !== null) checkDirectory('--trace-dir', values['trace-dir']);
  try {
    const catalog = values.module === null ? await loadCatalog() : await catalogOf(values.module);
    if (values.mutants) return await mutantsMain(wanted, catalog);
    const chosen = choose(catalog, values.scenario);
    if (values.list) {
      process.stdout.write(listText(chosen));
      return EXIT.good;
    }
    if (values.replay !== null) return await replayMain(wanted, chosen[0], values.replay, argv);
    return await exploreAll(wanted, chosen, argv);
  } catch (error) {
    if (error instanceof InputError || error instanceof TransformError) throw new UserError(error.message);
    throw error;
  }
}

/** The scenarios of a user's own module. */
async function catalogOf(module: string): Promise<CatalogEntry[]> {
  const file = resolve(module);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.isFile() !== true) {
    const why = found === undefined ? 'no such file' : 'is not a file';
    throw new OptionError('--module', `--module=${module}: ${why}`);
  }
  const exports = await labOf(file).exports({ plain: 'race', state: false });
  const scenarios = scenariosOf(exports);
  if (scenarios.length === 0) {
    throw new OptionError(
      '--module',
      `--module=${module}: exports no scenario ({ name, doc, memory, threads, ... })`,
    );
  }
  return scenarios.map((s) => ({
    name: s.name,
    doc: s.doc,
    file,
    threads: s.threads.length,
    exhaustive: s.exhaustive === true,
    ...(s.expect !== undefined && { expect: s.expect }),
  }));
}

/** @param names separated by commas; null: all */
export function choose(catalog: readonly CatalogEntry[], names: string | null): CatalogEntry[] {
  if (names === null) return [...catalog];
  const wanted = new Set(names.split(',').map((name) => name.trim()));
  return [...wanted].map((name) => {
    const found = catalog.find((e) => e.name === name);
    if (found !== undefined) return found;
    const near = catalog.filter((e) => e.name.includes(name) || name.includes(e.name)).map((e) => e.name);
    const hint =
      near.length > 0 ? `; did you mean ${near.slice(0, 5).join(', ')}?` : '; --list shows them all';
    throw new OptionError('--scenario', `--scenario=${name}: there is no such scenario${hint}`);
  });
}

function listText(entries: readonly CatalogEntry[]): string {
  const width = Math.max(...entries.map((e) => e.name.length)) + 2;
  return entries
    .map(
      (e) =>
        `${e.name.padEnd(width)}${e.threads} threads  ${e.doc}${e.exhaustive ? ' [all interleavings]' : ''}\n`,
    )
    .join('');
}

async function exploreAll(
  wanted: Wanted,
  chosen: readonly CatalogEntry[],
  argv: readonly string[],
): Promise<number> {
  const { values, profile, seed, draws, plain } = wanted;
  const toPeople = values.json !== '-';
  const corpus = values.corpus === null ? [] : readCorpus(values.corpus);
  const workers = values.workers ?? availableParallelism();
  const crew = new ExploreCrew(workers);
  // One scenario on several threads: each draws schedules of its own numbers.
  const shares = profile.all ? 1 : Math.max(1, Math.floor(workers / chosen.length));
  const progress = new ExploreProgress(chosen.length, 'scenarios', () => crew.schedules());
  const results: ScenarioResult[] = [];
  let fingerprint = '';
  const explore = async (entry: CatalogEntry): Promise<void> => {
    const tasks = Array.from({ length: shares }, (_, from): Omit<ScenarioTask, keyof Shared> => ({
      kind: 'scenario',
      file: entry.file,
      name: entry.name,
      // What is done once is done by the first.
      profile: {
        ...profile,
        schedules: Math.ceil((profile.schedules - from) / shares),
        ...(from > 0 && { searchMs: 0 }),
      },
      corpus: from > 0 ? [] : corpus.filter((c) => c.scenario === entry.name),
      seed,
      draws,
      ...(plain !== null && { plain }),
      outcomes: values.outcomes,
      from,
      stride: shares,
    }));
    const parts = await crew.explore(tasks);
    if (parts === null) return;
    fingerprint = parts[0].fingerprint;
    const result = resultOf(entry, parts);
    // Whoever has been stopped has not missed it.
    if (crew.interrupted && result.verdict === 'missed' && result.found === undefined) return;
    const shown = showDone(entry, parts, result, {
      values,
      module: values.module,
      traceDir: values['trace-dir'],
    });
    results.push(shown.result);
    if (toPeople && shown.text !== '') progress.note(shown.text);
    if (values.corpus !== null && result.verdict === 'failed') remember(values.corpus, entry, parts);
  };
  const one = async (entry: CatalogEntry): Promise<void> => {
    try {
      await explore(entry);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      results.push({
        scenario: entry.name,
        doc: entry.doc,
        verdict: 'error',
        coverage: NOTHING,
        error: text,
      });
      if (toPeople) progress.note(`${entry.name}: ${text}\n`);
    }
    progress.step();
  };
  try {
    await Promise.all(chosen.map(one));
  } finally {
    progress.end();
    await crew.close();
  }
  const order = new Map(chosen.map((e, i) => [e.name, i]));
  results.sort((a, b) => (order.get(a.scenario) ?? 0) - (order.get(b.scenario) ?? 0));
  if (toPeople) process.stdout.write(`${summaryTable(results)}\n`);
  if (crew.interrupted)
    process.stderr.write(`interrupted: ${results.length} of ${chosen.length} scenarios explored\n`);
  writeReport(wanted, results, fingerprint, argv);
  return results.every((r) => isGood(r.verdict)) && !crew.interrupted ? EXIT.good : EXIT.bad;
}

/** @throws InputError for an entry that is none, also of a scenario that is not explored now */
function readCorpus(file: string): CorpusEntry[] {
  const entries = loadCorpus(file);
  for (const { schedule } of entries) parseSchedule(schedule);
  return entries;
}

function remember(corpus: string, entry: CatalogEntry, parts: readonly ScenarioDone[]): void {
  const failure = failedPart(parts)?.failure;
  if (failure === undefined || failure === null) return;
  const { seed, schedule } = failure;
  appendCorpus(corpus, { scenario: entry.name, seed, schedule, kind: failure.finding.kind });
}
