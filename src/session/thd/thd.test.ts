import { describe, expect, it } from 'vitest';
import { NIL } from '../../layout/schema.ts';
import { THD } from '../../layout/session.ts';
import { myFree, myMalloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { psiSetInstrument, psiSetInstrumented } from '../../memory/psi/psi-setup.ts';
import {
  memorySummaryByAccount,
  memorySummaryByHost,
  memorySummaryByThread,
} from '../../memory/psi/psi-tables.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import { KILLED, thdAwake, thdBeginCommand, thdEndCommand, thdKillMessage } from '../limits/kill.ts';
import { psiIdentityOf } from './thd-accounts.ts';
import { thdEndStatement, thdRootAlloc, thdTempTable, thdValue } from './thd-memory.ts';
import { ThdKit, type ThdKitOptions } from './thd-test-kit.ts';
import * as S from './thd.ts';

const T = THD.at;
const { PRIVILEGE } = S;
const MY = 32;
/** What a connection has from the start that counts: packet. */
const PACKET = 16_392 + MY;

function setUp(o: ThdKitOptions = {}) {
  const s = new ThdKit(o);
  const { kit, mem, env } = s;
  const { log, psi } = kit;
  const thr = kit.thread(1);
  const [thd] = s.thds;
  const value = (bytes: number) => thdValue(thr, env, thd, bytes);
  const mode = () => mem[thd + T.currMode];
  return { s, kit, mem, env, log, psi, thr, thd, value, mode };
}

describe('a session: life', () => {
  it('what its set-up allocates is in the counter when that is switched on, and reserved by the first reset', () => {
    const { s, mem, log, thr, thd, value, mode } = setUp();
    s.prepared(thr);
    expect([s.used(thd), s.global(), mode(), mem[thd + T.isConnectionStage]]).toEqual([PACKET, 0, 0, 1]);
    value(999);
    expect(s.global()).toBe(0);
    expect(S.thdNextCommand(thr, thd, log)).toBe(true);
    expect([s.global(), mode(), mem[thd + T.isConnectionStage]]).toEqual([PACKET + 1000 + MY, 7, 0]);
    value(2000);
    // Above what is reserved, up to the next thousand.
    expect(s.global() % 1000).toBe(0);
  });

  it('per command: the errors of the last one are gone, the counter is reset to what is in use', () => {
    const { s, mem, env, log, thr, thd, value } = setUp();
    s.connected(thr);
    value(500_000);
    S.thdRaise(mem, thd, 1062);
    expect(mem[thd + T.fatalError]).toBe(0);
    S.thdRaise(mem, thd, 1205, true);
    expect([mem[thd + T.stmtError], mem[thd + T.fatalError]]).toEqual([1062, 1]);
    thdEndStatement(thr, env, thd);
    S.thdStatementDone(thr, thd);
    expect([mem[thd + T.statements], s.used(thd)]).toEqual([1, PACKET]);
    expect(s.global()).toBeGreaterThan(500_000);
    expect(S.thdNextCommand(thr, thd, log)).toBe(true);
    expect([S.thdErrorText(mem, thd), mem[thd + T.fatalError], s.global()]).toEqual(['', 0, PACKET]);
  });

  it('ends with everything given back; the seat can be taken again', () => {
    const { s, mem, thr, thd, value } = setUp();
    s.connected(thr, 0, PRIVILEGE.super);
    value(100_000);
    S.thdStatementDone(thr, thd);
    s.close(thr, thd);
    expect([s.liveBlocks(), s.global(), mem[thd + T.sessionId], thr.thd, thr.psiId]).toEqual([
      0,
      0,
      0,
      NIL,
      1,
    ]);
    S.thdInit(thr, thd, { sessionId: 8, privileges: 0 });
    expect([mem[thd + T.statements], mem[thd + T.privileges], mem[thd + T.enabled]]).toEqual([0, 0, 0]);
    expect(memorySummaryByThread(mem, s.kit.psi).map((r) => r.THREAD_ID)).not.toContain(s.psiId(0));
    expect(s.defects()).toEqual([]);
  });

  it.each([
    [0, 7],
    [PRIVILEGE.super, 1],
    [PRIVILEGE.connectionAdmin, 1],
    [PRIVILEGE.systemVariablesAdmin | PRIVILEGE.sessionVariablesAdmin, 7],
  ])('with privileges %i its mode is %i', (privileges, mode) => {
    const { s, mem, thr } = setUp();
    const thd = s.connected(thr, 0, privileges);
    expect([mem[thd + T.origMode], mem[thd + T.currMode]]).toEqual([mode, mode]);
  });

  it('a limit passed in a statement is seen by its kill check, and told after the end', () => {
    const { s, mem, env, thr, thd } = setUp();
    s.connected(thr, 0, 0, { connectionMemoryLimit: 100_000 });
    let pieces = 0;
    while (S.thdKilled(mem, thd) === KILLED.not && pieces < 100) {
      thdRootAlloc(thr, env, thd, 20_000);
      pieces++;
    }
    // 16,424, three blocks of 20,048, and one of the 27,648 that are planned by then.
    expect(pieces).toBe(4);
    s.close(thr, thd);
    const text = 'Connection closed. Connection memory limit 100000 bytes exceeded. Consumed 104264 bytes.';
    expect([mem[thd + T.memError], S.thdErrorText(mem, thd), s.lines()]).toEqual([
      4082,
      text,
      [`Error: ${text}`],
    ]);
    s.connected(thr);
    expect([S.thdKilled(mem, thd), S.thdErrorText(mem, thd)]).toEqual([0, '']);
  });

  it.each([
    ['connectionMemoryLimit', 4082, 'Connection memory limit 16000 bytes exceeded. Consumed 16424 bytes.'],
    ['global', 4081, 'Global connection memory limit 16000 bytes exceeded. Consumed 16424 bytes.'],
  ])(
    'its own buffers pass %s while it connects: refused at the first command with %i',
    (what, code, text) => {
      const { s, mem, log, thr, thd } = setUp(what === 'global' ? { globals: { globalLimit: 16_000 } } : {});
      s.prepared(thr, 0, 0, what === 'global' ? {} : { connectionMemoryLimit: 16_000 });
      expect(S.thdNextCommand(thr, thd, log)).toBe(false);
      expect([mem[thd + T.stmtError], S.thdErrorText(mem, thd)]).toEqual([
        code,
        `Connection closed. ${text}`,
      ]);
      s.close(thr, thd);
      expect([s.liveBlocks(), s.global()]).toEqual([0, 0]);
      // A privileged one is let in.
      expect(s.connected(thr, 0, PRIVILEGE.connectionAdmin, { connectionMemoryLimit: 16_000 })).toBe(thd);
      expect([S.thdKilled(mem, thd), S.thdErrorText(mem, thd)]).toEqual([0, '']);
    },
  );

  it('a seat that is taken, or was never made, is refused', () => {
    const { s, thr, thd } = setUp();
    s.connected(thr, 2);
    const o = { sessionId: 8, privileges: 0 };
    expect(() => S.thdInit(thr, s.thds[2], o)).toThrow(/is taken by session 3/);
    s.mem.fill(0, thd, thd + THD.words);
    expect(() => S.thdInit(thr, thd, o)).toThrow(/was not made by thdSetup/);
  });

  it('the seat becomes free under LOCK_thd_data only', () => {
    const { s, kit, mem, thr, thd } = setUp();
    s.connected(thr);
    const other = kit.thread(2);
    mutexEnter(other, thd + T.dataMutex);
    kit.abort();
    expect(() => S.thdEnd(thr, thd)).toThrow(/aborted/);
    expect(mem[thd + T.sessionId]).toBe(1);
    mutexExit(other, thd + T.dataMutex);
  });
});

describe('what the client is told', () => {
  it('out of memory: the bytes that were needed, header included', () => {
    const { s, mem, log, thr, thd, value } = setUp();
    s.connected(thr);
    s.failing(thr, { failNext: 2 });
    value(100);
    value(5000);
    expect([S.thdErrorText(mem, thd), mem[thd + T.fatalError]]).toEqual([
      'Out of memory (Needed 136 bytes)',
      1,
    ]);
    S.thdNextCommand(thr, thd, log);
    expect(S.thdErrorText(mem, thd)).toBe('');
    // An error that came first stays.
    S.thdRaise(mem, thd, 1062);
    s.failing(thr, { failNext: 1 });
    value(100);
    expect([S.thdErrorText(mem, thd), mem[thd + T.fatalError]]).toEqual(['Error 1062', 1]);
  });

  it.each([
    [KILLED.query, 'Query execution was interrupted'],
    [KILLED.timeout, 'Query execution was interrupted, maximum statement execution time exceeded'],
    [KILLED.connection, 'Query execution was interrupted'],
  ])('killed by %i', (how, text) => {
    const { s, kit, mem, thr, thd } = setUp();
    s.connected(thr);
    thdBeginCommand(thr, thd);
    thdAwake(kit.thread(2), thd, how);
    expect(S.thdErrorText(mem, thd)).toBe(text);
    // The statement ends by raising it; the text stays when the kill is forgotten.
    S.thdRaise(mem, thd, thdKillMessage(mem, thd)?.code ?? 0);
    thdEndCommand(thr, thd);
    expect(S.thdErrorText(mem, thd)).toBe(text);
  });

  it.each([
    [1053, 'Server shutdown in progress'],
    [34, 'Memory capacity exceeded (capacity 77 bytes)'],
    [5, 'Out of memory (Needed 77 bytes)'],
  ])('error %i', (error, text) => {
    const { s, mem, thr, thd } = setUp();
    s.connected(thr);
    S.thdRaise(mem, thd, error, true, 77);
    expect(S.thdErrorText(mem, thd)).toBe(text);
  });
});

describe('accounts', () => {
  it.each([
    [0, 1],
    [PRIVILEGE.super, 0],
    [PRIVILEGE.systemVariablesAdmin, 0],
  ])('privileges %i are account %i', (privileges, account) => {
    const { psi } = setUp();
    expect(psiIdentityOf(psi.plan, privileges)).toEqual({ account });
    expect(psiIdentityOf(setUp({ accounts: false }).psi.plan, privileges)).toEqual({});
  });

  it("a session's memory is its account's, also when it has ended, and not that of the threads", () => {
    const { s, kit, mem, env, psi, thr } = setUp();
    const bytes = (user: string) =>
      memorySummaryByAccount(mem, psi)
        .filter((r) => r.USER === user && r.HOST === 'localhost')
        .reduce((sum, r) => sum + r.SUM_NUMBER_OF_BYTES_ALLOC, 0);
    const buffers = PACKET + 16_391 + MY;
    const root = s.connected(thr, 0, PRIVILEGE.super);
    const app = s.connected(kit.thread(2), 1);
    expect([bytes('root'), bytes('app')]).toEqual([buffers, buffers]);
    thdTempTable(thr, env, root, 10);
    expect([bytes('root'), bytes('app')]).toEqual([buffers + 2 ** 20 + MY, buffers]);
    s.close(thr, root);
    expect([bytes('root'), bytes('app')]).toEqual([buffers + 2 ** 20 + MY, buffers]);
    const host = memorySummaryByHost(mem, psi).reduce((sum, r) => sum + r.CURRENT_NUMBER_OF_BYTES_USED, 0);
    expect(host).toBe(buffers);
    expect(s.used(app)).toBe(PACKET);
    expect(s.defects()).toEqual([]);
  });

  it('without a PSI_THREAD of its own a session counts for the thread that runs it', () => {
    const { s, mem, psi, thr, thd, value } = setUp({ ownPsi: false });
    s.connected(thr);
    value(1000);
    expect(s.used(thd)).toBe(PACKET + 1008 + MY);
    const rows = memorySummaryByThread(mem, psi).filter((r) => r.THREAD_ID === 1);
    expect(rows.reduce((sum, r) => sum + r.CURRENT_NUMBER_OF_BYTES_USED, 0)).toBe(s.used(thd) + 16_391 + MY);
    s.close(thr, thd);
    // The thread's own memory counts for no connection.
    const own = myMalloc(thr, s.env, MEM_KEY.stringValue, 100);
    expect([s.used(thd), s.threadMemory(1).CONTROLLED_MEMORY]).toEqual([0, 132]);
    myFree(thr, s.env, own);
    expect(s.defects()).toEqual([]);
  });
});

describe('what the Performance Schema does not count, the limits do not see', () => {
  it('a session that is not instrumented; what was counted before is counted out', () => {
    const { s, mem, psi, thr, thd, value } = setUp();
    s.connected(thr);
    value(1000);
    psiSetInstrumented(mem, psi, s.psiId(0), false);
    value(1_000_000);
    expect(s.used(thd)).toBe(PACKET);
    psiSetInstrumented(mem, psi, s.psiId(0), true);
    value(2_000_000);
    expect(s.used(thd)).toBeGreaterThan(2_000_000);
    s.close(thr, thd);
    expect([s.liveBlocks(), s.threadMemory(s.psiId(0)).TOTAL_MEMORY, s.defects()]).toEqual([0, 0, []]);
  });

  it.each([{ enabled: false }, { controlled: false }])('an instrument with %o', (set) => {
    const { s, mem, env, psi, thr, thd, value } = setUp();
    s.connected(thr);
    psiSetInstrument(mem, psi, MEM_KEY.stringValue, set);
    value(1_000_000);
    expect(s.used(thd)).toBe(PACKET);
    thdTempTable(thr, env, thd, 8);
    expect(s.used(thd)).toBe(PACKET + 2 ** 20 + MY);
    // The block has not counted, and does not when it is freed.
    psiSetInstrument(mem, psi, MEM_KEY.stringValue, { enabled: true, controlled: true });
    thdEndStatement(thr, env, thd);
    expect([s.used(thd), s.defects()]).toEqual([PACKET, []]);
  });
});
