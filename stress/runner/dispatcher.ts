/**
 * pool-of-threads: the main thread gives out the commands of all sessions, each as a task that any worker of the
 * session's node may take. When one has come back the next is given out: the next statement of a transaction at once,
 * the next transaction when it is due. A session that was killed between two commands gets a task that closes it.
 */
import { type EngineShare, nodeOfSession } from '../../src/engine.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { SESSION, SESSION_STATE } from '../../src/layout/session.ts';
import { getU53 } from '../../src/layout/words.ts';
import { handOverQueue } from '../../src/session/hand-over.ts';
import { KILLED } from '../../src/session/limits/kill.ts';
import { NEXT, RECONNECT_MS } from '../../src/session/session.ts';
import { thdKilled } from '../../src/session/thd/thd.ts';
import { sessionName } from '../../workers/session.ts';
import type { Crew } from './crew.ts';
import { seconds } from './watchdog.ts';
import { Clients, type ThreadModel } from './thread-model.ts';

const { nextArrivalUs: DUE, endedBy: ENDED_BY } = SESSION.at;

export interface DispatcherOptions {
  readonly openLoop: boolean;
  /** Whether clients connect again after an error or a kill has ended their connection. */
  readonly reconnect: boolean;
}

/** What the dispatcher knows of a node's workers. */
interface NodeTasks {
  /** Tasks that have not come back. */
  out: number;
  /** When the last one came back, or the first was given out (performance.now). */
  sinceMs: number;
}

export class Dispatcher implements ThreadModel {
  private readonly crew: Crew;
  private readonly clients: Clients;
  private readonly clock: RealClock;
  private readonly o: DispatcherOptions;
  private readonly nodes: NodeTasks[];
  /** Sessions with a task that has not come back. */
  private readonly busy = new Set<number>();
  /** Timers of sessions that have to wait for their next command, or to connect again. */
  private readonly timers = new Map<number, NodeJS.Timeout>();
  /** Sessions that get no further commands. */
  private readonly done = new Set<number>();
  private over = false;

  constructor(crew: Crew, share: EngineShare, o: DispatcherOptions) {
    this.crew = crew;
    this.clients = new Clients(crew, share);
    this.clock = new RealClock(share.epochNs);
    this.o = o;
    this.nodes = Array.from({ length: share.config.nodes }, () => ({ out: 0, sinceMs: 0 }));
  }

  begin(): void {
    for (let s = 0; s < this.clients.count; s++) this.send('command', s);
  }

  tick(): void {
    if (this.over) return;
    if (!this.clients.stopping) {
      this.closeKilled();
      return;
    }
    this.over = true;
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
    for (let s = 0; s < this.clients.count; s++) {
      // Those whose first command is still in the queue never connect.
      this.clients.end(s);
      this.done.add(s);
    }
  }

  parked(): number {
    let parked = 0;
    for (const s of this.done) if (!this.busy.has(s)) parked++;
    return parked;
  }

  close(): void {
    for (let s = 0; s < this.clients.count; s++) {
      if (handOverQueue(this.clients.mem, this.clients.at(s))) this.send('close', s);
    }
  }

  out(): string[] {
    const out: string[] = [];
    for (let s = 0; s < this.clients.count; s++) {
      if (this.busy.has(s) || !this.clients.isClosed(s)) out.push(sessionName(s));
    }
    return out;
  }

  late(limitMs: number): string | null {
    const now = performance.now();
    for (const [node, { out, sinceMs }] of this.nodes.entries()) {
      if (out === 0 || now - sinceMs < limitMs || this.clients.isAtWork(node)) continue;
      const waits = [...this.busy].find((s) => nodeOfSession(this.clients.share.config, s) === node) ?? 0;
      return `no task of node ${node} came back for ${seconds(limitMs)}, and its threads are idle: ${sessionName(waits)}`;
    }
    return null;
  }

  due(): boolean {
    return this.busy.size > 0;
  }

  /** Sessions that were killed while they wait for their next command. */
  private closeKilled(): void {
    const { mem } = this.clients;
    for (let s = 0; s < this.clients.count; s++) {
      if (this.busy.has(s)) continue;
      const at = this.clients.at(s);
      if (thdKilled(mem, mem[at + SESSION.at.thd]) !== KILLED.connection) continue;
      if (this.clients.state(s) !== SESSION_STATE.idle || !handOverQueue(mem, at)) continue;
      this.forget(s);
      this.send('command', s);
    }
  }

  private send(task: 'command' | 'close', session: number): void {
    const node = this.nodes[nodeOfSession(this.clients.share.config, session)];
    if (node.out++ === 0) node.sinceMs = performance.now();
    this.busy.add(session);
    this.crew.send(task, session, (next) => {
      node.out--;
      node.sinceMs = performance.now();
      this.busy.delete(session);
      this.next(session, next);
    });
  }

  /** A task of a session has come back. @param next NEXT; -1: it failed */
  private next(session: number, next: number): void {
    if (this.over) return;
    switch (next) {
      case NEXT.statement:
        return this.giveOut(session);
      case NEXT.transaction:
        return this.giveOutWhenDue(session);
      case NEXT.end:
        return this.connectAgain(session);
      default:
        this.done.add(session);
    }
  }

  private giveOut(session: number): void {
    if (!this.over && handOverQueue(this.clients.mem, this.clients.at(session)))
      this.send('command', session);
  }

  private giveOutWhenDue(session: number): void {
    const waitUs = this.o.openLoop
      ? getU53(this.clients.mem, this.clients.at(session) + DUE) - this.clock.us()
      : 0;
    if (waitUs <= 0) this.giveOut(session);
    else this.later(session, Math.ceil(waitUs / 1000), () => this.giveOut(session));
  }

  private connectAgain(session: number): void {
    const endedBy = this.clients.mem[this.clients.at(session) + ENDED_BY];
    if (!this.o.reconnect || endedBy === 0 || this.done.has(session)) this.done.add(session);
    else this.later(session, RECONNECT_MS, () => this.send('command', session));
  }

  private later(session: number, ms: number, what: () => void): void {
    this.timers.set(
      session,
      setTimeout(() => {
        this.timers.delete(session);
        what();
      }, ms),
    );
  }

  private forget(session: number): void {
    clearTimeout(this.timers.get(session));
    this.timers.delete(session);
  }
}
