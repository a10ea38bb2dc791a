/**
 * Conducts real threads through a schedule. A thread that only goes on, or hands over to another at a listed switch,
 * does so by itself (thread.ts); the controller has the turn when a thread begins, ends or falls asleep, when a
 * time-out fires, and when one dies.
 */
import { setImmediate } from 'node:timers/promises';
import { defaultChoice } from '../engine/strategy.ts';
import type { HistoryOp } from '../oracle/linearizability.ts';
import { switchText } from '../search/replay.ts';
import { CHOICE, type Switch } from '../types.ts';
import { type Board, type Bed, GO, STATE } from './board.ts';
import type { Crew, Heard } from './crew.ts';
import type { StepLog } from './step-log.ts';
import { countWaiters } from './wait-list.ts';
import type { WordMap } from './word-map.ts';

/** How the threads' part of a run ended. */
export type End =
  | { readonly outcome: 'completed' | 'deadlock' | 'step-limit' | 'hung' }
  | { readonly outcome: 'exception' | 'invariant'; readonly thread: number; readonly error: string };

const TIME_IS_UP: End = { outcome: 'hung' };

/** Ends the run from within a wait of the controller. */
class TimeIsUp extends Error {}

export class Controller {
  readonly results: unknown[];
  readonly history: HistoryOp[] = [];
  private impossible: string | null = null;
  private readonly board: Board;
  private readonly crew: Crew;
  private readonly log: StepLog;
  private readonly map: WordMap;

  constructor(board: Board, crew: Crew, log: StepLog, map: WordMap) {
    this.board = board;
    this.crew = crew;
    this.log = log;
    this.map = map;
    this.results = Array.from({ length: board.n }, () => undefined);
  }

  /** After the run: a forced choice that was not made; null: all were. */
  get divergence(): string | null {
    const { missed, due } = this.board;
    if (this.impossible !== null) return this.impossible;
    if (missed !== null) return `${switchText(missed)} never came`;
    return due === null ? null : `${switchText(due)} never came: the schedule was over before`;
  }

  /** @throws what a worker broke down with */
  async run(): Promise<End> {
    try {
      return (await this.start()) ?? (await this.conduct());
    } catch (error) {
      if (error instanceof TimeIsUp) return TIME_IS_UP;
      throw error;
    }
  }

  private async hear(): Promise<Exclude<Heard, { ask: 'time-is-up' | 'broken' }>> {
    const heard = await this.crew.next();
    if (heard.ask === 'time-is-up') throw new TimeIsUp();
    if (heard.ask === 'broken') throw heard.error;
    return heard;
  }

  /** Set-up in each thread, one after the other, then each runs to its first point. Null: nothing has ended the run. */
  private async start(): Promise<End | null> {
    const { board } = this;
    for (let t = 0; t < board.n; t++) await this.hear();
    for (const phase of ['set-up', 'first point']) {
      for (let t = 0; t < board.n; t++) {
        board.tell(t, GO.run);
        const heard = await this.hear();
        if (phase === 'set-up') continue;
        const end = this.note(heard);
        if (end !== null) return end;
      }
    }
    return null;
  }

  private async conduct(): Promise<End> {
    const { board } = this;
    // Nobody has run: the first choice is made as if thread 0 could not go on.
    let from = -1;
    let last = 0;
    for (;;) {
      const next = await this.choose(from, last);
      if (next === null) break;
      board.tell(next.thread, next.go);
      const heard = await this.hear();
      const end = this.note(heard);
      if (end !== null) return end;
      last = heard.thread;
      from = heard.ask === 'choice' ? last : -1;
      if (heard.ask === 'asleep') await this.untilAsleep(board.bed(last));
    }
    const asleep = board.timers !== 0 || this.inState(STATE.asleep).length > 0;
    return { outcome: asleep ? 'deadlock' : 'completed' };
  }

