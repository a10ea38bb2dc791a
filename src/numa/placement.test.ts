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

  it('give each node a fallback of its own where groups are equally far, as Linux does from 5.16 on', () => {
    const pairs = [
      [10, 12, 32, 32],
      [12, 10, 32, 32],
      [32, 32, 10, 12],
      [32, 32, 12, 10],
    ];
    expect(fallbackOrder(pairs)).toEqual([
      [0, 1, 2, 3],
      [1, 0, 3, 2],
      [2, 3, 0, 1],
      [3, 2, 1, 0],
    ]);
  });

  it('count one more for a lower number, and follow the row of the node that asks', () => {
    const uneven = [
      [10, 20, 20, 20],
      [20, 10, 30, 30],
      [21, 40, 10, 22],
      [30, 30, 30, 10],
    ];
    // From node 2: 21 + 1 to node 0 is as far as 22 to node 3, and node 0 is node 1's first fallback already.
    expect(fallbackOrder(uneven)).toEqual([
      [0, 1, 2, 3],
      [1, 0, 2, 3],
      [2, 3, 0, 1],
      [3, 2, 0, 1],
    ]);
    const [near] = fallbackOrder([
      [10, 10, 10],
      [10, 10, 10],
      [10, 10, 10],
    ]);
    expect(near).toEqual([0, 1, 2]);
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

  it('stays one line whatever it is given, and names the only node where there is one', () => {
    expect(() => placementOption('--numa-policy', 'bind=0\n1', 2)).toThrow(
      /^--numa-policy=bind=0\\n1: [^\n]*such as 0,1, or all, of the nodes 0 to 1$/,
    );
    expect(() => placementOption('--numa-policy', 'bind=1', 1)).toThrow(/; NODES is 0, the only node$/);
  });

  it('is written as it is read', () => {
    for (const text of ['local', 'bind=0,2', 'interleave=0,1,2', 'preferred=1']) {
      expect(placementText(parsePlacement(text, 3))).toBe(text);
    }
  });
});
