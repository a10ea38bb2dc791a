import { describe, expect, it } from 'vitest';
import type { Site, Step } from '../types.ts';
import { formatTrace } from './columns.ts';
import { failureText } from './failure-text.ts';
import { relevantSteps, stepsOfFinding } from './relevance.ts';

const site = (line: number, fn: string, text: string): Site => ({
  file: 'src/sync/two-state-lock.ts',
  line,
  column: 7,
  text,
  fn,
});
const SITES: Readonly<Record<number, Site>> = {
  1: site(20, 'lock', 'Atomics.compareExchange(m, LOCK, 0, 1)'),
  2: site(22, 'lock', 'Atomics.add(m, WAITERS, 1)'),
  3: site(23, 'lock', 'Atomics.wait(m, LOCK, 1)'),
  4: site(30, 'unlock', 'Atomics.load(m, WAITERS)'),
  5: site(31, 'unlock', 'Atomics.store(m, LOCK, 0)'),
  6: site(40, 'work', 'm[own]'),
};
const name = (word: number): string => ['lock', 'waiters', 'own[0]', 'own[1]'][word] ?? `word ${word}`;
const step = (
  thread: number,
  op: number,
  kind: Step['kind'],
  at: number,
  word: number,
  more: Partial<Step> = {},
): Step => ({
  thread,
  op,
  kind,
  site: at,
  word,
  ...more,
});
/** Of the two-state lock whose unlock looks for waiters before it frees the word. */
const STEPS: readonly Step[] = [
  step(0, 0, 'cas', 1, 0, { read: 0, wrote: 1 }),
  step(0, 1, 'read', 6, 2, { read: 0 }),
  step(0, 1, 'write', 6, 2, { wrote: 1 }),
  step(0, 1, 'read', 6, 2, { read: 1 }),
  step(0, 1, 'load', 4, 1, { read: 0 }),
  step(1, 0, 'cas', 1, 0, { read: 1, preempts: true }),
  step(1, 1, 'rmw', 2, 1, { read: 0, wrote: 1 }),
  step(1, 2, 'wait', 3, 0, { read: 'asleep' }),
  step(0, 2, 'store', 5, 0, { wrote: 0 }),
  step(0, 3, 'end', -1, -1),
];
const FINDING = {
  kind: 'lost-wakeup',
  message: 'lost wake-up: thread 1 sleeps',
  places: [
    { thread: 1, site: 3 },
    { thread: 0, site: 5 },
  ],
  word: 0,
  details: ['thread 1 has slept since step 7'],
} as const;

