import { expect, it } from 'vitest';
import type { LogLine } from '../../src/layout/error-log.ts';
import { foldLog } from './log-text.ts';

const error = (text: string, subsystem: LogLine['subsystem'] = 'InnoDB'): LogLine => ({
  priority: 'Error',
  subsystem,
  text,
});

it('tells lines that differ in numbers only once, with how many more there were', () => {
  const many = Array.from({ length: 1001 }, (_, i) => error(`mmap(${i} bytes) failed; errno 12`));
  expect(
    foldLog([error('one of a kind'), ...many, error('mmap(7 bytes) failed; errno 12', 'Server')]),
  ).toEqual([
    '[Error] [InnoDB] one of a kind',
    '[Error] [InnoDB] mmap(0 bytes) failed; errno 12 (and 1,000 like it)',
    '[Error] [Server] mmap(7 bytes) failed; errno 12',
  ]);
});
