import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { NIL } from '../../layout/schema.ts';
import { THD, USER_VAR_ENTRY } from '../../layout/session.ts';
import { EE_OUTOFMEMORY, mySizeOf } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { memorySummaryByThread } from '../../memory/psi/psi-tables.ts';
import type { Thread } from '../../sync/thread.ts';
import * as M from './thd-memory.ts';
import { oneSession, ThdKit } from './thd-test-kit.ts';
import * as S from './thd.ts';

const T = THD.at;
/** Headers that are counted: of my_malloc and of a MEM_ROOT's block. */
const ROOT = 32 + 16;
const MIB = 2 ** 20;

/** Everything that a session can do, whatever fails in between. */
function life(s: ThdKit, thr: Thread, between: () => void): void {
  const { env } = s;
  const [thd] = s.thds;
  S.thdInit(thr, thd, { sessionId: 1, privileges: 0 });
  S.thdAttach(thr, s.kit.psi, thd);
  if (M.thdConnectMemory(thr, env, thd)) {
    S.thdPrepare(thr, thd);
    for (let n = 0; n < 3; n++) {
      between();
      S.thdNextCommand(thr, thd, s.kit.log);
      M.thdNetBuff(thr, env, thd, 20_000 * (n + 1));
      M.thdPacket(thr, env, thd, 20_000 * (n + 1));
      M.thdRootAlloc(thr, env, thd, 9000);
      for (const bytes of [10, 2000, 5000]) M.thdValue(thr, env, thd, bytes);
      for (const bytes of [10, 40_000]) M.thdSortKeys(thr, env, thd, bytes);
      M.thdUniqueBuffer(thr, env, thd, 1000);
      for (const bytes of [10, 1_100_000]) M.thdTempTable(thr, env, thd, bytes);
      for (const name of [1, 2]) M.thdSetUserVar(thr, env, thd, name, (n + 1) * name * 4);
      for (const name of [1, 2, 3]) M.thdUserVarEvent(thr, env, thd, name);
      M.thdPrepareStatement(thr, env, thd, 1 + (n % 2), 100);
      M.thdExecuteStatement(thr, env, thd, 1, 100, 20_000);
      M.thdEndStatement(thr, env, thd);
    }
  }
  s.close(thr, thd);
}

describe('out of memory', () => {
  it('at any allocation of a session: nothing leaks, nothing is half linked, the client is told', () => {
    const all = new ThdKit();
    const thr = all.kit.thread(1);
    const { kit, mem, thds } = all;
    const refused = () => mem[kit.os + OS_MEMORY.at.failedPlan];
    // Until the plan no longer bites: every allocation has failed once, with all that came before it done.
    let k = 0;
    let silent = 0;
    for (let bites = true; bites; k++) {
      const before = [kit.log.lines.length, refused()];
      let told = '';
      const look = () => {
        if (mem[thds[0] + T.stmtError] !== 0 && told === '') told = S.thdErrorText(mem, thds[0]);
      };
      all.failing(thr, { failAfter: k, failNext: 1 });
      life(all, thr, look);
      look();
      expect([k, all.liveBlocks(), all.used(thds[0]), all.global()]).toEqual([k, 0, 0, 0]);
      const lines = kit.log.lines.slice(before[0]).map((l) => l.text);
      bites = refused() > before[1];
      if (bites && lines.length === 0) silent++;
      else if (bites) {
        expect(lines).toEqual([told]);
        expect(told).toMatch(/^Out of memory \(Needed \d+ bytes\)$/);
      }
    }
    expect(k).toBeGreaterThan(50);
    // That packet cannot shrink is nobody's error.
    expect(silent).toBe(3);
    all.failing(thr, {});
    expect(all.defects()).toEqual([]);
  });

  it.each([0, 1])('a connection that has no memory for buffer %i keeps none', (k) => {
    const s = new ThdKit();
    const thr = s.kit.thread(1);
    const [thd] = s.thds;
    S.thdInit(thr, thd, { sessionId: 1, privileges: 0 });
    S.thdAttach(thr, s.kit.psi, thd);
    s.failing(thr, { failAfter: k, failNext: 1 });
    expect(M.thdConnectMemory(thr, s.env, thd)).toBe(false);
    expect([s.liveBlocks(), s.used(thd), s.mem[thd + T.stmtError]]).toEqual([0, 0, EE_OUTOFMEMORY]);
    expect(M.thdConnectMemory(thr, s.env, thd)).toBe(true);
  });

  it.each(['value', 'user variable', 'net.buff'] as const)(
    'a %s that cannot grow stays as it was',
    (what) => {
      const { s, thr, thd, env, mem } = oneSession();
      const grow = (bytes: number): boolean => {
        if (what === 'net.buff') return M.thdNetBuff(thr, env, thd, bytes);
        if (what === 'value') return M.thdValue(thr, env, thd, bytes) !== NIL;
        return M.thdSetUserVar(thr, env, thd, 1, bytes) !== NIL;
      };
      expect(grow(17_000)).toBe(true);
      const blocks = [
        s.liveBlocks(),
        s.used(thd),
        s.bytes(MEM_KEY.userVarEntryValue),
        s.bytes(MEM_KEY.netBuff),
      ];
      s.failing(thr, { failNext: 1 });
      expect(grow(30_000)).toBe(false);
      expect([
        s.liveBlocks(),
        s.used(thd),
        s.bytes(MEM_KEY.userVarEntryValue),
        s.bytes(MEM_KEY.netBuff),
      ]).toEqual(blocks);
      expect([mem[thd + T.stmtError], mem[thd + T.fatalError]]).toEqual([EE_OUTOFMEMORY, 1]);
      const value =
        mem[thd + T.userVars] === NIL ? NIL : mem[mem[thd + T.userVars] + USER_VAR_ENTRY.at.value];
      if (value !== NIL) expect(mySizeOf(mem, value)).toBe(17_001);
      expect(grow(30_000)).toBe(true);
    },
  );
});

