/** Pages as memory (facts B 1.3, 8.5), and storage heaps on them (facts A 3.2). */
import { describe, expect, it } from 'vitest';
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { VirtualClock } from '../layout/clock.ts';
import { ErrorLog } from '../layout/error-log.ts';
import { Rng } from '../layout/rng.ts';
import { accountDefects } from '../memory/psi/account-check.ts';
import { MemoryCorruption } from '../memory/ut/corruption.ts';
import { mallocWalk } from '../memory/heap/malloc.ts';
import { memHeapAlloc, memHeapGetHeapTop } from '../memory/mem-heap/mem-heap.ts';
import { memHeapCreate, memHeapFree } from '../memory/mem-heap/mem-heap-block.ts';
import { memHeapValidate } from '../memory/mem-heap/mem-heap-check.ts';
import { MEM_HEAP_FOR, MemHeapEnv } from '../memory/mem-heap/mem-heap-env.ts';
import { UtBlocks } from '../memory/mem-heap/mem-heap-source.ts';
import { memHeapGiveSpare } from '../memory/mem-heap/mem-heap-spare.ts';
import { memHeapEmpty, memHeapFreeHeapTop, memHeapFreeTop } from '../memory/mem-heap/mem-heap-stack.ts';
import { nodeMemoryInit, nodeMemoryPlan } from '../memory/os/node-memory.ts';
import { OS_PAGE_BYTES, osMemoryDefects } from '../memory/os/os-memory.ts';
import { Psi, psiAttach, psiInit, psiPlan } from '../memory/psi/psi.ts';
import { UtAllocator } from '../memory/ut/ut-allocator.ts';
import { UNIV_PAGE_SIZE } from '../storage/page.ts';
import { mutexEnter, mutexExit } from '../sync/mutex.ts';
import { attachThread, planRuntime, runtimeInit } from '../sync/runtime.ts';
import { THREAD_KIND } from '../sync/thread.ts';
import { bufBlockAlloc, bufBlockFree, BufPageSource } from './block-alloc.ts';
import { BufPoolFatal } from './free-block.ts';
import { BufPool } from './instance.ts';
import { bufPoolInit, planInstance, planPoolGlobals } from './pool-plan.ts';
import { FETCH, RW, STATE } from './states.ts';
import { MemStore, PoolKit } from './test-kit.ts';
import { validateInstance } from './validate.ts';

describe('buf_block_alloc', () => {
  it('gives a block in state MEMORY, in no list', () => {
    const kit = new PoolKit();
    const free = kit.list('free');
    const block = bufBlockAlloc(kit.thr, kit.pool);
    expect(block).toBe(free[0]);
    expect(kit.of(block, 'state')).toBe(STATE.memory);
    expect([kit.list('free'), kit.list('lru')]).toEqual([free.slice(1), []]);
    expect([kit.mem[kit.thr.op], kit.holding(), kit.findings(false)]).toEqual([0, [0, 0], []]);
  });

  it('asks the instances in turn, whoever asks; a named one is not a turn', () => {
    const kit = new PoolKit({ instances: 3, nodes: 1 });
    const other = kit.thread(1);
    const from = (block: number): number => kit.of(block, 'instance');
    const turn = (): number => from(bufBlockAlloc(kit.thr, kit.pool));
    expect([turn(), from(bufBlockAlloc(other, kit.pool)), turn(), turn()]).toEqual([0, 1, 2, 0]);
    expect(from(bufBlockAlloc(kit.thr, kit.pool, kit.pool.instances[0]))).toBe(0);
    expect(turn()).toBe(1);
    // The count wraps, and goes on.
    kit.set('blockAllocTurn', 0x7fffffff);
    expect([turn(), turn(), turn()]).toEqual([0x7fffffff % 3, 0x80000000 % 3, 0x80000001 % 3]);
    expect(kit.findings(false)).toEqual([]);
  });

  it('evicts when nothing is free', () => {
    const kit = new PoolKit({ blocks: 64 });
    kit.fill(64);
    const tail = kit.find(0);
    expect(bufBlockAlloc(kit.thr, kit.pool)).toBe(tail);
    expect([kit.find(0), kit.val('lruLen'), kit.findings(false)]).toEqual([0, 63, []]);
  });

  it('over 95 % in use by others is the end', () => {
    const kit = new PoolKit({ blocks: 64 });
    for (let i = 0; i < 62; i++) bufBlockAlloc(kit.thr, kit.pool);
    expect(() => bufBlockAlloc(kit.thr, kit.pool)).toThrow(BufPoolFatal);
  });

  it('is not for holders of a latch of the pool; of a frame, it is', () => {
    const kit = new PoolKit();
    const { inst, thr } = kit;
    for (const mutex of [inst.chunksMutex, inst.lruListMutex, inst.flushStateMutex, inst.flushListMutex]) {
      mutexEnter(thr, mutex);
      expect(() => bufBlockAlloc(thr, kit.pool)).toThrow(/^buf_block_alloc by thread 1, which holds/);
      mutexExit(thr, mutex);
    }
    kit.get(1, RW.x, FETCH.normal);
    expect(bufBlockAlloc(thr, kit.pool)).not.toBe(0);
  });
});

