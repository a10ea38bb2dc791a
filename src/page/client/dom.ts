/** Elements made by hand: text is text, whatever it says. */

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

export function svg(
  tag: string,
  attributes: Readonly<Record<string, string>>,
  ...children: Node[]
): SVGElement {
  const e = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) e.setAttribute(name, value);
  e.append(...children);
  return e;
}

let choices = 0;

/** A labelled choice. @param chosen index */
export function choice(
  name: string,
  options: readonly string[],
  chosen: number,
  onChange: (index: number) => void,
): HTMLElement {
  const id = `choice-${choices++}`;
  const select = el('select', { id, 'data-name': name });
  for (const [i, text] of options.entries()) {
    select.append(new Option(text, String(i), i === chosen, i === chosen));
  }
  select.addEventListener('change', () => onChange(select.selectedIndex));
  // Not around the select: its options would become part of its name.
  return el('div', {}, el('label', { for: id }, name), select);
}

export interface Cell {
  readonly text: string;
  readonly tone?: string;
}

/** A table with caption and scopes; the first cell of each row is its header. */
export function gridTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  tone = '',
): HTMLElement {
  const headRow = el(
    'tr',
    {},
    ...head.map((h, i) => el('th', { scope: 'col', class: i === 0 ? 'text' : 'number' }, h)),
  );
  const body = rows.map((row) =>
    el(
      'tr',
      {},
      ...row.map((c, i) =>
        i === 0
          ? el('th', { scope: 'row', class: 'text' }, c.text)
          : el('td', { class: `number ${c.tone ?? ''}`.trim() }, c.text),
      ),
    ),
  );
  const table = el(
    'table',
    { class: tone },
    el('caption', {}, el('span', {}, caption)),
    el('thead', {}, headRow),
    el('tbody', {}, ...body),
  );
  return el('div', { class: 'scroll' }, table);
}
