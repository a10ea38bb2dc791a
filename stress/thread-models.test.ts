/** Both thread models: more sessions than threads, kills, early ends, clients that come back, arrivals in time. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { attachEngine, type EngineShare, MAIN_SLOT, sessionAt, thdAt } from '../src/engine.ts';
import { SESSION, SESSION_STATE, THD } from '../src/layout/session.ts';
import { CONTROL, OP, THREAD } from '../src/layout/thread.ts';
import { handOverRunner, handOverState } from '../src/session/hand-over.ts';
import { KILLED, thdTryKill } from '../src/session/kill.ts';
import type { Program, ProgramSet, SessionResult } from '../src/session/program.ts';
import { type Thread, THREAD_KIND } from '../src/sync/thread.ts';
import type { RunEvents, RunOptions, RunResult } from './run-types.ts';
import { StressRun } from './runner.ts';
import { plan, TINY } from './test-kit.ts';
import { THREAD_HANDLING, type ThreadHandling } from './thread-handling.ts';

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

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 5000 && !what(); i++) await sleep(1);
  expect(what()).toBe(true);
}

/** KILL CONNECTION of the present connection of a session. */
async function kill(share: EngineShare, thr: Thread, s: number): Promise<void> {
  const thd = thdAt(share.plan, s);
  for (;;) {
    const id = thr.mem[thd + THD.at.sessionId];
    if (id !== 0 && thdTryKill(thr, thd, id, KILLED.connection) === 'done') return;
    await sleep(1);
  }
}

