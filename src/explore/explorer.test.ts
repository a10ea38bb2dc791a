/** One scenario under one profile: what is tried in which order, what is reported, and that it can be seen again. */
import { describe, expect, it } from 'vitest';
import { labOfText } from './engine/test-kit.ts';
import { type ExploreOptions, exploreScenario, type Profile, PROFILES, replayString } from './explorer.ts';
import type { Failure } from './investigate.ts';
import type { Lab } from './lab.ts';
import { InputError } from './report/input-error.ts';
import { parseSeed } from './report/schedule-string.ts';
import { lockProgram, program } from './strategies/test-kit.ts';
import type { Scenario } from './types.ts';

const profile = (o: Partial<Profile>): Profile => ({ ...PROFILES.quick, drawMs: 20_000, ...o });

async function scenarioOf(lab: Lab): Promise<Scenario> {
  const [scenario] = await lab.scenarios();
  return scenario;
}

async function explore(text: string, o: Partial<ExploreOptions> = {}, lab = labOfText(text)) {
  return exploreScenario(lab, await scenarioOf(lab), {
    profile: profile({ schedules: 4000 }),
    seed: 1,
    ...o,
  });
}

function failureOf(explored: { readonly failure: Failure | null }): Failure {
  if (explored.failure === null) throw new Error('nothing was found');
  return explored.failure;
}

/** Fails when thread 1 comes between the two additions of thread 0. */
const BETWEEN = program(
  `const a = ({ m }: Ctx) => { Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };
   const b = ({ m }: Ctx) => Atomics.load(m, 0);`,
  'a, b',
  `check: (_m: Int32Array, _s: unknown, r: number[]) => { if (r[1] === 1) throw new Error('saw one of two'); },`,
);
/** Nothing is ever wrong. */
const ADDS = program(
  'const t = ({ m }: Ctx) => { for (let i = 0; i < 3; i++) Atomics.add(m, 0, 1); };',
  't, t',
  'exhaustive: true,',
);
/** Fails only when thread 1 comes between the two dirty reads. */
const DIRTY = program(
  `const a = ({ m }: Ctx) => m[8] === m[8];
   const b = ({ m }: Ctx) => { Atomics.store(m, 8, 1); };`,
  'a, b',
  `words: (w: number) => ({ name: 'w' + w, dirtyRead: w === 8 }),
   check: (_m: Int32Array, _s: unknown, r: boolean[]) => { if (!r[0]) throw new Error('changed'); },`,
);

describe('what has failed before', () => {
  const entry = { scenario: 'text', seed: '', schedule: 's1:0.1>1', kind: 'check' };

  it('comes first', async () => {
    const done = await explore(BETWEEN, { corpus: [entry], profile: profile({ schedules: 1 }) });
    expect(failureOf(done)).toMatchObject({
      strategy: 'corpus',
      seed: '',
      schedule: 's1:0.1>1',
      preemptions: 1,
    });
    expect(done.after).toBe(1);
    expect(done.coverage.schedules).toBe(1);
  });

  it('is left out when it is of another scenario, of threads that there are no more, or fails no more', async () => {
    const corpus = [
      { ...entry, scenario: 'other' },
      { ...entry, schedule: 's1:0.1>2' },
      { ...entry, schedule: 's1:2.1>0' },
      { ...entry, schedule: 's1:1.0>0' },
    ];
    const done = await explore(BETWEEN, { corpus, profile: profile({ schedules: 500 }) });
    expect(failureOf(done).strategy).not.toBe('corpus');
    // The last was tried, and counts.
    expect(done.after).toBe(done.coverage.schedules);
    const { iteration } = parseSeed(failureOf(done).seed);
    expect(done.after).toBeGreaterThan(iteration + 1);
  });
});

