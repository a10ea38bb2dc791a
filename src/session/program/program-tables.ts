/**
 * The tables of a program as pages of the run. Each table has an equal part of what its kind gets; in it first the
 * clustered index, then the secondary ones, each with its root first, then its inner pages, then its leaves. So whoever
 * goes from a root to a leaf, and along the leaves, takes pages in the order of their numbers.
 *
 * Tables are as full as their part allows, and stay so.
 */
import { Scatter } from './access.ts';
import type { TableSpec } from './program.ts';

/** An index in the part of a table; plain numbers. Row r has its leaf at `first[last level] + floor(r / rowsPerPage)`. */
export interface Tree {
  /** Levels from the root (0) to the leaves. */
  readonly levels: number;
  /** First page of each level, counted from the first page of the table. */
  readonly first: readonly number[];
  /** Rows below a page of each level. */
  readonly below: readonly number[];
  readonly rows: number;
  readonly rowsPerPage: number;
}

/** The tables of one kind. */
export interface Table {
  readonly name: string;
  readonly count: number;
  /** First page of the first one, and pages of each. */
  readonly base: number;
  readonly pages: number;
  /** Rows of each. */
  readonly rows: number;
  readonly clustered: Tree;
  readonly indexes: readonly Tree[];
  readonly indexNames: readonly string[];
  /** Where a row lies in the clustered index when that is by a hash; null: at its number. */
  readonly hash: Scatter | null;
  /** Where a row lies in the secondary indexes. */
  readonly order: Scatter;
  /** Rows that are there at the start. */
  readonly loaded: number;
}

/** A program without tables sees the run's pages as one, with a row on each. */
const ALL_PAGES: readonly TableSpec[] = [{ name: 'pages' }];

/** Rows of a kind of tables, at most: their numbers are kept in words. */
const MAX_ROWS = 2 ** 31 - 1;

/**
 * Divides the pages: each table gets what a leaf needs, and the rest by weight.
 * @throws RangeError when they are too few, with the least number
 */
export function planTables(specs: readonly TableSpec[] = ALL_PAGES, pages: number): readonly Table[] {
  let least = 0;
  let weights = 0;
  for (const spec of specs) {
    const one = pagesFor(spec, 1);
    if (spec.pages !== undefined && spec.pages < one) {
      throw new RangeError(`table ${spec.name} needs ${one} pages, not ${spec.pages}`);
    }
    least += (spec.pages ?? one) * (spec.count ?? 1);
    if (spec.pages === undefined) weights += spec.weight ?? 1;
  }
  if (pages < least) throw new RangeError(`its tables need ${least} pages, and the data files have ${pages}`);
  let base = 0;
  return specs.map((spec) => {
    const count = spec.count ?? 1;
    const share = ((pages - least) * (spec.weight ?? 1)) / weights / count;
    const each = spec.pages ?? pagesFor(spec, 1) + Math.floor(share);
    const table = planTable(spec, base, each, mostLeaves(spec, each));
    base += count * each;
    return table;
  });
}

function planTable(spec: TableSpec, base: number, pages: number, leaves: number): Table {
  const rows = Math.min(leaves * rowsPerPage(spec), Math.floor(MAX_ROWS / (spec.count ?? 1)));
  let first = 0;
  const tree = (perPage: number, fanOut: number): Tree => {
    const made = planTree(first, rows, perPage, fanOut);
    first += treePages(rows, perPage, fanOut);
    return made;
  };
  return {
    name: spec.name,
    count: spec.count ?? 1,
    base,
    pages,
    rows,
    clustered: tree(rowsPerPage(spec), spec.fanOut ?? 0),
    indexes: (spec.indexes ?? []).map((index) => tree(index.rowsPerPage, index.fanOut)),
    indexNames: (spec.indexes ?? []).map((index) => index.name),
    hash: spec.hashed === true ? new Scatter(rows) : null,
    order: new Scatter(rows),
    loaded: Math.round(rows * (spec.loaded ?? 1)),
  };
}

const rowsPerPage = (spec: TableSpec): number => spec.rowsPerPage ?? 1;

/** Pages of each level of an index, the leaves first. */
function levelSizes(rows: number, perPage: number, fanOut: number): number[] {
  const sizes = [Math.ceil(rows / perPage)];
  if (fanOut < 2) return sizes;
  for (let below = sizes[0]; below > 1; below = sizes[sizes.length - 1])
    sizes.push(Math.ceil(below / fanOut));
  return sizes;
}

function treePages(rows: number, perPage: number, fanOut: number): number {
  return levelSizes(rows, perPage, fanOut).reduce((sum, n) => sum + n, 0);
}

function planTree(from: number, rows: number, perPage: number, fanOut: number): Tree {
  const sizes = levelSizes(rows, perPage, fanOut);
  const below = sizes.map((_, height) => perPage * fanOut ** height).toReversed();
  const first: number[] = [];
  let page = from;
  for (const size of sizes.toReversed()) {
    first.push(page);
    page += size;
  }
  return { levels: sizes.length, first, below, rows, rowsPerPage: perPage };
}

/** Pages of a table with so many leaves of rows. */
function pagesFor(spec: TableSpec, leaves: number): number {
  const rows = leaves * rowsPerPage(spec);
  return (spec.indexes ?? []).reduce(
    (sum, index) => sum + treePages(rows, index.rowsPerPage, index.fanOut),
    treePages(rows, rowsPerPage(spec), spec.fanOut ?? 0),
  );
}

/** How many leaves of rows fit, with all that lies above and beside them. */
function mostLeaves(spec: TableSpec, pages: number): number {
  let [low, high] = [0, pages];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (pagesFor(spec, middle) <= pages) low = middle;
    else high = middle - 1;
  }
  return low;
}
