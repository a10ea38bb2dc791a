/** The family `alloc`: what a block of memory costs, by allocator, size and number of threads. */
import { availableParallelism } from 'node:os';
import { median } from 'simple-statistics';
import { OptionError } from '../../src/config/errors.ts';
import { showBytes } from '../../src/config/values.ts';
import type { AllocTask } from '../../workers/alloc-bench.ts';
import { type BenchCase, family, type Round } from '../core/case.ts';
import { Crew, Shared } from '../core/crew.ts';
import { concludeAlloc } from './conclude.ts';
import { CONTENDERS, type ContenderName, fits, switchAccounting } from './contenders.ts';
import { allocDefects, type AllocPlan, liveBlocks, makeAllocPlan } from './plan.ts';
import { renderCurves } from './curves.ts';
import { allocTable } from './table.ts';

const ENTRY = 'alloc-bench.js';
const MAX_THREADS = 64;
const MAX_BYTES = 2 ** 20;
/** Bytes of a block. */
const SIZES = {
  full: [8, 64, 512, 1024, 4096, 16_384, 65_536, MAX_BYTES],
  quick: [64, 4096],
} as const;
const THREADS = { full: [1, 2, 4, 8], quick: [1, 2] } as const;
/** How long a batch should take, and turns of a round: contender and reference alternate. */
const BATCH_MS = 20;
const TURNS = 3;
const WARM_UP_PAIRS = 2000;
const MOST_PAIRS = 2 ** 24;
const LIMIT = 'bump';

type AllocCrew = Crew<AllocTask, number>;

/** A crew for each contender: the code of a thread that knows one way to allocate is compiled for that one. */
const crews = new Shared<AllocCrew>((crew) => crew.close());

/** Memory of all contenders of one cell: they take turns in it. */
const plans = new Shared<AllocPlan>(() => Promise.resolve());

interface AllocSetup {
  readonly contender: ContenderName;
  readonly threads: number;
  readonly bytes: number;
}

export class AllocCase implements BenchCase {
  readonly contender: ContenderName;
  readonly origin;
  readonly case: string;
  readonly settings;
  readonly metric = 'time of an allocation and its free';
  readonly unit = 'ns';
  readonly better = 'lower';
  private readonly threads: number;
  private readonly bytes: number;
  private pairs = WARM_UP_PAIRS;
  private limitPairs = WARM_UP_PAIRS;

  constructor({ contender, threads, bytes }: AllocSetup) {
    this.contender = contender;
    this.origin = CONTENDERS[contender].origin;
    this.threads = threads;
    this.bytes = bytes;
    this.settings = { bytes, threads, live: liveBlocks(bytes) };
    this.case = `${showBytes(bytes)}, ${threads} thread${threads === 1 ? '' : 's'}`;
  }

  private get cell(): string {
    return `${this.threads}/${this.bytes}`;
  }

  async open(): Promise<void> {
    const { threads, bytes } = this;
    plans.take(this.cell, () => makeAllocPlan(threads, bytes));
    for (const name of [this.contender, LIMIT] as const) crews.take(name, () => new Crew(ENTRY));
    this.pairs = await this.pairsOfBatch(this.contender);
    this.limitPairs = await this.pairsOfBatch(LIMIT);
  }

  async close(): Promise<void> {
    await plans.release(this.cell);
    await crews.release(this.contender);
    await crews.release(LIMIT);
  }

  async round(no: number): Promise<Round> {
    const mine: number[] = [];
    const raw: number[] = [];
    for (let turn = no; turn < no + TURNS; turn++) {
      // Who is first changes as well.
      if (turn % 2 === 0) mine.push(await this.measure(this.contender, this.pairs));
      raw.push(await this.measure(LIMIT, this.limitPairs));
      if (turn % 2 === 1) mine.push(await this.measure(this.contender, this.pairs));
    }
    const value = median(mine);
    for (const defect of allocDefects(plans.get(this.cell))) {
      throw new Error(`alloc bench, ${this.contender}, ${this.case}: ${defect}`);
    }
    return {
      value,
      reference: median(raw),
      extra: {
        // Other programs only ever make it longer.
        'best batch, ns': Math.min(...mine),
        'pairs of all threads together, 1/s': (this.threads * 1e9) / value,
      },
    };
  }

