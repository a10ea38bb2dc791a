/**
 * What scenarios are made of: an arena with latches, threads seated at it, names for its words, and rules and reports
 * that every scenario wants. Loaded through the transform, so it imports runtime code from src only.
 */
import type { LatchTaken, WordInfo } from '../../src/explore/types.ts';
import { allocateArena, ArenaPlanner, type ArenaPlan, placementOf } from '../../src/layout/arena.ts';
import { type Clock, RealClock } from '../../src/layout/clock.ts';
import { EVENT, MUTEX, SX_LOCK } from '../../src/layout/latches.ts';
import { ALL_RECORDS } from '../../src/layout/records.ts';
import type { AnyRecord } from '../../src/layout/schema.ts';
import { THREAD } from '../../src/layout/thread.ts';
import { eventInit } from '../../src/sync/event.ts';
import { LATCH, LATCHES } from '../../src/sync/latch-meta.ts';
import { mutexInit, mutexOwner } from '../../src/sync/mutex.ts';
import { classOf } from '../../src/sync/order.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../src/sync/runtime.ts';
import { sxLockInit } from '../../src/sync/sx-lock.ts';
import { MODE, MODE_MASK, type Thread, THREAD_KIND } from '../../src/sync/thread.ts';

/** A look-up of what is known about a word, as `Scenario.words` wants it. */
export type WordLookup = (word: number) => WordInfo | undefined;

/**
 * Names and rules of all words of an arena, from the placements and the declarations of their records:
 * `threads[1].held[0]`, `block[2].ioFix`. Entries are made when they are first asked for.
 */
export function layoutWords(plan: ArenaPlan): WordLookup {
  const known = new Map<number, WordInfo | undefined>();
  const records = new Map<string, readonly WordInfo[]>();
  const fieldsOf = (name: string): readonly WordInfo[] => {
    let fields = records.get(name);
    if (fields === undefined) {
      const layout = ALL_RECORDS.find((r) => r.name === name);
      fields = layout === undefined ? [] : nameWords(layout);
      records.set(name, fields);
    }
    return fields;
  };
  return (word) => {
    let info = known.get(word);
    if (info === undefined && !known.has(word)) {
      const place = placementOf(plan, word);
      if (place !== undefined) {
        const element = Math.floor((word - place.at) / place.stride);
        const offset = (word - place.at) % place.stride;
        const name = place.count === 1 ? place.name : `${place.name}[${element}]`;
        if (place.record === undefined) info = { name: place.stride === 1 ? name : `${name}[${offset}]` };
        else {
          const field = fieldsOf(place.record)[offset];
          // Of a latch that lies alone, the word is the latch.
          const dot = field?.name === '' ? '' : '.';
          info =
            field === undefined ? { name: `${name}+${offset}` } : { ...field, name: name + dot + field.name };
        }
      }
      known.set(word, info);
    }
    return info;
  };
}

/** By offset in the record; words that no field covers stay out. The word of a mutex or event has its field's name. */
function nameWords(layout: AnyRecord): readonly WordInfo[] {
  const out: WordInfo[] = [];
  const isLatch = layout === MUTEX || layout === SX_LOCK || layout === EVENT;
  for (const field of layout.fields) {
    const inner = field.record === undefined ? [] : nameWords(field.record);
    const size = field.record?.words ?? 1;
    for (let i = 0; i < field.words; i++) {
      const name = field.words > size ? `${field.name}[${Math.floor(i / size)}]` : field.name;
      if (field.record === undefined) {
        out[field.at + i] = {
          name: isLatch && layout !== SX_LOCK && field.name === 'word' ? '' : name,
          ...(field.dirtyRead !== undefined && { dirtyRead: true }),
          ...(field.telemetry === true && { telemetry: true }),
          ...(isLatch && field.name !== 'meta' && { latch: true }),
        };
        continue;
      }
      const leaf = inner[i % size];
      if (leaf !== undefined) {
        out[field.at + i] = { ...leaf, name: leaf.name === '' ? name : `${name}.${leaf.name}` };
      }
    }
  }
  return out;
}

/**
 * Seats a thread: it sleeps until it is woken, however long that takes. In a run of the product a lost wake-up heals
 * after half a second; here it must hang.
 * @param slices true: sleeps in slices all the same, each of which may end at any moment
 */
export function seat(mem: Int32Array, plan: RuntimePlan, slot: number, clock: Clock, slices = false): Thread {
  const thr = attachThread(mem, plan, { slot, kind: THREAD_KIND.session, clock, checked: true });
  if (!slices) (thr as { waitSliceMs: number }).waitSliceMs = Infinity;
  return thr;
}

/** Sentences about what the threads of an arena hold, for `Scenario.holders`. */
export function describeHolders(mem: Int32Array, plan: RuntimePlan, words: WordLookup): string[] {
  const found: string[] = [];
  for (let slot = 0; slot < plan.nThreads; slot++) {
    const held: string[] = [];
    const list = plan.threads + slot * THREAD.words + THREAD.at.held;
    for (let i = 0; mem[list + i] !== 0; i++) held.push(describeHeld(mem, mem[list + i], slot + 1, words));
    if (held.length > 0) found.push(`thread ${slot}: ${held.join(', ')}`);
  }
  return found;
}

const MODE_NAMES = ['', 'S ', 'SX ', 'X '];

