/**
 * one-thread-per-connection: a task for the life of each connection. Connections that find no thread wait in Piscina's
 * queue; those that have one hang up when their turn is over, and close at once while others wait. When the run is
 * over, clients that never got a thread give up, so that those that are parked need not make room for them.
 */
import { nodeOfSession } from '../../src/engine.ts';
import { SESSION, SESSION_STATE, THD } from '../../src/layout/session.ts';
import { CONTROL } from '../../src/layout/thread.ts';
import { getU53 } from '../../src/layout/words.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { KILLED } from '../../src/session/limits/kill.ts';
import { thdKilled } from '../../src/session/thd/thd.ts';
import { sessionName } from '../../workers/session.ts';
import type { Crew } from './crew.ts';
import { Clients, type ThreadModel } from './thread-model.ts';
import type { EngineShare } from '../../src/engine.ts';

const { waiting: WAITING, parked: PARKED, close: CLOSE } = CONTROL.at;
const { connections: CONNECTIONS, nextArrivalUs: DUE } = SESSION.at;

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
      this.crew.send('connection', s, () => this.tasks.delete(s));
    }
  }

  tick(): void {
    const { clients, control } = this;
    if (!clients.stopping) return;
    for (const s of this.tasks) {
      if (!clients.end(s)) continue;
      // One that has been connected has had its thread: it was about to connect again, or to go, and parks by itself.
      if (clients.mem[clients.at(s) + CONNECTIONS] > 0) continue;
      Atomics.sub(clients.mem, control + WAITING + nodeOfSession(clients.share.config, s), 1);
      this.ended++;
    }
  }

  parked(): number {
    // First: who closes then does not count as parked until it has.
    const killed = this.killed();
    const parked = this.ended + Atomics.load(this.clients.mem, this.control + PARKED);
    return parked < this.clients.count ? parked : parked - killed;
  }

  close(): void {
    const { mem } = this.clients;
    Atomics.store(mem, this.control + CLOSE, 1);
    Atomics.notify(mem, this.control + CLOSE);
  }

  out(): string[] {
    return [...this.tasks].map(sessionName);
  }

  /** Connections that were killed when they had parked: they close first, and nothing is at rest until then. */
  private killed(): number {
    const { clients } = this;
    let killed = 0;
    for (const s of this.tasks) {
      const thd = clients.mem[clients.at(s) + SESSION.at.thd];
      if (thdKilled(clients.mem, thd) === KILLED.connection && clients.mem[thd + THD.at.sessionId] !== 0)
        killed++;
    }
    return killed;
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
      if (getU53(this.clients.mem, this.clients.at(s) + DUE) <= now) return true;
    }
    return false;
  }
}
