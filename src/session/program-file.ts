/** Programs by name, or from a file of the user's: JSON, or a module that exports one by default. */
import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import type { z } from 'zod';
import { OptionError } from '../config/errors.ts';
import { allowed as allowedOf, findSysvar, parseValue } from '../config/sysvars.ts';
import { oneLine } from '../config/values.ts';
import { PROGRAM_SCHEMA } from './program-schema.ts';
import { flatSteps, isBlock } from './program-steps.ts';
import { planTables } from './program-tables.ts';
import type { Block, Program, Step, TableSpec, Transaction } from './program.ts';
import { ALLOCATORS, backup, group, mixed, replay, report, SCAN } from './programs/pages.ts';
import { sysbench, SYSBENCH_SCRIPTS } from './programs/sysbench.ts';
import { tpcc } from './programs/tpcc.ts';
import { ycsb, YCSB_WORKLOADS } from './programs/ycsb.ts';

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
  return checkProgram(await read(nameOrFile), nameOrFile);
}

function refuse(file: string, message: string): OptionError {
  return new OptionError('--program', `--program=${oneLine(file)}: ${message}`);
}

async function read(file: string): Promise<unknown> {
  switch (extname(file)) {
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

const reasonOf = (error: unknown): string => oneLine(error instanceof Error ? error.message : String(error));

async function readJson(file: string): Promise<unknown> {
  let text = '';
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw refuse(file, `cannot be read: ${reasonOf(error)}`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refuse(file, `is not JSON: ${reasonOf(error)}`);
  }
}

async function readModule(file: string): Promise<unknown> {
  let module: object;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- a module's namespace
    module = (await import(pathToFileURL(resolve(file)).href)) as object;
  } catch (error) {
    throw refuse(file, `cannot be loaded: ${reasonOf(error)}`);
  }
  if (!('default' in module)) throw refuse(file, 'has no default export, which must be a program');
  return module.default;
}

/** Validates what stands in a file. @throws OptionError as loadProgram */
export function checkProgram(value: unknown, file: string): Program {
  const parsed = PROGRAM_SCHEMA.safeParse(value);
  if (!parsed.success) {
    const { path, found, allowed } = firstMistake(parsed.error.issues, [], value);
    throw refuse(file, `${where(path)}${found} is not ${allowed}`);
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- steps were checked on their own
  const program = structuredClone(parsed.data) as Program;
  const wrong = firstContradiction(program);
  if (wrong !== null) throw refuse(file, wrong);
  return program;
}

/**
 * Whether a program's tables fit the data files; before anything is started.
 * @throws OptionError, one line, with the least number of pages
 */
export function checkPages(program: Program, pages: number, nameOrFile = program.name): void {
  try {
    planTables(program.tables, pages);
  } catch (error) {
    throw refuse(nameOrFile, reasonOf(error));
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

/** What was found, short. */
function show(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'function') return 'a function';
  if (typeof found === 'string') return `'${oneLine(found)}'`;
  const text = oneLine(inspect(found, { breakLength: Infinity, depth: 1 }));
  return text.length > SHOWN ? `${text.slice(0, SHOWN)} ...` : text;
}
const SHOWN = 60;

/** Of a union the alternative that got furthest is what the user meant. */
function firstMistake(issues: readonly Issue[], before: Path, value: unknown): Mistake {
  // A key that is misspelt is missing as well.
  const issue = issues.find((i) => i.code === 'unrecognized_keys') ?? issues[0];
  const path = [...before, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    return { path, found: `'${oneLine(issue.keys[0])}'`, allowed: issue.message };
  }
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((e) => e.length > 0 && isInside(e[0]));
    if (meant !== undefined) return firstMistake(meant, path, value);
  }
  return { path, found: show(at(value, path)), allowed: issue.message };
}

const isInside = (issue: Issue): boolean => issue.path.length > 0 || issue.code === 'unrecognized_keys';

/** What the shape alone does not say. */
function firstContradiction(program: Program): string | null {
  const { tables = [], transactions } = program;
  return (
    twice(tables, 'tables') ??
    twice(transactions, 'transactions') ??
    first(tables, (t, i) => twice(t.indexes ?? [], `tables[${i}].indexes`) ?? sizes(t, i)) ??
    first(transactions, (t, i) => steps(t, tables, `transactions[${i}].steps`))
  );
}

function first<T>(list: readonly T[], check: (item: T, i: number) => string | null): string | null {
  for (const [i, item] of list.entries()) {
    const wrong = check(item, i);
    if (wrong !== null) return wrong;
  }
  return null;
}

function twice(list: readonly { readonly name: string }[], path: string): string | null {
  return first(list, ({ name }, i) =>
    list.findIndex((other) => other.name === name) < i
      ? `${path}[${i}].name: ${show(name)} is the name of another one`
      : null,
  );
}

function sizes(table: TableSpec, i: number): string | null {
  if (table.pages === undefined || table.weight === undefined) return null;
  return `tables[${i}].weight: ${table.weight} is not wanted: the table has pages`;
}

function steps(t: Transaction, tables: readonly TableSpec[], path: string): string | null {
  const [begin] = flatSteps(t);
  if (begin.chance !== undefined && begin.chance < 100) {
    return `${path}[0]${isBlock(t.steps[0]) ? '.steps[0]' : ''}.chance: ${begin.chance} is not 100, as the first step's must be`;
  }
  if (begin.times === 'same') return `${path}[0].times: 'same' is nothing for the first step`;
  return first(t.steps, (step, i) => stepNames(step, tables, `${path}[${i}]`));
}

/** Names of tables and indexes. */
function stepNames(step: Step | Block, tables: readonly TableSpec[], path: string): string | null {
  if (isBlock(step)) {
    return first(step.steps, (inner, i) => stepNames(inner, tables, `${path}.steps[${i}]`));
  }
  const { table, by } = step.where ?? {};
  const names = tables.map((t) => t.name);
  if (table !== undefined && !names.includes(table)) {
    return `${path}.where.table: ${show(table)} is not ${among(names, 'tables')}`;
  }
  const indexes = (tables.find((t) => t.name === (table ?? names[0]))?.indexes ?? []).map((i) => i.name);
  if (by !== undefined && !indexes.includes(by)) {
    return `${path}.where.by: ${show(by)} is not ${among(indexes, 'indexes')}`;
  }
  return (
    first(step.indexes ?? [], (name, i) =>
      indexes.includes(name)
        ? null
        : `${path}.indexes[${i}]: ${show(name)} is not ${among(indexes, 'indexes')}`,
    ) ?? settings(step, path)
  );
}

function settings({ kind, set }: Step, path: string): string | null {
  if (kind !== 'setSession') return set === undefined ? null : `${path}.set: is for the kind setSession only`;
  if (set === undefined) return `${path}.set: nothing is not an object with variable, value`;
  const variable = findSysvar(set.variable);
  if (variable === undefined || set.value.trim().toUpperCase() === 'DEFAULT') return null;
  try {
    parseValue(variable, set.value);
    return null;
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return `${path}.set.value: ${show(set.value)} is no value of ${set.variable}; allowed are ${allowedOf(variable)}`;
  }
}

const among = (names: readonly string[], what: string): string =>
  names.length === 0 ? `there: the program has no ${what}` : `one of ${names.join(', ')}`;
