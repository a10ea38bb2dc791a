import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { Host } from '../transform/host.ts';
import type { Build } from '../transform/build.ts';
import { parseSchedule } from '../report/schedule-string.ts';
import type { Step } from '../types.ts';
import { runControlled, type ControlledResult } from './run-controlled.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FILE = fileURLToPath(new URL('./test-scenarios.ts', import.meta.url));

const stepText = (s: Step): string =>
  `${s.thread}.${s.op} ${s.kind} ${s.word} ${s.read ?? ''}:${s.wrote ?? ''}`;
const stepsOf = (r: ControlledResult): string[] => r.steps.map(stepText);

let build: Build;

function run(scenario: string, schedule = '', limitMs = 10_000): Promise<ControlledResult> {
  const { switches } = parseSchedule(`s1:${schedule}`);
  return runControlled({ build, file: FILE, scenario, switches, limitMs });
}

beforeAll(() => {
  const options = { entry: [FILE], dialect: 'controlled', plain: 'race', state: false } as const;
  build = new Host(ROOT).build(options);
});

describe('controlled mode', () => {
  it('runs threads one after the other by default', async () => {
    const r = await run('mutex');
    expect(r).toMatchObject({ outcome: 'completed', results: [0, 1, 2], divergence: null, where: [] });
    expect(stepsOf(r).slice(0, 3)).toEqual(['0.0 cas 0 0:1', '0.1 rmw 0 1:0', '1.0 cas 0 0:1']);
  });

  it('switches where the schedule says so, and sleeps for real', async () => {
    const r = await run('mutex', '0.1>1 1.2>2 2.3>0');
    expect(r).toMatchObject({ outcome: 'completed', results: [0, 1, 2], divergence: null });
    expect(r.steps.filter((s) => ['wait', 'wake', 'notify'].includes(s.kind)).map(stepText)).toEqual([
      '2.2 wait 0 asleep:',
      '0.2 notify 0 1:',
      '1.2 wait 0 not-equal:',
      '1.5 notify 0 0:',
      '2.3 wake 0 ok:',
      '2.6 notify 0 0:',
    ]);
  });

  it('confirms a lost update', async () => {
    expect(await run('no-mutex')).toMatchObject({ outcome: 'completed', text: '0, 1' });
    const r = await run('no-mutex', '0.1>1');
    expect(r).toMatchObject({ outcome: 'check', error: '1 of 2 additions are there', divergence: null });
  });

  it('confirms a deadlock of two locks, and says who sleeps where', async () => {
    const r = await run('two-locks', '0.1>1');
    expect(r.outcome).toBe('deadlock');
    expect(r.where).toHaveLength(2);
    expect(r.where[0]).toMatch(/^thread 0 is asleep at point 3: .*test-scenarios\.ts:\d+ Atomics\.wait/);
  });

  it('confirms a lost wake-up', async () => {
    expect(await run('lost-wakeup', '0.2>1 1.2>0')).toMatchObject({ outcome: 'completed' });
    expect(await run('lost-wakeup', '0.2>1')).toMatchObject({ outcome: 'deadlock', divergence: null });
  });

  it('wakes sleepers in the order in which they fell asleep', async () => {
    expect((await run('fifo')).results).toEqual(['1,1,1,0', 0, 1, 2]);
    // At its pause thread 0 is told to let 3 sleep first, then 2, then 1.
    expect((await run('fifo', '0.0>3 3.1>2 2.1>1')).results).toEqual(['1,1,1,0', 2, 1, 0]);
  });

  it('lets one sleeper time out without disturbing the order of the others', async () => {
    const r = await run('timers', '3.1>t2 2.3>t0');
    expect(r.divergence).toBe(null);
    expect(r.results).toEqual([
      'timed-out as number 1',
      'ok as number 2',
      'timed-out as number 0',
      'ok as number 3',
      '1,1,0,0',
    ]);
  });

  it('lets threads die, awake and asleep', async () => {
    const awake = await run('death', '0.1>k0');
    expect(awake).toMatchObject({
      outcome: 'check',
      error: 'thread 0 left the mutex locked; the other returned undefined',
    });
    expect(awake.steps.filter((s) => s.kind === 'die')).toHaveLength(1);
    // The first in the queue dies in its sleep: the next one is woken in its place.
    const asleep = await run('death-asleep', '0.1>k1');
    expect(asleep).toMatchObject({ outcome: 'completed', text: 'thread 1 died', divergence: null });
    expect(asleep.results).toEqual(['1,1,0,0', undefined, 0, 1]);
  });

  it('gives each thread the same memory where set-up makes it, and knows 64-bit sleepers', async () => {
    expect(await run('own-memory')).toMatchObject({ outcome: 'completed', results: ['ok 7', 1] });
  });

  it('reports what a thread, a rule about the state and a rule about writes throw', async () => {
    expect(await run('throws')).toMatchObject({
      outcome: 'exception',
      thread: 1,
      error: 'RangeError: one is too many',
    });
    expect(await run('invariant')).toMatchObject({
      outcome: 'invariant',
      thread: 1,
      error: 'Error: word 1 is 2',
    });
    expect(await run('on-write')).toMatchObject({
      outcome: 'invariant',
      error: 'Error: thread 1 wrote 2 to word 1',
    });
  });

  it('gives way at pauses, and ends who spins for ever', async () => {
    expect(await run('spin')).toMatchObject({ outcome: 'completed', results: [undefined, 1] });
    const r = await run('livelock');
    expect(r.outcome).toBe('step-limit');
    expect(r.steps.length).toBeGreaterThan(490);
    expect(r.steps.length).toBeLessThan(510);
  });

  it('ends who never comes to a point', async () => {
    const r = await run('endless', '', 600);
    expect(r.outcome).toBe('hung');
    expect(r.where).toEqual([expect.stringMatching(/^thread 0 is ready at point 1/)]);
  });

  it('finds that results fit no order of operations', async () => {
    expect(await run('counter')).toMatchObject({ outcome: 'completed' });
    const r = await run('counter', '0.1>1');
    expect(r.outcome).toBe('linearizability');
    expect(r.history).toHaveLength(2);
  });

  it('shares clock and random numbers', async () => {
    const r = await run('world');
    expect(r.results[0]).not.toBe(r.results[1]);
    expect((await run('world')).results).toEqual(r.results);
  });

  it('says which choice could not be made', async () => {
    expect((await run('no-mutex', '1.1>0')).divergence).toBe('1.1>0 was not possible: thread 0 was done');
    expect((await run('no-mutex', '0.1>7')).divergence).toBe('0.1>7 was not possible: no such thread');
    expect((await run('no-mutex', '0.9>1')).divergence).toBe(
      '0.9>1 never came: the schedule was over before',
    );
    expect((await run('no-mutex', '1.9>0 0.1>1')).divergence).toMatch(/^1\.9>0 never came/);
  });

  it('says what a worker broke down with, and goes on with another', async () => {
    await expect(run('unsteady')).rejects.toThrow(/set-up did not allocate the same shared memory/);
    expect(await run('no-mutex')).toMatchObject({ outcome: 'completed' });
  });

  it('knows the scenarios of a module', async () => {
    await expect(run('nothing')).rejects.toThrow(
      /there is no scenario nothing; there are: mutex, callback, no-mutex/,
    );
  });
});
