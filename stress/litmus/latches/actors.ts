/**
 * What litmus threads do with latches. Each returns the number of things that it saw and that must not be seen: 0 is
 * the only acceptable answer.
 */
import { eventReset, eventSet, eventWait } from '../../../src/sync/event.ts';
import { mutexEnter, mutexExit, mutexOwn, mutexTryEnter } from '../../../src/sync/mutex.ts';
import { sxReaders } from '../../../src/sync/sx-lock-word.ts';
import * as L from '../../../src/sync/sx-lock.ts';
import type { Seats } from '../../../src/sync/test-kit.ts';
import type { Thread } from '../../../src/sync/thread.ts';

/** Addresses (and the number of rounds) that an actor works with. */
export interface Where {
  readonly rounds: number;
  readonly latch: number;
  /** A line of words that the latch guards, or that actors signal with. */
  readonly data: number;
  /** A second latch or event. */
  readonly other: number;
}

export interface ActorTask {
  readonly seats: Seats;
  readonly id: number;
  readonly actor: ActorName;
  readonly where: Where;
}

/** Words of a data line that only SX holders count themselves in; of the signal between two threads. */
const INSIDE = 4;
const SIGNAL = 8;

/** Keeps a thread busy for about `n` atomic loads. */
function dally(thr: Thread, n: number): void {
  for (let i = 0; i < n; i++) Atomics.load(thr.mem, thr.control);
}

/** Waits, busily, until a word has a value: for meeting another thread, not for measuring it. */
function until(thr: Thread, at: number, value: number): void {
  while (Atomics.load(thr.mem, at) !== value) Atomics.wait(thr.mem, thr.control, 0, 0.1);
}

/** Raises a plain counter under the mutex; every third time by way of the nowait form. */
function mutexCount(thr: Thread, { latch, data, rounds }: Where): number {
  const { mem } = thr;
  let bad = 0;
  for (let i = 0; i < rounds; i++) {
    if (i % 3 !== 0 || !mutexTryEnter(thr, latch)) mutexEnter(thr, latch);
    const before = mem[data];
    if (i % 64 === 0) dally(thr, 50);
    mem[data] = before + 1;
    if (!mutexOwn(thr, latch)) bad++;
    mutexExit(thr, latch);
    dally(thr, i & 7);
  }
  return bad;
}

const torn = (mem: Int32Array, data: number): number => (mem[data] === mem[data + 1] ? 0 : 1);

/** Reads a pair of words under S: never torn. */
function sxRead(thr: Thread, { latch, data, rounds }: Where): number {
  let bad = 0;
  for (let i = 0; i < rounds; i++) {
    if (i % 4 !== 0 || !L.sxSTryLock(thr, latch)) L.sxSLock(thr, latch);
    bad += torn(thr.mem, data);
    if (i % 64 === 0) dally(thr, 50);
    bad += torn(thr.mem, data);
    L.sxSUnlock(thr, latch);
  }
  return bad;
}

/** Raises both words of a pair, one after the other, under X. The caller holds X. */
function writePair(thr: Thread, data: number, pause: number): number {
  const { mem } = thr;
  const bad = torn(mem, data) + (Atomics.load(mem, data + INSIDE) === 0 ? 0 : 1);
  mem[data]++;
  dally(thr, pause);
  mem[data + 1]++;
  return bad;
}

/** X: alone; taken plainly, by the nowait form, twice, and with SX inside. */
function sxWrite(thr: Thread, { latch, data, rounds }: Where): number {
  let bad = 0;
  for (let i = 0; i < rounds; i++) {
    if (i % 4 !== 0 || !L.sxXTryLock(thr, latch)) L.sxXLock(thr, latch);
    if (i % 3 === 0) L.sxXLock(thr, latch);
    if (i % 5 === 0) L.sxSxLock(thr, latch);
    bad += writePair(thr, data, i % 64 === 0 ? 50 : 2);
    if (i % 3 === 0) L.sxXUnlock(thr, latch);
    if (i % 5 === 0) L.sxSxUnlock(thr, latch);
    L.sxXUnlock(thr, latch);
  }
  return bad;
}

/** SX: no second SX inside, no X; every other time raised to X to write. */
function sxUpdate(thr: Thread, { latch, data, rounds }: Where): number {
  const { mem } = thr;
  let bad = 0;
  for (let i = 0; i < rounds; i++) {
    if (i % 4 !== 0 || !L.sxSxTryLock(thr, latch)) L.sxSxLock(thr, latch);
    if (Atomics.add(mem, data + INSIDE, 1) !== 0) bad++;
    bad += torn(mem, data);
    if (i % 64 === 0) dally(thr, 50);
    bad += torn(mem, data);
    if (Atomics.sub(mem, data + INSIDE, 1) !== 1) bad++;
    if (i % 2 === 0) {
      L.sxXLock(thr, latch);
      bad += writePair(thr, data, 2);
      L.sxXUnlock(thr, latch);
    }
    L.sxSxUnlock(thr, latch);
  }
  return bad;
}

/** Holds SX until the other side has been inside with S, each round. */
function sxHost(thr: Thread, { latch, data, rounds }: Where): number {
  for (let i = 1; i <= rounds; i++) {
    L.sxSxLock(thr, latch);
    Atomics.store(thr.mem, data + SIGNAL, 2 * i - 1);
    until(thr, data + SIGNAL, 2 * i);
    L.sxSxUnlock(thr, latch);
  }
  return 0;
}

