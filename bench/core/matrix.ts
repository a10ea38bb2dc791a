/** Sweeps: `--matrix NAME=a,b,c` as often as wanted makes a cell for each combination; `--shard 2/4` takes a part of them. */
import { OptionError } from '../../src/config/errors.ts';

export interface Axis {
  /** Option name, without the dashes. */
  readonly name: string;
  readonly values: readonly string[];
}

export interface Matrix {
  readonly axes: readonly Axis[];
  /** What is left of the command line. */
  readonly rest: readonly string[];
}

export const MATRIX_HELP =
  '\n\nSweeps:\n' +
  '  --matrix NAME=A,B,…  measure with each of these values of an option or variable; several make all combinations\n' +
  '  --shard I/N          only the I-th of N parts of the cells; npm run bench -- merge puts the results together';

const MAX_CELLS = 10_000;

/** Takes every `--matrix` out of the command line. @throws OptionError */
export function takeMatrix(argv: readonly string[]): Matrix {
  const axes: Axis[] = [];
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const inline = /^--matrix=(.*)$/s.exec(argv[i])?.[1];
    if (argv[i] !== '--matrix' && inline === undefined) {
      rest.push(argv[i]);
      continue;
    }
    axes.push(readAxis(inline ?? argv[++i] ?? ''));
  }
  for (const [i, { name }] of axes.entries()) {
    if (axes.findIndex((a) => a.name === name) < i) throw refuse(name, 'is there twice');
  }
  if (axes.reduce((n, a) => n * a.values.length, 1) > MAX_CELLS) {
    throw new OptionError('--matrix', `--matrix: more than ${MAX_CELLS} combinations`);
  }
  return { axes, rest };
}

function readAxis(text: string): Axis {
  const match = /^(?:--)?([A-Za-z][\w-]*)=(.+)$/s.exec(text);
  const values = match?.[2].split(',').map((v) => v.trim()) ?? [];
  if (match === null || values.includes('')) throw refuse(text, 'is not NAME=VALUE,VALUE,…');
  if (new Set(values).size < values.length) throw refuse(text, 'names a value twice');
  return { name: match[1].replaceAll('_', '-').toLowerCase(), values };
}

function refuse(text: string, why: string): OptionError {
  return new OptionError('--matrix', `--matrix: '${text}' ${why}`);
}

/** All combinations, the last axis runs fastest; one empty cell without axes. */
export function cellsOf(axes: readonly Axis[]): string[][] {
  return axes.reduce<string[][]>(
    (cells, { values }) => cells.flatMap((cell) => values.map((value) => [...cell, value])),
    [[]],
  );
}

/** The options of a cell, as the user would type them. */
export function cellArgv(axes: readonly Axis[], cell: readonly string[]): string[] {
  return axes.map(({ name }, i) => `--${name}=${cell[i]}`);
}

export interface Shard {
  readonly index: number;
  readonly of: number;
}

/** @param text `2/4`; null: all @throws OptionError */
export function readShard(text: string | null): Shard {
  if (text === null) return { index: 1, of: 1 };
  const match = /^(\d{1,4})\/(\d{1,4})$/.exec(text);
  const shard = { index: Number(match?.[1]), of: Number(match?.[2]) };
  if (match !== null && shard.index >= 1 && shard.index <= shard.of) return shard;
  throw new OptionError('--shard', `--shard: '${text}' is not I/N with I from 1 to N, as in 2/4`);
}

/** The cells of a shard: every N-th, so that each part has its share of cheap and dear ones. */
export function shardOf<T>(cells: readonly T[], { index, of }: Shard): T[] {
  return cells.filter((_, i) => i % of === index - 1);
}
