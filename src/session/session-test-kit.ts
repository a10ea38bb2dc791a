/** Clients for tests, over a ProgramKit: what a statement does is the test's, and time passes when it says so. */
import { createHistogram } from 'node:perf_hooks';
import { NIL } from '../layout/schema.ts';
import { SESSION, THD } from '../layout/session.ts';
import { CONTROL } from '../layout/thread.ts';
import { getU53 } from '../layout/words.ts';
import type { Thread } from '../sync/thread.ts';
import { handOverConnect, handOverOut, handOverState } from './hand-over.ts';
import { thdAwake } from './limits/kill.ts';
import type { SessionResult, SessionSpec } from './program/program.ts';
import { PROGRAM, type ProgramRun } from './program/program-run.ts';
import { ProgramKit } from './program/program-test-kit.ts';
import { sessionResult } from './session-result.ts';
import { sessionCommand, sessionConnect, sessionDisconnect, type SessionOptions } from './session.ts';
import { globalConnectionMemory } from './limits/thd-mem-cnt.ts';

const S = SESSION.at;
const KIND = 0;

/** A transaction of so many statements. */
class TestRun implements ProgramRun {
  private readonly kit: SessionKit;

  constructor(kit: SessionKit) {
    this.kit = kit;
  }

  begin(session: number): void {
    this.kit.mem[session + S.transaction] = 1;
    this.kit.mem[session + S.step] = 0;
  }

  onlyReads(): boolean {
    return true;
  }

  statement(session: number): number {
    const { kit } = this;
    const { mem } = kit;
    const seat = kit.kit.sessions.indexOf(session);
    if (!kit.statement(seat, ++kit.statements)) return PROGRAM.more;
    mem[session + S.queries]++;
    mem[session + S.counts + KIND]++;
    if (++mem[session + S.step] < kit.length) return PROGRAM.more;
    this.abandon(session);
    return PROGRAM.done;
  }

  abandon(session: number): void {
    this.kit.mem[session + S.transaction] = 0;
    this.kit.mem[session + S.step] = 0;
  }
}

export interface SessionKitOptions extends Partial<
  Omit<SessionOptions, 'specs' | 'first' | 'latency' | 'io'>
> {
  readonly spec?: Partial<SessionSpec>;
}

/** Closed loop, one thread, no turns, no reconnecting, transactions of one statement, unless said. */
export class SessionKit {
  readonly kit: ProgramKit;
  readonly mem: Int32Array;
  readonly thr: Thread;
  readonly o: SessionOptions;
  readonly runs: readonly ProgramRun[];
  /** Times that transactions took, ns. */
  readonly timed: number[] = [];
  /** Statements of a transaction. */
  length = 1;
  /** Statements begun so far. */
  statements = 0;
  /** What a statement does. @returns false: it has failed, or was interrupted */
  statement: (seat: number, n: number) => boolean = () => true;

  constructor(o: SessionKitOptions = {}) {
    const { spec, ...options } = o;
    this.kit = new ProgramKit({
      pages: 500,
      programs: [{ name: 'p', doc: 'p', transactions: [{ name: 'p', steps: [{ kind: 'pointRead' }] }] }],
    });
    this.mem = this.kit.mem;
    this.thr = this.kit.thread();
    const run = new TestRun(this);
    const latency = Object.assign(createHistogram(), { record: (ns: number) => this.timed.push(ns) });
    this.runs = [run, run];
    this.o = {
      specs: this.kit.sessions.map((_, session) => ({
        session,
        node: 0,
        name: 'p',
        program: 0,
        privileges: 0,
        transactions: 0,
        ...spec,
      })),
      first: this.kit.sessions[0],
      perSecond: 0,
      reconnect: false,
      runUs: 0,
      threads: 1,
      latency: [latency, latency],
      io: { reads: 0, writes: 0 },
      ...options,
    };
  }

  readonly connect = (seat = 0, thread = 0): boolean => {
    if (!handOverConnect(this.kit.thread(thread), this.at(seat))) throw new Error('the seat is taken');
    return sessionConnect(this.kit.envs[thread], this.o, this.at(seat));
  };

  /** @returns NEXT */
  readonly command = (seat = 0, thread = 0): number =>
    sessionCommand(this.kit.envs[thread], this.runs, this.o, this.at(seat));

  readonly disconnect = (seat = 0): void => {
    sessionDisconnect(this.kit.envs[0], this.o, this.at(seat));
    handOverOut(this.thr, this.at(seat));
  };

  /** KILL, KILL QUERY. By the other thread. */
  readonly kill = (how: number, seat = 0): void => thdAwake(this.kit.thread(1), this.kit.thds[seat], how);

  at(seat = 0): number {
    return this.kit.sessions[seat];
  }

  word(field: keyof typeof S, seat = 0): number {
    return this.mem[this.at(seat) + S[field]];
  }

  us(field: 'intendedUs' | 'nextArrivalUs' | 'endsAtUs', seat = 0): number {
    return getU53(this.mem, this.at(seat) + S[field]);
  }

  thd(field: keyof typeof THD.at, seat = 0): number {
    return this.mem[this.kit.thds[seat] + THD.at[field]];
  }

  state(seat = 0): number {
    return handOverState(this.mem, this.at(seat));
  }

  control(field: keyof typeof CONTROL.at): number {
    return this.mem[this.thr.control + CONTROL.at[field]];
  }

  set(field: keyof typeof CONTROL.at, value: number): void {
    Atomics.store(this.mem, this.thr.control + CONTROL.at[field], value);
  }

  result(seat = 0): SessionResult {
    return sessionResult(this.mem, this.at(seat), this.o.specs[seat]);
  }

  /** What is left when nobody is connected: blocks, what is reserved, whom the thread works for. */
  left(): readonly number[] {
    const { thr, kit } = this;
    const conn = this.thd('connMem');
    const own = thr.thd === NIL && thr.psiId === thr.id ? 0 : 1;
    return [kit.liveBlocks(), globalConnectionMemory(this.mem, conn), own];
  }
}
