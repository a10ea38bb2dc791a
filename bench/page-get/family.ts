/**
 * `npm run bench -- page-get`: what a hit costs. Each case runs in processes of its own, one after the other, because V8
 * decides once a process how it compiles the hit path.
 */
import type { OwnOption } from '../../src/config/cli.ts';
import { type BenchCase, type BenchContext, family, type Round } from '../core/case.ts';
import type { Row } from '../core/row.ts';
import { middleRatio } from '../core/middle-ratio.ts';
import { BenchProcess } from '../core/process.ts';
import { makeVariant, PLAIN, type Variant } from '../core/variant.ts';
import type { Sample, SampleKind, SampleRequest } from './child.ts';
import { STATISTICS_OFF } from './edits.ts';
import { BLOCKS, RMW_PER_HIT } from './fixture.ts';

/** Compiled modules of a program: what measures it, and what another program is loaded by. */
export const CHILD = 'bench/page-get/child.js';
export const FIXTURE = 'bench/page-get/fixture.js';

/** Rounds that one process measures before the next begins. */
const ROUNDS_PER_PROCESS = { full: 3, quick: 2 } as const;
const PROCESSES = { full: 5, quick: 2 } as const;

const OPTIONS = [
  {
    name: 'rounds-per-process',
    kind: 'int',
    default: null,
    min: 1,
    max: 1000,
    doc: 'rounds that one process measures before another takes over',
  },
] as const satisfies readonly OwnOption[];

interface CaseSpec {
  readonly kind: SampleKind;
  readonly case: string;
  /** What the yardstick is; part of the configuration. */
  readonly reference: string;
  readonly threads: number;
  readonly instances: number;
  readonly latch: 'S' | 'X';
  /** Edits of the variant that the yardstick is measured on, if it is another program. */
  readonly without?: 'statistics' | 'nothing';
}

const RAW = `${RMW_PER_HIT} raw read-modify-writes on the same words`;

const CASES: readonly CaseSpec[] = [
  { kind: 'hit S', case: 'hit, S latch', reference: RAW, threads: 1, instances: 1, latch: 'S' },
  { kind: 'hit X', case: 'hit, X latch', reference: RAW, threads: 1, instances: 1, latch: 'X' },
  {
    kind: 'against',
    case: 'hit, S latch, against one without statistics',
    reference: 'the same without statistics',
    threads: 1,
    instances: 1,
    latch: 'S',
    without: 'statistics',
  },
  {
    kind: 'order',
    case: 'hit, S latch, with latch-order checks',
    reference: 'the same without latch-order checks',
    threads: 1,
    instances: 1,
    latch: 'S',
    without: 'nothing',
  },
  {
    kind: '2 instances',
    case: '2 threads, 2 instances',
    reference: '1 thread',
    threads: 2,
    instances: 2,
    latch: 'S',
  },
  {
    kind: '1 instance',
    case: '2 threads, 1 instance',
    reference: '1 thread',
    threads: 2,
    instances: 1,
    latch: 'S',
  },
];

export interface PageGetCaseOptions {
  readonly quick: boolean;
  readonly roundsPerProcess: number;
  /** The program to measure: ours, or a variant. */
  readonly program?: Variant;
}

/** One case; its processes start when they are first asked. */
export function pageGetCase(kind: SampleKind, o: PageGetCaseOptions): BenchCase {
  const spec = CASES.find((c) => c.kind === kind);
  if (spec === undefined) throw new Error(`no page-get case ${kind}`);
  return new ProcessCase(spec, o);
}

class ProcessCase implements BenchCase {
  readonly contender = 'latchlab';
  readonly origin = 'ours';
  readonly case: string;
  readonly settings: BenchCase['settings'];
  readonly metric: string;
  readonly unit: string;
  readonly better: BenchCase['better'];
  private readonly spec: CaseSpec;
  private readonly options: PageGetCaseOptions;
  private readonly program: Variant;
  private without: Variant | null = null;
  private running: { readonly no: number; readonly process: BenchProcess<SampleRequest, Sample> } | null =
    null;

  constructor(spec: CaseSpec, o: PageGetCaseOptions) {
    this.spec = spec;
    this.options = o;
    this.program = o.program ?? PLAIN;
    this.case = spec.case;
    this.settings = {
      blocks: BLOCKS,
      threads: spec.threads,
      instances: spec.instances,
      latch: spec.latch,
      reference: spec.reference,
      roundsPerProcess: o.roundsPerProcess,
    };
    const alone = spec.threads === 1;
    this.metric = alone ? 'get and release' : 'page gets';
    this.unit = alone ? 'ns' : '1/s';
    this.better = alone ? 'lower' : 'higher';
  }

  open(): void {
    const { without } = this.spec;
    if (without === undefined) return;
    this.without = makeVariant(`without ${without}`, without === 'statistics' ? STATISTICS_OFF : []);
  }

  async close(): Promise<void> {
    await this.running?.process.close();
    this.running = null;
    this.without?.dispose();
    this.without = null;
  }

  async round(no: number): Promise<Round> {
    const group = Math.floor(no / this.options.roundsPerProcess);
    if (this.running?.no !== group) {
      await this.running?.process.close();
      this.running = { no: group, process: new BenchProcess(this.program.url(CHILD)) };
    }
    const { value, reference, cpuShare } = await this.running.process.ask({
      kind: this.spec.kind,
      quick: this.options.quick,
      other: this.without?.url(FIXTURE) ?? null,
    });
    return { value, reference, group, ...(cpuShare !== null && { extra: { cpuShare } }) };
  }
}

export const pageGetFamily = family({
  name: 'page-get',
  doc: 'What a hit costs beside its raw read-modify-writes, what observing it costs, and how it scales to two threads.',
  options: OPTIONS,
  sysvars: [],
  rounds: {
    full: PROCESSES.full * ROUNDS_PER_PROCESS.full,
    quick: PROCESSES.quick * ROUNDS_PER_PROCESS.quick,
  },
  cases: ({ own }, { quick }: BenchContext) => {
    const roundsPerProcess =
      own['rounds-per-process'] ?? (quick ? ROUNDS_PER_PROCESS.quick : ROUNDS_PER_PROCESS.full);
    return CASES.map(({ kind }) => pageGetCase(kind, { quick, roundsPerProcess }));
  },
  conclude: concludePageGet,
});

/** The ratios, in words: they are what the machine's speed does not change. */
export function concludePageGet(rows: readonly Row[]): string | null {
  const lines = CASES.flatMap(({ case: name, kind }) => {
    const row = rows.find((r) => r.case === name);
    const ratio = row === undefined ? null : middleRatio(row);
    return ratio === null ? [] : [SENTENCES[kind](ratio)];
  });
  return lines.length === 0 ? null : lines.join('\n');
}

const percent = (ratio: number): string => `${((ratio - 1) * 100).toFixed(1)} %`;

const SENTENCES: Readonly<Record<SampleKind, (ratio: number) => string>> = {
  'hit S': (r) => `A hit with an S latch costs ${r.toFixed(2)} times its ${RAW} (at most 2).`,
  'hit X': (r) => `A hit with an X latch costs ${r.toFixed(2)} times ${RAW}.`,
  against: (r) => `Statistics cost ${percent(r)} of a hit without them (at most 5 %).`,
  order: (r) => `Latch-order checks make a hit ${r.toFixed(2)} times as long.`,
  '2 instances': (r) =>
    `Two threads on two instances do ${r.toFixed(2)} times the gets of one (at least 1.7).`,
  '1 instance': (r) => `Two threads on one instance do ${r.toFixed(2)} times the gets of one.`,
};
