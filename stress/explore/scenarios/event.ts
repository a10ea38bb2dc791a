/** Scenarios for events (src/sync/event.ts): a signal that says "look again", and conditions in other words. */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { EVENT } from '../../../src/layout/latches.ts';
import { eventReset, eventSet, eventWait, eventWaitTime } from '../../../src/sync/event.ts';
import { Kit, must } from '../kit.ts';

/** `state`: two words that conditions are about. */
type EventKit = Kit<'event' | 'state'>;
type Body = (ctx: Ctx<EventKit>) => unknown;

const kitOf = (threads: number, slices = false): EventKit =>
  new Kit({ threads, slices, place: { event: EVENT, state: 2 } });

/** Waits until a word of `state` has reached a value, as every user of an event does. */
function awaitState(ctx: Ctx<EventKit>, word: number, value: number): void {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  for (;;) {
    const noted = eventReset(mem, at.event);
    if (Atomics.load(mem, at.state + word) >= value) return;
    eventWait(thr, at.event, noted, thr.waits);
  }
}

function signal(ctx: Ctx<EventKit>, word: number): void {
  const { mem, at } = ctx.s;
  Atomics.add(mem, at.state + word, 1);
  eventSet(mem, at.event);
}

/** Says that it has come to round n, and waits until the other has. */
function meet(ctx: Ctx<EventKit>, rounds: number): void {
  for (let n = 1; n <= rounds; n++) {
    signal(ctx, ctx.id);
    awaitState(ctx, 1 - ctx.id, n);
  }
}

function setOnce(ctx: Ctx<EventKit>): void {
  signal(ctx, 0);
}

function setTwice(ctx: Ctx<EventKit>): void {
  signal(ctx, 0);
  signal(ctx, 0);
}

function awaitOne(ctx: Ctx<EventKit>): void {
  awaitState(ctx, 0, 1);
}

function awaitTwo(ctx: Ctx<EventKit>): void {
  awaitState(ctx, 0, 2);
}

/** Waits for an event that nobody resets. */
function sleepUntilSet(ctx: Ctx<EventKit>): void {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  eventWait(thr, at.event, 0, thr.waits);
  must(Atomics.load(mem, at.state) === 1, 'a waiter returned before the event was set');
}

/** Waits with a limit. Returns whether it was signalled. */
function sleepAtMost(ctx: Ctx<EventKit>): boolean {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  const signalled = eventWaitTime(thr, at.event, 0, 1000);
  if (signalled)
    must(Atomics.load(mem, at.state) === 1, 'the time was over, and the waiter took it for the signal');
  return signalled;
}

function eventScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  slices = false,
): Scenario<EventKit> {
  return {
    name,
    doc,
    threads,
    exhaustive: true,
    memory: 0,
    setup: () => kitOf(threads.length, slices),
    words: (word, kit) => kit.words(word),
    holders: (_mem, kit) => kit.holders(),
  };
}

const meetOnce = (ctx: Ctx<EventKit>): void => meet(ctx, 1);
const meetTwice = (ctx: Ctx<EventKit>): void => meet(ctx, 2);

export const scenarios: readonly Scenario<EventKit>[] = [
  eventScenario('event-2x1', 'Do two threads that wait for each other meet?', [meetOnce, meetOnce]),
  eventScenario('event-2x2', 'Do two threads that wait for each other meet twice?', [meetTwice, meetTwice]),
  eventScenario('event-two-signals', 'Is none of two signals lost?', [setTwice, awaitTwo]),
  eventScenario('event-two-waiters', 'Does a waiter’s reset take the signal from another?', [
    setOnce,
    awaitOne,
    awaitOne,
  ]),
  eventScenario('event-two-waiters-two-signals', 'Are two signals enough for a waiter each?', [
    setTwice,
    awaitOne,
    awaitTwo,
  ]),
  eventScenario('event-three-waiters', 'Does one set wake all that sleep?', [
    setOnce,
    sleepUntilSet,
    sleepUntilSet,
    sleepUntilSet,
  ]),
  eventScenario('event-time-out', 'Is a wait that timed out told from a signal?', [setOnce, sleepAtMost]),
  eventScenario('event-time-out-two', 'Does a time-out of one leave the signal to the other?', [
    setOnce,
    sleepAtMost,
    sleepUntilSet,
  ]),
  eventScenario('event-slices', 'Does a wait go on when its slice is over?', [setOnce, sleepUntilSet], true),
  eventScenario(
    'event-slices-two',
    'Do waits in slices lose no signal to a reset?',
    [setOnce, awaitOne, awaitOne],
    true,
  ),
];
