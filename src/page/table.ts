/** Tables: with caption and scopes, numbers to the right, sortable where that helps. */
import { int } from './format.ts';
import { html, Html, type HtmlValue } from './html.ts';

export interface Column<Row> {
  readonly head: string;
  /** Text stands to the left, numbers to the right; a name is not broken, what is wordy gets room. */
  readonly kind?: 'text' | 'name' | 'wordy' | 'number' | 'bar' | 'code';
  /** Default: the whole number of `of`. */
  readonly cell?: (row: Row) => string | number | Html;
  /** Makes a column of numbers, which can be sorted. */
  readonly of?: (row: Row) => number;
  /** Makes a column of text that can be sorted. */
  readonly sort?: (row: Row) => string;
  /** Class of the cell. */
  readonly tone?: (row: Row) => string;
}

export interface TableSpec<Row> {
  readonly caption: HtmlValue;
  /** The first column is the rows' header. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** What stands there instead, if there are no rows. */
  readonly empty?: string;
}

export function table<Row>({ caption, columns, rows, empty }: TableSpec<Row>): Html {
  if (rows.length === 0 && empty !== undefined) return html`<p class="quiet">${empty}</p>`;
  return html`<div class="scroll">
    <table>
      <caption>
        <span>${caption}</span>
      </caption>
      <thead>
        <tr>
          ${columns.map(headCell)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${columns.map((c, i) => bodyCell(c, row, i === 0))}
            </tr> `,
        )}
      </tbody>
    </table>
  </div>`;
}

const kindOf = <Row>({ kind, of }: Column<Row>): string => kind ?? (of === undefined ? 'text' : 'number');
const sortable = <Row>({ of, sort }: Column<Row>): boolean => of !== undefined || sort !== undefined;

function headCell<Row>(column: Column<Row>): Html {
  const { head } = column;
  const state = new Html(sortable(column) ? ' aria-sort="none"' : '');
  const text = breakable(head);
  const label = sortable(column) ? html`<button type="button" class="sort">${text}</button>` : text;
  return html`<th scope="col" class="${kindOf(column)}" ${state}>${label}</th>`;
}

/** The long names of MySQL's columns have no blanks to break at; they would run over those beside them. */
const breakable = (head: string): Html =>
  new Html(
    head
      .split('_')
      .map((part) => html`${part}`.markup)
      .join('_<wbr>'),
  );

function bodyCell<Row>(column: Column<Row>, row: Row, first: boolean): Html {
  const { cell, of, sort, tone } = column;
  const tag = new Html(first ? 'th scope="row"' : 'td');
  const end = new Html(first ? 'th' : 'td');
  const classes = [kindOf(column), tone?.(row) ?? ''].filter((c) => c !== '').join(' ');
  const key = of?.(row) ?? sort?.(row);
  const value = key === undefined ? html`` : html` data-v="${key}"`;
  return html`<${tag} class="${classes}"${value}>${cell?.(row) ?? int(of?.(row) ?? NaN)}</${end}>`;
}
