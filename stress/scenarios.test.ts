/** Every scenario for a second, smaller where only size would cost time; and the corners of the option space. */
import { describe, expect, it } from 'vitest';
import { SCENARIOS } from './scenarios.ts';
import { ran } from './test-kit.ts';

const SMALL: Readonly<Record<string, readonly string[]>> = {
  default: ['--innodb-buffer-pool-size=16M'],
  churn: ['--data-size=32M'],
  'hot-page': ['--innodb-buffer-pool-size=16M'],
};

async function holds(...args: string[]): Promise<void> {
  const { report, text } = await ran(args);
  expect(report.verdict, text).toBe('ok');
  expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
  // Each session took part, and ended as a session does.
  expect(report.sessions).toHaveLength(Number(report.settings['sessions']));
  for (const s of report.sessions) expect(s.total, `session ${s.session}`).toBeGreaterThan(0);
}

describe('every invariant holds', () => {
  it.each(SCENARIOS.map((s) => s.name))('in the scenario %s', async (name) => {
    await holds('--scenario', name, '--seconds=1', ...(SMALL[name] ?? []));
  });

  const TINY_POOL = ['--innodb-buffer-pool-size=5M', '--innodb-buffer-pool-instances=1', '--nodes=1'];

  it('in a pool of 5 MiB, one instance, one node', async () => {
    await holds(...TINY_POOL, '--data-size=16M', '--seconds=2');
  });

  it('there with 64 sessions that check the latch order', async () => {
    await holds(...TINY_POOL, '--sessions=64', '--latch-checks=on', '--seconds=2');
  });
});
