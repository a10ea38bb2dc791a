/** Facts B 4: shape of the LRU list, number for number. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUF_BLOCK, BUF_POOL } from '../layout/buffer.ts';
import { NIL } from '../layout/schema.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { freeListPop } from './free-list.ts';
import { isOld, lruAdd, lruItrStart, lruMakeOld, lruMakeYoung, lruRemove, lruSetOldRatio } from './lru.ts';
import { desiredOldLen, lruOldRatio } from './sizes.ts';
import { PoolKit } from './test-kit.ts';

const { pageNo: PAGE_NO, oldClock: OLD_CLOCK } = BUF_BLOCK.at;

/** A list of blocks numbered 1, 2, 3 …, without a page hash; the LRU mutex is held during a test. */
let kit: PoolKit;
let byId: number[];

beforeEach(() => {
  kit = new PoolKit({ blocks: 4200, frames: false });
  byId = [NIL];
  mutexEnter(kit.thr, kit.inst.lruListMutex);
});
afterEach(() => {
  checkShape();
  mutexExit(kit.thr, kit.inst.lruListMutex);
});

function add(upTo: number, old: boolean): void {
  while (byId.length <= upTo) {
    const block = freeListPop(kit.thr, kit.inst);
    kit.mem[block + PAGE_NO] = byId.length;
    byId.push(block);
    lruAdd(kit.thr, kit.inst, block, old);
  }
}

const remove = (id: number): void => lruRemove(kit.thr, kit.inst, byId[id]);
const young = (id: number): void => lruMakeYoung(kit.thr, kit.inst, byId[id]);
const ids = (): number[] => kit.pages('lru');
const oldIds = (): number[] =>
  kit
    .list('lru')
    .filter((b) => isOld(kit.mem, b))
    .map((b) => kit.of(b, 'pageNo'));
const setPct = (pct: number): void => lruSetOldRatio(kit.thr, kit.inst, lruOldRatio(pct));

/** Length, position and id of LRU_old; [0, -1, 0] when there is none. */
function midpoint(): number[] {
  const block = kit.val('lruOld');
  return [kit.val('lruOldLen'), kit.list('lru').indexOf(block), block === NIL ? 0 : kit.of(block, 'pageNo')];
}

/** Invariants 3 and 6 of facts B 14, links both ways, worked out independently of validate.ts. */
function checkShape(): void {
  const list = kit.list('lru');
  const back: number[] = [];
  for (let b = kit.val('lruLast'); b !== NIL; b = kit.of(b, 'lruPrev')) back.unshift(b);
  expect(back).toEqual(list);
  expect(kit.val('lruLen')).toBe(list.length);
  const flags = list.map((b) => isOld(kit.mem, b));
  if (list.length < 512) {
    expect(flags.includes(true)).toBe(false);
    expect(midpoint()).toEqual([0, -1, 0]);
    return;
  }
  const at = list.indexOf(kit.val('lruOld'));
  expect(flags).toEqual(list.map((_, i) => i >= at));
  expect(kit.val('lruOldLen')).toBe(list.length - at);
  expect(Math.abs(list.length - at - desiredOldLen(list.length, kit.val('lruOldRatio')))).toBeLessThanOrEqual(
    20,
  );
}

describe('facts 4.7: midpoint after insertions', () => {
  it.each([
    [511, 0, -1, 0],
    [512, 209, 303, 209],
    [513, 209, 304, 513],
    [520, 211, 309, 520],
    [600, 241, 359, 600],
    [700, 278, 422, 700],
    [1000, 389, 611, 999],
    [2000, 758, 1242, 1999],
    [4096, 1532, 2564, 4095],
  ])('%i pages, all as old', (n, ...expected) => {
    add(n, true);
    expect(midpoint()).toEqual(expected);
  });

  it.each([
    [511, 0, -1, 0],
    [512, 209, 303, 209],
    [513, 209, 304, 209],
    [520, 209, 311, 209],
    [600, 209, 391, 209],
    [700, 238, 462, 238],
    [1000, 349, 651, 349],
    [2000, 718, 1282, 718],
    [4096, 1492, 2604, 1492],
  ])('%i pages, all as young', (n, ...expected) => {
    add(n, false);
    expect(midpoint()).toEqual(expected);
  });
});

