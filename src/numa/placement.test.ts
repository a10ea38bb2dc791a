import { describe, expect, it } from 'vitest';
import { OptionError } from '../config/errors.ts';
import { fallbackOrder, parsePlacement, placementOption, placementText, TaskPolicy } from './placement.ts';
import { uniformDistance } from './topology.ts';

describe('distances', () => {
  it('order the fallback: nearest first, of equals the next numbers, then the lower ones', () => {
    expect(fallbackOrder(uniformDistance(4))).toEqual([
      [0, 1, 2, 3],
      [1, 2, 3, 0],
      [2, 3, 0, 1],
      [3, 0, 1, 2],
    ]);
    const ring = [
      [10, 16, 32, 16],
      [16, 10, 16, 32],
      [32, 16, 10, 16],
      [16, 32, 16, 10],
    ];
    expect(fallbackOrder(ring)[2]).toEqual([2, 3, 1, 0]);
  });
});

describe('policies', () => {
  const policy = new TaskPolicy(uniformDistance(4));

  it('local is what a task begins with', () => {
    expect(policy.get()).toEqual({ policy: 'local' });
    expect(policy.next(2)).toEqual([2, 3, 0, 1]);
  });

  it('bind keeps to its nodes, nearest to the task first', () => {
    policy.set({ policy: 'bind', nodes: [3, 0, 3] });
    expect([policy.next(1), policy.next(0), policy.next(3)]).toEqual([
      [3, 0],
      [0, 3],
      [3, 0],
    ]);
  });

  it('preferred begins with its node, whoever asks', () => {
    policy.set({ policy: 'preferred', node: 1 });
    expect([policy.next(3), policy.next(1)]).toEqual([
      [1, 2, 3, 0],
      [1, 2, 3, 0],
    ]);
  });

  it('interleave goes round in ascending order, and begins anew when it is set', () => {
    policy.set({ policy: 'interleave', nodes: [3, 1, 0] });
    expect(Array.from({ length: 5 }, () => policy.next(2)[0])).toEqual([0, 1, 3, 0, 1]);
    expect(policy.next(2)).toEqual([3, 0, 1, 2]);
    policy.next(2);
    policy.set({ policy: 'interleave', nodes: [0, 1] });
    expect(policy.next(2)[0]).toBe(0);
  });

  it('refuse nodes that do not exist, and none', () => {
    expect(() => policy.set({ policy: 'bind', nodes: [1, 4] })).toThrow('there is no node 4');
    expect(() => policy.set({ policy: 'preferred', node: -1 })).toThrow('there is no node -1');
    expect(() => policy.set({ policy: 'interleave', nodes: [] })).toThrow('policy interleave names no node');
    expect(policy.get()).toEqual({ policy: 'interleave', nodes: [0, 1] });
  });
});

describe('the spelling of numactl', () => {
  it('is read', () => {
    expect(parsePlacement('local', 2)).toEqual({ policy: 'local' });
    expect(parsePlacement('bind=0,2-3', 4)).toEqual({ policy: 'bind', nodes: [0, 2, 3] });
    expect(parsePlacement('interleave=all', 3)).toEqual({ policy: 'interleave', nodes: [0, 1, 2] });
    expect(parsePlacement('preferred=1', 2)).toEqual({ policy: 'preferred', node: 1 });
  });

  it.each(['', 'local=1', 'bind', 'bind=', 'bind=2', 'bind=1-0', 'bind=x', 'preferred=0-1', 'first'])(
    'is refused when it is wrong: "%s"',
    (text) => {
      expect(() => parsePlacement(text, 2)).toThrow(RangeError);
    },
  );
});

describe('an option', () => {
  it('is refused in one line', () => {
    expect(placementOption('--numa-policy', 'preferred=2', 3)).toEqual({ policy: 'preferred', node: 2 });
    const refused = (): unknown => placementOption('--numa-policy', 'bind=4', 4);
    expect(refused).toThrow(OptionError);
    expect(refused).toThrow(
      '--numa-policy=bind=4: allowed are local, bind=NODES, interleave=NODES and preferred=NODE; ' +
        'NODES is a list such as 0,1-3, or all, of the nodes 0 to 3',
    );
  });

  it('is written as it is read', () => {
    for (const text of ['local', 'bind=0,2', 'interleave=0,1,2', 'preferred=1']) {
      expect(placementText(parsePlacement(text, 3))).toBe(text);
    }
  });
});
