import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OptionError } from '../../config/errors.ts';
import { DISTRIBUTIONS } from './distributions.ts';
import { type Program, STATEMENTS } from './program.ts';
import { tpcc } from '../programs/tpcc.ts';
import { BUILT_IN, checkProgram, checkProgramSet, loadProgram } from './program-file.ts';

const dir = mkdtempSync(join(tmpdir(), 'program-'));
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function write(name: string, text: string): string {
  const file = join(dir, name);
  writeFileSync(file, text);
  return file;
}

/** Whether a program can be run on so many pages. */
function checkPages(program: Program, pages: number): void {
  const access = { kind: 'uniform' } as const;
  const trace = Uint32Array.of(1);
  checkProgramSet({ programs: [program], pages, access, rangePages: 1, scanPages: 1, trace });
}

/** The message with the file's name left out. */
async function mistake(file: string): Promise<string> {
  try {
    await loadProgram(file);
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    expect(error.option).toBe('--program');
    expect(error.message).not.toContain('\n');
    return error.message.replace(file, 'FILE');
  }
  return 'no mistake';
}

const GOOD = {
  name: 'mine',
  doc: 'my program',
  tables: [
    { name: 't', rowsPerPage: 50, fanOut: 800, indexes: [{ name: 'k', rowsPerPage: 900, fanOut: 700 }] },
  ],
  access: { kind: 'zipfian', exponent: 0.9, scatter: true },
  prepared: 2000,
  transactions: [
    {
      name: 'x',
      weight: 3,
      steps: [
        { kind: 'begin' },
        {
          kind: 'pointRead',
          times: [1, 5],
          where: { table: 't', by: 'k', key: { kind: 'hotset', hotPages: 0.1, hotAccesses: 0.9 } },
        },
        {
          times: 3,
          steps: [{ kind: 'update', where: { key: 'same', part: { remotePct: 5 } }, indexes: ['k'] }],
        },
        { kind: 'sort', rows: [10, 20], memory: { sort: [1000, 2000] }, chance: 50 },
        { kind: 'commit', times: 'same' },
      ],
    },
  ],
} as const;

/** The good program with something changed: `['transactions', 0, 'name']` to a value; undefined: taken out. */
function changed(path: readonly (string | number)[], value: unknown): unknown {
  const copy = structuredClone(GOOD) as unknown;
  let at = copy as Record<PropertyKey, unknown>;
  for (const p of path.slice(0, -1)) at = at[p] as Record<PropertyKey, unknown>;
  const [last] = path.slice(-1);
  if (value === undefined) delete at[last];
  else at[last] = value;
  return copy;
}

function lineOf(value: unknown): string {
  try {
    checkProgram(value, 'FILE');
  } catch (error) {
    return (error as Error).message;
  }
  return 'no mistake';
}

const STEPS = ['transactions', 0, 'steps'] as const;
const KINDS =
  'pointRead, rangeRead, update, intendUpdate, peek, scan, allocators, insert, delete, sort, tempTable, group, setVar, getVar, setSession, begin, commit, rollback';
const DISTRIBUTION =
  'a distribution, { kind: one of uniform, gaussian, pareto, zipfian, special, hotset, scrambled, latest, nurand, ... }';
const STEP_KEYS = 'kind, times, chance, where, rows, indexes, keepOld, memory, bytes, set, pauseUs';

