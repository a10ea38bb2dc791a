import { readdirSync, readFileSync } from 'node:fs';
import { ts } from '@ts-morph/common';
import { describe, expect, it } from 'vitest';
import { scenariosOf } from '../../../src/explore/lab.ts';
import { MUTANTS as all } from './all.ts';
import { applyMutant, type Mutant } from './types.ts';

const ROOT = new URL('../../..', import.meta.url);
const FOLDER = new URL('../scenarios/', import.meta.url);

/** Names of all scenarios that mutants may be tried in. */
async function scenarioNames(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const file of readdirSync(FOLDER)) {
    const exports = (await import(new URL(file, FOLDER).href)) as Record<string, unknown>;
    for (const { name } of scenariosOf(exports)) names.add(name);
  }
  return names;
}

/** Syntax errors of a source. */
function syntaxErrors(file: string, text: string): string[] {
  const { diagnostics = [] } = ts.transpileModule(text, { fileName: file, reportDiagnostics: true });
  return diagnostics.map((d) => ts.flattenDiagnosticMessageText(d.messageText, ' '));
}

describe('the mutants', () => {
  it('have names of their own, and differ', () => {
    expect(all.length).toBeGreaterThan(150);
    expect(new Set(all.map((m) => m.id)).size).toBe(all.length);
    expect(new Set(all.map((m) => `${m.file}\n${m.find}\n${m.replace}`)).size).toBe(all.length);
    for (const m of all) expect(m.id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
  });

  it('name scenarios that exist', async () => {
    const known = await scenarioNames();
    expect(all.flatMap((m) => m.scenarios).filter((name) => !known.has(name))).toEqual([]);
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
