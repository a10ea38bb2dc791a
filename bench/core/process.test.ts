import { describe, expect, it } from 'vitest';
import type { LatchRequest, LatchSample } from '../latch/child.ts';
import { BenchProcess } from './process.ts';
import { PLAIN } from './variant.ts';

const PAIR = { kind: 'pair', shared: false, quick: true } as const;

describe('processes that measure', () => {
  it('answer, tell what went wrong, and end when they are let go', async () => {
    const child = new BenchProcess<LatchRequest, LatchSample>(PLAIN.url('bench/latch/child.js'));
    await expect(child.ask({ ...PAIR, contender: 'none' })).rejects.toThrow('no latch contender none');
    const { value, reference } = await child.ask({ ...PAIR, contender: 'textbook two-state' });
    expect(value).toBeGreaterThan(0);
    expect(reference).toBeGreaterThan(0);
    await child.close();
    await child.close();
  });

  it('that cannot start are an error, not a hang', async () => {
    const child = new BenchProcess<LatchRequest, LatchSample>(PLAIN.url('bench/latch/child.js'), [
      '--no-such-flag',
    ]);
    await expect(child.ask({ ...PAIR, contender: 'none' })).rejects.toThrow(
      'ended too early (exit status 9)',
    );
  });
});
