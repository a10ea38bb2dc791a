import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { RealClock, VirtualClock } from './clock.ts';

describe('RealClock', () => {
  it('starts at the epoch and moves on', () => {
    const clock = new RealClock(process.hrtime.bigint());
    const first = clock.us();
    expect(first).toBeGreaterThan(-1);
    expect(first).toBeLessThan(1_000_000);
    clock.sleepUs(20_000);
    const slept = clock.us() - first;
    expect(slept).toBeGreaterThanOrEqual(19_000);
    expect(slept).toBeLessThan(1_000_000);
  });

  it('ticks in 100 us, from 1', () => {
    const epoch = process.hrtime.bigint();
    expect(new RealClock(epoch + 10_000_000_000n).ticks()).toBe(1);
    const clock = new RealClock(epoch - 7_000_000_000n);
    expect(clock.ticksPerMs).toBe(10);
    const [before, ticks, after] = [clock.us(), clock.ticks(), clock.us()];
    expect(ticks).toBeGreaterThanOrEqual(Math.trunc(before / 100));
    expect(ticks).toBeLessThanOrEqual(Math.trunc(after / 100));
    expect(ticks).toBeGreaterThanOrEqual(70_000);
  });

  it('agrees across worker threads within a millisecond or so, and never in the wrong order by more', async () => {
    const epoch = process.hrtime.bigint();
    const compiled = new URL('../../dist/src/layout/clock.js', import.meta.url);
    expect(existsSync(compiled)).toBe(true);
    const words = new Float64Array(new SharedArrayBuffer(8));
    const turn = new Int32Array(new SharedArrayBuffer(4));
    const source = `
      const { parentPort, workerData: { url, epoch, words, turn } } = require('node:worker_threads');
      import(url).then(({ RealClock }) => {
        const clock = new RealClock(epoch);
        for (let i = 1; i <= 50; i++) {
          Atomics.wait(turn, 0, 2 * i - 2);
          words[0] = clock.us();
          Atomics.store(turn, 0, 2 * i);
          Atomics.notify(turn, 0);
        }
        parentPort.postMessage('done');
      });`;
    // Not started at the same moment: performance.now() of the worker has an origin of its own.
    await new Promise((resolve) => setTimeout(resolve, 30));
    const worker = new Worker(source, { eval: true, workerData: { url: compiled.href, epoch, words, turn } });
    const done = once(worker, 'message');
    const clock = new RealClock(epoch);
    const off: number[] = [];
    for (let i = 1; i <= 50; i++) {
      const before = clock.us();
      Atomics.store(turn, 0, 2 * i - 1);
      Atomics.notify(turn, 0);
      const deadline = performance.now() + 5_000;
      while (Atomics.load(turn, 0) !== 2 * i) {
        if (performance.now() > deadline) throw new Error('the worker does not answer');
        Atomics.wait(turn, 0, 2 * i - 1, 100);
      }
      const after = clock.us();
      // How far the worker's reading lies outside the interval in which it was made.
      off.push(Math.max(before - words[0], words[0] - after, 0));
    }
    await done;
    await worker.terminate();
    expect(Math.max(...off)).toBeLessThan(1500);
  });
});

describe('VirtualClock', () => {
  it('moves only when told to, or when somebody sleeps', () => {
    const clock = new VirtualClock(100);
    expect([clock.us(), clock.ticks(), clock.ticksPerMs]).toEqual([100, 100, 1000]);
    clock.advance(50);
    expect(clock.us()).toBe(150);
    const t = performance.now();
    for (let i = 0; i < 60; i++) clock.sleepUs(1_000_000);
    expect(performance.now() - t).toBeLessThan(1000);
    expect([clock.us(), clock.sleeps, clock.sleptUs]).toEqual([60_000_150, 60, 60_000_000]);
  });

  it('never shows tick 0, which means never', () => {
    expect(new VirtualClock().ticks()).toBe(1);
  });
});
