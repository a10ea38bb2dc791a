/** Starts what the page holds. */
import type { PageData } from '../chart-spec.ts';
import { drawChart } from './chart.ts';
import { startTheme } from './ink.ts';
import { startSweep } from './sweep.ts';
import { startScrolling, startSorting } from './tables.ts';

const { charts, sweep } = JSON.parse(document.getElementById('page-data')?.textContent ?? '{}') as PageData;
for (const figure of document.querySelectorAll<HTMLElement>('[data-chart]')) {
  const spec = charts[figure.dataset['chart'] ?? ''];
  if (spec !== undefined) drawChart(figure, spec);
}
const panel = document.getElementById('sweep-panel');
if (panel !== null && sweep !== null) startSweep(panel, sweep);
startSorting();
startScrolling();
startTheme(document.getElementById('theme') as HTMLButtonElement);