describe('a finding', () => {
  it.each([
    ['a check', BETWEEN, 'check', 1],
    ['a lost wake-up', lockProgram('countReadTooEarly', 2), 'lost-wakeup', 1],
    ['a race', program('const t = ({ m }: Ctx) => { m[4] = 1; Atomics.add(m, 0, 1); };', 't, t'), 'race', 0],
    ['a dirty read', DIRTY, 'check', 1],
    [
      'a livelock',
      program(
        `const a = ({ m }: Ctx) => { Atomics.store(m, 0, 1); if (Atomics.load(m, 1) === 0) Atomics.store(m, 0, 2); };
         const b = ({ m }: Ctx) => { Atomics.store(m, 1, 1); while (Atomics.load(m, 0) !== 2); };`,
        'a, b',
        'maxSteps: 300,',
      ),
      'livelock',
      0,
    ],
    [
      'an exception',
      program(
        `const a = ({ m }: Ctx) => { Atomics.store(m, 0, 1); Atomics.store(m, 0, 0); };
         const b = ({ m }: Ctx) => { if (Atomics.load(m, 0) === 1) throw new Error('seen'); };`,
        'a, b',
      ),
      'exception',
      1,
    ],
  ] as const)(
    '%s: minimised, and seen again by its strings in another lab',
    async (_name, text, kind, least) => {
      const failure = failureOf(await explore(text));
      expect(failure.finding.kind).toBe(kind);
      if (kind !== 'livelock') expect(failure).toMatchObject({ preemptions: least, exact: true });
      expect(failure.steps.length).toBeGreaterThan(0);
      for (const way of [failure.schedule, failure.seed]) {
        const lab = labOfText(text);
        const again = await replayString(lab, await scenarioOf(lab), way, { minimiseMs: 1000 });
        expect(again.simulated.kind).toBe(kind);
        expect(again.simulated.divergence).toBeNull();
        expect(again.failure?.finding.kind).toBe(kind);
        expect(again.failure?.schedule).toBe(failure.schedule);
        if (way === failure.schedule) expect(again.simulated.steps).toEqual(failure.steps);
        expect(again.simulated.switches.length).toBeGreaterThanOrEqual(failure.switches.length);
      }
    },
  );

  it('is the same for the same seed', async () => {
    const one = await explore(lockProgram('wokenForgetsTheThird', 3));
    const two = await explore(lockProgram('wokenForgetsTheThird', 3));
    expect([two.failure?.seed, two.failure?.schedule, two.after]).toEqual([
      one.failure?.seed,
      one.failure?.schedule,
      one.after,
    ]);
  });

  it('that does not fail again is an error, not a report', async () => {
    // Nobody can put back what only a closure knows.
    const text = program(
      `const counter = () => { const count = new Int32Array(1); return () => ++count[0]; };
       const t = ({ m, s }: { m: Int32Array; s: { next(): number } }) => { Atomics.add(m, 0, 1); return s.next(); };`,
      't, t',
      `setup: () => ({ next: counter() }), check: (_m: Int32Array, _s: unknown, r: number[]) => { if (r.includes(77)) throw new Error('once'); },`,
    );
    await expect(explore(text)).rejects.toThrow('does not fail again');
  });
});

