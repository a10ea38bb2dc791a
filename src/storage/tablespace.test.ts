import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fillPage } from './counter-page.ts';
import { StorageError } from './errors.ts';
import { type Fault, faultyIo } from './fault-io.ts';
import { type FileIo, MAX_INTERRUPTS, realFileIo } from './file-io.ts';
import { FIL_PAGE_INDEX, initPage, stampPage, UNIV_PAGE_SIZE } from './page.ts';
import { Tablespace } from './tablespace.ts';

const SPACE = 6;
let dir = '';
let path = '';
const opened: Tablespace[] = [];

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), 'latchlab-tablespace-'));
  path = join(dir, 't.ibd');
});
afterEach(() => {
  for (const file of opened.splice(0)) file.close();
  fs.rmSync(dir, { recursive: true });
});

function open(options: { create?: boolean; readOnly?: boolean; io?: FileIo } = {}): Tablespace {
  const file = Tablespace.open(path, SPACE, options);
  opened.push(file);
  return file;
}

function soundPage(pageNo: number, lsn = 9000 + pageNo): Uint8Array {
  const bytes = new Uint8Array(UNIV_PAGE_SIZE);
  initPage(bytes, 0, SPACE, pageNo, FIL_PAGE_INDEX);
  fillPage(bytes, 0, 1, SPACE, pageNo);
  stampPage(bytes, 0, lsn);
  return bytes;
}

function writePages(pages: number): void {
  fs.writeFileSync(path, Buffer.concat(Array.from({ length: pages }, (_, i) => soundPage(i))));
}

