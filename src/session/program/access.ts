/**
 * Which page or row comes next: what a program asks before each statement. Deterministic from the generator that it is
 * given; a draw allocates nothing, calls nothing that was passed in, and returns a small integer.
 *
 * Zipf and hot set first draw a rank (0 = hottest) and then, when scattered, give it a page by a permutation that
 * all sessions share: they agree on what is hot, and hot pages lie in different groups of 64, so in different
 * instances of the pool.
 */
import type { Rng } from '../../layout/rng.ts';

/** What a chooser answers that has no more pages to give. */
export const NO_PAGE = -1;

/** Page numbers 0 ... pages - 1, pages being at most 2^31; or NO_PAGE, from a trace that is shared. */
export interface PageChooser {
  next(): number;
}

export const MAX_PAGES = 2 ** 31;
export const MAX_THETA = 2;

/** @throws RangeError when so many cannot be drawn from */
export function checkPages(pages: number): number {
  if (!Number.isInteger(pages) || pages < 1 || pages > MAX_PAGES) {
    throw new RangeError(`pages must be an integer from 1 to ${MAX_PAGES}, not ${pages}`);
  }
  return pages;
}

function checkShare(what: string, share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`${what} must lie between 0 and 1, not ${share}`);
  return share;
}

const PHI = (1 + Math.sqrt(5)) / 2;
/** rank * factor must stay below 2^53. */
const MAX_FACTOR = 2 ** 53 / MAX_PAGES;

/**
 * The permutation rank -> rank * factor mod pages. Any N first ranks stay about pages / 5N apart, so the hottest
 * pages / 400 have a group each.
 */
export class Scatter {
  private readonly pages: number;
  private readonly factor: number;

  constructor(pages: number) {
    this.pages = checkPages(pages);
    this.factor = scatterFactor(pages);
  }

  page(rank: number): number {
    const product = rank * this.factor;
    // Exact, see pageHashMod.
    return (product - Math.floor(product / this.pages) * this.pages) | 0;
  }
}

/**
 * Steps by the golden section never come close to where they have been (three-distance theorem); where the factor has
 * to be small, it is the remainder of each turn that is golden. Rounding to an integer would spoil that for large
 * ranks, so of the integers near by it is the one whose ratio is the worst approximable: its continued fraction has
 * the smallest quotients.
 */
function scatterFactor(pages: number): number {
  const turns = Math.ceil(pages / MAX_FACTOR);
  const golden = Math.max(1, Math.floor(pages / (turns + PHI - 1)));
  let best = 1;
  let bestQuotient = Infinity;
  const near = Math.min(golden >> 3, SCATTER_CANDIDATES);
  for (let factor = golden; factor >= golden - near; factor--) {
    const quotient = largestQuotient(factor, pages);
    if (quotient < bestQuotient) [best, bestQuotient] = [factor, quotient];
  }
  return best;
}
const SCATTER_CANDIDATES = 512;

/** Of the continued fraction of factor / pages, its first aside; Infinity when they have a common divisor. */
function largestQuotient(factor: number, pages: number): number {
  let [a, b] = [factor, pages % factor];
  let largest = 0;
  while (b !== 0) {
    largest = Math.max(largest, Math.floor(a / b));
    [a, b] = [b, a % b];
  }
  return a === 1 ? largest : Infinity;
}

/** Every page alike. */
export class UniformPages implements PageChooser {
  private readonly pages: number;
  private readonly rng: Rng;

  constructor(pages: number, rng: Rng) {
    this.pages = checkPages(pages);
    this.rng = rng;
  }

  next(): number {
    return this.rng.below(this.pages);
  }
}

/**
 * Rank k (from 1) with probability proportional to k^-theta, by rejection-inversion (Hörmann, Derflinger 1996): no
 * table, so any number of pages; at most 1.1 rounds per draw or so.
 *
 * H is the integral of x^-theta with H(1) = 0. A uniform u between H(1.5) - 1 and H(n + 0.5) is taken back through H
 * to x, and x rounded is the rank unless u lies in the sliver between the curve and the rank's bar.
 */
export class ZipfPages implements PageChooser {
  private readonly pages: number;
  private readonly theta: number;
  private readonly rng: Rng;
  private readonly scatter: Scatter | null;
  private readonly low: number;
  private readonly span: number;
  /** Closer than this to its rank, x is accepted unseen. */
  private readonly sure: number;

