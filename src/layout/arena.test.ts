import { describe, expect, it } from 'vitest';
import { allocateArena, ArenaPlanner, MAX_ARENA_BYTES, nodeOf, placementOf } from './arena.ts';
import { BUF_BLOCK, BUF_POOL } from './buffer.ts';
import { LINE_WORDS, NIL } from './schema.ts';
import { CONTROL, THREAD } from './thread.ts';

function example() {
  const planner = new ArenaPlanner();
  const control = planner.place('control', CONTROL);
  const threads = planner.place('threads', THREAD, 3);
  planner.openNode();
  const pool = planner.place('pool', BUF_POOL);
  const cells = planner.placeWords('cells', 1, 17);
  planner.openNode();
  const blocks = planner.place('blocks', BUF_BLOCK, 5);
  const frames = planner.placeWords('frames', 4096, 5, 4096, '16 KiB each');
  return { plan: planner.finish(), control, threads, pool, cells, blocks, frames };
}

describe('arena plan', () => {
  it('leaves the first line blank, so that address 0 is nobody’s', () => {
    const { control, plan } = example();
    expect(NIL).toBe(0);
    expect(control).toBe(LINE_WORDS);
    expect(placementOf(plan, 0)).toBeUndefined();
  });

  it('overlaps nothing, and lets no two placements share a line', () => {
    const { plan } = example();
    let line = 0;
    for (const p of plan.placements) {
      expect([p.name, p.at % LINE_WORDS]).toEqual([p.name, 0]);
      expect(p.at / LINE_WORDS).toBeGreaterThan(line);
      line = Math.floor((p.at + p.stride * p.count - 1) / LINE_WORDS);
    }
    expect(plan.words).toBe((line + 1) * LINE_WORDS);
  });

  it('keeps alignments that are larger than a line', () => {
    const { frames, plan } = example();
    expect(frames % 4096).toBe(0);
    expect(plan.words).toBe(frames + 5 * 4096);
  });

  it('knows the node of each address; regions start on pages of 4 KiB', () => {
    const { plan, control, threads, pool, cells, blocks, frames } = example();
    expect([control, threads, pool, cells, blocks, frames].map((at) => nodeOf(plan, at))).toEqual([
      -1, -1, 0, 0, 1, 1,
    ]);
    expect(plan.nodeStart.map((at) => at % 1024)).toEqual([0, 0]);
    expect([nodeOf(plan, plan.nodeStart[1] - 1), nodeOf(plan, plan.nodeStart[1])]).toEqual([0, 1]);
    expect(plan.placements.map((p) => p.node)).toEqual([-1, -1, 0, 0, 1, 1]);
  });

  it('knows the placement of each address', () => {
    const { plan, threads, cells, blocks } = example();
    expect(placementOf(plan, threads)).toMatchObject({
      name: 'threads',
      record: 'Thread',
      stride: THREAD.words,
    });
    expect(placementOf(plan, threads + 3 * THREAD.words - 1)?.name).toBe('threads');
    expect(placementOf(plan, blocks - 1)?.name).not.toBe('blocks');
    expect(placementOf(plan, cells + 17)).toBeUndefined();
    expect(placementOf(plan, cells)).not.toHaveProperty('record');
  });

  it('survives being sent to a worker', () => {
    const { plan } = example();
    expect(structuredClone(plan)).toEqual(plan);
  });
});

describe('allocateArena', () => {
  it('reserves what the plan says, all zero', () => {
    const { plan } = example();
    const buffer = allocateArena(plan);
    expect(buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(buffer.byteLength).toBe(plan.words * 4);
    expect(new Int32Array(buffer).every((w) => w === 0)).toBe(true);
  });

  it('refuses more than its addresses can reach', () => {
    const plan = { ...example().plan, words: MAX_ARENA_BYTES / 4 + 16 };
    expect(() => allocateArena(plan)).toThrow(/the arena would take 4294967360 bytes, more than 4294967296/);
  });
});
