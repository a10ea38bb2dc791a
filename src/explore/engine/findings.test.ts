/** What is told of blocked threads, from a trace. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../types.ts';
import { blockedState, type EndState } from './findings.ts';
import { STATUS, VThread } from './vthread.ts';

function asleep(id: number, word: number): VThread {
  const t = new VThread(id);
  t.status = STATUS.asleep;
  t.sleepWord = word;
  t.sleepValue = 1;
  return t;
}
const step = (thread: number, kind: Step['kind'], word: number, values: Partial<Step> = {}): Step => ({
  thread,
  op: 0,
  kind,
  site: 10 * thread + word,
  word,
  ...values,
});
const stateOf = (trace: readonly Step[], threads: readonly VThread[], telemetry = -1) => {
  const engine: EndState = {
    threads,
    memory: { get: (word) => 100 + word },
    wordInfo: (word) => ({ name: `w${word}`, telemetry: word === telemetry }),
    siteOf: (site) => `site ${site}`,
  };
  return blockedState(engine, trace, ['thread 1 holds it']);
};

describe('a sleeper', () => {
  it('is told with its last sleep and what it looked at since it woke the time before', () => {
    const trace = [
      step(0, 'load', 7, { read: 1 }),
      step(0, 'wait', 3, { read: 'asleep' }),
      step(1, 'notify', 3, { read: 1 }),
      step(0, 'wake', 3, { read: 'ok' }),
      step(0, 'load', 5, { read: 4 }),
      step(1, 'load', 6, { read: 4 }),
      step(0, 'cas', 4, { read: 8, wrote: 9 }),
      step(0, 'store', 6, { wrote: 1 }),
      step(0, 'load', 5, { read: 2 }),
      step(0, 'wait', 3, { read: 'asleep' }),
    ];
    const { sleepers, holders, dead } = stateOf(trace, [asleep(0, 3), new VThread(1)]);
    expect(sleepers).toMatchObject([{ thread: 0, word: 3, expected: 1, present: 103, step: 9 }]);
    // Each word once, the latest look; what was written by the thread itself as it wrote it; nothing from before.
    expect(sleepers[0].looks).toEqual([
      { word: 5, step: 8, value: 2 },
      { word: 4, step: 6, value: 9 },
    ]);
    expect(holders).toEqual(['thread 1 holds it']);
    expect(dead).toEqual([]);
  });

  it('has not looked at what does not count', () => {
    const trace = [
      step(0, 'load', 5, { read: 1 }),
      step(0, 'load', 6, { read: 1 }),
      step(0, 'load', -1, { read: 1 }),
      step(0, 'wait', 3, { read: 'asleep' }),
    ];
    expect(stateOf(trace, [asleep(0, 3)], 5).sleepers[0].looks).toEqual([{ word: 6, step: 1, value: 1 }]);
    const far = [
      step(0, 'load', 6, { read: 1 }),
      ...Array.from({ length: 8 }, () => step(0, 'store', 9, { wrote: 1 })),
    ];
    expect(stateOf([...far, step(0, 'wait', 3)], [asleep(0, 3)]).sleepers[0].looks).toEqual([]);
  });
});

describe('a word', () => {
  it('is told with its last write, and its last notify with who slept there then', () => {
    const trace = [
      step(0, 'wait', 3, { read: 'asleep' }),
      step(2, 'wait', 3, { read: 'asleep' }),
      step(1, 'store', 3, { wrote: 5 }),
      step(1, 'notify', 3, { read: 1 }),
      step(0, 'wake', 3, { read: 'ok' }),
      step(1, 'load', 3, { read: 5 }),
      step(1, 'notify', 3, { read: 0 }),
      step(1, 'notify', 4, { read: 0 }),
    ];
    const dead = new VThread(1);
    dead.status = STATUS.dead;
    const state = stateOf(trace, [new VThread(0), dead, asleep(2, 3)]);
    expect(state.dead).toEqual([1]);
    expect(state.words).toEqual([
      {
        word: 3,
        present: 103,
        lastWrite: { thread: 1, site: 13, step: 2, value: 5 },
        lastNotify: { thread: 1, site: 13, step: 6, woken: 0, asleep: 1 },
      },
    ]);
  });
});
