/**
 * TRUNCATE of the memory_summary tables (facts A 6.6). As in the server, a table's truncation takes the narrower ones
 * with it: what was allocated and freed again moves to the next wider bucket and is gone after the widest; what is in
 * use stays where it is.
 */
import { PSI_SHARED_STAT, PSI_THREAD } from '../../layout/psi.ts';
import type { Thread } from '../../sync/thread.ts';
import type { Psi, PsiPlan } from './psi-plan.ts';
import { capacityAdd, capacityOf, capacityTake, SHARED_WORDS, sumAdd, sumOf, sumSub } from './psi-shared.ts';
import { PSI_TABLE, psiServeTruncate, psiThreadAt, THREAD_STATE } from './psi-thread.ts';

const S = PSI_SHARED_STAT.at;
const SUMS = [
  [S.allocCount, S.freeCount],
  [S.allocSize, S.freeSize],
] as const;
const CAPACITIES = [S.allocCountCapacity, S.freeCountCapacity, S.allocSizeCapacity, S.freeSizeCapacity];
const {
  byThread: BY_THREAD,
  byAccount: BY_ACCOUNT,
  byUser: BY_USER,
  byHost: BY_HOST,
  global: GLOBAL,
} = PSI_TABLE;

/** The tables, and which of them are truncated with each. */
const TRUNCATES = {
  byThread: BY_THREAD,
  byAccount: BY_THREAD | BY_ACCOUNT,
  byUser: BY_THREAD | BY_ACCOUNT | BY_USER,
  byHost: BY_THREAD | BY_ACCOUNT | BY_HOST,
  global: BY_THREAD | BY_ACCOUNT | BY_USER | BY_HOST | GLOBAL,
} as const;

export type PsiTable = keyof typeof TRUNCATES;

/**
 * `TRUNCATE TABLE performance_schema.memory_summary_...`, while all threads go on counting. By one thread at a time.
 */
export function psiTruncate(thr: Thread, psi: Psi, table: PsiTable): void {
  const { mem } = thr;
  const { plan } = psi;
  const tables = TRUNCATES[table];
  for (let id = 1; id <= plan.nThreads; id++) {
    const state = psiThreadAt(plan, id) + PSI_THREAD.at.state;
    if ((Atomics.load(mem, state) & THREAD_STATE.exists) !== 0) Atomics.or(mem, state, tables);
  }
  if (thr.psi !== 0) psiServeTruncate(thr, psi);
  for (let key = 1; key < psi.nKeys; key++) truncateShared(mem, plan, key, tables);
}

function truncateShared(mem: Int32Array, plan: PsiPlan, key: number, tables: number): void {
  const { users, hosts, global } = plan;
  const row = (first: number, bucket: number): number => first + (bucket * plan.nKeys + key) * SHARED_WORDS;
  if ((tables & BY_ACCOUNT) !== 0) {
    for (let i = 0; i < plan.accountNames.length; i++) {
      const { user, host } = plan.accountNames[i];
      const toHost = host === null ? row(global, 0) : row(hosts, plan.hostNames.indexOf(host));
      const to = user === null ? [toHost] : [row(users, plan.userNames.indexOf(user)), toHost];
      moveSharedBase(mem, row(plan.accounts, i), to);
    }
  }
  if ((tables & BY_USER) !== 0) {
    // Hosts have the same once more, so a user's statistics go nowhere.
    for (let i = 0; i < plan.userNames.length; i++) moveSharedBase(mem, row(users, i), []);
  }
  if ((tables & BY_HOST) !== 0) {
    for (let i = 0; i < plan.hostNames.length; i++) moveSharedBase(mem, row(hosts, i), [row(global, 0)]);
  }
  if ((tables & GLOBAL) !== 0) moveSharedBase(mem, row(global, 0), []);
}

/** Partial aggregation; to nobody: `rebase`. A sum is read too low at worst, while others add: then some base stays. */
function moveSharedBase(mem: Int32Array, from: number, to: readonly number[]): void {
  for (const [alloc, free] of SUMS) {
    const base = Math.min(sumOf(mem, from + alloc), sumOf(mem, from + free));
    if (base === 0) continue;
    for (const row of to) {
      sumAdd(mem, row + alloc, base);
      sumAdd(mem, row + free, base);
    }
    sumSub(mem, from + alloc, base);
    sumSub(mem, from + free, base);
  }
  for (const at of CAPACITIES) {
    const had = capacityTake(mem, from + at, capacityOf(mem, from + at));
    for (const row of to) capacityAdd(mem, row + at, had);
  }
}
