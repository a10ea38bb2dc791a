import { describe, expect, test } from 'vitest';
import { ReplayStrategy } from './replay.ts';
import { deepen, exhaust } from './search.ts';
import {
  add,
  cas,
  crossed,
  exchange,
  load,
  lossyLock,
  lostUpdate,
  mutex,
  notify,
  pause,
  type Program,
  spin,
  store,
  type Tiny,
  TinyEngine,
  wait,
} from './test-kit.ts';

const all = { bound: Infinity, cut: true, reduce: false } as const;
const reduced = { bound: Infinity, cut: true } as const;
const kinds = (r: { findings: readonly { finding: { kind: string } }[] }): string[] =>
  r.findings.map((f) => f.finding.kind).toSorted();

/** Programs small enough for plain search, with and without failures. */
const CORPUS: Readonly<Record<string, Tiny>> = {
  'mutex 2 × 1': mutex(2, 1),
  'mutex 2 × 2': mutex(2, 2),
  'lost update': lostUpdate(),
  'lossy lock': lossyLock(),
  'three adders': {
    threads: [1, 2, 3].map(
      (v) =>
        function* (): Program {
          const before = yield add(0, v);
          return `${before}/${yield load(0, before)}`;
        },
    ),
  },
  'store buffering': {
    threads: [0, 1].map(
      (t) =>
        function* (): Program {
          yield store(t, 1);
          return yield load(1 - t);
        },
    ),
  },
  'a time-out': {
    threads: [
      function* (): Program {
        return yield wait(0, 0, 10);
      },
      function* (): Program {
        yield store(0, 1);
        return yield notify(0, 1);
      },
    ],
  },
  'a death': {
    threads: [0, 1].map(
      () =>
        function* (): Program {
          yield cas(0, 0, 1);
          yield store(0, 0);
          return '';
        },
    ),
    mayDie: 1,
    check: (m) => (m[0] === 0 ? '' : 'left locked'),
  },
};

describe('counts of the specification (4.3)', () => {
  test.each([
    [2, 1, 42, 8],
    [2, 2, 28_534, 26],
  ])('mutex %i × %i, plain: %i schedules, %i with at most 2 preemptions', (threads, rounds, whole, two) => {
    const engine = new TinyEngine(mutex(threads, rounds));
    expect(exhaust(engine, { bound: Infinity, cut: false }).executions).toBe(whole);
    expect(exhaust(engine, { bound: 2, cut: false }).executions).toBe(two);
  });

  test.each([
    [3, 1, 156],
    [3, 2, 624],
    [4, 1, 3_000],
  ])('mutex %i × %i: %i schedules with at most 2 preemptions', (threads, rounds, two) => {
    const engine = new TinyEngine(mutex(threads, rounds));
    expect(exhaust(engine, { bound: 2, cut: false }).executions).toBe(two);
  });

  test('with the cut: as many states as a model of the mutex has, counted without any engine', () => {
    for (const [threads, rounds] of [
      [2, 1],
      [2, 2],
      [3, 1],
      [3, 2],
    ]) {
      const r = exhaust(new TinyEngine(mutex(threads, rounds)), { ...all, graph: true });
      expect(r).toMatchObject({ complete: true, findings: [], states: modelStates(threads, rounds) });
    }
  });
});

/** States of the mutex in which at least two threads can run: a walk over a table of its steps. */
function modelStates(threads: number, rounds: number): number {
  interface State {
    lock: number;
    // cas, exchange, wait, awake, add, store, notify, done; asleep.
    pc: string[];
    round: number[];
    queue: number[];
  }
  const step = (s: State, t: number): void => {
    const go = (pc: string): string => (s.pc[t] = pc);
    const unlocked = (): string => (++s.round[t] < rounds ? go('cas') : go('done'));
    switch (s.pc[t]) {
      case 'cas':
        if (s.lock === 0) {
          s.lock = 1;
          go('add');
        } else go(s.lock === 2 ? 'wait' : 'exchange');
        break;
      case 'exchange':
        go(s.lock === 0 ? 'add' : 'wait');
        s.lock = 2;
        break;
      case 'wait':
        if (s.lock === 2) {
          go('asleep');
          s.queue.push(t);
        } else go('exchange');
        break;
      case 'awake':
        go('exchange');
        break;
      case 'add':
        s.lock--;
        if (s.lock === 0) unlocked();
        else go('store');
        break;
      case 'store':
        s.lock = 0;
        go('notify');
        break;
      default: {
        const woken = s.queue.shift();
        if (woken !== undefined) s.pc[woken] = 'awake';
        unlocked();
      }
    }
  };
  const first: State = {
    lock: 0,
    pc: Array<string>(threads).fill('cas'),
    round: Array<number>(threads).fill(0),
    queue: [],
  };
  const seen = new Set([JSON.stringify(first)]);
  let choices = 0;
  for (const key of seen) {
    const { pc } = JSON.parse(key) as State;
    const ready = pc.flatMap((p, t) => (p === 'done' || p === 'asleep' ? [] : [t]));
    if (ready.length > 1) choices++;
    for (const t of ready) {
      const s = JSON.parse(key) as State;
      step(s, t);
      seen.add(JSON.stringify(s));
    }
  }
  return choices;
}