/** One entry of a held list. The list names a latch from before the first attempt on (rule 8): the word knows. */
function describeHeld(mem: Int32Array, entry: number, id: number, words: WordLookup): string {
  const at = entry & ~MODE_MASK;
  const mode = entry & MODE_MASK;
  const name = words(at)?.name.replace(/\.lockWord$/, '') ?? `@${at}`;
  const what = `${MODE_NAMES[mode]}${name} (${classOf(mem, entry).name})`;
  if (mode === MODE.s) return `holds or wants ${what}`;
  const owner = mode === MODE.mutex ? mutexOwner(mem[at]) : mem[at + SX_LOCK.at.writer];
  return owner === id ? `holds ${what}` : `wants ${what}`;
}

/**
 * Rule of a mutex word, for `onWrite`: a thread takes it for itself only, and nobody writes "free, with waiters".
 * @throws Error when thread number `thread` (from 0) may not write `value`
 */
export function checkMutexWord(value: number, thread: number): void {
  const owner = mutexOwner(value);
  if (owner === 0 && value !== 0) throw new Error(`a free mutex has its waiters bit set (${value})`);
  if (owner !== 0 && owner !== thread + 1 && (value & 1) === 0) {
    throw new Error(`thread ${thread} takes a mutex for thread ${owner - 1}`);
  }
}

/** For `onWrite`: a count (fix count, recursion count, length) is never negative. */
export function checkCount(what: string, value: number): void {
  if (value < 0) throw new Error(`${what} became ${value}`);
}

/** @throws Error with the text when the condition does not hold */
export function must(condition: boolean, text: string): void {
  if (!condition) throw new Error(text);
}

export interface KitOptions<P extends string, E> {
  /** Threads to seat. */
  readonly threads: number;
  /** innodb_sync_spin_loops; 0 when absent: a waiter goes to sleep at once. */
  readonly spinLoops?: number;
  /** Threads sleep in slices, as they do outside; see `seat`. */
  readonly slices?: boolean;
  /** Latches and other records to place, by name; a number places so many bare words. */
  readonly place: Readonly<Record<P, AnyRecord | number>>;
  /** Places more; what it returns is the kit's `extra`. */
  readonly plan?: (planner: ArenaPlanner) => E;
}

/** An arena with a few latches in it, initialized, and its threads. */
export class Kit<P extends string = string, E = unknown> {
  readonly mem: Int32Array;
  readonly runtime: RuntimePlan;
  readonly clock: Clock;
  /** Word addresses of what was placed. */
  readonly at: Readonly<Record<P, number>>;
  readonly extra: E;
  /** By number, from 0: `threads[ctx.id]`; their ids are one more. */
  readonly threads: readonly Thread[];
  readonly words: WordLookup;

  constructor(o: KitOptions<P, E>) {
    const planner = new ArenaPlanner();
    this.runtime = planRuntime(planner, o.threads);
    const at: Record<string, number> = {};
    const things = Object.entries<AnyRecord | number>(o.place);
    for (const [name, thing] of things) {
      at[name] = typeof thing === 'number' ? planner.placeWords(name, 1, thing) : planner.place(name, thing);
    }
    this.extra = o.plan?.(planner) as E;
    const plan = planner.finish();
    // The arena is the first buffer that is made: that of the scenario.
    this.mem = new Int32Array(allocateArena(plan));
    this.clock = new RealClock(process.hrtime.bigint());
    this.at = at as Record<P, number>;
    this.words = layoutWords(plan);
    runtimeInit(this.mem, this.runtime, this.clock, {
      syncSpinLoops: o.spinLoops ?? 0,
      spinWaitDelay: 1,
      spinWaitPauseMultiplier: 1,
    });
    for (const [name, thing] of things) {
      if (thing === MUTEX) mutexInit(this.mem, at[name], LATCH.testMutex);
      else if (thing === SX_LOCK) sxLockInit(this.mem, at[name], LATCH.testSxLock);
      else if (thing === EVENT) eventInit(this.mem, at[name]);
    }
    this.threads = Array.from({ length: o.threads }, (_, slot) =>
      seat(this.mem, this.runtime, slot, this.clock, o.slices),
    );
  }

  holders(): string[] {
    return describeHolders(this.mem, this.runtime, this.words);
  }
}

/**
 * For `Scenario.latches`, with `watched: isWaitWord`: who waits for a latch of which class, and what it holds. A latch
 * that is taken without waiting adds nothing: it may have been taken by trying, which no order forbids.
 */
export const latchesWaitedFor = {
  taken(mem: Int32Array, kit: Kit, word: number, value: number, thread: number): LatchTaken | null {
    if (value === 0 || !isWaitWord(word, kit)) return null;
    const thr = kit.threads[thread];
    const held: number[] = [];
    for (let i = 0; i < thr.heldCount; i++) {
      const entry = thr.heldEntry(i);
      if ((entry & ~MODE_MASK) !== (value & ~MODE_MASK)) held.push(classOf(mem, entry).id);
    }
    return { wanted: classOf(mem, value).id, held };
  },
  name: (latchClass: number): string => LATCHES[latchClass].name,
  several: (latchClass: number): boolean => LATCHES[latchClass].several,
};

/** Whether a word says which latch a thread waits for. */
export function isWaitWord(word: number, kit: Kit): boolean {
  return kit.threads.some((thr) => word === thr.at + THREAD.at.waitFor);
}
