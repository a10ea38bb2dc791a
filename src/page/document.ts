/** A whole page: one file that needs nothing else. */
import { pageAssets } from './assets.ts';
import type { PageData } from './chart-spec.ts';
import { html, Html, jsonScript } from './html.ts';

export interface Section {
  /** Anchor. */
  readonly id: string;
  readonly title: string;
  readonly body: Html;
}

export interface PageSpec {
  readonly title: string;
  /** What stands under the title. */
  readonly lead: Html;
  readonly sections: readonly Section[];
  readonly data: PageData;
}

export interface KeyFigure {
  readonly label: string;
  readonly value: string;
  readonly unit?: string;
}

export function keyFigures(figures: readonly KeyFigure[]): Html {
  const items = figures.map(
    ({ label, value, unit }) =>
      html`<div>
        <dt>${label}</dt>
        <dd>${value}${unit === undefined ? html`` : html` <small>${unit}</small>`}</dd>
      </div>`,
  );
  return html`<dl class="figures">${items}</dl>`;
}

/** Names and values, as a list. */
export function facts(rows: readonly { readonly label: string; readonly value: string }[]): Html {
  const items = rows.map(
    ({ label, value }) =>
      html`<div>
        <dt>${label}</dt>
        <dd>${value}</dd>
      </div>`,
  );
  return html`<dl class="facts">${items}</dl>`;
}

export function renderPage({ title, lead, sections, data }: PageSpec): string {
  const { scripts, style, policy } = pageAssets();
  const nav = sections.map((s) => html`<li><a href="#${s.id}">${s.title}</a></li>`);
  const body = sections.map(
    (s) =>
      html`<section id="${s.id}" aria-labelledby="${s.id}-title">
        <h2 id="${s.id}-title">${s.title}</h2>
        ${s.body}
      </section> `,
  );
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        ${new Html(`<meta http-equiv="Content-Security-Policy" content="${policy}">`)}
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <link rel="icon" href="data:," />
        <title>${title}</title>
        ${new Html(`<style>${style}</style>`)}
      </head>
      <body>
        <a class="skip" href="#main">Skip to the content</a>
        <header>
          <div class="head">
            <h1>${title}</h1>
            <button type="button" id="theme" hidden>Dark</button>
          </div>
          ${lead}
          <nav aria-label="Sections">
            <ul>
              ${nav}
            </ul>
          </nav>
        </header>
        <main id="main" tabindex="-1">${body}</main>
        <footer><p>Written by latchlab. This file is complete: it loads nothing.</p></footer>
        ${jsonScript('page-data', data)} ${scripts.map((s) => new Html(`<script>${s}</script>\n`))}
      </body>
    </html> `;
  return page.markup;
}
