/** The report of a run as text. */
import type { Failure } from '../../workers/outcome.ts';
import { counted, int } from '../../src/page/format.ts';
import { plainTable } from '../../src/page/plain-table.ts';
import { renderLimitCurve } from '../limit/curve-text.ts';
import { renderLimitDemo } from '../limit/demo-text.ts';
import { foldLog } from './log-text.ts';
import { memorySummaryText } from './memory-summary-text.ts';
import { numaSection } from './numa-text.ts';
import { round, type StressReport } from './report.ts';
import { sessionsText } from './sessions-text.ts';
import {
  errorsText,
  ladderNote,
  limitsText,
  processMemoryText,
  programsText,
  sysbenchText,
} from './sysbench-text.ts';
import type { Verdict } from '../verdict/verdict.ts';

const STACK_LINES = 8;
const MOST_SCRIPT_LINES = 20;

const percent = (part: number, of: number): string =>
  of === 0 ? '-' : `${((100 * part) / of).toFixed(1)} %`;

/** The report as text. */
export function renderReport(r: StressReport): string {
  const out: string[] = [];
  const section = (title: string, text: string): void => void out.push('', title, text);
  const s = r.settings;
  const count = (what: string, setting: string): string => counted(Number(s[setting]), what);
  out.push(
    `scenario ${r.scenario}, seed ${r.seed}: ${count('session', 'sessions')} on ${count('thread', 'threads')} ` +
      `(${String(s['thread-handling'])}), ${count('node', 'nodes')}, ` +
      `${count('instance', 'innodb_buffer_pool_instances')} x ${count('stripe', 'innodb_page_hash_locks')}, ` +
      `pool ${mib(s['innodb_buffer_pool_size'])}, data ${mib(s['data-size'])}`,
    `${r.machine.node} on ${r.machine.cores} x ${r.machine.cpu}, ${r.machine.os}`,
    '',
    `${int(r.statements)} statements in ${r.seconds.toFixed(1)} s${r.interrupted ? ' (interrupted)' : ''}: ` +
      `${int(r.statementsPerSecond)}/s, ${int(r.getsPerSecond)} page gets/s, hit ratio ${(100 * r.hitRatio).toFixed(2)} %`,
    '',
    sysbenchText(r),
  );
  section(
    'Latency of transactions by program, us',
    `${programsText(r.programs)}\n${ladderNote(s['rate'])
      .map((line) => `  ${line}`)
      .join('\n')}`,
  );
  if (r.errors.length > 0) section('Errors that sessions met', errorsText(r.errors));
  section(s['warmup'] === 0 ? 'Sessions' : 'Sessions (the warm-up included)', sessionsText(r.sessions));
  if (r.script.length > 0) section('What --at and --kill-rate did', scriptText(r.script));
  section('Connection memory', limitsText(r.limits));
  if (r.limitDemo !== null) out.push('', renderLimitDemo(r.limitDemo));
  if (r.limitCurve !== null) out.push('', renderLimitCurve(r.limitCurve));
  section(
    'Buffer pool',
    plainTable(
      [
        'instance',
        'node',
        'gets',
        'hit ratio',
        'read',
        'written',
        'evicted',
        'young',
        'not young',
        'free',
        'wait_free',
      ],
      r.instances.map((i) => [
        i.instance,
        i.node,
        i.counters.pageGets,
        percent(i.counters.pageGets - i.counters.pagesRead, i.counters.pageGets),
        i.counters.pagesRead,
        i.counters.pagesWritten,
        i.evicted,
        i.madeYoung,
        i.counters.notMadeYoung,
        i.free,
        i.counters.waitFree,
      ]),
    ),
  );
  section(
    'Latches (waits: not free at the first attempt; parks: put to sleep)',
    plainTable(
      ['instrument', 'taken', 'waits', 'spin rounds', 'parks', 'wait ms', 'longest us'],
      r.latches
        .toSorted((a, b) => b.waitUs - a.waitUs)
        .map((l) => [
          l.instrument,
          l.acquired,
          l.contended,
          l.spinRounds,
          l.parks,
          l.waitUs / 1000,
          l.maxWaitUs,
        ]),
    ),
  );
  const numa = numaSection(r.numa);
  section(numa.title, numa.text);
  section(
    'Memory',
    memorySummaryText(r.memory, (m) => [m.retries, m.failures], ['retries', 'failures']),
  );
  if (r.accounts.length > 0) {
    section(
      'Memory by account',
      memorySummaryText(r.accounts, (a) => [`${a.USER ?? '-'}@${a.HOST ?? '-'}`], ['account']),
    );
  }
  if (r.processMemory !== null) section('Process', processMemoryText(r.processMemory));
  section('Status', plainTable(['variable', 'value'], Object.entries(r.status)));
  if (r.errorLog.length > 0) {
    section(
      'Error log',
      foldLog(r.errorLog)
        .map((line) => `  ${line}`)
        .join('\n'),
    );
  }
  if (r.verdicts.length > 0) section('Verdict', r.verdicts.map(renderVerdict).join('\n'));
  if (r.failures.length > 0)
    section('Failures, the earliest first', r.failures.map(renderFailure).join('\n'));
  if (r.stuck !== null) section('Stuck', r.stuck);
  const others: string[] = [];
  if (r.aborted > 0) others.push(`  ${r.aborted} threads ended because the run was given up`);
  if (r.terminated.length > 0) others.push(`  terminated, as they did not end: ${r.terminated.join(', ')}`);
  if (others.length > 0) section('Other threads', others.join('\n'));
  out.push('', conclusion(r));
  return out.join('\n');
}