describe('formatTrace', () => {
  it('shows columns, folds what nobody notices, marks preemptions and what it is about', () => {
    const text = formatTrace(STEPS, SITES, ['owner', 'waiter'], { finding: FINDING, wordName: name });
    expect(text.split('\n')).toEqual([
      '     │ owner            │ waiter               │ where',
      '─────┼──────────────────┼──────────────────────┼─────────────────────────────────────',
      '   0 │ cas lock 0 → 1   │                      │ src/sync/two-state-lock.ts:20 lock',
      '     │ … 3 steps        │                      │',
      '   4 │ load waiters = 0 │                      │ src/sync/two-state-lock.ts:30 unlock',
      '»  5 │                  │ cas lock = 1: failed │ src/sync/two-state-lock.ts:20 lock',
      '   6 │                  │ add waiters 0 → 1    │ src/sync/two-state-lock.ts:22 lock',
      ' ► 7 │                  │ wait lock: ASLEEP    │ src/sync/two-state-lock.ts:23 lock',
      ' ► 8 │ store lock := 0  │                      │ src/sync/two-state-lock.ts:31 unlock',
      '   9 │ ends             │                      │',
      '',
      '► what it is about   » preempts the thread before   … steps that no other thread notices',
    ]);
  });

  it.each([2, 3, 4])('fits %i threads with long names into 120 columns', (threads) => {
    const steps = Array.from({ length: 8 }, (_, i) =>
      step(i % threads, i, 'cas', 1, 4, { read: 536_870_912, wrote: 53_687_091 }),
    );
    const long = (): string => 'instance[0].block[1234].ioFixAndState';
    const lines = formatTrace(steps, SITES, [], { finding: FINDING, wordName: long }).split('\n');
    expect(Math.max(...lines.map((l) => l.length))).toBeLessThanOrEqual(120);
    const text = lines.join('\n');
    expect(text).toMatch(/^ {3}0 │ cas .*ioFixAndState/m);
    expect(text).toContain('536870912 → 53687091');
    expect(lines[2]).toContain('two-state-lock.ts:20');
    const bars = (line: string): number[] => [...line.matchAll(/[│┼]/g)].map((m) => m.index);
    for (const line of lines.slice(1, -2)) expect(bars(line)).toEqual(bars(lines[0]));
  });

  it('leaves out the middle of a schedule that is too long', () => {
    const steps = Array.from({ length: 500 }, (_, i) => step(i % 2, i >> 1, 'store', 5, 0, { wrote: i }));
    const options = { finding: FINDING, wordName: name, maxRows: 40 };
    const lines = formatTrace(steps, SITES, [], options).split('\n');
    expect(lines).toHaveLength(2 + 41 + 2);
    expect(lines[2 + 10]).toContain('460 lines left out');
    expect(lines.slice(2, -2).at(-1)).toContain('499');
  });

  it('has a text for each kind of step', () => {
    const all: readonly Step[] = [
      step(0, 0, 'notify', 1, 0, { read: 0 }),
      step(0, 1, 'notify', 1, 0, { read: 2 }),
      step(0, 2, 'wait', 1, 0, { read: 'not-equal' }),
      step(0, 3, 'wake', 1, 0, { read: 'ok' }),
      step(0, 4, 'timeout', 1, 0, { read: 'timed-out' }),
      step(0, 5, 'pause', 1, -1),
      step(0, 6, 'rmw', 9, 7, { read: 1, wrote: 2 }),
      step(0, 7, 'die', -1, -1),
    ];
    const about = { places: all.map((s) => ({ thread: 0, site: s.site })) };
    const text = formatTrace(
      all.flatMap((s) => [s, { ...s, thread: 1 }]),
      SITES,
      [],
      {
        finding: about,
        wordName: name,
      },
    );
    for (const expected of [
      'notify lock: nobody',
      'notify lock: woke 2',
      'wait lock: not equal',
      'woken lock',
      'timed out lock',
      'pause',
      'rmw word 7 1 → 2',
      'DIES',
    ]) {
      expect(text).toContain(expected);
    }
  });
});

describe('which steps are shown', () => {
  it('those of the finding: the last at each place, on its word when there is one', () => {
    const marked = stepsOfFinding([...STEPS, step(1, 9, 'wait', 3, 1)], FINDING);
    expect(marked.flatMap((m, i) => (m ? [i] : []))).toEqual([7, 8]);
  });

  it('contested words, switches, sleeping and waking', () => {
    const none = STEPS.map(() => false);
    expect(relevantSteps(STEPS, none).flatMap((r, i) => (r ? [] : [i]))).toEqual([1, 2, 3, 9]);
    const reads = [0, 0, 0, 1, 1, 1].map((t, i) => step(t, i, 'load', 4, 1, { read: 0 }));
    // Read by both, written by none.
    expect(
      relevantSteps(
        reads,
        reads.map(() => false),
      ),
    ).toEqual([true, false, true, true, false, false]);
    const marked = reads.map((_, i) => i === 1);
    expect(relevantSteps(reads, marked)[1]).toBe(true);
  });
});

describe('failureText', () => {
  const command = (replay: string): string => `npm run explore -- --scenario lock --replay '${replay}'`;

  it('has one line first, and the ways back last', () => {
    const text = failureText({
      scenario: 'lock',
      finding: FINDING,
      steps: STEPS,
      sites: SITES,
      threads: [],
      wordName: name,
      seed: 'x1:pos:1:#3',
      schedule: 's1:0.2>1',
      trace: '',
      command,
    });
    const lines = text.split('\n');
    expect(lines.slice(0, 3)).toEqual(['lost wake-up: thread 1 sleeps', '', 'lock: 10 steps, 1 preemption']);
    expect(lines[4]).toContain('│ thread 0');
    expect(lines.slice(-7)).toEqual([
      'thread 1 has slept since step 7',
      '',
      'To see it again',
      '  seed: for these sources only; as it was found, not minimised',
      "    npm run explore -- --scenario lock --replay 'x1:pos:1:#3'",
      '  schedule: minimised; survives changes elsewhere',
      "    npm run explore -- --scenario lock --replay 's1:0.2>1'",
    ]);
  });
});
