/** The report of a run as a page: one HTML file that needs nothing else. */
import { bar } from '../../src/page/bar.ts';
import { shortInstrument } from '../../src/page/chart-spec.ts';
import { chartFigure } from '../../src/page/chart.ts';
import { facts, keyFigures, renderPage, type Section } from '../../src/page/document.ts';
import { bytes, counted, int, micros, num, percent } from '../../src/page/format.ts';
import { html, type Html } from '../../src/page/html.ts';
import { lruStrips } from '../../src/page/lru-strip.ts';
import { type Column, table } from '../../src/page/table.ts';
import { waitGraph } from '../../src/page/wait-graph.ts';
import { foldLog } from './log-text.ts';
import { stressCharts } from './report-charts.ts';
import { limits, nodes, processMemory, sessions, transactions } from './report-html-sessions.ts';
import type { StressReport } from './report.ts';
import type { Verdict } from '../verdict/verdict.ts';

type Charts = Readonly<Record<string, unknown>>;

/** @returns the whole file */
export function renderStressHtml(r: StressReport): string {
  const charts = stressCharts(r);
  const sections: Section[] = [
    { id: 'figures', title: 'Key figures', body: figures(r) },
    { id: 'throughput', title: 'Throughput', body: chart(charts, 'throughput', 'Throughput over time') },
    { id: 'latency', title: 'Latency', body: latency(r, charts) },
    { id: 'transactions', title: 'Transactions', body: transactions(r) },
    { id: 'latches', title: 'Latches', body: latches(r, charts) },
    { id: 'wait-for', title: 'Who waits for whom', body: waitFor(r) },
    { id: 'lru', title: 'LRU lists', body: lru(r) },
    { id: 'pages', title: 'Dirty and free pages', body: pool(r, charts) },
    { id: 'memory', title: 'Memory', body: memory(r, charts) },
    { id: 'nodes', title: 'Nodes', body: nodes(r) },
    { id: 'sessions', title: 'Sessions', body: sessions(r) },
    { id: 'limits', title: 'Limits and errors', body: limits(r, curveIds(charts)) },
    { id: 'process', title: 'Process memory', body: processMemory(r, charts['process'] !== undefined) },
    { id: 'verdict', title: 'Verdict', body: verdicts(r) },
    { id: 'errors', title: 'Errors', body: errors(r) },
    { id: 'settings', title: 'Settings and machine', body: settings(r) },
  ];
  return renderPage({
    title: `Stress run “${r.scenario}”, seed ${r.seed}`,
    lead: lead(r),
    sections,
    data: { charts, sweep: null },
  });
}

/** Charts of what chunks of connection memory cost, if that was measured. */
const curveIds = (charts: Charts): string[] => Object.keys(charts).filter((id) => id.startsWith('limit-'));

const chart = (charts: Charts, id: string, title: string): Html =>
  charts[id] === undefined
    ? html`<p class="quiet">${title}: the run was too short for it.</p>`
    : chartFigure(id, title);

const firstLine = (text: string | null): string => text?.split('\n', 1)[0] ?? '';

function conclusion(r: StressReport): string {
  switch (r.verdict) {
    case 'ok':
      return `Every invariant holds (${r.verdicts.length} checks)`;
    case 'violated':
      return 'Invariants violated';
    case 'stuck':
      return `The run was stuck: ${firstLine(r.stuck)}`;
    case 'given up':
      return `The run was given up: ${firstLine(r.stuck)}`;
    default:
      return `The run failed: ${r.failures[0]?.who}: ${r.failures[0]?.message}`;
  }
}

function lead(r: StressReport): Html {
  const ok = r.verdict === 'ok';
  const s = r.settings;
  const size = (name: string): string => (typeof s[name] === 'number' ? bytes(s[name]) : String(s[name]));
  const count = (what: string, setting: string): string => counted(Number(s[setting]), what);
  const early = r.interrupted ? '; the run was interrupted' : '';
  return html`<p class="verdict ${ok ? 'good' : 'bad'}">${ok ? '✓' : '✗'} ${conclusion(r)}${early}</p>
    <p class="quiet">
      ${int(r.statements)} statements in ${num(r.seconds)} s by ${count('session', 'sessions')} on
      ${count('thread', 'threads')} (${String(s['thread-handling'])}) and ${count('node', 'nodes')};
      ${count('instance', 'innodb_buffer_pool_instances')} × ${count('stripe', 'innodb_page_hash_locks')},
      pool ${size('innodb_buffer_pool_size')}, data ${size('data-size')}; ${r.machine.node} on
      ${r.machine.cores} × ${r.machine.cpu}
    </p>`;
}

