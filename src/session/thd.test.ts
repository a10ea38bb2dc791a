import { describe, expect, it } from 'vitest';
import { UT_NEW_PFX } from '../layout/headers.ts';
import { NIL } from '../layout/schema.ts';
import { GLOBAL_CONN_MEM, THD } from '../layout/session.ts';
import { getU53 } from '../layout/words.ts';
import { mallocWalk } from '../memory/heap/malloc.ts';
import { osSetFaults } from '../memory/os/os-memory.ts';
import { EE_OUTOFMEMORY } from '../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../memory/psi/psi-keys.ts';
import { MemoryKit } from '../memory/test-kit.ts';
import { OutOfMemoryFatal, utAllocate, utDeallocate, utReallocate } from '../memory/ut/ut-allocator.ts';
import * as S from './thd.ts';
import { globalConnectionMemory, globalConnMemInit, KILLED, thdAwake, ThdMemCounter } from './thd-mem-cnt.ts';

const T = THD.at;
const KEY = MEM_KEY.stringValue;

function setUp(o: Partial<S.ThdOptions> = {}) {
  const kit = new MemoryKit({
    records: { conn: [GLOBAL_CONN_MEM, 1], thd: [THD, 2] },
    counter: (log) => new ThdMemCounter(log),
  });
  const { mem, os, log } = kit;
  const thr = kit.thread(1);
  const alloc = kit.alloc({ oomFatal: false });
  const conn = kit.at('conn');
  const thd = kit.at('thd');
  globalConnMemInit(mem, conn, { tracking: true, chunkSize: 1000 });
  S.thdSetup(mem, thd, conn);
  S.thdInit(thr, thd, { sessionId: 7, privileged: false, ...o });
  const used = () => getU53(mem, thd + T.memCounter);
  const take = (bytes: number, key: number = KEY) => S.thdAlloc(thr, thd, alloc, bytes, key);
  const give = (p: number) => S.thdFree(thr, thd, alloc, p);
  return { kit, mem, os, log, thr, alloc, conn, thd, used, take, give };
}

