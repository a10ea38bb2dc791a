import { describe, expect, it } from 'vitest';
import type { TableSpec } from './program.ts';
import { planTables, type Tree } from './program-tables.ts';

/** Pages of an index: of each row on each level. */
function pagesOf({ levels, first, below, rows }: Tree): Set<number>[] {
  return Array.from({ length: levels }, (_, level) => {
    const pages = new Set<number>();
    for (let row = 0; row < rows; row++) pages.add(first[level] + Math.floor(row / below[level]));
    return pages;
  });
}

describe('tables', () => {
  it('without any, all pages are one, a row on each', () => {
    const [table, ...others] = planTables(undefined, 1234);
    expect(others).toEqual([]);
    expect(table).toMatchObject({ name: 'pages', count: 1, base: 0, pages: 1234, rows: 1234, loaded: 1234 });
    expect(table.clustered).toMatchObject({ levels: 1, first: [0], below: [1] });
  });

  const specs: readonly TableSpec[] = [
    { name: 'a', rowsPerPage: 7, fanOut: 5, indexes: [{ name: 'i', rowsPerPage: 11, fanOut: 3 }] },
    { name: 'b', count: 3, weight: 2, rowsPerPage: 10, fanOut: 4 },
    { name: 'c', count: 2, pages: 10, hashed: true, loaded: 0.5, rowsPerPage: 2 },
  ];

  it.each([40, 100, 1000, 1001, 5000])(
    'divide %i pages, each its own, levels in the order of page numbers',
    (pages) => {
      const taken = new Set<number>();
      for (const table of planTables(specs, pages)) {
        for (const tree of [table.clustered, ...table.indexes]) {
          const byLevel = pagesOf(tree);
          if (tree.levels > 1) expect(byLevel[0].size).toBe(1);
          let last = -1;
          for (const level of byLevel) {
            for (const page of [...level].toSorted((x, y) => x - y)) {
              expect(page).toBe(last < 0 ? page : last + 1);
              last = page;
              expect(taken.has(table.base + page)).toBe(false);
              taken.add(table.base + page);
              expect(page).toBeLessThan(table.pages);
            }
          }
        }
        expect(table.base + table.count * table.pages).toBeLessThanOrEqual(pages);
      }
    },
  );

  it('get shares by weight, or pages of their own', () => {
    const [a, b, c] = planTables(specs, 1000);
    // 25 pages are taken: 20, 2 for a leaf of a and its index, 3 for b's leaves.
    expect([a.pages, b.pages, c.pages]).toEqual([2 + 325, 1 + 216, 10]);
    expect(c).toMatchObject({ rows: 20, loaded: 10 });
    expect(c.hash?.page(1)).not.toBe(1);
    expect(a.hash).toBeNull();
  });

  it('are as full as they can be', () => {
    const [a] = planTables([{ name: 'a', rowsPerPage: 10, fanOut: 100 }], 103);
    // 101 leaves, two inner pages above them would need a root: 100 and the root.
    expect(a.rows).toBe(1000);
    expect(planTables([{ name: 'a', rowsPerPage: 10, fanOut: 100 }], 104)[0].rows).toBe(1010);
    expect(planTables([{ name: 'a', rowsPerPage: 10, fanOut: 100 }], 1)[0]).toMatchObject({
      rows: 10,
      clustered: { levels: 1 },
    });
  });

  it('need a page each', () => {
    expect(() => planTables(specs, 20)).toThrow('its tables need 25 pages, and the data files have 20');
    expect(planTables(specs, 25)).toHaveLength(3);
    expect(() => planTables([{ ...specs[0], pages: 1 }], 20)).toThrow('table a needs 2 pages, not 1');
  });

  it('have rows that a word can count', () => {
    const [t] = planTables([{ name: 't', rowsPerPage: 16_384, count: 2 }], 2 ** 21);
    expect(t.rows).toBe(Math.floor((2 ** 31 - 1) / 2));
  });
});
