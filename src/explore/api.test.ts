/** Exploration inside a test: what it throws, and what the environment says. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { ExplorationFailed, explore, exploreModule } from './api.ts';
import { loadCorpus } from './report/corpus.ts';
import { readTrace } from './report/trace-file.ts';
import { bind } from './transform/bind.ts';
import { Host } from './transform/host.ts';
import type { Ctx } from './types.ts';

const DIR = mkdtempSync(join(tmpdir(), 'explore-api-'));
const FILE = join(DIR, 'mine.ts');
const QUIET = ['quiet'];

beforeAll(() => {
  writeFileSync(
    FILE,
    `type Ctx = { m: Int32Array };
export const add = ({ m }: Ctx): number => Atomics.add(m, 0, 1);
export const lose = ({ m }: Ctx): void => { const n = Atomics.load(m, 0); Atomics.store(m, 0, n + 1); };
const base = { doc: '', memory: 64 };
const isTwo = (m: Int32Array): void => { if (m[0] !== 2) throw new Error('is ' + m[0]); };
export const all = [
  { ...base, name: 'quiet', threads: [add, add], check: isTwo },
  { ...base, name: 'loses', threads: [lose, lose], check: isTwo },
  { ...base, name: 'retold', threads: [lose, lose], check: isTwo, expect: 'check' },
  { ...base, name: 'missed', threads: [add, add], check: isTwo, expect: 'race' },
];`,
  );
});
afterAll(() => rmSync(DIR, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

async function failureOf(run: () => unknown): Promise<ExplorationFailed> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ExplorationFailed) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('exploreModule', () => {
  const few = { schedules: 300 } as const;

  it('says what was covered', async () => {
    const covered = await exploreModule(FILE, ['quiet', 'retold'], few);
    expect([...covered.keys()]).toEqual(['quiet', 'retold']);
    expect(covered.get('quiet')?.coverage.schedules).toBe(300);
    expect(covered.get('retold')?.failure?.finding.kind).toBe('check');
  });

  it('throws the whole report of what fails, and remembers it', async () => {
    const corpus = join(DIR, 'corpus.jsonl');
    const { message, failure } = await failureOf(() => exploreModule(FILE, ['loses'], { ...few, corpus }));
    expect(message).toMatch(/^the end is wrong: is 1\n/);
    expect(message).toMatch(/│ thread 0 +│ thread 1 +│ where/);
    expect(message).toContain("EXPLORE_REPLAY='s1:0.1>1' npx vitest run");
    expect(failure).toMatchObject({ preemptions: 1, schedule: 's1:0.1>1' });
    expect(loadCorpus(corpus)).toMatchObject([{ scenario: 'loses', schedule: 's1:0.1>1', kind: 'check' }]);
    const again = await failureOf(() => exploreModule(FILE, ['loses'], { schedules: 1, corpus }));
    expect(again.failure?.strategy).toBe('corpus');
    expect(loadCorpus(corpus)).toHaveLength(1);
  });

  it('throws when what is expected is not found', async () => {
    const { message } = await failureOf(() => exploreModule(FILE, ['missed'], few));
    expect(message).toBe('missed: no race was found, which it expects');
  });

  it('refuses names, profiles and seeds that there are not', async () => {
    await expect(exploreModule(FILE, ['quiet', 'nobody', 'none'])).rejects.toThrow(
      'no scenario named nobody, none',
    );
    vi.stubEnv('EXPLORE_PROFILE', 'slow');
    await expect(exploreModule(FILE, QUIET)).rejects.toThrow('profile slow: must be');
    vi.stubEnv('EXPLORE_PROFILE', '');
    for (const seed of ['soon', '-1', '1.5', '4294967296']) {
      vi.stubEnv('EXPLORE_SEED', seed);
      await expect(exploreModule(FILE, QUIET)).rejects.toThrow(`seed ${seed}: must be`);
    }
  });

  it('takes seed and profile from the environment, where the test says nothing', async () => {
    vi.stubEnv('EXPLORE_SEED', '77');
    vi.stubEnv('EXPLORE_PROFILE', 'nightly');
    const retold = (await exploreModule(FILE, ['retold'], few)).get('retold');
    expect(retold?.failure?.seed).toMatch(/:4d:#/);
    expect(
      (await exploreModule(FILE, QUIET, few)).get('quiet')?.coverage.boundExhausted,
    ).toBeGreaterThanOrEqual(2);
    const quick = await exploreModule(FILE, QUIET, { ...few, profile: 'quick', seed: 5 });
    expect(quick.get('quiet')?.coverage.boundExhausted).toBe(-1);
  });

  it('replays the one schedule of the environment', async () => {
    vi.stubEnv('EXPLORE_REPLAY', 's1:');
    expect((await exploreModule(FILE, ['loses'])).size).toBe(0);
    vi.stubEnv('EXPLORE_REPLAY', 's1:0.1>1');
    const { failure } = await failureOf(() => exploreModule(FILE, ['loses']));
    expect(failure).toMatchObject({ strategy: 'replay', seed: '' });
  });

  it('writes the trace where the environment says', async () => {
    const dir = join(DIR, 'traces');
    vi.stubEnv('EXPLORE_TRACE_DIR', dir);
    const { message } = await failureOf(() => exploreModule(FILE, ['loses'], few));
    const [file] = readdirSync(dir);
    expect(message).toContain(join(dir, file));
    expect(readTrace(join(dir, file))).toMatchObject({ scenario: 'loses', schedule: 's1:0.1>1' });
    await exploreModule(FILE, QUIET, few);
    expect(readdirSync(dir)).toHaveLength(1);
  });
});

describe('explore', () => {
  type Body = (ctx: Ctx) => unknown;
  let add: Body;
  let lose: Body;
  const isTwo = (m: Int32Array): void => expect(m[0]).toBe(2);

  beforeAll(async () => {
    expect(() => explore({ memory: 64, threads: [() => 0] })).toThrow('nothing was imported with ?explore');
    const form = { dialect: 'explore', plain: 'race', state: false } as const;
    const exports = await bind(new Host(DIR).build({ entry: [FILE], ...form }));
    add = exports['add'] as Body;
    lose = exports['lose'] as Body;
  });

  it('says what was covered', () => {
    const covered = explore({ memory: 64, threads: [add, add], check: isTwo }, { schedules: 200 });
    expect(covered).toMatchObject({ schedules: 200, distinct: 2, boundExhausted: -1 });
    expect(covered.steps).toBeGreaterThan(200);
    expect([...covered.outcomes.keys()].toSorted()).toEqual(['0, 1', '1, 0']);
  });

  it('throws the whole report, minimised, and its ways back lead there', async () => {
    const scenario = { name: 'two that add', memory: 64, threads: [lose, lose], check: isTwo };
    const { message, failure } = await failureOf(() => explore(scenario));
    expect(message).toMatch(/^the end is wrong: /);
    expect(message).toContain('two that add: 4 steps, 1 preemption');
    expect(message).toMatch(/│ thread 0 +│ thread 1 +│ where/);
    expect(message).toContain('mine.ts:3 lose');
    expect(failure).toMatchObject({ preemptions: 1, exact: true, schedule: 's1:0.1>1' });
    for (const way of [failure?.schedule, failure?.seed]) {
      vi.stubEnv('EXPLORE_REPLAY', way);
      expect((await failureOf(() => explore(scenario))).failure?.schedule).toBe('s1:0.1>1');
      expect(explore({ ...scenario, threads: [add, add] })).toMatchObject({ schedules: 1 });
    }
    expect(existsSync(join(DIR, 'traces-of-explore'))).toBe(false);
    vi.stubEnv('EXPLORE_TRACE_DIR', join(DIR, 'traces-of-explore'));
    await failureOf(() => explore(scenario));
    expect(readdirSync(join(DIR, 'traces-of-explore'))).toHaveLength(1);
  });
});
