/** The data files of a run as the main thread sees them: made and checked by a worker, with progress, and cancellable. */
import { Piscina } from 'piscina';
import type { EngineShare } from '../../src/engine.ts';
import { StorageError } from '../../src/storage/errors.ts';
import { FILES_PHASE, FILES_WORD, type FilesDone, type FilesTask } from '../../workers/data-files.ts';
import { workerEntry } from './crew.ts';
import type { Verdict } from '../verdict/verdict.ts';

const POLL_MS = 50;

export interface FileEvents {
  preparing?(done: number, total: number): void;
  verifying?(done: number, total: number): void;
}

export class DataFiles {
  private readonly share: EngineShare;
  private readonly events: FileEvents;
  private readonly words = new Int32Array(new SharedArrayBuffer(FILES_WORD.count * 4));

  constructor(share: EngineShare, events: FileEvents) {
    this.share = share;
    this.events = events;
  }

  /** Breaks off what is under way, and what is asked for later. */
  cancel(): void {
    Atomics.store(this.words, FILES_WORD.cancel, 1);
  }

  /**
   * Makes the files where they are missing, checks every page, and takes its counter into the ledger.
   * @returns false: cancelled. What was made by then is removed again if it is not whole.
   * @throws StorageError
   */
  async load(): Promise<boolean> {
    return (await this.run('load')).ok;
  }

  /** @returns the verdict on every page; null: cancelled */
  async check(): Promise<Verdict | null> {
    const done = await this.run('check');
    return done.ok ? done.verdict : null;
  }

  private async run(job: FilesTask['job']): Promise<FilesDone> {
    const { share, words } = this;
    const pool = new Piscina({
      filename: workerEntry('data-files'),
      minThreads: 1,
      maxThreads: 1,
      atomics: 'disabled',
      recordTiming: false,
    });
    const timer = setInterval(() => this.show(), POLL_MS);
    try {
      const task: FilesTask = { job, share, words };
      const result = (await pool.run(task)) as FilesDone;
      this.show();
      if (!result.ok && !result.cancelled) throw revive(result.error);
      return result;
    } finally {
      clearInterval(timer);
      await pool.destroy();
    }
  }

  private show(): void {
    const { words, events } = this;
    const [done, total] = [words[FILES_WORD.done], words[FILES_WORD.total]];
    if (words[FILES_WORD.phase] === FILES_PHASE.preparing) events.preparing?.(done, total);
    else if (words[FILES_WORD.phase] === FILES_PHASE.verifying) events.verifying?.(done, total);
  }
}

/** The error as it was thrown in the worker: its message begins with file and page, which the class adds itself. */
function revive(e: ReturnType<StorageError['describe']>): StorageError {
  const prefix = e.page === null ? `${e.file}: ` : `${e.file}: page ${e.page}: `;
  return new StorageError(e.code, e.file, e.page, e.message.slice(prefix.length), {
    retryable: e.retryable,
  });
}
