import { describe, expect, it } from 'vitest';
import { NIL } from '../layout/schema.ts';
import { freeBlock, freeListPop } from './free-list.ts';
import { STATE } from './states.ts';
import { PoolKit } from './test-kit.ts';

const setUp = (blocks = 8) => {
  const kit = new PoolKit({ blocks });
  return {
    kit,
    pop: () => freeListPop(kit.thr, kit.inst),
    push: (b: number) => freeBlock(kit.thr, kit.inst, b),
  };
};

describe('free list (facts 1.5)', () => {
  it('hands out blocks that were never used in the order of their addresses', () => {
    const { kit, pop } = setUp();
    expect(Array.from({ length: 8 }, pop)).toEqual(kit.blocks());
    expect(pop()).toBe(NIL);
    expect([kit.val('freeFirst'), kit.val('freeLast'), kit.val('freeLen')]).toEqual([NIL, NIL, 0]);
  });

  it('takes what comes back at its head: last in, first out', () => {
    const { kit, pop, push } = setUp();
    const [a, b, c] = [pop(), pop(), pop()];
    push(a);
    push(c);
    expect([pop(), pop(), pop()]).toEqual([c, a, kit.blocks()[3]]);
    push(b);
    expect(kit.list('free')[0]).toBe(b);
  });

  it('NOT_USED in the list, READY_FOR_USE outside; nothing comes back twice', () => {
    const { kit, pop, push } = setUp();
    const block = pop();
    expect(kit.of(block, 'state')).toBe(STATE.readyForUse);
    push(block);
    expect(kit.of(block, 'state')).toBe(STATE.notUsed);
    expect(() => push(block)).toThrow(/NOT_USED cannot become NOT_USED/);
    expect(kit.findings()).toEqual([]);
  });

  it('links stay whole when it runs empty and fills again, from either side', () => {
    const { kit, pop, push } = setUp(3);
    const [a, b, c] = [pop(), pop(), pop()];
    for (const block of [b, a, c]) push(block);
    expect(kit.list('free')).toEqual([c, a, b]);
    expect(kit.val('freeLast')).toBe(b);
    expect(kit.findings()).toEqual([]);
    expect(kit.holding()).toEqual([0, 0]);
  });
});
