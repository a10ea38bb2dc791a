/** Records of special pools (src/memory/heap/special-pools.ts). */
import { record } from './schema.ts';

const CAS = 'Atomics only';
const DECIDES = 'a compare-exchange decides';
const SHOWN = 'reports; at rest it is exact';

/** Words of a name: 28 letters and a 0 behind them. */
export const POOL_NAME_WORDS = 8;

/** A named pool with a limit. */
export const SPECIAL_POOL = record('SpecialPool', 'none: memory for one purpose, with a limit', {
  limit: {
    line: 'pool',
    guard: CAS,
    dirtyRead: 'counts for requests from now on',
    writer: 'contender',
    doc: 'bytes that may be in use, headers included; unsigned',
  },
  inUse: {
    guard: CAS,
    dirtyRead: DECIDES,
    writer: 'contender',
    hot: true,
    doc: 'bytes in use or about to be, headers included; unsigned',
  },
  peak: {
    guard: CAS,
    dirtyRead: SHOWN,
    writer: 'contender',
    hot: true,
    doc: 'largest value of inUse; unsigned',
  },
  allocs: {
    guard: CAS,
    dirtyRead: SHOWN,
    writer: 'contender',
    hot: true,
    doc: 'blocks handed out; unsigned',
  },
  frees: { guard: CAS, dirtyRead: SHOWN, writer: 'contender', hot: true, doc: 'blocks freed; unsigned' },
  refused: { guard: CAS, dirtyRead: SHOWN, writer: 'contender', doc: 'requests that the limit refused' },
  failed: {
    guard: CAS,
    dirtyRead: SHOWN,
    writer: 'contender',
    doc: 'requests that the heap had no memory for',
  },
  name: {
    words: POOL_NAME_WORDS,
    guard: 'setup',
    dirtyRead: 'constant once threads run',
    writer: 'setup',
    doc: 'its name in ASCII, a 0 behind it',
  },
});

/** In front of each block of a pool: 32 bytes. */
export const SPECIAL_POOL_PFX = record(
  'SpecialPoolPfx',
  'none: header of a pool’s block',
  {
    pool: { guard: 'the owner of the block', writer: 'accessor', doc: 'SPECIAL_POOL record' },
    magic: { guard: 'the owner of the block', writer: 'accessor', doc: 'POOL_MAGIC' },
    bytes: {
      guard: 'the owner of the block',
      writer: 'accessor',
      doc: 'what was counted: bytes asked for, and this header; unsigned',
    },
    reserved: { words: 5, guard: 'the owner of the block', writer: 'accessor', doc: 'unused' },
  },
  4,
);
