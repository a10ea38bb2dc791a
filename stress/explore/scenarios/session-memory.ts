/**
 * Scenarios for the memory of a session: one worker allocates, another one frees, and it counts for the
 * session.
 */
import type { Ctx, Scenario } from '../../../src/explore/types.ts';
import { SESSION, SESSION_STATE, THD } from '../../../src/layout/session.ts';
import { getU53 } from '../../../src/layout/words.ts';
import { PSI_FLAG } from '../../../src/memory/psi/psi-keys.ts';
import { memorySummary, memorySummaryByThread } from '../../../src/memory/psi/psi-tables.ts';
import { psiTruncate } from '../../../src/memory/psi/psi-truncate.ts';
import {
  Psi,
  psiAttach,
  psiInit,
  psiMemoryAlloc,
  psiMemoryFree,
  type PsiPlan,
  psiPlan,
} from '../../../src/memory/psi/psi.ts';
import {
  handOverConnect,
  handOverIdle,
  handOverOut,
  handOverQueue,
  handOverState,
  handOverTake,
} from '../../../src/session/hand-over.ts';
import { connMemDefects, ThdMemCounter } from '../../../src/session/limits/thd-mem-cnt.ts';
import {
  thdAttach,
  thdDetach,
  thdInit,
  thdNextCommand,
  thdPrepare,
  thdRestoreGlobals,
  thdStoreGlobals,
} from '../../../src/session/thd/thd.ts';
import type { Thread } from '../../../src/sync/thread.ts';
import { checkNothingHeld } from '../guarded.ts';
import { must } from '../kit.ts';
import { relax, Sessions } from '../session-kit.ts';

const { scratch: SCRATCH } = SESSION.at;
const { memCounter: MEM_COUNTER } = THD.at;
const CONNECTION = 1;

interface State {
  readonly s: Sessions<PsiPlan>;
  readonly psi: Psi;
}
type Body = (ctx: Ctx<State>) => unknown;

const threadOf = (ctx: Ctx<State>): Thread => ctx.s.s.threads[ctx.id];

// One instrument will do; the others would only make the arena larger. Collected ones are registered first.
const KEY = 2;
const KEYS = 3;
const CHUNK = 100;

/** Allocates in the session's name, and keeps the block in it: key, owner, size. */
function take({ s, psi }: State, thr: Thread, bytes: number): void {
  const at = s.sessions[0] + SCRATCH;
  s.mem[at] = psiMemoryAlloc(thr, psi, KEY, bytes);
  s.mem[at + 1] = thr.psiOwner;
  s.mem[at + 2] = bytes;
}

/** Frees the block that is kept in the session. */
function give({ s, psi }: State, thr: Thread): void {
  const at = s.sessions[0] + SCRATCH;
  psiMemoryFree(thr, psi, s.mem[at], s.mem[at + 2], s.mem[at + 1]);
}

/** A block of the thread's own, which no session pays for. */
function ownBlock({ psi }: State, thr: Thread, bytes: number): void {
  const key = psiMemoryAlloc(thr, psi, KEY, bytes);
  psiMemoryFree(thr, psi, key, bytes, thr.psiOwner);
}

/** Works for the session, when it can have it: `what`, and gives it back. */
function workFor(ctx: Ctx<State>, what: (s: State, thr: Thread) => void): void {
  const { s, psi } = ctx.s;
  const thr = threadOf(ctx);
  thdStoreGlobals(thr, psi, s.thds[0]);
  what(ctx.s, thr);
  thdRestoreGlobals(thr, psi);
}

/** Runs the session at first: a block, and the next worker's turn. Then something of its own. */
const allocates: Body = (ctx) => {
  const { s } = ctx.s;
  const thr = threadOf(ctx);
  workFor(ctx, (state, t) => take(state, t, 40));
  must(handOverIdle(thr, s.sessions[0]), 'the session is killed');
  ownBlock(ctx.s, thr, 9);
};

/** Something of its own; then the session's next command: its block is freed, and another one taken. */
function nextCommand(ctx: Ctx<State>): void {
  const { s } = ctx.s;
  const thr = threadOf(ctx);
  ownBlock(ctx.s, thr, 5);
  while (!handOverQueue(s.mem, s.sessions[0])) relax();
  must(handOverTake(thr, s.sessions[0]), 'the session is not to be had');
  workFor(ctx, (state, t) => {
    give(state, t);
    take(state, t, 30);
  });
}

const frees: Body = (ctx) => {
  nextCommand(ctx);
  must(handOverIdle(threadOf(ctx), ctx.s.s.sessions[0]), 'the session is killed');
};

