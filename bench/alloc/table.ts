/** The table of the family `alloc`: sizes across, contenders down, a part for each number of threads. */
import Table from 'cli-table3';
import { showBytes } from '../../src/config/values.ts';
import { figure } from '../core/render.ts';
import type { Row } from '../core/row.ts';
import { ascending, type Cell, cellsOf } from './figures.ts';

export function allocTable(rows: readonly Row[]): string {
  const cells = cellsOf(rows);
  const sizes = ascending(cells.map((c) => c.bytes));
  const table = new Table({
    head: ['threads', 'contender', ...sizes.map(showBytes)],
    style: { head: [], border: [], compact: true },
    colAligns: ['right', 'left', ...sizes.map(() => 'right' as const)],
  });
  for (const threads of ascending(cells.map((c) => c.threads))) {
    const here = cells.filter((c) => c.threads === threads);
    for (const [i, contender] of [...new Set(here.map((c) => c.contender))].entries()) {
      const mine = here.filter((c) => c.contender === contender);
      table.push([
        i === 0 ? String(threads) : '',
        label(mine[0]),
        ...sizes.map((bytes) => {
          const cell = mine.find((c) => c.bytes === bytes);
          return cell === undefined ? '' : figure(cell.ns);
        }),
      ]);
    }
  }
  return `${table.toString()}\ntime of an allocation and its free for a thread, ns; median of the rounds`;
}

const label = ({ contender, origin }: Cell): string =>
  origin === 'ours' ? contender : `${contender} (${origin})`;
