/** Real profiles of short runs, taken in the workers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { attachEngine, type EngineShare, MAIN_SLOT } from '../../src/engine.ts';
import { THD } from '../../src/layout/session.ts';
import { mutexEnter } from '../../src/sync/mutex.ts';
import { THREAD_KIND } from '../../src/sync/thread.ts';
import { longEnough, ran, TINY } from '../test-kit.ts';
import { profileClockUs, profiledThreads, readProfile } from './cpu-profile.ts';
import { type ThreadStacks, threadStacks } from './stacks.ts';
import { spent } from './summary.ts';

// A machine that is busy with other things needs several times as long.
vi.setConfig({ testTimeout: 240_000 });

const temp = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
afterAll(() => rmSync(temp, { recursive: true, force: true }));

const read = (dir: string): Record<string, ThreadStacks> =>
  Object.fromEntries(profiledThreads(dir).map((t) => [t, threadStacks(t, readProfile(dir, t))]));

const functionsOf = ({ stacks }: ThreadStacks): string[] =>
  stacks.flatMap((s) => s.frames.map((f) => f.name));

describe('profiles of a run', () => {
  it('name latches and page gets, and cover the measured time of each thread', async () => {
    const args = [...TINY, '--warmup=1', '--sessions=6', '--fault-ppm=0', '--hog-bytes=0'];
    const sessions = Array.from({ length: 6 }, (_, i) => `node0-thread${i}`);
    const waitsOf = ({ stacks }: ThreadStacks): ThreadStacks['stacks'] =>
      stacks.filter((s) => s.doing === 'wait');
    const { profileDir, before, report, threads } = await longEnough(
      async (seconds) => {
        const dir = join(temp, `contended-${seconds}`);
        const began = profileClockUs();
        const r = await ran([...args, `--seconds=${seconds}`], undefined, { profileDir: dir });
        return { profileDir: dir, before: began, report: r.report, threads: read(dir) };
      },
      // Each was caught at a wait.
      (r) => sessions.every((s) => waitsOf(r.threads[s]).length > 0),
    );
    expect(report.verdict).toBe('ok');
    expect(Object.keys(threads)).toEqual(['main', 'node0-page-cleaner', ...sessions]);
    for (const [name, thread] of Object.entries(threads)) {
      const { startTime, endTime, samples } = readProfile(profileDir, name);
      expect(startTime).toBeGreaterThan(before);
      expect(endTime).toBeLessThan(profileClockUs());
      expect(samples.length).toBeGreaterThan(10);
      // Without warm-up, without writing out at the end.
      expect(thread.spanUs / 1e6).toBeCloseTo(report.seconds, 0);
    }
    const latches = new Set<string>();
    for (const session of sessions) {
      expect(functionsOf(threads[session])).toContain('bufPageGet');
      const waits = waitsOf(threads[session]);
      expect(new Set(waits.map((s) => s.frames[0].name))).toEqual(new Set(['runSession']));
      for (const [latch] of spent(threads[session]).waitUs) latches.add(latch);
    }
    expect(latches).toContain('buf_pool_LRU_list_mutex');
    expect(functionsOf(threads['node0-page-cleaner'])).toContain('idle_event_wait');
  });

  it('are written of a session that was killed, and show it idle from then on', async () => {
    const args = [...TINY, '--sessions=2', '--scanners=0', '--fault-ppm=0'];
    const limit = ['--connection-memory-limit=2M', '--global-connection-memory-tracking=ON'];
    const { killed, idle } = await longEnough(
      async (seconds) => {
        const profileDir = join(temp, `killed-${seconds}`);
        const { report } = await ran([...args, ...limit, `--seconds=${seconds}`], undefined, { profileDir });
        const threads = read(profileDir);
        return {
          killed: report.sessions.map((s) => s.killed?.code ?? 0),
          // Which thread had which session is a matter of chance.
          idle: ['node0-thread0', 'node0-thread1'].map((t) => spent(threads[t]).idleUs),
        };
      },
      (r) => r.killed[1] !== 0,
    );
    expect(killed).toEqual([0, 4082]);
    expect(Math.max(...idle)).toBeGreaterThan(10 * Math.min(...idle));
  });

  it('are written of threads that fail', async () => {
    const profileDir = join(temp, 'stuck');
    const take = (share: EngineShare): void => {
      const { thr } = attachEngine(share, MAIN_SLOT, THREAD_KIND.main, 0);
      mutexEnter(thr, share.plan.thds + THD.words + THD.at.dataMutex);
    };
    const args = [...TINY, '--seconds=60', '--sessions=2', '--watchdog=2', '--fault-ppm=0', '--hog-bytes=0'];
    const { report } = await ran(args, () => ({ created: take }), { profileDir, watchdogSeconds: 1 });
    expect(report.failures).toEqual([]);
    expect(report.verdict).toBe('stuck');
    const threads = read(profileDir);
    expect(Object.keys(threads)).toHaveLength(4);
    const waits = ['node0-thread0', 'node0-thread1'].map((t) => {
      const { spanUs, waitUs } = spent(threads[t]);
      return (waitUs.get('LOCK_thd_data') ?? 0) / spanUs;
    });
    expect(Math.max(...waits)).toBeGreaterThan(0.5);
  });
});