/** The same; then the connection is closed, and the thread does something of its own again. */
const closes: Body = (ctx) => {
  const { s, psi } = ctx.s;
  const thr = threadOf(ctx);
  nextCommand(ctx);
  thdStoreGlobals(thr, psi, s.thds[0]);
  give(ctx.s, thr);
  s.disconnect(thr, 0);
  thdDetach(thr, psi, s.thds[0]);
  handOverOut(thr, s.sessions[0]);
  ownBlock(ctx.s, thr, 7);
};

const truncates: Body = (ctx) => psiTruncate(threadOf(ctx), ctx.s.psi, 'global');

interface Expected {
  /** In use by the workers and the session, which is left out when it is closed. */
  readonly byThread: readonly number[];
  /** Allocated in all; not looked at when absent. */
  readonly allocated?: number;
  readonly mostAllocated?: number;
  /** What the connection has in use. */
  readonly connection: number;
}

function checkMemory({ s, psi }: State, e: Expected): void {
  const { mem } = s;
  const row = memorySummary(mem, psi, KEY);
  const rows = memorySummaryByThread(mem, psi).filter((r) => r.EVENT_NAME === row.EVENT_NAME);
  const inUse = rows.map((r) => r.CURRENT_NUMBER_OF_BYTES_USED);
  must(
    inUse.join() === e.byThread.join(),
    `in use by the workers and the session: ${inUse.join()}, not ${e.byThread.join()}`,
  );
  const all = row.CURRENT_NUMBER_OF_BYTES_USED;
  must(all === e.connection, `${all} bytes are in use by all, not ${e.connection}`);
  const blocks = e.connection === 0 ? 0 : 1;
  must(row.CURRENT_COUNT_USED === blocks, `${row.CURRENT_COUNT_USED} blocks are in use, not ${blocks}`);
  const sum = row.SUM_NUMBER_OF_BYTES_ALLOC;
  must(e.allocated === undefined || sum === e.allocated, `${sum} bytes were allocated, not ${e.allocated}`);
  must(sum <= (e.mostAllocated ?? sum), `${sum} bytes were allocated since the truncation`);
  const used = getU53(mem, s.thds[0] + MEM_COUNTER);
  must(used === e.connection, `the connection has ${used} bytes, not ${e.connection}`);
  const defects = connMemDefects(mem, s.conn, s.thds);
  must(defects.length === 0, defects.join('; '));
  for (const thr of s.threads)
    must(thr.thd === 0 && thr.psiId === thr.id, 'a thread still works for a session');
  checkNothingHeld(s.kit);
}

function memoryScenario(
  name: string,
  doc: string,
  threads: readonly Body[],
  check: (s: State) => void,
): Scenario<State> {
  return {
    name,
    doc,
    threads,
    memory: 0,
    exhaustive: true,
    setup: () => {
      const s = new Sessions<PsiPlan>({
        threads: threads.length,
        sessions: 1,
        psiFrom: threads.length + 1,
        values: { tracking: true, chunkSize: CHUNK },
        plan: (planner) => psiPlan(planner, threads.length, { sessions: 1, keys: KEYS }),
      });
      const psi = new Psi(s.kit.extra.more, new ThdMemCounter(s.log));
      psiInit(s.mem, psi.plan);
      must((psi.keys[KEY].flags & PSI_FLAG.memCollect) !== 0, 'the instrument should be a collected one');
      for (const thr of s.threads) psiAttach(thr, psi);
      const [thr] = s.threads;
      must(handOverConnect(thr, s.sessions[0]), 'the seat is not free');
      const [thd] = s.thds;
      thdInit(thr, thd, { sessionId: CONNECTION, privileges: 0 });
      thdAttach(thr, psi, thd);
      thdPrepare(thr, thd);
      must(thdNextCommand(thr, thd, s.log), 'the connection was refused');
      thdRestoreGlobals(thr, psi);
      return { s, psi };
    },
    check: (_mem, s) => check(s),
    words: (word, { s }) => s.words(word),
    holders: (_mem, { s }) => s.kit.holders(),
  };
}

export const scenarios: readonly Scenario<State>[] = [
  memoryScenario(
    'session-memory',
    'Does a block that one worker allocates and another one frees count for the session, and for nobody else?',
    [allocates, frees],
    (s) => {
      checkMemory(s, { byThread: [0, 0, 30], allocated: 84, connection: 30 });
      must(handOverState(s.s.mem, s.s.sessions[0]) === SESSION_STATE.idle, 'the session is not idle');
    },
  ),
  memoryScenario(
    'session-memory-end',
    'Is nothing left of a session that another worker closes than the one that connected it?',
    [allocates, closes],
    (s) => checkMemory(s, { byThread: [0, 0], allocated: 91, connection: 0 }),
  ),
  memoryScenario(
    'session-memory-truncate',
    'Is a session’s memory right after a truncation, whichever of its workers serves it?',
    [allocates, frees, truncates],
    (s) => checkMemory(s, { byThread: [0, 0, 0, 30], mostAllocated: 84, connection: 30 }),
  ),
];
