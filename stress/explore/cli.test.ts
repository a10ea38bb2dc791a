/**
 * `npm run explore` as a user meets it: what is refused, what is printed and written, with which status it ends. Long
 * because all of it shares one folder of users' modules.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { UserError } from '../../src/config/errors.ts';
import { loadCorpus } from '../../src/explore/report/corpus.ts';
import type { ExploreReport } from '../../src/explore/report/summary.ts';
import { readTrace } from '../../src/explore/report/trace-file.ts';
import type { Coverage } from '../../src/explore/types.ts';
import { type CatalogEntry, repositoryRoot } from './catalog.ts';
import { exploreMain } from './main.ts';
import { failedPart, NOTHING, resultOf } from './show.ts';
import type { ScenarioDone } from './tasks.ts';

const ROOT = repositoryRoot();
const RUN = join(ROOT, 'dist/stress/explore/run.js');
const DIR = mkdtempSync(join(tmpdir(), 'explore-cli-'));
const ONE = ['--workers', '1'];
const TERMINAL = '\u001B[';

afterAll(() => rmSync(DIR, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

let files = 0;
/** Writes a module of a user, outside the repository. */
function moduleOf(text: string): string {
  const file = join(DIR, `mine-${files++}.ts`);
  writeFileSync(file, text);
  return file;
}

const LOST_WAKE_UP = `
type Ctx = { m: Int32Array };
function lock(m: Int32Array): void {
  while (Atomics.compareExchange(m, 0, 0, 1) !== 0) { Atomics.add(m, 1, 1); Atomics.wait(m, 0, 1); Atomics.sub(m, 1, 1); }
}
function unlock(m: Int32Array): void {
  const waiters = Atomics.load(m, 1);
  Atomics.store(m, 0, 0);
  if (waiters > 0) Atomics.notify(m, 0, 1);
}
const t = ({ m }: Ctx): void => { lock(m); m[4]++; unlock(m); };
const quiet = ({ m }: Ctx): number => Atomics.add(m, 0, 1);
const base = { doc: 'a question', memory: 64 };
const name = (w: number) => ({ name: w === 0 ? 'the lock' : 'w' + w });
export const all = [
  { ...base, name: 'asleep', threads: [t, t], words: name },
  { ...base, name: 'quiet', threads: [quiet, quiet] },
];
`;

/** Runs the program in this process. */
async function inside(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  let out = '';
  let err = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const writeErr = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  try {
    return { status: await exploreMain(args), out, err };
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return { status: error.exitCode, out, err: `${err}${error.message}\n` };
  } finally {
    write.mockRestore();
    writeErr.mockRestore();
  }
}

/** Runs the program as a process of its own. */
function outside(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const done = spawnSync(process.execPath, [RUN, ...args], {
    encoding: 'utf8',
    cwd: DIR,
    env: { ...process.env, ...env },
  });
  return { status: done.status, out: done.stdout, err: done.stderr };
}

const reportIn = (text: string): ExploreReport & { command: string } =>
  JSON.parse(text) as ExploreReport & { command: string };

