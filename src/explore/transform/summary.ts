/**
 * What the checker found out about one file: plain data, with the names of keys.ts for what lies in other files.
 * Nodes of the file's own tree are named by where they end.
 */

/** Why the code of a function can be no generator; empty when it can. */
export type CannotSuspend =
  | ''
  | 'constructor'
  | 'accessor'
  | 'async function'
  | 'generator'
  | 'class field initialiser'
  | 'parameter initialiser'
  | 'top-level code';

export interface CallFact {
  readonly at: number;
  readonly end: number;
  /** Keys of what may be called. */
  readonly targets: readonly string[];
}

/** A function with code, or a piece of code that stands alone (module, field initialisers, parameter initialisers). */
export interface FunctionFact {
  readonly key: string;
  readonly name: string;
  readonly cannot: CannotSuspend;
  /** Its body is one pause step. */
  readonly pause: boolean;
  /** Position of its name, for refusals. */
  readonly at: number;
  /** Position of its first Atomics operation; −1: none. */
  atomics: number;
  /** Whether it has a plain access of a typed array. */
  plain: boolean;
  readonly calls: CallFact[];
  /** Keys of functions and classes that it mentions, called or not. */
  readonly mentions: Set<string>;
}

/** A function that leaves the program: to a library, or to code whose types are unknown. */
export interface SinkFact {
  readonly from: string;
  readonly at: number;
  readonly to: string;
  /** Function that the place is in. */
  readonly owner: string;
}

export interface RefusalFact {
  readonly at: number;
  readonly message: string;
  readonly owner: string;
}

/** Kinds of typed arrays: elements are numbers, or bigints. */
export type ArrayKind = 'number' | 'bigint';

export interface FileSummary {
  readonly functions: Map<string, FunctionFact>;
  /** Function values that become others: from one key to another, and back when both ways. */
  readonly flows: (readonly [from: string, to: string])[];
  readonly sinks: SinkFact[];
  /** Library functions that come into the program: to where. */
  readonly lent: { readonly to: string; readonly at: number; readonly owner: string }[];
  readonly refusals: RefusalFact[];
  /** Element accesses of typed arrays, by end. */
  readonly elements: Map<number, ArrayKind>;
  /** Calls of Atomics (name of the operation), by end. */
  readonly atomics: Map<number, string>;
  /** Calls of typed-array methods, and of DataView methods, by end. */
  readonly bulk: Map<number, 'bulk' | 'dv'>;
  /** `new` of typed arrays and DataView, of SharedArrayBuffer, of Date without arguments, by end. */
  readonly news: Map<number, 'view' | 'sab' | 'date'>;
  /** Clocks and random numbers: the hook in place of the expression, by its end; `call`: with its parentheses. */
  readonly clocks: Map<number, { readonly hook: string; readonly call: boolean }>;
  /** Iterables that are typed arrays, in for-of and spread, by end. */
  readonly iterated: Set<number>;
  /** Calls of functions about which nothing is known, by end. */
  readonly guarded: Set<number>;
  /** Fields of explored classes that are assigned outside the constructor. */
  readonly written: { readonly cls: string; readonly name: string }[];
  /** Classes that extend something outside the program, by key. */
  readonly external: Set<string>;
  /** Imported names that are only types, by local name. */
  readonly typeOnly: Set<string>;
}
