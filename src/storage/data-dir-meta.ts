/** `latchlab.json`: what a data directory was made with. It is written last, so where it is, the files are whole. */
import { join } from 'node:path';
import { toStorageError, StorageError, systemCode } from './errors.ts';
import { type FileIo, readFully, realFileIo, writeFully } from './file-io.ts';
import { UNIV_PAGE_SIZE } from './page.ts';

export const META_FILE = 'latchlab.json';
/** Its name until it is whole. */
export const META_TEMP_FILE = 'latchlab.json.tmp';
/** Raised when files or filler change so that old directories must not be used. */
export const FORMAT_VERSION = 1;

export interface DataDirSettings {
  /** Number of tablespaces; they have the ids 1…n. */
  readonly tablespaces: number;
  /** Pages in each. */
  readonly pagesPerSpace: number;
  /** What counters and filler follow from; 0…2^53−1. */
  readonly seed: number;
}

export interface DataDirMeta extends DataDirSettings {
  readonly format: number;
  /** Bytes. */
  readonly pageSize: number;
}

/** In the order in which the file and the error messages have them. */
const FIELDS = ['format', 'pageSize', 'tablespaces', 'pagesPerSpace', 'seed'] as const;

const LIMITS: Readonly<Record<(typeof FIELDS)[number], readonly [number, number]>> = {
  format: [1, Number.MAX_SAFE_INTEGER],
  pageSize: [1, Number.MAX_SAFE_INTEGER],
  tablespaces: [1, 9999],
  // Page number FIL_NULL means "no page".
  pagesPerSpace: [1, 0xffffffff],
  seed: [0, Number.MAX_SAFE_INTEGER],
};

export function metaOf(settings: DataDirSettings): DataDirMeta {
  const { tablespaces, pagesPerSpace, seed } = settings;
  return { format: FORMAT_VERSION, pageSize: UNIV_PAGE_SIZE, tablespaces, pagesPerSpace, seed };
}

/** @throws StorageError BAD_SETTING naming the setting and its limits. */
export function checkSettings(dir: string, settings: DataDirSettings): void {
  const problem = findBadField(metaOf(settings));
  if (problem !== null) throw new StorageError('BAD_SETTING', dir, null, problem);
}

/**
 * Refuses a directory that was made with other settings.
 * @throws StorageError SETTINGS_DIFFER naming each setting, what was found and what is wanted, and the way out.
 */
export function checkSameSettings(dir: string, found: DataDirMeta, wanted: DataDirMeta): void {
  const differing = FIELDS.filter((field) => found[field] !== wanted[field]);
  if (differing.length === 0) return;
  const list = differing
    .map((field) => `${field} is ${found[field]} but ${wanted[field]} is wanted`)
    .join(', ');
  throw new StorageError(
    'SETTINGS_DIFFER',
    dir,
    null,
    `the data directory was made with other settings: ${list}; ask for what it has, name another directory, or remove this one`,
  );
}

/**
 * Reads the settings of an existing data directory.
 * @returns null when there is no meta file: no data directory, or one whose creation was interrupted.
 * @throws StorageError BAD_META, NOT_READABLE, IO.
 */
export function readMeta(dir: string, io: FileIo = realFileIo): DataDirMeta | null {
  const path = join(dir, META_FILE);
  let text: string;
  try {
    text = readText(path, io);
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw toStorageError(error, 'read', path, null);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    failMeta(path, 'it is no JSON', error);
  }
  if (typeof value !== 'object' || value === null) failMeta(path, 'it holds no settings');
  if (!isMeta(value)) failMeta(path, findBadField(value) ?? '');
  return value;
}

/**
 * Writes the settings: a temporary file, forced to disk, renamed, and the rename forced to disk.
 * @throws the system error.
 */
export function writeMeta(dir: string, meta: DataDirMeta, io: FileIo): void {
  const temp = join(dir, META_TEMP_FILE);
  const bytes = Buffer.from(`${JSON.stringify(meta, [...FIELDS], 2)}\n`);
  const fd = io.open(temp, 'w');
  try {
    writeFully(io, fd, bytes, 0, bytes.length, 0);
    io.sync(fd);
  } finally {
    io.close(fd);
  }
  io.rename(temp, join(dir, META_FILE));
  syncDir(dir, io);
}

function readText(path: string, io: FileIo): string {
  const fd = io.open(path, 'r');
  try {
    const bytes = Buffer.alloc(io.size(fd));
    return bytes.toString('utf8', 0, readFully(io, fd, bytes, 0, bytes.length, 0));
  } finally {
    io.close(fd);
  }
}

/** Forces the directory's entries to disk, so that a rename survives a power cut. Windows cannot, and need not. */
function syncDir(dir: string, io: FileIo): void {
  if (process.platform === 'win32') return;
  const fd = io.open(dir, 'r');
  try {
    io.sync(fd);
  } finally {
    io.close(fd);
  }
}

function findBadField(meta: Partial<DataDirMeta>): string | null {
  for (const field of FIELDS) {
    const value: unknown = meta[field];
    const [least, most] = LIMITS[field];
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) continue;
    return `${field} must be a whole number from ${least} to ${most}, found ${JSON.stringify(value)}`;
  }
  return null;
}

function isMeta(value: Partial<DataDirMeta>): value is DataDirMeta {
  return findBadField(value) === null;
}

function failMeta(path: string, problem: string, cause?: unknown): never {
  throw new StorageError(
    'BAD_META',
    path,
    null,
    `unusable meta file: ${problem}; remove the data directory and it will be made anew`,
    { cause },
  );
}
