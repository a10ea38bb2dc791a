/** From a schedule that fails to the one that is shown. */
import { describe, expect, it } from 'vitest';
import { engineOf } from './engine/test-kit.ts';
import { type Failure, investigateOn } from './investigate.ts';
import { parseSchedule } from './report/schedule-string.ts';
import { program } from './strategies/test-kit.ts';

/** Thread 1 must not look while the count is at one of these; five more points each before and after. */
const wrongAt = (...counts: readonly number[]): string =>
  program(
    `const noise = (m: Int32Array) => { for (let i = 0; i < 5; i++) Atomics.load(m, 9); };
     const a = ({ m }: Ctx) => { noise(m); Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); noise(m); };
     const b = ({ m }: Ctx) => { noise(m); const n = Atomics.load(m, 0); noise(m); return n; };`,
    'a, b',
    `check: (_m: Int32Array, _s: unknown, r: number[]) => { if ([${counts.join(', ')}].includes(r[1])) throw new Error('looked'); },`,
  );

async function investigated(text: string, schedule: string, searcher = text): Promise<Failure> {
  const { switches } = parseSchedule(schedule);
  const lead = { by: 'switches', switches, strategy: 'replay' } as const;
  const engines = [await engineOf(text), await engineOf(searcher, { state: true })] as const;
  return investigateOn(...engines, 'race', lead, { minimiseMs: 5000 });
}

describe('a failing schedule', () => {
  const NOISY = 's1:0.2>1 1.3>0 0.6>1 1.9>0 0.9>1';

  it('is shown with the fewest preemptions that there are', async () => {
    const failure = await investigated(wrongAt(1), NOISY);
    expect(failure).toMatchObject({
      preemptions: 1,
      exact: true,
      schedule: 's1:0.6>1',
      finding: { kind: 'check' },
    });
    expect(failure.switches).toHaveLength(1);
    expect(failure.steps.filter((s) => s.preempts)).toHaveLength(1);
  });

  it('is shown as it was found where the search comes to something else', async () => {
    // The searcher's program fails without any preemption, too; the engine's does not.
    const failure = await investigated(wrongAt(1), NOISY, wrongAt(1, 2));
    expect(failure).toMatchObject({
      preemptions: 5,
      exact: false,
      schedule: NOISY,
      finding: { kind: 'check' },
    });
    expect(failure.steps.filter((s) => s.preempts)).toHaveLength(5);
  });

  it('that has no end is shown by the shortest way to where there is none any more', async () => {
    const text = program(
      `const a = ({ m }: Ctx) => { for (let i = 0; i < 4; i++) Atomics.add(m, 9, 1); if (Atomics.load(m, 1) === 0) Atomics.store(m, 0, 1); };
       const b = ({ m }: Ctx) => { for (let i = 0; i < 4; i++) Atomics.add(m, 8, 1); Atomics.store(m, 1, 1); while (Atomics.load(m, 0) === 0) (Atomics as any).pause(); };`,
      'a, b, b',
      'maxSteps: 600,',
    );
    const failure = await investigated(text, 's1:0.1>1 1.2>0 0.2>2 2.1>1 1.3>2');
    expect(failure.finding.kind).toBe('livelock');
    expect(failure.preemptions).toBeLessThanOrEqual(1);
    expect(failure.steps.length).toBeGreaterThan(500);
  });

  it('that does not fail is refused', async () => {
    await expect(investigated(wrongAt(1), 's1:')).rejects.toThrow('does not fail again');
  });
});
