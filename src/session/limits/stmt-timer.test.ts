import { describe, expect, it } from 'vitest';
import { THD } from '../../layout/session.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { connected } from './counter-kit.ts';
import { KILLED, thdAwake, thdBeginCommand, thdEndCommand } from './kill.ts';
import { ProgramKit } from '../program/program-test-kit.ts';
import { stmtTimerLook } from './stmt-timer.ts';
import { thdEnd, thdInit, thdKilled } from '../thd/thd.ts';

const T = THD.at;

/** Three sessions; the first may take 100 ms for a statement, the second 200, the third any time. */
function setUp() {
  const s = connected();
  const { thr, mem, thds } = s;
  mem[thds[0] + T.maxExecutionTime] = 100;
  mem[thds[1] + T.maxExecutionTime] = 200;
  const timer = s.kit.thread(2);
  // At a whole millisecond: the first tick of a clock is 1.
  thr.clock.sleepUs(1000);
  const start = Math.trunc(thr.clock.us() / 1000);
  return {
    ...s,
    timer,
    begin: (i: number, limited = true) => thdBeginCommand(thr, thds[i], limited),
    end: (i: number) => thdEndCommand(thr, thds[i]),
    look: (ms: number) => stmtTimerLook(timer, thds, start + ms),
    wait: (ms: number) => thr.clock.sleepUs(ms * 1000),
    killed: () => thds.map((thd) => thdKilled(mem, thd)),
  };
}

describe('the statement timer', () => {
  it('kills each statement when its own time is over, once', () => {
    const { begin, look, killed, timer } = setUp();
    for (const i of [0, 1, 2]) begin(i);
    expect([look(99), killed()]).toEqual([0, [0, 0, 0]]);
    expect([look(100), killed()]).toEqual([1, [KILLED.timeout, 0, 0]]);
    expect([look(199), look(200)]).toEqual([0, 1]);
    expect([look(1e9), killed()]).toEqual([0, [KILLED.timeout, KILLED.timeout, 0]]);
    expect(timer.heldCount).toBe(0);
  });

  it('leaves statements alone that do not only read, and sessions between two', () => {
    const { begin, end, look, killed } = setUp();
    begin(0, false);
    begin(1);
    end(1);
    expect([look(1e6), killed()]).toEqual([0, [0, 0, 0]]);
  });

  it('the next statement has all its time', () => {
    const { begin, end, look, killed, wait } = setUp();
    begin(0);
    wait(99);
    end(0);
    begin(0);
    expect([look(150), look(198), killed()]).toEqual([0, 0, [0, 0, 0]]);
    expect(look(199)).toBe(1);
    end(0);
    begin(0);
    expect(killed()).toEqual([0, 0, 0]);
  });

  it('nobody is killed before the time, whenever in a millisecond the statement began', () => {
    const { begin, look, wait } = setUp();
    wait(0.9);
    begin(0);
    expect([look(100), look(100.89), look(101)]).toEqual([0, 0, 1]);
  });

  it('the limit is that of the beginning: SET SESSION is for the next statement', () => {
    const { mem, thds, begin, look } = setUp();
    begin(0);
    mem[thds[0] + T.maxExecutionTime] = 0;
    expect(look(100)).toBe(1);
    begin(2);
    mem[thds[2] + T.maxExecutionTime] = 1;
    expect(look(500)).toBe(0);
  });

  it('never waits: what is busy comes with the next look', () => {
    const { thr, thds, begin, look, killed } = setUp();
    begin(0);
    begin(1);
    mutexEnter(thr, thds[0] + T.dataMutex);
    expect([look(300), killed()]).toEqual([1, [0, KILLED.timeout, 0]]);
    mutexExit(thr, thds[0] + T.dataMutex);
    expect([look(301), killed()]).toEqual([1, [KILLED.timeout, KILLED.timeout, 0]]);
  });

  it('KILL of the connection stays, KILL QUERY becomes a timeout', () => {
    const { thr, thds, begin, look, killed } = setUp();
    begin(0);
    begin(1);
    thdAwake(thr, thds[0], KILLED.connection);
    thdAwake(thr, thds[1], KILLED.query);
    expect([look(300), killed()]).toEqual([1, [KILLED.connection, KILLED.timeout, 0]]);
  });

  it('the next connection of a seat has nothing to do with the last statement of the one before', () => {
    const { thr, thds, begin, look, killed } = setUp();
    begin(0);
    thdEnd(thr, thds[0]);
    expect(look(1e6)).toBe(0);
    thdInit(thr, thds[0], { sessionId: 9, privileges: 0 });
    expect([look(1e6), killed()]).toEqual([0, [0, 0, 0]]);
  });

  it('limits of more than 24 days are limits', () => {
    const { mem, thds, begin, look } = setUp();
    mem[thds[0] + T.maxExecutionTime] = 2 ** 32 - 1;
    begin(0);
    expect([look(2 ** 31), look(2 ** 32)]).toEqual([0, 1]);
  });

  it('is for statements that only read: a program tells which those are', () => {
    const kinds = [
      'begin',
      'pointRead',
      'rangeRead',
      'update',
      'insert',
      'scan',
      'setVar',
      'getVar',
      'commit',
    ] as const;
    const steps = kinds.map((kind) => ({
      kind,
      ...(kind === 'insert' && { where: { key: 'append' as const } }),
    }));
    const kit = new ProgramKit({
      pages: 500,
      programs: [{ name: 'all', doc: 'all', transactions: [{ name: 'all', steps }] }],
    });
    kit.connect();
    const [run] = kit.runs[0];
    run.begin(kit.sessions[0]);
    const reading = kinds.filter(() => {
      const reads = run.onlyReads(kit.sessions[0]);
      kit.command();
      return reads;
    });
    expect(reading).toEqual(['pointRead', 'rangeRead', 'scan', 'getVar']);
  });
});
