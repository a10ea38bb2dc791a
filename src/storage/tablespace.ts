/** A tablespace file: pages of 16 KiB, read straight into frames and written straight from them. */
import { toStorageError, StorageError } from './errors.ts';
import { type FileIo, readFully, realFileIo, writeFully } from './file-io.ts';
import { checkPage, describeDefect, UNIV_PAGE_SIZE } from './page.ts';

export interface OpenOptions {
  /** Make the file when it is missing; it then has no pages (see `extend`). Default false. */
  readonly create?: boolean;
  /** Open for reading only. Default false. */
  readonly readOnly?: boolean;
  /** The operating system, or what a test puts in its place. */
  readonly io?: FileIo;
}

const ZEROS_BYTES = 1 << 20;

/**
 * One open file (fil_space_t with its only fil_node_t). Each thread opens its own: Node closes the descriptors of a
 * worker when the worker ends. Nothing here is shared, nothing is cached but the size, which is looked up again
 * before a page is called out of bounds, as another thread may have extended the file.
 *
 * All methods block, and throw StorageError. `retryable` errors are for the caller to try again (the pool: 100
 * times, BUF_PAGE_READ_MAX_RETRIES).
 */
export class Tablespace {
  readonly space: number;
  readonly path: string;
  /** -1 once closed. */
  fd: number;
  /** Size in pages when last looked at. A page that the end of the file cuts off counts, so that reading it says so. */
  pages: number;
  private readonly io: FileIo;

  private constructor(path: string, space: number, fd: number, pages: number, io: FileIo) {
    this.path = path;
    this.space = space;
    this.fd = fd;
    this.pages = pages;
    this.io = io;
  }

  /** @throws StorageError NO_FILE, NOT_READABLE, NOT_WRITABLE, IO. */
  static open(path: string, space: number, options: OpenOptions = {}): Tablespace {
    const io = options.io ?? realFileIo;
    const doing = options.readOnly === true ? 'open' : 'open for writing';
    const flags = options.readOnly === true ? 'r' : options.create === true ? 'create' : 'r+';
    let fd = -1;
    try {
      fd = io.open(path, flags);
      return new Tablespace(path, space, fd, sizeInPages(io, fd), io);
    } catch (error) {
      if (fd >= 0) io.close(fd);
      throw toStorageError(error, doing, path, null);
    }
  }

  /**
   * Reads a page into `bytes` from offset `at`, unchecked (os_file_read). Repeats short reads.
   * @throws StorageError OUT_OF_BOUNDS; SHORT_READ (retryable) when the file ends inside the page; IO (EIO:
   *   retryable); CLOSED. The bytes are undefined afterwards.
   */
  readPage(bytes: Uint8Array, at: number, pageNo: number): void {
    if (!this.has(pageNo)) this.lookAgain(pageNo, 'read');
    if (this.fd < 0) this.failClosed(pageNo);
    let got = 0;
    try {
      got = readFully(this.io, this.fd, bytes, at, UNIV_PAGE_SIZE, pageNo * UNIV_PAGE_SIZE);
    } catch (error) {
      throw toStorageError(error, 'read', this.path, pageNo);
    }
    if (got < UNIV_PAGE_SIZE) {
      throw new StorageError(
        'SHORT_READ',
        this.path,
        pageNo,
        `the file ends inside the page: read ${got} of ${UNIV_PAGE_SIZE} bytes`,
        { retryable: true },
      );
    }
  }

  /**
   * Reads a page and checks it.
   * @throws StorageError as `readPage`; PAGE_CORRUPT; PAGE_NUMBER (the page is sound, but it is another one). Neither
   *   is retryable: no page is read while it is being written.
   */
  readAndCheckPage(bytes: Uint8Array, at: number, pageNo: number): void {
    this.readPage(bytes, at, pageNo);
    const defect = checkPage(bytes, at, this.space, pageNo);
    if (defect === null) return;
    const damaged = defect.kind === 'checksum' || defect.kind === 'lsn-trailer';
    throw new StorageError(
      damaged ? 'PAGE_CORRUPT' : 'PAGE_NUMBER',
      this.path,
      pageNo,
      describeDefect(defect),
      { retryable: false },
    );
  }

