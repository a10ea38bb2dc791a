/** Connection memory while everything changes: variables in the middle of a session, several sessions, versions. */
import { describe, expect, it } from 'vitest';
import { defaults } from '../../config/sysvars.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { getU53 } from '../../layout/words.ts';
import { connected, setUp } from './counter-kit.ts';
import { KILLED } from './kill.ts';
import { connMemStatus } from './status-variables.ts';
import * as C from './thd-mem-cnt.ts';
import { PRIVILEGE, thdEnd, thdInit, thdKilled, thdNextCommand, thdPrepare } from '../thd/thd.ts';

const T = THD.at;
const MIB = 2 ** 20;

describe('chunks', () => {
  it.each([
    [1000, 1, 1000],
    [1000, 999, 1000],
    [1000, 1000, 2000],
    [1000, 1001, 2000],
    [1000, 3000, 4000],
    [1, 1, 2],
    [1, 5, 6],
    [8912, 8911, 8912],
    [8912, 8912, 17_824],
    [8192, 8191, 8192],
    [8192, 8192, 16_384],
    [512 * MIB, 512 * MIB, 1024 * MIB],
  ])('of %i: %i bytes reserve %i, always more than there is', (chunkSize, bytes, reserved) => {
    const { add, state } = connected({ session: { chunkSize } });
    add(bytes);
    expect(state()).toEqual([bytes, reserved, reserved, reserved]);
  });

  it('a reset to an exact multiple reserves no chunk more; the next byte does', () => {
    const { add, sub, reset, state } = connected();
    add(2500);
    sub(500);
    reset();
    expect(state()).toEqual([2000, 2000, 2000, 2000]);
    add(1);
    expect(state()).toEqual([2001, 3000, 3000, 3000]);
  });

  it('a chunk size set in the middle counts from the next reservation on', () => {
    const { mem, thd, add, state } = connected();
    add(1500);
    C.memCntSetSession(mem, thd, { chunkSize: 300 });
    // Within what is reserved.
    add(500);
    expect(state()).toEqual([2000, 2000, 2000, 2000]);
    add(1);
    expect(state()).toEqual([2001, 2100, 2100, 2100]);
    C.memCntSetSession(mem, thd, { chunkSize: 10_000 });
    add(99);
    expect(state()).toEqual([2100, 2100, 2100, 2100]);
    add(1);
    expect(state()).toEqual([2101, 10_000, 10_000, 10_000]);
  });
});

describe('tracking switched in the middle', () => {
  it("the global value is for later sessions: those that run keep theirs, with what they've reserved", () => {
    const { mem, log, thr, conn, thd, thds, add, state, global } = connected();
    add(500);
    C.globalConnMemSet(thr, conn, { tracking: false });
    add(1000);
    expect(state()).toEqual([1500, 2000, 2000, 2000]);
    thdEnd(thr, thds[1]);
    thdInit(thr, thds[1], { sessionId: 9, privileges: 0 });
    thdPrepare(thr, thds[1]);
    thdNextCommand(thr, thds[1], log);
    add(5000, thds[1]);
    expect(state(thds[1])).toEqual([5000, 5000, 0, 2000]);
    C.globalConnMemSet(thr, conn, { tracking: true });
    add(5000, thds[1]);
    expect([mem[thds[1] + T.tracking], global()]).toEqual([0, 2000]);
    thdEnd(thr, thds[1]);
    thdEnd(thr, thd);
    expect(global()).toBe(0);
  });

  it('off: what is reserved stays over resets, whatever is freed; on again: the next reset makes it exact', () => {
    const { mem, thd, add, sub, reset, state } = connected();
    add(3500);
    C.memCntSetSession(mem, thd, { tracking: false });
    sub(3000);
    for (let i = 0; i < 3; i++) {
      reset();
      expect(state()).toEqual([500, 500, 4000, 4000]);
    }
    C.memCntSetSession(mem, thd, { tracking: true });
    // More than there was at the reset, less than is reserved: nothing to add.
    add(100);
    expect(state()).toEqual([600, 600, 4000, 4000]);
    reset();
    expect(state()).toEqual([600, 600, 600, 600]);
  });

  it('on: not all at once, but with the next allocation, all that was the most since the last reset', () => {
    const { mem, thd, add, sub, state } = connected({ session: { tracking: false } });
    add(7500);
    sub(7000);
    C.memCntSetSession(mem, thd, { tracking: true });
    expect(state()).toEqual([500, 7500, 0, 0]);
    add(1);
    // The largest use since the reset is reserved, not the present one.
    expect(state()).toEqual([501, 8000, 8000, 8000]);
  });

  it('on at a reset without an allocation: exactly what is in use', () => {
    const { mem, thd, add, reset, state } = connected({ session: { tracking: false } });
    add(7500);
    C.memCntSetSession(mem, thd, { tracking: true });
    reset();
    expect(state()).toEqual([7500, 7500, 7500, 7500]);
  });

  it('off: the global limit stops nobody, and its own limit still does', () => {
    const { mem, thd, add, lines } = connected({
      globals: { globalLimit: 1000, tracking: false },
      session: { connectionMemoryLimit: 50_000 },
    });
    expect([add(50_000), thdKilled(mem, thd)]).toEqual([0, 0]);
    expect(add(1)).toBe(-1);
    expect(lines()[0]).toMatch(/^Connection closed\. Connection memory limit 50000 bytes/);
  });
});

