/** What a buddy pool has in it: validation, a walk over all areas, and the text of `mem_pool_print_info`. */
import { MEM_POOL, MEM_POOL_LISTS } from '../../layout/mem-pool.ts';
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';
import { getU53 } from '../../layout/words.ts';
import { mutexEnter, mutexExit } from '../../sync/mutex.ts';
import type { Thread } from '../../sync/thread.ts';
import { areaBuddy, areaBytes, areaIsFree, isAreaSize, ut2Exp } from './mem-area.ts';
import type { MemPool } from './mem-pool-state.ts';
import { utListFault } from './ut0lst.ts';

const { mutex: MUTEX, reserved: RESERVED } = MEM_POOL.at;
const { count: COUNT, start: START } = UT_LIST_BASE.at;

/** An area: where it begins in the pool, and its bytes, header included. */
export interface MemPoolArea {
  readonly offset: number;
  readonly bytes: number;
  readonly free: boolean;
}

/**
 * `mem_pool_validate`, and more: every listed area is free, has its list's size and no free buddy of that size; the areas
 * lie one behind the other; the free ones are listed, the others are what is reserved. Takes the pool's mutex.
 *
 * "Free and reserved make the size" is MySQL's assertion: of a pool that is no sum of areas (a remainder of less than
 * MEM_AREA_MIN_SIZE is lost) it is not true. Such a size cannot be configured: sizes are multiples of 1024.
 * @returns what is wrong, empty when nothing
 */
export function memPoolValidate(thr: Thread, pool: MemPool): string[] {
  mutexEnter(thr, pool.at + MUTEX);
  const found = defects(pool);
  mutexExit(thr, pool.at + MUTEX);
  return found;
}

/** All areas in the order of their addresses. At rest, of a sound pool. */
export function memPoolAreas(pool: MemPool): MemPoolArea[] {
  const areas: MemPoolArea[] = [];
  let offset = 0;
  while (offset < pool.usedBytes) {
    const area = pool.buf + offset / WORD_BYTES;
    if (!isAreaSize(pool, area)) break;
    const bytes = areaBytes(pool, area);
    areas.push({ offset, bytes, free: areaIsFree(pool, area) });
    offset += bytes;
  }
  return areas;
}

/** Offsets of the areas in list i, from its head. At rest, of a sound pool. */
export function memPoolList(pool: MemPool, i: number): number[] {
  const { mem, buf } = pool;
  const offsets: number[] = [];
  for (let a = mem[pool.list(i) + START]; a !== NIL; a = mem[a + pool.next]) {
    offsets.push((a - buf) * WORD_BYTES);
  }
  return offsets;
}

/** `mem_pool_print_info`: a line for each list that is not empty, then size and reserved. Takes the pool's mutex. */
export function memPoolPrintInfo(thr: Thread, pool: MemPool): string {
  const { mem, at } = pool;
  const lines = ['Memory pool'];
  mutexEnter(thr, at + MUTEX);
  for (let i = 0; i < MEM_POOL_LISTS; i++) {
    const length = mem[pool.list(i) + COUNT];
    if (length > 0) lines.push(`free list: length ${length}, block size ${ut2Exp(i)}`);
  }
  lines.push(`pool size ${pool.bytes}, reserved ${getU53(mem, at + RESERVED)}`);
  mutexExit(thr, at + MUTEX);
  return lines.join('\n');
}

function defects(pool: MemPool): string[] {
  const { mem, at } = pool;
  const found: string[] = [];
  let listed = 0;
  let free = 0;
  for (let i = 0; i < MEM_POOL_LISTS; i++) {
    const fault = utListFault(mem, pool.list(i), pool.prev, pool.next);
    if (fault !== '') {
      found.push(`free list ${i}: ${fault}`);
      continue;
    }
    for (let area = mem[pool.list(i) + START]; area !== NIL; area = mem[area + pool.next]) {
      checkListed(pool, area, i, found);
      listed++;
      free += ut2Exp(i);
    }
  }
  const reserved = getU53(mem, at + RESERVED);
  if (free + reserved !== pool.bytes) {
    found.push(`${free} bytes are free and ${reserved} reserved, of ${pool.bytes}`);
  }
  checkAreas(pool, listed, reserved, found);
  return found;
}

function checkListed(pool: MemPool, area: number, i: number, found: string[]): void {
  const bytes = ut2Exp(i);
  const name = `the area at ${(area - pool.buf) * WORD_BYTES} in list ${i}`;
  if (!areaIsFree(pool, area)) found.push(`${name} is not free`);
  if (areaBytes(pool, area) !== bytes) found.push(`${name} has ${areaBytes(pool, area)} bytes`);
  const buddy = areaBuddy(pool, area, bytes);
  if (buddy !== NIL && areaIsFree(pool, buddy) && areaBytes(pool, buddy) === bytes) {
    found.push(`${name} and its buddy are both free`);
  }
}

function checkAreas(pool: MemPool, listed: number, reserved: number, found: string[]): void {
  let end = 0;
  let free = 0;
  let allocated = 0;
  for (const area of memPoolAreas(pool)) {
    end += area.bytes;
    if (area.free) free++;
    else allocated += area.bytes;
  }
  if (end !== pool.usedBytes) found.push(`the area at ${end} has a damaged header`);
  else if (free !== listed) found.push(`${free} areas are free, ${listed} are listed`);
  else if (allocated !== reserved) found.push(`${allocated} bytes are allocated, ${reserved} reserved`);
}