describe('a mistake in a program is one line', () => {
  it.each<[path: readonly (string | number)[], value: unknown, line: string]>([
    [['name'], undefined, 'name: nothing is not a name'],
    [['name'], 'two\nlines', String.raw`name: 'two\nlines' is not a name`],
    [['doc'], 7, 'doc: 7 is not a line of text'],
    [['prepared'], -1, 'prepared: -1 is not an integer from 0 to 2147483647'],
    [['nonsense'], 1, "'nonsense' is not one of name, doc, tables, access, parse, prepared, transactions"],
    [['access'], 'zipfian', `access: 'zipfian' is not ${DISTRIBUTION}`],
    [['access', 'kind'], 'zipf', `access.kind: 'zipf' is not ${DISTRIBUTION}`],
    [['access', 'exponent'], 3, 'access.exponent: 3 is not a number from 0 to 2'],
    [['access', 'theta'], 1, "access: 'theta' is not one of kind, exponent, scatter"],
    [['tables'], [], 'tables: [] is not a list of tables, one at least'],
    [['tables', 0, 'rowsPerPage'], 0.5, 'tables[0].rowsPerPage: 0.5 is not an integer from 1 to 16384'],
    [['tables', 0, 'weight'], 0, 'tables[0].weight: 0 is not a number above 0'],
    [
      ['tables', 0, 'indexes', 0, 'fanOut'],
      undefined,
      'tables[0].indexes[0].fanOut: nothing is not an integer from 2 to 16384',
    ],
    [['tables', 1], { name: 't' }, "tables[1].name: 't' is the name of another one"],
    [
      ['tables', 0],
      { name: 't', pages: 5, weight: 2 },
      'tables[0].weight: 2 is not wanted: the table has pages',
    ],
    [['transactions'], undefined, 'transactions: nothing is not a list of transactions, one at least'],
    [['transactions', 0, 'weight'], 'much', "transactions[0].weight: 'much' is not a number above 0"],
    [
      ['transactions', 0, 'weight'],
      2e9,
      'transactions[0].weight: 2000000000 is not a number up to 1000000000',
    ],
    [['tables', 0, 'weight'], Infinity, 'tables[0].weight: Infinity is not a number up to 1000000000'],
    [['tables', 0, 'weight'], Number.NaN, 'tables[0].weight: NaN is not a number above 0'],
    [['transactions', 1], GOOD.transactions[0], "transactions[1].name: 'x' is the name of another one"],
    [[...STEPS], [], 'transactions[0].steps: [] is not a list of steps, one at least'],
    [[...STEPS, 1], 3, `transactions[0].steps[1]: 3 is not a step: an object with ${STEP_KEYS}`],
    [[...STEPS, 1, 'kind'], 'select', `transactions[0].steps[1].kind: 'select' is not one of ${KINDS}`],
    [[...STEPS, 1, 'kind'], undefined, `transactions[0].steps[1].kind: nothing is not one of ${KINDS}`],
    [
      [...STEPS, 1],
      { kind: 'setSession', set: { variable: 'innodb_io_capacity', value: '1' } },
      "transactions[0].steps[1].set.variable: 'innodb_io_capacity' is not one of connection_memory_limit, " +
        'connection_memory_chunk_size, global_connection_memory_tracking, max_execution_time',
    ],
    [
      [...STEPS, 1],
      { kind: 'setSession', set: { variable: 'global_connection_memory_tracking', value: 'perhaps' } },
      "transactions[0].steps[1].set.value: 'perhaps' is no value of global_connection_memory_tracking; allowed are ON or OFF",
    ],
    [
      [...STEPS, 1],
      { kind: 'setSession' },
      'transactions[0].steps[1].set: nothing is not an object with variable, value',
    ],
    [
      [...STEPS, 1],
      { kind: 'begin', set: { variable: 'max_execution_time', value: '1' } },
      'transactions[0].steps[1].set: is for the kind setSession only',
    ],
    [[...STEPS, 1, 'page'], 1, `transactions[0].steps[1]: 'page' is not one of ${STEP_KEYS}`],
    [
      [...STEPS, 1, 'times'],
      [5, 1],
      "transactions[0].steps[1].times: [ 5, 1 ] is not an integer from 1 to 1000000, two as [from, to], or 'same'",
    ],
    [
      [...STEPS, 1, 'times'],
      0,
      "transactions[0].steps[1].times: 0 is not an integer from 1 to 1000000, two as [from, to], or 'same'",
    ],
    [
      [...STEPS, 3, 'rows'],
      [1, 2, 3],
      'transactions[0].steps[3].rows: [ 1, 2, 3 ] is not an integer from 1 to 2147483647, or two as [from, to]',
    ],
    [
      [...STEPS, 3, 'memory', 'sort'],
      -1,
      'transactions[0].steps[3].memory.sort: -1 is not an integer from 0 to 2147483647, or two as [from, to]',
    ],
    [
      [...STEPS, 3, 'memory', 'heap'],
      1,
      "transactions[0].steps[3].memory: 'heap' is not one of root, value, sort, temp, userVar, userVars",
    ],
    [[...STEPS, 3, 'chance'], 101, 'transactions[0].steps[3].chance: 101 is not a number from 0 to 100'],
    [
      [...STEPS, 1, 'where', 'key'],
      'next',
      `transactions[0].steps[1].where.key: 'next' is not one of same, append, oldest, cursor, cursorFromAny, trace, or ${DISTRIBUTION}`,
    ],
    [
      [...STEPS, 1, 'where', 'key', 'hotPages'],
      2,
      'transactions[0].steps[1].where.key.hotPages: 2 is not a number from 0 to 1',
    ],
    [[...STEPS, 1, 'where', 'table'], 'u', "transactions[0].steps[1].where.table: 'u' is not one of t"],
    [[...STEPS, 1, 'where', 'by'], 'z', "transactions[0].steps[1].where.by: 'z' is not one of k"],
    [[...STEPS, 2, 'steps'], [], 'transactions[0].steps[2].steps: [] is not a list of steps'],
    [
      [...STEPS, 2, 'steps', 0, 'kind'],
      'up',
      `transactions[0].steps[2].steps[0].kind: 'up' is not one of ${KINDS}`,
    ],
    [
      [...STEPS, 2, 'steps', 0, 'where', 'part'],
      { remote: 1 },
      "transactions[0].steps[2].steps[0].where.part: 'remote' is not one of remotePct",
    ],
    [
      [...STEPS, 2, 'steps', 0, 'indexes', 0],
      'j',
      "transactions[0].steps[2].steps[0].indexes[0]: 'j' is not one of k",
    ],
    [
      [...STEPS, 0, 'chance'],
      50,
      "transactions[0].steps[0].chance: 50 is not 100, as the first step's must be",
    ],
    [[...STEPS, 0, 'times'], 'same', "transactions[0].steps[0].times: 'same' is nothing for the first step"],
    [['transactions', 0, 'name'], () => 1, 'transactions[0].name: a function is not a name'],
    [['name'], '\u001b[31mred', String.raw`name: '\u001b[31mred' is not a name`],
    [
      [...STEPS, 1, 'indexes'],
      ['k'],
      'transactions[0].steps[1].indexes: is for the kinds update, intendUpdate only',
    ],
    [[...STEPS, 3, 'keepOld'], true, 'transactions[0].steps[3].keepOld: is for the kind scan only'],
    [
      [...STEPS, 2, 'steps', 0, 'bytes'],
      5,
      'transactions[0].steps[2].steps[0].bytes: is for the kind group only',
    ],
    [[...STEPS, 0, 'rows'], 5, 'transactions[0].steps[0].rows: is not for the kind begin, which has no rows'],
    [
      [...STEPS, 0, 'where'],
      { key: 'same' },
      'transactions[0].steps[0].where: is not for the kind begin, which has no rows',
    ],
    [
      [...STEPS, 1],
      { kind: 'group', rows: 5 },
      'transactions[0].steps[1].rows: is not for the kind group, which reads as many rows as its bytes take',
    ],
  ])('%j: %j', (path, value, line) => {
    expect(lineOf(typeof value === 'function' ? withFunction(path, value) : changed(path, value))).toBe(
      `--program=FILE: ${line}`,
    );
  });

  function withFunction(path: readonly (string | number)[], value: unknown): unknown {
    const copy = changed(path, 'x') as { transactions: { name: unknown }[] };
    copy.transactions[0].name = value;
    return copy;
  }

  it('whatever it is', () => {
    const keys = 'name, doc, tables, access, parse, prepared, transactions';
    for (const [value, shown] of [
      [null, 'null'],
      [3, '3'],
      ['x', "'x'"],
      [[], '[]'],
      [5n, '5n'],
      [Symbol('s'), 'Symbol(s)'],
    ]) {
      expect(lineOf(value)).toBe(`--program=FILE: ${String(shown)} is not a program: an object with ${keys}`);
    }
    const circular = structuredClone(GOOD) as unknown as Record<string, unknown>;
    circular.access = circular;
    expect(lineOf(circular)).toMatch(
      /^--program=FILE: access: '[a-z]+' is not one of |^--program=FILE: access/,
    );
    expect(lineOf(Promise.resolve(GOOD))).toBe(
      `--program=FILE: a promise is not a program: an object with ${keys}`,
    );
    const long = lineOf(changed(['access'], 'x'.repeat(500)));
    expect(long.length).toBeLessThan(800);
  });

  it('also when what was found is long', () => {
    const [long, shown] = ['x'.repeat(1e6), `'${'x'.repeat(60)} ...'`];
    expect(lineOf(changed(['name'], 'x'.repeat(101)))).toBe(
      `--program=FILE: name: ${shown} is not a name of at most 100 characters`,
    );
    expect(lineOf(changed(['doc'], long))).toBe(
      `--program=FILE: doc: ${shown} is not a line of text of at most 1000 characters`,
    );
    expect(lineOf(changed([...STEPS, 1, 'kind'], long))).toBe(
      `--program=FILE: transactions[0].steps[1].kind: ${shown} is not one of ${KINDS}`,
    );
    expect(lineOf(changed([long], 1))).toBe(
      `--program=FILE: ${shown} is not one of name, doc, tables, access, parse, prepared, transactions`,
    );
  });

  it('getters that fail, or change what they say', () => {
    const failing = {
      get name(): string {
        throw new Error('no\nname');
      },
    };
    expect(lineOf(failing)).toBe(String.raw`--program=FILE: cannot be read: no\nname`);
    const step = {
      get kind(): string {
        throw new TypeError('no kind');
      },
    };
    expect(lineOf(changed([...STEPS, 1], 0))).toContain('is not a step');
    const steps = changed([...STEPS], [0]) as { transactions: { steps: unknown[] }[] };
    steps.transactions[0].steps[0] = step;
    expect(lineOf(steps)).toBe('--program=FILE: cannot be read: no kind');
    let asked = 0;
    steps.transactions[0].steps[0] = {
      get kind(): string {
        return asked++ === 0 ? 'begin' : 'end';
      },
    };
    expect(lineOf(steps)).toBe(`--program=FILE: transactions[0].steps[0].kind: 'end' is not one of ${KINDS}`);
  });

  it('more than threads can compile in good time', () => {
    const [transaction] = GOOD.transactions;
    const many = Array.from({ length: 1001 }, (_, i) => ({
      name: `t${i}`,
      steps: transaction.steps.slice(0, 1),
    }));
    expect(lineOf({ ...GOOD, transactions: many.slice(1) })).toBe('no mistake');
    expect(lineOf({ ...GOOD, transactions: many })).toMatch(/ is not a list of at most 1000 transactions$/);
    expect(lineOf({ ...GOOD, tables: many.map(({ name }) => ({ name })) })).toMatch(
      /: tables: .* is not a list of at most 1000 tables$/,
    );
    const steps = many.map(() => ({ kind: 'begin' }));
    expect(lineOf(changed([...STEPS], steps))).toMatch(
      /: transactions\[0\]\.steps: .* is not a list of at most 1000 steps$/,
    );
    const blocks = many
      .slice(1)
      .map(({ name }) => ({ name, steps: [{ times: 2, steps: steps.slice(0, 11) }] }));
    expect(lineOf({ ...GOOD, transactions: blocks })).toBe(
      '--program=FILE: transactions: 11000 steps in all are more than 10000',
    );
  });

  it('tables that there are none of', () => {
    const bare = changed(['tables'], undefined) as { transactions: { steps: unknown[] }[] };
    expect(lineOf(bare)).toBe(
      "--program=FILE: transactions[0].steps[1].where.table: 't' is not there: the program has no tables",
    );
  });
});

