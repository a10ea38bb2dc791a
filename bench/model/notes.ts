/** What a reader of a prediction must know: on how little it rests, and what the models leave out. */
import type { Level, Prediction } from './types.ts';

/** Contended acquisitions below which a hold time is a guess. */
const FEW = 100;
/** The two models disagree. */
const APART = 2;
/** Relative error of a fitted level that is worth a word. */
const POOR_FIT = 0.1;

export interface NotesInput extends Omit<Prediction, 'statement' | 'curves' | 'notes'> {
  /** Points that came in, usable or not. */
  readonly given: number;
  readonly levels: readonly (Level & {
    readonly samples: readonly number[];
    readonly points: readonly unknown[];
  })[];
  readonly uslPlan: readonly Level[];
  readonly queuePlan: readonly Level[];
}

export function notesOf(p: NotesInput): string[] {
  const dropped = p.given - p.levels.reduce((sum, l) => sum + l.points.length, 0);
  const notes: string[] = [];
  if (dropped > 0) notes.push(`${dropped} of ${p.given} points have no throughput and were left out.`);
  if (p.levels.length === 0) return notes;
  return [...notes, ...uslNotes(p), ...queueNotes(p), ...rangeNotes(p)];
}

function uslNotes({ usl, uslPlan, machineCores }: NotesInput): string[] {
  if (usl === null) return [];
  const notes: string[] = [];
  const missing = (['sigma', 'kappa'] as const).filter((name) => !usl.fitted.includes(name));
  const levels = new Set(uslPlan.map((l) => Math.min(l.threads, machineCores))).size;
  const symbols = missing.map((name) => (name === 'sigma' ? 'σ' : 'κ')).join(' and ');
  if (missing.length > 0) {
    notes.push(
      `Scalability law: ${levels} distinct ${levels === 1 ? 'number' : 'numbers'} of threads with a core each; ` +
        `${symbols} cannot be fitted and ${missing.length === 1 ? 'is' : 'are'} taken as 0, ` +
        'so the law is an upper bound.',
    );
  }
  if (usl.goodness.r2 === null) {
    notes.push('Scalability law: as many parameters as numbers of threads, so its fit proves nothing.');
  }
  if (uslPlan.some((l) => l.shared)) {
    notes.push(
      'Scalability law: also fitted to runs with more threads than cores, which count as one thread per core.',
    );
  }
  return notes;
}

function queueNotes({ queue, queuePlan, bottleneck, levels, machineCores }: NotesInput): string[] {
  if (queue === null) return [];
  const notes: string[] = [];
  const shared = queuePlan.filter((l) => l.shared).map((l) => l.threads);
  if (shared.length > 0) {
    notes.push(
      `Queue model: hold times come from runs with ${shared.join(', ')} threads on ${machineCores} cores; ` +
        'holders that lost their core are taken out on average only: rough.',
    );
  } else if (levels.some((l) => l.shared)) {
    notes.push('Queue model: runs with more threads than cores were not fitted, only compared.');
  }
  const largest = queue.goodness.largestError;
  if (largest > POOR_FIT) {
    notes.push(
      `Queue model: misses what was measured by up to ${(100 * largest).toFixed(0)} %: something is not in it.`,
    );
  }
  if (queue.latches.length === 0) {
    notes.push('Queue model: no latch was taken: throughput grows with the cores, an upper bound.');
  } else if (bottleneck === null) {
    const taken = queue.latches.reduce((sum, l) => sum + l.contended, 0);
    notes.push(
      taken === 0
        ? 'Queue model: no latch was found held even once: throughput grows with the cores, an upper bound.'
        : 'Queue model: no contention beyond what one thread alone sees: no latch can be named.',
    );
  } else {
    const latch = queue.latches.find((l) => l.name === bottleneck.latch);
    if (latch !== undefined && latch.contended < FEW) {
      notes.push(
        `Queue model: ${latch.name} was found held only ${latch.contended.toFixed(0)} times: ` +
          'its hold time is a guess.',
      );
    }
  }
  notes.push(
    'Queue model: page I/O and memory never queue, latches of a class are equally busy unless shares are given, ' +
      'and caches cost at any number of cores what they cost here.',
  );
  return notes;
}

function rangeNotes({ rows, levels, queuePlan }: NotesInput): string[] {
  const notes: string[] = [];
  const last = rows.at(-1);
  const most = Math.max(...queuePlan.map((l) => l.threads));
  if (last !== undefined && last.cores > most) {
    notes.push(
      `The furthest prediction is ${(last.cores / most).toFixed(0)} times beyond what was measured; ` +
        'bands hold the noise of the measurement, not errors of the models.',
    );
  }
  if (levels.every((l) => l.samples.length < 2)) {
    notes.push('No level was measured more than once: there are no bands.');
  }
  if (last !== undefined && last.usl !== null && last.queue !== null) {
    const apart = Math.max(last.usl / last.queue, last.queue / last.usl);
    if (apart > APART) {
      notes.push(`At ${last.cores} cores the two models differ by a factor of ${apart.toFixed(1)}.`);
    }
  }
  return notes;
}
