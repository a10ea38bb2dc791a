/** A sweep over variables as a page: one HTML file that needs nothing else. */
import { type Part, stackedBar } from '../../src/page/bar.ts';
import { type ChartSpec, shortInstrument, type SweepData } from '../../src/page/chart-spec.ts';
import { chartFigure } from '../../src/page/chart.ts';
import { facts, keyFigures, renderPage, type Section } from '../../src/page/document.ts';
import { int, micros, num, percent } from '../../src/page/format.ts';
import { html, type Html } from '../../src/page/html.ts';
import { type Column, table } from '../../src/page/table.ts';

export interface SweepPage {
  readonly title: string;
  /** The command line that repeats the sweep. */
  readonly command: string;
  readonly environment: readonly { readonly label: string; readonly value: string }[];
  readonly warnings: readonly string[];
  readonly axes: readonly { readonly name: string; readonly values: readonly string[] }[];
  readonly cells: readonly SweepPageCell[];
  readonly predictions: readonly SweepPagePrediction[];
}

export interface SweepPageCell {
  /** Value on each axis. */
  readonly at: readonly string[];
  /** Page gets per second: median of the rounds, and the interval in which the next run is to be expected. */
  readonly throughput: {
    readonly median: number;
    readonly low: number;
    readonly high: number;
    readonly samples: readonly number[];
  };
  readonly hitRatio: number;
  /** By percentile. */
  readonly latencyUs: Readonly<Record<string, number>>;
  /** Time waited per second of the run, all threads together, by instrument. */
  readonly waitMsPerS: Readonly<Record<string, number>>;
  /** What the pages of the cell are, if that differs. */
  readonly pages?: string;
}

export interface SweepPagePrediction {
  readonly text: string;
  readonly curves: readonly {
    readonly name: string;
    readonly points: readonly {
      readonly x: number;
      readonly y: number;
      readonly low?: number;
      readonly high?: number;
    }[];
    readonly measured: boolean;
  }[];
  readonly xLabel: string;
  readonly yLabel: string;
}

const THROUGHPUT = 'throughput, page gets per second';
/** Latch classes with a colour and a letter of their own; the others are one. */
const MAX_CLASSES = 7;
const LETTERS = 'ABCDEFGH';
/** A logarithmic axis, if the greatest x is so many times the least. */
const LOG_FROM = 8;

/** A latch class, or several together. */
interface WaitClass {
  readonly key: string;
  readonly tone: number;
  readonly label: string;
  readonly of: (cell: SweepPageCell) => number;
}

/** @returns the whole file */
export function renderSweepHtml(sweep: SweepPage): string {
  const charts = Object.fromEntries(
    sweep.predictions.map((p, i) => [`prediction-${i}`, predictionChart(p, i)]),
  );
  const classes = waitClasses(sweep.cells);
  const sections: Section[] = [
    { id: 'figures', title: 'Key figures', body: figures(sweep) },
    { id: 'cells', title: 'All cells', body: cellTable(sweep, classes) },
    { id: 'axes', title: 'Along the axes', body: axesPanel(sweep) },
    { id: 'waits', title: 'Where the time is waited', body: waits(sweep, classes) },
    { id: 'predictions', title: 'Predictions', body: predictions(sweep) },
    { id: 'environment', title: 'Environment', body: environment(sweep) },
  ];
  const steered = sweep.axes.length > 0 && sweep.cells.length > 0;
  return renderPage({
    title: sweep.title,
    lead: lead(sweep),
    sections,
    data: { charts, sweep: steered ? sweepData(sweep) : null },
  });
}

function lead({ axes, cells, warnings }: SweepPage): Html {
  const over = axes.map((a) => `${a.name} (${a.values.join(', ')})`).join(' × ');
  const notes = warnings.map((w) => html`<li><b class="warn">Warning:</b> ${w}</li>`);
  const count = `${int(cells.length)} ${cells.length === 1 ? 'cell' : 'cells'}`;
  return html`<p class="quiet">${count}${over === '' ? '' : ` over ${over}`}</p>
    ${
      notes.length === 0
        ? html``
        : html`<ul class="notes" aria-label="Warnings">
            ${notes}
          </ul>`
    }`;
}

const waitSum = (cell: SweepPageCell): number => Object.values(cell.waitMsPerS).reduce((a, b) => a + b, 0);

const place = ({ axes }: SweepPage, { at }: SweepPageCell): string =>
  axes.length === 0 ? 'the cell' : axes.map((a, i) => `${a.name} ${at[i]}`).join(', ');

