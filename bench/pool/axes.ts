/** The axes of a sweep as its rows show them: what the user swept, and sessions where `--predict` did. */
import { STRESS_SYSVARS } from '../../stress/options/option-table.ts';
import type { Row } from '../core/row.ts';

export interface RowAxis {
  readonly name: string;
  /** As the user wrote them, in the order of rows. */
  readonly values: readonly string[];
}

const SESSIONS = 'sessions';

export function axesOf(rows: readonly Row[]): RowAxis[] {
  const names = [...new Set(rows.flatMap((r) => Object.keys(r.axes)))];
  const counts = new Set(rows.map((r) => r.settings[SESSIONS]));
  if (counts.size > 1 && !names.includes(SESSIONS)) names.push(SESSIONS);
  return names.map((name) => ({ name, values: [...new Set(rows.map((r) => valueAt(r, name)))] }));
}

export function valueAt(row: Row, axis: string): string {
  return row.axes[axis] ?? String(row.settings[axis] ?? '');
}

/**
 * Whether somebody who runs a server can choose it: MySQL's variables. A stress run's own options (sessions, zipf, …)
 * say what is asked of the server, and a best one of them means nothing.
 */
export function isChoice(axis: string): boolean {
  return STRESS_SYSVARS.some((name) => name === axis.replaceAll('-', '_'));
}

/** Rows with the same values on all these axes, and what they have in common. */
export interface RowGroup {
  readonly at: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
}

export function groupRows(rows: readonly Row[], axes: readonly string[]): RowGroup[] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.case, ...axes.map((a) => valueAt(row, a))]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return [...groups.values()].map((mine) => ({
    at: Object.fromEntries(axes.map((a) => [a, valueAt(mine[0], a)])),
    rows: mine,
  }));
}

/** `zipf 0.9, sessions 8`; empty without axes. */
export const sayAt = (at: RowGroup['at']): string =>
  Object.entries(at)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
