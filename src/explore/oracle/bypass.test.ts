import { describe, expect, it } from 'vitest';
import { BypassCounter } from './bypass.ts';

const NAMES = {
  latch: (l: number): string => `lock ${l}`,
  site: (s: number): string => `a.ts:${s}`,
  thread: (t: number): string => `thread ${t}`,
};

describe('BypassCounter', () => {
  it('finds the overtaking that is one too many', () => {
    const counter = new BypassCounter(3, 2, NAMES);
    counter.waits(0, 8, 100);
    expect(counter.acquired(1, 8, 101)).toBeNull();
    expect(counter.acquired(2, 8, 102)).toBeNull();
    const finding = counter.acquired(1, 8, 103);
    expect(finding).toEqual({
      kind: 'bypass',
      message:
        'bypass: thread 0 waits for lock 8 at a.ts:100 and has been overtaken 3 times, last by thread 1 at a.ts:103; ' +
        '2 are allowed',
      places: [
        { thread: 0, site: 100 },
        { thread: 1, site: 103 },
      ],
      word: 8,
      details: ['thread 1 overtook it 2 times', 'thread 2 overtook it once'],
    });
    expect(counter.acquired(1, 8, 103)).toBeNull();
  });

  it('does not count who came first, other latches, or waits that ended', () => {
    const counter = new BypassCounter(3, 0, NAMES);
    counter.waits(1, 8, 1);
    counter.waits(0, 8, 2);
    expect(counter.acquired(1, 8, 3)).toBeNull();
    expect(counter.acquired(2, 9, 4)).toBeNull();
    expect(counter.acquired(0, 8, 5)).toBeNull();
    expect(counter.acquired(2, 8, 6)).toBeNull();
    counter.waits(0, 8, 7);
    counter.leaves(0);
    expect(counter.acquired(2, 8, 8)).toBeNull();
    counter.waits(0, 8, 9);
    counter.reset();
    expect(counter.acquired(2, 8, 10)).toBeNull();
  });

  it('begins anew with each wait, and not with each look', () => {
    const counter = new BypassCounter(2, 1, NAMES);
    counter.waits(0, 8, 1);
    expect(counter.acquired(1, 8, 2)).toBeNull();
    expect(counter.acquired(0, 8, 3)).toBeNull();
    counter.waits(0, 8, 4);
    expect(counter.acquired(1, 8, 5)).toBeNull();
    counter.waits(0, 8, 6);
    expect(counter.acquired(1, 8, 7)?.places[0]).toEqual({ thread: 0, site: 4 });
  });
});
