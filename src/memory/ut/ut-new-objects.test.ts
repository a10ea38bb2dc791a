import { describe, expect, it } from 'vitest';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { getU53 } from '../../layout/words.ts';
import { MemoryCorruption } from './corruption.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import { KEY_NONE, MEM_KEY } from '../psi/psi-keys.ts';
import { MemoryKit } from '../test-kit.ts';
import { makePsiMemoryKey, PSI_NOT_INSTRUMENTED, utNewFree, utNewLibrary } from './ut-new.ts';
import * as C from './ut-new-container.ts';
import * as N from './ut-new-objects.ts';
import { type UtOwned, utMakeShared, utMakeUnique, utSharedFrom } from './ut-new-ptr.ts';

const STD = makePsiMemoryKey(MEM_KEY.std);
const AHI = makePsiMemoryKey(MEM_KEY.ahi);

function setUp() {
  const kit = new MemoryKit();
  const { mem, os, env } = kit;
  const lib = utNewLibrary(env);
  const bare = utNewLibrary(env, { pfs: false });
  /** What constructors and destructors did, in order. */
  const calls: string[] = [];
  /** A type of 12 bytes; the constructor of element `failing` throws. */
  const type = (failing = -1): N.UtType => ({
    bytes: 12,
    construct: (i, at) => {
      if (i === failing) throw new RangeError(`element ${i}`);
      mem[at] = 100 + i;
      calls.push(`+${i}`);
    },
    destroy: (i, at) => {
      calls.push(`-${i}`);
      expect(mem[at]).toBe(100 + i);
    },
  });
  return { kit, mem, os, thr: kit.thread(1), other: kit.thread(2), lib, bare, calls, type };
}

type Suite = ReturnType<typeof setUp>;

/** The four kinds of making and releasing. */
const KINDS = [
  ['new_', N.utNewObjectWithkey, N.utDeleteObject, 1, 32],
  ['new_arr', (thr, ut, key, type) => N.utNewArrWithkey(thr, ut, key, type, 4), N.utDeleteArr, 4, 32],
  [
    'aligned_new',
    (thr, ut, key, type) => N.utAlignedNewWithkey(thr, ut, key, 64, type),
    N.utAlignedDelete,
    1,
    128,
  ],
  [
    'aligned_new_arr',
    (thr, ut, key, type) => N.utAlignedNewArrWithkey(thr, ut, key, 64, type, 4),
    N.utAlignedDeleteArr,
    4,
    128,
  ],
] as const satisfies readonly (readonly [
  string,
  (thr: Suite['thr'], ut: Suite['lib'], key: typeof STD, type: N.UtType) => number,
  (thr: Suite['thr'], ut: Suite['lib'], p: number, type: N.UtType) => void,
  number,
  number,
])[];

