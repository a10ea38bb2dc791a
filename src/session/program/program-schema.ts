/** What a program in a file may look like. The message of each schema says what is allowed, after "is not". */
import { z } from 'zod';
import { SYSVARS } from '../../config/sysvars.ts';
import { MAX_TABLES } from '../../layout/table.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { STATEMENTS } from './program.ts';

const MAX = 2 ** 31 - 1;
/** Variables that a session has a value of its own of. */
const SESSION_VARIABLES = SYSVARS.filter((v) => v.scope === 'both').map((v) => v.name);

/** No further keys; what is missing or wrong says what it must be. */
function strict<S extends z.ZodRawShape>(what: string, shape: S) {
  const keys = Object.keys(shape).join(', ');
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys' ? `one of ${keys}` : `${what}: an object with ${keys}`,
  });
}

function integer(low: number, high: number) {
  const error = `an integer from ${low} to ${high}`;
  return z.number({ error }).int({ error }).min(low, { error }).max(high, { error });
}

function number(low: number, high: number) {
  const error = `a number from ${low} to ${high}`;
  return z.number({ error }).min(low, { error }).max(high, { error });
}

const MAX_WEIGHT = 1e9;

/** Above 0. */
function weight() {
  const error = ({ input }: { readonly input?: unknown }): string =>
    typeof input === 'number' && input > MAX_WEIGHT ? `a number up to ${MAX_WEIGHT}` : 'a number above 0';
  return z.number({ error }).positive({ error }).max(MAX_WEIGHT, { error });
}

/** A line that a terminal shows as it is. */
function text(what: string, most: number) {
  const tooLong = `${what} of at most ${most} characters`;
  return z
    .string({ error: what })
    .max(most, { error: tooLong })
    .regex(/^[^\p{Cc}\p{Zl}\p{Zp}]+$/u, { error: what });
}

/** An integer, or a pair. @param also what else is allowed */
function amount(low: number, high: number, also = '') {
  const or = also === '' ? ' or' : '';
  const error = `an integer from ${low} to ${high},${or} two as [from, to]${also}`;
  const end = z.number({ error }).int({ error }).min(low, { error }).max(high, { error });
  return z.union([end, z.tuple([end, end], { error }).refine(([from, to]) => from <= to, { error })], {
    error,
  });
}

function oneOf<const T extends readonly string[]>(...names: T) {
  return z.enum(names, { error: `one of ${names.join(', ')}` });
}

const flag = z.boolean({ error: 'true or false' });
const scatter = flag.exactOptional();
const iterations = integer(1, 1000).exactOptional();
const exponent = number(0, 2).exactOptional();

const DISTRIBUTION_TEXT = `a distribution, { kind: one of ${DISTRIBUTIONS.join(', ')}, ... }`;
const distribution = z.discriminatedUnion(
  'kind',
  [
    strict('uniform', { kind: z.literal('uniform') }),
    strict('gaussian', { kind: z.literal('gaussian'), iterations }),
    strict('pareto', { kind: z.literal('pareto'), h: number(0.0001, 0.9999).exactOptional(), scatter }),
    strict('zipfian', { kind: z.literal('zipfian'), exponent, scatter }),
    strict('special', {
      kind: z.literal('special'),
      iterations,
      pct: number(0, 100).exactOptional(),
      res: number(0, 100).exactOptional(),
    }),
    strict('hotset', {
      kind: z.literal('hotset'),
      hotPages: number(0, 1),
      hotAccesses: number(0, 1),
      scatter,
    }),
    strict('scrambled', { kind: z.literal('scrambled') }),
    strict('latest', { kind: z.literal('latest'), exponent }),
    strict('nurand', { kind: z.literal('nurand'), a: integer(0, MAX) }),
  ],
  { error: DISTRIBUTION_TEXT },
);

const KEYS = ['same', 'append', 'oldest', 'cursor', 'cursorFromAny', 'trace'] as const;
const key = z.union([oneOf(...KEYS), distribution], {
  error: `one of ${KEYS.join(', ')}, or ${DISTRIBUTION_TEXT}`,
});

