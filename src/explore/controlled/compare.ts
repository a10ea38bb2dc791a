/** Whether a controlled run went as the simulator said. */
import type { FindingKind, Step } from '../types.ts';
import type { ControlledResult } from './run-controlled.ts';

/** What a finding looks like on real threads; null: it is of a kind that only the simulator can see. */
const REAL_OUTCOME: Readonly<Record<FindingKind, ControlledResult['outcome'] | null>> = {
  check: 'check',
  invariant: 'invariant',
  exception: 'exception',
  deadlock: 'deadlock',
  'lost-wakeup': 'deadlock',
  livelock: 'step-limit',
  linearizability: 'linearizability',
  stuck: null,
  race: null,
  'mixed-size': null,
  'latch-order': null,
  bypass: null,
};

/**
 * The first difference between a run of the simulator and one of real threads under the same schedule, as one
 * sentence; null: none. A finding that only the simulator can see ends its run early: then what it did until there
 * must be what the real threads did.
 * @param finding kind of the simulator's finding, null when it found nothing
 * @param simulated its steps
 * @param text its outcome in words; empty: not known
 */
export function firstDifference(
  finding: FindingKind | null,
  simulated: readonly Step[],
  real: ControlledResult,
  text = '',
): string | null {
  if (real.divergence !== null) return `on real threads ${real.divergence}`;
  const outcome = finding === null ? 'completed' : REAL_OUTCOME[finding];
  const steps = compareSteps(simulated, real.steps, outcome === null || outcome === 'step-limit');
  if (steps !== null || outcome === null) return steps;
  // Who spins without ever coming to a point is counted in steps there, and in time here.
  if (outcome === 'step-limit' && real.outcome === 'hung') return null;
  if (outcome === real.outcome) {
    const same = text === '' || text === real.text;
    return same ? null : `outcome ${text} in the simulator, ${real.text} on real threads`;
  }
  const error = real.error === null ? '' : ` (${real.error})`;
  return `the simulator ended with ${finding ?? 'no finding'}, real threads with ${real.outcome}${error}`;
}

const isPlain = (s: Step): boolean => s.kind === 'read' || s.kind === 'write';

/** @param prefix whether real threads may have gone on after the simulator's last step */
function compareSteps(simulated: readonly Step[], all: readonly Step[], prefix: boolean): string | null {
  // The simulator traces no atomic operations on memory that is not shared.
  const real = all.filter((s) => s.word >= 0 || !['load', 'store', 'rmw', 'cas'].includes(s.kind));
  let k = 0;
  for (const s of simulated) {
    if (s.kind === 'end') continue;
    const r = real[k];
    // Plain accesses are in both only where they are points.
    if (isPlain(s) && (r === undefined || textOf(r) !== textOf(s))) continue;
    if (r === undefined) return `real threads never did ${textOf(s)}`;
    if (textOf(r) !== textOf(s))
      return `step ${k}: ${textOf(s)} in the simulator, ${textOf(r)} on real threads`;
    k++;
  }
  return prefix || k === real.length ? null : `the simulator never did ${textOf(real[k])}`;
}

/** A step, as far as both sides tell it. */
function textOf(s: Step): string {
  const head = `${s.thread}.${s.op} ${s.kind}`;
  if (s.kind === 'die' || s.kind === 'pause') return head;
  const at = `${head} word ${s.word}`;
  if (s.kind === 'store' || s.kind === 'write') return `${at} := ${s.wrote}`;
  // A compare-exchange that misses writes back what was there.
  const wrote = s.kind === 'cas' ? (s.wrote ?? s.read) : s.wrote;
  return wrote === undefined ? `${at} = ${s.read}` : `${at} = ${s.read} := ${wrote}`;
}