describe.each(KINDS)('%s', (name, make, release, count, extra) => {
  const up = Array.from({ length: count }, (_, i) => `+${i}`);

  it('constructs in order; the release destroys from the first on, then frees; counted to the byte', () => {
    const { kit, mem, os, thr, lib, bare, calls, type } = setUp();
    for (const ut of [lib, bare]) {
      calls.length = 0;
      const p = make(thr, ut, AHI, type());
      expect(calls).toEqual(up);
      expect(Array.from({ length: count }, (_, i) => mem[p + 3 * i])).toEqual(up.map((_, i) => 100 + i));
      const bytes = ut.pfs ? 12 * count + extra : 0;
      expect(kit.account(MEM_KEY.ahi).currentBytes).toBe(bytes);
      expect(kit.defects()).toEqual([]);
      calls.length = 0;
      release(thr, ut, p, type());
      expect(calls).toEqual(up.map((_, i) => `-${i}`));
      expect(mallocWalk(mem, os)).toEqual([]);
      expect(kit.account(MEM_KEY.ahi).currentBytes).toBe(0);
      expect(kit.defects()).toEqual([]);
      release(thr, ut, NIL, type());
    }
  });

  it('a constructor that throws: what was built is destroyed in reverse, the memory freed, the error passed on', () => {
    const { kit, mem, os, thr, lib, bare, calls, type } = setUp();
    for (const ut of [lib, bare]) {
      for (let failing = 0; failing < count; failing++) {
        calls.length = 0;
        expect(() => make(thr, ut, STD, type(failing))).toThrow(new RangeError(`element ${failing}`));
        const built = up.slice(0, failing);
        expect(calls).toEqual([...built, ...built.map((c) => c.replace('+', '-')).toReversed()]);
        expect(mallocWalk(mem, os)).toEqual([]);
      }
    }
    expect(kit.account(MEM_KEY.std)).toMatchObject({ allocCount: count, freeCount: count, currentBytes: 0 });
    expect(kit.defects()).toEqual([]);
  });

  it('out of memory throws BadAlloc at once; no constructor runs', () => {
    const { kit, os, thr, lib, bare, calls, type } = setUp();
    const start = kit.sleepClock.ticks();
    for (const ut of [lib, bare]) {
      osSetFaults(thr, os, { failNext: 1 });
      expect(() => make(thr, ut, STD, type())).toThrow(N.BadAlloc);
    }
    expect([calls, kit.log.lines, kit.sleepClock.ticks()]).toEqual([[], [], start]);
    expect(kit.defects()).toEqual([]);
  });

  it('a wrong release destroys nothing and counts nothing', () => {
    const { kit, thr, lib, bare, calls, type } = setUp();
    for (const ut of [lib, bare]) {
      const p = make(thr, ut, STD, type());
      calls.length = 0;
      const before = kit.account(MEM_KEY.std);
      expect(() => release(thr, ut, p + 1, type())).toThrow(MemoryCorruption);
      for (const [other, , wrong] of KINDS) {
        if (other.startsWith('aligned') === name.startsWith('aligned')) continue;
        expect(() => wrong(thr, ut, p, type())).toThrow(MemoryCorruption);
      }
      expect([calls, kit.account(MEM_KEY.std)]).toEqual([[], before]);
      release(thr, ut, p, type());
      // Of large blocks all that is in front of the payload is still there once they are free.
      for (const bytes of [12, 1500, 9000]) {
        const big = { ...type(), bytes };
        const q = make(thr, ut, STD, big);
        release(thr, ut, q, big);
        calls.length = 0;
        expect(() => release(thr, ut, q, big)).toThrow(/double free/);
        expect(calls).toEqual([]);
      }
    }
    expect(kit.defects()).toEqual([]);
  });
});

describe('objects and arrays', () => {
  it('of length 0 have an address, with and without the Performance Schema', () => {
    const { kit, thr, lib, bare } = setUp();
    const byte = N.utTrivial(1);
    for (const ut of [lib, bare]) {
      const p = N.utNewArrWithkey(thr, ut, STD, byte, 0);
      const q = N.utNewObject(thr, ut, N.utTrivial(0));
      const r = N.utAlignedNewArr(thr, ut, 32, byte, 0);
      expect([p, q, r]).not.toContain(NIL);
      N.utDeleteArr(thr, ut, p, byte);
      N.utDeleteObject(thr, ut, q, N.utTrivial(0));
      N.utAlignedDeleteArr(thr, ut, r, byte);
    }
    expect(kit.defects()).toEqual([]);
  });

  it('without a key are not tracked', () => {
    const { kit, mem, thr, lib, type } = setUp();
    const p = [N.utNewObject(thr, lib, type()), N.utNewArr(thr, lib, type(), 2)];
    const q = [N.utAlignedNew(thr, lib, 32, type()), N.utAlignedNewArr(thr, lib, 32, type(), 2)];
    // The core lies 32 bytes before all of them.
    for (const at of [...p, ...q]) expect(mem[at - 4]).toBe(KEY_NONE);
    for (const { key } of kit.psi.keys) expect(kit.account(key).allocCount).toBe(0);
  });

  it('an array that was made with another type is an error, before anything is destroyed', () => {
    const { thr, lib, bare, calls, type } = setUp();
    const ten: N.UtType = { ...type(), bytes: 20 };
    for (const ut of [lib, bare]) {
      const p = N.utNewArr(thr, ut, type(), 2);
      const q = N.utAlignedNewArr(thr, ut, 64, type(), 2);
      calls.length = 0;
      expect(() => N.utDeleteArr(thr, ut, p, ten)).toThrow(/24 bytes are no whole number of 20-byte/);
      expect(() => N.utAlignedDeleteArr(thr, ut, q, ten)).toThrow(/24 bytes are no whole number of 20-byte/);
      expect(calls).toEqual([]);
    }
  });

  it('without the Performance Schema, free of an array and delete of it as one object are found', () => {
    const { thr, bare, type } = setUp();
    const p = N.utNewArr(thr, bare, type(), 2);
    expect(() => utNewFree(thr, bare, p)).toThrow(MemoryCorruption);
    expect(() => N.utDeleteObject(thr, bare, p, type())).toThrow(MemoryCorruption);
    N.utDeleteArr(thr, bare, p, type());
  });
});

