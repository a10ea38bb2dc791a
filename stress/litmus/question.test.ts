import { describe, expect, it } from 'vitest';
import { judge } from './judge.ts';
import { namedOutcomes, outcomeOf, type Question, ruleFor, surroundingsOf, textOf } from './question.ts';
import type { Explored } from './explored.ts';
import type { RealResult } from './real.ts';

const nothing = (): void => undefined;

const QUESTION: Question = {
  number: 'L99',
  name: 'made-up',
  title: 'Made up',
  asks: 'Is it?',
  memory: 64,
  actors: [nothing, nothing],
  rules: [
    { results: ['1, 0', 'ok, *'], expect: 'FORBIDDEN', why: 'No.' },
    { results: ['0, 1'], expect: 'ACCEPTABLE', why: 'Yes.' },
    { results: ['*, *'], expect: 'INTERESTING', why: 'Oh.' },
  ],
};

const real = (outcomes: Record<string, number>): RealResult => ({
  samples: Object.values(outcomes).reduce((a, b) => a + b, 0),
  seconds: 1,
  unsure: 0,
  outcomes: new Map(Object.entries(outcomes)),
});

const explored = (outcomes: string[], more: Partial<Explored> = {}): Explored => ({
  outcomes: new Set(outcomes),
  complete: true,
  states: 3,
  executions: 2,
  race: null,
  findings: [],
  ...more,
});

describe('outcomes', () => {
  it('are the results of all actors, in order; nothing is left out, lists are several', () => {
    const seen = [1, undefined, [2, 'x'], 'ok', 7n];
    expect(outcomeOf(seen.map((s) => textOf(s as number)))).toBe('1, 2, x, ok, 7');
  });

  it('are judged by the first rule that fits', () => {
    expect(ruleFor(QUESTION, '1, 0').why).toBe('No.');
    expect(ruleFor(QUESTION, 'ok, 17').why).toBe('No.');
    expect(ruleFor(QUESTION, '0, 1').why).toBe('Yes.');
    expect(ruleFor(QUESTION, '0, 0').why).toBe('Oh.');
  });

  it('that no rule fits are forbidden', () => {
    expect(ruleFor(QUESTION, '1').expect).toBe('FORBIDDEN');
    expect(ruleFor(QUESTION, '0, 1, 1').expect).toBe('FORBIDDEN');
  });

  it('are named by rules without wildcards', () => {
    expect(namedOutcomes(QUESTION)).toEqual(['1, 0', '0, 1']);
  });

  it('views share the memory', () => {
    const m = new Int32Array(new SharedArrayBuffer(128));
    const { i8, i16, i64 } = surroundingsOf(m.buffer, 1);
    m[16] = 0x01020304;
    expect([i8[64], i16[32], i64[8]]).toEqual([4, 0x0304, 0x01020304n]);
  });
});

describe('the judge', () => {
  const racy: Question = { ...QUESTION, race: 'race' };
  const race = { kind: 'race', message: 'a data race' } as const;

  it('puts both sides into one row, in the order of the rules', () => {
    const { rows, problems } = judge(
      QUESTION,
      real({ '0, 1': 5, '3, 3': 1, '0, 0': 2 }),
      explored(['0, 1', '0, 0', '3, 3']),
    );
    expect(rows.map((r) => [r.outcome, r.samples, r.explored, r.expect])).toEqual([
      ['1, 0', 0, false, 'FORBIDDEN'],
      ['0, 1', 5, true, 'ACCEPTABLE'],
      ['0, 0', 2, true, 'INTERESTING'],
      ['3, 3', 1, true, 'INTERESTING'],
    ]);
    expect(problems).toEqual([]);
  });

  it('fails what is forbidden, on either side', () => {
    expect(judge(QUESTION, real({ '1, 0': 3 }), null).problems).toEqual([
      "forbidden '1, 0' was seen on real threads, 3 times",
    ]);
    expect(judge(QUESTION, null, explored(['1, 0'])).problems).toEqual([
      "forbidden '1, 0' is reached by exploration",
    ]);
    expect(judge(QUESTION, real({ what: 1 }), null).problems).toHaveLength(1);
  });

  it('fails the simulator that calls impossible what was seen', () => {
    const { problems } = judge(QUESTION, real({ '0, 0': 1 }), explored(['0, 1']));
    expect(problems).toEqual([expect.stringContaining("fidelity: '0, 0'")]);
  });

  it('takes it for weak memory where there is a race, but then it must be called interesting', () => {
    expect(judge(racy, real({ '0, 0': 1 }), explored(['0, 1'], { race })).problems).toEqual([]);
    expect(judge(racy, real({ '0, 1': 1 }), explored(['0, 0'], { race })).problems).toEqual([
      expect.stringContaining('must call it INTERESTING'),
    ]);
  });

  it('compares what the race detector says with what the question says', () => {
    expect(judge(QUESTION, null, explored(['0, 1'], { race })).problems).toEqual([
      "race: the detector found 'race', the question says 'none'",
    ]);
    expect(judge(racy, null, explored(['0, 1'])).problems).toHaveLength(1);
  });

  it('fails an exploration that did not end, or found something besides', () => {
    expect(judge(QUESTION, null, explored(['0, 1'], { complete: false })).problems).toHaveLength(1);
    expect(judge(QUESTION, null, explored(['0, 1'], { findings: ['livelock'] })).problems).toHaveLength(1);
  });
});
