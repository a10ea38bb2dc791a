/** Both thread models: more sessions than threads, kills, early ends, clients that come back, arrivals in time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { attachEngine, type EngineShare, MAIN_SLOT, sessionAt, thdAt, threadSlot } from '../../src/engine.ts';
import { RealClock } from '../../src/layout/clock.ts';
import { SESSION, SESSION_STATE, THD } from '../../src/layout/session.ts';
import { OP, THREAD } from '../../src/layout/thread.ts';
import { getU53 } from '../../src/layout/words.ts';
import { handOverRunner, handOverState } from '../../src/session/hand-over.ts';
import { KILLED, thdTryKill } from '../../src/session/limits/kill.ts';
import type { Program, ProgramSet, SessionResult } from '../../src/session/program/program.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';
import type { RunEvents, RunOptions, RunResult } from './run-types.ts';
import { StressRun } from './runner.ts';
import { longEnough, plan, TINY, until } from '../test-kit.ts';
import { THREAD_HANDLING, type ThreadHandling } from '../options/thread-handling.ts';

// A machine that is busy with other things needs several times as long.
vi.setConfig({ testTimeout: 240_000 });

const [PER_CONNECTION, POOL] = THREAD_HANDLING;
const QUIET = ['--scanners=0', '--hog-bytes=0', '--fault-ppm=0', '--watchdog=10'];
const TWO_NODES = [
  '--innodb-buffer-pool-size=10M',
  '--innodb-buffer-pool-instances=2',
  '--nodes=2',
  '--data-size=16M',
  '--os-memory=16M',
];

interface Setting {
  readonly model: ThreadHandling;
  readonly sessions: number;
  readonly threads: number;
  readonly seconds?: number;
  readonly args?: readonly string[];
  readonly programs?: readonly Program[];
  readonly change?: Partial<RunOptions>;
  readonly events?: (run: () => StressRun) => RunEvents;
}

async function run(s: Setting): Promise<RunResult> {
  const args = s.args ?? TINY;
  const planned = await plan(...args, ...QUIET, `--sessions=${s.sessions}`, `--seconds=${s.seconds ?? 1}`);
  const { engine, programs } = planned.run;
  const set: ProgramSet = { ...programs, ...(s.programs !== undefined && { programs: s.programs }) };
  const names = planned.run.sessions.map((spec) => ({ ...spec, name: set.programs[0].name }));
  const stress: StressRun = new StressRun(
    {
      ...planned.run,
      sessions: names,
      programs: set,
      threadHandling: s.model,
      engine: { ...engine, threads: s.threads },
      ...s.change,
    },
    s.events?.(() => stress),
  );
  try {
    return await stress.run();
  } finally {
    planned.cleanUp();
  }
}

/** Time, s, that no run of these tests needs: each is stopped when it has shown what it is to show. */
const AMPLE = 40;

/** Runs until `shown`, which watches from the start on, has seen all that it waits for. */
async function runUntil(
  s: Omit<Setting, 'seconds' | 'events'>,
  shown: (share: EngineShare, thr: Thread) => Promise<void>,
): Promise<RunResult> {
  let missed: Promise<unknown> | undefined;
  const r = await run({
    ...s,
    seconds: AMPLE,
    events: (stress) => ({
      started: (share) => {
        missed = shown(share, main(share)).then(
          () => null,
          (error: unknown) => error,
        );
        void missed.then(() => stress().stop());
      },
    }),
  });
  // What is wrong with the run says more.
  if (r.failures.length === 0 && r.stuck === null) expect(await missed).toBeNull();
  return r;
}

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);
const total = (sessions: readonly SessionResult[], what: 'total' | 'transactions' | 'connections'): number =>
  sum(sessions.map((s) => s[what]));

function expectSound(r: RunResult): void {
  expect(r.failures).toEqual([]);
  expect(r.stuck).toBeNull();
  expect(r.verdicts.flatMap((v) => v.violations)).toEqual([]);
  expect(total(r.sessions, 'total')).toBe(r.measured.totals.statements);
  expect(total(r.sessions, 'transactions')).toBe(r.measured.totals.transactions);
  const counted = Object.values(r.measured.latencies).map((h) => h.count);
  expect(sum(counted)).toBe(r.measured.totals.transactions);
}

/** The main thread once more. */
const main = (share: EngineShare): Thread => attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0).thr;

const stateOf = (share: EngineShare, s: number): number =>
  handOverState(new Int32Array(share.buffer), sessionAt(share.plan, s));

const queriesOf = (share: EngineShare, s: number): number =>
  new Int32Array(share.buffer)[sessionAt(share.plan, s) + SESSION.at.queries];

/**
 * KILL CONNECTION of a session at a moment at which `when` holds, with nothing between the look and the kill.
 * @returns the connection's id
 */
