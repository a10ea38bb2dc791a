import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Explorer } from './explored.ts';
import { judge } from './judge.ts';
import { namedOutcomes, ruleFor } from './question.ts';
import { chooseQuestions, loadQuestion, loadQuestions } from './questions.ts';

const all = await loadQuestions();
const explorer = await Explorer.of(all);
const explore = (number: string) => explorer.explore(chooseQuestions(all, number)[0]);
const outcomesOf = (number: string): string[] => [...explore(number).outcomes].toSorted();

/** All quadruples of 0 and 1. */
const QUADRUPLES = Array.from({ length: 16 }, (_, i) => i.toString(2).padStart(4, '0').split('').join(', '));

describe('the set of outcomes is exactly', () => {
  it.each([
    ['L01', ['0, 1', '1, 0', '1, 1']],
    // No interleaving has 0, 0: it takes a store buffer.
    ['L02', ['0, 1', '1, 0', '1, 1']],
    ['L03', ['42', 'early']],
    // Nor 1, 0: it takes a reordering.
    ['L04', ['0, 0', '0, 1', '1, 1']],
    ['L05', ['0, 0', '0, 1', '1, 0']],
    ['L06', QUADRUPLES.filter((q) => q !== '1, 0, 1, 0')],
    ['L07', ['0, 0', '0, 1', '0, 2', '1, 1', '1, 2', '2, 2']],
    ['L08', ['0, 0', '0, 1', '1, 0', '1, 1']],
    ['L09', ['0, 0', '1, 1', 'again', 'busy']],
    ['L10', ['0', '4294967297']],
    ['L11', ['0x0', '0x1', '0x10001']],
    ['L12', ['1', '2']],
    ['L13', ['0, 1, 2', '1, 0, 2']],
    ['L14', ['2']],
    ['L15', ['broken', 'sound']],
    ['L16', ['sound']],
    ['L17', ['asleep', 'saw it', 'woken']],
    ['L18', ['saw it', 'woken']],
    ['L20', ['ok, 1', 'timed-out, 0']],
    ['L21', ['not-equal, 0', 'ok, 1']],
    ['L24', ['2']],
    ['L25', ['2']],
    ['L27', ['asleep, asleep, got 1', 'asleep, got 1, asleep', 'put 2, got 1, got 1']],
    ['L28', ['put 2, got 1, got 1']],
    ['L29', ['asleep, through', 'through, asleep', 'through, through']],
    ['L30', ['through, through']],
    ['L31', ['asleep, in', 'in, asleep', 'in, in']],
  ])('%s', (number, outcomes) => {
    expect(outcomesOf(number)).toEqual(outcomes.toSorted());
  });
});

describe.each(all.map((entry) => ({ entry, number: entry.question.number })))('$number', ({ entry }) => {
  const { question } = entry;

  it('is as it says: nothing forbidden, its race found and no other', () => {
    expect(judge(question, null, explorer.explore(entry)).problems).toEqual([]);
  });

  it('can have every outcome that its rules name, if not forbidden; with a race, those that surprise may need one', () => {
    const { outcomes } = explorer.explore(entry);
    const wanted = namedOutcomes(question).filter((outcome) => {
      const { expect: expected } = ruleFor(question, outcome);
      return expected === 'ACCEPTABLE' || (expected === 'INTERESTING' && question.race === undefined);
    });
    expect(wanted.filter((outcome) => !outcomes.has(outcome))).toEqual([]);
  });
});

describe('the explorer', () => {
  it('finds what a change to a protocol breaks', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'litmus-'));
    try {
      // Each thread announces itself only after it has looked: Peterson's order, reversed.
      writeFileSync(
        join(dir, 'L01-late.ts'),
        `function raise(m: Int32Array, at: number, me: number): void {
           if (Atomics.load(m, at + 1 - me) === 1) return;
           Atomics.store(m, at + me, 1);
           m[at + 2]++;
         }
         function left(m: Int32Array, at: number): void { raise(m, at, 0); }
         function right(m: Int32Array, at: number): void { raise(m, at, 1); }
         export const question = { number: 'L01', name: 'late', title: '', asks: '', memory: 64,
           init: (m: Int32Array, at: number): void => { m[at + 2] = 10; },
           actors: [left, right], arbiter: (m: Int32Array, at: number): number => m[at + 2], rules: [] };`,
      );
      const { href } = pathToFileURL(join(dir, 'L01-late.ts'));
      const entry = { href, question: await loadQuestion(href) };
      const { outcomes, race } = (await Explorer.of([entry])).explore(entry);
      expect([...outcomes].toSorted()).toEqual(['11', '12']);
      expect(race?.kind).toBe('race');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
