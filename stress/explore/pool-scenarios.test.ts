/** The pool's scenarios without any exploration: their threads one after another, in every order. */
import { describe, expect, it } from 'vitest';
import type { Ctx, Scenario } from '../../src/explore/types.ts';
import { BUF_BLOCK } from '../../src/layout/buffer.ts';
import { checkPool, dirty, makePool, onPool, readPage, type TinyPool } from './pool-kit.ts';
import { poolModel } from './pool-model.ts';
import { scenarios as batch } from './scenarios/pool-batch.ts';
import { scenarios as evict } from './scenarios/pool-evict.ts';
import { scenarios as flush } from './scenarios/pool-flush.ts';
import { scenarios as free } from './scenarios/pool-free.ts';
import { scenarios as get } from './scenarios/pool-get.ts';
import { scenarios as hash } from './scenarios/pool-hash.ts';
import { scenarios as hazard } from './scenarios/pool-hazard.ts';

const ALL = [...get, ...evict, ...flush, ...hash, ...hazard, ...batch, ...free];

function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((p) =>
    Array.from({ length: n }, (_, i) => [...p.slice(0, i), n - 1, ...p.slice(i)]),
  );
}

const context = (s: TinyPool, id: number): Ctx<TinyPool> => ({
  id,
  m: s.mem,
  s,
  call: () => undefined,
  ret: (result) => result,
});

function play(scenario: Scenario<TinyPool>, order: readonly number[]): void {
  const s = scenario.setup?.(new Int32Array(0));
  if (s === undefined) throw new Error(`${scenario.name} has no set-up`);
  const results: unknown[] = [];
  for (const id of order) results[id] = scenario.threads[id](context(s, id));
  scenario.invariant?.(s.mem, s);
  scenario.check?.(s.mem, s, results);
}

describe('scenarios of the buffer pool, threads one after another', () => {
  it('names are unique', () => {
    expect(new Set(ALL.map((s) => s.name)).size).toBe(ALL.length);
  });

  it.each(ALL.map((scenario) => [scenario.name, scenario] as const))('%s', (name, scenario) => {
    for (const order of permutations(scenario.threads.length)) {
      // The page cleaner goes on until another thread stops it.
      if (name === 'pool-batch-cleaner' && order[0] === 0) continue;
      play(scenario, order);
    }
  });
});

describe('what the check at the end sees', () => {
  const made = (): TinyPool => {
    const k = makePool({ blocks: 2, pages: 2, threads: 1 }, 0, 1);
    dirty(k, 0);
    return k;
  };
  const block = (k: TinyPool, page: number): number => k.blockOf(page);

  it('nothing, when all is well', () => {
    expect(() => checkPool(new Int32Array(0), made())).not.toThrow();
  });

  const wrong: [string, (k: TinyPool) => void, RegExp][] = [
    ['a fix left over', (k) => k.mem[block(k, 0) + BUF_BLOCK.at.fixCount]++, /fix count 1 at rest/],
    ['a lost dirty flag', (k) => (k.mem[block(k, 0) + BUF_BLOCK.at.oldestModification] = 0), /flush list/],
    ['a torn page', (k) => k.mem[k.mem[block(k, 0) + BUF_BLOCK.at.frame] + 2]++, /torn/],
    ['a lost change', (k) => k.mem[k.file.ledger + 1]++, /page 1 is at 0, the last change made it 1/],
    ['a latch held', (k) => (k.mem[k.inst.lruListMutex] = 2), /lruListMutex is held by thread 1/],
  ];
  it.each(wrong)('%s', (_, spoil, message) => {
    const k = made();
    spoil(k);
    expect(() => checkPool(new Int32Array(0), k)).toThrow(message);
  });

  it('a reader sees another page in the frame', () => {
    const k = made();
    k.mem[k.mem[block(k, 1) + BUF_BLOCK.at.frame] + 1] = 7;
    expect(() => readPage(context(k, 0), 1)).toThrow('asked for page 1, got a frame of page 7');
  });

  it('a write without the latch that guards the word', () => {
    const k = made();
    const rule = (field: 'ioFix' | 'fixCount' | 'state', value: number) => () =>
      onPool.onWrite(k.mem, k, block(k, 0) + BUF_BLOCK.at[field], value, 0);
    expect(rule('ioFix', 1)).toThrow('written by thread 0 without buf_pool[0].blocks[0].mutex');
    expect(rule('fixCount', -1)).toThrow('fixCount became -1');
    expect(rule('state', 7)).toThrow('without');
    expect(rule('state', 5)).not.toThrow();
  });
});

describe('the model of the pool', () => {
  it('a read sees the last change, a change adds one', () => {
    expect(poolModel.step([0, 0], 'change', [1], 1)).toEqual([0, 1]);
    const one = [0, 0, 0, 1];
    expect(poolModel.step(one, 'read', [3], 1)).toBe(one);
    expect(poolModel.step(one, 'read', [3], 0)).toBeNull();
    expect(poolModel.step(one, 'change', [3], 1)).toBeNull();
    expect(poolModel.step(one, 'read', [0], 0)).toBe(one);
  });
});