describe('facts 4.7: from the list of 1000 old insertions', () => {
  beforeEach(() => add(1000, true));

  it('has the pages around LRU_old, head and tail that InnoDB has', () => {
    const list = ids();
    expect([list[0], list.at(-1)]).toEqual([512, 1]);
    expect(list.slice(610, 614)).toEqual([998, 999, 1000, 997]);
  });

  it('the percentage moves the midpoint to the edge of the band', () => {
    const lengths = [50, 5, 95, 37].map((pct) => {
      setPct(pct);
      checkShape();
      return [kit.val('lruOldRatio'), kit.val('lruOldLen')];
    });
    expect(lengths).toEqual([
      [512, 480],
      [51, 69],
      [972, 929],
      [378, 389],
    ]);
  });

  it('a changed ratio changes the young margin as well; the same ratio does nothing', () => {
    const margin = (): number => kit.val('youngMargin');
    expect(margin()).toBe(Math.floor((4200 * (1024 - 378)) / 4096));
    setPct(50);
    expect(margin()).toBe(Math.floor((4200 * 512) / 4096));
    kit.set('youngMargin', 7);
    setPct(50);
    expect(margin()).toBe(7);
  });

  it('100 times the tail page made young', () => {
    for (let i = 0; i < 100; i++) young(ids().at(-1) ?? 0);
    expect(midpoint()).toEqual([349, 651, 904]);
    expect([ids()[0], ids().at(-1)]).toEqual([100, 101]);
    expect(kit.val('nPagesMadeYoung')).toBe(100);
    expect(kit.stat('makeYoungMoves')).toBe(100);
  });

  it('evicted from the tail down to 512, and one more', () => {
    while (kit.val('lruLen') > 512) remove(ids().at(-1) ?? 0);
    expect(midpoint().slice(0, 2)).toEqual([169, 343]);
    remove(ids().at(-1) ?? 0);
    expect(midpoint()).toEqual([0, -1, 0]);
    expect(oldIds()).toEqual([]);
  });

  it('evicted from the head down to 512', () => {
    while (kit.val('lruLen') > 512) remove(ids()[0]);
    expect(midpoint().slice(0, 2)).toEqual([209, 303]);
  });

  it('the first old page removed: its predecessor takes its place', () => {
    // At the lower edge of the band, so that the removal alone is seen.
    setPct(50);
    const [len, index, first] = midpoint();
    const before = ids()[index - 1];
    remove(first);
    expect(midpoint()).toEqual([len, index - 1, before]);
    expect(isOld(kit.mem, byId[before])).toBe(true);
  });

  it('stays in shape under 3000 random moves', () => {
    let x = 1;
    for (let i = 0; i < 3000; i++) {
      x = (Math.imul(x, 1103515245) + 12345) >>> 0;
      const id = 1 + ((x >>> 8) % 1000);
      if (i % 3 === 0) lruMakeOld(kit.thr, kit.inst, byId[id]);
      else young(id);
      if (i % 100 === 0) checkShape();
    }
  });
});

describe('the length 512 exactly', () => {
  it('going over it and back drops and makes the old sublist', () => {
    add(512, true);
    expect(kit.val('lruOldLen')).toBe(209);
    remove(1);
    expect(midpoint()).toEqual([0, -1, 0]);
    add(513, true);
    // Made anew from scratch: everything old, then adjusted from the head.
    expect(midpoint().slice(0, 2)).toEqual([209, 303]);
    expect(ids()[0]).toBe(513);
  });

  it('a page asked for as old enters at the head while the list is shorter, with the pool clock of the moment', () => {
    kit.set('freedPageClock', 77);
    add(511, true);
    expect(ids().slice(0, 2)).toEqual([511, 510]);
    expect(kit.mem[byId[511] + OLD_CLOCK]).toBe(77);
    // The 512th finds a list of 511: still the head.
    add(512, true);
    expect(ids()[0]).toBe(512);
    kit.mem[byId[512] + OLD_CLOCK] = 0;
    add(513, true);
    expect(ids()[0]).toBe(512);
  });
});

