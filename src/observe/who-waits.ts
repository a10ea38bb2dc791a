/**
 * Who waits for whom, read from outside while everybody runs (or no longer does). Nothing is stopped and no latch is
 * taken: each thread has published what it waits for and what it holds (src/sync/README.md, rules 8 and 9).
 *
 * Thread number n sits in the n-th THREAD record of the arena (from 1).
 */
import type { ArenaPlan } from '../layout/arena.ts';
import { MUTEX, SX_LOCK } from '../layout/latches.ts';
import { MAX_HELD, opName, THREAD } from '../layout/thread.ts';
import { LATCHES } from '../sync/latch-meta.ts';
import { mutexOwner } from '../sync/mutex.ts';
import { sxReaders, X_LOCK_HALF_DECR } from '../sync/sx-lock-word.ts';
import { MODE, MODE_MASK, THREAD_KIND } from '../sync/thread.ts';
import { placeName } from './place.ts';

const T = THREAD.at;
const KINDS = Object.fromEntries(Object.entries(THREAD_KIND).map(([name, code]) => [code, name]));
const MODES = ['mutex', 'S', 'SX', 'X'] as const;

/** Where the threads of a run can be watched. */
export interface Watched {
  readonly mem: Int32Array;
  readonly plan: ArenaPlan;
  /** Address of the first THREAD record, and their number (both in RuntimePlan). */
  readonly threads: number;
  readonly nThreads: number;
  /** Run time now, ms (the clock that the threads use). */
  readonly nowMs: number;
}

export interface LatchView {
  readonly at: number;
  readonly latch: string;
  readonly instrument: string;
  readonly mode: (typeof MODES)[number];
  readonly place: string;
}

export interface WaitView extends LatchView {
  readonly sinceMs: number;
  readonly waitedMs: number;
  /** Asleep, or still spinning. */
  readonly asleep: boolean;
  /** Threads that stand in the way; empty when the latch looks free, or was taken for an I/O. */
  readonly heldBy: readonly number[];
  /** The latch was taken for an I/O (pass): by this thread, and to be released by whoever completes it; 0: not. */
  readonly ioOf: number;
}

export interface ThreadView {
  readonly id: number;
  readonly kind: string;
  readonly label: number;
  readonly node: number;
  readonly op: string;
  readonly progress: number;
  readonly holds: readonly LatchView[];
  readonly waitsFor: WaitView | null;
  /** Asleep on an event that is no latch's: where, and since when. */
  readonly event: { readonly place: string; readonly sinceMs: number; readonly waitedMs: number } | null;
}

export interface WhoWaits {
  readonly threads: readonly ThreadView[];
  /** Cycles of waits: thread numbers, each waiting for the next, the last for the first. */
  readonly cycles: readonly (readonly number[])[];
}

/** Reads all threads and finds cycles among their waits. */
export function whoWaits(w: Watched): WhoWaits {
  const threads = readThreads(w);
  return { threads, cycles: lastingCycles(threads, readThreads(w)) };
}

/**
 * Cycles in the first look that the second one confirms, wait by wait: neither look sees all threads at one moment,
 * so that a cycle in one alone may never have existed.
 */
export function lastingCycles(first: readonly ThreadView[], second: readonly ThreadView[]): number[][] {
  const waitOf = (look: readonly ThreadView[], id: number): WaitView | null | undefined =>
    look.find((t) => t.id === id)?.waitsFor;
  return findCycles(first).filter((cycle) =>
    cycle.every((id, i) => {
      const [then, now] = [waitOf(first, id), waitOf(second, id)];
      const next = cycle[(i + 1) % cycle.length];
      return now?.at === then?.at && now?.sinceMs === then?.sinceMs && now?.heldBy.includes(next) === true;
    }),
  );
}

function readThreads(w: Watched): ThreadView[] {
  const out: ThreadView[] = [];
  for (let id = 1; id <= w.nThreads; id++) {
    const at = w.threads + (id - 1) * THREAD.words;
    if (w.mem[at + T.kind] !== THREAD_KIND.unused) out.push(readThread(w, id, at));
  }
  return out;
}

