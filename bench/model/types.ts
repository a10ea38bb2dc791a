/** What the models take and give: plain data, for the table and for the HTML page. */
import type { Interval } from '../stats/summary.ts';

/** Statistics of one latch class in one measurement: sums over all its latches. */
export interface LatchLoad {
  readonly name: string;
  readonly instrument: string;
  /** How many latches of the class there are: instances, instances x stripes, … */
  readonly servers: number;
  /** How acquisitions spread over them, if known: parts that add up to 1. Uniform otherwise. */
  readonly shares?: readonly number[];
  readonly acquired: number;
  readonly contended: number;
  readonly waitUs: number;
  readonly spinRounds: number;
}

export interface MeasuredPoint {
  readonly threads: number;
  /** Of the machine. */
  readonly cores: number;
  /** Jobs per second: whatever the rows count, page gets or statements. */
  readonly throughput: number;
  /** Throughput round by round, if there were several; `throughput` is their median. */
  readonly samples?: readonly number[];
  readonly latches: readonly LatchLoad[];
  /** Length of the measurement that the latches' sums are of. */
  readonly seconds: number;
  /** Page gets in it. */
  readonly gets: number;
}

/** All points with one number of threads, as one. */
export interface Level {
  readonly threads: number;
  /** More threads than cores. */
  readonly shared: boolean;
  readonly throughput: number;
  readonly jobs: number;
  readonly gets: number;
  readonly latches: readonly LatchLoad[];
}

export interface Goodness {
  /** Part of the variance of throughput that the model explains; null: as many parameters as levels, or one level. */
  readonly r2: number | null;
  /** Largest relative error over the fitted levels. */
  readonly largestError: number;
}

export interface Usl {
  /** Throughput of one thread, 1/s. */
  readonly lambda: number;
  /** Contention: the part of the work that is serial. */
  readonly sigma: number;
  /** Coherence: what each thread costs each other one. */
  readonly kappa: number;
  /** Threads of the highest throughput; null: it rises for ever. */
  readonly peak: number | null;
  readonly goodness: Goodness;
  /** Parameters that were fitted; the others are 0 because the levels do not suffice. */
  readonly fitted: readonly ('lambda' | 'sigma' | 'kappa')[];
}

/** A latch class as the queue model sees it. */
export interface LatchDemand {
  readonly name: string;
  readonly instrument: string;
  readonly servers: number;
  /** Acquisitions per job. */
  readonly visits: number;
  /** Acquisitions per page get; null when there were no gets. */
  readonly visitsPerGet: number | null;
  /** Time for which an acquisition keeps others out, us, on average over all modes. */
  readonly holdUs: number;
  /** The same from the time waited, as if waiting were nothing but others' holds; null: nobody waited. */
  readonly holdFromWaitsUs: number | null;
  /** What a wait costs beyond others' holds (spinning on, falling asleep, waking up), us. */
  readonly overheadUs: number;
  /** Contended acquisitions that all this rests on. */
  readonly contended: number;
  /** Throughput at which its busiest latch is always held, 1/s; null: never. */
  readonly ceiling: number | null;
}

export interface QueueModel {
  /** Time of a job outside latches that were waited for, us: CPU and page I/O. */
  readonly thinkUs: number;
  readonly latches: readonly LatchDemand[];
  readonly goodness: Goodness;
}

export interface FitRow {
  readonly threads: number;
  readonly shared: boolean;
  /** Whether the models were fitted to it, or only held against it. */
  readonly uslFitted: boolean;
  readonly queueFitted: boolean;
  readonly measured: number;
  readonly usl: number | null;
  readonly queue: number | null;
  /** model / measured - 1 */
  readonly uslError: number | null;
  readonly queueError: number | null;
}

export interface PredictedRow {
  readonly prediction: true;
  readonly cores: number;
  readonly usl: number | null;
  readonly uslBand: Interval | null;
  readonly queue: number | null;
  readonly queueBand: Interval | null;
  /** Of the busiest latch of each class, 0 to 1, by name. */
  readonly utilisation: Readonly<Record<string, number>>;
}

export interface Bottleneck {
  readonly prediction: true;
  readonly latch: string;
  readonly instrument: string;
  /** Cores, with as many threads, at which its busiest latch is held nine tenths of the time. */
  readonly saturatesAt: number | null;
  readonly saturatesAtBand: Interval | null;
  /** Part of the bootstrap's draws in which it was this latch. */
  readonly certainty: number;
  readonly ceiling: number;
}

export interface Curve {
  readonly threads: readonly number[];
  readonly throughput: readonly number[];
}

export interface Prediction {
  readonly prediction: true;
  /** Says that it is one, and from what. */
  readonly statement: string;
  readonly machineCores: number;
  readonly usl: Usl | null;
  readonly queue: QueueModel | null;
  readonly fit: readonly FitRow[];
  readonly rows: readonly PredictedRow[];
  readonly bottleneck: Bottleneck | null;
  /** `measured` is measured; the other two are predictions beyond it. */
  readonly curves: { readonly measured: Curve; readonly usl: Curve | null; readonly queue: Curve | null };
  /** What to keep in mind, one sentence each. */
  readonly notes: readonly string[];
}
