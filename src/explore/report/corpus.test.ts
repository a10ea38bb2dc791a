import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { appendCorpus, forgetCorpus, loadCorpus } from './corpus.ts';

let dir = '';
let path = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchlab-corpus-'));
  path = join(dir, 'corpus.jsonl');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const ENTRY = { scenario: 'mutex', seed: 'x1:pos:1:#3', schedule: 's1:0.1>1', kind: 'deadlock' };

describe('the corpus', () => {
  it('keeps what is added, once', () => {
    expect(loadCorpus(path)).toEqual([]);
    expect(appendCorpus(path, ENTRY)).toBe(true);
    expect(appendCorpus(path, { ...ENTRY, seed: '' })).toBe(false);
    expect(appendCorpus(path, { ...ENTRY, scenario: 'event', note: 'by hand' })).toBe(true);
    expect(loadCorpus(path)).toEqual([ENTRY, { ...ENTRY, scenario: 'event', note: 'by hand' }]);
  });

  it('adds a line of its own to a file without a last end of line', () => {
    writeFileSync(path, JSON.stringify(ENTRY));
    appendCorpus(path, { ...ENTRY, schedule: 's1:' });
    expect(loadCorpus(path)).toHaveLength(2);
  });

  it('forgets', () => {
    appendCorpus(path, ENTRY);
    appendCorpus(path, { ...ENTRY, scenario: 'event' });
    expect(forgetCorpus(path, (e) => e.scenario === 'none')).toBe(0);
    expect(forgetCorpus(path, (e) => e.scenario === 'mutex')).toBe(1);
    expect(loadCorpus(path).map((e) => e.scenario)).toEqual(['event']);
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true);
  });

  it('says which line is wrong', () => {
    writeFileSync(path, `${JSON.stringify(ENTRY)}\n\n{`);
    expect(() => loadCorpus(path)).toThrow(`corpus ${path}, line 3: is no JSON`);
    writeFileSync(path, JSON.stringify({ ...ENTRY, schedule: 1 }));
    expect(() => loadCorpus(path)).toThrow(/line 1: schedule: /);
    writeFileSync(path, JSON.stringify({ ...ENTRY, more: 1 }));
    expect(() => loadCorpus(path)).toThrow(/line 1: Unrecognized key: "more"/);
  });
});
