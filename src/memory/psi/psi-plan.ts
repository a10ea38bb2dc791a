/** Where the Performance Schema's memory statistics lie, and its service as a thread has it. */
import type { ArenaPlanner } from '../../layout/arena.ts';
import { PSI_CLASS, PSI_SETUP, PSI_SHARED_STAT, PSI_STAT, PSI_THREAD, UT_STAT } from '../../layout/psi.ts';
import { NIL } from '../../layout/schema.ts';
import type { Thread } from '../../sync/thread.ts';
import { type MemKeyInfo, memKeys, PSI_FLAG, type RegistryOptions } from './psi-keys.ts';

/** The connection's counter (facts A 7), which lives further up: told of memory of collected instruments. */
export interface ConnCounter {
  alloc(thr: Thread, thd: number, bytes: number): void;
  free(thr: Thread, thd: number, bytes: number): void;
}

/** `PSI_SETUP.consumers`. */
export const CONSUMER = { globalInstrumentation: 1, threadInstrumentation: 2 } as const;
export const ALL_CONSUMERS = CONSUMER.globalInstrumentation | CONSUMER.threadInstrumentation;

/** `PSI_CLASS.state`. */
export const CLASS_STATE = { exists: 1, enabled: 2, onlyGlobal: 4, controlled: 8 } as const;

/** An account: who, from where. Null: not known. */
export interface PsiAccount {
  readonly user: string | null;
  readonly host: string | null;
}

export interface PsiPlanOptions extends RegistryOptions {
  /** Sessions that are counted beside the threads that run them: they have the ids after the threads'. 0 when absent. */
  readonly sessions?: number;
  /** Only the first instruments of the registry, key 0 included; others are not instrumented. All when absent. */
  readonly keys?: number;
  /** Names of those that statistics are kept for; none when absent. Users and hosts of the accounts are among them. */
  readonly accounts?: readonly PsiAccount[];
  readonly users?: readonly string[];
  readonly hosts?: readonly string[];
}

/** Plain data. Rows of a bucket lie one after the other, by key. */
export interface PsiPlan {
  /** PSI_THREAD records: of threads and of sessions. */
  readonly nThreads: number;
  /** Of these, threads of the run; ids from 1. */
  readonly nWorkers: number;
  readonly nKeys: number;
  readonly registry: RegistryOptions;
  readonly accountNames: readonly PsiAccount[];
  readonly userNames: readonly string[];
  readonly hostNames: readonly string[];
  /** PSI_SETUP; PSI_CLASS by key; PSI_THREAD by id; PSI_STAT by id, then key; UT_STAT likewise. */
  readonly setup: number;
  readonly classes: number;
  readonly threads: number;
  readonly stats: number;
  readonly utStats: number;
  /** PSI_SHARED_STAT by account (user, host), then key. */
  readonly accounts: number;
  readonly users: number;
  readonly hosts: number;
  /** PSI_SHARED_STAT by key. */
  readonly global: number;
}

/** Places the accounts; before any node is opened. */
export function psiPlan(planner: ArenaPlanner, nWorkers: number, o: PsiPlanOptions = {}): PsiPlan {
  const { accounts = [], version, more, sessions = 0 } = o;
  const nThreads = nWorkers + sessions;
  const registry: RegistryOptions = { ...(version && { version }), ...(more && { more }) };
  const nKeys = Math.min(o.keys ?? Infinity, memKeys(registry).length);
  const names = (given: readonly string[] = [], among: readonly (string | null)[]): string[] => [
    ...new Set([...given, ...among.filter((name) => name !== null)]),
  ];
  const userNames = names(
    o.users,
    accounts.map((a) => a.user),
  );
  const hostNames = names(
    o.hosts,
    accounts.map((a) => a.host),
  );
  const shared = (name: string, of: number, doc: string): number =>
    of === 0 ? NIL : planner.place(name, PSI_SHARED_STAT, of * nKeys, doc);
  return {
    nThreads,
    nWorkers,
    nKeys,
    registry,
    accountNames: accounts,
    userNames,
    hostNames,
    setup: planner.place('psi_setup', PSI_SETUP),
    classes: planner.place('psi_class', PSI_CLASS, nKeys, 'by key'),
    threads: planner.place('psi_thread', PSI_THREAD, nThreads),
    stats: planner.place('psi_stat', PSI_STAT, nThreads * nKeys, 'rows by thread, then key'),
    utStats: planner.place('ut_stat', UT_STAT, nWorkers * nKeys, 'rows by thread, then key'),
    accounts: shared('psi_account_stat', accounts.length, 'rows by account, then key'),
    users: shared('psi_user_stat', userNames.length, 'rows by user, then key'),
    hosts: shared('psi_host_stat', hostNames.length, 'rows by host, then key'),
    global: shared('psi_global_stat', 1, 'rows by key'),
  };
}

/** Makes them: everything enabled, nothing counted. Before they are shared. */
export function psiInit(mem: Int32Array, plan: PsiPlan): void {
  mem[plan.setup + PSI_SETUP.at.consumers] = ALL_CONSUMERS;
  for (const info of memKeys(plan.registry).slice(0, plan.nKeys)) {
    mem[plan.classes + info.key * PSI_CLASS.words + PSI_CLASS.at.state] = initialState(info);
  }
}

function initialState({ name, flags }: MemKeyInfo): number {
  if (!name.startsWith('memory/')) return 0;
  const state = CLASS_STATE.exists | CLASS_STATE.enabled;
  if ((flags & PSI_FLAG.onlyGlobalStat) !== 0) return state | CLASS_STATE.onlyGlobal;
  return (flags & PSI_FLAG.memCollect) === 0 ? state : state | CLASS_STATE.controlled;
}

/** The service as one thread has it; stateless. */
export class Psi {
  readonly plan: PsiPlan;
  readonly counter: ConnCounter | null;
  /** The registry, as far as it is planned. */
  readonly keys: readonly MemKeyInfo[];
  /** For the hot path, from the plan: number of keys, first PSI_CLASS, word of the consumers. */
  readonly nKeys: number;
  readonly classes: number;
  readonly consumers: number;

  constructor(plan: PsiPlan, counter: ConnCounter | null = null) {
    this.plan = plan;
    this.counter = counter;
    this.keys = memKeys(plan.registry).slice(0, plan.nKeys);
    this.nKeys = plan.nKeys;
    this.classes = plan.classes;
    this.consumers = plan.setup + PSI_SETUP.at.consumers;
  }
}

if (PSI_CLASS.words !== 1) throw new Error('states of instruments lie side by side');