const owned = (type: N.UtType): readonly UtOwned[] => [
  { type },
  { type, count: 3 },
  { type, alignment: 64 },
  { type, count: 3, alignment: 64 },
];

describe('make_unique, make_unique_aligned', () => {
  it.each([0, 1, 2, 3])('reset destroys, release gives away (form %i)', (form) => {
    const { kit, mem, os, thr, lib, bare, calls, type } = setUp();
    for (const ut of [lib, bare]) {
      const what = owned(type())[form];
      const a = utMakeUnique(thr, ut, STD, what);
      const b = utMakeUnique(thr, ut, PSI_NOT_INSTRUMENTED, what);
      expect(kit.account(MEM_KEY.std).currentCount).toBe(ut.pfs ? 1 : 0);
      if (what.alignment !== undefined) expect((a.get() * 4) % 64).toBe(0);
      const given = b.release();
      expect([b.get(), b.release()]).toEqual([NIL, NIL]);
      calls.length = 0;
      b.reset(thr);
      expect(calls).toEqual([]);
      a.reset(thr, given);
      expect(calls).toEqual(what.count === undefined ? ['-0'] : ['-0', '-1', '-2']);
      expect(a.get()).toBe(given);
      a.reset(thr);
      a.reset(thr);
      expect(calls).toHaveLength(2 * (what.count ?? 1));
      expect(mallocWalk(mem, os)).toEqual([]);
    }
    expect(kit.defects()).toEqual([]);
  });
});

describe('make_shared, make_shared_aligned', () => {
  it.each([0, 1, 2, 3])('the last one destroys, once; the control block is not counted (form %i)', (form) => {
    const { kit, mem, os, thr, other, lib, bare, calls, type } = setUp();
    for (const ut of [lib, bare]) {
      const what = owned(type())[form];
      const a = utMakeShared(thr, ut, STD, what);
      expect(kit.account(MEM_KEY.std).currentCount).toBe(ut.pfs ? 1 : 0);
      expect(mallocWalk(mem, os).filter((b) => b.bytes === 8)).toEqual([
        { at: a.control, bytes: 8, tag: HEAP_TAG.raw },
      ]);
      const b = a.copy(thr);
      const c = utSharedFrom(other, ut, b.copy(thr).handOver(), what);
      expect([a.useCount(thr), c.get(other), b.get(thr)]).toEqual([3, a.get(thr), a.get(thr)]);
      calls.length = 0;
      a.reset(thr);
      a.reset(thr);
      expect([a.get(thr), a.useCount(thr), a.copy(thr).get(thr)]).toEqual([NIL, 0, NIL]);
      b.reset(thr);
      expect([calls, c.useCount(other)]).toEqual([[], 1]);
      c.reset(other);
      expect(calls).toEqual(what.count === undefined ? ['-0'] : ['-0', '-1', '-2']);
      expect(mallocWalk(mem, os)).toEqual([]);
    }
    expect(kit.defects()).toEqual([]);
  });

  it('without memory for the control block the object is destroyed again', () => {
    const { kit, mem, os, thr, lib, calls, type } = setUp();
    let made = 0;
    const counting: N.UtType = {
      ...type(),
      construct: (i, at) => {
        type().construct?.(i, at);
        made++;
        osSetFaults(thr, os, { failNext: 1 });
      },
    };
    expect(() => utMakeShared(thr, lib, STD, { type: counting })).toThrow(N.BadAlloc);
    expect([made, calls]).toEqual([1, ['+0', '-0']]);
    expect(mallocWalk(mem, os)).toEqual([]);
    expect(kit.defects()).toEqual([]);
  });

  it('what is no control block is not taken over', () => {
    const { thr, mem, lib, type } = setUp();
    const what = { type: type() };
    const a = utMakeShared(thr, lib, STD, what);
    const { control } = a;
    expect(() => utSharedFrom(thr, lib, 100, what)).toThrow(/foreign address/);
    expect(() => utSharedFrom(thr, lib, a.get(thr), what)).toThrow(MemoryCorruption);
    mem[control] = 0;
    expect(() => utSharedFrom(thr, lib, control, what)).toThrow(/no control block: 0 holders/);
    mem[control] = 1;
    a.reset(thr);
    expect(() => utSharedFrom(thr, lib, control, what)).toThrow(/double free/);
  });
});