describe('what is refused', () => {
  const mine = moduleOf(LOST_WAKE_UP);

  it.each([
    ['an unknown option', ['--scenarios', 'x'], 'unknown option'],
    ['an unknown scenario', ['--scenario', 'mutex-2x'], 'did you mean mutex-2x1'],
    [
      'a scenario like none',
      ['--scenario', 'zzz'],
      '--scenario=zzz: there is no such scenario; --list shows them all',
    ],
    ['an unknown strategy', ['--strategy', 'random,pcd'], '--strategy=pcd: must be'],
    ['a depth of a strategy that has none', ['--strategy', 'pos3'], '--strategy=pos3: must be'],
    ['a depth that is too large', ['--strategy', 'pct21'], '--strategy=pct21: must be'],
    ['plain accesses of an unknown kind', ['--plain', 'some'], '--plain'],
    ['an unknown profile', ['--profile', 'slow'], '--profile'],
    ['no schedules', ['--schedules', '0'], '--schedules'],
    ['a seed that is too large', ['--seed', '4294967296'], '--seed'],
    ['a schedule without its scenario', ['--replay', 's1:'], '--replay: needs the name of one scenario'],
    [
      'a schedule of two',
      ['--replay', 's1:', '--scenario', 'mutex-2x1,mutex-3x1'],
      '--replay: needs the name of one',
    ],
    [
      'a schedule that is none',
      ['--scenario', 'mutex-2x1', '--replay', 's1:0.x>1'],
      'replay "s1:0.x>1", character 6',
    ],
    ['a version to come', ['--scenario', 'mutex-2x1', '--replay', 's9:'], 'version 9 is not known'],
    [
      'a thread that there is not',
      ['--scenario', 'mutex-2x1', '--replay', 's1:0.1>7'],
      'there is no thread 7',
    ],
    ['a seed of a search', ['--scenario', 'mutex-2x1', '--replay', 'x1:dfs:1:#1'], 'has no seeds'],
    ['real threads without a schedule', ['--real'], '--real: goes with --replay or --mutants only'],
    [
      'mutants of a module',
      ['--mutants', '--module', mine],
      '--mutants: plants defects into latchlab itself',
    ],
    ['a mutant alone', ['--mutant', 'x'], '--mutant: goes with --mutants only'],
    ['an unknown mutant', ['--mutants', '--mutant', 'nobody'], '--mutant=nobody: there is no such mutant'],
    [
      'mutants by a schedule',
      ['--mutants', '--scenario', 'mutex-2x1', '--replay', 's1:'],
      '--mutants: does not go with',
    ],
    ['a file that cannot be written', ['--json', join(DIR, 'no/such/file')], '--json='],
    ['a corpus that cannot be written', ['--corpus', join(DIR, 'no/such/file')], '--corpus='],
    ['a folder that is a file', ['--trace-dir', mine], '--trace-dir='],
    ['a module that is not there', ['--module', join(DIR, 'none.ts')], 'none.ts: no such file'],
    ['a module that is a folder', ['--module', DIR], 'is not a file'],
    ['a module without scenarios', ['--module', moduleOf('export const n = 1;')], 'exports no scenario'],
  ])('%s', async (_name, args, line) => {
    const before = readdirSync(DIR);
    const { status, out, err } = await inside(...args);
    expect(err).toContain(line);
    expect(err).toMatch(/^[^\n]+\n$/);
    expect(out).toBe('');
    expect(status).toBe(2);
    expect(readdirSync(DIR)).toEqual(before);
  });

  it('sources that cannot be explored, a line for each place', async () => {
    const file = moduleOf(
      `let top = 0;
class C { constructor(m: Int32Array) { Atomics.load(m, 0); } }
const t = ({ m }: { m: Int32Array }): void => { top++; new C(m); };
export const s = { name: 's', doc: '', memory: 64, threads: [t] };`,
    );
    const { status, out, err } = await inside('--module', file);
    expect([status, out]).toEqual([2, '']);
    const lines = err.trimEnd().split('\n');
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(new RegExp(`${file}:1:5: .*top`));
    expect(lines[1]).toMatch(new RegExp(`${file}:2:\\d+: .*constructor`));
  });

  it('a corpus that is none, naming the line', async () => {
    const corpus = join(DIR, 'bad-corpus.jsonl');
    writeFileSync(corpus, '{"scenario":"quiet","seed":"","schedule":"s1:","kind":"race"}\n{"scenario":1}\n');
    expect((await inside('--corpus', corpus)).err).toContain('line 2');
    writeFileSync(corpus, '{"scenario":"quiet","seed":"","schedule":"s1:oh","kind":"race"}\n');
    const { status, err } = await inside('--corpus', corpus);
    expect([status, err]).toEqual([2, expect.stringContaining('replay "s1:oh"')]);
  });

  it('as a process: one line on standard error, status 2', () => {
    const { status, out, err } = outside(['--scenario', 'nobody']);
    expect([status, out]).toEqual([2, '']);
    expect(err).toMatch(/^--scenario=nobody: [^\n]+\n$/);
  });

  it('what stands in the environment, by its name there', () => {
    const { status, err } = outside([], { EXPLORE_SEED: 'soon' });
    expect(status).toBe(2);
    expect(err).toMatch(/^--seed[^\n]*soon[^\n]*\(from EXPLORE_SEED\)\n$/);
  });
});

describe('lists and help', () => {
  it('--list names every scenario and explores none', async () => {
    const { status, out } = await inside('--list');
    expect(status).toBe(0);
    expect(out).toMatch(/^mutex-2x1 +2 threads {2}\S/m);
    expect(out.split('\n').length).toBeGreaterThan(60);
    const mine = await inside('--list', '--module', moduleOf(LOST_WAKE_UP), '--scenario', 'quiet');
    expect(mine.out).toBe('quiet  2 threads  a question\n');
    const mutants = await inside('--mutants', '--list');
    expect(mutants.out.split('\n').length).toBeGreaterThan(60);
  });

  it('--help says what there is', async () => {
    const { status, out } = await inside('--help');
    expect(status).toBe(0);
    for (const option of ['--profile', '--replay', '--mutants', '--trace-dir', 'EXPLORE_SEED']) {
      expect(out).toContain(option);
    }
  });
});

