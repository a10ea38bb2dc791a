import { describe, expect, it } from 'vitest';
import { touchFirst, touchRegion } from './first-touch.ts';
import { FakeHost } from './test-kit.ts';

const PAGE = 1024;
const MIB = 2 ** 20;

describe('touching', () => {
  it('commits the pages of the region, and changes nothing', () => {
    const mem = new Int32Array(new SharedArrayBuffer(96 * MIB));
    const words = (mib: number): number => (mib * MIB) / 4;
    const before = process.memoryUsage.rss();
    touchRegion(mem, words(16), words(80));
    const grown = process.memoryUsage.rss() - before;
    expect(grown).toBeGreaterThan(60 * MIB);
    mem[5 * PAGE] = -7;
    touchRegion(mem, 5 * PAGE, 6 * PAGE);
    expect(mem[5 * PAGE]).toBe(-7);
    expect(mem.subarray(words(16), words(80)).every((word) => word === 0)).toBe(true);
  });

  const regions = { words: 8 * PAGE, nodeStart: [2 * PAGE, 5 * PAGE] };

  it('does it from the CPUs of each node in turn, and goes back', () => {
    const host = new FakeHost({ cpus: '0-3', nodes: { 0: '0-1', 1: '2-3' } });
    const mem = new Int32Array(new SharedArrayBuffer(regions.words * 4));
    expect(touchFirst(mem, regions, host)).toBe(
      'the regions of 2 nodes were touched first from their own CPUs',
    );
    expect(host.ran).toEqual(['taskset -pc 0-1 4711', 'taskset -pc 2-3 4711', 'taskset -pc 0-3 4711']);
    expect(host.allowed).toBe('0-3');
  });

  it('has nothing to do where the CPUs are those of one node', () => {
    const mem = new Int32Array(regions.words);
    for (const nodes of [{ 0: '0-3' }, { 0: '0-3', 1: '' }, { 0: '4-7', 1: '0-3' }]) {
      const host = new FakeHost({ cpus: '0-3', nodes });
      expect(touchFirst(mem, regions, host)).toBeNull();
      expect(host.ran).toEqual([]);
    }
  });

  it('says so where it cannot', () => {
    const nodes = { 0: '0-1', 1: '2-3' };
    const mem = new Int32Array(new SharedArrayBuffer(regions.words * 4));
    expect(touchFirst(mem, regions, new FakeHost({ nodes, refuse: 'taskset: failed' }))).toBe(
      'regions are not placed by first touch: taskset: failed',
    );
    expect(touchFirst(mem, regions, new FakeHost({ nodes, platform: 'win32' }))).toMatch(/needs Linux/);
    expect(touchFirst(mem, regions, new FakeHost({ nodes, noProc: true }))).toBeNull();
  });
});
