import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { attachEngine, createEngine, type EngineShare, MAIN_SLOT, sessionAt } from '../../src/engine.ts';
import { SESSION, THD } from '../../src/layout/session.ts';
import { POOL_STAT } from '../../src/layout/buffer.ts';
import { CONTROL, OP, THREAD, WAIT_STAT } from '../../src/layout/thread.ts';
import { dataFileName } from '../../src/storage/data-dir.ts';
import { LATCH } from '../../src/sync/latch-meta.ts';
import { mutexEnter, mutexExit } from '../../src/sync/mutex.ts';
import { type Thread, THREAD_KIND } from '../../src/sync/thread.ts';
import { Interrupted } from './run-types.ts';
import { StressRun } from './runner.ts';
import { Watchdog } from './watchdog.ts';
import { damage, plan, ran, range, TINY, until } from '../test-kit.ts';

const LONG = [...TINY, '--seconds=60', '--sessions=4', '--watchdog=2', '--fault-ppm=0', '--hog-bytes=0'];
/** Less than the option allows: what is stuck in these tests is stuck for good. */
const HASTY = { watchdogSeconds: 1 };
/** Well before the run would end by itself; how soon it was depends on the machine. */
const SOON_MS = 30_000;
const C = CONTROL.at;

/** The main thread once more: whatever it takes here, nobody gives back. */
const intruder = (share: EngineShare): Thread => attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0).thr;

const controlWord = (share: EngineShare, word: number): [Int32Array, number] => [
  new Int32Array(share.buffer),
  share.plan.runtime.control + word,
];