describe('a run', () => {
  const mine = moduleOf(LOST_WAKE_UP);
  const quick = ['--module', mine, ...ONE, '--schedules', '400'];

  it('that finds nothing ends well, and says what it has covered', async () => {
    const { status, out, err } = await inside('--scenario', 'mutex-2x1', ...ONE, '--schedules', '500');
    expect([status, err]).toEqual([0, '']);
    expect(out).toMatch(/mutex-2x1 +passed +500 /);
    expect(out).toContain('1 scenario, 500 schedules');
    expect(out).toContain('all as they should be');
    expect(out).not.toContain(TERMINAL);
  });

  it('that finds something prints all of it: columns, what is asleep, and ways back that lead there', async () => {
    const { status, out } = await inside(...quick);
    expect(status).toBe(1);
    expect(out).toContain('lost wake-up: thread 1 sleeps');
    expect(out).toContain('the lock');
    expect(out).toMatch(/│ thread 0 +│ thread 1 +│ where/);
    expect(out).toContain('ASLEEP');
    expect(out).toMatch(/asleep +FAILED \(lost-wakeup\)/);
    expect(out).toMatch(/quiet +passed +400/);
    const ways = [...out.matchAll(/--scenario asleep --replay '([^']+)'/g)].map((m) => m[1]);
    expect(ways).toHaveLength(2);
    for (const way of ways) {
      const again = await inside('--module', mine, '--scenario', 'asleep', '--replay', way);
      expect(again.status).toBe(1);
      expect(again.out).toContain('lost wake-up: thread 1 sleeps');
      expect(again.out).toContain(ways[1]);
    }
  });

  it('is the same as a process of its own, on several threads, without a word about progress', () => {
    const { status, out, err } = outside(['--module', mine, '--workers', '2', '--schedules', '401']);
    expect([status, err]).toEqual([1, '']);
    expect(out).toMatch(/asleep +FAILED \(lost-wakeup\)/);
    expect(out).toMatch(/quiet +passed +401 /);
    expect(out).not.toContain(TERMINAL);
  });

  it('shares one scenario out: so many schedules as wanted, and its numbers to all', async () => {
    const shares = ['--module', mine, '--workers', '3', '--schedules', '1000'];
    const { status, out } = await inside(...shares, '--scenario', 'quiet');
    expect(status).toBe(0);
    expect(out).toMatch(/quiet +passed +1,000 /);
    const long = ['--module', mine, '--workers', '2', '--schedules', '100000000', '--scenario', 'asleep'];
    // The share that finds nothing does not go on for ever.
    const found = await inside(...long, '--json', '-');
    expect(found.status).toBe(1);
    expect(reportIn(found.out).scenarios[0]).toMatchObject({ verdict: 'failed', found: { preemptions: 1 } });
  });

  it('writes results as JSON, to a file or alone to standard output', async () => {
    const file = join(DIR, 'results.json');
    const { status, out } = await inside(...quick, '--outcomes', '--json', file, '--seed', '255');
    expect(status).toBe(1);
    expect(out).toMatch(/quiet\n +RESULT +SAMPLES +FREQ\n/);
    expect(out).toMatch(/0, 1 +\d+ /);
    const report = reportIn(readFileSync(file, 'utf8'));
    expect(report).toMatchObject({
      format: 'latchlab-explore',
      seed: 'ff',
      profile: 'quick',
      passed: false,
      fingerprint: expect.stringMatching(/^\w+$/),
      scenarios: [
        {
          scenario: 'asleep',
          verdict: 'failed',
          found: { finding: { kind: 'lost-wakeup' }, preemptions: 1 },
        },
        { scenario: 'quiet', verdict: 'passed', coverage: { schedules: 400, boundExhausted: -1 } },
      ],
    });
    expect(Object.keys(report.scenarios[1].coverage.outcomes).toSorted()).toEqual(['0, 1', '1, 0']);
    expect(report.command).toContain('--seed 255');
    const alone = await inside(...quick, '--json', '-');
    expect(reportIn(alone.out).scenarios).toHaveLength(2);
  });

  it('writes traces that can be read, with the schedule that does them again', async () => {
    const dir = join(DIR, 'traces/of/this');
    const { out } = await inside(...quick, '--trace-dir', dir);
    const [file] = readdirSync(dir);
    expect(out).toContain(`--scenario asleep --replay '${join(dir, file)}'`);
    const trace = readTrace(join(dir, file));
    expect(trace).toMatchObject({ scenario: 'asleep', finding: expect.stringContaining('lost wake-up') });
    const again = await inside(
      '--module',
      mine,
      '--scenario',
      'asleep',
      '--replay',
      trace.schedule,
      '--trace-dir',
      dir,
    );
    expect(again.status).toBe(1);
    // The same steps have the same file.
    expect(readdirSync(dir)).toEqual([file]);
    const byFile = await inside('--module', mine, '--scenario', 'asleep', '--replay', join(dir, file));
    expect(byFile.status).toBe(1);
    expect(byFile.out).toContain('step for step as in the trace\n');
    const changed = moduleOf(
      LOST_WAKE_UP.replace('Atomics.store(m, 0, 0);', 'Atomics.store(m, 0, 0); Atomics.load(m, 9);'),
    );
    const differs = await inside('--module', changed, '--scenario', 'asleep', '--replay', join(dir, file));
    expect(differs.out).toMatch(/not as in the trace: step \d+ differs: thread 0 /);
    const other = await inside('--module', mine, '--scenario', 'quiet', '--replay', join(dir, file));
    expect(other).toMatchObject({ status: 2, err: expect.stringContaining('is of scenario asleep') });
    writeFileSync(join(dir, file), 'nothing');
    const cut = await inside('--module', mine, '--scenario', 'asleep', '--replay', join(dir, file));
    expect(cut).toMatchObject({ status: 2, err: expect.stringContaining('is no trace file') });
  });

  it('remembers what failed, and tries it first', async () => {
    const corpus = join(DIR, 'corpus.jsonl');
    await inside(...quick, '--corpus', corpus);
    const [entry, ...others] = loadCorpus(corpus);
    expect(others).toEqual([]);
    expect(entry).toMatchObject({ scenario: 'asleep', kind: 'lost-wakeup' });
    const file = join(DIR, 'again.json');
    await inside('--module', mine, ...ONE, '--schedules', '1', '--corpus', corpus, '--json', file);
    const [failed] = reportIn(readFileSync(file, 'utf8')).scenarios;
    expect(failed).toMatchObject({ found: { strategy: 'corpus', schedules: 1, schedule: entry.schedule } });
    expect(loadCorpus(corpus)).toEqual([entry]);
  });

  it('takes what is in the environment, unless told otherwise', () => {
    const env = { EXPLORE_SEED: '11', EXPLORE_TRACE_DIR: join(DIR, 'by-env'), EXPLORE_PROFILE: 'exhaustive' };
    const args = ['--module', mine, ...ONE, '--schedules', '300', '--json', '-'];
    const first = reportIn(outside(args, env).out);
    expect(first).toMatchObject({ seed: 'b', profile: 'exhaustive' });
    expect(readdirSync(join(DIR, 'by-env'))).toHaveLength(1);
    const second = reportIn(outside([...args, '--seed=12', '--profile', 'quick'], env).out);
    expect(second).toMatchObject({ seed: 'c', profile: 'quick' });
    const replay = outside(['--module', mine, '--scenario', 'asleep'], { EXPLORE_REPLAY: 's1:' });
    expect(replay).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^asleep: nothing goes wrong in this schedule of \d+ steps\n$/),
    });
  });

  it('goes deeper with the profiles exhaustive and nightly', async () => {
    const few = ['--module', mine, ...ONE, '--schedules', '10', '--scenario', 'quiet'];
    expect((await inside(...few, '--profile', 'nightly')).out).toMatch(/quiet +passed .* (≤ 2|all) /);
    expect((await inside(...few, '--profile', 'exhaustive', '--plain', 'race')).out).toMatch(
      /quiet +passed .* (≤ 2|all) /,
    );
  });

  it('that cannot even begin says so, and the others go on', async () => {
    const file = moduleOf(
      `${LOST_WAKE_UP}
export const broken = { ...base, name: 'broken', threads: [quiet], setup: () => { throw new Error('no ground'); } };`,
    );
    const { status, out } = await inside(
      '--module',
      file,
      ...ONE,
      '--schedules',
      '10',
      '--scenario',
      'broken,quiet',
    );
    expect(status).toBe(1);
    expect(out).toContain('broken: no ground\n');
    expect(out).toMatch(/broken +ERROR/);
    expect(out).toMatch(/quiet +passed +10 /);
  });

  it('that is to find a defect is good when it does', async () => {
    const file = moduleOf(
      `${LOST_WAKE_UP}
export const more = [
  { ...base, name: 'retold', threads: [t, t], expect: 'lost-wakeup' },
  { ...base, name: 'missed', threads: [quiet, quiet], expect: 'lost-wakeup' },
];`,
    );
    const args = ['--module', file, ...ONE, '--schedules', '400'];
    const retold = await inside(...args, '--scenario', 'retold');
    expect(retold.status).toBe(0);
    expect(retold.out).toMatch(/retold +found, as expected \(lost-wakeup\)/);
    const missed = await inside(...args, '--scenario', 'missed');
    expect(missed.status).toBe(1);
    expect(missed.out).toMatch(/missed +NOT FOUND/);
  });
});

