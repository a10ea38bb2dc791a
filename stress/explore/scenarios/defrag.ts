/** Scenarios for movable blocks (src/memory/movable-*.ts): readers, writers, allocation and free beside the defragmenter. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { MOVABLE_HEAP } from '../../../src/layout/movable.ts';
import { NIL } from '../../../src/layout/schema.ts';
import { MemoryCorruption } from '../../../src/memory/ut/corruption.ts';
import { defragStep, fragmentation } from '../../../src/memory/movable/defragmenter.ts';
import { movableDefects } from '../../../src/memory/movable/movable-check.ts';
import { movableAlloc, movableFree } from '../../../src/memory/movable/movable-heap.ts';
import {
  livePlace,
  MovableHeap,
  movableHeapInit,
  movableHeapPlan,
  type MovableHeapPlan,
} from '../../../src/memory/movable/movable-plan.ts';
import {
  movableLock,
  movablePin,
  movableReleaseDead,
  movableTryPin,
  movableUnlock,
  movableUnpin,
} from '../../../src/memory/movable/movable-read.ts';
import { nodeMemoryInit, type NodeMemoryPlan, nodeMemoryPlan } from '../../../src/memory/os/node-memory.ts';
import { OS_PAGE_BYTES, osMemoryDefects } from '../../../src/memory/os/os-memory.ts';
import { Psi, psiInit, psiPlan, type PsiPlan } from '../../../src/memory/psi/psi.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { Kit, must } from '../kit.ts';

interface Plans {
  readonly os: NodeMemoryPlan;
  readonly psi: PsiPlan;
  readonly heap: MovableHeapPlan;
}
interface Movable {
  readonly kit: Kit<'shared', Plans>;
  readonly heap: MovableHeap;
  /** Handle of the block that all is about, and of the one before the gap. */
  readonly x: number;
  readonly head: number;
}
type Body = (ctx: Ctx<Movable>) => unknown;

const H = MOVABLE_HEAP.at;
/** What is in the block at first; what others write to theirs is another number. */
const MARK = 77;
const OTHER = 55;
const DONE = 'done';

/** Bytes of contents that make a run of so many words. */
const bytesOf = (words: number): number => (words - 8) * 4;

/**
 * A heap of one page: a block of `head` words, if any, a gap of `gap`, block x of `words`, and free memory: all that is
 * left, or `rest` words behind one more block.
 */
function setUp(threads: number, { head = 0, gap = 16, words = 16, rest }: Options): Movable {
  const kit: Movable['kit'] = new Kit({
    threads,
    place: { shared: 1 },
    plan: (planner) => {
      const psi = psiPlan(planner, threads, { keys: 1 });
      planner.openNode();
      const os = nodeMemoryPlan(planner, { bytes: 3 * OS_PAGE_BYTES, nThreads: threads });
      const o = { os: os.at, nThreads: threads, handles: 4, areaBytes: OS_PAGE_BYTES, maxPins: 1 };
      return { os, psi, heap: movableHeapPlan(planner, o) };
    },
  });
  const { mem, extra } = kit;
  psiInit(mem, extra.psi);
  nodeMemoryInit(mem, extra.os);
  movableHeapInit(mem, extra.heap);
  const heap = new MovableHeap(extra.heap, new Psi(extra.psi));
  const thr = kit.threads[0];
  const before = head === 0 ? NIL : movableAlloc(thr, heap, bytesOf(head));
  const first = movableAlloc(thr, heap, bytesOf(gap));
  const x = movableAlloc(thr, heap, bytesOf(words));
  const at = livePlace(mem, heap, x);
  mem.fill(MARK, at, at + words - 8);
  if (rest !== undefined) movableAlloc(thr, heap, bytesOf(1024 - 16 - head - gap - words - rest));
  movableFree(thr, heap, first);
  return { kit, heap, x, head: before };
}

/** Reads contents in two steps; both must be as given. */
function look(mem: Int32Array, at: number, mark: number): void {
  must(mem[at] === mark, 'a reader finds what is not the block’s');
  must(Atomics.load(mem, at + 7) === mark, 'a reader finds the end of what is not the block’s');
}

function write(mem: Int32Array, at: number, mark: number): void {
  mem.fill(mark, at, at + 7);
  Atomics.store(mem, at + 7, mark);
  look(mem, at, mark);
}

