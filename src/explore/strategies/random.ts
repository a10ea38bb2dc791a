/** Random walk: at each point every thread that can run is as likely as any other. */
import type { Running } from '../engine/strategy.ts';
import { eager, SeededStrategy } from './seeded.ts';

export class RandomStrategy extends SeededStrategy {
  readonly name = 'random';

  next(e: Running, _cur: number): number {
    if ((e.mortal | e.timers) !== 0) {
      const drawn = this.drawn(e);
      if (drawn >= 0) return drawn;
    }
    return this.oneOf(e.paused === 0 ? e.ready : eager(e, this.draw()));
  }
}
