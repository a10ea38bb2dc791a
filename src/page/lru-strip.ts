/** An LRU list as a strip from head to tail: young and old, the midpoint, and how many pages of each bin are dirty. */
import { int, percent } from './format.ts';
import { html, Html } from './html.ts';
import { table } from './table.ts';

export interface LruStrip {
  readonly instance: number;
  readonly node: number;
  readonly length: number;
  readonly old: number;
  /** Index of LRU_old; `length`: there is no old sublist. */
  readonly midpoint: number;
  readonly bins: readonly {
    readonly pages: number;
    readonly old: number;
    readonly dirty: number;
    readonly fixed: number;
  }[];
}

const HEIGHT = 100;
const TENTHS = 10;

/** The strips of all instances, with what they show as a table. */
export function lruStrips(lists: readonly LruStrip[]): Html {
  const tenths = Array.from({ length: TENTHS }, (_, i) => i);
  return html`<ul class="swatches">
      <li>${swatch('young')}young sublist</li>
      <li>${swatch('oldpart')}old sublist</li>
      <li>${swatch('dirtypart')}dirty share of the pages there, from the bottom up</li>
    </ul>
    ${lists.map(strip)}
    <details>
      <summary>LRU lists as a table</summary>
      ${table({
        caption:
          'Pages of each list; dirty pages in each tenth of it from head to tail (a bin of the picture counts where it begins)',
        rows: lists,
        columns: [
          { head: 'instance', cell: (l) => l.instance },
          { head: 'node', kind: 'number', cell: (l) => l.node },
          { head: 'pages', kind: 'number', cell: (l) => int(l.length) },
          { head: 'old', kind: 'number', cell: (l) => int(l.old) },
          { head: 'midpoint', kind: 'number', cell: (l) => (hasOld(l) ? int(l.midpoint) : '–') },
          { head: 'dirty', kind: 'number', cell: (l) => int(sum(l.bins, 'dirty')) },
          { head: 'fixed', kind: 'number', cell: (l) => int(sum(l.bins, 'fixed')) },
          ...tenths.map((i) => ({
            head: `${i + 1}/${TENTHS}`,
            kind: 'number' as const,
            cell: (l: LruStrip) => int(sum(tenthOf(l, i), 'dirty')),
          })),
        ],
      })}
    </details>`;
}

const swatch = (tone: string): Html =>
  html`<svg aria-hidden="true" focusable="false"><rect class="${tone}" width="100%" height="100%" /></svg>`;

const hasOld = (l: LruStrip): boolean => l.midpoint < l.length;
const sum = (bins: LruStrip['bins'], what: 'dirty' | 'fixed'): number =>
  bins.reduce((n, bin) => n + bin[what], 0);
const tenthOf = (l: LruStrip, tenth: number): LruStrip['bins'] =>
  l.bins.filter((_, i) => Math.floor((i * TENTHS) / l.bins.length) === tenth);

function strip(l: LruStrip): Html {
  const { instance, node, length, old, midpoint, bins } = l;
  const dirty = sum(bins, 'dirty');
  const where = hasOld(l)
    ? `midpoint at page ${int(midpoint)} of ${int(length)} (${percent(midpoint / length)} from the head)`
    : 'no old sublist';
  const summary = `${int(length)} pages, ${int(old)} old, ${int(dirty)} dirty, ${int(sum(bins, 'fixed'))} fixed; ${where}`;
  const at = length === 0 ? 100 : (100 * midpoint) / length;
  // Its name stands on the side where there is room for it.
  const anchor = at > 50 ? 'end' : 'start';
  const mark = hasOld(l)
    ? html`<line class="mid" x1="${at.toFixed(2)}%" x2="${at.toFixed(2)}%" y1="2" y2="56" /><text
          class="midtext"
          text-anchor="${anchor}"
          dx="${at > 50 ? -6 : 6}"
          x="${at.toFixed(2)}%"
          y="12"
          >midpoint</text
        >`
    : html``;
  return html`<div class="strip">
    <h3>Instance ${instance} <small>node ${node}: ${summary}</small></h3>
    <svg role="img" aria-label="LRU list of instance ${instance}, head to tail: ${summary}">
      <svg y="18" height="38" viewBox="0 0 ${Math.max(1, bins.length)} ${HEIGHT}" preserveAspectRatio="none">
        <rect class="young" width="100%" height="100%" />
        <path class="oldpart" d="${skyline(bins, 'old')}" />
        <path class="dirtypart" d="${skyline(bins, 'dirty')}" />
      </svg>
      <rect class="lruedge" y="18" width="100%" height="38" />
      ${mark}
      <text x="0" y="70">head: young</text>
      <text x="100%" y="70" text-anchor="end">tail: next to be evicted</text>
    </svg>
  </div>`;
}

/** The share of each bin as one outline; bins that are alike are one step. */
function skyline(bins: LruStrip['bins'], what: 'old' | 'dirty'): string {
  let path = `M0 ${HEIGHT}`;
  let last = HEIGHT;
  for (const [i, bin] of bins.entries()) {
    const y = Math.round(HEIGHT * (1 - bin[what] / Math.max(1, bin.pages)));
    if (y !== last) path += `H${i}V${y}`;
    last = y;
  }
  return `${path}H${bins.length}V${HEIGHT}Z`;
}
