import { expect, it } from 'vitest';
import type { MemorySummary } from '../../src/memory/psi/psi-tables.ts';
import { memorySummaryText } from './memory-summary-text.ts';

const row = (name: string, first: number): MemorySummary => ({
  EVENT_NAME: name,
  COUNT_ALLOC: first,
  COUNT_FREE: 2,
  SUM_NUMBER_OF_BYTES_ALLOC: 1003,
  SUM_NUMBER_OF_BYTES_FREE: 4,
  LOW_COUNT_USED: 5,
  CURRENT_COUNT_USED: -6,
  HIGH_COUNT_USED: 7,
  LOW_NUMBER_OF_BYTES_USED: 8,
  CURRENT_NUMBER_OF_BYTES_USED: 9,
  HIGH_NUMBER_OF_BYTES_USED: 10,
});

it('has MySQL’s columns in MySQL’s order, of rows that something was allocated for', () => {
  const text = memorySummaryText([row('memory/sql/a', 1), row('memory/sql/b', 0)]);
  expect(`\n${text}`).toMatchInlineSnapshot(`
    "
                    COUNT        SUM BYTES        COUNT USED                 BYTES USED
      EVENT_NAME    ALLOC  FREE      ALLOC  FREE         LOW  CURRENT  HIGH         LOW  CURRENT  HIGH
      memory/sql/a      1     2      1,003     4           5       -6     7           8        9    10"
  `);
});

it('has all rows and more columns when asked', () => {
  const lines = memorySummaryText([row('a', 0)], () => [77], ['retries'], true).split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/HIGH +retries$/);
  expect(lines[2]).toMatch(/^ +a +0 .* 10 +77$/);
});
