/** Worker entry of the latch bench: a thread that works on a latch, alone or with others. */
import { alternate } from '../bench/core/alternate.ts';
import { secondsOf, secondsOfBatch, type Timing } from '../bench/core/timing.ts';
import type { AsyncLatch, Latch } from '../bench/latch/contender.ts';
import { contenderNamed } from '../bench/latch/contenders.ts';
import { contend, contendAsync, type Done, type Work } from '../bench/latch/work.ts';

interface LatchSeat {
  readonly contender: string;
  /** The latch, and a number that is its own in this process. */
  readonly made: unknown;
  readonly latchId: number;
  readonly slot: number;
}

export interface TogetherTask extends LatchSeat {
  readonly kind: 'together';
  readonly guarded: Int32Array;
  readonly work: Work;
  readonly threads: number;
  /** Word 0 counts arrivals, word 1 is set when all are there. */
  readonly gate: Int32Array;
}

export interface PairTask extends LatchSeat {
  readonly kind: 'pair';
  readonly shared: boolean;
  readonly timing: Timing;
}

/** ns of a lock and unlock, and of the raw pair. */
export interface PairTime {
  readonly pair: number;
  readonly raw: number;
}

/** How long a slice should take, ms, and the pairs that it is first tried with. */
const SLICE_MS = 2;
const TRIAL_PAIRS = 1000;
const RAW_PAIRS = 50_000;
const ASYNC_PAIRS = 200;

/** Latches that this thread has attached to. */
const attached = new Map<number, Latch | AsyncLatch>();

export default async function latchBench(task: TogetherTask | PairTask): Promise<Done | PairTime> {
  const contender = contenderNamed(task.contender);
  const latch = attached.get(task.latchId) ?? (await contender.attach(task.made, task.slot));
  attached.set(task.latchId, latch);
  const waits = contender.waits === 'blocking';
  if (task.kind === 'together') {
    arrive(task);
    if (waits) return contend(latch, task.guarded, task.slot, task.work);
    return contendAsync(latch as AsyncLatch, task.guarded, task.slot, task.work);
  }
  return waits ? timePair(latch, task) : timeAsyncPair(latch as AsyncLatch, task);
}

/** Returns when all have come. */
function arrive({ gate, threads }: TogetherTask): void {
  if (Atomics.add(gate, 0, 1) + 1 === threads) {
    Atomics.store(gate, 1, 1);
    Atomics.notify(gate, 1);
  } else {
    Atomics.wait(gate, 1, 0);
  }
}

const nothing = (): void => undefined;

/** A compare-exchange and an exchange: no mutex with an atomic unlock does with less. */
const rawWord = new Int32Array(new SharedArrayBuffer(64));
function rawPairs(): void {
  for (let i = 0; i < RAW_PAIRS; i++) {
    if (Atomics.compareExchange(rawWord, 0, 0, 1) === 0) nothing();
    Atomics.exchange(rawWord, 0, 0);
  }
}

async function timePair(latch: Latch, { shared, timing }: PairTask): Promise<PairTime> {
  const run = shared
    ? (n: number): void => {
        for (let i = 0; i < n; i++) latch.shared(nothing);
      }
    : (n: number): void => {
        for (let i = 0; i < n; i++) latch.exclusive(nothing);
      };
  const n = warmUp(run);
  for (let i = 0; i < 5; i++) rawPairs();
  const seconds = await alternate(() => run(n), rawPairs, timing);
  return { pair: (seconds.a * 1e9) / n, raw: (seconds.b * 1e9) / RAW_PAIRS };
}

/** @returns the pairs that make a slice, once the code is compiled */
function warmUp(run: (n: number) => void): number {
  let n = TRIAL_PAIRS;
  for (let i = 0; i < 10; i++) {
    const began = performance.now();
    run(n);
    const ms = performance.now() - began;
    n = Math.max(TRIAL_PAIRS, Math.min(4 * n, Math.round((n * SLICE_MS) / Math.max(0.01, ms))));
  }
  return n;
}

/** By the wall clock: what is waited for is done by other threads. */
async function timeAsyncPair(latch: AsyncLatch, { shared, timing }: PairTask): Promise<PairTime> {
  const pairs = async (): Promise<void> => {
    for (let i = 0; i < ASYNC_PAIRS; i++) await (shared ? latch.shared(nothing) : latch.exclusive(nothing));
  };
  await pairs();
  rawPairs();
  const pair = (await secondsOfBatch(pairs, timing.minSamples)) / ASYNC_PAIRS;
  return { pair: pair * 1e9, raw: ((await secondsOf(rawPairs, timing)) * 1e9) / RAW_PAIRS };
}
