import { describe, expect, it } from 'vitest';
import { ArenaPlanner } from '../../layout/arena.ts';
import { HEAP_TAG } from '../../layout/heap.ts';
import { NIL } from '../../layout/schema.ts';
import { SPECIAL_POOL, SPECIAL_POOL_PFX } from '../../layout/special-pool.ts';
import { MemoryCorruption } from '../ut/corruption.ts';
import { free, malloc } from './malloc.ts';
import { osSetFaults } from '../os/os-memory.ts';
import {
  POOL_PFX_BYTES,
  poolAlloc,
  poolDefects,
  poolFree,
  poolName,
  poolSetLimit,
  poolStats,
  SPECIAL_POOLS,
  specialPool,
  specialPoolsInit,
  type SpecialPoolsPlan,
  specialPoolsPlan,
} from './special-pools.ts';
import { MemoryKit } from '../test-kit.ts';

const PFX = POOL_PFX_BYTES;

function setUp(limitBytes = 1000) {
  const kit = new MemoryKit({ pages: [32, 32], records: { pools: [SPECIAL_POOL, 2] } });
  const { mem } = kit;
  const plan: SpecialPoolsPlan = {
    at: kit.at('pools'),
    pools: [{ name: 'SORT', limitBytes }, { name: 'CONNECTION' }],
  };
  specialPoolsInit(mem, plan);
  return {
    kit,
    mem,
    thr: kit.thread(1),
    plan,
    sort: specialPool(plan, 'SORT'),
    connection: specialPool(plan, 'CONNECTION'),
    defects: () => poolDefects(mem, kit.allOs, plan),
  };
}

describe('special pools', () => {
  it('the server’s three, and more by name', () => {
    expect(SPECIAL_POOLS.map((p) => p.name)).toEqual(['TEMPORARY_TABLE', 'SORT', 'CONNECTION']);
    const { mem, sort, connection, plan } = setUp();
    expect([sort, connection].map((pool) => poolName(mem, pool))).toEqual(['SORT', 'CONNECTION']);
    expect(poolStats(mem, connection).limitBytes).toBe(2 ** 32 - 1);
    expect(() => specialPool(plan, 'JOIN')).toThrow('no pool is called JOIN');
    const planner = new ArenaPlanner();
    expect(() => specialPoolsPlan(planner, [{ name: 'A' }, { name: 'A' }])).toThrow(/same name/);
    expect(() => specialPoolsPlan(planner, [{ name: 'x'.repeat(29) }])).toThrow(RangeError);
    expect(specialPoolsPlan(planner, [{ name: 'x'.repeat(28) }]).pools).toHaveLength(1);
  });

  it('counts what is in use, the peak, and what was refused, to the byte', () => {
    const { kit, mem, thr, sort, connection, defects } = setUp(1000);
    const a = poolAlloc(thr, kit.os, sort, 1000 - PFX);
    expect(a % 4).toBe(0);
    mem.fill(-1, a, a + (1000 - PFX) / 4);
    expect(poolAlloc(thr, kit.os, sort, 0)).toBe(NIL);
    const other = poolAlloc(thr, kit.allOs[1], connection, 5000);
    expect(defects()).toEqual([]);
    poolFree(kit.thread(2), kit.allOs, sort, a);
    const b = poolAlloc(thr, kit.os, sort, 0);
    expect(poolStats(mem, sort)).toEqual({
      name: 'SORT',
      limitBytes: 1000,
      inUseBytes: PFX,
      peakBytes: 1000,
      allocs: 2,
      frees: 1,
      refused: 1,
      failed: 0,
    });
    expect(poolAlloc(thr, kit.os, sort, 1000 - 2 * PFX + 1)).toBe(NIL);
    poolFree(thr, kit.allOs, sort, b);
    poolFree(thr, kit.allOs, sort, NIL);
    poolFree(thr, kit.allOs, connection, other);
    expect([sort, connection].map((pool) => poolStats(mem, pool).inUseBytes)).toEqual([0, 0]);
    expect(defects()).toEqual([]);
  });

  it('gives the reservation back when the heap has no memory', () => {
    const { kit, mem, thr, sort } = setUp();
    osSetFaults(thr, kit.os, { failNext: 1 });
    expect(poolAlloc(thr, kit.os, sort, 500)).toBe(NIL);
    expect(poolStats(mem, sort)).toMatchObject({ inUseBytes: 0, allocs: 0, refused: 0, failed: 1 });
    expect(poolAlloc(thr, kit.os, sort, 1000 - PFX)).not.toBe(NIL);
  });

  it('a new limit counts from now on', () => {
    const { kit, mem, thr, sort } = setUp();
    const a = poolAlloc(thr, kit.os, sort, 500);
    poolSetLimit(mem, sort, 100);
    expect(poolAlloc(thr, kit.os, sort, 8)).toBe(NIL);
    poolFree(thr, kit.allOs, sort, a);
    expect(poolAlloc(thr, kit.os, sort, 100 - PFX)).not.toBe(NIL);
    poolSetLimit(mem, sort, Infinity);
    expect(poolAlloc(thr, kit.os, sort, 50_000)).not.toBe(NIL);
    expect(poolAlloc(thr, kit.os, sort, 2 ** 40)).toBe(NIL);
  });

  it('finds what is no block of the pool, and changes nothing', () => {
    const { kit, mem, thr, sort, connection, defects } = setUp();
    const a = poolAlloc(thr, kit.os, sort, 100);
    const raw = malloc(thr, kit.os, 100, HEAP_TAG.my);
    const bad = (pool: number, p: number) => () => poolFree(thr, kit.allOs, pool, p);
    expect(bad(connection, a)).toThrow(MemoryCorruption);
    expect(bad(connection, a)).toThrow('wrong allocator: a block of the pool SORT, freed into CONNECTION');
    expect(bad(sort, a + 4)).toThrow(/^pool_free.*inside a block/);
    expect(bad(sort, raw + 8)).toThrow(/wrong allocator: a block of 128 bytes of my, freed by pool/);
    expect(bad(sort, 64)).toThrow(/foreign address/);
    const header = a - SPECIAL_POOL_PFX.words;
    for (const [field, what] of [
      ['magic', 'overwritten magic'],
      ['bytes', 'overwritten header'],
    ] as const) {
      const word = header + SPECIAL_POOL_PFX.at[field];
      const was = mem[word];
      mem[word] = 7;
      expect(bad(sort, a)).toThrow(what);
      mem[word] = was;
    }
    expect(poolStats(mem, sort)).toMatchObject({ inUseBytes: 100 + PFX, frees: 0 });
    expect(defects()).toEqual([]);
    poolFree(thr, kit.allOs, sort, a);
    expect(bad(sort, a)).toThrow(/^pool_free.*double free/);
    free(thr, kit.os, raw, HEAP_TAG.my);
  });

  it('the check sees bytes that no block has', () => {
    const { kit, mem, thr, sort, defects } = setUp();
    const a = poolAlloc(thr, kit.os, sort, 100);
    mem[sort + SPECIAL_POOL.at.inUse] += 8;
    mem[sort + SPECIAL_POOL.at.frees]++;
    expect(defects()).toEqual([
      'pool SORT: 132 bytes live, 140 counted',
      'pool SORT: 1 blocks live, 1 allocated, 1 freed',
      'pool SORT: a peak of 132, with 140 in use',
    ]);
    mem[a - SPECIAL_POOL_PFX.words] = 64;
    expect(defects()).toContain('blocks of a pool @64 that does not exist');
  });
});
