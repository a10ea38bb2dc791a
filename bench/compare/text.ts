/** A comparison as text. */
import Table from 'cli-table3';
import type { CellChange, Comparison } from './rows.ts';
import { figure } from '../core/render.ts';

const ORDER = ['slower', 'faster', 'same', 'starved', 'not comparable', 'only in A', 'only in B'] as const;

/** The table, then what it comes to. */
export function renderComparison(c: Comparison, names: { readonly a: string; readonly b: string }): string {
  const out: string[] = [`A: ${names.a}`, `B: ${names.b}`];
  for (const family of new Set(c.cells.map((x) => x.family))) {
    out.push('', family, familyTable(c.cells.filter((x) => x.family === family)));
  }
  out.push('');
  for (const { family, metric, cells, ratio } of c.common) {
    out.push(
      `* ${family}, ${metric}: no reference was measured beside it; its ${cells} cells together changed by ` +
        `${percent(ratio)}, which may be the machine. Changes above are beyond that.`,
    );
  }
  if (c.cells.some((x) => x.mark === 'starved')) {
    out.push(
      'starved: other programs had the cores while the threads of this cell were measured; it is not judged.',
    );
  }
  out.push(summaryLine(c));
  return out.join('\n');
}

export function summaryLine({ cells, threshold }: Comparison): string {
  const counts = ORDER.map((mark) => [mark, cells.filter((x) => x.mark === mark).length] as const)
    .filter(([mark, n]) => n > 0 || mark === 'slower' || mark === 'faster')
    .map(([mark, n]) => `${n} ${mark}`);
  return (
    `${counts.join(', ')} (marked: changed by ${+(100 * threshold).toFixed(2)} % or more, ` +
    'and by luck in less than 1 % of comparisons)'
  );
}

function familyTable(cells: readonly CellChange[]): string {
  const axes = [...new Set(cells.flatMap((x) => Object.keys(x.axes)))];
  const table = new Table({
    head: ['contender', 'case', ...axes, 'figure', 'A', 'B', 'change', '95 % interval', ''],
    style: { head: [], border: [], compact: true },
    colAligns: [
      'left',
      'left',
      ...axes.map(() => 'right' as const),
      'left',
      'right',
      'right',
      'right',
      'right',
      'left',
    ],
  });
  for (const x of cells) {
    table.push([
      x.contender,
      x.case,
      ...axes.map((name) => x.axes[name] ?? ''),
      `${x.metric}, ${x.unit ?? 'x reference'}`,
      x.a === null ? '-' : figure(x.a),
      x.b === null ? '-' : figure(x.b),
      x.change === null ? '-' : percent(x.change.ratio) + (x.beyondCommon ? '*' : ''),
      x.change === null || !Number.isFinite(x.change.high)
        ? '-'
        : `${percent(x.change.low)} … ${percent(x.change.high)}`,
      x.mark === 'same' ? '' : x.mark,
    ]);
  }
  return table.toString();
}

const percent = (ratio: number): string => {
  const part = 100 * (ratio - 1);
  return `${part < 0 ? '−' : '+'}${Math.abs(part).toFixed(1)} %`;
};
