import { describe, expect, it } from 'vitest';
import { OptionError } from '../config/errors.ts';
import { NUMA_TOPOLOGY } from '../layout/numa.ts';
import { MAX_NODES } from '../layout/thread.ts';
import {
  accessCostNs,
  asymmetries,
  distancesFrom,
  parseDistance,
  topologyInit,
  uniformDistance,
} from './topology.ts';

describe('distances', () => {
  it('are 10 to oneself and 21 to others unless told, for 1 to 8 nodes', () => {
    expect(uniformDistance(3)).toEqual([
      [10, 21, 21],
      [21, 10, 21],
      [21, 21, 10],
    ]);
    for (let nodes = 1; nodes <= MAX_NODES; nodes++) {
      const matrix = uniformDistance(nodes);
      expect(matrix.flat().filter((d) => d === 10)).toHaveLength(nodes);
      expect(matrix.flat()).toHaveLength(nodes * nodes);
    }
  });

  it('cost: all of the price at 21, nothing at 10, in proportion between and beyond', () => {
    expect([10, 21, 32, 16].map((d) => accessCostNs(1100, d))).toEqual([0, 1100, 2200, 600]);
  });

  it('lie in the arena by row from and column to', () => {
    const mem = new Int32Array(NUMA_TOPOLOGY.words + 16);
    topologyInit(mem, 16, [
      [10, 20, 30],
      [21, 10, 31],
      [22, 32, 10],
    ]);
    expect(mem[16 + NUMA_TOPOLOGY.at.nodes]).toBe(3);
    expect([...mem.subarray(distancesFrom(16, 1), distancesFrom(16, 1) + 4)]).toEqual([21, 10, 31, 0]);
    expect(mem[distancesFrom(16, 2) + 1]).toBe(32);
    expect(() => topologyInit(mem, 16, uniformDistance(9))).toThrow(RangeError);
    expect(() => topologyInit(mem, 16, [[10, 21], [21]])).toThrow(RangeError);
  });
});

describe('--numa-distance', () => {
  it('is one distance for all remote nodes, or a row for each node', () => {
    expect(parseDistance('31', 3)).toEqual(uniformDistance(3, 31));
    expect(parseDistance('31', 1)).toEqual([[10]]);
    expect(parseDistance('10', 1)).toEqual([[10]]);
    expect(parseDistance('10, 21; 31 ,10', 2)).toEqual([
      [10, 21],
      [31, 10],
    ]);
    expect(parseDistance('10,254;10,10', 2)).toEqual([
      [10, 254],
      [10, 10],
    ]);
  });

  it('is refused in one line, whatever was given, with an example of so many nodes', () => {
    expect(() => parseDistance('x', 1)).toThrow(/, or 1 row of 1 \(10\), 10 from a node to itself$/);
    expect(() => parseDistance('x', 3)).toThrow(/ or 3 rows of 3 \(10,21,21;21,10,21;21,21,10\), 10 from/);
    expect(() => parseDistance('x', 8)).toThrow(/ or 8 rows of 8, 10 from/);
    expect(() => parseDistance('10,x\ny', 2)).toThrow(
      /^--numa-distance=10,x\\ny: 'x\\ny' is no distance; [^\n]*$/,
    );
  });

  it('may be asymmetric, which is said', () => {
    expect(asymmetries(parseDistance('10,21,30;21,10,22;31,22,10', 3))).toEqual([
      'from node 0 to 2 it is 30, from 2 to 0 31',
    ]);
    expect(asymmetries(uniformDistance(4))).toEqual([]);
  });

  it.each([
    ['', 2, "'' is no distance"],
    ['9', 2, "'9' is no distance"],
    ['255', 2, "'255' is no distance"],
    ['2.5', 2, "'2.5' is no distance"],
    ['-21', 2, "'-21' is no distance"],
    ['1e1', 2, "'1e1' is no distance"],
    ['10,21', 2, 'there are 1 rows'],
    ['10,21;21,10;21,21', 2, 'there are 3 rows'],
    ['10,21;21', 2, 'row 1 has 1 columns'],
    ['10,21;21,10,21', 2, 'row 1 has 3 columns'],
    ['10,21;21,11', 2, 'node 1 is 11 from itself, not 10'],
    ['10,21;;21,10', 2, "'' is no distance"],
  ])('"%s" for %i nodes is refused in one line', (text, nodes, why) => {
    const parse = (): unknown => parseDistance(text, nodes);
    expect(parse).toThrow(OptionError);
    expect(parse).toThrow(
      `--numa-distance=${text}: ${why}; allowed are one distance of 10 to 254 for all remote nodes, ` +
        'or 2 rows of 2 (10,21;21,10), 10 from a node to itself',
    );
  });
});
