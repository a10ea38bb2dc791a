/** Many tests at once: with twenty cells, one in twenty is "significant" by luck. */

/**
 * P-values corrected by Holm's step-down rule, in the order given: a value below α then is a find that holds with α for
 * all of them together, however they depend on each other.
 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).toSorted((a, b) => p[a] - p[b]);
  const adjusted = p.map(() => 1);
  let floor = 0;
  for (const [rank, i] of order.entries()) {
    floor = Math.min(1, Math.max(floor, p[i] * (p.length - rank)));
    adjusted[i] = floor;
  }
  return adjusted;
}
