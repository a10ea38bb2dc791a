import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { ticksOf, writeClinicData } from './clinic-data.ts';
import { profiledThreads, readProfile } from './cpu-profile.ts';
import { speedscopeFile } from './speedscope.ts';
import { threadStacks } from './stacks.ts';
import { handMade, SRC } from './test-kit.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchlab-test-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const GET = `get@${SRC}/a.js:1`;
const PARK = `park_os_memory@${SRC}/sync/park-sites.js:7`;
const one = threadStacks(
  'node0-session0',
  handMade([[GET, 0], [`${GET} ${PARK}`, 2000], [`${GET} get_x@node:fs:3 read`, 3000], ['(idle)', 400], [`${GET} (garbage collector)`, 9000]], 1600), // prettier-ignore
);
const two = threadStacks('node1-session1', handMade([[`${GET} @node:fs:4`, 0]], 1000));
const three = threadStacks('node0-page-cleaner', handMade([['(idle)', 0]], 9000));

describe('ticks', () => {
  it('are whole and sum up, also of times below one', () => {
    expect(ticksOf([2000, 3000], 1000)).toEqual([2, 3]);
    expect(ticksOf([400, 400, 400, 400, 400], 1000)).toEqual([1, 1, 0, 0, 0]);
    expect(ticksOf([1900, 600, 400], 1000)).toEqual([2, 1, 0]);
    expect(ticksOf([], 1000)).toEqual([]);
    expect(ticksOf([0, 0], 1000)).toEqual([0, 0]);
  });
});

describe('clinic data', () => {
  const samples = (folder: string, name: string): { name: string; type: string }[][] =>
    JSON.parse(readFileSync(join(folder, `${name}.clinic-flame-samples`), 'utf8')) as never;

  it('has a stack for each tick, under a root frame for each thread', () => {
    const data = writeClinicData(dir, 'all', {
      threads: [one, two, three],
      show: (s) => s.doing !== 'idle',
      entryOf: (thread) => `/lab/${thread}.js`,
      root: '/lab',
    });
    expect(data).toEqual({
      folder: join(dir, 'all.clinic-flame'),
      tickUs: 1000,
      ticks: 8,
      threads: ['node0-session0', 'node1-session1'],
      latches: ['os_memory'],
    });
    const stacks = samples(data.folder, 'all').map((s) => s.map((f) => `${f.type} ${f.name}`));
    const root = 'JS node0-session0 /lab/node0-session0.js:1:1';
    const get = `JS get ${SRC}/a.js:1:5`;
    expect(stacks.slice(0, 2)).toEqual([[root, get], [root, get]]); // prettier-ignore
    expect(stacks.slice(2, 5)).toEqual(
      Array.from({ length: 3 }, () => [root, get, `JS park_os_memory ${SRC}/sync/park-sites.js:7:5`]),
    );
    // 400 and 1600 us: the larger remainder has the tick.
    expect(stacks.filter((s) => s.includes('CPP read'))).toHaveLength(0);
    expect(stacks.filter((s) => s.includes('CPP (garbage collector)'))).toHaveLength(2);
    expect(stacks[6]).toEqual([root, get, 'CPP (garbage collector)']);
    expect(stacks[7]).toEqual([
      'JS node1-session1 /lab/node1-session1.js:1:1',
      get,
      'JS anonymous node:fs:4:5',
    ]);
    const read = (file: string): unknown =>
      JSON.parse(readFileSync(join(data.folder, `all.clinic-flame-${file}`), 'utf8'));
    expect(read('inlinedfunctions')).toEqual({});
    expect(read('systeminfo')).toMatchObject({ mainDirectory: '/lab', pathSeparator: '/' });
  });

  it('of waits has only what ends in a place of waiting', () => {
    const o = { threads: [one, two, three], entryOf: () => '/lab/x.js', root: '/lab' };
    const data = writeClinicData(dir, 'waits', { ...o, show: (s) => s.doing === 'wait' });
    expect(data).toMatchObject({ ticks: 3, threads: ['node0-session0'] });
    expect(writeClinicData(dir, 'none', { ...o, show: () => false })).toMatchObject({
      ticks: 0,
      threads: [],
    });
  });

  it('of a long run has longer ticks', () => {
    const long = threadStacks('node0-session0', handMade([[GET, 0]], 250e6));
    const o = { threads: [long], show: () => true, entryOf: () => '/lab/x.js', root: '/lab' };
    expect(writeClinicData(dir, 'long', o)).toMatchObject({ tickUs: 3000, ticks: 83_333 });
  });
});

describe('a speedscope file', () => {
  const file = speedscopeFile('a run', [three, one, two], 'node0-session0');

  it('keeps to the schema in its package', () => {
    const schema = createRequire(import.meta.url)('speedscope/dist/release/file-format-schema.json') as never;
    const format = z.fromJSONSchema(schema);
    expect(() => format.parse(file)).not.toThrow();
    expect(() => format.parse({ ...file, profiles: [{ ...file.profiles[0], weights: ['1'] }] })).toThrow(
      z.ZodError,
    );
    expect(() => format.parse({ ...file, shared: {} })).toThrow(z.ZodError);
  });

  it('has a profile for each thread, in order of time', () => {
    expect(file.profiles.map((p) => p.name)).toEqual([
      'node0-page-cleaner',
      'node0-session0',
      'node1-session1',
    ]);
    expect(file.activeProfileIndex).toBe(1);
    const profile = file.profiles[1];
    expect(profile.weights).toEqual([2000, 3000, 400, 9000, 1600]);
    expect(profile.endValue).toBe(16_000);
    const { frames } = file.shared;
    expect(profile.samples.map((s) => s.map((i) => frames[i].name).join(' '))).toEqual([
      'get',
      'get park_os_memory',
      'get get_x read',
      '(idle)',
      'get (garbage collector)',
    ]);
    expect(frames.find((f) => f.name === 'get')).toEqual({
      name: 'get',
      file: `${SRC}/a.js`,
      line: 1,
      col: 5,
    });
    expect(frames.filter((f) => f.name === 'get')).toHaveLength(1);
  });
});

describe('a directory of profiles', () => {
  it('is read by node and number; what is none is named', () => {
    for (const t of ['node0-session10', 'node0-session2', 'main', 'node1-session1']) {
      writeFileSync(join(dir, `${t}.cpuprofile`), JSON.stringify(handMade([[GET, 0]])));
    }
    expect(profiledThreads(dir)).toEqual(['main', 'node0-session2', 'node0-session10', 'node1-session1']);
    expect(readProfile(dir, 'main').samples).toHaveLength(1);
    writeFileSync(join(dir, 'main.cpuprofile'), '{"nodes":3}');
    expect(() => readProfile(dir, 'main')).toThrow(/main\.cpuprofile is no CPU profile: [^\n]+$/);
    writeFileSync(join(dir, 'main.cpuprofile'), '{"nodes":');
    expect(() => readProfile(dir, 'main')).toThrow(/main\.cpuprofile is no CPU profile: [^\n]+$/);
  });
});
