import { describe, expect, it } from 'vitest';
import { OS_MEMORY } from '../../layout/os-memory.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { originOf } from './origin.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { sitePlace } from './site.ts';
import { MemoryKit } from '../test-kit.ts';
import { OutOfMemoryFatal, utKeyOf, utSizeOf, type UtVersion } from './ut-allocator.ts';
import * as E from './ut-entry.ts';
import { utKeyOfFile, utSite } from './ut-keys.ts';

const FILE = 'storage/innobase/trx/trx0trx.cc';
const MANY = 1_000_000;

function setUp(version: UtVersion = '8.0.25', pfs = true) {
  const kit = new MemoryKit({ node: { origins: true } });
  const calls: string[] = [];
  return {
    kit,
    mem: kit.mem,
    os: kit.os,
    thr: kit.thread(1),
    ut: E.utLibrary(kit.env, { version, pfs }),
    site: utSite(FILE, 77, version),
    fileKey: utKeyOfFile(FILE, version),
    /** Words of the header in front of a payload. */
    pfx: pfs ? (version === '5.7' ? 6 : 8) : 0,
    calls,
    construct: (i: number, at: number) => void calls.push(`+${i}@${at}`),
    destroy: (i: number, at: number) => void calls.push(`-${i}@${at}`),
  };
}
const nothing = () => {};

describe('entry points: which instrument', () => {
  it.each(['5.7', '8.0.25'] as const)('%s: bytes count for the key, without one for the file', (version) => {
    const { mem, thr, ut, site, fileKey, pfx, kit } = setUp(version);
    const key = (p: number) => utKeyOf(mem, p, pfx);
    const all = [
      [E.utMalloc(thr, ut, 100, MEM_KEY.ahi, site), MEM_KEY.ahi],
      [E.utMalloc(thr, ut, 100, KEY_NONE, site), fileKey],
      [E.utZalloc(thr, ut, 100, MEM_KEY.std, site), MEM_KEY.std],
      [E.utMallocNokey(thr, ut, 100, site), fileKey],
      [E.utZallocNokey(thr, ut, 100, site), fileKey],
      [E.utZallocNokeyNofatal(thr, ut, 100, site), fileKey],
      [E.utRealloc(thr, ut, E.utMalloc(thr, ut, 50, MEM_KEY.ahi, site), 100, site), fileKey],
      [E.utRealloc(thr, ut, NIL, 100, site), fileKey],
      [E.utNewArray(thr, ut, 4, 25, KEY_NONE, nothing, nothing, site), fileKey],
      [E.utNewArrayNokey(thr, ut, 4, 25, nothing, nothing, site), fileKey],
      [E.utNewArray(thr, ut, 4, 25, MEM_KEY.trxSysRwTrxIds, nothing, nothing, site), MEM_KEY.trxSysRwTrxIds],
      [E.utNew(thr, ut, 100, MEM_KEY.bufBufPool, nothing, site), MEM_KEY.bufBufPool],
      // 8.0.25 passes key 0 all the way: not instrumented at all.
      [E.utNewNokey(thr, ut, 100, nothing, site), version === '5.7' ? fileKey : KEY_NONE],
    ] as const;
    expect(all.map(([p]) => key(p))).toEqual(all.map(([, k]) => k));
    expect(new Set(all.map(([p]) => utSizeOf(mem, p, pfx)))).toEqual(new Set([100 + 4 * pfx]));
    for (const [p] of all) E.utFree(thr, ut, p, site);
    expect(kit.defects()).toEqual([]);
    expect(mallocWalk(mem, kit.os)).toEqual([]);
  });

  it('the place is recorded with the block', () => {
    const { mem, os, thr, ut, site, kit } = setUp();
    const p = E.utMallocNokey(thr, ut, 100, site);
    const known = originOf(mem, os, p - 8);
    expect(known).toMatchObject({ bytes: 132, site: site.id, key: site.key, thread: 1, freed: 0 });
    expect(sitePlace(mem, kit.sites, site.id)).toBe(`${FILE}:77`);
    const later = utSite(FILE, 99);
    E.utFree(thr, ut, p, later);
    expect(originOf(mem, os, p - 8)).toMatchObject({ site: site.id, freed: later.id });
  });
});

