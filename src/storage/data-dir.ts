/**
 * The data directory of a run: `lab_0001.ibd` … with counter pages that follow from a seed, and `latchlab.json`.
 * Made once, used by many runs; verified before and after each.
 */
import { join } from 'node:path';
import { describeTorn, fillPage, findBadFiller, readCounter, TORN } from './counter-page.ts';
import {
  checkSameSettings,
  checkSettings,
  type DataDirMeta,
  type DataDirSettings,
  META_FILE,
  META_TEMP_FILE,
  metaOf,
  readMeta,
  writeMeta,
} from './data-dir-meta.ts';
import { StorageError, systemCode, systemReason, toStorageError } from './errors.ts';
import { type FileIo, realFileIo, writeFully } from './file-io.ts';
import { FIL_PAGE_INDEX, initPage, LOG_START_LSN, stampPage, UNIV_PAGE_SIZE } from './page.ts';
import { Tablespace } from './tablespace.ts';

/** Told now and then: pages done, pages in all. It may throw to break off. */
export type Progress = (done: number, total: number) => void;

export interface PrepareOptions extends DataDirSettings {
  readonly dir: string;
  readonly onProgress?: Progress;
  readonly io?: FileIo;
}

export interface PreparedDataDir {
  readonly dir: string;
  readonly meta: DataDirMeta;
  /** `found`: was there, with these settings; `redone`: an interrupted creation was begun again. */
  readonly how: 'found' | 'created' | 'redone';
  /** Paths of the tablespace files; the first has space id 1. */
  readonly files: readonly string[];
}

export interface VerifyOptions {
  /** Called for each sound page, in order. */
  readonly onPage?: (space: number, pageNo: number, counter: number) => void;
  readonly onProgress?: Progress;
  readonly io?: FileIo;
}

/** Pages written, or read between two progress calls: 1 MiB. */
const CHUNK_PAGES = 64;
const DATA_FILE = /^lab_\d{4}\.ibd$/;

/** File name of a tablespace: `lab_0001.ibd`. */
export function dataFileName(space: number): string {
  return `lab_${String(space).padStart(4, '0')}.ibd`;
}

/**
 * Makes the data directory, or makes sure that the one there fits: same settings, all files of the right size and
 * writable. Pages are not read; `verifyDataDir` does that. Blocks; about 1.5 s per GiB besides the disk.
 * @throws StorageError BAD_SETTING, SETTINGS_DIFFER, BAD_META, FILE_SIZE, NO_FILE, NOT_WRITABLE, NO_SPACE, IO. When
 *   a creation fails, the files that it made are removed.
 */
export function prepareDataDir(options: PrepareOptions): PreparedDataDir {
  const { dir, io = realFileIo } = options;
  checkSettings(dir, options);
  const meta = metaOf(options);
  const found = readMeta(dir, io);
  const files = filesOf(dir, meta);
  if (found !== null) {
    checkSameSettings(dir, found, meta);
    for (const [index, path] of files.entries()) openWhole(path, index + 1, meta, io, false).close();
    return { dir, meta, how: 'found', files };
  }
  const how = create(dir, meta, files, io, options.onProgress);
  return { dir, meta, how, files };
}

/**
 * Removes what `prepareDataDir` made, and the directory when it is empty then. Nothing there: nothing done.
 * @returns names that were left because they are not ours.
 * @throws StorageError NOT_WRITABLE, IO.
 */
export function removeDataDir(dir: string, io: FileIo = realFileIo): string[] {
  try {
    return removeFiles(dir, io, true);
  } catch (error) {
    throw toStorageError(error, 'remove', dir, null);
  }
}

/**
 * Reads every page and checks it: checksum, LSN trailer, page number, space id, that all copies of its counter are
 * equal, and that its filler is untouched. Files are opened read-only.
 * @returns pages read and the sum of their counters.
 * @throws StorageError for the first defect: PAGE_CORRUPT, PAGE_NUMBER, PAGE_TORN, PAGE_FILLER, SHORT_READ, or
 *   NO_DATA_DIR, NO_FILE, FILE_SIZE, BAD_META, IO.
 */
export function verifyDataDir(
  dir: string,
  options: VerifyOptions = {},
): { readonly pages: number; readonly counterSum: number } {
  const { io = realFileIo, onPage, onProgress } = options;
  const meta = readMeta(dir, io);
  if (meta === null) {
    throw new StorageError(
      'NO_DATA_DIR',
      dir,
      null,
      `no data directory (it has no ${META_FILE}); prepare it first`,
    );
  }
  checkSameSettings(dir, meta, metaOf(meta));
  const mem = new Int32Array(UNIV_PAGE_SIZE / 4);
  const bytes = new Uint8Array(mem.buffer);
  const total = meta.tablespaces * meta.pagesPerSpace;
  let pages = 0;
  let counterSum = 0;
  for (const [index, path] of filesOf(dir, meta).entries()) {
    const space = index + 1;
    const file = openWhole(path, space, meta, io, true);
    try {
      for (let pageNo = 0; pageNo < meta.pagesPerSpace; pageNo++) {
        file.readAndCheckPage(bytes, 0, pageNo);
        const counter = checkPayload(path, mem, bytes, meta.seed, space, pageNo);
        counterSum += counter;
        onPage?.(space, pageNo, counter);
        if (++pages % CHUNK_PAGES === 0 || pages === total) onProgress?.(pages, total);
      }
    } finally {
      file.close();
    }
  }
  return { pages, counterSum };
}

