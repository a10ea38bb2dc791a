/**
 * Programs about what Atomics does, to be run by the simulator and by V8: what they return must be the same, letter by
 * letter. They are scenarios, loaded through the transform like any other; those with one thread are also called as
 * they are.
 */
import type { Ctx, Scenario } from '../types.ts';
import {
  INDEXES,
  INTEGER_KINDS,
  isBig,
  type Kind,
  type Operand,
  OPERANDS,
  REFUSED_KINDS,
  show,
  showError,
  viewOf,
} from './values.ts';

const MEMORY = 64;
const UPDATES = ['add', 'sub', 'and', 'or', 'xor', 'exchange'] as const;
const OPS = ['load', 'store', ...UPDATES, 'compareExchange', 'notify'] as const;
type Op = (typeof OPS)[number];

function perform(op: Op, a: Int32Array, i: number, v: number, w: number): unknown {
  switch (op) {
    case 'load':
      return Atomics.load(a, i);
    case 'store':
      return Atomics.store(a, i, v);
    case 'add':
      return Atomics.add(a, i, v);
    case 'sub':
      return Atomics.sub(a, i, v);
    case 'and':
      return Atomics.and(a, i, v);
    case 'or':
      return Atomics.or(a, i, v);
    case 'xor':
      return Atomics.xor(a, i, v);
    case 'exchange':
      return Atomics.exchange(a, i, v);
    case 'compareExchange':
      return Atomics.compareExchange(a, i, v, w);
    case 'notify':
      return Atomics.notify(a, i, v);
  }
}

/** The result as text. Operands are whatever they are: types are told that they fit. */
function attempt(op: Op, a: Int32Array, i: Operand, v: Operand, w: Operand): string {
  try {
    return show(perform(op, a, i as number, v as number, w as number));
  } catch (error) {
    return showError(error);
  }
}

function attemptWait(a: Int32Array, i: Operand, v: Operand, timeout: Operand): string {
  try {
    return show(Atomics.wait(a, i as number, v as number, timeout as number));
  } catch (error) {
    return showError(error);
  }
}

// ------------------------------------------------------------------- one thread

/** Every operand on an element with some bits set; the result, and what is there then. */
function operands({ m }: Ctx, op: Op, kind: Kind): string {
  const a = viewOf(kind, m.buffer, 8);
  const out: string[] = [];
  for (const v of OPERANDS) {
    a[1] = (isBig(kind) ? 0x5an : 0x5a) as number;
    const result = attempt(op, a, 1, v, isBig(kind) ? 2n : 2);
    out.push(`${result} ${show(a[1])}`);
  }
  return out.join(', ');
}

/** compareExchange that hits, with every replacement; and with every expected value against its converted self. */
function exchanges({ m }: Ctx, kind: Kind): string {
  const a = viewOf(kind, m.buffer, 8);
  const zero = (isBig(kind) ? 0n : 0) as number;
  const out: string[] = [];
  for (const v of OPERANDS) {
    a[1] = zero;
    const stored = attempt('compareExchange', a, 1, zero, v);
    const after = show(a[1]);
    const hit = attempt('compareExchange', a, 1, v, zero);
    out.push(`${stored} ${after} ${hit} ${show(a[1])}`);
  }
  return out.join(', ');
}

function indexes({ m }: Ctx, op: Op, kind: Kind): string {
  const a = viewOf(kind, m.buffer, 8);
  const out: string[] = [];
  for (const i of INDEXES) {
    m.fill(0);
    out.push(`${attempt(op, a, i, isBig(kind) ? 1n : 1, isBig(kind) ? 2n : 2)} ${m.join()}`);
  }
  return out.join(', ');
}

function refusals({ m }: Ctx, op: Op): string {
  const out: string[] = [];
  for (const kind of REFUSED_KINDS) out.push(attempt(op, viewOf(kind, m.buffer, 0), 0, 1, 2));
  return out.join(', ');
}