async function kill(
  share: EngineShare,
  thr: Thread,
  s: number,
  when: (id: number) => boolean,
): Promise<number> {
  const thd = thdAt(share.plan, s);
  let id = 0;
  await until(() => {
    id = thr.mem[thd + THD.at.sessionId];
    return id !== 0 && when(id) && thdTryKill(thr, thd, id, KILLED.connection) === 'done';
  });
  return id;
}

/** Whether the thread in a slot does nothing. */
const isIdle = (share: EngineShare, slot: number): boolean =>
  Atomics.load(
    new Int32Array(share.buffer),
    share.plan.runtime.threads + slot * THREAD.words + THREAD.at.op,
  ) === OP.idle;

/** Rare and slow, so that a session is mostly between two commands, or mostly in one. */
const LAZY: Partial<RunOptions> = { rate: 0.001 };
const pausing = (pauseUs: number): Program => ({
  name: 'pausing',
  doc: 'reads a page and waits',
  transactions: [{ name: 'pausing', steps: [{ kind: 'pointRead', pauseUs }] }],
});
const STAYING: Program = {
  name: 'staying',
  doc: 'waits until it is told to end',
  transactions: [{ name: 'staying', steps: [{ kind: 'begin', pauseUs: 600_000_000 }] }],
};
const PAIR: Program = {
  name: 'pair',
  doc: 'two statements',
  transactions: [{ name: 'pair', steps: [{ kind: 'pointRead' }, { kind: 'update' }] }],
};

