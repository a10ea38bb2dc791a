/**
 * Threads as the Performance Schema knows them: they come, are told to be counted or not, and go; and what becomes of
 * their statistics (facts A 6.6) when they go, or when a table is truncated.
 *
 * A thread's statistics are plain numbers that only it may change. So TRUNCATE, which any thread may do, leaves word in
 * the thread's state, and the thread does it before it counts the next block. Until then nothing of it has changed, and
 * who reads the tables takes the word for the deed. (What a thread is moving at that very moment, because it ends or for
 * an earlier TRUNCATE, may arrive after it, as in the server.)
 */
import { PSI_SHARED_STAT, PSI_STAT, PSI_THREAD } from '../../layout/psi.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import type { Psi, PsiPlan } from './psi-plan.ts';
import { capacityAdd, SHARED_WORDS, sumAdd } from './psi-shared.ts';
import { STAT_PAIRS } from './psi-stat.ts';

const S = PSI_SHARED_STAT.at;
const { state: STATE, stats: STATS, cntThd: CNT_THD } = PSI_THREAD.at;
const { account: ACCOUNT, user: USER, host: HOST } = PSI_THREAD.at;
/** The two quantities of a row, blocks and bytes: where each has its numbers, in pairs of words, and the shared ones. */
const QUANTITIES = [
  {
    alloc: PSI_STAT.at.allocCount / 2,
    free: PSI_STAT.at.freeCount / 2,
    low: PSI_STAT.at.lowCount / 2,
    high: PSI_STAT.at.highCount / 2,
    sharedAlloc: S.allocCount,
    sharedFree: S.freeCount,
    up: S.allocCountCapacity,
    down: S.freeCountCapacity,
  },
  {
    alloc: PSI_STAT.at.allocSize / 2,
    free: PSI_STAT.at.freeSize / 2,
    low: PSI_STAT.at.lowSize / 2,
    high: PSI_STAT.at.highSize / 2,
    sharedAlloc: S.allocSize,
    sharedFree: S.freeSize,
    up: S.allocSizeCapacity,
    down: S.freeSizeCapacity,
  },
] as const;

/** Bits of `PSI_THREAD.state`; from 4 on: PSI_TABLE. */
export const THREAD_STATE = { exists: 1, instrumented: 2 } as const;
/** It exists, is instrumented, and has nothing to do for a TRUNCATE. */
export const THREAD_READY = THREAD_STATE.exists | THREAD_STATE.instrumented;

/** The tables memory_summary_..., as bits of what was truncated. */
export const PSI_TABLE = { byThread: 4, byAccount: 8, byUser: 16, byHost: 32, global: 64 } as const;
const ANY_TABLE = 124;

/** Who a thread works for, as numbers into the plan's lists. */
export interface PsiIdentity {
  readonly account?: number;
  readonly user?: number;
  readonly host?: number;
}

/** PSI_THREAD of a thread id. */
export function psiThreadAt(plan: PsiPlan, id: number): number {
  return plan.threads + (id - 1) * PSI_THREAD.words;
}

/**
 * The calling thread is counted from now on: sets `thr.psi`. If another one had the id and died, its statistics are
 * aggregated first. With an account, user and host are the account's.
 * @param id PSI_THREAD to make, and to count for from now on: that of the thread itself unless given
 */
export function psiAttach(thr: Thread, psi: Psi, who: PsiIdentity = {}, id: number = thr.id): void {
  const { mem, f64 } = thr;
  const { plan } = psi;
  const rec = psiThreadAt(plan, id);
  if (Atomics.load(mem, rec + STATE) !== 0) psiReap(thr, psi, id);
  const rows = plan.nKeys * SHARED_WORDS;
  const account = who.account === undefined ? null : plan.accountNames[who.account];
  const user = account === null ? who.user : indexOf(plan.userNames, account.user);
  const host = account === null ? who.host : indexOf(plan.hostNames, account.host);
  mem[rec + STATS] = plan.stats + (id - 1) * plan.nKeys * PSI_STAT.words;
  mem[rec + ACCOUNT] = who.account === undefined ? NIL : plan.accounts + who.account * rows;
  mem[rec + USER] = user === undefined ? NIL : plan.users + user * rows;
  mem[rec + HOST] = host === undefined ? NIL : plan.hosts + host * rows;
  const session = (rec + PSI_THREAD.at.controlledMemory) / 2;
  f64.fill(0, session, session + 4);
  Atomics.store(mem, rec + STATE, THREAD_READY);
  thr.psi = rec;
  thr.psiId = id;
}

/**
 * `set_thread`: from now on what the calling thread allocates and frees counts for PSI_THREAD `id`: its own, or that of
 * the session which it works for. That one must have been attached; only one thread at a time may work for it.
 */
export function psiFollow(thr: Thread, psi: Psi, id: number): void {
  thr.psi = psiThreadAt(psi.plan, id);
  thr.psiId = id;
}

function indexOf(names: readonly string[], name: string | null): number | undefined {
  return name === null ? undefined : names.indexOf(name);
}

/** The calling thread ends: its statistics are aggregated, and nothing that it does is counted for it any more. */
export function psiDetach(thr: Thread, psi: Psi): void {
  if (thr.psi === NIL) return;
  psiReap(thr, psi, thr.psiId);
  thr.psi = NIL;
}

