import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BUILT_IN } from '../src/session/program/program-file.ts';
import { OPTION_GROUPS, STRESS_OPTIONS, STRESS_SYSVARS } from './options/option-table.ts';
import type { StressReport } from './report/report.ts';
import { SCENARIOS } from './scenarios.ts';
import { damage, plan, Scratch, TINY } from './test-kit.ts';

const scratch = new Scratch();
const SHORT = [...TINY, '--seconds=1', '--sessions=2', '--hog-bytes=0', '--data-size=8M'];
const system = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
const disk = scratch.file('disk');
fs.mkdirSync(disk);
const mount = (size: string): boolean => system('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', disk);
const mountable = mount('1m') && system('umount', disk);

afterAll(() => scratch.remove());
// Whatever a run did or refused to do, it took its temporary files with it.
afterEach(() => expect(fs.readdirSync(scratch.temp)).toEqual([]));

/** One line on standard error, nothing else, and the status of bad input. */
async function refused(args: readonly string[], fileBlocks?: number): Promise<string> {
  const limit = fileBlocks === undefined ? {} : { fileBlocks };
  const { status, out, err } = await scratch.run(args, limit);
  expect(out).toBe('');
  expect(err).toMatch(/^[^\n]+\n$/);
  expect(status).toBe(2);
  return err.trimEnd();
}

/** Well before a run of `--seconds=60` would end by itself; how soon it was depends on the machine. */
const SOON_MS = 30_000;

describe('bad options', () => {
  it.each([
    ['unknown', ['--sesions=3'], "unknown option '--sesions=3' (Did you mean --sessions?)"],
    ['out of range', ['--sessions=0'], "--sessions: '0' is not an integer from 1 to 4096"],
    ['of the wrong type', ['--seconds=soon'], "--seconds: 'soon' is not an integer from 0 to 86400"],
    [
      'a variable of the wrong type',
      ['--innodb-buffer-pool-size=big'],
      "1232 Incorrect argument type to variable 'innodb_buffer_pool_size': 'big'",
    ],
    ['no value', ['--seed'], "option '--seed <n>' argument missing"],
    ['stray', ['churn'], "unexpected argument 'churn'"],
    ['no such scenario', ['--scenario=chrun'], "--scenario: 'chrun' is not one of default, smoke, churn"],
    ['more scanners than sessions', ['--sessions=2', '--scanners=3'], '--scanners=3: allowed are 0 to'],
    ['more nodes than instances', ['--nodes=8'], '--nodes=8: each node needs a buffer pool instance'],
    ['no end', ['--seconds=0'], '--seconds=0: only a run with --trace ends by itself'],
    [
      'too much memory',
      ['--innodb-buffer-pool-size=100G'],
      '--innodb-buffer-pool-size: with --os-memory of each node and a word for each page of --data-size',
    ],
    [
      'too much data for the arena',
      ['--data-size=1T', '--innodb-buffer-pool-size=4000M'],
      'bytes, and 42949',
    ],
    [
      'a report that cannot be written',
      ['--json=/nowhere/report.json'],
      '--json=/nowhere/report.json: cannot',
    ],
    ['a report below a file', [`--json=${import.meta.filename}/x.json`], 'directory'],
    ['a report over a directory', ['--json=/tmp'], '--json=/tmp: cannot be written: it is a directory'],
    [
      'a page that cannot be written',
      ['--html=/nowhere/r.html'],
      '--html=/nowhere/r.html: cannot be written',
    ],
    [
      'a page on standard output',
      ['--html=-'],
      '--html=-: only --json goes to standard output; allowed is a file',
    ],
    ['two reports in one file', ['--html=r', '--json=./r'], '--html=r: --json is written to that file'],
    ['profiles that cannot be written', ['--profile=/nowhere/p'], '--profile=/nowhere/p: cannot be written'],
    ['profiles in a file', [`--profile=${import.meta.filename}`], 'it is not a directory'],
    ['no such program', ['--program=oltp'], '--program=oltp: is neither a program (oltp_point_select, '],
    ['no such program file', ['--program=nowhere.json'], '--program=nowhere.json: '],
    [
      'a program that needs a trace',
      ['--program=replay'],
      '--program=replay: it replays a trace, and there is none',
    ],
    ['a program of the yard', ['--program=allocators'], 'allocators needs --scenario=allocators'],
    [
      'a program in the yard',
      ['--scenario=allocators', '--program=ycsb-a'],
      '--program=ycsb-a: --scenario=allocators says what sessions do',
    ],
    [
      'a yard without a thread for each session',
      ['--scenario=allocators', '--threads=2'],
      '--threads=2: sessions that try all allocators need a thread each; allowed is --sessions (8)',
    ],
    [
      'a yard in a pool of threads',
      ['--scenario=allocators', '--thread-handling=pool-of-threads'],
      'allowed is one-thread-per-connection',
    ],
    ['no thread for a node', ['--threads=1'], '--threads=1: allowed are 2 to 8 with --sessions=8, --nodes=2'],
    ['threads without sessions', ['--threads=9'], '--threads=9: allowed are 2 to 8 with --sessions=8'],
    ['too many threads', ['--threads=257'], "--threads: '257' is not an integer from 1 to 256"],
    [
      'a thread for each of too many sessions',
      ['--sessions=257'],
      '--sessions=257: one-thread-per-connection would take as many threads, and 256 are allowed; give --threads',
    ],
    [
      'no such model',
      ['--thread-handling=pool'],
      "'pool' is not one of one-thread-per-connection, pool-of-threads",
    ],
    ['a negative rate', ['--rate=-1'], "--rate: '-1' is not a number from 0 to 10000000"],
    [
      'two distributions',
      ['--rand-type=pareto', '--access=zipf'],
      '--rand-type=pareto: --access=zipf says the same',
    ],
    [
      'no such distribution',
      ['--rand-type=zipf'],
      "'zipf' is not one of uniform, gaussian, pareto, zipfian, special",
    ],
    ['a script without a time', ['--at=KILL 3'], "--at: 'KILL 3': there is no time in front of it"],
    ['a script of what cannot be set', ['--at=1s: SET GLOBAL nothing = 1'], '--at: '],
    ['no such policy', ['--numa-policy=near'], '--numa-policy=near: allowed are local, bind=NODES'],
    ['no such node', ['--numa-pool-policy=bind=2'], '--numa-pool-policy=bind=2: allowed are local'],
    ['no distance', ['--numa-distance=9'], "--numa-distance=9: '9' is no distance"],
    [
      'two places for the pool',
      ['--numa-pool-policy=bind=0', '--innodb-numa-interleave'],
      '--numa-pool-policy=bind=0: --innodb-numa-interleave=ON places the pool',
    ],
    [
      'the same, with a line break in it',
      ['--numa-pool-policy=bind=0\n', '--innodb-numa-interleave'],
      '--numa-pool-policy=bind=0\\n: --innodb-numa-interleave=ON places the pool',
    ],
    [
      'a demonstration with nobody to compare',
      ['--scenario=connection-limit', '--sessions=2', '--scanners=1'],
      '--sessions=2: --scenario=connection-limit needs two that do not scan (--scanners=1)',
    ],
    ['a value for a flag', ['--live=yes'], "--live: 'yes' is not wanted: it takes no value"],
    ['a warm-up without end', ['--warmup=3601'], "--warmup: '3601' is not an integer from 0 to 3600"],
  ])('%s', async (_, args, message) => {
    expect(await refused(args)).toContain(message);
  });
});

