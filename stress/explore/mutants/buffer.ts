/**
 * Seeded bugs of the buffer pool (src/buffer). Rows: concurrency-testing.md 4.5 (1 to 24) and 6 (from 25).
 *
 * Left out because they change nothing that anybody can see, or only how fast it goes:
 * - `bufLruFreePage` without its *first* test, or `isReplaceable` without "clean": the test under stripe X decides.
 * - A page's stripe let go before its frame is X-latched for the read, a frame not latched during the read, io_fix set to
 *   NONE after that latch is let go, and a hit that does not wait for io_fix but takes the frame latch at once: of frame
 *   latch and io_fix one is enough for those who latch.
 * - `bufPageGet` that searches without a guess although the cell count has moved: it holds the stripe of the cell that it
 *   searches, whatever pages that has now, and what it does not find it looks for again.
 * - `flushOne` that lets go of the stripe before it has the block mutex: it flushes whatever page is there by then, and
 *   tests that one.
 * - `bufFlushPage` of a fixed page (row 8 of facts B 5.3's refusals): SX and the eviction test keep it safe.
 * - Scan iterators stored after the look at the page: lruListMutex is held all the while.
 * - Stripes locked in another order (row 44): whoever takes two holds lruListMutex.
 * - A request to the page cleaner that is lost: its next round comes a second later.
 */
import { listMutants } from './buffer-lists.ts';
import { pageMutants } from './buffer-pages.ts';
import { writeMutants } from './buffer-writes.ts';
import type { Mutant } from './types.ts';

export const mutants: readonly Mutant[] = [...pageMutants, ...listMutants, ...writeMutants];
