import { describe, expect, it } from 'vitest';
import { PSI_THREAD } from '../../layout/psi.ts';
import type { Thread } from '../../sync/thread.ts';
import { KEY_NONE, MEM_KEY, MEM_KEYS, PSI_MEM_CNT_BIT } from './psi-keys.ts';
import { psiSetConsumers, psiSetInstrument, psiSetInstrumented } from './psi-setup.ts';
import { type MemorySummary, memorySummaryByThread, psiThreadMemory } from './psi-tables.ts';
import { psiThreadAt } from './psi-thread.ts';
import * as P from './psi.ts';
import { MemoryKit } from '../test-kit.ts';

/** Collected; not collected; counted globally only. */
const STRING = MEM_KEY.stringValue;
const STD = MEM_KEY.std;
const ACL = MEM_KEY.aclCache;
const THD = 7777;

/** What the connection counter was told, in order. */
class Told implements P.ConnCounter {
  readonly calls: (readonly [what: string, thd: number, bytes: number])[] = [];
  onAlloc = (): void => {};
  alloc(_thr: Thread, thd: number, bytes: number): void {
    this.calls.push(['alloc', thd, bytes]);
    this.onAlloc();
  }
  free(_thr: Thread, thd: number, bytes: number): void {
    this.calls.push(['free', thd, bytes]);
  }
}

function setUp() {
  const told = new Told();
  const kit = new MemoryKit({ pages: [4], counter: () => told });
  const { mem, psi } = kit;
  const [a, b] = [kit.thread(1), kit.thread(2)];
  const alloc = (thr: Thread, key: number, bytes: number) => {
    const stored = P.psiMemoryAlloc(thr, psi, key, bytes);
    return { key: stored, owner: thr.psiOwner, bytes };
  };
  type Block = ReturnType<typeof alloc>;
  const free = (thr: Thread, p: Block) => P.psiMemoryFree(thr, psi, p.key, p.bytes, p.owner);
  const claim = (thr: Thread, p: Block, take: boolean): Block => {
    const key = P.psiMemoryClaim(thr, psi, p.key, p.bytes, p.owner, take);
    return { ...p, key, owner: thr.psiOwner };
  };
  const used = (r: MemorySummary) => [r.CURRENT_COUNT_USED, r.CURRENT_NUMBER_OF_BYTES_USED];
  const ofThread = (id: number, key: number) =>
    memorySummaryByThread(mem, psi).find((r) => r.THREAD_ID === id && r.EVENT_NAME === MEM_KEYS[key].name);
  const inUse = (id: number, key: number) => used(ofThread(id, key) as MemorySummary);
  const global = (key: number) => {
    const { currentCount, currentBytes, allocCount, freeCount } = kit.account(key);
    return [currentCount, currentBytes, allocCount, freeCount];
  };
  const controlled = (id: number) => Object.values(psiThreadMemory(mem, psi, id));
  return { kit, mem, psi, told, a, b, alloc, free, claim, inUse, global, controlled };
}

