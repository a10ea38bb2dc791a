/**
 * How keys are drawn: sysbench's distributions by their names and formulas, YCSB's, TPC-C's NURand, a hot set. Each
 * gives integers 0 ... n - 1, deterministic from the generator; a draw allocates nothing.
 */
import type { Rng } from '../../layout/rng.ts';
import { checkPages, HotSetPages, type PageChooser, Scatter, UniformPages, ZipfPages } from './access.ts';

/** Defaults are sysbench's, and YCSB's for the last two. `scatter`: hot keys lie far from each other. */
export type Distribution =
  | { readonly kind: 'uniform' }
  /** The mean of so many even draws (--rand-spec-iter, 12). */
  | { readonly kind: 'gaussian'; readonly iterations?: number }
  /** --rand-pareto-h, 0.2: that share of the keys gets the rest of the accesses. */
  | { readonly kind: 'pareto'; readonly h?: number; readonly scatter?: boolean }
  /** --rand-zipfian-exp, 0.8. */
  | { readonly kind: 'zipfian'; readonly exponent?: number; readonly scatter?: boolean }
  /** --rand-spec-iter 12, --rand-spec-pct 1, --rand-spec-res 75: `res` % of the accesses go to the `pct` % in the middle. */
  | {
      readonly kind: 'special';
      readonly iterations?: number;
      readonly pct?: number;
      readonly res?: number;
    }
  /** The share of keys that is hot, and the share of accesses that goes there. */
  | {
      readonly kind: 'hotset';
      readonly hotPages: number;
      readonly hotAccesses: number;
      readonly scatter?: boolean;
    }
  /** YCSB's scrambled zipfian (0.99): hashes of ranks among 10^10. */
  | { readonly kind: 'scrambled' }
  /** YCSB's latest: the newest rows most, by zipfian (0.99). */
  | { readonly kind: 'latest'; readonly exponent?: number }
  /** TPC-C's NURand(A, 0, n - 1) with the constant C 0. */
  | { readonly kind: 'nurand'; readonly a: number };

export const DISTRIBUTIONS = [
  'uniform',
  'gaussian',
  'pareto',
  'zipfian',
  'special',
  'hotset',
  'scrambled',
  'latest',
  'nurand',
] as const satisfies readonly Distribution['kind'][];

/**
 * A chooser of keys below n.
 * @throws RangeError for what cannot be drawn from
 */
export function distributionChooser(d: Distribution, n: number, rng: Rng): PageChooser {
  switch (d.kind) {
    case 'uniform':
      return new UniformPages(n, rng);
    case 'gaussian':
      return new GaussianPages(n, d.iterations ?? SPEC_ITER, rng);
    case 'pareto':
      return new ParetoPages(n, d.h ?? PARETO_H, rng, d.scatter ?? false);
    case 'zipfian':
      return new ZipfPages(n, d.exponent ?? ZIPFIAN_EXP, rng, d.scatter ?? false);
    case 'special':
      return new SpecialPages(n, d.iterations ?? SPEC_ITER, d.pct ?? SPEC_PCT, d.res ?? SPEC_RES, rng);
    case 'hotset':
      return new HotSetPages(n, d.hotPages, d.hotAccesses, rng, d.scatter ?? false);
    case 'scrambled':
      return new ScrambledZipfianPages(n, rng);
    case 'latest':
      return new ZipfPages(n, d.exponent ?? YCSB_THETA, rng, false);
    case 'nurand':
      return new NuRandPages(n, d.a, rng);
  }
}

const SPEC_ITER = 12;
const SPEC_PCT = 1;
const SPEC_RES = 75;
const PARETO_H = 0.2;
const ZIPFIAN_EXP = 0.8;
const YCSB_THETA = 0.99;

function check(what: string, value: number, low: number, high: number): number {
  if (!(value >= low && value <= high)) {
    throw new RangeError(`${what} must lie between ${low} and ${high}, not ${value}`);
  }
  return value;
}

/** sysbench's gaussian: the mean of several even draws, a bell around the middle. */
export class GaussianPages implements PageChooser {
  private readonly pages: number;
  private readonly iterations: number;
  private readonly rng: Rng;

  constructor(pages: number, iterations: number, rng: Rng) {
    this.pages = checkPages(pages);
    this.iterations = check('iterations', iterations, 1, 1000);
    this.rng = rng;
  }

  next(): number {
    const { rng, iterations } = this;
    let sum = 0;
    for (let i = 0; i < iterations; i++) sum += rng.float();
    return ((sum / iterations) * this.pages) >>> 0;
  }
}

/** sysbench's pareto: a power of an even draw. With h = 0.2, 80 % of the draws fall into the first 20 %. */
export class ParetoPages implements PageChooser {
  private readonly pages: number;
  private readonly power: number;
  private readonly rng: Rng;
  private readonly scatter: Scatter | null;

