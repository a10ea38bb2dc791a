/** A schedule as text: one column for each thread, time downwards, one step a row. */
import type { Finding, Site, Step } from '../types.ts';
import { relevantSteps, stepsOfFinding } from './relevance.ts';

export interface ColumnsOptions {
  readonly finding: Pick<Finding, 'places' | 'word'>;
  readonly wordName: (word: number) => string;
  /** Characters of a line; default 120. */
  readonly width?: number;
  /** Rows of steps at most: of longer schedules the beginning and the end; default 160. */
  readonly maxRows?: number;
}

const WIDTH = 120;
const MAX_ROWS = 160;
/** Of a schedule that is too long, so many rows of the beginning are shown. */
const FIRST_ROWS = 40;
const RULE = ' │ ';
const MIN_COLUMN = 12;
const MIN_WHERE = 16;
/** Of a function's name at least this much is shown, a space and the dots included. */
const MIN_FUNCTION = 8;

/** An operation with its word, and its values, which go to a line of their own where there is no room for both. */
type Cell = readonly [what: string, values: string];

const EMPTY: Cell = ['', ''];

/** One row of the picture: texts by thread. */
interface Row {
  readonly mark: string;
  readonly number: string;
  readonly cells: readonly Cell[];
  readonly where: string;
}

/**
 * @param sites by number
 * @param threads their names; a thread without one is called by its number
 */
export function formatTrace(
  steps: readonly Step[],
  sites: Readonly<Record<number, Site>>,
  threads: readonly string[],
  options: ColumnsOptions,
): string {
  const marked = stepsOfFinding(steps, options.finding);
  const last = steps.reduce((max, s) => Math.max(max, s.thread), threads.length - 1);
  const names = Array.from({ length: last + 1 }, (_, t) => threads[t] ?? `thread ${t}`);
  const rows = shorten(
    foldedRows(steps, sites, marked, names.length, options),
    options.maxRows ?? MAX_ROWS,
    names.length,
  );
  const head: Row = { mark: '', number: '', cells: names.map((name) => [name, '']), where: 'where' };
  const lines = layOut([head, ...rows], options.width ?? WIDTH);
  const rule = lines[0]
    .replaceAll(/[^│]/g, '─')
    .replaceAll('│', '┼')
    .padEnd(Math.max(...lines.map((l) => l.length)), '─');
  return [lines[0], rule, ...lines.slice(1), ...legend(rows)].join('\n');
}

function foldedRows(
  steps: readonly Step[],
  sites: Readonly<Record<number, Site>>,
  marked: readonly boolean[],
  threads: number,
  { wordName }: ColumnsOptions,
): Row[] {
  const relevant = relevantSteps(steps, marked);
  const rows: Row[] = [];
  for (let i = 0; i < steps.length; i++) {
    let end = i;
    while (end < steps.length && !relevant[end]) end++;
    // One step takes no more room than the line that says that it is left out.
    if (end - i > 1) {
      rows.push(foldRow(steps.slice(i, end), threads));
      i = end - 1;
      continue;
    }
    const s = steps[i];
    const cells = Array.from({ length: threads }, (_, t) =>
      t === s.thread ? stepText(s, sites[s.site], wordName) : EMPTY,
    );
    const mark = `${s.preempts === true ? '»' : ' '}${marked[i] ? '►' : ' '}`;
    rows.push({ mark, number: String(i), cells, where: whereText(sites[s.site]) });
  }
  return rows;
}

function foldRow(steps: readonly Step[], threads: number): Row {
  const cells = Array.from({ length: threads }, (_, t): Cell => {
    const n = steps.filter((s) => s.thread === t).length;
    return n === 0 ? EMPTY : [`… ${n} step${n === 1 ? '' : 's'}`, ''];
  });
  return { mark: '', number: '', cells, where: '' };
}

function shorten(rows: readonly Row[], most: number, threads: number): readonly Row[] {
  if (rows.length <= most) return rows;
  const first = Math.min(FIRST_ROWS, most >> 2);
  const left = rows.length - most;
  const cells = Array.from({ length: threads }, (): Cell => ['…', '']);
  const gap: Row = { mark: '', number: '', cells, where: `${left} lines left out` };
  return [...rows.slice(0, first), gap, ...rows.slice(first + left)];
}

