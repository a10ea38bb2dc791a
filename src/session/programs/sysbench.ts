/**
 * sysbench 1.0's OLTP scripts: the same statements in the same order, with its defaults. A table `sbtest` has about 70
 * rows of some 200 bytes on a page that is filled to 15/16, and an index on k.
 */
import type { Distribution } from '../program/distributions.ts';
import type { Block, Program, Step, TableSpec } from '../program/program.ts';

/** By the names of sysbench's options. */
export interface SysbenchOptions {
  readonly tables?: number;
  readonly pointSelects?: number;
  readonly simpleRanges?: number;
  readonly sumRanges?: number;
  readonly orderRanges?: number;
  readonly distinctRanges?: number;
  readonly rangeSize?: number;
  readonly indexUpdates?: number;
  readonly nonIndexUpdates?: number;
  readonly deleteInserts?: number;
  readonly skipTrx?: boolean;
  readonly rand?: Distribution;
}

/** Rows of sbtest on a leaf; node pointers to leaves; entries of the index on k, and node pointers to those. */
export const SBTEST = { rowsPerPage: 70, fanOut: 1130, entriesPerPage: 1130, indexFanOut: 870 } as const;
const INDEX = 'k';
/** What the parser makes of one of its statements, bytes. */
const PREPARED_BYTES = 3000;
/** A row of the result, and one of a temporary table. */
const ROW_BYTES = 120;
const TEMP_ROW_BYTES = 140;
const SORT_BYTES = 32_768;

const DEFAULTS = {
  tables: 1,
  pointSelects: 10,
  simpleRanges: 1,
  sumRanges: 1,
  orderRanges: 1,
  distinctRanges: 1,
  rangeSize: 100,
  indexUpdates: 1,
  nonIndexUpdates: 1,
  deleteInserts: 1,
  skipTrx: false,
  rand: { kind: 'special' },
} as const satisfies Required<SysbenchOptions>;

type Settled = Required<SysbenchOptions>;

const some = (times: number, step: Step): Step[] => (times === 0 ? [] : [{ ...step, times }]);

const pointSelects = (times: number): Step[] =>
  some(times, { kind: 'pointRead', memory: { root: ROW_BYTES } });

function ranges(o: Settled): Step[] {
  const rows = o.rangeSize;
  return [
    ...some(o.simpleRanges, { kind: 'rangeRead', rows, memory: { root: ROW_BYTES } }),
    ...some(o.sumRanges, { kind: 'rangeRead', rows }),
    ...some(o.orderRanges, { kind: 'sort', rows, memory: { root: ROW_BYTES, sort: SORT_BYTES } }),
    ...some(o.distinctRanges, {
      kind: 'tempTable',
      rows,
      memory: { root: ROW_BYTES, sort: SORT_BYTES, temp: rows * TEMP_ROW_BYTES },
    }),
  ];
}

const indexUpdates = (times: number): Step[] => some(times, { kind: 'update', indexes: [INDEX] });
const nonIndexUpdates = (times: number): Step[] => some(times, { kind: 'update' });

/** The row is deleted and comes back with the same id. */
function deleteInserts(times: number): (Step | Block)[] {
  const insert: Step = { kind: 'insert', where: { part: 'same', key: 'same' } };
  return times === 0 ? [] : [{ times, steps: [{ kind: 'delete' }, insert] }];
}

function inTransaction(o: Settled, steps: readonly (Step | Block)[]): readonly (Step | Block)[] {
  return o.skipTrx ? steps : [{ kind: 'begin' }, ...steps, { kind: 'commit' }];
}

const SCRIPTS = {
  oltp_point_select: ['a row by its primary key', () => pointSelects(1)],
  oltp_read_only: [
    'BEGIN, 10 rows by primary key, 4 ranges of 100 rows (plain, SUM, ORDER BY, DISTINCT), COMMIT',
    (o) => inTransaction(o, [...pointSelects(o.pointSelects), ...ranges(o)]),
  ],
  oltp_read_write: [
    'oltp_read_only, and an update with index, one without, a delete and an insert',
    (o) =>
      inTransaction(o, [
        ...pointSelects(o.pointSelects),
        ...ranges(o),
        ...indexUpdates(o.indexUpdates),
        ...nonIndexUpdates(o.nonIndexUpdates),
        ...deleteInserts(o.deleteInserts),
      ]),
  ],
  oltp_write_only: [
    'BEGIN, an update with index, one without, a delete and an insert, COMMIT',
    (o) =>
      inTransaction(o, [
        ...indexUpdates(o.indexUpdates),
        ...nonIndexUpdates(o.nonIndexUpdates),
        ...deleteInserts(o.deleteInserts),
      ]),
  ],
  oltp_update_index: ['an update of an indexed column', () => indexUpdates(1)],
  oltp_update_non_index: ['an update of a column without index', () => nonIndexUpdates(1)],
  oltp_insert: [
    'a new row behind the last one (auto increment)',
    (): Step[] => [{ kind: 'insert', where: { key: 'append' } }],
  ],
  oltp_delete: ['a row is deleted', (): Step[] => [{ kind: 'delete' }]],
} as const satisfies Record<string, readonly [string, (o: Settled) => readonly (Step | Block)[]]>;

export type SysbenchScript = keyof typeof SCRIPTS;
// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of an object that nobody extends
export const SYSBENCH_SCRIPTS = Object.keys(SCRIPTS) as readonly SysbenchScript[];

/** A script as a program. */
export function sysbench(script: SysbenchScript, options: SysbenchOptions = {}): Program {
  const o: Settled = { ...DEFAULTS, ...options };
  const [doc, steps] = SCRIPTS[script];
  const table: TableSpec = {
    name: 'sbtest',
    count: o.tables,
    rowsPerPage: SBTEST.rowsPerPage,
    fanOut: SBTEST.fanOut,
    indexes: [{ name: INDEX, rowsPerPage: SBTEST.entriesPerPage, fanOut: SBTEST.indexFanOut }],
  };
  return {
    name: script,
    doc: `sysbench: ${doc}`,
    tables: [table],
    access: o.rand,
    // The one script that sends its statement as text.
    ...(script !== 'oltp_insert' && { prepared: PREPARED_BYTES }),
    transactions: [{ name: script, steps: steps(o) }],
  };
}
