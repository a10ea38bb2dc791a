import { describe, expect, it } from 'vitest';
import { MAX_NODES } from '../layout/thread.ts';
import { interleaveAll, isInterleavedOverAll, localNuma } from './config.ts';
import { placePool } from './pool-placement.ts';
import { uniformDistance } from './topology.ts';

const place = (text: Parameters<typeof placePool>[2], nodes = 4, instances = 4, chunks = 2) =>
  placePool(instances, chunks, text, uniformDistance(nodes));

describe('where the pool lies', () => {
  it('local: instances on nodes in turn, their chunks with them', () => {
    expect(place({ policy: 'local' }, 3)).toEqual({
      homes: [0, 1, 2, 0],
      chunks: [
        [0, 0],
        [1, 1],
        [2, 2],
        [0, 0],
      ],
    });
  });

  it('bind: on the listed nodes only', () => {
    const { homes, chunks } = place({ policy: 'bind', nodes: [3, 1, 3] });
    expect(homes).toEqual([1, 3, 1, 3]);
    expect(chunks.flat()).toEqual([1, 1, 3, 3, 1, 1, 3, 3]);
  });

  it('preferred: on that node', () => {
    expect(place({ policy: 'preferred', node: 2 })).toEqual({
      homes: [2, 2, 2, 2],
      chunks: Array.from({ length: 4 }, () => [2, 2]),
    });
  });

  it('interleave: chunk by chunk on the next node, through all instances', () => {
    const { homes, chunks } = place({ policy: 'interleave', nodes: [2, 0, 1] }, 4, 3, 2);
    expect(homes).toEqual([0, 1, 2]);
    expect(chunks).toEqual([
      [0, 1],
      [2, 0],
      [1, 2],
    ]);
  });

  it('innodb_numa_interleave spreads chunks over 1 to 8 nodes, evenly', () => {
    for (let nodes = 1; nodes <= MAX_NODES; nodes++) {
      const { chunks } = place(interleaveAll(nodes), nodes, nodes, 3);
      for (let node = 0; node < nodes; node++) {
        expect(chunks.flat().filter((n) => n === node)).toHaveLength(3);
      }
    }
  });

  it('refuses nodes that do not exist', () => {
    expect(() => place({ policy: 'bind', nodes: [4] })).toThrow('there is no node 4');
  });

  it('knows what innodb_numa_interleave is', () => {
    const numa = localNuma(3);
    const interleaved = (nodes: number[]): boolean =>
      isInterleavedOverAll({ ...numa, pool: { policy: 'interleave', nodes } });
    expect([isInterleavedOverAll(numa), interleaved([0, 1]), interleaved([2, 0, 1])]).toEqual([
      false,
      false,
      true,
    ]);
  });
});
