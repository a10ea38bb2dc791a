import { describe, expect, it } from 'vitest';
import { NIL } from '../../layout/schema.ts';
import { THD, USER_VAR_ENTRY } from '../../layout/session.ts';
import {
  type InitStatement,
  thdInitConnect,
  thdInitConnectBegin,
  thdInitConnectEnd,
} from './init-connect.ts';
import { KILLED, thdAwake } from '../limits/kill.ts';
import { thdValue } from './thd-memory.ts';
import { userVarEntry } from './thd-user-vars.ts';
import { ThdKit } from './thd-test-kit.ts';
import * as S from './thd.ts';

const T = THD.at;
const { PRIVILEGE } = S;

function setUp() {
  const s = new ThdKit();
  const { kit, mem, env } = s;
  const { log } = kit;
  const thr = kit.thread(1);
  const [thd] = s.thds;
  const value = (bytes: number) => thdValue(thr, env, thd, bytes);
  const mode = () => mem[thd + T.currMode];
  return { s, kit, mem, log, thr, thd, value, mode };
}

describe('init_connect', () => {
  const ABORTED =
    "Aborted connection 1 to db: 'unconnected' user: 'app' host: 'localhost' (init_connect command failed)";

  it('runs in mode 3 for a normal user, then the mode is 0 until the first reset', () => {
    const { s, log, thr, thd, value, mode } = setUp();
    s.prepared(thr);
    expect([thdInitConnectBegin(thr, thd), mode()]).toEqual([true, 3]);
    value(1000);
    // Counted in the global counter already.
    expect(s.global()).toBe(18_000);
    expect([thdInitConnectEnd(thr, thd, log), mode()]).toEqual([true, 0]);
    value(5000);
    expect(s.global()).toBe(18_000);
    expect([S.thdNextCommand(thr, thd, log), mode(), s.lines()]).toEqual([true, 7, []]);
  });

  it.each([PRIVILEGE.super, PRIVILEGE.connectionAdmin])('is not for privilege %i', (privileges) => {
    const { s, thr, thd, mode } = setUp();
    s.prepared(thr, 0, privileges);
    expect([thdInitConnectBegin(thr, thd), mode()]).toEqual([false, 0]);
  });

  it('a limit that it passes is told at the first command, as ER_NEW_ABORTING_CONNECTION', () => {
    const { s, mem, log, thr, thd, value } = setUp();
    s.prepared(thr, 0, 0, { connectionMemoryLimit: 20_000 });
    thdInitConnectBegin(thr, thd);
    value(4000);
    expect([mem[thd + T.memError], S.thdKilled(mem, thd), s.lines()]).toEqual([4082, KILLED.connection, []]);
    expect(thdInitConnectEnd(thr, thd, log)).toBe(false);
    expect(s.lines()).toEqual([
      `Warning: ${ABORTED}`,
      'Warning: Connection closed. Connection memory limit 20000 bytes exceeded. Consumed 20464 bytes.',
    ]);
    for (let i = 0; i < 2; i++) {
      expect([S.thdNextCommand(thr, thd, log), mem[thd + T.stmtError]]).toEqual([false, 1184]);
    }
    expect([mem[thd + T.memError], s.global()]).toEqual([0, 21_000]);
    s.close(thr, thd);
    expect([S.thdErrorText(mem, thd), s.global()]).toEqual([ABORTED, 0]);
    s.connected(thr);
    expect(S.thdErrorText(mem, thd)).toBe('');
  });

  it.each(['error', 'out of memory', 'kill'])('so is %s', (what) => {
    const { s, kit, mem, log, thr, thd, value } = setUp();
    s.prepared(thr);
    thdInitConnectBegin(thr, thd);
    if (what === 'error') S.thdRaise(mem, thd, 1146);
    else if (what === 'kill') thdAwake(kit.thread(2), thd, KILLED.connection);
    else {
      s.failing(thr, { failNext: 1 });
      value(1000);
    }
    expect(thdInitConnectEnd(thr, thd, log)).toBe(false);
    expect([S.thdNextCommand(thr, thd, log), S.thdErrorText(mem, thd)]).toEqual([false, ABORTED]);
    expect(S.thdKilled(mem, thd)).toBe(KILLED.connection);
  });
});

describe('its statements', () => {
  const SETS: readonly InitStatement[] = [
    { kind: 'set', variable: 'max_execution_time', value: '50' },
    { kind: 'setVar', variable: 2, bytes: 100 },
    { kind: 'select', bytes: 50_000 },
  ];

  /** A connection with this init_connect, up to its first command. */
  function connect(statements: readonly InitStatement[], limit: number, privileges = 0) {
    const { s, mem, log, thr, thd, mode } = setUp();
    s.prepared(thr, 0, privileges, { connectionMemoryLimit: limit });
    thdInitConnect(thr, s.env, thd, statements, log);
    const used = s.used(thd);
    return { s, mem, thr, thd, mode, used, next: S.thdNextCommand(thr, thd, log) };
  }

  it('are done one after the other; what they take is given back, variables stay', () => {
    const { s, mem, thr, thd, mode, used, next } = connect(SETS, 100_000);
    expect([next, mode(), mem[thd + T.maxExecutionTime], s.lines()]).toEqual([true, 7, 50, []]);
    expect(mem[userVarEntry(mem, thd, 2) + USER_VAR_ENTRY.at.length]).toBe(100);
    // Packet, and the block that main_mem_root keeps.
    expect(used).toBe(16_424 + 8240);
    s.close(thr, thd);
    expect([s.global(), s.defects()]).toEqual([0, []]);
  });

  it.each([
    ['a limit', SETS, 60_000, 'Connection closed. Connection memory limit 60000 bytes exceeded.'],
    [
      'a missing privilege',
      [{ kind: 'set', variable: 'connection_memory_limit', value: '4M' }, ...SETS],
      100_000,
      'Access denied; you need (at least one of) the SUPER, SYSTEM_VARIABLES_ADMIN or SESSION_VARIABLES_ADMIN',
    ],
  ] as const)('%s ends it, and the connection; what was to follow is not done', (_what, sets, limit, why) => {
    const after: InitStatement = { kind: 'setVar', variable: 7, bytes: 10 };
    const { s, mem, thr, thd, next } = connect([...sets, after], limit);
    expect([next, mem[thd + T.stmtError], userVarEntry(mem, thd, 7)]).toEqual([false, 1184, NIL]);
    expect(s.lines()).toHaveLength(2);
    expect(s.lines()[1]).toContain(`Warning: ${why}`);
    s.close(thr, thd);
    expect([s.global(), s.defects()]).toEqual([0, []]);
  });

  it('out of memory, whichever request is refused', () => {
    for (let after = 0; after < 4; after++) {
      const { s, mem, log, thr, thd } = setUp();
      s.prepared(thr);
      s.failing(thr, { failAfter: after, failNext: 1 });
      thdInitConnect(thr, s.env, thd, SETS, log);
      const next = S.thdNextCommand(thr, thd, log);
      expect([after, next]).toEqual([after, mem[thd + T.stmtError] === 0]);
      s.close(thr, thd);
      expect([s.global(), s.defects()]).toEqual([0, []]);
    }
  });

  it.each([PRIVILEGE.super, PRIVILEGE.connectionAdmin])('none for privilege %i', (privileges) => {
    const { mem, thd, next } = connect(SETS, 60_000, privileges);
    expect([next, mem[thd + T.maxExecutionTime], userVarEntry(mem, thd, 2)]).toEqual([true, 0, NIL]);
  });
});
