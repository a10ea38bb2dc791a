import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as page from './page.ts';

const { UNIV_PAGE_SIZE } = page;

function soundPage(space = 3, pageNo = 9, lsn = 5 * 2 ** 32 + 77): Uint8Array {
  const bytes = new Uint8Array(UNIV_PAGE_SIZE);
  page.initPage(bytes, 0, space, pageNo, page.FIL_PAGE_INDEX);
  for (let i = page.FIL_PAGE_DATA; i < UNIV_PAGE_SIZE - 8; i++) bytes[i] = (i * 31) & 0xff;
  page.stampPage(bytes, 0, lsn);
  return bytes;
}

const say = (kind: page.PageDefect['kind'], expected: string, found: string): string =>
  page.describeDefect({ kind, expected, found });

/** CRC-32C bit by bit, so that the library is not its own judge. */
function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

describe('page layout', () => {
  it('has the offsets and the byte order of InnoDB', () => {
    const bytes = new Uint8Array(UNIV_PAGE_SIZE).fill(0xee);
    page.initPage(bytes, 0, 0x01020304, 0x0a0b0c0d, page.FIL_PAGE_INDEX);
    page.writePrev(bytes, 0, 0x11223344);
    page.writeFlushLsn(bytes, 0, 0x1_0000_0002);
    page.stampPage(bytes, 0, 0x12_3456_789a);
    const hex = Buffer.from(bytes).toString('hex');
    expect(hex.slice(8, 76)).toBe(
      '0a0b0c0d' + // page number
        '11223344' + // previous
        'ffffffff' + // next
        '000000123456789a' + // LSN
        '45bf' + // type
        '0000000100000002' + // flush LSN
        '01020304', // space id
    );
    const checksum = (slowCrc32c(bytes.slice(4, 26)) ^ slowCrc32c(bytes.slice(38, 16376))) >>> 0;
    const checksumHex = checksum.toString(16).padStart(8, '0');
    expect(hex.slice(0, 8)).toBe(checksumHex);
    expect(hex.slice(-16)).toBe(`${checksumHex}3456789a`);
    expect(bytes.slice(38, -8).every((byte) => byte === 0)).toBe(true);
  });

  it('gives back what was written, at the edges too', () => {
    const bytes = new Uint8Array(UNIV_PAGE_SIZE + 7);
    for (const value of [0, 1, 0x7fffffff, 0x80000000, page.FIL_NULL]) {
      page.writeChecksum(bytes, 7, value);
      page.writePageNo(bytes, 7, value);
      page.writePrev(bytes, 7, value);
      page.writeNext(bytes, 7, value);
      page.writeSpace(bytes, 7, value);
      expect(page.readChecksum(bytes, 7)).toBe(value);
      expect(page.readPageNo(bytes, 7)).toBe(value);
      expect(page.readPrev(bytes, 7)).toBe(value);
      expect(page.readNext(bytes, 7)).toBe(value);
      expect(page.readSpace(bytes, 7)).toBe(value);
    }
    for (const lsn of [0, 8192, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
      page.writeLsn(bytes, 7, lsn);
      page.writeFlushLsn(bytes, 7, lsn);
      expect(page.readLsn(bytes, 7)).toBe(lsn);
      expect(page.readFlushLsn(bytes, 7)).toBe(lsn);
      page.stampPage(bytes, 7, lsn);
      expect(page.readLsn(bytes, 7)).toBe(lsn);
      expect(page.readTrailerLsn(bytes, 7)).toBe(lsn >>> 0);
      expect(page.readTrailerChecksum(bytes, 7)).toBe(page.readChecksum(bytes, 7));
    }
    for (const type of [0, 255, 256, 17855, 65535]) {
      page.writeType(bytes, 7, type);
      expect(page.readType(bytes, 7)).toBe(type);
    }
    expect(bytes.slice(0, 7).every((byte) => byte === 0)).toBe(true);
  });

  it('is the same over shared memory, at an odd offset, and under a view with an offset of its own', () => {
    const want = soundPage();
    const shared = new SharedArrayBuffer(3 * UNIV_PAGE_SIZE);
    const view = new Uint8Array(shared, 101);
    for (const at of [0, 1, 3, 4096 + 5, UNIV_PAGE_SIZE + 33]) {
      view.fill(0xab);
      page.initPage(view, at, 3, 9, page.FIL_PAGE_INDEX);
      view.set(want.subarray(38, 16376), at + 38);
      page.stampPage(view, at, 5 * 2 ** 32 + 77);
      expect(Buffer.from(view.slice(at, at + UNIV_PAGE_SIZE)).equals(want), `offset ${at}`).toBe(true);
      expect(page.checkPage(view, at, 3, 9)).toBeNull();
      expect(view[at + UNIV_PAGE_SIZE]).toBe(0xab);
      expect(at === 0 ? 0xab : view[at - 1]).toBe(0xab);
    }
  });

  it('keeps its bytes from version to version', () => {
    expect(createHash('sha256').update(soundPage()).digest('hex').slice(0, 16)).toBe('47de2a4e3a17f511');
  });
});

describe('checkPage', () => {
  it('finds every change of one byte, but for the flush LSN that InnoDB does not cover', () => {
    const bytes = soundPage();
    const unseen: number[] = [];
    const kinds = new Map<string, number>();
    for (let i = 0; i < UNIV_PAGE_SIZE; i++) {
      const flip = 1 << (i % 8);
      bytes[i] = bytes[i] ^ flip;
      const defect = page.checkPage(bytes, 0, 3, 9);
      bytes[i] = bytes[i] ^ flip;
      if (defect === null) unseen.push(i);
      else kinds.set(defect.kind, (kinds.get(defect.kind) ?? 0) + 1);
    }
    expect(unseen).toEqual([26, 27, 28, 29, 30, 31, 32, 33]);
    // Space id; low half of the LSN, twice; all others.
    expect(Object.fromEntries(kinds)).toEqual({
      space: 4,
      'lsn-trailer': 8,
      checksum: UNIV_PAGE_SIZE - 8 - 4 - 8,
    });
    expect(page.checkPage(bytes, 0, 3, 9)).toBeNull();
  });

  it('tells a damaged page from a sound one in the wrong place', () => {
    const bytes = soundPage(3, 9);
    expect(page.checkPage(bytes, 0, 3, 8)).toEqual({ kind: 'number', expected: '8', found: '9' });
    expect(page.checkPage(bytes, 0, 4, 9)).toEqual({ kind: 'space', expected: '4', found: '3' });
    const sum = `0x${page.readChecksum(bytes, 0).toString(16).padStart(8, '0')}`;
    page.writeChecksum(bytes, 0, 0xab);
    expect(page.checkPage(bytes, 0, 3, 9)).toEqual({
      kind: 'checksum',
      expected: sum,
      found: `0x000000ab in the header, ${sum} in the trailer`,
    });
  });

  it('calls a page of zeros by its name', () => {
    const bytes = new Uint8Array(UNIV_PAGE_SIZE);
    const defect = page.checkPage(bytes, 0, 0, 0);
    expect(defect).toMatchObject({ kind: 'checksum', found: 'all zeros' });
    bytes[9000] = 1;
    expect(page.checkPage(bytes, 0, 0, 0)).toMatchObject({ kind: 'checksum', found: '0x00000000' });
  });

  it('finds a write that was cut at any sector', () => {
    const before = soundPage(3, 9, 1000);
    const after = soundPage(3, 9, 2000);
    after[20000 % UNIV_PAGE_SIZE] = 1;
    page.stampPage(after, 0, 2000);
    for (let cut = 512; cut < UNIV_PAGE_SIZE; cut += 512) {
      const torn = before.slice();
      torn.set(after.subarray(0, cut));
      expect(page.checkPage(torn, 0, 3, 9), `cut at ${cut}`).toEqual({
        kind: 'lsn-trailer',
        expected: '2000',
        found: '1000',
      });
    }
  });

  it('has a sentence for every defect', () => {
    expect(say('checksum', '0x1', '0x2')).toBe('wrong checksum: found 0x2, its bytes give 0x1');
    expect(say('checksum', '0x1', 'all zeros')).toBe('page is all zeros, expected checksum 0x1');
    expect(say('number', '1', '2')).toBe('another page is in its place: expected page 1, found page 2');
    expect(say('space', '1', '2')).toBe(
      'a page of another tablespace is in its place: expected space 1, found space 2',
    );
    expect(say('lsn-trailer', '1', '2')).toBe(
      'half-written page: its header says LSN 1 (low half), its trailer 2',
    );
  });
});