function figures(r: StressReport): Html {
  const at = (name: string): { value: string } => ({ value: micros(r.latencyUs[name] ?? NaN) });
  return keyFigures([
    { label: 'transactions/s', value: int(r.seconds === 0 ? 0 : r.sysbench.transactions / r.seconds) },
    { label: 'statements/s', value: int(r.statementsPerSecond) },
    { label: 'page gets/s', value: int(r.getsPerSecond) },
    { label: 'hit ratio', value: percent(r.hitRatio, 2) },
    { label: 'latency p50', ...at('p50') },
    { label: 'latency p95', ...at('p95') },
    { label: 'latency p99', ...at('p99') },
    { label: 'latency max', ...at('max') },
  ]);
}

function latency(r: StressReport, charts: Charts): Html {
  const most = Math.max(0, ...Object.values(r.latencyUs));
  return html`<div class="grid">
    ${chart(charts, 'latency', 'Latency of transactions')}
    ${table({
      caption: 'Percentiles of the latency, µs; bars on a logarithmic scale',
      empty: 'No transaction was measured.',
      rows: Object.entries(r.latencyUs),
      columns: [
        { head: 'percentile', cell: ([name]) => name },
        { head: 'µs', kind: 'number', cell: ([, us]) => int(us) },
        { head: 'log scale', kind: 'bar', cell: ([, us]) => bar(Math.log10(1 + us), Math.log10(1 + most)) },
      ],
    })}
  </div>`;
}

function latches(r: StressReport, charts: Charts): Html {
  const rows = r.latches.toSorted((a, b) => b.waitUs - a.waitUs);
  const most = Math.max(0, ...rows.map((l) => l.waitUs));
  const contended = (l: { contended: number; acquired: number }): number =>
    l.contended / Math.max(1, l.acquired);
  return html`<div class="fill">
      ${table({
        caption:
          'Waits: not free at the first attempt. Parks: put to sleep. Longest: the longest single wait.',
        empty: 'No latch was taken.',
        rows,
        columns: [
          { head: 'instrument', kind: 'code', cell: (l) => l.instrument, sort: (l) => l.instrument },
          { head: 'taken', of: (l) => l.acquired },
          { head: 'waits', of: (l) => l.contended },
          { head: 'share', of: contended, cell: (l) => percent(contended(l), 2) },
          { head: 'spin rounds', of: (l) => l.spinRounds },
          { head: 'parks', of: (l) => l.parks },
          { head: 'wait ms', of: (l) => l.waitUs, cell: (l) => int(l.waitUs / 1000) },
          { head: 'compared', kind: 'bar', cell: (l) => bar(l.waitUs, most, 2) },
          { head: 'longest µs', of: (l) => l.maxWaitUs },
        ],
      })}
    </div>
    <div class="gap">${chart(charts, 'waits', 'Waits over time, by latch')}</div>`;
}

const latchText = (l: { readonly instrument: string; readonly mode: string }): string =>
  `${shortInstrument(l.instrument)}${l.mode === 'mutex' ? '' : ` (${l.mode})`}`;

