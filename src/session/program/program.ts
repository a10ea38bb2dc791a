/**
 * Programs: what a session does, as small declared objects. A program is plain data, so it can stand in a file and is
 * sent to workers as it is. docs/programs.md tells users; program-run.ts runs it.
 */
import type { Distribution } from './distributions.ts';
import type { InitStatement } from '../thd/init-connect.ts';
import type { SessionConnMemValues } from '../limits/thd-mem-cnt.ts';

/** Statement kinds, by which results are counted: at most MAX_STATEMENT_KINDS. */
export const STATEMENTS = [
  'pointRead',
  'rangeRead',
  'update',
  'intendUpdate',
  'peek',
  'scan',
  'allocators',
  'insert',
  'delete',
  'sort',
  'tempTable',
  'group',
  'setVar',
  'getVar',
  'setSession',
  'begin',
  'commit',
  'rollback',
] as const;
export type StatementKind = (typeof STATEMENTS)[number];

/** A number, or one that is drawn evenly from a range, both ends included. */
export type Amount = number | readonly [from: number, to: number];

/**
 * Pages in the shape of an index: leaves with rows, above them inner pages up to one root. The pages of the run are
 * divided among a program's tables.
 */
export interface TableSpec {
  readonly name: string;
  /** How many there are of this kind, alike; default 1. */
  readonly count?: number;
  /** Share of the run's pages that all of them get together, by weight; default 1. */
  readonly weight?: number;
  /** Pages of each, whatever the run has; instead of a share. */
  readonly pages?: number;
  /** Rows in a leaf of the clustered index; default 1. */
  readonly rowsPerPage?: number;
  /** Children of an inner page; default 0: leaves only, each found at once. */
  readonly fanOut?: number;
  /** Rows lie by a hash of their number, as with keys that are texts. Default false: in the order of their numbers. */
  readonly hashed?: boolean;
  /** Share of its rows that are there at the start; default 1. New rows come behind them. */
  readonly loaded?: number;
  readonly indexes?: readonly IndexSpec[];
}

/** A secondary index; its order has nothing to do with the table's. */
export interface IndexSpec {
  readonly name: string;
  readonly rowsPerPage: number;
  readonly fanOut: number;
}

/** Which row of its table a statement begins with. */
export type KeySpec =
  /** The row number of the statement before. */
  | 'same'
  /** A new row behind the newest one, of all sessions. It takes the place of the oldest: tables stay as large as they are. */
  | 'append'
  /** The oldest row that nobody has taken yet, of all sessions; a range takes all its rows. */
  | 'oldest'
  /** Where the session's cursor stands, from the first row on, through all tables of the kind, round and round. */
  | 'cursor'
  /** The same, from any row on. */
  | 'cursorFromAny'
  /** The next request of the trace that all sessions replay together. */
  | 'trace'
  | Distribution;

/**
 * Which of several tables of a kind: drawn anew for each step (default `any`), that of the statement before, the
 * session's own (sessions go round them), or its own but for so many percent of the times.
 */
export type PartSpec = 'any' | 'same' | 'home' | { readonly remotePct: number };

export interface Where {
  /** Name of the table; default: the program's first, or all pages. */
  readonly table?: string;
  readonly part?: PartSpec;
  /** Default: the program's `access`, or else the run's. */
  readonly key?: KeySpec;
  /** Secondary index by which the row is found; default: the clustered index. */
  readonly by?: string;
}

/** Bytes that a statement takes of each kind of memory, beside what parsing it takes; all default to none. */
export interface StepMemory {
  /** On mem_root: items, fields, the result row. */
  readonly root?: Amount;
  /** String::value. */
  readonly value?: Amount;
  /** Filesort_buffer::sort_keys. */
  readonly sort?: Amount;
  /** Rows of an internal temporary table. */
  readonly temp?: Amount;
  /** Value of the user variable that it sets or reads, of `userVars` that the session has (default 1). */
  readonly userVar?: Amount;
  readonly userVars?: number;
}

