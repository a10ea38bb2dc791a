/** Rows of the family `alloc` by what they measured. */
import { median } from 'simple-statistics';
import type { Row } from '../core/row.ts';
import type { ContenderName } from './contenders.ts';

export interface Cell {
  readonly contender: string;
  readonly origin: Row['origin'];
  readonly bytes: number;
  readonly threads: number;
  /** Time of a pair for one thread, ns. */
  readonly ns: number;
  /** The least of all batches: what other programs did meanwhile is not in it. */
  readonly best: number;
}

export function cellsOf(rows: readonly Row[]): Cell[] {
  return rows
    .filter((r) => r.family === 'alloc')
    .map((r) => {
      const best = r.extra['best batch, ns'];
      return {
        contender: r.contender,
        origin: r.origin,
        bytes: Number(r.settings['bytes']),
        threads: Number(r.settings['threads']),
        ns: median([...r.samples]),
        best: typeof best === 'number' ? best : NaN,
      };
    });
}

export function find(
  cells: readonly Cell[],
  contender: ContenderName,
  bytes: number,
  threads: number,
): Cell | null {
  return cells.find((c) => c.contender === contender && c.bytes === bytes && c.threads === threads) ?? null;
}

export const ascending = (values: readonly number[]): number[] =>
  [...new Set(values)].toSorted((a, b) => a - b);