describe('bad traces', () => {
  const trace = scratch.file('t.u32.gz');
  const whole = gzipSync(Buffer.from(Uint32Array.from({ length: 5000 }, (_, i) => (i * 7919) % 977).buffer));

  it.each([
    ['missing', null, 'no such file'],
    ['truncated', whole.subarray(0, whole.length / 2), 'truncated: the gzip data ends too early'],
    ['no gzip', Buffer.from('page 1, page 2'), 'not a gzip file: it starts with 7061, not 1f8b'],
    ['empty', Buffer.alloc(0), 'the file is empty'],
    ['of half a number', gzipSync(Buffer.from('12345')), 'not a whole number of 4-byte page numbers'],
  ])('%s', async (_, bytes, message) => {
    fs.rmSync(trace, { force: true });
    if (bytes !== null) fs.writeFileSync(trace, bytes);
    const err = await refused([...TINY, `--trace=${trace}`]);
    expect(err).toContain(`trace ${trace}: `);
    expect(err).toContain(message);
  });

  it('that nothing would replay: such a run would have no end', async () => {
    fs.writeFileSync(trace, whole);
    const args = [...TINY, `--trace=${trace}`];
    expect(await refused([...args, '--program=oltp_read_only'])).toMatch(
      /^--program=oltp_read_only: it does not replay the trace of --trace; allowed are replay, /,
    );
    expect(await refused([...args, '--scenario=allocators'])).toContain(
      `--trace=${trace}: --scenario=allocators touches no pages; allowed is another scenario`,
    );
  });

  it('and a good one, to its end', async () => {
    fs.writeFileSync(trace, whole);
    const args = [...TINY, '--sessions=3', `--trace=${trace}`, '--json=-'];
    const { status, out } = await scratch.run(args);
    const report = JSON.parse(out) as StressReport;
    expect(status).toBe(0);
    // Each request is taken once, and nothing else is done.
    expect(report.statements).toBe(5000);
    expect(report.settings['seconds']).toBe(0);
  });
});