describe.each(THREAD_HANDLING)('%s', (model) => {
  it.each([
    [1, 2],
    [2, 2],
    [5, 4],
    [40, 2],
    [40, 4],
  ])('%d sessions on %d threads', async (sessions, threads) => {
    const ids = new Map<number, number>();
    const once = (seconds: number): Promise<RunResult> =>
      run({
        model,
        sessions,
        threads,
        seconds,
        args: threads === 4 ? TWO_NODES : TINY,
        programs: [PAIR],
        events: () => ({
          tick: (share) => {
            const mem = new Int32Array(share.buffer);
            for (let s = 0; s < sessions; s++) {
              const id = mem[thdAt(share.plan, s) + THD.at.sessionId];
              if (id !== 0) ids.set(s, id);
            }
          },
        }),
      });
    const r = await longEnough(once, ({ sessions: all }) => all.every((s) => s.total > 0));
    expectSound(r);
    expect(r.sessions.map((s) => s.session)).toEqual(Array.from({ length: sessions }, (_, i) => i));
    for (const s of r.sessions) {
      expect(s.connections, `session ${s.session}`).toBe(1);
      expect(s.total, `session ${s.session}`).toBeGreaterThan(0);
      expect(s.total).toBe(s.statements.pointRead + s.statements.update);
      expect(s.killed).toBeNull();
    }
    // A first connection has the number of its seat.
    for (const [s, id] of ids) expect(id).toBe(s + 1);
    expect(r.terminated).toEqual([]);
  });

  it('ends the session that is killed while it runs, and no other', async () => {
    const r = await runUntil(
      { model, sessions: 4, threads: 2, programs: [pausing(20_000)] },
      async (share, thr) => {
        await kill(share, thr, 1, () => stateOf(share, 1) === SESSION_STATE.running);
        // The others go on, and who waited for the thread has it.
        const before = [0, 2].map((s) => queriesOf(share, s));
        await until(() => [0, 2].every((s, i) => queriesOf(share, s) > before[i] + 1));
        expect(stateOf(share, 1)).toBe(SESSION_STATE.out);
      },
    );
    expectSound(r);
    const killed = { code: 1317, text: 'Query execution was interrupted' };
    expect(r.sessions.map((s) => s.killed)).toEqual([null, killed, null, null]);
    expect(r.sessions[1].errors).toEqual({ 1317: 1 });
    expect(r.sessions[1].connections).toBe(1);
  });

  it('closes a session that is killed between two commands', async () => {
    const r = await runUntil({ model, sessions: 2, threads: 2, change: LAZY }, async (share, thr) => {
      const at = sessionAt(share.plan, 1);
      await kill(share, thr, 1, () => {
        if (thr.mem[at + SESSION.at.nextArrivalUs] === 0) return false;
        const runner = handOverRunner(thr.mem, at);
        return stateOf(share, 1) === SESSION_STATE.idle || (runner > 0 && isIdle(share, runner - 1));
      });
      await until(() => stateOf(share, 1) === SESSION_STATE.out);
      // While the others go on.
      expect(stateOf(share, 0)).toBe(model === POOL ? SESSION_STATE.idle : SESSION_STATE.running);
    });
    expectSound(r);
    expect(r.sessions.map((s) => s.killed?.code)).toEqual([undefined, 1317]);
  });

  it('connects again after a kill, with the next connection id of the seat', async () => {
    const ids: number[] = [];
    const r = await runUntil(
      { model, sessions: 3, threads: 2, programs: [PAIR], change: { reconnect: true } },
      async (share, thr) => {
        for (let n = 0; n < 3; n++) ids.push(await kill(share, thr, 1, (id) => id !== ids.at(-1)));
        await until(() => ![0, ids.at(-1)].includes(thr.mem[thdAt(share.plan, 1) + THD.at.sessionId]));
      },
    );
    expectSound(r);
    expect(ids).toEqual([2, 5, 8]);
    expect(r.sessions[1].connections).toBe(4);
    expect(r.sessions[1].errors).toEqual({ 1317: 3 });
    expect(r.sessions[1].killed).toBeNull();
  });

  it.each([0, 5, 60, 400])('stops %d ms after its start', async (ms) => {
    const r = await run({
      model,
      sessions: 30,
      threads: 2,
      seconds: 60,
      programs: [pausing(3000), PAIR],
      events: (stress) => ({ started: () => void sleep(ms).then(() => stress().stop()) }),
    });
    expectSound(r);
    expect(r.stops).toBe(1);
  });

  it('is given up at the second stop, while connections wait for threads', async () => {
    const r = await run({
      model,
      sessions: 30,
      threads: 2,
      seconds: 60,
      events: (stress) => ({
        started: (share) => {
          // Nobody gets any further.
          const thr = main(share);
          Atomics.store(thr.mem, share.plan.globalConnMem, thr.owned);
          const waits = (thread: number): boolean =>
            thr.mem[share.plan.runtime.threads + threadSlot(thread) * THREAD.words + THREAD.at.waitFor] !== 0;
          void until(() => waits(0) && waits(1)).finally(async () => {
            stress().stop();
            await sleep(200);
            stress().stop();
          });
        },
      }),
      args: [...TINY, '--global-connection-memory-tracking=ON'],
    });
    expect(r.stuck).toContain('the user gave the run up');
    expect(r.failures).toEqual([]);
    expect(r.terminated).toEqual([]);
  });

  it('ends with a report when a worker dies in the middle of a statement', async () => {
    const r = await run({
      model,
      sessions: 6,
      threads: 2,
      seconds: 60,
      // Both threads are in a statement until the run ends, with no page and no latch.
      programs: [STAYING],
      events: () => ({
        started: (share, pools) => {
          const stays = (thread: number): boolean => {
            const at = share.plan.runtime.threads + threadSlot(thread) * THREAD.words;
            const mem = new Int32Array(share.buffer);
            return mem[at + THREAD.at.op] === OP.statement && mem[at + THREAD.at.waitFor] === 0;
          };
          let looks = 0;
          void until(() => (looks = stays(0) && stays(1) ? looks + 1 : 0) > 50).finally(() =>
            pools[0].threads[2].terminate(),
          );
        },
      }),
    });
    expect(r.failures).toHaveLength(1);
    expect(r.failures[0].who).toMatch(/^session \d$/);
    expect(r.failures[0].message).toMatch(
      /^the worker of session \d is gone \(worker exited with code: 1\); it was in \w+, holding /,
    );
    expect(r.terminated).toEqual([]);
    const dead = Number(/\d/.exec(r.failures[0].who)?.[0]);
    const at = sessionAt(r.share.plan, dead);
    expect(handOverRunner(new Int32Array(r.share.buffer), at)).toBeGreaterThan(1);
  });

  it('ends with a report when workers die, some of them between two tasks', async () => {
    const r = await run({
      model,
      sessions: 2,
      threads: 4,
      seconds: 60,
      change: LAZY,
      events: (stress) => ({
        started: (share, pools) => {
          // pool-of-threads: no session has a command; the other model: two of four threads have a connection.
          const state = model === POOL ? SESSION_STATE.idle : SESSION_STATE.running;
          // All threads have joined, and the clients have connected.
          const tasks = model === POOL ? 4 + 2 : 4;
          const isSo = (): boolean =>
            pools[0].completed >= tasks && [0, 1].every((s) => stateOf(share, s) === state);
          void until(isSo)
            .then(() => Promise.all(pools[0].threads.slice(1).map((t) => t.terminate())))
            .finally(() => stress().stop());
        },
      }),
    });
    // The successors of those that died do not know the run, which the first to close a session finds.
    const [names, message] =
      model === POOL
        ? [['WorkerLost'], /^a worker has died between two tasks; the one in its place /]
        : [r.failures.map(() => 'WorkerDied'), /^the worker of session \d is gone /];
    expect(r.failures.map((f) => f.name)).toEqual(names);
    expect(r.failures[0].message).toMatch(message);
  });

  it('counts the time that a transaction waits for the one before it, in an open loop', async () => {
    const stallMs = 300;
    const r = await runUntil(
      // Each takes longer than the next takes to come.
      { model, sessions: 2, threads: 2, programs: [pausing(stallMs * 1000)], change: { rate: 20 } },
      async (share, { mem }) => until(() => mem[sessionAt(share.plan, 0) + SESSION.at.transactions] >= 4),
    );
    expectSound(r);
    const { latency } = r.measured;
    expect(latency.count).toBe(total(r.sessions, 'transactions'));
    // The fourth of a session has waited for most of three.
    expect(latency.max / 1e6).toBeGreaterThan(2 * stallMs);
  });

  it('does not begin before it is due, in an open loop', async () => {
    const rate = 100;
    const r = await runUntil(
      { model, sessions: 10, threads: 2, programs: [PAIR], change: { rate } },
      async (share, { mem }) => {
        const doneBy = (_: unknown, s: number): number =>
          mem[sessionAt(share.plan, s) + SESSION.at.transactions];
        await until(() => sum(Array.from({ length: 10 }, doneBy)) > 20);
      },
    );
    expectSound(r);
    const done = total(r.sessions, 'transactions');
    expect(done).toBeGreaterThan(20);
    // Far from what a closed loop does.
    expect(done).toBeLessThan(50 + 2 * rate * (r.measured.elapsedMs / 1000));
    const mem = new Int32Array(r.share.buffer);
    const now = new RealClock(r.share.epochNs).us();
    for (let s = 0; s < 10; s++) {
      expect(getU53(mem, sessionAt(r.share.plan, s) + SESSION.at.intendedUs)).toBeLessThan(now);
    }
  });

  it('ends sessions that have done their number of transactions, and the run with them', async () => {
    const planned = await plan(...TINY, ...QUIET, '--sessions=7', '--seconds=1');
    planned.cleanUp();
    const sessions = planned.run.sessions.map((s) => ({ ...s, transactions: 5, name: 'pair' }));
    const r = await run({
      model,
      sessions: 7,
      threads: 2,
      programs: [PAIR],
      change: { seconds: 0, sessions },
    });
    expectSound(r);
    expect(r.sessions.map((s) => s.transactions)).toEqual(Array(7).fill(5));
    expect(r.sessions.map((s) => s.total)).toEqual(Array(7).fill(10));
  });
});

