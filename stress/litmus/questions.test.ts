import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { ruleFor } from './question.ts';
import { chooseQuestions, loadQuestions } from './questions.ts';

const all = await loadQuestions();

describe('the questions', () => {
  it('are numbered without gaps', () => {
    expect(all.length).toBeGreaterThanOrEqual(18);
    expect(all.map(({ question }) => question.number)).toEqual(
      all.map((_, i) => `L${String(i + 1).padStart(2, '0')}`),
    );
  });

  it('have names and titles of their own', () => {
    for (const key of ['name', 'title'] as const) {
      expect(new Set(all.map(({ question }) => question[key])).size).toBe(all.length);
    }
  });

  it.each(all.map(({ question }) => question))('$number is well-formed', (question) => {
    const { actors, rules, asks, memory } = question;
    expect(actors.length).toBeGreaterThanOrEqual(2);
    expect(actors.length).toBeLessThanOrEqual(4);
    expect(memory % 64).toBe(0);
    expect(asks).toMatch(/\?$/);
    const patterns = rules.flatMap((rule) => rule.results);
    expect(new Set(patterns).size).toBe(patterns.length);
    for (const rule of rules) {
      expect(rule.why).toMatch(/^[A-Z].*\.$/);
      // No rule is hidden behind an earlier one.
      for (const pattern of rule.results) expect(ruleFor(question, pattern)).toBe(rule);
    }
    expect(rules.some((rule) => rule.expect !== 'ACCEPTABLE')).toBe(true);
  });

  it('are what their file says', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'litmus-'));
    try {
      writeFileSync(join(dir, 'L01-one.js'), `export const question = { number: 'L02', name: 'one' };`);
      await expect(loadQuestions(pathToFileURL(`${dir}/`))).rejects.toThrow(
        'L01-one.js holds question L02-one',
      );
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

describe('choosing', () => {
  const names = (wanted: string | null): string[] =>
    chooseQuestions(all, wanted).map(({ question }) => question.number);

  it('takes numbers and names, in any case, in the order of the numbers', () => {
    expect(names('l03,L01')).toEqual(['L01', 'L03']);
    expect(names('lost-wakeup, L02-store-buffering-plain')).toEqual(['L02', 'L17']);
    expect(names(null)).toHaveLength(all.length);
  });

  it.each(['L99', 'L1', 'L01,', 'nothing'])('refuses %s in one line', (wanted) => {
    expect(() => names(wanted)).toThrow(/^--question: there is no question '[^']*': allowed are L01 to L\d+/);
  });
});
