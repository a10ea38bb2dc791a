/** A result as a page: the family's own if it has one and nothing else was measured, else a table for each family. */
import { facts, renderPage, type Section } from '../../src/page/document.ts';
import { html, type Html, NOTHING } from '../../src/page/html.ts';
import { table } from '../../src/page/table.ts';
import { nextRun, type NextRun } from '../stats/next-run.ts';
import type { Family } from './case.ts';
import { intervalPlot } from './interval-plot.ts';
import { figure, ratioText, spread } from './render.ts';
import type { ResultFile, Row } from './row.ts';

export function renderResultHtml(file: ResultFile, families: readonly Family[]): string {
  const there = families.filter((f) => file.rows.some((r) => r.family === f.name));
  const [only] = there;
  if (there.length === 1 && only.html !== null) return only.html(file);
  return renderPage({
    title: 'latchlab benchmarks',
    lead: html`<p>
      ${file.quick ? 'A quick run, for a first look: few rounds, wide intervals. ' : ''}The bar of a row is
      its median; the line across its end is where the median of a second run on this machine is expected,
      with a probability of 95 %.
    </p>`,
    sections: [
      ...there.map((family) =>
        sectionOf(
          family,
          file.rows.filter((r) => r.family === family.name),
        ),
      ),
      runSection(file),
    ],
    data: { charts: {}, sweep: null },
  });
}

interface Line {
  readonly row: Row;
  readonly next: NextRun;
}

function sectionOf(family: Family, rows: readonly Row[]): Section {
  const next = nextRun(rows.map((r) => r.samples));
  const lines = rows.map((row, i): Line => ({ row, next: next[i] }));
  const said = family.conclude(rows);
  // Bars side by side must mean the same: a table for each metric.
  const metrics = [...new Set(rows.map((r) => `${r.metric}, ${r.unit}`))];
  const tables = metrics.map((metric) =>
    metricTable(
      metric,
      lines.filter(({ row }) => `${row.metric}, ${row.unit}` === metric),
    ),
  );
  return {
    id: family.name,
    title: family.name,
    body: html`<p>${family.doc.split('\n', 1)[0]}</p>
      ${tables.map((t) => html`<div class="fill gap">${t}</div>`)}
      ${said === null ? NOTHING : html`<pre class="said gap">${said}</pre>`}`,
  };
}

function metricTable(metric: string, lines: readonly Line[]): Html {
  const axes = [...new Set(lines.flatMap(({ row }) => Object.keys(row.axes)))];
  const top = Math.max(...lines.map(({ next }) => (Number.isFinite(next.high) ? next.high : next.median)));
  const better = lines[0].row.better === 'lower' ? 'less is better' : 'more is better';
  const yardstick = lines.some(({ row }) => row.reference !== null);
  return table<Line>({
    caption: `${metric} (${better})`,
    rows: lines,
    columns: [
      {
        head: 'contender',
        cell: ({ row }) => (row.origin === 'ours' ? row.contender : `${row.contender} (${row.origin})`),
        sort: ({ row }) => row.contender,
      },
      { head: 'case', cell: ({ row }) => row.case, sort: ({ row }) => row.case },
      ...axes.map((name) => ({ head: name, cell: ({ row }: Line) => row.axes[name] ?? '' })),
      { head: 'median', of: ({ next: n }) => n.median, cell: ({ next: n }) => figure(n.median) },
      { head: 'a second run', of: ({ next: n }) => n.factor, cell: ({ next: n }) => spread(n.factor) },
      { head: '', kind: 'bar', cell: ({ row, next: n }) => intervalPlot(n, top, row.origin) },
      ...(yardstick
        ? [{ head: '/ reference', kind: 'number' as const, cell: ({ row }: Line) => ratioText(row) }]
        : []),
      { head: 'rounds', of: ({ row }) => row.samples.length },
    ],
  });
}

export function runSection({ command, rows, warnings }: ResultFile): Section {
  const [first] = rows;
  const machine = first === undefined ? [] : Object.entries({ ...first.environment, seed: first.seed });
  return {
    id: 'run',
    title: 'The run',
    body: html`${warnings.map((w) => html`<p class="warn">${w}</p>`)}
    ${facts([
      { label: 'command', value: command },
      ...machine.map(([label, value]) => ({ label, value: String(value) })),
    ])}`,
  };
}
