import { describe, expect, it, vi } from 'vitest';
import { NIL } from '../layout/schema.ts';
import { THD } from '../layout/session.ts';
import { KILLED } from './limits/kill.ts';
import { NEXT } from './session.ts';
import { SessionKit } from './session-test-kit.ts';
import { PRIVILEGE } from './thd/thd-accounts.ts';
import {
  thdExecuteStatement,
  thdPrepareStatement,
  thdRootAlloc,
  thdSetUserVar,
  thdSortKeys,
  thdTempTable,
  thdUserVarEvent,
  thdValue,
} from './thd/thd-memory.ts';
import { thdRaise } from './thd/thd.ts';

const OUT_OF_MEMORY = 5;
const PACKET_LIMIT = { connMem: { connectionMemoryLimit: 16_000 } };

describe('connect', () => {
  it('makes a connection that waits for its first command; the thread works for nobody then', () => {
    const k = new SessionKit({ spec: { privileges: PRIVILEGE.super } });
    const { clock } = k.kit;
    clock.advance(700);
    expect(k.connect(2)).toBe(true);
    expect([k.thd('sessionId', 2), k.thd('isConnectionStage', 2), k.thd('enabled', 2)]).toEqual([3, 0, 1]);
    expect([
      k.thd('privileges', 2),
      k.word('connections', 2),
      k.us('nextArrivalUs', 2),
      k.us('endsAtUs', 2),
    ]).toEqual([1, 1, 1700, 0]);
    expect([k.thr.thd, k.thr.psiId]).toEqual([NIL, k.thr.id]);
    k.disconnect(2);
    expect([k.thd('sessionId', 2), ...k.left()]).toEqual([0, 0, 0, 0]);
  });

  it('the n-th connection of a seat has number seat + 1 + n * seats', () => {
    const k = new SessionKit();
    const ids = [0, 1, 2].map(() => {
      k.connect(1);
      const id = k.thd('sessionId', 1);
      k.disconnect(1);
      return id;
    });
    expect(ids).toEqual([2, 6, 10]);
    expect(k.result(1)).toMatchObject({ connections: 3, killed: null, errors: {} });
  });

  it.each([
    ['a limit that its own buffers pass', 4082, /Connection memory limit 16000 bytes exceeded/],
    ['memory that is refused', OUT_OF_MEMORY, /^Out of memory \(Needed \d+ bytes\)$/],
  ])('is refused for %s; the seat is free afterwards', (_, code, text) => {
    const k = new SessionKit(code === 4082 ? { spec: PACKET_LIMIT } : {});
    if (code === OUT_OF_MEMORY) k.kit.failing({ failNext: 1 });
    expect(k.connect()).toBe(false);
    k.disconnect();
    expect(k.result()).toMatchObject({ connections: 1, errors: { [code]: 1 }, total: 0 });
    expect(k.result().killed).toEqual({ code, text: expect.stringMatching(text) as string });
    expect(k.left()).toEqual([0, 0, 0]);
    if (code === 4082) return;
    expect([k.connect(), k.thd('sessionId'), k.result().killed]).toEqual([true, 5, null]);
  });

  it('begins the schedule of an open loop once, also when the first connection is refused', () => {
    const k = new SessionKit({ perSecond: 1000 });
    k.kit.failing({ failNext: 1 });
    expect(k.connect()).toBe(false);
    k.disconnect();
    const due = k.us('nextArrivalUs');
    expect(due).toBeGreaterThan(1000);
    expect([k.connect(), k.us('nextArrivalUs')]).toEqual([true, due]);
    // It goes on: each is due later than the one before it.
    const intended = [0, 1, 2].map(() => (k.command(), k.us('intendedUs')));
    expect(intended[0]).toBe(due);
    expect(intended[1]).toBeGreaterThan(intended[0]);
    expect(intended[2]).toBeGreaterThan(intended[1]);
  });
});

