/** Records of the heap of movable blocks (src/memory/movable/movable-heap.ts). */
import { MUTEX } from './latches.ts';
import { LINE_WORDS, record } from './schema.ts';

const STRUCTURE = 'MovableHeap.mutex';
const BLOCK = 'MovableHandle.mutex with MovableHeap.mutex';
const SHOWN = 'reports; at rest it is exact';

/** Mappings that one heap may consist of. */
export const MAX_AREAS = 8;
/** Blocks that one thread may have pinned at a time: what a line has room for. */
export const MAX_PINS = LINE_WORDS - 1;

/** Kinds of a run, in the two low bits of its first word. */
export const RUN_KIND = { free: 0, used: 1, parked: 2, reserved: 3 } as const;
export const RUN_KIND_BITS = 2;

/**
 * What precedes every run of an area; a run is a whole number of lines, header included. The tag comes first and the
 * handle last: whoever writes one word too far, before or behind a block, hits a word that is checked.
 */
export const MOVABLE_RUN = record('MovableRun', 'none: header of a movable block', {
  before: {
    guard: STRUCTURE,
    writer: 'holder',
    doc: 'tag: words of the run before it, 0 at the start of the area',
  },
  size: {
    guard: STRUCTURE,
    writer: 'holder',
    doc: 'words of the run | kind; 0 words, reserved: the end of the area',
  },
  next: { guard: STRUCTURE, writer: 'holder', doc: 'free or parked: next run of its list' },
  prev: { guard: STRUCTURE, writer: 'holder', doc: 'free: the run before it in the list' },
  bytes: {
    guard: 'who allocates or moves the block, before it is published',
    writer: 'holder',
    doc: 'bytes asked for, header not counted',
  },
  key: { guard: 'as bytes', writer: 'holder', doc: 'instrument; bit 31: counted for the connection' },
  owner: { guard: 'as bytes', writer: 'holder', doc: 'whom it counts for (psi.ts)' },
  handle: { guard: STRUCTURE, writer: 'holder', doc: 'used: the block’s handle, else 0' },
});

/** What a handle names: where the block is now. Half a line. */
export const MOVABLE_HANDLE = record('MovableHandle', 'none: entry of the handle table', {
  mutex: {
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'against writing, moving and freeing the block at once',
  },
  place: {
    guard: `${BLOCK}; of a new block: who allocates it`,
    dirtyRead: 'a hint, valid once a pin of it was published and Atomics find it unchanged',
    writer: 'holder',
    doc: 'first word of the block’s contents; 0: no block',
  },
  generation: {
    guard: BLOCK,
    dirtyRead: 'behind an Atomic load of `place`: at least as new as that',
    writer: 'holder',
    doc: 'of the block, or of the next one when there is none; from 1, and round again',
  },
  next: { guard: STRUCTURE, writer: 'holder', doc: 'no block: index of the next free entry, −1 at the end' },
  last: {
    guard: STRUCTURE,
    dirtyRead: 'reports of damage',
    writer: 'holder',
    doc: 'no block: run in which the last one was when it was freed',
  },
});

/** The pins of one thread. */
export const MOVABLE_PINS = record('MovablePins', 'none: hazard pointers of a thread', {
  inUse: {
    line: 'pins',
    guard: 'only the thread itself, by Atomics',
    dirtyRead: 'as slot',
    writer: 'owner',
    hot: true,
    doc: 'slots that were ever in use: the first so many; the others are not looked at',
  },
  slot: {
    words: MAX_PINS,
    guard: 'only the thread itself, by Atomics; when it is dead whoever takes its pins back',
    dirtyRead: 'the thread reads what it wrote itself; others use Atomics, after they took the block away',
    writer: 'owner',
    hot: true,
    doc: 'contents that it reads, 0 none',
  },
});

/** A mapping that runs are cut from. */
export const MOVABLE_AREA = record('MovableArea', 'none: a mapping of movable blocks', {
  at: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'first word' },
  words: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'size, its last line is the end mark' },
  free: { guard: STRUCTURE, writer: 'holder', doc: 'first free run of the list, the youngest; 0 none' },
  spare: { guard: STRUCTURE, writer: 'holder', doc: 'fills four words' },
});

const stat = (doc: string) =>
  ({ guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', telemetry: true, doc }) as const;

/** A heap of movable blocks. */
export const MOVABLE_HEAP = record('MovableHeap', 'none: blocks behind handles', {
  mutex: {
    line: 'mutex',
    record: MUTEX,
    guard: 'see Mutex',
    writer: 'contender',
    doc: 'runs, lists, free handles',
  },
  freeHandle: {
    line: 'structure',
    guard: STRUCTURE,
    writer: 'holder',
    doc: 'index of the first free entry of the handle table, −1 none',
  },
  parked: { guard: STRUCTURE, writer: 'holder', doc: 'first parked run, the youngest; 0 none' },
  parkedRuns: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'parked runs' },
  areas: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'mappings in `area`' },
  liveBlocks: {
    guard: STRUCTURE,
    dirtyRead: SHOWN,
    writer: 'holder',
    hot: true,
    doc: 'handles with a block',
  },
  freeWords: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'in free runs' },
  usedWords: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', hot: true, doc: 'in used runs' },
  parkedWords: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'in parked runs' },
  reservedWords: { guard: STRUCTURE, dirtyRead: SHOWN, writer: 'holder', doc: 'targets of moves under way' },
  compacting: {
    guard: STRUCTURE,
    dirtyRead: SHOWN,
    writer: 'holder',
    doc: '1: the ratio has passed the threshold, and no sweep has come to the end since',
  },
  area: {
    line: 'areas',
    words: MOVABLE_AREA.words * MAX_AREAS,
    record: MOVABLE_AREA,
    guard: STRUCTURE,
    writer: 'holder',
    doc: 'mappings, the oldest first: compaction moves towards it',
  },
  allocs: { ...stat('blocks handed out'), line: 'statistics' },
  frees: stat('blocks given back'),
  failures: stat('requests refused: no handle, no room'),
  mapped: stat('areas mapped'),
  unmapped: stat('areas given back'),
  passes: stat('steps of the defragmenter that found something to do'),
  moves: stat('blocks moved'),
  movedBytes: { ...stat('bytes of contents moved'), words: 2 },
  evacuations: stat('of the moves: away from a gap that is too small to slide into'),
  parkings: stat('runs left by a move or a free while a reader had them pinned'),
  reclaims: stat('of these found unpinned later, and freed'),
  deferredPinned: stat('moves put off: pinned, and enough is parked already'),
  deferredLocked: stat('moves put off: somebody writes the block, or frees it'),
  deferredRoom: stat('moves put off: nowhere to go, and no memory for another area'),
  ratioBefore: stat('fragmentation when the last compaction began, millionths'),
  ratioAfter: stat('fragmentation when the last sweep came to its end, millionths'),
});
