import { describe, expect, it } from 'vitest';
import { bytes, micros, num, percent } from './format.ts';
import { html, Html, jsonScript } from './html.ts';
import { table } from './table.ts';

const HOSTILE = `<img src=x onerror="alert(1)">&'</script><!--`;

describe('markup', () => {
  it('escapes text in elements and attributes, and lets markup through', () => {
    const { markup } = html`<p title="${HOSTILE}">${HOSTILE} ${3} ${null}${html`<b>${'<'}</b>`}</p>`;
    expect(markup).not.toContain('<img');
    expect(markup).not.toContain('onerror="');
    expect(markup).toContain('<b>&lt;</b>');
  });

  it('escapes text in lists, which the library would take for markup', () => {
    expect(html`${[HOSTILE].map((s) => html`<li>${s}</li>`)}`.markup).not.toContain('<img');
    expect(html`${[new Html('<i>'), html`</i>`]}`.markup).toBe('<i></i>');
  });

  it('puts data into scripts so that no text ends them, and it reads back the same', () => {
    const { markup } = jsonScript('d', { [HOSTILE]: [HOSTILE] });
    expect(markup.match(/<\//g)).toHaveLength(1);
    expect(markup).not.toContain('<!--');
    expect(JSON.parse(markup.replace(/^<[^>]*>|<\/script>$/g, ''))).toEqual({ [HOSTILE]: [HOSTILE] });
  });

  it('makes tables with caption and scopes; sortable columns have a button', () => {
    const { markup } = table({
      caption: 'c',
      rows: [{ a: HOSTILE, n: 1234.5 }],
      columns: [
        { head: HOSTILE, cell: (r) => r.a },
        { head: 'n', of: (r) => r.n },
      ],
    });
    expect(markup).not.toContain('<img');
    expect(markup).toContain('<th scope="row"');
    expect(markup).toContain('<td class="number" data-v="1234.5">1,235</td>');
    expect(markup.match(/<button/g)).toHaveLength(1);
    expect(markup.match(/aria-sort="none"/g)).toHaveLength(1);
  });
});

describe('numbers', () => {
  it('have three digits that count, and a unit that suits', () => {
    expect([0, 0.1234, 1.234, 12.34, 123.4, 1234.5, 7].map(num)).toEqual(
      ['0', '0.123', '1.23', '12.3', '123', '1,235', '7'], // 7: whole numbers stay whole
    );
    expect([0.5, 13, 1500, 2.5e6].map(micros)).toEqual(['0.500 µs', '13 µs', '1.50 ms', '2.50 s']);
    expect([512, 1536, 2 ** 26].map(bytes)).toEqual(['512 B', '1.50 KiB', '64 MiB']);
    expect([percent(0.4567), percent(NaN), num(Infinity)]).toEqual(['45.7 %', '–', '–']);
  });
});