describe('command', () => {
  it('is a statement; the transaction is done with its last one, and timed from its intended start', () => {
    const k = new SessionKit();
    k.length = 3;
    k.statement = () => (k.kit.clock.advance(100), true);
    k.connect();
    k.kit.clock.advance(50);
    expect([k.command(), k.command(), k.command()]).toEqual([
      NEXT.statement,
      NEXT.statement,
      NEXT.transaction,
    ]);
    k.command();
    expect(k.result()).toMatchObject({ transactions: 1, total: 4, errors: {} });
    expect([k.thd('statements'), k.thd('command'), k.word('step')]).toEqual([4, 0, 1]);
    // 50 us until it had a thread; 300 of its own.
    expect(k.timed).toEqual([350_000]);
    expect(k.us('intendedUs')).toBe(1350);
  });

  it('of an open loop is timed from when it was due, however late it begins', () => {
    const k = new SessionKit({ perSecond: 1000 });
    k.connect();
    const due = k.us('nextArrivalUs');
    k.kit.clock.advance(100_000);
    k.command();
    expect(k.timed).toEqual([(101_000 - due) * 1000]);
    expect([k.us('intendedUs'), k.us('nextArrivalUs') > due]).toEqual([due, true]);
  });

  it('goes on with the session’s random numbers, whichever thread runs it', () => {
    const draw = (who: (n: number) => number): number[] => {
      const k = new SessionKit();
      const drawn: number[] = [];
      let thread = 0;
      k.statement = () => (drawn.push(k.kit.thread(thread).rng.next32()), true);
      k.connect();
      for (let n = 0; n < 6; n++) {
        thread = who(n);
        k.command(0, thread);
      }
      return drawn;
    };
    expect(draw((n) => n % 2)).toEqual(draw(() => 0));
  });

  it('after so many transactions the client has done all', () => {
    const k = new SessionKit({ spec: { transactions: 2 } });
    k.connect();
    expect([k.command(), k.command()]).toEqual([NEXT.transaction, NEXT.nothing]);
  });

  it('changes to another program when its time has come', () => {
    // oxlint-disable-next-line unicorn/no-thenable -- plain data that nobody awaits
    const k = new SessionKit({ spec: { then: { atMs: 10, program: 1 } } });
    k.connect();
    k.command();
    const before = k.word('program');
    k.kit.clock.advance(10_000);
    k.command();
    expect([before, k.word('program')]).toEqual([0, 1]);
  });

  it('a statement that fails gives its transaction up; the connection goes on', () => {
    const k = new SessionKit();
    k.length = 2;
    k.statement = (_, n) => {
      if (n === 2) thdRaise(k.mem, k.thr.thd, OUT_OF_MEMORY, true, 100);
      return n !== 2;
    };
    k.connect();
    k.command();
    k.kit.clock.advance(5000);
    expect(k.command()).toBe(NEXT.transaction);
    expect([k.word('transaction'), k.us('nextArrivalUs'), k.thd('stmtError')]).toEqual([0, 6000, 0]);
    expect([k.command(), k.command()]).toEqual([NEXT.statement, NEXT.transaction]);
    expect(k.result()).toMatchObject({ transactions: 1, total: 3, killed: null, errors: { 5: 1 } });
  });
});

describe('memory', () => {
  it('that is refused at any request: the client is told once, and nothing is left', () => {
    const k = new SessionKit();
    const { my } = k.kit.envs[0];
    k.statement = (_, n) => {
      const { thr } = k;
      const { thd } = thr;
      return (
        thdPrepareStatement(thr, my, thd, n % 2, 100) !== NIL &&
        thdExecuteStatement(thr, my, thd, n % 2, 9000, 100) &&
        thdValue(thr, my, thd, 1000) !== NIL &&
        thdSortKeys(thr, my, thd, 1000) !== NIL &&
        thdTempTable(thr, my, thd, 1000) !== NIL &&
        thdSetUserVar(thr, my, thd, 1, 100 * n) !== NIL &&
        thdUserVarEvent(thr, my, thd, 1) !== NIL
      );
    };
    const seen = new Set<string>();
    let told = 0;
    let k0 = 0;
    for (let bites = true; bites; k0++) {
      const before = k.result();
      k.kit.failing({ failAfter: k0, failNext: 1 });
      const connected = k.connect();
      const next = connected ? [k.command(), k.command(), k.command()] : [];
      k.kit.failing({});
      k.disconnect();
      const { errors, killed, connections, transactions } = k.result();
      bites = (errors[OUT_OF_MEMORY] ?? 0) > told;
      told = errors[OUT_OF_MEMORY] ?? 0;
      // Connections that are refused end with it; statements do not end their connections.
      expect([connections - before.connections, killed?.code ?? 0]).toEqual([
        1,
        connected ? 0 : OUT_OF_MEMORY,
      ]);
      expect(next.every((n) => n === NEXT.transaction)).toBe(true);
      expect(transactions - before.transactions).toBe(connected ? (bites ? 2 : 3) : 0);
      expect([k0, ...k.left()]).toEqual([k0, 0, 0, 0]);
      seen.add(connected ? 'command' : 'connect');
    }
    expect(told).toBe(k0 - 1);
    expect([k0 > 20, [...seen]]).toEqual([true, ['connect', 'command']]);
  });
});

