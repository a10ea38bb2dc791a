/**
 * Data races by vector clocks, exact for the schedule that ran (after FastTrack; ECMAScript's definition of a race).
 *
 * Each thread has a vector clock. An atomic write gives its clock to the word, an atomic read takes what the last atomic
 * write gave; a notify gives its clock to those whom it wakes. Two accesses to the same bytes race when neither clock
 * knows of the other, at least one writes, and they are not both atomic with the same range.
 *
 * A cell is whatever the caller numbers: words here, and bytes in a second detector for words that are ever accessed
 * in part (shadow.ts). A generation number clears all of them at once.
 */
export interface Race {
  readonly kind: 'race' | 'mixed-size';
  readonly word: number;
  readonly thread: number;
  readonly site: number;
  readonly otherThread: number;
  readonly otherSite: number;
  /** What the two did: 'plain read' ... */
  readonly what: string;
  readonly otherWhat: string;
}

/** Width and place of an atomic access in its word: bytes << 2 | first byte. */
export const FULL = 16;
/** A 64-bit access seen from its two words. */
export const LOW_HALF = 32;
export const HIGH_HALF = 33;

// One row of words for each cell: these, then eight columns of a word for each thread.
const GENERATION = 0;
/** Which kinds of access there were in this generation: columns of the others are not cleared and not looked at. */
const KINDS = 1;
/** Thread + 1, clock and site of the last plain write. */
const WRITER = 2;
const WRITE_CLOCK = 3;
const WRITE_SITE = 4;
/** Range of the atomic accesses, −1 when there were several. */
const RANGE = 5;
const COLUMNS = 8;
/** Columns: what the last atomic write gave; clocks of the last access of each kind; their sites; ranges. */
const SYNC = 0;
const READS = 1;
const ATOMIC_READS = 2;
const ATOMIC_WRITES = 3;
const SITES = 3;
const RANGES = 7;

const HAS_READS = 1;
const HAS_ATOMIC_READS = 2;
const HAS_ATOMIC_WRITES = 4;

const NAMES = ['', 'plain read', 'atomic read', 'atomic write'];

export class RaceDetector {
  found: Race | null = null;
  /** Thread clocks, row by thread. */
  readonly clocks: Int32Array;
  private readonly n: number;
  private readonly stride: number;
  private readonly cells: Int32Array;
  private readonly owner: boolean;
  private generation = 1;

  /** @param shared clocks of another detector, whose threads are the same and which resets them */
  constructor(cells: number, threads: number, shared?: Int32Array) {
    this.n = threads;
    this.owner = shared === undefined;
    this.clocks = shared ?? new Int32Array(threads * threads);
    this.stride = COLUMNS + 8 * threads;
    this.cells = new Int32Array(cells * this.stride);
    this.reset();
  }

  reset(): void {
    const { n } = this;
    this.found = null;
    this.generation++;
    if (!this.owner) return;
    this.clocks.fill(0);
    for (let t = 0; t < n; t++) this.clocks[t * n + t] = 1;
  }

  /** A thread's vector clock, for traces. */
  clockOf(t: number): number[] {
    return [...this.clocks.subarray(t * this.n, (t + 1) * this.n)];
  }

  /** Start of a cell's row, cleared when it is the first access of the schedule. */
  private row(cell: number): number {
    const at = cell * this.stride;
    const { cells } = this;
    if (cells[at] !== this.generation) {
      cells[at + GENERATION] = this.generation;
      cells[at + KINDS] = 0;
      cells[at + WRITER] = 0;
      cells[at + RANGE] = 0;
    }
    return at;
  }

  /** A cell has seen in this schedule what a cell of another detector, of the same threads, has seen. */
  adopt(from: RaceDetector, cell: number, to: number): void {
    const { stride } = this;
    const at = cell * stride;
    if (from.cells[at + GENERATION] !== from.generation) return;
    this.cells.set(from.cells.subarray(at, at + stride), to * stride);
    this.cells[to * stride + GENERATION] = this.generation;
  }

  /** Clears a column at its first use in the schedule. */
  private use(at: number, kind: number, column: number): void {
    const { cells, n } = this;
    if ((cells[at + KINDS] & kind) !== 0) return;
    cells[at + KINDS] |= kind;
    for (let k = at + COLUMNS + column * n, end = k + n; k < end; k++) cells[k] = 0;
  }

  plainRead(t: number, cell: number, site: number): void {
    const at = this.row(cell);
    const { n, clocks, cells } = this;
    const mine = clocks[t * n + t];
    const column = at + COLUMNS + READS * n + t;
    // Nothing new since this thread's last look, unless somebody wrote unordered, who will find this read then.
    if ((cells[at + KINDS] & HAS_READS) !== 0 && cells[column] === mine) return;
    const writer = cells[at + WRITER] - 1;
    if (writer >= 0 && cells[at + WRITE_CLOCK] > clocks[t * n + writer])
      this.raceWithWrite(t, cell, site, 'plain read');
    if ((cells[at + KINDS] & HAS_ATOMIC_WRITES) !== 0)
      this.against(ATOMIC_WRITES, t, cell, at, site, 'plain read');
    this.use(at, HAS_READS, READS);
    cells[column] = mine;
    cells[column + SITES * n] = site;
  }