/** The same on memory that is not shared. */
function unshared(_ctx: Ctx, op: Op, kind: Kind): string {
  const a = viewOf(kind, new ArrayBuffer(MEMORY), 8);
  const [one, two] = isBig(kind) ? [1n, 2n] : [1, 2];
  return `${attempt(op, a, 1, one, two)} ${attempt(op, a, 1, one, two)} ${show(a[1])} ${attempt(op, a, 99, one, two)}`;
}

// prettier-ignore
const TIMEOUTS: readonly Operand[] = [
  0, -0, -1, -Infinity, 0.4, 1, '1', '', null, false, true, [0], Symbol('t'), 1n,
];
const NEVER: readonly Operand[] = [NaN, Infinity, undefined, 'x', {}, 2 ** 53];

function waits({ m }: Ctx, kind: Kind): string {
  const a = viewOf(kind, m.buffer, 8);
  const [zero, one] = isBig(kind) ? [0n, 1n] : [0, 1];
  const out: string[] = [];
  for (const timeout of TIMEOUTS) out.push(attemptWait(a, 1, zero, timeout));
  for (const timeout of NEVER) out.push(attemptWait(a, 1, one, timeout));
  for (const i of INDEXES) out.push(attemptWait(a, i, one, 0));
  for (const v of OPERANDS) out.push(attemptWait(a, 1, v, 0));
  return out.join(', ');
}

function refusedWaits({ m }: Ctx): string {
  const out: string[] = [];
  for (const kind of [...REFUSED_KINDS, ...INTEGER_KINDS]) {
    if (kind !== 'Int32Array' && kind !== 'BigInt64Array') {
      out.push(attemptWait(viewOf(kind, m.buffer, 0), 0, 0, 0));
    }
    out.push(attemptWait(viewOf(kind, new ArrayBuffer(MEMORY), 0), 0, 0, 0));
  }
  return out.join(', ');
}

function notifies({ m }: Ctx, kind: Kind): string {
  const a = viewOf(kind, m.buffer, 8);
  const out: string[] = [];
  for (const count of OPERANDS) out.push(attempt('notify', a, 1, count, 0));
  return out.join(', ');
}

/** How often, and in which order, operands are converted. */
function conversions({ m }: Ctx, kind: Kind): string {
  const out: string[] = [];
  for (const op of [...OPS, 'wait'] as const) {
    const log: string[] = [];
    const operand = (name: string): Operand => ({
      valueOf: () => {
        log.push(name);
        return isBig(kind) && name !== 'index' && name !== 'time-out' ? 1n : 1;
      },
    });
    const a = viewOf(kind, m.buffer, 8);
    const result =
      op === 'wait'
        ? attemptWait(a, operand('index'), operand('value'), operand('time-out'))
        : attempt(op, a, operand('index'), operand('value'), operand('replacement'));
    out.push(`${op} ${log.join(' ')} ${result}`);
  }
  return out.join(', ');
}

function lockFree(): string {
  return [0, 1, 2, 3, 4, 5, 8, 16, '4', 4.5, NaN].map((n) => Atomics.isLockFree(n as number)).join();
}

/** Neighbours of an element keep their values, whatever its width. */
function neighbours({ m }: Ctx): string {
  const out: string[] = [];
  for (const kind of INTEGER_KINDS) {
    for (const op of UPDATES) {
      m.fill(-1);
      attempt(op, viewOf(kind, m.buffer, 16), 1, isBig(kind) ? 0x1234n : 0x1234, 0);
      out.push(m.subarray(3, 9).join());
    }
  }
  return out.join(' ');
}

// --------------------------------------------------------------- several threads

/** Sleeps on a word of its own choice, then says how it went and as which of all. Word 9 counts. */
function sleeps(index: number, expected: Operand, timeout: Operand): (ctx: Ctx) => string {
  return ({ m }) => {
    const answer = attemptWait(m, index, expected, timeout);
    return `${answer} ${Atomics.add(m, 9, 1)}`;
  };
}

