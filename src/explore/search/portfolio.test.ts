/** Taking strategies in turns: which numbers are drawn, how long, and what is told. */
import { describe, expect, it } from 'vitest';
import { engineOf } from '../engine/test-kit.ts';
import { Signatures } from '../report/signatures.ts';
import { lockProgram, program } from '../strategies/test-kit.ts';
import { calibrate, type Draw, makeStrategy, PORTFOLIO, sample, type SampleOptions } from './portfolio.ts';

const ADDS = program(
  'const t = ({ m }: Ctx) => { for (let i = 0; i < 3; i++) Atomics.add(m, 0, 1); };',
  't, t',
);
const RANDOM: readonly Draw[] = [{ strategy: 'random' }];
const some = (o: Partial<SampleOptions>): SampleOptions => ({
  draws: PORTFOLIO,
  seed: 1,
  schedules: 100,
  budgetMs: 20_000,
  ...o,
});

describe('sample', () => {
  it('gives each strategy its turn, number by number', async () => {
    const engine = await engineOf(lockProgram('wokenForgetsTheThird', 3));
    const done = sample(engine, some({ schedules: 10_000 }));
    if (done.found === null) throw new Error('nothing was found');
    const { draw, iteration, schedules, finding } = done.found;
    const turn = PORTFOLIO.indexOf(draw);
    expect(turn).toBeGreaterThanOrEqual(0);
    expect(schedules).toBe(iteration * PORTFOLIO.length + turn + 1);
    expect(done.schedules).toBe(schedules);
    // Drawn again alone.
    const strategy = makeStrategy(draw);
    strategy.expect(done.estimate);
    strategy.seed(1, iteration);
    expect(engine.run(strategy).finding).toEqual(finding);
  });

  it('leaves numbers out as told: shares have none in common, and together all', async () => {
    const engine = await engineOf(ADDS);
    const signatures = (from: number, stride: number, schedules: number): Signatures => {
      const seen = new Signatures();
      sample(engine, some({ draws: RANDOM, from, stride, schedules, signatures: seen }));
      return seen;
    };
    const whole = signatures(0, 1, 60);
    const parts = new Signatures();
    for (const from of [0, 1, 2]) parts.merge(signatures(from, 3, 20).data());
    expect([parts.total, parts.distinct, parts.saturation]).toEqual([60, whole.distinct, whole.saturation]);
  });

  it('ends with its schedules, its steps, its time, or when it is told to', async () => {
    const engine = await engineOf(ADDS);
    expect(sample(engine, some({ schedules: 7 })).schedules).toBe(7);
    const steps = sample(engine, some({ schedules: Infinity, steps: 1000 }));
    expect(steps.steps).toBeGreaterThanOrEqual(1000);
    expect(steps.steps).toBeLessThan(1000 + 10 * PORTFOLIO.length);
    expect(sample(engine, some({ schedules: Infinity, budgetMs: 20 })).found).toBeNull();
    const told: number[] = [];
    const stopped = sample(
      engine,
      some({ schedules: Infinity, onProgress: ({ schedules }) => told.push(schedules) < 3 }),
    );
    expect(told).toHaveLength(3);
    expect(stopped.schedules).toBe(told[2]);
  });

  it('looks at the clock after many steps, however few the schedules', async () => {
    const engine = await engineOf(
      program(
        'const t = ({ m }: Ctx) => { for (let i = 0; i < 5000; i++) Atomics.add(m, 0, 1); };',
        't, t',
        'maxSteps: 20000,',
      ),
    );
    let told = 0;
    sample(engine, some({ draws: RANDOM, schedules: 60, onProgress: () => ++told > 0 }));
    expect(told).toBeGreaterThanOrEqual(2);
  });

  it('counts outcomes only when asked', async () => {
    const engine = await engineOf(program('const t = ({ m }: Ctx) => Atomics.add(m, 0, 1);', 't, t'));
    expect(sample(engine, some({})).outcomes.size).toBe(0);
    const { outcomes } = sample(engine, some({ outcomes: true }));
    expect([...outcomes.keys()].toSorted()).toEqual(['0, 1', '1, 0']);
    expect([...outcomes.values()].reduce((a, b) => a + b)).toBe(100);
    expect(sample(engine, some({})).outcomes.size).toBe(0);
  });
});

describe('calibration', () => {
  it('counts the points of each thread and the most decisions of a schedule, the same each time', async () => {
    const engine = await engineOf(
      program(
        `const t = (n: number) => ({ m }: Ctx) => { for (let i = 0; i < n; i++) Atomics.add(m, 0, 1); };
         const a = t(4), b = t(9);`,
        'a, b',
      ),
    );
    const estimate = calibrate(engine);
    expect(estimate.points).toEqual([4, 9]);
    // Four and eight points before which there is a choice, and the first of all.
    expect(estimate.decisions).toBeLessThanOrEqual(13);
    expect(estimate.decisions).toBeGreaterThan(9);
    sample(engine, some({}));
    expect(calibrate(engine)).toEqual(estimate);
  });

  it('leaves schedules without end out', async () => {
    // One order in four: both wait for each other's word.
    const engine = await engineOf(
      program(
        `const wait = (m: Int32Array, i: number) => { while (Atomics.load(m, i) !== 0); };
         const a = ({ m }: Ctx) => { Atomics.store(m, 0, 1); wait(m, 1); Atomics.store(m, 0, 0); };
         const b = ({ m }: Ctx) => { Atomics.store(m, 1, 1); wait(m, 0); Atomics.store(m, 1, 0); };`,
        'a, b',
      ),
    );
    expect(calibrate(engine).decisions).toBeLessThan(1000);
  });
});
