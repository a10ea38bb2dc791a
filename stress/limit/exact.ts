/**
 * The exact part of the curve: each session alone on the calling thread, a fixed number of statements. Everything here
 * is arithmetic (facts A 7.4): the same seed and chunk size give the same numbers on every machine.
 */
import { newAhead } from '../../src/observe/connection-memory.ts';
import { CONN_MEM_NO_LIMIT, globalConnMemSet } from '../../src/session/limits/thd-mem-cnt.ts';
import type { Thread } from '../../src/sync/thread.ts';
import type { LimitPlan } from './limit-arena.ts';
import { type LimitSession, STATEMENTS } from './limit-session.ts';

export interface LimitExact {
  readonly statements: number;
  /** Of collected instruments: what the counter is told of. */
  readonly allocations: number;
  /** Times that LOCK_global_conn_mem_limit was taken: for a chunk, and by the reset after each statement. */
  readonly reservations: number;
  readonly resets: number;
  readonly latchPerAllocation: number;
  /** Global_connection_memory less what is used, looked at after each request, bytes: of a session alone. */
  readonly aheadMean: number;
  readonly aheadMax: number;
  readonly usedMean: number;
  /** Sum of their MAX_CONTROLLED_MEMORY: more than the sessions could use together at any moment, bytes. */
  readonly peak: number;
}

/**
 * What each new connection starts with: @@global.connection_memory_chunk_size (null: tracking is off), and
 * global_connection_memory_limit, bytes.
 */
export function setLimits(thr: Thread, plan: LimitPlan, chunk: number | null, globalLimit?: number): void {
  globalConnMemSet(thr, plan.conn, {
    tracking: chunk !== null,
    globalLimit: globalLimit ?? CONN_MEM_NO_LIMIT,
    ...(chunk !== null && { chunkSize: chunk }),
  });
}

/**
 * Sessions one after the other, each alone: all of them together, as if they never met. Nobody may be connected.
 * @param chunk connection_memory_chunk_size, bytes; null: tracking is off
 */
export function exactRun(sessions: readonly LimitSession[], chunk: number | null): LimitExact {
  const sum = { statements: 0, allocations: 0, acquired: 0, peak: 0 };
  const seen = newAhead();
  for (const session of sessions) {
    setLimits(session.attached.thr, session.plan, chunk);
    session.connect();
    const [taken, had] = [session.latch().acquired, session.allocations()];
    for (let i = 0; i < STATEMENTS; i++) session.statement(seen);
    sum.statements += STATEMENTS;
    sum.allocations += session.allocations() - had;
    sum.acquired += session.latch().acquired - taken;
    sum.peak += session.peak();
    session.disconnect();
  }
  const resets = chunk === null ? 0 : sum.statements;
  return {
    statements: sum.statements,
    allocations: sum.allocations,
    reservations: sum.acquired - resets,
    resets,
    latchPerAllocation: sum.acquired / sum.allocations,
    aheadMean: seen.aheadSum / seen.looks,
    aheadMax: seen.aheadMax,
    usedMean: seen.usedSum / seen.looks,
    peak: sum.peak,
  };
}
