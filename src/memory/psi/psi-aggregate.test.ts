/** What becomes of statistics when a thread ends or a table is truncated (facts A 6.6). */
import { describe, expect, it } from 'vitest';
import type { Thread } from '../../sync/thread.ts';
import { MEM_KEY, MEM_KEYS } from './psi-keys.ts';
import { psiSetInstrumented } from './psi-setup.ts';
import { PsiSum } from './psi-sum.ts';
import { type MemorySummary, memorySummary, memorySummaryByThread } from './psi-tables.ts';
import type { PsiIdentity } from './psi-thread.ts';
import { type PsiTable, psiTruncate } from './psi-truncate.ts';
import { psiAttach, psiDetach, psiMemoryAlloc, psiMemoryFree } from './psi.ts';
import { MemoryKit } from '../test-kit.ts';

const KEY = MEM_KEY.std;
const TABLES: readonly PsiTable[] = ['byThread', 'byAccount', 'byUser', 'byHost', 'global'];

/** Allocated, freed, low, current, high: bytes. */
const show = (r: MemorySummary | undefined) =>
  r && [
    r.SUM_NUMBER_OF_BYTES_ALLOC,
    r.SUM_NUMBER_OF_BYTES_FREE,
    r.LOW_NUMBER_OF_BYTES_USED,
    r.CURRENT_NUMBER_OF_BYTES_USED,
    r.HIGH_NUMBER_OF_BYTES_USED,
  ];

function setUp(who: PsiIdentity = {}) {
  const kit = new MemoryKit({
    pages: [4],
    psi: {
      accounts: [
        { user: 'app', host: 'h1' },
        { user: null, host: 'h1' },
        { user: 'app', host: null },
      ],
    },
  });
  const { mem, psi } = kit;
  const [a, b] = [kit.thread(1), kit.thread(2)];
  psiAttach(a, psi, who);
  const take = (thr: Thread, n: number) => psiMemoryAlloc(thr, psi, KEY, n);
  const give = (thr: Thread, n: number, owner = thr.id) => psiMemoryFree(thr, psi, KEY, n, owner);
  const bucket = (first: number, no = 0) => show(new PsiSum(mem, psi.plan, KEY).addShared(first, no).row(''));
  const { accounts, users, hosts, global } = psi.plan;
  const buckets = () => ({
    account: bucket(accounts),
    user: bucket(users),
    host: bucket(hosts),
    global: bucket(global),
  });
  const ofThread = (id: number) =>
    show(
      memorySummaryByThread(mem, psi).find((r) => r.THREAD_ID === id && r.EVENT_NAME === MEM_KEYS[KEY].name),
    );
  const all = () => show(memorySummary(mem, psi, KEY));
  return { kit, mem, psi, a, b, take, give, bucket, buckets, ofThread, all };
}
const NOTHING = [0, 0, 0, 0, 0];

/** 230 bytes allocated, 150 freed, at most 150 in use; 80 are left. */
function work(s: ReturnType<typeof setUp>): void {
  s.take(s.a, 100);
  s.take(s.a, 50);
  s.give(s.a, 100);
  s.take(s.a, 80);
  s.give(s.a, 50);
}

