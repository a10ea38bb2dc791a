/** Records of Performance Schema memory accounting (src/memory/psi.ts). */
import { record } from './schema.ts';

const OWN = 'only the thread that the row belongs to';
const SUM = 'summed for reports and at rest';
const stat = (doc: string, words = 1) =>
  ({ words, guard: OWN, dirtyRead: SUM, writer: 'owner', hot: true, doc }) as const;

/**
 * What one thread allocated and freed under one instrument. A block that another thread frees counts in that
 * thread's row, so a row may show more freed than allocated; the sum over the threads is right.
 */
export const MEM_STAT = record('MemStat', 'memory_summary_by_thread_by_event_name', {
  allocCount: { ...stat('COUNT_ALLOC'), line: 'instrument' },
  freeCount: stat('COUNT_FREE'),
  allocBytes: stat('SUM_NUMBER_OF_BYTES_ALLOC, headers included', 2),
  freeBytes: stat('SUM_NUMBER_OF_BYTES_FREE', 2),
  largeAllocCount: stat('of allocCount: allocate_large'),
  largeFreeCount: stat('of freeCount: deallocate_large'),
  largeAllocBytes: stat('of allocBytes: allocate_large', 2),
  largeFreeBytes: stat('of freeBytes: deallocate_large', 2),
  retries: stat('sleeps between attempts'),
  failures: stat('requests given up'),
});
