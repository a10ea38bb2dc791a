/**
 * The core workloads of YCSB, as it runs them on a database: each operation a transaction of its own, records of ten
 * fields of 100 bytes under a text key. Keys are hashes, so records lie in no order: pages are filled to 69 %, and rows
 * that are popular, or new, lie anywhere.
 */
import type { Distribution } from '../program/distributions.ts';
import type { Program, Step, TableSpec, Transaction } from '../program/program.ts';

/** 1,150 bytes a record; node pointers have keys of 23 characters. */
export const USERTABLE = { rowsPerPage: 10, fanOut: 310 } as const;
const TABLE: TableSpec = { name: 'usertable', ...USERTABLE, hashed: true };
const RECORD_BYTES = 1100;
const PREPARED_BYTES = 3000;
/** maxscanlength of workload E, 100, and scanlengthdistribution, uniform. */
const SCAN_ROWS = [1, 100] as const;

const ZIPFIAN: Distribution = { kind: 'scrambled' };
const LATEST: Distribution = { kind: 'latest' };

const memory = { root: RECORD_BYTES };
const read: Step = { kind: 'pointRead', memory };
const update: Step = { kind: 'update' };
const insert: Step = { kind: 'insert', where: { key: 'append' } };
const scan: Step = { kind: 'rangeRead', rows: SCAN_ROWS, memory };
/** readmodifywrite: the record that was read is written. */
const modify: Step = { kind: 'update', where: { key: 'same' } };

const OPERATIONS = {
  read: [read],
  update: [update],
  insert: [insert],
  scan: [scan],
  readModifyWrite: [read, modify],
} as const;

const WORKLOADS = {
  a: ['update heavy: 50 % reads, 50 % updates, zipfian', ZIPFIAN, { read: 50, update: 50 }],
  b: ['read mostly: 95 % reads, 5 % updates, zipfian', ZIPFIAN, { read: 95, update: 5 }],
  c: ['read only, zipfian', ZIPFIAN, { read: 100 }],
  d: ['read latest: 95 % reads of the newest records, 5 % inserts', LATEST, { read: 95, insert: 5 }],
  e: ['short ranges: 95 % scans of 1 to 100 records, 5 % inserts, zipfian', ZIPFIAN, { scan: 95, insert: 5 }],
  f: [
    'read-modify-write: 50 % reads, 50 % records read and written, zipfian',
    ZIPFIAN,
    { read: 50, readModifyWrite: 50 },
  ],
} as const satisfies Record<
  string,
  readonly [string, Distribution, Partial<Record<keyof typeof OPERATIONS, number>>]
>;

export type YcsbWorkload = keyof typeof WORKLOADS;
export const YCSB_WORKLOADS: readonly YcsbWorkload[] = ['a', 'b', 'c', 'd', 'e', 'f'];

/** A workload as a program. */
export function ycsb(workload: YcsbWorkload): Program {
  const [doc, access, mix] = WORKLOADS[workload];
  const weights: Partial<Record<keyof typeof OPERATIONS, number>> = mix;
  const transactions: Transaction[] = [];
  for (const name of ['read', 'update', 'insert', 'scan', 'readModifyWrite'] as const) {
    const weight = weights[name];
    if (weight !== undefined) transactions.push({ name, weight, steps: OPERATIONS[name] });
  }
  return {
    name: `ycsb-${workload}`,
    doc: `YCSB ${workload.toUpperCase()}, ${doc}`,
    tables: [TABLE],
    access,
    prepared: PREPARED_BYTES,
    transactions,
  };
}
