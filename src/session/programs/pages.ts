/** Programs of this testbed's own, over the pages of the run as they are: mixes, scans, replays, reports, backups. */
import type { Program, Step, Transaction } from '../program/program.ts';

const VALUE = { value: [1, 1024] } as const;
const SORT = { value: [1, 1024], sort: [1, 32_768] } as const;
/** One of 32 variables changes its value now and then: what a session has from statement to statement. */
const VARIABLE = { ...VALUE, userVar: [1, 2048], userVars: 32 } as const;
const WITH_VARIABLE = 0.05;

export interface MixedOptions {
  /** Percent of the statements that change a page; default 20. */
  readonly updatePct?: number;
  /** Pages of a range read; default: the run's --range-pages. */
  readonly rangePages?: number;
}

/** Point reads, range reads, looks at what is in the pool, updates; keys as the run's --access says. */
export function mixed({ updatePct = 20, rangePages }: MixedOptions = {}): Program {
  const reads = 100 - updatePct;
  const range: Step = {
    kind: 'rangeRead',
    memory: SORT,
    ...(rangePages !== undefined && { rows: rangePages }),
  };
  return {
    name: 'mixed',
    doc: `${reads} % reads of pages (points, ranges, looks at what is in the pool), ${updatePct} % updates`,
    transactions: weighted([
      ['point read', reads * 0.7 * (1 - WITH_VARIABLE), { kind: 'pointRead', memory: VALUE }],
      ['point read into a variable', reads * 0.7 * WITH_VARIABLE, { kind: 'pointRead', memory: VARIABLE }],
      ['range read', reads * 0.2, range],
      ['peek', reads * 0.1, { kind: 'peek', memory: VALUE }],
      ['update', updatePct * 0.85, { kind: 'update', memory: VALUE }],
      ['intended update', updatePct * 0.15, { kind: 'intendUpdate', memory: VALUE }],
    ]),
  };
}

/** A trace that all sessions replay together, a request per statement. */
export function replay({ updatePct = 0 }: Pick<MixedOptions, 'updatePct'> = {}): Program {
  const where = { key: 'trace' } as const;
  return {
    name: 'replay',
    doc: `requests of the trace, ${updatePct} % of them updates`,
    transactions: weighted([
      ['read', 100 - updatePct, { kind: 'pointRead', where, memory: VALUE }],
      ['update', updatePct, { kind: 'update', where, memory: VALUE }],
    ]),
  };
}

/** Each statement a transaction of its own; what has no weight is left out. */
function weighted(rows: readonly (readonly [name: string, weight: number, step: Step])[]): Transaction[] {
  return rows
    .filter(([, weight]) => weight > 0)
    .map(([name, weight, step]) => ({ name, weight, steps: [step] }));
}

/** Pieces of a full scan, by turns as a table scan reads pages and as a check does, which makes none young. */
export const SCAN: Program = {
  name: 'scan',
  doc: 'a full scan in pieces of --scan-pages, from any page on, round and round',
  transactions: [
    {
      name: 'scan',
      steps: [
        { kind: 'scan', where: { key: 'cursorFromAny' }, memory: VALUE },
        { kind: 'scan', where: { key: 'cursorFromAny' }, keepOld: true, memory: VALUE },
      ],
    },
  ],
};

export const ALLOCATORS: Program = {
  name: 'allocators',
  doc: 'no pages: blocks of all allocators, allocated, grown, given to other threads, freed',
  transactions: [{ name: 'allocators', steps: [{ kind: 'allocators' }] }],
};

/** Of a backup: how long it waits after each piece of --scan-pages, us; default: not at all. */
export function backup({ pauseUs = 0 }: { readonly pauseUs?: number } = {}): Program {
  const step: Step = { kind: 'scan', where: { key: 'cursor' }, keepOld: true };
  return {
    name: pauseUs === 0 ? 'backup' : 'backup-throttled',
    doc:
      pauseUs === 0
        ? 'all pages in their order, pass after pass; none is made young'
        : `backup that waits ${pauseUs / 1000} ms after each piece of --scan-pages`,
    transactions: [{ name: 'piece', steps: [pauseUs === 0 ? step : { ...step, pauseUs }] }],
  };
}

export interface ReportOptions {
  /** Size of the grouped value; default 6,000,000. */
  readonly bytes?: number;
}

const GROUP_BYTES = 6_000_000;
/** sort_buffer_size, and rows of a temporary table that fit its first block. */
const REPORT_SORT_BYTES = 262_144;
const REPORT_TEMP_BYTES = 800_000;

/** What a DBA fears at noon: long ranges, a sort, a temporary table, and GROUP_CONCAT of it all. */
export function report({ bytes = GROUP_BYTES }: ReportOptions = {}): Program {
  return {
    name: 'report',
    doc: `long ranges, a sort, a temporary table, GROUP_CONCAT of ${bytes} bytes`,
    transactions: [
      {
        name: 'report',
        steps: [
          { kind: 'rangeRead', rows: [128, 512] },
          { kind: 'sort', rows: 256, memory: { sort: REPORT_SORT_BYTES } },
          { kind: 'tempTable', rows: 256, memory: { temp: REPORT_TEMP_BYTES } },
          { kind: 'group', bytes },
        ],
      },
    ],
  };
}

/** GROUP_CONCAT alone. */
export function group({ bytes = GROUP_BYTES }: ReportOptions = {}): Program {
  return {
    name: 'group',
    doc: `GROUP_CONCAT of ${bytes} bytes, in pieces while pages are read`,
    transactions: [{ name: 'group', steps: [{ kind: 'group', bytes }] }],
  };
}
