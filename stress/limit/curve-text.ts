/** The curve as text: a table, and what it says in sentences. */
import { showBytes } from '../../src/config/values.ts';
import { bytes, fixed, int, num, percent } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import type { LimitPoint, LimitStops, LimitTimed, RoundsRatio } from './curve-point.ts';
import { DEFAULT_CHUNK, type LimitCurve } from './curve.ts';
import { errorLine } from './error-line.ts';

const NONE = '-';
const SAME: RoundsRatio = { median: 1, low: 1, high: 1 };
/** With so many times the fewest reservations, larger chunks save next to nothing. */
const NEARLY = 1.02;

/** The section of a report, its title included. */
export function renderLimitCurve(c: LimitCurve): string {
  return [renderCurveTable(c), ...said(c).map((line) => `  ${line}`)].join('\n');
}

/** The same without what it says in sentences, one a line; those. */
export const limitCurveParts = (c: LimitCurve): { table: string; said: readonly string[] } => ({
  table: renderCurveTable(c),
  said: said(c),
});

function renderCurveTable(c: LimitCurve): string {
  const out = [
    `connection_memory_chunk_size: what it costs and what it is worth (${c.sessions} sessions, a thread each)`,
  ];
  if (c.interrupted) out.push('  interrupted: what was measured until then');
  if (c.problem !== null) out.push(`  ENDED EARLY: ${c.problem}`);
  const rows = c.points.filter((p) => p.timed !== null).map(row);
  out.push(plainTable(HEAD, c.off === null ? rows : [offRow(c.off), ...rows], [0]));
  return out.join('\n');
}

const HEAD = [
  'chunk',
  'latch/alloc',
  'exact',
  'allocs/s',
  'to OFF',
  'CPU to OFF',
  'waits',
  'of taken',
  'parks',
  'ahead, mean',
  'ahead, max',
  'in use, mean',
  '4081',
  'of statements',
] as const;

function row(point: LimitPoint): string[] {
  const { chunk, exact, timed, ahead, stops } = point;
  return [
    showBytes(chunk),
    ...timedCells(timed, exact.latchPerAllocation, point),
    ahead === null ? NONE : bytes(ahead.mean),
    ahead === null ? NONE : bytes(ahead.max),
    ahead === null ? NONE : bytes(ahead.usedMean),
    stops === null ? NONE : int(stops.stopped),
    stops === null ? NONE : percent(stoppedShare(stops), 1),
  ];
}

/** The middle round, and from which to which they go. */
function ratio({ median, low, high }: RoundsRatio): string {
  const range = low === high ? '' : ` (${fixed(100 * low, 0)}-${fixed(100 * high, 0)})`;
  return `${fixed(100 * median, 0)}${range} %`;
}

function offRow(off: LimitTimed): string[] {
  return [
    'tracking OFF',
    ...timedCells(off, 0, { toOff: SAME, cpuToOff: SAME }),
    NONE,
    NONE,
    NONE,
    NONE,
    NONE,
  ];
}

function timedCells(
  timed: LimitTimed | null,
  exact: number,
  { toOff, cpuToOff }: Pick<LimitPoint, 'toOff' | 'cpuToOff'>,
): string[] {
  return [
    timed === null ? NONE : fixed(timed.latchPerAllocation, 3),
    fixed(exact, 3),
    timed === null ? NONE : int(timed.allocationsPerSecond),
    toOff === null ? NONE : ratio(toOff),
    cpuToOff === null ? NONE : ratio(cpuToOff),
    timed === null ? NONE : int(timed.contended),
    timed === null ? NONE : percent(timed.contendedShare, 2),
    timed === null ? NONE : int(timed.parks),
  ];
}

/** Of the statements that were begun, and connections that did not come so far. */
export const stoppedShare = (s: LimitStops): number => s.stopped / Math.max(1, s.statements + s.refused);

function said(c: LimitCurve): string[] {
  const { points } = c;
  const lines = [
    'latch/alloc: LOCK_global_conn_mem_limit taken for each allocation of a collected instrument; exact: the same, ' +
      'computed by each session alone. waits: not free at the first attempt; parks: put to sleep. ' +
      'to OFF: the middle one of the rounds, and their range.',
    'ahead: Global_connection_memory less what the sessions use; below 0 where they wait to report memory that they ' +
      'have. 4081: connections that this ended under a global ' +
      'limit which the sessions never reach.',
  ];
  const usual = points.find((p) => p.chunk === DEFAULT_CHUNK);
  if (usual?.ahead && usual.toOff && usual.cpuToOff) {
    lines.push(
      `At the default of ${usual.chunk}, ${percent(usual.exact.reservations / usual.exact.allocations, 0)} of the ` +
        `allocations reserve a chunk, and each reset takes the latch once more; throughput is ` +
        `${ratio(usual.toOff)} of that with tracking OFF for ${ratio(usual.cpuToOff)} of the CPU time, and the counter is ahead by ` +
        `${bytes(usual.ahead.mean)} on average where ${bytes(usual.ahead.usedMean)} are in use.`,
    );
  }
  const fewest = Math.min(...points.map((p) => p.exact.reservations));
  const enough = points.find((p) => p.exact.reservations <= NEARLY * fewest);
  if (enough !== undefined) {
    lines.push(
      `From ${showBytes(enough.chunk)} on a larger chunk saves nothing: a statement that allocates reserves once.`,
    );
  }
  return [...lines, ...saidOfStops(c)];
}

function saidOfStops(c: LimitCurve): string[] {
  const limited = c.points.filter((p) => p.stops !== null);
  if (limited.length === 0) return [];
  const limit =
    `Under global_connection_memory_limit = ${c.globalLimit} (all sessions at their peaks together use ` +
    `${c.mostInUse})`;
  const first = limited.find((p) => (p.stops?.stopped ?? 0) > 0);
  if (first === undefined) return [`${limit} no session was stopped.`];
  const worst = first.stops?.worst;
  const lines = [
    `${limit} nobody should be stopped; from a chunk of ${showBytes(first.chunk)} on sessions are, too early: ` +
      `${c.sessions} sessions with a chunk each have reserved up to ${num((c.sessions * first.chunk) / c.globalLimit)} times the limit.`,
  ];
  if (worst) lines.push(`  ${errorLine(worst)} In use were then ${worst.inUse} bytes.`);
  return lines;
}