function readThread(w: Watched, id: number, at: number): ThreadView {
  const { mem } = w;
  const waitFor = mem[at + T.waitFor];
  const waitWord = mem[at + T.waitWord];
  const sinceMs = mem[at + T.waitSinceMs];
  const since = { sinceMs, waitedMs: Math.max(0, Math.round(w.nowMs - sinceMs)) };
  const blockers = waitFor === 0 ? null : blockersOf(w, id, waitFor);
  return {
    id,
    kind: KINDS[mem[at + T.kind]] ?? `kind ${mem[at + T.kind]}`,
    label: mem[at + T.label],
    node: mem[at + T.node],
    op: opName(mem[at + T.op]),
    progress: mem[at + T.progress],
    holds: heldEntries(w, at).map((entry) => viewLatch(w, entry)),
    waitsFor: blockers && { ...viewLatch(w, waitFor), ...since, asleep: waitWord !== 0, ...blockers },
    event: waitFor === 0 && waitWord !== 0 ? { place: placeName(w.plan, waitWord), ...since } : null,
  };
}

/** Entries of latches that a thread holds: its list without the one that it has only asked for. */
function heldEntries({ mem }: Watched, at: number): number[] {
  const list = mem.subarray(at + T.held, at + T.held + MAX_HELD);
  const end = list.indexOf(0);
  const entries = [...(end < 0 ? list : list.subarray(0, end))];
  const asked = entries.lastIndexOf(mem[at + T.waitFor]);
  return asked < 0 ? entries : entries.toSpliced(asked, 1);
}

function viewLatch({ mem, plan }: Watched, entry: number): LatchView {
  const at = entry & ~MODE_MASK;
  const mode = entry & MODE_MASK;
  const latch = LATCHES[mem[at + (mode === MODE.mutex ? MUTEX.at.meta : SX_LOCK.at.meta)]];
  return {
    at,
    latch: latch?.name ?? 'unknown',
    instrument: latch?.instrument ?? '',
    mode: MODES[mode],
    place: placeName(plan, at),
  };
}

/** Who must let go before the wait of thread `id` for `entry` can end. */
function blockersOf(w: Watched, id: number, entry: number): Pick<WaitView, 'heldBy' | 'ioOf'> {
  const { mem } = w;
  const at = entry & ~MODE_MASK;
  const mode = entry & MODE_MASK;
  const word = Atomics.load(mem, at);
  if (mode === MODE.mutex) return { heldBy: word === 0 ? [] : [mutexOwner(word)], ioOf: 0 };
  const writer = mem[at + SX_LOCK.at.writer];
  // The writer has reserved the lock and waits for readers to leave; these are known from their held lists.
  const reserved = word < 0 && sxReaders(word) > 0;
  if (reserved && Math.abs(writer) === id) return { heldBy: holdersOf(w, at, [MODE.s], id), ioOf: 0 };
  if (word > (mode === MODE.s ? 0 : X_LOCK_HALF_DECR)) return { heldBy: [], ioOf: 0 };
  if (writer < 0) return { heldBy: reserved ? [-writer] : [], ioOf: -writer };
  // The name is written just after the lock word: until then, the held lists must do.
  return { heldBy: writer > 0 ? [writer] : holdersOf(w, at, [MODE.sx, MODE.x], id), ioOf: 0 };
}

function holdersOf(w: Watched, latch: number, modes: readonly number[], except: number): number[] {
  const out: number[] = [];
  for (let id = 1; id <= w.nThreads; id++) {
    if (id === except) continue;
    const held = heldEntries(w, w.threads + (id - 1) * THREAD.words);
    if (modes.some((mode) => held.includes(latch | mode))) out.push(id);
  }
  return out;
}

/** One cycle per wait that closes one; each starts with its smallest number. */
function findCycles(threads: readonly ThreadView[]): number[][] {
  const edges = new Map(threads.map((t) => [t.id, t.waitsFor?.heldBy ?? []]));
  const done = new Set<number>();
  const cycles: number[][] = [];
  const visit = (id: number, path: number[]): void => {
    const seen = path.indexOf(id);
    if (seen >= 0) {
      const cycle = path.slice(seen);
      const first = cycle.indexOf(Math.min(...cycle));
      cycles.push([...cycle.slice(first), ...cycle.slice(0, first)]);
      return;
    }
    if (done.has(id)) return;
    for (const next of edges.get(id) ?? []) visit(next, [...path, id]);
    done.add(id);
  };
  for (const { id } of threads) visit(id, []);
  return cycles;
}
