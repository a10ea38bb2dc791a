/** Markup that cannot be mistaken for text: the tag escapes whatever is not markup already, which its type tells. */
import escapeHtml from 'escape-html';

/** Markup, safe to be put into other markup as it is. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }
}

/** What may stand in a template: text and numbers are escaped, null leaves nothing. */
export type HtmlValue = string | number | null | Html | readonly Html[];

/** Tag of a template of markup. Attributes must be quoted. */
export function html(literals: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const texts = compact(literals);
  return new Html(texts.map((text, i) => (i === 0 ? text : markupOf(values[i - 1]) + text)).join(''));
}

function markupOf(value: HtmlValue): string {
  if (value === null) return '';
  if (value instanceof Html) return value.markup;
  return typeof value === 'object' ? value.map((h) => h.markup).join('') : escapeHtml(String(value));
}

const compacted = new WeakMap<TemplateStringsArray, readonly string[]>();

/** Indentation is for whoever reads the source; thousands of rows need not carry it. */
function compact(literals: TemplateStringsArray): readonly string[] {
  let found = compacted.get(literals);
  if (found === undefined) {
    found = literals.raw.map((text) => text.replaceAll(/\n\s+/g, '\n'));
    compacted.set(literals, found);
  }
  return found;
}

export const NOTHING = new Html('');

/** Data for a script of the page; no text in it can end the element. */
export function jsonScript(id: string, data: unknown): Html {
  const json = JSON.stringify(data).replaceAll('<', '\\u003c');
  return html`<script type="application/json" id="${id}">
    ${new Html(json)}
  </script>`;
}
