/** Watermarks: the structure of facts A 6.4, the carry of 6.5, and the worked run of 6.8. */
import { describe, expect, it } from 'vitest';
import { PSI_SHARED_STAT } from '../../layout/psi.ts';
import type { Thread } from '../../sync/thread.ts';
import { MEM_KEY, MEM_KEYS } from './psi-keys.ts';
import * as Shared from './psi-shared.ts';
import {
  type MemorySummary,
  memorySummary,
  memorySummaryByAccount,
  memorySummaryByHost,
  memorySummaryByThread,
  memorySummaryByUser,
} from './psi-tables.ts';
import { type PsiIdentity } from './psi-thread.ts';
import { psiAttach, psiDetach, psiMemoryAlloc, psiMemoryFree } from './psi.ts';
import { MemoryKit } from '../test-kit.ts';

const KEY = MEM_KEY.std;
const ACL = MEM_KEY.aclCache;

const bytes = (r: MemorySummary | undefined) =>
  r && [r.LOW_NUMBER_OF_BYTES_USED, r.CURRENT_NUMBER_OF_BYTES_USED, r.HIGH_NUMBER_OF_BYTES_USED];
const counts = (r: MemorySummary | undefined) =>
  r && [r.LOW_COUNT_USED, r.CURRENT_COUNT_USED, r.HIGH_COUNT_USED];

function setUp(who: PsiIdentity = {}) {
  const kit = new MemoryKit({
    pages: [4],
    psi: { accounts: [{ user: 'app', host: 'h1' }], users: ['cron'], hosts: ['h2'] },
  });
  const { mem, psi } = kit;
  const threads = [1, 2].map((id) => kit.thread(id));
  for (const thr of threads) psiAttach(thr, psi, who);
  const [a, b] = threads;
  const take = (thr: Thread, n: number, key: number = KEY) => psiMemoryAlloc(thr, psi, key, n);
  const give = (thr: Thread, n: number, key: number = KEY, owner = thr.id) =>
    psiMemoryFree(thr, psi, key, n, owner);
  const ofThread = (id: number, key: number = KEY) =>
    memorySummaryByThread(mem, psi).find((r) => r.THREAD_ID === id && r.EVENT_NAME === MEM_KEYS[key].name);
  const global = (key: number = KEY) => memorySummary(mem, psi, key);
  return { kit, mem, psi, a, b, take, give, ofThread, global };
}

describe('the worked run (facts A 6.8)', () => {
  it('step by step', () => {
    const { psi, a, b, take, give, ofThread, global } = setUp();
    const steps: [() => unknown, number[] | undefined, number[] | undefined, number[]][] = [
      [() => take(a, 100), [0, 100, 100], [0, 0, 0], [0, 100, 100]],
      [() => take(a, 50), [0, 150, 150], [0, 0, 0], [0, 150, 150]],
      [() => give(a, 100), [0, 50, 150], [0, 0, 0], [0, 50, 150]],
      [() => take(a, 80), [0, 130, 150], [0, 0, 0], [0, 130, 150]],
      // The true peak is 190: A's spare capacity is added.
      [() => take(b, 60), [0, 130, 150], [0, 60, 60], [0, 190, 210]],
      [() => (give(a, 50), give(a, 80)), [0, 0, 150], [0, 60, 60], [0, 60, 210]],
      [() => psiDetach(a, psi), undefined, [0, 60, 60], [0, 60, 210]],
      // The dead thread's capacity absorbs the delta: 150 → 90.
      [() => take(b, 60), undefined, [0, 120, 120], [0, 120, 210]],
      [() => take(b, 100), undefined, [0, 220, 220], [0, 220, 220]],
    ];
    for (const [i, [step, ofA, ofB, all]] of steps.entries()) {
      step();
      expect([i, bytes(ofThread(1)), bytes(ofThread(2)), bytes(global())]).toEqual([i, ofA, ofB, all]);
    }
  });
});

describe('a thread', () => {
  it('counts blocks and bytes by themselves: a capacity of one does not help the other', () => {
    const { a, take, give, ofThread } = setUp();
    take(a, 1000);
    give(a, 1000);
    // One block may come without a new watermark, and 1000 bytes.
    take(a, 300);
    take(a, 300);
    expect([counts(ofThread(1)), bytes(ofThread(1))]).toEqual([
      [0, 2, 2],
      [0, 600, 1000],
    ]);
    take(a, 500);
    expect([counts(ofThread(1)), bytes(ofThread(1))]).toEqual([
      [0, 3, 3],
      [0, 1100, 1100],
    ]);
  });

  it('LOW follows a fall below what there was at a truncation or before', () => {
    const { kit, a, take, give, ofThread } = setUp();
    take(a, 100);
    give(a, 70);
    expect(bytes(ofThread(1))).toEqual([0, 30, 100]);
    // Freed bytes that were never counted here.
    give(a, 50);
    expect(bytes(ofThread(1))).toEqual([-20, -20, 100]);
    expect(kit.account(KEY).currentBytes).toBe(-20);
  });
});