/** The other side: takes S while SX is held, and finds that SX and X nowait fail. */
function sxGuest(thr: Thread, { latch, data, rounds }: Where): number {
  let bad = 0;
  for (let i = 1; i <= rounds; i++) {
    until(thr, data + SIGNAL, 2 * i - 1);
    L.sxSLock(thr, latch);
    L.sxSUnlock(thr, latch);
    if (L.sxSxTryLock(thr, latch) || L.sxXTryLock(thr, latch)) bad++;
    Atomics.store(thr.mem, data + SIGNAL, 2 * i);
  }
  return bad;
}

/** Holds S until a writer has reserved the lock; sees that it stays outside and that no new reader comes in. */
function sxLastReader(thr: Thread, { latch, data, rounds }: Where): number {
  const { mem } = thr;
  let bad = 0;
  for (let i = 1; i <= rounds; i++) {
    L.sxSLock(thr, latch);
    Atomics.store(mem, data + SIGNAL, 2 * i - 1);
    while (Atomics.load(mem, latch) >= 0) dally(thr, 1);
    if (sxReaders(Atomics.load(mem, latch)) !== 1) bad++;
    if (L.sxSTryLock(thr, latch)) bad++;
    // Every eighth round long enough for the writer to fall asleep.
    if (i % 8 === 0) Atomics.wait(mem, thr.control, 0, 2);
    if (Atomics.load(mem, data + SIGNAL) !== 2 * i - 1) bad++;
    L.sxSUnlock(thr, latch);
    until(thr, data + SIGNAL, 2 * i);
  }
  return bad;
}

/** The writer of sxLastReader. */
function sxNextWriter(thr: Thread, { latch, data, rounds }: Where): number {
  for (let i = 1; i <= rounds; i++) {
    until(thr, data + SIGNAL, 2 * i - 1);
    L.sxXLock(thr, latch);
    Atomics.store(thr.mem, data + SIGNAL, 2 * i);
    L.sxXUnlock(thr, latch);
  }
  return 0;
}

/** Takes X for an I/O; sxIoEnd, in another thread, writes the pair and releases it. */
function sxIoStart(thr: Thread, { latch, data, rounds }: Where): number {
  let bad = 0;
  for (let i = 1; i <= rounds; i++) {
    L.sxXLock(thr, latch, 1);
    if (thr.holds(latch)) bad++;
    thr.mem[data]++;
    Atomics.store(thr.mem, data + SIGNAL, 2 * i - 1);
    until(thr, data + SIGNAL, 2 * i);
  }
  return bad;
}

function sxIoEnd(thr: Thread, { latch, data, rounds }: Where): number {
  for (let i = 1; i <= rounds; i++) {
    until(thr, data + SIGNAL, 2 * i - 1);
    thr.mem[data + 1]++;
    L.sxXUnlock(thr, latch, 1);
    Atomics.store(thr.mem, data + SIGNAL, 2 * i);
  }
  return 0;
}

/** Two of these throw one ball to and fro: `latch` says "it is yours", `other` "it is mine". */
function eventPlay(thr: Thread, { latch, other, data, rounds }: Where): number {
  const { mem } = thr;
  for (let i = 0; i < rounds; i++) {
    for (;;) {
      const noted = eventReset(mem, other);
      if (Atomics.load(mem, data) === thr.id) break;
      eventWait(thr, other, noted, thr.waits);
    }
    Atomics.store(mem, data, 3 - thr.id);
    eventSet(mem, latch);
  }
  return 0;
}

/** Waits for each number in turn to be announced; all waiters share the event, and each resets it. */
function eventListen(thr: Thread, { latch, data, rounds }: Where): number {
  const { mem } = thr;
  for (let i = 1; i <= rounds; i++) {
    for (;;) {
      const noted = eventReset(mem, latch);
      if (Atomics.load(mem, data) >= i) break;
      eventWait(thr, latch, noted, thr.waits);
    }
    Atomics.add(mem, data + SIGNAL, 1);
  }
  return 0;
}

/** Announces the next number as soon as all listeners (their number: `other`) have heard the last. */
function eventAnnounce(thr: Thread, { latch, other, data, rounds }: Where): number {
  const { mem } = thr;
  for (let i = 1; i <= rounds; i++) {
    Atomics.store(mem, data, i);
    eventSet(mem, latch);
    if (i % 4 === 0) until(thr, data + SIGNAL, i * other);
    else while (Atomics.load(mem, data + SIGNAL) !== i * other) dally(thr, 20);
  }
  return 0;
}

/** Takes two mutexes; two actors with the addresses swapped end in a deadlock. */
function crossing(thr: Thread, { latch, other, data }: Where): number {
  mutexEnter(thr, latch);
  Atomics.add(thr.mem, data, 1);
  until(thr, data, 2);
  mutexEnter(thr, other);
  return 0;
}

export const ACTORS = {
  mutexCount,
  sxRead,
  sxWrite,
  sxUpdate,
  sxHost,
  sxGuest,
  sxLastReader,
  sxNextWriter,
  sxIoStart,
  sxIoEnd,
  eventPlay,
  eventListen,
  eventAnnounce,
  crossing,
} as const satisfies Record<string, (thr: Thread, where: Where) => number>;

export type ActorName = keyof typeof ACTORS;
