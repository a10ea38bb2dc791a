/**
 * A real thread of controlled mode: before each of its points it waits for its turn, then does the operation with the
 * real Atomics on the real shared memory, and writes down what it was.
 *
 * A thread falls asleep in V8's own futex, for good: time-outs are played by the controller (controller.ts), which
 * wakes all who sleep on the word and lets those whose time has not come lie down again in their old order.
 */
import { timeoutOf } from '../engine/atomics.ts';
import { defaultChoice } from '../engine/strategy.ts';
import type { AnyTypedArray, Element } from '../hooks.ts';
import { CHOICE, type Step } from '../types.ts';
import { type Board, GO, STATE } from './board.ts';
import { DirectHooks } from './direct-hooks.ts';
import type { StepLog, Value } from './step-log.ts';
import type { VirtualWorld } from './virtual-world.ts';
import type { WordMap } from './word-map.ts';

/** Why a thread gives the turn to the controller. */
export type Ask =
  /** Stands at its first point, or at a choice that is not its own business. */
  | { readonly ask: 'choice' }
  /** Falls asleep just now. */
  | { readonly ask: 'asleep' }
  | { readonly ask: 'step-limit' }
  /** A rule about the state does not hold. */
  | { readonly ask: 'invariant'; readonly error: string };

/** What a thread looks at while it runs. */
export interface Rules {
  /** Whether a plain access to the word is a point, where plain accesses are hooked at all. */
  isPoint(word: number, site: number): boolean;
  /** After each step, with the words that it may have written. Throws when the state is wrong. */
  check: ((word: number, words: number) => void) | null;
}

type Wait = 'ok' | 'not-equal' | 'timed-out';

export class ControlledThread extends DirectHooks {
  private readonly me: number;
  private readonly board: Board;
  private readonly log: StepLog;
  private readonly map: WordMap;
  private readonly give: (ask: Ask) => void;
  /** Null while operations are no points: in set-up, and while a rule is looked at. */
  private rules: Rules | null = null;
  private arrived = false;

  /** @param give gives the turn to the controller, saying why */
  constructor(me: number, board: Board, log: StepLog, map: WordMap, give: (ask: Ask) => void) {
    super((bytes) => map.next(bytes));
    this.me = me;
    this.board = board;
    this.log = log;
    this.map = map;
    this.give = give;
  }

  /** Runs a thread's body: its operations are points. */
  run<T>(body: () => T, rules: Rules): T {
    this.rules = rules;
    try {
      return body();
    } finally {
      this.rules = null;
    }
  }

  override load(a: AnyTypedArray, i: number, site: number): Element {
    if (this.rules === null) return super.load(a, i, site);
    this.point(site);
    const read = super.load(a, i, site);
    this.did('load', site, this.map.wordOf(a, i), read);
    return read;
  }

  override store(a: AnyTypedArray, i: number, v: Element, site: number): Element {
    if (this.rules === null) return super.store(a, i, v, site);
    this.point(site);
    const stored = super.store(a, i, v, site);
    this.did('store', site, this.map.wordOf(a, i), undefined, a[i], a.BYTES_PER_ELEMENT);
    return stored;
  }

  override rmw(op: number, a: AnyTypedArray, i: number, v: Element, site: number): Element {
    if (this.rules === null) return super.rmw(op, a, i, v, site);
    this.point(site);
    const read = super.rmw(op, a, i, v, site);
    this.did('rmw', site, this.map.wordOf(a, i), read, a[i], a.BYTES_PER_ELEMENT);
    return read;
  }

  override cas(a: AnyTypedArray, i: number, e: Element, r: Element, site: number): Element {
    if (this.rules === null) return super.cas(a, i, e, r, site);
    this.point(site);
    const read = super.cas(a, i, e, r, site);
    const word = this.map.wordOf(a, i);
    if (read === asElement(a, e)) this.did('cas', site, word, read, a[i], a.BYTES_PER_ELEMENT);
    else this.did('cas', site, word, read);
    return read;
  }

  override notify(a: AnyTypedArray, i: number, count: number | undefined, site: number): number {
    if (this.rules === null) return super.notify(a, i, count, site);
    this.point(site);
    const { acks } = this.board;
    const woken = super.notify(a, i, count, site);
    // They are among those who can run from the next choice on.
    this.board.awaitWoken(acks, woken);
    this.did('notify', site, this.map.wordOf(a, i), woken);
    return woken;
  }

