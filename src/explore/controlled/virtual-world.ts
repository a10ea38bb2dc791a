/** The clock and the random numbers of an explored run: the same as the engine's (engine/machine.ts), read for read. */

const NOW = 0;
const READS = 1;
const RANDOM = 2;
/** Doubles that it takes. */
export const WORLD_CELLS = 3;
/** Who has read the clock this often waits for it to move. */
const PATIENCE = 1000;

export class VirtualWorld {
  private readonly cells: Float64Array;

  /** @param cells WORLD_CELLS doubles, zeros at first; threads that share the world share them */
  constructor(cells: Float64Array = new Float64Array(WORLD_CELLS)) {
    this.cells = cells;
  }

  /** Goes on when a time-out fires, ms. */
  get now(): number {
    return this.cells[NOW];
  }

  set now(ms: number) {
    this.cells[NOW] = ms;
  }

  /** The program reads the clock, ms. */
  read(): number {
    if (++this.cells[READS] > PATIENCE) this.cells[NOW]++;
    return this.cells[NOW];
  }

  /** 0 ... 1: one sequence for all threads. */
  random(): number {
    let x = this.cells[RANDOM] === 0 ? 1 : this.cells[RANDOM];
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.cells[RANDOM] = x;
    return (x >>> 0) / 2 ** 32;
  }
}
