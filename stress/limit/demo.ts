/**
 * The scenario `connection-limit`: in the middle of ordinary work two sessions group a value of 6,000,000 bytes under
 * connection_memory_limit = 2 MiB, one of an administrator (SUPER) and one of somebody else. What is to come of it is
 * here: the one is counted and goes on, the other ends with error 4082.
 */
import type { EngineShare } from '../../src/engine.ts';
import { thdAt } from '../../src/engine.ts';
import type { LogLine } from '../../src/layout/error-log.ts';
import { THD } from '../../src/layout/session.ts';
import { getS53 } from '../../src/layout/words.ts';
import { Psi } from '../../src/memory/psi/psi.ts';
import { psiThreadMemory } from '../../src/memory/psi/psi-tables.ts';
import type { Sample } from '../../src/observe/sample.ts';
import type { SessionResult, SessionSpec } from '../../src/session/program/program.ts';
import {
  CONN_MEM_NO_LIMIT,
  ER_DA_CONN_LIMIT,
  globalConnectionMemory,
  memErrorText,
} from '../../src/session/limits/thd-mem-cnt.ts';
import { PRIVILEGE } from '../../src/session/thd/thd.ts';
import type { Verdict } from '../verdict/verdict.ts';

const MIB = 2 ** 20;

/** Entry of the list of scenarios. */
export const CONNECTION_LIMIT = {
  name: 'connection-limit',
  doc: 'a value of 6,000,000 bytes grouped under connection_memory_limit=2M: error 4082 ends a session, but not an administrator’s; then what connection_memory_chunk_size costs',
  preset: {
    sysvars: {
      innodb_buffer_pool_size: 16 * MIB,
      innodb_buffer_pool_instances: 1,
      innodb_buffer_pool_debug: true,
      innodb_lru_scan_depth: 100,
      innodb_io_capacity: 2000,
      connection_memory_limit: 2 * MIB,
      global_connection_memory_tracking: true,
    },
    own: {
      sessions: 4,
      nodes: 1,
      scanners: 0,
      'data-size': 32 * MIB,
      'fault-ppm': 0,
      'hog-bytes': 6_000_000,
      seconds: 10,
    },
  },
} as const;

/** Time between two samples of the run, ms: Global_connection_memory is to be seen before, meanwhile and after. */
export const DEMO_SAMPLE_MS = 100;

/** The administrator's session, the first, does what the one does that groups: at the same time. */
export function alsoPrivileged(sessions: readonly SessionSpec[]): SessionSpec[] {
  const then = sessions.find((s) => s.then !== undefined)?.then;
  if (then === undefined) return [...sessions];
  // oxlint-disable-next-line unicorn/no-thenable -- plain data: a time and a program
  return sessions.map((s) => ((s.privileges & PRIVILEGE.super) === 0 ? s : { ...s, then }));
}

/** One of the sessions that group. */
export interface LimitHog {
  readonly session: number;
  readonly privileged: boolean;
  /** connection_memory_limit of the session, bytes; null: none. */
  readonly limit: number | null;
  /** MAX_CONTROLLED_MEMORY of its last connection, bytes. */
  readonly used: number;
  /** How often error 4082 ended a connection of it, and what its client was told at last; null: nothing. */
  readonly stopped: number;
  readonly text: string | null;
}

export interface LimitDemo {
  readonly hogs: readonly LimitHog[];
  /** Lines of the error log. */
  readonly logged: readonly string[];
  /** Global_connection_memory just before the sessions group, at most since then, at the end, and when all have closed. */
  readonly global: {
    readonly before: number;
    readonly most: number;
    readonly end: number;
    readonly closed: number;
  };
}

/** What is known after a run. */
export interface DemoRun {
  readonly share: EngineShare;
  readonly specs: readonly SessionSpec[];
  readonly results: readonly SessionResult[];
  readonly log: readonly LogLine[];
  readonly series: readonly Sample[];
  /** Before the measured time, ms. */
  readonly warmupMs: number;
}

