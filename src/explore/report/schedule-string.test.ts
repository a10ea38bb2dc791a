import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { CHOICE, type PlainPoints, type Switch } from '../types.ts';
import { InputError } from './input-error.ts';
import {
  parseReplay,
  parseSchedule,
  parseSeed,
  printSchedule,
  printSeed,
  type Seed,
} from './schedule-string.ts';

const PLAIN: readonly PlainPoints[] = ['race', 'dirty', 'all'];
const STRATEGIES = ['random', 'pct', 'pos', 'surw', 'dfs'] as const;

/** The complaint, after the string that it is about. */
function complaint(text: string, threads?: number): string {
  try {
    parseReplay(text, threads);
  } catch (e) {
    if (!(e instanceof InputError)) throw e;
    expect(e.message).not.toContain('\n');
    return e.message.replace(/^replay ".*", character /, '');
  }
  throw new Error(`accepted: ${text}`);
}

describe('schedule strings', () => {
  it('have the form that reports show', () => {
    const text = 's1:0.37>2 0.37>t1 1.49>k0';
    const schedule = parseSchedule(text, 3);
    expect(schedule).toEqual({
      plain: 'race',
      switches: [
        { thread: 0, op: 37, to: 2, what: CHOICE.run },
        { thread: 0, op: 37, to: 1, what: CHOICE.timer },
        { thread: 1, op: 49, to: 0, what: CHOICE.kill },
      ],
    });
    expect(printSchedule(schedule)).toBe(text);
    expect(parseSchedule('s1d:')).toEqual({ plain: 'dirty', switches: [] });
    expect(parseSchedule('  s1a: 0.1>1\n  1.2>0 ').switches).toHaveLength(2);
  });

  it('come back as they were', () => {
    const rng = new Rng(5, 0);
    const below = (n: number): number => rng.next32() % n;
    for (let i = 0; i < 2000; i++) {
      const switches = Array.from({ length: below(6) }, (): Switch => {
        const what = ([CHOICE.run, CHOICE.timer, CHOICE.kill] as const)[below(3)];
        return { thread: below(31), op: rng.next32() >>> (1 + below(31)), to: below(31), what };
      });
      const schedule = { plain: PLAIN[below(3)], switches };
      expect(parseReplay(printSchedule(schedule))).toEqual({ schedule });
    }
  });

  it('are refused at the place that is wrong', () => {
    expect(complaint('')).toBe(
      '1: is empty: a schedule string (s1:...) or a seed string (x1:...) is expected',
    );
    expect(complaint('trace.jsonl')).toBe('1: s1: (a schedule) or x1: (a seed) is expected');
    expect(complaint('s1 0.1>2')).toBe('1: s1, s1d, s1a, x1, x1d or x1a and a colon is expected');
    expect(complaint('s2:0.1>2')).toBe('2: version 2 is not known: only 1 is');
    expect(complaint('s1b:0.1>2')).toBe(
      '3: b is not known: d (dirty reads are points), a (all plain accesses) or nothing',
    );
    expect(complaint('s1:0.x>2')).toBe('6: the number of its point is expected, a whole number');
    expect(complaint('s1:0.1>2 1:3')).toBe('11: a point after the thread is expected');
    expect(complaint('s1:0.1')).toBe('7: > and what happens there is expected');
    expect(complaint('s1:0.1>q2')).toBe(
      '8: a thread, tN (its sleep times out) or kN (it dies) is expected, a whole number',
    );
    expect(complaint('s1:0.1>2;0.3>1')).toBe('9: ";0.3>1" is too much');
    expect(complaint('s1:0.1>2 3.1>0', 3)).toBe('10: there is no thread 3: 0 ... 2');
    expect(complaint('s1:0.2147483648>1')).toBe('6: 2147483648 is too large: at most 2147483647');
    expect(() => parseSchedule('x1:pos:1:#1')).toThrow('a schedule string (s1:...) is expected');
  });
});

describe('seed strings', () => {
  it('have the form that reports show', () => {
    const seed = { plain: 'race', strategy: 'pos', seed: 0x9f3c21, iteration: 412 } as const;
    expect(parseSeed('x1:pos:9f3c21:#412')).toEqual(seed);
    expect(printSeed(seed)).toBe('x1:pos:9f3c21:#412');
    expect(parseSeed('x1a:pct3:0:#0')).toEqual({
      plain: 'all',
      strategy: 'pct',
      parameter: 3,
      seed: 0,
      iteration: 0,
    });
  });

  it('come back as they were', () => {
    const rng = new Rng(6, 0);
    for (let i = 0; i < 1000; i++) {
      const strategy = STRATEGIES[rng.next32() % 5];
      const base: Seed = {
        plain: PLAIN[rng.next32() % 3],
        strategy,
        seed: rng.next32() >>> (rng.next32() % 32),
        iteration: rng.next32(),
      };
      const seed =
        (strategy === 'pct' || strategy === 'dfs') && i % 2 === 0 ? { ...base, parameter: i } : base;
      expect(parseReplay(printSeed(seed))).toEqual({ seed });
    }
  });

  it('are refused at the place that is wrong', () => {
    expect(complaint('x1:fast:1:#1')).toBe('4: a strategy is expected: random, pct, pos, surw, dfs');
    expect(complaint('x1:pos3:1:#1')).toBe('7: a colon is expected');
    expect(complaint('x1:pos::#1')).toBe('8: a seed of 1 to 8 hexadecimal digits (0-9a-f) is expected');
    expect(complaint('x1:pos:123456789:#1')).toContain('8: a seed of 1 to 8');
    expect(complaint('x1:pos:1:1')).toBe('9: :# and the number of the schedule is expected');
    expect(complaint('x1:pos:1:#')).toBe('11: the number of the schedule is expected, a whole number');
    expect(complaint('x1:pos:1:#1 s1:')).toBe('12: "s1:" is too much');
    expect(() => parseSeed('s1:')).toThrow('a seed string (x1:...) is expected');
  });
});