  plainWrite(t: number, cell: number, site: number): void {
    const at = this.row(cell);
    const { n, clocks, cells } = this;
    const mine = clocks[t * n + t];
    const writer = cells[at + WRITER] - 1;
    const kinds = cells[at + KINDS];
    if (writer >= 0 && cells[at + WRITE_CLOCK] > clocks[t * n + writer])
      this.raceWithWrite(t, cell, site, 'plain write');
    if (kinds !== 0) {
      if ((kinds & HAS_READS) !== 0) this.against(READS, t, cell, at, site, 'plain write');
      if ((kinds & HAS_ATOMIC_WRITES) !== 0) this.against(ATOMIC_WRITES, t, cell, at, site, 'plain write');
      if ((kinds & HAS_ATOMIC_READS) !== 0) this.against(ATOMIC_READS, t, cell, at, site, 'plain write');
    }
    cells[at + WRITER] = t + 1;
    cells[at + WRITE_CLOCK] = mine;
    cells[at + WRITE_SITE] = site;
  }

  /** A load, or the reading half of a read-modify-write: takes the cell's clock. */
  atomicRead(t: number, cell: number, site: number, range: number): void {
    const at = this.row(cell);
    const { n, clocks, cells } = this;
    const row = t * n;
    this.checkAtomic(t, cell, at, site, range, 'atomic read');
    if ((cells[at + KINDS] & HAS_ATOMIC_WRITES) !== 0) {
      const sync = at + COLUMNS + SYNC * n;
      for (let u = 0; u < n; u++) if (cells[sync + u] > clocks[row + u]) clocks[row + u] = cells[sync + u];
    }
    this.use(at, HAS_ATOMIC_READS, ATOMIC_READS);
    const column = at + COLUMNS + ATOMIC_READS * n + t;
    cells[column] = clocks[row + t];
    cells[column + SITES * n] = site;
    cells[at + COLUMNS + RANGES * n + t] = range;
  }

  /** A store, or the writing half of a read-modify-write: gives the thread's clock to the cell. */
  atomicWrite(t: number, cell: number, site: number, range: number): void {
    const at = this.row(cell);
    const { n, clocks, cells } = this;
    const row = t * n;
    this.checkAtomic(t, cell, at, site, range, 'atomic write');
    if ((cells[at + KINDS] & HAS_READS) !== 0) this.against(READS, t, cell, at, site, 'atomic write');
    this.use(at, HAS_ATOMIC_WRITES, ATOMIC_WRITES);
    const sync = at + COLUMNS + SYNC * n;
    for (let u = 0; u < n; u++) cells[sync + u] = clocks[row + u];
    const column = at + COLUMNS + ATOMIC_WRITES * n + t;
    cells[column] = clocks[row + t];
    cells[column + SITES * n] = site;
    cells[at + COLUMNS + RANGES * n + t] = range;
    clocks[row + t]++;
  }

  /** `waker` has woken `sleeper`. */
  wake(waker: number, sleeper: number): void {
    const { n, clocks } = this;
    for (let u = 0; u < n; u++) {
      if (clocks[waker * n + u] > clocks[sleeper * n + u]) clocks[sleeper * n + u] = clocks[waker * n + u];
    }
    clocks[waker * n + waker]++;
  }

  private checkAtomic(t: number, cell: number, at: number, site: number, range: number, what: string): void {
    const { n, clocks, cells } = this;
    const writer = cells[at + WRITER] - 1;
    if (writer >= 0 && cells[at + WRITE_CLOCK] > clocks[t * n + writer])
      this.raceWithWrite(t, cell, site, what);
    if (cells[at + RANGE] === range) return;
    if (cells[at + RANGE] === 0) {
      cells[at + RANGE] = range;
      return;
    }
    cells[at + RANGE] = -1;
    const kinds = cells[at + KINDS];
    if ((kinds & HAS_ATOMIC_WRITES) !== 0) this.mixed(ATOMIC_WRITES, t, cell, at, site, range, what);
    if (what === 'atomic write' && (kinds & HAS_ATOMIC_READS) !== 0) {
      this.mixed(ATOMIC_READS, t, cell, at, site, range, what);
    }
  }

  /** Atomic accesses of another range that are not ordered before this one. */
  private mixed(
    column: number,
    t: number,
    cell: number,
    at: number,
    site: number,
    range: number,
    what: string,
  ): void {
    const { n, clocks, cells } = this;
    for (let u = 0; u < n; u++) {
      if (u === t || cells[at + COLUMNS + RANGES * n + u] === range) continue;
      const last = at + COLUMNS + column * n + u;
      if (cells[last] > clocks[t * n + u]) {
        this.report('mixed-size', cell, t, site, what, u, cells[last + SITES * n], NAMES[column]);
      }
    }
  }

  /** Accesses of one kind that are not ordered before this one. */
  private against(column: number, t: number, cell: number, at: number, site: number, what: string): void {
    const { n, clocks, cells } = this;
    const from = at + COLUMNS + column * n;
    for (let u = 0; u < n; u++) {
      if (cells[from + u] > clocks[t * n + u]) {
        this.report('race', cell, t, site, what, u, cells[from + u + SITES * n], NAMES[column]);
      }
    }
  }

  private raceWithWrite(t: number, cell: number, site: number, what: string): void {
    const at = cell * this.stride;
    const { cells } = this;
    this.report('race', cell, t, site, what, cells[at + WRITER] - 1, cells[at + WRITE_SITE], 'plain write');
  }

  private report(
    kind: Race['kind'],
    word: number,
    thread: number,
    site: number,
    what: string,
    otherThread: number,
    otherSite: number,
    otherWhat: string,
  ): void {
    this.found ??= { kind, word, thread, site, what, otherThread, otherSite, otherWhat };
  }
}