describe('the global view', () => {
  it('a free by another thread takes capacity from LOW, and LOW is never below 0', () => {
    const { a, b, take, give, ofThread, global } = setUp();
    take(a, 100);
    give(b, 100, KEY, 1);
    expect([bytes(ofThread(1)), bytes(ofThread(2))]).toEqual([
      [0, 100, 100],
      [0, 0, 0],
    ]);
    expect([counts(global()), bytes(global())]).toEqual([
      [0, 0, 1],
      [0, 0, 100],
    ]);
    take(a, 40);
    expect(bytes(global())).toEqual([0, 40, 100]);
    give(a, 150, KEY, 1);
    expect(bytes(global())).toEqual([0, -110, 100]);
  });

  it('an instrument that is only counted globally has true watermarks', () => {
    const { a, b, take, give, global } = setUp();
    take(a, 100, ACL);
    take(b, 50, ACL);
    give(b, 100, ACL, 0);
    take(b, 30, ACL);
    expect([counts(global(ACL)), bytes(global(ACL))]).toEqual([
      [0, 2, 2],
      [0, 80, 150],
    ]);
    take(a, 80, ACL);
    expect([counts(global(ACL)), bytes(global(ACL))]).toEqual([
      [0, 3, 3],
      [0, 160, 160],
    ]);
  });
});

describe('the carry of deltas (facts A 6.5)', () => {
  const A = PSI_SHARED_STAT.at;

  /** Gives buckets of KEY a capacity to rise by one block and so many bytes. */
  function rich(s: ReturnType<typeof setUp>, at: number, size = 100): void {
    const row = at + KEY * PSI_SHARED_STAT.words;
    Shared.capacityAdd(s.mem, row + A.allocCountCapacity, 1);
    Shared.capacityAdd(s.mem, row + A.allocSizeCapacity, size);
  }
  const left = (s: ReturnType<typeof setUp>, at: number): [number, number] => {
    const row = at + KEY * PSI_SHARED_STAT.words;
    return [
      Shared.capacityOf(s.mem, row + A.allocCountCapacity),
      Shared.capacityOf(s.mem, row + A.allocSizeCapacity),
    ];
  };

  it('the account absorbs what it can, the global statistics what is left', () => {
    const s = setUp({ account: 0 });
    const { accounts, users, hosts, global } = s.psi.plan;
    for (const at of [accounts, users, hosts, global]) rich(s, at);
    s.take(s.a, 130);
    expect([accounts, users, hosts, global].map((at) => left(s, at))).toEqual([
      [0, 0],
      [1, 100],
      [1, 100],
      [1, 70],
    ]);
    s.take(s.b, 10);
    expect([left(s, accounts), left(s, global)]).toEqual([
      [0, 0],
      [0, 60],
    ]);
  });

  it('without an account, user and host absorb the same; the host’s rest goes on', () => {
    const s = setUp({ user: 0, host: 0 });
    const { users, hosts, global } = s.psi.plan;
    rich(s, users, 130);
    rich(s, hosts);
    rich(s, global);
    s.take(s.a, 130);
    expect([users, hosts, global].map((at) => left(s, at))).toEqual([
      [0, 0],
      [0, 0],
      [1, 70],
    ]);
  });

  it('a user without a host still goes on to the global statistics', () => {
    const s = setUp({ user: 0 });
    const { users, hosts, global } = s.psi.plan;
    for (const at of [users, hosts, global]) rich(s, at);
    s.take(s.a, 30);
    expect([users, hosts, global].map((at) => left(s, at))).toEqual([
      [0, 70],
      [1, 100],
      [0, 70],
    ]);
  });

  it('in the middle of its range a thread leaves the others alone', () => {
    const s = setUp({ account: 0 });
    s.take(s.a, 100);
    s.give(s.a, 100);
    rich(s, s.psi.plan.accounts);
    s.take(s.a, 60);
    s.give(s.a, 60);
    expect(left(s, s.psi.plan.accounts)).toEqual([1, 100]);
  });

  it('frees carry the other capacities', () => {
    const s = setUp({ account: 0 });
    const row = s.psi.plan.accounts + KEY * PSI_SHARED_STAT.words;
    Shared.capacityAdd(s.mem, row + A.freeCountCapacity, 2);
    Shared.capacityAdd(s.mem, row + A.freeSizeCapacity, 100);
    s.give(s.a, 30);
    expect(Shared.capacityOf(s.mem, row + A.freeCountCapacity)).toBe(1);
    expect(Shared.capacityOf(s.mem, row + A.freeSizeCapacity)).toBe(70);
  });
});

