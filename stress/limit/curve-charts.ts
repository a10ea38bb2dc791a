/** The charts of the curve: chunk size against latch, throughput, aheadness and stops. */
import type { ChartSpec } from '../../src/page/chart-spec.ts';
import { DEFAULT_CHUNK, type LimitCurve } from './curve.ts';
import { stoppedShare } from './curve-text.ts';

/** Charts by id; none for a curve without points. */
export function limitCurveChart(c: LimitCurve): Record<string, ChartSpec> {
  const points = c.points.filter((p) => p.timed !== null);
  if (points.length < 2) return {};
  const x = {
    label: 'connection_memory_chunk_size',
    unit: 'bytes',
    scale: 'log',
    values: points.map((p) => p.chunk),
  } as const;
  const marks = [{ x: DEFAULT_CHUNK, label: 'default' }];
  const above0 = (n: number | undefined): number | null => (n !== undefined && n > 0 ? n : null);
  return {
    'limit-latch': {
      title: 'Global latch for each allocation',
      kind: 'line',
      x,
      y: { label: 'latch per allocation', unit: 'plain', scale: 'linear' },
      series: [
        { label: 'measured', values: points.map((p) => p.timed?.latchPerAllocation ?? null) },
        { label: 'each session alone, exact', values: points.map((p) => p.exact.latchPerAllocation) },
        { label: 'of that, resets', values: points.map((p) => p.exact.resets / p.exact.allocations) },
      ],
      marks,
    },
    'limit-throughput': {
      title: 'Throughput',
      kind: 'line',
      x,
      y: { label: 'share of tracking OFF', unit: 'percent', scale: 'linear' },
      series: [
        {
          label: 'tracking ON',
          values: points.map((p) => p.toOff?.median ?? null),
          low: points.map((p) => p.toOff?.low ?? null),
          high: points.map((p) => p.toOff?.high ?? null),
        },
        { label: 'tracking OFF', values: points.map(() => 1) },
      ],
      marks,
    },
    'limit-ahead': {
      title: 'Global_connection_memory ahead of the truth',
      kind: 'line',
      x,
      y: { label: 'all sessions together', unit: 'bytes', scale: 'log' },
      series: [
        { label: 'ahead, most', values: points.map((p) => above0(p.ahead?.max)) },
        { label: 'ahead, on average', values: points.map((p) => above0(p.ahead?.mean)) },
        { label: 'a session alone, exact', values: points.map((p) => above0(p.exact.aheadMean)) },
        { label: 'in use, on average', values: points.map((p) => above0(p.ahead?.usedMean)) },
        { label: 'global limit of the next chart', values: points.map(() => c.globalLimit) },
      ],
      marks,
    },
    'limit-stopped': {
      title: 'Statements stopped too early',
      kind: 'line',
      x,
      y: { label: 'ended by error 4081', unit: 'percent', scale: 'linear' },
      series: [
        {
          label: 'stopped',
          values: points.map(({ stops: s }) => (s === null ? null : stoppedShare(s))),
        },
      ],
      marks: [...marks, { x: c.globalLimit / c.sessions, label: 'limit / sessions' }],
    },
  };
}
