/** Bars in tables: SVG whose widths are shares, so that no style attribute is needed. */
import { html, Html, NOTHING } from './html.ts';
import { fixed } from './format.ts';

const share = (part: number, of: number): string => (of > 0 ? fixed((100 * part) / of, 2) : '0');

/** One bar. The number stands beside it, so that it says nothing of its own. */
export function bar(value: number, of: number, tone = 1): Html {
  return html`<svg class="bar" aria-hidden="true" focusable="false">
    <rect class="f${tone}" height="100%" width="${share(value, of)}%" />
  </svg>`;
}

export interface Part {
  readonly value: number;
  /** 1 to 8. */
  readonly tone: number;
  /** A letter that the legend explains: colour is not all there is. */
  readonly key: string;
}

/** Parts side by side, `of` filling the width. The numbers stand beside it. */
export function stackedBar(parts: readonly Part[], of: number): Html {
  let from = 0;
  const rects = parts.map(({ value, tone, key }) => {
    const x = from;
    from += value;
    if (value <= 0) return NOTHING;
    const middle = share(x + value / 2, of);
    const label = value / of < 0.04 ? NOTHING : html`<text x="${middle}%" y="14">${key}</text>`;
    return html`<rect
        class="f${tone} part"
        x="${share(x, of)}%"
        height="100%"
        width="${share(value, of)}%"
      />${label}`;
  });
  return html`<svg class="bar stacked" aria-hidden="true" focusable="false">${rects}</svg>`;
}

/** Which of ten tones of a heat table a value has. */
export function heat(value: number, min: number, max: number): string {
  if (!Number.isFinite(value)) return '';
  return `h${max > min ? Math.min(9, Math.floor((10 * (value - min)) / (max - min))) : 0}`;
}