function waitFor({ waitFor: look }: StressReport): Html {
  if (look === null)
    return html`<p class="quiet">In none of the looks taken did a thread wait for a latch.</p>`;
  const waiting = look.threads.filter((t) => t.waitsFor !== null).length;
  const cycles = look.cycles.map(
    (c) => html`<p class="bad"><b>Deadlock:</b> ${[...c, c[0]].join(' waits for ')}</p>`,
  );
  return html`<p class="quiet">
      The look with most waiting threads, at ${num(look.atMs / 1000)} s: ${waiting} waited.
    </p>
    ${cycles} ${waitGraph(look.threads, look.cycles)}
    <div class="gap">
      ${table({
        caption: 'Threads that wait, the longest first, and those that they wait for',
        rows: look.threads,
        columns: [
          { head: 'thread', kind: 'name', cell: (t) => t.who },
          { head: 'node', kind: 'number', cell: (t) => t.node },
          { head: 'in', cell: (t) => t.op },
          { head: 'waits for', kind: 'name', cell: ({ waitsFor: w }) => (w === null ? '–' : latchText(w)) },
          { head: 'place', cell: (t) => t.waitsFor?.place ?? '' },
          { head: 'ms', kind: 'number', cell: ({ waitsFor: w }) => (w === null ? '' : num(w.waitedMs)) },
          { head: 'how', cell: ({ waitsFor: w }) => (w === null ? '' : w.asleep ? 'asleep' : 'spinning') },
          { head: 'held by', kind: 'name', cell: (t) => t.waitsFor?.heldBy.join(', ') ?? '' },
          {
            head: 'holds',
            kind: 'wordy',
            cell: (t) => t.holds.map((h) => `${h.place} (${h.mode})`).join('; '),
          },
        ],
      })}
    </div>`;
}

function lru(r: StressReport): Html {
  return r.lru.length === 0
    ? html`<p class="quiet">The run ended before its LRU lists could be looked at.</p>`
    : lruStrips(r.lru);
}

function pool(r: StressReport, charts: Charts): Html {
  return html`${chart(charts, 'pages', 'Dirty, free and old pages over time')}
    <div class="gap">
      ${table({
        caption: 'Buffer pool instances; lists and free pages as the run ended',
        rows: r.instances,
        columns: [
          { head: 'instance', cell: (i) => i.instance },
          { head: 'node', kind: 'number', cell: (i) => i.node },
          { head: 'gets', of: (i) => i.counters.pageGets },
          {
            head: 'hit ratio',
            kind: 'number',
            cell: (i) => percent(1 - i.counters.pagesRead / Math.max(1, i.counters.pageGets)),
          },
          { head: 'read', of: (i) => i.counters.pagesRead },
          { head: 'written', of: (i) => i.counters.pagesWritten },
          { head: 'evicted', of: (i) => i.evicted },
          { head: 'young', of: (i) => i.madeYoung },
          { head: 'not young', of: (i) => i.counters.notMadeYoung },
          { head: 'LRU', of: (i) => i.lru },
          { head: 'old', of: (i) => i.old },
          { head: 'dirty', of: (i) => i.dirty },
          { head: 'free', of: (i) => i.free },
          { head: 'wait_free', of: (i) => i.counters.waitFree },
        ],
      })}
    </div>
    <details>
      <summary>Status variables</summary>
      ${table({
        caption: 'SHOW STATUS',
        rows: Object.entries(r.status),
        columns: [
          { head: 'variable', kind: 'code', cell: ([name]) => name },
          { head: 'value', kind: 'number', cell: ([, value]) => int(value) },
        ],
      })}
    </details>`;
}

