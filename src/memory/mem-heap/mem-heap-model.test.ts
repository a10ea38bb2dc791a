/** A storage heap against a model of it, at random: what lives keeps its bytes, and lengths are what the rules say. */
import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { WORD_BYTES } from '../../layout/schema.ts';
import { memHeapAlloc, memHeapGetHeapTop, memHeapGetSize, memHeapZalloc } from './mem-heap.ts';
import { memHeapCreate, memHeapFree } from './mem-heap-block.ts';
import { memHeapValidate } from './mem-heap-check.ts';
import { MEM_HEAP, type MemHeapEnv } from './mem-heap-env.ts';
import { memHeapEmpty, memHeapFreeHeapTop, memHeapFreeTop, memHeapIsTop } from './mem-heap-stack.ts';
import { HeapKit, NOTHING_LEFT } from './mem-heap-test-kit.ts';

interface Block {
  readonly len: number;
  free: number;
}

interface Buffer {
  readonly at: number;
  readonly n: number;
  readonly fill: number;
}

interface Top {
  readonly at: number;
  readonly buffers: number;
  readonly blocks: number;
  readonly free: number;
}

/** The rules of A 3.2 to 3.6, over numbers. */
class Model {
  blocks: Block[];
  readonly env: MemHeapEnv;
  readonly dynamic: boolean;

  constructor(env: MemHeapEnv, size: number, dynamic: boolean) {
    this.env = env;
    this.dynamic = dynamic;
    this.blocks = [{ len: env.headerBytes + this.slot(size), free: env.headerBytes }];
  }

  slot(n: number): number {
    const raw = n + this.env.lead + this.env.trail;
    return raw + ((8 - (raw % 8)) % 8);
  }

  alloc(n: number): void {
    const { env, slot } = { env: this.env, slot: this.slot(n) };
    let last = this.blocks[this.blocks.length - 1];
    if (last.len < last.free + slot) {
      const most = this.dynamic ? 8000 : env.maxAllocInBuf;
      const len = env.headerBytes + this.slot(Math.max(n, Math.min(2 * last.len, most)));
      last = { len: !this.dynamic && len >= 8192 ? 16_384 : len, free: env.headerBytes };
      this.blocks.push(last);
    }
    last.free += slot;
  }

  cut(blocks: number, free: number): void {
    this.blocks.length = blocks;
    const last = this.blocks[blocks - 1];
    if (last.free === free) return;
    last.free = free;
    if (blocks > 1 && free === this.env.headerBytes) this.blocks.length--;
  }
}

const CASES = [
  ['8.0.25', false, MEM_HEAP.dynamic],
  ['8.0.25', true, MEM_HEAP.dynamic],
  ['8.0.25', false, MEM_HEAP.buffer],
  ['8.0.30', true, MEM_HEAP.buffer],
  ['5.1', false, MEM_HEAP.buffer],
  ['5.1', true, MEM_HEAP.dynamic],
] as const;
const STEPS = 600;
const MAX_PAGES = 10;

describe.each(CASES)('%s, checked %s, type %i', (version, checked, type) => {
  it.each([1, 2, 3])('seed %i', (seed) => {
    const kit = new HeapKit(512);
    const env = kit.heapEnv({ version, checked });
    const { thr } = kit;
    const rng = new Rng(seed, 9);
    const heap = memHeapCreate(thr, env, 100, type);
    const model = new Model(env, 100, type === MEM_HEAP.dynamic);
    let buffers: Buffer[] = [];
    let tops: Top[] = [];

    const alloc = (): void => {
      if (kit.pagesOut >= MAX_PAGES) return;
      const n = rng.below(10) === 0 ? rng.below(7000) : rng.below(200);
      const zeroed = rng.below(4) === 0;
      const at = zeroed ? memHeapZalloc(thr, env, heap, n) : memHeapAlloc(thr, env, heap, n);
      if (zeroed) expect(kit.bytes(at, n).every((b) => b === 0)).toBe(true);
      const fill = rng.below(256);
      thr.u8.fill(fill, at * WORD_BYTES, at * WORD_BYTES + n);
      buffers.push({ at, n, fill });
      model.alloc(n);
    };
    const freeTop = (): void => {
      const last = buffers.at(-1);
      // A top that lies behind the buffer would be one no longer; a buffer of nothing is not to be told from its neighbour.
      if (last === undefined || last.n === 0 || (tops.at(-1)?.buffers ?? 0) === buffers.length) return;
      if (!memHeapIsTop(thr, env, heap, last.at, last.n)) throw new Error('the last buffer is not the top');
      memHeapFreeTop(thr, env, heap, last.n);
      buffers.pop();
      model.cut(model.blocks.length, model.blocks[model.blocks.length - 1].free - model.slot(last.n));
    };
    const getTop = (): void => {
      const { blocks } = model;
      const at = memHeapGetHeapTop(thr, heap);
      tops.push({ at, buffers: buffers.length, blocks: blocks.length, free: blocks[blocks.length - 1].free });
    };
    const freeHeapTop = (): void => {
      if (tops.length === 0) return;
      const i = rng.below(tops.length);
      const top = tops[i];
      memHeapFreeHeapTop(thr, env, heap, top.at);
      model.cut(top.blocks, top.free);
      buffers = buffers.slice(0, top.buffers);
      tops = tops.slice(0, i);
    };
    const empty = (): void => {
      if (rng.below(5) !== 0) return;
      memHeapEmpty(thr, env, heap);
      model.cut(1, env.headerBytes);
      buffers = [];
      tops = [];
    };

    const steps = [alloc, alloc, alloc, alloc, freeTop, freeTop, getTop, getTop, freeHeapTop, empty];
    for (let i = 0; i < STEPS; i++) {
      steps[rng.below(steps.length)]();
      if (kit.pagesOut >= MAX_PAGES) freeHeapTop();
      const lengths = model.blocks.map((b) => b.len);
      const size = lengths.reduce((a, b) => a + b, 0);
      const wanted = [...lengths, model.blocks[lengths.length - 1].free, size].join();
      const found = [...kit.lengths(heap), kit.free(kit.last(heap)), memHeapGetSize(thr, env, heap)].join();
      if (wanted !== found) expect(found, `step ${i}`).toBe(wanted);
      if (i % 20 !== 0) continue;
      expect(memHeapValidate(thr, env, heap)).toEqual([]);
      const spoiled = buffers.filter((b) => kit.bytes(b.at, b.n).some((x) => x !== b.fill));
      expect(spoiled).toEqual([]);
    }
    expect(kit.pagesOut).toBe(
      model.blocks.filter((b) => type !== MEM_HEAP.dynamic && b.len === 16_384).length,
    );
    memHeapFree(thr, env, heap);
    expect(kit.left()).toEqual(NOTHING_LEFT);
  });
});
