/**
 * Partial order sampling (Yuan et al., 2018): every pending operation has a random priority, the highest is done; those
 * that it races with draw anew. Covers orders of conflicting operations more evenly than a random walk.
 */
import type { Running } from '../engine/strategy.ts';
import { WRITES } from '../engine/vthread.ts';
import { eager, FAIR_AFTER, SeededStrategy } from './seeded.ts';

const MAX_THREADS = 8;

export class PosStrategy extends SeededStrategy {
  readonly name = 'pos';
  private readonly priority = new Float64Array(MAX_THREADS);
  /** The operation chosen last. */
  private word = -1;
  private wrote = false;

  override begin(e: Running): void {
    super.begin(e);
    for (let t = 0; t < e.n; t++) this.priority[t] = this.draw();
    this.word = -1;
  }

  next(e: Running, cur: number): number {
    if ((e.mortal | e.timers) !== 0) {
      const drawn = this.drawn(e);
      if (drawn >= 0) return drawn;
    }
    const { threads, last } = e;
    for (let t = 0; t < e.n; t++) {
      const pending = threads[t];
      const races =
        t !== last && pending.word === this.word && this.word >= 0 && (this.wrote || WRITES[pending.kind]);
      if (t === last || races) this.priority[t] = this.draw();
    }
    if (cur >= 0 && e.streak >= FAIR_AFTER) this.priority[cur] = -1;
    const mask = e.paused === 0 ? e.ready : eager(e, this.draw());
    let best = -1;
    for (let t = 0; t < e.n; t++) {
      if ((mask & (1 << t)) !== 0 && (best < 0 || this.priority[t] > this.priority[best])) best = t;
    }
    this.word = threads[best].word;
    this.wrote = WRITES[threads[best].kind];
    return best;
  }
}
