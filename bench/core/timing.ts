/**
 * Timing with benny, with its traps kept out of the way: a suite has one case only (preparing a suite runs all its
 * cases at the same time), the first, unawaited call of a batch does nothing, and what benny prints while it
 * runs is dropped.
 */
import benny from 'benny';

/** As good as no time, s: benny takes 0 for "not given". */
const LEAST_S = 1e-9;

export interface Timing {
  /** Samples, at least. */
  readonly minSamples: number;
  /** Sampling goes on for so long, s, once there are enough. */
  readonly maxTime: number;
}

/** Seconds of one synchronous call: the median of benny's samples. The function must be warm. */
export async function secondsOf(run: () => void, { minSamples, maxTime }: Timing): Promise<number> {
  const restore = muteConsole();
  try {
    const summary = await benny.suite('case', benny.add('case', run, { minSamples, maxTime }));
    return summary.results[0].details.median;
  } finally {
    restore();
  }
}

/**
 * Seconds of one batch that threads work on together: one to warm up, then
 * `samples` batches, one after the other.
 * A batch should take tens of milliseconds: handing it over costs some tens of microseconds.
 */
export async function secondsOfBatch(batch: () => Promise<unknown>, samples: number): Promise<number> {
  const restore = muteConsole();
  let probed = false;
  let failure: unknown = null;
  const run = async (): Promise<void> => {
    if (!probed) {
      probed = true;
      return;
    }
    if (failure !== null) return;
    try {
      await batch();
    } catch (error) {
      // A rejection inside benny would end the process.
      failure = error;
    }
  };
  try {
    const summary = await benny.suite(
      'batch',
      benny.add('batch', run, { minSamples: samples, maxTime: LEAST_S, minTime: LEAST_S, initCount: 1 }),
    );
    if (failure !== null) throw failure;
    return summary.results[0].details.median;
  } finally {
    restore();
  }
}

function muteConsole(): () => void {
  const { log } = console;
  console.log = () => undefined;
  return () => {
    console.log = log;
  };
}
