/** Sections of a run's page about who ran: transactions, sessions, their errors and limits, nodes, the process. */
import { bar, heat } from '../../src/page/bar.ts';
import { chartFigure } from '../../src/page/chart.ts';
import { facts } from '../../src/page/document.ts';
import { bytes, fixed, int, num, percent } from '../../src/page/format.ts';
import { html, type Html } from '../../src/page/html.ts';
import { type Column, table } from '../../src/page/table.ts';
import { limitCurveParts } from '../limit/curve-text.ts';
import { renderLimitDemo } from '../limit/demo-text.ts';
import { type NumaReport, poolPagesLine, unevenLines } from './numa-text.ts';
import type { StressReport } from './report.ts';
import { errorsText as errorsLine, MOST_SESSION_ROWS } from './sessions-text.ts';
import { ladderNote, limitRows, processRows } from './sysbench-text.ts';

/** sysbench's summary, and the latency of each program. */
export function transactions(r: StressReport): Html {
  const s = r.sysbench;
  const { read, write, other } = s.queries;
  const rate = (n: number): string => (r.seconds === 0 ? int(n) : `${int(n)} (${fixed(n / r.seconds, 2)}/s)`);
  const names = Object.keys(r.programs.find((p) => p.transactions > 0)?.latencyUs ?? {});
  return html`${facts([
      { label: 'transactions', value: rate(s.transactions) },
      { label: 'queries', value: rate(read + write + other) },
      { label: 'read / write / other', value: `${int(read)} / ${int(write)} / ${int(other)}` },
      { label: 'ignored errors', value: rate(s.errors) },
      { label: 'reconnects', value: rate(s.reconnects) },
      {
        label: 'threads fairness, transactions (avg/stddev)',
        value: `${fixed(s.threads.events.mean, 1)} / ${fixed(s.threads.events.deviation, 2)}`,
      },
      {
        label: 'threads fairness, seconds (avg/stddev)',
        value: `${fixed(s.threads.seconds.mean, 2)} / ${fixed(s.threads.seconds.deviation, 2)}`,
      },
    ])}
    <div class="gap fill">
      ${table({
        caption: 'Latency of transactions by program, µs',
        empty: 'There was no program.',
        rows: r.programs,
        columns: [
          { head: 'program', kind: 'name', cell: (p) => p.program, sort: (p) => p.program },
          { head: 'sessions', of: (p) => p.sessions },
          { head: 'transactions', of: (p) => p.transactions },
          { head: 'per second', of: (p) => p.transactionsPerSecond },
          ...names.map((name): Column<StressReport['programs'][number]> => ({
            head: name,
            of: (p) => p.latencyUs[name] ?? NaN,
          })),
        ],
      })}
    </div>
    <p class="quiet">${ladderNote(r.settings['rate']).join('; ')}.</p>`;
}

/** Each session, or, where there are many, those of a program and node together. */
export function sessions(r: StressReport): Html {
  return r.sessions.length > MOST_SESSION_ROWS ? folded(r) : each(r);
}

function each(r: StressReport): Html {
  const most = Math.max(0, ...r.sessions.map((s) => s.total));
  return html`<div class="fill">
    ${table({
      caption: 'What each session did, and what ended it',
      empty: 'No session told how it went.',
      rows: r.sessions,
      columns: [
        {
          head: 'session',
          kind: 'name',
          cell: (s) => `${s.session} ${s.name}`,
          sort: (s) => `${s.session} ${s.name}`,
        },
        { head: 'node', of: (s) => s.node },
        { head: 'connections', of: (s) => s.connections },
        { head: 'transactions', of: (s) => s.transactions },
        { head: 'statements', of: (s) => s.total },
        { head: 'compared', kind: 'bar', cell: (s) => bar(s.total, most) },
        { head: 'page reads', of: (s) => s.reads },
        { head: 'page writes', of: (s) => s.writes },
        { head: 'errors', cell: (s) => errorsLine(s.errors) },
        {
          head: 'ended by',
          kind: 'wordy',
          cell: (s) => (s.killed === null ? 'close' : `ERROR ${s.killed.code}: ${s.killed.text}`),
        },
      ],
    })}
  </div>`;
}

