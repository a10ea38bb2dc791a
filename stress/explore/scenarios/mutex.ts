/** Scenarios for the futex mutex (src/sync/mutex.ts). */
import type { Ctx, Model, Scenario } from '../../../src/explore/types.ts';
import { MUTEX } from '../../../src/layout/latches.ts';
import { mutexEnter, mutexExit, mutexTryEnter } from '../../../src/sync/mutex.ts';
import { change, checkData, checkMutexFree, checkNothingHeld, DATA_WORDS } from '../guarded.ts';
import { checkMutexWord, Kit, must } from '../kit.ts';

type MutexKit = Kit<'m' | 'data'>;
type MutexScenario = Scenario<MutexKit>;

const place = { m: MUTEX, data: DATA_WORDS } as const;

function rounds(ctx: Ctx<MutexKit>, n: number): number {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  for (let i = 0; i < n; i++) {
    mutexEnter(thr, at.m);
    change(mem, at.data);
    mutexExit(thr, at.m);
  }
  return n;
}

/** Takes it only when that needs no waiting. Returns how often it did. */
function tries(ctx: Ctx<MutexKit>, n: number): number {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  let taken = 0;
  for (let i = 0; i < n; i++) {
    if (!mutexTryEnter(thr, at.m)) continue;
    change(mem, at.data);
    mutexExit(thr, at.m);
    taken++;
  }
  return taken;
}

const once = (ctx: Ctx<MutexKit>): number => rounds(ctx, 1);
const twice = (ctx: Ctx<MutexKit>): number => rounds(ctx, 2);
const tryOnce = (ctx: Ctx<MutexKit>): number => tries(ctx, 1);
const tryTwice = (ctx: Ctx<MutexKit>): number => tries(ctx, 2);

/** Releases what it does not own; looks at it first, so that there is a point before. */
function release(ctx: Ctx<MutexKit>): string {
  const { mem, at } = ctx.s;
  Atomics.load(mem, at.m);
  try {
    mutexExit(ctx.s.threads[ctx.id], at.m);
    return 'released';
  } catch (e) {
    if (!(e instanceof Error && e.message.includes('released mutex'))) throw e;
    return 'refused';
  }
}

/** What all scenarios of this file have in common: threads return how often they had the mutex. */
function mutexScenario(o: {
  readonly name: string;
  readonly doc: string;
  readonly threads: MutexScenario['threads'];
  readonly spinLoops?: number;
  readonly slices?: boolean;
}): MutexScenario {
  const { name, doc, threads } = o;
  const { spinLoops = 0, slices = false } = o;
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => new Kit({ threads: threads.length, spinLoops, slices, place }),
    check: (mem, kit, results) => {
      const changes = results.reduce<number>((sum, n) => (typeof n === 'number' ? sum + n : sum), 0);
      must(changes > 0, 'nobody had the mutex');
      checkData(mem, kit.at.data, changes);
      checkMutexFree(mem, kit.at.m);
      checkNothingHeld(kit);
      must(!results.includes('released'), 'a thread released the mutex of another');
    },
    onWrite: (_mem, _kit, _word, value, thread) => checkMutexWord(value, thread),
    watched: (word, kit) => word === kit.at.m,
    words: (word, kit) => kit.words(word),
    holders: (_mem, kit) => kit.holders(),
  };
}

const EXCLUDES = 'Does the mutex exclude, and does everybody get it?';

const latching: readonly MutexScenario[] = [
  mutexScenario({ name: 'mutex-2x1', doc: EXCLUDES, threads: [once, once] }),
  mutexScenario({ name: 'mutex-2x2', doc: EXCLUDES, threads: [twice, twice] }),
  mutexScenario({ name: 'mutex-3x1', doc: EXCLUDES, threads: [once, once, once] }),
  mutexScenario({ name: 'mutex-3x2', doc: EXCLUDES, threads: [twice, twice, twice] }),
  mutexScenario({ name: 'mutex-4x1', doc: EXCLUDES, threads: [once, once, once, once] }),
  mutexScenario({
    name: 'mutex-spin-2x2',
    doc: 'Does a thread that spins for it exclude the others?',
    threads: [twice, twice],
    spinLoops: 2,
  }),
  mutexScenario({
    name: 'mutex-spin-3x1',
    doc: 'Do spinning, sleeping and woken threads all get it?',
    threads: [once, once, once],
    spinLoops: 2,
  }),
  mutexScenario({
    name: 'mutex-slices',
    doc: 'Does a waiter whose slice is over wait on, and lose no wake-up?',
    threads: [once, once, once],
    slices: true,
  }),
  mutexScenario({
    name: 'mutex-try-2x2',
    doc: 'Does mutex_enter_nowait take a free mutex only, and leave no trace when it is not free?',
    threads: [tryTwice, tryTwice],
  }),
  mutexScenario({
    name: 'mutex-try-3x2',
    doc: 'Does barging by mutex_enter_nowait leave the sleepers their wake-ups?',
    threads: [twice, twice, tryTwice],
  }),
  mutexScenario({
    name: 'mutex-try-enter',
    doc: 'Do waiting and trying exclude each other?',
    threads: [once, tryOnce],
  }),
  mutexScenario({
    name: 'mutex-stranger',
    doc: 'Is the release of a mutex that somebody else owns, or nobody, refused?',
    threads: [once, release],
  }),
];

function add(ctx: Ctx<MutexKit>, amount: number): number {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  ctx.call('add', amount);
  mutexEnter(thr, at.m);
  const before = mem[at.data];
  mem[at.data] = before + amount;
  mutexExit(thr, at.m);
  return ctx.ret(before);
}

function get(ctx: Ctx<MutexKit>): number {
  const { mem, at } = ctx.s;
  const thr = ctx.s.threads[ctx.id];
  ctx.call('get');
  mutexEnter(thr, at.m);
  const value = mem[at.data];
  mutexExit(thr, at.m);
  return ctx.ret(value);
}

const registerModel: Model<number> = {
  init: () => 0,
  step: (state, op, args, result) => {
    if (result !== state) return null;
    return op === 'add' ? state + Number(args[0]) : state;
  },
  key: (state) => `${state}`,
};

const register: Scenario<MutexKit, number> = {
  name: 'mutex-register',
  doc: 'Is a register under a mutex linearizable?',
  memory: 0,
  exhaustive: true,
  setup: () => new Kit({ threads: 3, place }),
  threads: [
    (ctx) => {
      add(ctx, 1);
      return get(ctx);
    },
    (ctx) => {
      add(ctx, 2);
      return get(ctx);
    },
    (ctx) => {
      get(ctx);
      return add(ctx, 4);
    },
  ],
  model: registerModel,
  check: (mem, kit) => must(mem[kit.at.data] === 7, `1 + 2 + 4 = ${mem[kit.at.data]}`),
  words: (word, kit) => kit.words(word),
  holders: (_mem, kit) => kit.holders(),
};

export const scenarios: readonly (MutexScenario | Scenario<MutexKit, number>)[] = [...latching, register];
