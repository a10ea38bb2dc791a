import { describe, expect, it } from 'vitest';
import { Rng } from '../../layout/rng.ts';
import { ZipfPages } from './access.ts';
import { type ReplayResult, replayTrace } from './replay.ts';

/** A skewed trace with a scan in it, which is the same on every machine. */
function makeTrace(requests: number): Uint32Array {
  const zipf = new ZipfPages(4000, 0.8, new Rng(7, 0));
  const pages = new Uint32Array(requests);
  for (let i = 0; i < requests; i++) pages[i] = i % 5000 < 1200 ? 10_000 + (i % 5000) : zipf.next();
  return pages;
}

const without = ({ gets_per_second: _, ...rest }: ReplayResult): Omit<ReplayResult, 'gets_per_second'> =>
  rest;

describe('replay', () => {
  const trace = makeTrace(40_000);

  // Taken when all 426 rows of traces recorded elsewhere agreed with a model of a real server, page by page.
  it.each(GOLDEN())('agrees with what it was when it agreed with a real server: %o', (row) => {
    const got = replayTrace(trace, {
      blocks: row.blocks,
      oldBlocksPct: row.old_pct,
      oldBlocksTimeMs: row.old_blocks_time_ms,
      usPerAccess: row.us_per_access,
    });
    expect(without(got)).toMatchObject(row);
  });

  it('accounts for every request', () => {
    for (const blocks of [64, 511, 512, 513, 2000]) {
      const r = replayTrace(trace, { blocks, oldBlocksPct: 37, oldBlocksTimeMs: 1000, usPerAccess: 1000 });
      expect(r.hits + r.misses).toBe(trace.length);
      expect(r.evictions).toBe(r.misses - blocks);
      expect(r.lru_len).toBe(blocks);
      expect(r.old_len > 0).toBe(blocks >= 512);
    }
  });

  it('keeps pages beyond 2^31 apart', () => {
    const r = replayTrace(Uint32Array.of(0, 2 ** 31, 2 ** 32 - 1, 0, 2 ** 31, 2 ** 32 - 1), {
      blocks: 64,
      oldBlocksPct: 37,
      oldBlocksTimeMs: 0,
      usPerAccess: 0,
    });
    expect([r.hits, r.misses, r.evictions]).toEqual([3, 3, 0]);
  });
});
function GOLDEN() {
  return [
    {
      blocks: 300,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 1000,
      hits: 10866,
      misses: 29134,
      made_young: 0,
      not_made_young: 0,
      evictions: 28834,
      head_moves: 6402,
      lru_len: 300,
      old_len: 0,
      evict_crc32: 'e0a15425',
      lru_crc32: '39e3bcaf',
    },
    {
      blocks: 511,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 1000,
      hits: 13220,
      misses: 26780,
      made_young: 0,
      not_made_young: 0,
      evictions: 26269,
      head_moves: 7034,
      lru_len: 511,
      old_len: 0,
      evict_crc32: 'e9f2bbd6',
      lru_crc32: '307aaef8',
    },
    {
      blocks: 512,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 1000,
      hits: 12944,
      misses: 27056,
      made_young: 464,
      not_made_young: 1910,
      evictions: 26544,
      head_moves: 5143,
      lru_len: 512,
      old_len: 209,
      evict_crc32: '1199cb58',
      lru_crc32: 'b5358af3',
    },
    {
      blocks: 513,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 1000,
      hits: 10397,
      misses: 29603,
      made_young: 1831,
      not_made_young: 37352,
      evictions: 29090,
      head_moves: 2135,
      lru_len: 513,
      old_len: 209,
      evict_crc32: '611b6b1c',
      lru_crc32: 'dda8bda5',
    },
    {
      blocks: 1000,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 1000,
      hits: 15165,
      misses: 24835,
      made_young: 3678,
      not_made_young: 34710,
      evictions: 23835,
      head_moves: 4290,
      lru_len: 1000,
      old_len: 388,
      evict_crc32: 'df11768d',
      lru_crc32: '205c2f20',
    },
    {
      blocks: 1000,
      old_pct: 37,
      old_blocks_time_ms: 0,
      us_per_access: 1000,
      hits: 16110,
      misses: 23890,
      made_young: 24582,
      not_made_young: 0,
      evictions: 22890,
      head_moves: 29962,
      lru_len: 1000,
      old_len: 349,
      evict_crc32: '81badd09',
      lru_crc32: 'bdc671b6',
    },
    {
      blocks: 1000,
      old_pct: 5,
      old_blocks_time_ms: 1000,
      us_per_access: 100,
      hits: 11216,
      misses: 28784,
      made_young: 4661,
      not_made_young: 32477,
      evictions: 27784,
      head_moves: 6523,
      lru_len: 1000,
      old_len: 69,
      evict_crc32: '4ff01ba1',
      lru_crc32: '898aa385',
    },
    {
      blocks: 1000,
      old_pct: 95,
      old_blocks_time_ms: 1000,
      us_per_access: 100,
      hits: 15460,
      misses: 24540,
      made_young: 165,
      not_made_young: 38771,
      evictions: 23540,
      head_moves: 229,
      lru_len: 1000,
      old_len: 968,
      evict_crc32: '201b1d36',
      lru_crc32: '8160c3e9',
    },
    {
      blocks: 2000,
      old_pct: 37,
      old_blocks_time_ms: 1000,
      us_per_access: 0,
      hits: 23398,
      misses: 16602,
      made_young: 0,
      not_made_young: 20935,
      evictions: 14602,
      head_moves: 9332,
      lru_len: 2000,
      old_len: 757,
      evict_crc32: '8a8206ea',
      lru_crc32: 'e120b05e',
    },
  ] as const;
}