function folded(r: StressReport): Html {
  const most = Math.max(0, ...r.sessionFolds.map((f) => f.perSession.max));
  return html`<div class="fill">
    ${table({
      caption: `The ${int(r.sessions.length)} sessions by program and node; the JSON report has each of them`,
      rows: r.sessionFolds,
      columns: [
        { head: 'program', kind: 'name', cell: (f) => f.name, sort: (f) => f.name },
        { head: 'node', of: (f) => f.node },
        { head: 'sessions', of: (f) => f.sessions },
        { head: 'connections', of: (f) => f.connections },
        { head: 'transactions', of: (f) => f.transactions },
        { head: 'statements', of: (f) => f.statements },
        { head: 'per session, min', of: (f) => f.perSession.min },
        { head: 'mean', of: (f) => f.perSession.mean, cell: (f) => num(f.perSession.mean) },
        { head: 'max', of: (f) => f.perSession.max },
        { head: 'compared', kind: 'bar', cell: (f) => bar(f.perSession.mean, most) },
        { head: 'page reads', of: (f) => f.reads },
        { head: 'page writes', of: (f) => f.writes },
        { head: 'errors', kind: 'wordy', cell: (f) => errorsLine(f.errors) },
      ],
    })}
  </div>`;
}

/** Connection memory and its limits, and the errors that sessions met. */
export function limits(r: StressReport, chartIds: readonly string[]): Html {
  // Without its title, which is the heading here.
  const demo = r.limitDemo === null ? null : renderLimitDemo(r.limitDemo).replace(/^.*\n/, '');
  const curve = r.limitCurve === null ? null : limitCurveParts(r.limitCurve);
  return html`${table({
      caption: 'Connection memory: limits at the end, and what came of them',
      rows: limitRows(r.limits),
      columns: [
        { head: 'variable, or what happened', cell: ([what]) => what },
        {
          head: 'value',
          kind: 'number',
          cell: ([, value]) => (typeof value === 'number' ? int(value) : value),
        },
      ],
    })}
    <div class="gap">
      ${table({
        caption: 'Errors that sessions met',
        empty: 'No session met an error.',
        rows: r.errors,
        columns: [
          { head: 'error', of: (e) => e.code, cell: (e) => `${e.code}` },
          { head: 'times', of: (e) => e.count },
          { head: 'sessions ended', of: (e) => e.ended },
          { head: 'text', kind: 'wordy', cell: (e) => e.text },
        ],
      })}
    </div>
    ${
      demo === null
        ? ''
        : html`<h3 class="gap">Connection memory limit</h3>
            <pre tabindex="0">${demo}</pre>`
    }
    ${
      curve === null
        ? ''
        : html`<h3 class="gap">Chunk sizes</h3>
            <pre class="said" tabindex="0">${curve.table}</pre>
            ${curve.said.map((line) => html`<p>${line}</p>`)}`
    }
    ${chartIds.map((id) => html`<div class="gap">${chartFigure(id, CURVE_TITLES[id] ?? id)}</div>`)}`;
}

const CURVE_TITLES: Readonly<Record<string, string>> = {
  'limit-latch': 'Global latch for each allocation',
  'limit-throughput': 'Throughput',
  'limit-ahead': 'Global_connection_memory ahead of the truth',
  'limit-stopped': 'Statements stopped too early',
};

