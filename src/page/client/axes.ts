/** Ranges, ticks and words of a chart's axes. */
import type uPlot from 'uplot';
import type { ChartSpec, Unit } from '../chart-spec.ts';
import { bytes, fixed, int, micros, num, percent } from '../format.ts';
import { ink } from './ink.ts';

const FONT = '12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';

export function showValue(value: number | null | undefined, unit: Unit): string {
  if (value === null || value === undefined) return '–';
  if (unit === 'seconds') return `${fixed(value, 1)} s`;
  if (unit === 'micros') return micros(value);
  if (unit === 'percent') return percent(value);
  return unit === 'bytes' ? bytes(value) : num(value);
}

/** What stands at an index of the x-axis. */
export function showX({ x }: ChartSpec, index: number): string {
  const names = x.names?.[index];
  if (names !== undefined) return names;
  const edges = x.edges?.[index];
  if (edges !== undefined) return `${showValue(edges[0], x.unit)} – ${showValue(edges[1], x.unit)}`;
  return showValue(x.values[index], x.unit);
}

const finite = (values: readonly (number | null)[]): number[] => values.filter((v) => v !== null);

function xRange({ x }: ChartSpec): [number, number] {
  const all = x.edges === undefined ? x.values : x.edges.flat();
  const [min, max] = [Math.min(...all), Math.max(...all)];
  if (x.scale === 'names') return [-0.5, all.length - 0.5];
  if (x.scale === 'log') return x.edges === undefined ? [min / 1.15, max * 1.15] : [min, max];
  return min === max ? [min - 1, max + 1] : [min, max];
}

/** From 0, or for logarithms from just under 1; intervals and hidden series have their room too. */
function yRange({ series, y }: ChartSpec): [number, number] {
  const all = series.flatMap((s) => finite([...s.values, ...(s.high ?? [])]));
  const max = Math.max(...all, y.scale === 'log' ? 1 : 0);
  if (y.scale === 'log') return [0.7, max * 2];
  return [0, max === 0 ? 1 : max * 1.08];
}

const DECADE = [1];
const FINER = [1, 2, 5];

/** Round numbers between two ends of a logarithmic axis. */
function logTicks(min: number, max: number): number[] {
  const steps = Math.log10(max / min) > 2.5 ? DECADE : FINER;
  const ticks: number[] = [];
  for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e++) {
    for (const step of steps) {
      const tick = Number((step * 10 ** e).toPrecision(1));
      if (tick >= min && tick <= max) ticks.push(tick);
    }
  }
  return ticks;
}

/** Powers of two, eight or so of them: what bytes go by. */
function binaryTicks(min: number, max: number): number[] {
  const step = Math.max(1, Math.round(Math.log2(max / min) / MOST_BINARY));
  const ticks: number[] = [];
  for (let e = Math.ceil(Math.log2(min)); 2 ** e <= max; e += step) ticks.push(2 ** e);
  return ticks;
}
const MOST_BINARY = 8;

const ticksOf = (unit: Unit, min: number, max: number): number[] =>
  unit === 'bytes' ? binaryTicks(min, max) : logTicks(min, max);

/** Doublings: what counts of cores and sessions go by. */
function doublings(min: number, max: number): number[] {
  const ticks: number[] = [];
  for (let tick = 2 ** Math.ceil(Math.log2(min)); tick <= max; tick *= 2) ticks.push(tick);
  return ticks;
}

export function scalesOf(spec: ChartSpec): uPlot.Scales {
  const [x, y] = [xRange(spec), yRange(spec)];
  return {
    x: { time: false, range: () => x, ...(spec.x.scale === 'log' ? { distr: 3 } : {}) },
    y: { range: () => y, ...(spec.y.scale === 'log' ? { distr: 3 } : {}) },
  };
}

const line = (): string => ink('rule');
const quiet = (): string => ink('quiet');
/** Width of a digit of the font, and what else an axis needs. */
const DIGIT = 7.2;
const AROUND = 14;

export function axesOf(spec: ChartSpec): uPlot.Axis[] {
  const { x, y } = spec;
  const common = {
    stroke: quiet,
    font: FONT,
    labelFont: FONT,
    labelSize: 20,
    labelGap: 0,
    grid: { stroke: line, width: 1 },
    ticks: { stroke: line, width: 1, size: 4 },
  };
  const tick = (v: number): string => {
    if (x.scale === 'names') return x.names?.[v] ?? '';
    return x.unit === 'seconds' || x.unit === 'plain' ? v.toLocaleString('en-US') : showValue(v, x.unit);
  };
  const [xMin, xMax] = xRange(spec);
  const [yMin, yMax] = yRange(spec);
  const all = (_: uPlot, splits: number[]): number[] => splits;
  let xTicks: Partial<uPlot.Axis> = {};
  if (x.scale === 'names') xTicks = { splits: () => [...x.values], filter: all };
  else if (x.scale === 'log') {
    const ticks = x.unit === 'plain' ? doublings(xMin, xMax) : ticksOf(x.unit, xMin, xMax);
    xTicks = { splits: () => ticks, filter: all };
  }
  return [
    {
      ...common,
      label: x.label,
      space: 56,
      size: 28,
      values: (_, splits) => splits.map(tick),
      ...xTicks,
    },
    {
      ...common,
      label: y.label,
      size: (_, values) => AROUND + DIGIT * Math.max(1, ...(values ?? []).map((v) => v?.length ?? 0)),
      values: (_, splits) =>
        splits.map((v) => (y.unit === 'plain' ? compact(v, yMax) : showValue(v, y.unit))),
      ...(y.scale === 'log' ? { splits: () => ticksOf(y.unit, yMin, yMax), filter: all } : {}),
    },
  ];
}

function compact(v: number, max: number): string {
  if (max < 1e5) return max < 10 ? num(v) : int(v);
  return v.toLocaleString('en-US', { notation: 'compact' });
}
