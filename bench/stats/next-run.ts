/**
 * Where a second run on the same machine will land: what a table must print beside a median, if its reader is to know
 * which differences mean anything.
 *
 * Rounds of all cells are taken in shuffled turns through the whole run, so a cell's rounds differ for two reasons:
 * noise of their own, which a median over n rounds averages, and the drift of the machine, which moves all cells of a
 * round together and does not average away, because the other run stands in another stretch of it. The two are told
 * apart by what the cells of a round have in common, and by how much more all rounds differ than neighbouring ones: a
 * disturbance that is over by the next round is noise, whomever it hits. With fewer than three cells the second is all. The drift of two runs next to each other differs by four times the variance that one run
 * sees, if it wanders without aim (a random walk); the noise by twice, since both medians have it. All on logarithms,
 * because noise of a machine multiplies, and with Student's t, because rounds are few.
 */
import { mean, median, sum } from 'simple-statistics';
import { moderate, type Variance } from './moderate.ts';
import { studentQuantile } from './student.ts';
import { type Interval, medianLoss, variance } from './summary.ts';

export interface NextRun extends Interval {
  readonly median: number;
  /** The interval reaches from median / factor to median * factor; 1.05 is about ± 5 %. Infinity: nothing is known. */
  readonly factor: number;
}

export interface NextRunOptions {
  /** Probability that the other median is inside; 0.95, to be on the safe side of nine in ten. */
  readonly level?: number;
  /** Relative standard deviation between processes beyond what rounds of one show (placement of memory and code). */
  readonly process?: number;
}

const DRIFT = 4;
const NOISE = 2;
const MIN_CELLS = 3;
/**
 * Of what rounds differ by, so much counts as drift in any event, since few rounds show it badly: of a lone cell's
 * variance, and of what all cells share.
 */
const LEAST_DRIFT = 0.2;
const LEAST_SHARED = 0.5;
/** With fewer rounds nobody can tell a machine that wanders from one that jumps. */
const MIN_WALK = 5;

/**
 * One interval for each cell, in order. A cell with a sample that is not above 0 has none: its factor is infinite.
 * @param cells samples of each cell, one a round, in the order of rounds; at least one each
 */
export function nextRun(cells: readonly (readonly number[])[], o: NextRunOptions = {}): NextRun[] {
  const { level = 0.95, process = 0 } = o;
  const usable = cells.filter((samples) => samples.every((x) => x > 0));
  const known = intervals(usable, level, process);
  return cells.map((samples) => known[usable.indexOf(samples)] ?? unknown(median([...samples]), level));
}

const unknown = (mid: number, level: number): NextRun => ({
  median: mid,
  low: -Infinity,
  high: Infinity,
  level,
  factor: Infinity,
});

function intervals(cells: readonly (readonly number[])[], level: number, process: number): NextRun[] {
  const logs = cells.map((samples) => samples.map(Math.log));
  const { noise, jitter, drift } = logs.length < MIN_CELLS ? separateOne(logs) : separateAll(logs);
  const moderated = moderate(noise);
  return cells.map((samples, i) => {
    const mid = median([...samples]);
    const n = samples.length;
    // What differs from round to round, a median averages; the rest it does not.
    const averaged = (NOISE * medianLoss(n)) / n;
    const half = halfWidth(
      [
        { variance: averaged * moderated[i].variance, df: moderated[i].df },
        { variance: averaged * jitter, df: n - 1 },
        { variance: DRIFT * (typeof drift === 'number' ? drift : drift[i]), df: driftDf(n) },
      ],
      level,
      NOISE * process ** 2,
    );
    const factor = Math.exp(half);
    return { median: mid, low: mid / factor, high: mid * factor, level, factor };
  });
}

/** @param known a variance beside the parts, which is not estimated */
function halfWidth(parts: readonly Variance[], level: number, known: number): number {
  if (parts[0].df < 1) return Infinity;
  const there = parts.filter((p) => p.variance > 0);
  const total = sum(there.map((p) => p.variance));
  // Satterthwaite: the degrees of freedom of a sum of variances.
  const df = total === 0 ? parts[0].df : total ** 2 / sum(there.map((p) => p.variance ** 2 / p.df));
  return Math.hypot(
    studentQuantile(level, df) * Math.sqrt(total),
    studentQuantile(level, 200) * Math.sqrt(known),
  );
}

interface Separated {
  readonly noise: readonly Variance[];
  /** What all cells of a round have in common, and the next round has not. */
  readonly jitter: number;
  /** What the rounds of a cell have in common, for all cells or by cell. */
  readonly drift: number | readonly number[];
}

/** By what the cells of a round have in common. */
function separateAll(logs: readonly (readonly number[])[]): Separated {
  const rounds = Math.max(...logs.map((l) => l.length));
  const middles = logs.map((l) => median([...l]));
  const common = Array.from({ length: rounds }, (_, r) => {
    const there = logs.map((l, i) => l[r] - middles[i]).filter((d) => !Number.isNaN(d));
    return median(there);
  });
  // One of all cells' degrees of freedom per round went into the common part.
  const kept = (logs.length - 1) / logs.length;
  const noise = logs.map((l) => {
    const df = (l.length - 1) * kept;
    return { variance: variance(l.map((y, r) => y - common[r])) / kept, df: df < 1 ? 0 : df };
  });
  const left = mean(noise.map((n) => n.variance)) * (medianLoss(logs.length) / logs.length);
  const shared = Math.max(0, variance(common) - left);
  // A walk of r steps of variance 1 has a variance of (r + 1) / 6, of which neighbours show a half.
  const walk = (rounds + 1) / 6;
  const wandered = Math.max(0, shared + left - stepVariance(common)) / (1 - 0.5 / walk);
  const drift = rounds < MIN_WALK ? shared : Math.min(shared, Math.max(wandered, LEAST_SHARED * shared));
  return { noise, jitter: shared - drift, drift };
}

/** By neighbouring rounds: drift moves them together, noise does not. */
function separateOne(logs: readonly (readonly number[])[]): Separated {
  const noise = logs.map((l) => {
    return { variance: Math.min(stepVariance(l), variance(l)), df: l.length - 1 };
  });
  const drift = logs.map((l, i) => Math.max(variance(l) - noise[i].variance, LEAST_DRIFT * variance(l)));
  return { noise, jitter: 0, drift };
}

/** The variance that neighbours show: all of it, if each is as far from the next as from any other. */
function stepVariance(l: readonly number[]): number {
  const steps = l.slice(1).map((y, r) => (y - l[r]) ** 2 / 2);
  return steps.length === 0 ? 0 : mean(steps);
}

/** Half of what independent rounds would have: neighbouring ones of a machine that wanders repeat each other. */
const driftDf = (rounds: number): number => Math.max(1, (rounds - 1) / 2);
