/**
 * InnoDB's page: what every page has in its first 38 and last 8 bytes, and its checksum.
 *
 * ```
 *    0  checksum (4)        26  flush LSN, in page 0 of the system space (8)
 *    4  page number (4)     34  space id (4)
 *    8  previous page (4)   38  … the page's own bytes …
 *   12  next page (4)
 *   16  LSN of the last change (8)      16376  checksum again (4)
 *   24  page type (2)                   16380  low half of the LSN again (4)
 * ```
 *
 * Numbers are big-endian. All functions take the buffer and the byte offset of the page in it, so that they work
 * on a frame of the pool in place; the buffer may be shared. LSNs are plain numbers below 2^53.
 */
import { crc32c } from '@node-rs/crc32';

/** Page size in bytes (UNIV_PAGE_SIZE at its default). */
export const UNIV_PAGE_SIZE = 16384;

export const FIL_PAGE_SPACE_OR_CHKSUM = 0;
export const FIL_PAGE_OFFSET = 4;
export const FIL_PAGE_PREV = 8;
export const FIL_PAGE_NEXT = 12;
export const FIL_PAGE_LSN = 16;
export const FIL_PAGE_TYPE = 24;
export const FIL_PAGE_FILE_FLUSH_LSN = 26;
export const FIL_PAGE_ARCH_LOG_NO_OR_SPACE_ID = 34;
/** Where the page's own bytes begin. */
export const FIL_PAGE_DATA = 38;
/** Bytes of the trailer: checksum and low half of the LSN (FIL_PAGE_END_LSN_OLD_CHKSUM). */
export const FIL_PAGE_DATA_END = 8;

/** "No page" in the previous and next fields. */
export const FIL_NULL = 0xffffffff;

export const FIL_PAGE_TYPE_ALLOCATED = 0;
export const FIL_PAGE_INDEX = 17855;

/** The first LSN of a new server (LOG_START_LSN): 16 log blocks of 512 bytes. */
export const LOG_START_LSN = 8192;

const TRAILER = UNIV_PAGE_SIZE - FIL_PAGE_DATA_END;
const HALF = 2 ** 32;

/** Reads a big-endian unsigned 32-bit number (mach_read_from_4). */
export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
}

/** Writes a big-endian 32-bit number (mach_write_to_4). */
export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Reads a big-endian 64-bit number (mach_read_from_8). Not exact from 2^53 on, which only damage brings about. */
export function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * HALF + readU32(bytes, at + 4);
}

/** Writes a big-endian 64-bit number below 2^53 (mach_write_to_8). */
export function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / HALF));
  writeU32(bytes, at + 4, value >>> 0);
}

/** The checksum stored in the header. */
export function readChecksum(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + FIL_PAGE_SPACE_OR_CHKSUM);
}
export function writeChecksum(bytes: Uint8Array, at: number, checksum: number): void {
  writeU32(bytes, at + FIL_PAGE_SPACE_OR_CHKSUM, checksum);
}

export function readPageNo(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + FIL_PAGE_OFFSET);
}
export function writePageNo(bytes: Uint8Array, at: number, pageNo: number): void {
  writeU32(bytes, at + FIL_PAGE_OFFSET, pageNo);
}

/** The page before this one on its level, or FIL_NULL. */
export function readPrev(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + FIL_PAGE_PREV);
}
export function writePrev(bytes: Uint8Array, at: number, pageNo: number): void {
  writeU32(bytes, at + FIL_PAGE_PREV, pageNo);
}

/** The page after this one on its level, or FIL_NULL. */
export function readNext(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + FIL_PAGE_NEXT);
}
export function writeNext(bytes: Uint8Array, at: number, pageNo: number): void {
  writeU32(bytes, at + FIL_PAGE_NEXT, pageNo);
}

/** The LSN in the header. */
export function readLsn(bytes: Uint8Array, at: number): number {
  return readU64(bytes, at + FIL_PAGE_LSN);
}
/** Writes the header's LSN only; `stampPage` writes the trailer's half as well. */
export function writeLsn(bytes: Uint8Array, at: number, lsn: number): void {
  writeU64(bytes, at + FIL_PAGE_LSN, lsn);
}

export function readType(bytes: Uint8Array, at: number): number {
  return (bytes[at + FIL_PAGE_TYPE] << 8) | bytes[at + FIL_PAGE_TYPE + 1];
}
export function writeType(bytes: Uint8Array, at: number, type: number): void {
  bytes[at + FIL_PAGE_TYPE] = type >>> 8;
  bytes[at + FIL_PAGE_TYPE + 1] = type;
}

export function readFlushLsn(bytes: Uint8Array, at: number): number {
  return readU64(bytes, at + FIL_PAGE_FILE_FLUSH_LSN);
}
export function writeFlushLsn(bytes: Uint8Array, at: number, lsn: number): void {
  writeU64(bytes, at + FIL_PAGE_FILE_FLUSH_LSN, lsn);
}

export function readSpace(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + FIL_PAGE_ARCH_LOG_NO_OR_SPACE_ID);
}
export function writeSpace(bytes: Uint8Array, at: number, space: number): void {
  writeU32(bytes, at + FIL_PAGE_ARCH_LOG_NO_OR_SPACE_ID, space);
}

