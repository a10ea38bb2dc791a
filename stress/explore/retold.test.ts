/** The defects retold: found by every strategy, minimised, replayed, confirmed on real threads; and gone when mended. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { firstDifference } from '../../src/explore/controlled/compare.ts';
import { type ControlledResult, runControlled } from '../../src/explore/controlled/run-controlled.ts';
import { exploreScenario, type Profile, PROFILES, replayString } from '../../src/explore/explorer.ts';
import type { Failure } from '../../src/explore/investigate.ts';
import { Lab } from '../../src/explore/lab.ts';
import { type Draw, drawName, PORTFOLIO, sample } from '../../src/explore/search/portfolio.ts';
import { Host } from '../../src/explore/transform/host.ts';
import type { PlainPoints, Scenario } from '../../src/explore/types.ts';
import { repositoryRoot } from './catalog.ts';

/** Module, scenario, fewest preemptions. */
const BROKEN = [
  ['semaphore', 'retold-semaphore-lost-wakeup', 0],
  ['condition', 'retold-condition-lost-signal', 1],
  ['rw-lock', 'retold-rwlock-writer-starved', 1],
  ['permits', 'retold-permits-asleep', 0],
  ['once', 'retold-once-too-early', 0],
  ['handle', 'retold-handle-disposed-twice', 2],
] as const;

/** Draws of one strategy that must be enough: the rarest, handles under pct3, comes up in 1 of 70. */
const MOST = 1000;

/** Module and scenario, mended. */
const MENDED = [
  ['semaphore', 'retold-semaphore-mended'],
  ['semaphore', 'retold-semaphore-mended-2x2'],
  ['condition', 'retold-condition-mended'],
  ['rw-lock', 'retold-rwlock-mended'],
  ['permits', 'retold-permits-mended'],
  ['once', 'retold-once-mended'],
  ['handle', 'retold-handle-mended'],
] as const;

const host = new Host(repositoryRoot());
const fileOf = (module: string): string => join(repositoryRoot(), 'stress/explore/retold', `${module}.ts`);
const labs = new Map<string, Lab>();

function labOf(module: string, races = true): Lab {
  const key = `${module} ${races}`;
  const file = fileOf(module);
  const known = labs.get(key);
  if (known !== undefined) return known;
  const builds = new Map<string, ReturnType<Host['build']>>();
  const lab = new Lab(
    file,
    (form) => {
      const name = `${form.plain} ${form.state}`;
      const build = builds.get(name) ?? host.build({ entry: [file], dialect: 'explore', ...form });
      builds.set(name, build);
      return build;
    },
    { races },
  );
  labs.set(key, lab);
  return lab;
}

async function scenarioOf(module: string, name: string): Promise<Scenario> {
  const found = (await labOf(module).scenarios()).find((s) => s.name === name);
  if (found === undefined) throw new Error(`${module} has no ${name}`);
  return found;
}

/** Limits in schedules, never in time: the same on every machine. */
const limited = (profile: Profile, schedules: number): Profile => ({
  ...profile,
  schedules,
  drawMs: Infinity,
  minimiseMs: 60_000,
});

async function find(
  lab: Lab,
  scenario: Scenario,
  plain: PlainPoints,
  draw: Draw,
  seed = 1,
): Promise<Failure> {
  const profile = limited(PROFILES.quick, MOST);
  const { failure } = await exploreScenario(lab, scenario, { profile, seed, draws: [draw], plain });
  if (failure === null) throw new Error(`${scenario.name}: nothing was found`);
  return failure;
}

function onRealThreads(module: string, scenario: string, failure: Failure): Promise<ControlledResult> {
  const file = fileOf(module);
  const form = { dialect: 'controlled', plain: failure.plain, state: false } as const;
  const build = host.build({ entry: [file], ...form });
  return runControlled({ build, file, scenario, switches: failure.switches });
}

describe.each(BROKEN)('%s: %s', (module, name, preemptions) => {
  it.each(PORTFOLIO.map((draw) => [drawName(draw), draw] as const))('is found by %s', async (_, draw) => {
    const scenario = await scenarioOf(module, name);
    for (const seed of [1, 2, 3]) {
      const failure = await find(labOf(module), scenario, 'race', draw, seed);
      expect(failure.finding.kind).toBe(scenario.expect);
      expect(failure).toMatchObject({ preemptions, exact: true });
    }
  });

  it('fails again in the schedule that is printed, and in the seed', async () => {
    const lab = labOf(module);
    const scenario = await scenarioOf(module, name);
    const failure = await find(lab, scenario, 'race', PORTFOLIO[0]);
    for (const text of [failure.schedule, failure.seed]) {
      const { failure: again } = await replayString(lab, scenario, text, { minimiseMs: 60_000 });
      expect(again?.finding).toEqual(failure.finding);
      expect(again?.schedule).toBe(failure.schedule);
    }
  });

  it('goes the same way on real threads', async () => {
    const scenario = await scenarioOf(module, name);
    const failure = await find(labOf(module), scenario, 'race', PORTFOLIO[0]);
    const real = await onRealThreads(module, name, failure);
    expect(firstDifference(failure.finding.kind, failure.steps, real)).toBe(null);
    if (failure.finding.kind === 'lost-wakeup') expect(real.outcome).toBe('deadlock');
  });
});

describe('what only the simulator sees has consequences on real threads', () => {
  it('a writer is overtaken', async () => {
    const [module, name] = ['rw-lock', 'retold-rwlock-writer-starved'];
    const scenario = await scenarioOf(module, name);
    const failure = await find(labOf(module), scenario, 'race', PORTFOLIO[0]);
    const { history } = await onRealThreads(module, name, failure);
    const write = history.find((h) => h.op === 'write');
    if (write === undefined) throw new Error('nobody wrote');
    const before = history.filter((h) => h.op === 'read' && h.call >= write.call && h.ret <= write.ret);
    expect(before.length).toBeGreaterThan(scenario.maxBypass ?? Infinity);
  });

  // With plain accesses as points, and nobody looking for races, the search goes on until the race does harm.
  it.each([
    ['once', 'retold-once-too-early', /^they saw (42, 0|0, 42)$/],
    ['handle', 'retold-handle-disposed-twice', /^2 of 3 additions are there$/],
  ])('the race in %s does harm', async (module, name, error) => {
    const scenario = await scenarioOf(module, name);
    const lab = labOf(module, false);
    const failure = await find(lab, scenario, 'all', PORTFOLIO[0]);
    expect(failure.finding.kind).toBe('check');
    const real = await onRealThreads(module, name, failure);
    expect(real).toMatchObject({ outcome: 'check', divergence: null });
    expect(real.error).toMatch(error);
  });
});

describe('mended', () => {
  it.each(MENDED)('%s: %s passes all interleavings', async (module, name) => {
    const scenario = await scenarioOf(module, name);
    const profile = limited({ ...PROFILES.exhaustive, searchMs: 600_000 }, 1000);
    const { failure, coverage } = await exploreScenario(labOf(module), scenario, { profile, seed: 1 });
    expect(failure).toBe(null);
    expect(coverage.boundExhausted).toBe(Infinity);
  });

  it('the bound of the mended reader-writer lock is tight', async () => {
    const scenario = { ...(await scenarioOf('rw-lock', 'retold-rwlock-mended')), maxBypass: 1 };
    const engine = await labOf('rw-lock').engineFor(scenario, { plain: 'race', state: false });
    const { found } = sample(engine, { draws: PORTFOLIO, seed: 1, schedules: MOST, budgetMs: Infinity });
    expect(found?.finding.kind).toBe('bypass');
  });
});
