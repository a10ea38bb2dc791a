/** The leak detector's findings as a table for the terminal. */
import Table from 'cli-table3';
import type { LeakRow } from '../../src/memory/ut/leak-detector.ts';

/** `ticksPerMs`: of the clock that the ages were taken with. */
export function leaksText(rows: readonly LeakRow[], ticksPerMs: number): string {
  if (rows.length === 0) return 'No live blocks that old.';
  const right = 'right' as const;
  const table = new Table({
    head: ['place', 'instrument', 'blocks', 'bytes', 'oldest', 'newest', 'threads', 'e. g.'],
    colAligns: ['left', 'left', right, right, right, right, 'left', right],
    style: { head: [], border: [], compact: true },
  });
  for (const r of rows) {
    table.push([
      r.line === 0 ? r.file : `${r.file}:${r.line}`,
      r.instrument,
      r.count.toLocaleString('en-US'),
      r.bytes.toLocaleString('en-US'),
      age(r.oldestTicks / ticksPerMs),
      age(r.newestTicks / ticksPerMs),
      r.threads.join(', '),
      `@${r.example}`,
    ]);
  }
  const blocks = rows.reduce((n, r) => n + r.count, 0);
  const bytes = rows.reduce((n, r) => n + r.bytes, 0);
  const places = rows.length === 1 ? 'one place' : `${rows.length} places`;
  return `${table.toString()}\n${blocks.toLocaleString('en-US')} blocks, ${bytes.toLocaleString('en-US')} bytes, from ${places}`;
}

const UNITS = [
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1000, 's'],
] as const;

function age(ms: number): string {
  for (const [size, unit] of UNITS) if (ms >= size) return `${(ms / size).toFixed(1)} ${unit}`;
  return `${Math.round(ms)} ms`;
}
