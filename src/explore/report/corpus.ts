/**
 * The corpus: schedules that have failed, as a file of JSON lines that is kept with the sources. They are replayed
 * first on the next run.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { z } from 'zod';
import { InputError } from './input-error.ts';

const ENTRY = z.strictObject({
  scenario: z.string().min(1),
  /** Empty when no seed leads there. */
  seed: z.string(),
  schedule: z.string().min(1),
  /** What was found: a FindingKind. */
  kind: z.string().min(1),
  note: z.string().exactOptional(),
});

export type CorpusEntry = Readonly<z.infer<typeof ENTRY>>;

/**
 * All entries; none when there is no file.
 * @throws InputError naming the file, the line and what is wrong with it
 */
export function loadCorpus(path: string): CorpusEntry[] {
  if (!existsSync(path)) return [];
  const entries: CorpusEntry[] = [];
  for (const [i, line] of readFileSync(path, 'utf8').split('\n').entries()) {
    if (line.trim() !== '') entries.push(parse(line, `corpus ${path}, line ${i + 1}`));
  }
  return entries;
}

/**
 * Adds an entry, unless its scenario fails with this schedule already.
 * @returns whether it was new
 */
export function appendCorpus(path: string, entry: CorpusEntry): boolean {
  if (loadCorpus(path).some((e) => e.scenario === entry.scenario && e.schedule === entry.schedule))
    return false;
  // The last line may lack its end when somebody has edited the file.
  const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
  appendFileSync(path, `${text === '' || text.endsWith('\n') ? '' : '\n'}${JSON.stringify(entry)}\n`);
  return true;
}

/**
 * Removes entries, because what they found is no defect, or the scenario has changed.
 * @returns how many there were
 */
export function forgetCorpus(path: string, which: (entry: CorpusEntry) => boolean): number {
  const entries = loadCorpus(path);
  const kept = entries.filter((e) => !which(e));
  if (kept.length === entries.length) return 0;
  // By way of another file, so that no crash leaves half of it.
  writeFileSync(`${path}.new`, kept.map((e) => `${JSON.stringify(e)}\n`).join(''));
  renameSync(`${path}.new`, path);
  return entries.length - kept.length;
}

function parse(line: string, where: string): CorpusEntry {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new InputError(`${where}: is no JSON`);
  }
  const parsed = ENTRY.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError(`${where}: ${`${issue.path.join('.')}: ${issue.message}`.replace(/^: /, '')}`);
}