function stepText(s: Step, site: Site | undefined, wordName: (word: number) => string): Cell {
  const on = (what: string): string => (s.word < 0 ? what : `${what} ${wordName(s.word)}`);
  switch (s.kind) {
    case 'load':
    case 'read':
      return [on(s.kind), ` = ${s.read}`];
    case 'store':
    case 'write':
      return [on(s.kind), ` := ${s.wrote}`];
    case 'rmw':
      return [on(/\bAtomics\.(\w+)/.exec(site?.text ?? '')?.[1] ?? 'rmw'), ` ${s.read} → ${s.wrote}`];
    case 'cas':
      return [on('cas'), s.wrote === undefined ? ` = ${s.read}: failed` : ` ${s.read} → ${s.wrote}`];
    case 'notify':
      return [on('notify'), s.read === 0 ? ': nobody' : `: woke ${s.read}`];
    case 'wait':
      return [on('wait'), s.read === 'not-equal' ? ': not equal' : ': ASLEEP'];
    case 'wake':
      return [on('woken'), ''];
    case 'timeout':
      return [on('timed out'), ''];
    case 'pause':
      return ['pause', ''];
    case 'end':
      return ['ends', ''];
    case 'die':
      return ['DIES', ''];
  }
}

function whereText(site: Site | undefined): string {
  return site === undefined ? '' : `${site.file}:${site.line} ${site.fn}`;
}

/** Fits the columns into the width: those that are too wide give way first, and texts are cut where it must be. */
function layOut(rows: readonly Row[], width: number): string[] {
  const numbers = Math.max(...rows.map((r) => r.number.length));
  const threads = rows[0].cells.length;
  const wanted = Array.from({ length: threads }, (_, t) =>
    Math.max(...rows.map((r) => r.cells[t].join('').length)),
  );
  const where = Math.max(...rows.map((r) => r.where.length));
  const room = width - 3 - numbers - RULE.length * (threads + 1);
  const sizes = share([...wanted, where], [...wanted.map(() => MIN_COLUMN), MIN_WHERE], room);
  return rows.flatMap((r) => {
    const fits = r.cells.every((cell, t) => cell.join('').length <= sizes[t]);
    const line = (start: string, texts: readonly string[], place: string): string =>
      [start, ...texts.map((text, t) => text.padEnd(sizes[t])), place].join(RULE).trimEnd();
    const start = `${r.mark.padEnd(2)} ${r.number.padStart(numbers)}`;
    const place = cutPlace(r.where, sizes[threads]);
    if (fits) {
      const whole = r.cells.map((cell) => cell.join(''));
      return [line(start, whole, place)];
    }
    const what = r.cells.map((cell, t) => cutWhat(cell[0], sizes[t]));
    const values = r.cells.map((cell, t) => cutEnd(indent(cell[1].trimStart(), sizes[t]), sizes[t]));
    return [line(start, what, place), line(' '.repeat(start.length), values, '')];
  });
}

/** Takes from the widest, step by step, until all fit. */
function share(wanted: readonly number[], least: readonly number[], room: number): number[] {
  const sizes = [...wanted];
  let total = sizes.reduce((sum, n) => sum + n, 0);
  while (total > room) {
    let widest = -1;
    for (const [i, size] of sizes.entries()) {
      if (size > least[i] && (widest < 0 || size > sizes[widest])) widest = i;
    }
    if (widest < 0) break;
    sizes[widest]--;
    total--;
  }
  return sizes;
}

const indent = (text: string, size: number): string => (text.length + 2 <= size ? `  ${text}` : text);
const cutEnd = (text: string, size: number): string =>
  text.length <= size ? text : `${text.slice(0, size - 1)}…`;

/** Of the name of a word, the beginning goes: `cas …[2].lockWord`. */
function cutWhat(text: string, size: number): string {
  if (text.length <= size) return text;
  const front = text.slice(0, text.indexOf(' ') + 1);
  return `${front}…${text.slice(text.length - (size - front.length - 1))}`;
}

/** Of a place, first the directories go, then the function. */
function cutPlace(text: string, size: number): string {
  if (text.length <= size) return text;
  const [path] = text.split(' ', 1);
  const name = path.lastIndexOf('/') + 1;
  const short = text.slice(name);
  const place = path.slice(name);
  if (short.length <= size || place.length + MIN_FUNCTION <= size) return cutEnd(short, size);
  return place.length <= size ? place : `…${place.slice(place.length - size + 1)}`;
}

function legend(rows: readonly Row[]): string[] {
  const has = (mark: string): boolean => rows.some((r) => r.mark.includes(mark));
  const parts = [
    ...(has('►') ? ['► what it is about'] : []),
    ...(has('»') ? ['» preempts the thread before'] : []),
    ...(rows.some((r) => r.cells.some((c) => /^… \d/.test(c[0])))
      ? ['… steps that no other thread notices']
      : []),
  ];
  return parts.length === 0 ? [] : ['', parts.join('   ')];
}
