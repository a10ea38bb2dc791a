import { expect, it } from 'vitest';
import type { LeakRow } from '../../src/memory/ut/leak-detector.ts';
import { leaksText } from './leaks-text.ts';

const ROW: LeakRow = {
  file: 'src/session/session.ts',
  line: 123,
  instrument: 'memory/innodb/std',
  count: 1200,
  bytes: 1_234_567,
  oldestTicks: 90 * 60_000 * 10,
  newestTicks: 15 * 60_000 * 10,
  threads: [1, 4],
  example: 8192,
};

it('a row per place, with the largest first as given, and a line of sums', () => {
  const small = {
    ...ROW,
    file: 'place not given',
    line: 0,
    count: 1,
    bytes: 40,
    oldestTicks: 5,
    newestTicks: 5,
  };
  const text = leaksText([ROW, small], 10);
  const cells = text
    .split('\n')
    .filter((line) => line.includes('│'))
    .map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .filter((cell) => cell !== ''),
    );
  expect(cells).toEqual([
    ['place', 'instrument', 'blocks', 'bytes', 'oldest', 'newest', 'threads', 'e. g.'],
    [
      'src/session/session.ts:123',
      'memory/innodb/std',
      '1,200',
      '1,234,567',
      '1.5 h',
      '15.0 min',
      '1, 4',
      '@8192',
    ],
    ['place not given', 'memory/innodb/std', '1', '40', '1 ms', '1 ms', '1, 4', '@8192'],
  ]);
  expect(text.split('\n').at(-1)).toBe('1,201 blocks, 1,234,607 bytes, from 2 places');
});

it('says so when there is nothing', () => {
  expect(leaksText([], 10)).toBe('No live blocks that old.');
});
