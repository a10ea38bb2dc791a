import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BUF_BLOCK, PAGE_HASH_STRIPE } from './buffer.ts';
import { findDefects, findFalseSharing } from './check.ts';
import { LATCH_ALIGN, MUTEX, SX_LOCK } from './latches.ts';
import { ALL_RECORDS, PLACED_RECORDS } from './records.ts';
import { type FieldSpec, LINE_WORDS, record } from './schema.ts';
import { MAX_LATCH_CLASSES, WAIT_STAT } from './thread.ts';

const word = (writer: FieldSpec['writer'], more: Partial<FieldSpec> = {}): FieldSpec => ({
  guard: 'g',
  writer,
  doc: 'd',
  ...more,
});

describe('declared records', () => {
  it.each(ALL_RECORDS.map((r) => [r.name, r] as const))('%s has no defects', (_name, r) => {
    expect(findDefects(r)).toEqual([]);
  });

  it.each(PLACED_RECORDS.map((r) => [r.name, r] as const))('%s has no false sharing', (_name, r) => {
    expect(findFalseSharing(r)).toEqual([]);
  });

  it('are all in the list: every record that a file of src/layout exports', async () => {
    const files = readdirSync(new URL('.', import.meta.url)).filter(
      (f) => /^[\w-]+\.ts$/.test(f) && f !== 'map-cli.ts',
    );
    let found = 0;
    for (const file of files) {
      const exported: Record<string, unknown> = await import(
        /* @vite-ignore */ new URL(file, import.meta.url).href
      );
      for (const [name, value] of Object.entries(exported)) {
        if (typeof value !== 'object' || value === null || !('fields' in value) || !('at' in value)) continue;
        found++;
        expect(ALL_RECORDS, `${file}: ${name}`).toContain(value);
      }
    }
    expect(found).toBe(ALL_RECORDS.length);
  });

  it('have names of their own', () => {
    expect(new Set(ALL_RECORDS.map((r) => r.name)).size).toBe(ALL_RECORDS.length);
    expect(ALL_RECORDS.length).toBeGreaterThan(12);
  });

  it('embed latches only where a held-list entry has room for the mode', () => {
    let seen = 0;
    for (const r of ALL_RECORDS) {
      for (const f of r.fields) {
        if (f.record !== SX_LOCK && f.record !== MUTEX) continue;
        seen++;
        // Elements of an array of such records follow each other at a distance of r.words.
        const misfits = [f.at, r.align, r.words].filter((n) => n % LATCH_ALIGN !== 0);
        expect(misfits, `${r.name}.${f.name}`).toEqual([]);
        expect(f.words, `${r.name}.${f.name}`).toBe(f.record.words);
      }
    }
    expect(seen).toBeGreaterThan(8);
  });
});

describe('sizes that code relies on', () => {
  it('a control block is two lines, its frame latch first, its mutex on the second', () => {
    expect([BUF_BLOCK.words, BUF_BLOCK.align]).toEqual([32, LINE_WORDS]);
    expect([BUF_BLOCK.at.lock, BUF_BLOCK.at.mutex]).toEqual([0, LINE_WORDS]);
  });

  it('a stripe is a line', () => {
    expect([PAGE_HASH_STRIPE.words, PAGE_HASH_STRIPE.align, PAGE_HASH_STRIPE.at.lock]).toEqual([16, 16, 0]);
  });

  it('latch words come first; rows of wait statistics are half a line', () => {
    expect([MUTEX.at.word, SX_LOCK.at.lockWord, MUTEX.words, SX_LOCK.words]).toEqual([0, 0, 4, 7]);
    expect([WAIT_STAT.words, WAIT_STAT.at.acquired]).toEqual([8, 0]);
    expect(MAX_LATCH_CLASSES % 2).toBe(0);
  });
});

describe('the checks find what is planted', () => {
  it('two hot words of different writers on a line', () => {
    const bad = record('Bad', 'none', {
      a: word('accessor', { hot: true, line: 'one' }),
      b: word('contender', { hot: true }),
    });
    expect(findFalseSharing(bad)).toEqual([
      'Bad: line 0 is written by different threads: a (accessor), b (contender)',
    ]);
  });

  it('but not when one is cold, or they are lines apart, or have one writer', () => {
    const cold = record('Cold', 'none', {
      a: word('accessor', { hot: true, line: 'l' }),
      b: word('contender'),
    });
    const apart = record('Apart', 'none', {
      a: word('accessor', { hot: true, line: 'l' }),
      b: word('contender', { hot: true, line: 'm' }),
    });
    const one = record('One', 'none', {
      a: word('owner', { hot: true, line: 'l' }),
      b: word('owner', { hot: true }),
    });
    for (const r of [cold, apart, one]) expect(findFalseSharing(r)).toEqual([]);
  });

  it('inside an embedded record, and at the far end of a long field', () => {
    const latch = record('Latch', 'none', { w: word('contender', { hot: true }) });
    const holder = record('Holder', 'none', {
      long: word('owner', { words: 20, hot: true, line: 'l' }),
      latch: word('contender', { record: latch }),
    });
    expect(findFalseSharing(holder)).toHaveLength(1);
    expect(findFalseSharing(holder)[0]).toContain('latch.w (contender)');
  });

  it('neighbours in a packed array with an owner each', () => {
    expect(findFalseSharing(WAIT_STAT)).not.toEqual([]);
    const row = record('Row', 'none', { n: word('owner', { hot: true }) }, 4);
    expect(findFalseSharing(row)).toEqual([
      'Row: line 0 is written by different threads: n (owner #0), n (owner #1), n (owner #2), n (owner #3)',
    ]);
  });

  it('fields without guard or description, that overlap, stick out, or lie askew', () => {
    const sx = { ...word('accessor'), name: 'l', at: 1, words: 8, record: MUTEX };
    const broken = {
      ...record('Broken', 'none', { a: word('setup', { guard: ' ', doc: '' }) }),
      fields: [{ ...word('setup', { guard: ' ', doc: '' }), name: 'a', at: 0, words: 2 }, sx],
    };
    expect(findDefects(broken)).toEqual([
      'Broken.a ends outside the record',
      'Broken.a has no guard',
      'Broken.a has no description',
      'Broken.l overlaps its predecessor',
      'Broken.l ends outside the record',
      'Broken.l is misaligned',
    ]);
  });
});
