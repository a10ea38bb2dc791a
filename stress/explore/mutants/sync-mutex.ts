/**
 * Seeded bugs in mutexes, events, and the order of latches (src/sync).
 *
 * Left out, because nothing can tell them from the original: exit wakes all waiters of a mutex instead of one (they
 * look again); a mutex waiter that ignores whether its raising of the waiters bit succeeded (the sleep compares the
 * whole word, and refuses); `eventWait` that parks before its first look (the sleep compares, again); a set that gives up
 * when the word has changed (only another set changes it for good, and that comes after the first one's condition);
 * `held` entered after the first attempt of a mutex without contention (there is no point in between at which a thread
 * could die).
 */
import type { Mutant } from './types.ts';

const MUTEX = 'src/sync/mutex.ts';
const EVENT = 'src/sync/event.ts';
const PARK = 'src/sync/park.ts';
const ORDER = 'src/sync/order.ts';

const ASLEEP = ['lost-wakeup', 'deadlock'] as const;
const BROKEN = ['race', 'check', 'exception'] as const;

const mutex: readonly Mutant[] = [
  {
    id: 'mutex-exit-no-notify',
    file: MUTEX,
    find: 'if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);',
    replace: 'Atomics.exchange(mem, at, FREE);',
    doc: 'exit wakes nobody',
    scenarios: ['mutex-2x1', 'mutex-3x1'],
    oracle: ASLEEP,
    row: 19,
  },
  {
    id: 'mutex-exit-notify-first',
    file: MUTEX,
    find: 'if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);',
    replace:
      'if ((Atomics.load(mem, at) & WAITERS) !== 0) Atomics.notify(mem, at, 1);\n  Atomics.store(mem, at, FREE);',
    doc: 'exit wakes a waiter before it frees the mutex',
    scenarios: ['mutex-2x1', 'mutex-3x1'],
    oracle: ASLEEP,
    row: 32,
  },
  {
    id: 'mutex-exit-two-steps',
    file: MUTEX,
    find: 'if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);',
    replace:
      'const word = Atomics.load(mem, at);\n  Atomics.store(mem, at, FREE);\n  if ((word & WAITERS) !== 0) Atomics.notify(mem, at, 1);',
    doc: 'exit looks for waiters, and then frees the mutex: who raises the bit in between is forgotten',
    scenarios: ['mutex-2x1', 'mutex-3x1'],
    oracle: ASLEEP,
  },
  {
    id: 'mutex-exit-keeps-waiters',
    file: MUTEX,
    find: 'Atomics.exchange(mem, at, FREE) & WAITERS',
    replace: 'Atomics.and(mem, at, WAITERS) & WAITERS',
    doc: 'exit leaves the waiters bit in a free word, which nobody can take then',
    scenarios: ['mutex-2x1'],
    oracle: ['invariant', 'check', 'deadlock', 'lost-wakeup'],
  },
  {
    id: 'mutex-woken-without-bit',
    file: MUTEX,
    find: 'FREE, thr.owned | WAITERS) === FREE) break;',
    replace: 'FREE, thr.owned) === FREE) break;',
    doc: 'a woken waiter takes the mutex without the waiters bit, and forgets those behind it',
    scenarios: ['mutex-3x1', 'mutex-3x2'],
    oracle: ASLEEP,
    row: 18,
  },
  {
    id: 'mutex-enter-plain-store',
    file: MUTEX,
    find: 'if (Atomics.compareExchange(mem, at, FREE, thr.owned) !== FREE) mutexEnterSlow(thr, at);',
    replace:
      'if (Atomics.load(mem, at) !== FREE) mutexEnterSlow(thr, at);\n  else Atomics.store(mem, at, thr.owned);',
    doc: 'enter tests the word and then sets it',
    scenarios: ['mutex-2x1', 'mutex-register'],
    oracle: [...BROKEN, 'linearizability', 'lost-wakeup', 'deadlock'],
    row: 17,
  },
  {
    id: 'mutex-spin-plain-store',
    file: MUTEX,
    find: 'if (Atomics.load(mem, at) === FREE && Atomics.compareExchange(mem, at, FREE, thr.owned) === FREE) {',
    replace: 'if (Atomics.load(mem, at) === FREE) {\n      Atomics.store(mem, at, thr.owned);',
    doc: 'a spinning thread that sees a free word sets it',
    scenarios: ['mutex-spin-3x1', 'mutex-spin-2x2'],
    oracle: [...BROKEN, 'lost-wakeup', 'deadlock'],
    row: 17,
  },
  {
    id: 'mutex-bit-not-raised',
    file: MUTEX,
    find: '} else if ((word & WAITERS) !== 0 || Atomics.compareExchange(mem, at, word, word | WAITERS) === word) {\n      park(thr, at, word | WAITERS, row);',
    replace: '} else {\n      park(thr, at, word, row);',
    doc: 'a waiter goes to sleep without raising the waiters bit',
    scenarios: ['mutex-2x1'],
    oracle: ASLEEP,
  },
  {
    id: 'mutex-bit-plain-store',
    file: MUTEX,
    find: '(word & WAITERS) !== 0 || Atomics.compareExchange(mem, at, word, word | WAITERS) === word',
    replace: 'Atomics.store(mem, at, word | WAITERS) !== FREE',
    doc: 'a waiter raises its bit by a store, and so brings back an owner that has left',
    scenarios: ['mutex-2x1', 'mutex-2x2'],
    oracle: [...BROKEN, 'lost-wakeup', 'deadlock'],
  },
  {
    id: 'mutex-waits-on-wrong-word',
    file: MUTEX,
    find: 'park(thr, at, word | WAITERS, row);',
    replace: 'park(thr, at + META, mem[at + META], row);',
    doc: 'a waiter sleeps on the word beside the mutex',
    scenarios: ['mutex-2x1'],
    oracle: ASLEEP,
    row: 31,
  },
  {
    id: 'mutex-try-leaves-entry',
    file: MUTEX,
    find: '    thr.unhold(at);\n    return false;',
    replace: '    return false;',
    doc: 'a refused nowait leaves its entry in the held list',
    scenarios: ['mutex-try-enter', 'mutex-try-2x2'],
    oracle: ['check', 'exception'],
    row: 46,
  },
  {
    id: 'mutex-try-takes-held',
    file: MUTEX,
    find: 'if (Atomics.compareExchange(mem, at, FREE, thr.owned) !== FREE) {\n    thr.unhold(at);',
    replace: 'if (Atomics.exchange(mem, at, thr.owned) !== FREE) {\n    thr.unhold(at);',
    doc: 'nowait overwrites the owner when it is refused',
    scenarios: ['mutex-try-enter', 'mutex-try-2x2'],
    oracle: [...BROKEN, 'lost-wakeup', 'deadlock'],
  },
  {
    id: 'mutex-exit-no-owner-check',
    file: MUTEX,
    find: 'if (mem[at] >>> 1 !== thr.id) {',
    replace: 'if (mem[at] === FREE) {',
    doc: 'exit releases the mutex of another thread',
    scenarios: ['mutex-stranger'],
    oracle: [...BROKEN],
    row: 51,
  },
  {
    id: 'mutex-exit-withdraws-first',
    file: MUTEX,
    find: 'if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);\n  thr.unhold(at);',
    replace:
      'thr.unhold(at);\n  if ((Atomics.exchange(mem, at, FREE) & WAITERS) !== 0) Atomics.notify(mem, at, 1);',
    doc: 'exit takes the mutex from the held list before it is free',
    scenarios: ['death-mutex', 'death-mutex-3'],
    oracle: 'check',
    row: 52,
  },
];

