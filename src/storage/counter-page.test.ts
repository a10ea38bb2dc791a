import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import * as counter from './counter-page.ts';
import { FIL_PAGE_INDEX, initPage, stampPage, UNIV_PAGE_SIZE } from './page.ts';

const WORDS = UNIV_PAGE_SIZE / 4;

function pageAt(frame: number): { mem: Int32Array; bytes: Uint8Array } {
  const shared = new SharedArrayBuffer(3 * UNIV_PAGE_SIZE);
  const bytes = new Uint8Array(shared);
  counter.fillPage(bytes, frame * 4, 7, 2, 5);
  return { mem: new Int32Array(shared), bytes };
}

describe('counter page', () => {
  it('starts at its initial counter and counts', () => {
    const { mem } = pageAt(WORDS);
    const start = counter.initialCounter(7, 2, 5);
    expect(start).toBeGreaterThanOrEqual(0);
    expect(start).toBeLessThan(counter.INITIAL_COUNTERS);
    expect(counter.readCounter(mem, WORDS)).toBe(start);
    expect(counter.raiseCounter(mem, WORDS)).toBe(start + 1);
    expect(counter.raiseCounter(mem, WORDS)).toBe(start + 2);
    expect(counter.readCounter(mem, WORDS)).toBe(start + 2);
  });

  it('touches nothing but its 32 copies when it counts', () => {
    const { mem, bytes } = pageAt(100);
    const before = bytes.slice();
    counter.raiseCounter(mem, 100);
    const changed: number[] = [];
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== before[i]) changed.push(i - 400);
    expect(changed).toEqual(Array.from({ length: counter.COUNTER_COPIES }, (_, s) => s * 512 + 64));
    expect(counter.findBadFiller(bytes, 400, 7, 2, 5)).toBe(-1);
  });

  it('goes through the whole unsigned range without meeting the torn mark', () => {
    const { mem } = pageAt(0);
    for (let s = 0; s < 32; s++) mem[16 + s * 128] = -2;
    expect(counter.raiseCounter(mem, 0)).toBe(2 ** 32 - 1);
    expect(counter.readCounter(mem, 0)).toBe(2 ** 32 - 1);
    expect(counter.raiseCounter(mem, 0)).toBe(0);
    expect(counter.readCounter(mem, 0)).toBe(0);
  });

  it('is torn when any one copy differs, and stays torn', () => {
    const { mem } = pageAt(WORDS);
    for (let sector = 0; sector < counter.COUNTER_COPIES; sector++) {
      const word = WORDS + 16 + sector * 128;
      mem[word]--;
      expect(counter.readCounter(mem, WORDS), `sector ${sector}`).toBe(counter.TORN);
      counter.raiseCounter(mem, WORDS);
      expect(counter.readCounter(mem, WORDS)).toBe(counter.TORN);
      mem[word]++;
      expect(counter.readCounter(mem, WORDS)).not.toBe(counter.TORN);
    }
  });

  it('says which sectors hold what', () => {
    const { mem } = pageAt(0);
    for (let s = 0; s < 32; s++) mem[16 + s * 128] = s < 13 ? 41 : 40;
    expect(counter.describeTorn(mem, 0)).toBe('sectors 0-12 hold 41, sectors 13-31 hold 40');
    mem[16 + 31 * 128] = -1;
    expect(counter.describeTorn(mem, 0)).toBe(
      'sectors 0-12 hold 41, sectors 13-30 hold 40, sector 31 holds 4294967295',
    );
    for (let s = 0; s < 32; s++) mem[16 + s * 128] = s;
    expect(counter.describeTorn(mem, 0)).toBe(
      'sector 0 holds 0, sector 1 holds 1, sector 2 holds 2, sector 3 holds 3, and 28 more runs',
    );
  });

  it('leaves header and trailer alone, and takes any offset', () => {
    const want = new Uint8Array(UNIV_PAGE_SIZE);
    counter.fillPage(want, 0, 1, 2, 3);
    expect(want.slice(0, 38).every((b) => b === 0)).toBe(true);
    expect(want.slice(-8).every((b) => b === 0)).toBe(true);
    // Filler that is mostly one value would hide stray writes.
    expect(new Set(want).size).toBe(256);
    for (const at of [1, 2, 3, 555]) {
      const bytes = new Uint8Array(UNIV_PAGE_SIZE + 600);
      counter.fillPage(bytes, at, 1, 2, 3);
      expect(Buffer.from(bytes.slice(at, at + UNIV_PAGE_SIZE)).equals(want)).toBe(true);
      expect(counter.findBadFiller(bytes, at, 1, 2, 3)).toBe(-1);
    }
  });

  it('finds any changed filler byte', () => {
    const { bytes } = pageAt(0);
    for (let i = 38; i < UNIV_PAGE_SIZE - 8; i++) {
      const ofCounter = i % 512 >= 64 && i % 512 < 68;
      bytes[i] = bytes[i] ^ 1;
      const found = counter.findBadFiller(bytes, 0, 7, 2, 5);
      bytes[i] = bytes[i] ^ 1;
      expect(found, `byte ${i}`).toBe(ofCounter ? -1 : Math.max(i - (i % 4), 38));
    }
  });

  it('differs by seed, space and page, also where seeds differ above 32 bits', () => {
    const ids = [
      [1, 1, 1],
      [2, 1, 1],
      [1, 2, 1],
      [1, 1, 2],
      [1 + 2 ** 32, 1, 1],
      [0, 0, 0],
    ] as const;
    const bytes = new Uint8Array(UNIV_PAGE_SIZE);
    const hashes = ids.map(([seed, space, pageNo]) => {
      counter.fillPage(bytes, 0, seed, space, pageNo);
      for (const other of ids) {
        const same = other[0] === seed && other[1] === space && other[2] === pageNo;
        expect(counter.findBadFiller(bytes, 0, other[0], other[1], other[2]) === -1).toBe(same);
      }
      return createHash('sha256').update(bytes).digest('hex');
    });
    expect(new Set(hashes).size).toBe(ids.length);
  });

  it('keeps its bytes from version to version', () => {
    const bytes = new Uint8Array(UNIV_PAGE_SIZE);
    initPage(bytes, 0, 2, 5, FIL_PAGE_INDEX);
    counter.fillPage(bytes, 0, 7, 2, 5);
    stampPage(bytes, 0, 8192);
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 16)).toBe('01d81fe0cd4ea4ee');
  });
});
