/** Who waits for whom at one moment, as plain data with names: for reports and displays. */
import { THREAD } from '../layout/thread.ts';
import type { RuntimePlan } from '../sync/runtime.ts';
import type { LatchView, ThreadView, WhoWaits } from './who-waits.ts';

export interface HeldLatch {
  readonly instrument: string;
  readonly mode: string;
  readonly place: string;
}

export interface AwaitedLatch extends HeldLatch {
  readonly waitedMs: number;
  /** Asleep, or still spinning. */
  readonly asleep: boolean;
  /** Names. Of a latch that was taken for an I/O: whoever started that. */
  readonly heldBy: readonly string[];
}

export interface SnapshotThread {
  readonly who: string;
  readonly node: number;
  readonly op: string;
  readonly waitsFor: AwaitedLatch | null;
  readonly holds: readonly HeldLatch[];
}

/** Only threads that wait for a latch, the longest first, and then those that they wait for. */
export interface WaitForSnapshot {
  readonly atMs: number;
  readonly threads: readonly SnapshotThread[];
  readonly cycles: readonly (readonly string[])[];
}

/** What a thread is called in reports. */
export function threadName(t: Pick<ThreadView, 'kind' | 'label'>): string {
  if (t.kind === 'main') return 'main thread';
  return `${t.kind === 'cleaner' ? 'page cleaner' : t.kind} ${t.label}`;
}

/** How many threads wait for a latch now: a word of each, so it can be asked often. */
export function countWaiting(mem: Int32Array, run: Pick<RuntimePlan, 'threads' | 'nThreads'>): number {
  let waiting = 0;
  for (let i = 0; i < run.nThreads; i++) {
    if (mem[run.threads + i * THREAD.words + THREAD.at.waitFor] !== 0) waiting++;
  }
  return waiting;
}

/** @returns null when nobody waits for a latch */
export function waitForSnapshot(report: WhoWaits, atMs: number): WaitForSnapshot | null {
  const threads = report.threads.map(arrived);
  const waiting = threads
    .filter((t) => t.waitsFor !== null)
    .toSorted((a, b) => (b.waitsFor?.waitedMs ?? 0) - (a.waitsFor?.waitedMs ?? 0));
  if (waiting.length === 0) return null;
  const names = new Map(threads.map((t) => [t.id, threadName(t)]));
  const name = (id: number): string => names.get(id) ?? `thread ${id}`;
  const wanted = new Set(waiting.flatMap(inTheWay));
  const others = threads.filter((t) => t.waitsFor === null && wanted.has(t.id));
  return {
    atMs,
    threads: [...waiting, ...others].map((t) => ({
      who: threadName(t),
      node: t.node,
      op: t.op,
      waitsFor: t.waitsFor && {
        ...latch(t.waitsFor),
        waitedMs: t.waitsFor.waitedMs,
        asleep: t.waitsFor.asleep,
        heldBy: inTheWay(t).map(name),
      },
      holds: t.holds.map(latch),
    })),
    cycles: report.cycles.map((cycle) => cycle.map(name)),
  };
}

/** Between taking a latch and saying so a thread seems to wait for itself: it does not wait any more. */
function arrived(t: ThreadView): ThreadView {
  const { waitsFor } = t;
  return waitsFor?.heldBy.includes(t.id) === true
    ? { ...t, waitsFor: null, holds: [...t.holds, waitsFor] }
    : t;
}

function inTheWay({ waitsFor }: ThreadView): number[] {
  if (waitsFor === null) return [];
  const { heldBy, ioOf } = waitsFor;
  return ioOf === 0 || heldBy.includes(ioOf) ? [...heldBy] : [...heldBy, ioOf];
}

const latch = ({ instrument, mode, place }: LatchView): HeldLatch => ({ instrument, mode, place });