function figures(sweep: SweepPage): Html {
  const best = sweep.cells.toSorted((a, b) => b.throughput.median - a.throughput.median);
  if (best.length === 0) return html`<p class="quiet">Nothing was measured.</p>`;
  const [first, last] = [best[0], best[best.length - 1]];
  return html`${keyFigures([
      { label: 'best throughput', value: int(first.throughput.median), unit: 'gets/s' },
      { label: 'worst throughput', value: int(last.throughput.median), unit: 'gets/s' },
      { label: 'best to worst', value: `${num(first.throughput.median / last.throughput.median)} ×` },
      { label: 'p99 of the best', value: micros(first.latencyUs['p99'] ?? NaN) },
      { label: 'waited in the best', value: num(waitSum(first)), unit: 'ms/s' },
    ])}
    <p class="gap">
      <b>Best:</b>
      ${place(sweep, first)}.${best.length === 1 ? '' : html` <b>Worst:</b> ${place(sweep, last)}.`}
    </p>`;
}

/** Columns for the values on the axes; without axes one that names the cell. */
function axisColumns({ axes }: SweepPage): Column<SweepPageCell>[] {
  if (axes.length === 0) return [{ head: 'cell', cell: () => 'the only one' }];
  return axes.map(({ name, values }, i) => {
    const numbers = values.every((v) => v.trim() !== '' && Number.isFinite(Number(v)));
    const cell = (c: SweepPageCell): string => c.at[i];
    return numbers ? { head: name, cell, of: (c) => Number(c.at[i]) } : { head: name, cell, sort: cell };
  });
}

function cellTable(sweep: SweepPage, classes: readonly WaitClass[]): Html {
  const percentiles = ['p50', 'p95', 'p99'].filter((p) =>
    sweep.cells.some((c) => c.latencyUs[p] !== undefined),
  );
  const most = (c: SweepPageCell): string => {
    const first = classes.toSorted((a, b) => b.of(c) - a.of(c)).find((k) => k.of(c) > 0);
    return first?.label ?? '–';
  };
  const pages: Column<SweepPageCell>[] = sweep.cells.some((c) => c.pages !== undefined)
    ? [{ head: 'pages', cell: (c) => c.pages ?? '', sort: (c) => c.pages ?? '' }]
    : [];
  return html`<div class="fill">
    ${table<SweepPageCell>({
      caption: 'Each cell: median of its rounds. Headers sort.',
      empty: 'Nothing was measured.',
      rows: sweep.cells,
      columns: [
        ...axisColumns(sweep),
        ...pages,
        { head: 'gets/s', of: (c) => c.throughput.median },
        { head: 'from', of: (c) => c.throughput.low },
        { head: 'to', of: (c) => c.throughput.high },
        { head: 'rounds', of: (c) => c.throughput.samples.length },
        { head: 'hit ratio', of: (c) => c.hitRatio, cell: (c) => percent(c.hitRatio, 2) },
        ...percentiles.map((p): Column<SweepPageCell> => ({
          head: `${p} µs`,
          of: (c) => c.latencyUs[p] ?? NaN,
          cell: (c) => num(c.latencyUs[p] ?? NaN),
        })),
        { head: 'waited ms/s', of: waitSum },
        { head: 'most for', cell: most, sort: most },
      ],
    })}
  </div>`;
}

function axesPanel({ axes, cells }: SweepPage): Html {
  if (axes.length === 0 || cells.length === 0) {
    return html`<p class="quiet">No variable was swept: there is nothing to compare along.</p>`;
  }
  return html`<div id="sweep-panel">
    <noscript><p class="quiet">The heat map and its chart need JavaScript; the tables do not.</p></noscript>
    <div class="controls" role="group" aria-label="What the heat map and the chart show"></div>
    <div class="map"></div>
    <div class="gap">
      ${chartFigure('sweep', 'Throughput', 'Whiskers: where the next run is to be expected.')}
    </div>
  </div>`;
}

/** What the browser needs for heat map and chart. */
function sweepData({ axes, cells }: SweepPage): SweepData {
  const instruments = byTotal(cells);
  const percentiles = [...new Set(cells.flatMap((c) => Object.keys(c.latencyUs)))];
  const finite = (n: number | undefined): number | null => (n !== undefined && Number.isFinite(n) ? n : null);
  return {
    axes,
    measures: [
      { label: THROUGHPUT, unit: 'plain' },
      { label: 'hit ratio', unit: 'percent' },
      ...percentiles.map((p) => ({ label: `latency ${p}`, unit: 'micros' as const })),
      { label: 'waited for all latches, ms/s', unit: 'plain' },
      ...instruments.map((i) => ({
        label: `waited for ${shortInstrument(i)}, ms/s`,
        unit: 'plain' as const,
      })),
    ],
    cells: cells.map((c) => ({
      at: c.at.map((value, axis) => axes[axis].values.indexOf(value)),
      throughput: { median: c.throughput.median, low: c.throughput.low, high: c.throughput.high },
      measures: [
        finite(c.throughput.median),
        finite(c.hitRatio),
        ...percentiles.map((p) => finite(c.latencyUs[p])),
        waitSum(c),
        ...instruments.map((i) => c.waitMsPerS[i] ?? 0),
      ],
    })),
  };
}

