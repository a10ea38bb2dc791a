/** A median as a bar, and the interval of a second run as a line across its end. The numbers stand beside it. */
import { html, type Html, NOTHING } from '../../src/page/html.ts';
import type { NextRun } from '../stats/next-run.ts';
import type { Row } from './row.ts';

const TONE: Readonly<Record<Row['origin'], number>> = { ours: 1, rival: 3, limit: 6 };

export function intervalPlot({ median, low, high }: NextRun, top: number, origin: Row['origin']): Html {
  const at = (x: number): string =>
    `${(top > 0 ? Math.min(100, (100 * Math.max(0, x)) / top) : 0).toFixed(2)}%`;
  const known = Number.isFinite(low + high);
  return html`<svg class="bar interval" aria-hidden="true" focusable="false">
    <rect class="f${TONE[origin]}" height="100%" width="${at(median)}" />
    ${known ? html`<line x1="${at(low)}" x2="${at(high)}" y1="50%" y2="50%" />` : NOTHING}
  </svg>`;
}
