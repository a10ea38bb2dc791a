/**
 * Memory that threads have taken from the heaps, by node of the thread and of the memory. A block is an access for each
 * 4 KiB that it begins: whoever takes it is about to write to it. The threads count by size and heap in any case
 * (HEAP_CACHE), so that allocating has nothing more to count.
 */
import { CLASS_ROWS, HEAP_CACHE, RUN_CLASS } from '../layout/heap.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';

const { heapCaches: CACHES } = OS_MEMORY.at;
const { allocs: ALLOCS, runBytesAlloc: RUN_BYTES } = HEAP_CACHE.at;
const PAGE_BYTES = 4096;

/** Accesses that a block of so many bytes is. */
export function accessesOf(bytes: number): number {
  return bytes <= PAGE_BYTES ? 1 : Math.ceil(bytes / PAGE_BYTES);
}

/**
 * While threads run, a moment's mixture; exact at rest.
 * @param allOs OS_MEMORY records by node
 * @param threadNodes node of each thread, that with id 1 first
 */
export function memoryMatrix(
  mem: Int32Array,
  allOs: readonly number[],
  threadNodes: readonly number[],
): number[][] {
  const f64 = new Float64Array(mem.buffer, mem.byteOffset);
  const matrix = allOs.map(() => allOs.map(() => 0));
  for (const [slot, from] of threadNodes.entries()) {
    for (const [to, os] of allOs.entries()) {
      const cache = mem[os + CACHES] + (slot + 1) * HEAP_CACHE.words;
      for (let cls = 1; cls < CLASS_ROWS; cls++) {
        if (cls !== RUN_CLASS) matrix[from][to] += f64[(cache + ALLOCS + 2 * cls) >> 1];
      }
      matrix[from][to] += f64[(cache + RUN_BYTES) >> 1] / PAGE_BYTES;
    }
  }
  return matrix;
}
