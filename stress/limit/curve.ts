/**
 * The curve of connection_memory_chunk_size: what the lazy global counter saves, and how far it is ahead of the truth.
 *
 * Each point has an exact part (exact.ts) and parts that are measured with real threads: one that only works, in turn
 * with tracking OFF; one in which the sessions look at each other's counters; and one under a global limit that what they
 * use never reaches. All points are measured in several rounds, up and down, so that a machine that slows down bends no
 * curve.
 */
import { defaults, findSysvar } from '../../src/config/sysvars.ts';
import type { Thread } from '../../src/sync/thread.ts';
import { Gathered, type LimitPoint, type LimitTimed, timedOf } from './curve-point.ts';
import { exactRun, setLimits } from './exact.ts';
import { attachLimit, limitDefects, type LimitPlan, makeLimitPlan } from './limit-arena.ts';
import { CurveProblem, LimitCrew, type LimitCrewEvents } from './limit-crew.ts';
import { LimitSession } from './limit-session.ts';

export type { LimitPoint } from './curve-point.ts';

const KIB = 1024;
const MIB = 2 ** 20;

/** connection_memory_chunk_size as it is by default, bytes. */
export const DEFAULT_CHUNK = defaults().connection_memory_chunk_size;
const LEAST_GLOBAL_LIMIT = findSysvar('global_connection_memory_limit')?.min ?? 0;

/** 1 KiB, 2 KiB, … 512 MiB, and MySQL's default. */
export const FULL_CHUNKS: readonly number[] = [
  ...Array.from({ length: 20 }, (_, i) => KIB << i),
  DEFAULT_CHUNK,
].toSorted((a, b) => a - b);
export const COARSE_CHUNKS: readonly number[] = [
  KIB,
  DEFAULT_CHUNK,
  64 * KIB,
  MIB,
  8 * MIB,
  64 * MIB,
  512 * MIB,
];

export interface LimitCurveOptions {
  readonly seed: number;
  /** Worker threads, each with a session: 2 to 8. */
  readonly sessions: number;
  /** How long all of it may take. */
  readonly seconds: number;
  /** connection_memory_chunk_size, bytes; when absent as many as there is time for. */
  readonly chunks?: readonly number[];
  /** A worker that is told to end and does not for so long ends the curve, s; default 10. */
  readonly watchdogSeconds?: number;
  /** Ends the curve early and cleanly. */
  readonly signal?: AbortSignal;
}

export interface LimitCurveEvents extends LimitCrewEvents {
  /** Steps done so far, of so many; what the next one measures. */
  progress?(done: number, total: number, what: string): void;
}

export interface LimitCurve {
  readonly seed: number;
  readonly sessions: number;
  readonly rounds: number;
  /** global_connection_memory_limit of the part with a limit, and what the sessions could use together at the very most. */
  readonly globalLimit: number;
  readonly mostInUse: number;
  /** With tracking OFF; null: the curve ended before. */
  readonly off: LimitTimed | null;
  /** Ascending. */
  readonly points: readonly LimitPoint[];
  /** The user ended it before all was measured. */
  readonly interrupted: boolean;
  /** Why it ended early, or what does not hold; null: all is well. */
  readonly problem: string | null;
}

const ROUNDS = 3;
/** A round of a point should take so long at least, ms; else there are fewer of both. */
const LEAST_STEP_MS = 150;
/** Shares of it. The rest is for connecting and closing. */
const SHARES = { timed: 0.22, look: 0.22, limited: 0.16 } as const;
const LEAST_PART_MS = 8;
const WARM_UP_MS = 150;
const WATCHDOG_SECONDS = 10;