/** The checksum stored in the trailer. */
export function readTrailerChecksum(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + TRAILER);
}
/** The low half of the LSN stored in the trailer. */
export function readTrailerLsn(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at + TRAILER + 4);
}

/**
 * The checksum that the page's bytes should have (buf_calc_page_crc32): CRC-32C of bytes 4…26 xor CRC-32C of
 * bytes 38 up to the trailer. Bytes 26…38 are left out, as in InnoDB, which writes the flush LSN and the space id
 * without a new checksum: damage to the flush LSN goes unseen, and the space id is compared by `checkPage`.
 * About 3 µs a page.
 */
export function pageChecksum(bytes: Uint8Array, at: number): number {
  const from = bytes.byteOffset + at;
  const header = new Uint8Array(
    bytes.buffer,
    from + FIL_PAGE_OFFSET,
    FIL_PAGE_FILE_FLUSH_LSN - FIL_PAGE_OFFSET,
  );
  const body = new Uint8Array(bytes.buffer, from + FIL_PAGE_DATA, TRAILER - FIL_PAGE_DATA);
  return (crc32c(header) ^ crc32c(body)) >>> 0;
}

/**
 * Makes a changed page ready to be written (buf_flush_init_for_writing): LSN in header and trailer, checksum in
 * both. The caller holds the frame's X or SX latch.
 */
export function stampPage(bytes: Uint8Array, at: number, lsn: number): void {
  writeLsn(bytes, at, lsn);
  writeU32(bytes, at + TRAILER + 4, lsn >>> 0);
  const checksum = pageChecksum(bytes, at);
  writeChecksum(bytes, at, checksum);
  writeU32(bytes, at + TRAILER, checksum);
}

/** Zeroes a page and gives it its identity, without neighbours (fsp_init_file_page_low). It is not stamped. */
export function initPage(bytes: Uint8Array, at: number, space: number, pageNo: number, type: number): void {
  bytes.fill(0, at, at + UNIV_PAGE_SIZE);
  writePageNo(bytes, at, pageNo);
  writePrev(bytes, at, FIL_NULL);
  writeNext(bytes, at, FIL_NULL);
  writeType(bytes, at, type);
  writeSpace(bytes, at, space);
}

/** What is wrong with a page; both values as they should be printed. */
export interface PageDefect {
  readonly kind: 'checksum' | 'number' | 'space' | 'lsn-trailer';
  readonly expected: string;
  readonly found: string;
}

/**
 * Checks a page that was just read (BlockReporter::is_corrupted, and the page-id comparison of
 * buf_page_io_complete). The first defect in this order is told: LSN halves differ (the sign of a write that was
 * cut in two), checksum, page number, space id. So `number` and `space` mean a sound page in the wrong place,
 * except that the space id is outside the checksum.
 *
 * One difference from InnoDB: it takes a page of zeros for one that was never written, and is content. Nothing
 * here leaves such pages behind, so it is a checksum defect, found `all zeros`.
 * @returns null when the page is sound.
 */
export function checkPage(bytes: Uint8Array, at: number, space: number, pageNo: number): PageDefect | null {
  const lsn = readU32(bytes, at + FIL_PAGE_LSN + 4);
  const trailerLsn = readTrailerLsn(bytes, at);
  if (lsn !== trailerLsn) return { kind: 'lsn-trailer', expected: String(lsn), found: String(trailerLsn) };

  const checksum = pageChecksum(bytes, at);
  const inHeader = readChecksum(bytes, at);
  const inTrailer = readTrailerChecksum(bytes, at);
  if (inHeader !== checksum || inTrailer !== checksum) {
    let found = hex(inHeader);
    if (inHeader !== inTrailer) found += ` in the header, ${hex(inTrailer)} in the trailer`;
    else if (isAllZero(bytes, at)) found = 'all zeros';
    return { kind: 'checksum', expected: hex(checksum), found };
  }

  const foundNo = readPageNo(bytes, at);
  if (foundNo !== pageNo) return { kind: 'number', expected: String(pageNo), found: String(foundNo) };
  const foundSpace = readSpace(bytes, at);
  if (foundSpace !== space) return { kind: 'space', expected: String(space), found: String(foundSpace) };
  return null;
}

/** A defect in words, for error messages. */
export function describeDefect(defect: PageDefect): string {
  const { kind, expected, found } = defect;
  switch (kind) {
    case 'lsn-trailer':
      return `half-written page: its header says LSN ${expected} (low half), its trailer ${found}`;
    case 'checksum':
      if (found === 'all zeros') return `page is all zeros, expected checksum ${expected}`;
      return `wrong checksum: found ${found}, its bytes give ${expected}`;
    case 'number':
      return `another page is in its place: expected page ${expected}, found page ${found}`;
    default:
      return `a page of another tablespace is in its place: expected space ${expected}, found space ${found}`;
  }
}

function isAllZero(bytes: Uint8Array, at: number): boolean {
  for (let i = at; i < at + UNIV_PAGE_SIZE; i++) {
    if (bytes[i] !== 0) return false;
  }
  return true;
}

const hex = (value: number): string => `0x${value.toString(16).padStart(8, '0')}`;
