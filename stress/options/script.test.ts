import { describe, expect, it } from 'vitest';
import { OptionError } from '../../src/config/errors.ts';
import { GLOBAL_CONN_MEM, THD } from '../../src/layout/session.ts';
import { MemoryKit } from '../../src/memory/test-kit.ts';
import { KILLED, thdBeginCommand } from '../../src/session/limits/kill.ts';
import { globalVariable } from '../../src/session/limits/set-variable.ts';
import { globalConnMemInit } from '../../src/session/limits/thd-mem-cnt.ts';
import { thdEnd, thdInit, thdKilled, thdSetup } from '../../src/session/thd/thd.ts';
import { mutexEnter, mutexExit } from '../../src/sync/mutex.ts';
import { parseScript, ScriptRun } from './script.ts';

const MIB = 2 ** 20;
const SEATS = 4;

/** Four sessions, connection ids 1 to 4, each with a command under way; the script runs in another thread. */
function setUp(script: string, killRate = 0, seed = 1) {
  const kit = new MemoryKit({ records: { conn: [GLOBAL_CONN_MEM, 1], thd: [THD, SEATS] } });
  const { mem } = kit;
  const [worker, thr] = [kit.thread(1), kit.thread(2)];
  const conn = kit.at('conn');
  const thds = Array.from({ length: SEATS }, (_, i) => kit.at('thd') + i * THD.words);
  globalConnMemInit(mem, conn);
  const connect = (seat: number, sessionId: number): void => {
    thdInit(worker, thds[seat], { sessionId, privileges: 0 });
    thdBeginCommand(worker, thds[seat]);
  };
  for (const [seat, thd] of thds.entries()) {
    thdSetup(mem, thd, conn);
    connect(seat, seat + 1);
  }
  const host = {
    thr,
    share: { plan: { thds: thds[0], globalConnMem: conn }, config: { sessions: SEATS, sysvars: {} } },
  };
  const run = new ScriptRun(host, script === '' ? [] : parseScript(script), killRate, seed);
  const killed = (): number[] => thds.map((thd) => thdKilled(mem, thd));
  return { mem, worker, thr, conn, thds, run, killed, connect };
}

function refusal(text: string): OptionError {
  try {
    parseScript(text);
  } catch (error) {
    if (error instanceof OptionError) return error;
    throw error;
  }
  throw new Error(`${text} was not refused`);
}

