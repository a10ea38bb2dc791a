import { describe, expect, it } from 'vitest';
import type { AsyncLatch, Latch } from './contender.ts';
import { contend, contendAsync, GUARDED_WORDS, readTally, resetGuarded, type Work } from './work.ts';

const none: Latch = {
  exclusive: (section) => section(),
  shared: (section) => section(),
};

function guarded(): Int32Array {
  const words = new Int32Array(GUARDED_WORDS);
  resetGuarded(words);
  return words;
}

const work: Work = { until: 1000, section: 3, think: 3, readers: false, clocked: false };

describe('what threads do with a latch', () => {
  it('counts every section, and a handoff when the holder is another than the last', async () => {
    const words = guarded();
    expect(contend(none, words, 0, work)).toEqual({ sections: 1000, exclusive: 1000, longestWaitUs: 0 });
    expect(readTally(words)).toEqual({ count: 1000, handoffs: 1 });
    expect(contend(none, words, 1, { ...work, until: 1500 }).exclusive).toBe(500);
    expect(readTally(words)).toEqual({ count: 1500, handoffs: 2 });
    const later: AsyncLatch = {
      exclusive: async (section) => section(),
      shared: async (section) => section(),
    };
    expect((await contendAsync(later, words, 0, { ...work, until: 1600 })).exclusive).toBe(100);
    expect(readTally(words)).toEqual({ count: 1600, handoffs: 3 });
  });

  it('nine of ten sections are shared, where there are readers', () => {
    const { sections, exclusive } = contend(none, guarded(), 0, { ...work, readers: true });
    expect(exclusive).toBe(1000);
    expect(sections / exclusive).toBeGreaterThan(9);
    expect(sections / exclusive).toBeLessThan(11);
  });

  it('notes the longest wait, with a clock', () => {
    const slow: Latch = {
      ...none,
      exclusive(section) {
        const began = performance.now();
        while (performance.now() - began < 2);
        section();
      },
    };
    const { longestWaitUs } = contend(slow, guarded(), 0, { ...work, until: 3, clocked: true });
    expect(longestWaitUs).toBeGreaterThanOrEqual(2000);
  });

  it.each(['exclusive', 'shared'] as const)('finds another in the middle of an %s section', (mode) => {
    const words = guarded();
    let calls = 0;
    // Another thread, caught between the two words that an exclusive section raises together.
    const broken: Latch = {
      ...none,
      [mode](section: () => void) {
        if (++calls === 50) words[0]++;
        section();
      },
    };
    expect(() => contend(broken, words, 0, { ...work, readers: mode === 'shared' })).toThrow(
      'beside a writer',
    );
  });
});
