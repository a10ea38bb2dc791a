/** What the buffer pool sees of the files: pages by (space, number), read into and written from its frames. */
import { StorageError } from './errors.ts';
import { stampPage } from './page.ts';
import type { Tablespace } from './tablespace.ts';

/** Where pages come from and go to. Calls run in the calling thread, which holds no pool latch. */
export interface PageStore {
  /**
   * Reads and checks a page.
   * @param frame byte offset of the frame
   * @returns the failure, or null when the page is sound
   */
  read(space: number, pageNo: number, frame: number): StorageError | null;
  /**
   * Stamps LSN and checksum into the frame and writes it. The frame is held SX, so its content stands still.
   * @throws StorageError
   */
  write(space: number, pageNo: number, frame: number, lsn: number): void;
}

/** Page I/O of one thread, for reports. */
export interface IoCounts {
  reads: number;
  writes: number;
}

/** The store over tablespace files that this thread has open. */
export class FileStore implements PageStore {
  readonly counts: IoCounts = { reads: 0, writes: 0 };
  private readonly bytes: Uint8Array;
  private readonly files = new Map<number, Tablespace>();

  constructor(buffer: SharedArrayBuffer, files: readonly Tablespace[]) {
    this.bytes = new Uint8Array(buffer);
    for (const file of files) this.files.set(file.space, file);
  }

  read(space: number, pageNo: number, frame: number): StorageError | null {
    try {
      this.fileOf(space, pageNo).readAndCheckPage(this.bytes, frame, pageNo >>> 0);
      this.counts.reads++;
      return null;
    } catch (error) {
      if (error instanceof StorageError) return error;
      throw error;
    }
  }

  write(space: number, pageNo: number, frame: number, lsn: number): void {
    stampPage(this.bytes, frame, lsn);
    this.fileOf(space, pageNo).writePage(this.bytes, frame, pageNo >>> 0);
    this.counts.writes++;
  }

  private fileOf(space: number, pageNo: number): Tablespace {
    const file = this.files.get(space >>> 0);
    if (file !== undefined) return file;
    throw new StorageError(
      'OUT_OF_BOUNDS',
      `space ${space >>> 0}`,
      pageNo >>> 0,
      'there is no such tablespace',
      {
        retryable: false,
      },
    );
  }

  sync(): void {
    for (const file of this.files.values()) file.sync();
  }

  close(): void {
    for (const file of this.files.values()) file.close();
  }
}

/** No files: pages are whatever the frames hold, if there are frames at all. For replays and the page-get bench. */
export const nullStore: PageStore = {
  read: () => null,
  write: () => undefined,
};
