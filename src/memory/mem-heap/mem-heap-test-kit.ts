/** What the tests of storage heaps share: memory, pages that are counted, and a look at a heap's blocks. */
import { MEM_BLOCK_25 } from '../../layout/mem-heap.ts';
import { NIL, record, WORD_BYTES } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { mallocWalk } from '../heap/malloc.ts';
import { memHeapAlloc } from './mem-heap.ts';
import { MemHeapEnv, type MemHeapOptions, type MemHeapVersion, type PageSource } from './mem-heap-env.ts';
import { UtBlocks } from './mem-heap-source.ts';
import { MemoryKit, type MemoryKitOptions } from '../test-kit.ts';
import type { UtAllocatorOptions } from '../ut/ut-allocator.ts';

const { len: LEN, free: FREE, start: START, next: NEXT, last: LAST } = MEM_BLOCK_25.at;
const PAGE_BYTES = 16384;
const PAGE = record('TestPage', 'a frame', {
  bytes: { words: PAGE_BYTES / WORD_BYTES, guard: 'test', writer: 'owner', doc: 'a frame' },
});
const PAGES = 12;
/** So that a frame is not taken for its control block. */
const HANDLE = 1_000_000_000;

/** A pool of pages; the control block of a frame is its address and HANDLE. */
class TestPages implements PageSource {
  readonly unused: number[] = [];
  /** Pages handed out by alloc. */
  taken = 0;

  alloc(): number {
    const page = this.unused.pop();
    if (page === undefined) throw new Error('no page left');
    this.taken++;
    return page;
  }

  frame(block: number): number {
    return block - HANDLE;
  }

  free(_thr: Thread, block: number): void {
    if (this.unused.includes(block)) throw new Error('page freed twice');
    this.unused.push(block);
  }
}

export class HeapKit extends MemoryKit {
  readonly thr: Thread;
  readonly pagePool = new TestPages();

  constructor(pages = 64, origins = false, records: MemoryKitOptions['records'] = {}) {
    super({ pages: [pages], records: { pages: [PAGE, PAGES], ...records }, node: { origins } });
    this.thr = this.thread(1);
    for (let i = 0; i < PAGES; i++) this.pagePool.unused.push(this.at('pages') + i * PAGE.words + HANDLE);
  }

  /** Pages that are not free. */
  get pagesOut(): number {
    return PAGES - this.pagePool.unused.length;
  }

  heapEnv(o: Partial<MemHeapOptions> = {}, ut: Partial<UtAllocatorOptions> = {}): MemHeapEnv {
    return new MemHeapEnv(this.env, { blocks: new UtBlocks(this.alloc(ut)), pages: this.pagePool, ...o });
  }

  /** Blocks from the first. */
  blocks(heap: number): number[] {
    const out: number[] = [];
    for (let b = heap; b !== NIL; b = this.mem[b + NEXT]) out.push(b);
    return out;
  }

  /** Their lengths. */
  lengths(heap: number): number[] {
    return this.blocks(heap).map((b) => this.len(b));
  }

  len(block: number): number {
    return this.thr.f64[(block + LEN) >>> 1];
  }

  free(block: number): number {
    return this.thr.f64[(block + FREE) >>> 1];
  }

  start(block: number): number {
    return this.thr.f64[(block + START) >>> 1];
  }

  last(heap: number): number {
    return this.mem[heap + LAST];
  }

  /** Fills the last block to its last byte, then asks for one byte more; `times` over. */
  overflow(env: MemHeapEnv, heap: number, times: number): void {
    for (let i = 0; i < times; i++) {
      const last = this.last(heap);
      memHeapAlloc(this.thr, env, heap, this.len(last) - this.free(last) - env.lead - env.trail);
      memHeapAlloc(this.thr, env, heap, 1);
    }
  }

  /** Bytes of words from an address. */
  bytes(at: number, n: number): number[] {
    return [...this.thr.u8.subarray(at * WORD_BYTES, at * WORD_BYTES + n)];
  }

  /** What is left at the end: live blocks, pages, defects. */
  left(): unknown[] {
    return [mallocWalk(this.mem, this.os), this.pagesOut, this.defects()];
  }
}

export const NOTHING_LEFT = [[], 0, []];
export const VERSIONS_80: readonly MemHeapVersion[] = ['8.0.25', '8.0.30'];
