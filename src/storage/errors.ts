/**
 * The one error class of this folder. The buffer pool decides by `code` and `retryable`, people read `message`:
 * one line that names the file, the page and what was found in place of what.
 *
 * An error that crosses a thread boundary by structured clone keeps its message but loses `code`, `file` and
 * `page`: a worker that reports one must send those fields itself (`describe` gives them as a plain object).
 */

/**
 * - `PAGE_CORRUPT`: checksum or LSN trailer do not fit the page's bytes
 * - `PAGE_NUMBER`: a sound page, but another one than was asked for (number or space id)
 * - `PAGE_TORN`: the copies of a counter page's counter differ
 * - `PAGE_FILLER`: a counter page's filler changed in memory before the page was stamped
 * - `OUT_OF_BOUNDS`: the page lies outside its file
 * - `SHORT_READ`: the file ends inside the page
 * - `IO`: any other failure of the operating system
 * - `NO_SPACE`, `NOT_WRITABLE`, `NOT_READABLE`, `NO_FILE`: ENOSPC/EDQUOT, EACCES/EROFS/EPERM (twice), ENOENT
 * - `NO_DATA_DIR`: no data directory there, or one whose creation was interrupted
 * - `SETTINGS_DIFFER`: a data directory made with other settings
 * - `BAD_META`, `FILE_SIZE`: a data directory that somebody else changed
 * - `BAD_SETTING`: settings that no data directory can have
 * - `CLOSED`: used after `close()`
 */
export type StorageErrorCode =
  | 'PAGE_CORRUPT'
  | 'PAGE_NUMBER'
  | 'PAGE_TORN'
  | 'PAGE_FILLER'
  | 'OUT_OF_BOUNDS'
  | 'SHORT_READ'
  | 'IO'
  | 'NO_SPACE'
  | 'NOT_WRITABLE'
  | 'NOT_READABLE'
  | 'NO_FILE'
  | 'NO_DATA_DIR'
  | 'SETTINGS_DIFFER'
  | 'BAD_META'
  | 'FILE_SIZE'
  | 'BAD_SETTING'
  | 'CLOSED';

export interface StorageErrorDetails {
  readonly code: StorageErrorCode;
  /** The file or directory, as the caller named it. */
  readonly file: string;
  /** The page number, or null when no single page is meant. */
  readonly page: number | null;
  /** Whether the same call may succeed when it is made again at once. */
  readonly retryable: boolean;
}

export class StorageError extends Error {
  override readonly name = 'StorageError';
  readonly code: StorageErrorCode;
  readonly file: string;
  readonly page: number | null;
  readonly retryable: boolean;

  /** The message becomes `file: page N: problem`, or `file: problem` when `page` is null. */
  constructor(code: StorageErrorCode, file: string, page: number | null, problem: string, more: More = {}) {
    super(
      page === null ? `${file}: ${problem}` : `${file}: page ${page}: ${problem}`,
      more.cause === undefined ? undefined : { cause: more.cause },
    );
    this.code = code;
    this.file = file;
    this.page = page;
    this.retryable = more.retryable ?? false;
  }

  /** The fields that structured clone would drop, with the message. */
  describe(): StorageErrorDetails & { readonly message: string } {
    const { code, file, page, retryable, message } = this;
    return { code, file, page, retryable, message };
  }
}

interface More {
  readonly retryable?: boolean;
  readonly cause?: unknown;
}

/** What was being done when the operating system refused. `sync` is apart because its failure must not be retried. */
export type Doing =
  'open' | 'open for writing' | 'read' | 'write' | 'sync' | 'create' | 'rename' | 'remove' | 'list';

/** What the common error numbers mean, in the words of strerror(3). */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'disk quota exceeded',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'read-only file system',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EFBIG: 'file too large',
  EIO: 'input/output error',
  EINTR: 'interrupted too often',
  EAGAIN: 'temporarily unavailable too often',
  EMFILE: 'too many open files',
  ENFILE: 'too many open files in the system',
};

/** @returns the errno name of an error that the operating system raised (`ENOSPC`), else null. */
export function systemCode(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  const { code, syscall }: NodeJS.ErrnoException = error;
  return typeof code === 'string' && typeof syscall === 'string' ? code : null;
}

/** What an errno name means: `no space left on the device (ENOSPC)`. */
export function systemReason(code: string): string {
  return `${REASONS[code] ?? 'the operating system refused'} (${code})`;
}

/**
 * What to throw for what a file operation threw: a StorageError. An error that no file operation made (a bug) is
 * given back as it is.
 */
export function toStorageError(error: unknown, doing: Doing, file: string, page: number | null): Error {
  const system = systemCode(error);
  if (system === null) return error instanceof Error ? error : new Error(String(error));
  const code = classify(system, doing);
  // After a failed fsync the kernel may have dropped the dirty pages and call the next one a success; InnoDB aborts.
  const retryable = (system === 'EIO' && doing !== 'sync') || system === 'EINTR' || system === 'EAGAIN';
  return new StorageError(code, file, page, `cannot ${doing}: ${systemReason(system)}`, {
    retryable,
    cause: error,
  });
}

function classify(system: string, doing: Doing): StorageErrorCode {
  switch (system) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'NO_SPACE';
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return doing === 'open' || doing === 'read' || doing === 'list' ? 'NOT_READABLE' : 'NOT_WRITABLE';
    case 'ENOENT':
      return 'NO_FILE';
    default:
      return 'IO';
  }
}