  /** @param h above 0, below 1 */
  constructor(pages: number, h: number, rng: Rng, scatter = false) {
    check('h', h, 0.0001, 0.9999);
    this.pages = checkPages(pages);
    this.power = Math.log(h) / Math.log(1 - h);
    this.rng = rng;
    this.scatter = scatter ? new Scatter(pages) : null;
  }

  next(): number {
    // With a power near 0 the largest draws round to 1.
    const rank = Math.min(this.pages - 1, (this.pages * this.rng.float() ** this.power) >>> 0);
    return this.scatter === null ? rank : this.scatter.page(rank);
  }
}

/** sysbench's special: some of the draws go evenly to a small part in the middle, the others are gaussian. */
export class SpecialPages implements PageChooser {
  private readonly last: number;
  private readonly iterations: number;
  /** Share of the draws that are gaussian. */
  private readonly others: number;
  private readonly width: number;
  private readonly from: number;
  private readonly rng: Rng;

  /** @param pct of the keys that are special, 0 ... 100; @param res percent of the draws that go there */
  constructor(pages: number, iterations: number, pct: number, res: number, rng: Rng) {
    this.last = checkPages(pages) - 1;
    this.iterations = check('iterations', iterations, 1, 1000);
    this.others = (100 - check('res', res, 0, 100)) / 100;
    this.width = (this.last * check('pct', pct, 0, 100)) / 100;
    this.from = this.last / 2 - this.width / 2;
    this.rng = rng;
  }

  next(): number {
    const { rng, iterations, last } = this;
    const u = rng.float();
    if (u < this.others) {
      let sum = 0;
      for (let i = 0; i < iterations; i++) sum += rng.float();
      return ((sum * last) / iterations) >>> 0;
    }
    // The same draw, which lies between `others` and 1, is spread over the special part.
    return Math.min(last, u * (this.width + 1) + this.from) >>> 0;
  }
}

/** TPC-C 2.1.6: an even draw or'ed with a smaller one, so that some keys are drawn more often. */
export class NuRandPages implements PageChooser {
  private readonly pages: number;
  private readonly a: number;
  private readonly rng: Rng;

  /** @param a 2^k - 1: 255 for names, 1023 for customers, 8191 for items */
  constructor(pages: number, a: number, rng: Rng) {
    this.pages = checkPages(pages);
    this.a = check('a', a, 0, 2 ** 31 - 1);
    this.rng = rng;
  }

  next(): number {
    const { rng, pages, a } = this;
    return (rng.below(a + 1) | rng.below(pages)) % pages;
  }
}

/** Of YCSB's generator for 10^10 items, by the formula of Gray et al. (1994). */
const ITEMS = 1e10;
const ZETAN = 26.46902820178302;
const ZETA2 = 1 + 0.5 ** YCSB_THETA;
const ALPHA = 1 / (1 - YCSB_THETA);
const ETA = (1 - (2 / ITEMS) ** (1 - YCSB_THETA)) / (1 - ZETA2 / ZETAN);

/** YCSB's ScrambledZipfianGenerator: the hash of a rank, so hot keys lie anywhere and two ranks may share one. */
export class ScrambledZipfianPages implements PageChooser {
  private readonly pages: number;
  private readonly rng: Rng;

  constructor(pages: number, rng: Rng) {
    this.pages = checkPages(pages);
    this.rng = rng;
  }

  next(): number {
    return fnvHash64Mod(this.rank(), this.pages);
  }

  /** 0 (hottest) ... 10^10 - 1 */
  rank(): number {
    const u = this.rng.float();
    const uz = u * ZETAN;
    if (uz < 1) return 0;
    if (uz < ZETA2) return 1;
    return Math.floor(ITEMS * (ETA * u - ETA + 1) ** ALPHA);
  }
}

/**
 * YCSB's fnvhash64 of an integer (0 ... 2^53 - 1), made positive as Math.abs does with a long, modulo n (below 2^32).
 * FNV-1a over eight bytes, in two halves of 32 bits.
 */
export function fnvHash64Mod(value: number, n: number): number {
  let high = 0xcbf29ce4;
  let low = 0x84222325;
  let rest = value;
  for (let i = 0; i < 8; i++) {
    low = (low ^ (rest % 256)) >>> 0;
    rest = Math.floor(rest / 256);
    // Times 2^40 + 0x1b3.
    const product = low * 0x1b3;
    high = (Math.imul(high, 0x1b3) + Math.floor(product / 4294967296) + (low << 8)) >>> 0;
    low = product >>> 0;
  }
  if (high >= 0x80000000) {
    low = -low >>> 0;
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
  }
  let mod = high % n;
  mod = (mod * 65536 + (low >>> 16)) % n;
  return (mod * 65536 + (low & 0xffff)) % n;
}
