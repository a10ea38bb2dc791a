/** Details of the machine that a mistake in would hide behind: clocks, numbers of points, signatures. */
import { describe, expect, it } from 'vitest';
import { ReplayStrategy } from '../search/replay.ts';
import { CHOICE, type Step } from '../types.ts';
import type { Running, Strategy } from './strategy.ts';
import { text, withOutcomes, run, outcomesOf, outcomeOf, engineOf } from './test-kit.ts';

describe('time', () => {
  it('goes on from where a sleep ended, and begins anew in each schedule', async () => {
    const engine = withOutcomes(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { const a = performance.now(); Atomics.wait(m, 0, 0, 30); const b = performance.now(); Atomics.wait(m, 0, 0, 10); return [a, b, performance.now(), Date.now()].join(' '); };`,
          't',
        ),
      ),
    );
    for (let i = 0; i < 3; i++) expect(engine.run(new ReplayStrategy([])).outcome).toBe('0 30 40 40');
  });

  it('moves for whoever reads the clock and nothing else', async () => {
    const source = text(
      `const t = ({ m }: Ctx) => { let n = 0; while (performance.now() < 3) n++; Atomics.load(m, 0); return n > 999; };`,
      't',
    );
    expect(await outcomeOf(source)).toBe('true');
    // What was read in one schedule does not count in the next.
    const engine = withOutcomes(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { for (let i = 0; i < 600; i++) performance.now(); Atomics.load(m, 0); return performance.now(); };`,
          't',
        ),
      ),
    );
    for (let i = 0; i < 4; i++) expect(engine.run(new ReplayStrategy([])).outcome).toBe('0');
  });

  it('lets sleepers with the same deadline go in any order, and the next when the first was woken', async () => {
    const together = await outcomesOf(
      text(
        `const t = ({ m, id }: Ctx) => { Atomics.wait(m, id, 0, 5); return Atomics.add(m, 9, 1); };`,
        't, t',
      ),
    );
    expect(together).toEqual(['0, 1', '1, 0']);
    const later = await outcomesOf(
      text(
        `const a = ({ m }: Ctx) => Atomics.wait(m, 0, 0, 10);
         const b = ({ m }: Ctx) => Atomics.wait(m, 1, 0, 30) + '@' + performance.now();
         const c = ({ m }: Ctx) => { while (Atomics.notify(m, 0) === 0); };`,
        'a, b, c',
        `maxSteps: 400,`,
      ).replace('while (Atomics.notify(m, 0) === 0);', 'Atomics.notify(m, 0);'),
    );
    expect(later).toContain('ok, timed-out@30, undefined');
    expect(later).toContain('timed-out, timed-out@30, undefined');
  });

  it('a time-out of nothing does not sleep', async () => {
    const source = text(
      `const t = ({ m }: Ctx) => [Atomics.wait(m, 0, 0, 0), Atomics.wait(m, 0, 0, -5), performance.now()].join(' ');`,
      't',
    );
    const steps: Step[] = [];
    withOutcomes(await engineOf(source)).run(new ReplayStrategy([]), steps);
    expect(await outcomeOf(source)).toBe('timed-out timed-out 0');
    expect(steps.map((s) => [s.kind, s.read])).toEqual([
      ['wait', 'timed-out'],
      ['wait', 'timed-out'],
    ]);
  });

  it('after a sleep that was one, too', async () => {
    const engine = await engineOf(
      text('const t = ({ m }: Ctx) => { Atomics.wait(m, 0, 0, 5); Atomics.wait(m, 0, 0, 0); };', 't'),
    );
    const steps: Step[] = [];
    engine.run(new ReplayStrategy([]), steps);
    expect(steps.map((s) => s.kind)).toEqual(['wait', 'timeout', 'wait']);
  });

  it('random numbers differ from each other and are the same in each schedule', async () => {
    const engine = withOutcomes(
      await engineOf(
        text(
          `const t = ({ m }: Ctx) => { Atomics.load(m, 0); return Array.from({ length: 64 }, () => Math.floor(Math.random() * 16)).join(' '); };`,
          't',
        ),
      ),
    );
    const first = engine.run(new ReplayStrategy([])).outcome;
    expect(new Set(first.split(' ')).size).toBeGreaterThan(12);
    expect(engine.run(new ReplayStrategy([])).outcome).toBe(first);
  });
});