describe('limits lowered below what is used', () => {
  it("a session's own limit: nothing at the reset, 4082 with the next allocation of any size", () => {
    const { mem, thd, add, sub, reset, lines } = connected({ session: { connectionMemoryLimit: 100_000 } });
    add(80_000);
    C.memCntSetSession(mem, thd, { connectionMemoryLimit: 50_000 });
    expect([reset(), thdKilled(mem, thd)]).toEqual([0, 0]);
    // Freeing is no occasion.
    sub(10_000);
    expect([reset(), thdKilled(mem, thd)]).toEqual([0, 0]);
    expect([add(1), thdKilled(mem, thd)]).toEqual([-1, KILLED.connection]);
    expect(lines()).toEqual([
      'Connection closed. Connection memory limit 50000 bytes exceeded. Consumed 70001 bytes.',
    ]);
  });

  it('back below it in time, nothing happens', () => {
    const { mem, thd, add, sub, lines } = connected();
    add(80_000);
    C.memCntSetSession(mem, thd, { connectionMemoryLimit: 50_000 });
    sub(70_000);
    expect([add(40_000), lines()]).toEqual([0, []]);
    expect(getU53(mem, thd + T.memCounter)).toBe(50_000);
  });

  it('@@global.connection_memory_limit: sessions that run keep theirs, new ones get it', () => {
    const { mem, log, thr, conn, thds, add } = connected();
    C.globalConnMemSet(thr, conn, { sessionLimit: 2 * MIB });
    expect(add(10 * MIB)).toBe(0);
    thdEnd(thr, thds[1]);
    thdInit(thr, thds[1], { sessionId: 9, privileges: 0 });
    thdPrepare(thr, thds[1]);
    thdNextCommand(thr, thds[1], log);
    expect([add(2 * MIB, thds[1]), add(1, thds[1])]).toEqual([0, -1]);
    expect(mem[thds[1] + T.memError]).toBe(C.ER_DA_CONN_LIMIT);
  });

  it('global_connection_memory_limit: for all at once, at the next chunk, and whoever takes it is hit', () => {
    const { mem, thr, conn, thds, add, reset, lines } = connected();
    for (const at of thds.slice(1)) reset(at);
    add(20 * MIB);
    add(100, thds[1]);
    C.globalConnMemSet(thr, conn, { globalLimit: 16 * MIB });
    // Within their chunks.
    expect([add(400), add(500, thds[1]), lines()]).toEqual([0, 0, []]);
    expect([reset(), reset(thds[1]), lines()]).toEqual([0, 0, []]);
    // Not the one that uses nearly everything, but the small one that comes first.
    expect(add(500, thds[1])).toBe(-1);
    expect(thds.map((at) => thdKilled(mem, at))).toEqual([0, KILLED.connection, 0]);
    const used = 20 * MIB + 400 + 2000;
    expect(lines()).toEqual([
      `Connection closed. Global connection memory limit ${16 * MIB} bytes exceeded. Consumed ${used} bytes.`,
    ]);
    // The others are hit too, one by one, when they need a chunk.
    expect(add(1)).toBe(-1);
    expect(thdKilled(mem, thds[2])).toBe(0);
  });

  it('raised again, sessions go on', () => {
    const { thr, conn, add, lines } = connected({ globals: { globalLimit: 20_000 } });
    add(15_500);
    C.globalConnMemSet(thr, conn, { globalLimit: 10_000 });
    C.globalConnMemSet(thr, conn, { globalLimit: 30_000 });
    expect([add(10_000), lines()]).toEqual([0, []]);
  });
});