function caught(action: () => void): StorageError {
  try {
    action();
  } catch (error) {
    if (error instanceof StorageError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** Fails the first `times` calls of one kind. */
function failing(op: keyof FileIo, fault: Fault, times = Infinity): FileIo {
  let left = times;
  return faultyIo(realFileIo, (call) => (call.op === op && left-- > 0 ? fault : undefined));
}

const buffer = new Uint8Array(UNIV_PAGE_SIZE);

describe('Tablespace', () => {
  it('moves pages between file and shared memory at any offset, and touches nothing beside', () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4 * UNIV_PAGE_SIZE));
    const file = open({ create: true });
    expect(file.pages).toBe(0);
    file.extend(5);
    expect(file.pages).toBe(5);
    for (const [pageNo, at] of [0, 1, 77, UNIV_PAGE_SIZE + 3, 2 * UNIV_PAGE_SIZE].entries()) {
      shared.fill(0xcd);
      shared.set(soundPage(pageNo), at);
      file.writePage(shared, at, pageNo);
      const backTo = 2 * UNIV_PAGE_SIZE - at + 5;
      shared.fill(0xcd);
      file.readAndCheckPage(shared, backTo, pageNo);
      const back = shared.slice(backTo, backTo + UNIV_PAGE_SIZE);
      expect(Buffer.from(back).equals(soundPage(pageNo))).toBe(true);
      expect(shared[backTo - 1]).toBe(0xcd);
      expect(shared[backTo + UNIV_PAGE_SIZE]).toBe(0xcd);
    }
    file.sync();
    expect(fs.statSync(path).size).toBe(5 * UNIV_PAGE_SIZE);
  });

  it('repeats short transfers and interruptions', () => {
    writePages(2);
    let calls = 0;
    const io = faultyIo(realFileIo, ({ op }) => {
      if (op !== 'read' && op !== 'write') return undefined;
      calls++;
      if (calls % 3 === 0) return { fail: calls % 2 === 0 ? 'EINTR' : 'EAGAIN' };
      return { atMost: 1000 + calls };
    });
    const file = open({ io });
    file.readAndCheckPage(buffer, 0, 1);
    expect(calls).toBeGreaterThan(16);
    const changed = soundPage(1, 12345);
    file.writePage(changed, 0, 1);
    expect(fs.readFileSync(path).subarray(UNIV_PAGE_SIZE).equals(changed)).toBe(true);
    expect(fs.readFileSync(path).subarray(0, UNIV_PAGE_SIZE).equals(soundPage(0))).toBe(true);
  });

  it.each(['read', 'write'] as const)('gives up a %s that is interrupted without end', (op) => {
    writePages(1);
    const most = open({ io: failing(op, { fail: 'EINTR' }, MAX_INTERRUPTS - 1) });
    most[`${op}Page`](buffer, 0, 0);
    let calls = 0;
    const endlessIo = faultyIo(realFileIo, (call) => {
      if (call.op !== op) return undefined;
      calls++;
      return { fail: 'EINTR' };
    });
    const endless = open({ io: endlessIo });
    const error = caught(() => endless[`${op}Page`](buffer, 0, 0));
    expect(calls).toBe(MAX_INTERRUPTS);
    expect(error).toMatchObject({ code: 'IO', retryable: true });
    expect(error.message).toBe(`${path}: page 0: cannot ${op}: interrupted too often (EINTR)`);
  });

  it.each(['read', 'write'] as const)('goes on with a %s that is interrupted often, but moves on', (op) => {
    writePages(1);
    let calls = 0;
    const io = faultyIo(realFileIo, (call) => {
      if (call.op !== op) return undefined;
      return ++calls % 2 === 0 ? { fail: 'EINTR' } : { atMost: 100 };
    });
    open({ io })[`${op}Page`](soundPage(0), 0, 0);
    expect(calls).toBe(2 * Math.ceil(UNIV_PAGE_SIZE / 100) - 1);
    expect(calls).toBeGreaterThan(2 * MAX_INTERRUPTS);
  });

  it('refuses pages outside the file', () => {
    writePages(3);
    const file = open();
    for (const op of ['readPage', 'writePage', 'readAndCheckPage'] as const) {
      for (const pageNo of [3, 2 ** 32, -1, 1.5, NaN]) {
        const error = caught(() => file[op](buffer, 0, pageNo));
        expect(error).toMatchObject({ code: 'OUT_OF_BOUNDS', retryable: false, file: path });
        const doing = op === 'writePage' ? 'write' : 'read';
        expect(error.message).toBe(
          `${path}: page ${pageNo}: cannot ${doing}: it lies outside the file, which has 3 pages`,
        );
      }
    }
    expect(fs.statSync(path).size).toBe(3 * UNIV_PAGE_SIZE);
  });

  it('sees pages by which another thread has extended the file', () => {
    writePages(1);
    const mine = open();
    const theirs = open();
    theirs.extend(3);
    theirs.writePage(soundPage(2), 0, 2);
    mine.readAndCheckPage(buffer, 0, 2);
    expect(mine.pages).toBe(3);
  });

  it('says where a truncated file ends, whether it was cut before or after it was opened', () => {
    writePages(2);
    const before = open();
    fs.truncateSync(path, UNIV_PAGE_SIZE + 100);
    const after = open();
    for (const file of [before, after]) {
      file.readAndCheckPage(buffer, 0, 0);
      const error = caught(() => file.readPage(buffer, 0, 1));
      expect(error).toMatchObject({ code: 'SHORT_READ', retryable: true, page: 1 });
      expect(error.message).toBe(`${path}: page 1: the file ends inside the page: read 100 of 16384 bytes`);
    }
    before.extend(2);
    expect(fs.statSync(path).size).toBe(2 * UNIV_PAGE_SIZE);
    expect(caught(() => before.readAndCheckPage(buffer, 0, 1)).message).toContain('page is all zeros');
  });

  it('checks what it read: damage and a wrong page end at once', () => {
    writePages(3);
    const file = open();
    const swapped = [soundPage(1), soundPage(0)];
    file.writePage(swapped[0], 0, 0);
    file.writePage(swapped[1], 0, 1);
    let error = caught(() => file.readAndCheckPage(buffer, 0, 0));
    expect(error).toMatchObject({ code: 'PAGE_NUMBER', retryable: false, page: 0 });
    expect(error.message).toBe(
      `${path}: page 0: another page is in its place: expected page 0, found page 1`,
    );
    file.readPage(buffer, 0, 0);

    const foreign = Tablespace.open(path, SPACE + 1);
    opened.push(foreign);
    error = caught(() => foreign.readAndCheckPage(buffer, 0, 2));
    expect(error).toMatchObject({ code: 'PAGE_NUMBER', retryable: false });
    expect(error.message).toContain('expected space 7, found space 6');

    const damaged = soundPage(2);
    damaged[5000] = damaged[5000] ^ 1;
    file.writePage(damaged, 0, 2);
    error = caught(() => file.readAndCheckPage(buffer, 0, 2));
    expect(error).toMatchObject({ code: 'PAGE_CORRUPT', retryable: false, page: 2 });
    expect(error.message).toMatch(
      /page 2: wrong checksum: found 0x[0-9a-f]{8}, its bytes give 0x[0-9a-f]{8}$/,
    );
    const torn = soundPage(2, 1);
    torn.set(soundPage(2, 2).subarray(8192), 8192);
    file.writePage(torn, 0, 2);
    error = caught(() => file.readAndCheckPage(buffer, 0, 2));
    expect(error).toMatchObject({ code: 'PAGE_CORRUPT', retryable: false });
    expect(error.message).toContain('half-written page: its header says LSN 1 (low half), its trailer 2');
  });

  it('reports what the system refuses', () => {
    writePages(2);
    const eio = open({ io: failing('read', { fail: 'EIO' }, 1) });
    let error = caught(() => eio.readPage(buffer, 0, 1));
    expect(error).toMatchObject({ code: 'IO', retryable: true });
    expect(error.message).toBe(`${path}: page 1: cannot read: input/output error (EIO)`);
    eio.readAndCheckPage(buffer, 0, 1);

    const full = open({ io: failing('write', { fail: 'ENOSPC' }) });
    error = caught(() => full.writePage(buffer, 0, 1));
    expect(error).toMatchObject({ code: 'NO_SPACE', retryable: false });
    expect(error.message).toBe(`${path}: page 1: cannot write: no space left on the device (ENOSPC)`);
    error = caught(() => full.extend(9));
    expect(error.message).toBe(`${path}: cannot write: no space left on the device (ENOSPC)`);

    const stuck = open({ io: failing('write', { atMost: 0 }) });
    error = caught(() => stuck.writePage(buffer, 0, 1));
    expect(error.message).toBe(`${path}: page 1: cannot write: input/output error (EIO)`);

    const unsynced = open({ io: failing('sync', { fail: 'EIO' }) });
    error = caught(() => unsynced.sync());
    expect(error).toMatchObject({ code: 'IO', retryable: false });
    expect(error.message).toBe(`${path}: cannot sync: input/output error (EIO)`);

    let sizes = 0;
    const io = faultyIo(realFileIo, ({ op }) => (op === 'size' && sizes++ > 0 ? { fail: 'EIO' } : undefined));
    error = caught(() => open({ io }).readPage(buffer, 0, 2));
    expect(error.message).toBe(`${path}: page 2: cannot read: input/output error (EIO)`);
  });

  it('writes nothing through a read-only file', () => {
    writePages(1);
    const file = open({ readOnly: true });
    file.readAndCheckPage(buffer, 0, 0);
    const error = caught(() => file.writePage(buffer, 0, 0));
    expect(error.file).toBe(path);
    expect(error.message).toContain('page 0: cannot write: ');
  });

  it('says why a file cannot be opened, and leaks no descriptor', () => {
    let error = caught(() => open());
    expect(error).toMatchObject({ code: 'NO_FILE', retryable: false, page: null });
    expect(error.message).toBe(`${path}: cannot open for writing: no such file or directory (ENOENT)`);
    error = caught(() => open({ io: failing('open', { fail: 'EACCES' }), readOnly: true }));
    expect(error).toMatchObject({ code: 'NOT_READABLE' });
    error = caught(() => open({ io: failing('open', { fail: 'EROFS' }) }));
    expect(error).toMatchObject({ code: 'NOT_WRITABLE' });

    writePages(1);
    let closed = 0;
    const io = faultyIo(realFileIo, ({ op }) => {
      if (op === 'close') closed++;
      return op === 'size' ? { fail: 'EIO' } : undefined;
    });
    expect(caught(() => open({ io })).code).toBe('IO');
    expect(closed).toBe(1);
  });

  it('is of no use once closed', () => {
    writePages(1);
    const file = open();
    file.close();
    file.close();
    expect(file.fd).toBe(-1);
    for (const use of [
      () => file.readPage(buffer, 0, 0),
      () => file.writePage(buffer, 0, 0),
      () => file.readPage(buffer, 0, 9),
    ]) {
      expect(caught(use)).toMatchObject({ code: 'CLOSED' });
    }
    expect(caught(() => file.sync()).message).toBe(`${path}: the file is closed`);
    expect(caught(() => file.extend(2)).code).toBe('CLOSED');
    expect(caught(() => file.readPage(buffer, 0, 0)).message).toBe(`${path}: page 0: the file is closed`);
    const unclosable = open({ io: failing('close', { fail: 'EIO' }, 1) });
    expect(caught(() => unclosable.close()).code).toBe('IO');
  });

  it('lets a wrong offset through as the bug that it is', () => {
    writePages(1);
    const file = open();
    expect(() => file.readPage(buffer, 1, 0)).toThrow(RangeError);
    expect(() => file.writePage(buffer, 1, 0)).toThrow(RangeError);
  });

  it('does not change a file that it opens with create, and extend never shrinks it', () => {
    writePages(2);
    const file = open({ create: true });
    file.readAndCheckPage(buffer, 0, 1);
    file.extend(1);
    file.readAndCheckPage(buffer, 0, 1);
    expect(file.pages).toBe(2);
    // More than one write's worth of zeros.
    file.extend(70);
    expect(fs.statSync(path).size).toBe(70 * UNIV_PAGE_SIZE);
    file.readAndCheckPage(buffer, 0, 1);
  });
});