describe('entry points: what they do', () => {
  it('UT_NEW constructs, UT_DELETE destroys; null is safe, and has no constructor run', () => {
    const { mem, os, thr, ut, site, kit } = setUp();
    const calls: string[] = [];
    const p = E.utNew(thr, ut, 24, MEM_KEY.other, (at) => calls.push(`+${at}`), site);
    E.utDelete(thr, ut, p, (at) => calls.push(`-${at}`), site);
    E.utDelete(thr, ut, NIL, () => calls.push('never'), site);
    E.utFree(thr, ut, NIL, site);
    E.utDeleteArray(thr, ut, 4, NIL, () => calls.push('never'), site);
    expect(E.utNew(thr, ut, 0, MEM_KEY.other, () => calls.push('never'), site)).toBe(NIL);
    expect(calls).toEqual([`+${p}`, `-${p}`]);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('an object is not destroyed twice: the second UT_DELETE is refused before the destructor', () => {
    const { thr, ut, site } = setUp();
    const p = E.utNew(thr, ut, 24, MEM_KEY.other, nothing, site);
    E.utDelete(thr, ut, p, nothing, site);
    let destroyed = 0;
    expect(() => E.utDelete(thr, ut, p, () => destroyed++, site)).toThrow(/double free/);
    expect(destroyed).toBe(0);
  });

  it('no element of an array that is gone, or whose header is damaged, is destroyed', () => {
    const { mem, thr, ut, site, calls, construct, destroy } = setUp();
    const gone = E.utNewArray(thr, ut, 8, 3, KEY_NONE, construct, destroy, site);
    E.utDeleteArray(thr, ut, 8, gone, destroy, site);
    // The block is the last of the heap's list: where its key was is 0.
    mem[gone - 8] = 0;
    const damaged = E.utNewArray(thr, ut, 8, 300, KEY_NONE, construct, destroy, site);
    mem[damaged - 6] = 32 + 8 * 400;
    calls.length = 0;
    expect(() => E.utDeleteArray(thr, ut, 8, gone, destroy, site)).toThrow(/double free/);
    expect(() => E.utDeleteArray(thr, ut, 8, damaged, destroy, site)).toThrow(
      /^delete_array\(@\d+\): overwritten header: it says 3232 bytes, the block was allocated with 2432/,
    );
    expect(calls).toEqual([]);
  });

  it('arrays: in order and back; a failing constructor undoes what was done', () => {
    const { mem, os, thr, ut, site, calls, construct, destroy } = setUp('5.7');
    const p = E.utNewArray(thr, ut, 8, 3, KEY_NONE, construct, destroy, site);
    E.utDeleteArray(thr, ut, 8, p, destroy, site);
    expect(calls.map((c) => c.slice(0, 2))).toEqual(['+0', '+1', '+2', '-2', '-1', '-0']);
    calls.length = 0;
    const failing = (i: number, at: number) => {
      if (i === 1) throw new Error('no second');
      construct(i, at);
    };
    expect(() => E.utNewArrayNokey(thr, ut, 8, 3, failing, destroy, site)).toThrow('no second');
    expect(calls.map((c) => c.slice(0, 2))).toEqual(['+0', '-0']);
    expect(mallocWalk(mem, os)).toEqual([]);
  });

  it('zeroed is zero, realloc keeps', () => {
    const { mem, thr, ut, site } = setUp();
    const p = E.utMallocNokey(thr, ut, 64, site);
    mem.fill(-1, p, p + 16);
    E.utFree(thr, ut, p, site);
    const q = E.utZallocNokey(thr, ut, 64, site);
    expect(q).toBe(p);
    expect(mem.subarray(q, q + 16).every((w) => w === 0)).toBe(true);
    mem[q] = 42;
    const r = E.utRealloc(thr, ut, q, 3000, site);
    expect(mem[r]).toBe(42);
    expect(E.utRealloc(thr, ut, r, 0, site)).toBe(NIL);
  });

  it('out of memory is fatal, but for ut_zalloc_nokey_nofatal', () => {
    const { os, thr, ut, site, kit } = setUp();
    osSetFaults(thr, os, { failNext: MANY });
    expect(() => E.utMallocNokey(thr, ut, 100, site)).toThrow(OutOfMemoryFatal);
    expect(() => E.utNewNokey(thr, ut, 100, nothing, site)).toThrow(OutOfMemoryFatal);
    expect(E.utZallocNokeyNofatal(thr, ut, 100, site)).toBe(NIL);
    expect(kit.sleepClock.sleeps).toBe(3 * 59);
    expect(kit.log.lines).toHaveLength(3);
  });
});

describe('entry points without the Performance Schema', () => {
  it('are those of the C library: no header, no second attempt, no line, nothing counted', () => {
    const { mem, os, thr, ut, site, kit } = setUp('8.0.25', false);
    const p = E.utMalloc(thr, ut, 100, MEM_KEY.ahi, site);
    const q = E.utZalloc(thr, ut, 5000, MEM_KEY.ahi, site);
    expect(mallocWalk(mem, os).map(({ at, tag }) => ({ at, tag }))).toEqual(
      [p, q].toSorted((a, b) => a - b).map((at) => ({ at, tag: HEAP_TAG.raw })),
    );
    const before = mem[os + OS_MEMORY.at.requests];
    osSetFaults(thr, os, { failNext: 4 });
    expect(E.utMallocNokey(thr, ut, 100_000, site)).toBe(NIL);
    expect(E.utNew(thr, ut, 100_000, KEY_NONE, nothing, site)).toBe(NIL);
    expect(E.utNewArrayNokey(thr, ut, 4, 25_000, nothing, nothing, site)).toBe(NIL);
    expect(E.utRealloc(thr, ut, p, 100_000, site)).toBe(NIL);
    expect(mem[os + OS_MEMORY.at.requests] - before).toBe(4);
    expect([kit.sleepClock.sleeps, kit.log.lines.length]).toEqual([0, 0]);
    const r = E.utRealloc(thr, ut, p, 200, site);
    expect(E.utRealloc(thr, ut, r, 0, site)).toBe(NIL);
    E.utFree(thr, ut, q, site);
    E.utFree(thr, ut, NIL, site);
    E.utFree(thr, ut, E.utRealloc(thr, ut, NIL, 10, site), site);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('objects and arrays: new and delete, new[] and delete[]', () => {
    const { mem, os, thr, ut, site, calls, construct, destroy } = setUp('8.0.25', false);
    const p = E.utNewArray(thr, ut, 8, 3, KEY_NONE, construct, destroy, site);
    E.utDeleteArray(thr, ut, 8, p, destroy, site);
    expect(calls.map((c) => c.slice(0, 2))).toEqual(['+0', '+1', '+2', '-2', '-1', '-0']);
    const failing = () => {
      throw new Error('no');
    };
    expect(() => E.utNewArrayNokey(thr, ut, 8, 3, failing, destroy, site)).toThrow('no');
    expect(() => E.utNewNokey(thr, ut, 8, failing, site)).toThrow('no');
    const q = E.utNewNokey(thr, ut, 8, nothing, site);
    E.utDelete(thr, ut, q, nothing, site);
    E.utDeleteArray(thr, ut, 8, NIL, destroy, site);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(() => E.utFree(thr, ut, 64, site)).toThrow(/foreign address/);
    expect(() => E.utFree(thr, ut, q, site)).toThrow(/double free/);
  });
});
