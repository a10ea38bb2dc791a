/**
 * Ways to know what all connections use together, behind one interface. All but the raw limit keep the session's own
 * counter as well, with the code of the lazy one, since its limit needs that in any case.
 */
import { allocateArena, ArenaPlanner } from '../../src/layout/arena.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { ErrorLog } from '../../src/layout/error-log.ts';
import { LINE_WORDS } from '../../src/layout/schema.ts';
import { GLOBAL_CONN_MEM, THD } from '../../src/layout/session.ts';
import { addU53, getU53 } from '../../src/layout/words.ts';
import { type Ahead, lookAhead, newAhead } from '../../src/observe/connection-memory.ts';
import { thdInit, thdNextCommand, thdPrepare, thdSetup } from '../../src/session/thd/thd.ts';
import {
  connMemDefects,
  globalConnectionMemory,
  globalConnMemInit,
  memCntAlloc,
  memCntFree,
  memCntReset,
} from '../../src/session/limits/thd-mem-cnt.ts';
import { mutexEnter, mutexExit } from '../../src/sync/mutex.ts';
import { attachThread, planRuntime, type RuntimePlan, runtimeInit } from '../../src/sync/runtime.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';

/** One session's way to count. */
export interface CounterContender {
  alloc(size: number): void;
  free(size: number): void;
  /** Between two statements. */
  reset(): void;
}

export const CONTENDERS = {
  lazy: { origin: 'ours', doc: 'a chunk at a time, given back between statements' },
  'tracking-off': { origin: 'ours', doc: 'only the own counter of each session' },
  latch: { origin: 'rival', doc: 'the global counter under a latch on each allocation and free' },
  'atomic-64': { origin: 'rival', doc: 'a 64-bit atomic add on each allocation and free' },
  'atomic-32': {
    origin: 'limit',
    doc: 'a 32-bit atomic add and nothing else: the raw limit, which overflows',
  },
} as const satisfies Record<string, { origin: 'ours' | 'rival' | 'limit'; doc: string }>;

export type ContenderName = keyof typeof CONTENDERS;

/** Where everything lies: plain data. */
export interface CounterPlan {
  readonly buffer: SharedArrayBuffer;
  readonly runtime: RuntimePlan;
  readonly epochNs: bigint;
  /** The GLOBAL_CONN_MEM record; the first THD of `sessions`. */
  readonly conn: number;
  readonly thds: number;
  readonly sessions: number;
  /** Two words on a line of their own, for atomic adds. */
  readonly counter: number;
}

/** Sessions that are connected and past their first command. `chunk`: connection_memory_chunk_size, bytes. */
export function makeCounterPlan(sessions: number, o: { tracking: boolean; chunk: number }): CounterPlan {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, sessions);
  const conn = planner.place('global_conn_mem', GLOBAL_CONN_MEM);
  const counter = planner.placeWords('atomic counter', LINE_WORDS, 1);
  const thds = planner.place('thd', THD, sessions);
  const buffer = allocateArena(planner.finish());
  const mem = new Int32Array(buffer);
  const plan = { buffer, runtime, epochNs: process.hrtime.bigint(), conn, thds, sessions, counter };
  runtimeInit(mem, runtime, new RealClock(plan.epochNs));
  globalConnMemInit(mem, conn, { tracking: o.tracking, chunkSize: o.chunk });
  for (let slot = 0; slot < sessions; slot++) {
    const thr = attachCounterThread(plan, slot);
    const thd = thdOf(plan, slot);
    thdSetup(mem, thd, conn);
    thdInit(thr, thd, { sessionId: slot + 1, privileges: 0 });
    thdPrepare(thr, thd);
    thdNextCommand(thr, thd, new ErrorLog());
  }
  return plan;
}

const thdOf = (plan: CounterPlan, slot: number): number => plan.thds + slot * THD.words;

export function attachCounterThread(plan: CounterPlan, slot: number): Thread {
  return attachThread(new Int32Array(plan.buffer), plan.runtime, {
    slot,
    kind: THREAD_KIND.session,
    clock: new RealClock(plan.epochNs),
  });
}