describe('--at', () => {
  it('reads SET GLOBAL and KILL, each with its time, in the order of their times', () => {
    const events = parseScript(
      '3s: SET GLOBAL connection_memory_limit = 4M; 5s: KILL 17; 1.5s: kill query 4 ;250ms:KILL CONNECTION 2;' +
        '2m: set @@global.innodb-io-capacity := 300; 5s: SET GLOBAL global_connection_memory_tracking = OFF;',
    );
    expect(events.map((e) => [e.atMs, e.text])).toEqual([
      [250, 'KILL 2'],
      [1500, 'KILL QUERY 4'],
      [3000, 'SET GLOBAL connection_memory_limit = 4M'],
      [5000, 'KILL 17'],
      [5000, 'SET GLOBAL global_connection_memory_tracking = OFF'],
      [120_000, 'SET GLOBAL innodb_io_capacity = 300'],
    ]);
    expect(events[1]).toEqual({
      kind: 'kill',
      atMs: 1500,
      text: 'KILL QUERY 4',
      connectionId: 4,
      how: KILLED.query,
    });
    // Plain data: a plan is sent to workers.
    expect(structuredClone(events)).toEqual(events);
  });

  it.each([
    ['', 'there is no statement', 'TIME: SET GLOBAL'],
    [' ; ', 'there is no statement', 'TIME: KILL'],
    ['KILL 4', 'no time in front', 'TIME: KILL'],
    ['3: KILL 4', "time '3'", 'ms, s or m'],
    ['-3s: KILL 4', "time '-3s'", 'ms, s or m'],
    ['1.2.3s: KILL 4', "time '1.2.3s'", 'ms, s or m'],
    ['90000s: KILL 4', "time '90000s'", 'up to 86400s'],
    ['3s: KILL', 'not a statement', 'KILL [CONNECTION | QUERY]'],
    ['3s: KILL 0', "connection id '0'", '1 ... 2147483647'],
    ['3s: KILL QUERY x', "connection id 'x'", '1 ... 2147483647'],
    ['3s: KILL 99999999999', "connection id '99999999999'", '1 ... 2147483647'],
    ['3s: DROP TABLE t', 'not a statement', 'SET GLOBAL variable = value'],
    ['3s: SET SESSION connection_memory_limit = 4M', 'not a statement', 'SET GLOBAL variable = value'],
    ['3s: SET GLOBAL nothing = 4', "Unknown system variable 'nothing'", 'connection_memory_limit'],
    ['3s: SET GLOBAL innodb_numa_interleave = ON', 'read only variable', 'innodb_io_capacity'],
    ['3s: SET GLOBAL innodb_buffer_pool_size = 1G', 'cannot be changed during a run', 'max_execution_time'],
    [
      '3s: SET GLOBAL connection_memory_limit = NULL',
      "value 'NULL'",
      '2M ... 18446744073709551615, or DEFAULT',
    ],
    ['3s: SET GLOBAL global_connection_memory_tracking = 2', "value '2'", 'ON or OFF, or DEFAULT'],
    ['3s: SET GLOBAL max_execution_time =', "value ''", 'an integer, 0 ... 4294967295'],
    ['1s: KILL 1; 3s: KILL\n4x', String.raw`'3s: KILL\n4x'`, '1 ... 2147483647'],
  ])('refuses %j in one line', (text, why, allowed) => {
    const error = refusal(text);
    expect(error.option).toBe('--at');
    expect(error.message).toMatch(/^--at: '[^]*; allowed: /);
    expect(error.message).toContain(why);
    expect(error.message.split('; allowed: ')[1]).toContain(allowed);
    expect(error.message).not.toContain('\n');
  });
});

describe('a script that runs', () => {
  it('does what is due, and says what came of it', () => {
    const { run, thr, conn, killed } = setUp(
      '1s: SET GLOBAL connection_memory_limit = 4M; 1s: SET GLOBAL global_connection_memory_limit = 1M; ' +
        '2s: KILL QUERY 2; 2s: KILL 3; 3s: KILL 7; 4s: SET GLOBAL innodb_io_capacity = 9000',
    );
    expect([run.tick(999), killed()]).toEqual([[], [0, 0, 0, 0]]);
    expect(run.tick(1000)).toEqual([
      '1.0 s: SET GLOBAL connection_memory_limit = 4M: done',
      "1.0 s: SET GLOBAL global_connection_memory_limit = 1M: done; Warning 1292: Truncated incorrect global_connection_memory_limit value: '1M'",
    ]);
    expect(globalVariable(thr, conn, 'connection_memory_limit')).toBe(4 * MIB);
    expect(globalVariable(thr, conn, 'global_connection_memory_limit')).toBe(16 * MIB);
    expect(run.tick(3500)).toEqual([
      '2.0 s: KILL QUERY 2: done',
      '2.0 s: KILL 3: done',
      '3.0 s: KILL 7: ERROR 1094: Unknown thread id: 7',
    ]);
    expect(killed()).toEqual([0, KILLED.query, KILLED.connection, 0]);
    expect(run.tick(60_000)).toEqual([
      '4.0 s: SET GLOBAL innodb_io_capacity = 9000: done; Warning 1210: innodb_io_capacity cannot be set ' +
        'higher than innodb_io_capacity_max.; Warning 1210: Setting innodb_io_capacity to 2000',
    ]);
    expect(run.tick(90_000)).toEqual([]);
  });

  it('never waits, and keeps the order of what is for the same record', () => {
    const { run, thr, worker, conn, thds, killed } = setUp(
      '1s: SET GLOBAL connection_memory_limit = 4M; 1s: KILL QUERY 1; 1s: KILL 2; 2s: KILL 1; ' +
        '2s: SET GLOBAL connection_memory_limit = 5M; 2s: SET GLOBAL innodb_io_capacity = 150',
    );
    const latches = [conn + GLOBAL_CONN_MEM.at.mutex, thds[0] + THD.at.dataMutex];
    for (const at of latches) mutexEnter(worker, at);
    expect([run.tick(5000), killed()]).toEqual([['1.0 s: KILL 2: done'], [0, KILLED.connection, 0, 0]]);
    expect([run.tick(5100), thr.heldCount]).toEqual([[], 0]);
    for (const at of latches) mutexExit(worker, at);
    expect(run.tick(5200)).toHaveLength(5);
    expect(globalVariable(thr, conn, 'connection_memory_limit')).toBe(5 * MIB);
    expect(killed()).toEqual([KILLED.connection, KILLED.connection, 0, 0]);
  });

  it('says at the end what it has not come to', () => {
    const { run, worker, thds, killed } = setUp('1s: KILL 1; 1s: KILL QUERY 2; 9s: KILL 3', 100);
    mutexEnter(worker, thds[0] + THD.at.dataMutex);
    run.tick(1000);
    expect(run.end()).toEqual([
      '1.0 s: KILL 1: not done, the run was over',
      '9.0 s: KILL 3: not done, the run was over',
    ]);
    mutexExit(worker, thds[0] + THD.at.dataMutex);
    const before = killed();
    expect([run.end(), run.tick(10_000), killed()]).toEqual([[], [], before]);
  });

  it('finds the seat of a later connection: its number is the seat and how often it was taken', () => {
    const { run, worker, thds, connect, killed } = setUp('1s: KILL 2; 1s: KILL 6');
    thdEnd(worker, thds[1]);
    connect(1, 2 + SEATS);
    expect(run.tick(1000)).toEqual([
      '1.0 s: KILL 2: ERROR 1094: Unknown thread id: 2',
      '1.0 s: KILL 6: done',
    ]);
    expect(killed()).toEqual([0, KILLED.connection, 0, 0]);
  });
});

describe('random kills', () => {
  /** All lines of a minute, with every session back at once. */
  function minute(killRate: number, seed: number): string[] {
    const { run, worker, thds, connect, mem } = setUp('', killRate, seed);
    const lines: string[] = [];
    const taken = thds.map(() => 1);
    for (let ms = 0; ms <= 60_000; ms += 50) {
      lines.push(...run.tick(ms));
      for (const [seat, thd] of thds.entries()) {
        if (thdKilled(mem, thd) === KILLED.connection) {
          thdEnd(worker, thd);
          connect(seat, seat + 1 + SEATS * taken[seat]++);
        }
      }
    }
    return lines;
  }

  it('come at their rate, half of each kind, all seats, the same for the same seed', () => {
    const lines = minute(10, 7);
    expect(lines.length).toBeGreaterThan(500);
    expect(lines.length).toBeLessThan(700);
    const queries = lines.filter((l) => l.includes('KILL QUERY')).length / lines.length;
    expect(queries).toBeGreaterThan(0.4);
    expect(queries).toBeLessThan(0.6);
    const seats = lines.map((l) => (Number(/(\d+): done$/.exec(l)?.[1]) - 1) % SEATS);
    for (let seat = 0; seat < SEATS; seat++) {
      expect(seats.filter((s) => s === seat).length).toBeGreaterThan(lines.length / 8);
    }
    expect(lines[0]).toMatch(/^\d+\.\d s: random KILL (QUERY )?\d+: done$/);
    expect(minute(10, 7)).toEqual(lines);
    expect(minute(10, 8)).not.toEqual(lines);
    expect(minute(0, 7)).toEqual([]);
  });

  it('take the next seat that has a connection; a busy one is tried again; nobody there is nobody killed', () => {
    const { run, worker, thds, killed } = setUp('', 1000, 3);
    for (const seat of [0, 1, 3]) thdEnd(worker, thds[seat]);
    mutexEnter(worker, thds[2] + THD.at.dataMutex);
    expect(run.tick(5)).toEqual([]);
    mutexExit(worker, thds[2] + THD.at.dataMutex);
    const lines = run.tick(5);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.every((l) => l.endsWith(' 3: done'))).toBe(true);
    expect(killed()[2]).not.toBe(0);
    thdEnd(worker, thds[2]);
    expect(run.tick(20)).toEqual([]);
  });
});
