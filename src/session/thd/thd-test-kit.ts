/** Sessions for tests, over a MemoryKit: seats with a PSI_THREAD and an account each, connected the way the server does. */
import { NIL } from '../../layout/schema.ts';
import { GLOBAL_CONN_MEM, THD } from '../../layout/session.ts';
import { getU53 } from '../../layout/words.ts';
import { heapLiveBlocks } from '../../memory/heap/malloc.ts';
import { MemRootEnv } from '../../memory/mem-root/mem-root-env.ts';
import { type FaultPlan, osSetFaults } from '../../memory/os/os-memory.ts';
import { type ThreadMemory, psiThreadMemory } from '../../memory/psi/psi-tables.ts';
import { MemoryKit } from '../../memory/test-kit.ts';
import type { Thread } from '../../sync/thread.ts';
import { SESSION_ACCOUNTS } from './thd-accounts.ts';
import { THD_ERROR_HOOK } from './thd-error.ts';
import {
  connMemDefects,
  globalConnectionMemory,
  globalConnMemInit,
  type GlobalConnMemValues,
  type SessionConnMemValues,
  ThdMemCounter,
} from '../limits/thd-mem-cnt.ts';
import { thdConnectMemory, thdEndStatement, thdReleaseMemory, thdRootAlloc } from './thd-memory.ts';
import { thdAttach, thdDetach, thdEnd, thdInit, thdNextCommand, thdPrepare, thdSetup } from './thd.ts';

const SEATS = 3;

export interface ThdKitOptions {
  readonly globals?: GlobalConnMemValues;
  readonly accounts?: boolean;
  /** Whether seats have a PSI_THREAD of their own, as sessions of a run do. */
  readonly ownPsi?: boolean;
}

/** Tracking on, chunk 1000, no limits, unless said. Threads 1 to 3 come without a session. */
export class ThdKit {
  readonly kit: MemoryKit;
  readonly mem: Int32Array;
  readonly conn: number;
  /** The seats. */
  readonly thds: readonly number[];
  readonly env: MemRootEnv;

  constructor(o: ThdKitOptions = {}) {
    this.kit = new MemoryKit({
      pages: [6144],
      records: { conn: [GLOBAL_CONN_MEM, 1], thd: [THD, SEATS] },
      psi: { sessions: SEATS, ...(o.accounts !== false && { accounts: SESSION_ACCOUNTS }) },
      counter: (log) => new ThdMemCounter(log),
    });
    const { kit } = this;
    this.mem = kit.mem;
    this.conn = kit.at('conn');
    globalConnMemInit(this.mem, this.conn, { tracking: true, chunkSize: 1000, ...o.globals });
    this.thds = Array.from({ length: SEATS }, (_, i) => kit.at('thd') + i * THD.words);
    this.thds.forEach((thd, i) => thdSetup(this.mem, thd, this.conn, o.ownPsi === false ? 0 : this.psiId(i)));
    this.env = new MemRootEnv({ ...kit.env, errorHook: THD_ERROR_HOOK, checked: true });
  }

  /** Number of a seat's PSI_THREAD. */
  readonly psiId = (seat: number): number => this.kit.nThreads + 1 + seat;

  /** Connected up to thdPrepare; the thread works for it. */
  readonly prepared = (thr: Thread, seat = 0, privileges = 0, connMem: SessionConnMemValues = {}): number => {
    const thd = this.thds[seat];
    thdInit(thr, thd, { sessionId: seat + 1, privileges, connMem });
    thdAttach(thr, this.kit.psi, thd);
    if (!thdConnectMemory(thr, this.env, thd)) throw new Error('out of memory');
    thdPrepare(thr, thd);
    return thd;
  };

  /** Connected, past the first reset. */
  readonly connected = (
    thr: Thread,
    seat = 0,
    privileges = 0,
    connMem: SessionConnMemValues = {},
  ): number => {
    const thd = this.prepared(thr, seat, privileges, connMem);
    thdNextCommand(thr, thd, this.kit.log);
    return thd;
  };

  /** The end of a connection, by the thread that works for it. */
  readonly close = (thr: Thread, thd: number): void => {
    thdReleaseMemory(thr, this.env, thd);
    thdEnd(thr, thd);
    thdDetach(thr, this.kit.psi, thd);
  };

  /** mem_counter of a session. */
  readonly used = (thd: number): number => getU53(this.mem, thd + THD.at.memCounter);

  readonly global = (): number => globalConnectionMemory(this.mem, this.conn);

  /** Bytes of an instrument in use, by all accounts. */
  readonly bytes = (key: number): number => this.kit.account(key).currentBytes;

  readonly threadMemory = (id: number): ThreadMemory => psiThreadMemory(this.mem, this.kit.psi, id);

  readonly failing = (thr: Thread, plan: FaultPlan): void => osSetFaults(thr, this.kit.os, plan);

  readonly lines = (): string[] => this.kit.log.lines.map((l) => `${l.priority}: ${l.text}`);

  /** Length of a list that is linked by its first word. */
  readonly count = (first: number): number => {
    let n = 0;
    for (let at = first; at !== NIL; at = this.mem[at]) n++;
    return n;
  };

  readonly liveBlocks = (): number => heapLiveBlocks(this.mem, this.kit.os);

  readonly defects = (): string[] => [
    ...this.kit.defects(),
    ...connMemDefects(this.mem, this.conn, this.thds),
  ];
}

/** One connected session; thread 1 works for it. */
export function oneSession() {
  const s = new ThdKit();
  const thr = s.kit.thread(1);
  const thd = s.connected(thr);
  const { env, mem } = s;
  const idle = s.used(thd);
  const alloc = (bytes: number) => thdRootAlloc(thr, env, thd, bytes);
  const end = () => thdEndStatement(thr, env, thd);
  /** Bytes that the counter has above those of an idle connection. */
  const more = () => s.used(thd) - idle;
  return { s, thr, thd, env, mem, alloc, end, more };
}
