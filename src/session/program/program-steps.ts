/** A program's steps, compiled for one thread: tables laid out, distributions made, names turned into numbers. */
import type { Rng } from '../../layout/rng.ts';
import { TABLE } from '../../layout/table.ts';
import { type PageChooser, SharedTracePages } from './access.ts';
import { type Distribution, distributionChooser } from './distributions.ts';
import {
  type Amount,
  type Block,
  type KeySpec,
  type PartSpec,
  type Program,
  type ProgramSet,
  STATEMENTS,
  type Step,
  type StatementKind,
  type Transaction,
} from './program.ts';
import { planTables, type Table, type Tree } from './program-tables.ts';

/** Numbers from `from` to `to`, drawn evenly. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** How a row is found. */
export const KEY = {
  drawn: 0,
  same: 1,
  append: 2,
  oldest: 3,
  latest: 4,
  cursor: 5,
  cursorFromAny: 6,
  trace: 7,
} as const;
type Key = (typeof KEY)[keyof typeof KEY];

/** How one of several tables is found. */
export const PART = { any: 0, same: 1, home: 2 } as const;
type Part = (typeof PART)[keyof typeof PART];

export interface CompiledStep {
  readonly kind: StatementKind;
  /** Place in STATEMENTS. */
  readonly kindNo: number;
  /** null: as often as the step before. */
  readonly times: Range | null;
  /** Percent. */
  readonly chance: number;
  readonly table: Table;
  /** First TABLE record of this table. */
  readonly shared: number;
  readonly part: Part;
  /** Percent. */
  readonly remotePct: number;
  readonly key: Key;
  /** For keys that are drawn, and for `latest`, whose rank it draws. */
  readonly chooser: PageChooser;
  /** Index by which rows are found; null: the clustered one. */
  readonly by: Tree | null;
  /** Indexes that an update changes. */
  readonly changes: readonly Tree[];
  readonly rows: Range;
  readonly keepOld: boolean;
  readonly root: Range;
  readonly value: Range;
  readonly sort: Range;
  readonly temp: Range;
  readonly userVar: Range;
  readonly userVars: number;
  readonly bytes: Range;
  readonly pauseUs: Range;
  readonly set: { readonly variable: string; readonly value: string } | null;
  /** Id of its prepared statement: one for all tables of a kind. */
  readonly statementId: number;
  /** The last step of a block: where the block begins, and how often it is done; -1: it is not. */
  readonly backTo: number;
  readonly loops: Range;
}

export interface CompiledTransaction {
  readonly steps: readonly CompiledStep[];
}

export interface CompiledProgram {
  readonly transactions: readonly CompiledTransaction[];
  /** Cumulated weights of the transactions. */
  readonly weights: readonly number[];
  readonly parse: number;
  readonly prepared: number;
  /** Ids of its prepared statements: the first, and how many. */
  readonly firstId: number;
  readonly ids: number;
}

export interface CompileOptions {
  readonly mem: Int32Array;
  readonly rng: Rng;
  /** TABLE records that are left, for this program and those after it. */
  tables: number;
  tablesLeft: number;
  /** Next id of a prepared statement, from 1. */
  nextId: number;
  /** Word of the trace's cursor. */
  readonly traceCursor: number;
}

const NONE: Range = { from: 0, to: 0 };
const ONE: Range = { from: 1, to: 1 };
const PARSE_BYTES = 3000;
const GROUP_BYTES = 6_000_000;
/** What sort and tempTable take unless the program says it: a first block of sort keys; 100 rows of 160 bytes. */
const SORT_BYTES = 32_768;
const TEMP_BYTES = 16_000;
const USER_VAR_BYTES = 256;
/** Statements that touch no row of a table. */
const WITHOUT_ROWS: readonly StatementKind[] = [
  'begin',
  'commit',
  'rollback',
  'setVar',
  'getVar',
  'setSession',
  'allocators',
];
export const isWithoutRows = (kind: StatementKind): boolean => WITHOUT_ROWS.includes(kind);
const RANGES: readonly StatementKind[] = ['rangeRead', 'sort', 'tempTable'];

const rangeOf = (amount: Amount | undefined, otherwise: Range): Range =>
  amount === undefined
    ? otherwise
    : typeof amount === 'number'
      ? { from: amount, to: amount }
      : { from: amount[0], to: amount[1] };

/** @throws RangeError for what cannot be: too few pages, an unknown table or index, a distribution out of its range */
export function compileProgram(program: Program, set: ProgramSet, o: CompileOptions): CompiledProgram {
  const tables = planTables(program.tables, set.pages);
  const shared = tables.map((table) => placeShared(program, table, o));
  const firstId = o.nextId;
  const ids = new Map<string, number>();
  const one = (step: Step, backTo: number, loops: Range): CompiledStep => {
    const no = step.where?.table === undefined ? 0 : find(tables, step.where.table, 'table');
    const table = isWithoutRows(step.kind) ? { ...tables[no], count: 1 } : tables[no];
    // Steps that differ in nothing but how often they are done are one statement.
    const text = JSON.stringify({ ...step, times: 1, chance: 100 });
    const statementId = ids.get(text) ?? o.nextId++;
    ids.set(text, statementId);
    return compileStep(program, set, step, { table, shared: shared[no], statementId, backTo, loops }, o);
  };
  const transactions = program.transactions.map((t) => {
    const steps: CompiledStep[] = [];
    for (const step of t.steps) {
      if (!isBlock(step)) {
        steps.push(one(step, -1, ONE));
        continue;
      }
      const start = steps.length;
      const last = step.steps.length - 1;
      step.steps.forEach((inner, i) => {
        steps.push(one(inner, i === last ? start : -1, rangeOf(step.times, ONE)));
      });
    }
    return { steps };
  });
  let sum = 0;
  return {
    transactions,
    weights: program.transactions.map((t) => (sum += t.weight ?? 1)),
    parse: program.parse ?? PARSE_BYTES,
    prepared: program.prepared ?? 0,
    firstId,
    ids: o.nextId - firstId,
  };
}

