/** What a contender is, and the pairs that all of them do. */
import { liveBlocks } from './plan.ts';

/** What a thread gets its memory from. Blocks are addresses, or objects. */
export interface AllocContender<B> {
  alloc(bytes: number): B;
  free(block: B): void;
  /** Gives back what it still has. */
  close?(): void;
}

/** So many pairs over a ring of live blocks, the oldest freed first. */
export function runPairs<B>(c: AllocContender<B>, ring: B[], bytes: number, pairs: number): void {
  const mask = ring.length - 1;
  // In pieces: a loop that is called often is compiled once, one that is called once a batch each time anew.
  for (let done = 0; done < pairs; done += PIECE)
    pieceOf(c, ring, bytes, mask, Math.min(PIECE, pairs - done));
}

const PIECE = 4096;

function pieceOf<B>(c: AllocContender<B>, ring: B[], bytes: number, mask: number, pairs: number): void {
  for (let i = 0; i < pairs; i++) {
    const k = i & mask;
    c.free(ring[k]);
    ring[k] = c.alloc(bytes);
  }
}

export function fillRing<B>(c: AllocContender<B>, bytes: number): B[] {
  return Array.from({ length: liveBlocks(bytes) }, () => c.alloc(bytes));
}