describe('kill', () => {
  it('between two commands: no statement is done, and the connection is to be closed', () => {
    const k = new SessionKit();
    k.connect();
    k.command();
    k.kill(KILLED.connection);
    expect([k.command(), k.statements]).toEqual([NEXT.end, 1]);
    k.disconnect();
    const killed = { code: 1317, text: 'Query execution was interrupted' };
    expect(k.result()).toMatchObject({ killed, errors: { 1317: 1 }, total: 1 });
    expect(k.left()).toEqual([0, 0, 0]);
    // The next connection has nothing of it.
    k.connect();
    expect([k.command(), k.result().killed]).toEqual([NEXT.transaction, null]);
  });

  it.each([KILLED.query, KILLED.timeout])('of a statement (%i) ends that one', (how) => {
    const k = new SessionKit();
    k.length = 2;
    k.statement = (_, n) => (n === 2 && k.kill(how), n !== 2);
    k.connect();
    k.command();
    expect([k.command(), k.thd('killed'), k.word('transaction')]).toEqual([NEXT.transaction, 0, 0]);
    expect(k.result()).toMatchObject({ errors: { [how]: 1 }, killed: null, total: 1, transactions: 0 });
  });

  it.each([KILLED.query, KILLED.timeout])('of a statement (%i) that was just done is not told', (how) => {
    const k = new SessionKit();
    k.statement = () => (k.kill(how), true);
    k.connect();
    expect([k.command(), k.thd('killed')]).toEqual([NEXT.transaction, 0]);
    expect(k.result()).toMatchObject({ errors: {}, total: 1, transactions: 1 });
  });

  it('passing a limit is told, also by a statement that was done', () => {
    const k = new SessionKit({ spec: { connMem: { connectionMemoryLimit: 20_000 } } });
    const { envs, thds } = k.kit;
    k.statement = () => thdRootAlloc(k.thr, envs[0].my, thds[0], 50_000) !== NIL;
    k.connect();
    expect(k.command()).toBe(NEXT.end);
    k.disconnect();
    expect(k.result()).toMatchObject({ errors: { 4082: 1 }, killed: { code: 4082 } });
    expect(k.left()).toEqual([0, 0, 0]);
  });

  // What a session looks at while it works: a KILL may come right after each of these looks.
  it.each([
    ['is done', (): boolean => true, {}],
    ['was interrupted', (): boolean => false, {}],
    [
      'has no memory',
      (k: SessionKit): boolean => {
        thdRaise(k.mem, k.thr.thd, OUT_OF_MEMORY, true, 100);
        return false;
      },
      { 5: 1 },
    ],
  ])(
    'at any moment of a command that %s: the connection ends, each error is told once',
    (_, what, errors) => {
      let looks = Infinity;
      for (let at = 1; at <= looks; at++) {
        const k = new SessionKit();
        k.statement = () => what(k);
        k.connect();
        const word = k.kit.thds[0] + THD.at.killed;
        let n = 0;
        const load = Atomics.load.bind(Atomics) as (mem: Int32Array, i: number) => number;
        const spy = vi.spyOn(Atomics, 'load').mockImplementation(((mem: Int32Array, i: number): number => {
          const value = load(mem, i);
          if (mem.buffer === k.mem.buffer && i === word && ++n === at) k.kill(KILLED.connection);
          return value;
        }) as typeof Atomics.load);
        const next = k.command();
        spy.mockRestore();
        if (n < at) {
          looks = n;
          k.kill(KILLED.connection);
        } else if (k.thd('killed') === KILLED.connection && next !== NEXT.end) {
          // After the last look; the hand-over has one more.
          expect(k.command()).toBe(NEXT.end);
        }
        k.disconnect();
        const { errors: met, killed } = k.result();
        expect([at, met[1317] ?? 0, met[5] ?? 0]).toEqual([
          at,
          killed?.code === 1317 ? 1 : 0,
          5 in errors ? 1 : 0,
        ]);
        expect(killed).not.toBeNull();
        expect(k.left()).toEqual([0, 0, 0]);
      }
      expect(looks).toBeGreaterThan(1);
    },
  );
});
