/** What a benchmark family is made of: cases, each of which can be measured once more at any time. */
import type { OwnOption, OwnValues, ParsedOptions } from '../../src/config/cli.ts';
import { buildCli } from '../../src/config/cli.ts';
import type { SysvarName } from '../../src/config/sysvars.ts';
import type { Extra, ResultFile, Row, Settings } from './row.ts';

/** One measurement. */
export interface Round {
  readonly value: number;
  /** The yardstick, measured in turn with it, in the same unit. */
  readonly reference?: number;
  /** Number of the process that took it, from 0, when a case starts processes of its own. */
  readonly group?: number;
  /** Figures beside it; numbers by name may be nested once. */
  readonly extra?: Extra;
}

/** One cell of the result: a contender under given settings. Rounds of all cases are taken in shuffled turns. */
export interface BenchCase {
  readonly contender: string;
  readonly origin: Row['origin'];
  readonly case: string;
  /** The whole configuration of the case: everything that changes what is measured. */
  readonly settings: Settings;
  readonly metric: string;
  readonly unit: string;
  readonly better: Row['better'];
  /** Made before the first round of any case; undone after the last, in any event. */
  open?(): Promise<void> | void;
  close?(): Promise<void> | void;
  /** Takes one sample; `no` counts from 0. */
  round(no: number): Promise<Round>;
}

/** What a family is told besides its own options. */
export interface BenchContext {
  /** A first look: short, rough. */
  readonly quick: boolean;
  readonly seed: number;
  /** Says a line to the user, on stderr. */
  warn(line: string): void;
}

export interface FamilySpec<O extends readonly OwnOption[]> {
  readonly name: string;
  readonly doc: string;
  readonly options: O;
  /** MySQL's variables that its cases act on. */
  readonly sysvars?: readonly SysvarName[];
  /** Rounds of each case, unless the user says; in a quick run. */
  readonly rounds: { readonly full: number; readonly quick: number };
  /** The cases of one cell of the matrix. Nothing is started or written here. @throws OptionError */
  cases(
    parsed: ParsedOptions<O>,
    context: BenchContext,
    argv: readonly string[],
  ): BenchCase[] | Promise<BenchCase[]>;
  /** What the figures say, as text below the table of rows; null: nothing. */
  conclude?(rows: readonly Row[]): string | null;
  /** The table of rows, where the common one does not fit. */
  table?(rows: readonly Row[]): string;
  /** A page of its own, for results of nothing but this family. */
  html?(file: ResultFile): string;
}

/** A family with its options hidden: made by `family`. */
export interface Family {
  readonly name: string;
  readonly doc: string;
  readonly rounds: FamilySpec<readonly OwnOption[]>['rounds'];
  /** @returns the help text, or the cases and warnings about options. @throws OptionError */
  parse(
    argv: readonly string[],
    common: readonly OwnOption[],
    context: BenchContext,
  ): Promise<string | ParsedFamily>;
  conclude(rows: readonly Row[]): string | null;
  table: ((rows: readonly Row[]) => string) | null;
  html: ((file: ResultFile) => string) | null;
}

export interface ParsedFamily {
  readonly cases: readonly BenchCase[];
  readonly warnings: readonly string[];
}

export function family<const O extends readonly OwnOption[]>(spec: FamilySpec<O>): Family {
  return {
    name: spec.name,
    doc: spec.doc,
    rounds: spec.rounds,
    conclude: (rows) => spec.conclude?.(rows) ?? null,
    table: spec.table?.bind(spec) ?? null,
    html: spec.html?.bind(spec) ?? null,
    parse: async (argv, common, context) => {
      const cli = buildCli({
        name: `npm run bench -- ${spec.name}`,
        description: spec.doc,
        own: [...common, ...spec.options],
        sysvars: spec.sysvars ?? [],
      });
      const parsed = cli.parse(argv);
      if (parsed.help !== null) return parsed.help;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the family's options are among those parsed
      const own = parsed.own as unknown as OwnValues<O>;
      return { cases: await spec.cases({ ...parsed, own }, context, argv), warnings: parsed.warnings };
    },
  };
}
