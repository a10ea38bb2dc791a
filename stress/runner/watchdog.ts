/** The watchdog: looks from outside whether threads still get on, and tells who waits for what when one does not. */
import { type EngineShare, sessionAt } from '../../src/engine.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { SESSION } from '../../src/layout/session.ts';
import { OP, opName, THREAD } from '../../src/layout/thread.ts';
import { formatWhoWaits } from '../../src/observe/who-waits-text.ts';
import { type WhoWaits, whoWaits } from '../../src/observe/who-waits.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';

const T = THREAD.at;
/** Counters of a thread that move while a long statement or a long batch gets on. */
const SIGNS = [POOL_STAT.at.pageGets, POOL_STAT.at.pagesRead, POOL_STAT.at.pagesWritten];

interface Seen {
  sign: number;
  sinceMs: number;
}

export class Watchdog {
  private readonly share: EngineShare;
  private readonly mem: Int32Array;
  private readonly limitMs: number;
  private readonly clock: RealClock;
  private readonly threads: Seen[];
  private readonly sessions: Seen = { sign: -1, sinceMs: 0 };

  /** @param limitMs a thread at work that shows no sign of life for so long is stuck */
  constructor(share: EngineShare, limitMs: number) {
    this.share = share;
    this.mem = new Int32Array(share.buffer);
    this.limitMs = limitMs;
    this.clock = new RealClock(share.epochNs);
    this.threads = Array.from({ length: share.plan.runtime.nThreads }, () => ({ sign: -1, sinceMs: 0 }));
  }

  /**
   * @param sessionsDue whether some session must still do something. Then it is also stuck when no session has done
   *   anything, whatever they say that they do: one that waits where nobody expects it calls itself idle.
   * @returns what is stuck, null while all is well
   */
  look(sessionsDue: boolean): string | null {
    const now = performance.now();
    const stuck: string[] = [];
    let all = this.connections();
    for (const [i, seen] of this.threads.entries()) {
      const kind = this.word(i, T.kind);
      if (kind !== THREAD_KIND.session && kind !== THREAD_KIND.cleaner) continue;
      const sign = this.signOf(i);
      if (kind === THREAD_KIND.session) all = (all + sign) | 0;
      const working = this.word(i, T.op) !== OP.idle || this.word(i, T.waitFor) !== 0;
      if (this.isOverdue(seen, sign, working, now, this.limitMs)) stuck.push(this.nameOf(i));
    }
    if (stuck.length > 0) return `no sign of life for ${seconds(this.limitMs)}: ${stuck.join(', ')}`;
    // A little later, as a thread that can be named is the better answer.
    const limit = 1.25 * this.limitMs;
    return this.isOverdue(this.sessions, all, sessionsDue, now, limit)
      ? `no session did anything for ${seconds(limit)}`
      : null;
  }

  /** Threads of a kind that are at work, for messages. */
  atWork(kind: number): string[] {
    return this.threads.flatMap((_, i) =>
      this.word(i, T.kind) === kind && this.word(i, T.op) !== OP.idle ? [this.nameOf(i)] : [],
    );
  }

  /** Slots whose thread has not come to life. */
  missing(): number[] {
    return this.threads.flatMap((_, i) => (this.word(i, T.kind) === THREAD_KIND.unused ? [i] : []));
  }

  /** What a thread was doing and holding when its worker went away. */
  lastWords(slot: number): string {
    const view = this.whoWaits().threads.find((t) => t.id === slot + 1);
    if (view === undefined) return 'before it took part';
    const list = (held: readonly { readonly latch: string; readonly place: string }[]): string =>
      held.map((h) => `${h.latch} (${h.place})`).join(', ');
    const waits = view.waitsFor === null ? '' : `, waiting for ${list([view.waitsFor])}`;
    return `in ${view.op}${waits}, holding ${view.holds.length === 0 ? 'no latch' : list(view.holds)}`;
  }

  /** Who waits for what, now. */
  describe(): string {
    return formatWhoWaits(this.whoWaits());
  }

  private whoWaits(): WhoWaits {
    const { runtime, arena } = this.share.plan;
    return whoWaits({
      mem: this.mem,
      plan: arena,
      threads: runtime.threads,
      nThreads: runtime.nThreads,
      nowMs: this.clock.us() / 1000,
    });
  }

  private isOverdue(seen: Seen, sign: number, working: boolean, now: number, limitMs: number): boolean {
    if (!working || sign !== seen.sign) {
      seen.sign = sign;
      seen.sinceMs = now;
      return false;
    }
    return now - seen.sinceMs >= limitMs;
  }

  private signOf(slot: number): number {
    const { pool } = this.share.plan;
    let sign = this.word(slot, T.progress);
    for (let i = 0; i < pool.instances.length; i++) {
      const row = pool.stats + (slot * pool.instances.length + i) * POOL_STAT.words;
      for (const at of SIGNS) sign = (sign + this.mem[row + at]) | 0;
    }
    return sign;
  }

  /** Clients that connect and are refused do no statement, and get on all the same. */
  private connections(): number {
    const { config, plan } = this.share;
    let sum = 0;
    for (let s = 0; s < config.sessions; s++) sum += this.mem[sessionAt(plan, s) + SESSION.at.connections];
    return sum;
  }

  private nameOf(slot: number): string {
    const kind = this.word(slot, T.kind) === THREAD_KIND.cleaner ? 'page cleaner' : 'session';
    return `${kind} ${this.word(slot, T.label)} (thread ${slot + 1}, in ${opName(this.word(slot, T.op))})`;
  }

  private word(slot: number, field: number): number {
    return this.mem[this.share.plan.runtime.threads + slot * THREAD.words + field];
  }
}

export const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;
