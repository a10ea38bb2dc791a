/** Process that measures one case of the page-get bench: makes a warm pool when it is first asked, then takes samples. */
import { median } from 'simple-statistics';
import { Piscina } from 'piscina';
import { RW } from '../../src/buffer/states.ts';
import { RealClock } from '../../src/layout/clock.ts';
import type { PageGetterTask } from '../../workers/page-getter.ts';
import { alternate } from '../core/alternate.ts';
import type { Timing } from '../core/timing.ts';
import { secondsOfBatch } from '../core/timing.ts';
import { answerRequests } from '../core/process.ts';
import { makeFixture, PageGetter, RawRmw } from './fixture.ts';

export type SampleKind = 'hit S' | 'hit X' | 'against' | 'order' | '2 instances' | '1 instance';

export interface SampleRequest {
  readonly kind: SampleKind;
  readonly quick: boolean;
  /** Address of fixture.js of another program, for the kinds that are held against one. */
  readonly other: string | null;
}

/** ns of a get for one thread, gets per second for several; `reference` is what it is held against. */
export interface Sample {
  readonly value: number;
  readonly reference: number;
  /** Of the processor time that the threads could have had together, what they got; null: one thread, on its own clock. */
  readonly cpuShare: number | null;
}

/** Gets in a slice of one thread, and of each thread together. */
const SLICE = 20_000;
const THREAD_SLICE = 300_000;
const WARM_UP = 15 * SLICE;
const TURNS = 3;
const QUICK_TURNS = 2;

type Sampler = (quick: boolean) => Promise<Sample>;
let sampler: Promise<Sampler> | null = null;

answerRequests(async (request: SampleRequest) => {
  sampler ??= makeSampler(request);
  return (await sampler)(request.quick);
});

async function makeSampler({ kind, other: address }: SampleRequest): Promise<Sampler> {
  const epochNs = process.hrtime.bigint();
  if (kind === '2 instances' || kind === '1 instance') return threadSampler(kind, epochNs);
  const clock = new RealClock(epochNs);
  const fixture = makeFixture(1, epochNs, 2);
  const { plan } = fixture;
  const [pages] = fixture.pages;
  switch (kind) {
    case 'hit S':
      return pairSampler(new PageGetter(plan, 0, pages, clock), new RawRmw(fixture));
    case 'hit X':
      return pairSampler(new PageGetter(plan, 0, pages, clock, { latch: RW.x }), new RawRmw(fixture));
    case 'order':
    case 'against': {
      // The other one comes from modules of its own, so that what V8 learns from one does not change the other.
      if (address === null) throw new Error(`${kind}: no other program is given`);
      const other = (await import(address)) as typeof import('./fixture.ts');
      const plain = new other.PageGetter(plan, 1, pages, clock);
      return pairSampler(new PageGetter(plan, 0, pages, clock, { checked: kind === 'order' }), plain);
    }
  }
}

function pairSampler(a: { run(n: number): void }, b: { run(n: number): void }): Sampler {
  a.run(WARM_UP);
  b.run(WARM_UP);
  return async (quick) => {
    const timing: Timing = quick ? { minSamples: 3, maxTime: 0.1 } : { minSamples: 5, maxTime: 0.4 };
    const seconds = await alternate(
      () => a.run(SLICE),
      () => b.run(SLICE),
      timing,
    );
    return { value: (seconds.a * 1e9) / SLICE, reference: (seconds.b * 1e9) / SLICE, cpuShare: null };
  };
}

/** Two threads against one of them. */
function threadSampler(kind: SampleKind, epochNs: bigint): Sampler {
  const instances = kind === '2 instances' ? 2 : 1;
  const fixture = makeFixture(instances, epochNs, 2);
  const pool = new Piscina<PageGetterTask, void>({
    filename: new URL('../../workers/page-getter.js', import.meta.url).href,
    minThreads: 2,
    maxThreads: 2,
    concurrentTasksPerWorker: 1,
  });
  const batch = (threads: number) => async (): Promise<void> => {
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const common = { plan: fixture.plan, epochNs, gate, threads, gets: THREAD_SLICE };
    const tasks = Array.from({ length: threads }, (_, slot): PageGetterTask => {
      return { ...common, slot, pages: fixture.pages[slot % instances] };
    });
    await Promise.all(tasks.map((task) => pool.run(task)));
  };
  const rate = async (threads: number, batches: number): Promise<number> =>
    (threads * THREAD_SLICE) / (await secondsOfBatch(batch(threads), batches));
  let warm = false;
  return async (quick) => {
    if (!warm) await batch(2)();
    warm = true;
    const both: number[] = [];
    const one: number[] = [];
    const shares: number[] = [];
    for (let turn = 0; turn < (quick ? QUICK_TURNS : TURNS); turn++) {
      one.push(await rate(1, quick ? 1 : 2));
      const began = performance.now();
      const before = process.cpuUsage();
      both.push(await rate(2, quick ? 1 : 2));
      const { user, system } = process.cpuUsage(before);
      shares.push((user + system) / 1000 / (2 * (performance.now() - began)));
    }
    return { value: median(both), reference: median(one), cpuShare: median(shares) };
  };
}
