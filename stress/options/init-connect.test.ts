import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/config/errors.ts';
import { parseInitConnect } from './init-connect.ts';
import { ran, TINY } from '../test-kit.ts';

function refusal(text: string): OptionError {
  try {
    parseInitConnect(text);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

describe('--init-connect', () => {
  it('reads SET and SELECT', () => {
    const statements = parseInitConnect(
      'SET SESSION max_execution_time = 50; set @@session.connection_memory_limit := 4M ;SET @@local . max-execution-time=DEFAULT;' +
        "SET global_connection_memory_tracking = OFF; SET @a = REPEAT('x', 100); set @B := repeat( 'y' ,1K );" +
        "SET @A = REPEAT('z', 3); SELECT REPEAT('x', 6000000);",
    );
    expect(statements).toEqual([
      { kind: 'set', variable: 'max_execution_time', value: '50' },
      { kind: 'set', variable: 'connection_memory_limit', value: '4M' },
      { kind: 'set', variable: 'max_execution_time', value: 'DEFAULT' },
      { kind: 'set', variable: 'global_connection_memory_tracking', value: 'OFF' },
      { kind: 'setVar', variable: 1, bytes: 100 },
      { kind: 'setVar', variable: 2, bytes: 1024 },
      { kind: 'setVar', variable: 1, bytes: 3 },
      { kind: 'select', bytes: 6_000_000 },
    ]);
    // An empty variable is none.
    expect(parseInitConnect(' ; ')).toEqual([]);
  });

  it.each([
    ['DROP TABLE t', 'not a statement of init_connect', "SELECT REPEAT('x', bytes)"],
    ['SET GLOBAL connection_memory_limit = 4M', 'not a statement', 'SET [SESSION] variable = value'],
    [
      'SET nothing = 1',
      "Unknown system variable 'nothing'",
      'connection_memory_limit, connection_memory_chunk',
    ],
    [
      'SET global_connection_memory_limit = 1G',
      "'global_connection_memory_limit' is a GLOBAL",
      'max_execution_time',
    ],
    ['SET max_execution_time = NULL', "value 'NULL'", 'an integer, 0 ... 4294967295, or DEFAULT'],
    ["SELECT REPEAT('x', 0)", "bytes '0'", '1 ... 67108864'],
    ["SELECT REPEAT('x', 65M)", "bytes '65M'", '1 ... 67108864'],
    ["SET @a = REPEAT('x', much)", "bytes 'much'", '1 ... 67108864'],
    ['SET max_execution_time = 1; SELECT\n1', String.raw`'SELECT\n1'`, "SET @name = REPEAT('x', bytes)"],
  ])('refuses %j in one line', (text, why, allowed) => {
    const { option, message } = refusal(text);
    expect(option).toBe('--init-connect');
    expect(message).toContain(why);
    expect(message.split('; allowed: ')[1]).toContain(allowed);
    expect(message).not.toContain('\n');
  });

  const RUN = [
    ...TINY,
    '--sessions=3',
    '--seconds=1',
    '--scanners=0',
    '--hog-bytes=0',
    '--fault-ppm=0',
    '--connection-memory-limit=2M',
    "--init-connect=SET SESSION max_execution_time = 50; SELECT REPEAT('x', 3M)",
  ];

  it('ends ordinary connections that pass a limit in it with 1184, and none of an administrator', async () => {
    const { report, text } = await ran(RUN);
    expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
    const aborted = (id: number): string =>
      `Aborted connection ${id} to db: 'unconnected' user: 'app' host: 'localhost' (init_connect command failed)`;
    expect(report.sessions.map((s) => s.killed)).toEqual([
      null,
      { code: 1184, text: aborted(2) },
      { code: 1184, text: aborted(3) },
    ]);
    expect(report.sessions.map((s) => s.total > 0)).toEqual([true, false, false]);
    expect(report.sessions.map((s) => s.errors)).toEqual([{}, { 1184: 1 }, { 1184: 1 }]);
    // Whoever was first stands for both.
    expect([2, 3].some((id) => text.includes(`[Warning] [Server] ${aborted(id)} (and 1 like it)`))).toBe(
      true,
    );
    expect(text).toContain(
      '[Warning] [Server] Connection closed. Connection memory limit 2097152 bytes exceeded.',
    );
    // No line of the limit's own while init_connect runs.
    expect(text).not.toContain('[Error] [Server] Connection closed.');
  });

  it('so too each time that they come back, in a pool of threads', async () => {
    const { report } = await ran([...RUN, '--thread-handling=pool-of-threads', '--reconnect=on']);
    expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
    const [admin, ...others] = report.sessions;
    expect([admin.connections, admin.errors]).toEqual([1, {}]);
    for (const s of others) {
      expect(s.connections).toBeGreaterThan(1);
      expect([s.total, s.errors]).toEqual([0, { 1184: s.connections }]);
    }
  });
});
