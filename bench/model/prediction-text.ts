/** A prediction as text. */
import Table from 'cli-table3';
import type { Interval } from '../stats/summary.ts';
import { BAND, SATURATED } from './predict.ts';
import type { Goodness, Prediction } from './types.ts';

const count = (n: number): string => Math.round(n).toLocaleString('en-US');
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;
const signed = (part: number | null): string =>
  part === null ? '-' : `${part < 0 ? '−' : '+'}${(100 * Math.abs(part)).toFixed(1)} %`;
const us = (n: number): string => (n === 0 ? '0' : n < 10 ? n.toPrecision(2) : count(n));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const t = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    colAligns: head.map((_, i) => (i === 0 ? 'left' : 'right')),
  });
  for (const row of rows) t.push([...row]);
  return t.toString();
}

export function renderPrediction(p: Prediction): string {
  const out = [p.statement];
  if (p.fit.length > 0)
    out.push('', 'How the models reproduce what was measured (jobs per second)', fitTable(p));
  if (p.usl !== null) out.push(uslLine(p.usl));
  if (p.queue !== null)
    out.push(`queue model: ${us(p.queue.thinkUs)} us per job outside latches; ${fits(p.queue.goodness)}`);
  if (p.queue !== null && p.queue.latches.length > 0) {
    out.push(
      '',
      'Latches of the queue model (hold times estimated from how often they were found held)',
      latchTable(p),
    );
  }
  if (p.rows.length > 0 && p.fit.length > 0) {
    out.push('', `PREDICTION: jobs per second, with bands of ${100 * BAND} %`, predictedTable(p));
  }
  out.push(...bottleneckLine(p), ...p.notes.map((note) => `note: ${note}`));
  return out.join('\n');
}

function fitTable({ fit }: Prediction): string {
  return table(
    ['threads', 'measured', 'scalability law', 'error', 'queue model', 'error', 'used for'],
    fit.map((f) => [
      `${f.threads}${f.shared ? ' (share cores)' : ''}`,
      count(f.measured),
      f.usl === null ? '-' : count(f.usl),
      signed(f.uslError),
      f.queue === null ? '-' : count(f.queue),
      signed(f.queueError),
      [f.uslFitted ? 'law' : '', f.queueFitted ? 'queue' : ''].filter((x) => x !== '').join(', ') || 'check',
    ]),
  );
}

function uslLine({ lambda, sigma, kappa, peak, goodness }: NonNullable<Prediction['usl']>): string {
  const top = peak === null ? 'no peak' : `peak at ${count(peak)} threads`;
  return (
    `scalability law: λ ${count(lambda)}/s, σ ${sigma.toPrecision(3)}, κ ${kappa.toPrecision(3)}, ${top}; ` +
    fits(goodness)
  );
}

const fits = ({ r2, largestError }: Goodness): string =>
  `R² ${r2 === null ? 'cannot be told' : r2.toFixed(4)}, largest error ${percent(largestError)}`;

function latchTable({ queue }: Prediction): string {
  const latches = queue?.latches.filter((l) => l.contended > 0) ?? [];
  const quiet = queue?.latches.filter((l) => l.contended === 0).map((l) => l.name) ?? [];
  const rows = latches.map((l) => [
    l.instrument,
    count(l.servers),
    l.visits.toPrecision(3),
    us(l.holdUs),
    l.holdFromWaitsUs === null ? '-' : us(l.holdFromWaitsUs),
    us(l.overheadUs),
    count(l.contended),
    l.ceiling === null ? '-' : count(l.ceiling),
  ]);
  const text = table(
    [
      'instrument',
      'latches',
      'taken per job',
      'hold us',
      'from waits us',
      'wake-up us',
      'found held',
      'ceiling 1/s',
    ],
    rows,
  );
  return quiet.length === 0 ? text : `${text}\nnever found held: ${quiet.join(', ')}`;
}

function predictedTable({ rows, queue }: Prediction): string {
  const names = queue?.latches.filter((l) => l.ceiling !== null).map((l) => l.name) ?? [];
  const band = (b: Interval | null): string => (b === null ? '-' : `${count(b.low)} … ${count(b.high)}`);
  const last = rows.at(-1)?.utilisation ?? {};
  const shown = names.toSorted((a, b) => last[b] - last[a]).slice(0, 3);
  return table(
    [
      'cores (PREDICTION)',
      'scalability law',
      'band',
      'queue model',
      'band',
      ...shown.map((name) => `${name} busy`),
    ],
    rows.map((r) => [
      count(r.cores),
      r.usl === null ? '-' : count(r.usl),
      band(r.uslBand),
      r.queue === null ? '-' : count(r.queue),
      band(r.queueBand),
      ...shown.map((name) => percent(r.utilisation[name])),
    ]),
  );
}

function bottleneckLine({ bottleneck: b }: Prediction): string[] {
  if (b === null) return [];
  const where =
    b.saturatesAt === null
      ? `is not ${100 * SATURATED} % busy at any number of cores looked at`
      : `is ${100 * SATURATED} % busy from ${count(b.saturatesAt)} cores on` +
        (b.saturatesAtBand === null
          ? ''
          : ` (${count(b.saturatesAtBand.low)} … ${count(b.saturatesAtBand.high)})`);
  return [
    `PREDICTION: the first latch to saturate is ${b.instrument} (${percent(b.certainty)} of draws): ` +
      `it ${where}, and no number of cores gives more than ${count(b.ceiling)} jobs/s.`,
  ];
}
