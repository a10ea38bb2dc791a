import { beforeEach, describe, expect, it } from 'vitest';
import { allocateArena, ArenaPlanner } from '../layout/arena.ts';
import { BUF_POOL, POOL_STAT } from '../layout/buffer.ts';
import { OS_MEMORY } from '../layout/os-memory.ts';
import { GLOBAL_CONN_MEM } from '../layout/session.ts';
import { THREAD, WAIT_STAT } from '../layout/thread.ts';
import { setU53 } from '../layout/words.ts';
import { LATCH } from '../sync/latch-meta.ts';
import { planRuntime } from '../sync/runtime.ts';
import { THREAD_KIND } from '../sync/thread.ts';
import { type Observed, sampleSince, SampleSeries, takeSample } from './sample.ts';

const THREADS = 3;
let o: Observed;
let mem: Int32Array;

beforeEach(() => {
  const planner = new ArenaPlanner();
  const runtime = planRuntime(planner, THREADS);
  const pools = planner.place('pools', BUF_POOL, 2);
  const stats = planner.place('stats', POOL_STAT, THREADS * 2);
  const os = planner.place('os', OS_MEMORY, 2);
  const globalConnMem = planner.place('conn', GLOBAL_CONN_MEM);
  mem = new Int32Array(allocateArena(planner.finish()));
  const instances = [0, 1].map((i) => ({ at: pools + i * BUF_POOL.words, node: i }));
  o = {
    mem,
    runtime,
    pool: { stats, nThreads: THREADS, instances },
    osMemory: [os, os + OS_MEMORY.words],
    globalConnMem,
  };
});

const thread = (i: number): number => o.runtime.threads + i * THREAD.words;
const waits = (i: number, latch: number): number => thread(i) + THREAD.at.waits + latch * WAIT_STAT.words;
const stat = (row: number): number => o.pool.stats + row * POOL_STAT.words;

describe('a sample', () => {
  it('sums threads and instances', () => {
    for (const [i, kind] of [THREAD_KIND.main, THREAD_KIND.session, THREAD_KIND.session].entries()) {
      mem[thread(i) + THREAD.at.kind] = kind;
      mem[thread(i) + THREAD.at.progress] = 10 ** i;
      setU53(mem, waits(i, LATCH.lruList) + WAIT_STAT.at.waitUs, 2 ** 33 + i);
      mem[waits(i, LATCH.lruList) + WAIT_STAT.at.contended] = 5;
      for (const instance of [0, 1]) {
        const row = stat(2 * i + instance);
        mem[row + POOL_STAT.at.pageGets] = -1;
        mem[row + POOL_STAT.at.pagesRead] = 3;
        mem[row + POOL_STAT.at.pagesWritten] = i;
      }
    }
    for (const [i, { at }] of o.pool.instances.entries()) {
      const P = BUF_POOL.at;
      const gauges = [P.currSize, P.freeLen, P.lruLen, P.lruOldLen, P.flushLen];
      for (const [k, field] of gauges.entries()) mem[at + field] = 10 ** k * (i + 1);
    }
    setU53(mem, o.osMemory[1] + OS_MEMORY.at.inUse, 4096);
    setU53(mem, o.globalConnMem + GLOBAL_CONN_MEM.at.counter, 2 ** 34);
    const s = takeSample(o, 77);
    expect(s).toMatchObject({
      atMs: 77,
      // Only those of sessions.
      statements: 110,
      pageGets: 6 * (2 ** 32 - 1),
      pagesRead: 18,
      pagesWritten: 6,
      pages: 3,
      free: 30,
      lru: 300,
      old: 3000,
      dirty: 30_000,
      osMemoryBytes: [0, 4096],
      connectionMemory: 2 ** 34,
    });
    expect([s.waitUs['lruList'], s.contended['lruList']]).toEqual([3 * 2 ** 33 + 3, 15]);
    expect(Object.keys(s.waitUs)).toEqual(Object.keys(LATCH));
    expect(s.waitUs['block']).toBe(0);
  });

  it('since another one has the difference of counters, and the gauges of the later', () => {
    mem[stat(1) + POOL_STAT.at.pageGets] = 40;
    mem[waits(0, LATCH.block) + WAIT_STAT.at.contended] = 7;
    mem[o.pool.instances[0].at + BUF_POOL.at.lruLen] = 9;
    const base = takeSample(o, 1000);
    mem[stat(1) + POOL_STAT.at.pageGets] = 45;
    mem[stat(0) + POOL_STAT.at.pagesWritten] = 2;
    mem[waits(0, LATCH.block) + WAIT_STAT.at.contended] = 8;
    setU53(mem, waits(2, LATCH.frame) + WAIT_STAT.at.waitUs, 300);
    mem[o.pool.instances[0].at + BUF_POOL.at.lruLen] = 8;
    const s = sampleSince(takeSample(o, 1500), base);
    expect(s).toMatchObject({ atMs: 500, pageGets: 5, pagesRead: 0, pagesWritten: 2, statements: 0, lru: 8 });
    expect([s.contended['block'], s.waitUs['frame'], s.waitUs['block']]).toEqual([1, 300, 0]);
  });
});

describe('a series', () => {
  const get = (): void => void mem[stat(0) + POOL_STAT.at.pageGets]++;
  const times = (series: SampleSeries): number[] => series.samples.map((s) => s.atMs);

  it('begins with nothing at 0 and has a sample for each distance, however late the looks', () => {
    get();
    const series = new SampleSeries(o, 100, 5000);
    expect(series.samples).toEqual([expect.objectContaining({ atMs: 0, pageGets: 0 })]);
    for (const at of [5050, 5104, 5199, 5203, 5590, 5601]) {
      get();
      series.tick(at);
    }
    expect(times(series)).toEqual([0, 104, 203, 590, 601]);
    expect(series.samples.map((s) => s.pageGets)).toEqual([0, 2, 4, 5, 6]);
  });

  it('ends with a sample of its own, in place of one that was just taken', () => {
    const early = new SampleSeries(o, 100, 0);
    early.tick(100);
    early.end(149);
    const late = new SampleSeries(o, 100, 0);
    late.tick(100);
    late.end(151);
    const short = new SampleSeries(o, 100, 0);
    short.end(3);
    expect([early, late, short].map(times)).toEqual([
      [0, 149],
      [0, 100, 151],
      [0, 3],
    ]);
  });

  it('of a long run is thinned and keeps its first sample, its order and equal distances', () => {
    const series = new SampleSeries(o, 10, 0);
    for (let at = 1; at <= 100_000; at++) series.tick(at);
    const at = times(series);
    expect(at.length).toBeGreaterThan(500);
    expect(at.length).toBeLessThan(1025);
    expect(new Set(at.slice(1).map((t, i) => t - at[i]))).toEqual(new Set([160]));
    expect(at[0]).toBe(0);
  });
});