const event: readonly Mutant[] = [
  {
    id: 'event-set-no-notify',
    file: EVENT,
    find: '      Atomics.notify(mem, at);\n',
    replace: '',
    doc: 'set wakes nobody',
    scenarios: ['event-three-waiters', 'event-two-signals'],
    oracle: ASLEEP,
    row: 19,
  },
  {
    id: 'event-set-notify-one',
    file: EVENT,
    find: 'Atomics.notify(mem, at);',
    replace: 'Atomics.notify(mem, at, 1);',
    doc: 'set wakes one sleeper instead of all',
    scenarios: ['event-three-waiters', 'sx-lock-s-s-x', 'sx-lock-spin-x-x-x'],
    oracle: ASLEEP,
    row: 2,
  },
  {
    id: 'event-set-notify-first',
    file: EVENT,
    find: `    const seen = Atomics.compareExchange(mem, at, word, (word + 2) | 1);
    if (seen === word) {
      Atomics.notify(mem, at);
      return;
    }`,
    replace: `    Atomics.notify(mem, at);
    const seen = Atomics.compareExchange(mem, at, word, (word + 2) | 1);
    if (seen === word) return;`,
    doc: 'set wakes before it sets',
    scenarios: ['event-two-signals', 'event-three-waiters'],
    oracle: ASLEEP,
    row: 32,
  },
  {
    id: 'event-set-no-count',
    file: EVENT,
    find: '(word + 2) | 1);',
    replace: 'word | 1);',
    doc: 'set does not raise the count: a reset by another waiter hides the signal',
    scenarios: ['event-two-waiters', 'event-2x1'],
    oracle: ASLEEP,
    row: 29,
  },
  {
    id: 'event-reset-two-steps',
    file: EVENT,
    find: 'return eventCount(Atomics.and(mem, at, ~1));',
    replace:
      'const word = Atomics.load(mem, at);\n  Atomics.store(mem, at, word & ~1);\n  return eventCount(word);',
    doc: 'reset loads and stores: a set in between is lost',
    scenarios: ['event-two-waiters', 'event-two-waiters-two-signals'],
    oracle: ASLEEP,
    row: 7,
  },
  {
    id: 'event-wait-ignores-note',
    file: EVENT,
    find: `row: number): void {
  const { mem } = thr;
  const from = noted === 0 ? eventCount(Atomics.load(mem, at)) : noted;`,
    replace: `row: number): void {
  const { mem } = thr;
  const from = eventCount(Atomics.load(mem, at));`,
    doc: 'the count is noted when the wait begins, after the condition was looked at',
    scenarios: ['event-two-waiters', 'event-2x1'],
    oracle: ASLEEP,
    row: 6,
  },
  {
    id: 'event-wait-count-unseen',
    file: EVENT,
    find: `if (eventIsSet(word) || eventCount(word) !== from) return;`,
    replace: `if (eventIsSet(word)) return;`,
    doc: 'a waiter looks at the bit only, not at the count',
    scenarios: ['event-two-waiters', 'event-2x1'],
    oracle: ASLEEP,
    row: 29,
  },
  {
    id: 'event-wait-once',
    file: EVENT,
    find: '    park(thr, at, word, row);\n',
    replace: '    park(thr, at, word, row);\n    return;\n',
    doc: 'a wait returns when its slice is over, signalled or not',
    scenarios: ['event-slices'],
    oracle: ['exception', 'check'],
    row: 30,
  },
  {
    id: 'event-time-out-is-success',
    file: EVENT,
    find: 'if (leftMs <= 0) return false;',
    replace: 'if (leftMs <= 0) return true;',
    doc: 'a time-out is reported as a signal',
    scenarios: ['event-time-out', 'event-time-out-two'],
    oracle: ['exception', 'check'],
    row: 30,
  },
  {
    id: 'park-wrong-word',
    file: PARK,
    find: 'parkAt(classOf(thr, row), mem, word, expected, thr.waitSliceMs);',
    replace: 'parkAt(classOf(thr, row), mem, word + 1, mem[word + 1], thr.waitSliceMs);',
    doc: 'everybody sleeps one word beside the one that is notified',
    scenarios: ['mutex-2x1', 'event-two-signals'],
    oracle: ASLEEP,
    row: 31,
  },
];

const order: readonly Mutant[] = [
  {
    id: 'order-several-ignored',
    file: ORDER,
    find: 'if (level > wanted.level || (wanted.several && level === wanted.level)) continue;',
    replace: 'if (level > wanted.level) continue;',
    doc: 'two latches of one class are refused where several are allowed',
    scenarios: ['order-stripes'],
    oracle: ['exception', 'latch-order'],
  },
  {
    id: 'order-upwards-allowed',
    file: ORDER,
    find: 'if (level > wanted.level || (wanted.several && level === wanted.level)) continue;',
    replace: 'if (level > wanted.level || wanted.several) continue;',
    doc: 'a latch above a held one is granted when several of its class may be held',
    scenarios: ['order-refused'],
    oracle: ['check', 'latch-order', 'deadlock'],
    row: 45,
  },
];

export const mutexMutants: readonly Mutant[] = [...mutex, ...event, ...order];