  private note(heard: Exclude<Heard, { ask: 'time-is-up' | 'broken' }>): End | null {
    const { thread } = heard;
    switch (heard.ask) {
      case 'ended':
        this.board.setState(thread, STATE.done);
        this.results[thread] = heard.result;
        this.history.push(...heard.history);
        return null;
      case 'failed':
        this.board.setState(thread, STATE.failed);
        return { outcome: 'exception', thread, error: heard.error };
      case 'invariant':
        return { outcome: 'invariant', thread, error: heard.error };
      case 'step-limit':
        return { outcome: 'step-limit' };
      default:
        return null;
    }
  }

  /** Who is in a state. */
  inState(state: number): number[] {
    return Array.from({ length: this.board.n }, (_, t) => t).filter((t) => this.board.state(t) === state);
  }

  /**
   * The choice that is due, as the engine makes it (engine/machine.ts). @returns null when nobody can go on
   * @param from the thread that could go on; −1: `last` cannot
   */
  private async choose(from: number, last: number): Promise<{ thread: number; go: number } | null> {
    const { board } = this;
    let cur = from;
    while (board.ready !== 0 || board.timers !== 0) {
      const { what, to } = this.forcedAt(last) ?? this.byDefault(cur);
      if (what === CHOICE.run) return { thread: to, go: GO.run };
      if (what === CHOICE.timer) {
        await this.fire(to);
        return { thread: to, go: GO.timedOut };
      }
      await this.kill(to);
      if (to === cur) cur = -1;
      else if (cur >= 0) return { thread: cur, go: GO.run };
    }
    return null;
  }

  /** The forced choice at the point of a thread that can be played; one that cannot is a divergence. */
  private forcedAt(thread: number): Switch | null {
    const { board } = this;
    for (;;) {
      const forced = board.forced(thread);
      if (forced === null) return null;
      board.advance();
      if (board.canPlay(forced)) return forced;
      this.impossible ??= `${switchText(forced)} was not possible: ${this.stateOf(forced.to)}`;
    }
  }

  private stateOf(thread: number): string {
    return thread < this.board.n ? `thread ${thread} was ${this.board.stateName(thread)}` : 'no such thread';
  }

  private byDefault(cur: number): Pick<Switch, 'what' | 'to'> {
    const { board } = this;
    const choice = defaultChoice(board.candidates, cur);
    return choice < board.n ? { what: CHOICE.run, to: choice } : { what: CHOICE.timer, to: choice - board.n };
  }

  /** Lets a sleeper's time-out fire. A real one would come when it likes; so it is woken, together with all before it. */
  private async fire(thread: number): Promise<void> {
    const { board, map } = this;
    board.world.now = Math.max(board.world.now, board.deadline(thread));
    const bed = board.bed(thread);
    const sleepers = board.sleepers(bed);
    const { acks } = board;
    board.shuffling = true;
    Atomics.notify(map.wordsOf(bed.buffer), bed.index);
    await this.until(() => board.acks === acks + sleepers.length);
    board.shuffling = false;
    for (const t of sleepers) board.setState(t, STATE.ready);
    for (const t of sleepers) {
      if (t === thread) continue;
      board.setState(t, STATE.asleep);
      board.tell(t, GO.sleepAgain);
      await this.untilAsleep(bed);
    }
  }

  private async kill(thread: number): Promise<void> {
    const { board, log } = this;
    const bed = board.state(thread) === STATE.asleep ? board.bed(thread) : null;
    await this.crew.kill(thread);
    board.setState(thread, STATE.dead);
    log.add({ thread, op: board.op(thread) - 1, kind: 'die', site: board.site(thread), word: -1 });
    if (bed !== null) await this.untilAsleep(bed);
  }

  /** Until V8's list has as many threads as sleep there. */
  private untilAsleep(bed: Bed): Promise<void> {
    const sleepers = this.board.sleepers(bed).length;
    const words = this.map.wordsOf(bed.buffer);
    return this.until(() => countWaiters(words, bed.index) === sleepers);
  }

  /** Looks again and again. Only for what takes microseconds. */
  private async until(done: () => boolean): Promise<void> {
    while (!done()) {
      if (this.crew.timeIsUp) throw new TimeIsUp();
      await setImmediate();
    }
  }
}
