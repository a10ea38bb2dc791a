import { afterEach, describe, expect, it, vi } from 'vitest';
import { SESSION_STATE } from '../layout/session.ts';
import { CONTROL } from '../layout/thread.ts';
import { setU53 } from '../layout/words.ts';
import { handOverEnd } from './hand-over.ts';
import { KILLED } from './limits/kill.ts';
import { runSession } from './run-session.ts';
import { SessionKit, type SessionKitOptions } from './session-test-kit.ts';
import { thdRaise } from './thd/thd.ts';

/** When the run begins on the kit's clock, and how long it is, us. */
const GO = 1000;
const RUN = 1_000_000;
const CLIENTS = 4;

/** What a thread sleeps on. */
type Sleep = 'next command' | 'reconnect' | 'close';

/**
 * Clients that wait for the one thread of their node. A statement takes a millisecond, and whoever sleeps lets the time
 * pass. The run stops when it is over; whoever is parked may close then.
 */
function makeRun(o: SessionKitOptions = {}) {
  const k = new SessionKit({ runUs: RUN, ...o });
  const { clock } = k.kit;
  const sleeps: { readonly on: Sleep; readonly us: number }[] = [];
  const pass = (us: number): void => {
    clock.advance(us);
    if (clock.us() >= GO + RUN) k.set('stop', 1);
  };
  const run = {
    k,
    sleeps,
    pass,
    /** What happens when a thread has slept. */
    asleep: (_on: Sleep, _times: number): void => undefined,
    now: (): number => clock.us() - GO,
    /** A client's life. @returns when it had its thread, when it gave it back, its statements */
    live: (seat: number): { from: number; to: number; statements: number } => {
      const from = run.now();
      const before = k.statements;
      runSession(k.kit.envs[0], k.runs, k.o, k.at(seat));
      return { from, to: run.now(), statements: k.statements - before };
    },
  };
  k.set('waiting', CLIENTS);
  setU53(k.mem, k.thr.control + CONTROL.at.goUs, GO);
  k.statement = () => (pass(1000), true);
  vi.spyOn(Atomics, 'wait').mockImplementation(((_: Int32Array, word: number, __: number, ms: number) => {
    let on: Sleep = 'next command';
    if (word === k.thr.control + CONTROL.at.stop) on = 'reconnect';
    if (word === k.thr.control + CONTROL.at.close) on = 'close';
    sleeps.push({ on, us: Math.round(ms * 1000) });
    pass(ms * 1000);
    run.asleep(on, sleeps.length);
    if (on === 'close' && k.control('stop') !== 0) k.set('close', 1);
    return 'timed-out';
  }) as typeof Atomics.wait);
  return run;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('turns', () => {
  it('each client has its share of nine tenths of the run; the last one stays', () => {
    const { k, live } = makeRun();
    const turns = [0, 1, 2].map(live);
    expect(turns.map((t) => [t.from, t.to, t.statements])).toEqual([
      [0, 225_000, 225],
      [225_000, 450_000, 225],
      [450_000, 675_000, 225],
    ]);
    expect([k.control('waiting'), k.control('parked')]).toEqual([1, 3]);
    expect([0, 1, 2].map((s) => k.state(s))).toEqual(Array(3).fill(SESSION_STATE.out));
    const last = live(3);
    expect([last.from, last.statements, k.us('endsAtUs', 3)]).toEqual([675_000, 325, GO + 900_000]);
    expect([k.control('waiting'), k.control('parked'), ...k.left()]).toEqual([0, 4, 0, 0, 0]);
    for (const seat of [0, 1, 2, 3]) expect(k.result(seat)).toMatchObject({ connections: 1, killed: null });
  });

  it('what one takes too much comes off all that come after it', () => {
    const { k, live, pass } = makeRun();
    k.statement = (_, n) => (pass(n === 1 ? 600_000 : 1000), true);
    const turns = [0, 1, 2].map(live);
    // The first one does three in any case.
    expect(turns.map((t) => t.to - t.from)).toEqual([602_000, 100_000, 99_000]);
    expect(turns.map((t) => t.statements)).toEqual([3, 100, 99]);
    expect(turns[2].to).toBeLessThan(900_000);
  });

  it('who comes after nine tenths of the run does three statements', () => {
    const { k, live, pass } = makeRun();
    pass(900_001 - 1);
    const turns = [0, 1, 2].map(live);
    expect(turns.map((t) => t.statements)).toEqual([3, 3, 3]);
    expect([k.us('endsAtUs', 1), k.result(1).transactions]).toEqual([GO + 903_000, 3]);
  });

  it('a transaction is not given up in the middle', () => {
    const { k, live } = makeRun();
    k.length = 100;
    expect(live(0).statements).toBe(300);
    expect(k.result().transactions).toBe(3);
  });

  it.each([
    [0, 1, 900_000],
    [1, 1, 450_000],
    [3, 2, 360_000],
    [998, 8, 7157],
    [0, 8, 900_000],
  ])('with %i that wait and %i threads a turn has %i us', (waiting, threads, us) => {
    const { k, live } = makeRun({ threads });
    k.set('waiting', waiting + 1);
    k.statement = () => (k.set('stop', 1), true);
    live(0);
    expect(k.us('endsAtUs')).toBe(GO + us);
  });

  it('nobody hangs up for nobody, nor in a run without an end', () => {
    const one = makeRun();
    one.k.set('waiting', 1);
    expect(one.live(0).statements).toBe(1000);
    const two = makeRun({ runUs: 0 });
    expect([two.live(0).statements, two.k.us('endsAtUs')]).toEqual([1000, 0]);
  });

  it('who has done all that it was to do goes if another one waits, else it stays', () => {
    const { k, live, sleeps } = makeRun({ spec: { transactions: 5 } });
    expect([0, 1, 2].map((s) => live(s).statements)).toEqual([5, 5, 5]);
    expect(sleeps).toEqual([]);
    expect(live(3).statements).toBe(5);
    expect([sleeps[0].on, k.control('parked')]).toEqual(['close', 4]);
  });

  it('who is killed while it stays is closed at once, and does not come back', () => {
    const run = makeRun({ spec: { transactions: 5 }, reconnect: true });
    const { k } = run;
    k.set('waiting', 1);
    const parked: number[] = [];
    run.asleep = (on) => {
      expect(on).toBe('close');
      parked.push(k.control('parked'));
      if (parked.length === 3) k.kill(KILLED.connection);
    };
    expect(run.live(0)).toEqual({ from: 0, to: 155_000, statements: 5 });
    expect([...parked, k.control('parked')]).toEqual([1, 1, 1, 1]);
    expect(k.result()).toMatchObject({ connections: 1, transactions: 5, errors: { 1317: 1 } });
    expect([k.state(), ...k.left()]).toEqual([SESSION_STATE.out, 0, 0, 0]);
  });

  it('of a client that was told to give up it does nothing', () => {
    const { k, live } = makeRun();
    handOverEnd(k.mem, k.at());
    expect([live(0).statements, k.control('waiting'), k.control('parked')]).toEqual([0, CLIENTS, 0]);
  });
});

describe('an open loop', () => {
  it('begins each transaction when it is due, and works off what is late', () => {
    const { k, live, pass } = makeRun({ perSecond: 100 });
    k.set('waiting', 1);
    const late: number[] = [];
    k.statement = (_, n) => {
      late.push(k.kit.clock.us() - k.us('intendedUs'));
      pass(n === 10 ? 200_000 : 10);
      return true;
    };
    live(0);
    expect(late.slice(0, 10).every((us) => us >= 0 && us < 100)).toBe(true);
    expect(late[10]).toBeGreaterThan(100_000);
    // Those that follow are late too, less and less.
    expect(late[15]).toBeGreaterThan(0);
    expect(late[15]).toBeLessThan(late[10]);
    expect(late.length).toBeGreaterThan(50);
    expect(k.timed).toHaveLength(late.length);
    expect(k.result().transactions).toBe(late.length);
  });

  it('a client to whom nothing is due goes when its turn is over', () => {
    const { k, live, sleeps } = makeRun({ perSecond: 0.001 });
    const turns = [0, 1, 2].map(live);
    expect(turns.map((t) => [t.from, t.to, t.statements])).toEqual([
      [0, 225_000, 0],
      [225_000, 450_000, 0],
      [450_000, 675_000, 0],
    ]);
    // It looks up at least so often, and at the end of its turn.
    expect(sleeps.slice(0, 5).map((s) => s.us)).toEqual([50_000, 50_000, 50_000, 50_000, 25_000]);
    expect(k.result().connections).toBe(1);
  });

  it('one to whom something is due does three statements first', () => {
    const { k, live, pass } = makeRun({ perSecond: 100_000 });
    k.statement = () => (pass(300_000), true);
    expect(live(0).statements).toBe(3);
  });

  it('a kill wakes it', () => {
    const run = makeRun({ perSecond: 0.001 });
    const { k } = run;
    run.asleep = (_, times) => {
      if (times === 2) k.kill(KILLED.connection);
    };
    expect(run.live(0)).toEqual({ from: 0, to: 100_000, statements: 0 });
    expect(k.result()).toMatchObject({ errors: { 1317: 1 }, killed: { code: 1317 } });
    expect([k.state(), k.control('parked'), ...k.left()]).toEqual([SESSION_STATE.out, 1, 0, 0, 0]);
  });

  it('who is killed when the run is just over does not stay', () => {
    const run = makeRun({ perSecond: 0.001 });
    const { k } = run;
    run.asleep = (_, times) => {
      if (times !== 2) return;
      k.kill(KILLED.connection);
      k.set('stop', 1);
    };
    run.live(0);
    expect(run.sleeps.map((s) => s.on)).not.toContain('close');
    expect([k.result().errors, k.control('parked')]).toEqual([{ 1317: 1 }, 1]);
  });
});

describe('reconnecting', () => {
  it('a client comes back 10 ms after its connection was ended, in the same turn', () => {
    const { k, live, sleeps } = makeRun({ reconnect: true });
    const ids: number[] = [];
    k.statement = (_, n) => {
      k.kit.clock.advance(1000);
      ids.push(k.thd('sessionId'));
      if (n === 100 || n === 110) k.kill(KILLED.connection);
      return n !== 100 && n !== 110;
    };
    const { to, statements } = live(0);
    expect([to, statements]).toEqual([225_000, 205]);
    expect(sleeps).toEqual([
      { on: 'reconnect', us: 10_000 },
      { on: 'reconnect', us: 10_000 },
    ]);
    expect([...new Set(ids)]).toEqual([1, 5, 9]);
    expect(k.result()).toMatchObject({ connections: 3, errors: { 1317: 2 }, killed: null });
  });

  it('not without --reconnect', () => {
    const { k, live } = makeRun();
    k.statement = () => (k.kill(KILLED.connection), false);
    expect(live(0).statements).toBe(1);
    expect(k.result()).toMatchObject({ connections: 1, killed: { code: 1317 } });
  });

  it('who is refused or ended time and again gives its thread to the next when its turn is over', () => {
    const refused = makeRun({ reconnect: true, spec: { connMem: { connectionMemoryLimit: 16_000 } } });
    const turns = [0, 1, 2].map(refused.live);
    expect(turns.map((t) => t.to)).toEqual([230_000, 460_000, 680_000]);
    expect(refused.k.result()).toMatchObject({
      connections: 24,
      errors: { 4082: 24 },
      killed: { code: 4082 },
    });
    vi.restoreAllMocks();

    const ended = makeRun({ reconnect: true });
    ended.k.statement = (seat) => (ended.pass(30_000), ended.k.kill(KILLED.connection, seat), false);
    expect([0, 1, 2].map((s) => ended.live(s).to)).toEqual([230_000, 460_000, 690_000]);
    expect(ended.k.left()).toEqual([0, 0, 0]);
  });

  it('who was served and is killed at the end of its turn does not come back', () => {
    const { k, live, pass, sleeps } = makeRun({ reconnect: true });
    k.statement = (_, n) => {
      pass(1000);
      if (n === 225) k.kill(KILLED.connection);
      return n !== 225;
    };
    expect([live(0).statements, k.result().connections, sleeps.length]).toEqual([225, 1, 0]);
  });

  it('who comes late tries three times', () => {
    const { k, live, pass } = makeRun({ reconnect: true });
    pass(950_000);
    k.kit.failing({ failNext: 2 });
    // Refused twice; then it has a connection, and does its three statements.
    expect(live(0).statements).toBe(3);
    expect(k.result()).toMatchObject({ connections: 3, errors: { 5: 2 }, killed: null });
    expect([live(1).statements, k.result(1).connections]).toEqual([3, 1]);
  });

  it('a client whose seat was closed while it waited for its next connection goes', () => {
    const run = makeRun({ reconnect: true });
    const { k } = run;
    k.statement = () => (k.kill(KILLED.connection), false);
    let ended = 0;
    run.asleep = () => {
      if (handOverEnd(k.mem, k.at())) ended++;
    };
    expect(run.live(0).statements).toBe(1);
    expect([ended, k.control('parked'), k.state()]).toEqual([1, 1, SESSION_STATE.ended]);
  });

  it('ends with the run', () => {
    const { k, live } = makeRun({ reconnect: true, runUs: 0 });
    k.statement = (_, n) => {
      if (n === 3) k.set('stop', 1);
      thdRaise(k.mem, k.thr.thd, 5, true, 100);
      k.kill(KILLED.connection);
      return false;
    };
    expect(live(0).statements).toBe(3);
    expect(k.result()).toMatchObject({ connections: 3, errors: { 5: 3 }, killed: { code: 5 } });
    expect([k.control('parked'), ...k.left()]).toEqual([1, 0, 0, 0]);
  });
});

it.each(['next command', 'reconnect', 'close'] as const)(
  'a run that is given up ends who sleeps: %s',
  (on) => {
    const run = makeRun({ reconnect: true, perSecond: on === 'next command' ? 0.001 : 0 });
    const { k } = run;
    k.set('waiting', 1);
    k.statement = () => {
      if (on === 'reconnect') k.kill(KILLED.connection);
      else k.set('stop', 1);
      return on !== 'reconnect';
    };
    run.asleep = () => k.set('abort', 1);
    expect(() => run.live(0)).toThrow(/the run was aborted/);
    expect(run.sleeps.map((s) => s.on)).toEqual([on]);
    // It leaves all as it is.
    expect(k.thd('sessionId') === 0).toBe(on === 'reconnect');
  },
);