function memory(r: StressReport, charts: Charts): Html {
  const most = Math.max(0, ...r.memory.map((m) => m.HIGH_NUMBER_OF_BYTES_USED));
  return html`<div class="fill">
      ${table({
        caption: 'memory_summary_global_by_event_name, and what ut_allocator tells',
        empty: 'Nothing was allocated.',
        rows: r.memory.toSorted((a, b) => b.HIGH_NUMBER_OF_BYTES_USED - a.HIGH_NUMBER_OF_BYTES_USED),
        columns: [
          { head: 'EVENT_NAME', kind: 'code', cell: (m) => m.EVENT_NAME, sort: (m) => m.EVENT_NAME },
          { head: 'COUNT_ALLOC', of: (m) => m.COUNT_ALLOC },
          { head: 'COUNT_FREE', of: (m) => m.COUNT_FREE },
          { head: 'SUM_NUMBER_OF_BYTES_ALLOC', of: (m) => m.SUM_NUMBER_OF_BYTES_ALLOC },
          { head: 'SUM_NUMBER_OF_BYTES_FREE', of: (m) => m.SUM_NUMBER_OF_BYTES_FREE },
          { head: 'LOW_COUNT_USED', of: (m) => m.LOW_COUNT_USED },
          { head: 'CURRENT_COUNT_USED', of: (m) => m.CURRENT_COUNT_USED },
          { head: 'HIGH_COUNT_USED', of: (m) => m.HIGH_COUNT_USED },
          { head: 'LOW_NUMBER_OF_BYTES_USED', of: (m) => m.LOW_NUMBER_OF_BYTES_USED },
          { head: 'CURRENT_NUMBER_OF_BYTES_USED', of: (m) => m.CURRENT_NUMBER_OF_BYTES_USED },
          { head: 'HIGH_NUMBER_OF_BYTES_USED', of: (m) => m.HIGH_NUMBER_OF_BYTES_USED },
          { head: 'compared', kind: 'bar', cell: (m) => bar(m.HIGH_NUMBER_OF_BYTES_USED, most, 3) },
          { head: 'retries', of: (m) => m.retries },
          { head: 'failures', of: (m) => m.failures },
        ],
      })}
    </div>
    <div class="gap">${chart(charts, 'memory', 'Memory over time')}</div>`;
}

function verdicts(r: StressReport): Html {
  const broken = r.verdicts.some((v) => v.violations.length > 0);
  const violations: Column<Verdict> = {
    head: 'violations',
    kind: 'wordy',
    cell: (v) => v.violations.join('; '),
  };
  return html`<p class="verdict ${r.verdict === 'ok' ? 'good' : 'bad'}">${conclusion(r)}</p>
    ${table({
      caption: 'Invariants',
      empty: 'The run did not get as far as its checks.',
      rows: r.verdicts,
      columns: [
        { head: 'invariant', cell: (v) => v.invariant },
        {
          head: 'verdict',
          cell: ({ violations: { length } }) =>
            length === 0 ? html`<span class="good">✓ holds</span>` : html`<b class="bad">✗ VIOLATED</b>`,
        },
        { head: 'looked at', cell: (v) => v.checked },
        ...(broken ? [violations] : []),
      ],
    })}`;
}

function errors(r: StressReport): Html {
  const parts: Html[] = [];
  if (r.stuck !== null)
    parts.push(
      html`<h3>Stuck</h3>
        <pre tabindex="0">${r.stuck}</pre>`,
    );
  if (r.failures.length > 0) {
    const text = r.failures.map((f) => `${f.who}: ${f.name}: ${f.message}\n${frames(f.stack)}`).join('\n');
    parts.push(
      html`<h3>Failures, the earliest first</h3>
        <pre tabindex="0">${text}</pre>`,
    );
  }
  if (r.aborted > 0) parts.push(html`<p>${r.aborted} threads ended because the run was given up.</p>`);
  if (r.terminated.length > 0) {
    parts.push(html`<p>Terminated, as they did not end: ${r.terminated.join(', ')}.</p>`);
  }
  if (r.errorLog.length > 0) {
    const text = foldLog(r.errorLog).join('\n');
    parts.push(
      html`<h3>Error log</h3>
        <pre tabindex="0">${text}</pre>`,
    );
  }
  return parts.length === 0 ? html`<p class="quiet">None.</p>` : html`${parts}`;
}

const frames = (stack: string): string =>
  stack
    .split('\n')
    .filter((line) => line.trimStart().startsWith('at '))
    .join('\n');

function settings(r: StressReport): Html {
  const { machine: m } = r;
  return html`<h3>Machine</h3>
    ${facts([
      { label: 'CPU', value: `${m.cores} × ${m.cpu}` },
      { label: 'Node.js', value: m.node },
      { label: 'V8', value: m.v8 },
      { label: 'operating system', value: m.os },
    ])}
    <h3 class="gap">Settings in force</h3>
    ${facts(Object.entries(r.settings).map(([label, value]) => ({ label, value: value === null ? '–' : String(value) })))}
    <h3 class="gap">To repeat the run</h3>
    <pre tabindex="0"><code>${r.command}</code></pre>`;
}