describe('bad data directories', () => {
  const data = scratch.file('data');
  const MADE = [...SHORT, `--data=${data}`];

  beforeAll(async () => {
    expect((await scratch.run(MADE)).status).toBe(0);
  });

  it('below a regular file', async () => {
    const file = scratch.file('file');
    fs.writeFileSync(file, '');
    const err = await refused([...SHORT, `--data=${file}/data`]);
    expect(err).toBe(`${file}/data: cannot make the data directory: a file is in its place`);
  });

  it('made with other settings', async () => {
    const err = await refused([...MADE, '--seed=2']);
    expect(err).toContain(
      `${data}: the data directory was made with other settings: seed is 1 but 2 is wanted`,
    );
  });

  it('with one byte of a page inverted: found before anything starts', async () => {
    const file = join(data, 'lab_0002.ibd');
    damage(file, [77]);
    expect(await refused([...MADE, `--json=${scratch.file('r.json')}`])).toMatch(
      new RegExp(`^${file}: page 77: wrong checksum: found 0x[0-9a-f]{8}, its bytes give 0x[0-9a-f]{8}$`),
    );
    expect(fs.existsSync(scratch.file('r.json'))).toBe(false);
    damage(file, [77]);
  });

  it('whose disk refuses pages during the run: the failed write is told, with how to repeat it', async () => {
    const args = [...MADE, '--seconds=60', '--update-pct=80'];
    const { status, out, ms } = await scratch.run(args, { fileBlocks: 64 });
    expect(status).toBe(1);
    expect(out).toMatch(
      /THE RUN FAILED: .*: StorageError: .*lab_000\d\.ibd: page \d+: cannot write: .*EFBIG/,
    );
    expect(out).toContain(
      `run it again with: npm run stress -- --scenario=default --seed=1 ${args.join(' ')}\n`,
    );
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('whose disk refuses the files (a limit on their size)', async () => {
    const dir = scratch.file('limited');
    expect(await refused([...SHORT, `--data=${dir}`], 1000)).toMatch(/limited: cannot create: .*\(EFBIG\)$/);
    expect(fs.existsSync(dir)).toBe(false);
    expect(await refused(SHORT, 1000)).toMatch(/^\/.*\/latchlab-[0-9a-f-]+: cannot create: .*\(EFBIG\)$/);
  });

  it.runIf(mountable)('on a full disk, and on a read-only one', async () => {
    expect(mount('1m')).toBe(true);
    try {
      const err = await refused([...SHORT, `--data=${disk}/data`]);
      expect(err).toMatch(
        /disk\/data: the data directory needs 8388608 bytes .* free there; free some space/,
      );
      expect(fs.readdirSync(disk)).toEqual([]);
      expect(system('mount', '-o', 'remount,ro', disk)).toBe(true);
      expect(await refused([...SHORT, `--data=${disk}/data`])).toMatch(/cannot write here: read-only/);
    } finally {
      expect(system('umount', disk)).toBe(true);
    }
  });
});

it('profiles where no directory can be made are refused, and the run does not hang', async () => {
  expect(await refused([...SHORT, '--profile=/proc/profiles'])).toMatch(
    /^--profile=\/proc\/profiles: cannot be written: /,
  );
});

it('options that nothing looks at are named', async () => {
  const { warnings } = await plan('--zipf=0.5', '--access=uniform', '--rand-pareto-h=0.3', '--nodes=1');
  expect(warnings).toEqual([
    '--zipf has no effect without --access=zipf',
    '--rand-pareto-h has no effect without --rand-type=pareto',
  ]);
  const more = await plan('--program=ycsb-a', '--update-pct=5', '--nodes=1', '--remote-cost=7');
  expect(more.warnings).toEqual([
    '--update-pct has no effect without the program mixed or replay',
    '--remote-cost has no effect without a second node (--nodes)',
  ]);
  const used = [
    '--access=hotset',
    '--hot-pages=0.1',
    '--hot-accesses=0.5',
    '--update-pct=1',
    '--numa-distance=30',
  ];
  expect((await plan(...used)).warnings).toEqual([]);
  expect((await plan('--rand-type=special', '--rand-spec-pct=2', '--rand-spec-iter=3')).warnings).toEqual([]);
});

/** An option's own part of the help, up to its default and range; of a flag, which takes no value, up to its default. */
const described = (name: string, flag = false): RegExp =>
  flag
    ? new RegExp(` --${name} (?:(?! --).)*\\(default off\\)`)
    : new RegExp(` --${name} [<[](?:(?! --).)*\\(default [^;]+; [^)]+\\)`);

describe('reports', () => {
  it('as JSON on standard output and in a file; as text; a variable out of range clamped as MySQL does', async () => {
    const file = scratch.file('report.json');
    const toFile = await scratch.run([...SHORT, '--innodb-old-blocks-pct=99', `--json=${file}`]);
    const toOut = await scratch.run([...SHORT, '--innodb_old_blocks_pct=99', '--json', '-']);
    expect([toFile.status, toOut.status]).toEqual([0, 0]);
    expect(toFile.out).toContain('every invariant holds (10 checks)');
    const warning = "warning: 1292 Truncated incorrect innodb_old_blocks_pct value: '99'\n";
    expect([toFile.err, toOut.err]).toEqual([warning, warning]);
    for (const text of [fs.readFileSync(file, 'utf8'), toOut.out]) {
      const report = JSON.parse(text) as StressReport;
      expect(report.verdict).toBe('ok');
      expect(report.verdicts).toHaveLength(10);
      expect(report.verdicts.flatMap((v) => v.violations)).toEqual([]);
      expect(report.machine.node).toBe(process.version);
      for (const name of [...STRESS_SYSVARS, ...STRESS_OPTIONS.map((o) => o.name)]) {
        expect(report.settings).toHaveProperty([name]);
      }
      expect(report.settings).toMatchObject({
        innodb_buffer_pool_size: 5 * 2 ** 20,
        innodb_old_blocks_pct: 95,
        global_connection_memory_limit: '18446744073709551615',
      });
      expect(report.statements).toBeGreaterThan(0);
    }
  });

  it('as a page, also when the run fails; and as lines while it runs', async () => {
    const [html, data] = [scratch.file('report.html'), scratch.file('html-data')];
    const good = await scratch.run([...SHORT, '--live', `--html=${html}`]);
    expect(good.status).toBe(0);
    expect(good.err).toMatch(
      /^\[ 1s \] thds: 2 conns: \d tps: \S+ qps: \S+ \(r\/w\/o: \S+\) err\/s: \S+ reconn\/s: \S+ gets\/s: \d+ hit%: /,
    );
    expect(fs.readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/i);
    fs.rmSync(html);
    const failing = [...SHORT, `--data=${data}`, '--seconds=20', '--update-pct=80', `--html=${html}`];
    expect((await scratch.run([...SHORT, `--data=${data}`])).status).toBe(0);
    const bad = await scratch.run(failing, { fileBlocks: 500 });
    expect(bad.status).toBe(1);
    expect(bad.out).toContain('THE RUN FAILED: ');
    expect(fs.readFileSync(html, 'utf8')).toMatch(/^<!doctype html>/i);
  });

  it.runIf(fs.existsSync('/dev/full'))('that a full disk refuses are told in one line each', async () => {
    const file = await scratch.run([...SHORT, '--json=/dev/full']);
    expect(file.out).toContain('every invariant holds');
    expect(file.err).toBe('--json=/dev/full: cannot be written: ENOSPC: no space left on device, write\n');
    const out = spawnSync('sh', ['-c', `"$0" "$@" >/dev/full`, ...scratch.argv(['--list'])], {
      encoding: 'utf8',
    });
    expect(out.stderr).toBe('standard output cannot be written: ENOSPC: no space left on device, write\n');
    expect([file.status, out.status]).toEqual([1, 1]);
  });

  it('has sysbench’s summary with its labels, and latency by program with the whole ladder', async () => {
    const { status, out } = await scratch.run([...SHORT, '--program=oltp_read_write']);
    expect(status).toBe(0);
    const number = String.raw`[\d,.]+`;
    for (const label of [
      'read:',
      'write:',
      'other:',
      'total:',
      'transactions:',
      'queries:',
      'ignored errors:',
      'reconnects:',
      String.raw`events/s \(eps\):`,
      'time elapsed:',
      'total number of events:',
      'min:',
      'avg:',
      'max:',
      '95th percentile:',
      'sum:',
      String.raw`events \(avg/stddev\):`,
      String.raw`execution time \(avg/stddev\):`,
    ]) {
      expect(out).toMatch(new RegExp(`^ +${label} +${number}`, 'm'));
    }
    expect(out).toMatch(
      /^ {2}program +sessions +transactions +per second +min +mean +p50 +p75 .*p99\.99 +max$/m,
    );
    expect(out).toMatch(/^ {2}oltp_read_write +1 +\d/m);
    expect(out).toContain('closed loop: from the moment when the session begins the transaction');
  });

  it('of a hundred sessions are no longer than of a few, and hold the process against its bill', async () => {
    const file = scratch.file('many.json');
    const args = ['--scenario=thousand', '--sessions=100', '--seconds=2', '--innodb-buffer-pool-size=16M'];
    const { status, out } = await scratch.run([...args, '--data-size=16M', `--json=${file}`]);
    expect(out).toContain('every invariant holds');
    expect(status).toBe(0);
    const report = JSON.parse(fs.readFileSync(file, 'utf8')) as StressReport;
    expect(report.sessions).toHaveLength(100);
    expect(report.sessionFolds.reduce((n, f) => n + f.sessions, 0)).toBe(100);
    expect(out).toMatch(/^ {2}oltp_read_write +0 +50 +\d/m);
    expect(out).toMatch(
      /holds +process memory <= bill \+ 100 MiB \(at most [\d.]+ MiB resident, the bill is/,
    );
    expect(report.processMemory?.bill.length).toBeGreaterThan(4);
  });

  it('--list has a line for every scenario and program, and nothing is started', async () => {
    const { status, out, err } = await scratch.run(['--list', '--json=/nowhere/r.json']);
    expect([status, err]).toEqual([0, '']);
    const lines = out.split('\n');
    for (const { name, doc } of [...SCENARIOS, ...BUILT_IN]) {
      const line = lines.filter((l) => l.startsWith(`  ${name} `) && l.endsWith(`  ${doc}`));
      expect(line, name).toHaveLength(1);
    }
    expect(lines).toHaveLength(SCENARIOS.length + BUILT_IN.length + 4);
  });

  it('--help lists every option with default and range, and every scenario', async () => {
    const { status, out, err } = await scratch.run(['--help']);
    expect([status, err]).toEqual([0, '']);
    const text = out.replaceAll(/\s+/g, ' ');
    for (const name of STRESS_SYSVARS) {
      expect(text).toMatch(described(name.replaceAll('_', '-')));
    }
    for (const { name, kind } of STRESS_OPTIONS) {
      expect(text).toMatch(described(name, kind === 'flag'));
    }
    for (const s of SCENARIOS) expect(text).toContain(`${s.name} ${s.doc} sets innodb-buffer-pool-size=`);
    const lines = out.split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(110);
    // What goes on in a second line stands below the first one's text.
    const scenarios = lines.slice(lines.indexOf('Scenarios:') + 1, lines.indexOf('InnoDB variables:') - 1);
    expect(scenarios.filter((line) => !/^ {2}(\S| {10,}\S)/.test(line))).toEqual([]);
    const groups = Object.keys(OPTION_GROUPS).map((title) => `${title}:`);
    expect(lines).toEqual(expect.arrayContaining(groups));
    expect(await scratch.run(['-h'])).toMatchObject({ status: 0, out });
  });
});

describe('Ctrl-C', () => {
  const LONG = [...SHORT, '--seconds=60'];

  it.each([
    ['once', 1],
    // npm hands on what the terminal has sent already.
    ['twice at one time', 2],
  ])('%s ends the run cleanly, with a report', async (_, times) => {
    const { status, out, ms } = await scratch.run(LONG, {
      signals: { from: () => scratch.hasData('whole'), at: 900, times },
    });
    expect(out).toMatch(/statements in [\d.]+ s \(interrupted\)/);
    expect(out).toContain('every invariant holds (10 checks); the run was interrupted');
    expect(status).toBe(0);
    expect(ms).toBeLessThan(SOON_MS);
  });

  it('while the data files are filled ends at once and removes them', async () => {
    const signals = { from: () => scratch.hasData('begun'), at: 200 };
    const { status, out, err, ms } = await scratch.run([...LONG, '--data-size=2G'], { signals });
    expect([status, out]).toEqual([130, '']);
    expect(err).toContain('interrupted before the run began\n');
    expect(ms).toBeLessThan(SOON_MS);
  });
});