export interface Step {
  readonly kind: StatementKind;
  /** How often the statement is done; `same`: as often as the step before. Default 1. */
  readonly times?: Amount | 'same';
  /** Percent of the transactions that have this step; default 100, as the first one must. */
  readonly chance?: number;
  readonly where?: Where;
  /**
   * Rows of the statement: so many neighbours for rangeRead, scan, sort, tempTable; for the others so many rows, each
   * looked up by a key of its own. Default 1; for ranges the run's --range-pages, for scan its --scan-pages.
   */
  readonly rows?: Amount;
  /** update: secondary indexes in which it changes the row's entry. Default none; insert and delete change all. */
  readonly indexes?: readonly string[];
  /** scan: pages stay where they are in the LRU list, as in a backup or a check (Page_fetch::SCAN). */
  readonly keepOld?: boolean;
  readonly memory?: StepMemory;
  /** group: bytes of the value; a page is read for each piece of it. Default 6,000,000. */
  readonly bytes?: Amount;
  /** setSession: SET SESSION variable = value, one that has a session value. Not allowed (error 1227), it fails. */
  readonly set?: { readonly variable: string; readonly value: string };
  /** The statement waits so long when it is done, us: throttling, SLEEP(). */
  readonly pauseUs?: Amount;
}

/** Steps that are done again together, so many times in all. */
export interface Block {
  readonly times: Amount;
  readonly steps: readonly Step[];
}

export interface Transaction {
  readonly name: string;
  /** How often it is chosen, against the others. Default 1. */
  readonly weight?: number;
  readonly steps: readonly (Step | Block)[];
}

export interface Program {
  readonly name: string;
  /** One line. */
  readonly doc: string;
  readonly tables?: readonly TableSpec[];
  /** Whence keys come unless a step says so; default: as the run's --access says. */
  readonly access?: Distribution;
  /** Memory that a statement takes when it is parsed, bytes on mem_root. Default 3000. */
  readonly parse?: number;
  /**
   * Statements are prepared once per connection, and each keeps so many bytes: they are not parsed again. Default 0:
   * not prepared.
   */
  readonly prepared?: number;
  readonly transactions: readonly Transaction[];
}

/** Whence keys come in a program that leaves it to the run. */
export type AccessOptions = Distribution;

/** The programs of a run and what they leave to it; plain data, sent to workers. */
export interface ProgramSet {
  readonly programs: readonly Program[];
  /** Pages of the run. */
  readonly pages: number;
  readonly access: AccessOptions;
  readonly rangePages: number;
  readonly scanPages: number;
  /** Page numbers in request order, which sessions replay together; null: none. */
  readonly trace: Uint32Array | null;
}

/** A client: which programs it runs, and as whom. */
export interface SessionSpec {
  /** From 0. */
  readonly session: number;
  readonly node: number;
  /** Of its program. */
  readonly name: string;
  /** Place in ProgramSet.programs. */
  readonly program: number;
  /** From that time of the run on it runs another one. */
  readonly then?: { readonly atMs: number; readonly program: number };
  /** PRIVILEGE, or'ed. */
  readonly privileges: number;
  /** Transactions after which it hangs up; 0: when it is told to. */
  readonly transactions: number;
  readonly connMem?: SessionConnMemValues;
  /** Its server's init_connect; default none. */
  readonly initConnect?: readonly InitStatement[];
}

/** The error that ended a connection. */
export interface SessionError {
  readonly code: number;
  readonly text: string;
}

/** How a session went; plain data. */
export interface SessionResult {
  readonly session: number;
  readonly node: number;
  readonly name: string;
  readonly connections: number;
  readonly transactions: number;
  readonly statements: Readonly<Record<StatementKind, number>>;
  /** Sum of the rows above. */
  readonly total: number;
  /** What ended its last connection; null: nothing did. */
  readonly killed: SessionError | null;
  /** Errors by number: how often. */
  readonly errors: Readonly<Record<number, number>>;
  /** Statements that ended because the allocator gave up. */
  readonly outOfMemory: number;
  /** Requests of the yard that were refused. */
  readonly refused: number;
  readonly reads: number;
  readonly writes: number;
}
