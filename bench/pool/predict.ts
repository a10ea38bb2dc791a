/** Predictions from rows of the family `pool` that differ in the number of sessions only. */
import { predict } from '../model/predict.ts';
import { renderPrediction } from '../model/prediction-text.ts';
import type { MeasuredPoint, Prediction } from '../model/types.ts';
import { median } from 'simple-statistics';
import type { Row } from '../core/row.ts';
import { axesOf, groupRows, sayAt } from './axes.ts';
import { figureOf, groupOf, instrumentOf, serversOf } from './figures.ts';

/** Machines that predictions are for. */
export const CORES_WANTED = [16, 64, 256] as const;
const SESSIONS = 'sessions';

export interface PoolPrediction {
  /** The cell that it is for, as in `zipf 0.9`; empty when there is only one. */
  readonly at: string;
  readonly prediction: Prediction;
}

/** A prediction takes half a second, and text and page both want it. */
const made = new WeakMap<Row, { readonly rows: readonly Row[]; readonly prediction: Prediction }>();

function predictionOf(rows: readonly Row[]): Prediction {
  const found = made.get(rows[0]);
  if (found?.rows.length === rows.length && rows.every((r, i) => r === found.rows[i]))
    return found.prediction;
  const prediction = predict(rows.map(pointOf), CORES_WANTED, { seed: rows[0].seed });
  made.set(rows[0], { rows, prediction });
  return prediction;
}

/** One for each combination of the other axes that was measured with two numbers of sessions or more. */
export function predictionsOf(rows: readonly Row[]): PoolPrediction[] {
  const others = axesOf(rows)
    .map((a) => a.name)
    .filter((name) => name !== SESSIONS);
  return groupRows(rows, others)
    .filter(({ rows: mine }) => new Set(mine.map((r) => r.settings[SESSIONS])).size > 1)
    .map(({ at, rows: mine }) => ({ at: sayAt(at), prediction: predictionOf(mine) }));
}

export function predictionTexts(rows: readonly Row[]): string[] {
  return predictionsOf(rows).map(
    ({ at, prediction }) => `\n${at === '' ? '' : `${at}: `}${renderPrediction(prediction)}`,
  );
}

function pointOf(row: Row): MeasuredPoint {
  const acquired = groupOf(row, 'acquired');
  const [contended, waitUs, spinRounds] = (['contended', 'waitUs', 'spinRounds'] as const).map((g) =>
    groupOf(row, g),
  );
  return {
    threads: Number(row.settings[SESSIONS]),
    cores: row.environment.cores,
    throughput: median([...row.samples]),
    samples: row.samples,
    seconds: figureOf(row, 'seconds'),
    gets: figureOf(row, 'gets'),
    latches: Object.keys(acquired).map((name) => ({
      name,
      instrument: instrumentOf(name),
      servers: serversOf(row, name),
      acquired: acquired[name],
      contended: contended[name] ?? 0,
      waitUs: waitUs[name] ?? 0,
      spinRounds: spinRounds[name] ?? 0,
    })),
  };
}
