/**
 * Two results, cell by cell: what changed, by how much, and whether that is more than luck.
 *
 * What is compared is sample / reference wherever both files measured a reference in turn with the samples: the machine
 * may have changed its speed between the runs, and a ratio does not see that. The unit of replication is the process
 * (`group`): V8 compiles and memory is placed once a process, so rounds of one process repeat its luck and count as one
 * value. With fewer than three processes a side rounds must do, and what processes usually differ by is added.
 * The spread of a cell is that of both files, drawn towards the spread of the other cells of its family.
 *
 * A cell is marked when its change is at least the threshold and, by Holm's rule over all cells, is luck in less than
 * one comparison of a hundred. Cells without a reference are held against the common change of their family's cells,
 * which is told but not marked: it may be the machine. Cells whose threads did not have the cores are not judged.
 */
import { mean, median } from 'simple-statistics';
import type { Row } from '../core/row.ts';
import { holm } from '../stats/holm.ts';
import { moderate } from '../stats/moderate.ts';
import { type Ratio, ratioOf } from '../stats/ratio.ts';
import { variance } from '../stats/summary.ts';

export type Mark = 'faster' | 'slower' | 'same' | 'starved' | 'not comparable' | 'only in A' | 'only in B';

export interface CellChange {
  readonly family: string;
  readonly contender: string;
  readonly case: string;
  readonly axes: Readonly<Record<string, string>>;
  readonly metric: string;
  /** Of `a` and `b`: the row's, or null when they are multiples of the reference. */
  readonly unit: string | null;
  readonly better: Row['better'];
  readonly a: number | null;
  readonly b: number | null;
  /** B / A with its 95 % interval; beyond the common change of the family, where `beyondCommon`. */
  readonly change: Ratio | null;
  readonly beyondCommon: boolean;
  /** Probability of such a change by luck in any of the cells. */
  readonly luck: number | null;
  readonly mark: Mark;
}

/** Cells of a family without a reference that moved together. */
export interface CommonChange {
  readonly family: string;
  readonly metric: string;
  readonly cells: number;
  /** B / A */
  readonly ratio: number;
}

export interface Comparison {
  /** Part by which a cell must change to be marked. */
  readonly threshold: number;
  readonly cells: readonly CellChange[];
  readonly common: readonly CommonChange[];
  readonly faster: number;
  readonly slower: number;
}

export interface CompareOptions {
  /** Part; 0.05: two quiet runs of one commit differ by up to about as much in a cell. */
  readonly threshold?: number;
  /** Joins cells by name, though their settings differ. */
  readonly byName?: boolean;
}

export const THRESHOLD = 0.05;
/** Probability of any mark at all when nothing changed: ten comparisons of equal runs end clean nine times in ten. */
const LUCK = 0.01;
/** Processes a side from which on they are what varies. */
const MIN_PROCESSES = 3;
/** What processes differ by, when a file has too few to show it: relative standard deviation of page-get ratios. */
const PROCESS_SPREAD = 0.03;
/** What whole runs differ by even against a reference: neighbours on the machine use the caches, too. */
const RUN_SPREAD = 0.02;
/** The same without a reference and without enough other cells to see what the machine did. */
const MACHINE_SPREAD = 0.15;
const MIN_COMMON = 3;
/** Threads that got less of the cores than this (`cpuShare` of a row) were measured against other programs. */
const STARVED = 0.7;
/** Degrees of freedom of what is taken as known. */
const KNOWN_DF = 200;

/** The same in both files for one cell. A cell's rows may differ in what they count. */
export const cellKey = ({ cell, metric, unit }: Row): string => JSON.stringify([cell, metric, unit]);

/** The same for cells that go by one name, whatever their settings. */
export function nameKey({ family, contender, case: name, axes, metric, unit }: Row): string {
  const place = Object.keys(axes)
    .toSorted()
    .map((axis) => [axis, axes[axis]]);
  return JSON.stringify([family, contender, name, place, metric, unit]);
}

const isStarved = ({ extra }: Row): boolean =>
  typeof extra['cpuShare'] === 'number' && extra['cpuShare'] < STARVED;

export function compareRows(a: readonly Row[], b: readonly Row[], o: CompareOptions = {}): Comparison {
  const { threshold = THRESHOLD, byName = false } = o;
  const byCell = new Map(b.map((row) => [cellKey(row), row]));
  const named = new Map(byName ? b.map((row) => [nameKey(row), row]) : []);
  const joined = a.map((row) => ({
    row,
    other: byCell.get(cellKey(row)) ?? named.get(nameKey(row)) ?? null,
  }));
  const inBoth = new Set(joined.map(({ other }) => other));
  const pairs = joined.flatMap(({ row, other }) =>
    other === null || isStarved(row) || isStarved(other) ? [] : (pairOf(row, other) ?? []),
  );
  const { changes, common } = changesOf(pairs);
  const luck = holm(changes.map((c) => c.p));
  const cells = joined.map(({ row, other }): CellChange => {
    if (other === null) return { ...nameOf(row), ...absolute(row, null), mark: 'only in A' };
    const at = pairs.findIndex((p) => p.row === row);
    if (at < 0) {
      const mark = isStarved(row) || isStarved(other) ? 'starved' : 'not comparable';
      return { ...nameOf(row), ...absolute(row, other), mark };
    }
    const pair = pairs[at];
    return {
      ...nameOf(row),
      unit: pair.referenced ? null : row.unit,
      a: Math.exp(pair.a.middle),
      b: Math.exp(pair.b.middle),
      change: changes[at],
      beyondCommon:
        !pair.referenced && common.some((c) => c.family === row.family && c.metric === row.metric),
      luck: luck[at],
      mark: markOf(changes[at], luck[at], threshold, row.better),
    };
  });
  for (const row of b) {
    if (!inBoth.has(row)) {
      cells.push({ ...nameOf(row), ...absolute(null, row), mark: 'only in B' });
    }
  }
  const marked = (mark: Mark): number => cells.filter((c) => c.mark === mark).length;
  return { threshold, cells, common, faster: marked('faster'), slower: marked('slower') };
}

