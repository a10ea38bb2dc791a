/** Tables memory_summary_... for people: MySQL's columns, in heads of two lines so that they fit a screen. */
import type { MemorySummary } from '../../src/memory/psi/psi-tables.ts';
import { plainTable } from '../../src/page/plain-table.ts';

/** What each column is called here, and its line of MySQL's name. */
const COLUMNS = [
  ['COUNT_ALLOC', 'COUNT\nALLOC'],
  ['COUNT_FREE', '\nFREE'],
  ['SUM_NUMBER_OF_BYTES_ALLOC', 'SUM BYTES\nALLOC'],
  ['SUM_NUMBER_OF_BYTES_FREE', '\nFREE'],
  ['LOW_COUNT_USED', 'COUNT USED\nLOW'],
  ['CURRENT_COUNT_USED', '\nCURRENT'],
  ['HIGH_COUNT_USED', '\nHIGH'],
  ['LOW_NUMBER_OF_BYTES_USED', 'BYTES USED\nLOW'],
  ['CURRENT_NUMBER_OF_BYTES_USED', '\nCURRENT'],
  ['HIGH_NUMBER_OF_BYTES_USED', '\nHIGH'],
] as const satisfies readonly (readonly [keyof MemorySummary, string])[];

/**
 * Rows with COUNT_ALLOC > 0, or all.
 * @param more cells of columns after MySQL's, called `heads`
 */
export function memorySummaryText<R extends MemorySummary>(
  rows: readonly R[],
  more: (row: R) => readonly (number | string)[] = () => [],
  heads: readonly string[] = [],
  all = false,
): string {
  return plainTable(
    ['\nEVENT_NAME', ...COLUMNS.map(([, head]) => head), ...heads.map((head) => `\n${head}`)],
    rows
      .filter((row) => all || row.COUNT_ALLOC > 0)
      .map((row) => [row.EVENT_NAME, ...COLUMNS.map(([column]) => row[column]), ...more(row)]),
  );
}
