/** How the clients of a run get threads: what the two models (`thread_handling`) have in common. */
import { type EngineShare, sessionAt, threadSlot } from '../../src/engine.ts';
import { SESSION_STATE } from '../../src/layout/session.ts';
import { CONTROL, OP, THREAD } from '../../src/layout/thread.ts';
import { handOverEnd, handOverState } from '../../src/session/hand-over.ts';
import type { Crew } from './crew.ts';

/** From the moment on at which all threads are there; by the main thread, which never waits here. */
export interface ThreadModel {
  /** The run begins: clients connect. */
  begin(): void;
  /** To be called often while the run goes on. */
  tick(): void;
  /** Sessions that have done their last statement. */
  parked(): number;
  /** All have parked: connections that are open are closed. */
  close(): void;
  /** Names of the sessions that are not closed yet. */
  out(): string[];
  /** What is wrong when a session waits for something that never comes; null: nothing. */
  late(limitMs: number): string | null;
  /** Whether some client wants something now: then it is stuck when nobody does anything. */
  due(): boolean;
}

/** What both models look at. */
export class Clients {
  readonly crew: Crew;
  readonly share: EngineShare;
  readonly mem: Int32Array;

  constructor(crew: Crew, share: EngineShare) {
    this.crew = crew;
    this.share = share;
    this.mem = new Int32Array(share.buffer);
  }

  get count(): number {
    return this.share.config.sessions;
  }

  at(session: number): number {
    return sessionAt(this.share.plan, session);
  }

  /** SESSION_STATE */
  state(session: number): number {
    return handOverState(this.mem, this.at(session));
  }

  /** A client without a connection gets none any more. @returns false: it has one */
  end(session: number): boolean {
    return handOverEnd(this.mem, this.at(session));
  }

  isClosed(session: number): boolean {
    const state = this.state(session);
    return state === SESSION_STATE.out || state === SESSION_STATE.ended;
  }

  /** Whether a thread that runs sessions of this node is at work. */
  isAtWork(node: number): boolean {
    const { config, plan } = this.share;
    for (let t = node; t < config.threads; t += config.nodes) {
      if (this.mem[plan.runtime.threads + threadSlot(t) * THREAD.words + THREAD.at.op] !== OP.idle)
        return true;
    }
    return false;
  }

  get stopping(): boolean {
    return Atomics.load(this.mem, this.share.plan.runtime.control + CONTROL.at.stop) !== 0;
  }
}
