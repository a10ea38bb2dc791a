import { readFileSync } from 'node:fs';
import { ts } from '@ts-morph/common';
import { describe, expect, it } from 'vitest';
import { scenarios as allocator } from '../scenarios/allocator.ts';
import { scenarios as counter } from '../scenarios/counter.ts';
import { scenarios as death } from '../scenarios/death.ts';
import { scenarios as event } from '../scenarios/event.ts';
import { scenarios as mutex } from '../scenarios/mutex.ts';
import { scenarios as order } from '../scenarios/order.ts';
import { scenarios as sxLock } from '../scenarios/sx-lock.ts';
import { scenarios as sxLockOwner } from '../scenarios/sx-lock-owner.ts';
import { mutants as memory } from './memory.ts';
import { mutants as sync } from './sync.ts';
import { applyMutant, type Mutant } from './types.ts';

const ROOT = new URL('../../..', import.meta.url);
const all = [...sync, ...memory];
const known = [mutex, sxLock, sxLockOwner, event, order, death, counter, allocator].flatMap((list) =>
  list.map((s) => s.name),
);

/** Syntax errors of a source. */
function syntaxErrors(file: string, text: string): string[] {
  const { diagnostics = [] } = ts.transpileModule(text, { fileName: file, reportDiagnostics: true });
  return diagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, ' '));
}

describe('the mutants of latches, counters and allocators', () => {
  it('have names of their own, and differ', () => {
    expect(all.length).toBeGreaterThan(35);
    expect(new Set(all.map((m) => m.id)).size).toBe(all.length);
    expect(new Set(all.map((m) => `${m.file}\n${m.find}\n${m.replace}`)).size).toBe(all.length);
    for (const m of all) expect(m.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it('name scenarios that exist', () => {
    expect(all.flatMap((m) => m.scenarios).filter((name) => !known.includes(name))).toEqual([]);
    expect(all.filter((m) => m.scenarios.length === 0)).toEqual([]);
  });

  it.each(all)('$id applies, and parses', (mutant) => {
    const text = readFileSync(new URL(mutant.file, ROOT), 'utf8');
    expect(syntaxErrors(mutant.file, applyMutant(text, mutant))).toEqual([]);
  });
});

describe('applyMutant', () => {
  const mutant = (find: string, replace = 'x'): Mutant => ({
    id: 'm',
    file: 'a.ts',
    find,
    replace,
    doc: 'd',
    scenarios: ['s'],
    oracle: 'check',
  });

  it('replaces the text, dollar signs and all', () => {
    expect(applyMutant('one two', mutant('two', '$& three'))).toBe('one $& three');
  });

  it('says what is wrong with a mutant that does not fit', () => {
    expect(() => applyMutant('one', mutant('two\nlines'))).toThrow('mutant m: a.ts does not contain "two"');
    expect(() => applyMutant('aaa', mutant('aa'))).toThrow('a.ts contains "aa" more than once');
    expect(() => applyMutant('one', mutant(''))).toThrow('does not contain');
    expect(() => applyMutant('one', mutant('one', 'one'))).toThrow('changes nothing');
  });
});