describe('a file', () => {
  it('.json or .mjs has a program', async () => {
    expect(await loadProgram(write('good.json', JSON.stringify(GOOD)))).toEqual(GOOD);
    const program = await loadProgram(write('good.mjs', `export default ${JSON.stringify(GOOD)};`));
    expect(program).toEqual(GOOD);
    expect(structuredClone(program)).toEqual(program);
  });

  it('may begin with a byte order mark, and end in capitals', async () => {
    expect(await loadProgram(write('bom.json', `\uFEFF${JSON.stringify(GOOD)}`))).toEqual(GOOD);
    expect(await loadProgram(write('GOOD.JSON', JSON.stringify(GOOD)))).toEqual(GOOD);
  });

  it.each([
    ['none.json', null, /^--program=FILE: cannot be read: ENOENT: no such file or directory/],
    ['bad.json', '{ "name": "x", }', /^--program=FILE: is not JSON: /],
    ['none.mjs', null, /^--program=FILE: cannot be loaded: /],
    ['throws.mjs', 'throw new Error("no\\nway")', /^--program=FILE: cannot be loaded: no\\nway$/],
    [
      'named.mjs',
      'export const program = 1',
      /^--program=FILE: has no default export, which must be a program$/,
    ],
    [
      'wrong.mjs',
      'export default () => 1',
      /^--program=FILE: a function is not a program: an object with name, /,
    ],
    ['empty.json', '', /^--program=FILE: is not JSON: Unexpected end of JSON input$/],
    ['empty.mjs', '', /^--program=FILE: has no default export/],
    ['null.mjs', 'throw null', /^--program=FILE: cannot be loaded: null$/],
    [
      'bare.mjs',
      'throw Object.create(null)',
      /^--program=FILE: cannot be loaded: \[Object: null prototype\] \{\}$/,
    ],
    ['promise.mjs', 'export default Promise.resolve({})', /^--program=FILE: a promise is not a program: /],
    ['rejected.mjs', 'export default Promise.reject(1)', /^--program=FILE: a promise is not a program: /],
    [
      'thenable.mjs',
      'export default { then() {} }',
      /^--program=FILE: 'then' is not one of name, doc, tables, access, /,
    ],
    [
      'list.yaml',
      'x: 1',
      /^--program=FILE: is neither a program \(oltp_point_select, .*, allocators\) nor a file \.json, \.js or \.mjs$/,
    ],
  ] as const)('%s is refused', async (name, text, line) => {
    const file = text === null ? join(dir, name) : write(name, text);
    expect(await mistake(file)).toMatch(line);
  });

  it('a name that there is none of is refused', async () => {
    expect(await mistake('oltp_read')).toMatch(/^--program=FILE: is neither a program/);
  });
});

