import { describe, expect, it } from 'vitest';
import { applyPreset, buildCli, type ParsedOptions } from './cli.ts';
import { OptionError } from './errors.ts';
import type { OwnOption } from './own-options.ts';
import { defaults, SYSVARS } from './sysvars.ts';

const OWN = [
  { name: 'seconds', kind: 'float', default: 10, min: 0.1, max: 86400, doc: 'how long to run' },
  { name: 'sessions', kind: 'int', default: 8, min: 1, max: 1024, doc: 'sessions' },
  {
    name: 'data-size',
    kind: 'bytes',
    default: 64 * 2 ** 20,
    min: 16384,
    max: 2 ** 40,
    doc: 'size of the files',
  },
  { name: 'seed', kind: 'int', default: null, min: 0, max: Number.MAX_SAFE_INTEGER, doc: 'seed' },
  { name: 'access', kind: 'enum', default: 'zipf', choices: ['uniform', 'zipf'], doc: 'page choice' },
  { name: 'json', kind: 'path', default: null, doc: 'report file' },
  { name: 'title', kind: 'string', default: 'run', doc: 'title' },
  { name: 'quiet', kind: 'flag', doc: 'no progress' },
] as const satisfies readonly OwnOption[];

const cli = buildCli({ name: 'test', description: 'a test', own: OWN });

function options(...argv: string[]): ParsedOptions<typeof OWN> {
  const parsed = cli.parse(argv);
  if (parsed.help !== null) throw new Error('gave help');
  return parsed;
}

/** The message of the OptionError that these arguments end in. */
function complaint(...argv: string[]): string {
  let thrown: unknown;
  try {
    cli.parse(argv);
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof OptionError)) throw new Error(`was not refused: ${String(thrown)}`);
  if (thrown.exitCode === 0) throw new Error('would exit with 0');
  if (thrown.message.includes('\n')) throw new Error(`more than a line: ${thrown.message}`);
  return thrown.message;
}

describe('parse', () => {
  it('gives defaults', () => {
    expect(options()).toEqual({
      help: null,
      own: {
        seconds: 10,
        sessions: 8,
        'data-size': 67108864,
        seed: null,
        access: 'zipf',
        json: null,
        title: 'run',
        quiet: false,
      },
      sysvars: defaults(),
      explicit: new Set(),
      warnings: [],
    });
  });

  it('reads own options of every kind', () => {
    const { own, explicit } = options(
      '--seconds=0.5',
      '--sessions',
      '64',
      '--data-size=1G',
      '--seed=9007199254740991',
      '--access=uniform',
      '--json=-',
      '--title=a=b c',
      '--quiet',
    );
    expect(own).toEqual({
      seconds: 0.5,
      sessions: 64,
      'data-size': 2 ** 30,
      seed: Number.MAX_SAFE_INTEGER,
      access: 'uniform',
      json: '-',
      title: 'a=b c',
      quiet: true,
    });
    expect([...explicit].toSorted()).toEqual(OWN.map((o) => o.name).toSorted());
  });

  it('reads variables with dashes, underscores and in capitals', () => {
    expect(options('--innodb-buffer-pool-size=64M').sysvars.innodb_buffer_pool_size).toBe(67108864);
    expect(options('--innodb_buffer_pool_size', '64M').sysvars.innodb_buffer_pool_size).toBe(67108864);
    expect(options('--Innodb_Page_Hash_Locks=33').sysvars.innodb_page_hash_locks).toBe(64);
    // The value is not touched.
    expect(options('--json=A_b').own.json).toBe('A_b');
  });

  it('takes every variable of the table', () => {
    for (const v of SYSVARS) {
      const text = v.type === 'bool' ? 'ON' : '50';
      expect([...options(`--${v.option}=${text}`).explicit]).toEqual([v.name]);
    }
  });

  it('switches on by the name alone', () => {
    expect(options('--innodb-numa-interleave').sysvars.innodb_numa_interleave).toBe(true);
    expect(options('--innodb-numa-interleave', '--quiet').own.quiet).toBe(true);
    expect(options('--innodb-numa-interleave=OFF').sysvars.innodb_numa_interleave).toBe(false);
  });

  it('knows what was given, even if it is the default', () => {
    const { explicit } = options('--sessions=8', '--innodb-old-blocks-pct=37');
    expect([...explicit].toSorted()).toEqual(['innodb_old_blocks_pct', 'sessions']);
  });

  it('lets the last of a repeated option win', () => {
    expect(options('--sessions=8', '--sessions=9').own.sessions).toBe(9);
  });

  it('clamps variables and returns the warnings', () => {
    const { sysvars, warnings } = options('--innodb-lru-scan-depth=1', '--innodb-old-blocks-pct=200');
    expect(sysvars).toMatchObject({ innodb_lru_scan_depth: 100, innodb_old_blocks_pct: 95 });
    expect(warnings).toEqual([
      "1292 Truncated incorrect innodb_lru_scan_depth value: '1'",
      "1292 Truncated incorrect innodb_old_blocks_pct value: '200'",
    ]);
  });

  it('settles variables that depend on others', () => {
    expect(options('--innodb-io-capacity=5000').sysvars.innodb_io_capacity_max).toBe(10_000);
  });

  it('parses anew each time', () => {
    expect(options('--sessions=9').own.sessions).toBe(9);
    expect(options().own.sessions).toBe(8);
  });
});

