/**
 * A session of the curve: connects, runs its statements through the server's own functions (arena, my_malloc,
 * Performance Schema, connection counter, reset between two statements), is stopped by a limit, connects again.
 */
import { THD } from '../../src/layout/session.ts';
import { getS53 } from '../../src/layout/words.ts';
import { type Ahead, connectionMemoryInUse, lookAhead } from '../../src/observe/connection-memory.ts';
import { sumWaitStats, type WaitStatRow } from '../../src/observe/wait-stats.ts';
import { EE_OUTOFMEMORY } from '../../src/memory/mem-root/my-malloc.ts';
import { PSI_FLAG } from '../../src/memory/psi/psi-keys.ts';
import { PsiSum } from '../../src/memory/psi/psi-sum.ts';
import { psiThreadMemory } from '../../src/memory/psi/psi-tables.ts';
import { PSI_TABLE } from '../../src/memory/psi/psi-thread.ts';
import {
  thdConnectMemory,
  thdEndStatement,
  thdReleaseMemory,
  thdRootAlloc,
  thdSortKeys,
  thdTempTable,
  thdValue,
} from '../../src/session/thd/thd-memory.ts';
import {
  thdAttach,
  thdDetach,
  thdEnd,
  thdInit,
  thdKilled,
  thdNextCommand,
  thdPrepare,
  thdStatementDone,
} from '../../src/session/thd/thd.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import { attachLimit, type LimitAttached, type LimitPlan, psiIdOf, thdOf } from './limit-arena.ts';
import { ASK, makeStatements } from './statements.ts';

/** Statements before a session begins again with its first. */
export const STATEMENTS = 256;

/** A connection that a limit ended; bytes. */
export interface Stop {
  readonly code: number;
  readonly limit: number;
  readonly consumed: number;
  /** What all sessions really used when the session noticed. */
  readonly inUse: number;
  /** It was still connecting: no statement had begun. */
  readonly connecting: boolean;
}

export class LimitSession {
  readonly attached: LimitAttached;
  readonly thd: number;
  /** What ended the last connection; null: nothing has. */
  stop: Stop | null = null;
  readonly plan: LimitPlan;
  private readonly psiId: number;
  private readonly session: number;
  private readonly asks: Int32Array;
  private next = 0;

  constructor(plan: LimitPlan, session: number, seed: number) {
    this.plan = plan;
    this.session = session;
    this.attached = attachLimit(plan, session + 1);
    this.thd = thdOf(plan, session);
    this.psiId = psiIdOf(plan, session);
    this.asks = makeStatements(seed, session, STATEMENTS);
  }

  /**
   * A new connection, up to the reset before its first command.
   * @returns false: a limit has ended it at once, `stop` says which
   * @throws Error out of memory: the arena is made too small for that
   */
  connect(): boolean {
    const { thd } = this;
    const { thr, psi, my, log } = this.attached;
    this.stop = null;
    thdInit(thr, thd, { sessionId: this.session + 1, privileges: 0 });
    thdAttach(thr, psi, thd);
    if (!thdConnectMemory(thr, my, thd)) throw new Error('out of memory while connecting');
    thdPrepare(thr, thd);
    return thdNextCommand(thr, thd, log) || this.stopped(true);
  }

  /**
   * The next statement, and the reset of the counter after it.
   * @param seen takes a look after each request; null: none
   * @returns false: a limit has ended the connection, `stop` says which
   * @throws Error out of memory
   */
  statement(seen: Ahead | null): boolean {
    const { asks, thd, plan } = this;
    const { thr, my, log } = this.attached;
    const { mem } = thr;
    let i = this.next;
    for (; asks[i] !== ASK.end; i += 2) {
      this.ask(asks[i], asks[i + 1]);
      if (seen !== null) lookAhead(mem, plan.thds, plan.sessions, seen);
      if (thdKilled(mem, thd) !== 0) return this.stopped(false);
    }
    this.next = i + 2 === asks.length ? 0 : i + 2;
    if (mem[thd + THD.at.stmtError] === EE_OUTOFMEMORY) throw new Error('a statement ran out of memory');
    thdEndStatement(thr, my, thd);
    thdStatementDone(thr, thd);
    thr.madeProgress();
    return thdNextCommand(thr, thd, log);
  }

  /** The connection ends; what it had is given back. */
  disconnect(): void {
    const { thd } = this;
    const { thr, psi, my } = this.attached;
    thdReleaseMemory(thr, my, thd);
    thdEnd(thr, thd);
    thdDetach(thr, psi, thd);
    thr.madeProgress();
  }

  /** Wait statistics of LOCK_global_conn_mem_limit, of this session's thread. */
  latch(): WaitStatRow {
    const { thr } = this.attached;
    return sumWaitStats(thr.mem, { threads: thr.at, nThreads: 1 })[LATCH.globalConnMem];
  }

  /** COUNT_ALLOC of the present connection, over all collected instruments: what the counter was told of. */
  allocations(): number {
    const { thr, psi } = this.attached;
    let count = 0;
    for (const { key, flags } of psi.keys) {
      if ((flags & PSI_FLAG.memCollect) === 0) continue;
      count += new PsiSum(thr.mem, psi.plan, key).addThread(this.psiId, PSI_TABLE.byThread).blocks.alloc;
    }
    return count;
  }

  /** MAX_CONTROLLED_MEMORY: the most that the present connection has used at any moment, bytes. */
  peak(): number {
    const { thr, psi } = this.attached;
    return psiThreadMemory(thr.mem, psi, this.psiId).MAX_CONTROLLED_MEMORY;
  }

  /** One request of the statement under way. */
  ask(what: number, bytes: number): void {
    const { thd } = this;
    const { thr, my } = this.attached;
    switch (what) {
      case ASK.root:
        thdRootAlloc(thr, my, thd, bytes);
        break;
      case ASK.value:
        thdValue(thr, my, thd, bytes);
        break;
      case ASK.sortKeys:
        thdSortKeys(thr, my, thd, bytes);
        break;
      default:
        thdTempTable(thr, my, thd, bytes);
    }
  }

  private stopped(connecting: boolean): false {
    const { thd, plan } = this;
    const { mem } = this.attached.thr;
    this.stop = {
      code: mem[thd + THD.at.memError],
      limit: getS53(mem, thd + THD.at.memErrorLimit),
      consumed: getS53(mem, thd + THD.at.memErrorUsed),
      inUse: connectionMemoryInUse(mem, plan.thds, plan.sessions),
      connecting,
    };
    return false;
  }
}
