/**
 * Replaying a recorded trace through one instance of the real pool, single-threaded, with a virtual clock: what a
 * real InnoDB's LRU does with it, number for number.
 */
import { crc32 } from '@node-rs/crc32';
import { FETCH, RW } from '../../buffer/states.ts';
import { bufPageGet } from '../../buffer/get-page.ts';
import { mtrReleaseLast } from '../../buffer/mtr.ts';
import { attachPool, attachPoolThread, makeSimplePool } from '../../buffer/simple-pool.ts';
import { BUF_BLOCK, BUF_POOL, POOL_STAT } from '../../layout/buffer.ts';
import { VirtualClock } from '../../layout/clock.ts';
import { NIL } from '../../layout/schema.ts';
import { nullStore } from '../../storage/page-store.ts';

const { freedPageClock: CLOCK, lastEvictedPage: EVICTED_PAGE, lruFirst: LRU_FIRST } = BUF_POOL.at;
const { lruLen: LRU_LEN, lruOldLen: OLD_LEN, nPagesMadeYoung: MADE_YOUNG } = BUF_POOL.at;
const S = POOL_STAT.at;

export interface ReplayOptions {
  readonly blocks: number;
  /** innodb_old_blocks_pct, innodb_old_blocks_time */
  readonly oldBlocksPct: number;
  readonly oldBlocksTimeMs: number;
  /** Virtual time that passes before each get; 0: the clock stands at 1 us. */
  readonly usPerAccess: number;
}

/** The fields of a row of `expected.json`, and how long it took. */
export interface ReplayResult {
  readonly blocks: number;
  readonly old_pct: number;
  readonly old_blocks_time_ms: number;
  readonly us_per_access: number;
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  readonly made_young: number;
  readonly not_made_young: number;
  readonly evictions: number;
  readonly head_moves: number;
  readonly lru_len: number;
  readonly old_len: number;
  readonly evict_crc32: string;
  readonly lru_crc32: string;
  readonly hit_ratio: number;
  readonly gets_per_second: number;
}

const SPACE_ID = 0;
const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');
const crcOf = (words: Uint32Array): string =>
  hex(crc32(Buffer.from(words.buffer, words.byteOffset, words.byteLength)));

/** @param pages the trace: page numbers in request order */
export function replayTrace(pages: Uint32Array, o: ReplayOptions): ReplayResult {
  const clock = new VirtualClock(o.usPerAccess === 0 ? 1 : 0);
  const plan = makeSimplePool({
    clock,
    config: {
      instances: 1,
      nStripes: 16,
      chunks: { blocks: o.blocks },
      oldBlocksPct: o.oldBlocksPct,
      nSpaces: 1,
      nThreads: 1,
    },
    sysvars: { oldBlocksTicks: o.oldBlocksTimeMs * clock.ticksPerMs },
  });
  const pool = attachPool(plan, nullStore);
  const thr = attachPoolThread(plan, 0, clock);
  const inst = pool.instances[0];
  const { mem, at } = inst;
  const evicted = new Uint32Array(pages.length);
  let evictions = 0;
  const began = performance.now();
  for (let i = 0; i < pages.length; i++) {
    clock.advance(o.usPerAccess);
    thr.nowTicks = clock.ticks();
    bufPageGet(thr, pool, SPACE_ID, pages[i], RW.s, FETCH.normal);
    mtrReleaseLast(thr);
    if (mem[at + CLOCK] !== evictions) evicted[evictions++] = mem[at + EVICTED_PAGE];
  }
  const seconds = (performance.now() - began) / 1000;
  const lru = new Uint32Array(mem[at + LRU_LEN]);
  let n = 0;
  for (let b = mem[at + LRU_FIRST]; b !== NIL; b = mem[b + BUF_BLOCK.at.lruNext]) {
    lru[n++] = mem[b + BUF_BLOCK.at.pageNo];
  }
  const misses = mem[thr.poolStats + S.pagesRead];
  const hits = pages.length - misses;
  return {
    blocks: o.blocks,
    old_pct: o.oldBlocksPct,
    old_blocks_time_ms: o.oldBlocksTimeMs,
    us_per_access: o.usPerAccess,
    requests: pages.length,
    hits,
    misses,
    made_young: mem[at + MADE_YOUNG],
    not_made_young: mem[thr.poolStats + S.notMadeYoung],
    evictions,
    head_moves: mem[thr.poolStats + S.makeYoungMoves],
    lru_len: mem[at + LRU_LEN],
    old_len: mem[at + OLD_LEN],
    evict_crc32: crcOf(evicted.subarray(0, evictions)),
    lru_crc32: crcOf(lru),
    hit_ratio: pages.length === 0 ? 0 : Math.round((hits / pages.length) * 1e6) / 1e6,
    gets_per_second: Math.round(pages.length / Math.max(seconds, 1e-9)),
  };
}
