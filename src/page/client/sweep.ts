/** The parts of a sweep's page that the reader steers: heat map and chart over axes of their choice. */
import type { ChartSpec, SweepCell, SweepData } from '../chart-spec.ts';
import { showValue } from './axes.ts';
import { drawChart } from './chart.ts';
import { choice, gridTable } from './dom.ts';

/** Over all values of an axis that is not shown. */
const MEDIAN_OF_ALL = -1;

interface View {
  columns: number;
  /** −1: none; there is only one axis. */
  rows: number;
  measure: number;
  /** By axis: the value that is looked at, or MEDIAN_OF_ALL. */
  fixed: number[];
}

/** @param panel holds `.controls`, `.map` and the chart's figure */
export function startSweep(panel: HTMLElement, sweep: SweepData): void {
  const { axes, measures } = sweep;
  const controls = panel.querySelector<HTMLElement>('.controls');
  const map = panel.querySelector<HTMLElement>('.map');
  const figure = panel.querySelector<HTMLElement>('[data-chart="sweep"]');
  if (controls === null || map === null || figure === null) return;
  // The axis with most values lies along, the next across.
  const bySize = axes.map((_, i) => i).toSorted((a, b) => axes[b].values.length - axes[a].values.length);
  const view: View = {
    columns: bySize[0],
    rows: bySize[1] ?? -1,
    measure: 0,
    fixed: axes.map(() => MEDIAN_OF_ALL),
  };
  const names = axes.map((a) => a.name);

  const show = (): void => {
    map.replaceChildren(heatMap(sweep, view));
    drawChart(figure, lineChart(sweep, view));
  };
  const build = (): void => {
    const had = controls.contains(document.activeElement)
      ? document.activeElement?.getAttribute('data-name')
      : null;
    const selects: HTMLElement[] = [];
    const add = (
      name: string,
      options: readonly string[],
      chosen: number,
      set: (i: number) => void,
    ): void => {
      const onChange = (i: number): void => {
        set(i);
        build();
        show();
      };
      selects.push(choice(name, options, chosen, onChange));
    };
    add('Columns, and along the chart', names, view.columns, (i) => {
      if (i === view.rows) view.rows = view.columns;
      view.columns = i;
    });
    if (view.rows >= 0) {
      add('Rows, and lines of the chart', names, view.rows, (i) => {
        if (i === view.columns) view.columns = view.rows;
        view.rows = i;
      });
    }
    add(
      'Shown in the heat map',
      measures.map((m) => m.label),
      view.measure,
      (i) => (view.measure = i),
    );
    for (const [axis, { name, values }] of axes.entries()) {
      if (axis === view.columns || axis === view.rows) continue;
      add(name, ['median of all', ...values], view.fixed[axis] + 1, (i) => (view.fixed[axis] = i - 1));
    }
    controls.replaceChildren(...selects);
    if (had !== null && had !== undefined)
      controls.querySelector<HTMLElement>(`[data-name="${CSS.escape(had)}"]`)?.focus();
  };
  build();
  show();
}

/** Cells at a place of the view. */
function cellsAt({ cells, axes }: SweepData, view: View, column: number, row: number): SweepCell[] {
  return cells.filter(({ at }) =>
    axes.every((_, axis) => {
      if (axis === view.columns) return at[axis] === column;
      if (axis === view.rows) return at[axis] === row;
      return view.fixed[axis] === MEDIAN_OF_ALL || at[axis] === view.fixed[axis];
    }),
  );
}

function median(values: readonly (number | null)[]): number | null {
  const sorted = values.filter((v) => v !== null).toSorted((a, b) => a - b);
  if (sorted.length === 0) return null;
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** What the axes that are not shown are set to. */
function elsewhere({ axes }: SweepData, view: View): string {
  const others = axes.flatMap(({ name, values }, axis) => {
    if (axis === view.columns || axis === view.rows) return [];
    const fixed = view.fixed[axis];
    return [`${name} ${fixed === MEDIAN_OF_ALL ? '(median of all)' : `= ${values[fixed]}`}`];
  });
  return others.length === 0 ? '' : `; ${others.join(', ')}`;
}

function heatMap(sweep: SweepData, view: View): HTMLElement {
  const { axes, measures } = sweep;
  const columns = axes[view.columns];
  const rows = view.rows < 0 ? { name: '', values: [''] } : axes[view.rows];
  const grid = rows.values.map((_, row) =>
    columns.values.map((__, column) =>
      median(cellsAt(sweep, view, column, row).map((c) => c.measures[view.measure])),
    ),
  );
  const known = grid.flat().filter((v) => v !== null);
  const [min, max] = [Math.min(...known), Math.max(...known)];
  const tone = (v: number | null): string => {
    if (v === null) return '';
    return `h${max > min ? Math.min(9, Math.floor((10 * (v - min)) / (max - min))) : 0}`;
  };
  const { label, unit } = measures[view.measure];
  const across = view.rows < 0 ? '' : `${rows.name} by `;
  return gridTable(
    `${label}: ${across}${columns.name}${elsewhere(sweep, view)}. The stronger the colour, the greater.`,
    [view.rows < 0 ? columns.name : `${rows.name} \\ ${columns.name}`, ...columns.values],
    grid.map((line, i) => [
      { text: view.rows < 0 ? label : rows.values[i] },
      ...line.map((v) => ({ text: showValue(v, unit), tone: tone(v) })),
    ]),
    'heat',
  );
}

/** Over several cells, the interval is the median of their ends. */
function lineChart(sweep: SweepData, view: View): ChartSpec {
  const columns = sweep.axes[view.columns];
  const lines = view.rows < 0 ? null : sweep.axes[view.rows];
  const series = (lines?.values ?? ['']).map((value, row) => {
    const at = columns.values.map((_, column) => cellsAt(sweep, view, column, row).map((c) => c.throughput));
    return {
      label: lines === null ? 'throughput' : `${lines.name} ${value}`,
      values: at.map((all) => median(all.map((t) => t.median))),
      low: at.map((all) => median(all.map((t) => t.low))),
      high: at.map((all) => median(all.map((t) => t.high))),
    };
  });
  const by = lines === null ? '' : `, one line for each ${lines.name}`;
  return {
    title: `Throughput along ${columns.name}${by}${elsewhere(sweep, view)}`,
    kind: 'line',
    x: {
      label: columns.name,
      unit: 'plain',
      scale: 'names',
      values: columns.values.map((_, i) => i),
      names: columns.values,
    },
    y: { label: 'page gets per second', unit: 'plain', scale: 'linear' },
    series,
  };
}
