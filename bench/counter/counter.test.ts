import { afterEach, describe, expect, it } from 'vitest';
import { GLOBAL_CONN_MEM, THD } from '../../src/layout/session.ts';
import { getU53 } from '../../src/layout/words.ts';
import { newAhead } from '../../src/observe/connection-memory.ts';
import { COMMON_OPTIONS } from '../core/options.ts';
import { type Row, sealRow } from '../core/row.ts';
import { concludeCounter } from './conclude.ts';
import {
  CONTENDERS,
  type ContenderName,
  counterDefects,
  makeContender,
  makeCounterPlan,
  replay,
  replayWithLooks,
} from './contenders.ts';
import { CounterCase, counterFamily } from './family.ts';
import { makeSequence } from './sequence.ts';

const NAMES = Object.keys(CONTENDERS) as ContenderName[];
const STATEMENTS = 40;

describe('the sequence of allocations', () => {
  const { ops, pairs } = makeSequence(5, 0, STATEMENTS);

  it('frees what was allocated before, all of it, and nothing twice', () => {
    const live: number[] = [];
    let statements = 0;
    for (const op of ops) {
      if (op > 0) live.push(op);
      else if (op === 0) statements++;
      else {
        expect(live).toContain(-op);
        live.splice(live.indexOf(-op), 1);
      }
    }
    expect(live).toEqual([]);
    expect(statements).toBe(STATEMENTS);
    expect(pairs).toBe(ops.filter((op) => op < 0).length);
  });

  it('keeps something between statements, and repeats with its seed alone', () => {
    const held: number[] = [];
    let used = 0;
    for (const op of ops) {
      used += op;
      if (op === 0) held.push(used);
    }
    expect(Math.max(...held)).toBeGreaterThan(0);
    expect(held.at(-1)).toBe(0);
    expect(makeSequence(5, 0, STATEMENTS).ops).toEqual(ops);
    expect(makeSequence(5, 1, STATEMENTS).ops).not.toEqual(ops);
    expect(makeSequence(6, 0, STATEMENTS).ops).not.toEqual(ops);
  });
});

describe('contenders', () => {
  const { ops } = makeSequence(1, 0, STATEMENTS);
  const part = ops.subarray(0, ops.indexOf(0, ops.length >> 1) - 1);
  const inUse = part.reduce((sum, op) => sum + op, 0);

  function halfWay(name: ContenderName) {
    const plan = makeCounterPlan(2, { tracking: name === 'lazy', chunk: 1000 });
    const mem = new Int32Array(plan.buffer);
    replay(makeContender(name, plan, 1), part, 1);
    const thd = plan.thds + THD.words;
    return {
      own: getU53(mem, thd + THD.at.memCounter),
      reserved: getU53(mem, thd + THD.at.globMemCounter),
      global: getU53(mem, plan.conn + GLOBAL_CONN_MEM.at.counter),
      atomic: getU53(mem, plan.counter),
    };
  }

  it('know what is in use: at once, or with what is reserved', () => {
    expect(inUse).toBeGreaterThan(0);
    const exact = { own: inUse, reserved: 0, global: 0, atomic: 0 };
    expect(halfWay('tracking-off')).toEqual(exact);
    expect(halfWay('latch')).toEqual({ ...exact, global: inUse });
    expect(halfWay('atomic-64')).toEqual({ ...exact, atomic: inUse });
    expect(halfWay('atomic-32')).toEqual({ ...exact, own: 0, atomic: inUse });
    const lazy = halfWay('lazy');
    expect(lazy).toMatchObject({ own: inUse, atomic: 0, global: lazy.reserved });
    expect(lazy.reserved % 1000).toBe(0);
    expect(lazy.reserved).toBeGreaterThan(inUse);
  });

  it.each(NAMES)(
    '%s: everything is counted out after whole sequences, and half of one is noticed',
    (name) => {
      const plan = makeCounterPlan(2, { tracking: name === 'lazy', chunk: 1000 });
      const sessions = [0, 1].map((slot) => makeContender(name, plan, slot));
      replay(sessions[0], ops, 3);
      replay(sessions[1], ops, 1);
      expect(counterDefects(plan)).toEqual([]);
      replay(sessions[1], part, 1);
      expect(counterDefects(plan).length).toBeGreaterThan(0);
    },
  );

  it('looks see how far the lazy counter is ahead: all of a large chunk, but what is in use', () => {
    const chunk = 1 << 24;
    const plan = makeCounterPlan(1, { tracking: true, chunk });
    const seen = replayWithLooks(makeContender('lazy', plan, 0), ops, 1, plan, () => false);
    expect(seen.looks).toBe(Math.ceil(ops.length / 13));
    // Only just after a statement is less reserved than a chunk.
    expect(seen.aheadMax + seen.usedSum / seen.looks).toBeGreaterThan(chunk * 0.9);
    expect(seen.aheadMax).toBeLessThanOrEqual(chunk);
    const none = replayWithLooks(makeContender('lazy', plan, 0), ops, 1, plan, () => true);
    expect(none).toEqual(newAhead());
  });
});