describe('a run that is stuck', () => {
  it('on a mutex ends within the watchdog time and names the mutex and its owner', async () => {
    const { report, text, ms } = await ran(
      LONG,
      () => ({
        created: (share) => mutexEnter(intruder(share), share.plan.globalConnMem),
      }),
      HASTY,
    );
    expect(report.verdict).toBe('stuck');
    expect(ms).toBeLessThan(SOON_MS);
    expect(report.stuck).toMatch(/^no sign of life for 1 s: session \d \(thread \d, in /);
    expect(report.stuck).toMatch(/waits \d\.\d s for globalConnMem @\d+ \(global_conn_mem.*\), asleep/);
    expect(report.stuck).toContain('held by thread 1 (main 0, node 0)');
    const waiting = report.waitFor?.threads.filter((t) => t.waitsFor !== null) ?? [];
    expect(waiting.map((t) => t.waitsFor?.heldBy)).toContainEqual(['main thread']);
    expect(waiting.map((t) => t.who)).toContainEqual(expect.stringMatching(/^session \d$/));
    // Whoever only ended because of it is counted, not told.
    expect(report.failures).toEqual([]);
    expect(report.aborted).toBeGreaterThanOrEqual(4);
    expect(text).toContain('THE RUN WAS STUCK: no sign of life for 1 s');
    expect(text).toContain(
      `run it again with: npm run stress -- --scenario=default --seed=1 ${LONG.join(' ')}`,
    );
  });

  it('before its first statement, while a session connects', async () => {
    const { report } = await ran(
      LONG,
      () => ({
        created: (share) => mutexEnter(intruder(share), share.plan.thds + 3 * THD.words + THD.at.dataMutex),
      }),
      HASTY,
    );
    expect(report.stuck).toMatch(/^no sign of life for 1 s: session 3 \(thread \d, in statement\)\n/);
    expect(report.stuck).toMatch(
      /thread \d \(session 3, node 0\) in statement\n +waits \d\.\d s for thdData /,
    );
  });

  it('because a worker never comes', async () => {
    const lost = (share: EngineShare): unknown => Atomics.sub(...controlWord(share, C.started), 1);
    const { report } = await ran(LONG, () => ({ created: lost }), { startSeconds: 10 });
    expect(report.stuck).toMatch(/^1 of 5 workers did not start\nSEMAPHORES: /);
    expect(report).toMatchObject({ statements: 0, seconds: 0, series: [], latencyHistogram: [] });
  });

  it('because one session was not counted when it ended', async () => {
    const { report, ms } = await ran(
      [...LONG, '--seconds=1'],
      () => ({
        started: (share) => Atomics.sub(...controlWord(share, C.parked), 1),
      }),
      HASTY,
    );
    expect(report.stuck).toMatch(/^the time was over 1 s ago, and 1 of 4 sessions have not ended\n/);
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('because no session does anything, whatever the sessions say that they do', async () => {
    const share = createEngine((await plan(...LONG)).run.engine);
    const { thr } = attachEngine(share, 1, THREAD_KIND.main, 0);
    const mem = new Int32Array(share.buffer);
    // As a session would, without opening files.
    mem[thr.at + THREAD.at.kind] = THREAD_KIND.session;
    const watchdog = new Watchdog(share, 200);
    const look = async (due: boolean): Promise<string | null> => {
      watchdog.look(due);
      await sleep(300);
      return watchdog.look(due);
    };
    expect(await look(false)).toBeNull();
    expect(await look(true)).toBe('no session did anything for 0.3 s');
    // A page got is a sign of life of a statement that takes long.
    watchdog.look(true);
    await sleep(300);
    mem[thr.poolStats]++;
    expect(watchdog.look(true)).toBeNull();
    mem[thr.op] = OP.bufReadPage;
    expect(await look(false)).toBe('no sign of life for 0.2 s: session 0 (thread 2, in bufReadPage)');
  });

  it('when the user stops it: given up at the second time, with who waits for what', async () => {
    const { report, ms } = await ran(LONG, (run) => ({
      created: (share) => mutexEnter(intruder(share), share.plan.globalConnMem),
      started: () => {
        setTimeout(() => run().stop(), 300);
        setTimeout(() => run().stop(), 700);
      },
    }));
    expect(report.verdict).toBe('given up');
    expect(report.stuck).toContain('the user gave the run up\nSEMAPHORES: ');
    expect(report.stuck).toContain('held by thread 1 (main 0, node 0)');
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('is not stuck when the mutex comes free in time', async () => {
    const { report } = await ran([...LONG, '--seconds=1'], () => ({
      created: (share) => {
        const thr = intruder(share);
        mutexEnter(thr, share.plan.globalConnMem);
        setTimeout(() => mutexExit(thr, share.plan.globalConnMem), 1200);
      },
    }));
    expect(report.verdict).toBe('ok');
  });
});

describe('a worker that goes away', () => {
  it.each([
    ['a session', LONG, 1, 'session \\d'],
    // One session alone with its pages in memory: it never waits, so it never looks whether the run was given up.
    [
      'the page cleaner',
      [...LONG, '--sessions=1', '--scanners=0', '--data-size=2M'],
      0,
      'page cleaner of node 0',
    ],
  ])('ends the run soon: %s', async (_, args, index, who) => {
    const { report, text, ms } = await ran(args, () => ({
      started: (share, pools) => {
        const mem = new Int32Array(share.buffer);
        const works = (s: number): boolean => mem[sessionAt(share.plan, s) + SESSION.at.queries] > 0;
        void until(() => range(0, share.config.sessions).every(works)).finally(() =>
          pools[0].threads[index].terminate(),
        );
      },
    }));
    expect(report.verdict).toBe('failed');
    expect(report.failures).toHaveLength(1);
    expect(report.failures[0].message).toMatch(
      new RegExp(
        `^the worker of ${who} is gone \\(worker exited with code: 1\\); it was in \\w+.*, holding `,
      ),
    );
    // The others have ended by themselves.
    expect(report.aborted).toBe(Number(report.settings['sessions']));
    expect(report.terminated).toEqual([]);
    expect(ms).toBeLessThan(SOON_MS);
    expect(text).toMatch(new RegExp(`THE RUN FAILED: ${who}: WorkerDied: the worker of`));
  });
});

describe('a failure', () => {
  it('of a page that went bad on disk names file and page, and ends the others soon', async () => {
    let dir = '';
    const { report, text, ms } = await ran(LONG, () => ({
      // Nothing is in the pool yet.
      started: (share) => {
        dir = share.config.dataDir;
        for (const space of [1, 2]) damage(join(dir, dataFileName(space)), range(0, 512));
      },
    }));
    expect(report.verdict).toBe('failed');
    expect(report.failures[0].who).toMatch(/^session \d$/);
    expect(report.failures[0].message).toMatch(/lab_000[12]\.ibd: page \d+: .*checksum/);
    expect(report.failures.map((f) => f.name)).not.toContain('RunAborted');
    expect(text).toMatch(/Failures, the earliest first\n {2}session \d: StorageError: \/.*lab_000/);
    expect(ms).toBeLessThan(SOON_MS);
    expect(existsSync(dir)).toBe(false);
  });

  it('of an invariant is found by a session while it runs, and is told with its seed', async () => {
    const { report, text } = await ran([...LONG, '--seed=7'], () => ({
      created: (share) => {
        const mem = new Int32Array(share.buffer);
        for (const page of range(0, 1024)) mem[share.plan.ledger + page]++;
      },
    }));
    expect(report.verdict).toBe('failed');
    expect(report.failures[0].name).toBe('InvariantViolation');
    expect(report.failures[0].message).toMatch(/^lost update: space [12], page \d+ shows \d+, its updaters/);
    expect(text).toContain('--seed=7');
    const times = report.failures.map((f) => f.atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
  });
});

describe('stop', () => {
  it('before the run has begun leaves nothing behind', async () => {
    const planned = await plan(...LONG);
    const run = new StressRun(planned.run);
    const done = run.run();
    run.stop();
    await expect(done).rejects.toThrow(Interrupted);
    expect(existsSync(planned.run.engine.dataDir)).toBe(false);
  });

  it('twice while the files are verified breaks that off, and is no success', async () => {
    const { report } = await ran([...LONG, '--seconds=1', '--data-size=64M'], (run) => ({
      phase: (text) => {
        if (text !== 'verifying the data files') return;
        run().stop();
        run().stop();
      },
    }));
    expect(report.verdict).toBe('given up');
    expect(report.verdicts.map((v) => v.invariant)).not.toContain(
      'every page on disk: checksum, number, counter as raised',
    );
  });

  it('once ends early with all verdicts', async () => {
    const { report, text, ms } = await ran(LONG, (run) => ({
      started: () => void sleep(300).then(() => run().stop()),
    }));
    expect(report.verdict, text).toBe('ok');
    expect(report.interrupted).toBe(true);
    expect(report.verdicts).toHaveLength(10);
    expect(ms).toBeLessThan(SOON_MS);
  });
});

describe('what is measured', () => {
  const QUIET = [...LONG, '--seconds=1', '--watchdog=30'];
  const sum = (numbers: Iterable<number>): number => [...numbers].reduce((a, b) => a + b, 0);

  it('agrees with itself: totals, series, histogram, nodes, sessions, pictures', async () => {
    const { report } = await ran(QUIET, () => ({}), { sampleMs: 50 });
    expect(report.verdict).toBe('ok');
    const { series, statements } = report;
    const gets = report.status['Innodb_buffer_pool_read_requests'];
    const last = series[series.length - 1];
    expect(statements).toBeGreaterThan(0);
    expect(series.length).toBeGreaterThan(3);
    expect(series[0]).toMatchObject({ atMs: 0, statements: 0, pageGets: 0 });
    expect([last.statements, last.pageGets]).toEqual([statements, gets]);
    for (const [i, s] of series.entries()) {
      expect(s.lru + s.free, `sample ${i}`).toBeLessThanOrEqual(s.pages);
      if (i > 0) expect(s.pageGets).toBeGreaterThanOrEqual(series[i - 1].pageGets);
    }
    expect(sum(report.latencyHistogram.map((b) => b.count))).toBe(
      sum(report.sessions.map((s) => s.transactions)),
    );
    expect(sum(report.sessions.map((s) => s.total))).toBe(statements);
    expect(sum(report.nodeMatrix.flat())).toBe(gets);
    expect(sum(report.instances.map((i) => i.counters.pageGets))).toBe(gets);
    const [lru] = report.lru;
    expect(lru.length).toBeGreaterThan(0);
    expect([sum(lru.bins.map((b) => b.pages)), sum(lru.bins.map((b) => b.old))]).toEqual([
      lru.length,
      lru.old,
    ]);
    expect(lru.midpoint).toBe(lru.length - lru.old);
    // Nobody holds a page any more.
    expect(sum(lru.bins.map((b) => b.fixed))).toBe(0);
  });

  it('is nothing of what came before the end of the warm-up', async () => {
    const planted = 2 ** 30;
    const { report, text } = await ran([...QUIET, '--warmup=2'], () => ({
      tick: (share, measuredMs) => {
        if (measuredMs > -500) return;
        const mem = new Int32Array(share.buffer);
        const { runtime, pool } = share.plan;
        // In the row of the main thread, which does no work.
        mem[pool.stats + POOL_STAT.at.pageGets] = planted;
        const row = runtime.threads + THREAD.at.waits + LATCH.frame * WAIT_STAT.words;
        for (const field of ['acquired', 'contended', 'parks', 'maxWaitUs'] as const)
          mem[row + WAIT_STAT.at[field]] = planted;
      },
    }));
    expect(report.verdict).toBe('ok');
    const gets = report.status['Innodb_buffer_pool_read_requests'];
    expect(gets).toBeGreaterThan(0);
    expect(gets).toBeLessThan(planted);
    expect(sum(report.nodeMatrix.flat())).toBe(gets);
    const frame = report.latches.find((l) => l.name === 'frame');
    expect(frame?.acquired).toBeGreaterThan(0);
    const { acquired, contended, parks, maxWaitUs } = frame ?? {};
    for (const n of [acquired, contended, parks, maxWaitUs]) expect(n).toBeLessThan(planted);
    expect(report.series[0]).toMatchObject({ atMs: 0, pageGets: 0, statements: 0 });
    // The sessions' own rows are of the whole run.
    const whole = sum(report.sessions.map((s) => s.total));
    const recorded = sum(report.latencyHistogram.map((b) => b.count));
    expect(report.statements).toBeGreaterThan(0);
    expect(report.statements).toBeLessThan(whole);
    expect(recorded).toBeGreaterThan(0);
    expect(recorded).toBeLessThan(whole);
    expect(text).toContain('\nSessions (the warm-up included)\n');
  });

  it('is nothing at all when the run ends in its warm-up', async () => {
    const { report, text } = await ran([...QUIET, '--warmup=60'], (run) => ({
      started: () => void sleep(300).then(() => run().stop()),
    }));
    expect(report).toMatchObject({ verdict: 'ok', seconds: 0, statements: 0, series: [] });
    expect(report.sessions).toHaveLength(4);
    expect(text).toContain('the run was interrupted; nothing was measured, as it ended in its warm-up');
    expect(text).not.toContain('NaN');
  });
});
