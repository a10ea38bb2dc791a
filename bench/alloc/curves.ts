/** A result of the family `alloc` as a page: a curve over sizes for each number of threads. */
import { showBytes } from '../../src/config/values.ts';
import type { ChartSpec } from '../../src/page/chart-spec.ts';
import { chartFigure } from '../../src/page/chart.ts';
import { renderPage } from '../../src/page/document.ts';
import { html } from '../../src/page/html.ts';
import { runSection } from '../core/result-html.ts';
import type { ResultFile } from '../core/row.ts';
import { concludeAlloc } from './conclude.ts';
import { ascending, type Cell, cellsOf } from './figures.ts';
import { allocTable } from './table.ts';

/** @returns the whole file */
export function renderCurves(file: ResultFile): string {
  const cells = cellsOf(file.rows);
  const charts = Object.fromEntries(
    ascending(cells.map((c) => c.threads)).map((threads) => [
      `alloc-${threads}`,
      curvesOf(
        cells.filter((c) => c.threads === threads),
        threads,
      ),
    ]),
  );
  const said = concludeAlloc(file.rows);
  return renderPage({
    title: 'latchlab: what a block of memory costs',
    lead: html`<p>
      The time of an allocation and the free of an older block, for one thread, by the size of the block.
      ${file.quick ? 'A quick run, for a first look.' : ''}
    </p>`,
    sections: [
      {
        id: 'curves',
        title: 'By size',
        body: html`${Object.entries(charts).map(([id, spec]) => chartFigure(id, spec.title))}`,
      },
      {
        id: 'table',
        title: 'All figures',
        body: html`<pre class="said">${allocTable(file.rows)}</pre>
          ${said === null ? html`` : html`<pre class="said gap">${said}</pre>`}`,
      },
      runSection(file),
    ],
    data: { charts, sweep: null },
  });
}

function curvesOf(cells: readonly Cell[], threads: number): ChartSpec {
  const sizes = ascending(cells.map((c) => c.bytes));
  return {
    title: `${threads} thread${threads === 1 ? '' : 's'}`,
    kind: 'line',
    x: {
      label: 'size of the block',
      unit: 'bytes',
      scale: 'names',
      values: sizes.map((_, i) => i),
      names: sizes.map(showBytes),
    },
    y: { label: 'time of a pair, ns', unit: 'plain', scale: 'log' },
    series: [...new Set(cells.map((c) => c.contender))].map((contender) => ({
      label: contender,
      values: sizes.map(
        (bytes) => cells.find((c) => c.contender === contender && c.bytes === bytes)?.ns ?? null,
      ),
    })),
  };
}
