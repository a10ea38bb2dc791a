import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Rng } from '../../layout/rng.ts';
import { densify, readTrace, TraceFileError } from './trace-file.ts';

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchlab-trace-'));
});
afterAll(() => {
  rmSync(dir, { recursive: true });
});

function write(name: string, bytes: Uint8Array): string {
  const file = join(dir, name);
  writeFileSync(file, bytes);
  return file;
}

function packed(numbers: readonly number[]): Buffer {
  const raw = Buffer.alloc(numbers.length * 4);
  for (const [i, n] of numbers.entries()) raw.writeUInt32LE(n, i * 4);
  return gzipSync(raw);
}

/** The error's message after the file's name; fails when there is no error, or one of more than a line. */
async function complaint(file: string, maxBytes?: number): Promise<string> {
  const error: unknown = await readTrace(file, maxBytes).catch((e: unknown) => e);
  if (!(error instanceof TraceFileError)) throw new Error(`not a TraceFileError: ${String(error)}`);
  expect(error.file).toBe(file);
  expect(error.message).not.toContain('\n');
  expect(error.message.startsWith(`trace ${file}: `)).toBe(true);
  return error.message.slice(`trace ${file}: `.length);
}

describe('readTrace', () => {
  it('reads little-endian page numbers into shared memory', async () => {
    const trace = await readTrace(write('small.u32.gz', packed([0, 1, 0x01020304, 2 ** 32 - 1])));
    expect([...trace]).toEqual([0, 1, 0x01020304, 2 ** 32 - 1]);
    expect(trace.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(trace.byteLength).toBe(trace.buffer.byteLength);
  });

  it('reads more than its first guess holds', async () => {
    const numbers = Array.from({ length: 300_000 }, (_, i) => (i >> 9) & 3);
    const bytes = packed(numbers);
    expect(bytes.length * 4).toBeLessThan(numbers.length * 4);
    const trace = await readTrace(write('packs-well.u32.gz', bytes));
    expect(Buffer.compare(Buffer.from(trace.buffer), Buffer.from(Uint32Array.from(numbers).buffer))).toBe(0);
  });

  it('says when there is no file', async () => {
    expect(await complaint(join(dir, 'none.u32.gz'))).toBe('no such file');
    expect(await complaint(join(write('file', Buffer.from('x')), 'below'))).toBe('no such file');
    expect(await complaint(dir)).toBe('is a directory');
  });

  it('says when it is no gzip file', async () => {
    expect(await complaint(write('text.u32.gz', Buffer.from('hello')))).toBe(
      'not a gzip file: it starts with 6865, not 1f8b',
    );
    expect(await complaint(write('one.u32.gz', Buffer.from([0x1f])))).toContain('starts with 1f, not 1f8b');
    expect(await complaint(write('nothing.u32.gz', Buffer.alloc(0)))).toBe('the file is empty');
  });

  it('says when it was cut short, wherever', async () => {
    const rng = new Rng(1, 0);
    const whole = packed(Array.from({ length: 5000 }, () => rng.next32()));
    for (const length of [2, 9, 10, 100, whole.length >> 1, whole.length - 8, whole.length - 1]) {
      const file = write(`cut-${length}.u32.gz`, whole.subarray(0, length));
      expect(await complaint(file)).toBe('truncated: the gzip data ends too early');
    }
  });

  it('says when a byte changed', async () => {
    const rng = new Rng(2, 0);
    const whole = packed(Array.from({ length: 5000 }, () => rng.next32()));
    const broken = (at: number): Buffer => {
      const bytes = Buffer.from(whole);
      bytes[at] ^= 0xff;
      return bytes;
    };
    const n = whole.length;
    expect(await complaint(write('crc.u32.gz', broken(n - 8)))).toBe(
      'corrupt gzip data: incorrect data check',
    );
    expect(await complaint(write('len.u32.gz', broken(n - 4)))).toBe(
      'corrupt gzip data: incorrect length check',
    );
    expect(await complaint(write('mid.u32.gz', broken(n >> 1)))).toContain('corrupt gzip data: ');
    expect(await complaint(write('method.u32.gz', broken(2)))).toContain('corrupt gzip data: ');
  });

  it('says when it holds no whole number of requests, or none', async () => {
    expect(await complaint(write('odd.u32.gz', gzipSync(Buffer.alloc(4 * 7 + 3))))).toBe(
      '31 bytes unpacked, not a whole number of 4-byte page numbers',
    );
    expect(await complaint(write('empty.u32.gz', gzipSync(Buffer.alloc(0))))).toBe('no requests in it');
  });

  it('says when something else follows', async () => {
    const file = write('tail.u32.gz', Buffer.concat([packed([1, 2, 3]), Buffer.from('garbage')]));
    expect(await complaint(file)).toBe('corrupt gzip data: incorrect header check');
  });

  it('does not unpack without end', async () => {
    const file = write('bomb.u32.gz', gzipSync(Buffer.alloc(1 << 20)));
    expect(await complaint(file, 1 << 19)).toBe('unpacks to more than 524288 bytes');
    expect((await readTrace(file, 1 << 20)).length).toBe(1 << 18);
  });
});

describe('densify', () => {
  it('numbers pages in order of first appearance', () => {
    const { pages, unique } = densify(Uint32Array.of(9, 4_000_000_000, 9, 0, 4_000_000_000, 7));
    expect([...pages]).toEqual([0, 1, 0, 2, 1, 3]);
    expect(unique).toBe(4);
    expect(pages.buffer).toBeInstanceOf(SharedArrayBuffer);
  });

  it('leaves a dense trace as it is', () => {
    expect([...densify(Uint32Array.of(0, 1, 0, 2)).pages]).toEqual([0, 1, 0, 2]);
  });
});

const Expected = z.object({
  traces: z.record(
    z.string(),
    z.object({ file: z.string(), requests: z.number(), unique_pages: z.number(), max_page: z.number() }),
  ),
});

/** A folder with traces and their expected.json; these tests need it, and only these. */
const traces = process.env['LATCHLAB_TRACES'];

describe.skipIf(traces === undefined)('recorded traces', () => {
  const folder = traces ?? '';
  it('have the requests, pages and highest number that are on record', async () => {
    const json: unknown = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'));
    const all = Object.values(Expected.parse(json).traces);
    expect(all.length).toBeGreaterThan(0);
    for (const expected of all) {
      const trace = await readTrace(join(folder, expected.file));
      const found = {
        file: expected.file,
        requests: trace.length,
        unique_pages: densify(trace).unique,
        max_page: trace.reduce((a, b) => Math.max(a, b)),
      };
      expect(expected).toMatchObject(found);
    }
  });
});
