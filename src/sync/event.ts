/**
 * `os_event` (facts B 12.4) in one word: signal count in bits 1 to 31, is_set in bit 0.
 *
 * | word     | meaning         | who makes it                     | breaks otherwise                              |
 * |----------|-----------------|----------------------------------|-----------------------------------------------|
 * | n<<1     | not set         | eventReset clears bit 0          | a waiter would return at once for ever        |
 * | n<<1 \| 1 | set             | eventSet: count + 1 and bit 0    | a set between a waiter's note and its sleep   |
 * |          |                 |                                  | would be lost, were the count not raised      |
 *
 * A waiter notes the count by resetting the event, looks at its condition once more, and then sleeps only on
 * exactly "not set, count as noted": that is one value of the word, so nothing can slip in between.
 * The count wraps after 2^31 signals; a waiter would have to sleep through all of them to be fooled.
 */
import { THREAD } from '../layout/thread.ts';
import { idle_event_wait } from './park-sites.ts';
import { park } from './park.ts';
import type { Thread } from './thread.ts';

const { waitFor: WAIT_FOR, waitSinceMs: WAIT_SINCE, waitWord: WAIT_WORD } = THREAD.at;

/** Word of an event that is not set (count 1), and of one that is. */
export const EVENT_UNSET = 2;
export const EVENT_SET = 3;

/** Makes an event; before it is shared. */
export function eventInit(mem: Int32Array, at: number, set = false): void {
  mem[at] = set ? EVENT_SET : EVENT_UNSET;
}

export const eventIsSet = (word: number): boolean => (word & 1) !== 0;
export const eventCount = (word: number): number => word >>> 1;

/** `os_event_set`: sets it and wakes all; does nothing when it is set already. */
export function eventSet(mem: Int32Array, at: number): void {
  let word = Atomics.load(mem, at);
  while (!eventIsSet(word)) {
    const seen = Atomics.compareExchange(mem, at, word, (word + 2) | 1);
    if (seen === word) {
      Atomics.notify(mem, at);
      return;
    }
    word = seen;
  }
}

/** `os_event_reset`: clears it; returns the signal count to wait with. */
export function eventReset(mem: Int32Array, at: number): number {
  return eventCount(Atomics.and(mem, at, ~1));
}

/**
 * `os_event_wait_low`: returns when the event is set, or was set since `noted` was taken. Nothing that others need
 * for setting it may be held.
 * @param noted the count that `eventReset` returned; 0: the present one
 * @param row statistics row to charge the sleep to
 */
export function eventWait(thr: Thread, at: number, noted: number, row: number): void {
  const { mem } = thr;
  const from = noted === 0 ? eventCount(Atomics.load(mem, at)) : noted;
  for (let first = true; ; first = false) {
    const word = Atomics.load(mem, at);
    if (eventIsSet(word) || eventCount(word) !== from) return;
    if (first) publishEventWait(thr);
    park(thr, at, word, row);
  }
}

/**
 * `os_event_wait_time_low`: the same with a limit.
 * @returns false when the time was over first (OS_SYNC_TIME_EXCEEDED)
 */
export function eventWaitTime(thr: Thread, at: number, noted: number, us: number): boolean {
  const { mem } = thr;
  const from = noted === 0 ? eventCount(Atomics.load(mem, at)) : noted;
  // Time is counted in slices slept, not by the clock, which stands still when it is a virtual one. Only a slice that
  // timed out leads to another round: a word that has changed is a signal.
  let leftMs = us / 1000;
  for (let first = true; ; first = false) {
    const word = Atomics.load(mem, at);
    if (eventIsSet(word) || eventCount(word) !== from) return true;
    if (leftMs <= 0) return false;
    if (first) publishEventWait(thr);
    mem[thr.at + WAIT_WORD] = at;
    idle_event_wait(mem, at, word, Math.min(leftMs, thr.waitSliceMs));
    mem[thr.at + WAIT_WORD] = 0;
    leftMs -= thr.waitSliceMs;
    thr.throwIfAborted();
  }
}

/** A latch's slow path has said already for what and since when it waits; a bare event's waiter says since when. */
function publishEventWait(thr: Thread): void {
  const { mem, at } = thr;
  if (mem[at + WAIT_FOR] === 0) mem[at + WAIT_SINCE] = thr.clock.us() / 1000;
}