describe('a schedule by its string', () => {
  const mine = moduleOf(LOST_WAKE_UP);
  const asleep = ['--module', mine, '--scenario', 'asleep', '--replay'];

  it('is written as JSON when wanted', async () => {
    const { status, out } = await inside(...asleep, 's1:0.2>1', '--json', '-');
    expect(status).toBe(1);
    expect(reportIn(out).scenarios).toMatchObject([
      { scenario: 'asleep', verdict: 'failed', found: { strategy: 'replay', schedule: 's1:0.2>1' } },
    ]);
  });

  it('that does not fit any more says so', async () => {
    const { status, out } = await inside(...asleep, 's1:0.90>1');
    expect(status).toBe(0);
    expect(out).toContain('the schedule does not go as listed: 0.90>1');
  });
});

describe('Ctrl-C', () => {
  /** Waits until something is so. */
  async function until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('ends the run with what is done so far, and leaves nobody behind', async () => {
    const begun = join(DIR, 'begun');
    const file = moduleOf(
      `import { writeFileSync } from 'node:fs';
${LOST_WAKE_UP}
export const endless = {
  ...base, name: 'endless', threads: [quiet, quiet], setup: () => { writeFileSync(${JSON.stringify(begun)}, ''); },
};`,
    );
    const args = ['--module', file, '--scenario', 'endless,quiet', ...ONE, '--budget', '600', '--json', '-'];
    // Of its own group, so that whoever is left can be seen.
    const child = spawn(process.execPath, [RUN, ...args], { detached: true });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += String(chunk)));
    child.stderr.on('data', (chunk) => (err += String(chunk)));
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const { pid } = child;
    if (pid === undefined) throw new Error('no process');
    await until(() => existsSync(begun));
    process.kill(pid, 'SIGINT');
    expect(await ended).toBe(1);
    expect(err).toBe('interrupted: 1 of 2 scenarios explored\n');
    const report = reportIn(out);
    expect(report.scenarios).toMatchObject([{ scenario: 'endless', verdict: 'passed' }]);
    expect(report.scenarios[0].coverage.schedules).toBeGreaterThan(0);
    expect(() => process.kill(-pid, 0)).toThrow('ESRCH');
  });
});