describe('buf_block_free', () => {
  it('puts the block at the head of its own free list', () => {
    const kit = new PoolKit({ instances: 2 });
    const free = kit.list('free');
    const [a, b] = [bufBlockAlloc(kit.thr, kit.pool), bufBlockAlloc(kit.thr, kit.pool)];
    bufBlockFree(kit.thr, kit.pool, b);
    bufBlockFree(kit.thr, kit.pool, a);
    expect(kit.of(a, 'state')).toBe(STATE.notUsed);
    expect(kit.list('free')).toEqual(free);
    expect([kit.findings(), kit.holding()]).toEqual([[], [0, 0]]);
  });

  it('twice, or a page, or no block at all: nothing is changed', () => {
    const kit = new PoolKit();
    const block = bufBlockAlloc(kit.thr, kit.pool);
    const page = kit.touch(3);
    bufBlockFree(kit.thr, kit.pool, block);
    const refused = (at: number, text: RegExp): void => {
      const before = kit.mem.slice();
      expect(() => bufBlockFree(kit.thr, kit.pool, at)).toThrow(MemoryCorruption);
      expect(() => bufBlockFree(kit.thr, kit.pool, at)).toThrow(text);
      // But for the counters of the mutex.
      const { waits } = kit.thr;
      expect(kit.mem.findIndex((w, i) => w !== before[i] && (i < waits || i > waits + 8 * 64))).toBe(-1);
    };
    refused(block, /double free.*NOT_USED/);
    refused(page, /wrong allocator.*FILE_PAGE/);
    refused(block + 1, /foreign address/);
    refused(0, /foreign address/);
    expect(kit.findings()).toEqual([]);
  });
});

/** A pool of two instances and a node's memory in one arena. */
function setUp(checked: boolean, blocks = 40) {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, 1);
  const psi = psiPlan(planner, 1);
  const config = {
    instances: 2,
    nStripes: 4,
    chunks: { bytes: blocks * UNIV_PAGE_SIZE, perInstance: 1 },
    oldBlocksPct: 37,
    nSpaces: 1,
    nThreads: 1,
  };
  const globals = planPoolGlobals(planner, config, 1);
  planner.openNode();
  const instances = [0, 1].map((no) => planInstance(planner, config, no, 0));
  const os = nodeMemoryPlan(planner, { bytes: 64 * OS_PAGE_BYTES, nThreads: 1 });
  const buffer = allocateArena(planner.finish());
  const mem = new Int32Array(buffer);
  const clock = new VirtualClock();
  const log = new ErrorLog();
  const pool = new BufPool(buffer, { ...globals, instances, nStripes: 4 }, new MemStore(buffer), log);
  runtimeInit(mem, runtime, clock);
  psiInit(mem, psi);
  nodeMemoryInit(mem, os);
  bufPoolInit(pool, config);
  const thr = attachThread(mem, runtime, {
    slot: 0,
    kind: THREAD_KIND.session,
    clock,
    seed: 1,
    checked: true,
    poolStats: globals.stats,
    poolStatWords: 2 * POOL_STAT.words,
  });
  const service = new Psi(psi);
  psiAttach(thr, service);
  const memEnv = { os: os.at, allOs: [os.at], psi: service, sleepClock: clock, log };
  const pages = new BufPageSource(pool);
  const env = new MemHeapEnv(memEnv, { checked, pages, blocks: new UtBlocks(new UtAllocator(memEnv)) });
  const free = (): number[] => pool.instances.map((i) => mem[i.at + BUF_POOL.at.freeLen]);
  const full = free();
  /** All pages are back, nothing lives, every account agrees. */
  const done = (): void => {
    expect(free()).toEqual(full);
    for (const inst of pool.instances) expect(validateInstance(thr, pool, inst, true)).toEqual([]);
    expect([mallocWalk(mem, os.at), osMemoryDefects(mem, os.at)]).toEqual([[], []]);
    expect(accountDefects(mem, service, [os.at])).toEqual([]);
  };
  return { mem, thr, pool, pages, env, free, full, done };
}