describe('the wider tables', () => {
  it('add up a bucket and those below it', () => {
    const s = setUp({ account: 0 });
    psiAttach(s.b, s.psi, { user: 0, host: 1 });
    s.take(s.a, 100);
    s.take(s.b, 30);
    const row = <R extends MemorySummary>(rows: R[]) =>
      rows.filter((r) => r.EVENT_NAME === MEM_KEYS[KEY].name);
    // Users are cron, and app of the account; hosts are h2, and h1.
    expect(row(memorySummaryByAccount(s.mem, s.psi)).map((r) => [r.USER, r.HOST, r.COUNT_ALLOC])).toEqual([
      ['app', 'h1', 1],
    ]);
    expect(
      row(memorySummaryByUser(s.mem, s.psi)).map((r) => [r.USER, r.CURRENT_NUMBER_OF_BYTES_USED]),
    ).toEqual([
      ['cron', 30],
      ['app', 100],
    ]);
    expect(
      row(memorySummaryByHost(s.mem, s.psi)).map((r) => [r.HOST, r.CURRENT_NUMBER_OF_BYTES_USED]),
    ).toEqual([
      ['h2', 0],
      ['h1', 130],
    ]);
    expect(bytes(s.global())).toEqual([0, 130, 130]);
  });

  it('have MySQL’s columns in MySQL’s order', () => {
    const columns = [
      'EVENT_NAME',
      'COUNT_ALLOC',
      'COUNT_FREE',
      'SUM_NUMBER_OF_BYTES_ALLOC',
      'SUM_NUMBER_OF_BYTES_FREE',
      'LOW_COUNT_USED',
      'CURRENT_COUNT_USED',
      'HIGH_COUNT_USED',
      'LOW_NUMBER_OF_BYTES_USED',
      'CURRENT_NUMBER_OF_BYTES_USED',
      'HIGH_NUMBER_OF_BYTES_USED',
    ];
    const { mem, psi, global } = setUp();
    expect(Object.keys(global())).toEqual(columns);
    expect(Object.keys(memorySummaryByThread(mem, psi)[0])).toEqual(['THREAD_ID', ...columns]);
    expect(Object.keys(memorySummaryByAccount(mem, psi)[0])).toEqual(['USER', 'HOST', ...columns]);
    expect(Object.keys(memorySummaryByUser(mem, psi)[0])).toEqual(['USER', ...columns]);
    expect(Object.keys(memorySummaryByHost(mem, psi)[0])).toEqual(['HOST', ...columns]);
  });
});

describe('shared numbers', () => {
  const kit = new MemoryKit({ pages: [4], psi: { keys: 2 } });
  const { mem } = kit;
  const at = kit.psi.plan.global + PSI_SHARED_STAT.words;
  const BIG = 2 ** 22;

  it('sums carry into their high word and back', () => {
    mem.fill(0, at, at + 2);
    const adds = [2 ** 32 - 1, 1, 5, 2 ** 33 + 7, 2 ** 31, 2 ** 31, 2 ** 40];
    let sum = 0;
    for (const n of adds) {
      Shared.sumAdd(mem, at, n);
      expect(Shared.sumOf(mem, at)).toBe((sum += n));
    }
    for (const n of adds.toReversed()) {
      Shared.sumSub(mem, at, n);
      expect(Shared.sumOf(mem, at)).toBe((sum -= n));
    }
  });

  it('capacities give what there is, however it lies in their words', () => {
    mem.fill(0, at, at + 2);
    let model = 0;
    let seed = 12345;
    const sizes = [1, 3, 100, BIG - 1, BIG, BIG + 1, 3 * BIG + 17, 2 ** 32, 0];
    for (let i = 0; i < 3000; i++) {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      const n = sizes[(seed >>> 8) % sizes.length];
      if ((seed >>> 28) % 2 === 0) {
        Shared.capacityAdd(mem, at, n);
        model += n;
      } else {
        const got = Shared.capacityTake(mem, at, n);
        expect(got).toBe(Math.min(n, model));
        model -= got;
      }
      expect(Shared.capacityOf(mem, at)).toBe(model);
      expect([mem[at] >= 0, mem[at] < BIG, mem[at + 1] >= 0]).toEqual([true, true, true]);
    }
  });
});
