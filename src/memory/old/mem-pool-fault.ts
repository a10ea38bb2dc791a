/**
 * Damage in a buddy pool, found before it is spread: what is wrong with the head of a free list, or with an address that
 * is given back. MySQL notices an area that is flagged free or has size 0; here a double free is found for certain, even
 * when the area has long been part of a larger one. All of it wants the pool's mutex, as nothing may move.
 */
import { NIL, WORD_BYTES } from '../../layout/schema.ts';
import { UT_LIST_BASE } from '../../layout/ut0mem.ts';
import type { Thread } from '../../sync/thread.ts';
import { type CorruptionFacts, corruption, type MemoryCorruption } from '../ut/corruption.ts';
import { osOwning } from '../heap/malloc.ts';
import { areaAround, areaBuddy, areaBytes, areaIsFree, isAreaSize, ut2Exp, ut2Log } from './mem-area.ts';
import type { MemPool } from './mem-pool-state.ts';
import { utListHas } from './ut0lst.ts';

const { start: START } = UT_LIST_BASE.at;

/** The report: what a fault says, and what is known of the block at which it points. */
export function poolCorruption(thr: Thread, pool: MemPool, fault: CorruptionFacts): MemoryCorruption {
  const { mem, ut, headerBytes } = pool;
  const area = fault.at - headerBytes / WORD_BYTES;
  return corruption(mem, osOwning(mem, ut.env.allOs, area), area, { ...fault, thr });
}

/** What is wrong with the head of list i, which is not empty; null when nothing. */
export function headFault(pool: MemPool, i: number): CorruptionFacts | null {
  const { mem } = pool;
  const area = mem[pool.list(i) + START];
  if (isListed(pool, area, i)) return null;
  return facts(
    pool,
    'mem_area_alloc',
    area,
    'overwritten header',
    `the head of list ${i}${offsetText(pool, area)}: ${headerText(pool, area)}`,
  );
}

/** What is wrong with an area that is given back; null when nothing. */
export function freeFault(pool: MemPool, area: number): CorruptionFacts | null {
  const around = areaAround(pool, (area - pool.buf) * WORD_BYTES);
  if (around !== area || areaIsFree(pool, area)) return addressFault(pool, area, around);
  const bytes = areaBytes(pool, area);
  // Who writes beyond his area, writes into the header of the next.
  const next = area + bytes / WORD_BYTES;
  const end = (next - pool.buf) * WORD_BYTES;
  if (end < pool.usedBytes && !isAreaSize(pool, next)) return damaged(pool, area, next);
  const buddy = areaBuddy(pool, area, bytes);
  if (buddy === NIL || !areaIsFree(pool, buddy) || areaBytes(pool, buddy) !== bytes) return null;
  return isListed(pool, buddy, ut2Log(bytes)) ? null : damaged(pool, area, buddy);
}

/** Whether an area is free, of 2^i bytes, and in list i. */
function isListed(pool: MemPool, area: number, i: number): boolean {
  const { mem, prev, next } = pool;
  return (
    areaIsFree(pool, area) &&
    areaBytes(pool, area) === ut2Exp(i) &&
    utListHas(mem, pool.list(i), area, prev, next)
  );
}

/** What is wrong with an address that is no allocated area; `around` as from areaAround. */
function addressFault(pool: MemPool, area: number, around: number): CorruptionFacts {
  const call = 'mem_area_free';
  if (around === NIL) return facts(pool, call, area, 'foreign address', 'no area is there');
  if (around < 0) return damaged(pool, area, -around);
  const free = areaIsFree(pool, around);
  const inside = around === area ? 'the area' : 'it is inside the area';
  return facts(
    pool,
    call,
    area,
    free ? 'double free' : 'foreign address',
    `${inside}${offsetText(pool, around)} (${areaBytes(pool, around)} bytes), ${free ? 'free' : 'allocated'}`,
  );
}

function damaged(pool: MemPool, area: number, where: number): CorruptionFacts {
  const detail = `the area${offsetText(pool, where)}: ${headerText(pool, where)}`;
  return facts(pool, 'mem_area_free', area, 'overwritten header', detail);
}

function facts(pool: MemPool, call: string, area: number, what: string, detail: string): CorruptionFacts {
  return { what, call, at: area + pool.headerBytes / WORD_BYTES, detail };
}

function offsetText(pool: MemPool, area: number): string {
  return ` at offset ${(area - pool.buf) * WORD_BYTES}`;
}

function headerText(pool: MemPool, area: number): string {
  const { mem, prev, next } = pool;
  const flag = areaIsFree(pool, area) ? 'free' : 'not free';
  return `${flag}, size ${areaBytes(pool, area)}, links @${mem[area + prev]} and @${mem[area + next]}`;
}
