/**
 * The leak detector: live blocks by the place that asked for them, and only those that have lived long. It looks at what
 * is recorded beside the memory (origin.ts), so it needs no latch and no walk of the heap, knows blocks of every tracked
 * allocator, and costs a running program nothing beyond the records. While threads run it sees a moment's view.
 */
import { originsLive } from './origin.ts';
import { MEM_KEYS } from '../psi/psi-keys.ts';
import { siteOf } from './site.ts';

/** Blocks that have lived longer are suspects. */
export const LEAK_AGE_MS = 3_600_000;
/** No look takes longer. */
const LOOK_MS = 60_000;
const TICKS_MODULUS = 2 ** 32;

export interface LeakOptions {
  /** Time of the look, in ticks of the run's clock. */
  readonly nowTicks: number;
  /** Ticks in a millisecond: `clock.ticksPerMs`. */
  readonly ticksPerMs: number;
  /** Only blocks at least so old are counted; an hour when absent. 0: all live blocks. */
  readonly olderThanTicks?: number;
}

/** Live blocks of one instrument from one place. Times in ticks. */
export interface LeakRow {
  /** As the caller named them; line 0: see `file`, which then says what is known. */
  readonly file: string;
  readonly line: number;
  readonly instrument: string;
  readonly count: number;
  /** Headers included. */
  readonly bytes: number;
  /** Ages of the oldest and of the newest. */
  readonly oldestTicks: number;
  readonly newestTicks: number;
  /** Ids of the threads that allocated them, ascending. */
  readonly threads: readonly number[];
  /** Address of the oldest block, header included: where to look. */
  readonly example: number;
}

interface Group {
  readonly site: number;
  readonly key: number;
  count: number;
  bytes: number;
  oldest: number;
  newest: number;
  example: number;
  readonly threads: Set<number>;
}

/**
 * Groups of live blocks, the one with the most bytes first. Empty, too, when origins are not planned.
 * @param allOs OS_MEMORY records of all nodes
 * @param sites SITE_TABLE; NIL: places are numbers
 */
export function leaksOf(mem: Int32Array, allOs: readonly number[], sites: number, o: LeakOptions): LeakRow[] {
  const olderThan = o.olderThanTicks ?? LEAK_AGE_MS * o.ticksPerMs;
  const groups = new Map<string, Group>();
  for (const os of allOs) {
    for (const { block, bytes, site, key, thread, bornTicks } of originsLive(mem, os)) {
      // Ticks are kept in 32 bits. What was born after the look began is not very old, but new.
      const since = (((o.nowTicks - bornTicks) % TICKS_MODULUS) + TICKS_MODULUS) % TICKS_MODULUS;
      const age = since > TICKS_MODULUS - LOOK_MS * o.ticksPerMs ? 0 : since;
      if (age < olderThan) continue;
      const name = `${site}/${key}`;
      let group = groups.get(name);
      if (group === undefined) {
        group = { site, key, count: 0, bytes: 0, oldest: -1, newest: age, example: 0, threads: new Set() };
        groups.set(name, group);
      }
      group.count++;
      group.bytes += bytes;
      group.threads.add(thread);
      group.newest = Math.min(group.newest, age);
      if (age > group.oldest) {
        group.oldest = age;
        group.example = block;
      }
    }
  }
  const rows: LeakRow[] = [];
  for (const group of groups.values()) rows.push(rowOf(mem, sites, group));
  return rows.toSorted((a, b) => b.bytes - a.bytes || b.count - a.count || a.example - b.example);
}

function rowOf(mem: Int32Array, sites: number, g: Group): LeakRow {
  const place = siteOf(mem, sites, g.site);
  return {
    file: place?.file ?? (g.site === 0 ? 'place not given' : `place #${g.site}`),
    line: place?.line ?? 0,
    instrument: MEM_KEYS[g.key]?.name ?? `key ${g.key}`,
    count: g.count,
    bytes: g.bytes,
    oldestTicks: g.oldest,
    newestTicks: g.newest,
    threads: [...g.threads].toSorted((a, b) => a - b),
    example: g.example,
  };
}