function step(thr: Thread, s: Movable): number {
  return defragStep(thr, s.heap, 4, OS_PAGE_BYTES, 0);
}

function reader(ctx: Ctx<Movable>): string {
  const { kit, heap, x } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = movablePin(thr, heap, x);
  look(kit.mem, at, MARK);
  movableUnpin(thr, heap, at);
  return DONE;
}

/** Moves what there is, and makes use of what has become free. */
function mover(ctx: Ctx<Movable>): string {
  const thr = ctx.s.kit.threads[ctx.id];
  step(thr, ctx.s);
  return take(ctx, 16);
}

function moverTwice(ctx: Ctx<Movable>): string {
  const thr = ctx.s.kit.threads[ctx.id];
  step(thr, ctx.s);
  step(thr, ctx.s);
  return DONE;
}

/** Takes a block, writes to it, and gives it back. */
function take(ctx: Ctx<Movable>, words: number): string {
  const { kit, heap } = ctx.s;
  const thr = kit.threads[ctx.id];
  const handle = movableAlloc(thr, heap, bytesOf(words));
  must(handle !== NIL, 'no block although there is memory');
  const at = movableLock(thr, heap, handle);
  write(kit.mem, at, OTHER + ctx.id);
  movableUnlock(thr, heap, handle);
  const again = movableLock(thr, heap, handle);
  look(kit.mem, again, OTHER + ctx.id);
  movableUnlock(thr, heap, handle);
  movableFree(thr, heap, handle);
  return DONE;
}

const taker: Body = (ctx) => take(ctx, 16);
/** Does not fit into the gap. */
const takerBehind: Body = (ctx) => take(ctx, 32);

/** Raises the first word and the last under the lock. */
function writer(ctx: Ctx<Movable>): string {
  const { kit, heap, x } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = movableLock(thr, heap, x);
  const was = kit.mem[at];
  kit.mem[at] = was + 1;
  must(Atomics.load(kit.mem, at + 7) === was, 'a writer finds half of another’s change');
  Atomics.store(kit.mem, at + 7, was + 1);
  movableUnlock(thr, heap, x);
  return DONE;
}

/** Frees x and takes its handle's entry anew: a block that covers the gap and the place of x, with other contents. */
function replacer(ctx: Ctx<Movable>): string {
  const { kit, heap, x } = ctx.s;
  const thr = kit.threads[ctx.id];
  movableFree(thr, heap, x);
  const handle = movableAlloc(thr, heap, bytesOf(32));
  const at = movableLock(thr, heap, handle);
  kit.mem.fill(OTHER, at, at + 24);
  movableUnlock(thr, heap, handle);
  return DONE;
}

function freer(ctx: Ctx<Movable>): string {
  const { kit, heap, x } = ctx.s;
  movableFree(kit.threads[ctx.id], heap, x);
  return DONE;
}

/** Frees x, if nobody else has. */
function freerMaybe(ctx: Ctx<Movable>): string {
  try {
    return freer(ctx);
  } catch (e) {
    if (!(e instanceof MemoryCorruption) || !e.message.includes('double free')) throw e;
    return 'gone';
  }
}

/** Frees the block before the gap, and moves what is behind it. */
function headFreer(ctx: Ctx<Movable>): string {
  const { kit, heap, head } = ctx.s;
  const thr = kit.threads[ctx.id];
  movableFree(thr, heap, head);
  step(thr, ctx.s);
  return DONE;
}

/** Reads x if it is still there. */
function looker(ctx: Ctx<Movable>): string {
  const { kit, heap, x } = ctx.s;
  const thr = kit.threads[ctx.id];
  const at = movableTryPin(thr, heap, x);
  if (at === NIL) return 'gone';
  look(kit.mem, at, MARK);
  movableUnpin(thr, heap, at);
  return DONE;
}

/** At the end the heap is sound, and compaction reaches one free run. */
function checkHeap(s: Movable, mark: number | null): void {
  const { kit, heap, x } = s;
  const { mem, extra } = kit;
  for (let moves = 1; moves > 0;) moves = step(kit.threads[0], s);
  const defects = [...movableDefects(mem, heap), ...osMemoryDefects(mem, extra.os.at)];
  must(defects.length === 0, defects.join('; '));
  must(fragmentation(mem, heap) === 0, `${fragmentation(mem, heap)} of the free memory is in pieces`);
  must(mem[heap.at + H.parkedRuns] === 0 && mem[heap.at + H.areas] === 1, 'memory is left over');
  checkNothingHeld(kit);
  if (mark === null) return;
  const at = livePlace(mem, heap, x);
  must(at !== NIL, 'the block is gone');
  for (const word of [at, at + 7]) must(mem[word] === mark, `the block has ${mem[word]}, not ${mark}`);
}