describe('facts 4.4 and 4.5: what moves take along', () => {
  it('an old insertion leaves the page clock alone, a young one copies the pool clock', () => {
    add(600, true);
    kit.set('freedPageClock', 0x7fffffff);
    const block = freeListPop(kit.thr, kit.inst);
    kit.mem[block + OLD_CLOCK] = 5;
    lruAdd(kit.thr, kit.inst, block, true);
    expect(kit.mem[block + OLD_CLOCK] & 0x7fffffff).toBe(5);
    expect(isOld(kit.mem, block)).toBe(true);
    lruMakeYoung(kit.thr, kit.inst, block);
    expect(kit.mem[block + OLD_CLOCK]).toBe(0x7fffffff);
  });

  it('only old pages count as made young', () => {
    add(600, true);
    young(ids()[3]);
    expect([kit.val('nPagesMadeYoung'), kit.stat('makeYoungMoves')]).toEqual([0, 1]);
    young(ids().at(-1) ?? 0);
    expect([kit.val('nPagesMadeYoung'), kit.stat('makeYoungMoves')]).toEqual([1, 2]);
  });

  it('quirk: made old means the midpoint, not the tail', () => {
    add(600, true);
    const head = ids()[0];
    const [, , first] = midpoint();
    lruMakeOld(kit.thr, kit.inst, byId[head]);
    const list = ids();
    const at = list.indexOf(head);
    expect(list[at - 1]).toBe(first);
    expect(isOld(kit.mem, byId[head])).toBe(true);
    expect(list.at(-1)).toBe(1);
  });

  it('wants the LRU mutex', () => {
    mutexExit(kit.thr, kit.inst.lruListMutex);
    add(0, true);
    const block = freeListPop(kit.thr, kit.inst);
    expect(() => lruAdd(kit.thr, kit.inst, block, true)).toThrow(/lruListMutex must be held/);
    mutexEnter(kit.thr, kit.inst.lruListMutex);
  });
});

describe('facts 4.6: hazard pointers', () => {
  it.each(['lruHp', 'lruScanItr', 'singleScanItr'] as const)(
    '%s steps to the predecessor of a removed page',
    (hp) => {
      add(10, true);
      kit.set(hp, byId[4]);
      // Towards the head: 5 was added after 4.
      remove(4);
      expect(kit.val(hp)).toBe(byId[5]);
      remove(3);
      expect(kit.val(hp)).toBe(byId[5]);
      for (const id of [5, 6, 7, 8, 9]) remove(id);
      expect(kit.val(hp)).toBe(byId[10]);
      remove(10);
      expect(kit.val(hp)).toBe(NIL);
    },
  );

  it('a page made young is removed first: a scan at it goes on before it', () => {
    add(10, true);
    kit.set('lruScanItr', byId[1]);
    young(1);
    expect(kit.val('lruScanItr')).toBe(byId[2]);
  });
});

const start = (): number => kit.of(lruItrStart(kit.inst, BUF_POOL.at.lruScanItr), 'pageNo');

describe('facts 3.4: where a scan begins', () => {
  it('nothing stored: the tail', () => {
    add(600, true);
    expect(start()).toBe(1);
    expect(kit.val('lruScanItr')).toBe(byId[1]);
  });

  it('quirk: a position in the old part means the tail, one in the young part is resumed', () => {
    add(600, true);
    kit.set('lruScanItr', byId[oldIds()[0]]);
    expect(start()).toBe(1);
    const lastYoung = ids()[midpoint()[1] - 1];
    kit.set('lruScanItr', byId[lastYoung]);
    expect(start()).toBe(lastYoung);
  });

  it('a list without old sublist is young all through', () => {
    add(100, true);
    kit.set('lruScanItr', byId[50]);
    expect(start()).toBe(50);
  });

  it('an empty list has no start', () => {
    expect(lruItrStart(kit.inst, BUF_POOL.at.singleScanItr)).toBe(NIL);
  });
});