describe('cases, on real threads', () => {
  const open: CounterCase[] = [];
  afterEach(async () => {
    for (const bench of open.splice(0)) await bench.close();
  });

  async function round(contender: ContenderName, chunk: number | null) {
    const bench = new CounterCase({ contender, sessions: 2, chunk, seed: 1 });
    open.push(bench);
    await bench.open();
    return bench.round(0);
  }

  it('count the latch: on each allocation and free, on some, or never', async () => {
    const name = 'LOCK_global_conn_mem_limit per 1000 allocations';
    const latch = await round('latch', null);
    const fine = await round('lazy', 1000);
    const coarse = await round('lazy', 1 << 20);
    const off = await round('tracking-off', null);
    expect(latch.extra?.[name]).toBe(2000);
    expect(off.extra?.[name]).toBe(0);
    expect(fine.extra?.[name]).toBeLessThan(2000);
    expect(coarse.extra?.[name]).toBeLessThan(Number(fine.extra?.[name]));
    expect(coarse.extra?.[name]).toBeGreaterThan(0);
    for (const { value, reference } of [latch, fine, coarse, off]) {
      expect(value).toBeGreaterThan(0);
      expect(reference).toBeGreaterThan(0);
    }
    const mean = (r: typeof fine): number => {
      const ahead = r.extra?.['ahead of the truth, bytes'];
      return typeof ahead === 'object' ? (ahead?.['mean'] ?? NaN) : NaN;
    };
    expect(mean(coarse)).toBeGreaterThan(mean(fine));
    expect(off.extra?.['ahead of the truth, bytes']).toBeUndefined();
  });
});

describe('the family', () => {
  const context = { quick: true, seed: 1, warn: () => undefined };
  const cases = async (...argv: string[]) => {
    const parsed = await counterFamily.parse(argv, COMMON_OPTIONS, context);
    if (typeof parsed === 'string') throw new Error(parsed);
    return parsed.cases.map((c) => `${c.contender}: ${c.case}`);
  };

  it('takes one chunk size and one number of sessions, as a sweep gives them, or a list of its own', async () => {
    expect(await cases('--sessions', '3', '--connection_memory_chunk_size=64K')).toEqual(
      NAMES.map((name) => `${name}: 3 sessions, chunk 64K`),
    );
    const own = await cases();
    expect(own).toContain('lazy: 2 sessions, chunk 8912');
    expect(own).toContain('latch: 1 session');
    expect(own).toHaveLength(2 * (NAMES.length + 1));
  });

  it('refuses what is out of range', async () => {
    await expect(cases('--sessions=65')).rejects.toThrow("--sessions: '65' is not an integer from 1 to 64");
    await expect(cases('--chunks=8K')).rejects.toThrow("unknown option '--chunks=8K'");
  });
});

describe('conclusions', () => {
  function row(
    contender: ContenderName,
    sessions: number,
    chunk: number | null,
    ratio: number,
    ahead = 0,
  ): Row {
    return sealRow({
      family: 'counter',
      contender,
      origin: 'ours',
      case: '',
      settings: { sessions, connection_memory_chunk_size: chunk },
      axes: {},
      seed: 1,
      environment: { node: '', v8: '', cpu: '', cores: 2, os: '', commit: '' },
      metric: '',
      unit: 'ns',
      better: 'lower',
      samples: [1, 2, 3],
      reference: [1, 2, 3],
      group: [0, 0, 0],
      extra: {
        'CPU time of a pair, ns': 20 * ratio,
        'wait for it, ns an allocation': 4 * ratio,
        'ahead of the truth, bytes': { mean: ahead, max: 2 * ahead },
        'in use, bytes': 2048,
      },
    });
  }
  const rivals = [row('tracking-off', 2, null, 1), row('latch', 2, null, 8), row('atomic-64', 2, null, 3)];

  it('say from where on it is cheap, what the rivals cost, and the price', () => {
    const text = concludeCounter([
      row('lazy', 2, 65_536, 1.08, 65_536),
      row('lazy', 2, 1024, 1.5, 4096),
      row('lazy', 2, 8912, 1.25, 8192),
      ...rivals,
    ]);
    expect(text).toContain(
      '2 sessions: over the 20.0 ns of CPU time of a pair with tracking off, the lazy counter costs +50 % at 1K, +25 % at 8912, +8 % at 64K.',
    );
    expect(text).toContain('It is within 10 % from 64K on.');
    expect(text).toContain(
      'at 8912, a latch on each 6.40 times, an atomic add on each 2.40 times its CPU time',
    );
    expect(text).toContain('4 KiB on average and 8 KiB at most at 1K');
    expect(text).toContain('(in use: 2 KiB)');
    expect(text).toContain('waited for 32 ns with the latch on each, 5 ns with the lazy counter');
  });

  it('say so when it never is, and when it is everywhere', () => {
    const at = (small: number, large: number) =>
      concludeCounter([row('lazy', 2, 1024, small), row('lazy', 2, 65_536, large), ...rivals]);
    expect(at(1.5, 1.2)).toContain('does not come within 10 % at any chunk size');
    expect(at(1.05, 1.2)).toContain('does not come within 10 %');
    expect(at(1.05, 0.9)).toContain('within 10 % at every chunk size measured');
    expect(at(1.05, 0.9)).toContain('−10 % at 64K');
    expect(concludeCounter([])).toBeNull();
    expect(concludeCounter(rivals)).toBeNull();
  });
});
