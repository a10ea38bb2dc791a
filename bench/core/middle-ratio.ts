/** Sample / yardstick of a row: what the machine's speed at the moment does not change. */
import { median } from 'simple-statistics';
import type { Row } from './row.ts';

/** The median over the rounds; null when the row has no yardstick. */
export function middleRatio({ samples, reference }: Pick<Row, 'samples' | 'reference'>): number | null {
  if (reference === null || samples.length === 0) return null;
  return median(samples.map((value, i) => value / reference[i]));
}