/** As `sleeps`, twice. */
function sleepsTwice(index: number): (ctx: Ctx) => string {
  return ({ m }) => {
    const first = `${attemptWait(m, index, 0, Infinity)} ${Atomics.add(m, 9, 1)}`;
    return `${first}, ${attemptWait(m, index, 0, Infinity)} ${Atomics.add(m, 9, 1)}`;
  };
}

/** Notifies once for each count; whoever was woken runs before the next. */
function wakes(index: number, counts: readonly Operand[]): (ctx: Ctx) => string {
  return ({ m }) => {
    const out: string[] = [];
    for (const count of counts) {
      out.push(attempt('notify', m, index, count, 0));
      relax();
    }
    // So that nobody is left asleep.
    out.push(attempt('notify', m, index, undefined, 0));
    return out.join();
  };
}

/** @explore pause */
function relax(): void {}

/** Changes the word under the sleepers, back and forth, before it wakes them. */
function changesThenWakes({ m }: Ctx): string {
  Atomics.store(m, 0, 5);
  relax();
  Atomics.add(m, 0, 1);
  relax();
  Atomics.store(m, 0, 0);
  relax();
  return `${Atomics.load(m, 9)} ${attempt('notify', m, 0, undefined, 0)}`;
}

/** Wakes through views that begin elsewhere, and through the halves of a 64-bit element. */
function wakesThrough(kind: Kind, offset: number, places: readonly number[]): (ctx: Ctx) => string {
  return ({ m }) => {
    const a = viewOf(kind, m.buffer, offset);
    const out: string[] = [];
    for (const i of places) {
      out.push(attempt('notify', a, i, undefined, 0));
      relax();
    }
    out.push(attempt('notify', m, 4, undefined, 0));
    return out.join();
  };
}

function sleepsThrough(kind: Kind, offset: number, i: number, expected: Operand): (ctx: Ctx) => string {
  return ({ m }) => {
    const answer = attemptWait(viewOf(kind, m.buffer, offset), i, expected, undefined);
    return `${answer} ${Atomics.add(m, 9, 1)}`;
  };
}

/** Wakes a sleeper and takes back what it was woken for, before it runs. */
function barges({ m }: Ctx): string {
  Atomics.store(m, 0, 1);
  const woken = attempt('notify', m, 0, 1, 0);
  return `${woken} ${Atomics.exchange(m, 0, 0)}`;
}

function sleepsUntilChanged({ m }: Ctx): string {
  const first = attemptWait(m, 0, 0, Infinity);
  return `${first} and finds ${Atomics.load(m, 0)}`;
}

type Threads = Scenario['threads'];

const scenario = (name: string, threads: Threads): Scenario => ({
  name,
  doc: 'Atomics as V8 does it',
  memory: MEMORY,
  threads,
});

/** Run by the simulator, and called as they are. */
export function singleThreaded(): Scenario[] {
  const out: Scenario[] = [];
  const add = (name: string, thread: Threads[number]): number => out.push(scenario(name, [thread]));
  for (const op of OPS) {
    add(`${op}: no such arrays`, (ctx) => refusals(ctx, op));
    for (const kind of INTEGER_KINDS) {
      add(`${op}: indexes of ${kind}`, (ctx) => indexes(ctx, op, kind));
      add(`${op}: ${kind} that is not shared`, (ctx) => unshared(ctx, op, kind));
      if (op !== 'notify') add(`${op}: operands of ${kind}`, (ctx) => operands(ctx, op, kind));
    }
  }
  for (const kind of INTEGER_KINDS) add(`compareExchange: hits of ${kind}`, (ctx) => exchanges(ctx, kind));
  for (const kind of ['Int32Array', 'BigInt64Array'] as const) {
    add(`conversions of ${kind}`, (ctx) => conversions(ctx, kind));
    add(`wait: ${kind}`, (ctx) => waits(ctx, kind));
    add(`notify: counts of ${kind}`, (ctx) => notifies(ctx, kind));
  }
  add('wait: no such arrays', refusedWaits);
  add('isLockFree', lockFree);
  add('neighbours', neighbours);
  return out;
}

