/** The tables memory_summary_..._by_event_name (facts A 6.7) as plain data, and the memory columns of `threads`. */
import { PSI_CLASS, PSI_THREAD } from '../../layout/psi.ts';
import { NIL } from '../../layout/schema.ts';
import type { MemKeyInfo } from './psi-keys.ts';
import { CLASS_STATE, type Psi } from './psi-plan.ts';
import { SHARED_WORDS } from './psi-shared.ts';
import { type MemorySummary, PsiSum } from './psi-sum.ts';
import { PSI_TABLE, psiThreadAt, THREAD_STATE } from './psi-thread.ts';

export type { MemorySummary } from './psi-sum.ts';

const { state: STATE, account: ACCOUNT, user: USER, host: HOST } = PSI_THREAD.at;

export interface MemoryByThread extends MemorySummary {
  readonly THREAD_ID: number;
}
export interface MemoryByAccount extends MemorySummary {
  readonly USER: string | null;
  readonly HOST: string | null;
}
export interface MemoryByUser extends MemorySummary {
  readonly USER: string;
}
export interface MemoryByHost extends MemorySummary {
  readonly HOST: string;
}

/** Instruments that exist, by key. */
function classes(mem: Int32Array, psi: Psi): MemKeyInfo[] {
  return psi.keys.filter(
    ({ key }) => (mem[psi.classes + key * PSI_CLASS.words + PSI_CLASS.at.state] & CLASS_STATE.exists) !== 0,
  );
}

/** A row of memory_summary_global_by_event_name: the global bucket, all hosts and accounts, all threads. */
export function memorySummary(mem: Int32Array, psi: Psi, key: number): MemorySummary {
  const { plan } = psi;
  const sum = new PsiSum(mem, plan, key).addShared(plan.global, 0);
  for (let i = 0; i < plan.hostNames.length; i++) sum.addShared(plan.hosts, i);
  for (let i = 0; i < plan.accountNames.length; i++) sum.addShared(plan.accounts, i);
  for (let id = 1; id <= plan.nThreads; id++) sum.addThread(id, PSI_TABLE.global);
  return sum.row(psi.keys[key].name, true);
}

/** memory_summary_global_by_event_name. Exact at rest, else a moment's view, as all of these. */
export function memorySummaryGlobal(mem: Int32Array, psi: Psi): MemorySummary[] {
  return classes(mem, psi).map(({ key }) => memorySummary(mem, psi, key));
}

/** memory_summary_by_thread_by_event_name: threads that exist now. LOW and CURRENT may be below 0. */
export function memorySummaryByThread(mem: Int32Array, psi: Psi): MemoryByThread[] {
  const rows: MemoryByThread[] = [];
  for (let id = 1; id <= psi.plan.nThreads; id++) {
    if ((Atomics.load(mem, psiThreadAt(psi.plan, id) + STATE) & THREAD_STATE.exists) === 0) continue;
    for (const { key, name } of classes(mem, psi)) {
      const sum = new PsiSum(mem, psi.plan, key).addThread(id, PSI_TABLE.byThread);
      rows.push({ THREAD_ID: id, ...sum.row(name) });
    }
  }
  return rows;
}

/** memory_summary_by_account_by_event_name: an account's own statistics and those of its threads. */
export function memorySummaryByAccount(mem: Int32Array, psi: Psi): MemoryByAccount[] {
  return psi.plan.accountNames.flatMap(({ user, host }, i) =>
    classes(mem, psi).map(({ key, name }) => {
      const sum = new PsiSum(mem, psi.plan, key).addShared(psi.plan.accounts, i);
      addThreadsOf(sum, mem, psi, ACCOUNT, psi.plan.accounts, i, PSI_TABLE.byAccount);
      return { USER: user, HOST: host, ...sum.row(name) };
    }),
  );
}

/** memory_summary_by_user_by_event_name: a user's own statistics, those of its accounts and of its threads. */
export function memorySummaryByUser(mem: Int32Array, psi: Psi): MemoryByUser[] {
  return psi.plan.userNames.flatMap((user, i) =>
    classes(mem, psi).map(({ key, name }) => {
      const sum = new PsiSum(mem, psi.plan, key).addShared(psi.plan.users, i);
      psi.plan.accountNames.forEach((a, no) => a.user === user && sum.addShared(psi.plan.accounts, no));
      addThreadsOf(sum, mem, psi, USER, psi.plan.users, i, PSI_TABLE.byUser);
      return { USER: user, ...sum.row(name) };
    }),
  );
}

/** memory_summary_by_host_by_event_name: a host's own statistics, those of its accounts and of its threads. */
export function memorySummaryByHost(mem: Int32Array, psi: Psi): MemoryByHost[] {
  return psi.plan.hostNames.flatMap((host, i) =>
    classes(mem, psi).map(({ key, name }) => {
      const sum = new PsiSum(mem, psi.plan, key).addShared(psi.plan.hosts, i);
      psi.plan.accountNames.forEach((a, no) => a.host === host && sum.addShared(psi.plan.accounts, no));
      addThreadsOf(sum, mem, psi, HOST, psi.plan.hosts, i, PSI_TABLE.byHost);
      return { HOST: host, ...sum.row(name) };
    }),
  );
}

/** Adds the threads whose link at `field` is the given bucket. */
function addThreadsOf(
  sum: PsiSum,
  mem: Int32Array,
  psi: Psi,
  field: number,
  first: number,
  bucket: number,
  table: number,
): void {
  const at = first + bucket * psi.nKeys * SHARED_WORDS;
  for (let id = 1; id <= psi.plan.nThreads; id++) {
    const link = mem[psiThreadAt(psi.plan, id) + field];
    if (link !== NIL && link === at) sum.addThread(id, table);
  }
}

/** The memory columns of `performance_schema.threads`, bytes. */
export interface ThreadMemory {
  readonly CONTROLLED_MEMORY: number;
  readonly MAX_CONTROLLED_MEMORY: number;
  readonly TOTAL_MEMORY: number;
  readonly MAX_TOTAL_MEMORY: number;
}

/** Of the thread with this id. */
export function psiThreadMemory(mem: Int32Array, psi: Psi, id: number): ThreadMemory {
  const f64 = new Float64Array(mem.buffer);
  const rec = psiThreadAt(psi.plan, id);
  const { controlledMemory, maxControlledMemory, totalMemory, maxTotalMemory } = PSI_THREAD.at;
  return {
    CONTROLLED_MEMORY: f64[(rec + controlledMemory) / 2],
    MAX_CONTROLLED_MEMORY: f64[(rec + maxControlledMemory) / 2],
    TOTAL_MEMORY: f64[(rec + totalMemory) / 2],
    MAX_TOTAL_MEMORY: f64[(rec + maxTotalMemory) / 2],
  };
}
