import { describe, expect, it } from 'vitest';
import { FORMAT, type ResultFile, type Row } from './core/row.ts';
import { aRow, ENVIRONMENT } from './core/test-kit.ts';
import { mergeResults } from './merge.ts';

const file = (rows: Row[], command = 'x'): ResultFile => ({
  format: FORMAT,
  command,
  quick: false,
  warnings: [],
  rows,
});

describe('mergeResults', () => {
  it('puts shards together, in order', () => {
    const rows = ['a', 'b', 'c'].map((name) => aRow({ case: name }));
    const merged = mergeResults(
      [file([rows[0], rows[2]], '--shard 1/2'), file([rows[1]], '--shard 2/2')],
      ['A', 'B'],
    );
    expect(merged.rows.map((r) => r.case)).toEqual(['a', 'c', 'b']);
    expect(merged.command).toBe('--shard 1/2\n--shard 2/2');
  });

  it('adds the samples of a cell that was measured again, as those of other processes', () => {
    const a = aRow({ samples: [1, 2], reference: [1, 1], group: [0, 1] });
    const b = aRow({ samples: [3], reference: [2], group: [0], extra: {} });
    expect(mergeResults([file([a]), file([b])], ['A', 'B']).rows).toEqual([
      { ...a, samples: [1, 2, 3], reference: [1, 1, 2], group: [0, 1, 2] },
    ]);
  });

  it('refuses samples of one cell from two environments, and names what differs', () => {
    const other = aRow({ environment: { ...ENVIRONMENT, cpu: 'other', commit: 'def' } });
    expect(() => mergeResults([file([aRow()]), file([other])], ['A.json', 'B.json'])).toThrow(
      'B.json: not the same cpu, commit as in A.json: these do not merge',
    );
  });
});