describe('built-in programs', () => {
  it('are valid, have names of their own and a line each', async () => {
    expect(new Set(BUILT_IN.map((p) => p.name)).size).toBe(BUILT_IN.length);
    for (const program of BUILT_IN) {
      expect(program.doc).not.toBe('');
      expect(checkProgram(structuredClone(program) as unknown, program.name)).toEqual(program);
      expect(await loadProgram(program.name)).toBe(program);
    }
  });

  it.each(BUILT_IN.map((p) => [p.name, p] as const))('%s fits the smallest run', (_, program: Program) => {
    // 4 MiB of data.
    checkPages(program, 256);
  });

  it('say how many pages they need', () => {
    expect(() => {
      checkPages(tpcc(), 20);
    }).toThrow('--program=tpcc: its tables need 41 pages, and the data files have 20');
    checkPages(tpcc(), 41);
  });

  it('of a run have a limited number of tables that rows are added to', () => {
    const table = { name: 't', count: 600 };
    const steps = [{ kind: 'insert', where: { key: 'append' } }] as const;
    const program: Program = {
      name: 'p',
      doc: 'p',
      tables: [table],
      transactions: [{ name: 'x', steps }],
    };
    const set = {
      pages: 1000,
      access: { kind: 'uniform' },
      rangePages: 1,
      scanPages: 1,
      trace: null,
    } as const;
    checkProgramSet({ ...set, programs: [program] }, 'FILE');
    expect(() => {
      checkProgramSet({ ...set, programs: [program, { ...program, name: 'q' }] }, 'FILE');
    }).toThrow('--program=q: too many tables that rows are added to');
    expect(() => {
      checkProgramSet({ ...set, programs: [program], pages: 500 }, 'FILE');
    }).toThrow('--program=FILE: its tables need 600 pages, and the data files have 500');
  });
});

describe('docs/programs.md', () => {
  const text = readFileSync(new URL('../../../docs/programs.md', import.meta.url), 'utf8');

  it('has an example that is a program', () => {
    const [, example] = /```json\n([^`]+)```/.exec(text) ?? [];
    expect(checkProgram(JSON.parse(example), 'docs').name).toBe('shop');
  });

  it('names every built-in program, statement and distribution', () => {
    const names = [...BUILT_IN.map((p) => p.name).filter((n) => !n.startsWith('ycsb-')), 'ycsb-a', 'ycsb-f'];
    for (const name of [...names, ...STATEMENTS]) expect(text, name).toContain(`\`${name}\``);
    for (const name of DISTRIBUTIONS) expect(text, name).toContain(`"kind": "${name}"`);
  });
});
