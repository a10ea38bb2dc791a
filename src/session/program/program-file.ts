/** Programs by name, or from a file of the user's: JSON, or a module that exports one by default. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { z } from 'zod';
import { OptionError } from '../../config/errors.ts';
import { Rng } from '../../layout/rng.ts';
import { MAX_TABLES } from '../../layout/table.ts';
import { oneLine } from '../../config/values.ts';
import { PROGRAM_SCHEMA } from './program-schema.ts';
import { firstContradiction, short, show } from './program-contradictions.ts';
import { compileProgram } from './program-steps.ts';
import type { Program, ProgramSet } from './program.ts';
import { ALLOCATORS, backup, group, mixed, replay, report, SCAN } from '../programs/pages.ts';
import { sysbench, SYSBENCH_SCRIPTS } from '../programs/sysbench.ts';
import { tpcc } from '../programs/tpcc.ts';
import { ycsb, YCSB_WORKLOADS } from '../programs/ycsb.ts';

const THROTTLE_US = 100_000;

/** Programs that there are, each with its line. */
export const BUILT_IN: readonly Program[] = [
  ...SYSBENCH_SCRIPTS.map((script) => sysbench(script)),
  ...YCSB_WORKLOADS.map((workload) => ycsb(workload)),
  tpcc(),
  report(),
  group(),
  backup(),
  backup({ pauseUs: THROTTLE_US }),
  mixed(),
  replay(),
  SCAN,
  ALLOCATORS,
];

/**
 * A built-in program by its name, or the one in a file.
 * @throws OptionError, one line: where in the program, what was found there, what is allowed
 */
export async function loadProgram(nameOrFile: string): Promise<Program> {
  const builtIn = BUILT_IN.find((p) => p.name === nameOrFile);
  if (builtIn !== undefined) return builtIn;
  const { found } = await read(nameOrFile);
  return checkProgram(found, nameOrFile);
}

function refuse(file: string, message: string): OptionError {
  return new OptionError('--program', `--program=${oneLine(file)}: ${message}`);
}

/** What stands in a file; in an object, as a promise would be waited for otherwise. */
interface Contents {
  readonly found: unknown;
}

async function read(file: string): Promise<Contents> {
  switch (extname(file).toLowerCase()) {
    case '.json':
      return readJson(file);
    case '.js':
    case '.mjs':
      return readModule(file);
    default: {
      const names = BUILT_IN.map((p) => p.name).join(', ');
      throw refuse(file, `is neither a program (${names}) nor a file .json, .js or .mjs`);
    }
  }
}

const MOST_REASON = 500;

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return show(error);
  return oneLine(error.message).slice(0, MOST_REASON);
}

async function readJson(file: string): Promise<Contents> {
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw refuse(file, `cannot be read: ${reasonOf(error)}`);
  }
  try {
    // Some editors begin a file with a byte order mark.
    return { found: JSON.parse(text.replace(/^\uFEFF/, '')) as unknown };
  } catch (error) {
    throw refuse(file, `is not JSON: ${reasonOf(error)}`);
  }
}

/** A module that waits for something at its top level must not take longer. */
const LOAD_MS = 10_000;

async function readModule(file: string): Promise<Contents> {
  let module: object;
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new Error(`it has not ended after ${LOAD_MS / 1000} s`));
      }, LOAD_MS);
    });
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a module's namespace
    module = (await Promise.race([import(pathToFileURL(resolve(file)).href), late])) as object;
  } catch (error) {
    throw refuse(file, `cannot be loaded: ${reasonOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
  if (!('default' in module)) throw refuse(file, 'has no default export, which must be a program');
  const { default: found } = module;
  // One that fails is told about once, as what it is.
  if (found instanceof Promise) found.catch(() => undefined);
  return { found };
}

/** Validates what stands in a file. @throws OptionError as loadProgram */
export function checkProgram(value: unknown, file: string): Program {
  let program: Program;
  try {
    // What getters give is theirs to change: plain data is made of it, and is checked once more.
    program = checkShape(structuredClone(checkShape(value, file)), file);
  } catch (error) {
    if (error instanceof OptionError) throw error;
    throw refuse(file, `cannot be read: ${reasonOf(error)}`);
  }
  const wrong = firstContradiction(program);
  if (wrong !== null) throw refuse(file, wrong);
  return program;
}

function checkShape(value: unknown, file: string): Program {
  // A promise would be an object without names.
  const parsed = PROGRAM_SCHEMA.safeParse(value instanceof Promise ? null : value);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- steps were checked on their own
  if (parsed.success) return parsed.data as Program;
  const { path, found, allowed } = firstMistake(parsed.error.issues, [], value);
  throw refuse(file, `${where(path)}${found} is not ${allowed}`);
}

/**
 * Whether the programs of a run can be run together on its pages; before anything is started.
 * @param firstName what the user calls the first one
 * @throws OptionError, one line: with the least number of pages, when they are too few
 */
export function checkProgramSet(set: ProgramSet, firstName?: string): void {
  const o = {
    mem: new Int32Array(0),
    rng: new Rng(0, 0),
    tables: 0,
    tablesLeft: MAX_TABLES,
    nextId: 1,
    traceCursor: 0,
  };
  for (const [i, program] of set.programs.entries()) {
    try {
      compileProgram(program, set, o);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw refuse((i === 0 ? firstName : undefined) ?? program.name, reasonOf(error));
    }
  }
}

type Path = readonly PropertyKey[];
type Issue = z.core.$ZodIssue;

interface Mistake {
  readonly path: Path;
  readonly found: string;
  readonly allowed: string;
}

/** `transactions[0].steps[2].kind: `; nothing for the program itself. */
function where(path: Path): string {
  let text = '';
  for (const p of path) text += typeof p === 'number' ? `[${p}]` : `${text === '' ? '' : '.'}${String(p)}`;
  return text === '' ? '' : `${text}: `;
}

function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const p of path) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the path is one that the check has walked
    found = found === undefined || found === null ? undefined : (found as Record<PropertyKey, unknown>)[p];
  }
  return found;
}

/** Of a union the alternative that got furthest is what the user meant. */
function firstMistake(issues: readonly Issue[], before: Path, value: unknown): Mistake {
  // A key that is misspelt is missing as well.
  const issue = issues.find((i) => i.code === 'unrecognized_keys') ?? issues[0];
  const path = [...before, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return { path, found: `'${short(issue.keys[0])}'`, allowed: issue.message };
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((e) => e.length > 0 && isInside(e[0]));
    if (meant !== undefined) return firstMistake(meant, path, value);
  }
  return { path, found: show(at(value, path)), allowed: issue.message };
}

const isInside = (issue: Issue): boolean => issue.path.length > 0 || issue.code === 'unrecognized_keys';
