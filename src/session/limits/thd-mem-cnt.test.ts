import { describe, expect, it } from 'vitest';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { OP, THREAD } from '../../layout/thread.ts';
import { getU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { connected, setUp } from './counter-kit.ts';
import { KILLED, thdAwake, thdBeginCommand } from './kill.ts';
import { thdInit, thdKilled, thdNextCommand, thdRaise } from '../thd/thd.ts';
import * as C from './thd-mem-cnt.ts';

const T = THD.at;

describe('Thd_mem_cnt: the worked run of facts A 7.5', () => {
  it('line by line', () => {
    const { thr, thd, state, add, sub, reset } = connected();
    const after = (what: unknown) => (expect([0, undefined]).toContain(what), state());
    expect(after(add(1))).toEqual([1, 1000, 1000, 1000]);
    expect(after(add(999))).toEqual([1000, 1000, 1000, 1000]);
    expect(after(add(1))).toEqual([1001, 2000, 2000, 2000]);
    expect(after(sub(1001))).toEqual([0, 2000, 2000, 2000]);
    expect(after(add(500))).toEqual([500, 2000, 2000, 2000]);
    expect(after(reset())).toEqual([500, 500, 500, 500]);
    expect(after(add(1))).toEqual([501, 1000, 1000, 1000]);
    expect(after(add(499))).toEqual([1000, 1000, 1000, 1000]);
    expect(after(add(1))).toEqual([1001, 2000, 2000, 2000]);
    expect(after(sub(5000))).toEqual([0, 2000, 2000, 2000]);
    expect(after(reset())).toEqual([0, 0, 0, 0]);
    expect(after(add(2000))).toEqual([2000, 3000, 3000, 3000]);
    C.memCntFlush(thr, thd);
    expect(state()).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [8192, 16_384],
    [8191, 8192],
    [1, 8192],
    [16_384, 24_576],
  ])('chunk 8192: a first allocation of %i reserves %i', (size, reserved) => {
    const { add, global } = connected({ session: { chunkSize: 8192 } });
    add(size);
    expect(global()).toBe(reserved);
  });

  it('the default chunk is that of 8.0.28', () => {
    const { add, global } = connected({
      session: { chunkSize: 8912 },
    });
    add(8911);
    expect(global()).toBe(8912);
    add(1);
    // Exactly what is reserved already: nothing more.
    expect(global()).toBe(8912);
    add(1);
    expect(global()).toBe(17_824);
  });
});

describe('Thd_mem_cnt: counting', () => {
  it('counts before it is enabled, and checks nothing', () => {
    const { kit, thr, mem, log, conn, thds } = setUp({ session: { connectionMemoryLimit: 10 } });
    const thd = thds[1];
    mem[thd + T.sessionId] = 0;
    thdInit(thr, thd, { sessionId: 9, privileges: 0, connMem: { connectionMemoryLimit: 10 } });
    // In full mode: what holds it back is that it is not enabled.
    C.memCntSetMode(mem, thd, C.MODE_USER, C.MODE_USER);
    expect(C.memCntAlloc(thr, thd, 5000, log)).toBe(0);
    expect([getU53(mem, thd + T.memCounter), getU53(mem, thd + T.maxConnMem)]).toEqual([5000, 5000]);
    expect(C.globalConnectionMemory(mem, conn)).toBe(0);
    expect(kit.log.lines).toEqual([]);
  });

  it('until the first reset the mode is 0: counted, nothing reserved, nothing raised', () => {
    const { mem, state, add, reset, lines, thd } = setUp({ session: { connectionMemoryLimit: 3000 } });
    expect(add(2500)).toBe(0);
    expect(state()).toEqual([2500, 2500, 0, 0]);
    expect(reset()).toBe(0);
    expect(state()).toEqual([2500, 2500, 2500, 2500]);
    expect([lines(), thdKilled(mem, thd)]).toEqual([[], 0]);
  });

  it('free stops at 0', () => {
    const { state, add, sub } = connected();
    add(10);
    sub(11);
    expect(state()[0]).toBe(0);
    add(7);
    expect(state()[0]).toBe(7);
  });

  it('without tracking nothing reaches the global counter; the own limit still counts', () => {
    const { state, add, reset } = connected({ session: { tracking: false, connectionMemoryLimit: 5000 } });
    add(4000);
    expect(state()).toEqual([4000, 4000, 0, 0]);
    reset();
    expect(state()).toEqual([4000, 4000, 0, 0]);
    expect(add(1001)).toBe(-1);
  });

  it('tracking switched on midway catches up; switched off, what was reserved stays until the session ends', () => {
    const { mem, thr, thd, state, add, sub, reset } = connected({ session: { tracking: false } });
    add(4000);
    C.memCntSetSession(mem, thd, { tracking: true });
    add(1);
    expect(state()).toEqual([4001, 5000, 5000, 5000]);
    C.memCntSetSession(mem, thd, { tracking: false });
    add(6000);
    expect(state()).toEqual([10_001, 10_001, 5000, 5000]);
    sub(10_000);
    reset();
    expect(state()).toEqual([1, 1, 5000, 5000]);
    C.memCntDisable(thr, thd);
    expect(state()).toEqual([0, 0, 0, 0]);
    expect(mem[thd + T.enabled]).toBe(0);
  });

  it('sessions start with the global values; SET GLOBAL changes them for later ones only', () => {
    const { mem, thr, conn, thds } = setUp({
      globals: { sessionLimit: 3_000_000, chunkSize: 77, tracking: false },
    });
    C.globalConnMemSet(thr, conn, { sessionLimit: 4_000_000, tracking: true });
    mem[thds[1] + T.sessionId] = 0;
    thdInit(thr, thds[1], { sessionId: 8, privileges: 0 });
    const vars = (thd: number) => [
      getU53(mem, thd + T.connectionMemoryLimit),
      mem[thd + T.chunkSize],
      mem[thd + T.tracking],
    ];
    expect(vars(thds[0])).toEqual([3_000_000, 77, 0]);
    expect(vars(thds[1])).toEqual([4_000_000, 77, 1]);
  });
});

describe('Thd_mem_cnt: limits', () => {
  it("the connection's limit: strictly above, error 4082, killed, one log line", () => {
    const { mem, log, thr, thd, add, lines } = connected({ session: { connectionMemoryLimit: 2_097_152 } });
    expect(add(2_097_152)).toBe(0);
    expect(thdKilled(mem, thd)).toBe(0);
    expect(add(1)).toBe(-1);
    const text = 'Connection closed. Connection memory limit 2097152 bytes exceeded. Consumed 2097153 bytes.';
    expect(log.lines).toEqual([{ priority: 'Error', subsystem: 'Server', text }]);
    expect(thdKilled(mem, thd)).toBe(KILLED.connection);
    expect([
      mem[thd + T.memError],
      getU53(mem, thd + T.memErrorLimit),
      getU53(mem, thd + T.memErrorUsed),
    ]).toEqual([4082, 2_097_152, 2_097_153]);
    expect(lines()).toEqual([text]);
    expect(thr.heldCount).toBe(0);
  });

  it('the global limit: strictly above, error 4081, consumed is the global counter', () => {
    const { mem, thd, thds, add, reset, lines, global } = connected({ globals: { globalLimit: 5000 } });
    reset(thds[1]);
    expect(add(1500, thds[1])).toBe(0);
    expect(add(2999)).toBe(0);
    expect(global()).toBe(5000);
    expect(add(1)).toBe(0);
    expect(add(1)).toBe(-1);
    expect(mem[thd + T.memError]).toBe(4081);
    expect(lines()).toEqual([
      'Connection closed. Global connection memory limit 5000 bytes exceeded. Consumed 6000 bytes.',
    ]);
    // Whoever crosses is killed, not whoever uses most.
    expect([thdKilled(mem, thd), thdKilled(mem, thds[1])]).toEqual([KILLED.connection, 0]);
  });

  it('one report per statement; the allocation and the reservation go on; after a reset it may report again', () => {
    const { mem, thd, state, add, reset, lines } = connected({ session: { connectionMemoryLimit: 100 } });
    expect([add(101), add(5000), add(1)]).toEqual([-1, 0, 0]);
    expect(mem[thd + T.currMode]).toBe(C.MEM_CNT.updateGlobal);
    expect(state()).toEqual([5102, 6000, 6000, 6000]);
    // Past the first command the reset itself never raises.
    expect(reset()).toBe(0);
    expect(mem[thd + T.currMode]).toBe(C.MODE_USER);
    // The connection is being killed: nothing more is said. Another statement would be told again.
    expect(add(1)).toBe(0);
    reset();
    Atomics.store(mem, thd + T.killed, KILLED.not);
    expect(add(1)).toBe(-1);
    expect(lines()).toHaveLength(2);
  });

  it('both limits passed by one allocation: 4082 alone is reported, and the reservation is made', () => {
    const { mem, thd, global, add, lines } = connected({
      globals: { globalLimit: 500 },
      session: { connectionMemoryLimit: 100 },
    });
    expect(add(2000)).toBe(-1);
    expect(mem[thd + T.memError]).toBe(4082);
    expect(lines()).toHaveLength(1);
    expect(global()).toBe(3000);
  });

  it('a statement that has an error already gets no second one, and is not killed', () => {
    const { mem, thd, add, lines } = connected({ session: { connectionMemoryLimit: 100 } });
    thdRaise(mem, thd, 1062);
    expect(add(101)).toBe(0);
    expect([thdKilled(mem, thd), mem[thd + T.memError], lines()]).toEqual([0, 0, []]);
    // It has used up the statement's one chance all the same.
    mem[thd + T.stmtError] = 0;
    expect(add(1)).toBe(0);
  });

  it('nor does one with a fatal error that nobody has told yet', () => {
    const { mem, thd, state, add, lines } = connected({ session: { connectionMemoryLimit: 100 } });
    mem[thd + T.fatalError] = 1;
    expect([add(101), thdKilled(mem, thd), mem[thd + T.memError], lines()]).toEqual([0, 0, 0, []]);
    expect([state()[0], mem[thd + T.currMode]]).toEqual([101, C.MEM_CNT.updateGlobal]);
  });

  it.each([KILLED.query, KILLED.timeout, KILLED.connection])(
    'what was killed (%i) is told nothing more',
    (how) => {
      const { mem, thr, thd, state, add, lines } = connected({ session: { connectionMemoryLimit: 100 } });
      thdBeginCommand(thr, thd);
      thdAwake(thr, thd, how);
      expect(add(101)).toBe(0);
      expect([thdKilled(mem, thd), mem[thd + T.memError], lines()]).toEqual([how, 0, []]);
      expect([state()[0], mem[thd + T.currMode]]).toEqual([101, C.MEM_CNT.updateGlobal]);
    },
  );

  it('privileged sessions are counted, never killed', () => {
    const { mem, thd, state, add, reset, lines } = connected({
      privileged: true,
      globals: { globalLimit: 500 },
      session: { connectionMemoryLimit: 100 },
    });
    expect(mem[thd + T.origMode]).toBe(1);
    expect([add(5000), reset()]).toEqual([0, 0]);
    expect(state()).toEqual([5000, 5000, 5000, 5000]);
    expect([lines(), thdKilled(mem, thd)]).toEqual([[], 0]);
  });

  it('during init_connect errors are raised without a log line', () => {
    const { mem, thd, add, lines } = setUp({ session: { connectionMemoryLimit: 100 } });
    C.memCntSetMode(mem, thd, C.MODE_USER, C.MODE_INIT_CONNECT);
    expect(add(101)).toBe(-1);
    expect([lines(), thdKilled(mem, thd)]).toEqual([[], KILLED.connection]);
  });

  it('the first reset raises: own limit, or the global one before it; later resets never', () => {
    const own = setUp({ session: { connectionMemoryLimit: 100 } });
    own.add(101);
    expect(thdNextCommand(own.thr, own.thd, own.log)).toBe(false);
    expect([own.mem[own.thd + T.stmtError], own.mem[own.thd + T.isConnectionStage]]).toEqual([4082, 1]);
    const both = setUp({ globals: { globalLimit: 100 }, session: { connectionMemoryLimit: 100 } });
    both.add(101);
    expect(both.reset()).toBe(-1);
    expect(both.mem[both.thd + T.memError]).toBe(4081);
    expect(both.lines()).toHaveLength(1);
    const exact = setUp({ globals: { globalLimit: 100 }, session: { connectionMemoryLimit: 100 } });
    exact.add(100);
    expect(thdNextCommand(exact.thr, exact.thd, exact.log)).toBe(true);
    expect(exact.mem[exact.thd + T.isConnectionStage]).toBe(0);
    C.memCntSetSession(exact.mem, exact.thd, { connectionMemoryLimit: 1 });
    expect(exact.reset()).toBe(0);
  });
});

describe('Thd_mem_cnt: the global counter', () => {
  it('is the sum of what the sessions have added, at every step, and 0 when all have ended', () => {
    const { kit, mem, conn, thds, thr, add, sub, reset, global } = connected();
    for (const thd of thds) reset(thd);
    const rng = kit.thread(2).rng;
    const defects: string[] = [];
    for (let step = 0; step < 3000; step++) {
      const thd = thds[rng.below(3)];
      const size = rng.below(4000);
      if (rng.below(2) === 0) add(size, thd);
      else if (rng.below(10) > 0) sub(size, thd);
      else reset(thd);
      defects.push(...C.connMemDefects(mem, conn, thds));
    }
    expect(defects).toEqual([]);
    expect(global()).toBeGreaterThan(0);
    expect(mem[conn + GLOBAL_CONN_MEM.at.updates]).toBeGreaterThan(100);
    mem[conn + GLOBAL_CONN_MEM.at.counter]++;
    expect(C.connMemDefects(mem, conn, thds)).toHaveLength(1);
    mem[conn + GLOBAL_CONN_MEM.at.counter]--;
    for (const thd of thds) C.memCntDisable(thr, thd);
    expect(global()).toBe(0);
  });

  it('is changed under LOCK_global_conn_mem_limit, and only when there is something to change', () => {
    const { kit, thr, conn, thd, add, sub } = connected();
    add(1);
    const other = kit.thread(2);
    mutexEnter(other, conn + GLOBAL_CONN_MEM.at.mutex);
    // Within what is reserved no latch is taken: with the mutex in other hands this would not come back.
    add(999);
    sub(500);
    kit.abort();
    expect(() => add(501)).toThrow(/aborted/);
    expect(kit.mem[thr.at + THREAD.at.waitFor]).toBe(conn + GLOBAL_CONN_MEM.at.mutex);
    expect(kit.mem[thr.op]).toBe(OP.thdMemCnt);
    mutexExit(other, conn + GLOBAL_CONN_MEM.at.mutex);
    expect(getU53(kit.mem, thd + T.globMemCounter)).toBe(1000);
  });

  it('is exact beyond 2^32', () => {
    const { add, state, reset } = connected({ session: { chunkSize: 536_870_912 } });
    for (let i = 0; i < 5; i++) add(2 ** 31);
    expect(state()).toEqual([
      5 * 2 ** 31,
      5 * 2 ** 31 + 2 ** 29,
      5 * 2 ** 31 + 2 ** 29,
      5 * 2 ** 31 + 2 ** 29,
    ]);
    reset();
    expect(state()).toEqual([5 * 2 ** 31, 5 * 2 ** 31, 5 * 2 ** 31, 5 * 2 ** 31]);
  });
});
