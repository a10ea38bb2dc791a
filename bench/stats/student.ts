/** Student's t distribution with whole degrees of freedom, by its closed form (a finite sum). */
import { bisect } from 'simple-statistics';

/**
 * P(|T| <= t).
 * @param df degrees of freedom, at least 1; a fraction is dropped, which errs on the wide side
 */
export function studentWithin(t: number, df: number): number {
  const nu = wholeDf(df);
  const theta = Math.atan2(Math.abs(t), Math.sqrt(nu));
  const cos = Math.cos(theta);
  const odd = nu % 2 === 1;
  let term = odd ? cos : 1;
  let sum = nu === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= nu - 2; k += 2) {
    term *= ((k - 1) / k) * cos * cos;
    sum += term;
  }
  const within = Math.sin(theta) * sum;
  return odd ? (2 / Math.PI) * (theta + within) : within;
}

/** P(|T| > t): the p-value of a two-sided test. */
export const studentBeyond = (t: number, df: number): number => Math.max(0, 1 - studentWithin(t, df));

/** The t with P(|T| <= t) = level. */
export function studentQuantile(level: number, df: number): number {
  let high = 2;
  while (studentWithin(high, df) < level) high *= 2;
  return bisect((t) => studentWithin(t, df) - level, 0, high, 200, 1e-10);
}

/** Beyond 200 the normal distribution is as near as anyone needs, and the sum stays short. */
const wholeDf = (df: number): number => Math.max(1, Math.min(200, Math.floor(df + 1e-9)));
