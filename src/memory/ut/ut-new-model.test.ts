/** Every kind of memory of the `ut::` library at random, by three threads on two nodes, beside a model of the accounts. */
import { expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import * as ut from './ut-new.ts';
import * as A from './ut-new-aligned.ts';
import * as P from './ut-new-page.ts';

interface Live {
  readonly p: number;
  readonly bytes: number;
  readonly key: number;
  /** As counted. */
  readonly total: number;
  readonly stamp: number;
  readonly free: (thr: Thread) => unknown;
}

const KEYS = [MEM_KEY.std, MEM_KEY.ahi, MEM_KEY.other];
const KB16 = 16384;

it.each([
  [1, true],
  [2, true],
  [3, false],
])('seed %i, Performance Schema %s', (seed, pfs) => {
  const kit = new MemoryKit({
    pages: [96, 48],
    node: { origins: true, hugePages: { [KB16]: 6 }, largePageBytes: KB16 },
  });
  const { mem, allOs } = kit;
  const rng = new Rng(seed, 0);
  const threads = [1, 2, 3].map((id) => kit.thread(id));
  const libs = allOs.map((os) => ut.utNewLibrary({ ...kit.env, os }, { pfs }));
  const live: Live[] = [];
  let refused = 0;
  const upTo = (n: number) => rng.below(n);
  const pick = <T>(of: readonly T[]): T => of[upTo(of.length)];

  const take = (): void => {
    const [thr, lib] = [pick(threads), pick(libs)];
    const key = ut.makePsiMemoryKey(pick(KEYS));
    const bytes = pick([0, 1, 7, 40, 300, 700, 4000, 5000, 20000]) + upTo(9);
    const alignment = pick([32, 64, 256, 4096]);
    const kind = upTo(6);
    let p: number;
    let total = 0;
    let free: Live['free'];
    if (kind === 0) {
      p = ut.utNewMallocWithkey(thr, lib, key, bytes);
      total = bytes + 32;
      free = (by) => ut.utNewFree(by, lib, p);
    } else if (kind === 1) {
      p = ut.utArrMallocWithkey(thr, lib, key, bytes);
      total = bytes + 32;
      free = (by) => {
        expect(ut.utArrBytes(by, lib, p, 'model')).toBe(bytes);
        ut.utArrFree(by, lib, p);
      };
    } else if (kind === 2 || kind === 3) {
      p = A.utAlignedZallocWithkey(thr, lib, key, bytes, alignment);
      // Every block of the heap lies on a multiple of such an alignment.
      total = bytes + 2 * alignment;
      free = (by) => {
        expect(A.utAlignedBytes(by, lib, p, 'model')).toBe(bytes);
        A.utAlignedFree(by, lib, p);
      };
      if (p !== NIL) expect((p * 4) % alignment).toBe(0);
    } else if (kind === 4) {
      p = P.utMallocPageWithkey(thr, lib, key, bytes);
      total = (Math.ceil(bytes / 4096) + 1) * 4096;
      free = (by) => P.utFreePage(by, lib, p);
    } else {
      p = P.utMallocFallbackPageWithkey(thr, lib, key, bytes);
      if (p !== NIL) total = P.utFallbackPageLowLevelInfo(thr, lib, p).bytes;
      free = (by) => P.utFreeFallbackPage(by, lib, p);
    }
    if (p === NIL) {
      refused++;
      return;
    }
    const stamp = 1 + upTo(2 ** 30);
    mem.fill(stamp, p, p + Math.floor(bytes / 4));
    live.push({ p, bytes, key: key.value, total, stamp, free });
  };

  const drop = (): void => {
    const [block] = live.splice(upTo(live.length), 1);
    expect(mem.subarray(block.p, block.p + Math.floor(block.bytes / 4)).every((w) => w === block.stamp)).toBe(
      true,
    );
    block.free(pick(threads));
  };

  const check = (): void => {
    expect(kit.defects()).toEqual([]);
    for (const key of KEYS) {
      const mine = pfs ? live.filter((b) => b.key === key) : [];
      expect(kit.account(key)).toMatchObject({
        currentCount: mine.length,
        currentBytes: mine.reduce((n, b) => n + b.total, 0),
      });
    }
  };

  osSetFaults(threads[0], allOs[1], { failPpm: 150_000 });
  for (let i = 0; i < 1500; i++) {
    if (live.length > 0 && (live.length > 40 || rng.float() < 0.47)) drop();
    else take();
    if (i % 25 === 0) check();
  }
  check();
  expect(refused).toBeGreaterThan(20);
  while (live.length > 0) drop();
  check();
  for (const os of allOs) expect(mallocWalk(mem, os)).toEqual([]);
});
