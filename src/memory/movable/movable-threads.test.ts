/** Real threads on a heap of movable blocks: readers, threads that allocate and free, a defragmenter; one that dies. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';
import type { MovableResult, MovableTask } from '../../../workers/movable-actor.ts';
import { CONTROL, THREAD } from '../../layout/thread.ts';
import { defragStep, fragmentation } from './defragmenter.ts';
import { movableDefects } from './movable-check.ts';
import { movableAlloc, movableBytes, movableFree, movableHeapClose } from './movable-heap.ts';
import { movableLock, movablePin, movableReleaseDead, movableUnlock, movableUnpin } from './movable-read.ts';
import { movableStats } from './movable-report.ts';
import { movableSeats, type MovableSeats, seatAt } from './movable-test-kit.ts';
import { osMemoryDefects } from '../os/os-memory.ts';

const WORKER = new URL('../../../dist/workers/movable-actor.js', import.meta.url);

/** What each must have done: rounds, rounds, reads, steps that moved something. */
const WORK = [2000, 2000, 2000, 40];

const start = (task: MovableTask): Worker => new Worker(WORKER, { workerData: task });

async function answerOf(worker: Worker): Promise<MovableResult> {
  return (await once(worker, 'message'))[0] as MovableResult;
}

function defects(seats: MovableSeats, mem: Int32Array): string[] {
  return [...movableDefects(mem, seatAt(seats, 1).heap), ...osMemoryDefects(mem, seats.node.at)];
}

it('readers find every block whole while others move, allocate and free', async () => {
  const slots = 400;
  const seats = movableSeats({ nThreads: 5, pages: 512, areaBytes: 64 * 4096, handles: 1024 });
  const { thr, heap, mem } = seatAt(seats, 1);
  const counter = movableAlloc(thr, heap, 4);
  mem[movableLock(thr, heap, counter)] = 0;
  movableUnlock(thr, heap, counter);
  const roles = ['churner', 'churner', 'reader', 'defragmenter'] as const;
  const progress = (id: number): number =>
    Atomics.load(mem, seats.runtime.threads + (id - 1) * THREAD.words + THREAD.at.progress);
  const workers = roles.map((role, i) => start({ role, seats, id: i + 2, slots, counter }));
  try {
    const answers = Promise.all(workers.map(answerOf));
    while (!WORK.every((work, i) => progress(i + 2) >= work)) {
      await Promise.race([answers, new Promise((resolve) => setTimeout(resolve, 5))]);
    }
    Atomics.store(mem, seats.runtime.control + CONTROL.at.stop, 1);
    const results = await answers;
    const [one, two] = results;
    expect(results.map((r) => r.torn)).toEqual([0, 0, 0, 0]);
    while (defragStep(thr, heap) > 0);
    expect(fragmentation(mem, heap)).toBeLessThanOrEqual(0.3);
    expect(defects(seats, mem)).toEqual([]);
    const at = movablePin(thr, heap, counter);
    expect([mem[at], movableBytes(mem, at)]).toEqual([one.done + two.done, 4]);
    movableUnpin(thr, heap, at);
    movableFree(thr, heap, counter);
    for (let i = 0; i < slots; i++) movableFree(thr, heap, mem[seats.words + i]);
    movableHeapClose(thr, heap);
    expect(defects(seats, mem)).toEqual([]);
  } finally {
    await Promise.all(workers.map((w) => w.terminate()));
  }
});

it('pins of a worker that was ended are taken back', async () => {
  const slots = 5;
  const seats = movableSeats();
  const { thr, heap, mem } = seatAt(seats, 1);
  const gaps = Array.from({ length: slots }, (_, i) => {
    const gap = movableAlloc(thr, heap, 100);
    mem[seats.words + i] = movableAlloc(thr, heap, 100);
    return gap;
  });
  for (const gap of gaps) movableFree(thr, heap, gap);
  const worker = start({ role: 'sleeper', seats, id: 2, slots, counter: 0 });
  await answerOf(worker);
  while (defragStep(thr, heap, 64, 1 << 20, 0) > 0);
  await worker.terminate();
  expect(movableStats(thr, heap)).toMatchObject({ moves: slots, parkedRuns: slots });
  expect(movableReleaseDead(thr, heap, 2)).toBe(slots);
  while (defragStep(thr, heap, 64, 1 << 20, 0) > 0);
  expect(movableStats(thr, heap)).toMatchObject({ parkedRuns: 0, ratio: 0 });
  expect(defects(seats, mem)).toEqual([]);
});
