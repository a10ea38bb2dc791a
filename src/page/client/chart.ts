/** A chart in its place: uPlot's canvas, and around it what makes it readable without eyes or mouse. */
import type uPlotClass from 'uplot';
import type { ChartSpec } from '../chart-spec.ts';
import { axesOf, scalesOf } from './axes.ts';
import { el } from './dom.ts';
import { onTheme, seriesInk } from './ink.ts';
import { dashOf, dataTable, describe, makeLegend } from './legend.ts';
import { barPaths, paintOver, paintUnder } from './paint.ts';

const HEIGHT = 240;
/** More points than this are not dotted. */
const DOTTED = 60;

const { uPlot } = globalThis as unknown as { uPlot: typeof uPlotClass };
const drawn = new Set<uPlotClass>();
const sizes = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    const width = Math.floor(contentRect.width);
    for (const u of drawn)
      if (u.root.parentElement === target && width > 0) u.setSize({ width, height: HEIGHT });
  }
});

onTheme(() => {
  for (const u of drawn) u.redraw(false, true);
});

/** Fills a figure; what a former chart left in it goes. */
export function drawChart(figure: HTMLElement, spec: ChartSpec): void {
  for (const u of drawn) {
    if (!figure.contains(u.root)) continue;
    drawn.delete(u);
    u.destroy();
  }
  figure.querySelectorAll(':scope > :not(figcaption)').forEach((e) => e.remove());
  const heading = figure.querySelector('figcaption > h3');
  if (heading !== null) heading.textContent = spec.title;
  const plot = el('div', { class: 'plot', role: 'img', 'aria-label': describe(spec) });
  figure.append(plot);
  const legend = makeLegend(spec, {
    onShow: (series, shown) => u.setSeries(series + 1, { show: shown }),
    onRead: (index) => {
      u.setCursor({ left: u.valToPos(spec.x.values[index], 'x'), top: u.over.clientHeight / 2 });
      legend.show(index);
    },
  });
  const options: uPlotClass.Options = {
    width: Math.max(200, Math.floor(plot.clientWidth)),
    height: HEIGHT,
    padding: [8, 12, 0, 0],
    legend: { show: false },
    cursor: {
      drag: { x: false, y: false, setScale: false },
      y: false,
      points: { show: spec.kind === 'line' },
    },
    scales: scalesOf(spec),
    axes: axesOf(spec),
    series: [{}, ...spec.series.map((_, i) => seriesOptions(spec, i))],
    hooks: {
      drawAxes: [(self) => paintUnder(self, spec)],
      draw: [(self) => paintOver(self, spec)],
      setCursor: [(self) => legend.show(self.cursor.idx ?? null)],
    },
  };
  const data = [spec.x.values, ...spec.series.map((s) => s.values)] as unknown as uPlotClass.AlignedData;
  const u = new uPlot(options, data, plot);
  drawn.add(u);
  sizes.observe(plot);
  figure.append(...legend.parts, dataTable(spec));
}

function seriesOptions(spec: ChartSpec, index: number): uPlotClass.Series {
  const colour = (): string => seriesInk(index);
  if (spec.kind === 'histogram') return { paths: barPaths(spec), fill: colour, points: { show: false } };
  const dash = dashOf(spec, index);
  return {
    stroke: colour,
    width: 2,
    spanGaps: true,
    ...(dash === '' ? {} : { dash: dash.split(' ').map(Number) }),
    points: {
      show: spec.x.values.length <= DOTTED,
      size: 5,
      stroke: colour,
      fill: colour,
    },
  };
}
