import { describe, expect, test } from 'vitest';
import type { Finding } from '../types.ts';
import { minimise, sameFailure } from './minimise.ts';
import { Recorder, ReplayStrategy } from './replay.ts';
import type { SearchStrategy, Situation } from './search-engine.ts';
import { crossed, lossyLock, lostUpdate, type Tiny, TinyEngine } from './test-kit.ts';

/** Switches at nearly every point. */
class Restless implements SearchStrategy {
  readonly name = 'restless';
  private state = 1;
  private readonly seed: number;
  constructor(seed: number) {
    this.seed = seed;
  }
  begin(): void {
    this.state = this.seed;
  }
  next(e: Situation): number {
    const can = Array.from({ length: e.n }, (_, t) => t).filter((t) => ((e.ready >> t) & 1) === 1);
    this.state = (Math.imul(this.state, 1_103_515_245) + 12_345) >>> 0;
    return can[(this.state >>> 16) % can.length];
  }
}

/** The first failing schedule with at least so many preemptions. */
function failing(
  program: Tiny,
  preemptions: number,
): { engine: TinyEngine; finding: Finding; recorder: Recorder } {
  const engine = new TinyEngine(program);
  for (let seed = 1; seed < 10_000; seed++) {
    const recorder = new Recorder(new Restless(seed));
    const { finding } = engine.run(recorder);
    if (finding !== null && recorder.preemptions >= preemptions) return { engine, finding, recorder };
  }
  throw new Error('no failing schedule');
}

describe('minimise', () => {
  // Trap 8.
  test.each([
    ['lossy lock', lossyLock(20), 1],
    ['lost update', lostUpdate(), 1],
  ])('%s: the fewest preemptions that there are', (_, program, least) => {
    const { engine, finding, recorder } = failing(program, least);
    const m = minimise(engine, finding, recorder.switches(), { ms: 10_000 });
    expect(m).toMatchObject({ preemptions: least, exact: true });
    expect(m.switches.length).toBeLessThanOrEqual(3);
    expect(engine.run(new ReplayStrategy(m.switches)).finding).toEqual(m.finding);
    expect(sameFailure(m.finding, finding)).toBe(true);
  });

  test('it is the same each time', () => {
    const { engine, finding, recorder } = failing(lossyLock(10), 4);
    const once = minimise(engine, finding, recorder.switches(), { ms: 10_000 });
    expect(minimise(engine, finding, recorder.switches(), { ms: 10_000 })).toEqual(once);
  });

  test('without time to search the list is thinned out, and nothing is claimed', () => {
    const { engine, finding, recorder } = failing(lossyLock(20), 6);
    const m = minimise(engine, finding, recorder.switches(), { ms: 10_000, maxExecutions: 1 });
    expect(m.exact).toBe(false);
    expect(m.preemptions).toBeLessThan(recorder.preemptions);
    expect(m.switches.length).toBeLessThan(recorder.switches().length);
    expect(engine.run(new ReplayStrategy(m.switches)).finding).toEqual(finding);
    const none = minimise(engine, finding, recorder.switches(), { ms: 0 });
    expect(none).toMatchObject({ exact: false, preemptions: recorder.preemptions });
  });

  test('a livelock is shown by the way to a state without end, not by a loop that nobody was let into', () => {
    const { engine, finding, recorder } = failing(crossed(false), 1);
    expect(finding.kind).toBe('livelock');
    const m = minimise(engine, finding, recorder.switches(), { ms: 10_000 });
    expect(m.finding.kind).toBe('stuck');
    expect(m.preemptions).toBe(1);
  });

  test('a schedule that does not fail comes back as it is', () => {
    const { engine, finding } = failing(lostUpdate(), 1);
    expect(minimise(engine, finding, [], { ms: 1000 })).toMatchObject({
      switches: [],
      exact: false,
      preemptions: 0,
    });
  });
});

test('the same failure may have other numbers, but not another word, kind or text', () => {
  const f = (kind: Finding['kind'], message: string, word?: number): Finding => ({
    kind,
    message,
    places: [],
    details: [],
    ...(word !== undefined && { word }),
  });
  expect(sameFailure(f('check', 'count is 3, not 4'), f('check', 'count is 2, not 4'))).toBe(true);
  expect(sameFailure(f('check', 'count is 3'), f('check', 'sum is 3'))).toBe(false);
  expect(sameFailure(f('race', 'a', 3), f('race', 'b', 3))).toBe(true);
  expect(sameFailure(f('race', 'a', 3), f('race', 'a', 4))).toBe(false);
  expect(sameFailure(f('race', 'a'), f('deadlock', 'a'))).toBe(false);
});