function nameOf({ family, contender, case: name, axes, metric, better }: Row) {
  return { family, contender, case: name, axes, metric, better };
}

function absolute(a: Row | null, b: Row | null) {
  const of = (row: Row | null): number | null =>
    row === null || row.samples.length === 0 ? null : median([...row.samples]);
  return { unit: (a ?? b)?.unit ?? null, a: of(a), b: of(b), change: null, beyondCommon: false, luck: null };
}

function markOf(change: Ratio, luck: number, threshold: number, better: Row['better']): Mark {
  const beyond = Math.abs(Math.log(change.ratio)) >= Math.log1p(threshold);
  const sure = luck < LUCK && (change.low > 1 || change.high < 1);
  if (!beyond || !sure) return 'same';
  return change.ratio > 1 === (better === 'higher') ? 'faster' : 'slower';
}

/** The values of a cell in one file that vary independently, as logarithms. */
interface Replicates {
  readonly middle: number;
  readonly variance: number;
  readonly n: number;
  readonly processes: number;
}

interface Pair {
  readonly row: Row;
  readonly referenced: boolean;
  readonly a: Replicates;
  readonly b: Replicates;
  /** Processes are the unit, not rounds. */
  readonly byProcess: boolean;
}

/** Null when a value is not above 0, or there is none: then there is no ratio. */
function pairOf(row: Row, other: Row): Pair | null {
  const referenced = row.reference !== null && other.reference !== null;
  const [a, b] = [row, other].map((r) => ({ logs: logsOf(r, referenced), group: r.group }));
  if ([a, b].some(({ logs }) => logs.length === 0 || logs.some((y) => !Number.isFinite(y)))) return null;
  const byProcess = [a, b].every(({ group }) => new Set(group).size >= MIN_PROCESSES);
  return { row, referenced, a: replicates(a, byProcess), b: replicates(b, byProcess), byProcess };
}

const logsOf = ({ samples, reference }: Row, referenced: boolean): number[] =>
  samples.map((x, i) => Math.log(referenced && reference !== null ? x / reference[i] : x));

function replicates(
  { logs, group }: { readonly logs: readonly number[]; readonly group: readonly number[] },
  byProcess: boolean,
): Replicates {
  const processes = [...new Set(group)];
  const units = byProcess ? processes.map((p) => median(logs.filter((_, i) => group[i] === p))) : [...logs];
  // The mean of processes: each is already a median, and few values make a poor one.
  const middle = byProcess ? mean(units) : median(units);
  return { middle, variance: variance(units), n: units.length, processes: Math.max(1, processes.length) };
}

/** Changes of all pairs in order, each cell's spread helped by its family's. */
function changesOf(pairs: readonly Pair[]): { changes: Ratio[]; common: CommonChange[] } {
  const changes: Ratio[] = [];
  const common: CommonChange[] = [];
  for (const kind of new Set(pairs.map(kindOf))) {
    const mine = pairs.filter((p) => kindOf(p) === kind);
    const moderated = moderate(
      mine.map(({ a, b }) => {
        const df = a.n + b.n - 2;
        return { variance: df < 1 ? 0 : ((a.n - 1) * a.variance + (b.n - 1) * b.variance) / df, df };
      }),
    );
    const [{ referenced, row }] = mine;
    const together = !referenced && mine.length >= MIN_COMMON;
    const shift = together ? median(mine.map((p) => p.b.middle - p.a.middle)) : 0;
    if (together)
      common.push({ family: row.family, metric: row.metric, cells: mine.length, ratio: Math.exp(shift) });
    for (const [i, pair] of mine.entries()) {
      changes[pairs.indexOf(pair)] = changeOf(pair, shift, moderated[i], referenced || together);
    }
  }
  return { changes, common };
}

const kindOf = ({ row, referenced, byProcess }: Pair): string =>
  JSON.stringify([row.family, row.metric, referenced, byProcess]);

function changeOf(
  { a, b, byProcess }: Pair,
  shift: number,
  spread: { readonly variance: number; readonly df: number },
  steady: boolean,
): Ratio {
  const own = spread.variance * (1 / a.n + 1 / b.n);
  const processes = byProcess ? 0 : PROCESS_SPREAD ** 2 * (1 / a.processes + 1 / b.processes);
  const known = processes + 2 * (steady ? RUN_SPREAD : MACHINE_SPREAD) ** 2;
  const log = b.middle - a.middle;
  // Without any spread of its own (one round each) nothing can be told.
  if (spread.df < 1) return ratioOf(log, Infinity, 0);
  const df = (own + known) ** 2 / (own ** 2 / spread.df + known ** 2 / KNOWN_DF);
  const error = Math.sqrt(own + known);
  return ratioOf(log - shift, error, df);
}
