/**
 * A process of its own for a measurement: JIT decisions and the placement of memory are made once a process, so that
 * only several of them show how much they matter. Requests go over the channel of `fork`, one at a time.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

type Reply = { readonly value: unknown } | { readonly error: string };

export class BenchProcess<Request extends object, Answer> {
  private child: ChildProcess | null = null;
  private readonly url: string;
  private readonly execArgv: readonly string[];

  /** @param url compiled module that calls `answerRequests`; started with the first request */
  constructor(url: string, execArgv: readonly string[] = []) {
    this.url = url;
    this.execArgv = execArgv;
  }

  /** @throws Error with the child's own words, or when it ends before it answers */
  async ask(request: Request): Promise<Answer> {
    const child = (this.child ??= fork(fileURLToPath(this.url), [], {
      execArgv: [...this.execArgv],
      serialization: 'advanced',
    }));
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        child.off('message', onMessage);
        child.off('exit', onExit);
        child.off('error', onError);
      };
      const onMessage = (reply: unknown): void => {
        settle();
        const answer = reply as Reply;
        if ('error' in answer) reject(new Error(answer.error));
        else resolve(answer.value as Answer);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        settle();
        this.child = null;
        reject(new Error(`a measuring process ended too early (${signal ?? `exit status ${code}`})`));
      };
      const onError = (error: Error): void => {
        settle();
        reject(error);
      };
      child.on('message', onMessage);
      child.on('exit', onExit);
      child.on('error', onError);
      child.send(request);
    });
  }

  /** Lets it end: it does when its channel closes. */
  async close(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      child.once('exit', resolve);
    });
    child.disconnect();
    await ended;
  }
}

/** The child's side: answers each request, until the parent closes the channel or is gone. */
export function answerRequests(handle: (request: never) => Promise<unknown>): void {
  // A Ctrl-C goes to the whole group; what follows from it is the parent's to say.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.on('disconnect', () => process.exit());
  process.on('message', (request) => {
    handle(request as never).then(
      (value) => process.send?.({ value } satisfies Reply),
      (error: unknown) => {
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
        process.send?.({ error: text } satisfies Reply);
      },
    );
  });
}
