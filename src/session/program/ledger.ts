/**
 * The ledger (LEDGER in src/layout/session.ts): what each page's counter must be. An updater raises page and ledger together under the frame's X latch;
 * so whoever holds the frame in any mode finds both equal, or an update was lost, or a page went back in time.
 */
/** Where a page of the run lies: the data files' pages are numbered through, space by space. */
export function spaceOf(page: number, pagesPerSpace: number): number {
  return 1 + Math.floor(page / pagesPerSpace);
}

export function pageNoOf(page: number, pagesPerSpace: number): number {
  return page % pagesPerSpace;
}
