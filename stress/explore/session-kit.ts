/**
 * Sessions for exploration: their records in an arena, with the memory that all connections together use.
 * Loaded through the transform, so it imports runtime code from src only.
 *
 * Many fields of a session may be read by a monitor without anything held. Nobody is a monitor here: such
 * reads are looked at for races like all others, so that two threads that work for one session are seen at
 * once.
 */
import type { WordInfo } from '../../src/explore/types.ts';
import type { ArenaPlanner } from '../../src/layout/arena.ts';
import { ErrorLog } from '../../src/layout/error-log.ts';
import { GLOBAL_CONN_MEM, SESSION, THD } from '../../src/layout/session.ts';
import { globalConnMemInit, type GlobalConnMemValues } from '../../src/session/limits/thd-mem-cnt.ts';
import { thdEnd, thdInit, thdNextCommand, thdPrepare, thdSetup } from '../../src/session/thd/thd.ts';
import type { Thread } from '../../src/sync/thread.ts';
import { Kit, must, type WordLookup } from './kit.ts';

/**
 * Fields that are read with nothing held while others change them, and looked at again; and the mutexes' own
 * words.
 */
const SHARED = [
  'conn.mutex',
  'conn.statusEpoch',
  'conn.plainFree',
  'thd.dataMutex',
  'thd.commandSinceMs',
  'thd.commandLimitMs',
  'psi_thread.state',
];
const OWN_FIELD = /^(session|thd|conn|psi_thread|psi_stat)(?:\[\d+\])?\.([A-Za-z]+)/;

/** Names and rules of words, without what only monitors may do. */
export function withoutMonitors(words: WordLookup): WordLookup {
  const known = new Map<number, WordInfo | undefined>();
  return (word) => {
    let info = known.get(word);
    if (info === undefined && !known.has(word)) {
      info = words(word);
      const field = OWN_FIELD.exec(info?.name ?? '');
      if (info !== undefined && field !== null && !SHARED.includes(`${field[1]}.${field[2]}`)) {
        info = { name: info.name };
      }
      known.set(word, info);
    }
    return info;
  };
}

export interface SessionsOptions<E> {
  readonly threads: number;
  readonly sessions: number;
  readonly values?: GlobalConnMemValues;
  /**
   * Numbers of the sessions' PSI_THREADs begin here; 0 when absent: they count for the threads that run them.
   */
  readonly psiFrom?: number;
  /** Bare words for the scenario's own use. */
  readonly words?: number;
  readonly plan?: (planner: ArenaPlanner) => E;
}

interface Placed<E> {
  readonly thd: number;
  readonly session: number;
  readonly words: number;
  readonly more: E;
}

/** Seats of sessions, all empty, and the threads that may run them. */
export class Sessions<E = unknown> {
  readonly kit: Kit<'conn', Placed<E>>;
  readonly mem: Int32Array;
  readonly threads: readonly Thread[];
  /** By session. */
  readonly thds: readonly number[];
  readonly sessions: readonly number[];
  /** GLOBAL_CONN_MEM. */
  readonly conn: number;
  /** First of the scenario's own words. */
  readonly own: number;
  readonly log = new ErrorLog();
  /** For `Scenario.words`. */
  readonly words: WordLookup;

  constructor(o: SessionsOptions<E>) {
    this.kit = new Kit({
      threads: o.threads,
      place: { conn: GLOBAL_CONN_MEM },
      plan: (planner) => ({
        thd: planner.place('thd', THD, o.sessions),
        session: planner.place('session', SESSION, o.sessions),
        words: planner.placeWords('own', 1, o.words ?? 1),
        more: o.plan?.(planner) as E,
      }),
    });
    const { mem, at, extra, threads } = this.kit;
    this.mem = mem;
    this.threads = threads;
    this.conn = at.conn;
    this.own = extra.words;
    this.words = withoutMonitors(this.kit.words);
    globalConnMemInit(mem, at.conn, o.values);
    const seats = Array.from({ length: o.sessions }, (_, i) => i);
    this.thds = seats.map((i) => extra.thd + i * THD.words);
    this.sessions = seats.map((i) => extra.session + i * SESSION.words);
    for (const i of seats) {
      thdSetup(mem, this.thds[i], at.conn, o.psiFrom === undefined ? 0 : o.psiFrom + i);
      mem[this.sessions[i] + SESSION.at.thd] = this.thds[i];
    }
  }

  /** A connection takes a seat. By the thread that runs the session. */
  connect(thr: Thread, seat: number, connectionId: number, privileges = 0): void {
    const thd = this.thds[seat];
    thdInit(thr, thd, { sessionId: connectionId, privileges });
    thdPrepare(thr, thd);
    must(thdNextCommand(thr, thd, this.log), 'a connection was refused');
  }

  /** A connection leaves its seat. By the thread that runs the session. */
  disconnect(thr: Thread, seat: number): void {
    thdEnd(thr, this.thds[seat]);
  }
}

/**
 * A thread waits for another one to change something.
 * @explore pause
 */
export function relax(): void {}
