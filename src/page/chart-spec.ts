/** A chart as data: what the page carries, and what the browser draws. */

/** How a number is written. */
export type Unit = 'plain' | 'seconds' | 'micros' | 'percent' | 'bytes';

export interface ChartSeries {
  readonly label: string;
  /** One for each x; null: nothing is known there. */
  readonly values: readonly (number | null)[];
  /** Ends of an interval around each value: whiskers, or a band if it is a prediction. */
  readonly low?: readonly (number | null)[];
  readonly high?: readonly (number | null)[];
  /** Not measured: dashed, its band shaded, and marked in chart, legend and table. */
  readonly prediction?: boolean;
}

export interface ChartSpec {
  readonly title: string;
  readonly kind: 'line' | 'histogram';
  readonly x: {
    readonly label: string;
    readonly unit: Unit;
    readonly scale: 'linear' | 'log' | 'names';
    readonly values: readonly number[];
    /** `names`: what stands at 0, 1, … */
    readonly names?: readonly string[];
    /** Histogram: from and to of each bar; `values` lie between. */
    readonly edges?: readonly (readonly [from: number, to: number])[];
  };
  readonly y: { readonly label: string; readonly unit: Unit; readonly scale: 'linear' | 'log' };
  readonly series: readonly ChartSeries[];
  /** Upright lines with a name. */
  readonly marks?: readonly { readonly x: number; readonly label: string }[];
  /** Nothing is measured beyond this x. */
  readonly predictedFrom?: number;
}

/** The pages' own latch names are long; this is what a legend has room for. */
export const shortInstrument = (instrument: string): string =>
  instrument.replace(/^wait\/synch\/(mutex|sxlock|cond)\//, '').replace(/^(innodb|sql)\//, '');

/** What the script of a page finds in it. */
export interface PageData {
  readonly charts: Readonly<Record<string, ChartSpec>>;
  readonly sweep: SweepData | null;
}

export interface SweepCell {
  /** Index of the value on each axis. */
  readonly at: readonly number[];
  readonly throughput: { readonly median: number; readonly low: number; readonly high: number };
  /** By measure, in the order of `measures`. */
  readonly measures: readonly (number | null)[];
}

/** Cells of a sweep, for the parts of the page that the reader steers. */
export interface SweepData {
  readonly axes: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly measures: readonly { readonly label: string; readonly unit: Unit }[];
  readonly cells: readonly SweepCell[];
}
