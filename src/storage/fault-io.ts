/** Injected faults: a FileIo that fails or falls short where a plan says so. For tests and fault scenarios. */
import type { FileIo } from './file-io.ts';

/** A call that is about to be made. */
export interface FileCall {
  readonly op: keyof FileIo;
  /** The path given, or the one under which the descriptor was opened. */
  readonly path: string;
  /** Byte position and length of a read or write; 0 for others. */
  readonly position: number;
  readonly length: number;
  /** How many calls (of any kind) came before it. */
  readonly index: number;
}

/** Fail with this errno name, or transfer at most so many bytes (0 in a read looks like the end of the file). */
export type Fault = { readonly fail: string } | { readonly atMost: number };

/** Asked before each call; undefined lets it pass. */
export type FaultPlan = (call: FileCall) => Fault | undefined;

/** A system error as Node makes them. */
export function systemError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${code}: injected, ${syscall}`), { code, syscall, errno: -1 });
}

/** Wraps `io`. The plan's memory, if it has any, is the closure's: one wrapper serves one thread. */
export function faultyIo(io: FileIo, plan: FaultPlan): FileIo {
  const paths = new Map<number, string>();
  let index = 0;
  // Returns the number of bytes that may be moved.
  const ask = (op: keyof FileIo, path: string, position = 0, length = 0): number => {
    const fault = plan({ op, path, position, length, index: index++ });
    if (fault === undefined) return length;
    if ('fail' in fault) throw systemError(fault.fail, op);
    return Math.min(length, fault.atMost);
  };
  const pathOf = (fd: number): string => paths.get(fd) ?? `fd ${fd}`;
  return {
    open(path, flags) {
      ask('open', path);
      const fd = io.open(path, flags);
      paths.set(fd, path);
      return fd;
    },
    read(fd, bytes, at, length, position) {
      const most = ask('read', pathOf(fd), position, length);
      return most === 0 ? 0 : io.read(fd, bytes, at, most, position);
    },
    write(fd, bytes, at, length, position) {
      const most = ask('write', pathOf(fd), position, length);
      return most === 0 ? 0 : io.write(fd, bytes, at, most, position);
    },
    sync(fd) {
      ask('sync', pathOf(fd));
      io.sync(fd);
    },
    size(fd) {
      ask('size', pathOf(fd));
      return io.size(fd);
    },
    close(fd) {
      ask('close', pathOf(fd));
      paths.delete(fd);
      io.close(fd);
    },
    makeDir(path) {
      ask('makeDir', path);
      return io.makeDir(path);
    },
    list(path) {
      ask('list', path);
      return io.list(path);
    },
    rename(from, to) {
      ask('rename', from);
      io.rename(from, to);
    },
    remove(path) {
      ask('remove', path);
      io.remove(path);
    },
    removeDir(path) {
      ask('removeDir', path);
      io.removeDir(path);
    },
    freeBytes(path) {
      ask('freeBytes', path);
      return io.freeBytes(path);
    },
  };
}
