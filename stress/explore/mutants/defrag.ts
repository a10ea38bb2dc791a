/**
 * Seeded bugs in movable blocks and their defragmenter (src/memory/movable-*.ts).
 *
 * Left out, because nothing can tell them from the original: a mover that looks at pins before it copies as well (it
 * only puts more off); a free that leaves the old generation for the next alloc to raise, as long as the place goes.
 */
import type { Mutant } from './types.ts';

const RUNS = 'src/memory/movable/movable-runs.ts';
const HEAP = 'src/memory/movable/movable-heap.ts';
const READ = 'src/memory/movable/movable-read.ts';
const DEFRAG = 'src/memory/movable/defragmenter.ts';

const BROKEN = ['race', 'check', 'exception'] as const;

export const mutants: readonly Mutant[] = [
  {
    id: 'defrag-frees-at-once',
    file: RUNS,
    find: '  if (!isPinned(mem, heap, run + RUN_HEADER_WORDS)) {\n    freeRun',
    replace: '  if (run !== NIL) {\n    freeRun',
    doc: 'the old place of a block is free at once, whoever reads it',
    scenarios: ['defrag-reader', 'defrag-readers', 'defrag-taker'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-reclaims-pinned',
    file: RUNS,
    find: '    if (isPinned(mem, heap, run + RUN_HEADER_WORDS)) {\n      from',
    replace: '    if (run === NIL) {\n      from',
    doc: 'a parked run is freed at the next look, whoever reads it',
    scenarios: ['defrag-taker', 'defrag-two-movers'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-parked-for-ever',
    file: RUNS,
    find: '  while (mem[from] !== NIL) {\n    const run',
    replace: '  while (mem[from] !== NIL && heap.nThreads === 0) {\n    const run',
    doc: 'what was parked is never free again',
    scenarios: ['defrag-reader', 'defrag-readers'],
    oracle: 'check',
  },
  {
    id: 'defrag-reclaim-loses-list',
    file: RUNS,
    find: '      from = run + NEXT;\n      continue;',
    replace: '      mem[from] = mem[run + NEXT];\n      continue;',
    doc: 'a parked run that is still read is taken off the list',
    scenarios: ['defrag-death', 'defrag-taker', 'defrag-two-movers'],
    oracle: 'check',
  },
  {
    id: 'defrag-one-slot-seen',
    file: RUNS,
    find: '  for (let i = 0; i < heap.nThreads; i++) {',
    replace: '  for (let i = 1; i < heap.nThreads; i++) {',
    doc: 'the pins of the first thread are not looked at',
    scenarios: ['defrag-reader', 'defrag-taker'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-slot-announced-late',
    file: READ,
    find: '  if (slot === end) openSlot(thr, heap, pins);\n  let at = mem[entry + PLACE];\n  for (;;) {\n    Atomics.store(mem, slot, at);\n    const now = Atomics.load(mem, entry + PLACE);\n    if (now === at) break;\n    at = now;\n  }\n',
    replace:
      '  let at = mem[entry + PLACE];\n  for (;;) {\n    Atomics.store(mem, slot, at);\n    const now = Atomics.load(mem, entry + PLACE);\n    if (now === at) break;\n    at = now;\n  }\n  if (slot === end) openSlot(thr, heap, pins);\n',
    doc: 'a slot is announced after the place was looked at: the mover does not look at it',
    scenarios: ['defrag-reader', 'defrag-readers'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-pin-unchecked',
    file: READ,
    find: '    if (now === at) break;',
    replace: '    if (now === at || at !== NIL) break;',
    doc: 'a reader does not look again whether the block has moved since it was found',
    scenarios: ['defrag-reader', 'defrag-readers'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-pin-late',
    file: READ,
    find: '    Atomics.store(mem, slot, at);\n    const now = Atomics.load(mem, entry + PLACE);\n',
    replace: '    const now = Atomics.load(mem, entry + PLACE);\n    Atomics.store(mem, slot, at);\n',
    doc: 'a reader looks again before it has published its pin',
    scenarios: ['defrag-reader', 'defrag-readers'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-pin-of-first-look',
    file: READ,
    find: '    at = now;\n  }',
    replace: '    at = now;\n    break;\n  }',
    doc: 'a reader that was overtaken reads the new place without a pin on it',
    scenarios: ['defrag-evacuate', 'defrag-taker', 'defrag-readers', 'defrag-free-reader'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-unpin-early',
    file: READ,
    find: '  if (mem[entry + GENERATION] === handle >>> heap.indexBits) return at;\n  Atomics.store(mem, slot, NIL);',
    replace:
      '  Atomics.store(mem, slot, NIL);\n  if (mem[entry + GENERATION] === handle >>> heap.indexBits) return at;',
    doc: 'a pin ends before its reader reads',
    scenarios: ['defrag-reader'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-generation-ignored',
    file: READ,
    find: '  if (mem[entry + GENERATION] === handle >>> heap.indexBits) return at;',
    replace: '  if (at !== NIL) return at;',
    doc: 'an old handle pins the block that came after its own',
    scenarios: ['defrag-stale'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-generation-early',
    file: READ,
    find: '  let at = mem[entry + PLACE];\n  for (;;) {\n    Atomics.store(mem, slot, at);\n    const now = Atomics.load(mem, entry + PLACE);\n    if (now === at) break;\n    at = now;\n  }\n  if (mem[entry + GENERATION] === handle',
    replace:
      '  let at = mem[entry + PLACE];\n  const generation = Atomics.load(mem, entry + GENERATION);\n  for (;;) {\n    Atomics.store(mem, slot, at);\n    const now = Atomics.load(mem, entry + PLACE);\n    if (now === at) break;\n    at = now;\n  }\n  if (generation === handle',
    doc: 'the generation is looked at before the pin, and not after it',
    scenarios: ['defrag-stale'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-lock-looks-first',
    file: READ,
    find: '  mutexEnter(thr, entry + MUTEX);\n  const at = livePlace(thr.mem, heap, handle);\n',
    replace: '  const at = livePlace(thr.mem, heap, handle);\n  mutexEnter(thr, entry + MUTEX);\n',
    doc: 'a writer finds its block before it has the mutex, and writes to the old place',
    scenarios: ['defrag-writer', 'defrag-writers'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-dead-keeps-pins',
    file: READ,
    find: 'if (Atomics.exchange(thr.mem, slot, NIL) !== NIL) pins++;',
    replace: 'if (Atomics.load(thr.mem, slot) !== NIL) pins++;',
    doc: 'the pins of a dead thread are counted, and stay',
    scenarios: ['defrag-death'],
    oracle: 'check',
  },
  {
    id: 'movable-free-looks-first',
    file: HEAP,
    find: '  mutexEnter(thr, entry + HANDLE_MUTEX);\n  const at = livePlace(mem, heap, handle);\n',
    replace: '  const at = livePlace(mem, heap, handle);\n  mutexEnter(thr, entry + HANDLE_MUTEX);\n',
    doc: 'free finds the block before it has the mutex, and frees the old place, or twice',
    scenarios: ['defrag-free', 'defrag-double-free'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-free-keeps-generation',
    file: HEAP,
    find: '  Atomics.store(mem, entry + GENERATION, nextGeneration(heap, handle));\n',
    replace: '',
    doc: 'the handle of a free block is given to the next one',
    scenarios: ['defrag-stale'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-free-retires-first',
    file: HEAP,
    find: '  Atomics.store(mem, entry + GENERATION, nextGeneration(heap, handle));\n  Atomics.store(mem, entry + PLACE, NIL);\n  retireRun(mem, heap, run);\n',
    replace:
      '  retireRun(mem, heap, run);\n  Atomics.store(mem, entry + GENERATION, nextGeneration(heap, handle));\n  Atomics.store(mem, entry + PLACE, NIL);\n',
    doc: 'free looks through the pins while the block can still be pinned',
    scenarios: ['defrag-stale', 'defrag-free-reader'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-alloc-publishes-early',
    file: HEAP,
    find: '  mem[run + HANDLE] = handle;\n  mutexExit(thr, heap.at + MUTEX);\n',
    replace:
      '  mem[run + HANDLE] = handle;\n  Atomics.store(mem, entry + PLACE, run + RUN_HEADER_WORDS);\n  mutexExit(thr, heap.at + MUTEX);\n',
    doc: 'a new block has its place before its header is written',
    scenarios: ['defrag-alloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'movable-alloc-handle-late',
    file: HEAP,
    find: '  mem[heap.at + FREE_HANDLE] = mem[entry + NEXT];\n  mem[heap.at + LIVE]++;\n  mem[heap.at + ALLOCS]++;\n  mem[run + HANDLE] = handle;\n  mutexExit(thr, heap.at + MUTEX);\n',
    replace:
      '  mem[heap.at + LIVE]++;\n  mem[heap.at + ALLOCS]++;\n  mem[run + HANDLE] = handle;\n  mutexExit(thr, heap.at + MUTEX);\n  mem[heap.at + FREE_HANDLE] = mem[entry + NEXT];\n',
    doc: 'the list of free handles is changed with the mutex free',
    scenarios: ['defrag-two-takers'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-moves-unpublished',
    file: DEFRAG,
    find: '  if (place === contents) {\n    const fault',
    replace: '  if (place === contents || place === NIL) {\n    const fault',
    doc: 'a block is moved that its owner is still writing the header of',
    scenarios: ['defrag-alloc'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-publishes-before-copy',
    file: DEFRAG,
    find: '  const contents = from + RUN_HEADER_WORDS;\n  mem.copyWithin',
    replace:
      '  const contents = from + RUN_HEADER_WORDS;\n  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);\n  mem.copyWithin',
    doc: 'the handle names the new place before the copy is made',
    scenarios: ['defrag-reader', 'defrag-readers'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-retires-before-publishing',
    file: DEFRAG,
    find: '  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);\n  retireRun(mem, heap, from);\n',
    replace: '  retireRun(mem, heap, from);\n  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);\n',
    doc: 'the mover looks through the pins before readers can know that the block has moved',
    scenarios: ['defrag-reader', 'defrag-readers', 'defrag-taker'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-unlocks-before-copy',
    file: DEFRAG,
    find: '  mutexExit(thr, heap.at + H.mutex);\n  const contents = from + RUN_HEADER_WORDS;\n  mem.copyWithin(to + RUN_HEADER_WORDS, contents, contents + Math.ceil(bytes / WORD_BYTES));\n  mem[to + BYTES] = bytes;\n  mem[to + KEY] = mem[from + KEY];\n  mem[to + OWNER] = mem[from + OWNER];\n  originMove(thr, heap.os, from, to);\n  mutexEnter(thr, heap.at + H.mutex);\n  mem[to + HANDLE] = handle;\n  setRunKind(mem, heap, to, RUN_KIND.used);\n  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);\n  retireRun(mem, heap, from);\n  mutexExit(thr, entry + HANDLE_MUTEX);\n',
    replace:
      '  mutexExit(thr, heap.at + H.mutex);\n  const contents = from + RUN_HEADER_WORDS;\n  mutexExit(thr, entry + HANDLE_MUTEX);\n  mem.copyWithin(to + RUN_HEADER_WORDS, contents, contents + Math.ceil(bytes / WORD_BYTES));\n  mem[to + BYTES] = bytes;\n  mem[to + KEY] = mem[from + KEY];\n  mem[to + OWNER] = mem[from + OWNER];\n  originMove(thr, heap.os, from, to);\n  mutexEnter(thr, heap.at + H.mutex);\n  mem[to + HANDLE] = handle;\n  setRunKind(mem, heap, to, RUN_KIND.used);\n  Atomics.store(mem, entry + PLACE, to + RUN_HEADER_WORDS);\n  retireRun(mem, heap, from);\n',
    doc: 'the mover copies a block without its handle’s mutex: a write is lost',
    scenarios: ['defrag-writer', 'defrag-free'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-target-not-reserved',
    file: DEFRAG,
    find: 'splitRun(mem, heap, to, runWords(mem, from), RUN_KIND.reserved);',
    replace: 'splitRun(mem, heap, to, runWords(mem, from), RUN_KIND.used);',
    doc: 'another defragmenter takes the target of a move for a block',
    scenarios: ['defrag-target'],
    oracle: [...BROKEN],
  },
  {
    id: 'defrag-claim-kept',
    file: DEFRAG,
    find: '  mutexExit(thr, entry + HANDLE_MUTEX);\n  // Without a place',
    replace:
      '  if (place === NIL) mutexTryEnter(thr, entry + HANDLE_MUTEX);\n  else mutexExit(thr, entry + HANDLE_MUTEX);\n  // Without a place',
    doc: 'the mutex of a block that cannot be moved now is not given back',
    scenarios: ['defrag-alloc'],
    oracle: ['check', 'deadlock', 'exception', 'lost-wakeup', 'latch-order'],
  },
  {
    id: 'defrag-slides-over-itself',
    file: DEFRAG,
    find: '  if (isBlock && fits && claim(thr, heap, behind)) return move(thr, heap, behind, gap);',
    replace:
      '  if (isBlock && claim(thr, heap, behind)) {\n    if (fits) return move(thr, heap, behind, gap);\n    const words = runWords(mem, behind);\n    mem.copyWithin(gap + RUN_HEADER_WORDS, behind + RUN_HEADER_WORDS, behind + words);\n    mem.copyWithin(behind + RUN_HEADER_WORDS, gap + RUN_HEADER_WORDS, gap + words);\n    mutexExit(thr, handleEntry(heap, mem[behind + HANDLE]) + HANDLE_MUTEX);\n    return NIL;\n  }',
    doc: 'a block that does not fit into the gap is copied over itself',
    scenarios: ['defrag-evacuate'],
    oracle: [...BROKEN],
  },
];
