import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { secondsOf, secondsOfBatch } from './timing.ts';

describe('secondsOfBatch', () => {
  it.each([1, 3, 5])('runs %i batches after one to warm up, never two at a time', async (samples) => {
    let running = 0;
    let most = 0;
    let runs = 0;
    const seconds = await secondsOfBatch(async () => {
      most = Math.max(most, ++running);
      await sleep(5);
      running--;
      runs++;
    }, samples);
    expect({ runs, most, running }).toEqual({ runs: samples + 1, most: 1, running: 0 });
    expect(seconds).toBeGreaterThan(0);
  });

  it('hands on what a batch fails with', async () => {
    await expect(secondsOfBatch(() => Promise.reject(new Error('broken batch')), 3)).rejects.toThrow(
      'broken batch',
    );
  });
});

describe('secondsOf', () => {
  it('takes at least the samples asked for, and prints nothing', async () => {
    const log = vi.spyOn(console, 'log');
    let runs = 0;
    const seconds = await secondsOf(
      () => {
        runs++;
      },
      { minSamples: 5, maxTime: 0.01 },
    );
    expect(runs).toBeGreaterThanOrEqual(5);
    expect(seconds).toBeGreaterThan(0);
    expect(log).not.toHaveBeenCalled();
    log.mockRestore();
  });

  it('hands on what the function throws', async () => {
    const broken = (): void => {
      throw new Error('broken');
    };
    await expect(secondsOf(broken, { minSamples: 1, maxTime: 0 })).rejects.toThrow('broken');
  });
});
