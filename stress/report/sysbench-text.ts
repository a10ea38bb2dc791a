/** Parts of the text report that users of sysbench and of a server's log know: summary, latency, errors, limits. */
import { fixed, int } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import type { ProcessMemory } from '../runner/process-memory.ts';
import type { ErrorReport, Ladder, LimitsReport, ProgramReport, SysbenchReport } from './report-figures.ts';
import type { StressReport } from './report.ts';

const LABEL = 37;
const MIB = 2 ** 20;

const line = (label: string, value: string, indent = 4): string =>
  `${`${' '.repeat(indent)}${label}:`.padEnd(LABEL)}${value}`;
const ms = (us: number | undefined): string => (us === undefined ? '-' : (us / 1000).toFixed(2));

/** sysbench's block, with its labels. A query is a statement, an event a transaction; times are in ms. */
export function sysbenchText(r: StressReport): string {
  const { seconds, latencyUs: latency } = r;
  const s: SysbenchReport = r.sysbench;
  const { read, write, other } = s.queries;
  const rate = (n: number): string =>
    `${n}`.padEnd(7) + `(${seconds === 0 ? '-' : (n / seconds).toFixed(2)} per sec.)`;
  const spread = ({ mean, deviation }: { mean: number; deviation: number }, digits: number): string =>
    `${mean.toFixed(4)}/${deviation.toFixed(digits)}`;
  return [
    'SQL statistics:',
    '    queries performed:',
    line('read', `${read}`, 8),
    line('write', `${write}`, 8),
    line('other', `${other}`, 8),
    line('total', `${read + write + other}`, 8),
    line('transactions', rate(s.transactions)),
    line('queries', rate(read + write + other)),
    line('ignored errors', rate(s.errors)),
    line('reconnects', rate(s.reconnects)),
    '',
    'Throughput:',
    line('events/s (eps)', seconds === 0 ? '-' : (s.transactions / seconds).toFixed(4)),
    line('time elapsed', `${seconds.toFixed(4)}s`),
    line('total number of events', `${s.transactions}`),
    '',
    'Latency (ms):',
    line('min', ms(latency['min']), 9),
    line('avg', ms(latency['mean']), 9),
    line('max', ms(latency['max']), 9),
    line('95th percentile', ms(latency['p95']), 9),
    line('sum', ms(s.latencySumUs), 9),
    '',
    'Threads fairness:',
    line('events (avg/stddev)', spread(s.threads.events, 2)),
    line('execution time (avg/stddev)', spread(s.threads.seconds, 2)),
  ].join('\n');
}

/** What the percentiles are, and from when they count. */
export function ladderNote(rate: unknown): readonly string[] {
  const from =
    typeof rate === 'number' && rate > 0
      ? 'open loop: from the moment when the transaction was due, so waiting for the session before it is in it'
      : 'closed loop: from the moment when the session begins the transaction';
  return ['pN: N % of the transactions took at most so long; nothing is cut off at the top', from];
}

export function programsText(programs: readonly ProgramReport[]): string {
  const names = Object.keys(programs.find((p) => p.transactions > 0)?.latencyUs ?? {});
  const us = (ladder: Ladder): (string | number)[] =>
    names.map((name) => (ladder[name] === undefined ? '-' : ladder[name]));
  return plainTable(
    ['program', 'sessions', 'transactions', 'per second', ...names],
    programs.map((p) => [p.program, p.sessions, p.transactions, p.transactionsPerSecond, ...us(p.latencyUs)]),
  );
}

export function errorsText(errors: readonly ErrorReport[]): string {
  return plainTable(
    ['error', 'times', 'sessions ended', 'text'],
    errors.map((e) => [`ERROR ${e.code}`, e.count, e.ended, e.text]),
    [0, 3],
  );
}

export function limitsText(l: LimitsReport): string {
  return plainTable(['variable, or what happened', 'value'], limitRows(l));
}

export function limitRows(l: LimitsReport): (readonly [string, string | number])[] {
  const limit = (n: number | null): string => (n === null ? 'none' : int(n));
  return [
    ['connection_memory_limit (global)', limit(l.sessionLimit)],
    ['global_connection_memory_limit', limit(l.globalLimit)],
    ['connection_memory_chunk_size', l.chunkSize],
    ['global_connection_memory_tracking', l.tracking ? 'ON' : 'OFF'],
    ['Global_connection_memory, largest seen', l.peakBytes],
    ['updates of the global counter', l.updates],
    ['connections ended by connection_memory_limit (4082)', l.endedBySessionLimit],
    ['connections ended by global_connection_memory_limit (4081)', l.endedByGlobalLimit],
    ['KILL, carried out', l.kills],
    ['KILL QUERY, carried out', l.queryKills],
    ['statements and connections ended by them (1317)', l.interrupted],
    ['statements ended by max_execution_time (3024)', l.timedOut],
  ];
}

const mib = (n: number | null): string => (n === null ? 'not known here' : fixed(n / MIB, 1));

/** What the process takes, with MiB as text; what is part of the line above is indented. */
export function processRows(m: ProcessMemory): (readonly [string, string])[] {
  const known = (m.arenaBytes ?? 0) + m.mainHeapBytes + (m.fileBytes ?? 0);
  const rest = Math.max(0, m.endBytes - known);
  return [
    ['resident at its largest', mib(m.peakBytes)],
    ['resident after the last statement', mib(m.endBytes)],
    ['  of it arena: pages that were touched', mib(m.arenaBytes)],
    ['  files mapped by Node.js', mib(m.fileBytes)],
    ['  heap of the main thread', mib(m.mainHeapBytes)],
    [`  all else: ${m.workers} workers (heaps, compiled code, stacks)`, mib(rest)],
  ];
}

export function processMemoryText(m: ProcessMemory): string {
  return [
    plainTable(['what the process takes', 'MiB'], processRows(m)),
    '',
    plainTable(
      ['what it is billed', 'MiB'],
      [...m.bill.map((b) => [b.what, mib(b.bytes)]), ['the bill', mib(m.billBytes)]],
    ),
  ].join('\n');
}