/** A script of thousands of kills is told by its beginning and its end. */
function scriptText(lines: readonly string[]): string {
  const told =
    lines.length <= MOST_SCRIPT_LINES
      ? lines
      : [
          ...lines.slice(0, MOST_SCRIPT_LINES / 2),
          `… ${int(lines.length - MOST_SCRIPT_LINES)} more …`,
          ...lines.slice(-MOST_SCRIPT_LINES / 2),
        ];
  return told.map((line) => `  ${line}`).join('\n');
}

function renderVerdict(v: Verdict): string {
  const head = `  ${v.violations.length === 0 ? 'holds   ' : 'VIOLATED'}  ${v.invariant} (${v.checked})`;
  return [head, ...v.violations.map((text) => `            ${text}`)].join('\n');
}

function renderFailure(f: Failure): string {
  const frames = f.stack.split('\n').filter((line) => line.trimStart().startsWith('at '));
  return [`  ${f.who}: ${f.name}: ${f.message}`, ...frames.slice(0, STACK_LINES)].join('\n');
}

function conclusion(r: StressReport): string {
  const unmeasured = r.seconds === 0 ? '; nothing was measured, as it ended in its warm-up' : '';
  const early = (r.interrupted ? '; the run was interrupted' : '') + unmeasured;
  const again = `\nrun it again with: ${r.command}`;
  switch (r.verdict) {
    case 'ok':
      return `every invariant holds (${r.verdicts.length} checks)${early}`;
    case 'violated':
      return `INVARIANTS VIOLATED${early}${again}`;
    case 'stuck':
      return `THE RUN WAS STUCK: ${firstLine(r.stuck)}${again}`;
    case 'given up':
      return `THE RUN WAS GIVEN UP: ${firstLine(r.stuck)}${again}`;
    default:
      return `THE RUN FAILED: ${r.failures[0]?.who}: ${r.failures[0]?.name}: ${r.failures[0]?.message}${again}`;
  }
}

const firstLine = (text: string | null): string => text?.split('\n', 1)[0] ?? '';

function mib(bytes: unknown): string {
  return typeof bytes === 'number' ? `${round(bytes / 2 ** 20, 1)} MiB` : String(bytes);
}
