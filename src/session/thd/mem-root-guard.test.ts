import { describe, expect, it } from 'vitest';
import { THD } from '../../layout/session.ts';
import { MEM_ROOT } from '../../layout/mem-root.ts';
import { memRootClear } from '../../memory/mem-root/mem-root-blocks.ts';
import { memRootAllocatedSize, memRootInit } from '../../memory/mem-root/mem-root-state.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { memRootRestore, memRootSwap } from './mem-root-guard.ts';
import { preparedStatementRoot } from './thd-prepared.ts';
import { thdEndStatement, thdPrepareStatement, thdRootAlloc } from './thd-memory.ts';
import { mainMemRootOf } from './thd-root.ts';
import { ThdKit } from './thd-test-kit.ts';
import { thdRestoreGlobals, thdStoreGlobals } from './thd.ts';

/** Two sessions, A on thread 1 and B on thread 2, each with a prepared statement. */
function setUp() {
  const s = new ThdKit();
  const { env, mem } = s;
  const [one, two] = [s.kit.thread(1), s.kit.thread(2)];
  const a = s.connected(one, 0);
  const b = s.connected(two, 1);
  thdPrepareStatement(one, env, a, 1, 8192);
  thdPrepareStatement(two, env, b, 1, 8192);
  const rootOf = (thd: number) => preparedStatementRoot(mem, thd, 1);
  const idle = s.used(a);
  const size = (root: number) => memRootAllocatedSize(mem, root);
  return { s, env, mem, one, two, a, b, rootOf, idle, size };
}
const ROOT = 48;

describe('Swap_mem_root_guard', () => {
  it('puts a root in force and gives the one before it back, also nested', () => {
    const { env, mem, one, a, rootOf, size } = setUp();
    const main = mainMemRootOf(a);
    expect(mem[a + THD.at.memRoot]).toBe(main);
    const outer = memRootSwap(one, a, rootOf(a));
    thdRootAlloc(one, env, a, 8);
    const inner = memRootSwap(one, a, main);
    thdRootAlloc(one, env, a, 8);
    expect([outer, inner]).toEqual([main, rootOf(a)]);
    expect([size(rootOf(a)), size(main)]).toEqual([8192 + 12_288, 8192]);
    memRootRestore(one, a, inner);
    expect(mem[a + THD.at.memRoot]).toBe(rootOf(a));
    memRootRestore(one, a, outer);
    expect(mem[a + THD.at.memRoot]).toBe(main);
  });

  it("the session that swapped pays, on another session's root too", () => {
    const { s, env, one, two, a, b, rootOf, idle, size } = setUp();
    const before = memRootSwap(one, a, rootOf(b));
    thdRootAlloc(one, env, a, 8);
    memRootRestore(one, a, before);
    expect([s.used(a) - idle, s.used(b) - idle]).toEqual([12_288 + ROOT, 0]);
    expect(size(rootOf(b))).toBe(8192 + 12_288);
    // B frees what is not its own: A's counter stays up until A's connection ends, B's goes down by its own block only.
    memRootClear(two, env, rootOf(b));
    expect([s.used(a) - idle, s.used(b) - idle]).toEqual([12_288 + ROOT, -(8192 + ROOT)]);
    expect(s.defects()).toEqual([]);
    s.close(one, a);
    s.close(two, b);
    expect([s.liveBlocks(), s.global(), s.defects()]).toEqual([0, 0, []]);
  });

  it('who works for another session pays for that one', () => {
    const { s, env, one, two, a, b, idle } = setUp();
    const { psi } = s.kit;
    thdRestoreGlobals(one, psi);
    thdRestoreGlobals(two, psi);
    thdStoreGlobals(two, psi, a);
    thdRootAlloc(two, env, a, 8);
    expect([s.used(a) - idle, s.used(b) - idle]).toEqual([8192 + ROOT, 0]);
  });

  it('a statement that ends in between leaves main_mem_root in force', () => {
    const { s, env, mem, one, a, rootOf, size } = setUp();
    memRootSwap(one, a, rootOf(a));
    thdRootAlloc(one, env, a, 8);
    thdEndStatement(one, env, a);
    expect(mem[a + THD.at.memRoot]).toBe(mainMemRootOf(a));
    // What lay on the other root is still there.
    expect(size(rootOf(a))).toBe(8192 + 12_288);
    s.close(one, a);
  });

  it('out of memory on a swapped root is an error of the session that works', () => {
    const { s, env, mem, one, a, b, rootOf } = setUp();
    const before = memRootSwap(one, a, rootOf(b));
    s.failing(one, { failNext: 1 });
    expect(thdRootAlloc(one, env, a, 100_000)).toBe(0);
    memRootRestore(one, a, before);
    expect([mem[a + THD.at.stmtError], mem[b + THD.at.stmtError]]).toEqual([5, 0]);
    expect([mem[a + THD.at.fatalError], s.defects()]).toEqual([1, []]);
  });

  it('any root will do', () => {
    const s = new ThdKit();
    const thr = s.kit.thread(1);
    const thd = s.connected(thr);
    // One that lies on another one.
    const root = thdRootAlloc(thr, s.env, thd, MEM_ROOT.words * 4);
    memRootInit(s.mem, root, MEM_KEY.hashJoin, 512);
    const idle = s.used(thd);
    const before = memRootSwap(thr, thd, root);
    thdRootAlloc(thr, s.env, thd, 8);
    memRootRestore(thr, thd, before);
    expect([s.used(thd) - idle, s.bytes(MEM_KEY.hashJoin)]).toEqual([512 + ROOT, 512 + ROOT]);
    memRootClear(thr, s.env, root);
    expect([s.used(thd), s.defects()]).toEqual([idle, []]);
  });
});
