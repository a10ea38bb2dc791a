/** Variables of the limits: as options, and changed while a run goes on. */
import { describe, expect, it } from 'vitest';
import { thdAt } from '../../src/engine.ts';
import { SESSION_ERRORS, THD } from '../../src/layout/session.ts';
import { getS53 } from '../../src/layout/words.ts';
import { errorReports } from '../report/report-figures.ts';
import { plan, ran, TINY } from '../test-kit.ts';

const MIB = 2 ** 20;
const { connectionMemoryLimit: LIMIT, maxExecutionTime: MAX_EXECUTION_TIME } = THD.at;

describe('the server starts with', () => {
  const connMem = async (...args: string[]) => {
    const planned = await plan('--scenario=in-memory', ...args);
    planned.cleanUp();
    return planned.run.engine.connMem;
  };

  it('the values of its options', async () => {
    expect(
      await connMem(
        '--connection-memory-limit=4M',
        '--global-connection-memory-limit=32M',
        '--connection-memory-chunk-size=64K',
        '--global-connection-memory-tracking=ON',
        '--connection-memory-status-limit=3M',
        '--global-connection-memory-status-limit=30M',
        '--max-execution-time=20',
      ),
    ).toEqual({
      sessionLimit: 4 * MIB,
      globalLimit: 32 * MIB,
      chunkSize: 65_536,
      tracking: true,
      sessionStatusLimit: 3 * MIB,
      globalStatusLimit: 30 * MIB,
      maxExecutionTime: 20,
    });
  });

  it('no status limit, which would cost a look for each allocation, unless there is one', async () => {
    expect(Object.keys(await connMem())).not.toContain('sessionStatusLimit');
    expect(Object.keys(await connMem())).not.toContain('globalStatusLimit');
  });
});

it('every error that sessions meet has a text in the report, also when it ended nobody', () => {
  const errors = Object.fromEntries(SESSION_ERRORS.map((code) => [code, 1]));
  const all = errorReports([{ killed: null, errors }]);
  expect(all.filter((e) => e.text === '').map((e) => e.code)).toEqual([]);
  expect(all).toHaveLength(SESSION_ERRORS.length);
});

describe('SET GLOBAL and KILL in a run', () => {
  it('connections made later have the new values, the others keep theirs', async () => {
    const { result, report } = await ran([
      ...TINY,
      '--sessions=3',
      '--seconds=2',
      '--scanners=0',
      '--hog-bytes=0',
      '--fault-ppm=0',
      '--reconnect=on',
      '--connection-memory-limit=64M',
      '--max-execution-time=4000',
      '--at=200ms: SET GLOBAL connection_memory_limit = 2M; 200ms: SET GLOBAL max_execution_time = 7000;' +
        '500ms: KILL 2; 700ms: KILL 2; 60s: KILL 3',
    ]);
    expect(report.verdict).toBe('ok');
    expect(report.script).toEqual([
      '0.2 s: SET GLOBAL connection_memory_limit = 2M: done',
      '0.2 s: SET GLOBAL max_execution_time = 7000: done',
      '0.5 s: KILL 2: done',
      '0.7 s: KILL 2: ERROR 1094: Unknown thread id: 2',
      '60.0 s: KILL 3: not done, the run was over',
    ]);
    const mem = new Int32Array(result.share.buffer);
    const values = [0, 1, 2].map((s) => {
      const thd = thdAt(result.share.plan, s);
      return [getS53(mem, thd + LIMIT), mem[thd + MAX_EXECUTION_TIME]];
    });
    expect(values).toEqual([
      [64 * MIB, 4000],
      [2 * MIB, 7000],
      [64 * MIB, 4000],
    ]);
    expect(report.sessions.map((s) => s.connections)).toEqual([1, 2, 1]);
    expect(report.limits).toMatchObject({ sessionLimit: 2 * MIB, globalLimit: null, kills: 1 });
  });
});
