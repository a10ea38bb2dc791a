/** Under a chart: its legend, whose buttons hide series, a slider that reads values, and its data as a table. */
import type { ChartSpec } from '../chart-spec.ts';
import { showValue, showX } from './axes.ts';
import { el, gridTable, svg } from './dom.ts';

const PATTERNS = ['', '7 3', '2 2.5', '9 3 2 3', '12 3', '4 4', '1 4', '7 2 2 2 2 2'];
const PREDICTED = ['6 4', '2 3', '9 3 2 3', '12 4'];
const MAX_TABLE_ROWS = 500;

/** Lengths of dashes and gaps: predictions are dashed; if there are none, patterns tell series apart. */
export function dashOf(spec: ChartSpec, index: number): string {
  if (spec.series[index].prediction === true) return PREDICTED[index % PREDICTED.length];
  return spec.series.some((s) => s.prediction) ? '' : PATTERNS[index % PATTERNS.length];
}

export const labelOf = ({ label, prediction }: ChartSpec['series'][number]): string =>
  prediction === true ? `PREDICTION: ${label}` : label;

function range(spec: ChartSpec, index: number): string {
  const known = spec.series[index].values.filter((v) => v !== null);
  if (known.length === 0) return 'no data';
  const [min, max] = [Math.min(...known), Math.max(...known)].map((v) => showValue(v, spec.y.unit));
  return min === max ? min : `${min} – ${max}`;
}

/** The chart in words. */
export function describe(spec: ChartSpec): string {
  const { title, kind, x, series } = spec;
  const marks = (spec.marks ?? []).map((m) => m.label).join(', ');
  const last = x.values.length - 1;
  const from = x.edges === undefined ? showX(spec, 0) : showValue(x.edges[0][0], x.unit);
  const to = x.edges === undefined ? showX(spec, last) : showValue(x.edges[last][1], x.unit);
  const lines = series.map((s, i) => `${labelOf(s)}: ${range(spec, i)}`);
  return `${title}. ${kind === 'line' ? 'Line chart' : 'Histogram'}, ${x.label} from ${from} to ${to}. ${lines.join('; ')}.${marks === '' ? '' : ` Marked: ${marks}.`}`;
}

export interface LegendEvents {
  /** A series is to be seen or not. */
  readonly onShow: (series: number, shown: boolean) => void;
  /** The reader asks for the values at an index. */
  readonly onRead: (index: number) => void;
}

export interface Legend {
  readonly parts: readonly HTMLElement[];
  /** Shows the values at an index, or the ranges. */
  show(index: number | null): void;
}

export function makeLegend(spec: ChartSpec, events: LegendEvents): Legend {
  const outputs = spec.series.map((_, i) => el('output', { for: '' }, range(spec, i)));
  const items = spec.series.map((s, i) => {
    const tone = `s${(i % 8) + 1}`;
    const swatch = svg('svg', { 'aria-hidden': 'true', focusable: 'false' });
    swatch.append(
      spec.kind === 'histogram'
        ? svg('rect', { class: `f${(i % 8) + 1}`, width: '26', height: '10' })
        : svg('line', {
            class: tone,
            x1: '0',
            x2: '26',
            y1: '5',
            y2: '5',
            'stroke-dasharray': dashOf(spec, i),
          }),
    );
    const button = el('button', { type: 'button', 'aria-pressed': 'true' }, swatch, labelOf(s));
    button.addEventListener('click', () => {
      const shown = button.getAttribute('aria-pressed') !== 'true';
      button.setAttribute('aria-pressed', String(shown));
      events.onShow(i, shown);
    });
    return el('li', {}, button, outputs[i]);
  });
  const list = el('ul', { class: 'legend', 'aria-label': `Legend of ${spec.title}` }, ...items);
  const parts: HTMLElement[] = [list];

  const last = spec.x.values.length - 1;
  const at = el('output', {}, '');
  const slider = el('input', { type: 'range', min: '0', max: String(last), step: '1', value: '0' });
  slider.setAttribute('aria-label', `Read ${spec.title} at`);
  slider.addEventListener('input', () => events.onRead(slider.valueAsNumber));
  if (last > 0)
    parts.push(el('div', { class: 'read' }, el('span', { 'aria-hidden': 'true' }, 'Read at'), slider, at));
  return {
    parts,
    show(index) {
      for (const [i, output] of outputs.entries()) {
        output.value = index === null ? range(spec, i) : showValue(spec.series[i].values[index], spec.y.unit);
      }
      at.value = index === null ? '' : showX(spec, index);
      if (index === null) return;
      slider.value = String(index);
      const values = spec.series.map((s) => `${labelOf(s)} ${showValue(s.values[index], spec.y.unit)}`);
      slider.setAttribute('aria-valuetext', `${showX(spec, index)}: ${values.join(', ')}`);
    },
  };
}

/** The data, made when somebody wants to see it. */
export function dataTable(spec: ChartSpec): HTMLDetailsElement {
  const details = el('details', {}, el('summary', {}, `Data of “${spec.title}”`));
  const fill = (): void => {
    if (details.childElementCount > 1) return;
    const intervals = spec.series.map((s) => s.low !== undefined);
    const head = spec.series.flatMap((s, i) => (intervals[i] ? [labelOf(s), 'from', 'to'] : [labelOf(s)]));
    const step = Math.ceil(spec.x.values.length / MAX_TABLE_ROWS);
    const rows = spec.x.values.flatMap((_, row) => {
      if (row % step !== 0) return [];
      const cells = spec.series.flatMap((s, i) =>
        (intervals[i] ? [s.values, s.low, s.high] : [s.values]).map((v) => ({
          text: showValue(v?.[row], spec.y.unit),
        })),
      );
      return [[{ text: showX(spec, row) }, ...cells]];
    });
    details.append(gridTable(`${spec.title}: ${spec.y.label}`, [spec.x.label, ...head], rows));
  };
  details.addEventListener('toggle', fill);
  return details;
}