/** Instruments that anybody waited for, the most waited first. */
function byTotal(cells: readonly SweepPageCell[]): string[] {
  const totals = new Map<string, number>();
  for (const { waitMsPerS } of cells) {
    for (const [name, ms] of Object.entries(waitMsPerS)) totals.set(name, (totals.get(name) ?? 0) + ms);
  }
  const waited = [...totals].filter(([, ms]) => ms > 0);
  return waited.toSorted((a, b) => b[1] - a[1]).map(([name]) => name);
}

function waitClasses(cells: readonly SweepPageCell[]): WaitClass[] {
  const names = byTotal(cells);
  const groups = names.slice(0, MAX_CLASSES).map((name) => ({ label: shortInstrument(name), of: [name] }));
  const others = names.slice(MAX_CLASSES);
  if (others.length > 0) groups.push({ label: `${others.length} others`, of: others });
  return groups.map(({ label, of }, i) => ({
    key: LETTERS[i],
    tone: i + 1,
    label,
    of: (c) => of.reduce((sum, name) => sum + (c.waitMsPerS[name] ?? 0), 0),
  }));
}

function waits(sweep: SweepPage, classes: readonly WaitClass[]): Html {
  if (classes.length === 0) return html`<p class="quiet">No thread waited for a latch in any cell.</p>`;
  const most = Math.max(...sweep.cells.map(waitSum));
  const parts = (c: SweepPageCell): Part[] =>
    classes.map((k) => ({ value: k.of(c), tone: k.tone, key: k.key }));
  const keys = classes.map(({ key, tone, label }) => html`<li><b class="b${tone}">${key}</b> ${label}</li>`);
  return html`<ul class="legend keys" aria-label="Latch classes">
      ${keys}
    </ul>
    <div class="fill">
      ${table<SweepPageCell>({
        caption:
          'ms waited per second of the run, all threads together, by latch class: 1,000 are one thread that always waits. All bars have one scale.',
        rows: sweep.cells,
        columns: [
          ...axisColumns(sweep),
          { head: 'by class', kind: 'bar', cell: (c) => stackedBar(parts(c), most) },
          { head: 'all', of: waitSum },
          ...classes.map((k): Column<SweepPageCell> => ({ head: k.key, of: k.of })),
        ],
      })}
    </div>`;
}

const predictionTitle = (p: SweepPagePrediction, index: number, of: number): string =>
  `PREDICTION${of > 1 ? ` ${index + 1}` : ''}: ${p.yLabel} by ${p.xLabel}`;

function predictions(sweep: SweepPage): Html {
  const { predictions: all } = sweep;
  if (all.length === 0) return html`<p class="quiet">Nothing was predicted.</p>`;
  const each = all.map(
    (p, i) =>
      html`<div class="prediction gap">
        ${chartFigure(`prediction-${i}`, predictionTitle(p, i, all.length), 'Dashed and shaded: predicted, not measured.')}
        <details open>
          <summary>What the model says</summary>
          <pre tabindex="0">${p.text}</pre>
        </details>
      </div>`,
  );
  return html`<p>
      <span class="badge predicted">PREDICTION</span> What follows is computed by models from the cells above.
      None of it was measured, but for the curves that say so.
    </p>
    ${each}`;
}

function predictionChart(p: SweepPagePrediction, index: number): ChartSpec {
  const points = p.curves.flatMap((c) => c.points);
  const xs = [...new Set(points.map((q) => q.x))].toSorted((a, b) => a - b);
  const measured = p.curves.filter((c) => c.measured).flatMap((c) => c.points.map((q) => q.x));
  const log = xs.length > 0 && xs[0] > 0 && xs[xs.length - 1] / xs[0] >= LOG_FROM;
  return {
    title: predictionTitle(p, index, 1),
    kind: 'line',
    x: { label: p.xLabel, unit: 'plain', scale: log ? 'log' : 'linear', values: xs },
    y: { label: p.yLabel, unit: 'plain', scale: 'linear' },
    series: p.curves.map(({ name, points: own, measured: isMeasured }) => {
      const at = new Map(own.map((q) => [q.x, q]));
      const series = {
        // The chart says PREDICTION by itself.
        label: name.replace(/^prediction:?\s*/i, '') || name,
        values: xs.map((x) => at.get(x)?.y ?? null),
        prediction: !isMeasured,
      };
      if (own.every((q) => q.low === undefined || q.high === undefined)) return series;
      return {
        ...series,
        low: xs.map((x) => at.get(x)?.low ?? null),
        high: xs.map((x) => at.get(x)?.high ?? null),
      };
    }),
    ...(measured.length > 0 ? { predictedFrom: Math.max(...measured) } : { predictedFrom: xs[0] ?? 0 }),
  };
}

function environment({ environment: env, command }: SweepPage): Html {
  return html`${facts(env)}
    <h3 class="gap">To repeat the sweep</h3>
    <pre tabindex="0"><code>${command}</code></pre>`;
}
