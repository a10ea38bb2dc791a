/**
 * Reading and writing movable blocks, and the protocol between readers, writers and the defragmenter.
 *
 * A reader pins a block: it writes the place that it found into a slot of its own, and looks again whether the handle
 * still says so. The mover copies the block, writes the new place into the handle, and only then looks through all slots
 * for the old one. Each writes first and looks then, both by Atomics: either the reader sees that the block has moved,
 * or the mover sees the pin. Nobody waits for the other: a reader goes round once more for each move that overtakes it,
 * and the mover parks what is pinned, and looks again in its next step.
 *
 * | word              | set by                                  | cleared by            | breaks otherwise                 |
 * |-------------------|-----------------------------------------|-----------------------|----------------------------------|
 * | slot              | its thread, before it looks at the      | its thread; when it   | the mover frees what is read     |
 * |                   | place again                             | is dead any other     |                                  |
 * | inUse             | its thread, before the slot             | never                 | a pin that nobody looks for      |
 * | place             | mover, after the copy, with handle and  | free, before it looks | readers of half a copy; two      |
 * |                   | structure mutex; the allocating thread, | through the slots     | blocks of one place              |
 * |                   | once the header is written              |                       |                                  |
 * | generation        | free, before the place goes; both       | never                 | an old handle reads the block    |
 * |                   | mutexes                                 |                       | that came after its own          |
 * | mutex (handle)    | writer; free; mover by trying           | the same              | a write into what has been       |
 * |                   |                                         |                       | copied; a move of a free block   |
 * | run, parked       | mover and free, when a slot names it    | reclaim, when none    | memory that is lost, or read     |
 * |                   |                                         | does any more         | while it has another owner       |
 *
 * Why slots (hazard pointers) and not counters in the handle: a thread that dies between two instructions leaves a slot
 * that says what it had, while a counter cannot tell whether it was raised; readers of one block write to lines of their
 * own; and the old place is known by its address, so a block may move again while an old place is still being read.
 * Epochs would cost a reader less, but one that sleeps would keep everything from being freed, and not one block.
 *
 * The order of looks in a pin: slot, place, generation. Whoever wrote the place that was found had written its
 * generation before: when that is the handle's, the block was alive when the place was looked at, and the slot was there
 * before; so whoever takes the block away after that sees it. Slots that a thread has never used are not looked at:
 * `inUse` is raised before the slot is written, so it is seen whenever the slot is.
 *
 * What a pin gives is the block as it was at some moment since the pin: nothing that is written after a move is seen, so
 * pins are for short reads. A reader beside a writer may see half of a change, as anywhere: whoever needs more reads
 * under movableLock, too. A writer that dies leaves the mutex locked: its block stays where it is.
 */
import { MOVABLE_HANDLE, MOVABLE_PINS } from '../../layout/movable.ts';
import { NIL } from '../../layout/schema.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { staleHandle } from './movable-heap.ts';
import { handleEntry, livePlace, type MovableHeap } from './movable-plan.ts';

const { mutex: MUTEX, place: PLACE, generation: GENERATION } = MOVABLE_HANDLE.at;
const { inUse: IN_USE, slot: SLOT } = MOVABLE_PINS.at;
const PINS_WORDS = MOVABLE_PINS.words;

/** Announces that one slot more of a thread may be in use. @throws Error when it has no more */
function openSlot(thr: Thread, heap: MovableHeap, pins: number): void {
  const inUse = thr.mem[pins + IN_USE];
  if (inUse === heap.maxPins) {
    throw new Error(`thread ${thr.id} has ${inUse} movable blocks pinned, and wants one more`);
  }
  Atomics.store(thr.mem, pins + IN_USE, inUse + 1);
}

/**
 * Pins a block for reading: until movableUnpin its contents stay at the address returned. Waits for nobody.
 * @returns first word of the contents; NIL: the block is gone
 * @throws Error when the thread has maxPins blocks pinned
 */
export function movableTryPin(thr: Thread, heap: MovableHeap, handle: number): number {
  const { mem } = thr;
  const entry = handleEntry(heap, handle);
  const pins = heap.pins + (thr.id - 1) * PINS_WORDS;
  let slot = pins + SLOT;
  const end = slot + mem[pins + IN_USE];
  while (slot < end && mem[slot] !== NIL) slot++;
  if (slot === end) openSlot(thr, heap, pins);
  let at = mem[entry + PLACE];
  for (;;) {
    Atomics.store(mem, slot, at);
    const now = Atomics.load(mem, entry + PLACE);
    if (now === at) break;
    at = now;
  }
  if (mem[entry + GENERATION] === handle >>> heap.indexBits) return at;
  Atomics.store(mem, slot, NIL);
  return NIL;
}

/**
 * movableTryPin of a block that must be alive.
 * @throws MemoryCorruption the block is gone, or the handle never was one
 */
export function movablePin(thr: Thread, heap: MovableHeap, handle: number): number {
  const at = movableTryPin(thr, heap, handle);
  if (at === NIL) throw staleHandle(thr, heap, handle, 'movable_pin');
  return at;
}

/**
 * Ends a pin. `at`: what the pin returned.
 * @throws Error when the thread has no such pin
 */
export function movableUnpin(thr: Thread, heap: MovableHeap, at: number): void {
  const { mem } = thr;
  const pins = heap.pins + (thr.id - 1) * PINS_WORDS;
  let slot = pins + SLOT;
  const end = slot + mem[pins + IN_USE];
  while (slot < end && mem[slot] !== at) slot++;
  if (slot === end) throw notPinned(thr, at);
  Atomics.store(mem, slot, NIL);
}

function notPinned(thr: Thread, at: number): Error {
  return new Error(`thread ${thr.id} unpins @${at}, which it has not pinned`);
}

/**
 * Takes a block for writing: it is neither moved nor freed, nor written by another, until movableUnlock. Takes the
 * handle's mutex.
 * @returns first word of the contents
 * @throws MemoryCorruption the block is gone, or the handle never was one
 */
export function movableLock(thr: Thread, heap: MovableHeap, handle: number): number {
  const entry = handleEntry(heap, handle);
  mutexEnter(thr, entry + MUTEX);
  const at = livePlace(thr.mem, heap, handle);
  if (at === NIL) {
    mutexExit(thr, entry + MUTEX);
    throw staleHandle(thr, heap, handle, 'movable_lock');
  }
  return at;
}

/** Ends movableLock. */
export function movableUnlock(thr: Thread, heap: MovableHeap, handle: number): void {
  mutexExit(thr, handleEntry(heap, handle) + MUTEX);
}

/**
 * Takes back the pins of a thread that is dead for certain (its worker has ended), before another has its number.
 * @returns how many there were
 */
export function movableReleaseDead(thr: Thread, heap: MovableHeap, deadThreadId: number): number {
  const slots = heap.pins + (deadThreadId - 1) * PINS_WORDS + SLOT;
  let pins = 0;
  for (let slot = slots; slot < slots + heap.maxPins; slot++) {
    if (Atomics.exchange(thr.mem, slot, NIL) !== NIL) pins++;
  }
  return pins;
}