describe('draws', () => {
  it('take both forms of the sources in turns: dirty reads as points, and only watched', async () => {
    const dirty = failureOf(await explore(DIRTY));
    expect(dirty).toMatchObject({ plain: 'dirty', schedule: 's1d:0.1>1' });
    expect(dirty.seed).toMatch(/^x1d:/);
    expect((await explore(DIRTY, { plain: 'race' })).failure).toBeNull();
    expect(failureOf(await explore(DIRTY, { plain: 'all' }))).toMatchObject({ plain: 'all', preemptions: 1 });
    expect(failureOf(await explore(BETWEEN)).plain).toBe('race');
  });

  it('are as many as wanted, and only of the strategies wanted', async () => {
    for (const schedules of [1, 7, 1000]) {
      const { coverage, failure } = await explore(ADDS, { profile: profile({ schedules }) });
      expect(failure).toBeNull();
      expect(coverage.schedules).toBe(schedules);
    }
    const { coverage } = await explore(ADDS, { profile: profile({ schedules: 400 }) });
    // 20 orders of three and three.
    expect(coverage.distinct).toBe(20);
    expect(coverage.saturation).toBeGreaterThan(0.9);
    expect(coverage.boundExhausted).toBe(-1);
    const surw = failureOf(await explore(BETWEEN, { draws: [{ strategy: 'surw' }] }));
    expect(surw).toMatchObject({ strategy: 'surw' });
    expect(surw.seed).toMatch(/^x1:surw:1:#\d+$/);
    const pct = failureOf(await explore(BETWEEN, { draws: [{ strategy: 'pct', parameter: 2 }] }));
    expect(pct.seed).toMatch(/^x1:pct2:1:#\d+$/);
  });

  it('end with their time', async () => {
    const { coverage } = await explore(ADDS, { profile: profile({ schedules: Infinity, drawMs: 50 }) });
    expect(coverage.schedules).toBeGreaterThan(0);
    expect(coverage.schedules).toBeLessThan(1e6);
  });

  it('of several shares have numbers of their own', async () => {
    for (const from of [0, 1, 2]) {
      const draws = [{ strategy: 'random' }] as const;
      const { failure } = await explore(lockProgram('countReadTooEarly', 2), { from, stride: 3, draws });
      expect(parseSeed(failure?.seed ?? '').iteration % 3).toBe(from);
    }
  });

  it('tell their progress, and stop when they are told to; then nothing is searched either', async () => {
    const told: number[] = [];
    const { coverage, search } = await explore(ADDS, {
      profile: profile({ schedules: 100_000, searchMs: 10_000 }),
      onProgress: ({ schedules, steps }) => {
        told.push(schedules);
        expect(steps).toBeGreaterThan(schedules);
        return schedules < 5000;
      },
    });
    expect(told.toSorted((a, b) => a - b)).toEqual(told);
    expect(told.at(-1)).toBe(coverage.schedules);
    expect(coverage.schedules).toBeLessThan(6000);
    expect(search).toBeNull();
  });

  it('count outcomes when wanted', async () => {
    const { coverage } = await explore(program('const t = ({ m }: Ctx) => Atomics.add(m, 0, 1);', 't, t'), {
      outcomes: true,
      profile: profile({ schedules: 400 }),
    });
    expect([...coverage.outcomes.keys()].toSorted()).toEqual(['0, 1', '1, 0']);
    expect([...coverage.outcomes.values()].reduce((a, b) => a + b)).toBe(400);
    expect((await explore(ADDS)).coverage.outcomes.size).toBe(0);
  });
});

describe('bounded search', () => {
  const nightly = profile({ schedules: 20, searchMs: 20_000 });
  const exhaustive = { ...nightly, all: true };

  it('goes up to the bound, 2 unless the scenario says more', async () => {
    const text = lockProgram('correct', 3);
    const { coverage, search } = await explore(text, { profile: nightly });
    expect(coverage.boundExhausted).toBe(2);
    expect(search?.rounds).toHaveLength(3);
    expect(coverage.schedules).toBeGreaterThan(20);
    const deeper = await explore(lockProgram('correct', 3, 1, 'bound: 3,'), { profile: nightly });
    expect(deeper.coverage.boundExhausted).toBe(3);
  });

  it('sees all interleavings of what is small enough, and all outcomes', async () => {
    const { coverage, failure } = await explore(lockProgram('correct', 2, 1, 'exhaustive: true,'), {
      profile: exhaustive,
    });
    expect(failure).toBeNull();
    expect(coverage.boundExhausted).toBe(Infinity);
    expect(coverage.distinct).toBeGreaterThan(5);
    const bounded = await explore(lockProgram('correct', 2), { profile: exhaustive });
    expect(bounded.coverage.boundExhausted).toBeGreaterThanOrEqual(2);
  });

  it('finds what draws miss, with the fewest preemptions', async () => {
    // One order of 20 and 20 points.
    const text = program(
      `const a = ({ m }: Ctx) => { for (let i = 0; i < 20; i++) { Atomics.add(m, 0, 1); } };
       const b = ({ m }: Ctx) => { let ok = true; for (let i = 0; i < 20; i++) ok = Atomics.load(m, 0) === 7 && ok; return ok; };`,
      'a, b',
      `check: (_m: Int32Array, _s: unknown, r: boolean[]) => { if (r[1]) throw new Error('that one'); },`,
    );
    const draws = [{ strategy: 'random' }] as const;
    const done = await explore(text, { profile: nightly, draws });
    expect(failureOf(done)).toMatchObject({
      finding: { kind: 'check' },
      preemptions: 1,
      seed: '',
      exact: true,
    });
    expect(failureOf(done).strategy).toBe('bound 1');
    expect(done.after).toBe(done.coverage.schedules);
  });

  it('takes states for one that differ in statistics only', async () => {
    const text = (telemetry: boolean): string =>
      program(
        `const t = ({ m, id }: Ctx) => { Atomics.store(m, 1, id + 1); Atomics.add(m, 0, 1); Atomics.add(m, 0, 1); };`,
        't, t',
        `exhaustive: true, words: (w: number) => ({ name: 'w' + w, telemetry: ${telemetry} && w === 1 }),`,
      );
    const counted = await explore(text(false), { profile: exhaustive });
    const left = await explore(text(true), { profile: exhaustive });
    expect(left.coverage.distinct).toBeLessThan(counted.coverage.distinct);
  });

  it('tells states apart by what operations have returned', async () => {
    // To read before the write is wrong. Then the reader waits, so that both orders come to the same memory and places.
    const text = program(
      `type C = Ctx & { call(op: string): void; ret<T>(r: T): T };
       const write = (c: C) => { c.call('write'); Atomics.store(c.m, 0, 1); c.ret(0); Atomics.store(c.m, 2, 1); Atomics.load(c.m, 9); };
       const read = (c: C) => { c.call('read'); c.ret(Atomics.load(c.m, 0) === 0 ? 7 : 1); while (Atomics.load(c.m, 2) === 0) (Atomics as any).pause(); };`,
      'write, read',
      `exhaustive: true, model: { init: () => 0, key: String,
         step: (n: number, op: string, _a: unknown, r: number) => op === 'write' ? 1 : r === n ? n : null },`,
    );
    const none = { ...exhaustive, schedules: 0 };
    expect(failureOf(await explore(text, { profile: none })).finding.kind).toBe('linearizability');
  });

  it('finds states from which there is no end', async () => {
    const text = program(
      `const a = ({ m }: Ctx) => { if (Atomics.load(m, 1) === 0) Atomics.store(m, 0, 1); };
       const b = ({ m }: Ctx) => { Atomics.store(m, 1, 1); while (Atomics.load(m, 0) === 0) (Atomics as any).pause(); };`,
      'a, b, b',
      'exhaustive: true,',
    );
    const failure = failureOf(await explore(text, { profile: { ...exhaustive, schedules: 1, drawMs: 0 } }));
    expect(failure).toMatchObject({ finding: { kind: 'stuck' }, strategy: 'dfs', seed: '' });
    const lab = labOfText(text);
    const again = await replayString(lab, await scenarioOf(lab), failure.schedule, { minimiseMs: 1000 });
    expect(again.failure?.finding.kind).toBe('livelock');
  });
});

describe('a schedule by its string', () => {
  async function replay(text: string, way: string) {
    const lab = labOfText(text);
    return replayString(lab, await scenarioOf(lab), way, { minimiseMs: 500 });
  }

  it('that fails nothing says so', async () => {
    const { failure, simulated } = await replay(BETWEEN, 's1:');
    expect(failure).toBeNull();
    expect(simulated).toMatchObject({ kind: null, divergence: null, switches: [] });
    expect(simulated.steps).toHaveLength(3);
  });

  it('that does not fit any more says where', async () => {
    const { simulated } = await replay(BETWEEN, 's1:0.7>1');
    expect(simulated.divergence).toContain('0.7>1');
    const { simulated: fired } = await replay(BETWEEN, 's1:0.1>t1');
    expect(fired.divergence).toContain('could not time out');
  });

  it('is refused when it is none, or has threads that there are not', async () => {
    for (const way of ['', 's2:', 'x1:dfs:1:#1', 's1:0.1>5', 'x1:random:1:1', 'hello']) {
      await expect(replay(BETWEEN, way)).rejects.toThrow(InputError);
    }
  });

  it('is minimised', async () => {
    const { failure, simulated } = await replay(BETWEEN, 's1:0.0>0 0.1>1');
    expect(simulated.divergence).toBeNull();
    expect(failure).toMatchObject({ schedule: 's1:0.1>1', strategy: 'replay', seed: '' });
  });
});
