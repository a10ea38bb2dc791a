/**
 * A schedule, step by step, as a file of JSON lines: a header, then one line for each step. It can be replayed and
 * looked at without the run that made it, and two of them can be compared.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Site, Step } from '../types.ts';
import { InputError } from './input-error.ts';

const FORMAT = 'latchlab-trace';
const VERSION = 1;

export interface Trace {
  readonly scenario: string;
  /** Of the sources: what the transform has made of them. */
  readonly fingerprint: string;
  /** Empty when the schedule is not one of a seed's. */
  readonly seed: string;
  readonly schedule: string;
  /** First line of the finding; empty when there is none. */
  readonly finding: string;
  /** By number; those that no step uses may be missing. */
  readonly sites: Readonly<Record<number, Site>>;
  readonly steps: readonly Step[];
}

const SITE = z.object({
  file: z.string(),
  line: z.int(),
  column: z.int(),
  text: z.string(),
  fn: z.string(),
});
const HEADER = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  scenario: z.string(),
  fingerprint: z.string(),
  seed: z.string(),
  schedule: z.string(),
  finding: z.string(),
  node: z.string(),
  hash: z.string(),
  sites: z.record(z.string().regex(/^\d+$/, 'must be the number of a site'), SITE),
});
const VALUE = z.union([z.number(), z.string()]);
const STEP = z.object({
  thread: z.int().min(0),
  op: z.int(),
  kind: z.enum([
    'load',
    'store',
    'rmw',
    'cas',
    'notify',
    'wait',
    'wake',
    'timeout',
    'pause',
    'read',
    'write',
    'end',
    'die',
  ]),
  site: z.int(),
  word: z.int(),
  read: VALUE.exactOptional(),
  wrote: VALUE.exactOptional(),
  preempts: z.boolean().exactOptional(),
  clock: z.array(z.int()).exactOptional(),
});

/**
 * Writes the trace into a directory, which is made when there is none. Equal traces have one file.
 * @returns its path
 */
export function writeTrace(dir: string, trace: Trace): string {
  const used = new Set(trace.steps.map((s) => s.site));
  const { steps, ...about } = trace;
  const header: z.infer<typeof HEADER> = {
    format: FORMAT,
    version: VERSION,
    ...about,
    node: process.version,
    hash: traceHash(steps, trace.sites),
    sites: Object.fromEntries(Object.entries(trace.sites).filter(([n]) => used.has(Number(n)))),
  };
  const path = join(dir, `${trace.scenario.replaceAll(/[^\w.-]+/g, '-')}-${header.hash}.jsonl`);
  mkdirSync(dir, { recursive: true });
  writeFileSync(path, [header, ...steps.map(plain)].map((line) => `${JSON.stringify(line)}\n`).join(''));
  return path;
}

/** @throws InputError naming the file, the line and what is wrong with it, also when the steps are not those hashed */
export function readTrace(path: string): Trace {
  const bad = (line: number, what: string): InputError =>
    new InputError(`trace ${path}${line > 0 ? `, line ${line}` : ''}: ${what}`);
  const lines = textOf(path, bad).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const read = <T>(schema: z.ZodType<T>, i: number): T => {
    let json: unknown;
    try {
      json = JSON.parse(lines[i] ?? '');
    } catch {
      throw bad(i + 1, i === 0 ? `is no trace file: its first line must be a JSON object` : 'is no JSON');
    }
    const parsed = schema.safeParse(json);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw bad(i + 1, `${issue.path.join('.')}: ${issue.message}`.replace(/^: /, ''));
  };
  const { hash, format: _format, version: _version, node: _node, ...about } = read(HEADER, 0);
  const steps = lines.slice(1).map((_, i) => read(STEP, i + 1));
  const missing = steps.findIndex((s) => s.site >= 0 && about.sites[s.site] === undefined);
  if (missing >= 0) throw bad(missing + 2, `site ${steps[missing].site} is not in the header`);
  if (traceHash(steps, about.sites) !== hash) throw bad(0, 'has been changed or cut off: its hash differs');
  return { ...about, steps };
}

/**
 * 16 hexadecimal digits over thread, kind, place, word and values of all steps: equal in every process for the same
 * schedule of the same sources, whatever the numbers of the sites are.
 */
export function traceHash(steps: readonly Step[], sites: Readonly<Record<number, Site>>): string {
  const hash = createHash('sha256');
  for (const step of steps) hash.update(`${essence(step, sites)}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** Where two schedules part, null when nowhere. */
export function firstDifference(
  a: Pick<Trace, 'steps' | 'sites'>,
  b: Pick<Trace, 'steps' | 'sites'>,
): { readonly step: number; readonly message: string } | null {
  const text = (t: Pick<Trace, 'steps' | 'sites'>, i: number): string =>
    i < t.steps.length ? essence(t.steps[i], t.sites) : 'the end';
  const n = Math.max(a.steps.length, b.steps.length);
  for (let i = 0; i < n; i++) {
    const [one, other] = [text(a, i), text(b, i)];
    if (one !== other) return { step: i, message: `step ${i} differs: ${one}; now ${other}` };
  }
  return null;
}

function essence(s: Step, sites: Readonly<Record<number, Site>>): string {
  const site = sites[s.site] as Site | undefined;
  const place = site === undefined ? '-' : `${site.file}:${site.line}:${site.column}`;
  const values =
    (s.read === undefined ? '' : ` read ${s.read}`) + (s.wrote === undefined ? '' : ` wrote ${s.wrote}`);
  return `thread ${s.thread} ${s.kind} word ${s.word}${values} at ${place}`;
}

/** JSON has no NaN and no infinity. */
function plain(step: Step): Step {
  const safe = (v: number | string): number | string => (Number.isFinite(v) ? v : String(v));
  return {
    ...step,
    ...(step.read === undefined ? {} : { read: safe(step.read) }),
    ...(step.wrote === undefined ? {} : { wrote: safe(step.wrote) }),
  };
}

function textOf(path: string, bad: (line: number, what: string) => InputError): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (e) {
    const { code } = e as NodeJS.ErrnoException;
    throw bad(
      0,
      code === 'ENOENT' ? 'no such file' : code === 'EISDIR' ? 'is a directory' : `cannot be read (${code})`,
    );
  }
}