describe('a thread ends', () => {
  it('the balanced part goes to its account, what is in use to the global statistics', () => {
    const s = setUp({ account: 0 });
    work(s);
    expect([s.ofThread(1), s.all()]).toEqual([
      [230, 150, 0, 80, 150],
      [230, 150, 0, 80, 150],
    ]);
    psiDetach(s.a, s.psi);
    expect(s.ofThread(1)).toBeUndefined();
    expect(s.buckets()).toEqual({
      account: [150, 150, 0, 0, 70],
      user: NOTHING,
      host: NOTHING,
      global: [80, 0, 0, 80, 80],
    });
    expect(s.all()).toEqual([230, 150, 0, 80, 150]);
    expect(s.kit.account(KEY)).toMatchObject({ allocCount: 3, freeCount: 2 });
  });

  it('without an account both user and host have it; the view adds up the host only', () => {
    const s = setUp({ user: 0, host: 0 });
    work(s);
    psiDetach(s.a, s.psi);
    expect(s.buckets()).toEqual({
      account: NOTHING,
      user: [150, 150, 0, 0, 70],
      host: [150, 150, 0, 0, 70],
      global: [80, 0, 0, 80, 80],
    });
    expect(s.all()).toEqual([230, 150, 0, 80, 150]);
  });

  it('the global statistics stand in for a host that is not known, and for all', () => {
    for (const who of [{ user: 0 }, {}]) {
      const s = setUp(who);
      work(s);
      psiDetach(s.a, s.psi);
      const { user, global } = s.buckets();
      expect(user).toEqual('user' in who ? [150, 150, 0, 0, 70] : NOTHING);
      expect(global).toEqual([230, 150, 0, 80, 150]);
      expect(s.all()).toEqual([230, 150, 0, 80, 150]);
    }
  });

  it('low-water capacity goes with what is in use, as far as there is so much', () => {
    const s = setUp({ account: 0 });
    s.take(s.a, 100);
    psiTruncate(s.b, s.psi, 'global');
    s.take(s.a, 30);
    // LOW is 100: only 30 of capacity go with 130 bytes.
    expect(s.ofThread(1)).toEqual([130, 0, 100, 130, 130]);
    psiDetach(s.a, s.psi);
    expect(s.buckets().global).toEqual([130, 0, 100, 130, 130]);
    expect(s.buckets().account).toEqual(NOTHING);
  });

  it('a thread with less than nothing gives all to its account', () => {
    const s = setUp({ account: 0 });
    s.give(s.a, 40);
    psiDetach(s.a, s.psi);
    expect(s.buckets()).toMatchObject({ account: [0, 40, -40, -40, 0], global: NOTHING });
  });

  it('nothing is counted for it any more', () => {
    const s = setUp();
    psiDetach(s.a, s.psi);
    psiDetach(s.a, s.psi);
    expect(s.take(s.a, 100)).toBe(0);
    expect(s.all()).toEqual(NOTHING);
  });
});

