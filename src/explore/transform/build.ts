/** What the transform is asked for and gives back: plain data, so that a build can be posted to a worker or kept on disk. */
import type { PlainPoints, Site } from '../types.ts';

/** Explored in one isolate, or run by real threads that take turns (hooks.ts). */
export type Dialect = 'explore' | 'controlled';

export interface BuildOptions {
  /** Absolute paths of the modules that are asked for; what they import is transformed with them. */
  readonly entry: readonly string[];
  readonly dialect: Dialect;
  readonly plain: PlainPoints;
  /** With the locals of the threads, for hashing whole states. Only in dialect `explore`. */
  readonly state: boolean;
  /** Number of the first site; several builds on one engine must not share numbers. Default 0. */
  readonly firstSite?: number;
  /** Texts to take in place of those on disk, by absolute path. */
  readonly overlay?: ReadonlyMap<string, string>;
}

/** Where an import of a module leads: another module of the build, or something outside. */
export type ImportTarget = { readonly file: string } | { readonly external: string };

export interface BuildModule {
  /** Absolute path. */
  readonly file: string;
  /** Body of a function with the parameters of `MODULE_PARAMETERS`; its lines are those of the source. */
  readonly code: string;
  readonly imports: Readonly<Record<string, ImportTarget>>;
}

export interface Build {
  /** A module comes after all that it imports, cycles apart. */
  readonly modules: readonly BuildModule[];
  /** By number, less the number of the first. */
  readonly sites: readonly Site[];
  /** Hash of all sources and options that went in. */
  readonly fingerprint: string;
  readonly options: Omit<BuildOptions, 'overlay'>;
  /** Sites of plain accesses that can be no scheduling points, because of the function that they are in. */
  readonly plainNotPoints: readonly number[];
}

/** Free names of a module's code, in this order: hooks, import, export, tell importers, guard of calls, box, module path. */
export const MODULE_PARAMETERS = ['$x', '$i', '$e', '$u', '$g', '$Box', '$file'] as const;

/** Something that cannot be explored. */
export interface Refusal {
  /** Absolute path. */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** One sentence. */
  readonly message: string;
}

/** The sources cannot be explored as they are. */
export class TransformError extends Error {
  readonly refusals: readonly Refusal[];

  constructor(refusals: readonly Refusal[], show: (file: string) => string = (file) => file) {
    const lines = refusals.map((r) => `${show(r.file)}:${r.line}:${r.column}: ${r.message}`);
    super(lines.join('\n'));
    this.name = 'TransformError';
    this.refusals = refusals;
  }
}
