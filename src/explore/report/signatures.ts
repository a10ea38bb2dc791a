/**
 * How often each execution has been seen, told by 64 bits of signature, in bounded memory. When the table is full it
 * goes on with a half of all signatures, chosen by their bits, then a quarter ...: what it says is exact until then and
 * an estimate from a fair sample afterwards.
 */

/** What a worker of the portfolio hands over. */
export interface SignatureData {
  readonly a: Int32Array;
  readonly b: Int32Array;
  /** How often. */
  readonly count: Uint32Array;
  readonly level: number;
  readonly total: number;
  readonly sampled: number;
}

const FIRST_SLOTS = 1 << 10;

export class Signatures {
  readonly #maxSlots: number;
  #a = new Int32Array(FIRST_SLOTS);
  #b = new Int32Array(FIRST_SLOTS);
  /** 0: the slot is empty. */
  #count = new Uint32Array(FIRST_SLOTS);
  #used = 0;
  #once = 0;
  /** A signature is kept when the lowest `level` bits of its sample hash are 0. */
  #level = 0;
  #total = 0;
  /** Executions whose signatures are kept. */
  #sampled = 0;

  /** @param maxSlots a power of two; 12 bytes each */
  constructor(maxSlots = 1 << 20) {
    if (maxSlots < FIRST_SLOTS || (maxSlots & (maxSlots - 1)) !== 0) {
      throw new RangeError(`${maxSlots} slots: must be a power of two, at least ${FIRST_SLOTS}`);
    }
    this.#maxSlots = maxSlots;
  }

  /** One execution. Returns whether it is the first with this signature, as far as it is known. */
  add(a: number, b: number): boolean {
    this.#total++;
    if (this.#level > 0 && !this.#keeps(a, b)) return false;
    this.#sampled++;
    return this.#add(a | 0, b | 0, 1);
  }

  /** Executions seen. */
  get total(): number {
    return this.#total;
  }

  /** Distinct ones among them; an estimate when `exact` is false. */
  get distinct(): number {
    return this.#used * 2 ** this.#level;
  }

  get exact(): boolean {
    return this.#level === 0;
  }

  /**
   * Good and Turing: the probability that the next execution is one seen before, 1 minus the share of those that have
   * been seen once only. 0 before the first one.
   */
  get saturation(): number {
    return this.#sampled === 0 ? 0 : 1 - this.#once / this.#sampled;
  }

  data(): SignatureData {
    const keep = (from: Int32Array): Int32Array => from.filter((_, i) => this.#count[i] > 0);
    return {
      a: keep(this.#a),
      b: keep(this.#b),
      count: this.#count.filter((c) => c > 0),
      level: this.#level,
      total: this.#total,
      sampled: this.#sampled,
    };
  }

  /** Adds what others have seen. */
  merge(other: SignatureData): void {
    while (this.#level < other.level) this.#halve();
    this.#total += other.total;
    // What is sampled over there at a lower level is sampled here at ours.
    this.#sampled += other.sampled;
    for (let i = 0; i < other.count.length; i++) {
      if (this.#keeps(other.a[i], other.b[i])) this.#add(other.a[i], other.b[i], other.count[i]);
      else this.#sampled -= other.count[i];
    }
  }

  #keeps(a: number, b: number): boolean {
    return (sampleHash(a, b) & ((1 << this.#level) - 1)) === 0;
  }

  #add(a: number, b: number, times: number): boolean {
    const slot = this.#find(a, b);
    const before = this.#count[slot];
    this.#count[slot] = before + times;
    if (before > 0) {
      if (before === 1) this.#once--;
      return false;
    }
    if (times === 1) this.#once++;
    this.#a[slot] = a;
    this.#b[slot] = b;
    this.#used++;
    if (this.#used * 4 > this.#count.length * 3) {
      if (this.#count.length < this.#maxSlots) this.#rebuild(2 * this.#count.length);
      else this.#halve();
    }
    return true;
  }

  #find(a: number, b: number): number {
    const mask = this.#count.length - 1;
    let h = Math.imul(a ^ Math.imul(b, 0x85ebca6b), 0x9e3779b1);
    h = (h ^ (h >>> 15)) & mask;
    while (this.#count[h] > 0 && (this.#a[h] !== a || this.#b[h] !== b)) h = (h + 1) & mask;
    return h;
  }

  #halve(): void {
    this.#level++;
    this.#rebuild(this.#count.length);
  }

  /** Into a table of another size, without those that are not kept any more. */
  #rebuild(slots: number): void {
    const [a, b, count] = [this.#a, this.#b, this.#count];
    this.#a = new Int32Array(slots);
    this.#b = new Int32Array(slots);
    this.#count = new Uint32Array(slots);
    this.#used = 0;
    this.#once = 0;
    for (let i = 0; i < count.length; i++) {
      if (count[i] === 0) continue;
      if (this.#keeps(a[i], b[i])) this.#add(a[i], b[i], count[i]);
      else this.#sampled -= count[i];
    }
  }
}

/** Independent of the place in the table. */
function sampleHash(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0xcc9e2d51) ^ Math.imul(b ^ (b >>> 13), 0x1b873593);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
