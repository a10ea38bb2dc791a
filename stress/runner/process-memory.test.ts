import { expect, it } from 'vitest';
import { createEngine } from '../../src/engine.ts';
import { OS_MEMORY } from '../../src/layout/os-memory.ts';
import { WORD_BYTES } from '../../src/layout/schema.ts';
import { setU53 } from '../../src/layout/words.ts';
import { arenaBill, checkProcessMemory, type ProcessMemory, ProcessMemoryWatch } from './process-memory.ts';
import { plan, TINY } from '../test-kit.ts';

const MIB = 2 ** 20;

const memory = (change: Partial<ProcessMemory>): ProcessMemory => ({
  peakBytes: 300 * MIB,
  endBytes: 250 * MIB,
  arenaBytes: 64 * MIB,
  mainHeapBytes: 30 * MIB,
  fileBytes: 40 * MIB,
  workers: 10,
  bill: [],
  billBytes: 200 * MIB,
  samples: [],
  ...change,
});

it('the bill may be passed by 100 MiB, and by no byte more', () => {
  expect(checkProcessMemory(memory({})).violations).toEqual([]);
  const [told] = checkProcessMemory(memory({ peakBytes: 300 * MIB + 0.5 * MIB })).violations;
  expect(told).toBe('at most 300.5 MiB resident, the bill is 200.0 MiB: 0.5 MiB too much');
});

it('all of the arena is billed, but of the nodes only what was mapped', async () => {
  const share = createEngine((await plan(...TINY)).run.engine);
  const mem = new Int32Array(share.buffer);
  const [{ at }] = share.plan.osMemory;
  const areaBytes = 8 * MIB;
  const { placements } = share.plan.arena;
  const bytesOf = (pick: (name: string) => boolean): number =>
    placements.filter((p) => pick(p.name)).reduce((sum, p) => sum + p.stride * p.count * WORD_BYTES, 0);
  const isOs = (name: string): boolean => name.startsWith('os_memory[');
  const billed = (): number => arenaBill(share).reduce((sum, line) => sum + line.bytes, 0);
  setU53(mem, at + OS_MEMORY.at.peak, areaBytes);
  expect(billed()).toBe(bytesOf(() => true));
  setU53(mem, at + OS_MEMORY.at.peak, 0);
  expect(billed()).toBe(bytesOf((name) => !isOs(name)));
  setU53(mem, at + OS_MEMORY.at.peak, areaBytes / 4);
  expect(billed()).toBeCloseTo(bytesOf((name) => !isOs(name)) + bytesOf(isOs) / 4, -3);
  const pool = arenaBill(share).find((line) => line.what.startsWith('buffer pool'));
  expect(pool?.bytes).toBe(bytesOf((name) => name.startsWith('buf_pool')));
});

it('what was touched of the arena is seen, and belongs to the arena', async () => {
  const share = createEngine((await plan(...TINY, '--os-memory=256M')).run.engine);
  const watch = new ProcessMemoryWatch();
  expect(watch.result(share)).toBeNull();
  watch.started(share);
  const [{ base }] = share.plan.osMemory;
  new Int32Array(share.buffer).fill(1, base, base + (64 * MIB) / WORD_BYTES);
  const m = watch.result(share);
  expect(m?.workers).toBe(9);
  expect(m?.samples).toHaveLength(1);
  expect(m?.bill.at(-1)?.what).toBe('Node.js with 9 workers, before the first statement');
  if (m?.arenaBytes !== null) expect(m?.arenaBytes).toBeGreaterThanOrEqual(64 * MIB);
});
