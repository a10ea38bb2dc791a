/** The charts of a run's page, from its samples and its histogram. */
import type { Sample } from '../../src/observe/sample.ts';
import { type ChartSpec, shortInstrument } from '../../src/page/chart-spec.ts';
import { limitCurveChart } from '../limit/curve-charts.ts';
import type { ProcessMemory } from '../runner/process-memory.ts';
import type { StressReport } from './report.ts';

/** More points than a screen shows are left out; counters are cumulative, so nothing gets lost. */
const MAX_POINTS = 300;
/** Lines that an eye can tell apart. */
const MAX_LINES = 7;
const MIB = 2 ** 20;
const MARKED = ['p50', 'p95', 'p99', 'max'];

const TIME = { label: 'seconds', unit: 'seconds', scale: 'linear' } as const;

/** Charts by id. What there are no samples for is left out. */
export function stressCharts(r: StressReport): Record<string, ChartSpec> {
  const charts: Record<string, ChartSpec> = {};
  const samples = thin(r.series);
  if (samples.length > 1) {
    charts['throughput'] = throughput(samples);
    charts['waits'] = waits(r, samples);
    charts['pages'] = pages(samples);
    charts['memory'] = memory(samples);
  }
  if (r.latencyHistogram.length > 0) charts['latency'] = latency(r);
  if (r.processMemory !== null && r.processMemory.samples.length > 1)
    charts['process'] = process(r.processMemory);
  return r.limitCurve === null ? charts : { ...charts, ...limitCurveChart(r.limitCurve) };
}

function process({ samples: all, billBytes }: ProcessMemory): ChartSpec {
  const step = Math.ceil(all.length / MAX_POINTS);
  const samples = all.filter((_, i) => i % step === 0);
  return {
    title: 'Process memory over time',
    kind: 'line',
    x: { ...TIME, values: samples.map((s) => s.atMs / 1000) },
    y: { label: 'MiB', unit: 'plain', scale: 'linear' },
    series: [
      { label: 'resident', values: samples.map((s) => s.rssBytes / MIB) },
      { label: 'the bill', values: samples.map(() => billBytes / MIB) },
    ],
  };
}

function thin(series: readonly Sample[]): Sample[] {
  const step = Math.ceil(series.length / MAX_POINTS);
  const offset = step === 0 ? 0 : (series.length - 1) % step;
  // The last sample stays, and so does the first, from which all count.
  return series.filter((_, i) => i === 0 || i % step === offset);
}

/** Per second, from each sample to the next. */
function rates(samples: readonly Sample[], counter: (s: Sample) => number): number[] {
  return samples.slice(1).map((s, i) => {
    const before = samples[i];
    return (1000 * (counter(s) - counter(before))) / Math.max(1, s.atMs - before.atMs);
  });
}

const seconds = (samples: readonly Sample[]): number[] => samples.map((s) => s.atMs / 1000);

function throughput(samples: readonly Sample[]): ChartSpec {
  return {
    title: 'Throughput over time',
    kind: 'line',
    x: { ...TIME, values: seconds(samples).slice(1) },
    y: { label: 'per second', unit: 'plain', scale: 'linear' },
    series: [
      { label: 'statements/s', values: rates(samples, (s) => s.statements) },
      { label: 'page gets/s', values: rates(samples, (s) => s.pageGets) },
      { label: 'pages read/s', values: rates(samples, (s) => s.pagesRead) },
      { label: 'pages written/s', values: rates(samples, (s) => s.pagesWritten) },
    ],
  };
}

function waits(r: StressReport, samples: readonly Sample[]): ChartSpec {
  const last = samples[samples.length - 1];
  const names = Object.keys(last.waitUs)
    .filter((name) => last.waitUs[name] > 0)
    .toSorted((a, b) => last.waitUs[b] - last.waitUs[a]);
  const ms = (...of: readonly string[]): number[] =>
    rates(samples, (s) => of.reduce((sum, name) => sum + (s.waitUs[name] ?? 0) / 1000, 0));
  const instrument = (name: string): string => r.latches.find((l) => l.name === name)?.instrument ?? name;
  const series = names
    .slice(0, MAX_LINES)
    .map((name) => ({ label: shortInstrument(instrument(name)), values: ms(name) }));
  const others = names.slice(MAX_LINES);
  if (others.length > 0) series.push({ label: `${others.length} others`, values: ms(...others) });
  if (series.length === 0) series.push({ label: 'all latches', values: ms() });
  return {
    title: 'Waits over time, by latch',
    kind: 'line',
    x: { ...TIME, values: seconds(samples).slice(1) },
    y: { label: 'ms waited per second', unit: 'plain', scale: 'linear' },
    series,
  };
}

function pages(samples: readonly Sample[]): ChartSpec {
  return {
    title: 'Dirty, free and old pages over time',
    kind: 'line',
    x: { ...TIME, values: seconds(samples) },
    y: { label: 'pages, all instances', unit: 'plain', scale: 'linear' },
    series: [
      { label: 'dirty', values: samples.map((s) => s.dirty) },
      { label: 'free', values: samples.map((s) => s.free) },
      { label: 'old sublist', values: samples.map((s) => s.old) },
    ],
  };
}

function memory(samples: readonly Sample[]): ChartSpec {
  return {
    title: 'Memory over time',
    kind: 'line',
    x: { ...TIME, values: seconds(samples) },
    y: { label: 'MiB', unit: 'plain', scale: 'linear' },
    series: [
      ...samples[0].osMemoryBytes.map((_, node) => ({
        label: `in use on node ${node}`,
        values: samples.map((s) => s.osMemoryBytes[node] / MIB),
      })),
      { label: 'Global_connection_memory', values: samples.map((s) => s.connectionMemory / MIB) },
    ],
  };
}

function latency({ latencyHistogram, latencyUs }: StressReport): ChartSpec {
  // A bucket that begins at 0 has no place on a logarithmic axis.
  const edges = latencyHistogram.map(({ fromUs, toUs }) => [Math.max(fromUs, toUs / 10), toUs] as const);
  return {
    title: 'Latency of transactions',
    kind: 'histogram',
    x: {
      label: 'latency',
      unit: 'micros',
      scale: 'log',
      values: edges.map(([from, to]) => Math.sqrt(from * to)),
      edges,
    },
    y: { label: 'transactions (logarithmic)', unit: 'plain', scale: 'log' },
    series: [{ label: 'transactions', values: latencyHistogram.map((b) => b.count) }],
    marks: MARKED.flatMap((label) => (latencyUs[label] > 0 ? [{ x: latencyUs[label], label }] : [])),
  };
}
