/**
 * What the rows of the family `alloc` say, in sentences. What accounting adds is small: it is taken from the best batches,
 * which hold least of what other programs did meanwhile.
 */
import type { Row } from '../core/row.ts';
import { showBytes } from '../../src/config/values.ts';
import { ascending, type Cell, cellsOf, find } from './figures.ts';
import type { ContenderName } from './contenders.ts';

/** Sizes that a thread's cache serves. */
const SMALL = 512;
/** The size that is spoken of where all are measured. */
const USUAL = 64;

export function concludeAlloc(rows: readonly Row[]): string | null {
  const cells = cellsOf(rows);
  if (cells.length === 0) return null;
  const sizes = ascending(cells.map((c) => c.bytes));
  const bytes = sizes.includes(USUAL) ? USUAL : sizes[0];
  const lines = [
    alone(cells, bytes),
    together(cells, bytes),
    counted(cells, bytes),
    fromRoot(cells, bytes),
    rivals(cells, bytes),
  ].filter((line) => line !== null);
  return lines.length === 0 ? null : lines.join('\n');
}

function alone(cells: readonly Cell[], bytes: number): string | null {
  const ours = find(cells, 'malloc', bytes, 1);
  if (ours === null) return null;
  const raw = find(cells, 'bump', bytes, 1);
  const small = cells.filter((c) => c.contender === 'malloc' && c.threads === 1 && c.bytes <= SMALL);
  const worst = Math.max(...small.map((c) => c.ns));
  const most = small.length > 1 ? `, at most ${worst.toFixed(1)} ns up to ${showBytes(SMALL)}` : '';
  const times = raw === null ? '' : `, ${(ours.ns / raw.ns).toFixed(1)} times the raw limit`;
  return `malloc and free of ${showBytes(bytes)} on one thread: ${ours.ns.toFixed(1)} ns${times}${most}.`;
}

function together(cells: readonly Cell[], bytes: number): string | null {
  const one = find(cells, 'malloc', bytes, 1);
  const two = find(cells, 'malloc', bytes, 2);
  if (one === null || two === null) return null;
  const raw = [find(cells, 'bump', bytes, 1), find(cells, 'bump', bytes, 2)];
  const ideal =
    raw[0] === null || raw[1] === null
      ? ''
      : ` (the raw limit ${((2 * raw[0].ns) / raw[1].ns).toFixed(2)} times)`;
  return `Two threads together do ${((2 * one.ns) / two.ns).toFixed(2)} times as much as one${ideal}.`;
}

function counted(cells: readonly Cell[], bytes: number): string | null {
  const said = COUNTED.flatMap(([name, not]) => {
    const on = find(cells, name, bytes, 1);
    const off = find(cells, not, bytes, 1);
    if (on === null || off === null) return [];
    const pct = (on.best / off.best - 1) * 100;
    const signed = `${pct < 0 ? '−' : '+'}${Math.abs(pct).toFixed(0)}`;
    return [`${name} ${signed} % (best batches: ${on.best.toFixed(1)} and ${off.best.toFixed(1)} ns)`];
  });
  return said.length === 0 ? null : `Accounting costs ${said.join(', ')}.`;
}

const COUNTED = [
  ['ut_allocator', 'ut_allocator uncounted'],
  ['my_malloc', 'my_malloc uncounted'],
] as const;

function fromRoot(cells: readonly Cell[], bytes: number): string | null {
  const root = find(cells, 'MEM_ROOT', bytes, 1);
  if (root === null) return null;
  return `An allocation of ${showBytes(bytes)} from a MEM_ROOT: ${root.ns.toFixed(1)} ns, clearing included.`;
}

const RIVALS: readonly ContenderName[] = [
  'first-fit list',
  'WebAssembly malloc',
  '@thi.ng/malloc',
  'JavaScript object',
  'Buffer.allocUnsafeSlow',
];

function rivals(cells: readonly Cell[], bytes: number): string | null {
  const parts = ascending(cells.map((c) => c.threads)).flatMap((threads) => {
    const ours = find(cells, 'malloc', bytes, threads);
    const theirs = RIVALS.flatMap((name) => {
      const cell = find(cells, name, bytes, threads);
      return ours === null || cell === null ? [] : [`${name} ${(cell.ns / ours.ns).toFixed(1)}`];
    });
    return theirs.length === 0
      ? []
      : [`  ${threads} thread${threads === 1 ? '' : 's'}: ${theirs.join(', ')}`];
  });
  return parts.length === 0
    ? null
    : `Times of the rivals at ${showBytes(bytes)}, in those of malloc:\n${parts.join('\n')}`;
}