describe('memory_alloc', () => {
  it('counts for the thread: its id as owner, the key back', () => {
    const { a, alloc, inUse, global } = setUp();
    expect(alloc(a, STD, 100)).toMatchObject({ key: STD, owner: 1 });
    expect([inUse(1, STD), inUse(2, STD), global(STD)]).toEqual([
      [1, 100],
      [0, 0],
      [1, 100, 1, 0],
    ]);
  });

  it('an instrument that counts for connections sets bit 31, with a session or without', () => {
    const { a, alloc, told, controlled } = setUp();
    expect(alloc(a, STRING, 100)).toMatchObject({ key: STRING | PSI_MEM_CNT_BIT, owner: 1 });
    expect(told.calls).toEqual([]);
    P.psiSetMemCntThd(a, THD);
    alloc(a, STRING, 50);
    alloc(a, STD, 1000);
    expect(told.calls).toEqual([['alloc', THD, 50]]);
    // controlled, its maximum, total, its maximum
    expect(controlled(1)).toEqual([150, 150, 1150, 1150]);
  });

  it('tells the connection before it counts', () => {
    const { a, alloc, told, inUse } = setUp();
    P.psiSetMemCntThd(a, THD);
    let before: number[] = [];
    told.onAlloc = () => (before = inUse(1, STRING));
    alloc(a, STRING, 50);
    expect(before).toEqual([0, 0]);
  });

  it('counts globally only what is counted so: no owner, no bit even if it is set to be controlled', () => {
    const { mem, psi, a, alloc, free, inUse, global, told } = setUp();
    psiSetInstrument(mem, psi, ACL, { controlled: true });
    P.psiSetMemCntThd(a, THD);
    const p = alloc(a, ACL, 100);
    expect(p).toMatchObject({ key: ACL, owner: 0 });
    expect([inUse(1, ACL), global(ACL)]).toEqual([
      [0, 0],
      [1, 100, 1, 0],
    ]);
    free(a, p);
    expect([global(ACL), told.calls]).toEqual([[0, 0, 1, 1], []]);
  });

  it('counts globally while threads are not counted', () => {
    const { mem, psi, a, alloc, inUse, global, told } = setUp();
    P.psiSetMemCntThd(a, THD);
    psiSetConsumers(mem, psi, { threadInstrumentation: false });
    expect(alloc(a, STRING, 100)).toMatchObject({ key: STRING, owner: 0 });
    expect([inUse(1, STRING), global(STRING), told.calls]).toEqual([[0, 0], [1, 100, 1, 0], []]);
  });

  it.each([
    ['nothing is counted', (s: Setup) => psiSetConsumers(s.mem, s.psi, { globalInstrumentation: false })],
    ['the instrument is disabled', (s: Setup) => psiSetInstrument(s.mem, s.psi, STD, { enabled: false })],
    ['the thread is not instrumented', (s: Setup) => psiSetInstrumented(s.mem, s.psi, 1, false)],
    ['the thread is not known', (s: Setup) => P.psiDetach(s.a, s.psi)],
  ])('counts nothing when %s: key 0, no owner', (_, prepare) => {
    const s = setUp();
    s.a.psiOwner = 9;
    prepare(s);
    expect(s.alloc(s.a, STD, 100)).toMatchObject({ key: KEY_NONE, owner: 0 });
    expect(s.global(STD)).toEqual([0, 0, 0, 0]);
  });

  it('counts nothing for keys without an instrument', () => {
    const { a, alloc, kit } = setUp();
    for (const key of [KEY_NONE, MEM_KEYS.length, 1 << 30]) {
      expect(alloc(a, key, 100)).toMatchObject({ key: KEY_NONE, owner: 0 });
    }
    expect(kit.account(KEY_NONE).allocCount).toBe(0);
  });

  it('counts again what is enabled again', () => {
    const { mem, psi, a, alloc } = setUp();
    psiSetInstrumented(mem, psi, 1, false);
    psiSetInstrumented(mem, psi, 1, true);
    psiSetConsumers(mem, psi, { globalInstrumentation: false, threadInstrumentation: false });
    psiSetConsumers(mem, psi, { globalInstrumentation: true, threadInstrumentation: true });
    psiSetInstrument(mem, psi, STD, { enabled: false });
    psiSetInstrument(mem, psi, STD, { enabled: true });
    expect(alloc(a, STD, 100)).toMatchObject({ key: STD, owner: 1 });
  });
});
type Setup = ReturnType<typeof setUp>;

