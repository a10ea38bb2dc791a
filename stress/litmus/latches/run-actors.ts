/** Runs litmus actors on worker threads with a time limit. Who does not come to an end is reported, not waited for. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { CONTROL } from '../../../src/layout/thread.ts';
import { formatWhoWaits } from '../../../src/observe/who-waits-text.ts';
import { whoWaits } from '../../../src/observe/who-waits.ts';
import type { TestKit } from '../../../src/sync/test-kit.ts';
import type { ActorName, ActorTask, Where } from './actors.ts';

/** The compiled worker: seen from dist/stress/litmus/latches, or from the sources that vitest runs. */
function workerUrl(): URL {
  const beside = new URL('../../../workers/litmus-actor.js', import.meta.url);
  return existsSync(beside) ? beside : new URL('../../../dist/workers/litmus-actor.js', import.meta.url);
}

/** Time in which all workers must have started. */
const START_MS = 10_000;

/**
 * Lets all actors start at once; thread n runs the n-th.
 * @returns what each actor returned
 * @throws Error naming who waits for what, when they have not all ended `limitMs` after that
 */
export async function runActors(
  kit: TestKit,
  cast: readonly { readonly actor: ActorName; readonly where: Where }[],
  limitMs = 10_000,
): Promise<number[]> {
  const { seats, mem } = kit;
  const workers = cast.map(
    (part, i) => new Worker(workerUrl(), { workerData: { seats, id: i + 1, ...part } satisfies ActorTask }),
  );
  const results = Promise.all(workers.map(async (w) => (await once(w, 'message'))[0] as number));
  let timer: NodeJS.Timeout | undefined;
  let giveUpAfter = (_ms: number): void => undefined;
  const hung = new Promise<never>((_resolve, reject) => {
    giveUpAfter = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const nowMs = Number((process.hrtime.bigint() - seats.epochNs) / 1_000_000n);
        const report = whoWaits({ mem, nowMs, ...seats });
        reject(new Error(`not done after ${ms} ms\n${formatWhoWaits(report)}`));
      }, ms);
    };
  });
  giveUpAfter(START_MS);
  try {
    const { started, go } = CONTROL.at;
    while (mem[seats.control + started] < cast.length) {
      await Promise.race([hung, results, new Promise((resolve) => setTimeout(resolve, 2))]);
    }
    giveUpAfter(limitMs);
    Atomics.store(mem, seats.control + go, 1);
    Atomics.notify(mem, seats.control + go);
    return await Promise.race([results, hung]);
  } finally {
    clearTimeout(timer);
    await Promise.all(workers.map((w) => w.terminate()));
  }
}
