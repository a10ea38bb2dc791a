/** Arenas as contenders: they free nothing but everything, now and then. */
import { NIL } from '../../src/layout/schema.ts';
import type { MemEnv } from '../../src/memory/env.ts';
import { memHeapAlloc } from '../../src/memory/mem-heap/mem-heap.ts';
import { memHeapCreate, memHeapFree } from '../../src/memory/mem-heap/mem-heap-block.ts';
import { MemHeapEnv } from '../../src/memory/mem-heap/mem-heap-env.ts';
import { UtBlocks } from '../../src/memory/mem-heap/mem-heap-source.ts';
import { memHeapEmpty } from '../../src/memory/mem-heap/mem-heap-stack.ts';
import { memRootAlloc } from '../../src/memory/mem-root/mem-root.ts';
import { memRootClear, memRootClearForReuse } from '../../src/memory/mem-root/mem-root-blocks.ts';
import { MemRootEnv } from '../../src/memory/mem-root/mem-root-env.ts';
import { memRootSetBlockSize } from '../../src/memory/mem-root/mem-root-state.ts';
import { UtAllocator } from '../../src/memory/ut/ut-allocator.ts';
import type { Thread } from '../../src/sync/thread.ts';
import type { AllocContender } from './run.ts';

/** Bytes after which an arena is emptied: those of a statement. */
const EMPTIED_AFTER = 2 ** 16;

/** How often an arena is emptied, in blocks; at least every one. */
const blocksBetween = (size: number): number => Math.max(1, Math.floor(EMPTIED_AFTER / Math.max(8, size)));

/** An arena frees nothing but everything. */
export class OnHeap implements AllocContender<number> {
  private readonly thr: Thread;
  private readonly heapEnv: MemHeapEnv;
  private heap: number = NIL;
  private readonly bytes: number;
  private readonly most: number;
  private left: number;

  constructor(thr: Thread, env: MemEnv, size: number) {
    this.thr = thr;
    this.heapEnv = new MemHeapEnv(env, { blocks: new UtBlocks(new UtAllocator(env)) });
    this.bytes = EMPTIED_AFTER + 8 * size;
    this.most = blocksBetween(size);
    this.left = this.most;
  }

  alloc(bytes: number): number {
    if (--this.left === 0 || this.heap === NIL) this.begin();
    return memHeapAlloc(this.thr, this.heapEnv, this.heap, bytes);
  }

  private begin(): void {
    this.left = this.most;
    if (this.heap === NIL) this.heap = memHeapCreate(this.thr, this.heapEnv, this.bytes);
    else memHeapEmpty(this.thr, this.heapEnv, this.heap);
  }

  free(): void {}

  close(): void {
    memHeapFree(this.thr, this.heapEnv, this.heap);
    this.heap = NIL;
  }
}

export class OnRoot implements AllocContender<number> {
  private readonly thr: Thread;
  private readonly rootEnv: MemRootEnv;
  private readonly root: number;
  private readonly most: number;
  private left: number;

  constructor(thr: Thread, env: MemEnv, root: number, size: number) {
    this.thr = thr;
    this.rootEnv = new MemRootEnv(env);
    this.root = root;
    memRootSetBlockSize(thr.mem, root, EMPTIED_AFTER + 8 * size);
    this.most = blocksBetween(size);
    this.left = this.most;
  }

  alloc(bytes: number): number {
    if (--this.left === 0) {
      this.left = this.most;
      memRootClearForReuse(this.thr, this.rootEnv, this.root);
    }
    return memRootAlloc(this.thr, this.rootEnv, this.root, bytes);
  }

  free(): void {}

  close(): void {
    memRootClear(this.thr, this.rootEnv, this.root);
  }
}