describe.each([false, true])('storage heaps on a real pool, checked %s', (checked) => {
  it('grow page by page from both instances, and return all', () => {
    const { thr, env, free, full, done } = setUp(checked);
    const heap = memHeapCreate(thr, env, 0, MEM_HEAP_FOR.lockHeap);
    for (let i = 0; i < 40; i++) memHeapAlloc(thr, env, heap, 4000);
    const out = free().map((n, i) => full[i] - n);
    expect(out[0] + out[1]).toBe(10);
    expect(out[0]).toBe(out[1]);
    for (const inst of [0, 1]) expect(out[inst]).toBe(5);
    expect(memHeapValidate(thr, env, heap)).toEqual([]);
    memHeapFree(thr, env, heap);
    done();
  });

  it('a BTR_SEARCH heap grows by the page put by for it', () => {
    const { mem, thr, pool, pages, env, free, full, done } = setUp(checked);
    const heap = memHeapCreate(thr, env, 4000, MEM_HEAP_FOR.btrSearch);
    memHeapAlloc(thr, env, heap, 4000);
    expect(memHeapAlloc(thr, env, heap, 100)).toBe(0);
    const spare = pages.alloc(thr);
    memHeapGiveSpare(thr, env, heap, spare);
    const p = memHeapAlloc(thr, env, heap, 100);
    const frame = mem[spare + BUF_BLOCK.at.frame];
    expect([p > frame, p < frame + UNIV_PAGE_SIZE / 4]).toEqual([true, true]);
    expect(free()).not.toEqual(full);
    expect(pool.instances.flatMap((i) => validateInstance(thr, pool, i, false))).toEqual([]);
    memHeapFree(thr, env, heap);
    done();
  });

  it.each([1, 2])('at random, seed %i', (seed) => {
    const { thr, env, done } = setUp(checked);
    const rng = new Rng(seed, 3);
    const heaps = [0, 0, 0].map(() => memHeapCreate(thr, env, 0, MEM_HEAP_FOR.recvSys));
    const tops = heaps.map((h) => [memHeapGetHeapTop(thr, h)]);
    for (let i = 0; i < 800; i++) {
      const which = rng.below(heaps.length);
      const heap = heaps[which];
      const step = rng.below(12);
      if (step < 6) memHeapAlloc(thr, env, heap, rng.below(3000));
      else if (step < 8) {
        const n = 1 + rng.below(5000);
        memHeapAlloc(thr, env, heap, n);
        memHeapFreeTop(thr, env, heap, n);
      } else if (step === 8) tops[which].push(memHeapGetHeapTop(thr, heap));
      else if (step < 11 && tops[which].length > 0) {
        const top = rng.below(tops[which].length);
        memHeapFreeHeapTop(thr, env, heap, tops[which][top]);
        tops[which].length = top;
      } else if (step === 11 && rng.below(3) === 0) {
        memHeapEmpty(thr, env, heap);
        tops[which].length = 0;
      }
      const found = memHeapValidate(thr, env, heap);
      if (found.length > 0) expect(found, `step ${i}`).toEqual([]);
    }
    for (const heap of heaps) memHeapFree(thr, env, heap);
    done();
  });
});

it('a pool without frames has no memory to give', () => {
  const kit = new PoolKit({ frames: false });
  expect(() => new BufPageSource(kit.pool)).toThrow(/without frames/);
});