  /** @param theta 0 (uniform) ... 2 */
  constructor(pages: number, theta: number, rng: Rng, scatter = true) {
    if (!(theta >= 0 && theta <= MAX_THETA)) {
      throw new RangeError(`theta must lie between 0 and ${MAX_THETA}, not ${theta}`);
    }
    this.pages = checkPages(pages);
    this.theta = theta;
    this.rng = rng;
    this.scatter = scatter ? new Scatter(pages) : null;
    this.low = integral(1.5, theta) - 1;
    this.span = integral(pages + 0.5, theta) - this.low;
    this.sure = 2 - inverse(integral(2.5, theta) - 2 ** -theta, theta);
  }

  next(): number {
    const rank = this.rank();
    return this.scatter === null ? rank : this.scatter.page(rank);
  }

  /** @returns 0 (hottest) ... pages - 1 */
  rank(): number {
    const { rng, low, span, theta, pages } = this;
    if (theta === 0) return rng.below(pages);
    const slope = 1 - theta;
    for (;;) {
      // `inverse` and `integral` spelled out: a rare call is not inlined, and would box the number that it returns.
      const u = low + span * rng.float();
      const v = Math.max(-1, u * slope);
      const x = Math.exp(v === 0 ? u : (u * Math.log1p(v)) / v);
      const k = Math.min(Math.max(Math.floor(x + 0.5), 1), pages);
      if (k - x <= this.sure) return (k - 1) | 0;
      const log = Math.log(k + 0.5);
      const t = slope * log;
      const bar = Math.exp(-theta * Math.log(k));
      if (u >= (t === 0 ? log : (log * Math.expm1(t)) / t) - bar) return (k - 1) | 0;
    }
  }
}

/** Integral of t^-theta from 1 to x; expm1 keeps it exact where theta comes near 1. */
function integral(x: number, theta: number): number {
  const log = Math.log(x);
  const t = (1 - theta) * log;
  return t === 0 ? log : (log * Math.expm1(t)) / t;
}

/** The x with integral(x) = u. */
function inverse(u: number, theta: number): number {
  // Rounding may take u a hair below the integral's infimum, where theta > 1.
  const t = Math.max(-1, u * (1 - theta));
  return Math.exp(t === 0 ? u : (u * Math.log1p(t)) / t);
}

/** Some pages get most accesses; within either part all are alike. */
export class HotSetPages implements PageChooser {
  /** Pages in the hot set. */
  readonly hot: number;
  private readonly cold: number;
  private readonly hotAccesses: number;
  private readonly rng: Rng;
  private readonly scatter: Scatter | null;

  /** @param hotPages share of the pages, at least one page; @param hotAccesses share of the accesses */
  constructor(pages: number, hotPages: number, hotAccesses: number, rng: Rng, scatter = true) {
    checkPages(pages);
    this.hot = Math.max(1, Math.round(pages * checkShare('hotPages', hotPages)));
    this.cold = pages - this.hot;
    // With no cold page there is nowhere else to go.
    this.hotAccesses = this.cold === 0 ? 1 : checkShare('hotAccesses', hotAccesses);
    this.rng = rng;
    this.scatter = scatter ? new Scatter(pages) : null;
  }

  next(): number {
    const { rng, hot } = this;
    const rank = rng.float() < this.hotAccesses ? rng.below(hot) : hot + rng.below(this.cold);
    return this.scatter === null ? rank : this.scatter.page(rank);
  }
}

/**
 * Requests of a trace that several threads replay together: each takes the next one that nobody has; NO_PAGE after
 * the last. `mem[at]` is the cursor, 0 at first.
 */
export class SharedTracePages implements PageChooser {
  private readonly trace: Uint32Array;
  private readonly pages: number;
  private readonly mem: Int32Array;
  private readonly at: number;

  constructor(trace: Uint32Array, pages: number, mem: Int32Array, at: number) {
    if (trace.length === 0) throw new RangeError('a trace without requests');
    this.trace = trace;
    this.pages = checkPages(pages);
    this.mem = mem;
    this.at = at;
  }

  next(): number {
    const request = Atomics.add(this.mem, this.at, 1) >>> 0;
    return request < this.trace.length ? this.trace[request] % this.pages : NO_PAGE;
  }
}
