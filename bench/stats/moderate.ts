/**
 * Variances of many cells with few samples each. A variance from three samples is mostly luck; that of its neighbours
 * says what is usual. Each is drawn towards the usual one by as much as the cells' variances resemble each other
 * (empirical Bayes with a scaled inverse chi-squared prior whose two parameters are fitted by moments; Smyth 2004).
 */
import { mean, median } from 'simple-statistics';

export interface Variance {
  readonly variance: number;
  /** Degrees of freedom. */
  readonly df: number;
}

/** Below this many cells there is nothing to learn from neighbours. */
const MIN_CELLS = 3;
/** A variance of 0 is luck or a clock's resolution: it counts as this part of the median one. */
const LEAST = 1e-4;

/** One for each given one, in order. Those with no degrees of freedom take the usual variance if there is one. */
export function moderate(cells: readonly Variance[]): Variance[] {
  const known = cells.filter((c) => c.df > 0);
  const positive = known.map((c) => c.variance).filter((v) => v > 0);
  if (known.length < MIN_CELLS || positive.length === 0) return [...cells];
  const least = LEAST * median(positive);
  const centred = known.map(
    ({ variance, df }) => Math.log(Math.max(variance, least)) - digamma(df / 2) + Math.log(df / 2),
  );
  const middle = mean(centred);
  const scatter =
    centred.reduce((sum, e) => sum + (e - middle) ** 2, 0) / (known.length - 1) -
    mean(known.map(({ df }) => trigamma(df / 2)));
  const total = known.reduce((sum, c) => sum + c.df, 0);
  const priorDf = scatter > 0 ? Math.min(2 * inverseTrigamma(scatter), total) : total;
  const prior = Math.exp(middle + (scatter > 0 ? digamma(priorDf / 2) - Math.log(priorDf / 2) : 0));
  return cells.map(({ variance, df }) => ({
    variance: (priorDf * prior + df * variance) / (priorDf + df),
    df: Math.min(priorDf + df, total),
  }));
}

/** ψ(x), x > 0: moved up by its recurrence, then the asymptotic series. */
export function digamma(x: number): number {
  let shift = 0;
  while (x < 8) shift -= 1 / x++;
  const y = 1 / (x * x);
  return shift + Math.log(x) - 0.5 / x - y * (1 / 12 - y * (1 / 120 - y / 252));
}

/** ψ'(x), x > 0. */
export function trigamma(x: number): number {
  let shift = 0;
  while (x < 8) shift += 1 / (x++) ** 2;
  const y = 1 / (x * x);
  return shift + 1 / x + y / 2 + (y / x) * (1 / 6 - y * (1 / 30 - y / 42));
}

/** The x with ψ'(x) = y, y > 0. ψ' falls from infinity to 0, so halving an interval of logarithms finds it. */
function inverseTrigamma(y: number): number {
  let [low, high] = [-20, 20];
  for (let i = 0; i < 100; i++) {
    const mid = (low + high) / 2;
    if (trigamma(Math.exp(mid)) > y) low = mid;
    else high = mid;
  }
  return Math.exp(low);
}
