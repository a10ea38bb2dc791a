import { describe, expect, it } from 'vitest';
import { renderMap, renderRecord } from './map.ts';
import { ALL_RECORDS } from './records.ts';
import { record } from './schema.ts';

describe('the memory map', () => {
  it('has a section for each record, and each field in it', () => {
    const text = renderMap();
    for (const r of ALL_RECORDS) {
      expect(text).toContain(`\n## ${r.name}\n`);
      for (const f of r.fields) expect(renderRecord(r)).toContain(`| \`${f.name}\``);
    }
  });

  it('shows lines, hot words, padding and folded lines', () => {
    const inner = record('Inner', 'none', {
      a: { guard: 'g', writer: 'contender', hot: true, doc: 'first' },
      b: { guard: 'g', writer: 'contender', doc: 'second' },
    });
    const outer = record('Outer', 'none', {
      pair: { line: 'one', record: inner, guard: 'g', dirtyRead: 'a|b', writer: 'contender', doc: 'pair' },
      many: { line: 'two', words: 40, guard: 'g', writer: 'owner', doc: 'array' },
    });
    expect(renderRecord(outer).split('\n')).toEqual([
      '## Outer',
      '',
      'Stands for none. 64 words (256 bytes), aligned to 16.',
      '',
      '```text',
      '            0   1   2   3   4   5   6   7   8   9  10  11  12  13  14  15',
      '       0 |  1*  1   .   .   .   .   .   .   .   .   .   .   .   .   .   . | one',
      '     1-2 |  2   2   2   2   2   2   2   2   2   2   2   2   2   2   2   2 | two',
      '       3 |  2   2   2   2   2   2   2   2   .   .   .   .   .   .   .   . |',
      '```',
      '',
      '| # | field | word | words | line | hot | writer | guard | read without guard | what it is |',
      '|--:|---|--:|--:|---|---|---|---|---|---|',
      '| 1 | `pair` [Inner](#inner) | 0 | 2 | 0 | hot | contender | g | a\\|b | pair |',
      '| 2 | `many` | 16 | 40 | 1 to 3 |  | owner | g |  | array |',
      '',
    ]);
  });
});
