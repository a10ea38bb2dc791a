import { describe, expect, it } from 'vitest';
import { type BlockedState, blockedFinding, type Sleeper, type WordHistory } from './who-waits.ts';

const state = (
  sleepers: readonly Sleeper[],
  words: readonly WordHistory[],
  more: Partial<BlockedState> = {},
): BlockedState => ({
  sleepers,
  words,
  dead: [],
  holders: [],
  wordInfo: (w) => (w < 10 ? { name: `lock[${w}]`, latch: true } : undefined),
  site: (s) => `a.ts:${s}`,
  thread: (t) => `thread ${t}`,
  ...more,
});

const sleeper = (thread: number, step: number, expected: number, present: number, word = 0): Sleeper => ({
  thread,
  site: 40 + thread,
  word,
  expected,
  present,
  step,
  looks: [],
});

const history = (
  word: number,
  present: number,
  write: [thread: number, step: number] | null,
  notify: [thread: number, step: number, woken: number, asleep: number] | null,
): WordHistory => ({
  word,
  present,
  lastWrite: write && { thread: write[0], site: 50 + write[0], step: write[1], value: present },
  lastNotify: notify && {
    thread: notify[0],
    site: 60 + notify[0],
    step: notify[1],
    woken: notify[2],
    asleep: notify[3],
  },
});

describe('a lost wake-up', () => {
  it('is a word that has changed without a notify', () => {
    const f = blockedFinding(state([sleeper(1, 8, 2, 0)], [history(0, 0, [0, 9], null)]));
    expect(f.kind).toBe('lost-wakeup');
    expect(f.message).toBe(
      'lost wake-up: thread 1 sleeps at a.ts:41 on lock[0] = 2, but it is 0 now, written by thread 0 at a.ts:50; ' +
        'nobody notified',
    );
    expect(f.places).toEqual([
      { thread: 1, site: 41 },
      { thread: 0, site: 50 },
    ]);
    expect(f.word).toBe(0);
    expect(f.details).toEqual([
      'thread 1 has slept since step 8 at a.ts:41: lock[0] = 2, now 0',
      '  last write by thread 0 in step 9 at a.ts:50: 0',
      '  never notified',
    ]);
  });

  it('is one of two that was not woken', () => {
    const words = [history(0, 5, [0, 9], [0, 10, 1, 2])];
    const f = blockedFinding(state([sleeper(2, 8, 4, 5)], words));
    expect(f.message).toContain('; the last notify, by thread 0 at a.ts:60, woke 1 of 2');
    expect(f.kind).toBe('lost-wakeup');
  });

  it('is a notify that came too early', () => {
    const early = state(
      [{ ...sleeper(1, 8, 0, 0), looks: [{ word: 0, step: 3, value: 0 }] }],
      [history(0, 0, [1, 7], [0, 5, 0, 0])],
    );
    expect(blockedFinding(early).message).toContain('came after its last look and before it was asleep');
    const before = state(
      [{ ...sleeper(1, 8, 0, 0), looks: [{ word: 0, step: 6, value: 0 }] }],
      [history(0, 0, [1, 7], [0, 5, 0, 0])],
    );
    expect(blockedFinding(before).kind).toBe('deadlock');
  });

  it('is something else that the sleeper looked at', () => {
    const looks = [{ word: 12, step: 3, value: 0 }];
    const sleeps = { ...sleeper(1, 8, 0, 0), looks };
    const between = blockedFinding(
      state([sleeps], [history(0, 0, null, null), history(12, 1, [0, 5], null)]),
    );
    expect(between.message).toBe(
      'lost wake-up: thread 1 sleeps at a.ts:41 on lock[0] because word 12 was 0; thread 0 made it 1 at a.ts:50 ' +
        'before it was asleep; nobody notified',
    );
    const after = (notify: WordHistory['lastNotify']): string =>
      blockedFinding(
        state([sleeps], [{ ...history(0, 0, null, null), lastNotify: notify }, history(12, 1, [0, 9], null)]),
      ).kind;
    expect(after(null)).toBe('lost-wakeup');
    expect(after({ thread: 0, site: 1, step: 10, woken: 1, asleep: 1 })).toBe('deadlock');
    const same = state([sleeps], [history(0, 0, null, null), history(12, 0, [0, 5], null)]);
    expect(blockedFinding(same).kind).toBe('deadlock');
  });

  it('is a notify that woke too few before the word was written back', () => {
    const words = (woken: number): WordHistory[] => [history(0, 2, [0, 12], [0, 10, woken, 2])];
    expect(blockedFinding(state([sleeper(1, 8, 2, 2)], words(1))).kind).toBe('lost-wakeup');
    expect(blockedFinding(state([sleeper(1, 8, 2, 2)], words(2))).kind).toBe('deadlock');
  });
});

describe('a deadlock', () => {
  const two = [sleeper(0, 8, 2, 2, 1), sleeper(1, 9, 2, 2, 0)];
  const words = [history(0, 2, [1, 7], null), history(1, 2, [0, 6], null)];

  it('is when everybody sleeps on what is as it was', () => {
    const f = blockedFinding(state(two, words, { holders: ['thread 0 holds lock[0]'], dead: [2] }));
    expect(f.kind).toBe('deadlock');
    expect(f.message).toBe(
      'deadlock: thread 0 waits at a.ts:40 for lock[1]; thread 1 waits at a.ts:41 for lock[0]; thread 2 died',
    );
    expect(f.details.slice(-2)).toEqual(['thread 2 has died', 'thread 0 holds lock[0]']);
  });

  it('is a cycle of waits, whatever the words say', () => {
    const changed = [sleeper(0, 8, 2, 3, 1), sleeper(1, 9, 2, 3, 0), sleeper(2, 10, 2, 3, 0)];
    const f = blockedFinding(state(changed, words, { waitsFor: (t) => (t === 0 ? [1] : [0]) }));
    expect(f.kind).toBe('deadlock');
    expect(f.message).toBe(
      'deadlock: thread 0 waits at a.ts:40 for lock[1], which thread 1 has; ' +
        'thread 1 waits at a.ts:41 for lock[0], which thread 0 has',
    );
    const ended = blockedFinding(state(changed, words, { waitsFor: () => [7] }));
    expect(ended.kind).toBe('lost-wakeup');
  });

  it('is when the latch went to a thread that was woken and is blocked itself', () => {
    const sleepers = [sleeper(1, 8, 3, 5, 0), sleeper(2, 20, 9, 9, 1)];
    const handed = [history(0, 5, [2, 15], [0, 12, 1, 2]), history(1, 9, [1, 4], null)];
    expect(blockedFinding(state(sleepers, handed)).kind).toBe('deadlock');
    const ended = [history(0, 5, [3, 15], [0, 12, 1, 2]), history(1, 9, [1, 4], null)];
    expect(blockedFinding(state(sleepers, ended)).kind).toBe('lost-wakeup');
  });
});
