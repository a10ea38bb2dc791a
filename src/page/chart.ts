/** The place of a chart in the page. The browser fills it in from the chart's data. */
import { html, type Html } from './html.ts';

/** @param id key in PageData.charts, or of a chart that the page's script makes */
export function chartFigure(id: string, title: string, note: string | null = null): Html {
  return html`<figure class="chart" data-chart="${id}">
    <figcaption>
      <h3>${title}</h3>
      ${note === null ? html`` : html`<p class="quiet">${note}</p>`}
    </figcaption>
    <noscript><p class="quiet">The chart needs JavaScript; the tables do not.</p></noscript>
  </figure>`;
}
