/**
 * Uniform random walk (after SURW, Zhao et al., 2025): a thread is chosen in proportion to the points that it has still to
 * do, by an estimate, so that all interleavings of threads of different lengths are about equally likely. A plain random
 * walk ends short threads early.
 */
import type { Running } from '../engine/strategy.ts';
import { eager, SeededStrategy } from './seeded.ts';

export class SurwStrategy extends SeededStrategy {
  readonly name = 'surw';

  next(e: Running, _cur: number): number {
    if ((e.mortal | e.timers) !== 0) {
      const drawn = this.drawn(e);
      if (drawn >= 0) return drawn;
    }
    const mask = e.paused === 0 ? e.ready : eager(e, this.draw());
    const { points } = this.estimate;
    let total = 0;
    for (let t = 0; t < e.n; t++) if ((mask & (1 << t)) !== 0) total += this.left(points, t, e);
    let roll = this.below(total);
    let chosen = -1;
    for (let t = 0; t < e.n; t++) {
      if ((mask & (1 << t)) === 0) continue;
      chosen = t;
      roll -= this.left(points, t, e);
      if (roll < 0) break;
    }
    return chosen;
  }

  private left(points: readonly number[], t: number, e: Running): number {
    return Math.max(1, (points[t] ?? 1) - e.opOf(t));
  }
}
