/** A sweep's rows as the page wants them: plain data, figures only. */
import type { ResultFile, Row } from '../core/row.ts';
import { nextRun } from '../stats/next-run.ts';
import type { SweepPage } from './sweep-html.ts';
import { renderPrediction } from '../model/prediction-text.ts';
import type { Curve } from '../model/types.ts';
import { axesOf, valueAt } from './axes.ts';
import { figureOf, groupOf } from './figures.ts';
import { predictionsOf } from './predict.ts';

type Cell = SweepPage['cells'][number];
type Predicted = SweepPage['predictions'][number];

/** Settings that are worth a line when all cells have the same. */
const TOLD = [
  'scenario',
  'sessions',
  'nodes',
  'innodb_buffer_pool_size',
  'data-size',
  'access',
  'zipf',
  'update-pct',
  'seconds',
  'warmup',
] as const;

/** Rows of other families are left out. */
export function toSweepPage(file: ResultFile): SweepPage {
  const rows = file.rows.filter((r) => r.family === 'pool');
  const axes = axesOf(rows);
  const next = nextRun(rows.map((r) => r.samples));
  return {
    title: 'Buffer pool sweep',
    command: file.command,
    environment: rows.length === 0 ? [] : environmentOf(rows),
    warnings: [...file.warnings],
    axes: axes.map(({ name, values }) => ({ name, values: [...values] })),
    cells: rows.map((row, i): Cell => {
      const { median, low, high } = next[i];
      return {
        at: axes.map((a) => valueAt(row, a.name)),
        throughput: { median, low, high, samples: [...row.samples] },
        hitRatio: figureOf(row, 'hitRatio'),
        latencyUs: groupOf(row, 'latencyUs'),
        waitMsPerS: groupOf(row, 'waitMsPerS'),
      };
    }),
    predictions: predictionsOf(rows).map(({ at, prediction }): Predicted => {
      const { measured, queue, usl } = prediction.curves;
      return {
        text: `${at === '' ? '' : `${at}: `}${renderPrediction(prediction)}`,
        curves: [
          curve('measured', measured, true),
          ...(queue === null ? [] : [curve('PREDICTION: queue model', queue, false)]),
          ...(usl === null ? [] : [curve('PREDICTION: scalability law', usl, false)]),
        ],
        xLabel: 'sessions, with a core each',
        yLabel: 'page gets per second',
      };
    }),
  };
}

function curve(name: string, { threads, throughput }: Curve, measured: boolean): Predicted['curves'][number] {
  return { name, points: threads.map((x, i) => ({ x, y: throughput[i] })), measured };
}

function environmentOf(rows: readonly Row[]): SweepPage['environment'] {
  const [{ environment: env, seed }] = rows;
  const rounds = [...new Set(rows.map((r) => r.samples.length))].toSorted((a, b) => a - b);
  const common = TOLD.flatMap((name) => {
    const values = new Set(rows.map((r) => r.settings[name]));
    return values.size === 1 ? [{ label: name, value: String(rows[0].settings[name]) }] : [];
  });
  return [
    { label: 'Node', value: `${env.node}, V8 ${env.v8}` },
    { label: 'machine', value: `${env.cores} x ${env.cpu}, ${env.os}` },
    { label: 'commit', value: env.commit },
    { label: 'seed', value: String(seed) },
    { label: 'rounds of each cell', value: rounds.join(' or ') },
    ...common,
  ];
}