describe('the cut loses nothing', () => {
  test.each(Object.entries(CORPUS))(
    '%s: states, outcomes and failures are those of plain search',
    (_, program) => {
      const engine = new TinyEngine(program);
      engine.seen = new Set();
      const plain = exhaust(engine, { bound: Infinity, cut: false });
      const states = engine.seen;
      engine.seen = new Set();
      const cut = exhaust(engine, all);
      expect(plain.complete && cut.complete).toBe(true);
      expect(engine.seen).toEqual(states);
      expect(cut.states).toBe(states.size);
      expect([...cut.outcomes.keys()].toSorted()).toEqual([...plain.outcomes.keys()].toSorted());
      expect(kinds(cut)).toEqual(kinds(plain));
      for (const bound of [0, 1, 2]) {
        const a = exhaust(engine, { bound, cut: false });
        const b = exhaust(engine, { bound, cut: true });
        expect([...b.outcomes.keys()].toSorted()).toEqual([...a.outcomes.keys()].toSorted());
        expect(kinds(b)).toEqual(kinds(a));
      }
    },
  );

  test('what concerns one thread only is done at once', () => {
    const program: Tiny = {
      threads: [0, 1].map(
        (t) =>
          function* (): Program {
            for (let i = 0; i < 5; i++) yield store(2 + t, i, i);
            const before = yield add(0, 1);
            return `${before}${yield load(1, before)}`;
          },
      ),
    };
    const engine = new TinyEngine(program);
    const whole = exhaust(engine, all);
    const less = exhaust(engine, reduced);
    expect(whole.states).toBeGreaterThan(30);
    // Only the two additions are ever left to choose from.
    expect(less.states).toBe(1);
    expect([...less.outcomes.keys()].toSorted()).toEqual([...whole.outcomes.keys()].toSorted());
  });

  test('what turns out to be shared late is taken into account from the beginning', () => {
    // Word 1 is shared only after thread 1 has seen that thread 0 is between two additions, nine times.
    const program: Tiny = {
      threads: [
        function* (): Program {
          for (let i = 0; i < 9; i++) {
            yield add(0, 1, i);
            yield add(0, 1, i);
          }
          return yield exchange(1, 7);
        },
        function* (): Program {
          let seen = 0;
          for (let i = 0; i < 9; i++) {
            const now = yield load(0, i, seen);
            if (now === 2 * i + 1) seen++;
          }
          return seen === 9 ? yield exchange(1, 5) : 0;
        },
      ],
    };
    const engine = new TinyEngine(program);
    const whole = exhaust(engine, all);
    const less = exhaust(new TinyEngine(program), reduced);
    expect([...whole.outcomes.keys()].toSorted()).toEqual(['0,0', '0,7', '5,0']);
    expect([...less.outcomes.keys()].toSorted()).toEqual(['0,0', '0,7', '5,0']);
  });

  // Trap 3: without pending operands the search "verifies" a lost update.
  test('a key without operands would lose a failure', () => {
    expect(kinds(exhaust(new TinyEngine(lostUpdate()), all))).toEqual(['check']);
    expect(kinds(exhaust(new TinyEngine(lostUpdate(true)), all))).toEqual([]);
  });

  test('exact outcomes', () => {
    const outcomes = (name: string): string[] =>
      [...exhaust(new TinyEngine(CORPUS[name]), all).outcomes.keys()].toSorted();
    expect(outcomes('store buffering')).toEqual(['0,1', '1,0', '1,1']);
    // Asleep and woken; not asleep at all; timed out before or after the store.
    expect(outcomes('a time-out')).toEqual(['0,0', '1,1', '2,0']);
  });
});

