import { describe, expect, it } from 'vitest';
import { alternate, middleHalf } from './alternate.ts';
import { middleRatio } from './middle-ratio.ts';

describe('two pieces of work, in turn', () => {
  it('takes pairs whole, and leaves out those of the most unequal ratios', () => {
    const pairs = [
      { a: 2, b: 1 },
      { a: 20, b: 10 },
      { a: 900, b: 1 },
      { a: 1, b: 900 },
    ];
    expect(middleHalf(pairs)).toEqual({ a: 11, b: 5.5 });
    expect(middleHalf([{ a: 3, b: 4 }])).toEqual({ a: 3, b: 4 });
  });

  it('runs both equally often, neither always first', async () => {
    const order: string[] = [];
    const seconds = await alternate(
      () => void order.push('a'),
      () => void order.push('b'),
      { minSamples: 2, maxTime: 0.01 },
    );
    expect(order.slice(0, 8).join('')).toBe('abbaabba');
    expect(order.filter((x) => x === 'a').length).toBe(order.length / 2);
    expect(Object.keys(seconds)).toEqual(['a', 'b']);
  });

  it('the ratio of a row is the median of its rounds', () => {
    expect(middleRatio({ samples: [2, 30, 8], reference: [1, 10, 2] })).toBe(3);
    expect(middleRatio({ samples: [2], reference: null })).toBe(null);
  });
});
