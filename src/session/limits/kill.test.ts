import { describe, expect, it } from 'vitest';
import { THD } from '../../layout/session.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { connected } from './counter-kit.ts';
import {
  KILLED,
  thdAwake,
  thdBeginCommand,
  thdEndCommand,
  thdKillIfNot,
  thdKillMessage,
  thdTryKill,
} from './kill.ts';
import { thdEnd, thdInit, thdKilled, thdNextCommand, thdRaise, thdStatementDone } from '../thd/thd.ts';

const T = THD.at;

/** A session with a command under way (connection id 1), and another thread. */
function running() {
  const s = connected();
  thdBeginCommand(s.thr, s.thd);
  return { ...s, dba: s.kit.thread(2), killed: () => thdKilled(s.mem, s.thd) };
}

describe('KILL', () => {
  it('KILL of a connection stands; else the last reason counts', () => {
    const { dba, thd, killed } = running();
    thdAwake(dba, thd, KILLED.query);
    thdAwake(dba, thd, KILLED.timeout);
    expect(killed()).toBe(KILLED.timeout);
    thdAwake(dba, thd, KILLED.connection);
    for (const how of [KILLED.query, KILLED.timeout]) thdAwake(dba, thd, how);
    expect([killed(), dba.heldCount]).toEqual([KILLED.connection, 0]);
  });

  it('the memory counter kills only what is not killed', () => {
    const { thr, dba, thd, killed } = running();
    thdAwake(dba, thd, KILLED.query);
    expect([thdKillIfNot(thr, thd, KILLED.connection), killed()]).toEqual([false, KILLED.query]);
    thdEndCommand(thr, thd);
    expect([thdKillIfNot(thr, thd, KILLED.connection), killed()]).toEqual([true, KILLED.connection]);
  });

  it('KILL QUERY between two commands does nothing, KILL does', () => {
    const { thr, dba, thd, killed } = running();
    thdEndCommand(thr, thd);
    expect([thdTryKill(dba, thd, 1, KILLED.query), killed()]).toEqual(['done', KILLED.not]);
    expect([thdTryKill(dba, thd, 1, KILLED.connection), killed()]).toEqual(['done', KILLED.connection]);
  });

  it('the end of a command forgets what was to end it, never KILL of the connection', () => {
    const { thr, dba, thd, killed } = running();
    for (const how of [KILLED.query, KILLED.timeout]) {
      thdAwake(dba, thd, how);
      thdEndCommand(thr, thd);
      expect(killed()).toBe(KILLED.not);
      thdBeginCommand(thr, thd);
    }
    thdAwake(dba, thd, KILLED.connection);
    thdEndCommand(thr, thd);
    thdBeginCommand(thr, thd);
    expect(killed()).toBe(KILLED.connection);
  });

  it('never waits, and never hits the next connection of the seat', () => {
    const { thr, dba, log, thd, killed } = running();
    mutexEnter(thr, thd + T.dataMutex);
    expect(thdTryKill(dba, thd, 1, KILLED.connection)).toBe('busy');
    mutexExit(thr, thd + T.dataMutex);
    expect(dba.heldCount).toBe(0);
    thdEndCommand(thr, thd);
    thdEnd(thr, thd);
    expect(thdTryKill(dba, thd, 1, KILLED.connection)).toBe('gone');
    thdInit(thr, thd, { sessionId: 4, privileges: 0 });
    thdNextCommand(thr, thd, log);
    expect([thdTryKill(dba, thd, 1, KILLED.connection), killed()]).toEqual(['gone', KILLED.not]);
    expect([thdTryKill(dba, thd, 4, KILLED.connection), killed()]).toEqual(['done', KILLED.connection]);
  });

  it('wakes a session that sleeps on the word', async () => {
    const { mem, dba, thr, thd } = running();
    thdEndCommand(thr, thd);
    const slept = Atomics.waitAsync(mem, thd + T.killed, KILLED.not, 60_000);
    if (!slept.async) throw new Error('did not sleep');
    // Nobody is told of a kill that does nothing.
    thdAwake(dba, thd, KILLED.query);
    thdTryKill(dba, thd, 1, KILLED.connection);
    expect(await slept.value).toBe('ok');
  });
});

describe('a command', () => {
  it('has a number, when it began, and how long it may take', () => {
    const { kit, mem, thr, thd } = connected();
    mem[thd + T.maxExecutionTime] = 250;
    const command = () => [T.command, T.commandSinceMs, T.commandLimitMs].map((f) => mem[thd + f]);
    const start = Math.trunc(thr.clock.us() / 1000);
    thr.clock.sleepUs(7900);
    thdBeginCommand(thr, thd);
    expect(command()).toEqual([1, start + 8, 250]);
    thdStatementDone(thr, thd);
    thdEndCommand(thr, thd);
    expect([mem[thd + T.command], mem[thd + T.commandLimitMs]]).toEqual([0, 0]);
    // One that writes has no limit.
    thdBeginCommand(thr, thd, false);
    expect(command()).toEqual([2, start + 8, 0]);
    expect([thr.heldCount, kit.thread(2).heldCount]).toEqual([0, 0]);
  });
});

describe('what the client is told', () => {
  it.each([
    ['KILL', KILLED.connection, false, 1317, 'Query execution was interrupted'],
    ['KILL at shutdown', KILLED.connection, true, 1053, 'Server shutdown in progress'],
    ['KILL QUERY', KILLED.query, false, 1317, 'Query execution was interrupted'],
    [
      'the timer',
      KILLED.timeout,
      false,
      3024,
      'Query execution was interrupted, maximum statement execution time exceeded',
    ],
  ])('%s', (_name, how, shutdown, code, text) => {
    const { mem, dba, thd } = running();
    expect(thdKillMessage(mem, thd, shutdown)).toBeNull();
    thdAwake(dba, thd, how);
    expect(thdKillMessage(mem, thd, shutdown)).toEqual({ code, text });
    // Not beside an error that is told already.
    thdRaise(mem, thd, 1062);
    expect(thdKillMessage(mem, thd, shutdown)).toBeNull();
  });

  it('a passed memory limit is told by its own error', () => {
    const { mem, thd, add } = connected({ session: { connectionMemoryLimit: 100 } });
    expect([add(101), thdKilled(mem, thd)]).toEqual([-1, KILLED.connection]);
    expect(thdKillMessage(mem, thd)).toBeNull();
  });
});