/** Measures the curve. It never throws for what its workers do: `problem` says it. */
export async function limitCurve(o: LimitCurveOptions, events: LimitCurveEvents = {}): Promise<LimitCurve> {
  const deadline = performance.now() + 1000 * o.seconds;
  const { chunks, rounds } = scheduleOf(o);
  const { sessions, seed, signal } = o;
  const plan = makeLimitPlan(sessions);
  const alone = Array.from({ length: sessions }, (_, s) => new LimitSession(plan, s, seed));
  const mostInUse = exactRun(alone, null).peak;
  const globalLimit = Math.max(LEAST_GLOBAL_LIMIT, Math.ceil(mostInUse / MIB) * MIB);
  const gathered = chunks.map((chunk) => new Gathered(chunk, exactRun(alone, chunk)));
  const watchdogMs = 1000 * (o.watchdogSeconds ?? WATCHDOG_SECONDS);
  const crew = new LimitCrew(plan, { seed, watchdogMs, events, ...(signal && { signal }) });
  const measuring = new Measuring(plan, crew, globalLimit);
  const order = Array.from({ length: rounds }, (_, r) => (r % 2 === 0 ? gathered : gathered.toReversed()));
  let problem: string | null = null;
  try {
    await measuring.warmUp();
    const steps = order.flat();
    for (const [i, point] of steps.entries()) {
      events.progress?.(i, steps.length, point.name);
      // All points once, however long that takes.
      if (i >= chunks.length && performance.now() >= deadline) break;
      const ms = (deadline - performance.now()) / (steps.length - i);
      if (!(await measuring.step(point, ms))) break;
    }
    if (!crew.stopped) events.progress?.(steps.length, steps.length, '');
  } catch (error) {
    if (!(error instanceof CurveProblem)) throw error;
    problem = error.message;
  } finally {
    await crew.dismiss();
  }
  return {
    seed,
    sessions,
    rounds,
    globalLimit,
    mostInUse,
    off: timedOf(gathered.flatMap((g) => g.reference)),
    points: gathered.map((g) => g.point()),
    interrupted: crew.stopped,
    problem,
  };
}

/** As much as there is time for. */
function scheduleOf(o: LimitCurveOptions): { chunks: readonly number[]; rounds: number } {
  const step = (points: number): number => (1000 * o.seconds - WARM_UP_MS) / (points * ROUNDS);
  const chunks = o.chunks ?? (step(FULL_CHUNKS.length) >= LEAST_STEP_MS ? FULL_CHUNKS : COARSE_CHUNKS);
  return { chunks, rounds: step(chunks.length) >= LEAST_STEP_MS ? ROUNDS : 1 };
}

/** Measures one point after the other. */
class Measuring {
  private readonly plan: LimitPlan;
  private readonly crew: LimitCrew;
  private readonly globalLimit: number;
  private readonly main: Thread;
  private steps = 0;

  constructor(plan: LimitPlan, crew: LimitCrew, globalLimit: number) {
    this.plan = plan;
    this.crew = crew;
    this.globalLimit = globalLimit;
    this.main = attachLimit(plan, 0).thr;
  }

  async warmUp(): Promise<void> {
    setLimits(this.main, this.plan, DEFAULT_CHUNK);
    await this.crew.part(WARM_UP_MS, false);
  }

  /**
   * One round of a point.
   * @param ms time for it
   * @returns false: the user has ended the curve; what is not whole is thrown away
   * @throws CurveProblem
   */
  async step(point: Gathered, ms: number): Promise<boolean> {
    const { crew, plan, main } = this;
    const part = (share: number, look: boolean): ReturnType<LimitCrew['part']> =>
      crew.part(Math.max(LEAST_PART_MS, ms * share), look);
    const timed = async (chunk: number | null): ReturnType<LimitCrew['part']> => {
      setLimits(main, plan, chunk);
      return part(SHARES.timed, false);
    };
    // Who is first changes as well.
    const offFirst = this.steps++ % 2 === 0;
    const first = await timed(offFirst ? null : point.chunk);
    const second = await timed(offFirst ? point.chunk : null);
    setLimits(main, plan, point.chunk);
    const looked = await part(SHARES.look, true);
    setLimits(main, plan, point.chunk, this.globalLimit);
    const limited = await part(SHARES.limited, false);
    if (first === null || second === null || looked === null || limited === null) return false;
    point.reference.push(offFirst ? first : second);
    point.timed.push(offFirst ? second : first);
    point.looked.push(...looked.sessions);
    point.limited.push(limited.sessions);
    for (const defect of limitDefects(plan)) throw new CurveProblem(`${point.name}: ${defect}`);
    return true;
  }
}
