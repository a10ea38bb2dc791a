import { describe, expect, it } from 'vitest';
import { cellArgv, cellsOf, readShard, shardOf, takeMatrix } from './matrix.ts';

describe('takeMatrix', () => {
  it('takes both forms out of the command line and leaves the rest in order', () => {
    const { axes, rest } = takeMatrix(['--a', '1', '--matrix', 'x=1,2', '--b', '--matrix=--Y_z=on,off']);
    expect(axes).toEqual([
      { name: 'x', values: ['1', '2'] },
      { name: 'y-z', values: ['on', 'off'] },
    ]);
    expect(rest).toEqual(['--a', '1', '--b']);
  });

  it.each([
    [['--matrix'], "--matrix: '' is not NAME=VALUE,VALUE,…"],
    [['--matrix', 'x'], "--matrix: 'x' is not NAME=VALUE,VALUE,…"],
    [['--matrix', 'x=1,,2'], "--matrix: 'x=1,,2' is not NAME=VALUE,VALUE,…"],
    [['--matrix', 'x=1,1'], "--matrix: 'x=1,1' names a value twice"],
    [['--matrix', 'x=1', '--matrix', 'X=2'], "--matrix: 'x' is there twice"],
  ])('refuses %j', (argv, message) => {
    expect(() => takeMatrix(argv)).toThrow(message);
  });

  it('refuses more cells than anybody can wait for', () => {
    const many = Array.from({ length: 101 }, (_, i) => i).join(',');
    expect(() => takeMatrix(['--matrix', `a=${many}`, '--matrix', `b=${many}`])).toThrow('10000');
  });
});

describe('cells', () => {
  const axes = [
    { name: 'a', values: ['1', '2'] },
    { name: 'b', values: ['x', 'y', 'z'] },
  ];

  it('are all combinations, the last axis runs fastest', () => {
    expect(cellsOf(axes).map((c) => c.join(''))).toEqual(['1x', '1y', '1z', '2x', '2y', '2z']);
    expect(cellArgv(axes, ['2', 'y'])).toEqual(['--a=2', '--b=y']);
  });

  it('without an axis there is one', () => {
    expect(cellsOf([])).toEqual([[]]);
  });

  it.each([1, 2, 3, 4, 5, 6, 7])('%i shards are the whole, and none overlaps', (of) => {
    const cells = cellsOf(axes).map((c) => c.join(''));
    const parts = Array.from({ length: of }, (_, i) => shardOf(cells, { index: i + 1, of }));
    expect(parts.flat().toSorted((a, b) => a.localeCompare(b))).toEqual(cells);
    expect(Math.max(...parts.map((p) => p.length)) - Math.min(...parts.map((p) => p.length))).toBeLessThan(2);
  });

  it.each(['0/2', '3/2', '1', '1/0', 'a/b', '1/2/3'])('refuses shard %s', (text) => {
    expect(() => readShard(text)).toThrow(`--shard: '${text}' is not I/N`);
  });
});
