import { describe, expect, test } from 'vitest';
import { CHOICE, type Switch } from '../types.ts';
import { DfsStrategy } from './dfs.ts';
import { Recorder, ReplayStrategy, switchesOf, switchText } from './replay.ts';
import { costOf, type SearchStrategy, type Situation } from './search-engine.ts';
import {
  crossed,
  load,
  lossyLock,
  mutex,
  type Program,
  spin,
  store,
  type Tiny,
  TinyEngine,
  wait,
} from './test-kit.ts';

const run = (thread: number, op: number, to: number): Switch => ({ thread, op, to, what: CHOICE.run });

/** All choices and all points of the threads at each decision: what a schedule is. */
class Log implements SearchStrategy {
  readonly name = 'log';
  lines: string[] = [];
  private readonly inner: SearchStrategy;
  constructor(inner: SearchStrategy) {
    this.inner = inner;
  }
  begin(e: Situation): void {
    this.lines = [];
    this.inner.begin(e);
  }
  next(e: Situation, cur: number): number {
    const choice = this.inner.next(e, cur);
    this.lines.push(
      `${Array.from({ length: e.n }, (_, t) => e.opOf(t)).join()}:${choice}:${costOf(e, cur, choice)}`,
    );
    return choice;
  }
}

const sleeper: Tiny = {
  threads: [
    function* (): Program {
      yield wait(0, 0, 5);
      yield wait(0, 0, 5);
      return '';
    },
    function* (): Program {
      yield load(1);
      yield store(0, 1);
      return '';
    },
    function* (): Program {
      yield load(1);
      return '';
    },
  ],
  mayDie: 4,
};

describe('every schedule comes back from its list of switches', () => {
  const programs: Record<string, Tiny> = {
    'mutex 2 × 1': mutex(2, 1),
    'mutex 3 × 1': mutex(3, 1),
    'lossy lock': lossyLock(2),
    'pause hints': { ...spin(2, true), maxSteps: 12 },
    crossed: { ...crossed(true), maxSteps: 14 },
    'time-outs and deaths': sleeper,
  };
  test.each(Object.entries(programs))('%s', (_, program) => {
    const engine = new TinyEngine(program);
    const dfs = new DfsStrategy({ bound: Infinity, cut: false });
    let count = 0;
    do {
      const log = new Log(dfs);
      const recorder = new Recorder(log);
      const first = engine.run(recorder);
      const replay = new ReplayStrategy(recorder.switches());
      const again = new Log(replay);
      const second = engine.run(again);
      if (again.lines.join(' ') !== log.lines.join(' ')) expect(again.lines).toEqual(log.lines);
      expect(second).toEqual(first);
      expect(replay.divergence).toBeNull();
      const costs = log.lines.reduce((sum, line) => sum + Number(line.split(':')[2]), 0);
      expect(recorder.preemptions).toBe(costs);
    } while (dfs.advance() && ++count < 3_000);
    expect(count).toBeGreaterThan(20);
  });
});

test('what happens by default is not listed; what could be taken for a later entry is', () => {
  const decision = (thread: number, op: number, choice: number, otherwise: number) => ({
    thread,
    op,
    choice,
    otherwise,
  });
  expect(switchesOf([decision(0, 0, 0, 0), decision(0, 1, 0, 0), decision(0, 2, 1, 0)], 2)).toEqual([
    run(0, 2, 1),
  ]);
  // Thread 0 falls asleep after its point 1 (0 would be taken), wakes, and is preempted before its next.
  expect(switchesOf([decision(0, 2, 1, 1), decision(1, 4, 0, 0), decision(0, 2, 2, 0)], 3)).toEqual([
    run(0, 2, 1),
    run(0, 2, 2),
  ]);
  expect(switchesOf([decision(1, 3, 5, 1), decision(1, 3, 2, 1)], 3).map(switchText)).toEqual([
    '1.3>t2',
    '1.3>2',
  ]);
});

describe('divergence', () => {
  const replay = (switches: readonly Switch[], stopAtDivergence = false): [string | null, boolean] => {
    const engine = new TinyEngine(mutex(2, 1));
    const strategy = new ReplayStrategy(switches, { stopAtDivergence });
    const { cut } = engine.run(strategy);
    return [strategy.divergence, cut];
  };

  test('an entry that never comes is named', () => {
    expect(replay([run(0, 1, 1)])).toEqual([null, false]);
    expect(replay([run(0, 99, 1)])).toEqual(['0.99>1 never came: the schedule was over before', false]);
    // Thread 0 has passed its point 0 when its point 1 was waited for; what is listed after it is still done.
    expect(replay([run(0, 1, 1), run(0, 0, 1), run(1, 1, 0)])).toEqual(['0.0>1 never came', false]);
    expect(replay([run(7, 0, 1)])[0]).toMatch('7.0>1 never came');
  });

  test('an entry that names a thread that cannot run is named; the rest is followed, or not', () => {
    expect(replay([run(0, 1, 5), run(0, 2, 1)])).toEqual([
      '0.1>5 was not possible: thread 5 could not run there',
      false,
    ]);
    const timer: Switch = { thread: 0, op: 1, to: 1, what: CHOICE.timer };
    expect(replay([timer], true)).toEqual([
      '0.1>t1 was not possible: thread 1 could not time out there',
      true,
    ]);
  });
});
