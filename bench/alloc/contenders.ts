/** Ways to get memory, behind one interface. Each pair is an allocation and the free of a block taken earlier. */
import { MemPool as ThiNgPool } from '@thi.ng/malloc';
import { MEM_ROOT } from '../../src/layout/mem-root.ts';
import { NIL, WORD_BYTES } from '../../src/layout/schema.ts';
import type { MemEnv } from '../../src/memory/env.ts';
import { free, malloc } from '../../src/memory/heap/malloc.ts';
import { memAreaAlloc, memAreaFree } from '../../src/memory/old/mem-pool.ts';
import { MemPool } from '../../src/memory/old/mem-pool-state.ts';
import { MyEnv, myFree, myMalloc } from '../../src/memory/mem-root/my-malloc.ts';
import { MEM_KEY } from '../../src/memory/psi/psi-keys.ts';
import { Psi } from '../../src/memory/psi/psi.ts';
import { psiSetConsumers } from '../../src/memory/psi/psi-setup.ts';
import { UtAllocator, utAllocate, utDeallocate } from '../../src/memory/ut/ut-allocator.ts';
import { type Thread } from '../../src/sync/thread.ts';
import { firstFitAlloc, firstFitFree } from './first-fit.ts';
import { taggedAlloc, taggedFree } from './tagged-list.ts';
import { makeWasmMalloc, WASM_HEAP_BYTES } from './wasm-malloc.ts';

import { OnHeap, OnRoot } from './arenas.ts';
import { type AllocPlan, attachAllocThread, MOST_AREA_BYTES, MOST_TAGGED_BYTES, needed } from './plan.ts';
import type { AllocContender } from './run.ts';

export const CONTENDERS = {
  malloc: { origin: 'ours', doc: 'the tiered allocator: caches of the thread, buddies, pages' },
  ut_allocator: { origin: 'ours', doc: 'with its header, and counted' },
  'ut_allocator uncounted': { origin: 'ours', doc: 'with its header; global instrumentation off' },
  my_malloc: { origin: 'ours', doc: 'with its header, and counted' },
  'my_malloc uncounted': { origin: 'ours', doc: 'with its header; global instrumentation off' },
  mem_heap: { origin: 'ours', doc: 'on top of a heap that is emptied now and then' },
  MEM_ROOT: { origin: 'ours', doc: 'an arena that is cleared for reuse now and then' },
  'buddy pool': { origin: 'ours', doc: 'mem_area_alloc of 5.1: splits and merges under one mutex' },
  'lock-free list': {
    origin: 'rival',
    doc: 'one list for all threads, changed by compare-exchange (up to 512 bytes)',
  },
  'first-fit list': { origin: 'rival', doc: 'one list of free blocks under one mutex' },
  'WebAssembly malloc': { origin: 'rival', doc: 'dlmalloc, a heap for each thread (package walloc)' },
  '@thi.ng/malloc': { origin: 'rival', doc: 'an allocator in TypeScript, a heap for each thread' },
  'JavaScript object': { origin: 'rival', doc: 'an array of so many bytes, left to the garbage collector' },
  'Buffer.allocUnsafeSlow': { origin: 'rival', doc: 'memory of its own for each buffer' },
  bump: { origin: 'limit', doc: 'an addition and a comparison: the raw limit, which never frees' },
} as const satisfies Record<string, { origin: 'ours' | 'rival' | 'limit'; doc: string }>;

export type ContenderName = keyof typeof CONTENDERS;

/** Whether a contender can have so many bytes at all: heaps of a thread's own are small. */
export function fits(name: ContenderName, bytes: number): boolean {
  if (name === 'lock-free list') return bytes <= MOST_TAGGED_BYTES;
  if (name === 'buddy pool') return bytes <= MOST_AREA_BYTES;
  return name !== 'WebAssembly malloc' || needed(bytes) < WASM_HEAP_BYTES;
}

/** Whether a contender's allocations are counted is a switch in the memory that all of them share: before each batch. */
export function switchAccounting(name: ContenderName, plan: AllocPlan): void {
  const globalInstrumentation = !name.endsWith('uncounted');
  psiSetConsumers(new Int32Array(plan.buffer), new Psi(plan.psi), { globalInstrumentation });
}

