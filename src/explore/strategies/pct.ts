/**
 * PCT (Burckhardt et al., 2010): threads have random priorities, the highest runs, and at d − 1 points drawn
 * beforehand the running thread falls below all others. Finds a defect of depth d with a probability of at least
 * 1 / (n · k^(d−1)) in each schedule, for n threads and k decisions.
 */
import type { Running } from '../engine/strategy.ts';
import { FAIR_AFTER, SeededStrategy } from './seeded.ts';

const MAX_THREADS = 8;

export class PctStrategy extends SeededStrategy {
  readonly name = 'pct';
  readonly depth: number;
  private readonly priority = new Float64Array(MAX_THREADS);
  private readonly changes: Int32Array;
  private decision = 0;
  private lowest = 0;

  /** @param depth preemptions wanted, plus one */
  constructor(depth: number) {
    super();
    this.depth = depth;
    this.changes = new Int32Array(Math.max(0, depth - 1));
  }

  override begin(e: Running): void {
    super.begin(e);
    this.decision = 0;
    this.lowest = 0;
    for (let t = 0; t < e.n; t++) this.priority[t] = 1 + this.draw();
    for (let i = 0; i < this.changes.length; i++) this.changes[i] = 1 + this.below(this.estimate.decisions);
  }

  next(e: Running, cur: number): number {
    if ((e.mortal | e.timers) !== 0) {
      const drawn = this.drawn(e);
      if (drawn >= 0) return drawn;
    }
    this.decision++;
    const { last } = e;
    if (cur >= 0 && e.streak >= FAIR_AFTER) this.priority[last] = --this.lowest;
    for (let i = 0; i < this.changes.length; i++) {
      if (this.changes[i] === this.decision) this.priority[last] = --this.lowest;
    }
    // Who gives way stays behind until something has changed.
    const mask = (e.ready & ~e.paused) === 0 ? e.ready : e.ready & ~e.paused;
    if ((e.ready & ~e.paused) === 0 && cur >= 0) this.priority[cur] = --this.lowest;
    let best = -1;
    for (let t = 0; t < e.n; t++) {
      if ((mask & (1 << t)) !== 0 && (best < 0 || this.priority[t] > this.priority[best])) best = t;
    }
    return best;
  }
}
