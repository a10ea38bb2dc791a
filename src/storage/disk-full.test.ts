/** Full and read-only disks: injected always, and on a real file system of 1 MiB where one can be mounted. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { prepareDataDir, verifyDataDir } from './data-dir.ts';
import { faultyIo } from './fault-io.ts';
import { realFileIo } from './file-io.ts';
import { UNIV_PAGE_SIZE } from './page.ts';
import { Tablespace } from './tablespace.ts';

const base = fs.mkdtempSync(join(tmpdir(), 'latchlab-full-'));
const disk = join(base, 'disk');
const run = (command: string, ...args: string[]): boolean => spawnSync(command, args).status === 0;
fs.mkdirSync(disk);
const mount = (): boolean => run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk);
// Tried now, as `runIf` must know, but mounted by the hook: a run with --bail may load this file and run no hook.
const mountable = mount() && run('umount', disk);

beforeAll(() => {
  if (!mountable) console.warn('disk-full.test.ts: cannot mount a tmpfs here; injected faults only');
  else if (!mount()) throw new Error(`cannot mount ${disk} again`);
});
afterAll(() => {
  if (mountable && !run('umount', disk)) throw new Error(`cannot unmount ${disk}`);
  fs.rmSync(base, { recursive: true });
});

const noForesight = { ...realFileIo, freeBytes: () => null };
const wayOut = 'free some space, ask for fewer pages, or name another directory';
const big = { tablespaces: 2, pagesPerSpace: 64, seed: 1 };

describe('disk full', () => {
  it.each([
    ['ENOSPC', 'the disk was full'],
    ['EDQUOT', 'the disk quota was reached'],
  ])('%s (injected) names the directory and the bytes, and removes the files', (errno, text) => {
    const dir = join(base, 'injected');
    for (const kept of [false, true]) {
      if (kept) fs.mkdirSync(dir);
      // The second file gets one page and no more.
      const io = faultyIo(realFileIo, ({ op, path, position }) => {
        if (op !== 'write' || !path.endsWith('2.ibd')) return undefined;
        return position === 0 ? { atMost: UNIV_PAGE_SIZE } : { fail: errno };
      });
      expect(() => prepareDataDir({ ...big, dir, io })).toThrow(
        expect.objectContaining({
          code: 'NO_SPACE',
          retryable: false,
          message:
            `${dir}: the data directory needs 2097152 bytes (2.0 MiB), but ${text} after ` +
            `1048576 bytes (1.0 MiB); its files were removed again; ${wayOut}`,
        }),
      );
      expect(fs.existsSync(dir)).toBe(kept);
      expect(kept ? fs.readdirSync(dir) : []).toEqual([]);
      fs.rmSync(dir, { recursive: true, force: true });
    }
  });

  it('is foreseen (injected), so that nothing is written', () => {
    const dir = join(base, 'foreseen');
    const written: string[] = [];
    const io = faultyIo({ ...realFileIo, freeBytes: () => 2 ** 21 - 1 }, ({ op, path }) => {
      if (op === 'write') written.push(path);
      return undefined;
    });
    expect(() => prepareDataDir({ ...big, dir, io })).toThrow(
      `${dir}: the data directory needs 2097152 bytes (2.0 MiB), but only 2097151 bytes (2.0 MiB) are free there; ${wayOut}`,
    );
    expect(written).toEqual([]);
    expect(fs.existsSync(dir)).toBe(false);
    prepareDataDir({ ...big, dir, io: { ...realFileIo, freeBytes: () => 2 ** 21 } });
    fs.rmSync(dir, { recursive: true });
  });

  it.runIf(mountable)('is told on a real disk of 1 MiB, foreseen or not', () => {
    const dir = join(disk, 'data');
    expect(() => prepareDataDir({ ...big, dir })).toThrow(/but only \d+ bytes \(1\.0 MiB\) are free there/);
    expect(() => prepareDataDir({ ...big, dir, io: noForesight })).toThrow(
      /^.*\/data: the data directory needs 2097152 bytes .* but the disk was full after \d+ bytes/,
    );
    expect(fs.existsSync(dir)).toBe(false);
    prepareDataDir({ ...big, tablespaces: 1, pagesPerSpace: 40, dir });
    expect(verifyDataDir(dir).pages).toBe(40);
    fs.rmSync(dir, { recursive: true });
  });

  it.runIf(mountable)('stops a tablespace from growing on a real disk, and leaves it usable', () => {
    const path = join(disk, 't.ibd');
    const file = Tablespace.open(path, 1, { create: true });
    const full = expect.objectContaining({
      code: 'NO_SPACE',
      message: `${path}: cannot write: no space left on the device (ENOSPC)`,
    });
    expect(() => file.extend(100)).toThrow(full);
    const bytes = new Uint8Array(UNIV_PAGE_SIZE).fill(7);
    file.writePage(bytes, 0, 3);
    bytes.fill(0);
    file.readPage(bytes, 0, 3);
    expect(bytes.every((byte) => byte === 7)).toBe(true);
    file.close();
    // A sparse file has its size but not its room: here a page write itself meets the full disk.
    fs.truncateSync(path, 0);
    fs.truncateSync(path, 100 * UNIV_PAGE_SIZE);
    const sparse = Tablespace.open(path, 1);
    const fill = (): void => {
      for (let pageNo = 0; pageNo < 100; pageNo++) sparse.writePage(bytes, 0, pageNo);
    };
    expect(fill).toThrow(/t\.ibd: page \d+: cannot write: no space left on the device \(ENOSPC\)$/);
    sparse.close();
    fs.rmSync(path);
  });

  it.runIf(mountable)('is told apart from a disk that is read-only', () => {
    const dir = join(disk, 'ro');
    prepareDataDir({ ...big, tablespaces: 1, pagesPerSpace: 2, dir });
    expect(run('mount', '-o', 'remount,ro', disk)).toBe(true);
    try {
      expect(() => prepareDataDir({ ...big, dir: join(disk, 'new') })).toThrow(
        `${join(disk, 'new')}: cannot write here: read-only file system (EROFS); name a directory that can be written to`,
      );
      expect(() => prepareDataDir({ ...big, tablespaces: 1, pagesPerSpace: 2, dir })).toThrow(
        expect.objectContaining({ code: 'NOT_WRITABLE' }),
      );
      // Reading is all that a verification needs.
      expect(verifyDataDir(dir).pages).toBe(2);
    } finally {
      expect(run('mount', '-o', 'remount,rw', disk)).toBe(true);
    }
  });
});