describe('a queued session', () => {
  it.each([PER_CONNECTION, POOL])('that is killed ends when a thread comes to it: %s', async (model) => {
    const planned = await plan(...TINY, ...QUIET, '--sessions=8', '--seconds=1');
    planned.cleanUp();
    // Each client without a thread of its own in this model: those before the one that is killed hang up soon.
    const sessions = planned.run.sessions.map((s) => ({ ...s, transactions: 1, name: 'pausing' }));
    sessions[5].transactions = 0;
    const r = await runUntil(
      {
        model,
        sessions: 8,
        threads: 1,
        programs: [pausing(30_000)],
        ...(model === PER_CONNECTION && { change: { sessions } }),
      },
      async (share, thr) => {
        const others = [0, 1, 2, 3, 4, 6, 7];
        await kill(share, thr, 5, () =>
          // pool-of-threads: connected, and its next command waits; the other model has none without a thread.
          model === POOL
            ? stateOf(share, 5) === SESSION_STATE.queued &&
              others.some((s) => stateOf(share, s) === SESSION_STATE.running)
            : stateOf(share, 5) === SESSION_STATE.running,
        );
        await until(() => stateOf(share, 5) === SESSION_STATE.out);
      },
    );
    expectSound(r);
    expect(r.sessions[5].killed?.code).toBe(1317);
    expect(r.sessions.filter((s) => s.killed !== null)).toHaveLength(1);
  });

  it('takes its turn when a client before it hangs up', async () => {
    let most = 0;
    const once = async (seconds: number): Promise<RunResult> => {
      let timer: NodeJS.Timeout | undefined;
      const look = (share: EngineShare): void => {
        const mem = new Int32Array(share.buffer);
        const ids = (): number[] =>
          Array.from({ length: 6 }, (_, s) => mem[thdAt(share.plan, s) + THD.at.sessionId]);
        // Whoever is there before and after was there between the two: all these at the same time.
        const [before, after] = [ids(), ids()];
        most = Math.max(most, before.filter((id, s) => id !== 0 && id === after[s]).length);
      };
      const r = await run({
        model: PER_CONNECTION,
        sessions: 6,
        threads: 2,
        seconds,
        programs: [PAIR],
        events: () => ({ started: (share) => void (timer = setInterval(() => look(share), 2)) }),
      });
      clearInterval(timer);
      return r;
    };
    const r = await longEnough(once, ({ sessions: all }) => all.every((s) => s.connections > 0));
    expectSound(r);
    expect(most).toBe(2);
    expect(r.sessions.map((s) => s.connections)).toEqual(Array(6).fill(1));
  });
});