describe('privileges', () => {
  it.each([
    ['SUPER', PRIVILEGE.super, 1],
    ['CONNECTION_ADMIN', PRIVILEGE.connectionAdmin, 1],
    ['SYSTEM_VARIABLES_ADMIN', PRIVILEGE.systemVariablesAdmin, 7],
    ['SESSION_VARIABLES_ADMIN', PRIVILEGE.sessionVariablesAdmin, 7],
    ['none', 0, 7],
  ])('%s: mode %i', (_name, privileges, mode) => {
    const s = setUp({ privileges, globals: { globalLimit: 500 }, session: { connectionMemoryLimit: 100 } });
    // Between set-up and the first reset: counted, and no more.
    expect([s.mem[s.thd + T.origMode], s.mem[s.thd + T.currMode]]).toEqual([mode, 0]);
    const [first, later] = [s.reset(), s.add(2000)];
    expect([first, later, s.global()]).toEqual([0, mode === 7 ? -1 : 0, 3000]);
    expect([thdKilled(s.mem, s.thd), s.lines().length]).toEqual(mode === 7 ? [KILLED.connection, 1] : [0, 0]);
  });

  it('a privileged session over a limit stays in the connection stage, and is not stopped', () => {
    const s = setUp({ privileged: true, session: { connectionMemoryLimit: 100 } });
    s.add(101);
    expect([s.reset(), s.mem[s.thd + T.isConnectionStage]]).toEqual([0, 1]);
    s.sub(1);
    expect([s.reset(), s.mem[s.thd + T.isConnectionStage]]).toEqual([0, 0]);
  });
});

describe('the connection stage', () => {
  it('the global counter over the limit because of others refuses a new connection: 4081', () => {
    const { mem, log, thr, thd, thds, add, lines } = connected({ globals: { globalLimit: 10_000 } });
    expect(add(8999)).toBe(0);
    add(1001, thds[1]);
    expect(thdNextCommand(thr, thds[1], log)).toBe(false);
    expect([mem[thds[1] + T.stmtError], thdKilled(mem, thds[1])]).toEqual([4081, KILLED.connection]);
    expect(lines()).toEqual([
      'Connection closed. Global connection memory limit 10000 bytes exceeded. Consumed 10001 bytes.',
    ]);
    // Its share is counted until it ends.
    thdEnd(thr, thds[1]);
    expect([C.globalConnectionMemory(mem, mem[thd + T.connMem]), thdKilled(mem, thd)]).toEqual([9000, 0]);
  });

  it('4082 comes after the global limit was looked at; once both are kept, resets never raise', () => {
    const s = setUp({ globals: { globalLimit: 1000 }, session: { connectionMemoryLimit: 100 } });
    s.add(101);
    expect(thdNextCommand(s.thr, s.thd, s.log)).toBe(false);
    expect(s.mem[s.thd + T.memError]).toBe(4082);
    const t = connected({ session: { connectionMemoryLimit: 5000 } });
    t.add(4000);
    C.memCntSetSession(t.mem, t.thd, { connectionMemoryLimit: 10 });
    C.globalConnMemSet(t.thr, t.conn, { globalLimit: 10 });
    expect([t.reset(), t.reset(), t.lines()]).toEqual([0, 0, []]);
  });
});