  override wait(a: AnyTypedArray, i: number, v: Element, timeout: number | undefined, site: number): Wait {
    if (this.rules === null) return super.wait(a, i, v, timeout, site);
    this.point(site);
    const { board, me } = this;
    const word = this.map.wordOf(a, i);
    const ms = timeoutOf(timeout);
    // The comparison alone: nobody else runs, so the value stays what it is until this thread sleeps.
    const answer = super.wait(a, i, v, 0, site);
    if (answer === 'not-equal' || ms === 0) {
      this.did('wait', site, word, answer);
      return answer;
    }
    board.lieDown(me, this.map.bedOf(a, i), board.world.now + ms);
    this.did('wait', site, word, 'asleep');
    this.give({ ask: 'asleep' });
    const woken = this.sleep(a as Int32Array, i);
    // Waking up is a point with a number of its own.
    board.proceed(me);
    this.did(woken ? 'wake' : 'timeout', site, word, woken ? 'ok' : 'timed-out');
    return woken ? 'ok' : 'timed-out';
  }

  /** Sleeps until notified or timed out, and then until it is its turn. Returns whether it was notified. */
  private sleep(a: Int32Array, i: number): boolean {
    const { board, me } = this;
    for (;;) {
      Atomics.wait(a, i, Atomics.load(a, i));
      if (!board.shuffling) {
        board.setState(me, STATE.ready);
        board.acknowledge();
        board.listen(me);
        return true;
      }
      board.acknowledge();
      if (board.listen(me) === GO.timedOut) return false;
    }
  }

  override pause(site: number): void {
    if (this.rules === null) return;
    // Written down when it is reached, as the engine does: there is nothing to do afterwards.
    this.log.add({ thread: this.me, op: this.board.op(this.me), kind: 'pause', site, word: -1 });
    this.point(site, true);
  }

  override r(a: AnyTypedArray, i: number, site: number): Element {
    const word = this.map.wordOf(a, i);
    if (this.rules?.isPoint(word, site) !== true) return super.r(a, i, site);
    this.point(site);
    const read = super.r(a, i, site);
    this.did('read', site, word, read);
    return read;
  }

  override w(a: AnyTypedArray, i: number, v: Element, site: number): Element {
    const word = this.map.wordOf(a, i);
    if (this.rules?.isPoint(word, site) !== true) return super.w(a, i, v, site);
    this.point(site);
    super.w(a, i, v, site);
    this.did('write', site, word, undefined, a[i], a.BYTES_PER_ELEMENT);
    return v;
  }

  override sab(bytes: number): SharedArrayBuffer {
    if (this.rules === null) return super.sab(bytes);
    throw new Error('a SharedArrayBuffer must be made by set-up: threads of a schedule share what is there');
  }

  protected override get time(): VirtualWorld {
    return this.rules === null ? super.time : this.board.world;
  }

  /** Stands before a point until it is to be done: now, unless the schedule says otherwise. */
  private point(site: number, pause = false): void {
    const { board, me } = this;
    board.arrive(me, site, pause);
    // The first point of a thread is no choice yet: the engine does not count it.
    if (this.arrived && board.exhausts()) {
      this.give({ ask: 'step-limit' });
      board.listen(me);
    }
    if (!this.goesOn(pause)) board.listen(me);
    board.proceed(me);
  }

  /** Makes the choice that is due; false: somebody else has the turn now. */
  private goesOn(pause: boolean): boolean {
    const { board, me } = this;
    if (!this.arrived) {
      this.arrived = true;
      board.setState(me, STATE.ready);
      this.give({ ask: 'choice' });
      return false;
    }
    const forced = board.forced(me);
    if (forced !== null && (forced.what !== CHOICE.run || !board.canPlay(forced))) {
      this.give({ ask: 'choice' });
      return false;
    }
    if (forced === null && !pause) return true;
    if (forced !== null) board.advance();
    const next = forced === null ? defaultChoice(board.candidates, me) : forced.to;
    if (next !== me) board.tell(next, GO.run);
    return next === me;
  }

  /** @param bytes how many it may have written */
  private did(kind: Step['kind'], site: number, word: number, read?: Value, wrote?: Value, bytes = 0): void {
    const { me, board, rules } = this;
    this.log.add({ thread: me, op: board.op(me) - 1, kind, site, word, read, wrote });
    if (rules === null || rules.check === null) return;
    this.rules = null;
    try {
      rules.check(word, Math.ceil(bytes / 4));
    } catch (error) {
      this.give({ ask: 'invariant', error: String(error) });
      board.listen(me);
    } finally {
      this.rules = rules;
    }
  }
}

/** What a value becomes when it is stored in such an array. */
function asElement(a: AnyTypedArray, value: Element): Element {
  const one = a.slice(0, 1);
  (one as { [index: number]: Element })[0] = value;
  return one[0];
}
