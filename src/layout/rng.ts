/**
 * Random numbers that a seed repeats. Every consumer has a stream of its own, so that what one draws does not
 * depend on how often another did.
 */

const GOLDEN = 0x9e3779b9;
const WORD = 2 ** 32;

/** Words of a generator's state (`save`). */
export const RNG_WORDS = 4;

/** The finalizer of MurmurHash3: each bit of the input turns about half of the output's. */
function mix(x: number): number {
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return x ^ (x >>> 16);
}

/**
 * xoshiro128** 1.1 (Blackman, Vigna): 128 bits of state, period 2^128 - 1. Allocates nothing when drawing.
 * @explore unhashed
 */
export class Rng {
  // int32, so that V8 keeps them as small integers.
  private a: number;
  private b: number;
  private c: number;
  private d: number;

  /**
   * @param seed integer, 0 ... 2^53 - 1
   * @param stream uint32: who draws
   */
  constructor(seed: number, stream: number) {
    let x = mix(seed ^ mix(Math.floor(seed / WORD) + GOLDEN));
    x = mix(x ^ mix(stream ^ GOLDEN));
    this.a = mix(x + GOLDEN);
    this.b = mix(this.a ^ (x + 2 * GOLDEN));
    this.c = mix(this.b ^ (x + 3 * GOLDEN));
    // All zero is the one state that the generator never leaves.
    this.d = mix(this.c ^ (x + 4 * GOLDEN)) | 1;
  }

  /** A generator in a given state, not all zero. */
  static ofState(a: number, b: number, c: number, d: number): Rng {
    const rng = new Rng(0, 0);
    rng.a = a | 0;
    rng.b = b | 0;
    rng.c = c | 0;
    rng.d = d | 0;
    return rng;
  }

  /** Takes over the state that `save` has left in four words. */
  load(mem: Int32Array, at: number): void {
    this.a = mem[at];
    this.b = mem[at + 1];
    this.c = mem[at + 2];
    this.d = mem[at + 3];
  }

  /** Leaves the state in four words: whoever loads it goes on drawing where this one has stopped. */
  save(mem: Int32Array, at: number): void {
    mem[at] = this.a;
    mem[at + 1] = this.b;
    mem[at + 2] = this.c;
    mem[at + 3] = this.d;
  }

  /** @returns uint32 */
  next32(): number {
    const { a, b, c, d } = this;
    const five = Math.imul(b, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9);
    const c2 = c ^ a;
    const d2 = d ^ b;
    this.a = a ^ d2;
    this.b = b ^ c2;
    this.c = c2 ^ (b << 9);
    this.d = (d2 << 11) | (d2 >>> 21);
    return result >>> 0;
  }

  /** @returns 0 <= x < 1, 53 random bits */
  float(): number {
    return ((this.next32() >>> 5) * 2 ** 26 + (this.next32() >>> 6)) / 2 ** 53;
  }

  /**
   * @param n 1 ... 2^32
   * @returns integer, 0 ... n - 1; no value is favoured by more than n / 2^53
   */
  below(n: number): number {
    return (this.float() * n) >>> 0;
  }
}