  /**
   * Writes a page as it is; stamp it before (os_file_write). Repeats short writes. It is on the disk after `sync`.
   * @throws StorageError OUT_OF_BOUNDS (a file grows by `extend` only), NO_SPACE, NOT_WRITABLE, IO, CLOSED. The
   *   page on disk may be torn afterwards.
   */
  writePage(bytes: Uint8Array, at: number, pageNo: number): void {
    if (!this.has(pageNo)) this.lookAgain(pageNo, 'write');
    if (this.fd < 0) this.failClosed(pageNo);
    try {
      writeFully(this.io, this.fd, bytes, at, UNIV_PAGE_SIZE, pageNo * UNIV_PAGE_SIZE);
    } catch (error) {
      throw toStorageError(error, 'write', this.path, pageNo);
    }
  }

  /**
   * Makes the file at least so many pages long, with zeros (fil_space_extend). Zeros are really written: a sparse
   * file would put off "disk full" to a later write, when the page has no other place.
   * @throws StorageError NO_SPACE, IO, CLOSED. The file keeps the pages that had room.
   */
  extend(pages: number): void {
    if (this.fd < 0) this.failClosed(null);
    const end = pages * UNIV_PAGE_SIZE;
    try {
      // Whole pages stay; a page that was cut off is written anew.
      let position = Math.floor(this.io.size(this.fd) / UNIV_PAGE_SIZE) * UNIV_PAGE_SIZE;
      const zeros = new Uint8Array(Math.max(0, Math.min(ZEROS_BYTES, end - position)));
      while (position < end) {
        const length = Math.min(zeros.length, end - position);
        writeFully(this.io, this.fd, zeros, 0, length, position);
        position += length;
      }
      this.pages = sizeInPages(this.io, this.fd);
    } catch (error) {
      throw toStorageError(error, 'write', this.path, null);
    }
  }

  /**
   * Forces what was written to the disk (fil_flush). A failure is not retryable: the system may have forgotten the
   * pages that it could not write, and the next call would succeed all the same.
   * @throws StorageError IO, NO_SPACE, CLOSED.
   */
  sync(): void {
    if (this.fd < 0) this.failClosed(null);
    try {
      this.io.sync(this.fd);
    } catch (error) {
      throw toStorageError(error, 'sync', this.path, null);
    }
  }

  /** Closes the file; a second call does nothing. @throws StorageError IO. */
  close(): void {
    const fd = this.fd;
    this.fd = -1;
    if (fd < 0) return;
    try {
      this.io.close(fd);
    } catch (error) {
      throw toStorageError(error, 'sync', this.path, null);
    }
  }

  private has(pageNo: number): boolean {
    return pageNo >= 0 && pageNo < this.pages && Number.isInteger(pageNo);
  }

  private lookAgain(pageNo: number, doing: 'read' | 'write'): void {
    if (this.fd < 0) this.failClosed(pageNo);
    try {
      this.pages = sizeInPages(this.io, this.fd);
    } catch (error) {
      throw toStorageError(error, doing, this.path, pageNo);
    }
    if (this.has(pageNo)) return;
    throw new StorageError(
      'OUT_OF_BOUNDS',
      this.path,
      pageNo,
      `cannot ${doing}: it lies outside the file, which has ${this.pages} pages`,
    );
  }

  private failClosed(pageNo: number | null): never {
    throw new StorageError('CLOSED', this.path, pageNo, 'the file is closed');
  }
}

function sizeInPages(io: FileIo, fd: number): number {
  return Math.ceil(io.size(fd) / UNIV_PAGE_SIZE);
}