/** The session in seat `slot`, counting in one of these ways. By the thread that runs it. */
export function makeContender(name: ContenderName, plan: CounterPlan, slot: number): CounterContender {
  const thr = attachCounterThread(plan, slot);
  const { mem } = thr;
  const thd = thdOf(plan, slot);
  const log = new ErrorLog();
  const own: CounterContender = {
    alloc: (size) => void memCntAlloc(thr, thd, size, log),
    free: (size) => memCntFree(mem, thd, size),
    reset: () => void memCntReset(thr, thd, log),
  };
  switch (name) {
    case 'lazy':
    case 'tracking-off':
      return own;
    case 'latch': {
      const mutex = plan.conn + GLOBAL_CONN_MEM.at.mutex;
      const counter = plan.conn + GLOBAL_CONN_MEM.at.counter;
      const add = (delta: number): void => {
        mutexEnter(thr, mutex);
        addU53(mem, counter, delta);
        mutexExit(thr, mutex);
      };
      return {
        alloc: (size) => {
          memCntAlloc(thr, thd, size, log);
          add(size);
        },
        free: (size) => {
          memCntFree(mem, thd, size);
          add(-size);
        },
        reset: () => own.reset(),
      };
    }
    case 'atomic-64': {
      const words = new BigInt64Array(plan.buffer);
      const counter = plan.counter / 2;
      return {
        alloc: (size) => {
          memCntAlloc(thr, thd, size, log);
          Atomics.add(words, counter, BigInt(size));
        },
        free: (size) => {
          memCntFree(mem, thd, size);
          Atomics.sub(words, counter, BigInt(size));
        },
        reset: () => own.reset(),
      };
    }
    default: {
      const { counter } = plan;
      return {
        alloc: (size) => void Atomics.add(mem, counter, size),
        free: (size) => void Atomics.sub(mem, counter, size),
        reset: () => undefined,
      };
    }
  }
}

/** The whole sequence, `passes` times. */
export function replay(to: CounterContender, ops: Int32Array, passes: number): void {
  for (let pass = 0; pass < passes; pass++) replayOnce(to, ops);
}

/** On its own: a loop that is called often is compiled once, one that is called once a batch each time anew. */
function replayOnce(to: CounterContender, ops: Int32Array): void {
  for (let i = 0; i < ops.length; i++) {
    const op = ops[i];
    if (op > 0) to.alloc(op);
    else if (op < 0) to.free(-op);
    else to.reset();
  }
}

const OPS_PER_LOOK = 13;

/**
 * The sequence, with looks at all sessions on the way while others run at the same time.
 * @param alone whether another session has come to its end: from then on what is seen would be too little
 */
export function replayWithLooks(
  to: CounterContender,
  ops: Int32Array,
  passes: number,
  plan: CounterPlan,
  alone: () => boolean,
): Ahead {
  const mem = new Int32Array(plan.buffer);
  const parts: Int32Array[] = [];
  for (let i = 0; i < ops.length; i += OPS_PER_LOOK) parts.push(ops.subarray(i, i + OPS_PER_LOOK));
  const seen = newAhead();
  for (let pass = 0; pass < passes; pass++) {
    for (const part of parts) {
      replay(to, part, 1);
      if (!alone()) lookAhead(mem, plan.thds, plan.sessions, seen);
    }
  }
  return seen;
}

/** At rest, after whole sequences, everything is counted out again. One sentence for each counter that is not. */
export function counterDefects(plan: CounterPlan): string[] {
  const mem = new Int32Array(plan.buffer);
  const thds = Array.from({ length: plan.sessions }, (_, slot) => thdOf(plan, slot));
  const left: [string, number][] = [
    ...thds.map((thd, slot): [string, number] => [`session ${slot}`, getU53(mem, thd + THD.at.memCounter)]),
    ['Global_connection_memory', globalConnectionMemory(mem, plan.conn)],
    ['the atomic counter', getU53(mem, plan.counter)],
  ];
  return [
    ...connMemDefects(mem, plan.conn, thds),
    ...left.filter(([, bytes]) => bytes !== 0).map(([who, bytes]) => `${who} is ${bytes}, not 0`),
  ];
}