  /** One batch that warms the threads up for this contender, then one that counts. @returns ns of a pair for a thread */
  private async measure(contender: ContenderName, pairs: number): Promise<number> {
    await this.batch(contender, pairs);
    return ((await this.batch(contender, pairs)) * 1e6) / pairs;
  }

  /**
   * `pairs` by each thread.
   * @returns time from the common start until the last is done, ms. The threads take it themselves: what is made for a
   *   batch would weigh as much as a short batch, which is also why it is not benny that takes it.
   */
  private async batch(contender: ContenderName, pairs: number): Promise<number> {
    const { bytes } = this;
    const plan = plans.get(this.cell);
    const crew = crews.get(contender);
    switchAccounting(contender, plan);
    const times = await crew.run(
      Array.from({ length: this.threads }, (_, slot) => ({ contender, plan, slot, bytes, pairs })),
    );
    return Math.max(...times);
  }

  /** Warms the threads up, and finds how many pairs make a batch long enough. */
  private async pairsOfBatch(contender: ContenderName): Promise<number> {
    let pairs = WARM_UP_PAIRS;
    await this.batch(contender, pairs);
    for (;;) {
      const ms = await this.batch(contender, pairs);
      if (ms >= BATCH_MS / 2 || pairs >= MOST_PAIRS) {
        return Math.min(MOST_PAIRS, Math.max(1, Math.round((pairs * BATCH_MS) / ms)));
      }
      pairs *= 4;
    }
  }
}

export const allocFamily = family({
  name: 'alloc',
  doc:
    'What a block of memory costs: an allocation and the free of an older block, by size and number of threads.\n\n' +
    'Beside our allocators: a first-fit list under one mutex, a C library in WebAssembly, an allocator in TypeScript, ' +
    'JavaScript objects and buffers; and a bare pointer that is moved on as the limit, which is also the reference.',
  options: [
    {
      name: 'bytes',
      kind: 'bytes',
      default: null,
      min: 8,
      max: MAX_BYTES,
      doc: 'size of a block; unless given, sizes from 8 to 1M in turn',
    },
    {
      name: 'threads',
      kind: 'int',
      default: null,
      min: 1,
      max: MAX_THREADS,
      doc: `threads that allocate at the same time; unless given, ${THREADS.full.join(', ')} in turn`,
    },
    {
      name: 'contenders',
      kind: 'string',
      default: null,
      doc: `only these, separated by commas: ${Object.keys(CONTENDERS).join(', ')}`,
    },
  ],
  rounds: { full: 3, quick: 3 },
  cases({ own }, context) {
    const size = context.quick ? 'quick' : 'full';
    const sizes = own.bytes === null ? SIZES[size] : [own.bytes];
    const threadCounts = own.threads === null ? THREADS[size] : [own.threads];
    const names = chosen(own.contenders);
    const cores = availableParallelism();
    if (threadCounts.some((n) => n > cores)) {
      context.warn(
        `with more threads than the ${cores} cores, times of the family alloc hold the wait for a core`,
      );
    }
    return threadCounts.flatMap((threads) =>
      sizes.flatMap((bytes) =>
        names
          .filter((contender) => fits(contender, bytes))
          .map((contender) => new AllocCase({ contender, threads, bytes })),
      ),
    );
  },
  conclude: concludeAlloc,
  table: allocTable,
  html: renderCurves,
});

function chosen(text: string | null): ContenderName[] {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the table's own keys
  const all = Object.keys(CONTENDERS) as ContenderName[];
  if (text === null) return all;
  const names = text.split(',').map((s) => s.trim());
  const unknown = names.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) {
    throw new OptionError('--contenders', `--contenders: '${unknown}' is none of ${all.join(', ')}`);
  }
  return all.filter((name) => names.includes(name));
}
