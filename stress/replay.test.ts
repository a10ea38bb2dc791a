import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { replayTrace } from '../src/session/program/replay.ts';

const CLI = new URL('../dist/stress/replay.js', import.meta.url).pathname;
let dir = '';
const file = (name: string): string => join(dir, name);
const pages = Uint32Array.from({ length: 3000 }, (_, i) => (i * 7919) % 700);

function run(...args: string[]): { status: number | null; out: string; err: string } {
  const r = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 30_000 });
  return { status: r.status, out: r.stdout, err: r.stderr };
}

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchlab-replay-'));
  writeFileSync(file('small.u32.gz'), gzipSync(new Uint8Array(pages.buffer)));
  writeFileSync(file('plain.u32.gz'), new Uint8Array(pages.buffer));
  writeFileSync(file('short.u32.gz'), readFileSync(file('small.u32.gz')).subarray(0, 200));
  const row = { blocks: 100, oldBlocksPct: 37, oldBlocksTimeMs: 1000, usPerAccess: 100 };
  const { blocks, gets_per_second: _, ...rest } = replayTrace(pages, row);
  const good = { blocks, ...rest };
  const bad = { ...good, hits: good.hits + 1, evict_crc32: '00000000' };
  const expected = { traces: { small: { file: 'small.u32.gz', innodb: [good, bad] } } };
  writeFileSync(file('expected.json'), JSON.stringify(expected));
  writeFileSync(
    file('good.json'),
    JSON.stringify({ traces: { small: { file: 'small.u32.gz', innodb: [good] } } }),
  );
  writeFileSync(file('lost.json'), JSON.stringify({ traces: { x: { file: 'lost.gz', innodb: [] } } }));
  writeFileSync(file('shape.json'), JSON.stringify({ traces: { small: { file: 1 } } }));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('npm run replay', () => {
  it('prints the fields of a row, as text and as JSON', () => {
    const args = ['--trace', file('small.u32.gz'), '--blocks', '100', '--us-per-access', '10'];
    expect(run(...args).out).toMatch(/^misses +\d+$/m);
    const json = JSON.parse(run(...args, '--json', '-').out) as Record<string, unknown>;
    const direct = replayTrace(pages, {
      blocks: 100,
      oldBlocksPct: 37,
      oldBlocksTimeMs: 1000,
      usPerAccess: 10,
    });
    expect(json).toEqual({ ...direct, gets_per_second: json['gets_per_second'] });
  });

  it('checks rows, with a line for each that differs, and says so in its exit status', () => {
    expect(run('--expected', file('good.json'))).toMatchObject({ status: 0 });
    const r = run('--expected', file('expected.json'), '--json', file('out.json'));
    expect(r.status).toBe(1);
    expect(r.out).toMatch(
      /^small: blocks 100, .*: hits \d+, expected \d+; evict_crc32 \w+, expected 00000000$/m,
    );
    expect(r.out).toMatch(/^1 of 2 rows agree/m);
    expect(JSON.parse(readFileSync(file('out.json'), 'utf8'))).toMatchObject({ rows: 2, agreed: 1 });
  });

  it.each([
    ['no trace', [], '--trace=FILE is missing (or --expected=FILE)'],
    ['no size', ['--trace', 'small.u32.gz'], '--blocks=N is missing; allowed are 16 to 16777216'],
    ['unknown option', ['--bloks', '3'], "unknown option '--bloks' (Did you mean --blocks?)"],
    ['a size out of range', ['--trace', 'small.u32.gz', '--blocks', '3'], /--blocks.*3.*16.*16777216/],
    ['a missing trace', ['--trace', 'none.gz', '--blocks', '99'], /none\.gz.*no such file/],
    ['a truncated trace', ['--trace', 'short.u32.gz', '--blocks', '99'], /short\.u32\.gz/],
    ['a trace that is no gzip', ['--trace', 'plain.u32.gz', '--blocks', '99'], /plain\.u32\.gz.*gzip/],
    ['a missing expectation', ['--expected', 'none.json'], /--expected=.*none\.json.*cannot be read/],
    ['one that is no JSON', ['--expected', 'small.u32.gz'], /is not JSON/],
    ['one of another shape', ['--expected', 'shape.json'], /shape\.json: traces\.small\.file/],
    ['one whose trace is missing', ['--expected', 'lost.json'], /the trace x is missing: .*lost\.gz/],
    [
      'options of both kinds',
      ['--expected', 'good.json', '--blocks', '99'],
      '--blocks does not go with --expected',
    ],
  ])('refuses %s in one line', (_, args, message) => {
    const r = run(...args.map((a) => (/^[a-z].*\./.test(a) ? file(a) : a)));
    expect(r.status).toBe(2);
    expect(r.err.trim().split('\n')).toHaveLength(1);
    expect(r.err.trim()).toMatch(message instanceof RegExp ? message : new RegExp(escape(message)));
    expect(r.out).toBe('');
  });

  it('lists every option with --help', () => {
    const help = execFileSync(process.execPath, [CLI, '--help'], { encoding: 'utf8' });
    for (const name of [
      'trace',
      'blocks',
      'old-blocks-pct',
      'old-blocks-time',
      'us-per-access',
      'expected',
      'json',
    ]) {
      expect(help).toContain(`--${name} `);
    }
  });
});

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