/** Who reached what on which node, and what it cost. */
export function nodes({ nodeMatrix: matrix, numa }: StressReport): Html {
  const all = matrix.flat();
  const [min, max] = [Math.min(...all), Math.max(...all)];
  const rows = matrix.map((gets, node) => ({ gets, node, sum: gets.reduce((a, b) => a + b, 0) }));
  const byNode = (
    caption: string,
    cells: readonly (readonly number[])[],
    show: (n: number) => string,
  ): Html =>
    table({
      caption,
      rows: cells.map((row, node) => ({ row, node })),
      columns: [
        { head: 'from \\ to', cell: ({ node }) => `node ${node}` },
        ...matrix.map((_, i): Column<{ row: readonly number[]; node: number }> => ({
          head: `node ${i}`,
          kind: 'number',
          cell: ({ row }) => show(row[i]),
        })),
      ],
    });
  return html`<div class="heat">
      ${table({
        caption: 'Row: node of the thread. Column: node of the page. The stronger the colour, the more gets.',
        rows,
        columns: [
          { head: 'thread \\ page', cell: ({ node }) => `node ${node}` },
          ...matrix.map((_, i): Column<(typeof rows)[number]> => ({
            head: `node ${i}`,
            kind: 'number',
            cell: ({ gets }) => int(gets[i]),
            tone: ({ gets }) => heat(gets[i], min, max),
          })),
          { head: 'remote', kind: 'number', cell: ({ gets, node, sum }) => percent(1 - gets[node] / sum) },
        ],
      })}
    </div>
    <details>
      <summary>Distances, prices, numastat</summary>
      ${numa.nodes === 1 ? '' : html`<div class="grid">${distances(numa, byNode)}</div>`}
      <div class="gap">
        ${table({
          caption: 'Pages of 4 KiB by node, with numastat’s names',
          rows: numa.numastat.map((stat, node) => ({ stat, node })),
          columns: [
            { head: 'node', cell: ({ node }) => `node ${node}` },
            { head: 'numa_hit', of: ({ stat }) => stat.numaHit },
            { head: 'numa_miss', of: ({ stat }) => stat.numaMiss },
            { head: 'numa_foreign', of: ({ stat }) => stat.numaForeign },
            { head: 'interleave_hit', of: ({ stat }) => stat.interleaveHit },
            { head: 'local_node', of: ({ stat }) => stat.localNode },
            { head: 'other_node', of: ({ stat }) => stat.otherNode },
          ],
        })}
      </div>
    </details>
    <p class="quiet">
      Memory of sessions: ${numa.policy.sessions}; buffer pool: ${numa.policy.pool};
      ${[poolPagesLine(numa), ...unevenLines(numa), ...numa.affinity, numa.arena.line].join('; ')}.
    </p>`;
}

function distances(
  { distance, spentMs, memory, remoteCostNs }: NumaReport,
  byNode: (caption: string, cells: readonly (readonly number[])[], show: (n: number) => string) => Html,
): Html {
  return html`${byNode('Distances', distance, int)}
  ${byNode(`ms spent on remote page gets, ${int(remoteCostNs)} ns each at distance 21`, spentMs, num)}
  ${
    memory === null
      ? ''
      : html`${byNode('Memory taken from heaps, in 4 KiB begun', memory.accesses, int)}
        ${byNode('ms spent on remote memory, priced by 4 KiB', memory.spentMs, num)}`
  }`;
}

/** What the process takes, against its bill. */
export function processMemory({ processMemory: m }: StressReport, hasChart: boolean): Html {
  if (m === null) return html`<p class="quiet">It was not watched.</p>`;
  return html`<div class="grid">
      ${table({
        caption: 'What the process takes',
        rows: processRows(m),
        columns: [
          { head: 'what', cell: ([what]) => what.replace(/^ +/, '– ') },
          { head: 'MiB', kind: 'number', cell: ([, mib]) => mib },
        ],
      })}
      ${table({
        caption: 'What it is billed',
        rows: [...m.bill, { what: 'the bill', bytes: m.billBytes }],
        columns: [
          { head: 'what', cell: (line) => line.what },
          { head: 'size', kind: 'number', cell: (line) => bytes(line.bytes) },
        ],
      })}
    </div>
    ${hasChart ? html`<div class="gap">${chartFigure('process', 'Process memory over time')}</div>` : ''}`;
}
