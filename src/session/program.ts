/** What a session is told to do: plain data, sent to its worker. */
import type { AccessSpec } from './access.ts';

/** Statement kinds, by which results are counted. */
export const STATEMENTS = [
  'pointRead',
  'rangeRead',
  'update',
  'intendUpdate',
  'peek',
  'scan',
  /** No pages: a round through all allocators (yard.ts). */
  'allocators',
] as const;
export type StatementKind = (typeof STATEMENTS)[number];

/** Relative weights of the statements of a program. */
export type Mix = Readonly<Partial<Record<StatementKind, number>>>;

export interface SessionSpec {
  /** From 0. */
  readonly session: number;
  readonly node: number;
  readonly name: string;
  readonly mix: Mix;
  readonly access:
    Exclude<AccessSpec, { kind: 'trace' }> | { readonly kind: 'sharedTrace'; readonly trace: Uint32Array };
  /** Pages of a range read, and of one piece of a scan. */
  readonly rangePages: number;
  readonly scanPages: number;
  /** Has SUPER: counted by the connection limits, never stopped. */
  readonly privileged: boolean;
  /**
   * From this time on (ms after its start) the session groups a value of this many bytes in a statement, as a DBA's
   * favourite memory hog does. 0 bytes: never.
   */
  readonly hogBytes: number;
  readonly hogAtMs: number;
  /** Statements after which it ends by itself; 0: when it is told to. */
  readonly statements: number;
}

/** The error that ended a session. */
export interface SessionError {
  readonly code: number;
  readonly text: string;
}

/** How a session went; plain data. */
export interface SessionResult {
  readonly session: number;
  readonly node: number;
  readonly name: string;
  readonly statements: Readonly<Record<StatementKind, number>>;
  /** Sum of the rows above. */
  readonly total: number;
  readonly killed: SessionError | null;
  /** Statements that ended because the allocator gave up. */
  readonly outOfMemory: number;
  /** Requests of the yard that were refused. */
  readonly refused: number;
  readonly reads: number;
  readonly writes: number;
}