/** Rare and slow, so that a session is mostly between two commands, or mostly in one. */
const LAZY: Partial<RunOptions> = { rate: 0.001 };
const pausing = (pauseUs: number): Program => ({
  name: 'pausing',
  doc: 'reads a page and waits',
  transactions: [{ name: 'pausing', steps: [{ kind: 'pointRead', pauseUs }] }],
});
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
    const r = await run({
      model,
      sessions,
      threads,
      seconds: sessions > 10 ? 2 : 1,
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
    expectSound(r);
    expect(r.sessions.map((s) => s.session)).toEqual(Array.from({ length: sessions }, (_, i) => i));
    for (const s of r.sessions) {
      // On a busy machine the last in the queue for a thread of their own may find the run over.
      if (model === PER_CONNECTION && sessions > 10 && s.connections === 0) continue;
      expect(s.connections, `session ${s.session}`).toBe(1);
      expect(s.total, `session ${s.session}`).toBeGreaterThan(0);
      expect(s.total).toBe(s.statements.pointRead + s.statements.update);
      expect(s.killed).toBeNull();
    }
    // A first connection has the number of its seat.
    for (const [s, id] of ids) expect(id).toBe(s + 1);
    expect(total(r.sessions, 'connections')).toBeGreaterThan(Math.min(sessions - 1, threads));
    expect(r.terminated).toEqual([]);
  });

  it('ends the session that is killed while it runs, and no other', async () => {
    const r = await run({
      model,
      sessions: 4,
      threads: 2,
      programs: [pausing(20_000)],
      change: { seconds: 1.2 },
      events: () => ({
        started: (share) => {
          const thr = main(share);
          void until(() => stateOf(share, 1) === SESSION_STATE.running).then(() => kill(share, thr, 1));
        },
      }),
    });
    expectSound(r);
    const killed = { code: 1317, text: 'Query execution was interrupted' };
    expect(r.sessions.map((s) => s.killed)).toEqual([null, killed, null, null]);
    expect(r.sessions[1].errors).toEqual({ 1317: 1 });
    expect(r.sessions[1].connections).toBe(1);
  });

  it('closes a session that is killed between two commands', async () => {
    let closed = false;
    const r = await run({
      model,
      sessions: 2,
      threads: 2,
      seconds: 2,
      change: LAZY,
      events: () => ({
        started: (share) => {
          const thr = main(share);
          const due = sessionAt(share.plan, 1) + SESSION.at.nextArrivalUs;
          void until(() => thr.mem[due] !== 0)
            .then(() => sleep(100))
            .then(() => kill(share, thr, 1))
            .then(() => until(() => stateOf(share, 1) === SESSION_STATE.out))
            .then(() => {
              // While the others go on.
              closed = Atomics.load(thr.mem, share.plan.runtime.control + CONTROL.at.stop) === 0;
            });
        },
      }),
    });
    expectSound(r);
    expect(closed).toBe(true);
    expect(r.sessions.map((s) => s.killed?.code)).toEqual([undefined, 1317]);
  });

  it('connects again after a kill, with the next connection id of the seat', async () => {
    const ids: number[] = [];
    const r = await run({
      model,
      sessions: 3,
      threads: 2,
      programs: [PAIR],
      change: { reconnect: true, seconds: 1.2 },
      events: () => ({
        started: (share) => {
          const thr = main(share);
          const id = (): number => thr.mem[thdAt(share.plan, 1) + THD.at.sessionId];
          void (async () => {
            for (let n = 0; n < 3; n++) {
              await until(() => id() !== 0 && id() !== ids.at(-1));
              ids.push(id());
              await kill(share, thr, 1);
            }
          })();
        },
      }),
    });
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
          setTimeout(() => stress().stop(), 200);
          setTimeout(() => stress().stop(), 400);
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
      programs: [pausing(400_000)],
      events: () => ({
        started: (share, pools) => {
          const mem = new Int32Array(share.buffer);
          const op = share.plan.runtime.threads + 2 * THREAD.words + THREAD.at.op;
          void until(() => mem[op] !== OP.idle)
            .then(() => sleep(100))
            .then(() => pools[0].threads[2].terminate());
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

  it('ends with a report when a worker dies between two tasks', async () => {
    const r = await run({
      model,
      sessions: 2,
      threads: 4,
      seconds: 60,
      change: { watchdogSeconds: 3 },
      events: (stress) => ({
        started: (share, pools) => {
          const mem = new Int32Array(share.buffer);
          // One that has no session.
          void until(() => Atomics.load(mem, share.plan.runtime.control + CONTROL.at.parked) >= 0)
            .then(() => sleep(300))
            .then(() => Promise.all(pools[0].threads.slice(1).map((t) => t.terminate())))
            .then(() => sleep(500))
            .then(() => stress().stop());
        },
      }),
    });
    expect(r.failures.length).toBeGreaterThan(0);
    expect(r.failures[0].name).toMatch(/^Worker/);
  });

  it('counts the time that a transaction waits for the one before it, in an open loop', async () => {
    const stallMs = 300;
    const r = await run({
      model,
      sessions: 2,
      threads: 2,
      programs: [pausing(stallMs * 1000)],
      // Each takes longer than the next takes to come.
      change: { rate: 20, seconds: 2 },
    });
    expectSound(r);
    const { latency } = r.measured;
    expect(latency.count).toBe(total(r.sessions, 'transactions'));
    expect(latency.count).toBeGreaterThan(2);
    // The second of a session has waited for most of the first.
    expect(latency.max / 1e6).toBeGreaterThan(1.3 * stallMs);
  });

  it('does not begin before it is due, in an open loop', async () => {
    const r = await run({
      model,
      sessions: 10,
      threads: 2,
      programs: [PAIR],
      change: { rate: 100, seconds: 2 },
    });
    expectSound(r);
    const done = total(r.sessions, 'transactions');
    // 200 are due; far from what a closed loop does.
    expect(done).toBeGreaterThan(20);
    expect(done).toBeLessThan(400);
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
    const r = await run({
      model,
      sessions: 8,
      threads: 1,
      programs: [pausing(30_000)],
      change: { seconds: 1.2 },
      events: () => ({
        started: (share) => {
          const thr = main(share);
          // pool-of-threads: connected, and its next command waits; the other model has none without a thread.
          const wanted = model === POOL ? SESSION_STATE.queued : SESSION_STATE.running;
          void until(() => stateOf(share, 5) === wanted).then(() => kill(share, thr, 5));
        },
      }),
    });
    expectSound(r);
    expect(r.sessions[5].killed?.code).toBe(1317);
    expect(r.sessions.filter((s) => s.killed !== null)).toHaveLength(1);
  });

  it('takes its turn when a client before it hangs up', async () => {
    const seen = new Set<number>();
    let most = 0;
    let timer: NodeJS.Timeout | undefined;
    const r = await run({
      model: PER_CONNECTION,
      sessions: 6,
      threads: 2,
      seconds: 2,
      programs: [PAIR],
      events: () => ({
        started: (share) => {
          timer = setInterval(() => {
            const mem = new Int32Array(share.buffer);
            const open = Array.from({ length: 6 }, (_, s) => s).filter(
              (s) => mem[thdAt(share.plan, s) + THD.at.sessionId] !== 0,
            );
            most = Math.max(most, open.length);
            for (const s of open) seen.add(s);
          }, 2);
        },
      }),
    });
    clearInterval(timer);
    expectSound(r);
    expect(most).toBe(2);
    expect(seen.size).toBeGreaterThan(3);
  });
});