/** Aggregates what a thread left behind that has ended, or died. */
export function psiReap(thr: Thread, psi: Psi, id: number): void {
  const { mem } = thr;
  const rec = psiThreadAt(psi.plan, id);
  const state = Atomics.exchange(mem, rec + STATE, 0);
  if (state === 0) return;
  for (let key = 1; key < psi.nKeys; key++) {
    const row = mem[rec + STATS] / 2 + key * STAT_PAIRS;
    if (!isUsed(thr.f64, row)) continue;
    if ((state & ANY_TABLE) !== 0) moveBase(thr, psi, rec, row, key, state);
    giveAll(thr, psi, rec, row, key);
  }
  mem[rec + CNT_THD] = NIL;
}

/** Does what TRUNCATE has asked the calling thread for, if anything. */
export function psiServeTruncate(thr: Thread, psi: Psi): void {
  const { mem, psi: rec } = thr;
  const asked = Atomics.and(mem, rec + STATE, ~ANY_TABLE) & ANY_TABLE;
  if (asked === 0) return;
  for (let key = 1; key < psi.nKeys; key++) {
    const row = mem[rec + STATS] / 2 + key * STAT_PAIRS;
    if (isUsed(thr.f64, row)) moveBase(thr, psi, rec, row, key, asked);
  }
}

/** `m_used` */
function isUsed(f64: Float64Array, row: number): boolean {
  for (let i = 0; i < STAT_PAIRS; i++) if (f64[row + i] !== 0) return true;
  return false;
}

/**
 * Partial aggregation, of a thread that lives on: what was allocated and freed again moves to the wider buckets, with
 * all capacities; what is in use stays.
 */
function moveBase(thr: Thread, psi: Psi, rec: number, row: number, key: number, asked: number): void {
  const { mem, f64 } = thr;
  const parents = parentsOf(mem, psi, rec, key, asked);
  for (const q of QUANTITIES) {
    const base = Math.min(f64[row + q.alloc], f64[row + q.free]);
    const used = f64[row + q.alloc] - f64[row + q.free];
    for (const to of parents) {
      sumAdd(mem, to + q.sharedAlloc, base);
      sumAdd(mem, to + q.sharedFree, base);
      capacityAdd(mem, to + q.up, f64[row + q.high] - used);
      capacityAdd(mem, to + q.down, used - f64[row + q.low]);
    }
    f64[row + q.alloc] -= base;
    f64[row + q.free] -= base;
    f64[row + q.low] = used;
    f64[row + q.high] = used;
  }
}

/**
 * Full aggregation, of a thread that is gone (the newest form): what is in use goes to the global statistics, with as
 * much capacity to go down again; the balanced rest to the thread's parents.
 */
function giveAll(thr: Thread, psi: Psi, rec: number, row: number, key: number): void {
  const { mem, f64 } = thr;
  const global = psi.plan.global + key * SHARED_WORDS;
  const parents = parentsOf(mem, psi, rec, key, 0);
  for (const q of QUANTITIES) {
    const used = f64[row + q.alloc] - f64[row + q.free];
    const net = Math.max(0, used);
    const down = used - f64[row + q.low];
    const downGlobal = Math.min(net, down);
    sumAdd(mem, global + q.sharedAlloc, net);
    capacityAdd(mem, global + q.down, downGlobal);
    for (const to of parents) {
      sumAdd(mem, to + q.sharedAlloc, f64[row + q.alloc] - net);
      sumAdd(mem, to + q.sharedFree, f64[row + q.free]);
      capacityAdd(mem, to + q.up, f64[row + q.high] - used);
      capacityAdd(mem, to + q.down, down - downGlobal);
    }
  }
  f64.fill(0, row, row + STAT_PAIRS);
}

/**
 * Which rows a thread's statistics are aggregated to. Tables in `truncated` keep nothing, but pass it on.
 *
 * The account has it all. Without one user and host both have it; since the global view adds up hosts and not users,
 * it is the global statistics that stand in for a host that is not known.
 */
function parentsOf(mem: Int32Array, psi: Psi, rec: number, key: number, truncated: number): number[] {
  const offset = key * SHARED_WORDS;
  const kept = (bit: number): boolean => (truncated & bit) === 0;
  if (!kept(PSI_TABLE.global)) return [];
  const account = mem[rec + ACCOUNT];
  if (account !== NIL && kept(PSI_TABLE.byAccount)) return [account + offset];
  const user = mem[rec + USER];
  const host = mem[rec + HOST];
  const to = user !== NIL && kept(PSI_TABLE.byUser) ? [user + offset] : [];
  to.push((host !== NIL && kept(PSI_TABLE.byHost) ? host : psi.plan.global) + offset);
  return to;
}

/**
 * `set_mem_cnt_THD`: which session pays (`m_cnt_thd`): from now on the connection counter of this THD is told of collected
 * memory of the PSI_THREAD that the calling thread follows. NIL: nobody's. What was counted before stays where it was; a
 * block that is freed later counts down whoever pays then.
 * @returns who paid before, to be set again
 */
export function psiSetMemCntThd(thr: Thread, thd: number): number {
  if (thr.psi === NIL) return NIL;
  const before = thr.mem[thr.psi + CNT_THD];
  thr.mem[thr.psi + CNT_THD] = thd;
  return before;
}
