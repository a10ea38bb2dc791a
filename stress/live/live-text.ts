/** The live view as text: a pure function of two samples and of who waits, for a terminal or as a plain line. */
import type { Sample } from '../../src/observe/sample.ts';
import type { SnapshotThread, WaitForSnapshot } from '../../src/observe/wait-snapshot.ts';
import { LATCHES } from '../../src/sync/latch-meta.ts';
import type { SessionTotals } from '../runner/session-totals.ts';

/** What is given to the run, as it is now. */
export interface LiveFacts {
  /** What runs: scenario, sessions and so on. */
  readonly title: string;
  /** Threads that run sessions. */
  readonly threads: number;
  /** Bytes of simulated operating system memory that may be in use, by node. */
  readonly osMemoryLimits: readonly number[];
  /** global_connection_memory_limit, bytes; null: none. */
  readonly connectionMemoryLimit: number | null;
}

export interface LiveFrame {
  readonly facts: LiveFacts;
  /** How far the run has come, as `running: 3 of 10 s`. */
  readonly stage: string;
  /** Rates are those between the two. */
  readonly before: Sample;
  readonly now: Sample;
  readonly sessionsBefore: SessionTotals;
  readonly sessionsNow: SessionTotals;
  readonly waits: WaitForSnapshot | null;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

const MIB = 2 ** 20;
const LABEL = 30;
const VALUE = 18;
/** A bar below this width says nothing. */
const MIN_BAR = 6;
const MAX_BAR = 60;
const MAX_WAIT_ROWS = 6;
const MAX_WAITERS = 2;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

const int = (n: number): string => Math.round(n).toLocaleString('en-US');
const mib = (bytes: number): string => (bytes / MIB).toFixed(bytes < 10 * MIB ? 2 : 1);
const share = (part: number, of: number): number => (of <= 0 ? 0 : part / of);

interface Rates {
  readonly transactions: number;
  /** As sysbench has it: queries are statements. */
  readonly read: number;
  readonly write: number;
  readonly other: number;
  readonly errors: number;
  readonly reconnects: number;
  readonly gets: number;
  readonly reads: number;
  readonly writes: number;
  /** null: no gets. */
  readonly hitPct: number | null;
}

/** Per second. A counter read while it was written may look smaller than before. */
function ratesOf({ before, now, sessionsBefore, sessionsNow }: LiveFrame): Rates {
  const seconds = (now.atMs - before.atMs) / 1000;
  const of = (name: keyof SessionTotals): number =>
    Math.max(0, share(sessionsNow[name] - sessionsBefore[name], seconds));
  const rate = (pick: (s: Sample) => number): number => Math.max(0, share(pick(now) - pick(before), seconds));
  const gets = rate((s) => s.pageGets);
  const reads = rate((s) => s.pagesRead);
  return {
    transactions: of('transactions'),
    read: of('read'),
    write: of('write'),
    other: of('other'),
    errors: of('errors'),
    reconnects: of('reconnects'),
    gets,
    reads,
    writes: rate((s) => s.pagesWritten),
    hitPct: gets === 0 ? null : Math.max(0, 100 - (100 * reads) / gets),
  };
}

/** An instrument without its path: `buf_pool_LRU_list_mutex`. */
const shortName = (instrument: string): string => instrument.slice(instrument.lastIndexOf('/') + 1);

interface WaitRate {
  readonly latch: string;
  readonly msPerSecond: number;
}

/** Latch classes that anybody has waited for so far, those with most waits now first. */
function waitRates({ before, now }: LiveFrame): WaitRate[] {
  const seconds = (now.atMs - before.atMs) / 1000;
  return LATCHES.filter(({ name }) => (now.waitUs[name] ?? 0) > 0)
    .map(({ name, instrument }) => ({
      latch: shortName(instrument),
      msPerSecond: Math.max(0, share(now.waitUs[name] - (before.waitUs[name] ?? 0), 1000 * seconds)),
      sofar: now.waitUs[name],
    }))
    .toSorted((a, b) => b.msPerSecond - a.msPerSecond || b.sofar - a.sofar)
    .map(({ latch, msPerSecond }) => ({ latch, msPerSecond }));
}

const waitersOf = (waits: WaitForSnapshot | null): SnapshotThread[] =>
  waits?.threads.filter((t) => t.waitsFor !== null) ?? [];

/** Lines for a terminal, none longer than it is wide, and fewer than it has rows. The top is what matters most. */
export function renderLive(frame: LiveFrame, { columns, rows }: Size): string {
  const { facts, now, waits, sessionsNow } = frame;
  const r = ratesOf(frame);
  const row = (label: string, part: number, value: string): string => barRow(label, part, value, columns);
  const lines = [
    `${facts.title}; ${frame.stage}`,
    fields(columns, [
      ['transactions/s', int(r.transactions)],
      ['queries/s', int(r.read + r.write + r.other)],
      ['connected', int(sessionsNow.connected)],
    ]),
    fields(columns, [
      ['gets/s', int(r.gets)],
      ['hit ratio', r.hitPct === null ? '-' : `${r.hitPct.toFixed(2)} %`],
      ['errors/s', int(r.errors)],
    ]),
    fields(columns, [
      ['pages read/s', int(r.reads)],
      ['written/s', int(r.writes)],
      ['reconnects/s', int(r.reconnects)],
    ]),
  ];

  const latches = waitRates(frame);
  const all = 1000 * facts.threads;
  lines.push(`Waits, ms per second (full bar: ${int(all)}, as if every thread did nothing else)`);
  if (latches.length === 0) lines.push('  none so far');
  for (const l of latches.slice(0, MAX_WAIT_ROWS))
    lines.push(row(l.latch, l.msPerSecond / all, ms(l.msPerSecond)));

  const waiting = waitersOf(waits);
  lines.push(`Threads waiting now: ${waiting.length}${waiting.length > 0 ? ', the longest:' : ''}`);
  for (const t of waiting.slice(0, MAX_WAITERS)) lines.push(`  ${waiterText(t)}`);

  const pages = (n: number): [number, string] => [share(n, now.pages), int(n)];
  lines.push(
    `Buffer pool, ${int(now.pages)} pages`,
    row('LRU, young', ...pages(now.lru - now.old)),
    row('LRU, old', ...pages(now.old)),
    row('free', ...pages(now.free)),
    row('dirty', ...pages(now.dirty)),
    'Memory, MiB',
  );
  for (const [node, bytes] of now.osMemoryBytes.entries()) {
    const limit = facts.osMemoryLimits[node] ?? 0;
    lines.push(row(`node ${node}`, share(bytes, limit), `${mib(bytes)} of ${mib(limit)}`));
  }
  const { connectionMemory } = now;
  const limit = facts.connectionMemoryLimit;
  lines.push(
    row(
      'connections',
      limit === null ? 0 : share(connectionMemory, limit),
      `${mib(connectionMemory)} ${limit === null ? 'no limit' : `of ${mib(limit)}`}`,
    ),
  );
  return lines
    .slice(0, Math.max(1, rows - 1))
    .map((line) => line.slice(0, columns))
    .join('\n');
}

/**
 * One line, always with the same labels in the same order; the first ones are sysbench's, and no value behind them has a
 * blank in it.
 */
export function liveLine(frame: LiveFrame, seconds: number): string {
  const { facts, now, waits, sessionsNow } = frame;
  const r = ratesOf(frame);
  const queries = [r.read, r.write, r.other];
  const latches = waitRates(frame);
  const [longest] = waitersOf(waits);
  const top = latches.slice(0, 3).map((l) => `${l.latch}=${Math.round(l.msPerSecond)}`);
  const values: readonly (readonly [string, string | number])[] = [
    ['thds', facts.threads],
    ['conns', sessionsNow.connected],
    ['tps', r.transactions.toFixed(2)],
    ['qps', queries.reduce((a, b) => a + b, 0).toFixed(2)],
    ['(r/w/o', `${queries.map((n) => n.toFixed(2)).join('/')})`],
    ['err/s', r.errors.toFixed(2)],
    ['reconn/s', r.reconnects.toFixed(2)],
    ['gets/s', Math.round(r.gets)],
    ['hit%', r.hitPct === null ? '-' : r.hitPct.toFixed(2)],
    ['reads/s', Math.round(r.reads)],
    ['writes/s', Math.round(r.writes)],
    ['wait_ms/s', Math.round(latches.reduce((sum, l) => sum + l.msPerSecond, 0))],
    ['by_latch', top.join(',') || '-'],
    ['young', now.lru - now.old],
    ['old', now.old],
    ['free', now.free],
    ['dirty', now.dirty],
    ['os_mib', now.osMemoryBytes.map(mib).join(',')],
    ['conn_mib', mib(now.connectionMemory)],
    ['waiting', waitersOf(waits).length],
    ['longest', longest === undefined ? '-' : longestText(longest)],
  ];
  return `[ ${seconds}s ] ${values.map(([label, value]) => `${label}: ${value}`).join(' ')}`;
}

function longestText({ who, waitsFor }: SnapshotThread): string {
  return `${who.replaceAll(' ', '_')}/${shortName(waitsFor?.instrument ?? '')}/${waitsFor?.waitedMs}ms`;
}

/** What matters most first: the end may be cut off. */
function waiterText({ who, op, waitsFor }: SnapshotThread): string {
  if (waitsFor === null) return who;
  const { waitedMs, instrument, mode, place, heldBy } = waitsFor;
  const latch = `${shortName(instrument)}${mode === 'mutex' ? '' : ` ${mode}`}`;
  const held = heldBy.length === 0 ? 'looks free' : `held by ${heldBy.join(', ')}`;
  return `${who}: ${waitedMs} ms for ${latch}, ${held}; ${place}, in ${op}`;
}

const ms = (n: number): string => (n > 0 && n < 10 ? n.toFixed(1) : int(n));

/** As many as fit, at fixed places. */
function fields(columns: number, all: readonly (readonly [string, string])[]): string {
  const width = Math.max(1, Math.min(LABEL, Math.floor(columns / 3)));
  return all
    .map(([name, value]) => `  ${name} ${value}`.padEnd(width))
    .join('')
    .trimEnd();
}

function barRow(label: string, part: number, value: string, columns: number): string {
  const bar = Math.min(MAX_BAR, columns - LABEL - VALUE - 1);
  if (bar < MIN_BAR) return `  ${label}: ${value}`;
  return `  ${label.slice(0, LABEL - 3).padEnd(LABEL - 2)}${barOf(part, bar)} ${value.padStart(VALUE)}`;
}

/** A bar of `width` columns, filled by a share from 0 to 1; anything above 0 shows. */
function barOf(part: number, width: number): string {
  const full = Math.min(1, Math.max(0, part)) * width * 8;
  const eighths = part > 0 ? Math.max(1, Math.round(full)) : 0;
  return ('█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(width);
}
