/** Every scenario for two seconds, smaller where only size would cost time; both thread models; corners of the options. */
import { describe, expect, it, vi } from 'vitest';
import { SCENARIOS } from './scenarios.ts';
import { longEnough, type Ran, ran } from './test-kit.ts';

// A machine that is busy with other things needs several times as long.
vi.setConfig({ testTimeout: 240_000 });

const SMALL = ['--innodb-buffer-pool-size=16M', '--data-size=32M'];
/** Whose point is a size of its own. */
const SIZES: Readonly<Record<string, readonly string[]>> = {
  churn: ['--data-size=32M'],
  allocators: [],
};
/** Those in which it is possible that a session does nothing in two seconds. */
const SLOW = new Set(['thousand', 'pool-of-threads', 'report', 'interrupt', 'tpcc', 'connection-limit']);

async function holds(...args: string[]): Promise<Ran> {
  const result = await ran(args);
  const { report, text } = result;
  expect(report.verdict, text).toBe('ok');
  expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
  expect(report.sessions).toHaveLength(Number(report.settings['sessions']));
  expect(report.statements).toBeGreaterThan(0);
  return result;
}

const allWorked = ({ report }: Pick<Ran, 'report'>): boolean => report.sessions.every((s) => s.total > 0);

/** For two seconds, and longer on a machine on which not every session has worked in that time. */
const holdsForAll = (...args: string[]): Promise<Ran> =>
  longEnough((seconds) => holds(...args, `--seconds=${seconds}`), allWorked);

/** A client whose connection an injected fault has refused tries again; without this it would stay away. */
const COMES_BACK = '--reconnect=on';

function expectAllWorked({ report }: Pick<Ran, 'report'>): void {
  for (const s of report.sessions) expect(s.total, `session ${s.session}`).toBeGreaterThan(0);
}

describe('every invariant holds', () => {
  it.each(SCENARIOS.map((s) => s.name))('in the scenario %s', async (name) => {
    const args = ['--scenario', name, COMES_BACK, ...(SIZES[name] ?? SMALL)];
    if (SLOW.has(name)) await holds(...args, '--seconds=2');
    else expectAllWorked(await holdsForAll(...args));
  });

  describe.each(['one-thread-per-connection', 'pool-of-threads'])(
    'with more sessions than threads, %s',
    (handling) => {
      const MORE = ['--sessions=12', '--threads=4', `--thread-handling=${handling}`, COMES_BACK, ...SMALL];
      const workers = ({ report }: Ran): number => report.sessions.filter((s) => s.total > 0).length;

      it.each(['default', 'oltp_read_write'])('in the scenario %s', async (name) => {
        const result = await longEnough(
          (seconds) => holds('--scenario', name, ...MORE, `--seconds=${seconds}`),
          (r) => workers(r) > 4,
        );
        // Whoever has no thread of his own had one for a time.
        expect(workers(result)).toBeGreaterThan(4);
        expect(result.report.settings['threads']).toBe(4);
      });

      it('in the open loop, with clients that are killed and come back', async () => {
        const args = ['--program=oltp_point_select', '--rate=200', '--kill-rate=10', ...MORE];
        const kills = ({ report }: Ran): number => report.limits.kills + report.limits.queryKills;
        const result = await longEnough(
          (seconds) => holds(...args, `--seconds=${seconds}`),
          (r) => kills(r) > 0,
        );
        const { report } = result;
        expect(kills(result)).toBeGreaterThan(0);
        expect(report.script.length).toBeGreaterThan(0);
      });
    },
  );

  const TINY_POOL = [
    COMES_BACK,
    '--innodb-buffer-pool-size=5M',
    '--innodb-buffer-pool-instances=1',
    '--nodes=1',
  ];

  it('in a pool of 5 MiB, one instance, one node', async () => {
    expectAllWorked(await holdsForAll(...TINY_POOL, '--data-size=16M'));
  });

  it('there with 64 sessions that check the latch order', { timeout: 120_000 }, async () => {
    expectAllWorked(await holdsForAll(...TINY_POOL, '--sessions=64', '--latch-checks=on'));
  });
});

describe('a client whose connection is refused for want of memory', () => {
  const REFUSED = ['--fault-ppm=200000', '--sessions=32', ...SMALL];

  it('stays away, and the report says why', async () => {
    const away = ({ report }: Ran): Ran['report']['sessions'] => report.sessions.filter((s) => s.total === 0);
    const result = await longEnough(
      (seconds) => holds(...REFUSED, '--reconnect=off', `--seconds=${seconds}`),
      // All others have done something.
      (r) => away(r).every((s) => s.killed !== null),
    );
    // Four requests or so make a connection: that all of 32 get them, or none, happens less than once in ten million runs.
    expect(away(result).length).toBeGreaterThan(0);
    for (const s of away(result)) expect(s.killed?.code, `session ${s.session}`).toBe(5);
  });

  it('tries again with --reconnect=on', async () => {
    expectAllWorked(await holdsForAll(...REFUSED, COMES_BACK));
  });
});

it('limits end sessions, and the report says which, how often and with which text', async () => {
  const args = ['--scenario=report', '--connection-memory-limit=2M', '--reconnect=off', ...SMALL];
  const ended = ({ report }: Ran): Ran['report']['sessions'] =>
    report.sessions.filter((s) => s.killed?.code === 4082);
  const names = (r: Ran): string[] => ended(r).map((s) => s.name);
  const result = await longEnough(
    (seconds) => holds(...args, `--seconds=${seconds}`),
    (r) => names(r).includes('report'),
  );
  expect(names(result)).toContain('report');
  expect(result.report.limits.endedBySessionLimit).toBe(ended(result).length);
  expect(result.text).toMatch(
    /ERROR 4082 +\d+ +\d+ {2}Connection closed\. Connection memory limit 2097152 bytes/,
  );
});
