import { describe, expect, it } from 'vitest';
import * as sizes from './sizes.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const layout = (memSize: number, blockBytes: number, base = 0): sizes.ChunkLayout =>
  sizes.chunkLayout({ memSize, blockBytes, pageSize: 16384, base });

const sizing = (instances: number, size: number, chunk: number, debug = true): sizes.PoolSizing =>
  sizes.poolSizing({ size, instances, chunk, debug });

describe('findPrime', () => {
  it.each([
    // facts B 1.7
    [0, 101],
    [1, 103],
    [10, 149],
    [100, 211],
    [512, 631],
    [640, 751],
    [1000, 1117],
    [1024, 1151],
    [1280, 1399],
    [2048, 2267],
    [4096, 4441],
    [8192, 8747],
    [16382, 17389],
    [16384, 17393],
    [65536, 69257],
    [131072, 138401],
    [262144, 276707],
    [524288, 553253],
    [1048576, 1106407],
    [32768, 34679],
    [65534, 69247],
    // facts A 8.1
    [64, 167],
    [924, 1187],
    [10000, 10243],
    [40960, 41609],
    [100000, 101429],
    [327680, 332147],
  ])('of %i is %i', (n, prime) => {
    expect(sizes.findPrime(n)).toBe(prime);
  });
});

describe('chunkLayout', () => {
  it.each([
    [128 * MIB, 8192],
    [2 * MIB, 128],
    [1 * MIB, 64],
  ])('gives an aligned chunk of %i bytes %i frames whatever a control block takes', (memSize, frames) => {
    for (const blockBytes of [1, 128, 256, 440, 512, 16384]) {
      const { bytes, frame0, size } = layout(memSize, blockBytes, 7 * 16384);
      expect(size).toBe(frames);
      expect(frame0).toBeGreaterThanOrEqual(7 * 16384 + size * blockBytes);
      expect(frame0 + size * 16384).toBe(7 * 16384 + bytes);
    }
  });

  it('takes 220 pages more for 128 MiB with blocks of 440 bytes', () => {
    expect(layout(128 * MIB, 440)).toEqual({ bytes: 137_822_208, frame0: 220 * 16384, size: 8192 });
  });

  it('loses a frame to an unaligned start', () => {
    const base = 16384 + 4096;
    const { bytes, frame0, size } = layout(128 * MIB, 440, base);
    expect({ bytes, size }).toEqual({ bytes: 137_822_208, size: 8191 });
    expect(frame0 % 16384).toBe(0);
    expect(frame0).toBeGreaterThanOrEqual(base + size * 440);
    expect(frame0 + size * 16384).toBeLessThanOrEqual(base + bytes);
  });

  it('rounds the memory down to pages', () => {
    expect(layout(MIB + 16383, 440)).toEqual(layout(MIB, 440));
  });

  it('refuses a chunk without a frame', () => {
    expect(() => layout(16383, 440)).toThrow(RangeError);
    expect(() => layout(0, 440)).toThrow('holds no page');
  });
});

