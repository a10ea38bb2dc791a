/** Failures of workers that could not tell of them themselves. */

export class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
}

export class WorkersLost extends Error {
  override readonly name = 'WorkerDied';

  constructor(lost: number) {
    super(`${lost} of the workers died while they had no task`);
  }
}

export class WorkerDied extends Error {
  override readonly name = 'WorkerDied';

  constructor(who: string, error: unknown, lastWords: string) {
    const reason = error instanceof Error ? error.message : String(error);
    super(`the worker of ${who} is gone (${reason}); it was ${lastWords}`, { cause: error });
  }
}
