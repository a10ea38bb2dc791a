import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { firstDifference } from '../controlled/compare.ts';
import { ReplayStrategy } from '../search/replay.ts';
import { Host } from '../transform/host.ts';
import { compareSchedules, type Conformity, Pair, runConformance } from './run-conformance.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const SCENARIOS = fileURLToPath(new URL('../controlled/test-scenarios.ts', import.meta.url));
const host = new Host(ROOT);

describe('the simulator does what V8 does', () => {
  let rows: Conformity[];
  const row = (name: string): Conformity | undefined => rows.find((r) => r.name === name);

  beforeAll(async () => {
    rows = await runConformance(host);
  });

  it('in every program', () => {
    expect(rows.filter((r) => !r.equal)).toEqual([]);
    expect(rows.length).toBeGreaterThan(250);
  });

  it('where the programs say something', () => {
    expect(row('one by one')?.v8).toBe("'ok' 0, 'ok' 1, 'ok' 2, 1,1,1,0,0");
    expect(row('who sleeps again is last')?.v8).toBe("'ok' 0, 'ok' 2, 'ok' 1, 1,1,1,0");
    expect(row('timed out in the order of deadlines')?.v8).toBe(
      "'timed-out' 2, 'timed-out' 0, 'timed-out' 1",
    );
    expect(row('store: operands of Int8Array')?.v8).toMatch(/^0 0, 1 1, -1 -1, 2 2, 127 127, 128 -128/);
    expect(row('wait: no such arrays')?.v8).toMatch(/^(TypeError, )+TypeError$/);
    expect(row('isLockFree')?.v8).toBe('false,true,true,false,true,false,true,false,true,false,false');
  });
});

describe('schedules on real threads', () => {
  it('go as in the simulator, step for step', async () => {
    const pair = await Pair.of(host, SCENARIOS);
    for (const scenario of [
      'mutex',
      'lost-wakeup',
      'fifo',
      'timers',
      'death-asleep',
      'own-memory',
      'counter',
      'world',
    ]) {
      expect(await compareSchedules(pair, scenario, 8, 1), scenario).toEqual([]);
    }
  });

  it('go as in the simulator where plain accesses are points', async () => {
    const pair = await Pair.of(host, SCENARIOS, 'all');
    for (const scenario of ['mutex', 'callback', 'spin']) {
      expect(await compareSchedules(pair, scenario, 8, 1), scenario).toEqual([]);
    }
    pair.open('mutex');
    const { steps } = await pair.real('mutex', []);
    expect(steps.map((s) => s.kind).slice(0, 4)).toEqual(['cas', 'read', 'write', 'rmw']);
  });

  it('are told apart when they do not', async () => {
    const pair = await Pair.of(host, SCENARIOS);
    pair.open('no-mutex');
    const { finding, steps } = pair.simulate(new ReplayStrategy([{ thread: 0, op: 1, to: 1, what: 0 }]));
    expect(finding?.kind).toBe('check');
    const other = await pair.real('no-mutex', []);
    expect(firstDifference('check', steps, other)).toBe(
      'step 1: 1.0 load word 1 = 0 in the simulator, 0.1 store word 1 := 1 on real threads',
    );
    expect(firstDifference('check', other.steps, other)).toBe(
      'the simulator ended with check, real threads with completed',
    );
    const hung = { ...other, outcome: 'hung' } as const;
    expect(firstDifference('livelock', other.steps, hung)).toBe(null);
    expect(firstDifference(null, other.steps, other, '0, 7')).toBe(
      'outcome 0, 7 in the simulator, 0, 1 on real threads',
    );
    expect(firstDifference('race', other.steps.slice(0, 2), other)).toBe(null);
    expect(firstDifference(null, other.steps.slice(0, 2), other)).toBe(
      'the simulator never did 1.0 load word 1 = 1',
    );
    expect(firstDifference(null, [...other.steps, other.steps[0]], other)).toBe(
      'real threads never did 0.0 load word 1 = 0',
    );
  });
});
