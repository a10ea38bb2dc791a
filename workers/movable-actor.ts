/**
 * Entry point of a thread in the tests of movable blocks: reads, allocates and frees, or defragments, until it is told to
 * stop. The shared words hold STOP, then handles that are alive or were.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { CONTROL } from '../src/layout/thread.ts';
import { defragStep } from '../src/memory/movable/defragmenter.ts';
import { movableAlloc, movableBytes, movableFree } from '../src/memory/movable/movable-heap.ts';
import {
  movableLock,
  movablePin,
  movableTryPin,
  movableUnlock,
  movableUnpin,
} from '../src/memory/movable/movable-read.ts';
import { type MovableSeats, seatAt } from '../src/memory/movable/movable-test-kit.ts';

export interface MovableTask {
  readonly role: 'reader' | 'churner' | 'defragmenter' | 'sleeper';
  readonly seats: MovableSeats;
  readonly id: number;
  /** Shared words with handles: so many from `words` on. */
  readonly slots: number;
  /** Block whose first word every churner raises, once a round. */
  readonly counter: number;
}

export interface MovableResult {
  /** Reads, rounds or steps. */
  readonly done: number;
  /** Blocks read that were not whole. */
  readonly torn: number;
  /** Reads of blocks that had been freed. */
  readonly gone: number;
}

const { role, seats, id, slots, counter } = workerData as MovableTask;
const { thr, heap, mem } = seatAt(seats, id);

/** Word i of a block, from its first. */
const word = (seed: number, i: number): number => Math.imul(seed, 2 * i + 1);

function fill(handle: number): void {
  const at = movableLock(thr, heap, handle);
  const words = Math.ceil(movableBytes(mem, at) / 4);
  const seed = thr.rng.next32() | 1;
  for (let i = 0; i < words; i++) mem[at + i] = word(seed, i);
  movableUnlock(thr, heap, handle);
}

function isWhole(at: number): boolean {
  const words = Math.ceil(movableBytes(mem, at) / 4);
  for (let i = 1; i < words; i++) if (mem[at + i] !== word(mem[at], i)) return false;
  return true;
}

const stopped = (): boolean => Atomics.load(mem, seats.runtime.control + CONTROL.at.stop) !== 0;

function read(): MovableResult {
  let [done, torn, gone] = [0, 0, 0];
  while (!stopped()) {
    const at = movableTryPin(thr, heap, Atomics.load(mem, seats.words + thr.rng.below(slots)));
    if (at === 0) {
      gone++;
      continue;
    }
    if (!isWhole(at)) torn++;
    movableUnpin(thr, heap, at);
    thr.madeProgress();
    done++;
  }
  return { done, torn, gone };
}

/** Slots of a churner are its own: every second or so of all. */
function churn(): MovableResult {
  let done = 0;
  while (!stopped()) {
    const slot = seats.words + ((thr.rng.below(slots) & ~1) | (id & 1));
    const old = mem[slot];
    if (old !== 0) {
      Atomics.store(mem, slot, 0);
      movableFree(thr, heap, old);
    }
    if (thr.rng.below(3) > 0) {
      const handle = movableAlloc(thr, heap, 4 + thr.rng.below(thr.rng.below(16) === 0 ? 3000 : 300));
      if (handle !== 0) fill(handle);
      Atomics.store(mem, slot, handle);
    }
    mem[movableLock(thr, heap, counter)]++;
    movableUnlock(thr, heap, counter);
    thr.madeProgress();
    done++;
  }
  return { done, torn: 0, gone: 0 };
}

function defragment(): MovableResult {
  let done = 0;
  while (!stopped()) {
    if (defragStep(thr, heap, 8) === 0) thr.clock.sleepUs(50);
    else thr.madeProgress();
    done++;
  }
  return { done, torn: 0, gone: 0 };
}

/** Pins what there is, says so, and sleeps until it is killed. */
function sleep(): void {
  for (let i = 0; i < slots; i++) movablePin(thr, heap, Atomics.load(mem, seats.words + i));
  parentPort?.postMessage({ done: slots, torn: 0, gone: 0 } satisfies MovableResult);
  Atomics.wait(mem, seats.words + slots, 0);
}

if (role === 'sleeper') sleep();
else parentPort?.postMessage(role === 'reader' ? read() : role === 'churner' ? churn() : defragment());
