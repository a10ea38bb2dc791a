/** What is wrong with a program beyond its shape: names that there are not, fields that are of no use. */
import { inspect } from 'node:util';
import { OptionError } from '../../config/errors.ts';
import { allowed as allowedOf, findSysvar, parseValue } from '../../config/sysvars.ts';
import { oneLine } from '../../config/values.ts';
import { flatSteps, isBlock, isWithoutRows } from './program-steps.ts';
import type { Block, Program, Step, TableSpec, Transaction } from './program.ts';

/** What was found, short. */
export function show(found: unknown): string {
  if (found === undefined) return 'nothing';
  if (typeof found === 'function') return 'a function';
  if (found instanceof Promise) return 'a promise';
  if (typeof found === 'string') return `'${short(found)}'`;
  return short(inspect(found, { breakLength: Infinity, depth: 1, customInspect: false }));
}

const SHOWN = 60;

export function short(text: string): string {
  const line = oneLine(text);
  return line.length > SHOWN ? `${line.slice(0, SHOWN)} ...` : line;
}

/** Each thread compiles them all. */
const MOST_STEPS = 10_000;

/**
 * What the shape alone does not say.
 * @returns a line with the path to it; null: nothing
 */
export function firstContradiction(program: Program): string | null {
  const { tables = [], transactions } = program;
  const all = transactions.reduce((n, t) => n + flatSteps(t).length, 0);
  if (all > MOST_STEPS) return `transactions: ${all} steps in all are more than ${MOST_STEPS}`;
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
  const names = new Set<string>();
  return first(list, ({ name }, i) =>
    names.size === names.add(name).size
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
    ) ??
    unused(step, path) ??
    settings(step, path)
  );
}

/** Fields that only some kinds have a use for. */
const ONLY_FOR = {
  indexes: ['update', 'intendUpdate'],
  keepOld: ['scan'],
  bytes: ['group'],
  set: ['setSession'],
} as const satisfies Partial<Record<keyof Step, readonly Step['kind'][]>>;

/** What would be passed over in silence. */
function unused(step: Step, path: string): string | null {
  const { kind } = step;
  for (const [field, kinds] of Object.entries(ONLY_FOR)) {
    if (!(field in step) || kinds.some((k) => k === kind)) continue;
    return `${path}.${field}: is for the kind${kinds.length > 1 ? 's' : ''} ${kinds.join(', ')} only`;
  }
  if (isWithoutRows(kind)) {
    if (step.where !== undefined) return `${path}.where: is not for the kind ${kind}, which has no rows`;
    if (step.rows !== undefined) return `${path}.rows: is not for the kind ${kind}, which has no rows`;
  }
  if (kind === 'group' && step.rows !== undefined) {
    return `${path}.rows: is not for the kind group, which reads as many rows as its bytes take`;
  }
  return null;
}

function settings({ kind, set }: Step, path: string): string | null {
  if (kind !== 'setSession') return null;
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