describe('numbers of points', () => {
  it('count what a thread has done, waking up included, and name what follows', async () => {
    const source = text(
      `const a = ({ m }: Ctx) => { Atomics.add(m, 1, 1); Atomics.wait(m, 0, 0); Atomics.add(m, 1, 10); Atomics.add(m, 1, 10); };
       const b = ({ m }: Ctx) => { Atomics.notify(m, 0); return Atomics.load(m, 1); };`,
      'a, b',
    );
    const steps: Step[] = [];
    const engine = await engineOf(source);
    engine.run(new ReplayStrategy([run(1, 1, 0), run(0, 4, 1)]), steps);
    expect(steps.map((s) => `${s.thread}.${s.op} ${s.kind}`)).toEqual([
      '0.0 rmw',
      '0.1 wait',
      '1.0 notify',
      '0.2 wake',
      '0.3 rmw',
      '1.1 load',
      '0.4 rmw',
    ]);
    expect(steps[5].read).toBe(11);
    expect(steps.map((s) => s.preempts === true)).toEqual([false, false, false, true, false, true, false]);
  });

  it('a pause is a point of its own', async () => {
    const steps: Step[] = [];
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.load(m, 0); (Atomics as any).pause(); (Atomics as any).pause(); Atomics.load(m, 0); };`,
        'a',
      ),
    );
    engine.run(new ReplayStrategy([]), steps);
    expect(steps.map((s) => `${s.op} ${s.kind}`)).toEqual(['0 load', '1 pause', '2 pause', '3 load']);
    expect(engine.opOf(0)).toBe(4);
  });

  it('steps are points and plain accesses, of whole ranges too', async () => {
    const engine = await engineOf(
      text(`const a = ({ m }: Ctx) => { Atomics.load(m, 0); m[1] = 1; void m[1]; m.fill(0, 0, 4); };`, 'a'),
    );
    expect(engine.run(new ReplayStrategy([])).steps).toBe(1 + 2 + 5);
  });

  it('who gives way at a pause does not count as preempted, whoever ends neither', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { Atomics.add(m, 0, 1); (Atomics as any).pause(); Atomics.add(m, 0, 1); };
         const b = ({ m }: Ctx) => Atomics.add(m, 0, 1);`,
        'a, b, b',
      ),
    );
    const steps: Step[] = [];
    engine.run(new ReplayStrategy([run(0, 1, 1)]), steps);
    expect(steps.filter((s) => s.preempts)).toEqual([]);
  });
});

/** What a strategy sees each time that it is asked. */
function watching(seen: (e: Running, cur: number) => void): Strategy {
  return {
    name: 'watching',
    begin: () => {},
    next: (e, cur) => {
      seen(e, cur);
      return cur >= 0 ? cur : 31 - Math.clz32(e.ready & -e.ready);
    },
  };
}