describe('refusals', () => {
  it.each([
    ['--sessions=0', "--sessions: '0' is not an integer from 1 to 1024"],
    ['--sessions=1025', "--sessions: '1025' is not an integer from 1 to 1024"],
    ['--sessions=8K', "--sessions: '8K' is not an integer from 1 to 1024"],
    ['--sessions=', "--sessions: '' is not an integer from 1 to 1024"],
    ['--seconds=0', "--seconds: '0' is not a number from 0.1 to 86400"],
    ['--seconds=1e9', "--seconds: '1e9' is not a number from 0.1 to 86400"],
    ['--seconds=soon', "--seconds: 'soon' is not a number from 0.1 to 86400"],
    ['--data-size=1', "--data-size: '1' is not a number of bytes from 16K to 1T"],
    ['--data-size=2T', "--data-size: '2T' is not a number of bytes from 16K to 1T"],
    ['--seed=9007199254740992', "--seed: '9007199254740992' is not an integer from 0 to 9007199254740991"],
    ['--seed=-1', "--seed: '-1' is not an integer from 0 to 9007199254740991"],
    ['--access=gauss', "--access: 'gauss' is not one of uniform, zipf"],
    ['--json=', "--json: '' is not a file name"],
    ['--title=a\nb\0', String.raw`--title: 'a\nb\u0000' is not a text`],
  ])('%j', (argument, message) => {
    expect(complaint(argument)).toBe(message);
  });

  it('names an unknown option, and what may have been meant', () => {
    expect(complaint('--sesions=3')).toBe("unknown option '--sesions=3' (Did you mean --sessions?)");
    expect(complaint('--innodb-buffer-pol-size=3')).toContain('Did you mean --innodb-buffer-pool-size?');
    expect(complaint('--qqqqqqqqqqqq')).toBe("unknown option '--qqqqqqqqqqqq'");
    expect(complaint('-x')).toBe("unknown option '-x'");
  });

  it('names an option without its value, and a value without its option', () => {
    expect(complaint('--sessions')).toContain("'--sessions <n>' argument missing");
    expect(complaint('8')).toBe("unexpected argument '8'");
    expect(complaint('--quiet', 'yes')).toBe("unexpected argument 'yes'");
    expect(complaint('--quiet=yes')).toContain('--quiet');
  });

  it('passes on MySQL’s errors', () => {
    expect(complaint('--innodb-lru-scan-depth=deep')).toContain(
      "1232 Incorrect argument type to variable 'innodb_lru_scan_depth'",
    );
    expect(complaint('--innodb-numa-interleave=2')).toContain('1231 Variable');
  });

  it('keeps to the variables that a program takes', () => {
    const small = buildCli({ name: 't', description: 'd', own: [], sysvars: ['innodb_old_blocks_pct'] });
    expect(small.parse(['--innodb-old-blocks-pct=50'])).toMatchObject({
      sysvars: { innodb_old_blocks_pct: 50 },
    });
    expect(() => small.parse(['--innodb-io-capacity=100'])).toThrow(OptionError);
  });
});

describe('--help', () => {
  const text = cli.parse(['--help']).help ?? '';
  /** Lines of an option joined, since long ones are wrapped. */
  const flat = text.replace(/\s+/g, ' ');

  it('lists every option with default and range, in groups', () => {
    expect(cli.parse(['-h']).help).toBe(text);
    for (const v of SYSVARS) expect(text).toContain(`--${v.option} `);
    for (const o of OWN) expect(text).toContain(`--${o.name} `);
    const groups = ['InnoDB variables:', 'Connection memory:', 'Run:'].map((g) => text.indexOf(g));
    expect(Math.min(...groups)).toBeGreaterThan(0);
    expect(groups).toEqual(groups.toSorted((a, b) => a - b));
    expect(text.indexOf('--connection-memory-limit')).toBeGreaterThan(groups[1]);
    expect(text.indexOf('--seconds')).toBeGreaterThan(groups[2]);
    expect(flat).toContain('(default 128M; bytes, also with K, M, G or T: 5M ... 18446744073709551615)');
    expect(flat).toContain('how long to run (default 10; a number from 0.1 to 86400)');
    expect(flat).toContain('page choice (default zipf; one of uniform, zipf)');
    expect(flat).toContain('report file (default none; a file name)');
    expect(flat.match(/\(default /g)).toHaveLength(SYSVARS.length + OWN.length);
  });

  it('fits a wide terminal', () => {
    expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(110);
  });
});

describe('applyPreset', () => {
  it('fills in what the user did not give', () => {
    const parsed = options('--sessions=3', '--innodb-old-blocks-pct=50');
    const merged = applyPreset(parsed, {
      own: { sessions: 64, seconds: 2 },
      sysvars: { innodb_old_blocks_pct: 5, innodb_io_capacity: 4000 },
    });
    expect(merged.own).toMatchObject({ sessions: 3, seconds: 2, access: 'zipf' });
    expect(merged.sysvars).toMatchObject({
      innodb_old_blocks_pct: 50,
      innodb_io_capacity: 4000,
      innodb_io_capacity_max: 8000,
    });
    expect(parsed.own.seconds).toBe(10);
  });

  it('keeps warnings, once each', () => {
    const argv = [
      '--innodb-max-dirty-pages-pct=5',
      '--innodb-max-dirty-pages-pct-lwm=7',
      '--innodb-io-capacity=1',
    ];
    const parsed = options(...argv);
    expect(parsed.warnings).toHaveLength(2);
    expect(applyPreset(parsed, {}).warnings).toEqual(parsed.warnings);
  });
});
