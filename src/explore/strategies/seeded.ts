/** Strategies that draw: what they share. */
import { bits, nthBit, type Running, type Strategy } from '../engine/strategy.ts';

/** What is known about a scenario's schedules before the first is drawn: makes draws fit its length. */
export interface Estimate {
  /** Decisions in a schedule. */
  readonly decisions: number;
  /** Points of each thread. */
  readonly points: readonly number[];
}

/** Steps that one thread may do in a row while others could run: a thread that is starved for ever is no livelock. */
export const FAIR_AFTER = 80;
/** Of so many decisions with a sleeper whose time-out may fire, one fires it. */
const TIMER_ODDS = 8;

const GOLDEN = 0x9e3779b9;

/** Turns an int32 so that each bit of it changes about half of the result's. */
function mix(n: number): number {
  let x = Math.imul(n ^ (n >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/**
 * Schedule number `iteration` of a seed depends on nothing but the two (and the sources): any of them can be drawn again
 * alone.
 */
export abstract class SeededStrategy implements Strategy {
  abstract readonly name: string;
  protected estimate: Estimate = { decisions: 40, points: [] };
  private a = 1;
  private b = 1;
  private killIn = 0;

  /** Sets up the draw of one schedule. */
  seed(seed: number, iteration: number): void {
    const x = mix(mix(seed + GOLDEN) ^ iteration);
    this.a = mix(x + GOLDEN);
    // Both zero is the one state that the generator never leaves.
    this.b = mix(this.a ^ mix(iteration + 2 * GOLDEN)) | 1;
  }

  expect(estimate: Estimate): void {
    this.estimate = estimate;
  }

  begin(e: Running): void {
    this.killIn = e.mortal === 0 ? 0 : 1 + this.below(this.estimate.decisions + 1);
  }

  abstract next(e: Running, cur: number): number;

  /** uint32, by xoroshiro64** (Blackman, Vigna): two words of state, period 2^64 - 1. */
  protected draw(): number {
    const { a } = this;
    const b = this.b ^ a;
    const star = Math.imul(a, 0x9e3779bb);
    this.a = ((a << 26) | (a >>> 6)) ^ b ^ (b << 9);
    this.b = (b << 13) | (b >>> 19);
    return Math.imul((star << 5) | (star >>> 27), 5) >>> 0;
  }

  /** 0 ... n − 1. */
  protected below(n: number): number {
    return Math.trunc((this.draw() / 4294967296) * n);
  }

  /** A death or a time-out, if one is drawn here; else −1. For the top of `next`. */
  protected drawn(e: Running): number {
    if (e.mortal !== 0 && --this.killIn === 0) return 2 * e.n + this.oneOf(e.mortal);
    if (e.timers !== 0 && (e.ready === 0 || this.below(TIMER_ODDS) === 0)) return e.n + this.oneOf(e.timers);
    return -1;
  }

  protected oneOf(mask: number): number {
    if ((mask & (mask - 1)) === 0) return 31 - Math.clz32(mask);
    return nthBit(mask, this.below(bits(mask)));
  }
}

/** Threads to choose from: those at a pause only when there are no others, or once in a while. */
export function eager(e: Running, roll: number): number {
  const awake = e.ready & ~e.paused;
  return awake === 0 || (roll & 15) === 0 ? e.ready : awake;
}
