import { describe, expect, it } from 'vitest';
import { NIL } from '../../layout/schema.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { myFree, myMalloc } from '../../memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../memory/psi/psi-keys.ts';
import { psiSetMemCntThd } from '../../memory/psi/psi.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { KILLED } from '../limits/kill.ts';
import { ThdKit } from './thd-test-kit.ts';
import * as S from './thd.ts';

const T = THD.at;
const MY = 32;
/** What a connection has from the start that counts: packet. */
const PACKET = 16_392 + MY;

describe('set_mem_cnt_THD: the session that pays', () => {
  /** The outer session runs a command; the inner one (Srv_session) and a third are connected. All by one thread. */
  function nested() {
    const s = new ThdKit();
    const { kit, mem } = s;
    const { psi } = kit;
    const thr = kit.thread(1);
    const [outer, inner, third] = [0, 1, 2].map((seat) => {
      const thd = s.connected(thr, seat);
      S.thdRestoreGlobals(thr, psi);
      return thd;
    });
    S.thdStoreGlobals(thr, psi, outer);
    const more = () => [outer, inner, third].map((thd) => s.used(thd) - PACKET);
    const take = (bytes: number, of: Thread = thr) => myMalloc(of, s.env, MEM_KEY.stringValue, bytes - MY);
    const free = (p: number, of: Thread = thr) => myFree(of, s.env, p);
    const stats = (seat: number) => s.threadMemory(s.psiId(seat)).CONTROLLED_MEMORY - PACKET;
    return { s, kit, mem, psi, thr, outer, inner, third, more, take, free, stats };
  }

  it('the inner one works, the outer one pays; statistics are the inner one’s', () => {
    const { s, psi, thr, outer, inner, more, take, free, stats } = nested();
    take(1000);
    S.thdStoreGlobals(thr, psi, inner);
    const own = take(100);
    const before = psiSetMemCntThd(thr, outer);
    expect(before).toBe(inner);
    const p = take(2000);
    expect([more(), stats(0), stats(1)]).toEqual([[3000, 100, 0], 1000, 2100]);
    free(p);
    expect(more()).toEqual([1000, 100, 0]);
    psiSetMemCntThd(thr, before);
    free(own);
    S.thdStoreGlobals(thr, psi, outer);
    take(10_000);
    expect([more(), stats(1)]).toEqual([[11_000, 0, 0], 0]);
    expect(s.defects()).toEqual([]);
  });

  it('a block that is freed after the switch back counts down whoever pays then, to 0 at least', () => {
    const { s, psi, thr, outer, inner, more, take, free } = nested();
    S.thdStoreGlobals(thr, psi, inner);
    const before = psiSetMemCntThd(thr, outer);
    const small = take(1000);
    const large = take(100_000);
    psiSetMemCntThd(thr, before);
    free(small);
    expect(more()).toEqual([101_000, -1000, 0]);
    free(large);
    // It had 15,424 bytes left.
    expect([more(), s.used(inner)]).toEqual([[101_000, -PACKET, 0], 0]);
    expect(s.defects()).toEqual([]);
  });

  it('a block of the outer session that is freed while the inner one works is a stranger’s', () => {
    const { psi, thr, outer, inner, more, take, free, stats } = nested();
    const p = take(1000);
    S.thdStoreGlobals(thr, psi, inner);
    psiSetMemCntThd(thr, outer);
    free(p);
    expect([more(), stats(0), stats(1)]).toEqual([[1000, 0, 0], 1000, 0]);
  });

  it('nests, and NIL is nobody', () => {
    const { s, psi, thr, outer, inner, third, more, take } = nested();
    S.thdStoreGlobals(thr, psi, inner);
    const first = psiSetMemCntThd(thr, outer);
    S.thdStoreGlobals(thr, psi, third);
    const second = psiSetMemCntThd(thr, outer);
    take(100);
    const none = psiSetMemCntThd(thr, NIL);
    take(200);
    psiSetMemCntThd(thr, none);
    take(400);
    expect([first, second, none, more()]).toEqual([inner, third, outer, [500, 0, 0]]);
    psiSetMemCntThd(thr, second);
    take(800);
    expect([more(), s.defects()]).toEqual([[500, 0, 800], []]);
  });

  it('the outer one is killed for what the inner one takes', () => {
    const { s, kit, mem, psi, thr, outer, inner, take } = nested();
    S.thdNextCommand(thr, outer, kit.log);
    mem[outer + T.connectionMemoryLimit] = 50_000;
    mem[outer + T.connectionMemoryLimit + 1] = 0;
    S.thdStoreGlobals(thr, psi, inner);
    psiSetMemCntThd(thr, outer);
    take(40_000);
    expect([S.thdKilled(mem, outer), S.thdKilled(mem, inner)]).toEqual([KILLED.connection, 0]);
    expect(s.lines()).toHaveLength(1);
  });

  it('reserves for who pays, under LOCK_global_conn_mem_limit', () => {
    const { s, kit, psi, thr, outer, inner, take } = nested();
    S.thdStoreGlobals(thr, psi, inner);
    psiSetMemCntThd(thr, outer);
    const other = kit.thread(2);
    mutexEnter(other, s.conn + GLOBAL_CONN_MEM.at.mutex);
    kit.abort();
    expect(() => take(100_000)).toThrow(/aborted/);
    mutexExit(other, s.conn + GLOBAL_CONN_MEM.at.mutex);
  });
});