describe('bounds', () => {
  test('a lost update takes one preemption', () => {
    const engine = new TinyEngine(lostUpdate());
    const r = deepen(engine, { cut: true, stopAt: () => true });
    expect(r.boundExhausted).toBe(0);
    expect(r.findings).toHaveLength(1);
    expect(r.findings[0].preemptions).toBe(1);
  });

  test('time-outs that are not due and deaths cost one', () => {
    const outcomes = (name: string, bound: number): string[] =>
      [...exhaust(new TinyEngine(CORPUS[name]), { bound, cut: true }).outcomes.keys()].toSorted();
    expect(outcomes('a time-out', 0)).toEqual(['0,0', '1,1']);
    expect(outcomes('a time-out', 1)).toEqual(['0,0', '1,1', '2,0']);
    expect(kinds(exhaust(new TinyEngine(CORPUS['a death']), { bound: 0, cut: true }))).toEqual([]);
    expect(kinds(exhaust(new TinyEngine(CORPUS['a death']), { bound: 1, cut: true }))).toEqual(['check']);
  });

  test('deepening ends where the bound leaves nothing out', () => {
    const r = deepen(new TinyEngine(mutex(2, 1)), { cut: true, bounds: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] });
    expect(r.boundExhausted).toBe(Infinity);
    expect(r.rounds.length).toBeLessThan(10);
    const last = r.rounds.at(-1);
    expect([...(last?.outcomes.keys() ?? [])]).toEqual(['done,done']);
  });

  test('budgets end a search, and it says so', () => {
    const engine = new TinyEngine(mutex(2, 2));
    expect(exhaust(engine, { ...all, maxExecutions: 10 })).toMatchObject({ complete: false, executions: 10 });
    const seen: number[] = [];
    const r = exhaust(engine, {
      bound: Infinity,
      cut: false,
      budgetMs: 0,
      onProgress: (p) => seen.push(p.executions),
    });
    expect(r.complete).toBe(false);
    expect(seen).toEqual([256]);
    expect(deepen(engine, { cut: true, maxExecutions: 5 }).boundExhausted).toBe(0);
  });

  test('bad options are refused', () => {
    const engine = new TinyEngine(mutex(2, 1));
    expect(() => exhaust(engine, { bound: 255, cut: true })).toThrow('0 to 254');
    expect(() => exhaust(engine, { bound: 2, cut: true, graph: true })).toThrow('no bound');
  });
});

describe('loops', () => {
  // Trap 4.
  test('with a bound and without the cut, a retry loop looks like a livelock; with the cut it does not', () => {
    const engine = new TinyEngine(spin(1, false));
    expect(kinds(exhaust(engine, { bound: 0, cut: false }))).toEqual(['livelock']);
    for (const bound of [0, 1, 2, Infinity]) {
      expect(kinds(exhaust(engine, { bound, cut: true, graph: bound === Infinity }))).toEqual([]);
    }
  });

  test('at a pause hint another thread is let in for nothing', () => {
    expect([...exhaust(new TinyEngine(spin(2, true)), { bound: 0, cut: true }).outcomes.keys()]).toEqual([
      ',,',
    ]);
  });

  test('a switch at a pause hint costs nothing, to whomever', () => {
    const engine = new TinyEngine({
      threads: [
        function* (): Program {
          const first = yield load(0);
          yield pause(first);
          return `${first}${yield load(0, first)}`;
        },
        ...[1, 2].map(
          (v) =>
            function* (): Program {
              return yield exchange(0, v);
            },
        ),
      ],
    });
    const { outcomes } = exhaust(engine, { bound: 0, cut: true });
    // Thread 0 has looked, given way to thread 1 or to thread 2, and looked again.
    expect([...outcomes.keys()]).toEqual(expect.arrayContaining(['01,0,1', '02,2,0']));
  });

  test('a thread that turns in circles alone is a livelock, and what leads there is stuck', () => {
    const engine = new TinyEngine({
      threads: [
        function* (): Program {
          if ((yield load(0)) === 0) for (;;) yield load(1);
          return '';
        },
        function* (): Program {
          yield store(0, 1);
          return '';
        },
      ],
    });
    expect(kinds(exhaust(engine, { ...all, graph: true }))).toEqual(['livelock', 'stuck']);
  });

  test('states from which no end can be reached are found, by a schedule with the fewest preemptions', () => {
    const engine = new TinyEngine(crossed(false));
    expect(kinds(exhaust(engine, all))).toEqual([]);
    const r = exhaust(engine, { ...all, graph: true });
    expect(kinds(r)).toEqual(['stuck']);
    const [stuck] = r.findings;
    expect(stuck.finding.message).toMatch(/^after this schedule .*: \d+ of \d+ states are stuck$/);
    expect(stuck.preemptions).toBe(1);
    const replay = engine.run(new ReplayStrategy(stuck.switches));
    expect(replay.finding?.kind).toBe('livelock');
  });

  test('a loop with a way out is not stuck', () => {
    expect(kinds(exhaust(new TinyEngine(crossed(true)), { ...all, graph: true }))).toEqual([]);
  });

  test('a deadlock is reported as one, and its states are not stuck', () => {
    expect(kinds(exhaust(new TinyEngine(lossyLock()), { ...all, graph: true }))).toEqual(['deadlock']);
  });
});

test('a scenario that is not the same each time is found out', () => {
  let runs = 0;
  const engine = new TinyEngine({
    threads: [0, 1].map(
      () =>
        function* (): Program {
          yield load(0);
          if (runs++ < 2) yield load(0);
          return '';
        },
    ),
  });
  expect(() => exhaust(engine, { bound: Infinity, cut: false })).toThrow('depends on something besides');
});
