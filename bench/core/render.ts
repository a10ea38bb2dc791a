/** A result as text: a table for each family, what its figures say, and where they were measured. */
import Table from 'cli-table3';
import { nextRun } from '../stats/next-run.ts';
import { pairedRatio } from '../stats/ratio.ts';
import type { Family } from './case.ts';
import type { ResultFile, Row } from './row.ts';

/** A result as the terminal shows it. */
export function renderResult(file: ResultFile, families: readonly Family[]): string {
  const out: string[] = [];
  for (const family of families) {
    const rows = file.rows.filter((r) => r.family === family.name);
    if (rows.length === 0) continue;
    out.push('', `${family.name}: ${family.doc.split('\n', 1)[0]}`);
    out.push(family.table?.(rows) ?? commonTable(rows));
    const said = family.conclude(rows);
    if (said !== null) out.push(said);
  }
  if (file.rows.length === 0) out.push('nothing was measured');
  else out.push('', environmentLine(file));
  return out.join('\n').trimStart();
}

export function environmentLine({ rows, quick }: ResultFile): string {
  const { node, v8, cpu, cores, os, commit } = rows[0].environment;
  const short = quick ? ' (quick: a first look, with wide intervals)' : '';
  return `Node ${node}, V8 ${v8}, ${cores} x ${cpu}, ${os}, commit ${commit}, seed ${rows[0].seed}${short}`;
}

/**
 * Median, where the median of a second run is expected (95 %), rounds, and how many times the yardstick it is that was
 * measured in turn with it.
 */
function commonTable(rows: readonly Row[]): string {
  const axes = [...new Set(rows.flatMap((r) => Object.keys(r.axes)))];
  const yardstick = rows.some((r) => r.reference !== null);
  const next = nextRun(rows.map((r) => r.samples));
  const table = new Table({
    head: [
      'contender',
      'case',
      ...axes,
      'median',
      'unit',
      'a second run',
      'rounds',
      ...(yardstick ? ['/ reference'] : []),
    ],
    style: { head: [], border: [], compact: true },
    colAligns: [
      'left',
      'left',
      ...axes.map(() => 'right' as const),
      'right',
      'left',
      'right',
      'right',
      'right',
    ],
  });
  for (const [i, row] of rows.entries()) {
    table.push([
      row.origin === 'ours' ? row.contender : `${row.contender} (${row.origin})`,
      row.case,
      ...axes.map((a) => row.axes[a] ?? ''),
      figure(next[i].median),
      row.unit,
      spread(next[i].factor),
      row.samples.length,
      ...(yardstick ? [ratioText(row)] : []),
    ]);
  }
  return table.toString();
}

/** Three or four digits that matter. */
export function figure(x: number): string {
  const size = Math.abs(x);
  const digits = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  return x.toLocaleString('en-US', {
    maximumFractionDigits: digits,
    minimumFractionDigits: Math.min(digits, 2),
  });
}

/** `±5 %` for a factor of 1.05; what is beyond a factor of 2 is said as a factor. */
export function spread(factor: number): string {
  if (!Number.isFinite(factor)) return 'not known';
  return factor < 2 ? `±${((factor - 1) * 100).toFixed(1)} %` : `x or / ${factor.toFixed(1)}`;
}

export function ratioText({ samples, reference }: Row): string {
  if (reference === null) return '';
  const { ratio, low, high } = pairedRatio(samples, reference);
  return Number.isFinite(low + high)
    ? `${ratio.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
    : ratio.toFixed(2);
}