describe('a session that goes from thread to thread', () => {
  it('is counted for itself whoever works for it; a thread that does not is not the owner', () => {
    const { s, thr, thd, env, mem, alloc, more } = oneSession();
    const two = s.kit.thread(2);
    const three = s.kit.thread(3);
    const { psi } = s.kit;
    alloc(100);
    M.thdValue(thr, env, thd, 1000);
    M.thdSetUserVar(thr, env, thd, 1, 100);
    M.thdPrepareStatement(thr, env, thd, 1, 100);
    S.thdRestoreGlobals(thr, psi);
    const held = s.used(thd);

    S.thdStoreGlobals(two, psi, thd);
    M.thdValue(two, env, thd, 500_000);
    M.thdTempTable(two, env, thd, 10);
    expect(more()).toBeGreaterThan(500_000 + MIB);
    M.thdEndStatement(two, env, thd);
    M.thdDeallocateStatement(two, env, thd, 1);
    expect(more()).toBe(8192 + ROOT);
    S.thdRestoreGlobals(two, psi);
    expect(held).toBeGreaterThan(s.used(thd));

    for (const id of [1, 2, 3]) expect(s.threadMemory(id).MAX_TOTAL_MEMORY).toBe(0);
    const mine = memorySummaryByThread(mem, psi).filter((r) => r.THREAD_ID === s.psiId(0));
    expect(mine.reduce((sum, r) => sum + r.CURRENT_NUMBER_OF_BYTES_USED, 0)).toBe(
      s.threadMemory(s.psiId(0)).TOTAL_MEMORY,
    );
    expect(s.defects()).toEqual([]);

    // The last one closes it.
    S.thdStoreGlobals(three, psi, thd);
    s.close(three, thd);
    expect([s.liveBlocks(), s.global(), s.defects()]).toEqual([0, 0, []]);
  });

  it('a thread that never said whom it works for frees as a stranger: the counter stays', () => {
    const { s, thd, env, alloc, more } = oneSession();
    alloc(100);
    M.thdReleaseMemory(s.kit.thread(2), env, thd);
    expect([s.liveBlocks(), more(), s.defects()]).toEqual([0, 8192 + ROOT, []]);
  });

  it('the session of a dead thread is closed by another one', () => {
    const { s, thd, env, thr, alloc } = oneSession();
    alloc(100_000);
    M.thdTempTable(thr, env, thd, 100);
    const two = s.kit.thread(2);
    S.thdStoreGlobals(two, s.kit.psi, thd);
    s.close(two, thd);
    expect([s.liveBlocks(), s.global(), s.used(thd), s.defects()]).toEqual([0, 0, 0, []]);
  });
});
