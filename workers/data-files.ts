/**
 * Worker entry: makes and checks the data files of a run. Both take seconds to minutes of plain loops, and the main
 * thread must hear Ctrl-C meanwhile.
 */
import type { EngineShare } from '../src/engine.ts';
import { prepareDataDir, verifyDataDir } from '../src/storage/data-dir.ts';
import { StorageError } from '../src/storage/errors.ts';
import { checkFiles, type Verdict } from '../stress/verdict/verdict.ts';

/** Words that main thread and worker share. */
export const FILES_WORD = { phase: 0, done: 1, total: 2, cancel: 3, count: 4 } as const;
export const FILES_PHASE = { idle: 0, preparing: 1, verifying: 2 } as const;

/** `load`: makes the files where they are missing, checks all pages, and takes their counters into the ledger. */
export interface FilesTask {
  readonly job: 'load' | 'check';
  readonly share: EngineShare;
  readonly words: Int32Array;
}

export type FilesDone =
  | { readonly ok: true; readonly verdict: Verdict | null }
  | { readonly ok: false; readonly cancelled: true }
  | { readonly ok: false; readonly cancelled: false; readonly error: ReturnType<StorageError['describe']> };

class Cancelled extends Error {}

export default function dataFiles({ job, share, words }: FilesTask): FilesDone {
  const onProgress =
    (phase: number) =>
    (done: number, total: number): void => {
      words[FILES_WORD.done] = done;
      words[FILES_WORD.total] = total;
      words[FILES_WORD.phase] = phase;
      if (Atomics.load(words, FILES_WORD.cancel) !== 0) throw new Cancelled();
    };
  try {
    const verifying = onProgress(FILES_PHASE.verifying);
    if (job === 'check') return { ok: true, verdict: checkFiles(share, verifying) };
    const { dataDir: dir, tablespaces, pagesPerSpace, seed } = share.config;
    prepareDataDir({
      dir,
      tablespaces,
      pagesPerSpace,
      seed,
      onProgress: onProgress(FILES_PHASE.preparing),
    });
    const mem = new Int32Array(share.buffer);
    verifyDataDir(dir, {
      onPage: (space, pageNo, counter) => {
        mem[share.plan.ledger + (space - 1) * pagesPerSpace + pageNo] = counter;
      },
      onProgress: verifying,
    });
    return { ok: true, verdict: null };
  } catch (error) {
    if (error instanceof Cancelled) return { ok: false, cancelled: true };
    if (error instanceof StorageError) return { ok: false, cancelled: false, error: error.describe() };
    throw error;
  }
}