const PARTS = ['any', 'same', 'home'] as const;
const part = z.union([oneOf(...PARTS), strict('part', { remotePct: number(0, 100) })], {
  error: `one of ${PARTS.join(', ')}, or { remotePct }`,
});

const name = text('a name', 100);
const where = strict('where', {
  table: name.exactOptional(),
  part: part.exactOptional(),
  key: key.exactOptional(),
  by: name.exactOptional(),
});

const bytes = amount(0, MAX).exactOptional();
const memory = strict('memory', {
  root: bytes,
  value: bytes,
  sort: bytes,
  temp: bytes,
  userVar: bytes,
  userVars: integer(1, 10_000).exactOptional(),
});

const MAX_TIMES = 1_000_000;
const OR_SAME = ", or 'same'";

const STEP = strict('a step', {
  kind: oneOf(...STATEMENTS),
  times: z
    .union([amount(1, MAX_TIMES, OR_SAME), z.literal('same')], {
      error: `an integer from 1 to ${MAX_TIMES}, two as [from, to]${OR_SAME}`,
    })
    .exactOptional(),
  chance: number(0, 100).exactOptional(),
  where: where.exactOptional(),
  rows: amount(1, MAX).exactOptional(),
  indexes: z.array(name, { error: 'a list of names' }).exactOptional(),
  keepOld: flag.exactOptional(),
  memory: memory.exactOptional(),
  bytes: amount(1, MAX).exactOptional(),
  set: strict('set', {
    variable: oneOf(...SESSION_VARIABLES),
    value: text('a value as one would type it', 100),
  }).exactOptional(),
  pauseUs: amount(0, MAX).exactOptional(),
});

const BLOCK = strict('a block', {
  times: amount(1, MAX_TIMES),
  steps: z.array(STEP, { error: 'a list of steps' }).min(1, { error: 'a list of steps' }),
});

/** A block has steps; what has none is to be a step. */
const stepOrBlock = z.unknown().superRefine((value, ctx) => {
  const block = typeof value === 'object' && value !== null && 'steps' in value;
  const result = (block ? BLOCK : STEP).safeParse(value);
  for (const issue of result.error?.issues ?? []) ctx.addIssue({ ...issue });
});

const MOST = 1000;
const tooMany = (what: string) => ({ error: `a list of at most ${MOST} ${what}` });

const list = 'a list of steps, one at least';
const transaction = strict('a transaction', {
  name,
  weight: weight().exactOptional(),
  steps: z.array(stepOrBlock, { error: list }).min(1, { error: list }).max(MOST, tooMany('steps')),
});

const MAX_ROWS_PER_PAGE = 16_384;
const rowsPerPage = integer(1, MAX_ROWS_PER_PAGE);
const fanOut = integer(2, MAX_ROWS_PER_PAGE);
const table = strict('a table', {
  name,
  count: integer(1, MAX_TABLES).exactOptional(),
  weight: weight().exactOptional(),
  pages: integer(1, MAX).exactOptional(),
  rowsPerPage: rowsPerPage.exactOptional(),
  fanOut: fanOut.exactOptional(),
  hashed: flag.exactOptional(),
  loaded: number(0, 1).exactOptional(),
  indexes: z
    .array(strict('an index', { name, rowsPerPage, fanOut }), { error: 'a list of indexes' })
    .exactOptional(),
});

const tables = 'a list of tables, one at least';
const transactions = 'a list of transactions, one at least';
export const PROGRAM_SCHEMA = strict('a program', {
  name,
  doc: text('a line of text', 1000),
  tables: z
    .array(table, { error: tables })
    .min(1, { error: tables })
    .max(MOST, tooMany('tables'))
    .exactOptional(),
  access: distribution.exactOptional(),
  parse: integer(0, MAX).exactOptional(),
  prepared: integer(0, MAX).exactOptional(),
  transactions: z
    .array(transaction, { error: transactions })
    .min(1, { error: transactions })
    .max(MOST, tooMany('transactions')),
});