describe('versions', () => {
  it('chunks are 8912 in 8.0.28 and 8192 later', () => {
    for (const [version, chunk] of [
      ['first 8.0.28', 8912],
      ['8.0.28', 8912],
      ['later', 8192],
    ] as const) {
      const { mem, conn } = connected();
      C.globalConnMemInit(mem, conn, {}, version);
      expect([version, mem[conn + GLOBAL_CONN_MEM.at.chunkSize]]).toEqual([version, chunk]);
    }
    expect(defaults().connection_memory_chunk_size).toBe(8912);
  });

  it('free stops at 0; the first 8.0.28 goes round, and the next allocation is over any limit there is', () => {
    const late = connected({ session: { connectionMemoryLimit: 2 * MIB } });
    late.add(1001);
    late.sub(5000);
    expect(getU53(late.mem, late.thd + T.memCounter)).toBe(0);

    const first = connected({ version: 'first 8.0.28', session: { connectionMemoryLimit: 2 * MIB } });
    first.add(1001);
    first.sub(5000);
    // As 64 bits without sign.
    const words = new BigUint64Array(first.mem.buffer, (first.thd + T.memCounter) * 4, 1);
    expect(words[0]).toBe(2n ** 64n - 3999n);
    expect(first.add(10)).toBe(-1);
    expect(first.lines()).toEqual([
      `Connection closed. Connection memory limit 2097152 bytes exceeded. Consumed ${2n ** 64n - 3989n} bytes.`,
    ]);
    // Without a limit nothing is above, and what comes back is as if nothing had been.
    const free = connected({ version: 'first 8.0.28' });
    free.add(100);
    free.sub(200);
    expect([free.add(50), free.add(100), free.state()[0], free.lines()]).toEqual([0, 0, 50, []]);
    C.memCntDisable(free.thr, free.thd);
    expect(free.state()).toEqual([0, 0, 0, 0]);
  });

  it('in the first 8.0.28 a reset takes the global counter along', () => {
    const { mem, conn, thr, thds, add, sub, reset, state } = connected({ version: 'first 8.0.28' });
    for (const at of thds.slice(1)) reset(at);
    add(7000, thds[1]);
    add(100);
    sub(300);
    reset();
    // 8000 of the other one and 200 less than nothing.
    expect(state()[3]).toBe(7800);
    expect(C.connMemDefects(mem, conn, thds)).toEqual([]);
    add(50);
    expect(C.connMemDefects(mem, conn, thds)).toEqual([]);
    for (const at of thds) C.memCntDisable(thr, at);
    expect(C.globalConnectionMemory(mem, conn)).toBe(0);
  });
});

describe('status limits of a later version', () => {
  const hits = ({ mem, conn }: { mem: Int32Array; conn: number }) =>
    Object.values(connMemStatus(mem, conn)).slice(1);

  it('a query that moves its connection from below to above counts once, and is not stopped', () => {
    const s = connected({ globals: { sessionStatusLimit: 1000 } });
    s.add(1000);
    expect(hits(s)).toEqual([0, 0]);
    s.add(1);
    s.sub(500);
    s.add(5000);
    expect([hits(s), thdKilled(s.mem, s.thd), s.lines()]).toEqual([[1, 0], 0, []]);
    // It starts above: it does not count, even when it was below meanwhile.
    s.reset();
    s.add(10);
    s.sub(5000);
    s.add(5000);
    expect(hits(s)).toEqual([1, 0]);
    // The next one starts below.
    s.sub(5000);
    s.reset();
    s.add(5000);
    expect(hits(s)).toEqual([2, 0]);
  });

  it('the same for all connections together; the query that takes the chunk counts', () => {
    const s = connected({ globals: { globalStatusLimit: 5000 } });
    const [, other] = s.thds;
    s.reset(other);
    s.add(3999);
    s.add(999, other);
    expect([s.global(), hits(s)]).toEqual([5000, [0, 0]]);
    // A multiple of the chunk is reserved already.
    s.add(1, other);
    expect(hits(s)).toEqual([0, 0]);
    s.add(1, other);
    expect(hits(s)).toEqual([0, 1]);
    // Above already: nobody else moves it there.
    s.add(5000);
    expect(hits(s)).toEqual([0, 1]);
    expect(Object.keys(connMemStatus(s.mem, s.conn))).toEqual([
      'Global_connection_memory',
      'Count_hit_query_past_connection_memory_status_limit',
      'Count_hit_query_past_global_connection_memory_status_limit',
    ]);
    expect(connMemStatus(s.mem, s.conn).Global_connection_memory).toBe(s.global());
  });

  it('a limit set in the middle of a query counts for it, if it is below then', () => {
    const s = connected();
    s.add(2000);
    C.globalConnMemSet(s.thr, s.conn, { sessionStatusLimit: 1000, globalStatusLimit: 1000 });
    s.add(5000);
    expect(hits(s)).toEqual([0, 0]);
    C.globalConnMemSet(s.thr, s.conn, { sessionStatusLimit: 8000, globalStatusLimit: 8500 });
    s.add(5000);
    expect(hits(s)).toEqual([1, 1]);
  });

  it('privileged sessions count too; without tracking the global one does not move', () => {
    const s = connected({
      privileged: true,
      globals: { sessionStatusLimit: 10, globalStatusLimit: 10 },
      session: { tracking: false },
    });
    s.add(11);
    expect(hits(s)).toEqual([1, 0]);
  });
});