interface Options {
  readonly head?: number;
  readonly gap?: number;
  readonly words?: number;
  readonly rest?: number;
  /** What the block has at the end; null: it is gone. MARK when absent. */
  readonly mark?: number | null;
  readonly check?: (s: Movable, results: readonly unknown[]) => void;
  readonly mayDie?: readonly number[];
  readonly exhaustive?: boolean;
}

function defragScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  o: Options = {},
): Scenario<Movable> {
  const mark = o.mark === undefined ? MARK : o.mark;
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: o.exhaustive ?? false,
    ...(o.mayDie !== undefined && { mayDie: o.mayDie }),
    setup: () => setUp(threads.length, o),
    check: (_mem, s, results) => {
      o.check?.(s, results);
      checkHeap(s, mark);
    },
    checkAfterDeath: (_mem, s, results, dead) => {
      results.forEach((result, id) => must(id === dead || result === DONE, `thread ${id} does not get on`));
      movableReleaseDead(s.kit.threads[0], s.heap, dead + 1);
      // What the dead one was doing elsewhere is not looked at: it held nothing.
      checkHeap(s, mark);
    },
    words: (word, s) => s.kit.words(word),
    holders: (_mem, s) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<Movable>[] = [
  defragScenario('defrag-reader', 'Does a reader find its block whole, whatever is moved?', [reader, mover], {
    exhaustive: true,
  }),
  defragScenario('defrag-readers', 'Do two readers find their block whole?', [reader, reader, mover]),
  defragScenario('defrag-taker', 'Is the old place of a block that is read given to nobody?', [
    reader,
    moverTwice,
    taker,
  ]),
  defragScenario(
    'defrag-evacuate',
    'Does a reader find a block whole that is taken out of the way and back?',
    [reader, moverTwice],
    { words: 32, rest: 32, exhaustive: true },
  ),
  defragScenario(
    'defrag-new-area',
    'Does a block find its way back from an area that is mapped for it?',
    [reader, moverTwice],
    { words: 32, rest: 16 },
  ),
  defragScenario('defrag-writer', 'Is no write lost to a move?', [writer, mover], {
    mark: MARK + 1,
    exhaustive: true,
  }),
  defragScenario('defrag-writers', 'Is none of two writes lost to a move?', [writer, writer, moverTwice], {
    mark: MARK + 2,
  }),
  defragScenario('defrag-free', 'May a block be freed while it is moved?', [freer, moverTwice], {
    mark: null,
    exhaustive: true,
  }),
  defragScenario(
    'defrag-free-reader',
    'Does a reader find a block whole, or gone, that is freed and moved?',
    [looker, freer, mover],
    { mark: null },
  ),
  defragScenario('defrag-stale', 'Does an old handle never read the next block?', [looker, replacer], {
    mark: null,
    exhaustive: true,
  }),
  defragScenario('defrag-double-free', 'Is exactly one of two frees refused?', [freerMaybe, freerMaybe], {
    mark: null,
    exhaustive: true,
    check: (_s, results) => {
      must(results.filter((r) => r === DONE).length === 1, `the frees say ${results.join(' and ')}`);
    },
  }),
  defragScenario(
    'defrag-alloc',
    'Is a new block left alone until it is published?',
    [takerBehind, moverTwice],
    {
      exhaustive: true,
    },
  ),
  defragScenario(
    'defrag-two-takers',
    'Have two new blocks handles and memory of their own?',
    [taker, taker],
    {
      exhaustive: true,
    },
  ),
  defragScenario(
    'defrag-target',
    'Is the target of a move left alone by another defragmenter?',
    [moverTwice, headFreer],
    { head: 16, exhaustive: true },
  ),
  defragScenario('defrag-two-movers', 'Do two defragmenters stay out of each other’s way?', [
    moverTwice,
    moverTwice,
    reader,
  ]),
  defragScenario(
    'defrag-death',
    'Does a reader that dies leave nothing that cannot be taken back?',
    [reader, moverTwice],
    { mayDie: [0], exhaustive: true },
  ),
];
