import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Papa from 'papaparse';
import { afterAll, describe, expect, it } from 'vitest';
import { FORMAT, readResult, type ResultFile, resultToJson, rowsToCsv, sealRow } from './row.ts';
import { aRow } from './test-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchlab-row-'));
afterAll(() => rmSync(dir, { recursive: true }));

describe('hashes', () => {
  const one = aRow();

  it('do not depend on the order of settings', () => {
    const a = sealRow({ ...one, settings: { x: 1, y: 'b' } });
    const b = sealRow({ ...one, settings: { y: 'b', x: 1 } });
    expect([a.cell, a.cHash]).toEqual([b.cell, b.cHash]);
  });

  it.each([
    ['settings', { settings: { x: 2 } }],
    ['seed', { seed: 9 }],
    ['case', { case: 'other' }],
    ['contender', { contender: 'other' }],
    ['family', { family: 'other' }],
  ])('%s make another cell', (_, change) => {
    const other = sealRow({ ...one, ...change });
    expect(other.cell).not.toBe(one.cell);
    expect(other.cHash).not.toBe(one.cHash);
  });

  it.each(['node', 'v8', 'cpu', 'os', 'commit'] as const)(
    '%s: the same cell, another configuration',
    (name) => {
      const other = sealRow({ ...one, environment: { ...one.environment, [name]: 'other' } });
      expect(other.cell).toBe(one.cell);
      expect(other.cHash).not.toBe(one.cHash);
    },
  );

  it('samples change neither', () => {
    const other = sealRow({ ...one, samples: [9] });
    expect([other.cell, other.cHash]).toEqual([one.cell, one.cHash]);
  });
});

describe('files', () => {
  const file: ResultFile = { format: FORMAT, command: 'x', quick: false, warnings: [], rows: [aRow()] };

  it('JSON comes back as it was', () => {
    const path = join(dir, 'a.json');
    writeFileSync(path, resultToJson(file));
    expect(readResult(path)).toEqual(file);
  });

  it.each([
    ['nothing', undefined, 'cannot be read as JSON'],
    ['no JSON', '{', 'cannot be read as JSON'],
    ['another format', '{"format":"x"}', 'no result file of npm run bench: format'],
    [
      'a damaged row',
      JSON.stringify({ ...file, rows: [{ ...file.rows[0], samples: 'many' }] }),
      'rows.0.samples',
    ],
  ])('%s is refused in one line', (name, text, message) => {
    const path = join(dir, `${name}.json`);
    if (text !== undefined) writeFileSync(path, text);
    expect(() => readResult(path)).toThrow(message);
    expect(() => readResult(path)).toThrow(/^[^\n]+$/);
  });

  it('CSV has a line for each sample, yardstick and further figure, with settings as columns', () => {
    const row = aRow({ case: 'a "quoted", case' });
    const { data, errors } = Papa.parse<Record<string, string>>(rowsToCsv([row]).trimEnd(), { header: true });
    expect(errors).toEqual([]);
    expect(data.map((l) => [l['metric'], l['round'], l['value']])).toEqual([
      ['time', '0', '10'],
      ['time', '1', '12'],
      ['reference of time', '0', '5'],
      ['reference of time', '1', '6'],
      ['ratio', '', '0.5'],
      ['waits.lruList', '', '7'],
    ]);
    expect(data[0]).toMatchObject({
      case: 'a "quoted", case',
      'setting.threads': '2',
      c_hash: row.cHash,
      seed: '1',
    });
  });
});