describe('what a strategy sees', () => {
  it('how many points the thread has done in a row', async () => {
    const engine = await engineOf(
      text('const t = ({ m }: Ctx) => { for (let i = 0; i < 4; i++) Atomics.add(m, 0, 1); };', 't, t'),
    );
    const streaks: number[] = [];
    engine.run(watching((e) => streaks.push(e.streak)));
    expect(streaks).toEqual([0, 0, 1, 2]);
    // To and fro.
    const broken: number[] = [];
    engine.run({
      ...watching(() => {}),
      next: (e, cur) => {
        broken.push(e.streak);
        return cur >= 0 && broken.length > 3 ? 1 - cur : 0;
      },
    });
    expect(broken).toEqual([0, 0, 1, 2, 0]);
  });

  it('who may die: those named, while they live, and after one nobody', async () => {
    const engine = await engineOf(
      text(
        'const t = (n: number) => ({ m }: Ctx) => { for (let i = 0; i < n; i++) Atomics.add(m, 0, 1); }; const a = t(1), b = t(4), c = t(2);',
        'a, b, c',
        'mayDie: [0, 2], checkAfterDeath: () => {},',
      ),
    );
    const mortal: number[] = [];
    engine.run(watching((e) => mortal.push(e.mortal)));
    // Thread 0 ends first, then 1, then 2, which may die to the last.
    expect(mortal[0]).toBe(0b101);
    expect(mortal.at(-1)).toBe(0b100);
    const after: number[] = [];
    let killed = false;
    engine.run({
      ...watching(() => {}),
      next: (e, cur) => {
        if (killed) after.push(e.mortal, e.ready & 0b100);
        if (!killed) {
          killed = true;
          return 2 * e.n + 2;
        }
        return cur >= 0 ? cur : 31 - Math.clz32(e.ready & -e.ready);
      },
    });
    expect(new Set(after)).toEqual(new Set([0]));
  });

  it('who is at a pause, until something has changed or somebody was woken', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { (Atomics as any).pause(); Atomics.load(m, 5); };
         const b = ({ m }: Ctx) => { ACTION; Atomics.load(m, 9); Atomics.load(m, 9); };
         const c = ({ m }: Ctx) => { Atomics.wait(m, 0, 0); };`.replace(
          'ACTION',
          'Atomics.notify(m, 0); Atomics.store(m, 1, 0); Atomics.notify(m, 0); Atomics.load(m, 1); Atomics.store(m, 1, 1)',
        ),
        'a, b, c',
      ),
    );
    const paused: string[] = [];
    let asked = 0;
    engine.run({
      ...watching(() => {}),
      next: (e, cur) => {
        if (cur === 1) paused.push(`${e.opOf(1)}:${e.paused & 1}`);
        // The pause first; one notify in vain; then the sleeper goes to sleep; then the rest.
        const order = [1, 2, 1];
        const next = order[asked++] ?? 1;
        return (e.ready & (1 << next)) === 0 ? 31 - Math.clz32(e.ready & -e.ready) : next;
      },
    });
    expect(paused.slice(0, 4)).toEqual(['1:1', '2:1', '3:0', '4:0']);
  });

  it('the last thread may die too', async () => {
    const engine = await engineOf(
      text(
        'const t = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };',
        't',
        'mayDie: [0], checkAfterDeath: () => {},',
      ),
    );
    const steps: Step[] = [];
    engine.run(new ReplayStrategy([{ thread: 0, op: 1, to: 0, what: CHOICE.kill }]), steps);
    expect(steps.map((s) => s.kind)).toEqual(['rmw', 'die']);
  });

  it('a thread that dies at its own point lets others go on; another’s death does not stop it', async () => {
    const engine = await engineOf(
      text(
        'const t = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };',
        't, t',
        'mayDie: [0, 1], checkAfterDeath: () => {},',
      ),
    );
    for (const [to, order] of [
      [0, '0 rmw, 0 die, 1 rmw, 1 rmw'],
      [1, '0 rmw, 1 die, 0 rmw'],
    ] as const) {
      const steps: Step[] = [];
      engine.run(new ReplayStrategy([{ thread: 0, op: 1, to, what: CHOICE.kill }]), steps);
      expect(steps.map((s) => `${s.thread} ${s.kind}`).join(', ')).toBe(order);
    }
  });

  it('a schedule with many choices that nobody can end is told from its beginning', async () => {
    const engine = await engineOf(
      text(
        `const a = ({ m }: Ctx) => { for (let i = 0; i < 1500; i++) Atomics.add(m, 1, 1); Atomics.wait(m, 0, 0); };
         const b = ({ m }: Ctx) => { for (let i = 0; i < 1500; i++) Atomics.add(m, 1, 1); Atomics.store(m, 0, 1); };`,
        'a, b',
      ),
    );
    const toAndFro = (): Strategy => {
      let turn = 0;
      return {
        ...watching(() => {}),
        // To and fro, then the first to its end.
        next: (e, cur) => {
          if (cur < 0) return 31 - Math.clz32(e.ready & -e.ready);
          return turn++ < 1400 ? 1 - cur : 0;
        },
      };
    };
    const { finding } = engine.run(toAndFro());
    expect(finding).toMatchObject({ kind: 'lost-wakeup', places: [{ thread: 0 }, { thread: 1 }] });
    // With a trace it need not be run a second time.
    expect(engine.run(toAndFro(), []).finding).toEqual(finding);
  });
});

describe('signatures', () => {
  async function signatures(a: string, b: string): Promise<Set<string>> {
    const engine = await engineOf(
      text(`const a = ({ m }: Ctx) => { ${a} }; const b = ({ m }: Ctx) => { ${b} };`, 'a, b'),
    );
    const seen = new Set<string>();
    const all = [
      [],
      [run(0, 0, 1)],
      [run(0, 1, 1)],
      [run(0, 1, 1), run(1, 1, 0)],
      [run(0, 0, 1), run(1, 1, 0)],
    ];
    for (const switches of all) {
      engine.run(new ReplayStrategy(switches));
      seen.add(engine.signature.join(' '));
    }
    return seen;
  }

  it.each([
    [
      'independent steps',
      'Atomics.add(m, 0, 1); Atomics.add(m, 1, 1);',
      'Atomics.add(m, 2, 1); Atomics.add(m, 3, 1);',
      1,
    ],
    [
      'reads of one word',
      'Atomics.load(m, 0); Atomics.load(m, 0);',
      'Atomics.load(m, 0); Atomics.load(m, 0);',
      1,
    ],
    ['a read and two writes', 'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);', 'Atomics.load(m, 0);', 3],
    [
      'two writes each',
      'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);',
      'Atomics.add(m, 0, 1); Atomics.add(m, 0, 1);',
      5,
    ],
  ])('%s', async (_name, a, b, expected) => {
    expect((await signatures(a, b)).size).toBe(expected);
  });

  it('tell threads of the same code apart', async () => {
    const engine = await engineOf(text('const t = ({ m }: Ctx) => Atomics.add(m, 0, 1);', 't, t'));
    engine.run(new ReplayStrategy([]));
    const first = engine.signature.join(' ');
    engine.run(new ReplayStrategy([run(0, 0, 1)]));
    expect(engine.signature.join(' ')).not.toBe(first);
  });
});