describe('poolSizing', () => {
  it.each([
    [31, 2 * GIB, 128 * MIB, 70254592, 2177892352],
    [64, 4 * GIB, 128 * MIB, 67108864, 4294967296],
    [33, 4 * GIB, 128 * MIB, 131072000, 4325376000],
    [1, 8 * MIB, 128 * MIB, 8388608, 8388608],
    [1, 7340032, 2 * MIB, 2097152, 8388608],
    [1, 1 * MIB, 2 * MIB, 1048576, 5242880],
    [8, 1500 * MIB, 128 * MIB, 134217728, 2147483648],
  ])('%i instances, %i bytes, chunk %i: chunk %i, size %i', (instances, size, chunk, wantChunk, wantSize) => {
    const got = sizing(instances, size, chunk, false);
    expect(got).toMatchObject({ instances, chunk: wantChunk, size: wantSize });
  });

  it('makes 8 instances from 1 GiB on, one below, when asked for auto', () => {
    expect(sizing(0, GIB, 128 * MIB, false)).toMatchObject({ instances: 8, size: GIB, messages: [] });
    expect(sizing(0, GIB - 1, 128 * MIB, false).instances).toBe(1);
    expect(sizing(0, 64 * MIB, MIB, true).instances).toBe(1);
  });

  it('keeps the number asked for from 1 GiB on', () => {
    expect(sizing(3, GIB, 128 * MIB, false).instances).toBe(3);
    expect(sizing(1, GIB, 128 * MIB, false).instances).toBe(1);
  });

  it('makes one instance of a small pool and says so, unless debugging', () => {
    const got = sizing(4, 64 * MIB, MIB, false);
    expect(got).toMatchObject({ instances: 1, size: 64 * MIB, chunk: MIB });
    expect(got.messages).toEqual([
      'innodb_buffer_pool_instances adjusted from 4 to 1, ' +
        'because innodb_buffer_pool_size is less than 1024 MiB',
    ]);
    expect(sizing(4, 64 * MIB, MIB, true)).toEqual({
      instances: 4,
      size: 64 * MIB,
      chunk: MIB,
      messages: [],
    });
  });

  it('divides a small pool among its instances when debugging', () => {
    expect(sizing(4, 5 * MIB, 128 * MIB)).toMatchObject({ instances: 4, chunk: 2 * MIB, size: 8 * MIB });
  });

  it('says what it adjusted', () => {
    expect(sizing(1, 7340032, 2 * MIB).messages).toEqual([
      'innodb_buffer_pool_size adjusted from 7340032 to 8388608, a multiple of 1 instances of chunks of 2097152 bytes',
    ]);
    expect(sizing(1, 8 * MIB, 1).messages).toEqual([
      'innodb_buffer_pool_chunk_size adjusted from 1 to 1048576',
    ]);
  });

  it('refuses what is no size', () => {
    for (const size of [Infinity, Number.NaN, -1, 1.5]) {
      expect(() => sizing(1, size, MIB)).toThrow(RangeError);
    }
  });
});

describe('readAheadArea', () => {
  it.each([
    [0, 1],
    [31, 1],
    [64, 2],
    [320, 16],
    [512, 16],
    [640, 32],
    [1024, 32],
    // The facts say "from 1025 on 64", their formula 1056; a pool, made of whole MiB, has 1088 pages after 1024.
    [1055, 32],
    [1056, 64],
    [1088, 64],
    [65536, 64],
  ])('of %i pages is %i', (pages, area) => {
    expect(sizes.readAheadArea(pages)).toBe(area);
  });
});

describe('roundPageHashLocks', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 4],
    [16, 16],
    [17, 32],
    [63, 64],
    [64, 64],
    [65, 128],
    [513, 1024],
    [1024, 1024],
    [5000, 1024],
  ])('of %i is %i', (asked, locks) => {
    expect(sizes.roundPageHashLocks(asked)).toBe(locks);
  });
});

describe('the old sublist', () => {
  it.each([
    [5, 51],
    [10, 102],
    [20, 204],
    [37, 378],
    [50, 512],
    [63, 645],
    [75, 768],
    [90, 921],
    [95, 972],
    [1, 51],
    [100, 1024],
    [200, 1024],
  ])('has for %i percent the ratio %i', (pct, ratio) => {
    expect(sizes.lruOldRatio(pct)).toBe(ratio);
  });

  it('shows the percentage that was set', () => {
    for (let pct = 5; pct <= 95; pct++) expect(sizes.lruOldPct(sizes.lruOldRatio(pct))).toBe(pct);
    expect(sizes.lruOldPct(1024)).toBe(100);
  });

  it.each([
    [512, 189],
    [600, 221],
    [1000, 369],
    [1024, 378],
    [2000, 738],
    [4096, 1512],
    [8192, 3024],
  ])('is wanted, in a list of %i pages, %i long', (len, wanted) => {
    expect(sizes.desiredOldLen(len, 378)).toBe(wanted);
  });

  it('leaves room for young pages at any ratio', () => {
    expect(sizes.desiredOldLen(512, 1024)).toBe(487);
    expect(sizes.desiredOldLen(512, 972)).toBe(486);
  });

  it.each([
    [1000, 157],
    [1024, 161],
    [8192, 1292],
    [65536, 10336],
  ])('leaves in a pool of %i pages a margin of %i', (pages, margin) => {
    expect(sizes.youngMargin(pages, 378)).toBe(margin);
  });
});