describe('memory_free', () => {
  it('by the owner counts in its statistics, and for its connection if bit 31 is stored', () => {
    const { a, alloc, free, inUse, told, controlled } = setUp();
    P.psiSetMemCntThd(a, THD);
    free(a, alloc(a, STRING, 100));
    free(a, alloc(a, STD, 100));
    expect([inUse(1, STRING), inUse(1, STD)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(told.calls).toEqual([
      ['alloc', THD, 100],
      ['free', THD, 100],
    ]);
    expect(controlled(1)).toEqual([0, 100, 0, 100]);
  });

  it('a block without the bit never leaves the counter', () => {
    const { mem, psi, a, alloc, free, told } = setUp();
    P.psiSetMemCntThd(a, THD);
    psiSetInstrument(mem, psi, STRING, { controlled: false });
    const p = alloc(a, STRING, 100);
    psiSetInstrument(mem, psi, STRING, { controlled: true });
    free(a, p);
    expect(told.calls).toEqual([]);
  });

  it('by another thread counts globally, and for no connection', () => {
    const { a, b, alloc, free, inUse, global, told } = setUp();
    P.psiSetMemCntThd(a, THD);
    P.psiSetMemCntThd(b, THD + 1);
    free(b, alloc(a, STRING, 100));
    expect([inUse(1, STRING), inUse(2, STRING), global(STRING)]).toEqual([
      [1, 100],
      [0, 0],
      [0, 0, 1, 1],
    ]);
    expect(told.calls).toEqual([['alloc', THD, 100]]);
  });

  it.each([
    ['nothing is counted', (s: Setup) => psiSetConsumers(s.mem, s.psi, { globalInstrumentation: false })],
    ['the instrument is disabled', (s: Setup) => psiSetInstrument(s.mem, s.psi, STD, { enabled: false })],
    ['the thread is not instrumented', (s: Setup) => psiSetInstrumented(s.mem, s.psi, 1, false)],
  ])('does not ask what is enabled: %s', (_, prepare) => {
    const s = setUp();
    const p = s.alloc(s.a, STD, 100);
    prepare(s);
    s.free(s.a, p);
    expect([s.inUse(1, STD), s.global(STD)]).toEqual([
      [0, 0],
      [0, 0, 1, 1],
    ]);
  });

  it.each([
    [
      'while threads are not counted',
      (s: Setup) => psiSetConsumers(s.mem, s.psi, { threadInstrumentation: false }),
    ],
    ['by a thread that is not known any more', (s: Setup) => P.psiDetach(s.a, s.psi)],
  ])('%s counts globally', (_, prepare) => {
    const s = setUp();
    P.psiSetMemCntThd(s.a, THD);
    const p = s.alloc(s.a, STRING, 100);
    prepare(s);
    s.free(s.a, p);
    expect([s.global(STRING), s.told.calls]).toEqual([[0, 0, 1, 1], [['alloc', THD, 100]]]);
  });

  it('does nothing for keys without an instrument', () => {
    const { kit, a, free } = setUp();
    for (const key of [KEY_NONE, PSI_MEM_CNT_BIT]) free(a, { key, bytes: 100, owner: 0 });
    for (const owner of [0, 1]) free(a, { key: MEM_KEYS.length, bytes: 100, owner });
    expect(kit.account(KEY_NONE).freeCount).toBe(0);
    expect(kit.account(1).freeCount).toBe(0);
  });
});

describe('memory_realloc', () => {
  it('allocates the new size, then frees the old one', () => {
    const { kit, psi, a, alloc, free, global, told } = setUp();
    P.psiSetMemCntThd(a, THD);
    const p = alloc(a, STRING, 100);
    const key = P.psiMemoryRealloc(a, psi, p.key, 100, 250, p.owner);
    expect([key, a.psiOwner]).toEqual([STRING | PSI_MEM_CNT_BIT, 1]);
    expect(global(STRING)).toEqual([1, 250, 2, 1]);
    expect(told.calls.slice(1)).toEqual([
      ['alloc', THD, 250],
      ['free', THD, 100],
    ]);
    // Both were in use at once, as far as the watermark goes.
    const row = memorySummaryByThread(kit.mem, psi).find((r) => r.COUNT_ALLOC > 0);
    expect(row).toMatchObject({ HIGH_NUMBER_OF_BYTES_USED: 350, HIGH_COUNT_USED: 2 });
    free(a, { key, owner: 1, bytes: 250 });
    expect(global(STRING)).toEqual([0, 0, 2, 2]);
  });
});

describe('memory_claim', () => {
  it('a block goes from its owner to nobody, and from nobody to another', () => {
    const { a, b, alloc, free, claim, inUse, global, told } = setUp();
    P.psiSetMemCntThd(a, THD);
    P.psiSetMemCntThd(b, THD + 1);
    const p = alloc(a, STRING, 100);
    const between = claim(a, p, false);
    expect(between).toMatchObject({ key: STRING, owner: 0 });
    expect([inUse(1, STRING), inUse(2, STRING), global(STRING)]).toEqual([
      [0, 0],
      [0, 0],
      [1, 100, 2, 1],
    ]);
    const taken = claim(b, between, true);
    expect(taken).toMatchObject({ key: STRING | PSI_MEM_CNT_BIT, owner: 2 });
    expect([inUse(1, STRING), inUse(2, STRING), global(STRING)]).toEqual([
      [0, 0],
      [1, 100],
      [1, 100, 3, 2],
    ]);
    free(b, taken);
    expect([inUse(2, STRING), global(STRING)]).toEqual([
      [0, 0],
      [0, 0, 3, 3],
    ]);
    expect(told.calls).toEqual([
      ['alloc', THD, 100],
      ['free', THD, 100],
      ['alloc', THD + 1, 100],
      ['free', THD + 1, 100],
    ]);
  });

  it('only its owner gives a block away, and only nobody’s is taken; nothing is counted otherwise', () => {
    const { a, b, alloc, claim, global } = setUp();
    const p = alloc(a, STD, 100);
    expect(() => claim(b, p, false)).toThrow(/thread 2 gives away what is thread 1's/);
    expect(() => claim(b, p, true)).toThrow(/thread 2 takes what is thread 1's/);
    expect(() => claim(a, p, true)).toThrow(/thread 1 takes what is thread 1's/);
    expect(global(STD)).toEqual([1, 100, 1, 0]);
    const nobodys = claim(a, p, false);
    expect(claim(a, nobodys, false)).toEqual(nobodys);
    expect(global(STD)).toEqual([1, 100, 2, 1]);
  });

  it('bit 31 is judged anew by the recipient', () => {
    const { mem, psi, a, b, alloc, claim } = setUp();
    const p = claim(a, alloc(a, STRING, 100), false);
    psiSetInstrument(mem, psi, STRING, { controlled: false });
    expect(claim(b, p, true)).toMatchObject({ key: STRING, owner: 2 });
    const q = claim(a, alloc(a, STD, 100), false);
    psiSetInstrument(mem, psi, STD, { controlled: true });
    expect(claim(b, q, true).key).toBe(STD | PSI_MEM_CNT_BIT);
  });

  it('what is counted globally only is never anybody’s', () => {
    const { a, b, alloc, claim, global } = setUp();
    const p = claim(a, alloc(a, ACL, 100), false);
    expect(claim(b, p, true)).toEqual({ key: ACL, owner: 0, bytes: 100 });
    expect(global(ACL)).toEqual([1, 100, 1, 0]);
  });

  it.each([
    ['nothing is counted', (s: Setup) => psiSetConsumers(s.mem, s.psi, { globalInstrumentation: false })],
    [
      'threads are not counted',
      (s: Setup) => psiSetConsumers(s.mem, s.psi, { threadInstrumentation: false }),
    ],
    ['the instrument is disabled', (s: Setup) => psiSetInstrument(s.mem, s.psi, STD, { enabled: false })],
    ['it is not instrumented', (s: Setup) => psiSetInstrumented(s.mem, s.psi, 2, false)],
    ['it is not known', (s: Setup) => P.psiDetach(s.b, s.psi)],
  ])('a recipient leaves the block nobody’s when %s', (_, prepare) => {
    const s = setUp();
    const p = s.claim(s.a, s.alloc(s.a, STD, 100), false);
    prepare(s);
    expect(s.claim(s.b, p, true)).toMatchObject({ key: STD, owner: 0 });
    expect(s.global(STD)).toEqual([1, 100, 2, 1]);
    s.free(s.b, p);
    expect(s.global(STD)).toEqual([0, 0, 2, 2]);
  });

  it('a block that was not counted stays so', () => {
    const { a, claim } = setUp();
    const p = { key: KEY_NONE, owner: 0, bytes: 100 };
    expect(claim(a, p, true)).toEqual(p);
    expect(claim(a, p, false)).toEqual(p);
  });
});

describe('threads', () => {
  it('who takes over an id begins with nothing, and what was left is aggregated', () => {
    const { kit, mem, psi, a, alloc, inUse, global, controlled } = setUp();
    P.psiSetMemCntThd(a, THD);
    alloc(a, STRING, 100);
    kit.thread(1);
    expect([inUse(1, STRING), global(STRING), controlled(1)]).toEqual([
      [0, 0],
      [1, 100, 1, 0],
      [0, 0, 0, 0],
    ]);
    expect(mem[psiThreadAt(psi.plan, 1) + PSI_THREAD.at.cntThd]).toBe(0);
  });

  it('somebody else clears up after one that died', () => {
    const { kit, mem, psi, a, b, alloc, global } = setUp();
    alloc(a, STD, 100);
    P.psiReap(b, psi, 1);
    P.psiReap(b, psi, 1);
    expect(memorySummaryByThread(mem, psi).some((r) => r.THREAD_ID === 1)).toBe(false);
    expect(global(STD)).toEqual([1, 100, 1, 0]);
    expect(kit.account(STD).currentCount).toBe(1);
  });

  it('set_mem_cnt_THD gives back who paid before; without a PSI_THREAD it does nothing', () => {
    const { kit, a, psi, alloc, told } = setUp();
    expect(P.psiSetMemCntThd(a, THD)).toBe(0);
    alloc(a, STRING, 1);
    expect(P.psiSetMemCntThd(a, THD + 1)).toBe(THD);
    alloc(a, STRING, 2);
    expect(P.psiSetMemCntThd(a, 0)).toBe(THD + 1);
    alloc(a, STRING, 3);
    expect(told.calls).toEqual([
      ['alloc', THD, 1],
      ['alloc', THD + 1, 2],
    ]);
    P.psiDetach(a, psi);
    expect(P.psiSetMemCntThd(a, THD)).toBe(0);
    expect(kit.mem.subarray(0, 16).every((word) => word === 0)).toBe(true);
  });
});
