/**
 * The universal scalability law, X(N) = λN / (1 + σ(N-1) + κN(N-1)), fitted to measured throughput. Errors are relative:
 * the fit is of logarithms. Bounds are kept by trying every set of parameters that may be 0, since a fit that has run
 * into a bound can stop beside the best point on it.
 */
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import type { Goodness, Usl } from './types.ts';

export interface UslPoint {
  /** Threads that have a core of their own. */
  readonly threads: number;
  readonly throughput: number;
}

type Shape = readonly ('sigma' | 'kappa')[];

/** Distinct numbers of threads, at least, for a parameter beside λ to be fitted. */
const LEVELS_FOR_SIGMA = 2;
const LEVELS_FOR_KAPPA = 3;

export const uslAt = ({ lambda, sigma, kappa }: Pick<Usl, 'lambda' | 'sigma' | 'kappa'>, n: number): number =>
  (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));

/** @returns null when there is no point with a throughput above 0 */
export function fitUsl(points: readonly UslPoint[]): Usl | null {
  const usable = points.filter((p) => p.throughput > 0);
  const levels = new Set(usable.map((p) => p.threads)).size;
  if (levels === 0) return null;
  const shapes: Shape[] = [[]];
  if (levels >= LEVELS_FOR_SIGMA) shapes.push(['sigma']);
  if (levels >= LEVELS_FOR_KAPPA) shapes.push(['kappa'], ['sigma', 'kappa']);
  const fits = shapes.map((shape) => fitShape(usable, shape));
  const best = fits.reduce((a, b) => (b.error < a.error * (1 - 1e-9) ? b : a));
  const { lambda, sigma, kappa } = best;
  const freed = shapes.at(-1) ?? [];
  const fitted = ['lambda', ...freed] as Usl['fitted'][number][];
  return {
    lambda,
    sigma,
    kappa,
    peak: kappa > 0 ? Math.max(1, Math.sqrt(Math.max(0, 1 - sigma) / kappa)) : null,
    goodness: goodness(
      usable.map((p) => ({ measured: p.throughput, model: uslAt(best, p.threads) })),
      levels - fitted.length,
    ),
    fitted,
  };
}

interface Fit {
  readonly lambda: number;
  readonly sigma: number;
  readonly kappa: number;
  readonly error: number;
}

function fitShape(points: readonly UslPoint[], shape: Shape): Fit {
  // Per thread, so that the parameters are all of the size of 1: log λ against its first guess, σ, and κ.
  const base = Math.max(...points.map((p) => p.throughput / p.threads));
  const x = points.map((p) => p.threads);
  const y = points.map((p) => Math.log(p.throughput / p.threads / base));
  const values = ([log, ...rest]: readonly number[]): Fit => {
    const of = (name: 'sigma' | 'kappa'): number => {
      const i = shape.indexOf(name);
      return i < 0 ? 0 : rest[i];
    };
    return { lambda: base * Math.exp(log), sigma: of('sigma'), kappa: of('kappa'), error: 0 };
  };
  const residual = (p: readonly number[]): number =>
    points.reduce((sum, { threads }, i) => sum + (y[i] - logAt(values(p), base, threads)) ** 2, 0);
  let found: number[] = [y.reduce((a, b) => a + b, 0) / y.length];
  if (shape.length > 0) {
    const { parameterValues } = levenbergMarquardt({ x, y }, (p) => (n) => logAt(values(p), base, n), {
      initialValues: [0, ...shape.map((name) => (name === 'sigma' ? 0.05 : 0.001))],
      minValues: [-Infinity, ...shape.map(() => 0)],
      maxValues: [Infinity, ...shape.map(() => Infinity)],
      damping: 1e-3,
      maxIterations: 300,
      errorTolerance: 1e-14,
      jacobianFunction: (p) => (n) => {
        const { sigma, kappa } = values(p);
        const below = 1 + sigma * (n - 1) + kappa * n * (n - 1);
        return [1, ...shape.map((name) => (name === 'sigma' ? -(n - 1) : -n * (n - 1)) / below)];
      },
    });
    found = parameterValues;
  }
  return { ...values(found), error: residual(found) };
}

const logAt = (fit: Fit, base: number, n: number): number => Math.log(uslAt(fit, n) / n / base);

export interface Compared {
  readonly measured: number;
  readonly model: number;
}

/** @param freedom levels beyond the parameters: without any, a fit says nothing about the model */
export function goodness(points: readonly Compared[], freedom: number): Goodness {
  const mean = points.reduce((sum, p) => sum + p.measured, 0) / points.length;
  const all = points.reduce((sum, p) => sum + (p.measured - mean) ** 2, 0);
  const left = points.reduce((sum, p) => sum + (p.measured - p.model) ** 2, 0);
  return {
    r2: freedom <= 0 || all === 0 ? null : 1 - left / all,
    largestError: Math.max(0, ...points.map((p) => Math.abs(p.model / p.measured - 1))),
  };
}
