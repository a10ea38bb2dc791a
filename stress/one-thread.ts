/**
 * one-thread-per-connection: a task for the life of each connection. Connections that find no thread wait in Piscina's
 * queue; those that have one hang up when their turn is over, and close at once while others wait. When the run is
 * over, clients that never got a thread give up, so that those that are parked need not make room for them.
 */
import { nodeOfSession } from '../src/engine.ts';
import { SESSION, SESSION_STATE } from '../src/layout/session.ts';
import { CONTROL } from '../src/layout/thread.ts';
import { getU53 } from '../src/layout/words.ts';
import { RealClock } from '../src/layout/clock.ts';
import { sessionName } from '../workers/session.ts';
import type { Crew } from './crew.ts';
import { Clients, type ThreadModel } from './thread-model.ts';
import type { EngineShare } from '../src/engine.ts';

const { waiting: WAITING, parked: PARKED, close: CLOSE } = CONTROL.at;

export class OneThreadPerConnection implements ThreadModel {
  private readonly clients: Clients;
  private readonly crew: Crew;
  private readonly control: number;
  private readonly clock: RealClock;
  private readonly openLoop: boolean;
  /** Sessions whose task has not come back. */
  private readonly tasks = new Set<number>();
  private ended = 0;

  /** @param openLoop whether clients have times at which they want something */
  constructor(crew: Crew, share: EngineShare, openLoop: boolean) {
    this.crew = crew;
    this.clients = new Clients(crew, share);
    this.control = share.plan.runtime.control;
    this.clock = new RealClock(share.epochNs);
    this.openLoop = openLoop;
  }

  begin(): void {
    const { clients, control } = this;
    const { config } = clients.share;
    for (let s = 0; s < clients.count; s++) {
      Atomics.add(clients.mem, control + WAITING + nodeOfSession(config, s), 1);
      this.tasks.add(s);
      void this.crew.send('connection', s).then(() => this.tasks.delete(s));
    }
  }

  tick(): void {
    const { clients, control } = this;
    if (!clients.stopping) return;
    for (const s of this.tasks) {
      if (!clients.end(s)) continue;
      Atomics.sub(clients.mem, control + WAITING + nodeOfSession(clients.share.config, s), 1);
      this.ended++;
    }
  }

  parked(): number {
    return this.ended + Atomics.load(this.clients.mem, this.control + PARKED);
  }

  close(): void {
    const { mem } = this.clients;
    Atomics.store(mem, this.control + CLOSE, 1);
    Atomics.notify(mem, this.control + CLOSE);
  }

  out(): string[] {
    return [...this.tasks].map(sessionName);
  }

  late(): null {
    return null;
  }

  due(): boolean {
    if (!this.openLoop) return true;
    const now = this.clock.us();
    for (const s of this.tasks) {
      const state = this.clients.state(s);
      if (state === SESSION_STATE.ended) continue;
      if (state === SESSION_STATE.out) return true;
      if (getU53(this.clients.mem, this.clients.at(s) + SESSION.at.nextArrivalUs) <= now) return true;
    }
    return false;
  }
}
