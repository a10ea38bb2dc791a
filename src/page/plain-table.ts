/** Tables without rules, as the text reports have them. */
import Table from 'cli-table3';
import { int } from './format.ts';

const NO_RULES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '  ',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
} as const;

/**
 * Numbers are written as whole ones.
 * @param text the columns that stand to the left; the others stand to the right
 */
export function plainTable(
  head: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  text: readonly number[] = [0],
): string {
  const table = new Table({
    head: [...head],
    chars: NO_RULES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    colAligns: head.map((_, i) => (text.includes(i) ? 'left' : 'right')),
  });
  for (const row of rows) table.push(row.map((cell) => (typeof cell === 'number' ? int(cell) : cell)));
  return table.toString().replaceAll(/ +$/gm, '');
}