/** Reads it from a run that has ended. */
export function limitDemo(run: DemoRun): LimitDemo {
  const { share, specs, results, log, series, warmupMs } = run;
  const mem = new Int32Array(share.buffer);
  const psi = new Psi(share.plan.psi);
  const hogging = specs.filter((s) => s.then !== undefined);
  const hogs = hogging.map(({ session, privileges }): LimitHog => {
    const thd = thdAt(share.plan, session);
    const limit = getS53(mem, thd + THD.at.connectionMemoryLimit);
    const result = results.find((r) => r.session === session);
    const killed = result?.killed?.code === ER_DA_CONN_LIMIT ? result.killed : null;
    return {
      session,
      privileged: (privileges & (PRIVILEGE.super | PRIVILEGE.connectionAdmin)) !== 0,
      limit: limit === CONN_MEM_NO_LIMIT ? null : limit,
      used: psiThreadMemory(mem, psi, mem[thd + THD.at.psiId]).MAX_CONTROLLED_MEMORY,
      stopped: result?.errors[ER_DA_CONN_LIMIT] ?? 0,
      text: killed?.text ?? null,
    };
  });
  const atMs = Math.min(...hogging.map((s) => s.then?.atMs ?? Infinity)) - warmupMs;
  const memory = (from: number, to: number): number[] =>
    series.filter((s) => s.atMs >= from && s.atMs < to).map((s) => s.connectionMemory);
  return {
    hogs,
    logged: log.filter((l) => l.text.startsWith('Connection closed.')).map((l) => l.text),
    global: {
      before: memory(-Infinity, atMs).at(-1) ?? 0,
      most: Math.max(0, ...memory(atMs, Infinity)),
      end: series.at(-1)?.connectionMemory ?? 0,
      closed: globalConnectionMemory(mem, share.plan.globalConnMem),
    },
  };
}

const INVARIANT =
  'a normal session was ended with 4082 and its text; the privileged one was counted (max > limit) and was not';

/**
 * Whether the limit did what it is for.
 * @param hogBytes size of the value that is grouped
 * @param cut the run was ended before its time
 */
export function checkLimitDemo(demo: LimitDemo, hogBytes: number, cut: boolean): Verdict {
  const verdict = (violations: readonly string[], checked: string): Verdict => ({
    invariant: INVARIANT,
    violations,
    checked,
  });
  if (cut) return verdict([], 'not looked at: the run was ended before its time');
  const over = demo.hogs.filter((h) => h.limit !== null && hogBytes > h.limit);
  if (over.length === 0)
    return verdict([], 'not looked at: no value is larger than the limit of its session');
  return verdict(
    over.flatMap((h) => (h.privileged ? privilegedDefects(h) : normalDefects(h, demo.logged))),
    over.map((h) => `session ${h.session} used ${h.used} bytes`).join(', '),
  );
}

function privilegedDefects(h: LimitHog): string[] {
  const who = `session ${h.session} (privileged)`;
  const defects: string[] = [];
  if (h.stopped > 0) defects.push(`${who} was ended: ${h.text}`);
  if (h.used <= (h.limit ?? Infinity)) defects.push(`${who} was counted with ${h.used} bytes at most`);
  return defects;
}

function normalDefects(h: LimitHog, logged: readonly string[]): string[] {
  const who = `session ${h.session}`;
  if (h.stopped === 0 && h.used <= (h.limit ?? 0)) {
    return [`${who} did not come so far: it used ${h.used} bytes at most`];
  }
  if (h.stopped === 0) return [`${who} was not ended with ${ER_DA_CONN_LIMIT}`];
  // A client that has connected again since then was told of it in an earlier life.
  const text = h.text ?? logged.find((line) => consumedIn(line, h.limit ?? 0) !== null) ?? '';
  const consumed = consumedIn(text, h.limit ?? 0);
  if (consumed === null || consumed <= (h.limit ?? 0)) return [`${who} was told '${text}'`];
  return logged.includes(text) ? [] : [`the error log does not have '${text}'`];
}

/** The consumed bytes in the text of error 4082 about this limit; null: it is another text. */
function consumedIn(text: string, limit: number): number | null {
  const consumed = Number(/Consumed (\d+) bytes\.$/.exec(text)?.[1] ?? Number.NaN);
  return text === memErrorText(ER_DA_CONN_LIMIT, limit, consumed) ? consumed : null;
}
