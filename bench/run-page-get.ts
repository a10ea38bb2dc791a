/** `npm run bench -- page-get`: measures and prints; see page-get.ts for what. */
import { cpus } from 'node:os';
import benny from 'benny';
import Table from 'cli-table3';
import { Piscina } from 'piscina';
import { RealClock } from '../src/layout/clock.ts';
import type { PageGetterTask } from '../workers/page-getter.ts';
import { makeFixture, type PageGetFixture, PageGetter, RawRmw, RMW_PER_HIT } from './page-get.ts';

const BATCH = 500_000;
const ROUNDS = 7;
const SCALE_MS = 700;

export interface PageGetReport {
  readonly hitNs: number[];
  readonly rawNs: number[];
  /** hit / raw, round by round */
  readonly ratio: number[];
  /** gets per second of two threads on two instances / one thread, round by round */
  readonly scale: number[];
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const mid = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[mid] : (sorted[mid - 1] + sorted[mid]) / 2;
};

/** One case in a benny suite of its own: preparing a suite runs all its cases once, all at the same time. */
async function nsPerOp(name: string, run: () => void): Promise<number> {
  const summary = await benny.suite(name, benny.add(name, run, { minSamples: 5, maxTime: 0.5 }));
  return (summary.results[0].details.median * 1e9) / BATCH;
}

async function scaling(
  fixture: PageGetFixture,
  epochNs: bigint,
  threads: number,
  pool: Piscina,
): Promise<number> {
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const tasks = Array.from({ length: threads }, (_, slot): PageGetterTask => {
    return { plan: fixture.plan, slot, pages: fixture.pages[slot], epochNs, gate, threads, ms: SCALE_MS };
  });
  const rates = (await Promise.all(tasks.map((t) => pool.run(t)))) as number[];
  return rates.reduce((a, b) => a + b, 0);
}

export async function measurePageGet(rounds = ROUNDS): Promise<PageGetReport> {
  const epochNs = process.hrtime.bigint();
  const report: PageGetReport = { hitNs: [], rawNs: [], ratio: [], scale: [] };
  const one = makeFixture(1, epochNs);
  const getter = new PageGetter(one.plan, 0, one.pages[0], new RealClock(epochNs));
  const raw = new RawRmw(one);
  for (let i = 0; i < 3; i++) {
    getter.run(BATCH);
    raw.run(BATCH);
  }
  for (let i = 0; i < rounds; i++) {
    const hit = await nsPerOp(`hit, round ${i + 1} of ${rounds}`, () => getter.run(BATCH));
    const limit = await nsPerOp(`raw, round ${i + 1} of ${rounds}`, () => raw.run(BATCH));
    report.hitNs.push(hit);
    report.rawNs.push(limit);
    report.ratio.push(hit / limit);
  }
  if (cpus().length < 2) return report;
  const two = makeFixture(2, epochNs);
  const pool = new Piscina({
    filename: new URL('../workers/page-getter.js', import.meta.url).href,
    minThreads: 2,
    maxThreads: 2,
    concurrentTasksPerWorker: 1,
  });
  for (let i = 0; i < rounds; i++) {
    const single = await scaling(two, epochNs, 1, pool);
    const both = await scaling(two, epochNs, 2, pool);
    report.scale.push(both / single);
  }
  await pool.destroy();
  return report;
}

export function printPageGet(report: PageGetReport): string {
  const row = (name: string, values: readonly number[], digits: number): string[] => {
    if (values.length === 0) return [name, '-', '-', '-'];
    return [name, median(values), Math.min(...values), Math.max(...values)].map((v) =>
      typeof v === 'number' ? v.toFixed(digits) : v,
    );
  };
  const table = new Table({ head: ['page-get', 'median', 'min', 'max'], style: { head: [], border: [] } });
  table.push(
    row('hit: get S + release, ns', report.hitNs, 1),
    row(`${RMW_PER_HIT} raw read-modify-writes on the same words, ns`, report.rawNs, 1),
    row('hit / raw (at most 2)', report.ratio, 2),
    row('2 threads on 2 instances / 1 thread (at least 1.7)', report.scale, 2),
  );
  return table.toString();
}
