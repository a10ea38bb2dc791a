/** What uPlot does not draw by itself: bars of unequal width, whiskers, bands, marks, and where predictions begin. */
import type uPlot from 'uplot';
import type { ChartSeries, ChartSpec } from '../chart-spec.ts';
import { ink, seriesInk } from './ink.ts';

const WHISKER = 4;
const LABEL_GAP = 4;
const LABEL_ROW = 14;

/** The plot's own coordinates are in device pixels. */
const scale = (): number => devicePixelRatio;

/** Bars from edge to edge, standing on the lower end of the y-axis. */
export function barPaths(spec: ChartSpec): uPlot.Series.PathBuilder {
  return (u, index) => {
    const path = new Path2D();
    const floor = u.bbox.top + u.bbox.height;
    const values = spec.series[index - 1].values;
    for (const [i, [from, to]] of (spec.x.edges ?? []).entries()) {
      const value = values[i] ?? 0;
      if (value <= 0) continue;
      const left = u.valToPos(from, 'x', true);
      const top = u.valToPos(value, 'y', true);
      const gap = Math.min(1, (u.valToPos(to, 'x', true) - left) / 4);
      path.rect(left, top, u.valToPos(to, 'x', true) - left - gap, floor - top);
    }
    return { stroke: null, fill: path, flags: 1 };
  };
}

/** Under the lines: where nothing was measured, and the bands of predictions. */
export function paintUnder(u: uPlot, spec: ChartSpec): void {
  const { ctx, bbox } = u;
  ctx.save();
  clipToPlot(u);
  if (spec.predictedFrom !== undefined) {
    const from = Math.max(bbox.left, u.valToPos(spec.predictedFrom, 'x', true));
    ctx.fillStyle = ink('predicted');
    ctx.fillRect(from, bbox.top, bbox.left + bbox.width - from, bbox.height);
    ctx.fillStyle = ink('quiet');
    ctx.font = `600 ${11 * scale()}px system-ui, sans-serif`;
    ctx.textBaseline = 'top';
    ctx.textAlign = 'left';
    ctx.fillText('PREDICTION', from + LABEL_GAP * scale(), bbox.top + LABEL_GAP * scale());
  }
  for (const [i, s] of spec.series.entries())
    if (s.prediction === true && u.series[i + 1].show === true) band(u, spec, s, i);
  ctx.restore();
}

function band(u: uPlot, spec: ChartSpec, s: ChartSeries, index: number): void {
  const at = spec.x.values.flatMap((x, i) => {
    const [low, high] = [s.low?.[i] ?? null, s.high?.[i] ?? null];
    return low === null || high === null ? [] : [{ x: u.valToPos(x, 'x', true), low, high }];
  });
  if (at.length < 2) return;
  const { ctx } = u;
  ctx.beginPath();
  for (const p of at) ctx.lineTo(p.x, u.valToPos(p.high, 'y', true));
  for (const p of at.toReversed()) ctx.lineTo(p.x, u.valToPos(p.low, 'y', true));
  ctx.closePath();
  ctx.globalAlpha = 0.22;
  ctx.fillStyle = seriesInk(index);
  ctx.fill();
  ctx.globalAlpha = 1;
}

/** Over the lines: whiskers and marks. */
export function paintOver(u: uPlot, spec: ChartSpec): void {
  u.ctx.save();
  clipToPlot(u);
  for (const [i, s] of spec.series.entries()) {
    if (s.prediction !== true && u.series[i + 1].show === true) whiskers(u, spec, s, i);
  }
  marks(u, spec);
  u.ctx.restore();
}

function whiskers(u: uPlot, spec: ChartSpec, s: ChartSeries, index: number): void {
  const { ctx } = u;
  const half = WHISKER * scale();
  ctx.strokeStyle = seriesInk(index);
  ctx.lineWidth = 1.5 * scale();
  ctx.setLineDash([]);
  for (const [i, x] of spec.x.values.entries()) {
    const [low, high] = [s.low?.[i] ?? null, s.high?.[i] ?? null];
    if (low === null || high === null) continue;
    const at = u.valToPos(x, 'x', true);
    const ends = [u.valToPos(low, 'y', true), u.valToPos(high, 'y', true)];
    ctx.beginPath();
    ctx.moveTo(at, ends[0]);
    ctx.lineTo(at, ends[1]);
    for (const end of ends) {
      ctx.moveTo(at - half, end);
      ctx.lineTo(at + half, end);
    }
    ctx.stroke();
  }
}

function marks(u: uPlot, { marks: all = [] }: ChartSpec): void {
  const { ctx, bbox } = u;
  ctx.font = `${12 * scale()}px system-ui, sans-serif`;
  ctx.textBaseline = 'top';
  ctx.textAlign = 'left';
  ctx.lineWidth = scale();
  ctx.setLineDash([4 * scale(), 3 * scale()]);
  const right = bbox.left + bbox.width;
  for (const [i, { x, label }] of all.entries()) {
    const at = u.valToPos(x, 'x', true);
    if (at < bbox.left || at > right + 1) continue;
    ctx.strokeStyle = ink('ink');
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
    // Names of neighbours stand in rows of their own.
    const width = ctx.measureText(label).width + LABEL_GAP * scale();
    const left = at + width > right ? at - width : at + LABEL_GAP * scale();
    const top = bbox.top + (2 + (i % 4) * LABEL_ROW) * scale();
    ctx.fillStyle = ink('paper');
    ctx.globalAlpha = 0.85;
    ctx.fillRect(left - scale(), top, width - 2 * scale(), LABEL_ROW * scale());
    ctx.globalAlpha = 1;
    ctx.fillStyle = ink('ink');
    ctx.fillText(label, left, top);
  }
}

function clipToPlot({ ctx, bbox }: uPlot): void {
  ctx.beginPath();
  ctx.rect(bbox.left - 2, bbox.top - 2, bbox.width + 4, bbox.height + 4);
  ctx.clip();
}