function checkPayload(
  path: string,
  mem: Int32Array,
  bytes: Uint8Array,
  seed: number,
  space: number,
  pageNo: number,
): number {
  const counter = readCounter(mem, 0);
  if (counter === TORN) {
    const copies = describeTorn(mem, 0);
    throw new StorageError('PAGE_TORN', path, pageNo, `copies of the counter differ: ${copies}`);
  }
  const bad = findBadFiller(bytes, 0, seed, space, pageNo);
  if (bad >= 0) {
    const problem = `byte ${bad} or one of the next three was overwritten in memory (its checksum is right, its filler is not that of seed ${seed})`;
    throw new StorageError('PAGE_FILLER', path, pageNo, problem);
  }
  return counter;
}

function filesOf(dir: string, meta: DataDirMeta): string[] {
  return Array.from({ length: meta.tablespaces }, (_, index) => join(dir, dataFileName(index + 1)));
}

function openWhole(
  path: string,
  space: number,
  meta: DataDirMeta,
  io: FileIo,
  readOnly: boolean,
): Tablespace {
  const file = Tablespace.open(path, space, { readOnly, io });
  if (file.pages === meta.pagesPerSpace) return file;
  const { pages } = file;
  file.close();
  throw new StorageError(
    'FILE_SIZE',
    path,
    null,
    `the file has ${pages} pages, expected ${meta.pagesPerSpace}; remove the data directory and it will be made anew`,
  );
}

function create(
  dir: string,
  meta: DataDirMeta,
  files: readonly string[],
  io: FileIo,
  onProgress: Progress | undefined,
): 'created' | 'redone' {
  const total = meta.tablespaces * meta.pagesPerSpace;
  let made = false;
  let begun = false;
  let written = 0;
  try {
    made = io.makeDir(dir);
    begun = !made && io.list(dir).some(isOurs);
    if (begun) removeFiles(dir, io, false);
    refuseIfTooFull(dir, total * UNIV_PAGE_SIZE, io);
    const chunk = new Uint8Array(CHUNK_PAGES * UNIV_PAGE_SIZE);
    for (const [index, path] of files.entries()) {
      writeFile(path, index + 1, meta, chunk, io, (pages) => {
        written += pages;
        onProgress?.(written, total);
      });
    }
    writeMeta(dir, meta, io);
  } catch (error) {
    try {
      removeFiles(dir, io, made);
    } catch {
      // The first error is the one to tell; what is left behind has no meta file and is redone next time.
    }
    failCreation(error, dir, total * UNIV_PAGE_SIZE, written * UNIV_PAGE_SIZE);
  }
  return begun ? 'redone' : 'created';
}

function writeFile(
  path: string,
  space: number,
  meta: DataDirMeta,
  chunk: Uint8Array,
  io: FileIo,
  onWritten: (pages: number) => void,
): void {
  const fd = io.open(path, 'w');
  try {
    for (let first = 0; first < meta.pagesPerSpace; first += CHUNK_PAGES) {
      const pages = Math.min(CHUNK_PAGES, meta.pagesPerSpace - first);
      for (let i = 0; i < pages; i++) {
        const at = i * UNIV_PAGE_SIZE;
        initPage(chunk, at, space, first + i, FIL_PAGE_INDEX);
        fillPage(chunk, at, meta.seed, space, first + i);
        stampPage(chunk, at, LOG_START_LSN);
      }
      writeFully(io, fd, chunk, 0, pages * UNIV_PAGE_SIZE, first * UNIV_PAGE_SIZE);
      onWritten(pages);
    }
    io.sync(fd);
  } finally {
    io.close(fd);
  }
}

/** Says "disk full" before filling it: somebody else may be working there. Not every file system knows. */
function refuseIfTooFull(dir: string, bytes: number, io: FileIo): void {
  const free = io.freeBytes(dir);
  if (free !== null && free < bytes)
    failNoSpace(dir, `needs ${size(bytes)}, but only ${size(free)} are free there`);
}

function failCreation(error: unknown, dir: string, bytes: number, written: number): never {
  const code = systemCode(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const what = code === 'EDQUOT' ? 'the disk quota was reached' : 'the disk was full';
    failNoSpace(
      dir,
      `needs ${size(bytes)}, but ${what} after ${size(written)}; its files were removed again`,
      error,
    );
  }
  if (code === 'EEXIST' || code === 'ENOTDIR') {
    const problem = 'cannot make the data directory: a file is in its place';
    throw new StorageError('NO_DATA_DIR', dir, null, problem, { cause: error });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    const problem = `cannot write here: ${systemReason(code)}; name a directory that can be written to`;
    throw new StorageError('NOT_WRITABLE', dir, null, problem, { cause: error });
  }
  throw toStorageError(error, 'create', dir, null);
}

function failNoSpace(dir: string, problem: string, cause?: unknown): never {
  const wayOut = 'free some space, ask for fewer pages, or name another directory';
  throw new StorageError('NO_SPACE', dir, null, `the data directory ${problem}; ${wayOut}`, { cause });
}

/** The meta file goes first: without it the rest counts as an interrupted creation. */
function removeFiles(dir: string, io: FileIo, removeDir: boolean): string[] {
  let names: string[];
  try {
    names = io.list(dir);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
  const ours = names.filter(isOurs);
  for (const name of ours.toSorted((a, b) => Number(b === META_FILE) - Number(a === META_FILE))) {
    io.remove(join(dir, name));
  }
  if (removeDir && ours.length === names.length) io.removeDir(dir);
  return names.filter((name) => !isOurs(name));
}

function isOurs(name: string): boolean {
  return name === META_FILE || name === META_TEMP_FILE || DATA_FILE.test(name);
}

const size = (bytes: number): string => `${bytes} bytes (${(bytes / 2 ** 20).toFixed(1)} MiB)`;
