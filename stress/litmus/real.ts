/** A question on real worker threads: starts them, watches them, and adds up what they counted. */
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Entry } from './questions.ts';
import {
  C,
  CONTROL_WORDS,
  type Counts,
  MAX_SAMPLES,
  mergeCounts,
  type Part,
  strideOf,
} from './real-batch.ts';

/** How long a question runs: until the first of the two is reached. */
export interface Budget {
  readonly seconds: number;
  readonly samples: number;
}

export interface RealResult {
  readonly samples: number;
  readonly seconds: number;
  /** How often each outcome was. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Samples not counted: a sleeper's patience ended while others were still at work. */
  readonly unsure: number;
}

/** The question could not be run to its end: an actor threw, or does not come to an end. */
export class LitmusFailure extends Error {
  override readonly name = 'LitmusFailure';
}

/** No batch done in that time: something hangs. A batch in which everybody sleeps to the limit is shorter. */
const STUCK_MS = 20_000;
const LOOK_MS = 100;

/** The compiled worker: seen from dist/stress/litmus, or from the sources that vitest runs. */
function workerUrl(): URL {
  const beside = new URL('../../workers/litmus-question.js', import.meta.url);
  return existsSync(beside) ? beside : new URL('../../dist/workers/litmus-question.js', import.meta.url);
}

/**
 * The question's module as a worker can load it: compiled. Tests name sources.
 * @throws LitmusFailure when it has not been compiled
 */
function compiled(href: string): string {
  if (href.endsWith('.js')) return href;
  const root = new URL('../../', import.meta.url).href;
  const js = `${href.replace(root, `${root}dist/`).slice(0, -'.ts'.length)}.js`;
  if (!existsSync(new URL(js))) throw new LitmusFailure(`${js} is not there: npm run build`);
  return js;
}

/**
 * Runs a question's actors on as many worker threads, and ends them.
 * @param stop asks for an early end
 * @throws LitmusFailure when an actor throws or hangs; all threads are ended then
 */
export async function runReal(
  { href, question }: Entry,
  budget: Budget,
  stop?: AbortSignal,
  stuckMs: number = STUCK_MS,
): Promise<RealResult> {
  const control = new SharedArrayBuffer(4 * (CONTROL_WORDS + question.actors.length * MAX_SAMPLES));
  const words = new Int32Array(control);
  const shared = {
    href: compiled(href),
    memory: new SharedArrayBuffer(strideOf(question) * MAX_SAMPLES),
    control,
    times:
      question.limitMs === undefined ? null : new SharedArrayBuffer(8 * question.actors.length * MAX_SAMPLES),
    ...budget,
  };
  const began = performance.now();
  const workers = question.actors.map(
    (_, actor) => new Worker(workerUrl(), { workerData: { ...shared, actor } satisfies Part }),
  );
  const ask = (): void => void Atomics.store(words, C.asked, 1);
  stop?.addEventListener('abort', ask);
  if (stop?.aborted === true) ask();
  let watch: NodeJS.Timeout | undefined;
  const hangs = new Promise<never>((_resolve, reject) => {
    let batch = 0;
    let since = began;
    watch = setInterval(() => {
      const now = performance.now();
      const at = Atomics.load(words, C.batch);
      if (at !== batch) [batch, since] = [at, now];
      else if (now - since > stuckMs) {
        reject(new LitmusFailure(`the actors did not come to an end in ${stuckMs / 1000} s (batch ${at})`));
      }
    }, LOOK_MS);
  });
  try {
    const answers = Promise.all(workers.map((worker, i) => answer(worker, i)));
    const parts = await Promise.race([answers, hangs]);
    const outcomes = mergeCounts(parts);
    return {
      samples: [...outcomes.values()].reduce((a, b) => a + b, 0),
      seconds: (performance.now() - began) / 1000,
      outcomes,
      unsure: parts.reduce((sum, part) => sum + part.unsure, 0),
    };
  } finally {
    clearInterval(watch);
    stop?.removeEventListener('abort', ask);
    await Promise.all(workers.map((w) => w.terminate()));
  }
}

function answer(worker: Worker, actor: number): Promise<Counts> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', (error: Error) =>
      reject(new LitmusFailure(`actor ${actor}: ${error.name}: ${error.message}`)),
    );
    worker.once('exit', (code) => reject(new LitmusFailure(`actor ${actor} exited with ${code}`)));
  });
}
