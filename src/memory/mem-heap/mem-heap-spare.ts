/**
 * The spare page of a BTR_SEARCH heap (facts A 3.2, B 8.5). Such a heap grows under a latch that forbids a search for a
 * free page; so a page is put by before the latch is taken, and the heap takes that one, or does not grow.
 *
 * 8.0.25 keeps it in the heap, guarded by the latch; from about 8.0.3x it is an atomic cell beside the heap, which any
 * thread may fill and the heap's owner empties.
 */
import { MEM_BLOCK_25, MEM_HEAP_SPARE } from '../../layout/mem-heap.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { MEM_HEAP, type MemHeapEnv } from './mem-heap-env.ts';

const { freeBlock: FREE_BLOCK, type: TYPE } = MEM_BLOCK_25.at;
const { block: BLOCK } = MEM_HEAP_SPARE.at;

/** Control block of the spare page, NIL when there is none. Without the heap's latch a hint. */
export function memHeapSpare(thr: Thread, env: MemHeapEnv, heap: number): number {
  const spare = thr.mem[heap + FREE_BLOCK];
  return spare === NIL || !env.spareInCell ? spare : Atomics.load(thr.mem, spare + BLOCK);
}

/**
 * Names the cell (a MEM_HEAP_SPARE record) that the heap's spare page will lie in. Before the heap is shared.
 * @throws Error on another kind of heap, or a version that has no cells
 */
export function memHeapSetSpareCell(thr: Thread, env: MemHeapEnv, heap: number, cell: number): void {
  const { mem } = thr;
  if (!env.spareInCell || (mem[heap + TYPE] & MEM_HEAP.btrSearch) === 0) {
    throw new Error(
      `heap @${heap} of ${env.version} and type ${mem[heap + TYPE]} has no cell for a spare page`,
    );
  }
  mem[heap + FREE_BLOCK] = cell;
}

/**
 * Puts a page by. The page was taken from the pool with no latch of the heap held; 8.0.25: that latch is held now,
 * later: it need not be.
 * @returns false: there is one already (somebody was quicker), and the page has gone back to the pool
 */
export function memHeapGiveSpare(thr: Thread, env: MemHeapEnv, heap: number, page: number): boolean {
  const { mem } = thr;
  if ((mem[heap + TYPE] & MEM_HEAP.btrSearch) === 0 || (env.spareInCell && mem[heap + FREE_BLOCK] === NIL)) {
    throw new Error(`heap @${heap} of type ${mem[heap + TYPE]} has no place for a spare page`);
  }
  if (env.spareInCell) {
    if (Atomics.compareExchange(mem, mem[heap + FREE_BLOCK] + BLOCK, NIL, page) === NIL) return true;
  } else if (mem[heap + FREE_BLOCK] === NIL) {
    mem[heap + FREE_BLOCK] = page;
    return true;
  }
  env.pages?.free(thr, page);
  return false;
}

/** Takes the spare page for the heap to grow by; NIL: there is none. Owner only. */
export function memHeapTakeSpare(thr: Thread, env: MemHeapEnv, heap: number): number {
  const { mem } = thr;
  const spare = mem[heap + FREE_BLOCK];
  if (spare === NIL) return NIL;
  if (env.spareInCell) return Atomics.exchange(mem, spare + BLOCK, NIL);
  mem[heap + FREE_BLOCK] = NIL;
  return spare;
}

/** `mem_heap_free_block_free`: the spare page goes back to the pool. Owner only. */
export function memHeapReleaseSpare(thr: Thread, env: MemHeapEnv, heap: number): void {
  const page = memHeapTakeSpare(thr, env, heap);
  if (page !== NIL) env.pages?.free(thr, page);
}