describe('verdicts of shares', () => {
  const entry: Pick<CatalogEntry, 'name' | 'doc'> = { name: 'n', doc: '' };
  const part = (after: number, failure: object | null, coverage: Partial<Coverage> = {}): ScenarioDone =>
    ({
      failure,
      after,
      states: 0,
      signatures: {
        a: new Int32Array(),
        b: new Int32Array(),
        count: new Uint32Array(),
        level: 0,
        total: 0,
        sampled: 0,
      },
      coverage: { ...NOTHING, ...coverage },
    }) as unknown as ScenarioDone;
  const failure = (kind: string) => ({
    finding: { kind },
    strategy: 'pct3',
    preemptions: 1,
    steps: [],
    seed: '',
    schedule: '',
  });

  it('add up, and the soonest finding decides', () => {
    const parts = [
      part(9, failure('race'), { schedules: 9, steps: 90, ms: 5, outcomes: new Map([['a', 1]]) }),
      part(4, null, { schedules: 4, steps: 40, ms: 7, boundExhausted: 2, outcomes: new Map([['a', 2]]) }),
      part(3, failure('check'), { schedules: 3, steps: 30, ms: 1 }),
    ];
    expect(failedPart(parts)).toBe(parts[2]);
    expect(resultOf(entry, parts)).toMatchObject({
      verdict: 'failed',
      found: { finding: { kind: 'check' }, schedules: 3, strategy: 'pct' },
      coverage: { schedules: 16, steps: 160, ms: 7, boundExhausted: 2, outcomes: new Map([['a', 3]]) },
    });
  });

  it.each([
    [undefined, null, 'passed'],
    [undefined, 'race', 'failed'],
    ['race', 'race', 'retold'],
    ['race', 'check', 'missed'],
    ['race', null, 'missed'],
  ] as const)('expected %s, found %s: %s', (expected, found, verdict) => {
    const wanted = { ...entry, ...(expected !== undefined && { expect: expected }) };
    expect(resultOf(wanted, [part(1, found === null ? null : failure(found))]).verdict).toBe(verdict);
  });
});
