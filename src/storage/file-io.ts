/**
 * The seam between this folder and the operating system: tests and fault plans put another implementation in its
 * place (`fault-io.ts`). Every method is synchronous, throws Node's own system errors, and counts in bytes.
 */
import fs from 'node:fs';
import { dirname } from 'node:path';
import { systemCode } from './errors.ts';

export interface FileIo {
  open(path: string, flags: OpenFlags): number;
  /** One pread(2). @returns bytes read, perhaps fewer than asked; 0 at the end of the file. */
  read(fd: number, bytes: Uint8Array, at: number, length: number, position: number): number;
  /** One pwrite(2). @returns bytes written, perhaps fewer than asked. */
  write(fd: number, bytes: Uint8Array, at: number, length: number, position: number): number;
  /** fsync(2); also for a directory that was opened with `r`. */
  sync(fd: number): void;
  /** Size of the open file in bytes. */
  size(fd: number): number;
  close(fd: number): void;
  /** Makes a directory and its parents. @returns whether the directory was missing. */
  makeDir(path: string): boolean;
  list(path: string): string[];
  rename(from: string, to: string): void;
  /** Removes a file. */
  remove(path: string): void;
  /** Removes an empty directory. */
  removeDir(path: string): void;
  /** Bytes that an ordinary user may still write there, or null when the file system does not say. */
  freeBytes(path: string): number | null;
}

/** `create` opens for reading and writing and makes the file when it is missing, without emptying it. */
export type OpenFlags = 'r' | 'r+' | 'w' | 'create';

/** The real one. */
export const realFileIo: FileIo = {
  open: (path, flags) =>
    fs.openSync(path, flags === 'create' ? fs.constants.O_RDWR | fs.constants.O_CREAT : flags),
  read: (fd, bytes, at, length, position) => fs.readSync(fd, bytes, at, length, position),
  write: (fd, bytes, at, length, position) => fs.writeSync(fd, bytes, at, length, position),
  sync: (fd) => fs.fsyncSync(fd),
  size: (fd) => fs.fstatSync(fd).size,
  close: (fd) => fs.closeSync(fd),
  makeDir,
  list: (path) => fs.readdirSync(path),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  removeDir: (path) => fs.rmdirSync(path),
  freeBytes: (path) => {
    const { bavail, bsize, blocks } = fs.statfsSync(path);
    return blocks === 0 ? null : bavail * bsize;
  },
};

/** Not by mkdirSync's `recursive`, which reports a read-only file system as ENOENT. */
function makeDir(path: string): boolean {
  try {
    fs.mkdirSync(path);
    return true;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'EEXIST' && fs.statSync(path).isDirectory()) return false;
    const parent = dirname(path);
    if (code !== 'ENOENT' || parent === path) throw error;
    makeDir(parent);
    fs.mkdirSync(path);
    return true;
  }
}

/**
 * Interruptions in a row before a transfer gives up. libuv repeats EINTR by itself, so on a regular file only a
 * fault plan comes here; the bound is there because no wait in this project is unbounded.
 */
export const MAX_INTERRUPTS = 100;

/**
 * Reads until `length` bytes have come or the file ends.
 * @returns bytes read; fewer than `length` only at the end of the file.
 * @throws the system error of the read, EINTR and EAGAIN only after MAX_INTERRUPTS in a row.
 */
export function readFully(
  io: FileIo,
  fd: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
): number {
  let done = 0;
  let interrupts = 0;
  while (done < length) {
    let got: number;
    try {
      got = io.read(fd, bytes, at + done, length - done, position + done);
    } catch (error) {
      if (!isInterrupt(error) || ++interrupts >= MAX_INTERRUPTS) throw error;
      continue;
    }
    if (got === 0) break;
    done += got;
    interrupts = 0;
  }
  return done;
}

/**
 * Writes all `length` bytes.
 * @throws the system error of the write; one with code EIO when the system takes no bytes and names no reason.
 */
export function writeFully(
  io: FileIo,
  fd: number,
  bytes: Uint8Array,
  at: number,
  length: number,
  position: number,
): void {
  let done = 0;
  let interrupts = 0;
  while (done < length) {
    let put: number;
    try {
      put = io.write(fd, bytes, at + done, length - done, position + done);
    } catch (error) {
      if (!isInterrupt(error) || ++interrupts >= MAX_INTERRUPTS) throw error;
      continue;
    }
    if (put === 0) throw Object.assign(new Error('write took no bytes'), { code: 'EIO', syscall: 'write' });
    done += put;
    interrupts = 0;
  }
}

function isInterrupt(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'EINTR' || code === 'EAGAIN';
}