/**
 * Run by the simulator, and by real threads under the same schedule: the default one, so that sleepers come first and
 * are asleep when the last thread begins.
 */
export function multiThreaded(): Scenario[] {
  const three = [sleeps(0, 0, undefined), sleeps(0, 0, NaN), sleeps(0, 0, Infinity)];
  // prettier-ignore
  const counts: readonly Operand[] = [
    0, 1, 2, 3, 4, -1, -0, 0.9, 1.7, NaN, Infinity, -Infinity, undefined, null,
    true, false, '2', 'x', {}, [1], 1n, Symbol('c'),
  ];
  return [
    ...counts.map((count) => scenario(`notify ${show(count)} of three`, [...three, wakes(0, [count])])),
    scenario('one by one', [...three, wakes(0, [1, 1, 1, 1])]),
    scenario('one, then all', [...three, wakes(0, [1, undefined])]),
    scenario('two, then one', [...three, wakes(0, [2, 1])]),
    scenario('who sleeps again is last', [sleepsTwice(0), sleeps(0, 0, undefined), wakes(0, [1, 1, 1])]),
    scenario('another word', [
      sleeps(0, 0, undefined),
      sleeps(1, 0, undefined),
      wakes(0, [1]),
      wakes(1, [5]),
    ]),
    scenario('a change wakes nobody', [...three, changesThenWakes]),
    scenario('a woken thread finds the word as before', [sleepsUntilChanged, barges]),
    scenario('expected values that match', [
      sleeps(0, '0', undefined),
      sleeps(0, 2 ** 32, undefined),
      sleeps(0, 0.5, undefined),
      sleeps(0, null, undefined),
      wakes(0, [1, 1, 1, 1]),
    ]),
    scenario('notified before the time-out', [sleeps(0, 0, 1e6), sleeps(0, 0, 1e7), wakes(0, [1, 1])]),
    scenario('timed out in the order of deadlines', [sleeps(0, 0, 30), sleeps(0, 0, 10), sleeps(1, 0, 20)]),
    scenario('timed out between others', [
      sleeps(0, 0, undefined),
      sleeps(0, 0, 10),
      sleeps(0, 0, undefined),
      ({ m }) =>
        `${attemptWait(m, 1, 0, 20)} ${attempt('notify', m, 0, 1, 0)} ${attempt('notify', m, 0, 5, 0)}`,
    ]),
    scenario('through a view that begins elsewhere', [
      sleeps(4, 0, undefined),
      wakesThrough('Int32Array', 8, [1, 0, 3, 2]),
    ]),
    scenario('64 bits', [
      sleepsThrough('BigInt64Array', 0, 2, 0n),
      sleepsThrough('BigInt64Array', 8, 1, 2n ** 64n),
      wakesThrough('BigInt64Array', 16, [1, 2, 0]),
    ]),
    scenario('64 bits, woken by the halves', [
      sleepsThrough('BigInt64Array', 0, 2, 0n),
      wakesThrough('Int32Array', 16, [1, 0]),
    ]),
    scenario('32 bits, woken by 64', [
      sleeps(4, 0, undefined),
      sleeps(5, 0, 1000),
      wakesThrough('BigInt64Array', 0, [1, 3, 2]),
    ]),
    scenario('through arrays that cannot', [
      sleeps(4, 0, undefined),
      ({ m }) => {
        const out: string[] = [];
        for (const kind of [...INTEGER_KINDS, ...REFUSED_KINDS]) {
          out.push(attempt('notify', viewOf(kind, m.buffer, 0), 1, 1, 0));
        }
        return `${out.join()} ${attempt('notify', m, 4, 1, 0)}`;
      },
    ]),
  ];
}

export const single = singleThreaded();
export const multi = multiThreaded();