/** A thread's own way to get memory. By the thread itself. */
export function makeContender(
  name: ContenderName,
  plan: AllocPlan,
  slot: number,
  bytes: number,
): AllocContender<number> | AllocContender<object> {
  const { thr, env } = attachAllocThread(plan, slot);
  return contenderOf(name, plan, thr, env, { slot, size: bytes });
}

function contenderOf(
  name: ContenderName,
  plan: AllocPlan,
  thr: Thread,
  env: MemEnv,
  { slot, size }: { readonly slot: number; readonly size: number },
): AllocContender<number> | AllocContender<object> {
  const { os, firstFit } = plan;
  switch (name) {
    case 'malloc':
      return {
        alloc: (bytes) => mustHave(malloc(thr, os, bytes)),
        free: (block: number) => {
          free(thr, os, block);
        },
      };
    case 'ut_allocator':
    case 'ut_allocator uncounted': {
      const alloc = new UtAllocator(env);
      const key = MEM_KEY.other;
      return {
        alloc: (bytes) => utAllocate(thr, alloc, bytes, key),
        free: (block: number) => {
          utDeallocate(thr, alloc, block);
        },
      };
    }
    case 'my_malloc':
    case 'my_malloc uncounted': {
      const my = new MyEnv(env);
      const key = MEM_KEY.netBuff;
      return {
        alloc: (bytes) => mustHave(myMalloc(thr, my, key, bytes)),
        free: (block: number) => {
          myFree(thr, my, block);
        },
      };
    }
    case 'mem_heap':
      return new OnHeap(thr, env, size);
    case 'MEM_ROOT':
      return new OnRoot(thr, env, plan.roots + slot * MEM_ROOT.words, size);
    case 'buddy pool': {
      const pool = new MemPool(thr.mem, plan.memPool, { at: plan.utMem, env });
      return {
        alloc: (bytes) => memAreaAlloc(thr, pool, bytes),
        free: (block: number) => {
          memAreaFree(thr, pool, block);
        },
      };
    }
    case 'lock-free list': {
      const { mem } = thr;
      const { tagged } = plan;
      return {
        alloc: () => mustHave(taggedAlloc(mem, tagged)),
        free: (block: number) => {
          taggedFree(mem, tagged, block);
        },
      };
    }
    case 'first-fit list':
      return {
        alloc: (bytes) => mustHave(firstFitAlloc(thr, firstFit, bytes)),
        free: (block: number) => {
          firstFitFree(thr, firstFit, block);
        },
      };
    case 'WebAssembly malloc': {
      const wasm = makeWasmMalloc();
      return {
        alloc: (bytes) => mustHave(wasm.malloc(bytes)),
        free: (block: number) => {
          wasm.free(block);
        },
      };
    }
    case '@thi.ng/malloc': {
      const pool = new ThiNgPool({ size: needed(size) + 2 ** 16, compact: true, split: true });
      return {
        alloc: (bytes) => mustHave(pool.malloc(bytes)),
        free: (block: number) => {
          pool.free(block);
        },
      };
    }
    case 'JavaScript object':
      return {
        // Its elements take the bytes: small integers, 8 bytes each.
        // oxlint-disable-next-line unicorn/no-new-array -- made at once in its full length
        alloc: (bytes) => new Array<number>(bytes >>> 3).fill(0),
        free: () => undefined,
      };
    case 'Buffer.allocUnsafeSlow':
      return { alloc: (bytes) => Buffer.allocUnsafeSlow(bytes), free: () => undefined };
    default: {
      const words = needed(size) / WORD_BYTES;
      let next = 0;
      return {
        alloc: (bytes) => {
          const at = next;
          next = at + bytes;
          if (next > words) next = 0;
          return at;
        },
        free: () => undefined,
      };
    }
  }
}

function mustHave(block: number): number {
  if (block === NIL) throw new Error('out of memory in a benchmark');
  return block;
}
