/** Validation of a movable heap at rest. */
import {
  MOVABLE_AREA,
  MOVABLE_HANDLE,
  MOVABLE_HEAP,
  MOVABLE_PINS,
  MOVABLE_RUN,
  RUN_KIND,
} from '../../layout/movable.ts';
import { LINE_WORDS, NIL } from '../../layout/schema.ts';
import { blockFault } from './movable-heap.ts';
import { handleEntry, type MovableHeap } from './movable-plan.ts';
import { areaEnd, areaRecord, RUN_HEADER_WORDS, runKind, runWords } from './movable-runs.ts';

const H = MOVABLE_HEAP.at;
const { before: BEFORE, handle: HANDLE, next: NEXT, prev: PREV } = MOVABLE_RUN.at;
const { mutex: MUTEX, place: PLACE, generation: GENERATION, next: NEXT_ENTRY } = MOVABLE_HANDLE.at;

/** Runs found, by address, and their sums by kind. */
interface Found {
  readonly defects: string[];
  readonly kinds: Map<number, number>;
  readonly words: number[];
  blocks: number;
}

/**
 * At rest (nobody allocates, frees or moves): runs without gaps and overlaps, lists that hold what is free or parked and
 * nothing else, a handle for each block and a block for each handle, sums, mutexes free, no pins.
 * @param pins pins that are expected
 * @returns one sentence per defect
 */
export function movableDefects(mem: Int32Array, heap: MovableHeap, pins = 0): string[] {
  const found: Found = { defects: [], kinds: new Map(), words: [0, 0, 0, 0], blocks: 0 };
  const { defects } = found;
  for (let i = 0; i < mem[heap.at + H.areas]; i++) walkArea(mem, heap, areaRecord(heap, i), found);
  checkLists(mem, heap, found);
  checkHandles(mem, heap, found);
  for (const [kind, field] of ['freeWords', 'usedWords', 'parkedWords', 'reservedWords'].entries()) {
    const said = mem[heap.at + H[field as keyof typeof H]];
    if (said !== found.words[kind]) defects.push(`${field} is ${said}, the runs have ${found.words[kind]}`);
  }
  if (found.words[RUN_KIND.reserved] > 0)
    defects.push(`${found.words[RUN_KIND.reserved]} words are reserved`);
  if (mem[heap.at + H.mutex] !== 0)
    defects.push(`the structure's mutex is left with ${mem[heap.at + H.mutex]}`);
  let pinned = 0;
  for (let i = 0; i < heap.nThreads; i++) {
    const slots = heap.pins + i * MOVABLE_PINS.words + MOVABLE_PINS.at.slot;
    for (let slot = slots; slot < slots + heap.maxPins; slot++) if (mem[slot] !== NIL) pinned++;
  }
  if (pinned !== pins) defects.push(`${pinned} blocks are pinned, not ${pins}`);
  return defects;
}

function walkArea(mem: Int32Array, heap: MovableHeap, rec: number, found: Found): void {
  const { defects, kinds, words } = found;
  const end = areaEnd(mem, rec);
  let run = mem[rec + MOVABLE_AREA.at.at];
  let before = 0;
  while (run < end) {
    const size = runWords(mem, run);
    const kind = runKind(mem, run);
    if (size <= 0 || size % LINE_WORDS !== 0 || run + size > end) {
      defects.push(`run @${run}: ${size} words of kind ${kind}, ${end - run} to the end of the area`);
      return;
    }
    if (mem[run + BEFORE] !== before) {
      defects.push(`run @${run}: the one before has ${before} words, the tag says ${mem[run + BEFORE]}`);
    }
    if (kind === RUN_KIND.free && kinds.get(run - before) === RUN_KIND.free && before > 0) {
      defects.push(`run @${run}: free behind a free run`);
    }
    kinds.set(run, kind);
    words[kind] += size;
    if (kind === RUN_KIND.used) checkBlock(mem, heap, run, found);
    before = size;
    run += size;
  }
  if (mem[end + BEFORE] !== before || runWords(mem, end) !== 0 || runKind(mem, end) !== RUN_KIND.reserved) {
    defects.push(`the end mark @${end} is damaged`);
  }
}

function checkBlock(mem: Int32Array, heap: MovableHeap, run: number, found: Found): void {
  found.blocks++;
  const handle = mem[run + HANDLE];
  const fault = blockFault(mem, heap, run, handle);
  if (fault !== '') found.defects.push(`block @${run}: ${fault}`);
  const entry = handleEntry(heap, handle);
  if (mem[entry + PLACE] !== run + RUN_HEADER_WORDS) {
    found.defects.push(`block @${run}: handle ${handle} says that it is at @${mem[entry + PLACE]}`);
  } else if (mem[entry + GENERATION] !== handle >>> heap.indexBits) {
    found.defects.push(`block @${run}: its handle ${handle} is not of generation ${mem[entry + GENERATION]}`);
  }
}

function checkLists(mem: Int32Array, heap: MovableHeap, { defects, kinds }: Found): void {
  const left = new Map(kinds);
  const check = (head: number, kind: number, what: string, linked: boolean): void => {
    let before: number = NIL;
    for (let run = mem[head]; run !== NIL; run = mem[run + NEXT]) {
      if (left.get(run) !== kind) {
        defects.push(`the list of ${what} runs has @${run}, which is none, or is in it twice`);
        return;
      }
      if (linked && mem[run + PREV] !== before)
        defects.push(`${what} run @${run}: its backward link is wrong`);
      left.delete(run);
      before = run;
    }
  };
  for (let i = 0; i < mem[heap.at + H.areas]; i++) {
    check(areaRecord(heap, i) + MOVABLE_AREA.at.free, RUN_KIND.free, 'free', true);
  }
  check(heap.at + H.parked, RUN_KIND.parked, 'parked', false);
  let parked = 0;
  for (const [run, kind] of kinds) {
    if (kind === RUN_KIND.parked) parked++;
    if (left.has(run) && (kind === RUN_KIND.free || kind === RUN_KIND.parked)) {
      defects.push(`run @${run} of kind ${kind} is in no list`);
    }
  }
  if (parked !== mem[heap.at + H.parkedRuns]) {
    defects.push(`parkedRuns is ${mem[heap.at + H.parkedRuns]}, and ${parked} are parked`);
  }
}

function checkHandles(mem: Int32Array, heap: MovableHeap, { defects, blocks }: Found): void {
  let live = 0;
  for (let i = 0; i <= heap.indexMask; i++) {
    const entry = handleEntry(heap, i);
    if (mem[entry + PLACE] !== NIL) live++;
    if (mem[entry + MUTEX] !== 0) defects.push(`the mutex of entry ${i} is left with ${mem[entry + MUTEX]}`);
  }
  let free = 0;
  for (
    let i = mem[heap.at + H.freeHandle];
    i >= 0 && free <= heap.indexMask;
    i = mem[handleEntry(heap, i) + NEXT_ENTRY]
  ) {
    if (mem[handleEntry(heap, i) + PLACE] !== NIL)
      defects.push(`entry ${i} has a block, and is in the free list`);
    free++;
  }
  if (live !== blocks) defects.push(`${live} handles have a place, and there are ${blocks} blocks`);
  if (live + free !== heap.indexMask + 1)
    defects.push(`${live} handles in use and ${free} free ones are not all`);
  if (mem[heap.at + H.liveBlocks] !== blocks) {
    defects.push(`liveBlocks is ${mem[heap.at + H.liveBlocks]}, and there are ${blocks} blocks`);
  }
}
