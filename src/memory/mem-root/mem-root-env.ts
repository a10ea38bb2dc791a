/** What the roots of a thread stand on, and which release they follow. */
import { MEM_ROOT_BLOCK, MEM_ROOT_BLOCK_PREV } from '../../layout/mem-root.ts';
import type { Thread } from '../../sync/thread.ts';
import { MyEnv, type MyEnvOptions } from './my-malloc.ts';

/**
 * - `8.0.2x`: a block's header is 8 bytes (it does not know its end, so there is no Contains)
 * - `8.0`: 16 bytes; ForceNewBlock(minimum) makes a block of the planned size, whatever the minimum
 * - `newer`: the block has at least the minimum; a root has a list of clean-ups
 */
export type MemRootVersion = '8.0.2x' | '8.0' | 'newer';

/** What memRootAddCleanup enters by number; called with the argument that was entered. */
export type MemRootCleanup = (thr: Thread, arg: number) => void;

export interface MemRootEnvOptions extends MyEnvOptions {
  /** `8.0` when absent. All threads that share a root must agree. */
  readonly version?: MemRootVersion;
  /** Roots are checked before they are cleared, claimed or moved, and freed memory is overwritten (TRASH). */
  readonly checked?: boolean;
  /** As builds with a sanitizer: each allocation is a block of its own. */
  readonly singleChunks?: boolean;
  /** Called when memory is out, for roots that have set it (sql_alloc_error_handler). */
  readonly errorHandler?: (thr: Thread) => void;
  readonly cleanups?: readonly MemRootCleanup[];
}

/** One per thread. */
export class MemRootEnv extends MyEnv {
  readonly version: MemRootVersion;
  /** Words of the header in front of a block's payload. */
  readonly headerWords: number;
  readonly checked: boolean;
  readonly singleChunks: boolean;
  readonly errorHandler: ((thr: Thread) => void) | null;
  readonly cleanups: readonly MemRootCleanup[];

  constructor(o: MemRootEnvOptions) {
    super(o);
    this.version = o.version ?? '8.0';
    this.headerWords = this.version === '8.0.2x' ? MEM_ROOT_BLOCK_PREV.words : MEM_ROOT_BLOCK.words;
    this.checked = o.checked ?? false;
    this.singleChunks = o.singleChunks ?? false;
    this.errorHandler = o.errorHandler ?? null;
    this.cleanups = o.cleanups ?? [];
  }
}
