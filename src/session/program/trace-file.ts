/** Recorded page-access traces: `NAME.u32.gz`, one gzip member of little-endian uint32 page numbers. */
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { UserError } from '../../config/errors.ts';

/** A trace that cannot be read; the message names the file and what was found. */
export class TraceFileError extends UserError {
  override readonly name = 'TraceFileError';
  readonly file: string;

  constructor(file: string, found: string, cause?: unknown) {
    super(`trace ${file}: ${found}`, cause === undefined ? undefined : { cause });
    this.file = file;
  }
}

const WORD = Uint32Array.BYTES_PER_ELEMENT;
/** 1 GiB of page numbers: whatever unpacks to more is no trace, and must not take the machine's memory. */
const MAX_BYTES = 2 ** 30;
const GZIP_MAGIC = [0x1f, 0x8b];

/**
 * Reads a whole trace; several gzip members in a row count as one, as for gzip.
 * @param maxBytes what it may unpack to
 * @returns the page numbers in request order, in memory that workers can share
 * @throws TraceFileError
 */
export async function readTrace(file: string, maxBytes = MAX_BYTES): Promise<Uint32Array<SharedArrayBuffer>> {
  const size = await checkHeader(file);
  const bytes = await gunzip(file, size, maxBytes);
  if (bytes.length === 0) throw new TraceFileError(file, 'no requests in it');
  if (bytes.length % WORD !== 0) {
    throw new TraceFileError(
      file,
      `${bytes.length} bytes unpacked, not a whole number of 4-byte page numbers`,
    );
  }
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  if (endianness() === 'BE') Buffer.from(shared).swap32();
  return new Uint32Array(shared);
}

/** @returns the size of the file in bytes */
async function checkHeader(file: string): Promise<number> {
  try {
    const handle = await open(file, 'r');
    try {
      const head = Buffer.alloc(GZIP_MAGIC.length);
      const { bytesRead } = await handle.read(head, 0, head.length, 0);
      if (bytesRead === 0) throw new TraceFileError(file, 'the file is empty');
      if (bytesRead < head.length || GZIP_MAGIC.some((byte, i) => head[i] !== byte)) {
        const found = head.subarray(0, bytesRead).toString('hex');
        throw new TraceFileError(file, `not a gzip file: it starts with ${found}, not 1f8b`);
      }
      return (await handle.stat()).size;
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw toTraceError(file, error);
  }
}

async function gunzip(file: string, size: number, maxBytes: number): Promise<Uint8Array> {
  let bytes = new Uint8Array(Math.min(size * 4, maxBytes));
  let length = 0;
  let tooLong: TraceFileError | undefined;
  try {
    await pipeline(createReadStream(file), createGunzip(), async (chunks: AsyncIterable<Uint8Array>) => {
      for await (const chunk of chunks) {
        if (length + chunk.length > maxBytes) {
          tooLong = new TraceFileError(file, `unpacks to more than ${maxBytes} bytes`);
          throw tooLong;
        }
        if (length + chunk.length > bytes.length) {
          const grown = new Uint8Array(Math.max(2 * bytes.length, length + chunk.length));
          grown.set(bytes.subarray(0, length));
          bytes = grown;
        }
        bytes.set(chunk, length);
        length += chunk.length;
      }
    });
  } catch (error) {
    // Which of the errors of its parts a pipeline reports depends on timing.
    throw tooLong ?? toTraceError(file, error);
  }
  return bytes.subarray(0, length);
}

/** Messages for what the operating system and zlib report by code. */
const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  EACCES: 'permission denied',
  EISDIR: 'is a directory',
  ENOTDIR: 'no such file',
  Z_BUF_ERROR: 'truncated: the gzip data ends too early',
};

function toTraceError(file: string, error: unknown): Error {
  if (error instanceof TraceFileError) return error;
  if (!(error instanceof Error) || !('code' in error)) return new Error(`trace ${file}`, { cause: error });
  const code = String(error.code);
  const reason =
    REASONS[code] ?? (code === 'Z_DATA_ERROR' ? `corrupt gzip data: ${error.message}` : error.message);
  return new TraceFileError(file, reason, error);
}

export interface DenseTrace {
  /** Page numbers 0 ... unique - 1, in request order. */
  readonly pages: Uint32Array<SharedArrayBuffer>;
  readonly unique: number;
}

/** Numbers the pages of a trace in order of first appearance. */
export function densify(trace: Uint32Array): DenseTrace {
  const pages = new Uint32Array(new SharedArrayBuffer(trace.byteLength));
  const numbers = new Map<number, number>();
  for (let i = 0; i < trace.length; i++) {
    let dense = numbers.get(trace[i]);
    if (dense === undefined) {
      dense = numbers.size;
      numbers.set(trace[i], dense);
    }
    pages[i] = dense;
  }
  return { pages, unique: numbers.size };
}
