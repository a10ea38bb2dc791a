import { describe, expect, it } from 'vitest';
import { THD } from '../layout/session.ts';
import { thdInitConnectBegin, thdInitConnectEnd } from './init-connect.ts';
import { KILLED, thdAwake } from './kill.ts';
import { thdValue } from './thd-memory.ts';
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