describe('TRUNCATE', () => {
  it('by_thread: what was freed again moves to the account with all capacities; what is in use stays', () => {
    const s = setUp({ account: 0 });
    work(s);
    psiTruncate(s.a, s.psi, 'byThread');
    expect(s.ofThread(1)).toEqual([80, 0, 80, 80, 80]);
    expect(s.buckets()).toEqual({
      account: [150, 150, -80, 0, 70],
      user: NOTHING,
      host: NOTHING,
      global: NOTHING,
    });
    expect(s.all()).toEqual([230, 150, 0, 80, 150]);
    // The next delta takes of the account's capacity.
    s.take(s.a, 30);
    expect(s.ofThread(1)).toEqual([110, 0, 80, 110, 110]);
    expect(s.all()).toEqual([260, 150, 0, 110, 150]);
  });

  const moved = [150, 150, -80, 0, 70];
  it.each([
    ['byThread', { account: moved, user: NOTHING, host: NOTHING, global: NOTHING }],
    ['byAccount', { account: NOTHING, user: moved, host: moved, global: NOTHING }],
    ['byUser', { account: NOTHING, user: NOTHING, host: moved, global: NOTHING }],
    ['byHost', { account: NOTHING, user: moved, host: NOTHING, global: moved }],
    ['global', { account: NOTHING, user: NOTHING, host: NOTHING, global: NOTHING }],
  ] as const)(
    '%s: where the base of a thread with an account ends up, done at once or later',
    (table, expected) => {
      for (const who of ['a', 'b'] as const) {
        const s = setUp({ account: 0 });
        work(s);
        psiTruncate(s[who], s.psi, table);
        // By another thread it is only asked for: the tables show it all the same.
        expect(s.ofThread(1)).toEqual([80, 0, 80, 80, 80]);
        expect(s.all()).toEqual(table === 'global' ? [80, 0, 80, 80, 80] : [230, 150, 0, 80, 150]);
        s.take(s.a, 1);
        s.give(s.a, 1);
        const { account, user, host, global } = s.buckets();
        const sums = (r: readonly number[] | undefined) => r?.slice(0, 2);
        expect([account, user, host, global].map(sums)).toEqual(
          [expected.account, expected.user, expected.host, expected.global].map(sums),
        );
      }
    },
  );

  it.each([
    ['byThread', [150, 150]],
    ['byAccount', [0, 0]],
    ['byUser', [0, 0]],
    ['byHost', [0, 0]],
    ['global', [0, 0]],
  ] as const)('%s: what an account, a user and a host have of their own', (table, account) => {
    const s = setUp({ account: 0 });
    work(s);
    psiDetach(s.a, s.psi);
    psiTruncate(s.b, s.psi, table);
    const kept = (r: readonly number[] | undefined) => r?.slice(0, 2);
    expect(kept(s.buckets().account)).toEqual(account);
    expect(kept(s.buckets().user)).toEqual(table === 'byAccount' || table === 'byHost' ? [150, 150] : [0, 0]);
    expect(kept(s.buckets().host)).toEqual(table === 'byAccount' || table === 'byUser' ? [150, 150] : [0, 0]);
    expect(kept(s.buckets().global)).toEqual(table === 'byHost' ? [230, 150] : [80, 0]);
    const capacity = table === 'global' ? [80, 0, 80, 80, 80] : [230, 150, 0, 80, 150];
    expect(s.all()).toEqual(capacity);
    // Once more, from where it is now.
    for (const next of TABLES.slice(0, 4)) psiTruncate(s.b, s.psi, next);
    expect(s.all()).toEqual(capacity);
    psiTruncate(s.b, s.psi, 'global');
    expect(s.all()).toEqual([80, 0, 80, 80, 80]);
  });

  it('accounts of nobody, and of nowhere', () => {
    const s = setUp({ account: 1 });
    const { plan } = s.psi;
    work(s);
    psiDetach(s.a, s.psi);
    psiAttach(s.b, s.psi, { account: 2 });
    s.take(s.b, 10);
    s.give(s.b, 10);
    psiTruncate(s.b, s.psi, 'byAccount');
    // The first has a host only; the second a user only: the global statistics stand in for its host.
    expect(s.bucket(plan.hosts)?.slice(0, 2)).toEqual([150, 150]);
    expect(s.bucket(plan.users)?.slice(0, 2)).toEqual([10, 10]);
    expect(s.bucket(plan.global)?.slice(0, 2)).toEqual([90, 10]);
    expect(s.all()?.slice(0, 2)).toEqual([240, 160]);
  });

  it('is done by a thread that dies before it looks', () => {
    const s = setUp({ account: 0 });
    work(s);
    psiTruncate(s.b, s.psi, 'global');
    psiDetach(s.a, s.psi);
    expect(s.all()).toEqual([80, 0, 80, 80, 80]);
    expect(s.buckets().account).toEqual(NOTHING);
  });

  it('does not wake a thread that is not instrumented: its frees still do it first', () => {
    const s = setUp({ account: 0 });
    work(s);
    psiSetInstrumented(s.mem, s.psi, 1, false);
    psiTruncate(s.b, s.psi, 'byThread');
    expect(s.take(s.a, 5)).toBe(0);
    expect(s.ofThread(1)).toEqual([80, 0, 80, 80, 80]);
    s.give(s.a, 80);
    expect(s.ofThread(1)).toEqual([80, 80, 0, 0, 80]);
    expect(s.all()).toEqual([230, 230, 0, 0, 150]);
  });

  it('global: what another thread freed leaves no capacity below nothing', () => {
    const s = setUp();
    s.take(s.a, 100);
    s.give(s.b, 100, 1);
    psiTruncate(s.b, s.psi, 'global');
    expect(s.all()).toEqual([100, 100, 0, 0, 0]);
    s.take(s.a, 10);
    expect(s.all()).toEqual([110, 100, 10, 10, 10]);
  });
});