function find(among: readonly { readonly name: string }[], name: string, what: string): number {
  const no = among.findIndex((a) => a.name === name);
  if (no < 0) throw new RangeError(`there is no ${what} ${name}`);
  return no;
}

/** Tables have a TABLE record each if rows are added to them. */
function placeShared(program: Program, table: Table, o: CompileOptions): number {
  const first = program.tables?.[0]?.name ?? table.name;
  const grows = program.transactions.some((t) =>
    flatSteps(t).some(
      (s) => (s.where?.table ?? first) === table.name && growing(s.where?.key ?? program.access),
    ),
  );
  if (!grows) return 0;
  if (table.count > o.tablesLeft) throw new RangeError('too many tables that rows are added to');
  const at = o.tables;
  o.tables += table.count * TABLE.words;
  o.tablesLeft -= table.count;
  return at;
}

export const isBlock = (step: Step | Block): step is Block => 'steps' in step;

/** The steps of a transaction, those of its blocks among them. */
export function flatSteps(t: Transaction): readonly Step[] {
  return t.steps.flatMap((s) => (isBlock(s) ? s.steps : [s]));
}

const growing = (key: KeySpec | undefined): boolean =>
  key === 'append' || key === 'oldest' || (typeof key === 'object' && key.kind === 'latest');

function compileStep(
  program: Program,
  set: ProgramSet,
  step: Step,
  place: Pick<CompiledStep, 'table' | 'shared' | 'statementId' | 'backTo' | 'loops'>,
  o: CompileOptions,
): CompiledStep {
  const { kind, where, memory } = step;
  const { table } = place;
  const key = where?.key ?? program.access ?? set.access;
  const index = (name: string): Tree =>
    table.indexes[
      find(
        table.indexNames.map((n) => ({ name: n })),
        name,
        `index of ${table.name}`,
      )
    ];
  const part = where?.part ?? 'any';
  return {
    ...place,
    kind,
    kindNo: STATEMENTS.indexOf(kind),
    times: step.times === 'same' ? null : rangeOf(step.times, ONE),
    chance: step.chance ?? 100,
    part: partOf(part),
    remotePct: typeof part === 'object' ? part.remotePct : 0,
    key: keyOf(key),
    chooser: chooserOf(key, table, set, o),
    by: where?.by === undefined ? null : index(where.by),
    changes: kind === 'insert' || kind === 'delete' ? table.indexes : (step.indexes ?? []).map(index),
    rows: rangeOf(step.rows, rowsOf(kind, set)),
    keepOld: step.keepOld ?? false,
    root: rangeOf(memory?.root, NONE),
    value: rangeOf(memory?.value, NONE),
    sort: rangeOf(memory?.sort, kind === 'sort' ? { from: SORT_BYTES, to: SORT_BYTES } : NONE),
    temp: rangeOf(memory?.temp, kind === 'tempTable' ? { from: TEMP_BYTES, to: TEMP_BYTES } : NONE),
    userVar: rangeOf(
      memory?.userVar,
      kind === 'setVar' ? { from: USER_VAR_BYTES, to: USER_VAR_BYTES } : NONE,
    ),
    userVars: memory?.userVars ?? 1,
    bytes: rangeOf(step.bytes, { from: GROUP_BYTES, to: GROUP_BYTES }),
    pauseUs: rangeOf(step.pauseUs, NONE),
    set: step.set ?? null,
  };
}

function rowsOf(kind: StatementKind, set: ProgramSet): Range {
  if (RANGES.includes(kind)) return { from: set.rangePages, to: set.rangePages };
  return kind === 'scan' ? { from: set.scanPages, to: set.scanPages } : ONE;
}

function partOf(part: PartSpec): Part {
  if (part === 'any') return PART.any;
  return part === 'same' ? PART.same : PART.home;
}

function keyOf(key: KeySpec): Key {
  if (typeof key === 'object') return key.kind === 'latest' ? KEY.latest : KEY.drawn;
  return KEY[key];
}

const FIRST: Distribution = { kind: 'uniform' };

function chooserOf(key: KeySpec, table: Table, set: ProgramSet, o: CompileOptions): PageChooser {
  if (typeof key === 'object') return distributionChooser(key, table.rows, o.rng);
  if (key !== 'trace') return distributionChooser(FIRST, table.rows, o.rng);
  if (set.trace === null) throw new RangeError('it replays a trace, and the run has none');
  return new SharedTracePages(set.trace, table.rows, o.mem, o.traceCursor);
}