describe('ut::allocator<T>', () => {
  it('max_size is (2^64 − 1 − overhead) / sizeof(T)', () => {
    const { lib, bare } = setUp();
    const max = (ut: typeof lib, bytes: number) => new C.UtContainerAllocator(ut, bytes).maxSize();
    expect([max(lib, 1), max(lib, 8), max(lib, 24)]).toEqual([
      18446744073709551583n,
      2305843009213693947n,
      768614336404564649n,
    ]);
    expect([max(bare, 1), max(bare, 8)]).toEqual([18446744073709551615n, 2305843009213693951n]);
  });

  it('the default key is that of std; converting keeps the key; all of one T are equal', () => {
    const { kit, thr, lib } = setUp();
    const a = new C.UtContainerAllocator(lib, 8);
    const b = new C.UtContainerAllocator(lib, 8, AHI);
    const p = C.utContainerAllocate(thr, a, 4);
    C.utContainerAllocate(thr, b.rebind(4), 4);
    expect(kit.account(MEM_KEY.std)).toMatchObject({ currentCount: 1, currentBytes: 64 });
    expect(kit.account(MEM_KEY.ahi)).toMatchObject({ currentCount: 1, currentBytes: 48 });
    expect([C.utContainerEqual(a, b), C.utContainerEqual(a, b.rebind(4))]).toEqual([true, false]);
    C.utContainerDeallocate(thr, b, p);
    expect(kit.account(MEM_KEY.std).currentCount).toBe(0);
    expect(kit.defects()).toEqual([]);
  });

  it('too many: bad_array_new_length; no memory: bad_alloc, after one attempt; none: an address', () => {
    const { kit, mem, os, thr, lib, bare } = setUp();
    for (const ut of [lib, bare]) {
      const alloc = new C.UtContainerAllocator(ut, 8);
      const most = Number(alloc.maxSize());
      expect(() => C.utContainerAllocate(thr, alloc, most * 1.001)).toThrow(C.BadArrayNewLength);
      expect(() => C.utContainerAllocate(thr, alloc, 2 ** 61)).toThrow(C.BadArrayNewLength);
      for (const n of [2 ** 60, 2 ** 50, 2 ** 30]) {
        expect(() => C.utContainerAllocate(thr, alloc, n)).toThrow(/^std::bad_alloc$/);
      }
      osSetFaults(thr, os, { failNext: 1 });
      expect(() => C.utContainerAllocate(thr, alloc, 4)).toThrow(/^std::bad_alloc$/);
      const p = C.utContainerAllocate(thr, alloc, 0);
      expect(p).not.toBe(NIL);
      if (ut.pfs) expect(getU53(mem, p - 6)).toBe(32);
      C.utContainerDeallocate(thr, alloc, p);
    }
    expect(new C.BadArrayNewLength()).toBeInstanceOf(N.BadAlloc);
    expect([kit.log.lines, kit.defects()]).toEqual([[], []]);
  });

  it('refuses over-aligned types', () => {
    const { lib } = setUp();
    expect(() => new C.UtContainerAllocator(lib, 64, STD, 32)).toThrow(TypeError);
    expect(new C.UtContainerAllocator(lib, 64, STD, 16).elemBytes).toBe(64);
  });
});