describe('session: memory', () => {
  it('a collected instrument counts with its header, another does not; frees mirror it', () => {
    const { kit, mem, thd, used, take, give } = setUp();
    const p = take(100);
    expect(used()).toBe(132);
    const q = take(100, MEM_KEY.rowMergeSort);
    expect([used(), mem[thd + T.liveBlocks]]).toEqual([132, 2]);
    expect(mem[p - 8 + UT_NEW_PFX.at.key] < 0).toBe(true);
    expect(mem[q - 8 + UT_NEW_PFX.at.key]).toBe(MEM_KEY.rowMergeSort);
    expect(kit.defects()).toEqual([]);
    give(q);
    expect(used()).toBe(132);
    give(p);
    expect([used(), mem[thd + T.liveBlocks], mem[thd + T.blocks]]).toEqual([0, 0, NIL]);
    expect(kit.account(KEY)).toMatchObject({ allocBytes: 132, freeBytes: 132 });
    give(NIL);
    expect(take(0)).toBe(NIL);
  });

  it('set-up allocations are in the counter when it is enabled', () => {
    const { log, mem, thr, conn, thd, used, take } = setUp();
    take(5000);
    expect(globalConnectionMemory(mem, conn)).toBe(0);
    S.thdPrepare(thr, thd);
    expect(S.thdNextCommand(thr, thd, log)).toBe(true);
    expect([used(), globalConnectionMemory(mem, conn)]).toEqual([5032, 5032]);
    take(1);
    expect(globalConnectionMemory(mem, conn)).toBe(6000);
  });

  it('blocks may be freed in any order; the list keeps the rest', () => {
    const { kit, mem, thd, take, give } = setUp();
    const p = [10, 20, 30, 40, 50].map((n) => take(n));
    const list = () => {
      const found: number[] = [];
      for (let b = mem[thd + T.blocks]; b !== NIL; b = mem[b - 8 + UT_NEW_PFX.at.next]) found.push(b);
      return found;
    };
    expect(list()).toEqual(p.toReversed());
    give(p[2]);
    expect(list()).toEqual([p[4], p[3], p[1], p[0]]);
    give(p[4]);
    give(p[0]);
    expect(list()).toEqual([p[3], p[1]]);
    give(p[1]);
    give(p[3]);
    expect(list()).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it("a session's block leaves only through thdFree, and only its own", () => {
    const { kit, mem, thr, alloc, conn, thd, take, give } = setUp();
    const other = thd + THD.words;
    S.thdSetup(mem, other, conn);
    const p = take(100);
    const free = utAllocate(thr, alloc, 100, KEY);
    expect(() => S.thdFree(thr, other, alloc, p)).toThrow(/not in the list of THD/);
    expect(() => give(free)).toThrow(/not in the list of THD/);
    expect(() => utDeallocate(thr, alloc, p)).toThrow(/use thdFree/);
    expect(() => utReallocate(thr, alloc, p, 500)).toThrow(/use thdFree/);
    give(p);
    expect(() => give(p)).toThrow(/not in the list of THD/);
    utDeallocate(thr, alloc, free);
    expect(kit.defects()).toEqual([]);
  });

  it('another thread that frees leaves the counter alone', () => {
    const { kit, thd, alloc, used, take } = setUp();
    const p = take(100);
    S.thdFree(kit.thread(2), thd, alloc, p);
    expect(used()).toBe(132);
    expect(kit.defects()).toEqual([]);
  });

  it('out of memory: 59 sleeps, bad_alloc, the statement has an error and its counter is as before', () => {
    const { kit, log, mem, os, thr, thd, used, take } = setUp();
    S.thdPrepare(thr, thd);
    S.thdNextCommand(thr, thd, log);
    osSetFaults(thr, os, { failNext: 60 });
    expect(take(100)).toBe(NIL);
    expect(kit.sleepClock.sleeps).toBe(59);
    expect([used(), mem[thd + T.liveBlocks]]).toEqual([0, 0]);
    expect(S.thdErrorText(mem, thd)).toBe('Out of memory');
    expect([mem[thd + T.stmtError], mem[thd + T.fatalError]]).toEqual([EE_OUTOFMEMORY, 1]);
    expect(log.lines[0].text).toMatch(/^Cannot allocate 132 bytes of memory after 60 retries/);
    // The next command starts without it.
    expect(S.thdNextCommand(thr, thd, log)).toBe(true);
    expect(S.thdErrorText(mem, thd)).toBe('');
    osSetFaults(thr, os, { failNext: 60 });
    expect(() => S.thdAlloc(thr, thd, kit.alloc(), 100, KEY)).toThrow(OutOfMemoryFatal);
  });
});

describe('session: life', () => {
  it('ends with everything freed and given back, even for a dead worker; the seat can be taken again', () => {
    const { kit, mem, os, log, thr, alloc, conn, thd, take } = setUp();
    S.thdPrepare(thr, thd);
    S.thdNextCommand(thr, thd, log);
    for (const bytes of [10, 3000, 20_000]) take(bytes);
    S.thdStatementDone(thr, thd);
    expect(mem[thd + T.statements]).toBe(1);
    expect(globalConnectionMemory(mem, conn)).toBe(24_000);
    expect(S.thdEnd(kit.thread(2), thd, alloc)).toBe(3);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(globalConnectionMemory(mem, conn)).toBe(0);
    expect(kit.defects()).toEqual([]);
    expect(mem[thd + T.sessionId]).toBe(0);
    S.thdInit(thr, thd, { sessionId: 8, privileged: true });
    expect([mem[thd + T.statements], mem[thd + T.privileged], mem[thd + T.enabled]]).toEqual([0, 1, 0]);
    expect(S.thdEnd(thr, thd, alloc)).toBe(0);
  });

  it('a limit passed in a statement is seen by its kill check, and told after the end', () => {
    const { kit, mem, log, thr, alloc, thd, take } = setUp({ connMem: { connectionMemoryLimit: 4000 } });
    S.thdPrepare(thr, thd);
    S.thdNextCommand(thr, thd, log);
    let pieces = 0;
    while (S.thdKilled(mem, thd) === KILLED.not && pieces < 100) {
      take(1000);
      pieces++;
    }
    expect(pieces).toBe(4);
    S.thdEnd(thr, thd, alloc);
    const text = 'Connection closed. Connection memory limit 4000 bytes exceeded. Consumed 4128 bytes.';
    expect([mem[thd + T.memError], S.thdErrorText(mem, thd)]).toEqual([4082, text]);
    expect(kit.log.lines.map((l) => l.text)).toEqual([text]);
    // A new connection knows nothing of it.
    S.thdInit(thr, thd, { sessionId: 8, privileged: false });
    expect([S.thdKilled(mem, thd), S.thdErrorText(mem, thd)]).toEqual([0, '']);
  });

  it('KILL by another thread', () => {
    const { kit, mem, thd } = setUp();
    thdAwake(kit.thread(2), thd, KILLED.connection);
    expect(S.thdKilled(mem, thd)).toBe(KILLED.connection);
    expect(S.thdErrorText(mem, thd)).toBe('The session was killed');
  });

  it('a seat that is taken, or was never made, is refused', () => {
    const { thr, thd } = setUp();
    const o = { sessionId: 8, privileged: false };
    expect(() => S.thdInit(thr, thd, o)).toThrow(/is taken by session 7/);
    expect(() => S.thdInit(thr, thd + THD.words, o)).toThrow(/was not made by thdSetup/);
  });
});
